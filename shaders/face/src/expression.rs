//! What a face does at one moment: 52 weights and a head pose. Smoothing over time is not done here.

use crate::names::{SHAPES, index_of, mirrored};
use glam::{Quat, Vec3, Vec4};

/// Where the neck turns, in cm: about the top of the spine.
pub const PIVOT: Vec3 = Vec3::new(0.0, -6.5, -1.5);

/// Head pose. Positive pitch nods down, positive yaw turns to the subject's left (image right), positive roll tips
/// the crown to the image left. The rotation is about the neck and moves all but the garment; the translation
/// (a person who leans) carries the whole bust.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Pose {
    /// Radians, positive nods down.
    pub pitch: f32,
    /// Radians, positive turns to the image right.
    pub yaw: f32,
    /// Radians, positive tips the crown to the image left.
    pub roll: f32,
    /// cm: +x image right, +y up, +z towards the viewer.
    pub translation_cm: [f32; 3],
}

impl Pose {
    /// The same pose with values a neck can have; anything not finite becomes 0.
    pub fn sane(&self) -> Self {
        let f = |v: f32, limit: f32| if v.is_finite() { v.clamp(-limit, limit) } else { 0.0 };
        Self {
            pitch: f(self.pitch, 1.1),
            yaw: f(self.yaw, 1.4),
            roll: f(self.roll, 1.0),
            translation_cm: self.translation_cm.map(|v| f(v, 30.0)),
        }
    }

    /// `Rz(roll) Ry(yaw) Rx(pitch)` of the head about [`PIVOT`].
    pub(crate) fn turn(&self) -> Quat {
        let p = self.sane();
        Quat::from_rotation_z(p.roll) * Quat::from_rotation_y(p.yaw) * Quat::from_rotation_x(p.pitch)
    }
}

/// A turn of which the neck takes only a part (`follow` 0: the collar, 1: the head). The axis stays, the angle grows
/// on the way up, so that a neck twists and bends without growing thin. Twin: `part_turn` of `morph.wgsl`.
pub(crate) fn part_turn(turn: Quat, follow: f32) -> Quat {
    let v = Vec4::W.lerp(Vec4::from(turn), follow);
    Quat::from_vec4(v / v.length().max(1e-6))
}

/// One face at one moment; the default is neutral.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Expression {
    /// Weights in the order of [`crate::NAMES`], meant for 0..1, clamped to 0..1.2 when drawn.
    pub weights: [f32; SHAPES],
    /// Head pose.
    pub pose: Pose,
}

impl Default for Expression {
    fn default() -> Self {
        Self { weights: [0.0; SHAPES], pose: Pose::default() }
    }
}

impl Expression {
    /// Sets weights by name; a name without Left or Right means both sides. Unknown names are ignored.
    pub fn with(mut self, weights: &[(&str, f32)]) -> Self {
        for (name, w) in weights {
            let sides = [name.to_string(), format!("{name}Left"), format!("{name}Right")];
            for i in sides.iter().filter_map(|n| index_of(n)) {
                if let Some(slot) = self.weights.get_mut(i) {
                    *slot = *w;
                }
            }
        }
        self
    }

    /// The same expression with this pose.
    pub fn posed(mut self, pitch: f32, yaw: f32, roll: f32) -> Self {
        self.pose = Pose { pitch, yaw, roll, ..self.pose };
        self
    }

    /// What a mirror shows: sides of the face exchanged, yaw, roll and sideways shift reversed.
    pub fn mirrored(&self) -> Self {
        let mut out = *self;
        for (i, w) in self.weights.iter().enumerate() {
            if let Some(slot) = out.weights.get_mut(mirrored(i)) {
                *slot = *w;
            }
        }
        out.pose.yaw = -self.pose.yaw;
        out.pose.roll = -self.pose.roll;
        out.pose.translation_cm[0] = -self.pose.translation_cm[0];
        out
    }

    /// The weights as drawn: clamped to 0..1.2, not-finite as 0, and pairs of shapes that would push a lid or a lip
    /// through its neighbour kept within what a face can do.
    pub fn drawn_weights(&self) -> [f32; SHAPES] {
        drawn(&self.weights)
    }
}

pub(crate) fn drawn(weights: &[f32; SHAPES]) -> [f32; SHAPES] {
    let mut w = weights.map(|v| if v.is_finite() { v.clamp(0.0, 1.2) } else { 0.0 });
    let at = |name: &str| index_of(name).unwrap_or(0);
    for side in ["Left", "Right"] {
        let [blink, down, squint, wide] =
            ["eyeBlink", "eyeLookDown", "eyeSquint", "eyeWide"].map(|n| at(&format!("{n}{side}")));
        let closed = w[blink].min(1.0);
        // a closed lid has nothing left to narrow, and looking down has already lowered it
        w[squint] *= 1.0 - closed;
        w[wide] *= 1.0 - closed;
        w[blink] = closed * (1.0 - 0.45 * w[down].min(1.0));
    }
    // lips can close only the gap that the jaw has opened
    w[at("mouthClose")] = w[at("mouthClose")].min(w[at("jawOpen")]);
    w
}
