//! Where a head has pointed over the last moments: the path of the end of a long pointer, seen on a pane before the face.
//! A head turns by a few degrees; on the face itself that would be less than the width of a line.

use crate::expression::{Expression, PIVOT};
use crate::row::Row;
use glam::Vec3;

/// Most points of a trail: the last second of 25 frames.
pub const MOST_TRAIL: usize = 25;
/// Where the axes of a head begin, in the head at rest, cm. Mirrored by `lines.wgsl`.
pub(crate) const AXIS_FROM: Vec3 = Vec3::new(0.0, 0.6, -1.0);
/// Length of the axes to the side and up, cm. Mirrored by `lines.wgsl`.
pub(crate) const AXIS_CM: f32 = 8.5;
/// How much longer the forward axis is, so that it ends before the face.
pub(crate) const FORWARD: f32 = 1.6;

/// Length of the pointer, cm.
const POINTER: f32 = 34.0;

/// The path of the end of the pointer, drawn as a band that fades with age.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Trail {
    points: [[f32; 3]; MOST_TRAIL],
    count: usize,
}

impl Default for Trail {
    fn default() -> Self {
        Self { points: [[0.0; 3]; MOST_TRAIL], count: 0 }
    }
}

impl Trail {
    /// The trail of a head by its last moments, newest first; beyond [`MOST_TRAIL`] they are left out.
    pub fn of(newest_first: impl IntoIterator<Item = Expression>) -> Self {
        let mut trail = Self::default();
        for (slot, expression) in trail.points.iter_mut().zip(newest_first) {
            *slot = ahead(&Row::of(&expression)).to_array();
            trail.count += 1;
        }
        trail
    }

    /// World cm, newest first.
    pub fn points(&self) -> &[[f32; 3]] {
        &self.points[..self.count]
    }

    /// The points as shaders read them: `w` is the strength of the band from a point to the next older one, 0 ends it.
    pub(crate) fn packed(&self) -> [[f32; 4]; MOST_TRAIL] {
        let mut packed = [[0.0; 4]; MOST_TRAIL];
        for (i, (slot, [x, y, z])) in packed.iter_mut().zip(self.points).enumerate() {
            let strength = if i < self.count { 1.0 - i as f32 / self.count as f32 } else { 0.0 };
            *slot = [x, y, z, strength];
        }
        packed
    }

    /// Pieces that are drawn: those of the band, and a mark where the head points now.
    pub(crate) fn pieces(&self) -> u32 {
        self.count as u32
    }
}

/// The end of the pointer, put back to the depth at which the forward axis ends when the head looks ahead; world cm.
fn ahead(row: &Row) -> Vec3 {
    let pose = row.pose();
    let shift = Vec3::from(pose.translation_cm);
    let end = PIVOT + pose.turn() * (AXIS_FROM + Vec3::Z * POINTER - PIVOT) + shift;
    Vec3 { z: AXIS_FROM.z + AXIS_CM * FORWARD + shift.z, ..end }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trail_follows_the_signs_of_the_pose_and_has_an_end() {
        let still = Expression::default();
        let [x, y, z] = Trail::of([still]).points()[0];
        assert!(x == 0.0 && z > 10.0, "{x} {y} {z}");
        let left = Trail::of([still.posed(0.0, 0.3, 0.0)]).points()[0];
        let down = Trail::of([still.posed(0.3, 0.0, 0.0)]).points()[0];
        assert!(left[0] > 2.0 && down[1] < y - 2.0, "{left:?} {down:?}");
        // a roll turns about the neck, below the line of sight: the crown to the image left takes it along
        let tipped = Trail::of([still.posed(0.0, 0.0, 0.3)]).points()[0];
        assert!(tipped[0] < -1.0, "{tipped:?}");
        let long = Trail::of((0..100).map(|i| still.posed(0.0, 0.01 * i as f32, 0.0)));
        assert_eq!((long.points().len(), long.pieces()), (MOST_TRAIL, MOST_TRAIL as u32));
        let strengths = Trail::of([still; 4]).packed().map(|[_, _, _, w]| w);
        assert_eq!(strengths[..5], [1.0, 0.75, 0.5, 0.25, 0.0]);
        assert_eq!(Trail::default().pieces(), 0);
        let broken = Expression::default().posed(f32::NAN, f32::INFINITY, 1e9);
        assert!(Trail::of([broken]).points()[0].iter().all(|v| v.is_finite()));
    }
}
