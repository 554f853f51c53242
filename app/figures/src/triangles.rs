//! Concave polygons as triangles, for painters that fill convex shapes only.

use crate::drawing::Point;

/// Triangles that cover a polygon which does not cross itself, by cutting off ears (Meisters 1975). Corners in either
/// order; corners on a straight line or at one place are allowed. The work grows with the square of the corners.
pub fn triangles(polygon: &[Point]) -> Vec<[Point; 3]> {
    let area: f32 = (0..polygon.len())
        .map(|at| {
            let (a, b) = (polygon[at], polygon[(at + 1) % polygon.len()]);
            a[0] * b[1] - a[1] * b[0]
        })
        .sum();
    let mut rest: Vec<Point> = polygon.to_vec();
    if area < 0.0 {
        rest.reverse();
    }
    let mut out = Vec::with_capacity(rest.len().saturating_sub(2));
    let mut at = 0;
    let mut refused = 0;
    while rest.len() > 2 {
        let count = rest.len();
        let index = at % count;
        let (before, after) = ((index + count - 1) % count, (index + 1) % count);
        let (a, b, c) = (rest[before], rest[index], rest[after]);
        let turn = turn(a, b, c);
        let flat = turn.abs() <= 1e-6;
        let ear = turn > 0.0
            && (0..count).filter(|other| ![before, index, after].contains(other)).all(|other| {
                let point = rest[other];
                // A corner at the same place as one of the ear is no obstacle.
                point == a || point == b || point == c || !inside([a, b, c], point)
            });
        // Where rounding leaves no ear, the next corner is cut off all the same: a sliver is better than no end.
        if flat || ear || refused >= count {
            if !flat {
                out.push([a, b, c]);
            }
            rest.remove(index);
            refused = 0;
            at = if index == 0 { 0 } else { index - 1 };
        } else {
            refused += 1;
            at = index + 1;
        }
    }
    out
}

fn turn(a: Point, b: Point, c: Point) -> f32 {
    (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
}

fn inside([a, b, c]: [Point; 3], point: Point) -> bool {
    turn(a, b, point) >= 0.0 && turn(b, c, point) >= 0.0 && turn(c, a, point) >= 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::style::Glyph;

    fn area(polygon: &[Point]) -> f32 {
        let corners = polygon.len();
        (0..corners)
            .map(|at| {
                let (a, b) = (polygon[at], polygon[(at + 1) % corners]);
                (a[0] * b[1] - a[1] * b[0]) / 2.0
            })
            .sum::<f32>()
            .abs()
    }

    #[test]
    fn triangles_cover_a_polygon_once() {
        let steps: Vec<Point> = (0..200)
            .flat_map(|column| {
                let y = 50.0 + ((column * 37) % 41) as f32;
                [[column as f32, y], [column as f32 + 1.0, y]]
            })
            .chain([[200.0, 0.0], [0.0, 0.0]])
            .collect();
        let band: Vec<Point> = (0..100)
            .map(|x| [x as f32, 10.0 + (x as f32 * 0.9).sin() * 4.0])
            .chain((0..100).rev().map(|x| [x as f32, 4.0 + (x as f32 * 0.9).sin() * 4.0]))
            .collect();
        let glyphs =
            (1..8).filter_map(|shape| Glyph { shape, hollow: false, letter: None }.outline([9.0, 9.0], 5.0));
        let polygons: Vec<Vec<Point>> = glyphs.chain([steps, band]).collect();
        for polygon in polygons {
            for polygon in [polygon.clone(), polygon.into_iter().rev().collect()] {
                let parts = triangles(&polygon);
                let (whole, sum) = (area(&polygon), parts.iter().map(|part| area(part)).sum::<f32>());
                assert!((whole - sum).abs() < whole * 1e-3, "{whole} {sum}, {} corners", polygon.len());
                // Once: a point of each triangle lies in no other.
                for (index, part) in parts.iter().enumerate().filter(|(_, part)| area(*part) > 0.01) {
                    let middle = [0, 1].map(|axis| part.iter().map(|corner| corner[axis]).sum::<f32>() / 3.0);
                    let others = parts.iter().enumerate().filter(|(other, _)| *other != index);
                    assert!(others.into_iter().all(|(_, other)| !inside(*other, middle)));
                }
            }
        }
        assert!(triangles(&[]).is_empty() && triangles(&[[0.0, 0.0], [1.0, 1.0]]).is_empty());
        assert!(triangles(&[[1.0, 1.0]; 9]).is_empty());
    }
}
