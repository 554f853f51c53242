//! Listeners whose intent is known, and the judge that learns from them.

use clips::corpus::{Corpus, IntentRow, Split};
use clips::synth::world::INTENTS;
use clips::{Attributes, Coefficients, Control, Fault, FaultKind, Result, Streams};
use listener::System;
use measures::frvar;
use measures::judge::{Judge, summary};
use rayon::prelude::*;

use super::AverageOfModes;

/// One listener whose intent is known, with both people's streams.
#[derive(Debug)]
pub struct Known {
    /// What the corpus says of it.
    pub row: IntentRow,
    /// Empty in the training split.
    pub speaker: Streams,
    /// The listener.
    pub listener: Streams,
}

/// The listeners a judge learns from, and those a system is measured on.
#[derive(Debug)]
pub struct KnownSplit {
    /// The split that is measured on.
    pub split: Split,
    /// Training listeners.
    pub training: Vec<Known>,
    /// Listeners of the split.
    pub judged: Vec<Known>,
}

impl KnownSplit {
    /// Reads the training listeners and a split of a corpus that knows its intents.
    ///
    /// # Errors
    /// A corpus without `intents.csv`, without rows in one of the two splits, or with clips that cannot be read.
    pub fn read(corpus: &Corpus, split: Split, control: &Control) -> Result<Self> {
        let truth = corpus.intents()?.ok_or_else(|| {
            Fault::new(
                FaultKind::NotFound,
                corpus.root().join("intents.csv"),
                "the corpus does not know its intents",
            )
            .remedy("use a corpus written by backchannel synth")
        })?;
        let training = read(corpus, &truth, Split::Train, false, control)?;
        let judged = read(corpus, &truth, split, true, control)?;
        if judged.is_empty() || training.is_empty() {
            return Err(Fault::new(
                FaultKind::Empty,
                corpus.root().join("intents.csv"),
                format!("the {} or train split has no known listener", split.name()),
            )
            .remedy("choose another split"));
        }
        Ok(Self { split, training, judged })
    }

    /// The judge sees training listeners as the code books give them back, so that it judges what a model can say.
    ///
    /// # Errors
    /// A listener without attributes or coefficients.
    pub fn judge(&self, system: &dyn System) -> Result<Judge> {
        let books = system.latent_intent().map(listener::LatentIntent::books);
        let all: Result<Vec<Vec<f64>>> = self
            .training
            .par_iter()
            .map(|known| {
                let (attributes, coefficients) = known.streams()?;
                let Some(books) = books else { return Ok(summary(attributes, coefficients)?.to_vec()) };
                let (attributes, coefficients) =
                    books.detokenise(&books.tokenise("training", attributes, coefficients)?)?;
                Ok(summary(&attributes, &coefficients)?.to_vec())
            })
            .collect();
        let labels: Vec<usize> = self.training.iter().map(|known| known.row.intent).collect();
        Judge::fit(&all?, &labels, INTENTS.len())
    }

    /// Mean FRVar of the real listeners.
    pub fn variance(&self) -> Option<f64> {
        let all: Vec<f64> = self
            .judged
            .iter()
            .filter_map(|known| frvar::of_reaction(known.listener.attributes.as_deref()?))
            .collect();
        (!all.is_empty()).then(|| all.iter().sum::<f64>() / all.len() as f64)
    }

    /// The mean of each group's real reactions, as the judge sees it.
    ///
    /// # Errors
    /// A listener without attributes or coefficients.
    pub fn average_of_modes(&self, judge: &Judge) -> Result<AverageOfModes> {
        let mut templates: Vec<usize> = self.judged.iter().map(|known| known.row.template).collect();
        templates.sort_unstable();
        templates.dedup();
        let (mut unsure, mut variance, mut groups) = (0usize, 0.0, 0usize);
        for template in templates {
            let Some((attributes, coefficients)) = self.mean_reaction(template)? else { continue };
            let probabilities = judge.probabilities(&summary(&attributes, &coefficients)?);
            let sure = probabilities.iter().copied().fold(0.0, f64::max);
            unsure += usize::from(sure < measures::intents::MIXED_BELOW);
            variance += frvar::of_reaction(&attributes).unwrap_or(0.0);
            groups += 1;
        }
        let real = self.variance().unwrap_or(f64::NAN);
        let groups = groups.max(1) as f64;
        Ok(AverageOfModes { mixed: unsure as f64 / groups, frvar_ratio: variance / groups / real })
    }

    /// The mean of the real reactions to a template; `None` where there is only one.
    ///
    /// # Errors
    /// A listener without attributes or coefficients.
    pub fn mean_reaction(&self, template: usize) -> Result<Option<(Attributes, Coefficients)>> {
        let group: Vec<&Known> = self.judged.iter().filter(|known| known.row.template == template).collect();
        if group.len() < 2 {
            return Ok(None);
        }
        let (mut attributes, mut coefficients) = (Vec::new(), Vec::new());
        for known in &group {
            let (a, c) = known.streams()?;
            add(&mut attributes, a, group.len());
            add(&mut coefficients, c, group.len());
        }
        Ok(Some((attributes, coefficients)))
    }
}

impl Known {
    fn streams(&self) -> Result<(&Attributes, &Coefficients)> {
        self.listener.attributes.as_ref().zip(self.listener.coefficients.as_ref()).ok_or_else(|| {
            Fault::new(FaultKind::MissingModality, "", "a listener lacks attributes or coefficients")
                .remedy("write the corpus again with backchannel synth")
        })
    }
}

fn read(
    corpus: &Corpus,
    truth: &[IntentRow],
    split: Split,
    speakers: bool,
    control: &Control,
) -> Result<Vec<Known>> {
    let entries = corpus.clips(split);
    truth
        .par_iter()
        .filter(|row| row.split == split)
        .map(|row| {
            control.check()?;
            let entry = entries.get(row.row).ok_or_else(|| {
                Fault::new(
                    FaultKind::Mismatch,
                    corpus.root().join("intents.csv"),
                    format!("there is no row {}", row.row),
                )
                .remedy("write the corpus again with backchannel synth")
            })?;
            let speaker =
                if speakers { listener::corpus_speaker(corpus, entry)? } else { Streams::default() };
            Ok(Known { row: row.clone(), speaker, listener: listener::corpus_listener(corpus, entry)? })
        })
        .collect()
}

/// Summaries and true intents of real listeners.
///
/// # Errors
/// A listener without attributes or coefficients.
pub fn summaries(known: &[Known]) -> Result<(Vec<Vec<f64>>, Vec<usize>)> {
    let all: Result<Vec<Vec<f64>>> = known
        .par_iter()
        .map(|known| {
            let (attributes, coefficients) = known.streams()?;
            summary(attributes, coefficients).map(|s| s.to_vec())
        })
        .collect();
    Ok((all?, known.iter().map(|known| known.row.intent).collect()))
}

/// Adds a share of every row; up to the shorter of both.
fn add<const N: usize>(sum: &mut Vec<[f32; N]>, rows: &[[f32; N]], count: usize) {
    if sum.is_empty() {
        sum.resize(rows.len(), [0.0; N]);
    }
    sum.truncate(rows.len());
    for (sum, row) in sum.iter_mut().zip(rows) {
        for (sum, value) in sum.iter_mut().zip(row) {
            *sum += value / count as f32;
        }
    }
}
