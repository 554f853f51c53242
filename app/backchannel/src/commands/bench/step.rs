//! A training step of the second stage, tiny preset, on plain slices and on another device, against what the arithmetic
//! alone would take: the multiplications and additions of the step at the speed that large matrix products reach on the
//! processor.

use clips::{Chance, Track};
use listener::latent_intent::Config;
use listener::latent_intent::dropout::Dropout;
use listener::latent_intent::encoder::{Group, Speaker};
use listener::latent_intent::network::Network;
use training::engine::{Engine, Job, Plain, Precision};
use training::objective::{BagFrom, Item, Origin, Weights};

use super::{Row, best_of};

/// Token vocabularies of a tiny run on the synthetic corpus.
const VOCABULARY: [usize; 4] = [64, 130, 540, 32];
const CLIPS: usize = 16;
const FRAMES: usize = 100;
/// How many times as long as the arithmetic alone a step may take.
const BAR: f64 = 2.5;
const WEIGHTS: Weights = Weights {
    likelihood: 1.0,
    matching: 0.5,
    bag: 1.0,
    usage: 0.5,
    temperature: 0.67,
    straight_through: false,
    bag_from: BagFrom::Generation,
    margin: 0.0,
    margin_width: 0.1,
    velocity: None,
};

/// Milliseconds of a step on the processor and on `device`.
pub fn rows(device: &str) -> clips::Result<Vec<Row>> {
    let config = Config::tiny(VOCABULARY);
    let network = Network::new(&config)?;
    let values = network.layout.first_values(1);
    let items = items(&config);
    let job = Job {
        network: &network,
        values: &values,
        items: &items,
        track: Track::Offline,
        weights: WEIGHTS,
        precision: Precision::F32,
    };
    let speed = listener::cost::machine().flops;
    let floor = 2.0 * multiplications(&config) / speed;
    let other = accelerated::engine(device)?;
    let engines: [&dyn Engine; 2] = [&Plain, &*other];
    engines
        .into_iter()
        .map(|engine| {
            // The first of them warms up.
            let (spent, outcome) = best_of(6, || engine.compute(&job));
            outcome?;
            let what = format!(
                "stage 2, tiny, {CLIPS} clips x {FRAMES} frames on {}: {:.1} x the arithmetic alone ({:.0} GFLOP/s)",
                engine.device(),
                spent / floor,
                1e-9 * speed
            );
            Ok(Row::less_is_better("step", what, spent * 1e3, "ms", BAR * floor * 1e3))
        })
        .collect()
}

fn items(config: &Config) -> Vec<Item<f32>> {
    let mut chance = Chance::new(1, "bench step", &[]);
    (0..CLIPS)
        .map(|_| {
            let mut tokens =
                || (0..FRAMES).map(|_| config.vocabulary.map(|size| chance.below(size) as u32)).collect();
            let (reaction, negative) = (tokens(), tokens());
            // wav2vec2 is absent, as in the synthetic corpus
            let groups = std::array::from_fn(|group| {
                (group != 5).then(|| Group {
                    rows: (0..FRAMES * config.feature_columns[group])
                        .map(|_| chance.normal() as f32)
                        .collect(),
                    present: None,
                })
            });
            Item {
                speaker: Speaker { frames: FRAMES, groups },
                reaction,
                negative,
                hidden: Vec::new(),
                gumbel: (0..config.latents).map(|_| chance.normal()).collect(),
                without_latent: false,
                style: Default::default(),
                rival: 0,
                dropout: Dropout::NONE,
                origin: Origin::default(),
            }
        })
        .collect()
}

/// Multiplications of a step: three times those of the passes forward (the way back takes two for one). The encoder runs
/// once, the decoder three times (two reactions recognised, one generated), the heads once.
fn multiplications(config: &Config) -> f64 {
    let (d, e, s) = (config.width as f64, config.gate_width() as f64, config.key_width as f64);
    let rows = (FRAMES + 1) as f64;
    let seen = rows * (s + e);
    let own = d * (2.0 * e + s) + e * d + seen;
    let cross = d * (e + s) + e * d + seen + d * (e + s);
    let inputs: f64 = config.feature_columns[..5]
        .iter()
        .zip(&config.feature_widths)
        .map(|(columns, width)| (columns * width) as f64)
        .sum();
    let heads: f64 = config
        .vocabulary
        .iter()
        .zip(&config.token_widths)
        .map(|(size, width)| *width as f64 * (d + *size as f64))
        .sum();
    let encoder = inputs + config.encoder_units as f64 * own;
    let decoder = config.decoder_layers as f64 * (own + cross);
    3.0 * CLIPS as f64 * rows * (encoder + 3.0 * decoder + heads)
}
