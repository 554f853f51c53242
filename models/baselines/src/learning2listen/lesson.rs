//! How Learning2Listen learns: first codes of listeners' motion (L1 of each group of columns, the codebook's loss), then, with
//! them frozen, the next codes of a listener given the speaker (cross-entropy).
//!
//! Officially AdamW and then Adam, betas 0.9 and 0.98, epsilon 1e-9, batch 32, rates 2 / sqrt(256) and 0.01 / sqrt(200) times
//! min(n^-1/2, n 100000^-3/2). How long is not known here, nor the first one's decay: the passes are ours, and the decay is 0.
//! Of an item's 64 frames the first 32 are the past and the last 32 the next 4 codes; how many past codes may be used is drawn
//! once a batch from 0..20, where 4 and more are all.
//!
//! *Ours*: statistics of the streams over all training rows are taken when the first stage begins. Items of the second stage
//! begin up to 32 frames before the clip, where both stand still: so the roll-out begins. `small` deviates by name: other
//! sizes, rates on a cosine, clipping, smaller batches, and codes that start, and start again when they are hardly used, as what
//! the encoder says of windows ([`Codebook::Data`]): of codes that start around 0 few are ever used, and faces stand still.

use candle_core::{DType, Tensor};
use clips::{Chance, Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};
use training::course::{Plan, Schedule};

use super::config::{FRAMES, SEEN, TOKENS};
use super::statistics::{Columns, Moments};
use super::{Config, Learning2Listen, Seen, Statistics, Vq};
use crate::lessons::{Asked, Compared, Learner, Lost, Material, Needs, Row, Who, not_entered, table, typed};
use crate::parameters::{Fresh, Parameters, build, internal};
use crate::pass::Pass;
use crate::systems::Settings;

/// Its row in the table of systems.
pub const COURSE: Compared = Compared {
    name: "learning2listen",
    about: "Learning2Listen (CVPR 2022), motion as codes and their predictor",
    presets: &["small", "attributes", "official", "react"],
    plan,
    check,
    needs,
    learner,
};

/// The codebook among the tensors.
const CODES: &str = "vq.quantize.embedding.weight";
/// Frames of an item of the second stage: past and future.
const ITEM: usize = 2 * FRAMES;

/// Numbers of a tensor that are set anew.
type Renewed = Vec<(&'static str, usize, Vec<f32>)>;

/// Where codes start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Codebook {
    /// Uniformly around 0, as officially.
    Uniform,
    /// As what the untrained encoder says of training windows; and a code that is used less than a tenth as often as all are
    /// on average starts again as what the encoder says of one of the step's windows.
    Data,
}

/// Share of the newest step in how often a code is used.
const NEWEST: f64 = 0.1;
/// Codes that are used less often than this, where 1 is the average, start again.
const RARE: f64 = 0.1;

/// What training alone knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Losses {
    /// How many past codes may be used is drawn from 0 to this; 4 and more are all.
    pub most_seen: usize,
    /// Where codes start.
    pub codebook: Codebook,
}

fn plan(preset: &str) -> Option<Plan> {
    let official = Plan {
        frames: ITEM,
        batch: 32,
        alternatives_only: false,
        stage1_epochs: 1000.0,
        stage1_rate: 2.0 / 256f64.sqrt(),
        stage2_epochs: 1000.0,
        stage2_rate: 0.01 / 200f64.sqrt(),
        schedule: Schedule::Noam,
        warmup: 100_000,
        betas: [0.9, 0.98],
        epsilon: 1e-9,
        decay: 0.0,
        network: table(&Config::preset(preset)?),
        losses: table(&Losses { most_seen: 20, codebook: Codebook::Uniform }),
        ..Plan::usual("learning2listen", preset)
    };
    Some(if preset == "small" {
        Plan {
            batch: 16,
            alternatives_only: true,
            threads: 1,
            stage1_steps: 600,
            stage1_rate: 2e-3,
            stage2_steps: 600,
            stage2_rate: 1e-3,
            schedule: Schedule::Cosine,
            warmup: 30,
            clip: 1.0,
            losses: table(&Losses { most_seen: 20, codebook: Codebook::Data }),
            ..official
        }
    } else {
        official
    })
}

fn check(plan: &mut Plan) -> Result<()> {
    let config: Config = typed("network", &mut plan.network)?;
    let losses: Losses = typed("losses", &mut plan.losses)?;
    if losses.most_seen > 1000 {
        return Err(Fault::new(FaultKind::BadRequest, "", "most_seen is at most 1000").at("losses"));
    }
    config.check()
}

fn needs(plan: &Plan) -> Result<Needs> {
    let config: Config = typed("network", &mut plan.network.clone())?;
    if !config.is_ours() {
        return Err(Fault::new(
            FaultKind::MissingModality,
            "",
            format!(
                "preset {} of learning2listen reads the speaker's coefficients and {} bands of sound {} times a frame, and \
                 systems here are given attributes and 78 sound features",
                plan.preset, config.predictor.audio, config.predictor.audio_rows
            ),
        )
        .remedy("train the preset small, or attributes, which has the official sizes"));
    }
    Ok(Needs {
        speaker_attributes: true,
        sound: true,
        coefficients: true,
        video: None,
        features: None,
        frames: ITEM,
    })
}

fn learner(plan: &Plan) -> Result<Box<dyn Learner>> {
    Ok(Box::new(Pupil {
        config: typed("network", &mut plan.network.clone())?,
        losses: typed("losses", &mut plan.losses.clone())?,
        seed: plan.seed,
        network: None,
    }))
}

enum Network {
    Codes(Box<(Vq, Statistics)>),
    Whole(Box<Learning2Listen>),
}

struct Pupil {
    config: Config,
    losses: Losses,
    seed: u64,
    network: Option<Network>,
}

/// Attributes and coefficients of listeners side by side, as they are.
fn motion(material: &Material, rows: &[(&Row, usize)], frames: usize) -> Result<Tensor> {
    let parts = [
        material.attributes(Who::Listener, rows, frames)?,
        material.coefficients(Who::Listener, rows, frames)?,
    ];
    Tensor::cat(&parts, 2).map_err(internal)
}

impl Learner for Pupil {
    fn stages(&self) -> u64 {
        2
    }

    fn enter(&mut self, stage: u64) -> Result<Parameters> {
        let (config, mut fresh) = (&self.config, Fresh { seed: self.seed });
        let (network, parameters) = build(&mut fresh, |scope| {
            Ok(match stage {
                1 => Network::Codes(Box::new((
                    Vq::new(&config.vq, &scope.at("vq"))?,
                    Statistics::new(config, &scope.at("statistics"))?,
                ))),
                _ => Network::Whole(Box::new(Learning2Listen::new(config, scope)?)),
            })
        })?;
        self.network = Some(network);
        Ok(parameters)
    }

    /// Statistics of the training rows; then what the first stage learned.
    fn prepare(
        &mut self,
        parameters: &Parameters,
        before: Option<&Parameters>,
        material: &Material,
    ) -> Result<()> {
        if let Some(Network::Codes(codes)) = &self.network {
            let (mut moving, mut seen, mut heard) = <(Moments, Moments, Moments)>::default();
            for row in &material.train {
                let (one, frames) = ([(row, 0)], row.frames);
                moving.add(&motion(material, &one, frames)?).map_err(internal)?;
                seen.add(&material.attributes(Who::Speaker, &one, frames)?).map_err(internal)?;
                heard.add(&material.sound(Who::Speaker, &one, frames)?).map_err(internal)?;
            }
            let statistics = &codes.1;
            let set = || {
                statistics.motion.set(&moving)?;
                statistics.seen.set(&seen)?;
                statistics.heard.set(&heard)
            };
            set().map_err(internal)?;
            if self.losses.codebook == Codebook::Data {
                self.start_codes(codes, parameters, material)?;
            }
        }
        for (name, one) in before.iter().flat_map(|before| before.iter()) {
            if let Some(own) = parameters.get(name) {
                own.set(&one.value.as_detached_tensor()).map_err(internal)?;
            }
        }
        Ok(())
    }

    fn loss(&mut self, asked: &mut Asked<'_>) -> Result<Lost> {
        match &self.network {
            Some(Network::Codes(codes)) => self.of_codes(&codes.0, &codes.1, asked),
            Some(Network::Whole(network)) => self.of_predictor(network, asked),
            None => Err(not_entered()),
        }
    }

    fn settings(&self) -> Settings {
        Settings::Learning2Listen(self.config.clone())
    }
}

impl Pupil {
    /// Windows of listeners from anywhere.
    fn of_codes(&self, vq: &Vq, statistics: &Statistics, asked: &mut Asked<'_>) -> Result<Lost> {
        let (rows, frames) = asked.crops_of_whole(FRAMES, FRAMES);
        let windows = motion(asked.material, &rows, frames)?;
        let loss = || Ok(vq.loss(&statistics.motion.standardise(&windows)?, &asked.pass)?.0);
        let losses = loss().map_err(internal)?;
        let (memory, renewed) = match self.losses.codebook {
            Codebook::Data if asked.training => {
                let (indices, rows) = &losses.lookups;
                let indices = indices.to_vec1::<u32>().map_err(internal)?;
                let rows = rows.to_vec2::<f32>().map_err(internal)?;
                renew(self.config.vq.codes, &indices, &rows, asked.memory, &mut asked.chance)
            }
            _ => (Vec::new(), Vec::new()),
        };
        Ok(Lost {
            total: losses.total,
            terms: vec![("motion", losses.motion), ("codebook", losses.quantiser), ("used", losses.used)],
            memory,
            renewed,
        })
    }

    /// Sets every code to what the encoder says of a quarter of a training window.
    fn start_codes(
        &self,
        (vq, statistics): &(Vq, Statistics),
        parameters: &Parameters,
        material: &Material,
    ) -> Result<()> {
        let Some(codes) = parameters.get(CODES) else { return Err(not_entered()) };
        // windows of as many rows as there are codes: their quarters are four times as many
        let drawn = &material.drawn;
        let rows = (0..self.config.vq.codes).map(|code| drawn[code % drawn.len()]).collect();
        let mut asked = Asked::first(material, rows, self.seed);
        let (rows, frames) = asked.crops_of_whole(FRAMES, FRAMES);
        let windows = motion(material, &rows, frames)?;
        let mut chance = Chance::new(self.seed, "first codes", &[]);
        let mut order: Vec<u32> = (0..(TOKENS * self.config.vq.codes) as u32).collect();
        chance.shuffle(&mut order);
        order.truncate(self.config.vq.codes);
        let set = || {
            let said = vq.rows(&statistics.motion.standardise(&windows)?, &Pass::training(chance))?.detach();
            codes.set(&said.index_select(&Tensor::new(order, said.device())?, 0)?)
        };
        set().map_err(internal)
    }

    fn of_predictor(&self, network: &Learning2Listen, asked: &mut Asked<'_>) -> Result<Lost> {
        let Some(statistics) = &network.statistics else { return Err(not_entered()) };
        // all that may be used is used when it is looked at, as in the roll-out
        let most = self.losses.most_seen;
        let last = if asked.training { asked.chance.below(most + 1) } else { most };
        let (all, material) = (asked.material.rows(asked.training), asked.material);
        let (mut listener, mut seen, mut heard) = (Vec::new(), Vec::new(), Vec::new());
        for index in &asked.rows {
            let row = &all[*index];
            // counted from FRAMES before the clip on
            let first = asked.chance.below(row.frames + FRAMES - ITEM + 1);
            let (before, from) = (FRAMES.saturating_sub(first), first.saturating_sub(FRAMES));
            let place = [(row, from)];
            let own = motion(material, &place, ITEM - before)?;
            listener.push(standing(&statistics.motion, &own, before)?);
            let own = material.attributes(Who::Speaker, &place, SEEN - before)?;
            seen.push(standing(&statistics.seen, &own, before)?);
            let own = material.sound(Who::Speaker, &place, SEEN - before)?;
            heard.push(standing(&statistics.heard, &own, before)?);
        }
        let loss = || {
            let [listener, seen, heard] = [&listener, &seen, &heard].map(|parts| Tensor::cat(parts, 0));
            network.loss(&listener?, (&seen?, &heard?), Seen::Last(last), &asked.pass)
        };
        let losses = loss().map_err(internal)?;
        Ok(Lost {
            total: losses.total,
            terms: vec![("next", losses.next), ("hits", losses.hits)],
            memory: Vec::new(),
            renewed: Vec::new(),
        })
    }
}

/// How often each of `count` codes is used from now on (1 is the average; `memory` is what it was), and those that start again
/// as one of the rows that were looked up.
fn renew(
    count: usize,
    indices: &[u32],
    rows: &[Vec<f32>],
    memory: &[f64],
    chance: &mut Chance,
) -> (Vec<f64>, Renewed) {
    let mut usage = if memory.len() == count { memory.to_vec() } else { vec![1.0; count] };
    usage.iter_mut().for_each(|often| *often *= 1.0 - NEWEST);
    for code in indices {
        if let Some(often) = usage.get_mut(*code as usize) {
            *often += NEWEST * count as f64 / indices.len() as f64;
        }
    }
    let mut renewed = Vec::new();
    for (code, often) in usage.iter_mut().enumerate().filter(|(_, often)| **often < RARE) {
        let row = &rows[chance.below(rows.len())];
        renewed.push((CODES, code * row.len(), row.clone()));
        *often = 1.0;
    }
    (usage, renewed)
}

/// A stream standardised, with so many frames before it that stand still.
fn standing(columns: &Columns, x: &Tensor, before: usize) -> Result<Tensor> {
    let made = || {
        let x = columns.standardise(x)?;
        if before == 0 {
            return Ok(x);
        }
        Tensor::cat(&[&Tensor::zeros((1, before, x.dim(2)?), DType::F32, x.device())?, &x], 1)
    };
    made().map_err(internal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_that_is_hardly_used_starts_again_as_what_was_looked_up() {
        let rows = vec![vec![1.0, 2.0], vec![3.0, 4.0]];
        let mut chance = Chance::new(1, "test", &[]);
        let (mut usage, mut steps) = (Vec::new(), 0);
        let renewed = loop {
            let (now, renewed) = renew(3, &[0, 2], &rows, &usage, &mut chance);
            (usage, steps) = (now, steps + 1);
            if !renewed.is_empty() {
                break renewed;
            }
        };
        // 0.9^n is below a tenth from 22 on; the others are used half of the time, which is 1.5 times the average
        assert_eq!(steps, 22);
        let (name, first, values) = &renewed[0];
        assert_eq!((renewed.len(), *name, *first), (1, CODES, 2));
        assert!(rows.contains(values));
        assert_eq!(usage[1], 1.0);
        assert!((usage[0] - (1.5 - 0.5 * 0.9f64.powi(22))).abs() < 1e-12 && usage[0] == usage[2]);
    }

    #[test]
    fn statistics_and_first_codes_have_their_names() {
        let config = Config::preset("small").unwrap();
        let mut pupil = Pupil {
            losses: Losses { most_seen: 20, codebook: Codebook::Data },
            config,
            seed: 1,
            network: None,
        };
        let (first, second) = (pupil.enter(1).unwrap(), pupil.enter(2).unwrap());
        assert!(first.get(CODES).is_some());
        // everything of the first stage has its place in the second, and does not learn there
        for (name, _) in first.iter() {
            assert!(
                second.get(name).is_some() && second.trained().all(|(learned, _)| learned != name),
                "{name}"
            );
        }
    }
}
