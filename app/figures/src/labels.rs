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

/// A place for every name, in the order given, within `room`, off `obstacles` and off each other; `None` where no
/// place is free.
pub(crate) fn place(wanted: &[Wanted], obstacles: &[Rect], room: Rect) -> Vec<Option<Placed>> {
    let mut taken: Vec<Rect> = wanted
        .iter()
        .map(|one| {
            Rect::new(one.at[0] - one.radius, one.at[1] - one.radius, 2.0 * one.radius, 2.0 * one.radius)
        })
        .chain(obstacles.iter().copied())
        .collect();
    let mut leaders: Vec<[Point; 2]> = Vec::new();
    wanted
        .iter()
        .enumerate()
        .map(|(index, one)| {
            if index >= MOST || one.text.is_empty() {
                return None;
            }
            let (width, height) = (text::width(&one.text, one.face), one.face.size);
            for (ring, far) in [0.0, 0.7, 1.5, 2.4, 3.5, 5.0].into_iter().enumerate() {
                for (dx, dy) in DIRECTIONS {
                    let reach = one.radius + height * (0.25 + far);
                    let (x, y) = (one.at[0] + dx * reach, one.at[1] + dy * reach);
                    let left = match dx {
                        dx if dx > 0.1 => x,
                        dx if dx < -0.1 => x - width,
                        _ => x - width / 2.0,
                    };
                    let top = y - height / 2.0 + dy * height * 0.35;
                    let rect = Rect::new(left, top, width, height);
                    let inside = rect.x >= room.x
                        && rect.right() <= room.right()
                        && rect.y >= room.y
                        && rect.bottom() <= room.bottom();
                    if !inside
                        || taken.iter().any(|other| other.overlap(&rect) > 0.01)
                        || leaders.iter().any(|leader| crosses(*leader, &rect))
                    {
                        continue;
                    }
                    let near = [
                        one.at[0].clamp(rect.x - 1.0, rect.right() + 1.0),
                        one.at[1].clamp(rect.y + height * 0.2, rect.bottom() - height * 0.1),
                    ];
                    let leader = (ring > 0).then(|| {
                        let (dx, dy) = (near[0] - one.at[0], near[1] - one.at[1]);
                        let long = dx.hypot(dy).max(1e-3);
                        let start = [
                            one.at[0] + dx / long * one.radius * 1.2,
                            one.at[1] + dy / long * one.radius * 1.2,
                        ];
                        [start, near]
                    });
                    let own = |other: &Rect| other.contains(one.at);
                    if leader
                        .is_some_and(|leader| taken.iter().any(|other| !own(other) && crosses(leader, other)))
                    {
                        continue;
                    }
                    leaders.extend(leader);
                    taken.push(rect);
                    let at = [rect.x, rect.y + height * (0.5 + text::CAPITAL / 2.0)];
                    return Some(Placed { at, align: Align::Start, leader });
                }
            }
            None
        })
        .collect()
}

/// Right first, as one reads; then left, above, below and between.
const DIRECTIONS: [(f32, f32); 12] = [
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
];

fn crosses([a, b]: [Point; 2], rect: &Rect) -> bool {
    (0..=12).any(|step| {
        let share = step as f32 / 12.0;
        rect.contains([a[0] + (b[0] - a[0]) * share, a[1] + (b[1] - a[1]) * share])
    })
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
