//! Which takes are shown: made on the spot for the demo, read from a `generate` folder or a prediction file, or one face
//! set by hand.

use std::path::{Path, PathBuf};

use clips::arkit::FaceSource;
use clips::array::read_npy;
use clips::channels::{ATTRIBUTES, EXPRESSIONS};
use clips::dials::{Dial, Dials};
use clips::{Control, Fault, FaultKind, Streams, Take, TakeHeader, Waveform};
use listener::Request;
use studio::motion::Motion;

use super::super::bad_request;
use super::super::generate::TakeRow;

/// One face to draw.
pub struct Tile {
    /// "z3", or the name of a system without latents.
    pub name: String,
    /// Rank and score, when there are any.
    pub remark: String,
    /// Latent, for its colour.
    pub latent: Option<usize>,
    /// Rank among the takes, 1 = best.
    pub rank: Option<usize>,
    /// What the face does.
    pub motion: Motion,
}

/// Everything that is shown.
pub struct Cast {
    /// The speaker's face, where it is known.
    pub speaker: Option<Motion>,
    /// What the real listener did, where it is known.
    pub listener: Option<Motion>,
    /// The speaker's sound, where it is known.
    pub sound: Option<Waveform>,
    /// The takes.
    pub tiles: Vec<Tile>,
    /// Frames of the longest take.
    pub frames: usize,
}

/// Finds all named takes; `speaker` is a sound, `listener` an array like those of predictions.
pub fn cast(
    names: &[String],
    speaker: Option<&Path>,
    listener: Option<&str>,
    control: &Control,
) -> clips::Result<Cast> {
    let mut cast = Cast { speaker: None, listener: None, sound: None, tiles: Vec::new(), frames: 0 };
    for name in names {
        if name == "demo" || name.starts_with("demo:") {
            demo(name.strip_prefix("demo:"), &mut cast, control)?;
        } else if let Some(words) = name.strip_prefix("face:") {
            cast.tiles.extend(set_by_hand(words)?);
        } else {
            let (path, clip) = split(name)?;
            if path.is_dir() {
                folder(&path, clip, &mut cast)?;
            } else {
                cast.tiles.extend(predictions(&path, clip)?);
            }
        }
    }
    if let Some(name) = listener {
        let (path, clip) = split(name)?;
        cast.listener = predictions(&path, clip)?.into_iter().next().map(|tile| tile.motion);
    }
    if let Some(path) = speaker {
        cast.sound = Some(speech::decode(path)?);
    }
    cast.frames = cast.tiles.iter().map(|tile| tile.motion.frames.len()).max().unwrap_or(0);
    if cast.frames == 0 {
        return Err(bad_request("there is no take to draw", "name a folder written by backchannel generate"));
    }
    Ok(cast)
}

/// `DIR:3` as (DIR, 3); a path that exists with a colon in it stays whole.
fn split(name: &str) -> clips::Result<(PathBuf, usize)> {
    if !Path::new(name).exists()
        && let Some((path, clip)) = name.rsplit_once(':')
        && Path::new(path).exists()
    {
        let clip = clip.parse().map_err(|_| {
            bad_request(format!("{name}: {clip} is no number of a clip"), "clips are counted from 0")
        })?;
        return Ok((PathBuf::from(path), clip));
    }
    Ok((PathBuf::from(name), 0))
}

fn demo(name: Option<&str>, cast: &mut Cast, control: &Control) -> clips::Result<()> {
    let demos = speech::demo::clips();
    let names = || demos.iter().map(|demo| demo.name.clone()).collect::<Vec<_>>().join(", ");
    let found = name.map_or(demos.first(), |name| demos.iter().find(|demo| demo.name == name));
    let demo = found.ok_or_else(|| {
        bad_request(
            format!("there is no demo clip {}", name.unwrap_or("")),
            format!("choose from: {}", names()),
        )
    })?;
    let streams = demo.streams()?;
    let takes = listener::demo()?.generate(&demo.id(), &streams, &Request::default(), control)?;
    cast.speaker = Motion::of(&streams);
    cast.listener = demo.listener_streams()?.as_ref().and_then(Motion::of);
    cast.tiles.extend(takes.iter().map(tile));
    cast.sound = streams.sound;
    Ok(())
}

/// One face of words, or all that a source has, each at its most.
fn set_by_hand(words: &str) -> clips::Result<Vec<Tile>> {
    let sheet = match words {
        "units" => FaceSource::Attributes,
        "expressions" => FaceSource::Expressions,
        "shapes" => FaceSource::Coefficients,
        words => {
            let dials: Dials = words.parse()?;
            let name = if dials.is_neutral() { "neutral" } else { words };
            return Ok(vec![face(&dials, name.to_owned())]);
        }
    };
    // neutral is the expression that moves nothing
    let rest = (sheet == FaceSource::Expressions)
        .then(|| face(&Dials::at_rest(sheet), ATTRIBUTES[EXPRESSIONS.start].to_owned()));
    let each = Dial::of(sheet).into_iter().map(|dial| {
        let mut dials = Dials::at_rest(sheet);
        dials.set(dial, *dial.range().end());
        // this one closes the lips over an open jaw, and without one it does nothing
        if dial.name() == "mouthClose"
            && let Some(jaw) = clips::channels::blendshape("jawOpen")
        {
            dials.set(Dial::Blendshape(jaw), 1.0);
        }
        face(&dials, dial.name().to_owned())
    });
    Ok(rest.into_iter().chain(each).collect())
}

fn face(dials: &Dials, name: String) -> Tile {
    Tile { name, remark: String::new(), latent: None, rank: None, motion: Motion::of_dials(dials) }
}

fn tile(take: &Take) -> Tile {
    let motion = Motion::of(&Streams {
        attributes: Some(take.attributes.to_vec()),
        coefficients: take.coefficients.as_ref().map(|rows| rows.to_vec()),
        ..Streams::default()
    });
    let (name, remark) = words(&take.header);
    Tile {
        name,
        remark,
        latent: take.header.latent,
        rank: take.header.rank,
        motion: motion.unwrap_or_else(|| Motion::of_attributes(&take.attributes)),
    }
}

fn words(header: &TakeHeader) -> (String, String) {
    let name = header.latent.map_or_else(|| header.system.clone(), |latent| format!("z{}", latent + 1));
    let name = if header.sample > 0 { format!("{name} / {}", header.sample + 1) } else { name };
    let remark = match (header.rank, header.score()) {
        (Some(rank), Some(score)) => format!("#{rank}   {score:.2}"),
        (Some(rank), None) => format!("#{rank}"),
        _ => String::new(),
    };
    (name, remark)
}

fn folder(path: &Path, clip: usize, cast: &mut Cast) -> clips::Result<()> {
    #[derive(serde::Deserialize)]
    struct Sheet {
        takes: Vec<TakeRow>,
    }
    let sheet = path.join("takes.json");
    let text = std::fs::read_to_string(&sheet)
        .map_err(|error| Fault::io(&sheet, &error).remedy("name a folder written by backchannel generate"))?;
    let rows: Sheet = serde_json::from_str(&text).map_err(|error| {
        Fault::new(FaultKind::Malformed, &sheet, error.to_string()).remedy("generate the folder again")
    })?;
    let attributes = read_rows::<25>(&path.join("attributes.npy"), clip)?;
    let file = path.join("coefficients.npy");
    let coefficients = if file.is_file() { Some(read_rows::<58>(&file, clip)?) } else { None };
    for row in rows.takes.into_iter().filter(|row| row.clip_index == clip) {
        let Some(attributes) = attributes.get(row.take_index) else {
            return Err(Fault::new(
                FaultKind::Mismatch,
                &sheet,
                format!("take {} is not in attributes.npy", row.take_index),
            )
            .remedy("generate the folder again"));
        };
        cast.tiles.push(tile(&Take {
            header: row.header,
            attributes: attributes.clone().into(),
            coefficients: coefficients
                .as_ref()
                .and_then(|all| all.get(row.take_index))
                .map(|rows| rows.clone().into()),
        }));
    }
    Ok(())
}

/// Takes of one clip of an array clips x samples x frames x N.
fn read_rows<const N: usize>(path: &Path, clip: usize) -> clips::Result<Vec<Vec<[f32; N]>>> {
    let array = read_npy(path)?;
    let (clips, samples, frames, width) = match array.shape[..] {
        [clips, samples, frames, width] => (clips, samples, frames, width),
        // as the features of a corpus are kept
        [frames, width] => (1, 1, frames, width),
        [frames, 1, width] => (1, 1, frames, width),
        _ => {
            return Err(Fault::new(
                FaultKind::WrongShape,
                path,
                format!("the shape is {}", array.shape_text()),
            )
            .remedy("takes are clips x samples x frames x columns, one person is frames x columns"));
        }
    };
    if clip >= clips {
        return Err(bad_request(
            format!("{} has {clips} clips, there is no clip {clip}", path.display()),
            "clips are counted from 0",
        ));
    }
    if width != N {
        return Err(Fault::new(FaultKind::WrongShape, path, format!("the shape is {}", array.shape_text()))
            .remedy(format!("the last dimension must be {N}")));
    }
    array.require_finite(path)?;
    let rows = array.rows::<N>(path)?;
    let one = (samples * frames).max(1);
    Ok(rows[clip * one..(clip + 1) * one].chunks(frames.max(1)).map(<[_]>::to_vec).collect())
}

/// The samples of one clip of an array; a listener's own file, frames x 25 or 58, is one clip of one sample.
fn predictions(path: &Path, clip: usize) -> clips::Result<Vec<Tile>> {
    if path.is_file() && path.extension().is_none_or(|extension| extension != "npy") {
        return Err(Fault::new(FaultKind::Unsupported, path, "this is no prediction array").remedy(
            "a sound becomes takes with `backchannel generate --clip FILE --out DIR`; render that folder",
        ));
    }
    let shape = clips::array::read_npy_shape(path)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let motions: Vec<Motion> = match shape.last() {
        Some(25) => read_rows::<25>(path, clip)?.iter().map(|rows| Motion::of_attributes(rows)).collect(),
        Some(58) => read_rows::<58>(path, clip)?.iter().map(|rows| Motion::of_coefficients(rows)).collect(),
        _ => {
            return Err(Fault::new(FaultKind::WrongShape, path, format!("the shape is {shape:?}")).remedy(
                "predictions are clips x samples x frames x 25 or 58, one person is frames x 25 or 58",
            ));
        }
    };
    let tiles = motions.into_iter().enumerate().map(|(sample, motion)| Tile {
        name: format!("{name} / {}", sample + 1),
        remark: String::new(),
        latent: None,
        rank: None,
        motion,
    });
    Ok(tiles.collect())
}
