//! What showing a video costs: decoding in order, and seeking, on a clip of the size that REACT 2024 has.

use std::path::Path;
use std::time::Instant;

use clips::Result;

use super::{Video, VideoSource};
use crate::film::{Film, write_png};

/// Pictures of the measured clip, and their side.
pub const CLIP: (usize, u32) = (751, 256);
const SEEKS: usize = 60;

/// Costs of one video.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct VideoCost {
    /// Milliseconds a picture, decoding all in order, RGBA included.
    pub decode_ms: f64,
    /// Milliseconds from a wish to its whole picture, median and 95th percentile, right after opening, when only the
    /// first picture is in memory.
    pub seek_fresh_ms: [f64; 2],
    /// The same when the background work is done.
    pub seek_ms: [f64; 2],
    /// Seconds of work in the background after opening.
    pub fill_seconds: f64,
}

/// Measures a video on this thread; [`super::Reel`] adds the wake of a thread.
///
/// # Errors
/// As [`Video::open`].
pub fn cost(source: &VideoSource) -> Result<VideoCost> {
    let mut video = Video::open(source)?;
    let frames = video.frames();
    let begun = Instant::now();
    for frame in 0..frames {
        video.frame(frame)?;
    }
    let decode_ms = begun.elapsed().as_secs_f64() * 1e3 / frames as f64;
    let places: Vec<usize> = (1..=SEEKS).map(|seek| (seek * seek * 7919 + seek * 104_729) % frames).collect();
    let mut fresh = Vec::with_capacity(SEEKS);
    for place in &places {
        let mut video = Video::open(source)?;
        fresh.push(timed(|| video.frame(*place))?);
    }
    let mut video = Video::open(source)?;
    let begun = Instant::now();
    while video.ahead(0)? {}
    let fill_seconds = begun.elapsed().as_secs_f64();
    let mut filled = Vec::with_capacity(SEEKS);
    for place in &places {
        filled.push(timed(|| video.frame(*place))?);
    }
    Ok(VideoCost { decode_ms, seek_fresh_ms: shares(fresh), seek_ms: shares(filled), fill_seconds })
}

fn timed<T>(work: impl FnOnce() -> Result<T>) -> Result<f64> {
    let begun = Instant::now();
    work()?;
    Ok(begun.elapsed().as_secs_f64() * 1e3)
}

fn shares(mut times: Vec<f64>) -> [f64; 2] {
    times.sort_by(f64::total_cmp);
    [0.5, 0.95].map(|share| times[((times.len() - 1) as f64 * share).round() as usize])
}

/// Writes the measured clip: a shaded, breathing head before a grainy wall, as an MP4 by its extension (needs ffmpeg)
/// or as a folder `1.png`, ... without one.
///
/// # Errors
/// No ffmpeg, or a place that cannot be written.
pub fn write_clip(path: &Path) -> Result<VideoSource> {
    let (pictures, side) = CLIP;
    if path.extension().is_some() {
        let mut film = Film::create(path, side, side, 25.0, None)?;
        for number in 0..pictures {
            film.frame(&picture(number, side))?;
        }
        film.finish()?;
        return Ok(VideoSource::Mp4(path.to_owned()));
    }
    std::fs::create_dir_all(path).map_err(|error| clips::Fault::write(path, &error))?;
    for number in 0..pictures {
        write_png(path.join(format!("{}.png", number + 1)), side, side, &picture(number, side))?;
    }
    Ok(VideoSource::Frames(path.to_owned()))
}

fn picture(number: usize, side: u32) -> Vec<u8> {
    let time = number as f32 / 25.0;
    let (sway, nod) = ((time * 1.3).sin() * 9.0, (time * 2.1).sin() * 5.0);
    let mut rgba = Vec::with_capacity((side * side * 4) as usize);
    for y in 0..side {
        for x in 0..side {
            let across = (x as f32 - side as f32 * 0.5 - sway) / (side as f32 * 0.34);
            let down = (y as f32 - side as f32 * 0.5 - nod) / (side as f32 * 0.44);
            // Grain of a camera: a hash of place and time, a few levels.
            let hash = (x.wrapping_mul(374_761_393) ^ y.wrapping_mul(668_265_263) ^ number as u32)
                .wrapping_mul(1_274_126_177);
            let grain = (hash >> 29) as f32 - 3.5;
            let far = across * across + down * down;
            let [red, green, blue] = if far < 1.0 {
                let light = 0.55 + 0.45 * (1.0 - far).sqrt() - 0.25 * across;
                let mouth = (down - 0.55 - 0.05 * (time * 7.0).sin()).abs() < 0.06 && across.abs() < 0.35;
                let eyes = (down + 0.25).abs() < 0.06 && (across.abs() - 0.38).abs() < 0.14;
                let shade = if mouth || eyes { 0.45 } else { 1.0 };
                [205.0, 155.0, 130.0].map(|colour| colour * light * shade)
            } else {
                [70.0, 78.0, 92.0]
            };
            rgba.extend([red, green, blue].map(|colour| (colour + grain).clamp(0.0, 255.0) as u8));
            rgba.push(255);
        }
    }
    rgba
}
