//! What a latent-intent network makes of the real listeners of a split: which latent it recognises in them, and whether
//! its matching score tells an appropriate reaction from a foreign one.
//!
//! For each row the network reads the row's own listener (appropriate by definition) and one listener drawn from those
//! that the neighbour matrix does not list for the row. From this come the entropy of latent use, the agreement (NMI)
//! with intents where the corpus knows them, and calibration and AUC of the matching score. It depends on the checkpoint
//! and the split, not on how reactions are drawn.

use clips::{Chance, Control, Fault, FaultKind, Result};
use listener::System;
use measures::calibration::{self, Calibration};
use measures::intents::{normalised_mutual_information, usage};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::split::Split;

/// What is read of one row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reading {
    /// Posterior over latents of the row's own listener.
    pub posterior: Vec<f64>,
    /// Matching logit of the row's own listener.
    pub own: f64,
    /// Row of a listener that is not appropriate, and its matching logit; `None` when all are appropriate.
    pub foreign: Option<(u32, f64)>,
}

/// What a network makes of the real listeners of a split.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recognition {
    /// One entry a row.
    pub readings: Vec<Reading>,
    /// Latents in use: exp(entropy) of the mean posterior.
    pub usage: Option<f64>,
    /// Normalised mutual information of recognised latent and true intent; `None` where intents are not known.
    pub agreement: Option<f64>,
    /// Calibration of the matching score as a probability.
    pub calibration: Option<Calibration>,
}

impl Recognition {
    /// Reads the real listeners of a split; `None` for systems without a latent-intent network with latents.
    ///
    /// # Errors
    /// A listener without attributes or coefficients; cancelled on request.
    pub fn of(system: &dyn System, split: &Split, control: &Control) -> Result<Option<Self>> {
        let Some(network) = system.latent_intent().filter(|_| system.latents() > 0) else { return Ok(None) };
        let entries = split.entries();
        let done = std::sync::atomic::AtomicU64::new(0);
        let readings: Vec<Reading> = (0..entries.len())
            .into_par_iter()
            .map(|row| {
                let step = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                control.step("reading real listeners", step, entries.len() as u64, "")?;
                let speaker = split.speaker(row, true)?;
                let read = |of: usize| {
                    let mut person = listener::read_face(&split.corpus, &entries[of].listener)?;
                    person.cut(split.frames);
                    network.recognise(&entries[of].id, &speaker, &person)
                };
                let (posterior, own) = read(row)?;
                let foreign = match foreign_row(split, row) {
                    Some(other) => Some((other as u32, f64::from(read(other)?.1))),
                    None => None,
                };
                let posterior: Vec<f64> = posterior.into_iter().map(f64::from).collect();
                if posterior.iter().chain([&f64::from(own)]).any(|value| !value.is_finite()) {
                    return Err(Fault::new(
                        FaultKind::NotFinite,
                        &entries[row].id,
                        "the network read no number",
                    )
                    .remedy("train the checkpoint again; its weights are broken"));
                }
                Ok(Reading { posterior, own: f64::from(own), foreign })
            })
            .collect::<Result<_>>()?;
        Self::summed(readings, split).map(Some)
    }

    fn summed(readings: Vec<Reading>, split: &Split) -> Result<Self> {
        let posteriors: Vec<Vec<f64>> = readings.iter().map(|reading| reading.posterior.clone()).collect();
        let recognised: Vec<usize> = posteriors
            .iter()
            .map(|row| row.iter().enumerate().max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(&a.0))))
            .map(|best| best.map_or(0, |(latent, _)| latent))
            .collect();
        let agreement = split.intents.as_ref().and_then(|rows| {
            let mut known: Vec<(usize, usize)> =
                rows.iter().filter_map(|truth| Some((*recognised.get(truth.row)?, truth.intent))).collect();
            known.sort_unstable();
            let (latents, intents): (Vec<usize>, Vec<usize>) = known.into_iter().unzip();
            normalised_mutual_information(&latents, &intents)
        });
        let own = readings.iter().map(|reading| (calibration::probability(reading.own), true));
        let foreign =
            readings.iter().filter_map(|reading| Some((calibration::probability(reading.foreign?.1), false)));
        let pairs: Vec<(f64, bool)> = own.chain(foreign).collect();
        let calibration = Some(Calibration::of(&pairs, calibration::BINS)?);
        Ok(Self { usage: usage(&posteriors), agreement, calibration, readings })
    }
}

/// A row whose listener is not appropriate for `row`, drawn by the row's number alone.
fn foreign_row(split: &Split, row: usize) -> Option<usize> {
    let count = split.entries().len();
    let appropriate = &split.neighbours[row];
    let others = count - appropriate.len();
    if others == 0 {
        return None;
    }
    let mut place = Chance::new(0, "foreign listener", &[row as u64]).below(others);
    (0..count).filter(|other| appropriate.binary_search(&(*other as u32)).is_err()).find(|_| {
        let here = place == 0;
        place = place.wrapping_sub(1);
        here
    })
}
