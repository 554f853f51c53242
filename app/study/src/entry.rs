//! Who takes part in a study: a system and how it is asked, or predictions that are there already.
//!
//! An entry is written `[LABEL=]WHAT[@OPTION]...`. WHAT is a naive baseline (`random`, `mime`, `mean-sequence`,
//! `mean-frame`, `truth`), a shipped checkpoint (`demo`, `demo-plain`), a checkpoint file, or predictions (an `.npy` of
//! clips x samples x frames x 25, or a folder written by `generate`). Options: `@online`, `@best` (all samples from the
//! best-ranked latent intent, the paper's way), `@spread` (the samples go round the latents by rank), `@z3` (one latent),
//! `@guidance:1`, `@temperature:0.8`, `@top-p:0.9`, `@top-k:5`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clips::blocks::Blocks;
use clips::channels::ATTRIBUTE_COUNT;
use clips::corpus::Corpus;
use clips::{Attributes, Control, Fault, FaultKind, Result, Sampling, Take, TakeHeader, Track};
use listener::{LatentChoice, Naive, Request, System};
use serde::{Deserialize, Serialize};

use crate::split::Split;

/// How samples are drawn from a system with latent intents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Draw {
    /// All samples from the latent whose reaction is ranked best: the paper's way for the official measures.
    #[default]
    Best,
    /// One sample of each latent in the order of their rank, then a second one, and so on: more diverse.
    Spread,
    /// All samples from this latent, counted from 0.
    One(usize),
}

/// What answers.
#[derive(Clone)]
pub enum Answerer {
    /// A network or a naive baseline.
    System(Arc<dyn System>),
    /// Predictions on the disk.
    File(Arc<Predictions>),
}

/// Predictions on the disk, clips x samples x frames x 25.
#[derive(Debug)]
pub struct Predictions {
    blocks: Blocks,
    hash: String,
    headers: Option<Vec<Vec<TakeHeader>>>,
}

/// One row of a study.
#[derive(Clone)]
pub struct Entry {
    /// What the row is called.
    pub label: String,
    /// How it was named on the command line; enough to ask again.
    pub spec: String,
    /// What answers.
    pub answerer: Answerer,
    /// What it may see.
    pub track: Track,
    /// How samples are drawn.
    pub draw: Draw,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Which letter it has in pictures ([`crate::looks`]); without one, its place among those that are no baselines.
    pub slot: Option<usize>,
}

impl std::fmt::Debug for Entry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Entry").field("label", &self.label).field("spec", &self.spec).finish_non_exhaustive()
    }
}

impl Entry {
    /// The entry that `spec` names, for a split of `corpus`.
    ///
    /// # Errors
    /// An unknown option, a file that is not there or does not fit, a corpus without what a baseline needs.
    pub fn parse(
        spec: &str,
        corpus: &Arc<Corpus>,
        split: clips::corpus::Split,
        control: &Control,
    ) -> Result<Self> {
        let (named, rest) = match spec.split_once('=') {
            // an equals sign inside a path is no label
            Some((label, rest)) if !label.is_empty() && !Path::new(spec).exists() => (Some(label), rest),
            _ => (None, spec),
        };
        let mut parts = rest.split('@');
        let what = parts.next().unwrap_or_default();
        let mut entry = Self {
            label: String::new(),
            spec: spec.to_owned(),
            answerer: answerer(what, corpus, split, control)?,
            track: Track::Offline,
            draw: Draw::default(),
            sampling: Sampling::default(),
            slot: None,
        };
        for option in parts {
            entry.apply(option)?;
        }
        entry.require_fitting()?;
        entry.label = named.map_or_else(|| entry.default_label(what), str::to_owned);
        Ok(entry)
    }

    /// An entry for a system that is open already.
    pub fn of_system(label: impl Into<String>, spec: impl Into<String>, system: Arc<dyn System>) -> Self {
        Self {
            label: label.into(),
            spec: spec.into(),
            answerer: Answerer::System(system),
            track: Track::Offline,
            draw: Draw::default(),
            sampling: Sampling::default(),
            slot: None,
        }
    }

    fn apply(&mut self, option: &str) -> Result<()> {
        let wrong = || {
            bad(
                format!("{}: @{option} is no option", self.spec),
                "use @online, @best, @spread, @z3, @guidance:1, @temperature:0.8, @top-p:0.9 or @top-k:5",
            )
        };
        let number =
            |text: &str| text.parse::<f32>().ok().filter(|value| value.is_finite()).ok_or_else(wrong);
        match option.split_once(':') {
            Some(("guidance", value)) => {
                self.sampling.guidance = number(value).and_then(|v| within(v, 0.0, 5.0, option))?;
            }
            Some(("temperature", value)) => {
                self.sampling.temperature = number(value).and_then(|v| within(v, 0.0, 10.0, option))?;
            }
            Some(("top-p", value)) => {
                self.sampling.top_p = number(value).and_then(|v| within(v, 0.01, 1.0, option))?;
            }
            Some(("top-k", value)) => self.sampling.top_k = value.parse().map_err(|_| wrong())?,
            None if option == "offline" => self.track = Track::Offline,
            None if option == "online" => self.track = Track::Online,
            None if option == "best" => self.draw = Draw::Best,
            None if option == "spread" => self.draw = Draw::Spread,
            None if option.starts_with('z') => {
                let latent = option[1..].parse::<usize>().ok().and_then(|latent| latent.checked_sub(1));
                self.draw = Draw::One(latent.ok_or_else(wrong)?);
            }
            _ => return Err(wrong()),
        }
        Ok(())
    }

    fn require_fitting(&self) -> Result<()> {
        let latents = self.latents();
        match self.draw {
            Draw::One(latent) if latent >= latents => Err(bad(
                format!("{}: there is no latent z{}", self.spec, latent + 1),
                format!("the system has {latents}"),
            )),
            _ if self.sampling.guidance > 0.0 && latents == 0 => {
                Err(bad(format!("{}: there is no latent to guide by", self.spec), "leave out @guidance"))
            }
            _ => Ok(()),
        }
    }

    fn default_label(&self, what: &str) -> String {
        let name = Path::new(what).file_stem().map_or(what.into(), |stem| stem.to_string_lossy());
        let mut label = match (&self.answerer, what) {
            (Answerer::System(system), "demo" | "demo-plain") => system.name().to_owned(),
            _ => name.into_owned(),
        };
        match self.draw {
            Draw::Best => {}
            Draw::Spread => label += " spread",
            Draw::One(latent) => label += &format!(" z{}", latent + 1),
        }
        let common = Sampling::default();
        for (name, value, usual) in [
            ("guidance", self.sampling.guidance, common.guidance),
            ("temperature", self.sampling.temperature, common.temperature),
            ("top-p", self.sampling.top_p, common.top_p),
        ] {
            if value != usual {
                label += &format!(" {name} {value}");
            }
        }
        label
    }

    /// Whether another seed gives other reactions.
    pub fn draws(&self) -> bool {
        match &self.answerer {
            Answerer::System(system) => {
                Naive::of_name(system.name()).is_none_or(|naive| naive == Naive::Random)
            }
            Answerer::File(_) => false,
        }
    }

    /// Frames of predictions on the disk; `None` for what answers clips of any length.
    pub fn held_frames(&self) -> Option<usize> {
        match &self.answerer {
            Answerer::System(_) => None,
            Answerer::File(predictions) => Some(predictions.size()[2]),
        }
    }

    /// Latent intents it has.
    pub fn latents(&self) -> usize {
        match &self.answerer {
            Answerer::System(system) => system.latents(),
            Answerer::File(_) => 0,
        }
    }

    /// Whether it can be asked to look at the past only; not so for baselines, and not ours to say for predictions.
    pub fn has_track(&self) -> bool {
        matches!(&self.answerer, Answerer::System(system) if Naive::of_name(system.name()).is_none())
    }

    /// SHA-256 of the checkpoint or the predictions, hex.
    pub fn checkpoint(&self) -> &str {
        match &self.answerer {
            Answerer::System(system) => system.checkpoint(),
            Answerer::File(predictions) => &predictions.hash,
        }
    }

    /// Name of what answers: `latent-intent`, `random`, a file's name.
    pub fn system_name(&self) -> String {
        match &self.answerer {
            Answerer::System(system) => system.name().to_owned(),
            Answerer::File(predictions) => {
                predictions.blocks.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
            }
        }
    }

    /// `samples` reactions to row `row` of the split.
    ///
    /// # Errors
    /// What the system or the file says; cancelled on request.
    pub fn takes(
        &self,
        split: &Split,
        row: usize,
        samples: usize,
        seed: u64,
        control: &Control,
    ) -> Result<Vec<Take>> {
        match &self.answerer {
            Answerer::File(predictions) => {
                predictions.takes(&split.entries()[row].id, row, samples, split.frames)
            }
            Answerer::System(system) => {
                let speaker = split.speaker(row, system.hears())?;
                let request = |latents, samples| Request {
                    latents,
                    samples,
                    seed,
                    sampling: self.sampling,
                    track: self.track,
                };
                let clip = &split.entries()[row].id;
                let ask = |request: Request| system.generate(clip, &speaker, &request, control);
                match self.draw {
                    _ if system.latents() == 0 => ask(request(LatentChoice::All, samples)),
                    Draw::Best => ask(request(LatentChoice::Best, samples)),
                    Draw::One(latent) => ask(request(LatentChoice::One(latent), samples)),
                    Draw::Spread => {
                        let rounds = samples.div_ceil(system.latents());
                        Ok(spread(ask(request(LatentChoice::All, rounds))?, samples))
                    }
                }
            }
        }
    }
}

/// The first `samples` takes when they go round the latents, the best-ranked first.
fn spread(mut takes: Vec<Take>, samples: usize) -> Vec<Take> {
    let mut order: Vec<(usize, f32)> = takes
        .iter()
        .filter(|take| take.header.sample == 0)
        .map(|take| (take.header.latent.unwrap_or(0), take.header.rm_score.unwrap_or(f32::NEG_INFINITY)))
        .collect();
    order.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let place = |take: &Take| order.iter().position(|(latent, _)| Some(*latent) == take.header.latent);
    takes.sort_by_key(|take| (take.header.sample, place(take)));
    takes.truncate(samples);
    takes
}

fn answerer(
    what: &str,
    corpus: &Arc<Corpus>,
    split: clips::corpus::Split,
    control: &Control,
) -> Result<Answerer> {
    if let Some(naive) = Naive::of_name(what) {
        return Ok(Answerer::System(naive.system(corpus, split, control)?));
    }
    let path = Path::new(what);
    match what {
        "demo" => Ok(Answerer::System(listener::demo()?)),
        "demo-plain" => Ok(Answerer::System(listener::demo_plain()?)),
        _ if path.is_dir() || path.extension().is_some_and(|ending| ending == "npy") => {
            Ok(Answerer::File(Arc::new(Predictions::open(path, control)?)))
        }
        _ if path.is_file() => Ok(Answerer::System(listener::load(path)?)),
        _ => Err(bad(
            format!("{what} is no system and no file"),
            "name random, mime, mean-sequence, mean-frame, truth, demo, demo-plain, a checkpoint, an .npy or a folder \
             written by `backchannel generate`",
        )),
    }
}

fn bad(detail: impl Into<String>, remedy: impl Into<String>) -> Fault {
    Fault::new(FaultKind::BadRequest, "", detail).remedy(remedy)
}

fn within(value: f32, low: f32, high: f32, option: &str) -> Result<f32> {
    if (low..=high).contains(&value) {
        Ok(value)
    } else {
        Err(bad(format!("@{option} is out of range"), format!("use {low} to {high}")))
    }
}

/// One line of `takes.json`.
#[derive(Deserialize)]
struct Line {
    clip_index: usize,
    take_index: usize,
    #[serde(flatten)]
    header: TakeHeader,
}

#[derive(Deserialize)]
struct Sheet {
    takes: Vec<Line>,
}

impl Predictions {
    /// Opens an `.npy`, or `attributes.npy` and `takes.json` of a folder.
    ///
    /// # Errors
    /// A file that is not there, another shape, a sheet that does not fit.
    pub fn open(path: &Path, control: &Control) -> Result<Self> {
        let file = if path.is_dir() { path.join("attributes.npy") } else { path.to_owned() };
        if path.is_dir() && !file.is_file() {
            return Err(Fault::new(FaultKind::NotFound, path, "there is no attributes.npy in this folder")
                .remedy("name a folder written by backchannel generate, or an .npy"));
        }
        let blocks = Blocks::open(&file)?;
        let &[clips, samples, _, ATTRIBUTE_COUNT] = blocks.shape() else {
            let shape: Vec<String> = blocks.shape().iter().map(usize::to_string).collect();
            return Err(Fault::new(
                FaultKind::WrongShape,
                &file,
                format!("the shape is {}", shape.join(" x ")),
            )
            .at("header")
            .remedy("predictions are clips x samples x frames x 25"));
        };
        control.check()?;
        let hash = clips::cache::Key::new("predictions/1").file("npy", &file)?.hex();
        let sheet = path.join("takes.json");
        let headers =
            if path.is_dir() && sheet.is_file() { Some(headers(&sheet, clips, samples)?) } else { None };
        Ok(Self { blocks, hash, headers })
    }

    /// SHA-256 of the file, hex.
    pub fn hash(&self) -> &str {
        &self.hash
    }

    /// Clips, samples, frames.
    pub fn size(&self) -> [usize; 3] {
        let shape = self.blocks.shape();
        [shape[0], shape[1], shape[2]]
    }

    /// The array.
    pub fn path(&self) -> PathBuf {
        self.blocks.path().to_owned()
    }

    /// Refuses predictions of other clips than `ids`: numbers would come out and mean nothing. An array of another
    /// program names no clips; its order is trusted.
    ///
    /// # Errors
    /// [`FaultKind::Mismatch`].
    pub fn require_clips(&self, ids: &[&str], split: &str) -> Result<()> {
        let differ = |detail: String| {
            Err(Fault::new(FaultKind::Mismatch, self.blocks.path(), detail)
                .remedy("name the corpus and the --split that the predictions were made for"))
        };
        let clips = self.size()[0];
        if clips != ids.len() {
            return differ(format!("predictions of {clips} clips; the {split} split has {}", ids.len()));
        }
        for (index, (row, id)) in self.headers.iter().flatten().zip(ids).enumerate() {
            if let Some(header) = row.iter().find(|header| header.clip != **id) {
                return differ(format!("clip {index} is {}, in the {split} split it is {id}", header.clip));
            }
        }
        Ok(())
    }

    /// Refuses predictions of another length than the `frames` that are compared; with `cut` only shorter ones.
    ///
    /// # Errors
    /// [`FaultKind::WrongShape`] with both lengths.
    pub fn require_frames(&self, frames: usize, cut: bool) -> Result<()> {
        let [_, _, held] = self.size();
        if held == frames || (cut && held > frames) {
            return Ok(());
        }
        let remedy = if held > frames {
            "add --truncate (in the window: cut lengths) to compare the frames that both have, or predict as many frames"
        } else if cut {
            "compare fewer frames with all systems: --frames, or --truncate without --frames"
        } else {
            "add --truncate (in the window: cut lengths) to compare the frames that both have, for all systems"
        };
        Err(Fault::new(
            FaultKind::WrongShape,
            self.blocks.path(),
            format!("the reactions have {held} frames, {frames} of each clip are compared"),
        )
        .remedy(remedy))
    }

    /// What lies outside the range of its column in the first `samples` and `frames` of every clip, as a warning.
    ///
    /// # Errors
    /// As [`Predictions::attributes`]; cancelled on request.
    pub fn outside(&self, samples: usize, frames: usize, control: &Control) -> Result<Option<String>> {
        let mut ranges = crate::ranges::Ranges::default();
        let count = self.size()[0];
        for clip in 0..count {
            control.step("checking ranges", clip as u64, count as u64, "")?;
            for mut rows in self.attributes(clip)?.into_iter().take(samples) {
                rows.truncate(frames);
                ranges.add(&rows);
            }
        }
        control.step("checking ranges", count as u64, count as u64, "")?;
        Ok(ranges.warning(&self.blocks.path().display().to_string()))
    }

    /// The samples of a clip.
    ///
    /// # Errors
    /// When the file cannot be read, or a value is not a number.
    pub fn attributes(&self, clip: usize) -> Result<Vec<Attributes>> {
        let length = self.size()[2] * ATTRIBUTE_COUNT;
        let values = self.blocks.read(clip)?;
        if let Some(at) = values.iter().position(|value| !value.is_finite()) {
            let (row, column) = (at / ATTRIBUTE_COUNT, at % ATTRIBUTE_COUNT);
            let (sample, frame) = (row / self.size()[2], row % self.size()[2]);
            let what = format!("the value is {}", values[at]);
            return Err(Fault::new(FaultKind::NotFinite, self.blocks.path(), what)
                .at(format!("clip {clip}, sample {sample}, frame {frame}, column {column}"))
                .remedy("the official measures are undefined there; repair or leave out the clip"));
        }
        Ok(values.chunks(length).map(|values| values.as_chunks::<ATTRIBUTE_COUNT>().0.to_vec()).collect())
    }

    fn takes(&self, id: &str, clip: usize, samples: usize, frames: usize) -> Result<Vec<Take>> {
        let name = self.blocks.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let all = self.attributes(clip)?;
        let takes = all.into_iter().take(samples).enumerate().map(|(sample, mut attributes)| {
            attributes.truncate(frames);
            let known = self.headers.as_ref().and_then(|rows| rows.get(clip)?.get(sample)).cloned();
            let header = known.unwrap_or_else(|| TakeHeader {
                system: name.clone(),
                checkpoint: self.hash.clone(),
                clip: id.to_owned(),
                latent: None,
                sample,
                seed: 0,
                sampling: Sampling::default(),
                track: Track::Offline,
                rm_score: None,
                rank: None,
            });
            Take { header, attributes: Arc::new(attributes), coefficients: None }
        });
        Ok(takes.collect())
    }
}

impl measures::Reactions for Predictions {
    fn clips(&self) -> usize {
        self.size()[0]
    }

    fn of_clip(&self, clip: usize) -> Result<std::borrow::Cow<'_, [Attributes]>> {
        Ok(self.attributes(clip)?.into())
    }
}

/// Headers of every clip in the order of the arrays.
fn headers(sheet: &Path, clips: usize, samples: usize) -> Result<Vec<Vec<TakeHeader>>> {
    let text = std::fs::read_to_string(sheet).map_err(|error| Fault::io(sheet, &error))?;
    let wrong =
        |what: String| Fault::new(FaultKind::Malformed, sheet, what).remedy("generate the folder again");
    let mut lines: Vec<Line> =
        serde_json::from_str::<Sheet>(&text).map_err(|error| wrong(error.to_string()))?.takes;
    lines.sort_by_key(|line| (line.clip_index, line.take_index));
    let places = (0..clips).flat_map(|clip| (0..samples).map(move |sample| (clip, sample)));
    if lines.len() != clips * samples
        || !lines.iter().map(|line| (line.clip_index, line.take_index)).eq(places)
    {
        return Err(wrong(format!("{} takes, the array has {clips} x {samples}", lines.len())));
    }
    let mut lines = lines.into_iter().map(|line| line.header);
    Ok((0..clips).map(|_| lines.by_ref().take(samples).collect()).collect())
}
