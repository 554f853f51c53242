//! The same numbers on a card; only where there is one: `cargo test -p accelerated --features cuda --test card -- --ignored`.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use accelerated::{Accelerated, device};
use clips::{Chance, Track};
use listener::latent_intent::Config;
use listener::latent_intent::dropout::Dropout;
use listener::latent_intent::encoder::{Group, Speaker};
use listener::latent_intent::network::Network;
use training::engine::{Engine, Job, Plain, Precision};
use training::objective::{BagFrom, Item, Origin, Weights};

fn items(config: &Config, dropout: f64) -> Vec<Item<f32>> {
    let mut chance = Chance::new(5, "items", &[]);
    (0..4)
        .map(|clip| {
            let frames = 60 + 10 * clip;
            let mut tokens =
                || (0..frames).map(|_| config.vocabulary.map(|size| chance.below(size) as u32)).collect();
            let (reaction, negative) = (tokens(), tokens());
            let groups = std::array::from_fn(|group| {
                Some(Group {
                    rows: (0..frames * config.feature_columns[group])
                        .map(|_| chance.normal() as f32)
                        .collect(),
                    present: (group == 3).then(|| (0..frames).map(|frame| frame % 5 != 0).collect()),
                })
            });
            Item {
                speaker: Speaker { frames, groups },
                reaction,
                negative,
                hidden: (0..frames).map(|frame| frame % 3 == 0).collect(),
                gumbel: (0..config.latents).map(|_| chance.normal()).collect(),
                without_latent: clip == 2,
                style: std::array::from_fn(|number| 0.5 * number as f32 - clip as f32),
                rival: clip,
                dropout: Dropout::new(dropout, 11, [2, 5, clip as u64]),
                origin: Origin::default(),
            }
        })
        .collect()
}

/// Distance of two gradients, as a share of the length of the second.
fn apart(ours: &[f32], theirs: &[f32]) -> f64 {
    let square = |x: f64| x * x;
    let apart: f64 = ours.iter().zip(theirs).map(|(a, b)| square(f64::from(*a) - f64::from(*b))).sum();
    (apart / theirs.iter().map(|b| square(f64::from(*b))).sum::<f64>()).sqrt()
}

#[test]
#[ignore = "needs a card and a build for it"]
fn a_card_gives_the_numbers_of_the_processor() {
    let name = *device::names().last().unwrap();
    let engine = Accelerated::new(name.open().unwrap().unwrap());
    assert!(!engine.device().contains("candle-cpu"), "no card here: {}", device::listed().join("; "));
    let config = Config::tiny([64, 130, 540, 32]);
    let network = Network::new(&config).unwrap();
    let values = network.layout.first_values(3);
    let items_without = items(&config, 0.0);
    let weights = Weights {
        likelihood: 1.0,
        matching: 0.5,
        bag: 1.0,
        usage: 0.5,
        temperature: 0.67,
        straight_through: false,
        bag_from: BagFrom::Generation,
        margin: 0.5,
        margin_width: 50.0,
        velocity: None,
    };
    for track in [Track::Offline, Track::Online] {
        let job =
            |items, precision| Job { network: &network, values: &values, items, track, weights, precision };
        let theirs = Plain.compute(&job(&items_without, Precision::F32)).unwrap();
        for (precision, loss, gradient) in [(Precision::F32, 1e-4, 2e-3), (Precision::Bf16, 2e-2, 5e-2)] {
            let ours = engine.compute(&job(&items_without, precision)).unwrap();
            let difference = (ours.losses.total - theirs.losses.total).abs();
            assert!(difference < loss * theirs.losses.total.abs(), "{track:?} {precision:?}: {difference}");
            let difference = apart(&ours.gradient, &theirs.gradient);
            assert!(difference < gradient, "{track:?} {precision:?}: {difference}");
            let again = engine.compute(&job(&items_without, precision)).unwrap();
            assert_eq!(ours.gradient, again.gradient, "{precision:?}: same job, same bytes");
        }
        // What is dropped is drawn on the card: always the same of a step, and not nothing.
        let dropped = items(&config, 0.2);
        let ours = engine.compute(&job(&dropped, Precision::F32)).unwrap();
        let again = engine.compute(&job(&dropped, Precision::F32)).unwrap();
        assert_eq!(ours.gradient, again.gradient);
        assert!(apart(&ours.gradient, &theirs.gradient) > 1e-2);
    }
}
