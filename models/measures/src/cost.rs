//! What the measures cost, in processor milliseconds per unit, beside the official Python code.
//!
//! The published cost of the official code ([`Measure::official_ms`]) was taken once, with 8 clips, 10 samples, 750
//! frames and 8 neighbours on two x86-64 cores. `examples/measures_cost.rs` measures a restatement of it on the same data in the
//! same minutes, which is the fair ratio. FRDist gives up what is hopeless, so its cost depends on the data: it is
//! measured on every [`Kind`]. One thread; memory that only the first call allocates is paid before the clock starts.

use std::hint::black_box;
use std::time::Instant;

use clips::channels::{ATTRIBUTE_COUNT, AU};
use clips::{Attributes, Chance, Control, Result};

use crate::frcorr::{self, Centred};
use crate::frdist::{self, Prepared, Scratch};
use crate::{frdiv, frdvs, frsyn, frvar};

/// Clips, which are all neighbours of each other.
pub const CLIPS: usize = 8;
/// Samples of each clip.
pub const SAMPLES: usize = 10;
/// Frames of each reaction.
pub const FRAMES: usize = 750;
/// A measurement is repeated until it has taken so long, since the clock is coarse.
const LEAST_MS: f64 = 150.0;
/// The best of so many measurements counts: processors share caches and clocks with whatever else runs.
const ROUNDS: usize = 4;

/// What the data is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Slow walks that have nothing to do with each other; action units are 0 or 1.
    Unrelated,
    /// As unrelated, but every prediction is its true listener with a little noise.
    Near,
    /// Unrelated slow walks; action units of the predictions are not 0 or 1, those of the listeners are.
    Soft,
    /// Unrelated slow walks without any value that is just 0 or 1.
    Continuous,
    /// Uniform random numbers.
    Noise,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 5] = [Self::Unrelated, Self::Near, Self::Soft, Self::Continuous, Self::Noise];

    /// In words.
    pub fn name(self) -> &'static str {
        match self {
            Self::Unrelated => "unrelated, 0/1 action units",
            Self::Near => "near the truth",
            Self::Soft => "unrelated, soft predictions",
            Self::Continuous => "unrelated, all continuous",
            Self::Noise => "uniform noise",
        }
    }
}

/// A seeded set of clips.
#[derive(Debug, Clone)]
pub struct Data {
    /// What it is like.
    pub kind: Kind,
    /// Clips x samples.
    pub predictions: Vec<Vec<Attributes>>,
    /// One a clip.
    pub listeners: Vec<Attributes>,
    /// One a clip.
    pub speakers: Vec<Attributes>,
}

impl Data {
    /// The set of a kind, always the same.
    pub fn new(kind: Kind) -> Self {
        let mut chance = Chance::new(1, "cost", &[]);
        let (hard, soft) = (kind != Kind::Continuous, matches!(kind, Kind::Continuous | Kind::Soft));
        let mut draw = |flags: bool| match kind {
            Kind::Noise => noise(&mut chance),
            _ => walk(flags, &mut chance),
        };
        let listeners: Vec<Attributes> = (0..CLIPS).map(|_| draw(hard)).collect();
        let speakers: Vec<Attributes> = (0..CLIPS).map(|_| draw(hard)).collect();
        let unrelated: Vec<Vec<Attributes>> =
            (0..CLIPS).map(|_| (0..SAMPLES).map(|_| draw(!soft)).collect()).collect();
        let predictions = if kind == Kind::Near {
            let mut noisy = |row: &[f32; ATTRIBUTE_COUNT]| row.map(|x| x + 0.05 * chance.normal() as f32);
            let mut sample = |rows: &Attributes| rows.iter().map(&mut noisy).collect();
            listeners.iter().map(|rows| (0..SAMPLES).map(|_| sample(rows)).collect()).collect()
        } else {
            unrelated
        };
        Self { kind, predictions, listeners, speakers }
    }
}

/// Slow walks around the middle; action units as zeros and ones with `flags`.
fn walk(flags: bool, chance: &mut Chance) -> Attributes {
    let mut state = [0.0f64; ATTRIBUTE_COUNT];
    (0..FRAMES)
        .map(|_| {
            state.iter_mut().for_each(|x| *x = 0.97 * *x + 0.2 * chance.normal());
            std::array::from_fn(|column| {
                let value = 0.5 + 0.3 * state[column].tanh();
                let flag = flags && AU.contains(&column);
                if flag { f32::from(u8::from(value > 0.6)) } else { value as f32 }
            })
        })
        .collect()
}

fn noise(chance: &mut Chance) -> Attributes {
    (0..FRAMES).map(|_| std::array::from_fn(|_| chance.uniform() as f32)).collect()
}

/// A measure, and what one unit of its work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// Per clip x sample x neighbour.
    FRCorr,
    /// Per clip x sample x neighbour.
    FRDist,
    /// Per clip x sample.
    FRSyn,
    /// Per clip x clip x sample.
    FRDvs,
    /// Per clip x sample x sample.
    FRDiv,
    /// Per clip x sample.
    FRVar,
}

impl Measure {
    /// Every measure.
    pub const ALL: [Self; 6] =
        [Self::FRCorr, Self::FRDist, Self::FRSyn, Self::FRDvs, Self::FRDiv, Self::FRVar];

    /// Its official name.
    pub fn name(self) -> &'static str {
        match self {
            Self::FRCorr => "FRCorr",
            Self::FRDist => "FRDist",
            Self::FRSyn => "FRSyn",
            Self::FRDvs => "FRDvs",
            Self::FRDiv => "FRDiv",
            Self::FRVar => "FRVar",
        }
    }

    /// What one unit is.
    pub fn unit(self) -> &'static str {
        match self {
            Self::FRCorr | Self::FRDist => "clip x sample x neighbour",
            Self::FRSyn | Self::FRVar => "clip x sample",
            Self::FRDvs => "clip x clip x sample",
            Self::FRDiv => "clip x sample x sample",
        }
    }

    /// Processor milliseconds per unit of the official code, as measured once (see the header).
    pub fn official_ms(self) -> f64 {
        match self {
            Self::FRCorr => 2.98,
            Self::FRDist => 11.2,
            Self::FRSyn => 86.0,
            Self::FRDvs => 0.048,
            Self::FRDiv => 0.033,
            Self::FRVar => 0.09,
        }
    }

    fn units(self) -> usize {
        match self {
            Self::FRCorr | Self::FRDist => CLIPS * SAMPLES * CLIPS,
            Self::FRSyn | Self::FRVar => CLIPS * SAMPLES,
            Self::FRDvs => CLIPS * CLIPS * SAMPLES,
            Self::FRDiv => CLIPS * SAMPLES * SAMPLES,
        }
    }

    /// The measure on a set: FRCorr, FRDist and the signed FRSyn for every sample of every clip, the others one number
    /// a clip.
    pub fn of(self, data: &Data) -> Vec<f64> {
        let listeners = || (0u32..).zip(&data.listeners);
        let samples = || data.predictions.iter().flatten();
        match self {
            Self::FRCorr => {
                let ready: Vec<(u32, Centred)> =
                    listeners().map(|(row, rows)| (row, Centred::new(rows))).collect();
                let all = || ready.iter().map(|(row, ready)| (*row, ready));
                samples()
                    .filter_map(|rows| frcorr::best(&Centred::new(rows), all()))
                    .map(|(value, _)| value)
                    .collect()
            }
            Self::FRDist => {
                let ready: Vec<(u32, Prepared)> =
                    listeners().map(|(row, rows)| (row, Prepared::new(rows))).collect();
                let all: Vec<(u32, &Prepared)> = ready.iter().map(|(row, ready)| (*row, ready)).collect();
                let mut scratch = Scratch::default();
                samples()
                    .filter_map(|rows| frdist::best(&Prepared::new(rows), &all, &mut scratch))
                    .map(|(value, _)| value)
                    .collect()
            }
            Self::FRSyn => {
                let pairs = data.predictions.iter().zip(&data.speakers);
                pairs
                    .flat_map(|(all, speaker)| all.iter().map(move |rows| frsyn::of_reaction(rows, speaker)))
                    .map(|synchrony| f64::from(synchrony.offset))
                    .collect()
            }
            Self::FRDvs => {
                let mut mean = frdvs::MeanReaction::new(SAMPLES, FRAMES);
                data.predictions.iter().for_each(|samples| mean.add(samples));
                mean.finish();
                let own: Vec<f64> =
                    data.predictions.iter().map(|samples| mean.squared_distance(samples)).collect();
                mean.differences(&own).unwrap_or_default()
            }
            Self::FRDiv => data.predictions.iter().filter_map(|all| frdiv::of_clip(all)).collect(),
            Self::FRVar => data.predictions.iter().filter_map(|all| frvar::of_clip(all)).collect(),
        }
    }
}

/// What a measure costs on a kind of data.
#[derive(Debug, Clone)]
pub struct CostRow {
    /// The measure.
    pub measure: Measure,
    /// The data.
    pub kind: Kind,
    /// Our processor milliseconds per unit.
    pub ours_ms: f64,
    /// The values, as [`Measure::of`].
    pub values: Vec<f64>,
}

/// Measures on one set, on the calling thread and whatever rayon pool it belongs to (use a pool of one thread).
///
/// # Errors
/// Cancelled on request.
pub fn run(data: &Data, measures: &[Measure], control: &Control) -> Result<Vec<CostRow>> {
    measures
        .iter()
        .map(|measure| {
            control.check()?;
            let values = measure.of(data);
            let mut ours_ms = f64::INFINITY;
            for _ in 0..ROUNDS {
                let (mut times, start) = (0u32, processor_ms());
                let spent = loop {
                    black_box(measure.of(black_box(data)));
                    times += 1;
                    control.check()?;
                    let spent = processor_ms() - start;
                    if spent >= LEAST_MS {
                        break spent;
                    }
                };
                ours_ms = ours_ms.min(spent / f64::from(times) / measure.units() as f64);
            }
            Ok(CostRow { measure: *measure, kind: data.kind, ours_ms, values })
        })
        .collect()
}

/// Bytes that one prepared listener takes in FRDist.
pub fn prepared_bytes(data: &Data) -> usize {
    data.listeners.first().map_or(0, |rows| Prepared::new(rows).bytes())
}

/// Processor milliseconds of this thread where the system tells them (to a few milliseconds), else passed ones.
fn processor_ms() -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let nanoseconds = told.and_then(|text| text.split_whitespace().next()?.parse::<f64>().ok());
    nanoseconds.map_or_else(
        || {
            static START: std::sync::OnceLock<Instant> = std::sync::OnceLock::new();
            START.get_or_init(Instant::now).elapsed().as_secs_f64() * 1e3
        },
        |nanoseconds| nanoseconds / 1e6,
    )
}
