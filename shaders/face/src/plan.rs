//! What a batch draws and where: faces and their ghosts, the mesh of each, places in the shared picture and in the
//! shadow map.

use crate::batch::{Moment, Shot};
use crate::coefficients::{Coefficients, MOST_BODIES};
use crate::frame::pixel_cm;
use crate::gpu::Renderer;
use crate::row::Row;
use crate::view::{Ghost, Quality, Style};

/// Material group of hair; porcelain has none.
pub(crate) const HAIR: usize = 2;

/// The triangles of a body that are there at all.
pub(crate) fn shown(renderer: &Renderer, body: &Body<'_>) -> Vec<std::ops::Range<u32>> {
    let mesh = renderer.mesh(body.level);
    let all = 0..mesh.triangles.len() as u32;
    if body.shot.look.style == Style::Character {
        return vec![all];
    }
    let hair = &mesh.groups[HAIR];
    vec![0..hair.start, hair.end..all.end]
}

/// Side of a face's part of the shadow map, in texels.
pub(crate) fn shadow_size(width: u32, height: u32, quality: Quality) -> u32 {
    match (quality, width.max(height) <= 420) {
        (Quality::Quick | Quality::Plain, _) => 256,
        (Quality::Fine, true) => 512,
        (Quality::Fine, false) => 1024,
    }
}

/// A main face with its ghosts, placed.
pub(crate) struct Body<'a> {
    pub shot: &'a Shot<'a>,
    pub ghost: Option<Ghost>,
    /// 0 for the face itself, then the layer of the ghost.
    pub layer: usize,
    pub level: usize,
    pub at: [u32; 2],
    pub shadow: [u32; 2],
    pub row: Row,
    /// First of its moved vertices.
    pub moved: u32,
}

/// Faces and their ghosts, in the order of their uniforms.
pub(crate) fn plan<'a>(
    renderer: &Renderer,
    coefficients: &Coefficients,
    shots: &'a [Shot<'a>],
    at: &[[u32; 2]],
    [columns, cell]: [u32; 2],
    quality: Quality,
) -> Vec<Body<'a>> {
    let mut out: Vec<Body<'a>> = Vec::with_capacity(shots.len());
    let mut moved = 0;
    for (i, (shot, at)) in shots.iter().zip(at).enumerate() {
        let (width, height) = shot.target.size();
        let mesh = renderer.head_of(shot.person).level(pixel_cm(shot.camera, width, height), quality);
        let level = renderer.level(shot.person, mesh);
        let count = renderer.levels[level].vertices.len() as u32;
        let row = match shot.moment {
            Moment::Still(expression) => Row::of(&expression),
            Moment::Take(take, frame) => coefficients.at(take, frame),
        };
        let i = i as u32;
        let shadow = [i % columns * cell, i / columns * cell];
        let ghosts = shot.look.overlays.ghosts.iter().flatten().filter(|g| g.alpha > 0.0);
        let ghosts = ghosts.enumerate().map(|(k, g)| (k + 1, Some(*g), Row::of(&g.expression)));
        for (layer, ghost, row) in std::iter::once((0, None, row)).chain(ghosts) {
            out.push(Body { shot, ghost, layer, level, at: *at, shadow, row, moved });
            moved += count;
        }
    }
    out
}

/// How many of the shots fit into one picture (at least one), where each lies, and the size: shelves, in order.
pub(crate) fn pack(shots: &[Shot<'_>], most: u32) -> (usize, Vec<[u32; 2]>, [u32; 2]) {
    let area: u64 = shots.iter().map(|s| u64::from(s.target.size().0) * u64::from(s.target.size().1)).sum();
    let widest = shots.iter().map(|s| s.target.size().0).max().unwrap_or(1);
    let across = ((area as f64).sqrt() * 1.1).ceil().min(f64::from(most)) as u32;
    let across = across.max(widest);
    let (mut at, mut size) = (Vec::new(), [1, 1]);
    let (mut x, mut y, mut shelf, mut bodies) = (0, 0, 0, 0);
    for shot in shots {
        let (w, h) = shot.target.size();
        if x + w > across {
            (x, y, shelf) = (0, y + shelf, 0);
        }
        bodies += 1 + shot.look.overlays.ghosts.iter().flatten().count();
        if !at.is_empty() && (y + h > most || bodies > MOST_BODIES) {
            break;
        }
        at.push([x, y]);
        x += w;
        shelf = shelf.max(h);
        size = [size[0].max(x), size[1].max(y + h)];
    }
    (at.len(), at, size)
}
