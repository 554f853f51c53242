//! How BeLFusion learns: first the window VAE on listeners, then, with it frozen and the statistics of its latents over all
//! training windows in the checkpoint, the diffusion.
//!
//! Officially AdamW with decay 5e-4 of everything, no schedule, no clipping, batch 32; 1000 epochs of whole clips at 1e-3, then
//! 100 at 1e-4 on windows that begin in one random frame of the first window for the whole batch, so that of every clip only the
//! frames up to the end of the second window are ever seen ([`Starts::FirstWindow`]). `small` deviates by name: other sizes, rates
//! on a cosine, clipping, windows from anywhere in the clip, and the mean as a window's latent: so small a decoder says nearly the
//! same of every encoder state. The VAE's target for coefficients are the true ones: officially
//! no coefficients are loaded and the head learns zero, which is not copied.

use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};
use training::course::{Plan, Schedule};

use super::vae::Vae;
use super::{BelFusion, Config, LatentOf};
use crate::lessons::{Asked, Compared, Learner, Lost, Material, Needs, Row, Who, not_entered, table, typed};
use crate::parameters::{Fresh, Parameters, build, internal};
use crate::pass::normal;
use crate::systems::Settings;

/// Its row in the table of systems.
pub const COURSE: Compared = Compared {
    name: "belfusion",
    about: "BeLFusion of REACT 2024, latent diffusion of windows under the speaker's attributes",
    presets: &[
        "small",
        "official-k1",
        "official-k10",
        "official-k10-binarised",
        "official-online-k1",
        "official-online-k10",
    ],
    plan,
    check,
    needs,
    learner,
};

/// Where the windows of a batch of the diffusion begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Starts {
    /// One random frame of the first window for the whole batch, as officially.
    FirstWindow,
    /// A random frame for each item.
    Anywhere,
}

/// What training alone knows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Losses {
    /// Where windows of the second stage begin.
    pub starts: Starts,
}

fn plan(preset: &str) -> Option<Plan> {
    let official = Plan {
        frames: 750,
        batch: 32,
        alternatives_only: false,
        stage1_epochs: 1000.0,
        stage2_epochs: 100.0,
        stage2_rate: 1e-4,
        seed: 6,
        network: table(&Config::preset(preset)?),
        losses: table(&Losses { starts: Starts::FirstWindow }),
        ..Plan::usual("belfusion", preset)
    };
    Some(if preset == "small" {
        Plan {
            seed: 1,
            network: table(&Config { latent: LatentOf::Mean, ..Config::preset(preset)? }),
            frames: 100,
            batch: 16,
            alternatives_only: true,
            threads: 1,
            stage1_steps: 600,
            stage1_rate: 4e-3,
            stage2_steps: 1000,
            stage2_rate: 1e-3,
            schedule: Schedule::Cosine,
            warmup: 30,
            clip: 1.0,
            losses: table(&Losses { starts: Starts::Anywhere }),
            ..official
        }
    } else {
        official
    })
}

fn check(plan: &mut Plan) -> Result<()> {
    let config: Config = typed("network", &mut plan.network)?;
    let _: Losses = typed("losses", &mut plan.losses)?;
    if plan.frames < config.vae.window {
        return Err(Fault::new(
            FaultKind::BadRequest,
            "",
            format!("crops of {} frames hold no window of {}", plan.frames, config.vae.window),
        )
        .at("frames"));
    }
    config.check()
}

fn needs(plan: &Plan) -> Result<Needs> {
    let config: Config = typed("network", &mut plan.network.clone())?;
    let losses: Losses = typed("losses", &mut plan.losses.clone())?;
    let window = config.vae.window;
    let one = if config.online { 2 * window } else { window };
    let frames = if losses.starts == Starts::FirstWindow { one + window - 1 } else { one };
    Ok(Needs {
        speaker_attributes: true,
        sound: false,
        coefficients: true,
        video: None,
        features: None,
        frames,
    })
}

fn learner(plan: &Plan) -> Result<Box<dyn Learner>> {
    Ok(Box::new(Pupil {
        config: typed("network", &mut plan.network.clone())?,
        losses: typed("losses", &mut plan.losses.clone())?,
        frames: plan.frames,
        seed: plan.seed,
        network: None,
    }))
}

enum Network {
    Vae(Box<Vae>),
    Whole(Box<BelFusion>),
}

struct Pupil {
    config: Config,
    losses: Losses,
    frames: usize,
    seed: u64,
    network: Option<Network>,
}

/// Rows whose windows are encoded at a time for the statistics.
const AT_ONCE: usize = 32;

impl Learner for Pupil {
    fn stages(&self) -> u64 {
        2
    }

    fn enter(&mut self, stage: u64) -> Result<Parameters> {
        let (config, mut fresh) = (&self.config, Fresh { seed: self.seed });
        let (network, parameters) = build(&mut fresh, |scope| {
            Ok(match stage {
                1 => Network::Vae(Box::new(Vae::new(&config.vae, &scope.at("vae"))?)),
                _ => Network::Whole(Box::new(BelFusion::new(config, scope)?)),
            })
        })?;
        self.network = Some(network);
        Ok(parameters)
    }

    fn prepare(
        &mut self,
        parameters: &Parameters,
        before: Option<&Parameters>,
        material: &Material,
    ) -> Result<()> {
        let (Some(Network::Whole(network)), Some(before)) = (&self.network, before) else { return Ok(()) };
        for (name, one) in before.iter() {
            if let Some(own) = parameters.get(name) {
                own.set(&one.value.as_detached_tensor()).map_err(internal)?;
            }
        }
        let window = self.config.vae.window;
        let mut all = Vec::new();
        for who in [Who::Speaker, Who::Listener] {
            // rows of one length at a time
            let mut rows: Vec<&Row> = material.train.iter().collect();
            rows.sort_by_key(|row| row.frames / window);
            for part in rows.chunk_by(|a, b| a.frames / window == b.frames / window) {
                for some in part.chunks(AT_ONCE) {
                    let frames = some[0].frames / window * window;
                    let some: Vec<(&Row, usize)> = some.iter().map(|row| (*row, 0)).collect();
                    let clips = material.attributes(who, &some, frames)?;
                    let latents = || network.latents(&network.vae().windows(&clips)?)?.detach().copy();
                    all.push(latents().map_err(internal)?);
                }
            }
        }
        let set = || network.statistics().set(&candle_core::Tensor::cat(&all, 0)?);
        set().map_err(internal)
    }

    fn loss(&mut self, asked: &mut Asked<'_>) -> Result<Lost> {
        match &self.network {
            Some(Network::Vae(vae)) => self.of_vae(vae, asked),
            Some(Network::Whole(network)) => self.of_diffusion(network, asked),
            None => Err(not_entered()),
        }
    }

    fn settings(&self) -> Settings {
        Settings::BelFusion(self.config.clone())
    }
}

impl Pupil {
    fn of_vae(&self, vae: &Vae, asked: &mut Asked<'_>) -> Result<Lost> {
        let window = self.config.vae.window;
        let (rows, frames) = asked.crops_of_whole(self.frames, window);
        let material = asked.material;
        let clips = material.attributes(Who::Listener, &rows, frames)?;
        let coefficients = material.coefficients(Who::Listener, &rows, frames)?;
        let shape = [rows.len() * frames / window, self.config.vae.width];
        let eps = normal(&mut asked.chance, &shape, candle_core::DType::F32).map_err(internal)?;
        // the mean, officially, where nothing is learned
        let eps = asked.pass.is_training().then_some(&eps);
        let (losses, _) = vae.loss(&clips, &coefficients, eps).map_err(internal)?;
        Ok(Lost {
            total: losses.total,
            terms: vec![
                ("reconstruction", losses.reconstruction),
                ("divergence", losses.divergence),
                ("coefficients", losses.coefficients),
            ],
            memory: Vec::new(),
            renewed: Vec::new(),
        })
    }

    fn of_diffusion(&self, network: &BelFusion, asked: &mut Asked<'_>) -> Result<Lost> {
        let config = &self.config;
        let window = config.vae.window;
        let ahead = if config.online { window } else { 0 };
        let together = match self.losses.starts {
            Starts::FirstWindow => Some(asked.chance.below(window)),
            Starts::Anywhere => None,
        };
        let all = asked.material.rows(asked.training);
        let (mut speakers, mut listeners, mut steps) = (Vec::new(), Vec::new(), Vec::new());
        for row in &asked.rows {
            let row = &all[*row];
            let anywhere = asked.chance.below(row.frames - window - ahead + 1);
            let first = together.unwrap_or(anywhere);
            speakers.push((row, first));
            listeners.push((row, first + ahead));
            steps.push(asked.chance.below(config.steps));
        }
        let speaker = asked.material.attributes(Who::Speaker, &speakers, window)?;
        let listener = asked.material.attributes(Who::Listener, &listeners, window)?;
        let shape = [listeners.len() * config.hypotheses, config.vae.width];
        let noise = normal(&mut asked.chance, &shape, candle_core::DType::F32).map_err(internal)?;
        let losses = network.loss(&speaker, &listener, &steps, &noise, &asked.pass).map_err(internal)?;
        Ok(Lost {
            total: losses.total,
            terms: vec![("latent", losses.latent), ("decoded", losses.decoded)],
            memory: Vec::new(),
            renewed: Vec::new(),
        })
    }
}
