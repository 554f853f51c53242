//! What one face of one picture needs to know, computed once on the CPU and read alike by the shaders and by the
//! twin.

use crate::expression::drawn;
use crate::head::Head;
use crate::morph::{Movement, REGION_COUNT};
use crate::row::Row;
use crate::trail::MOST_TRAIL;
use crate::view::{Camera, Ghost, Look, Style};
use bytemuck::{Pod, Zeroable};
use glam::{Mat4, Vec3, camera::rh};

/// Mirrors `Frame` of `frame.wgsl`, where the fields are explained.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Pod, Zeroable)]
#[expect(missing_docs, reason = "explained once, in frame.wgsl")]
pub struct Frame {
    pub clip_from_world: [[f32; 4]; 4],
    pub light_from_world: [[f32; 4]; 4],
    pub turn: [f32; 4],
    pub body: [f32; 4],
    pub eye: [f32; 4],
    pub key: [f32; 4],
    pub fill: [f32; 4],
    pub rim: [f32; 4],
    pub kicker: [f32; 4],
    pub top: [f32; 4],
    pub bottom: [f32; 4],
    pub eye_left: [f32; 4],
    pub eye_right: [f32; 4],
    pub overlay: [f32; 4],
    pub ghost: [f32; 4],
    pub shadow: [f32; 4],
    pub style: [f32; 4],
    pub trail: [[f32; 4]; MOST_TRAIL],
}

/// Radius of the bust that the key light's shadow covers, cm.
const SHADOWED: f32 = 18.0;

/// Cm that a pixel covers at the face.
pub(crate) fn pixel_cm(camera: &Camera, width: u32, height: u32) -> f32 {
    camera.cm_a_pixel(width as f32, height as f32)
}

impl Frame {
    /// The frame of a face that fills a picture of `width` x `height` pixels. `shadow` is where its part of the
    /// shadow map lies: scale and offset in uv.
    pub fn new(
        head: &Head,
        now: &Row,
        camera: &Camera,
        look: &Look,
        ghost: Option<&Ghost>,
        [width, height]: [u32; 2],
        shadow: [f32; 4],
    ) -> Self {
        let (w, h) = (width.max(1) as f32, height.max(1) as f32);
        let aspect = w / h;
        let pose = now.pose();
        let shift = Vec3::from(pose.translation_cm);
        let eye = camera.eye();
        let clip = camera.projection(aspect) * camera.view();

        // the lights hang in the studio but turn some of the way with the camera, so that a profile is lit too
        let turn = Mat4::from_rotation_y(camera.yaw * 0.7);
        let light = |x: f32, y: f32, z: f32| turn.transform_vector3(Vec3::new(x, y, z).normalize());
        let key = light(-0.56, 0.62, 0.80);
        let centre = shift + Vec3::new(0.0, -1.0, 0.0);
        let from = rh::view::look_at_mat4(centre + key * 50.0, centre, Vec3::Y);
        let r = SHADOWED;
        let ortho = rh::proj::directx::orthographic(-r, r, -r, r, 50.0 - 1.6 * r, 50.0 + 1.6 * r);

        let v4 = |v: Vec3, w: f32| [v.x, v.y, v.z, w];
        let rgb = |c: [f32; 3]| [c[0], c[1], c[2], 1.0];
        let overlays = &look.overlays;
        let (kind, full) = match (overlays.heat, overlays.regions) {
            (Some(heat), _) => (1.0, heat.full_cm.max(1e-3)),
            (None, Some(_)) => (2.0, 1.0),
            (None, None) => (0.0, 1.0),
        };
        let ghost = ghost.map_or([0.0; 4], |g| [g.tint[0], g.tint[1], g.tint[2], g.alpha]);
        let bright = (look.background_top[1] + look.background_bottom[1]) * 0.5;
        Self {
            clip_from_world: clip.to_cols_array_2d(),
            light_from_world: (ortho * from).to_cols_array_2d(),
            turn: pose.turn().to_array(),
            body: v4(shift, pixel_cm(camera, width, height)),
            eye: v4(eye, look.exposure),
            key: v4(key, 0.50 / (2.0 * r)),
            fill: v4(light(0.95, 0.08, 0.50), 0.0),
            rim: v4(light(0.62, 0.45, -0.80), 0.0),
            kicker: v4(light(-0.85, 0.25, -0.70), 0.0),
            top: rgb(look.background_top),
            bottom: rgb(look.background_bottom),
            eye_left: head.eyes[0],
            eye_right: head.eyes[1],
            overlay: [kind, full, aspect, if look.transparent { 1.0 } else { 0.0 }],
            ghost,
            shadow,
            style: [f32::from(look.style == Style::Porcelain), bright, w, h],
            trail: overlays.trail.map_or([[0.0; 4]; MOST_TRAIL], |trail| trail.packed()),
        }
    }
}

/// How the vertices of a face move under a look.
pub(crate) fn movement(now: &Row, look: &Look) -> Movement {
    let against = look
        .overlays
        .heat
        .and_then(|heat| heat.against)
        .map_or(Row::default(), |w| Row { weights: drawn(&w), ..Row::default() });
    let sane = |v: f32| if v.is_finite() { v.clamp(0.0, 1.0) } else { 0.0 };
    let activity = look.overlays.regions.map_or([0.0; REGION_COUNT], |a| a.map(sane));
    Movement { now: *now, against, activity }
}
