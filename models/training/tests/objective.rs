//! Losses and gradients: against golden vectors of an independent implementation, and against finite differences.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

#[path = "../../listener/tests/common/mod.rs"]
mod common;

use clips::{Chance, Track};
use common::Golden;
use listener::latent_intent::LatentPlace;
use listener::latent_intent::dropout::Dropout;
use listener::latent_intent::encoder::{Group, Speaker};
use listener::latent_intent::network::Network;
use listener::latent_intent::{Attention, Config, GROUPS};
use training::objective::{BagFrom, Item, Origin, Outcome, Velocity, Weights, stage_one, stage_two};

const USUAL: Weights<'_> = Weights {
    likelihood: 0.9,
    matching: 0.5,
    bag: 0.7,
    usage: 0.4,
    temperature: 0.67,
    straight_through: false,
    bag_from: BagFrom::Generation,
    margin: 0.0,
    margin_width: 0.1,
    velocity: None,
};

fn near(ours: f64, theirs: f64, absolute: f64, relative: f64, what: &str) {
    assert!(
        (ours - theirs).abs() <= absolute + relative * theirs.abs(),
        "{what}: {ours}, should be {theirs}"
    );
}

fn golden(file: &str) {
    let golden = Golden::open(file);
    let network = Network::new(&golden.config()).unwrap();
    let values = golden.values(&network.layout, "w.");
    let lengths = golden.integers("in.lengths");
    let items: Vec<Item<f32>> = (0..2)
        .map(|clip| {
            let frames = lengths[clip] as usize;
            let cut = |name: &str| golden.tokens(name, clip)[..frames].to_vec();
            Item {
                speaker: golden.speaker(clip, false).part(&network.config.feature_columns, 0, frames),
                reaction: cut("in.tok"),
                negative: cut("in.neg"),
                hidden: Vec::new(),
                gumbel: golden.row("in.gumbel", clip).iter().map(|x| f64::from(*x)).collect(),
                without_latent: false,
                dropout: Dropout::NONE,
                origin: Origin::default(),
                style: Default::default(),
                rival: 0,
            }
        })
        .collect();
    for (name, track) in [("offline", Track::Offline), ("online", Track::Online)] {
        for (kind, straight_through) in [("soft", false), ("hard", true)] {
            let weights = Weights {
                likelihood: 1.0,
                matching: 0.7,
                bag: 0.5,
                usage: 0.3,
                temperature: 0.67,
                straight_through,
                ..USUAL
            };
            let outcome = stage_two(&network, &values, &items, track, &weights);
            let at = |what: &str| format!("{name}.loss_{kind}.{what}");
            let losses = outcome.losses;
            for (what, ours) in [
                ("clg", losses.clg),
                ("rm", losses.rm),
                ("bow", losses.bow),
                ("use", losses.usage),
                ("total", losses.total),
            ] {
                near(ours, f64::from(golden.floats(&at(what))[0]), 3e-5, 1e-4, &at(what));
            }
            for clip in 0..2 {
                for (what, ours) in
                    [("z_logits", &outcome.posterior[clip]), ("z_weights", &outcome.chosen[clip])]
                {
                    for (ours, theirs) in ours.iter().zip(golden.row(&at(what), clip)) {
                        near(*ours, f64::from(theirs), 3e-5, 1e-4, &at(what));
                    }
                }
                near(
                    outcome.matching[clip].0,
                    f64::from(golden.floats(&at("rm_pos"))[clip]),
                    3e-5,
                    1e-4,
                    "rm_pos",
                );
                near(
                    outcome.matching[clip].1,
                    f64::from(golden.floats(&at("rm_neg"))[clip]),
                    3e-5,
                    1e-4,
                    "rm_neg",
                );
            }
            let mut compared = 0;
            for entry in network.layout.entries() {
                let tensor = at(&format!("grad.{}", entry.name));
                if golden.has(&tensor) {
                    for (ours, theirs) in entry.slot.of(&outcome.gradient).iter().zip(golden.floats(&tensor))
                    {
                        near(f64::from(*ours), f64::from(theirs), 1e-4, 1e-3, &tensor);
                    }
                    compared += 1;
                }
            }
            assert_eq!(compared, 10, "gradients compared");
        }
    }
}

#[test]
fn losses_and_gradients_agree_with_the_golden_values() {
    golden("model_softmax");
}

#[test]
fn losses_and_gradients_agree_with_squared_relu() {
    golden("model_relu2");
}

fn small(attention: Attention) -> Config {
    Config {
        width: 12,
        expansion: 2,
        key_width: 6,
        latents: 3,
        encoder_units: 2,
        decoder_layers: 2,
        attention,
        latent_place: LatentPlace::Every,
        chain_heads: false,
        style: false,
        training_frames: 4,
        vocabulary: [5, 4, 6, 3],
        token_widths: [3; 4],
        feature_columns: [3, 2, 2, 4, 3, 2],
        feature_widths: [2; 6],
    }
}

fn random_items(config: &Config) -> Vec<Item<f64>> {
    let mut chance = Chance::new(5, "items", &[]);
    (0..3)
        .map(|clip| {
            let frames = 5 + clip;
            let mut tokens =
                || (0..frames).map(|_| config.vocabulary.map(|size| chance.below(size) as u32)).collect();
            let (reaction, negative) = (tokens(), tokens());
            let groups = std::array::from_fn(|group| {
                (group != 5 || clip == 1).then(|| Group {
                    rows: (0..frames * config.feature_columns[group]).map(|_| chance.normal()).collect(),
                    present: (GROUPS[group] == "m3d")
                        .then(|| (0..frames).map(|frame| frame % 3 != 0).collect()),
                })
            });
            Item {
                speaker: Speaker { frames, groups },
                reaction,
                negative,
                hidden: if clip == 0 {
                    Vec::new()
                } else {
                    (0..frames).map(|frame| frame % 2 == 0).collect()
                },
                gumbel: (0..config.latents).map(|_| chance.normal()).collect(),
                without_latent: clip == 2,
                dropout: Dropout::NONE,
                origin: Origin::default(),
                style: std::array::from_fn(|number| 0.5 * number as f32 - clip as f32),
                rival: clip,
            }
        })
        .collect()
}

fn finite_differences(config: &Config, what: &str, run: impl Fn(&Network, &[f64]) -> Outcome<f64>) {
    let network = Network::new(config).unwrap();
    let mut chance = Chance::new(9, "values", &[]);
    // Everything away from its starting constants, so that no gradient is zero by accident.
    let mut values: Vec<f64> =
        network.layout.first_values(3).iter().map(|x| f64::from(*x) + 0.1 * chance.normal()).collect();
    let gradient = run(&network, &values).gradient;
    let mut moved = 0;
    for entry in network.layout.entries() {
        let places = entry.slot.of(&(0..values.len()).collect::<Vec<_>>()).to_vec();
        for _ in 0..3 {
            let place = places[chance.below(places.len())];
            let (old, step) = (values[place], 1e-5);
            values[place] = old + step;
            let up = run(&network, &values).losses.total;
            values[place] = old - step;
            let down = run(&network, &values).losses.total;
            values[place] = old;
            let slope = (up - down) / (2.0 * step);
            near(gradient[place], slope, 2e-8, 2e-6, &format!("{what}: {} at {place}", entry.name));
            moved += usize::from(slope.abs() > 1e-9);
        }
    }
    assert!(moved > network.layout.entries().len(), "most gradients are alive");
}

#[test]
fn gradients_of_stage_two_are_the_slopes_of_the_loss() {
    for attention in [Attention::Softmax, Attention::Relu2] {
        let config = small(attention);
        let items = random_items(&config);
        for track in [Track::Offline, Track::Online] {
            finite_differences(&config, &format!("{attention:?} {track:?}"), |network, values| {
                stage_two(network, values, &items, track, &USUAL)
            });
        }
    }
}

#[test]
fn gradients_of_every_option_are_the_slopes_of_the_loss() {
    // so wide that no clip is content
    let margin = Weights { margin: 0.6, margin_width: 50.0, ..USUAL };
    let recognition = Weights { bag_from: BagFrom::Recognition, ..USUAL };
    let velocity = moving(&small(Attention::Softmax));
    let moving = Weights { velocity: velocity.as_ref(), ..USUAL };
    for (what, weights, latent_place, style) in [
        ("margin", margin, LatentPlace::Every, false),
        ("bag of the recognition pass", recognition, LatentPlace::Every, false),
        ("latent in slot 0", USUAL, LatentPlace::First, false),
        ("chained heads and style", USUAL, LatentPlace::Every, true),
        ("velocity", moving, LatentPlace::Every, false),
        (
            "all of it",
            Weights { margin: 0.6, margin_width: 50.0, bag_from: BagFrom::Recognition, ..moving },
            LatentPlace::First,
            true,
        ),
    ] {
        let config = Config {
            latent_place,
            chain_heads: style,
            style,
            token_widths: [4, 2, 3, 3],
            ..small(Attention::Softmax)
        };
        let items = random_items(&config);
        finite_differences(&config, what, |network, values| {
            stage_two(network, values, &items, Track::Offline, &weights)
        });
    }
}

/// Three numbers for every id of the coefficients.
fn moving(config: &Config) -> Option<Velocity> {
    let mut chance = Chance::new(5, "centres", &[]);
    let centres: Vec<[f32; 3]> =
        (0..config.vocabulary[0]).map(|_| std::array::from_fn(|_| chance.normal() as f32)).collect();
    Velocity::new(1.7, &centres)
}

#[test]
fn the_velocity_loss_is_the_mean_square_of_the_missing_way() {
    // by hand: centres 0, 1 and 10; the truth stays and then goes to 10, an even choice of the first two stands at 0.5
    let velocity = Velocity::new(1.0, &[[0.0], [1.0], [10.0]]).unwrap();
    let frames = [[0, 0, 0, 0], [0, 0, 0, 0], [2, 0, 0, 0]];
    let (sum, slope) = velocity.of_expected(&[0.5, 0.0, 10.0], &frames, 1.0);
    near(sum, 0.25, 1e-12, 0.0, "half a step back where there was none");
    assert_eq!(slope, [1.0, -1.0, 0.0]);
    // whatever the faces are, one that goes as far as the real one has none
    let (sum, _) = velocity.of_expected(&[5.0, 5.0, 15.0], &frames, 1.0);
    assert_eq!(sum, 0.0);
    assert!(Velocity::new(0.0, &[[0.0]]).is_none());
    // it is in the total with its weight, and the other losses are as they were
    let config = small(Attention::Softmax);
    let network = Network::new(&config).unwrap();
    let values: Vec<f64> = network.layout.first_values(1).iter().map(|x| f64::from(*x)).collect();
    let (items, velocity) = (random_items(&config), moving(&config));
    let losses = |velocity| {
        let weights = Weights { velocity, ..USUAL };
        stage_two(&network, &values, &items, Track::Offline, &weights).losses
    };
    let (with, without) = (losses(velocity.as_ref()), losses(None));
    assert_eq!((with.clg, without.velocity), (without.clg, 0.0));
    assert!(with.velocity > 0.1);
    near(with.total - without.total, 1.7 * with.velocity, 1e-12, 0.0, "total");
}

#[test]
fn the_margin_is_what_is_missing_to_the_gap_of_another_latent() {
    let config = small(Attention::Softmax);
    let network = Network::new(&config).unwrap();
    let values: Vec<f64> = network.layout.first_values(1).iter().map(|x| f64::from(*x)).collect();
    let items = random_items(&config);
    let missing = |margin_width| {
        let weights = Weights { margin: 1.0, margin_width, ..USUAL };
        stage_two(&network, &values, &items, Track::Offline, &weights).losses
    };
    // beyond every gap the loss grows with the width, two of the three clips having a latent
    let (wide, wider) = (missing(50.0), missing(53.0));
    near(wider.margin - wide.margin, 2.0, 1e-9, 0.0, "growth");
    assert_eq!(missing(-50.0).margin, 0.0);
    near(wide.total - missing(-50.0).total, wide.margin, 1e-9, 0.0, "total");
    near(wide.streams.iter().sum(), wide.clg, 1e-12, 0.0, "streams");
}

#[test]
fn gradients_of_stage_one_are_the_slopes_of_the_loss() {
    for style in [false, true] {
        let config = Config { latents: 0, chain_heads: style, style, ..small(Attention::Softmax) };
        let items = random_items(&small(Attention::Softmax));
        let velocity = moving(&config);
        for velocity in [None, velocity.as_ref()] {
            finite_differences(&config, "stage one", |network, values| {
                stage_one(network, values, &items, Track::Offline, velocity)
            });
        }
    }
}

#[test]
fn gradients_with_dropout_are_the_slopes_of_the_loss() {
    let config = small(Attention::Softmax);
    let mut items = random_items(&config);
    for (clip, item) in items.iter_mut().enumerate() {
        item.dropout = Dropout::new(0.3, 11, [2, 5, clip as u64]);
    }
    // the margin's pass drops what the generation pass drops
    let weights = Weights { margin: 0.6, margin_width: 50.0, ..USUAL };
    finite_differences(&config, "dropout, stage two", |network, values| {
        stage_two(network, values, &items, Track::Online, &weights)
    });
    let config = Config { latents: 0, ..config };
    finite_differences(&config, "dropout, stage one", |network, values| {
        stage_one(network, values, &items, Track::Offline, None)
    });
    // it is not the loss without dropout
    let network = Network::new(&config).unwrap();
    let values: Vec<f64> = network.layout.first_values(1).iter().map(|x| f64::from(*x)).collect();
    let with = stage_one(&network, &values, &items, Track::Offline, None).losses.clg;
    items.iter_mut().for_each(|item| item.dropout = Dropout::NONE);
    assert_ne!(with, stage_one(&network, &values, &items, Track::Offline, None).losses.clg);
}

#[test]
fn gradients_do_not_depend_on_the_number_of_threads() {
    let config = small(Attention::Softmax);
    let network = Network::new(&config).unwrap();
    let values: Vec<f64> = network.layout.first_values(1).iter().map(|x| f64::from(*x)).collect();
    let items = random_items(&config);
    let gradient = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| stage_one(&network, &values, &items, Track::Online, None).gradient)
    };
    assert_eq!(gradient(1), gradient(3));
}
