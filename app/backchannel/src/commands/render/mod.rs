//! `backchannel render`: pictures and films of takes, off-screen; no display is needed.
//!
//! [`source`] finds the takes, [`stage`] lays the faces out and draws one frame, this file writes pictures or films.

mod caption;
mod source;
mod stage;

use std::path::PathBuf;
use std::sync::Arc;

use clips::time::FRAMES_PER_SECOND;
use clips::{Fault, FaultKind};
use media::film::Film;

use super::bad_request;
use super::screenshot::parse_size;
use crate::output::Output;
use stage::{Layout, Over, Stage};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Takes: `demo` or `demo:NAME` (made on the spot), a folder written by `generate` (`DIR:CLIP` for another clip
    /// than the first), or predictions of any program (FILE.npy, `FILE.npy:CLIP`)
    #[arg(required = true, value_name = "TAKE")]
    takes: Vec<String>,
    /// What to write: .png, .gif, .mp4 (needs ffmpeg), or a folder for one PNG a frame
    #[arg(long, value_name = "FILE or DIR")]
    out: PathBuf,
    /// Another head file in the form of the built-in one
    #[arg(long, value_name = "FILE")]
    head: Option<PathBuf>,
    /// single (the best take), wall (all of them) or pair (speaker and best take)
    #[arg(long, default_value = "wall")]
    layout: String,
    /// Size in pixels
    #[arg(long, value_name = "WxH", default_value = "1280x720")]
    size: String,
    /// With the speaker's sound: in an .mp4, beside a .gif, inside a folder
    #[arg(long)]
    sound: bool,
    /// Speaker's sound for takes that do not bring their own
    #[arg(long, value_name = "FILE")]
    speaker: Option<PathBuf>,
    /// First frame of a film, or the frame of a picture
    #[arg(long)]
    from: Option<usize>,
    /// Frame after the last one of a film
    #[arg(long)]
    to: Option<usize>,
    /// dark or light
    #[arg(long, default_value = "dark")]
    theme: String,
    /// character (skin and hair) or porcelain (a bald bust: form and movement alone)
    #[arg(long, default_value = "character")]
    style: String,
    /// Over the faces: movement (colour by displacement), units (action units, derived), axes (direction of the head),
    /// mesh (edges); may be given more than once
    #[arg(long, value_name = "WHAT")]
    overlay: Vec<String>,
    /// Faces alone on nothing, without captions; for a .png
    #[arg(long)]
    transparent: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let layout = match args.layout.as_str() {
        "single" => Layout::Single,
        "wall" => Layout::Wall,
        "pair" => Layout::Pair,
        other => {
            return Err(bad_request(format!("--layout {other} is not a layout"), "say single, wall or pair"));
        }
    };
    let theme = match args.theme.as_str() {
        "dark" => studio::Theme::Dark,
        "light" => studio::Theme::Light,
        other => return Err(bad_request(format!("--theme {other} is not a theme"), "say dark or light")),
    };
    let [width, height] = parse_size(&args.size)?;
    let kind = args.out.extension().and_then(|ending| ending.to_str()).unwrap_or("").to_lowercase();
    if !["png", "gif", "mp4", ""].contains(&kind.as_str()) {
        return Err(bad_request(
            format!("{} is no kind of picture we write", args.out.display()),
            "end it in .png, .gif or .mp4, or name a folder",
        ));
    }
    let style = match args.style.as_str() {
        "character" => face::Style::Character,
        "porcelain" => face::Style::Porcelain,
        other => {
            return Err(bad_request(format!("--style {other} is not a style"), "say character or porcelain"));
        }
    };
    let mut over = Over { transparent: args.transparent, ..Over::default() };
    for name in &args.overlay {
        match name.as_str() {
            "movement" => over.movement = true,
            "units" => over.units = true,
            "axes" => over.axes = true,
            "mesh" => over.mesh = true,
            other => {
                return Err(bad_request(
                    format!("--overlay {other} is not an overlay"),
                    "say movement, units, axes or mesh",
                ));
            }
        }
    }
    if over.transparent && kind != "png" {
        return Err(bad_request("--transparent is for one picture", "end --out in .png"));
    }
    let control = output.control();
    let cast = source::cast(&args.takes, args.speaker.as_deref(), &control)?;
    let head = match &args.head {
        None => face::Head::builtin(),
        Some(path) => face::Head::read(path),
    }
    .map_err(|error| Fault::new(FaultKind::Malformed, "", error.to_string()))?;
    let stage = Stage::new(&head, &cast, layout, theme, style, over, [width, height])?;
    let sound = cast.sound.as_ref().filter(|_| args.sound);
    if args.sound && cast.sound.is_none() {
        return Err(bad_request(
            "these takes bring no sound",
            "name the speaker's sound with --speaker FILE",
        ));
    }
    let (from, to) = (args.from.unwrap_or(0), args.to.unwrap_or(cast.frames).min(cast.frames));
    let written = if kind == "png" {
        let frame = args.from.unwrap_or(cast.frames / 2);
        if frame >= cast.frames {
            return Err(bad_request(
                format!("there is no frame {frame}"),
                format!("the takes have {} frames, counted from 0", cast.frames),
            ));
        }
        let picture = stage.frame(frame);
        let bytes = image::RgbaImage::from_raw(width, height, picture).ok_or_else(|| {
            Fault::new(FaultKind::Internal, &args.out, "the picture has another size than asked for")
        })?;
        bytes.save(&args.out).map_err(|error| {
            Fault::new(FaultKind::NotWritable, &args.out, error.to_string())
                .remedy("choose a folder you may write to, with space left")
        })?;
        1
    } else {
        if from >= to {
            return Err(bad_request(
                format!("no frame from {from} to {to}"),
                format!("the takes have {} frames", cast.frames),
            ));
        }
        // GIF players keep 12.5 frames a second; everything else keeps the 25 of the data.
        let stride = if kind == "gif" { 2 } else { 1 };
        let rate = f64::from(FRAMES_PER_SECOND) / stride as f64;
        let cut = sound.map(|sound| cut_sound(sound, from, to));
        let mut film = Film::create(&args.out, width, height, rate, cut.as_ref())?;
        let frames: Vec<usize> = (from..to).step_by(stride).collect();
        for (count, frame) in frames.iter().enumerate() {
            control.step("drawing frames", count as u64, frames.len() as u64, "")?;
            film.frame(&stage.frame(*frame))?;
        }
        film.finish()?;
        control.step("drawing frames", frames.len() as u64, frames.len() as u64, "")?;
        frames.len()
    };
    output.result(
        &serde_json::json!({
            "out": args.out, "frames": written, "width": width, "height": height,
            "takes": cast.tiles.len(), "drawn_by": stage.drawn_by(),
        }),
        format!(
            "{written} frame{}{} of {} takes, drawn by {} -> {}",
            if written == 1 { "" } else { "s" },
            if kind == "gif" { ", every second one," } else { "" },
            cast.tiles.len(),
            stage.drawn_by(),
            args.out.display()
        ),
    )
}

fn cut_sound(sound: &clips::Waveform, from: usize, to: usize) -> clips::Waveform {
    let channels = usize::from(sound.channels.max(1));
    let at = |frame| (clips::time::sample_of_frame(frame, sound.rate) * channels).min(sound.samples.len());
    clips::Waveform { samples: Arc::from(&sound.samples[at(from)..at(to)]), ..sound.clone() }
}
