//! Chained heads: frame by frame and all at once say the same, and a chain of zeros is no chain.
#![allow(clippy::unwrap_used, reason = "a failed step of a test is a failed test")]

use clips::{Chance, Track};
use listener::latent_intent::Config;
use listener::latent_intent::decode::{Plain, Precision, Reaction, stretch};
use listener::latent_intent::decoder::{Frame, Slots};
use listener::latent_intent::heads::CHAIN;
use listener::latent_intent::network::Network;

const FRAMES: usize = 9;

fn network(chain_heads: bool) -> Network {
    let sizes = Config {
        width: 24,
        key_width: 8,
        latents: 3,
        token_widths: [4, 8, 6, 6],
        feature_widths: [4; 6],
        ..Config::tiny([7, 5, 9, 4])
    };
    Network::new(&Config { chain_heads, ..sizes }).unwrap()
}

/// Values, what the speaker's side would be, and a reaction.
fn drawn(network: &Network) -> (Vec<f32>, Vec<f32>, Vec<Frame>) {
    let mut chance = Chance::new(4, "chain", &[]);
    let mut values = network.layout.first_values(2);
    if let Some(chain) = &network.chain {
        for map in chain.maps {
            map.of_mut(&mut values).iter_mut().for_each(|x| *x = chance.normal() as f32);
        }
    }
    let memory = (0..(FRAMES + 1) * network.config.width).map(|_| chance.normal() as f32).collect();
    let frames =
        (0..FRAMES).map(|_| network.config.vocabulary.map(|size| chance.below(size) as u32)).collect();
    (values, memory, frames)
}

fn whole(network: &Network, values: &[f32], memory: &[f32], frames: &[Frame]) -> [Vec<f32>; 4] {
    let latent = network.latent_vector(values, &[0.0, 1.0, 0.0]);
    let slots = Slots::Generation { hidden: &[], latent: &latent };
    let rotation = network.rotation(FRAMES);
    let h = network.generate(values, frames, slots, memory, Track::Offline, &rotation).0;
    network.logits(values, &h[..FRAMES * network.config.width], frames)
}

#[test]
fn stepping_gives_the_logits_of_the_whole_pass_in_either_width_for_one_and_for_several() {
    let network = network(true);
    let (values, memory, frames) = drawn(&network);
    let expected = whole(&network, &values, &memory, &frames);
    for (precision, tolerance) in [(Precision::Single, 2e-5), (Precision::Sixteen, 2e-3)] {
        let plain = Plain::new(&network, &values, precision);
        steps_give(&expected, &network, &plain, (&values, &memory, &frames), tolerance);
    }
}

fn steps_give(
    expected: &[Vec<f32>; 4],
    network: &Network,
    plain: &Plain,
    (values, memory, frames): (&[f32], &[f32], &[Frame]),
    tolerance: f32,
) {
    let rotation = network.rotation(FRAMES);
    assert!(plain.chained() && plain.order() == CHAIN);
    let heard = stretch(plain, memory, 0, &rotation);
    let latent = network.latent_vector(values, &[0.0, 1.0, 0.0]);
    let mut alone: Vec<[Vec<f32>; 4]> = Vec::new();
    for count in [1, 3] {
        let mut reactions: Vec<Reaction> = (0..count).map(|_| Reaction::new(plain, latent.clone())).collect();
        let (mut scratch, mut last) = (plain.scratch(), None);
        for (position, frame) in frames.iter().enumerate() {
            let mut together: Vec<&mut Reaction> = reactions.iter_mut().collect();
            Reaction::step(plain, &mut together, &vec![last; count], &heard, &rotation, &mut scratch);
            for (place, stream) in plain.order().into_iter().enumerate() {
                Reaction::tell(plain, place, &mut together, &vec![frame[stream]; count], &mut scratch);
            }
            last = Some(*frame);
            for (stream, expected) in expected.iter().enumerate() {
                let size = network.config.vocabulary[stream];
                let expected = &expected[position * size..][..size];
                for (a, b) in reactions[0].logits[stream].iter().zip(expected) {
                    assert!(
                        (a - b).abs() < tolerance + 1e-4 * b.abs(),
                        "{stream} at {position}: {a}, not {b}"
                    );
                }
            }
            // the same bits whatever the batch
            match count {
                1 => alone.push(reactions[0].logits.clone()),
                _ => assert!(reactions.iter().all(|reaction| reaction.logits == alone[position])),
            }
        }
    }
}

#[test]
fn what_a_stream_said_changes_those_after_it_and_none_before() {
    let network = network(true);
    let (values, memory, frames) = drawn(&network);
    let before = whole(&network, &values, &memory, &frames);
    for (place, stream) in CHAIN.into_iter().enumerate() {
        let mut other = frames.clone();
        let last = other.last_mut().unwrap();
        last[stream] = (last[stream] + 1) % network.config.vocabulary[stream] as u32;
        let after = whole(&network, &values, &memory, &other);
        for (later, stream) in CHAIN.into_iter().enumerate() {
            let same = before[stream] == after[stream];
            assert_eq!(same, later <= place, "{stream} after a change at place {place}");
        }
    }
}

#[test]
fn a_chain_of_zeros_is_no_chain_and_an_unchained_network_has_no_parameters_for_one() {
    let (plain, chained) = (network(false), network(true));
    let (values, memory, frames) = drawn(&plain);
    let mut with = chained.layout.first_values(7);
    for entry in chained.layout.entries() {
        match plain.layout.entries().iter().find(|other| other.name == entry.name) {
            Some(other) => entry.slot.of_mut(&mut with).copy_from_slice(other.slot.of(&values)),
            None => assert!(
                entry.name.starts_with("chain.") && entry.slot.of(&with).iter().all(|x| *x == 0.0),
                "{}",
                entry.name
            ),
        }
    }
    assert_eq!(whole(&plain, &values, &memory, &frames), whole(&chained, &with, &memory, &frames));
}
