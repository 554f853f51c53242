//! One moment of a face as the shaders read it: a row of 60 numbers, 52 weights as drawn and a head pose. A whole
//! take is a table of such rows; between two frames rows are mixed, number by number.

use crate::expression::{Expression, Pose};
use crate::names::SHAPES;
use bytemuck::{Pod, Zeroable};

/// Numbers in a row. Mirrors `ROW` of `morph.wgsl`.
pub const ROW: usize = 60;

/// Mirrors a row of `rows` in `morph.wgsl`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
pub struct Row {
    /// Weights as drawn (see [`Expression::drawn_weights`]).
    pub weights: [f32; SHAPES],
    /// Pitch, yaw, roll in radians, then the translation in cm; kept within what a neck can do.
    pub pose: [f32; 6],
    /// Unused, 0.
    pub spare: [f32; 2],
}

impl Default for Row {
    fn default() -> Self {
        Self::zeroed()
    }
}

impl Row {
    /// The row of an expression, after the laws of [`Expression::drawn_weights`] and [`Pose::sane`].
    pub fn of(expression: &Expression) -> Self {
        let p = expression.pose.sane();
        let [x, y, z] = p.translation_cm;
        Self { weights: expression.drawn_weights(), pose: [p.pitch, p.yaw, p.roll, x, y, z], spare: [0.0; 2] }
    }

    /// The row `t` (0..1) of the way to `next`.
    pub fn towards(&self, next: &Self, t: f32) -> Self {
        let t = if t.is_finite() { t.clamp(0.0, 1.0) } else { 0.0 };
        let mut out = *self;
        for (a, b) in out.weights.iter_mut().zip(next.weights) {
            *a += (b - *a) * t;
        }
        for (a, b) in out.pose.iter_mut().zip(next.pose) {
            *a += (b - *a) * t;
        }
        out
    }

    /// The head pose.
    pub fn pose(&self) -> Pose {
        let [pitch, yaw, roll, x, y, z] = self.pose;
        Pose { pitch, yaw, roll, translation_cm: [x, y, z] }
    }
}
