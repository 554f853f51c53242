//! The naive baselines of the challenge (`run_baselines.py`): what every table begins with, and what no model should
//! lose to. They are systems like any other, but for the truth, which knows the listener and is no system at all.
//!
//! Random draws every column uniformly from [0, 1), valence and arousal too, anew for every frame and sample. Mime
//! copies the speaker. The mean sequence is the mean over all training clips in both roles, frame by frame; the mean
//! frame is that, averaged over frames. So Random has FRDiv 1/6, FRVar 1/12 and FRDvs 1/6 on any corpus; Mime, the truth
//! and the means have FRDiv 0, and with full role swap Mime and truth share FRVar and FRDvs.
//!
//! Where the corpus has coefficients, so have the answers, but for Random's: a uniform face is no face.

use std::collections::HashMap;
use std::sync::Arc;

use clips::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT};
use clips::corpus::{Corpus, PersonFiles, Split};
use clips::{
    Attributes, Chance, Coefficients, Control, Fault, FaultKind, Result, Sampling, Streams, Take, TakeHeader,
};

use crate::latent_intent::checkpoint::sha256;
use crate::latent_intent::features::read_face;
use crate::{Request, System};

/// Which baseline.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Naive {
    /// Uniform noise.
    Random,
    /// The speaker's own face.
    Mime,
    /// The mean of all training clips, frame by frame.
    MeanSequence,
    /// The mean of all frames of all training clips.
    MeanFrame,
    /// The true listener.
    Truth,
}

impl Naive {
    /// All of them, in the order of the tables.
    pub const ALL: [Self; 5] = [Self::Random, Self::Mime, Self::MeanSequence, Self::MeanFrame, Self::Truth];

    /// The name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Mime => "mime",
            Self::MeanSequence => "mean-sequence",
            Self::MeanFrame => "mean-frame",
            Self::Truth => "truth",
        }
    }

    /// The baseline of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|naive| naive.name() == name)
    }

    /// The baseline as a system for the clips of a split; the means read the whole training split.
    ///
    /// # Errors
    /// For the means: a training split without clips or clips without attributes. Cancelled on request.
    pub fn system(self, corpus: &Arc<Corpus>, split: Split, control: &Control) -> Result<Arc<dyn System>> {
        let answer = match self {
            Self::Random => Answer::Uniform,
            Self::Mime => Answer::Speaker,
            Self::MeanSequence => Answer::Constant(mean_sequence(corpus, control)?),
            Self::MeanFrame => Answer::Constant(mean_sequence(corpus, control)?.averaged()),
            Self::Truth => Answer::Listener(
                corpus.clone(),
                corpus.clips(split).iter().map(|entry| (entry.id.clone(), entry.listener.clone())).collect(),
            ),
        };
        Ok(Arc::new(Baseline { naive: self, checkpoint: answer.hash(), answer }))
    }
}

/// Mean behaviour; one row for a frame, or a single one for all frames.
#[derive(Debug, Clone)]
struct Mean {
    attributes: Attributes,
    coefficients: Option<Coefficients>,
}

impl Mean {
    fn averaged(&self) -> Self {
        Self {
            attributes: vec![average(&self.attributes)],
            coefficients: self.coefficients.as_ref().map(|rows| vec![average(rows)]),
        }
    }
}

fn average<const N: usize>(rows: &[[f32; N]]) -> [f32; N] {
    std::array::from_fn(|column| {
        (rows.iter().map(|row| f64::from(row[column])).sum::<f64>() / rows.len().max(1) as f64) as f32
    })
}

enum Answer {
    Uniform,
    Speaker,
    Constant(Mean),
    Listener(Arc<Corpus>, HashMap<String, Arc<PersonFiles>>),
}

impl Answer {
    /// Stands for the checkpoint: what the answer was learnt from.
    fn hash(&self) -> String {
        let Self::Constant(mean) = self else { return sha256(b"") };
        let rows = mean.attributes.iter().flatten().chain(mean.coefficients.iter().flatten().flatten());
        sha256(&rows.flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
    }
}

struct Baseline {
    naive: Naive,
    checkpoint: String,
    answer: Answer,
}

impl System for Baseline {
    fn name(&self) -> &str {
        self.naive.name()
    }

    fn checkpoint(&self) -> &str {
        &self.checkpoint
    }

    fn latents(&self) -> usize {
        0
    }

    fn signature(&self, _: usize) -> Option<&str> {
        None
    }

    fn hears(&self) -> bool {
        false
    }

    fn generate(
        &self,
        clip: &str,
        speaker: &Streams,
        request: &Request,
        control: &Control,
    ) -> Result<Vec<Take>> {
        control.check()?;
        let frames = speaker.frames();
        let lacks = |what: &str| {
            Err(Fault::new(
                FaultKind::MissingModality,
                clip,
                format!("{what} has no attributes, and {} needs them", self.name()),
            )
            .remedy("add the Emotion file of the clip, or leave the clip out"))
        };
        if frames == 0 {
            return Err(Fault::new(FaultKind::Empty, clip, "there is nothing to answer")
                .remedy("choose a clip of at least one frame"));
        }
        let mut shared: Option<(Attributes, Option<Coefficients>)> = match &self.answer {
            Answer::Uniform => None,
            Answer::Speaker => match &speaker.attributes {
                Some(rows) => Some((rows.clone(), speaker.coefficients.clone())),
                None => return lacks("the speaker"),
            },
            Answer::Constant(mean) => Some((
                stretched(&mean.attributes, frames),
                mean.coefficients.as_ref().map(|rows| stretched(rows, frames)),
            )),
            Answer::Listener(corpus, people) => {
                let person = people.get(clip).ok_or_else(|| {
                    Fault::new(FaultKind::NotFound, clip, "the truth of this clip is not known")
                        .remedy("the truth answers the clips of its own split only")
                })?;
                let listener = read_face(corpus, person)?;
                match listener.attributes {
                    Some(rows) => Some((rows, listener.coefficients)),
                    None => return lacks("the listener"),
                }
            }
        };
        if let Some((rows, coefficients)) = &mut shared {
            rows.truncate(frames);
            coefficients.iter_mut().for_each(|face| face.truncate(rows.len()));
        }
        let coefficients =
            shared.as_ref().and_then(|(rows, face)| face.clone().filter(|face| face.len() == rows.len()));
        let coefficients = coefficients.map(Arc::new);
        let shared = shared.map(|(rows, _)| Arc::new(rows));
        Ok((0..request.samples)
            .map(|sample| Take {
                header: TakeHeader {
                    system: self.name().to_owned(),
                    checkpoint: self.checkpoint.clone(),
                    clip: clip.to_owned(),
                    latent: None,
                    sample,
                    seed: request.seed,
                    sampling: Sampling::default(),
                    track: request.track,
                    turns: Vec::new(),
                    rm_score: None,
                    rank: None,
                },
                attributes: shared
                    .clone()
                    .unwrap_or_else(|| Arc::new(uniform(clip, frames, sample, request.seed))),
                coefficients: coefficients.clone(),
            })
            .collect())
    }
}

fn uniform(clip: &str, frames: usize, sample: usize, seed: u64) -> Attributes {
    let mut chance = Chance::new(seed, clip, &[sample as u64]);
    (0..frames).map(|_| std::array::from_fn(|_| chance.uniform() as f32)).collect()
}

/// The first `frames` rows; the last one stands for all that follow.
fn stretched<const N: usize>(rows: &[[f32; N]], frames: usize) -> Vec<[f32; N]> {
    (0..frames).filter_map(|frame| rows.get(frame.min(rows.len().saturating_sub(1))).copied()).collect()
}

/// Sum of many people's rows, and how many gave each.
struct Sum<const N: usize>(Vec<([f64; N], u64)>);

impl<const N: usize> Sum<N> {
    fn add(&mut self, rows: &[[f32; N]]) {
        if self.0.len() < rows.len() {
            self.0.resize(rows.len(), ([0.0; N], 0));
        }
        for ((sums, count), row) in self.0.iter_mut().zip(rows) {
            sums.iter_mut().zip(row).for_each(|(sum, value)| *sum += f64::from(*value));
            *count += 1;
        }
    }

    fn mean(&self) -> Vec<[f32; N]> {
        self.0.iter().map(|(sums, count)| sums.map(|sum| (sum / *count as f64) as f32)).collect()
    }
}

/// The mean over all training clips in both roles: every row of the split once as listener, so everyone once.
fn mean_sequence(corpus: &Corpus, control: &Control) -> Result<Mean> {
    let entries = corpus.clips(Split::Train);
    let (mut attributes, mut coefficients) =
        (Sum::<ATTRIBUTE_COUNT>(Vec::new()), Sum::<COEFFICIENT_COUNT>(Vec::new()));
    for (index, entry) in entries.iter().enumerate() {
        control.step("mean of the training clips", index as u64, entries.len() as u64, "")?;
        let person = read_face(corpus, &entry.listener)?;
        person.attributes.iter().for_each(|rows| attributes.add(rows));
        person.coefficients.iter().for_each(|rows| coefficients.add(rows));
    }
    if attributes.0.is_empty() {
        return Err(Fault::new(
            FaultKind::Empty,
            corpus.root(),
            "the training split has no clip with attributes, and the mean is taken over them",
        )
        .remedy("use a corpus with a train split, or leave the mean baselines out"));
    }
    let coefficients = Some(coefficients.mean()).filter(|rows| !rows.is_empty());
    Ok(Mean { attributes: attributes.mean(), coefficients })
}
