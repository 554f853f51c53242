//! From where and in what light a face is seen: [`Camera`], [`Look`], overlays. No drawing here.

use crate::expression::Expression;
use crate::morph::REGION_COUNT;
use crate::names::SHAPES;
use crate::trail::Trail;
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

/// Farthest a camera is raised or lowered, radians.
const STEEPEST: f32 = 1.2;
/// Least and largest distance from the target, cm.
const NEAREST: f32 = 24.0;
const FARTHEST: f32 = 260.0;
/// Farthest that a face is moved across the picture, cm.
const FARTHEST_ASIDE: f32 = 16.0;

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
        self.pitch = (self.pitch + up).clamp(-STEEPEST, STEEPEST);
    }

    /// Closer (factor below 1) or farther, within limits that keep the head in front of the lens.
    pub fn zoom(&mut self, factor: f32) {
        if factor.is_finite() && factor > 0.0 {
            self.distance = (self.distance * factor).clamp(NEAREST, FARTHEST);
        }
    }

    /// Moves the face across the picture, cm to the right and up, no farther than it is wide.
    pub fn pan(&mut self, right: f32, up: f32) {
        if !right.is_finite() || !up.is_finite() {
            return;
        }
        let ((sy, cy), (sp, cp)) = (self.yaw.sin_cos(), self.pitch.sin_cos());
        let across = right * Vec3::new(cy, 0.0, -sy) + up * Vec3::new(-sp * sy, cp, -sp * cy);
        let home = Vec3::from(Self::portrait().target);
        let away = (Vec3::from(self.target) - across - home).clamp_length_max(FARTHEST_ASIDE);
        self.target = (home + away).to_array();
    }

    /// Cm that a pixel covers at the face in a picture of `width` x `height`.
    pub fn cm_a_pixel(&self, width: f32, height: f32) -> f32 {
        let (width, height) = (width.max(1.0), height.max(1.0));
        2.0 * self.half_tangent(width / height) * self.view_distance() / height
    }

    /// Where a point of the world (cm) is seen in a picture of `width` x `height`, in pixels from the top left;
    /// `None` behind the lens.
    pub fn project(&self, point: [f32; 3], width: f32, height: f32) -> Option<[f32; 2]> {
        let clip = self.projection(width / height.max(1.0)) * self.view() * Vec3::from(point).extend(1.0);
        (clip.w > 1e-3)
            .then(|| [(clip.x / clip.w * 0.5 + 0.5) * width, (0.5 - clip.y / clip.w * 0.5) * height])
    }

    /// The same within the limits that turning, zooming and panning keep; what is no number is as in a portrait.
    pub fn limited(&self) -> Self {
        let Self { yaw, pitch, distance, target } = self.sane();
        let home = Vec3::from(Self::portrait().target);
        let away = (Vec3::from(target) - home).clamp_length_max(FARTHEST_ASIDE);
        Self {
            yaw: wrap(yaw),
            pitch: pitch.clamp(-STEEPEST, STEEPEST),
            distance: distance.clamp(NEAREST, FARTHEST),
            target: (home + away).to_array(),
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

    pub(crate) fn view_distance(&self) -> f32 {
        self.sane().distance
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

/// Most translucent faces over one.
pub const MOST_GHOSTS: usize = 4;

/// What an analyst lays over the face. Everything is off by default.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Overlays {
    /// Colour by displacement, or by the difference of two expressions.
    pub heat: Option<Heat>,
    /// Lights the region of each of [`crate::REGIONS`] by its activity, 0..1; not beside heat.
    pub regions: Option<[f32; REGION_COUNT]>,
    /// The mesh that is drawn, as lines.
    pub wireframe: bool,
    /// Where the head points: red to its left, green up, blue forwards.
    pub axes: bool,
    /// Where the head has pointed.
    pub trail: Option<Trail>,
    /// Other faces over this one, in any place of the list.
    pub ghosts: [Option<Ghost>; MOST_GHOSTS],
}

impl Overlays {
    /// With one more translucent face; beyond [`MOST_GHOSTS`] it is left out.
    pub fn with_ghost(mut self, ghost: Ghost) -> Self {
        if let Some(slot) = self.ghosts.iter_mut().find(|g| g.is_none()) {
            *slot = Some(ghost);
        }
        self
    }

    /// With recent moments of the same face, newest first, each fainter than the one before.
    pub fn with_onion(mut self, recent: &[Expression], tint: [f32; 3]) -> Self {
        for (i, expression) in recent.iter().take(3).enumerate() {
            let alpha = [0.42, 0.28, 0.18][i];
            self = self.with_ghost(Ghost { expression: *expression, tint, alpha });
        }
        self
    }
}

/// What the head is made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Style {
    /// Skin, hair and cloth.
    #[default]
    Character,
    /// A bald bust of glazed porcelain: form and movement alone.
    Porcelain,
}

/// Light, wall, material and overlays of a picture.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Look {
    /// What the head is made of.
    pub style: Style,
    /// Wall at the top, linear rgb.
    pub background_top: [f32; 3],
    /// Wall at the bottom, linear rgb.
    pub background_bottom: [f32; 3],
    /// No wall: pictures have an alpha channel.
    pub transparent: bool,
    /// 1 is right.
    pub exposure: f32,
    /// What an analyst lays over the face.
    pub overlays: Overlays,
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
            style: Style::Character,
            background_top: [0.078, 0.082, 0.094],
            background_bottom: [0.030, 0.032, 0.038],
            transparent: false,
            exposure: 1.0,
            overlays: Overlays::default(),
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

    /// The same light on porcelain.
    pub fn porcelain(self) -> Self {
        Self { style: Style::Porcelain, ..self }
    }

    /// The same with these overlays.
    pub fn with(self, overlays: Overlays) -> Self {
        Self { overlays, ..self }
    }
}

/// How much work goes into a picture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Quality {
    /// Four samples a pixel, soft shadows, pores and strands.
    #[default]
    Fine,
    /// As [`Quality::Quick`], and the stairs of pictures that are read back smoothed: for films on devices that are
    /// programs on the processor.
    Plain,
    /// One sample a pixel, a coarser mesh, simple shadows, no fine detail: for devices that are programs on the
    /// processor, while something moves.
    Quick,
}

/// Pixels of a side up to which fine pictures are drawn in twice as many and shrunk.
const SMALL: u32 = 400;

impl Quality {
    /// In how many pixels a picture of `size` should be drawn, to be shrunk afterwards. In a small picture triangles are
    /// smaller than pixels: four samples see their edges, but each is shaded once, and lashes and lips fall apart. The
    /// mesh as lines stays as it is, since its lines are a pixel wide.
    pub fn drawn(self, size: [u32; 2], look: &Look) -> [u32; 2] {
        let doubled = self == Self::Fine && size[0].min(size[1]) <= SMALL && !look.overlays.wireframe;
        if doubled { size.map(|side| 2 * side.max(1)) } else { size }
    }
}
