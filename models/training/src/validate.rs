//! Validation with the measures of the paper on a few clips that stay the same during a run.
//!
//! For every clip, samples of the latent that ranks first (the paper's step 2) are made by the listener's own decoder
//! with fixed seeds and scored against the true listener and those of its neighbours. Nothing here draws from the
//! streams that training draws from. It is a curve to watch, not a result: clips are few and cut to the length of a
//! training crop, and of many neighbours 32 are compared with.

use std::collections::BTreeMap;

use clips::{Attributes, Control, Result};
use listener::latent_intent::encoder::Speaker;
use listener::{LatentChoice, LatentIntent, Request};
use measures::{Evaluation, Interval, Options, Reactions, Truth};
use serde::{Deserialize, Serialize};

use crate::config::{BestBy, Config};
use crate::data::Data;
use crate::watch::{Watch, spread};

/// Neighbours a clip is compared with, its true listener among them.
const MOST_NEIGHBOURS: usize = 32;
/// Seed of the reactions and of the bootstrap.
const SEED: u64 = 0;
/// Bootstrap rounds of the intervals.
const ROUNDS: usize = 1000;

/// The measures of a validation, with the official names as keys; sums over samples are sums.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[expect(non_snake_case, reason = "the official names are the keys of the JSON")]
pub struct Validation {
    /// Appropriateness by concordance; higher is better.
    pub FRCorr: f64,
    /// Appropriateness by distance; lower is better.
    pub FRDist: f64,
    /// Diversity among the samples of a clip.
    pub FRDiv: f64,
    /// Movement in time.
    pub FRVar: Option<f64>,
    /// Diversity among clips.
    pub FRDvs: Option<f64>,
    /// Offset to the speaker, in frames.
    pub FRSyn: f64,
    /// Movement, as a share of that of the true listeners.
    #[serde(rename = "FRVar_ratio")]
    pub FRVar_ratio: Option<f64>,
    /// Clips.
    pub clips: usize,
    /// Samples of each clip.
    pub samples: usize,
    /// Frames of each sample.
    pub frames: usize,
    /// 95 % intervals over clips by measure; empty unless asked for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub intervals: BTreeMap<String, Interval>,
}

/// What the measure that decides says, as a cost: lower is better. `None` when it was not measured, or is undefined.
pub fn cost(by: BestBy, watch: Option<&Watch>, validation: Option<&Validation>) -> Option<f64> {
    let value = match by {
        BestBy::Likelihood => watch.map(|watch| watch.clg),
        BestBy::Corr => validation.map(|measured| -measured.FRCorr),
        BestBy::Dist => validation.map(|measured| measured.FRDist),
        BestBy::Div => validation.map(|measured| -measured.FRDiv),
        BestBy::Dvs => validation.and_then(|measured| measured.FRDvs).map(|value| -value),
        BestBy::VarRatio => {
            validation.and_then(|measured| measured.FRVar_ratio).map(|ratio| ratio.max(1e-9).ln().abs())
        }
    };
    value.filter(|value| value.is_finite())
}

/// Truth and speakers of the clips that the validations of a run look at, whatever system answers.
#[derive(Debug)]
pub struct Jury {
    /// The clips, as places among the rows it was made of.
    pub chosen: Vec<usize>,
    /// Frames of every reaction.
    pub frames: usize,
    /// Reactions to each clip.
    pub samples: usize,
    listeners: Vec<Attributes>,
    speakers: Vec<Attributes>,
    neighbours: Vec<Vec<u32>>,
}

impl Jury {
    /// Up to `most` of the rows, each told as its frames and the rows that are appropriate to it; `frames` of them count
    /// at most. `faces` gives the first so many frames of the attributes of a row's speaker and listener. `None` for no clip.
    ///
    /// # Errors
    /// When features cannot be read back.
    pub fn new(
        rows: &[(usize, &[u32])],
        (most, samples, frames): (usize, usize, usize),
        faces: impl Fn(usize, usize) -> Result<(Attributes, Attributes)>,
    ) -> Result<Option<Self>> {
        if most == 0 || rows.is_empty() {
            return Ok(None);
        }
        // Rows of full length, unless there are none; all reactions of an evaluation are equally long.
        let longest = rows.iter().map(|row| row.0).max().unwrap_or(0);
        let frames = frames.min(longest);
        let long: Vec<usize> = (0..rows.len()).filter(|row| rows[*row].0 >= frames).collect();
        let step = long.len().div_ceil(most).max(1);
        let chosen: Vec<usize> = long.into_iter().step_by(step).collect();
        let (mut speakers, mut listeners, mut all_neighbours) = (Vec::new(), Vec::new(), Vec::new());
        for row in &chosen {
            let (speaker, listener) = faces(*row, frames)?;
            speakers.push(speaker);
            listeners.push(listener);
        }
        // The true listeners come first, one a clip; behind them those that only neighbours need.
        let mut place = BTreeMap::new();
        for (own, row) in chosen.iter().enumerate() {
            let others = rows[*row].1.iter().map(|other| *other as usize);
            let others: Vec<usize> =
                others.filter(|other| other != row && rows[*other].0 >= frames).collect();
            let step = others.len().div_ceil(MOST_NEIGHBOURS - 1).max(1);
            let mut neighbours = vec![own as u32];
            for other in others.into_iter().step_by(step) {
                let found = match place.get(&other) {
                    Some(found) => *found,
                    None => {
                        listeners.push(faces(other, frames)?.1);
                        let found = (listeners.len() - 1) as u32;
                        place.insert(other, found);
                        found
                    }
                };
                neighbours.push(found);
            }
            all_neighbours.push(neighbours);
        }
        Ok(Some(Self { chosen, frames, samples, listeners, speakers, neighbours: all_neighbours }))
    }

    /// What a system is asked for; the seed is the same at every validation.
    pub fn request(&self) -> Request {
        Request { latents: LatentChoice::Best, samples: self.samples, seed: SEED, ..Request::default() }
    }

    /// Scores reactions: for each clip its samples.
    ///
    /// # Errors
    /// Speakers without a face in some frame, which cannot be scored; cancelled.
    pub fn score(&self, made: &dyn Reactions, with_intervals: bool, control: &Control) -> Result<Validation> {
        let truth =
            Truth { listeners: &self.listeners, speakers: &self.speakers, neighbours: &self.neighbours };
        // More listeners than clips are on purpose: the rest are neighbours.
        let rounds = if with_intervals { ROUNDS } else { 0 };
        let options = Options { bootstrap: rounds, seed: SEED, truncate: true };
        let measured = Evaluation::of(made, &truth, &options, control)?;
        Ok(Validation {
            FRCorr: measured.FRCorr,
            FRDist: measured.FRDist,
            FRDiv: measured.FRDiv,
            FRVar: measured.FRVar,
            FRDvs: measured.FRDvs,
            FRSyn: measured.FRSyn,
            FRVar_ratio: measured.FRVar_ratio,
            clips: self.chosen.len(),
            samples: self.samples,
            frames: self.frames,
            intervals: measured.intervals,
        })
    }
}

/// The clips of the validations of a run of the paper's model.
#[derive(Debug)]
pub struct Panel {
    jury: Jury,
    clips: Vec<(String, Speaker<f32>)>,
}

impl Panel {
    /// Reads up to `validate_clips` of the rows (validation rows, or training rows where there are none); `None` when
    /// the settings ask for none.
    ///
    /// # Errors
    /// When features cannot be read back.
    pub fn new(data: &Data, config: &Config) -> Result<Option<Self>> {
        let rows = data.watched();
        let told: Vec<(usize, &[u32])> =
            rows.iter().map(|row| (row.frames, row.appropriate.as_slice())).collect();
        let asked = (config.validate_clips, config.validate_samples, config.frames);
        let Some(jury) = Jury::new(&told, asked, |row, frames| data.faces(&rows[row], frames))? else {
            return Ok(None);
        };
        let clips = jury
            .chosen
            .iter()
            .map(|row| Ok((rows[*row].id.clone(), data.speaker(&rows[*row], 0, jury.frames)?)))
            .collect::<Result<_>>()?;
        Ok(Some(Self { jury, clips }))
    }

    /// Makes and scores the reactions of a system.
    ///
    /// # Errors
    /// Speakers without a face in some frame, which cannot be scored; cancelled.
    pub fn measure(
        &self,
        system: &LatentIntent,
        with_intervals: bool,
        control: &Control,
    ) -> Result<Validation> {
        let request = self.jury.request();
        let made: Vec<Vec<Attributes>> = self
            .clips
            .iter()
            .map(|(clip, speaker)| {
                let takes = system.answer(clip, speaker, &request, control)?;
                Ok(takes.into_iter().map(|take| take.attributes.to_vec()).collect())
            })
            .collect::<Result<_>>()?;
        self.jury.score(&made, with_intervals, control)
    }
}

/// The clip whose reactions are kept as pictures of the progress.
#[derive(Debug)]
pub struct Preview {
    /// Name of the clip.
    pub clip: String,
    speaker: Speaker<f32>,
}

/// Longest preview, in frames: six seconds show what a model has learned.
const MOST_FRAMES: usize = 150;

impl Preview {
    /// The middle one of the watched rows; `None` without rows.
    ///
    /// # Errors
    /// When features cannot be read back.
    pub fn new(data: &Data) -> Result<Option<Self>> {
        let rows = spread(data.watched(), 3);
        let Some(row) = rows.get(1).or_else(|| rows.first()) else { return Ok(None) };
        Ok(Some(Self { clip: row.id.clone(), speaker: data.speaker(row, 0, row.frames.min(MOST_FRAMES))? }))
    }

    /// Frames of the reactions.
    pub fn frames(&self) -> usize {
        self.speaker.frames
    }

    /// Coefficients of the reaction of each latent, `[K, frames, 58]` flat (one reaction without latents).
    ///
    /// # Errors
    /// Cancelled.
    pub fn make(&self, system: &LatentIntent, control: &Control) -> Result<Vec<f32>> {
        let request = Request { latents: LatentChoice::All, samples: 1, seed: SEED, ..Request::default() };
        let takes = system.answer(&self.clip, &self.speaker, &request, control)?;
        Ok(takes
            .iter()
            .flat_map(|take| take.coefficients.iter().flat_map(|rows| rows.iter().flatten().copied()))
            .collect())
    }
}
