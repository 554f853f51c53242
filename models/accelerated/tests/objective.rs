//! Losses and every gradient on candle's CPU against the plain slices and against golden vectors of an independent
//! implementation, for every option that changes the objective.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

#[path = "../../listener/tests/common/mod.rs"]
mod common;

use accelerated::{Accelerated, device};
use candle_core::DType;
use clips::{Chance, Track};
use common::Golden;
use listener::latent_intent::dropout::Dropout;
use listener::latent_intent::encoder::{Group, Speaker};
use listener::latent_intent::network::Network;
use listener::latent_intent::{Attention, Config, GROUPS, LatentPlace};
use training::engine::{Engine, Job, Plain, Precision};
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
const WITH_MARGIN: Weights<'_> = Weights { margin: 0.6, margin_width: 50.0, ..USUAL };

fn engine() -> Accelerated {
    Accelerated::new(device::Name::CandleCpu.open().unwrap().unwrap())
}

fn small() -> Config {
    Config {
        width: 12,
        expansion: 2,
        key_width: 6,
        latents: 3,
        encoder_units: 2,
        decoder_layers: 2,
        attention: Attention::Softmax,
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

/// Clips of 5, 6 and 7 frames, each without two of the groups; or all of 6 frames with every group but the last. One group
/// is measured in some frames only.
fn items(config: &Config, alike: bool, dropout: f64) -> Vec<Item<f32>> {
    let mut chance = Chance::new(5, "items", &[]);
    (0..3)
        .map(|clip| {
            let frames = if alike { 6 } else { 5 + clip };
            let mut tokens =
                || (0..frames).map(|_| config.vocabulary.map(|size| chance.below(size) as u32)).collect();
            let (reaction, negative) = (tokens(), tokens());
            let groups = std::array::from_fn(|group| {
                let there = if alike { group != 5 || clip == 1 } else { group % 3 != clip };
                there.then(|| Group {
                    rows: (0..frames * config.feature_columns[group])
                        .map(|_| chance.normal() as f32)
                        .collect(),
                    present: (GROUPS[group] == "m3d")
                        .then(|| (0..frames).map(|frame| frame % 3 != 0).collect()),
                })
            });
            Item {
                speaker: Speaker { frames, groups },
                reaction,
                negative,
                hidden: (0..frames).map(|frame| clip > 0 && frame % 2 == 0).collect(),
                gumbel: (0..config.latents).map(|_| chance.normal()).collect(),
                without_latent: clip == 2,
                dropout: Dropout::new(dropout, 11, [2, 5, clip as u64]),
                origin: Origin::default(),
                style: std::array::from_fn(|number| 0.5 * number as f32 - clip as f32),
                rival: clip,
            }
        })
        .collect()
}

fn widened(items: &[Item<f32>]) -> Vec<Item<f64>> {
    let wide = |group: &Group<f32>| Group {
        rows: group.rows.iter().map(|x| f64::from(*x)).collect(),
        present: group.present.clone(),
    };
    items
        .iter()
        .map(|item| Item {
            speaker: Speaker {
                frames: item.speaker.frames,
                groups: std::array::from_fn(|group| item.speaker.groups[group].as_ref().map(wide)),
            },
            reaction: item.reaction.clone(),
            negative: item.negative.clone(),
            hidden: item.hidden.clone(),
            gumbel: item.gumbel.clone(),
            without_latent: item.without_latent,
            dropout: item.dropout,
            origin: item.origin,
            style: item.style,
            rival: item.rival,
        })
        .collect()
}

fn plain<T: listener::real::Real>(
    network: &Network,
    values: &[T],
    items: &[Item<T>],
    track: Track,
    weights: &Weights<'_>,
) -> Outcome<T> {
    if network.latent.is_some() {
        stage_two(network, values, items, track, weights)
    } else {
        stage_one(network, values, items, track, weights.velocity)
    }
}

/// Everything away from its starting constants, so that no gradient is zero by accident.
fn values_of(network: &Network) -> Vec<f32> {
    let mut chance = Chance::new(9, "values", &[]);
    network.layout.first_values(3).iter().map(|x| x + 0.1 * chance.normal() as f32).collect()
}

fn near(ours: f64, theirs: f64, absolute: f64, relative: f64, what: &str) {
    assert!(
        (ours - theirs).abs() <= absolute + relative * theirs.abs(),
        "{what}: {ours}, should be {theirs}"
    );
}

/// In f64, where nothing but a mistake makes a difference.
fn agrees(what: &str, config: &Config, items: &[Item<f32>], track: Track, weights: &Weights<'_>) {
    let network = Network::new(config).unwrap();
    let values = values_of(&network);
    let job = Job {
        network: &network,
        values: &values,
        items,
        track,
        weights: *weights,
        precision: Precision::F32,
    };
    let ours = engine().outcome(&job, DType::F64, DType::F64).unwrap();
    let wide: Vec<f64> = values.iter().map(|x| f64::from(*x)).collect();
    let theirs = plain(&network, &wide, &widened(items), track, weights);
    let (a, b) = (ours.losses, theirs.losses);
    for (name, a, b) in [
        ("clg", a.clg, b.clg),
        ("rm", a.rm, b.rm),
        ("bow", a.bow, b.bow),
        ("usage", a.usage, b.usage),
        ("margin", a.margin, b.margin),
        ("velocity", a.velocity, b.velocity),
        ("total", a.total, b.total),
    ] {
        near(a, b, 1e-12, 1e-11, &format!("{what}: {name}"));
    }
    for stream in 0..4 {
        near(a.streams[stream], b.streams[stream], 1e-12, 1e-11, &format!("{what}: stream {stream}"));
    }
    assert_eq!(ours.chosen.len(), theirs.chosen.len());
    for (a, b) in ours.chosen.iter().flatten().zip(theirs.chosen.iter().flatten()) {
        near(*a, *b, 1e-11, 1e-11, "chosen");
    }
    assert_eq!(ours.gradient.len(), theirs.gradient.len());
    let mut alive = 0;
    for entry in network.layout.entries() {
        let (a, b) = (entry.slot.of(&ours.gradient), entry.slot.of(&theirs.gradient));
        for (a, b) in a.iter().zip(b) {
            near(*a, *b, 1e-12, 1e-9, &format!("{what}: gradient of {}", entry.name));
        }
        alive += usize::from(a.iter().any(|x| x.abs() > 1e-9));
    }
    // What stands in for a group that every frame has is the one thing without a gradient.
    let whole = (0..GROUPS.len()).filter(|group| {
        let whole = |item: &Item<f32>| {
            item.speaker.groups[*group].as_ref().is_some_and(|group| group.present.is_none())
        };
        items.iter().all(whole)
    });
    let expected = network.layout.entries().len() - whole.count();
    assert_eq!(alive, expected, "{what}: every parameter has a gradient");
}

#[test]
fn both_stages_agree_on_both_tracks_with_both_attentions_and_any_lengths() {
    for attention in [Attention::Softmax, Attention::Relu2] {
        for latents in [0, 3] {
            let config = Config { attention, latents, ..small() };
            for track in [Track::Offline, Track::Online] {
                for alike in [true, false] {
                    let what = format!("{attention:?} {track:?}, {latents} latents, alike: {alike}");
                    agrees(&what, &config, &items(&small(), alike, 0.0), track, &USUAL);
                }
            }
        }
    }
}

#[test]
fn every_option_of_the_objective_agrees() {
    let recognition = Weights { bag_from: BagFrom::Recognition, ..USUAL };
    let hard = Weights { straight_through: true, temperature: 1.0, ..USUAL };
    let (every, first) = (LatentPlace::Every, LatentPlace::First);
    for (what, weights, latent_place, dropout) in [
        ("straight-through", hard, every, 0.0),
        ("margin", WITH_MARGIN, every, 0.0),
        ("bag of the recognition pass", recognition, every, 0.0),
        ("latent in slot 0", USUAL, first, 0.0),
        ("dropout", USUAL, every, 0.3),
        (
            "all",
            Weights { bag_from: BagFrom::Recognition, straight_through: true, ..WITH_MARGIN },
            first,
            0.3,
        ),
    ] {
        let config = Config { latent_place, chain_heads: what == "all", style: what == "all", ..small() };
        for track in [Track::Offline, Track::Online] {
            agrees(&format!("{what} {track:?}"), &config, &items(&config, false, dropout), track, &weights);
        }
    }
    let chained = Config { chain_heads: true, token_widths: [4, 2, 3, 3], ..small() };
    agrees("chained heads", &chained, &items(&small(), false, 0.0), Track::Offline, &WITH_MARGIN);
    let plain = Config { latents: 0, chain_heads: true, style: true, ..small() };
    agrees("dropout, stage one", &plain, &items(&small(), false, 0.3), Track::Online, &USUAL);
    let mut chance = Chance::new(5, "centres", &[]);
    let centres: Vec<[f32; 3]> =
        (0..small().vocabulary[0]).map(|_| std::array::from_fn(|_| chance.normal() as f32)).collect();
    let velocity = Velocity::new(1.7, &centres);
    let moving = Weights { velocity: velocity.as_ref(), ..WITH_MARGIN };
    for config in [small(), plain, chained] {
        agrees("velocity", &config, &items(&small(), false, 0.3), Track::Online, &moving);
    }
}

#[test]
fn a_margin_that_some_clips_or_all_are_content_with_agrees() {
    // Gaps of random networks lie on both sides of 0: some clips are short of it, some are not.
    for margin_width in [0.0, -50.0] {
        let weights = Weights { margin_width, ..WITH_MARGIN };
        agrees(
            &format!("margin {margin_width}"),
            &small(),
            &items(&small(), false, 0.0),
            Track::Offline,
            &weights,
        );
    }
}

#[test]
fn single_precision_agrees_to_rounding_and_the_same_job_gives_the_same_bytes() {
    let config = small();
    let network = Network::new(&config).unwrap();
    let values = values_of(&network);
    let items = items(&config, false, 0.2);
    let job = Job {
        network: &network,
        values: &values,
        items: &items,
        track: Track::Online,
        weights: WITH_MARGIN,
        precision: Precision::F32,
    };
    let engine = engine();
    let ours = engine.compute(&job).unwrap();
    let theirs = Plain.compute(&job).unwrap();
    near(ours.losses.total, theirs.losses.total, 1e-5, 1e-5, "total");
    for entry in network.layout.entries() {
        for (a, b) in entry.slot.of(&ours.gradient).iter().zip(entry.slot.of(&theirs.gradient)) {
            near(f64::from(*a), f64::from(*b), 2e-5, 1e-3, &entry.name);
        }
    }
    let again = engine.compute(&job).unwrap();
    assert!(ours.gradient.iter().zip(&again.gradient).all(|(a, b)| a.to_bits() == b.to_bits()));
    assert_eq!(ours.losses, again.losses);
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
    let engine = engine();
    for (name, track) in [("offline", Track::Offline), ("online", Track::Online)] {
        for (kind, straight_through) in [("soft", false), ("hard", true)] {
            let weights =
                Weights { likelihood: 1.0, matching: 0.7, bag: 0.5, usage: 0.3, straight_through, ..USUAL };
            let job = Job {
                network: &network,
                values: &values,
                items: &items,
                track,
                weights,
                precision: Precision::F32,
            };
            let outcome = engine.compute(&job).unwrap();
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
            let mut compared = 0;
            for entry in network.layout.entries() {
                let tensor = at(&format!("grad.{}", entry.name));
                if golden.has(&tensor) {
                    for (a, b) in entry.slot.of(&outcome.gradient).iter().zip(golden.floats(&tensor)) {
                        near(f64::from(*a), f64::from(b), 1e-4, 1e-3, &tensor);
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
    golden("model_relu2");
}

#[test]
fn bfloat16_is_refused_where_there_is_none_with_a_reason() {
    for engine in [&engine() as &dyn Engine, &Plain] {
        engine.check(Precision::F32).unwrap();
        let fault = engine.check(Precision::Bf16).unwrap_err().to_string();
        assert!(fault.contains("bfloat16") && fault.contains("precision=f32"), "{fault}");
    }
}
