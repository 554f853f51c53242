//! `backchannel render`: pictures and films of takes, off-screen; no display is needed.
//!
//! [`source`] finds the takes, [`over`] says what lies over the faces and from where they are seen, [`stage`] lays them out
//! and draws one frame, [`motion`] writes movement for other programs, this file writes pictures or films.

mod caption;
mod motion;
mod over;
mod source;
mod stage;

use std::path::PathBuf;
use std::sync::Arc;

use clips::time::FRAMES_PER_SECOND;
use media::film::Film;

use super::screenshot::parse_size;
use super::{bad_request, open_head};
use crate::output::Output;
use over::Over;
use stage::{Drawn, Layout, Stage};

/// PNG, GIF and folders of PNGs are written by the program itself; an .mp4 needs the ffmpeg program on the PATH, which
/// also brings the sound into it. The sound goes beside a GIF and into a folder as WAV. A .glb (mesh, 52 morph targets,
/// animation) and a .csv (columns of Live Link Face) are for other programs. The same command writes the same bytes.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Takes: `demo` or `demo:NAME` (made on the spot), a folder written by `generate` (`DIR:CLIP` for another clip
    /// than the first), predictions of any program (FILE.npy, `FILE.npy:CLIP`), or a face set by hand: `face:AU6=1
    /// AU12=0.8`, `face:Happy=1 valence=0.5`, `face:jawOpen=0.4 pitch=10` (degrees; x, y, z in cm); `face:units`,
    /// `face:expressions` and `face:shapes` are all there are, one face each (mouthClose over an open jaw: it closes
    /// nothing else)
    #[arg(required = true, value_name = "TAKE")]
    takes: Vec<String>,
    /// What to write: .png, .gif, .mp4 (needs ffmpeg), a folder for one PNG a frame, .glb (head and animation) or .csv
    /// (weights, columns of Live Link Face); of several faces each gets its own .glb or .csv
    #[arg(long, value_name = "FILE or DIR")]
    out: PathBuf,
    /// Another head: FaceVerse 2 or 3 (.npy), .glb, .gltf or .vrm with ARKit's shapes, an ICT-FaceKit folder, or a head
    /// file of ours; `backchannel heads` tells what it holds
    #[arg(long, value_name = "FILE or DIR")]
    head: Option<PathBuf>,
    /// Other people made of the head: a number for all faces, several with commas for one after the other, or `each`;
    /// the same number is always the same person, 0 the head as it is
    #[arg(long, value_name = "SEED", default_value = "0")]
    identity: String,
    /// single (the best take), wall (all of them), pair (speaker and best take); as a PNG also strip (moments of the
    /// best take in a row) and sheet (moments of every take)
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
    /// Moments of a strip or a sheet, evenly between --from and --to
    #[arg(long, default_value_t = 8)]
    moments: usize,
    /// No names on the faces
    #[arg(long)]
    bare: bool,
    /// dark or light
    #[arg(long, default_value = "dark")]
    theme: String,
    /// character (skin and hair) or porcelain (a bald bust: form and movement alone)
    #[arg(long, default_value = "character")]
    style: String,
    #[command(flatten)]
    over: over::OverArgs,
    /// Add blinks and glances, drawn from this seed, to faces whose data has none; the caption says so
    #[arg(long, value_name = "SEED")]
    life: Option<u64>,
    /// Faces alone on nothing, without captions; for a .png
    #[arg(long)]
    transparent: bool,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// Pictures of a film that wait to be written.
const AHEAD: usize = 2;

fn stopped() -> clips::Fault {
    clips::Fault::new(clips::FaultKind::Internal, "", "the writing of the film stopped")
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let layout = match args.layout.as_str() {
        "single" => Layout::Single,
        "wall" => Layout::Wall,
        "pair" => Layout::Pair,
        "strip" => Layout::Strip,
        "sheet" => Layout::Sheet,
        other => {
            return Err(bad_request(
                format!("--layout {other} is not a layout"),
                "say single, wall, pair, strip or sheet",
            ));
        }
    };
    let theme = match args.theme.as_str() {
        "dark" => studio::Theme::Dark,
        "light" => studio::Theme::Light,
        other => return Err(bad_request(format!("--theme {other} is not a theme"), "say dark or light")),
    };
    let [width, height] = parse_size(&args.size)?;
    let kind = args.out.extension().and_then(|ending| ending.to_str()).unwrap_or("").to_lowercase();
    if !["png", "gif", "mp4", "glb", "csv", ""].contains(&kind.as_str()) {
        return Err(bad_request(
            format!("{} is no kind of picture we write", args.out.display()),
            "end it in .png, .gif, .mp4, .glb or .csv, or name a folder",
        ));
    }
    let style = match args.style.as_str() {
        "character" => face::Style::Character,
        "porcelain" => face::Style::Porcelain,
        other => {
            return Err(bad_request(format!("--style {other} is not a style"), "say character or porcelain"));
        }
    };
    let asked = args.over.read()?;
    let motion_only = kind == "glb" || kind == "csv";
    if motion_only && args.over.any() {
        return Err(bad_request(
            format!("--overlay, --listener and --camera are for pictures; a .{kind} holds only motion"),
            "leave them out, or end --out in .png, .gif or .mp4",
        ));
    }
    if args.transparent && !["png", ""].contains(&kind.as_str()) {
        return Err(bad_request(
            "--transparent is for pictures",
            "end --out in .png, or name a folder for one PNG a frame",
        ));
    }
    if layout.still() && kind != "png" {
        return Err(bad_request("a strip or a sheet is one picture", "end --out in .png"));
    }
    if !(1..=64).contains(&args.moments) {
        return Err(bad_request(format!("--moments {}", args.moments), "say 1 to 64"));
    }
    let people = people(&args.identity)?;
    let control = output.control();
    let mut cast =
        source::cast(&args.takes, args.speaker.as_deref(), args.over.listener.as_deref(), &control)?;
    let (from, to) = (args.from.unwrap_or(0), args.to.unwrap_or(cast.frames).min(cast.frames));
    if motion_only {
        let head = open_head(args.head.as_deref(), people.first().copied().unwrap_or(0))?;
        let files = motion::write(&args.out, &head, &cast, layout, [from, to], &control)?;
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        return output.result(
            &serde_json::json!({ "out": files, "frames": to.saturating_sub(from), "takes": files.len() }),
            format!("{} frames of {} faces -> {}", to.saturating_sub(from), files.len(), names.join(", ")),
        );
    }
    if let Some(seed) = args.life {
        if args.bare || args.transparent {
            return Err(bad_request(
                "--life without captions would pass for the data",
                "leave out --bare and --transparent",
            ));
        }
        for (index, tile) in (0..).zip(&mut cast.tiles) {
            let rate = FRAMES_PER_SECOND as f32;
            if face::add_life(&mut tile.motion.frames, rate, seed.wrapping_add(index)).any() {
                tile.remark = format!("{} \u{b7} added blinks", tile.remark);
            }
        }
    }
    let open = |seed: u64| open_head(args.head.as_deref(), seed);
    let plan = stage::Plan {
        layout,
        theme,
        style,
        over: Over::new(asked, &cast)?,
        transparent: args.transparent,
        size: [width, height],
        people: &people,
        moments: moments(from, to, args.moments),
        bare: args.bare,
        film: kind != "png",
    };
    let stage = Stage::new(&open, &cast, &plan)?;
    let sound = cast.sound.as_ref().filter(|_| args.sound);
    if args.sound && cast.sound.is_none() {
        return Err(bad_request(
            "these takes bring no sound",
            "name the speaker's sound with --speaker FILE",
        ));
    }
    let written = if kind == "png" {
        let frame = args.from.unwrap_or(cast.frames / 2);
        if frame >= cast.frames {
            return Err(bad_request(
                format!("there is no frame {frame}"),
                format!("the takes have {} frames, counted from 0", cast.frames),
            ));
        }
        media::film::write_png(&args.out, width, height, &stage.frame(frame))?;
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
        // the next faces are drawn while a picture is laid out and written
        std::thread::scope(|scope| {
            let (pictures, waiting) = std::sync::mpsc::sync_channel::<Vec<Drawn>>(AHEAD);
            let (film, stage) = (&mut film, &stage);
            let writer =
                scope.spawn(move || waiting.iter().try_for_each(|faces| film.frame(&stage.layout(faces))));
            let drawn = frames.iter().enumerate().try_for_each(|(count, frame)| {
                control.step("drawing frames", count as u64, frames.len() as u64, "")?;
                // a writer that stopped says why below
                pictures.send(stage.draw(*frame)).map_err(|_| stopped())
            });
            drop(pictures);
            let written = writer.join().unwrap_or_else(|_| Err(stopped()));
            written.and(drawn)
        })?;
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

/// Seeds of the faces, in turn; empty: every face another one.
fn people(text: &str) -> clips::Result<Vec<u64>> {
    if text == "each" {
        return Ok(Vec::new());
    }
    let wrong = |_| {
        bad_request(format!("--identity {text} is no person"), "say a number, numbers with commas, or each")
    };
    text.split(',').map(|word| word.trim().parse::<u64>().map_err(wrong)).collect()
}

/// `count` frames evenly from `from` to the one before `to`.
fn moments(from: usize, to: usize, count: usize) -> Vec<usize> {
    let last = to.saturating_sub(from + 1);
    (0..count).map(|i| from + if count > 1 { last * i / (count - 1) } else { last / 2 }).collect()
}

fn cut_sound(sound: &clips::Waveform, from: usize, to: usize) -> clips::Waveform {
    let channels = usize::from(sound.channels.max(1));
    let at = |frame| (clips::time::sample_of_frame(frame, sound.rate) * channels).min(sound.samples.len());
    clips::Waveform { samples: Arc::from(&sound.samples[at(from)..at(to)]), ..sound.clone() }
}

#[cfg(test)]
mod tests {
    use super::{moments, people};

    #[test]
    fn moments_are_even_and_inside() {
        assert_eq!(moments(0, 750, 4), [0, 249, 499, 749]);
        assert_eq!(moments(10, 20, 1), [14]);
        assert!(moments(5, 5, 3).iter().all(|frame| *frame == 5));
    }

    #[test]
    fn people_are_numbers_or_each() {
        assert_eq!(people("7").unwrap(), [7]);
        assert_eq!(people("1, 2,3").unwrap(), [1, 2, 3]);
        assert!(people("each").unwrap().is_empty());
        for wrong in ["", "-1", "a", "1,,2"] {
            assert!(people(wrong).is_err(), "{wrong}");
        }
    }
}
