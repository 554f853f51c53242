//! The columns of a table: the official measures, what stands beside them, and what goes beyond them. Each knows its
//! name, direction, decimals, definition, and its value for a set and, where there is one, for a clip.

use measures::uncertainty::Kind;
use measures::{Direction, Measure};

use crate::outcome::Outcome;
use crate::recognition::Recognition;

/// One column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Column {
    /// A measure that is scored clip by clip.
    Measure(Measure),
    /// FRVar divided by that of the true listeners.
    VarRatio,
    /// Frechet distance of reaction features.
    Frechet,
    /// Share of samples among the appropriate reactions.
    Precision,
    /// Share of appropriate reactions that a sample answers.
    Coverage,
    /// Latents in use on real listeners.
    Usage,
    /// Agreement of recognised latent and known intent.
    Agreement,
    /// Area under the curve of the matching score.
    MatchingArea,
    /// Expected calibration error of the matching score.
    MatchingError,
}

impl Column {
    /// The official six.
    pub const OFFICIAL: [Self; 6] = [
        Self::Measure(Measure::Corr),
        Self::Measure(Measure::Dist),
        Self::Measure(Measure::Div),
        Self::Measure(Measure::Var),
        Self::Measure(Measure::Dvs),
        Self::Measure(Measure::Syn),
    ];
    /// What stands beside the six and beyond them.
    pub const BEYOND: [Self; 10] = [
        Self::Measure(Measure::SynAllSamples),
        Self::Measure(Measure::ConstantShare),
        Self::VarRatio,
        Self::Frechet,
        Self::Precision,
        Self::Coverage,
        Self::Usage,
        Self::Agreement,
        Self::MatchingArea,
        Self::MatchingError,
    ];

    /// Official columns first.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::OFFICIAL.into_iter().chain(Self::BEYOND)
    }

    /// The column of that name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::all().find(|column| column.name().eq_ignore_ascii_case(name))
    }

    /// Name in tables and JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Measure(measure) => measure.name(),
            Self::VarRatio => "FRVar_ratio",
            Self::Frechet => "Frechet",
            Self::Precision => "precision",
            Self::Coverage => "coverage",
            Self::Usage => "usage",
            Self::Agreement => "NMI",
            Self::MatchingArea => "RM_AUC",
            Self::MatchingError => "RM_ECE",
        }
    }

    /// What it says, in a sentence or two.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Measure(Measure::Corr) => {
                "Concordance with the best of the appropriate reactions, summed over samples. A column that never \
                 changes counts 0"
            }
            Self::Measure(Measure::Dist) => {
                "Distance after warping to the nearest appropriate reaction, summed over samples"
            }
            Self::Measure(Measure::Div) => "Mean squared difference between the samples of a clip",
            Self::Measure(Measure::Var) => {
                "Variance in time, unbiased. Jitter raises it: read the ratio to the truth"
            }
            Self::Measure(Measure::Dvs) => "Mean squared difference between the reactions to different clips",
            Self::Measure(Measure::Syn) => {
                "Offset to the speaker in frames, first sample only. Undefined clips count 1 to 49, mostly 49"
            }
            Self::Measure(Measure::SynAllSamples) => "Offset to the speaker in frames, mean of all samples",
            Self::Measure(Measure::ConstantShare) => {
                "Share of clips whose synchrony is undefined, because a column never changes"
            }
            Self::VarRatio => "FRVar divided by that of the true listeners. Near 1 is the aim",
            Self::Frechet => {
                "Frechet distance between real and made reactions on 75 summary features. Ours, not the FRRea of the papers"
            }
            Self::Precision => {
                "Share of samples among the appropriate reactions of their clip (3 nearest neighbours)"
            }
            Self::Coverage => {
                "Share of the appropriate reactions of a clip that a sample answers (3 nearest neighbours)"
            }
            Self::Usage => "Latent intents recognised in real listeners: exp of the entropy of their mean",
            Self::Agreement => "Normalised mutual information of recognised latent and known intent",
            Self::MatchingArea => {
                "How well the matching score tells a clip's own listener from a foreign one (0.5 is chance)"
            }
            Self::MatchingError => "Expected calibration error of the matching score read as a probability",
        }
    }

    /// Which way is better; the share of undefined clips and ratios are neither.
    pub fn better(self) -> Option<Direction> {
        match self {
            Self::Measure(measure) => measure.better(),
            Self::VarRatio => None,
            Self::Frechet | Self::MatchingError => Some(Direction::Lower),
            Self::Precision | Self::Coverage | Self::Usage | Self::Agreement | Self::MatchingArea => {
                Some(Direction::Higher)
            }
        }
    }

    /// Whether it is a sum over samples, and so cannot be set beside that of a system with more or fewer of them.
    pub fn sums_over_samples(self) -> bool {
        matches!(self, Self::Measure(Measure::Corr | Measure::Dist))
    }

    /// Decimals of a printed value.
    pub fn decimals(self) -> usize {
        match self {
            Self::Measure(measure) => measure.decimals(),
            Self::Usage | Self::Frechet => 2,
            _ => 3,
        }
    }

    /// What the mean over clips is a mean of.
    pub fn kind(self) -> Kind {
        match self {
            Self::Measure(measure) => measure.kind(),
            _ => Kind::Clips,
        }
    }

    /// The value of one outcome; `None` where it is undefined or does not exist.
    pub fn of(self, outcome: &Outcome, recognition: Option<&Recognition>) -> Option<f64> {
        let calibration = || recognition?.calibration.as_ref();
        match self {
            Self::Measure(measure) => measure.of(&outcome.evaluation),
            Self::VarRatio => outcome.evaluation.FRVar_ratio,
            Self::Frechet => outcome.realism.as_ref()?.frechet,
            Self::Precision => outcome.coverage.as_ref()?.precision,
            Self::Coverage => outcome.coverage.as_ref()?.coverage,
            Self::Usage => recognition?.usage,
            Self::Agreement => recognition?.agreement,
            Self::MatchingArea => calibration()?.area,
            Self::MatchingError => Some(calibration()?.expected_error),
        }
    }

    /// The value of each clip, whose mean is the value of the set; `None` for what only a set has.
    pub fn per_clip(self, outcome: &Outcome) -> Option<Vec<Option<f64>>> {
        let of_coverage = |value: fn(&measures::coverage::ClipCoverage) -> Option<f64>| {
            Some(outcome.coverage.as_ref()?.per_clip.iter().map(value).collect())
        };
        match self {
            Self::Measure(measure) => {
                Some(outcome.evaluation.per_clip.iter().map(|scores| measure.of_clip(scores)).collect())
            }
            Self::Precision => of_coverage(|clip| clip.precision),
            Self::Coverage => of_coverage(|clip| clip.coverage),
            _ => None,
        }
    }

    /// Why there is no value, for the reader of an empty cell.
    pub fn why_empty(self, has_latents: bool) -> &'static str {
        match self {
            Self::Usage | Self::MatchingArea | Self::MatchingError if !has_latents => {
                "the system has no latent intent"
            }
            Self::Agreement if !has_latents => "the system has no latent intent",
            Self::Agreement => "the corpus does not know its intents",
            Self::Measure(Measure::Dvs) => "undefined for a single clip",
            Self::Measure(Measure::Var) => "undefined for a single frame",
            Self::Precision | Self::Coverage => {
                "undefined where every clip has a single appropriate reaction"
            }
            _ => "undefined for these clips",
        }
    }
}
