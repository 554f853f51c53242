//! Who takes part in a study: a system and how it is asked, or predictions that are there already.
//!
//! An entry is written `[LABEL=]WHAT[@OPTION]...`. WHAT is a naive baseline (`random`, `mime`, `mean-sequence`,
//! `mean-frame`, `average-of-modes`, `truth`), `tokenised:CHECKPOINT` (the truth in the code books of a checkpoint, which
//! no model on them can beat), a shipped checkpoint (`demo`, `demo-plain`), a checkpoint file, or predictions (an `.npy` of
//! clips x samples x frames x 25, or a folder written by `generate`). Options: `@online`, `@best` (all samples from the
//! best-ranked latent intent, the paper's way), `@spread` (the samples go round the latents by rank), `@z3` (one latent),
//! `@guidance:1`, `@temperature:0.8`, `@top-p:0.9`, `@top-k:5`.

use std::path::Path;
use std::sync::Arc;

use clips::corpus::Corpus;
use clips::{Control, Fault, FaultKind, Result, Sampling, Take, Track};
use listener::ceiling::{is_yardstick, tokenised_truth};
use listener::{LatentChoice, Naive, Request, System};
use serde::{Deserialize, Serialize};

pub use crate::predictions::Predictions;
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
            (Answerer::System(system), _) if listener::shipped_names().contains(&what) => {
                system.name().to_owned()
            }
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
            Answerer::System(system) => !is_yardstick(system.name()) || system.name() == Naive::Random.name(),
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
        matches!(&self.answerer, Answerer::System(system) if !is_yardstick(system.name()))
    }

    /// SHA-256 of the checkpoint or the predictions, hex.
    pub fn checkpoint(&self) -> &str {
        match &self.answerer {
            Answerer::System(system) => system.checkpoint(),
            Answerer::File(predictions) => predictions.hash(),
        }
    }

    /// Name of what answers: `latent-intent`, `random`, a file's name.
    pub fn system_name(&self) -> String {
        match &self.answerer {
            Answerer::System(system) => system.name().to_owned(),
            Answerer::File(predictions) => {
                predictions.path().file_name().unwrap_or_default().to_string_lossy().into_owned()
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
                    turns: Vec::new(),
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
    if let Some(checkpoint) = what.strip_prefix("tokenised:") {
        let Answerer::System(books) = answerer(checkpoint, corpus, split, control)? else {
            return Err(bad(format!("{checkpoint} has no code books"), "name a latent-intent checkpoint"));
        };
        return Ok(Answerer::System(tokenised_truth(corpus, split, books, control)?));
    }
    if let Some(system) = listener::shipped(what) {
        return Ok(Answerer::System(system?));
    }
    let path = Path::new(what);
    match what {
        _ if path.is_dir() || path.extension().is_some_and(|ending| ending == "npy") => {
            Ok(Answerer::File(Arc::new(Predictions::open(path, control)?)))
        }
        _ if path.is_file() => Ok(Answerer::System(listener::load(path)?)),
        _ => Err(bad(
            format!("{what} is no system and no file"),
            format!(
                "name random, mime, mean-sequence, mean-frame, average-of-modes, truth, tokenised:CHECKPOINT, {}, a \
                 checkpoint, an .npy or a folder written by `backchannel generate`",
                listener::shipped_names().join(", ")
            ),
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
