//! What a written synthetic corpus looks like in numbers, so that its plausibility can be judged at a glance.

use std::fmt;

use serde::Serialize;

use crate::channels::{AROUSAL, ATTRIBUTES, AU_COUNT, VALENCE};
use crate::streams::{Attributes, Coefficients};
use crate::synth::dyad::{Session, Template};
use crate::synth::world::INTENTS;
use crate::time::FRAMES_PER_SECOND;

/// Statistics of a whole corpus.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Statistics {
    /// Seed of templates and people.
    pub seed: u64,
    /// Frames of a clip.
    pub frames: usize,
    /// Train, val, test.
    pub splits: Vec<SplitStatistics>,
}

/// Statistics of one split.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SplitStatistics {
    /// train, val or test.
    pub split: &'static str,
    /// Pairs of people.
    pub sessions: usize,
    /// Rows after the role swap.
    pub rows: usize,
    /// Stimuli.
    pub templates: usize,
    /// Share of rows that have only themselves as an appropriate reaction.
    pub alone_share: f64,
    /// Mean number of appropriate reactions of the rows that have alternatives.
    pub mean_neighbours: f64,
    /// Share of each intent among the listeners, in the order of [`INTENTS`].
    pub intent_shares: Vec<f64>,
    /// The person who speaks.
    pub speaker: PersonStatistics,
    /// The person who listens.
    pub listener: PersonStatistics,
}

/// Statistics of one role.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct PersonStatistics {
    /// Share of frames in which each action unit fires.
    pub au_rates: Vec<f64>,
    /// Mean and standard deviation of valence.
    pub valence: [f64; 2],
    /// Mean and standard deviation of arousal.
    pub arousal: [f64; 2],
    /// Mean absolute head rotation speed (three axes together), degrees a second.
    pub head_degrees_per_second: f64,
    /// Blinks a minute.
    pub blinks_per_minute: f64,
}

/// Sums over one recorded session; splits add them up.
pub(super) struct Recorded {
    speaker: Sums,
    listener: Sums,
}

impl Recorded {
    pub(super) fn of(speaker: &(Attributes, Coefficients), listener: &(Attributes, Coefficients)) -> Self {
        Self { speaker: Sums::of(&speaker.0, &speaker.1), listener: Sums::of(&listener.0, &listener.1) }
    }
}

#[derive(Default)]
struct Sums {
    frames: f64,
    units: [f64; AU_COUNT],
    affect: [[f64; 2]; 2],
    turned: f64,
    blinks: f64,
}

impl Sums {
    fn of(attributes: &Attributes, coefficients: &Coefficients) -> Self {
        const LEFT_LID: usize = 8;
        let mut sums = Self { frames: attributes.len() as f64, ..Self::default() };
        for row in attributes {
            for (sum, value) in sums.units.iter_mut().zip(row) {
                *sum += f64::from(*value);
            }
            for (sum, value) in sums.affect.iter_mut().zip([row[VALENCE], row[AROUSAL]]) {
                sum[0] += f64::from(value);
                sum[1] += f64::from(value) * f64::from(value);
            }
        }
        for pair in coefficients.windows(2) {
            let turn: f64 = (52..55).map(|axis| f64::from(pair[1][axis] - pair[0][axis]).powi(2)).sum();
            sums.turned += turn.sqrt().to_degrees();
            sums.blinks += f64::from(u8::from(pair[0][LEFT_LID] < 0.6 && pair[1][LEFT_LID] >= 0.6));
        }
        sums
    }

    fn add(&mut self, other: &Self) {
        self.frames += other.frames;
        for (sum, value) in self.units.iter_mut().zip(other.units) {
            *sum += value;
        }
        for (sum, value) in self.affect.iter_mut().flatten().zip(other.affect.iter().flatten()) {
            *sum += value;
        }
        self.turned += other.turned;
        self.blinks += other.blinks;
    }

    fn person(&self) -> PersonStatistics {
        let frames = self.frames.max(1.0);
        let moments = |[sum, squares]: [f64; 2]| {
            let mean = sum / frames;
            [mean, (squares / frames - mean * mean).max(0.0).sqrt()]
        };
        let seconds = frames / f64::from(FRAMES_PER_SECOND);
        PersonStatistics {
            au_rates: self.units.iter().map(|sum| sum / frames).collect(),
            valence: moments(self.affect[0]),
            arousal: moments(self.affect[1]),
            head_degrees_per_second: self.turned / seconds,
            blinks_per_minute: self.blinks / seconds * 60.0,
        }
    }
}

impl SplitStatistics {
    pub(super) fn of(
        split: &'static str,
        templates: &[Template],
        sessions: &[Session],
        neighbours: &[Vec<usize>],
        recorded: &[Recorded],
    ) -> Self {
        let (mut speaker, mut listener) = (Sums::default(), Sums::default());
        for session in recorded {
            speaker.add(&session.speaker);
            listener.add(&session.listener);
        }
        let count = sessions.len().max(1) as f64;
        let alone = neighbours.iter().filter(|row| row.len() == 1).count();
        let others: usize = neighbours.iter().filter(|row| row.len() > 1).map(Vec::len).sum();
        Self {
            split,
            sessions: sessions.len(),
            rows: neighbours.len(),
            templates: templates.len(),
            alone_share: alone as f64 / neighbours.len().max(1) as f64,
            mean_neighbours: others as f64 / (neighbours.len() - alone).max(1) as f64,
            intent_shares: (0..INTENTS.len())
                .map(|intent| {
                    sessions.iter().filter(|session| session.intent == intent).count() as f64 / count
                })
                .collect(),
            speaker: speaker.person(),
            listener: listener.person(),
        }
    }
}

impl fmt::Display for Statistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "synthetic corpus, seed {}, {} frames a clip", self.seed, self.frames)?;
        for split in &self.splits {
            writeln!(
                f,
                "\n{:<6} {} sessions, {} rows, {} templates; {:.0} % of the rows have only themselves, the others {:.1} neighbours",
                split.split,
                split.sessions,
                split.rows,
                split.templates,
                split.alone_share * 100.0,
                split.mean_neighbours
            )?;
            write!(f, "  intents ")?;
            for (name, share) in INTENTS.iter().zip(&split.intent_shares) {
                write!(f, " {name} {:.0} %", share * 100.0)?;
            }
            writeln!(f)?;
            for (role, person) in [("speaker", &split.speaker), ("listener", &split.listener)] {
                writeln!(
                    f,
                    "  {role:<9} valence {:+.2} +- {:.2}, arousal {:+.2} +- {:.2}, head {:.1} deg/s, {:.1} blinks/min",
                    person.valence[0],
                    person.valence[1],
                    person.arousal[0],
                    person.arousal[1],
                    person.head_degrees_per_second,
                    person.blinks_per_minute
                )?;
                write!(f, "           ")?;
                for (name, rate) in ATTRIBUTES.iter().zip(&person.au_rates) {
                    write!(f, " {name} {:.0}%", rate * 100.0)?;
                }
                writeln!(f)?;
            }
        }
        Ok(())
    }
}
