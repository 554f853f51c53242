//! On a corpus with known intents: what each latent intent does, and how well it can be told.
//!
//! A judge (multinomial logistic regression on clip summaries) is fitted on tokenised training listeners and must reach
//! 99 % on real listeners of the split before its word counts. Then two speakers of every template are answered with
//! every latent (a system without latents answers with as many samples), and the judge says what it sees: once as asked,
//! once with guidance 1, and once with the same random numbers for every latent, so that nothing but the latent differs.
//! Beside the model stands the *average of modes*: the mean of each group's real reactions.
//!
//! Start reading at [`Known`] (what is read), then [`findings`]; the bars are in [`bars`].

mod answers;
pub mod bars;
mod known;

use clips::{Control, Result, Sampling, Track};
use listener::System;
use measures::intents::{IntentMeasures, Observed, coverage};
use measures::judge::Judge;
use serde::{Deserialize, Serialize};

pub use known::{Known, KnownSplit};

/// How the system is asked.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Asked {
    /// What it may see.
    pub track: Track,
    /// Latent guidance of the main measures.
    pub guidance: f32,
    /// Seed of every draw.
    pub seed: u64,
}

/// What a model that knows only one answer tends to: the mean of every group's real reactions.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct AverageOfModes {
    /// Share of groups whose mean the judge is unsure of.
    pub mixed: f64,
    /// FRVar of the means / FRVar of real reactions.
    pub frvar_ratio: f64,
}

/// Everything found about one system; `None` where undefined.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Findings {
    /// As asked.
    pub measures: IntentMeasures,
    /// With guidance 1; `None` without latents.
    pub guided: Option<IntentMeasures>,
    /// FRDiv when every latent draws the same random numbers.
    pub frdiv_shared_noise: Option<f64>,
    /// Coverage when every latent draws the same random numbers.
    pub coverage_shared_noise: Option<f64>,
    /// True intents (rows) against recognised latents (columns), counts; empty without latents.
    pub confusion: Vec<Vec<u32>>,
    /// What one answer for all tends to.
    pub average_of_modes: AverageOfModes,
    /// Speakers that were answered.
    pub speakers: usize,
    /// Real listeners that were read.
    pub listeners: usize,
}

impl Findings {
    /// The values by the names of the bars, in their order.
    pub fn values(&self) -> Vec<(&'static str, Option<f64>)> {
        let m = &self.measures;
        let guided = self.guided.as_ref();
        vec![
            ("oracle", m.oracle),
            ("nmi", m.nmi),
            ("usage", m.usage),
            ("z_gap", m.z_gap),
            ("control", m.control),
            ("control_guided", guided.and_then(|guided| guided.control)),
            ("precision", m.precision),
            ("precision_guided", guided.and_then(|guided| guided.precision)),
            ("coverage", m.coverage),
            ("coverage_guided", guided.and_then(|guided| guided.coverage)),
            ("rank1", m.rank_one),
            ("rm_auc_real", m.rm_auc_real),
            ("rm_auc_generated", m.rm_auc_generated),
            ("frvar_ratio", m.frvar_ratio),
            ("frdiv", m.frdiv),
            ("frdiv_shared_noise", self.frdiv_shared_noise),
            ("coverage_shared_noise", self.coverage_shared_noise),
            ("mixed", m.mixed),
        ]
    }
}

/// Measures a system on listeners whose intents are known.
///
/// # Errors
/// A reaction without attributes or coefficients, what the system says, a stop on request.
pub fn findings(
    system: &dyn System,
    known: &KnownSplit,
    asked: &Asked,
    control: &Control,
) -> Result<Findings> {
    let judge = known.judge(system)?;
    let (real, labels) = known::summaries(&known.judged)?;
    let oracle = judge.accuracy(&real, &labels);
    let recognised = answers::recognise(system, &known.judged, asked)?;
    let with = |sampling: Sampling| answers::of(system, &judge, known, asked, sampling, control);
    let usual = Sampling { guidance: asked.guidance, ..Sampling::default() };
    let measured = |answered: &answers::Answered| {
        IntentMeasures::of(&Observed {
            oracle,
            posteriors: &recognised.posteriors,
            intents: &labels,
            latent_gap: recognised.gap,
            answers: &answered.judged,
            matching_scores: &recognised.own,
            foreign_scores: &recognised.foreign,
            variances: answered.variances,
            diversity: answered.diversity,
        })
    };
    let answered = with(usual)?;
    let measures = measured(&answered)?;
    let shared = with(Sampling { shared_noise: true, ..usual })?;
    let guided = match system.latents() {
        0 => None,
        _ if asked.guidance == 1.0 => Some(measures.clone()),
        _ => Some(measured(&with(Sampling { guidance: 1.0, ..usual })?)?),
    };
    Ok(Findings {
        guided,
        frdiv_shared_noise: shared.diversity,
        coverage_shared_noise: coverage(&shared.judged),
        confusion: confusion(&recognised.posteriors, &labels, system.latents()),
        average_of_modes: known.average_of_modes(&judge)?,
        speakers: answered.judged.len(),
        listeners: known.judged.len(),
        measures,
    })
}

fn confusion(posteriors: &[Vec<f64>], intents: &[usize], latents: usize) -> Vec<Vec<u32>> {
    if posteriors.is_empty() {
        return Vec::new();
    }
    let mut counts = vec![vec![0; latents]; intents.iter().max().map_or(0, |most| most + 1)];
    for (posterior, intent) in posteriors.iter().zip(intents) {
        counts[*intent][measures::judge::verdict(posterior).0] += 1;
    }
    counts
}

/// Whether the judge may judge.
pub fn may_judge(findings: &Findings) -> bool {
    findings.measures.oracle.is_some_and(|accuracy| accuracy >= Judge::MAY_JUDGE)
}
