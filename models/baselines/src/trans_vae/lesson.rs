//! How Trans-VAE learns: reconstruction, divergence and diversity of crops of true pairs.
//!
//! Officially AdamW with decay 5e-4 of everything, no schedule, no clipping, batch 4, rate 1e-5, 50 epochs, crops of 256 frames.
//! The `small-*` presets deviate by name: other sizes, a higher rate on a cosine, clipping, and weights of divergence and
//! diversity (with the official ones the network of one latent a clip ignores it).

use clips::Result;
use training::course::{Plan, Schedule};

use super::{Config, Seen, Sight, Speaker, Target, TransVae, Weights};
use crate::lessons::{Asked, Compared, Learner, Lost, Needs, Who, not_entered, table, typed};
use crate::parameters::{Fresh, Parameters, build, internal};
use crate::pass::normal;
use crate::systems::Settings;

/// Its row in the table of systems.
pub const COURSE: Compared = Compared {
    name: "trans-vae",
    about: "Trans-VAE of REACT 2024, one Gaussian a clip or window",
    presets: &["small-attributes", "small-offline", "small-online", "official-offline", "official-online"],
    plan,
    check,
    needs,
    learner,
};

fn plan(preset: &str) -> Option<Plan> {
    let network = table(&Config::preset(preset)?);
    let losses = table(&Weights::default());
    let official = Plan {
        batch: 4,
        alternatives_only: false,
        stage1_rate: 1e-5,
        network,
        losses,
        ..Plan::usual("trans-vae", preset)
    };
    let small = Plan {
        alternatives_only: true,
        stage1_rate: 2e-3,
        schedule: Schedule::Cosine,
        warmup: 30,
        clip: 1.0,
        losses: table(&Weights { divergence: 1e-4, diversity: 0.1 }),
        ..official.clone()
    };
    Some(match preset {
        "small-attributes" => Plan { frames: 100, batch: 16, threads: 1, stage1_steps: 800, ..small },
        // pictures are most of a step: fewer and shorter crops
        "small-offline" | "small-online" => Plan { frames: 48, batch: 4, stage1_steps: 400, ..small },
        _ => official,
    })
}

fn check(plan: &mut Plan) -> Result<()> {
    let config: Config = typed("network", &mut plan.network)?;
    let _: Weights = typed("losses", &mut plan.losses)?;
    config.check()
}

fn needs(plan: &Plan) -> Result<Needs> {
    let config: Config = typed("network", &mut plan.network.clone())?;
    Ok(Needs {
        speaker_attributes: config.sight == Sight::Attributes,
        sound: true,
        coefficients: true,
        video: (config.sight == Sight::Frames).then_some("small-attributes"),
        features: None,
        frames: config.window.unwrap_or(1),
    })
}

fn learner(plan: &Plan) -> Result<Box<dyn Learner>> {
    Ok(Box::new(Pupil {
        config: typed("network", &mut plan.network.clone())?,
        weights: typed("losses", &mut plan.losses.clone())?,
        frames: plan.frames,
        seed: plan.seed,
        network: None,
    }))
}

struct Pupil {
    config: Config,
    weights: Weights,
    frames: usize,
    seed: u64,
    network: Option<TransVae>,
}

impl Learner for Pupil {
    fn enter(&mut self, _: u64) -> Result<Parameters> {
        let (network, parameters) =
            build(&mut Fresh { seed: self.seed }, |scope| TransVae::new(&self.config, scope))?;
        self.network = Some(network);
        Ok(parameters)
    }

    fn loss(&mut self, asked: &mut Asked<'_>) -> Result<Lost> {
        let Some(network) = &self.network else { return Err(not_entered()) };
        // whole windows: officially the zeros behind the last one are compared with the truth
        let most = self.frames.min(self.config.most_frames);
        let (rows, frames) = asked.crops_of_whole(most, self.config.window.unwrap_or(1));
        let material = asked.material;
        let seen = match network.eyes() {
            Some(eyes) => {
                let pictures = material.pictures(&rows, frames)?;
                Seen::Tokens(eyes.watch(&pictures, &network.ends(frames)).map_err(internal)?)
            }
            None => material.attributes(Who::Speaker, &rows, frames)?.into(),
        };
        let speaker = Speaker { seen, heard: material.sound(Who::Speaker, &rows, frames)? };
        let target = Target {
            emotion: material.attributes(Who::Listener, &rows, frames)?,
            coefficients: material.coefficients(Who::Listener, &rows, frames)?,
        };
        let shape = [network.windows(frames), rows.len(), self.config.width];
        let mut draw = || normal(&mut asked.chance, &shape, candle_core::DType::F32);
        let (eps, other) = (draw().map_err(internal)?, draw().map_err(internal)?);
        let losses =
            network.loss(&speaker, &target, (&eps, &other), &self.weights, &asked.pass).map_err(internal)?;
        Ok(Lost {
            total: losses.total,
            terms: vec![
                ("reconstruction", losses.reconstruction),
                ("divergence", losses.divergence),
                ("diversity", losses.diversity),
            ],
            memory: Vec::new(),
            renewed: Vec::new(),
        })
    }

    fn settings(&self) -> Settings {
        Settings::TransVae(self.config.clone())
    }
}
