//! The measures as values: name, direction, how they are printed, and their value for one clip.

use serde::{Deserialize, Serialize};

use crate::evaluation::{ClipScores, Evaluation};
use crate::paired::Direction;
use crate::uncertainty::Kind;

/// The official six of REACT 2024, and what we put beside them from the same pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Measure {
    /// Appropriateness by concordance, a sum over samples.
    #[serde(rename = "FRCorr")]
    Corr,
    /// Appropriateness by distance, a sum over samples.
    #[serde(rename = "FRDist")]
    Dist,
    /// Diversity among the samples of a clip.
    #[serde(rename = "FRDiv")]
    Div,
    /// Movement in time.
    #[serde(rename = "FRVar")]
    Var,
    /// Diversity among clips.
    #[serde(rename = "FRDvs")]
    Dvs,
    /// Offset of the first sample to the speaker, in frames.
    #[serde(rename = "FRSyn")]
    Syn,
    /// The same over all samples.
    #[serde(rename = "FRSyn_all_samples")]
    SynAllSamples,
    /// Share of clips whose synchrony is undefined.
    #[serde(rename = "constant_share")]
    ConstantShare,
}

impl Measure {
    /// The official six, in the order of the papers.
    pub const OFFICIAL: [Self; 6] = [Self::Corr, Self::Dist, Self::Div, Self::Var, Self::Dvs, Self::Syn];
    /// All that are scored clip by clip.
    pub const ALL: [Self; 8] = [
        Self::Corr,
        Self::Dist,
        Self::Div,
        Self::Var,
        Self::Dvs,
        Self::Syn,
        Self::SynAllSamples,
        Self::ConstantShare,
    ];

    /// The official name, as in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Corr => "FRCorr",
            Self::Dist => "FRDist",
            Self::Div => "FRDiv",
            Self::Var => "FRVar",
            Self::Dvs => "FRDvs",
            Self::Syn => "FRSyn",
            Self::SynAllSamples => "FRSyn_all_samples",
            Self::ConstantShare => "constant_share",
        }
    }

    /// The measure of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|measure| measure.name().eq_ignore_ascii_case(name))
    }

    /// Which way is better; the share of undefined clips is neither.
    pub fn better(self) -> Option<Direction> {
        match self {
            Self::Corr | Self::Div | Self::Var | Self::Dvs => Some(Direction::Higher),
            Self::Dist | Self::Syn | Self::SynAllSamples => Some(Direction::Lower),
            Self::ConstantShare => None,
        }
    }

    /// Decimals of a printed value: those of the papers.
    pub fn decimals(self) -> usize {
        match self {
            Self::Corr | Self::ConstantShare => 3,
            Self::Dist | Self::Syn | Self::SynAllSamples => 2,
            Self::Div | Self::Var | Self::Dvs => 4,
        }
    }

    /// The value of one clip; `None` where it is undefined. Their mean over clips is the measure.
    pub fn of_clip(self, scores: &ClipScores) -> Option<f64> {
        match self {
            Self::Corr => Some(scores.FRCorr),
            Self::Dist => Some(scores.FRDist),
            Self::Div => Some(scores.FRDiv),
            Self::Var => scores.FRVar,
            Self::Dvs => scores.FRDvs,
            Self::Syn => Some(scores.FRSyn),
            Self::SynAllSamples => Some(scores.FRSyn_all_samples),
            Self::ConstantShare => Some(f64::from(u8::from(scores.synchrony_undefined))),
        }
    }

    /// The value of a set; `None` where it is undefined.
    pub fn of(self, evaluation: &Evaluation) -> Option<f64> {
        match self {
            Self::Corr => Some(evaluation.FRCorr),
            Self::Dist => Some(evaluation.FRDist),
            Self::Div => Some(evaluation.FRDiv),
            Self::Var => evaluation.FRVar,
            Self::Dvs => evaluation.FRDvs,
            Self::Syn => Some(evaluation.FRSyn),
            Self::SynAllSamples => Some(evaluation.FRSyn_all_samples),
            Self::ConstantShare => Some(evaluation.constant_share),
        }
    }

    /// What its mean is over: clips, or pairs of clips.
    pub fn kind(self) -> Kind {
        if self == Self::Dvs { Kind::Pairs } else { Kind::Clips }
    }
}
