//! From where and in what light a face is seen: [`Camera`], [`Look`], overlays. No drawing here.

use crate::expression::Expression;
use crate::names::SHAPES;
use glam::{Mat4, Vec3, camera::rh};

/// An orbit round the face.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Camera {
    /// Radians; positive moves the camera to the image right (sees the subject's left side).
    pub yaw: f32,
    /// Radians; positive raises the camera.
    pub pitch: f32,
    /// cm from the target.
    pub distance: f32,
    /// The point looked at, cm.
    pub target: [f32; 3],
}

/// Vertical field of view, radians: a portrait lens.
const FIELD: f32 = 0.382;
/// Width / height below which the sides, not the height, decide how much is seen.
const NARROW: f32 = 0.80;

impl Default for Camera {
    fn default() -> Self {
        Self::portrait()
    }
}

impl Camera {
    /// The framing of every tile: crown to collar, eyes above the middle.
    pub fn portrait() -> Self {
        Self { yaw: 0.0, pitch: 0.015, distance: 68.0, target: [0.0, -0.9, 0.0] }
    }

    /// Turned by a drag: radians right and up, kept off the poles.
    pub fn orbit(&mut self, right: f32, up: f32) {
        self.yaw = wrap(self.yaw - right);
        self.pitch = (self.pitch + up).clamp(-1.2, 1.2);
    }

    /// Closer (factor below 1) or farther, within limits that keep the head in front of the lens.
    pub fn zoom(&mut self, factor: f32) {
        if factor.is_finite() && factor > 0.0 {
            self.distance = (self.distance * factor).clamp(24.0, 260.0);
        }
    }

    fn sane(&self) -> Self {
        let or = |v: f32, d: f32| if v.is_finite() { v } else { d };
        let p = Self::portrait();
        Self {
            yaw: or(self.yaw, p.yaw),
            pitch: or(self.pitch, p.pitch).clamp(-1.4, 1.4),
            distance: or(self.distance, p.distance).clamp(20.0, 400.0),
            target: [
                or(self.target[0], p.target[0]),
                or(self.target[1], p.target[1]),
                or(self.target[2], p.target[2]),
            ],
        }
    }

    pub(crate) fn eye(&self) -> Vec3 {
        let c = self.sane();
        let (sy, cy) = c.yaw.sin_cos();
        let (sp, cp) = c.pitch.sin_cos();
        Vec3::from(c.target) + c.distance * Vec3::new(sy * cp, sp, cy * cp)
    }

    pub(crate) fn view(&self) -> Mat4 {
        rh::view::look_at_mat4(self.eye(), Vec3::from(self.sane().target), Vec3::Y)
    }

    /// Half the height seen, over the distance.
    pub(crate) fn half_tangent(&self, aspect: f32) -> f32 {
        (FIELD * 0.5).tan() * (NARROW / aspect.max(0.05)).max(1.0)
    }

    pub(crate) fn projection(&self, aspect: f32) -> Mat4 {
        let c = self.sane();
        let aspect = aspect.max(0.05);
        let field = 2.0 * self.half_tangent(aspect).atan();
        rh::proj::directx::perspective(field, aspect, (c.distance - 40.0).max(2.0), c.distance + 60.0)
    }
}

fn wrap(angle: f32) -> f32 {
    let turn = std::f32::consts::TAU;
    (angle + turn / 2.0).rem_euclid(turn) - turn / 2.0
}

/// Colour by how far the face has moved.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Heat {
    /// Weights that displacement is measured from; none = neutral. With another expression's weights the heat shows
    /// the difference of the two.
    pub against: Option<[f32; SHAPES]>,
    /// Displacement of the hottest colour, cm.
    pub full_cm: f32,
}

impl Default for Heat {
    fn default() -> Self {
        Self { against: None, full_cm: 1.2 }
    }
}

/// What an analyst lays over the face.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one a picture; being Copy is worth more than 200 bytes")]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// Colour by displacement.
    Heat(Heat),
}

/// A second face drawn over the first, translucent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ghost {
    /// What the second face does.
    pub expression: Expression,
    /// Linear rgb of its outline.
    pub tint: [f32; 3],
    /// 0..1.
    pub alpha: f32,
}

/// Light, wall and overlays of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// Wall at the top, linear rgb.
    pub background_top: [f32; 3],
    /// Wall at the bottom, linear rgb.
    pub background_bottom: [f32; 3],
    /// 1 is right.
    pub exposure: f32,
    /// Colour by displacement, or none.
    pub overlay: Overlay,
    /// A second face over the first.
    pub ghost: Option<Ghost>,
}

impl Default for Look {
    fn default() -> Self {
        Self::dark()
    }
}

impl Look {
    /// For the dark theme.
    pub fn dark() -> Self {
        Self {
            background_top: [0.078, 0.082, 0.094],
            background_bottom: [0.030, 0.032, 0.038],
            exposure: 1.0,
            overlay: Overlay::None,
            ghost: None,
        }
    }

    /// For the light theme and for paper.
    pub fn light() -> Self {
        Self {
            background_top: [0.76, 0.775, 0.80],
            background_bottom: [0.56, 0.575, 0.60],
            exposure: 1.06,
            ..Self::dark()
        }
    }
}
