//! How REGNN learns: the speaker's nodes and the motor's image of the nearest appropriate reaction are pulled together, and the
//! images of all reactions to one speaker with them.
//!
//! Officially Adam with an L2 term of 5e-4 (not decoupled), rate 1e-4, a tenth of it from epoch 9 on, batch 128, 100 epochs, seed
//! 1; up to 10 random appropriate reactions for each window, at the window's own place; distances up to a third of the last
//! epoch's average count as 0. Parameters without a gradient stay. `small` deviates by name: attributes and 78 sound features,
//! other sizes, a higher rate on a cosine, smaller batches, clipping.

use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};
use training::course::{Plan, Schedule};
use training::optimiser::Decay;

use super::windows::starts;
use super::{Config, Regnn, Weights};
use crate::lessons::{Asked, Compared, Learner, Lost, Material, Needs, Who, not_entered, table, typed};
use crate::parameters::{Fresh, Parameters, build, internal};
use crate::pass::Pass;
use crate::systems::Settings;

/// Its row in the table of systems.
pub const COURSE: Compared = Compared {
    name: "regnn",
    about: "REGNN of REACT 2024, a reversible graph network; makes attributes only",
    presets: &["small", "official-vggish", "official-wav2vec2", "noted-wav2vec2"],
    plan,
    check,
    needs,
    learner,
};

/// What training alone knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Losses {
    /// Appropriate reactions of each window, at most.
    pub targets: usize,
    /// Distances up to this share of the last epoch's average count as 0; 0 for none.
    pub threshold_share: f64,
    /// Weight of the spread of reactions around their mean.
    pub spread: f64,
    /// Weight of the differences of neighbouring nodes, see [`Weights::node_difference`].
    pub node_difference: f64,
}

fn plan(preset: &str) -> Option<Plan> {
    let weights = Weights::default();
    let losses = Losses {
        targets: 10,
        threshold_share: 1.0 / 3.0,
        spread: weights.spread,
        node_difference: weights.node_difference,
    };
    let official = Plan {
        batch: 128,
        frames: 50,
        alternatives_only: false,
        stage1_epochs: 100.0,
        stage1_rate: 1e-4,
        schedule: Schedule::Milestone,
        decay_kind: Decay::L2,
        network: table(&Config::preset(preset)?),
        losses: table(&losses),
        ..Plan::usual("regnn", preset)
    };
    Some(if preset == "small" {
        Plan {
            batch: 16,
            alternatives_only: true,
            threads: 1,
            stage1_steps: 800,
            stage1_rate: 1e-3,
            schedule: Schedule::Cosine,
            warmup: 30,
            clip: 1.0,
            losses: table(&Losses { targets: 4, ..losses }),
            ..official
        }
    } else {
        official
    })
}

fn check(plan: &mut Plan) -> Result<()> {
    let config: Config = typed("network", &mut plan.network)?;
    let losses: Losses = typed("losses", &mut plan.losses)?;
    let bad = |detail: &str| Err(Fault::new(FaultKind::BadRequest, "", detail.to_owned()).at("losses"));
    if !(1..=1000).contains(&losses.targets) {
        return bad("targets is 1 to 1000");
    }
    let weights = [losses.threshold_share, losses.spread, losses.node_difference];
    if weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) {
        return bad("threshold_share, spread and node_difference are numbers of at least 0");
    }
    config.check()
}

fn needs(plan: &Plan) -> Result<Needs> {
    let config: Config = typed("network", &mut plan.network.clone())?;
    let own = config.perceptual.reads_clips();
    Ok(Needs {
        speaker_attributes: own,
        sound: own,
        coefficients: false,
        video: None,
        features: (!own).then_some((config.perceptual.video, config.perceptual.audio)),
        frames: config.frames,
    })
}

fn learner(plan: &Plan) -> Result<Box<dyn Learner>> {
    Ok(Box::new(Pupil {
        config: typed("network", &mut plan.network.clone())?,
        losses: typed("losses", &mut plan.losses.clone())?,
        seed: plan.seed,
        batch: plan.batch,
        network: None,
    }))
}

struct Pupil {
    config: Config,
    losses: Losses,
    seed: u64,
    batch: usize,
    network: Option<Regnn>,
}

/// Windows and what answers them.
struct Windows {
    seen: candle_core::Tensor,
    heard: candle_core::Tensor,
    /// `[all, 25, T]`.
    targets: candle_core::Tensor,
    counts: Vec<usize>,
}

impl Learner for Pupil {
    fn enter(&mut self, _: u64) -> Result<Parameters> {
        let (network, parameters) =
            build(&mut Fresh { seed: self.seed }, |scope| Regnn::new(&self.config, scope))?;
        self.network = Some(network);
        Ok(parameters)
    }

    /// The norms of the motor take their start from the first windows.
    fn prepare(&mut self, _: &Parameters, _: Option<&Parameters>, material: &Material) -> Result<()> {
        let Some(network) = &self.network else { return Err(not_entered()) };
        let rows = material.drawn.iter().copied().take(self.batch).collect();
        let mut asked = Asked::first(material, rows, self.seed);
        let windows = self.windows(&mut asked)?;
        let set = || {
            let speaker = network.perceive(&windows.seen, &windows.heard, &Pass::evaluation())?;
            let owners = owners(&windows.counts)?;
            network.motor().initialise(&windows.targets, &speaker.edges.index_select(&owners, 0)?)
        };
        set().map_err(internal)
    }

    fn loss(&mut self, asked: &mut Asked<'_>) -> Result<Lost> {
        let windows = self.windows(asked)?;
        let Some(network) = &self.network else { return Err(not_entered()) };
        // epoch, sum and count of its distances, threshold
        let (mut sum, mut count, mut threshold) = (0.0, 0.0, None);
        if let [epoch, known, steps, last] = asked.memory {
            if *epoch == asked.epoch as f64 {
                (sum, count, threshold) = (*known, *steps, (*last > 0.0).then_some(*last));
            } else {
                threshold = (*steps > 0.0).then_some(self.losses.threshold_share * known / steps);
            }
        }
        let weights = Weights {
            threshold: threshold.filter(|_| asked.training && self.losses.threshold_share > 0.0),
            spread: self.losses.spread,
            node_difference: self.losses.node_difference,
        };
        let losses = network
            .loss(&windows.seen, &windows.heard, &windows.targets, &windows.counts, &weights, &asked.pass)
            .map_err(internal)?;
        let nearest = || losses.nearest.to_dtype(candle_core::DType::F64)?.to_scalar::<f64>();
        let nearest = nearest().map_err(internal)?;
        let memory = vec![asked.epoch as f64, sum + nearest, count + 1.0, threshold.unwrap_or(0.0)];
        Ok(Lost {
            total: losses.total,
            terms: vec![("nearest", losses.nearest), ("spread", losses.spread)],
            memory,
            renewed: Vec::new(),
        })
    }

    fn settings(&self) -> Settings {
        Settings::Regnn(self.config.clone())
    }
}

impl Pupil {
    /// A window of each row, at a random multiple of the stride, and appropriate reactions at the same place.
    fn windows(&self, asked: &mut Asked<'_>) -> Result<Windows> {
        let (frames, stride) = (self.config.frames, self.config.stride);
        let (all, material) = (asked.material.rows(asked.training), asked.material);
        let (mut speakers, mut answers, mut counts) = (Vec::new(), Vec::new(), Vec::new());
        for index in &asked.rows {
            let row = &all[*index];
            let places = starts(row.frames, frames, stride);
            let first = places.get(asked.chance.below(places.len())).copied().unwrap_or(0);
            speakers.push((row, first));
            let mut long: Vec<usize> = row.appropriate.iter().map(|other| *other as usize).collect();
            long.retain(|other| all[*other].frames >= first + frames);
            asked.chance.shuffle(&mut long);
            long.truncate(self.losses.targets);
            counts.push(long.len());
            answers.extend(long.into_iter().map(|other| (&all[other], first)));
        }
        let targets = material.attributes(Who::Listener, &answers, frames)?;
        let read = &self.config.perceptual;
        let (seen, heard) = if read.reads_clips() {
            let seen = material.attributes(Who::Speaker, &speakers, frames)?;
            (seen, material.sound(Who::Speaker, &speakers, frames)?)
        } else {
            material.features(&speakers, frames, (read.video, read.audio))?
        };
        Ok(Windows {
            seen,
            heard,
            targets: targets.transpose(1, 2).and_then(|targets| targets.contiguous()).map_err(internal)?,
            counts,
        })
    }
}

/// The item of each reaction.
fn owners(counts: &[usize]) -> candle_core::Result<candle_core::Tensor> {
    let owners: Vec<u32> =
        counts.iter().enumerate().flat_map(|(item, count)| vec![item as u32; *count]).collect();
    let count = owners.len();
    candle_core::Tensor::from_vec(owners, count, &candle_core::Device::Cpu)
}
