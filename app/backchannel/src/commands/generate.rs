//! `backchannel generate`: reactions to a corpus split or to any sound file, written as arrays others can read.
//!
//! Every finished clip is kept under `OUT/parts` until the arrays are complete, so that an interrupted run goes on
//! where it stopped: the parts belong to one request (`OUT/request.json`), and another request is refused.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clips::array::{make_folder, read_npy, write_atomically, write_npy};
use clips::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT};
use clips::corpus::{Corpus, Split};
use clips::time::CLIP_FRAMES;
use clips::{Control, Fault, FaultKind, Sampling, Streams, Take, TakeHeader, Track};
use listener::{LatentChoice, Request, System};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::sampling::SamplingArgs;
use super::{Shard, bad_request};
use crate::output::Output;

#[derive(Debug, clap::Args)]
#[command(allow_negative_numbers = true)]
#[command(group(clap::ArgGroup::new("source").required(true).args(["corpus", "clip"])))]
pub struct Args {
    /// Checkpoint file; `demo`, `demo-plain`, `demo-trans-vae`, `demo-belfusion`, `demo-regnn` and `demo-learning2listen` are
    /// the shipped ones, and `demo-trans-vae-online`, `demo-belfusion-online` for `--track online`
    #[arg(long, value_name = "FILE")]
    checkpoint: PathBuf,
    /// Corpus folder in the REACT layout
    #[arg(long, value_name = "DIR")]
    corpus: Option<PathBuf>,
    /// Split of the corpus: train, val or test
    #[arg(long, default_value = "val")]
    split: String,
    /// Sound files (WAV, FLAC, OGG, MP3); may be repeated
    #[arg(long, value_name = "FILE")]
    clip: Vec<PathBuf>,
    /// offline sees the whole speaker clip, online only its past
    #[arg(long, default_value = "offline")]
    track: String,
    /// all, best, or one latent intent: z1, z2 ... as everywhere, or its number counted from 0
    #[arg(long, default_value = "all")]
    latent: String,
    /// Reactions for each latent
    #[arg(long, default_value_t = 1)]
    samples: usize,
    /// Seed of every draw
    #[arg(long, default_value_t = 1)]
    seed: u64,
    #[command(flatten)]
    sampling: SamplingArgs,
    /// From this frame on go on with that latent, the history kept: 250:z3; may be repeated
    #[arg(long, value_name = "FRAME:LATENT")]
    turn: Vec<String>,
    /// All latents draw the same random numbers, so that nothing but the latent differs
    #[arg(long)]
    shared_noise: bool,
    /// Cut every clip to this many frames; without it at most 750, and clips must agree
    #[arg(long)]
    frames: Option<usize>,
    /// Leave out clips that cannot be read instead of stopping at the first
    #[arg(long)]
    keep_going: bool,
    /// Do every N-th clip only, beginning with the I-th (from 1), and leave them in the folder: 2/4. Several machines can
    /// share it; the same command without --shard joins what they made
    #[arg(long, value_name = "I/N")]
    shard: Option<String>,
    /// Folder for attributes.npy, coefficients.npy and takes.json
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

/// What makes two runs the same request; parts of another request are never mixed in.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct RequestFile {
    system: String,
    checkpoint: String,
    source: String,
    track: Track,
    latent: String,
    samples: usize,
    seed: u64,
    sampling: Sampling,
    #[serde(default)]
    turns: Vec<(usize, usize)>,
    frames: Option<usize>,
}

/// One line of `takes.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TakeRow {
    /// Index on the clip axis of the arrays.
    pub clip_index: usize,
    /// Index on the sample axis of the arrays.
    pub take_index: usize,
    /// Everything needed to make the take again.
    #[serde(flatten)]
    pub header: TakeHeader,
}

pub fn run(args: &Args, output: &Output) -> clips::Result<()> {
    let request = request_of(args)?;
    let system = super::load_system(&args.checkpoint)?;
    if system.latents() == 0
        && (request.sampling.guidance != 0.0 || matches!(request.latents, LatentChoice::One(_)))
    {
        return Err(bad_request(
            format!("{} has no latent to choose or to guide by", system.name()),
            "leave out --latent and --guidance",
        ));
    }
    if request.sampling.has_style() && !system.knows_styles() {
        return Err(bad_request(
            format!("{} knows no styles", system.name()),
            "leave out --style, or train a latent-intent network with --set style=true",
        ));
    }
    let sources = sources_of(args)?;
    let job = Job {
        system: &*system,
        request: &request,
        latent: &args.latent,
        frames: args.frames,
        keep_going: args.keep_going,
        shard: args.shard.as_deref().map(Shard::parse).transpose()?,
        out: &args.out,
    };
    job.run(&sources, output)
}

/// Reactions to many clips, written into a folder.
pub struct Job<'a> {
    /// Who answers.
    pub system: &'a dyn System,
    /// What is asked of each clip.
    pub request: &'a Request,
    /// The choice of latents as it was written.
    pub latent: &'a str,
    /// Cut every clip to this many frames.
    pub frames: Option<usize>,
    /// Leave out what cannot be read.
    pub keep_going: bool,
    /// Only these clips, which are not joined yet.
    pub shard: Option<Shard>,
    /// The folder.
    pub out: &'a Path,
}

impl Job<'_> {
    /// Makes the reactions, prints the result.
    pub fn run(&self, sources: &[Source], output: &Output) -> clips::Result<()> {
        make_folder(self.out)?;
        let names: Vec<String> = sources.iter().map(Source::name).collect();
        let identity = RequestFile {
            system: self.system.name().to_owned(),
            checkpoint: self.system.checkpoint().to_owned(),
            source: names.join("\n"),
            track: self.request.track,
            latent: self.latent.to_owned(),
            samples: self.request.samples,
            seed: self.request.seed,
            sampling: self.request.sampling,
            turns: self.request.turns.clone(),
            frames: self.frames,
        };
        let parts = Parts::open(self.out, &identity)?;
        let control = output.control();
        let mut skipped = Vec::new();
        let mut kept: Vec<usize> = Vec::new();
        let started = std::time::Instant::now();
        let mut frames_made = 0usize;
        for (index, source) in sources.iter().enumerate() {
            control.step("clips", index as u64, sources.len() as u64, source.name())?;
            if parts.has(index) {
                kept.push(index);
                continue;
            }
            if self.shard.is_some_and(|shard| !shard.holds(index)) {
                continue;
            }
            match one_clip(self.system, source, self.request, self.frames, &control, output) {
                Ok(takes) => {
                    frames_made += takes.iter().map(Take::frames).sum::<usize>();
                    parts.write(index, &takes)?;
                    kept.push(index);
                }
                Err(fault) if self.keep_going && !fault.is_cancelled() => {
                    output.warn(&fault);
                    skipped.push(fault);
                }
                Err(fault) => return Err(fault),
            }
        }
        let spent = started.elapsed().as_secs_f64();
        control.step("clips", sources.len() as u64, sources.len() as u64, "")?;
        if self.shard.is_some() {
            let left = (0..sources.len()).filter(|index| !parts.has(*index)).count();
            let value = json!({
                "system": self.system.name(), "clips": sources.len(), "left": left, "out": self.out,
                "skipped": skipped, "seconds": spent,
            });
            let then = if left == 0 { "; the same without --shard joins them" } else { "" };
            let text = format!("{} of {} clips are there{then}", sources.len() - left, sources.len());
            return output.result(&value, text);
        }
        if kept.is_empty() {
            return Err(Fault::new(FaultKind::Empty, self.out, "no clip could be read")
                .remedy("see the warnings above"));
        }
        let (rows, shape) = parts.combine(&kept, &names, self.out, &control)?;
        let times = if spent > 0.0 { clips::time::seconds_of_frame(frames_made as f64) / spent } else { 0.0 };
        let summary = json!({
            "system": self.system.name(), "checkpoint": self.system.checkpoint(), "track": self.request.track,
            "clips": shape[0], "takes_per_clip": shape[1], "frames": shape[2],
            "out": self.out, "skipped": skipped,
            "seconds": spent, "times_real_time": times,
        });
        write_atomically(&self.out.join("takes.json"), |file| {
            serde_json::to_writer_pretty(file, &json!({ "request": identity, "takes": rows }))
                .map_err(Into::into)
        })?;
        parts.remove();
        let text = format!(
            "{} clip{} x {} takes x {} frames by {} in {spent:.1} s -> {}",
            shape[0],
            if shape[0] == 1 { "" } else { "s" },
            shape[1],
            shape[2],
            self.system.name(),
            self.out.display()
        );
        output.result(&summary, text)
    }
}

fn request_of(args: &Args) -> clips::Result<Request> {
    let latents = match args.latent.as_str() {
        "all" => LatentChoice::All,
        "best" => LatentChoice::Best,
        name => LatentChoice::One(latent_of(name).ok_or_else(|| {
            bad_request(format!("--latent {name} is not a latent"), "say all, best, z1 or a number from 0")
        })?),
    };
    if args.frames == Some(0) {
        return Err(bad_request("--frames 0 leaves nothing", "ask for at least 1"));
    }
    if args.samples == 0 {
        return Err(bad_request("--samples 0 makes nothing", "ask for at least 1"));
    }
    let sampling = Sampling { shared_noise: args.shared_noise, ..args.sampling.sampling()? };
    Ok(Request {
        latents,
        samples: args.samples,
        seed: args.seed,
        sampling,
        track: parse_track(&args.track)?,
        turns: turns_of(&args.turn)?,
    })
}

/// `250:z3` and the like, in the order of frames.
fn turns_of(all: &[String]) -> clips::Result<Vec<(usize, usize)>> {
    let mut turns = Vec::new();
    for text in all {
        let turn =
            text.split_once(':').and_then(|(frame, latent)| Some((frame.parse().ok()?, latent_of(latent)?)));
        turns.push(turn.ok_or_else(|| {
            bad_request(format!("--turn {text} is not a frame and a latent"), "write it as 250:z3")
        })?);
    }
    turns.sort_unstable();
    if turns.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err(bad_request("two turns at one frame", "name one latent for each frame"));
    }
    Ok(turns)
}

/// `z3`, or `2` counted from 0.
fn latent_of(name: &str) -> Option<usize> {
    match name.strip_prefix(['z', 'Z']) {
        Some(number) => number.parse::<usize>().ok()?.checked_sub(1),
        None => name.parse().ok(),
    }
}

/// `offline` or `online`.
pub fn parse_track(text: &str) -> clips::Result<Track> {
    match text {
        "offline" => Ok(Track::Offline),
        "online" => Ok(Track::Online),
        other => Err(bad_request(format!("--track {other} is not a track"), "say offline or online")),
    }
}

/// A split by its name.
pub fn parse_split(text: &str) -> clips::Result<Split> {
    match text {
        "train" => Ok(Split::Train),
        "val" => Ok(Split::Val),
        "test" => Ok(Split::Test),
        other => Err(bad_request(format!("--split {other} is not a split"), "say train, val or test")),
    }
}

/// One speaker to answer.
pub enum Source {
    Entry(Arc<Corpus>, Box<clips::corpus::ClipEntry>),
    File(PathBuf),
}

impl Source {
    /// What it is called in takes.
    fn name(&self) -> String {
        match self {
            Self::Entry(_, entry) => entry.id.clone(),
            Self::File(path) => path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        }
    }

    fn streams(&self, system: &dyn System, output: &Output) -> clips::Result<Streams> {
        match self {
            Self::Entry(corpus, entry) if system.hears() => listener::corpus_speaker(corpus, entry),
            Self::Entry(corpus, entry) => listener::read_face(corpus, &entry.speaker),
            Self::File(path) => {
                let decoded = speech::decode_with_warnings(path)?;
                for warning in &decoded.warnings {
                    output.warn(warning);
                }
                Ok(Streams {
                    sound: Some(decoded.waveform),
                    video: clips::Footage::of_file(path),
                    ..Streams::default()
                })
            }
        }
    }
}

fn sources_of(args: &Args) -> clips::Result<Vec<Source>> {
    if let Some(root) = &args.corpus {
        let corpus = Arc::new(Corpus::open(root, &Control::default())?);
        sources_of_split(&corpus, parse_split(&args.split)?)
    } else {
        Ok(args.clip.iter().cloned().map(Source::File).collect())
    }
}

/// Every row of a split.
pub fn sources_of_split(corpus: &Arc<Corpus>, split: Split) -> clips::Result<Vec<Source>> {
    let entries = corpus.clips(split).to_vec();
    if entries.is_empty() {
        let what = format!("the {} split has no clips", split.name());
        return Err(
            Fault::new(FaultKind::Empty, corpus.root(), what).remedy("choose another split with --split")
        );
    }
    Ok(entries.into_iter().map(|entry| Source::Entry(corpus.clone(), Box::new(entry))).collect())
}

fn one_clip(
    system: &dyn System,
    source: &Source,
    request: &Request,
    frames: Option<usize>,
    control: &Control,
    output: &Output,
) -> clips::Result<Vec<Take>> {
    let mut streams = source.streams(system, output)?;
    let have = streams.frames();
    let want = frames.unwrap_or_else(|| have.min(CLIP_FRAMES));
    if have < want || want == 0 {
        let fault = if have == 0 {
            Fault::new(FaultKind::Empty, source.name(), "the clip is shorter than one frame (40 ms)")
                .remedy("leave the clip out, or skip such clips with --keep-going")
        } else {
            Fault::new(
                FaultKind::WrongShape,
                source.name(),
                format!("the clip has {have} frames, --frames asks for {want}"),
            )
            .remedy(format!("ask for at most {have}, or skip such clips with --keep-going"))
        };
        return Err(fault);
    }
    streams.cut(want);
    // The bar of the command counts clips; the steps inside one clip only carry the stop flag.
    system.generate(&source.name(), &streams, request, &control.silent())
}

/// The finished clips of an unfinished run.
struct Parts {
    folder: PathBuf,
}

impl Parts {
    fn open(out: &Path, identity: &RequestFile) -> clips::Result<Self> {
        let folder = out.join("parts");
        let file = out.join("request.json");
        // A request that made nothing binds nobody.
        let begun = folder.read_dir().is_ok_and(|mut parts| parts.next().is_some());
        if begun || out.join("attributes.npy").exists() {
            if !file.is_file() {
                return Err(Fault::new(
                    FaultKind::Mismatch,
                    out.join("attributes.npy"),
                    "it was not written by this command and is not overwritten",
                )
                .remedy("choose another --out"));
            }
            let old = std::fs::read_to_string(&file).ok().and_then(|text| serde_json::from_str(&text).ok());
            if old.as_ref() != Some(identity) {
                return Err(Fault::new(
                    FaultKind::Mismatch,
                    &file,
                    "the folder holds takes of another request",
                )
                .remedy("choose another --out, or ask for the same as before to go on with it"));
            }
        }
        make_folder(&folder)?;
        write_atomically(&file, |writer| serde_json::to_writer_pretty(writer, identity).map_err(Into::into))?;
        Ok(Self { folder })
    }

    fn file(&self, index: usize, what: &str) -> PathBuf {
        self.folder.join(format!("{index:05}.{what}"))
    }

    /// The header is written last, so a part with a header is whole.
    fn has(&self, index: usize) -> bool {
        self.file(index, "json").exists()
    }

    fn write(&self, index: usize, takes: &[Take]) -> clips::Result<()> {
        let frames = takes.first().map_or(0, Take::frames);
        let attributes: Vec<f32> =
            takes.iter().flat_map(|take| take.attributes.iter().flatten().copied()).collect();
        write_npy(&self.file(index, "attributes.npy"), &[takes.len(), frames, ATTRIBUTE_COUNT], &attributes)?;
        if takes.iter().all(|take| take.coefficients.is_some()) {
            let coefficients: Vec<f32> = takes
                .iter()
                .filter_map(|take| take.coefficients.as_ref())
                .flat_map(|rows| rows.iter().flatten().copied())
                .collect();
            write_npy(
                &self.file(index, "coefficients.npy"),
                &[takes.len(), frames, COEFFICIENT_COUNT],
                &coefficients,
            )?;
        }
        let headers: Vec<&TakeHeader> = takes.iter().map(|take| &take.header).collect();
        write_atomically(&self.file(index, "json"), |file| {
            serde_json::to_writer(file, &headers).map_err(Into::into)
        })
    }

    /// Joins the parts into the two arrays; returns the rows of `takes.json` and [clips, takes, frames].
    fn combine(
        &self,
        kept: &[usize],
        names: &[String],
        out: &Path,
        control: &Control,
    ) -> clips::Result<(Vec<TakeRow>, [usize; 3])> {
        let mut rows = Vec::new();
        for (clip_index, index) in kept.iter().enumerate() {
            let path = self.file(*index, "json");
            let text = std::fs::read_to_string(&path).map_err(|error| Fault::io(&path, &error))?;
            let headers: Vec<TakeHeader> = serde_json::from_str(&text).map_err(|error| {
                Fault::new(FaultKind::Malformed, &path, error.to_string())
                    .remedy("remove the folder and run again")
            })?;
            rows.extend(headers.into_iter().enumerate().map(|(take_index, header)| TakeRow {
                clip_index,
                take_index,
                header,
            }));
        }
        let shape = self.join(kept, names, "attributes.npy", &out.join("attributes.npy"), control)?;
        if kept.iter().all(|index| self.file(*index, "coefficients.npy").exists()) {
            self.join(kept, names, "coefficients.npy", &out.join("coefficients.npy"), control)?;
        }
        Ok((rows, [shape[0], shape[1], shape[2]]))
    }

    fn join(
        &self,
        kept: &[usize],
        names: &[String],
        what: &str,
        target: &Path,
        control: &Control,
    ) -> clips::Result<Vec<usize>> {
        let first = read_npy(&self.file(kept[0], what))?;
        let length = |part: &clips::array::Array| part.shape.get(1).copied().unwrap_or(0);
        let mut shape = vec![kept.len()];
        shape.extend(&first.shape);
        let mut writer = clips::array::NpyWriter::create(target, &shape)?;
        for index in kept {
            control.check()?;
            let path = self.file(*index, what);
            let part = read_npy(&path)?;
            if part.shape != first.shape {
                return Err(Fault::new(
                    FaultKind::WrongShape,
                    names.get(*index).map_or("", String::as_str),
                    format!("{} frames; {} has {}", length(&part), names[kept[0]], length(&first)),
                )
                .remedy("cut all clips to a common length with --frames"));
            }
            writer.extend(&part.values)?;
        }
        writer.finish()?;
        Ok(shape)
    }

    fn remove(self) {
        // Nothing is lost when this fails: the parts are copies of what the arrays hold.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}
