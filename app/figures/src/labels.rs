//! Names beside points without covering anything: the nearest free place in a fixed order, with a leader line where
//! it is not right beside the point.

use crate::drawing::{Align, Face, Point, Rect};
use crate::text;

/// A name that wants a place.
pub(crate) struct Wanted {
    pub at: Point,
    pub radius: f32,
    pub text: String,
    pub face: Face,
}

/// A name with its place.
pub(crate) struct Placed {
    pub at: Point,
    pub align: Align,
    /// From the point to the name.
    pub leader: Option<[Point; 2]>,
}

/// More names than this cannot be read anyway.
const MOST: usize = 300;

/// A place for every name, in the order given, within `room`, off the points, off each other and, where it can be,
/// off `lines`; `None` where no place is free.
pub(crate) fn place(wanted: &[Wanted], lines: &[Rect], room: Rect) -> Vec<Option<Placed>> {
    let points: Vec<Rect> = wanted
        .iter()
        .map(|one| {
            Rect::new(one.at[0] - one.radius, one.at[1] - one.radius, 2.0 * one.radius, 2.0 * one.radius)
        })
        .collect();
    let mut names: Vec<Rect> = Vec::new();
    let mut leaders: Vec<[Point; 2]> = Vec::new();
    let mut placed = Vec::with_capacity(wanted.len());
    for (index, one) in wanted.iter().enumerate() {
        if index >= MOST || one.text.is_empty() {
            placed.push(None);
            continue;
        }
        let mut best: Option<(f32, Rect, Option<[Point; 2]>)> = None;
        for (ring, far) in [0.0, 0.5, 1.0, 1.6, 2.3, 3.1, 4.0, 5.0, 6.5].into_iter().enumerate() {
            for (order, (dx, dy)) in DIRECTIONS.into_iter().enumerate() {
                let rect = at_side(one, (dx, dy), far);
                let leader = (ring > 0).then(|| leader(one, &rect));
                // Far is worse than near, later directions a little worse than earlier, lines are better kept off.
                let crossed = lines.iter().filter(|line| line.overlap(&rect) > 0.0).count();
                let cost =
                    far + order as f32 * 0.02 + crossed as f32 * 1.8 + if ring > 0 { 0.4 } else { 0.0 };
                if best.as_ref().is_some_and(|(least, ..)| *least <= cost) || !within(&rect, &room) {
                    continue;
                }
                let covers = points.iter().chain(&names).any(|other| other.overlap(&rect) > 0.01)
                    || leaders.iter().any(|other| meets(*other, &rect));
                let crosses = leader.is_some_and(|leader| {
                    names.iter().any(|name| meets(leader, name))
                        || points.iter().enumerate().any(|(at, point)| at != index && meets(leader, point))
                        || leaders.iter().any(|other| cut(leader, *other))
                });
                if !covers && !crosses {
                    best = Some((cost, rect, leader));
                }
            }
        }
        placed.push(best.map(|(_, rect, leader)| {
            names.push(rect);
            leaders.extend(leader);
            let at = [rect.x, rect.y + rect.h * (0.5 + text::CAPITAL / 2.0)];
            Placed { at, align: Align::Start, leader }
        }));
    }
    placed
}

/// What a name covers in a direction of its point, `far` heights of its type away.
fn at_side(one: &Wanted, (dx, dy): (f32, f32), far: f32) -> Rect {
    let (width, height) = (text::width(&one.text, one.face), one.face.size);
    let reach = one.radius + height * (0.25 + far);
    let (x, y) = (one.at[0] + dx * reach, one.at[1] + dy * reach);
    let left = match dx {
        dx if dx > 0.1 => x,
        dx if dx < -0.1 => x - width,
        _ => x - width / 2.0,
    };
    Rect::new(left, y - height / 2.0 + dy * height * 0.35, width, height)
}

/// From the rim of the point to the nearest place of its name.
fn leader(one: &Wanted, rect: &Rect) -> [Point; 2] {
    let near = [
        one.at[0].clamp(rect.x - 1.0, rect.right() + 1.0),
        one.at[1].clamp(rect.y + rect.h * 0.1, rect.bottom() - rect.h * 0.05),
    ];
    let (dx, dy) = (near[0] - one.at[0], near[1] - one.at[1]);
    let rim = one.radius * 1.1 / dx.hypot(dy).max(1e-3);
    [[one.at[0] + dx * rim, one.at[1] + dy * rim], near]
}

/// Right first, as one reads; then left, above, below and between.
const DIRECTIONS: [(f32, f32); 16] = [
    (1.0, 0.0),
    (-1.0, 0.0),
    (0.0, -1.0),
    (0.0, 1.0),
    (0.75, -0.75),
    (0.75, 0.75),
    (-0.75, -0.75),
    (-0.75, 0.75),
    (0.95, -0.4),
    (0.95, 0.4),
    (-0.95, -0.4),
    (-0.95, 0.4),
    (0.4, -0.95),
    (0.4, 0.95),
    (-0.4, -0.95),
    (-0.4, 0.95),
];

fn within(rect: &Rect, room: &Rect) -> bool {
    rect.x >= room.x && rect.right() <= room.right() && rect.y >= room.y && rect.bottom() <= room.bottom()
}

/// Whether a line meets a rectangle, looked at in steps: both are larger than a step.
fn meets([a, b]: [Point; 2], rect: &Rect) -> bool {
    (0..=16).any(|step| {
        let share = step as f32 / 16.0;
        rect.contains([a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share])
    })
}

/// Whether two lines cut each other.
fn cut([a, b]: [Point; 2], [c, d]: [Point; 2]) -> bool {
    let side = |p: Point, q: Point, r: Point| (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0]);
    side(a, b, c) * side(a, b, d) <= 0.0 && side(c, d, a) * side(c, d, b) <= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_lie_inside_and_cover_neither_points_nor_each_other() {
        let face = Face { size: 8.0, bold: false, mono: false };
        let room = Rect::new(0.0, 0.0, 300.0, 200.0);
        // Forty points on a spiral, crowded in the middle.
        let wanted: Vec<Wanted> = (0..40)
            .map(|index| {
                let turn = index as f32 * 0.7;
                let at = [150.0 + turn.cos() * 3.0 * turn, 100.0 + turn.sin() * 3.0 * turn];
                Wanted { at, radius: 3.0, text: format!("system {index}"), face }
            })
            .collect();
        let placed = place(&wanted, &[], room);
        let rects: Vec<Rect> = wanted
            .iter()
            .zip(&placed)
            .filter_map(|(one, placed)| {
                let at = placed.as_ref()?.at;
                Some(Rect::new(at[0], at[1] - 6.8, text::width(&one.text, face), 8.0))
            })
            .collect();
        assert!(rects.len() >= 30, "only {} of 40 names found a place", rects.len());
        let leaders: Vec<[Point; 2]> = placed.iter().flatten().filter_map(|placed| placed.leader).collect();
        assert!(leaders.len() > 5, "only {} leaders", leaders.len());
        for (index, leader) in leaders.iter().enumerate() {
            assert!(leaders[..index].iter().all(|other| !cut(*leader, *other)), "{leader:?} crosses another");
        }
        for (index, rect) in rects.iter().enumerate() {
            assert!(rect.x >= 0.0 && rect.right() <= 300.1 && rect.y >= -0.1 && rect.bottom() <= 200.1);
            assert!(rects[..index].iter().all(|other| other.overlap(rect) < 0.1));
            for one in &wanted {
                let glyph = Rect::new(one.at[0] - 3.0, one.at[1] - 3.0, 6.0, 6.0);
                assert!(glyph.overlap(rect) < 0.1);
            }
        }
    }
}
