//! What workers do: open what the user named, read clips, make reactions. Everything slow is here and runs off the
//! interface thread; the answers are plain values.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use clips::corpus::check::{CheckConfig, Report};
use clips::corpus::{ClipEntry, Corpus, PersonFiles, Split};
use clips::{Control, Fault, FaultKind, Result, Streams, Take};
use listener::{LatentChoice, Request, System};
use media::{Peaks, VideoSource};
use speech::demo::DemoClip;
use study::entry::Answerer;

use crate::evaluate::{Choice, Opened};
use crate::library::ClipKey;
use crate::motion::Motion;
use crate::signature::{distances, signatures};
use crate::state::{
    Clip, Hearing, Maker, Person, Posterior, Reaction, Reactions, Recognising, SystemRow, Wishes, file_name,
};
use crate::text;

/// Points of a small picture of a clip.
const SPARKLINE_POINTS: usize = 36;

/// A small picture of a clip: values in 0..1.
pub type Sparkline = Arc<[f32]>;

/// What a worker made.
pub enum Made {
    /// The clips that ship with the program.
    Demos(Vec<DemoClip>),
    /// The renderer of faces, what they are made of, and which window they are for.
    Faces(Box<face::Renderer>, crate::people::Cast, u32),
    /// A head that faces are to be drawn with.
    Head(PathBuf),
    /// A system to choose.
    System(SystemRow),
    /// A corpus to browse.
    Corpus(Arc<Corpus>),
    /// What is wrong with the corpus, and how many findings each clip has.
    Checked(Arc<Report>, HashMap<ClipKey, usize>),
    /// A sound file to add to the list and choose.
    Sound(PathBuf),
    /// The chosen clip.
    Clip(Box<Clip>),
    /// Reactions to a clip.
    Reactions(Box<Reactions>),
    /// What a dialog gave.
    Picked(Vec<PathBuf>),
    /// The split that is scored.
    Split(Arc<study::Split>),
    /// What was scored of a system, and the table with it.
    Scored(Choice, Box<study::Scored>, Arc<study::Board>),
    /// The table of what was scored before.
    Board(Arc<study::Board>),
    /// Two rows of the table, clip by clip.
    Compared(crate::desk::Compared, Option<Arc<measures::paired::Comparison>>),
    /// Tables, figures and a report were written into this folder.
    Exported(PathBuf),
    /// A run folder, or numbers of another program.
    Run(PathBuf),
    /// The faces of a checkpoint preview.
    Preview(crate::train::Shown),
    /// The card of a checkpoint: its name and its words.
    Card(String, String),
    /// The corpus of the new run.
    CorpusOfForm(Option<PathBuf>),
    /// Something in a run folder was changed.
    Launched,
    /// How the window looks was written down.
    Remembered,
    /// Numbers or a picture of a run were written here.
    Written(PathBuf),
    /// The reactions with what stands beside them.
    Extras(Box<Reactions>),
    /// What the recognition pass thinks of a real listener.
    Recognised(crate::state::Posterior),
    /// What was found of the latents of a system.
    Explored(Box<crate::explore::Found>),
    /// What the latents of a checkpoint (its hash) are called.
    Named(String, study::names::Names),
    /// Small pictures of clips.
    Sparklines(Vec<(ClipKey, Sparkline)>),
    /// Figures and their places.
    Figures(Vec<(&'static str, crate::figure::Kept)>),
}

/// What a worker made, and what it stumbled over on the way.
pub struct Answer {
    /// The result.
    pub made: Made,
    /// Partial failures, beside the result.
    pub warnings: Vec<String>,
}

impl From<Made> for Answer {
    fn from(made: Made) -> Self {
        Self { made, warnings: Vec::new() }
    }
}

/// Where a clip is read from.
#[derive(Clone)]
pub enum ClipSource {
    /// Ships with the program.
    Demo(DemoClip),
    /// A sound file.
    File(PathBuf),
    /// An entry of a corpus.
    Entry(Arc<Corpus>, Box<ClipEntry>),
}

/// Whether a path brings something to look at; a head, a network or predictions alone are shown with a clip of the demo.
pub fn is_looked_at(path: &Path) -> bool {
    !face::heads::is_head(path) && !path.extension().is_some_and(|end| end == "safetensors" || end == "npy")
}

/// Finds out what a path is and opens it.
///
/// # Errors
/// A fault naming the path and what the studio opens.
pub fn open(path: &Path, control: &Control) -> Result<Answer> {
    let meta = std::fs::metadata(path).map_err(|error| Fault::io(path, &error))?;
    if runs::is_run(path) {
        return Ok(Made::Run(path.to_owned()).into());
    }
    if face::heads::is_head(path) {
        return Ok(Made::Head(path.to_owned()).into());
    }
    if meta.is_dir() {
        let corpus = Corpus::open(path, control)?;
        if [Split::Train, Split::Val, Split::Test].into_iter().all(|split| corpus.clips(split).is_empty()) {
            return Err(Fault::new(FaultKind::Empty, path, "the folder holds no clips")
                .remedy("open the folder that holds train, val or test in the REACT 2024 layout"));
        }
        let warnings = match corpus.faults().len() {
            0 => Vec::new(),
            count => vec![text::opening_faults(count, &corpus.faults()[0])],
        };
        return Ok(Answer { made: Made::Corpus(Arc::new(corpus)), warnings });
    }
    let extension = path.extension().map(|text| text.to_string_lossy().to_lowercase()).unwrap_or_default();
    match extension.as_str() {
        "npy" => {
            let maker = Maker::Imported(Arc::new(listener::import::predictions(path, control)?));
            Ok(Made::System(SystemRow {
                name: file_name(path),
                origin: text::origin_predictions(path),
                maker,
                answers: None,
                file: Some(path.to_owned()),
            })
            .into())
        }
        "safetensors" => {
            let maker = Maker::System(listener::load(path)?);
            Ok(Made::System(SystemRow {
                name: file_name(path),
                origin: text::origin_checkpoint(path),
                maker,
                answers: None,
                file: Some(path.to_owned()),
            })
            .into())
        }
        "wav" | "flac" | "ogg" | "oga" | "mp3" | "mp4" | "m4a" | "aac" => {
            Ok(Made::Sound(path.to_owned()).into())
        }
        _ => Err(Fault::new(FaultKind::Unsupported, path, "this is no kind of file the studio opens")
            .remedy(text::OPENABLE)),
    }
}

/// Reads a clip and prepares what the window shows of it.
///
/// # Errors
/// A fault naming the file.
pub fn load_clip(key: ClipKey, source: &ClipSource, control: &Control) -> Result<Answer> {
    control.step(text::STAGE_CLIP, 0, 3, "")?;
    let mut warnings = Vec::new();
    let (id, synthetic, mut speaker, mut listener) = match source {
        ClipSource::Demo(demo) => (demo.id(), true, demo.streams()?, demo.listener_streams()?),
        ClipSource::File(path) => {
            let decoded = speech::decode_with_warnings(path)?;
            warnings.extend(decoded.warnings.iter().map(|warning| format!("{}: {warning}", file_name(path))));
            let sound = Some(decoded.waveform);
            let streams = Streams { sound, video: clips::Footage::of_file(path), ..Streams::default() };
            (file_name(path), false, streams, None)
        }
        ClipSource::Entry(corpus, entry) => {
            let speaker = listener::corpus_speaker(corpus, entry)?;
            let listener = entry.read_listener().map_err(|fault| warnings.push(fault.to_string())).ok();
            (entry.id.clone(), false, speaker, listener)
        }
    };
    control.step(text::STAGE_CLIP, 1, 3, "")?;
    let frames = speaker.frames();
    if frames == 0 {
        return Err(Fault::new(FaultKind::Empty, &id, "the clip is shorter than one frame (40 ms)")
            .remedy("choose a longer clip"));
    }
    speaker.cut(frames);
    let [speaker_video, listener_video] = filmed(source, &mut warnings);
    listener = listener.filter(|person| {
        person.attributes.is_some() || person.coefficients.is_some() || listener_video.is_some()
    });
    if let Some(person) = &mut listener {
        person.sound = None;
        person.cut(frames);
    }
    let peaks = speaker.sound.as_ref().map(|sound| Arc::new(Peaks::of(sound)));
    let hearing = speaker.sound.as_ref().map(|sound| Arc::new(Hearing::of(sound)));
    control.step(text::STAGE_CLIP, 2, 3, "")?;
    let clip = Clip {
        key,
        id,
        synthetic,
        speaker: Person { video: speaker_video, ..Person::new(speaker) },
        listener: listener.map(|streams| Person { video: listener_video, ..Person::new(streams) }),
        frames,
        peaks,
        hearing,
    };
    Ok(Answer { made: Made::Clip(Box::new(clip)), warnings })
}

/// Videos of speaker and listener; of a sound file, what is filmed in it.
fn filmed(source: &ClipSource, warnings: &mut Vec<String>) -> [Option<VideoSource>; 2] {
    match source {
        ClipSource::Demo(_) => [None, None],
        // Opened by the tile that shows it, which says what is wrong with it.
        ClipSource::Entry(_, entry) => [video_of(&entry.speaker), video_of(&entry.listener)],
        ClipSource::File(path) if path.extension().is_some_and(|kind| kind.eq_ignore_ascii_case("mp4")) => {
            let video = VideoSource::Mp4(path.clone());
            match media::Video::open(&video) {
                Ok(_) => [Some(video), None],
                // Sound alone in an .mp4 is nothing to talk about.
                Err(fault) if fault.kind == FaultKind::MissingModality => [None, None],
                Err(fault) => {
                    warnings.push(fault.to_string());
                    [None, None]
                }
            }
        }
        ClipSource::File(_) => [None, None],
    }
}

/// Reads every file of a corpus and says what is wrong, with the sound held against the jaw.
///
/// # Errors
/// A stop on request; everything else is a finding.
pub fn check(corpus: &Corpus, control: &Control) -> Result<Answer> {
    let loudness = |path: &Path| Ok(speech::loudness_db(&speech::decode(path)?));
    let config = CheckConfig { loudness: Some(&loudness), ..CheckConfig::default() };
    let report = clips::corpus::check::check(corpus, &config, control)?;
    let faults = crate::library::faults_of_clips(corpus, &report);
    Ok(Made::Checked(Arc::new(report), faults).into())
}

fn video_of(person: &PersonFiles) -> Option<VideoSource> {
    let files = person.video.clone()?;
    Some(VideoSource::from(&clips::Footage { files, rate: person.frames_per_second }))
}

/// What of the wishes a system can be asked for: guidance is for those with latents, a style for those that know styles.
fn sampling_of(system: &dyn System, wishes: &Wishes) -> clips::Sampling {
    let mut sampling = wishes.sampling;
    if system.latents() == 0 {
        sampling.guidance = 0.0;
    }
    if !system.knows_styles() {
        sampling.style = clips::take::Style::default();
    }
    sampling
}

/// Makes reactions to a clip and what the window shows of them.
///
/// # Errors
/// What the system says, and a stop on request.
pub fn react(row: &SystemRow, clip: &Clip, wishes: &Wishes, control: &Control) -> Result<Answer> {
    let request = Request {
        latents: LatentChoice::All,
        samples: wishes.samples,
        seed: wishes.seed,
        sampling: match &row.maker {
            Maker::System(system) => sampling_of(&**system, wishes),
            Maker::Imported(_) => wishes.sampling,
        },
        track: wishes.track,
        turns: Vec::new(),
    };
    let started = Instant::now();
    let mut warnings = Vec::new();
    let takes = match &row.maker {
        Maker::System(system) => system.generate(&clip.id, &clip.speaker.streams, &request, control)?,
        Maker::Imported(imported) => {
            let number = clip.key.number();
            if number >= imported.clips() {
                let what =
                    format!("it holds {} clips and this is clip number {}", imported.clips(), number + 1);
                return Err(Fault::new(FaultKind::Mismatch, &row.name, what).remedy(
                    "choose one of the first clips, or open the predictions that belong to this list",
                ));
            }
            if imported.frames() != clip.frames {
                warnings.push(text::other_length(&row.name, imported.frames(), clip.frames));
            }
            imported.takes(number, &clip.id)?
        }
    };
    let seconds = match row.maker {
        Maker::System(_) => started.elapsed().as_secs_f64(),
        Maker::Imported(_) => 0.0,
    };
    control.check()?;
    let reactions = Reactions { seconds, ..reactions_of(takes, &row.name) };
    Ok(Answer { made: Made::Reactions(Box::new(reactions)), warnings })
}

/// A real listener is read at about so many moments.
const READINGS: usize = 75;

/// What is asked for beside the reactions of the single latents.
pub struct Extras {
    /// The painted lane: its first latent and its turns.
    pub lane: Option<(usize, Vec<(usize, usize)>)>,
    /// The average of all appropriate answers to a row of a corpus.
    pub average: Option<(Arc<Corpus>, clips::corpus::Split)>,
    /// Other systems, one reaction each.
    pub beside: Vec<SystemRow>,
}

/// Makes what is asked for beside the reactions of the single latents and puts it behind them. A system that cannot answer
/// is a warning; the others do.
///
/// # Errors
/// What the system of the wall says, and a stop on request.
pub fn extras(
    row: &SystemRow,
    clip: &Clip,
    wishes: &Wishes,
    wanted: Extras,
    others: Reactions,
    control: &Control,
) -> Result<Answer> {
    let Extras { lane, average, beside } = wanted;
    let mut made = Vec::new();
    let mut warnings = Vec::new();
    if let (Some((base, turns)), Maker::System(system)) = (lane, &row.maker) {
        let request = Request {
            latents: LatentChoice::One(base),
            samples: 1,
            seed: wishes.seed,
            sampling: sampling_of(&**system, wishes),
            track: wishes.track,
            turns,
        };
        made.extend(system.generate(&clip.id, &clip.speaker.streams, &request, control)?);
    }
    let mut answers = 0;
    if let Some((corpus, split)) = average {
        let rows = corpus.neighbours(split)?.map_or_else(Vec::new, |matrix| matrix.rows);
        answers = rows.get(clip.key.number()).map_or(0, Vec::len);
        let system = listener::Naive::AverageOfModes.system(&corpus, split, control)?;
        made.extend(system.generate(&clip.id, &clip.speaker.streams, &Request::default(), control)?);
    }
    let mut makers: Vec<Option<String>> = vec![None; made.len()];
    for other in &beside {
        match one_of(other, clip, wishes, control) {
            Ok(take) => {
                made.extend(take);
                makers.resize(made.len(), Some(other.name.clone()));
            }
            Err(fault) if fault.is_cancelled() => return Err(fault),
            Err(fault) => warnings.push(format!("{}: {fault}", other.name)),
        }
    }
    control.check()?;
    made.iter_mut().for_each(|take| take.header.rank = None);
    let takes: Vec<Take> = others.all.iter().map(|reaction| reaction.take.clone()).chain(made).collect();
    let mut together = reactions_in_order(takes, &others.system);
    // the words of the others stay what they were
    let mut extras = together.all.split_off(others.all.len());
    for average in extras.iter_mut().filter(|reaction| reaction.is_average()) {
        average.signature.words = vec![text::average_of(answers)];
    }
    for (extra, maker) in extras.iter_mut().zip(makers) {
        extra.beside = maker;
    }
    let all = others.all.into_iter().chain(extras).collect();
    let reactions = Reactions { all, distances: together.distances, ..others };
    Ok(Answer { made: Made::Extras(Box::new(reactions)), warnings })
}

/// The reaction of a system that it would choose itself: the best ranked, or its first.
fn one_of(row: &SystemRow, clip: &Clip, wishes: &Wishes, control: &Control) -> Result<Option<Take>> {
    let takes = match &row.maker {
        Maker::System(system) => {
            let request = Request {
                latents: if system.latents() > 0 { LatentChoice::Best } else { LatentChoice::All },
                samples: 1,
                seed: wishes.seed,
                sampling: sampling_of(&**system, wishes),
                track: wishes.track,
                turns: Vec::new(),
            };
            system.generate(&clip.id, &clip.speaker.streams, &request, control)?
        }
        Maker::Imported(imported) => imported.takes(clip.key.number(), &clip.id)?,
    };
    Ok(takes.into_iter().next())
}

/// Reads the real listener of a clip on the way.
///
/// # Errors
/// What the network says, and a stop on request.
pub fn recognise(row: &SystemRow, clip: &Clip, of: Recognising, control: &Control) -> Result<Answer> {
    let network = match &row.maker {
        Maker::System(system) => system.latent_intent(),
        Maker::Imported(_) => None,
    };
    let (Some(network), Some(listener)) = (network, &clip.listener) else {
        return Err(Fault::new(
            FaultKind::Unsupported,
            &row.name,
            "there is no one to recognise a latent in",
        ));
    };
    let step = clip.frames.div_ceil(READINGS).max(2);
    let posterior =
        network.posterior_over_time(&clip.id, &clip.speaker.streams, &listener.streams, step, control)?;
    Ok(Made::Recognised(Posterior { of, posterior }).into())
}

/// The very reactions that were scored in Evaluate, with what the window shows of them.
///
/// # Errors
/// What the system or the file says, and a stop on request.
pub fn react_as_scored(opened: &Opened, system: &str, control: &Control) -> Result<Answer> {
    let started = Instant::now();
    let takes =
        opened.entry.takes(&opened.split, opened.clip, opened.samples, opened.scored.seed, control)?;
    let seconds = started.elapsed().as_secs_f64();
    control.check()?;
    let made = matches!(opened.entry.answerer, Answerer::System(_));
    let reactions = Reactions {
        seconds: if made { seconds } else { 0.0 },
        scored: Some(opened.scored.clone()),
        ..reactions_in_order(takes, system)
    };
    Ok(Made::Reactions(Box::new(reactions)).into())
}

/// Takes by latent and sample with their faces, signatures and distances.
pub fn reactions_of(mut takes: Vec<Take>, system: &str) -> Reactions {
    takes.sort_by_key(|take| (take.header.latent, take.header.sample));
    reactions_in_order(takes, system)
}

fn reactions_in_order(takes: Vec<Take>, system: &str) -> Reactions {
    let signatures = signatures(&takes);
    let distances = distances(&takes);
    let all = takes
        .into_iter()
        .zip(signatures)
        .map(|(take, signature)| {
            let motion = match take.coefficients.as_deref() {
                Some(rows) if !rows.is_empty() => Motion::of_coefficients(rows),
                _ => Motion::of_attributes(&take.attributes),
            };
            Reaction { take, motion: Arc::new(motion), signature, beside: None }
        })
        .collect();
    Reactions { all, distances, seconds: 0.0, system: system.to_owned(), scored: None }
}

/// Small pictures of clips: valence of the real listener, else loudness of the speaker. Clips that cannot be read
/// get a flat line; choosing them says why.
///
/// # Errors
/// A stop on request.
pub fn sparklines(wanted: Vec<(ClipKey, ClipSource)>, control: &Control) -> Result<Answer> {
    let mut pictures = Vec::with_capacity(wanted.len());
    for (key, source) in wanted {
        control.check()?;
        pictures.push((key, sparkline(&source).into()));
    }
    Ok(Made::Sparklines(pictures).into())
}

fn sparkline(source: &ClipSource) -> Vec<f32> {
    let streams = match source {
        ClipSource::Demo(demo) => demo.streams().ok(),
        ClipSource::File(path) => {
            speech::decode(path).ok().map(|sound| Streams { sound: Some(sound), ..Streams::default() })
        }
        ClipSource::Entry(_, entry) => entry.read_listener().ok(),
    };
    let Some(streams) = streams else { return vec![0.0; 2] };
    if let Some(sound) = &streams.sound {
        let peaks = Peaks::of(sound);
        let ranges = peaks.range(0, sound.len(), SPARKLINE_POINTS);
        return ranges.into_iter().map(|(low, high)| (high - low).abs().min(2.0) * 0.5).collect();
    }
    let Some(rows) = streams.attributes.filter(|rows| !rows.is_empty()) else { return vec![0.0; 2] };
    let width = rows.len().div_ceil(SPARKLINE_POINTS);
    rows.chunks(width)
        .map(|part| {
            let mean = part.iter().map(|row| row[clips::channels::VALENCE]).sum::<f32>() / part.len() as f32;
            (mean * 0.5 + 0.5).clamp(0.0, 1.0)
        })
        .collect()
}
