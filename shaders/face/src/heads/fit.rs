//! Brings a head from elsewhere to the place and size of the built-in one, and gives it eyes that can be drawn.
//!
//! Landmarks are where the shapes act (the centre of what a blink or a smile moves), so they are found in any topology.
//! A similarity without rotation (scale and shift, least squares) takes them onto those of the built-in head; a face
//! that looks along -z is turned about y first. What the landmarks do not agree with is refused.

use super::draft::{Draft, Read, fault};
use crate::head::{Parts, part};
use crate::names::index_of;
use glam::Vec3;

/// Pairs of shapes whose places are compared; all have a left and a right.
const LANDMARKS: [&str; 5] = ["eyeBlink", "mouthSmile", "browOuterUp", "noseSneer", "mouthLowerDown"];
/// Largest distance of the fitted landmarks from ours, root mean square over their spread.
const MOST_MISFIT: f32 = 0.45;

/// Where a shape acts: mean of the moved vertices, weighted by the square of how far they move.
pub(crate) fn centre_of(position: &[[f32; 3]], moves: &[(u32, [f32; 3])]) -> Option<Vec3> {
    let (mut sum, mut weight) = (glam::DVec3::ZERO, 0.0f64);
    for (v, d) in moves {
        let w = Vec3::from(*d).as_dvec3().length_squared();
        sum += w * Vec3::from(*position.get(*v as usize)?).as_dvec3();
        weight += w;
    }
    (weight > 0.0).then(|| (sum / weight).as_vec3()).filter(|c| c.is_finite())
}

fn landmarks(position: &[[f32; 3]], parts: &[u8], shapes: &[Vec<(u32, [f32; 3])>]) -> Option<Vec<Vec3>> {
    let skin = |v: u32| matches!(parts.get(v as usize), Some(&(part::SKIN | part::EAR)));
    LANDMARKS
        .iter()
        .flat_map(|stem| ["Left", "Right"].map(|side| format!("{stem}{side}")))
        .map(|name| {
            // brows and lashes, which some heads lack, say nothing of where the face is
            let moves: Vec<_> =
                shapes.get(index_of(&name)?)?.iter().filter(|(v, _)| skin(*v)).copied().collect();
            centre_of(position, &moves)
        })
        .collect()
}

const UPRIGHT: &str = "export the head upright (+Y up) and looking along +Z, with Left the subject's left";

/// Moves and scales the draft onto the built-in head; returns its unit in cm.
pub(crate) fn place(file: &str, draft: &mut Draft, ours: &Parts) -> Read<f32> {
    let no_landmarks = || {
        let names = LANDMARKS.map(|stem| format!("{stem}Left and Right")).join(", ");
        fault(file, format!("one of its shapes moves nothing: {names} are needed to place the head"), UPRIGHT)
    };
    let goal = landmarks(&ours.position, &ours.part, &ours.shapes).ok_or_else(no_landmarks)?;
    let mut have = landmarks(&draft.position, &draft.part, &draft.shapes).ok_or_else(no_landmarks)?;
    // VRM 0 looks along -z: turned about y, not mirrored, so that its left stays its left
    if have[0].x < have[1].x {
        let turn = |p: &mut [f32; 3]| *p = [-p[0], p[1], -p[2]];
        draft.position.iter_mut().for_each(turn);
        draft.shapes.iter_mut().flatten().for_each(|(_, d)| turn(d));
        draft.eye_centre.iter_mut().for_each(turn);
        have.iter_mut().for_each(|p| *p *= Vec3::new(-1.0, 1.0, -1.0));
    }
    let mean = |points: &[Vec3]| points.iter().sum::<Vec3>() / points.len() as f32;
    let (from, to) = (mean(&have), mean(&goal));
    let (mut along, mut own, mut spread) = (0.0, 0.0, 0.0);
    for (h, g) in have.iter().zip(&goal) {
        along += (*h - from).dot(*g - to);
        own += (*h - from).length_squared();
        spread += (*g - to).length_squared();
    }
    let scale = along / own;
    let misfit: f32 =
        have.iter().zip(&goal).map(|(h, g)| ((*h - from) * scale + to).distance_squared(*g)).sum();
    let misfit = (misfit / spread).sqrt();
    if !(scale.is_finite() && scale > 0.0 && misfit < MOST_MISFIT) {
        let place = format!(
            "its shapes do not act where a face has eyes, brows, nose and mouth (misfit {misfit:.2}, at most {MOST_MISFIT})"
        );
        return Err(fault(file, place, UPRIGHT));
    }
    let put = |p: &mut [f32; 3]| *p = ((Vec3::from(*p) - from) * scale + to).into();
    draft.position.iter_mut().for_each(put);
    draft.eye_centre.iter_mut().for_each(put);
    draft.shapes.iter_mut().flatten().for_each(|(_, d)| *d = d.map(|x| x * scale));
    let far = draft.position.iter().flatten().chain(draft.shapes.iter().flatten().flat_map(|(_, d)| d));
    if far.into_iter().any(|x| !x.is_finite() || x.abs() > 5e3) {
        return Err(fault(
            file,
            "it is larger than 50 m beside its face, or has numbers that are none",
            UPRIGHT,
        ));
    }
    Ok(scale)
}

/// Keeps what is near the head: bodies are not drawn.
pub(crate) fn crop(draft: &mut Draft) {
    draft.retain(|d, t| {
        t.iter().all(|v| {
            let p = d.at(*v);
            let bust = d.part[*v as usize] == part::GARMENT || d.part[*v as usize] == part::HAIR;
            p.y > if bust { -24.0 } else { -19.0 } && p.y < 40.0 && p.x.abs() < 19.0 && p.z.abs() < 24.0
        })
    });
}

/// Centre and radius of the sphere through points, with the root mean square of the distance from it.
pub(crate) fn sphere(points: &[Vec3]) -> Option<(Vec3, f32, f32)> {
    if points.len() < 12 {
        return None;
    }
    // |p|^2 = 2 c.p + k, linear least squares about the mean
    let mean = points.iter().sum::<Vec3>() / points.len() as f32;
    let mut m = glam::DMat4::ZERO;
    let mut rhs = glam::DVec4::ZERO;
    for p in points {
        let q = (*p - mean).as_dvec3();
        let row = glam::DVec4::new(2.0 * q.x, 2.0 * q.y, 2.0 * q.z, 1.0);
        for (c, scale) in row.to_array().into_iter().enumerate() {
            *m.col_mut(c) += row * scale;
        }
        rhs += row * q.length_squared();
    }
    if m.determinant().abs() < 1e-9 {
        return None;
    }
    let x = m.inverse() * rhs;
    let centre = x.truncate();
    let radius = (x.w + centre.length_squared()).max(0.0).sqrt() as f32;
    let centre = centre.as_vec3() + mean;
    let off: f32 = points.iter().map(|p| (p.distance(centre) - radius).powi(2)).sum();
    let off = (off / points.len() as f32).sqrt();
    (centre.is_finite() && radius.is_finite()).then_some((centre, radius, off))
}

/// Part of a head as a draft of its own.
pub(crate) fn extract(ours: &Parts, kinds: &[u8]) -> Draft {
    let mut all = Draft {
        position: ours.position.clone(),
        triangle: ours.triangle.clone(),
        part: ours.part.clone(),
        albedo: ours.albedo.clone(),
        material: ours.material.clone(),
        shapes: ours.shapes.clone(),
        eye_centre: ours.eye_centre,
        eye_radius: ours.eye_radius,
        painted: true,
    };
    all.retain(|d, t| t.iter().all(|v| kinds.contains(&d.part[*v as usize])));
    all
}

/// How a head came by its eyes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Eyes {
    /// Its own balls were found; ours, of their size, stand in their place.
    Replaced,
    /// It had none; ours were added behind the lids.
    Added,
    /// It has something flat there, kept as it is.
    Kept,
}

/// Gives the draft (already placed) eyeballs that turn and have an iris.
pub(crate) fn eyes(draft: &mut Draft, ours: &Parts) -> Eyes {
    let side_of = [part::EYE_LEFT, part::EYE_RIGHT];
    let found = side_of.map(|kind| {
        let points: Vec<Vec3> = (0..draft.position.len() as u32)
            .filter(|v| draft.part[*v as usize] == kind)
            .map(|v| draft.at(v))
            .collect();
        (
            points.len(),
            sphere(&points).filter(|(c, r, off)| (0.5..2.4).contains(r) && *off < 0.1 * r && c.x.abs() < 6.0),
        )
    });
    let named = found[0].0 + found[1].0 > 0;
    let (centres, radius, how) = match found {
        [(_, Some(left)), (_, Some(right))] => ([left.0, right.0], 0.5 * (left.1 + right.1), Eyes::Replaced),
        _ if named => {
            for kind in draft.part.iter_mut().filter(|kind| side_of.contains(kind)) {
                *kind = part::LASH;
            }
            draft.eye_centre = ours.eye_centre;
            draft.eye_radius = ours.eye_radius;
            return Eyes::Kept;
        }
        _ => {
            // where ours lie behind what a blink moves
            let centre = |side: usize| {
                let blink = index_of(["eyeBlinkLeft", "eyeBlinkRight"][side])?;
                let theirs = centre_of(&draft.position, &draft.shapes[blink])?;
                let own = centre_of(&ours.position, &ours.shapes[blink])?;
                Some(theirs + Vec3::from(ours.eye_centre[side]) - own)
            };
            let centres = [0, 1].map(|side| centre(side).unwrap_or(ours.eye_centre[side].into()));
            // in front of the centre the ball stays behind the lids
            let mut radius = ours.eye_radius;
            for (v, p) in draft.position.iter().enumerate() {
                let p = Vec3::from(*p);
                let centre = if p.x > 0.0 { centres[0] } else { centres[1] };
                let d = p - centre;
                if draft.part[v] != part::LASH && d.z > 0.5 * d.length() && d.z > 0.0 {
                    radius = radius.min(d.length() - 0.03);
                }
            }
            (centres, radius.max(0.6), Eyes::Added)
        }
    };
    draft.retain(|d, t| !side_of.contains(&d.part[t[0] as usize]));
    let mut balls = extract(ours, &side_of);
    let scale = radius / ours.eye_radius;
    for v in 0..balls.position.len() {
        let side = usize::from(balls.part[v] == part::EYE_RIGHT);
        let own = Vec3::from(ours.eye_centre[side]);
        balls.position[v] = ((Vec3::from(balls.position[v]) - own) * scale + centres[side]).into();
    }
    balls.shapes.iter_mut().flatten().for_each(|(_, d)| *d = d.map(|x| x * scale));
    draft.join(&balls);
    draft.eye_centre = centres.map(Into::into);
    draft.eye_radius = radius;
    how
}

/// Adds our teeth, tongue and mouth bag to a head that has nothing behind its lips.
pub(crate) fn mouth(draft: &mut Draft, ours: &Parts) -> bool {
    let inside = [part::TEETH_UPPER, part::TEETH_LOWER, part::TONGUE, part::MOUTH_BAG];
    if draft.part.iter().any(|kind| inside.contains(kind)) {
        return false;
    }
    let corner = |position: &[[f32; 3]], shapes: &[Vec<(u32, [f32; 3])>]| {
        let at = |name: &str| index_of(name).and_then(|s| centre_of(position, &shapes[s]));
        Some((at("mouthLowerDownLeft")? + at("mouthLowerDownRight")?) * 0.5)
    };
    let (Some(theirs), Some(own)) =
        (corner(&draft.position, &draft.shapes), corner(&ours.position, &ours.shapes))
    else {
        return false;
    };
    let mut inner = extract(ours, &inside);
    // a little smaller and further back, so that it stays behind other lips
    let (shrink, back) = (Vec3::new(0.9, 0.9, 0.95), Vec3::new(0.0, 0.0, -0.35));
    for p in &mut inner.position {
        *p = ((Vec3::from(*p) - own) * shrink + theirs + back).into();
    }
    draft.join(&inner);
    true
}
