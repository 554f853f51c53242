//! Shared by the tests: pictures by the GPU where there is one and by the twin always, and the one place where
//! picture thresholds are chosen.
#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "shared by tests; each uses its part"
)]

use face::{Camera, Expression, Head, Headless, Look, Picture, twin};
use std::sync::{Arc, OnceLock};

/// How alike two drawings of the same face must be. GPU and twin differ where edges are anti-aliased (4 samples a
/// pixel against a 2 x 2 grid), where parts meet at nearly equal depth, and by rounding; measured on lavapipe at
/// 200 x 220: mean up to 1.2, 1.1 % of the pixels off by more than 24, all of them on edges.
pub struct Alike {
    pub mean: f64,
    pub share_over_24: f64,
}
pub const GPU_TO_TWIN: Alike = Alike { mean: 1.8, share_over_24: 0.016 };
/// One sample a pixel against the twin's four: every edge is a stair.
pub const ONE_SAMPLE_TO_TWIN: Alike = Alike { mean: 4.0, share_over_24: 0.06 };
/// As many edges, smoothed after they were drawn: measured up to 2.0 and 2.2 %.
pub const SMOOTHED_TO_TWIN: Alike = Alike { mean: 3.0, share_over_24: 0.033 };
/// Hundreds of thin lines, rasterised by other rules: measured 5.6 and 5.4 %; a twin without lines is off twice that.
pub const LINES_TO_TWIN: Alike = Alike { mean: 7.5, share_over_24: 0.075 };
/// A face and a ghost have twice the edges: measured 2.0 and 2.0 %.
pub const GHOST_TO_TWIN: Alike = Alike { mean: 2.8, share_over_24: 0.028 };
pub const MORPH_TO_MORPH: Alike = Alike { mean: 0.02, share_over_24: 0.001 };
/// A mirrored expression against the mirrored picture: mean difference of the change against neutral, in levels a
/// box. Measured 0.8; without mirroring the expression 5.8.
pub const MIRRORED: f64 = 1.6;

pub fn head() -> Arc<Head> {
    static HEAD: OnceLock<Arc<Head>> = OnceLock::new();
    HEAD.get_or_init(|| Head::builtin().unwrap()).clone()
}

/// The GPU, or none with a word on the terminal. One for a whole test program: opening a device is the slow part.
pub fn gpu() -> Option<&'static Headless> {
    static GPU: OnceLock<Option<Headless>> = OnceLock::new();
    GPU.get_or_init(|| match Headless::with_head(&head()) {
        Ok(h) => Some(h),
        Err(e) => {
            println!("skipping the GPU part of this test: {e}");
            None
        }
    })
    .as_ref()
}

/// The same view by every renderer of this machine.
pub fn pictures(e: &Expression, look: &Look, w: u32, h: u32) -> Vec<(&'static str, Picture)> {
    let camera = Camera::portrait();
    let mut out = vec![("twin", twin::picture(&head(), e, &camera, look, w, h))];
    if let Some(g) = gpu() {
        out.push(("gpu", g.picture(e, &camera, look, w, h).unwrap()));
    }
    out
}

/// Mean difference of the colours, and share of pixels with a channel off by more than 24.
pub fn difference(a: &Picture, b: &Picture) -> (f64, f64) {
    assert_eq!((a.width, a.height), (b.width, b.height));
    let (mut sum, mut over) = (0.0, 0_usize);
    for (p, q) in a.rgba.chunks_exact(4).zip(b.rgba.chunks_exact(4)) {
        let d = p.iter().zip(q).map(|(x, y)| x.abs_diff(*y)).max().unwrap();
        sum += f64::from(d);
        over += usize::from(d > 24);
    }
    let n = (a.width * a.height) as f64;
    (sum / n, over as f64 / n)
}

/// Mean luminance (0..255) of a box given in fractions of the picture.
pub fn brightness(p: &Picture, x: [f32; 2], y: [f32; 2]) -> f64 {
    let (w, h) = (p.width as f32, p.height as f32);
    let (mut sum, mut n) = (0.0, 0.0);
    for j in (y[0] * h) as u32..(y[1] * h) as u32 {
        for i in (x[0] * w) as u32..(x[1] * w) as u32 {
            let [r, g, b, _] = p.pixel(i, j);
            sum += 0.2126 * f64::from(r) + 0.7152 * f64::from(g) + 0.0722 * f64::from(b);
            n += 1.0;
        }
    }
    sum / n
}

/// The picture in a mirror.
pub fn flipped(p: &Picture) -> Picture {
    let mut out = p.clone();
    let w = p.width as usize;
    for (row, from) in out.rgba.chunks_exact_mut(w * 4).zip(p.rgba.chunks_exact(w * 4)) {
        for (x, px) in row.chunks_exact_mut(4).enumerate() {
            px.copy_from_slice(&from[(w - 1 - x) * 4..(w - x) * 4]);
        }
    }
    out
}
