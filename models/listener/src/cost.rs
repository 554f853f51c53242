//! What the network costs against the least a machine could take for it.
//!
//! The floor of a piece of work is max(FLOP / F, bytes / BW): F and BW are measured first, on the same threads and in the
//! same run, as the rate of large matrix products and of reading a large array; the operations are counted from the sizes
//! (a multiplication and an addition are two FLOP; weights and cached values are read once a frame, in single precision).
//! Weights are random: they cost what trained ones do.

use std::time::Instant;

use clips::{Chance, Result, Track};
use rayon::prelude::*;

use crate::latent_intent::blocks::Rotation;
use crate::latent_intent::config::Config;
use crate::latent_intent::decode::{Plain, Precision, Reaction, stretch};
use crate::latent_intent::decoder::Frame;
use crate::latent_intent::encoder::{Group, Speaker};
use crate::latent_intent::network::Network;
use crate::real::{View, product};

/// What the machine can do with all threads.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Machine {
    /// Floating point operations a second in large products, single precision.
    pub flops: f64,
    /// Bytes a second read from a large array.
    pub bandwidth: f64,
}

/// One piece of work.
#[derive(Debug, Clone, PartialEq)]
pub struct Cost {
    /// What was done.
    pub what: String,
    /// Reactions made at a time; 0 where none is.
    pub streams: usize,
    /// Milliseconds it took, the best of several times.
    pub spent_ms: f64,
    /// Milliseconds it would take at the speed of the machine.
    pub floor_ms: f64,
}

impl Cost {
    /// Times the floor.
    pub fn ratio(&self) -> f64 {
        self.spent_ms / self.floor_ms.max(1e-12)
    }
}

/// Measures the machine.
pub fn machine() -> Machine {
    const SIDE: usize = 768;
    const TIMES: usize = 6;
    let threads = rayon::current_num_threads();
    let a = vec![0.5f32; SIDE * SIDE];
    let work = |_: usize| {
        let mut out = vec![0.0f32; SIDE * SIDE];
        for _ in 0..TIMES {
            let rows = View::dense(&a, SIDE, SIDE);
            product(&mut out, SIDE, rows, rows, 1.0, false);
        }
        out[0]
    };
    let seconds = best_of(5, || (0..threads).into_par_iter().map(work).sum::<f32>());
    let flops = (threads * TIMES * 2 * SIDE * SIDE * SIDE) as f64 / seconds;
    // far larger than any cache
    let large = vec![1.0f32; 64 << 20];
    let seconds = best_of(5, || {
        large
            .par_chunks(large.len().div_ceil(threads))
            .map(|part| {
                let (blocks, _) = part.as_chunks::<16>();
                let mut sums = [0.0f32; 16];
                for block in blocks {
                    sums.iter_mut().zip(block).for_each(|(sum, value)| *sum += value);
                }
                sums.iter().sum::<f32>()
            })
            .sum::<f32>()
    });
    Machine { flops, bandwidth: (large.len() * 4) as f64 / seconds }
}

fn best_of<T>(times: usize, mut work: impl FnMut() -> T) -> f64 {
    (0..times)
        .map(|_| {
            let begun = Instant::now();
            std::hint::black_box(work());
            begun.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}

/// Multiplications a row of a unit costs, with `n` rows to attend to.
fn self_unit(c: &Config, n: f64) -> f64 {
    let (d, e, s) = (c.width as f64, c.gate_width() as f64, c.key_width as f64);
    d * (2.0 * e + s) + e * d + n * (s + e)
}

fn cross_unit(c: &Config, n: f64) -> f64 {
    let (d, e, s) = (c.width as f64, c.gate_width() as f64, c.key_width as f64);
    d * (e + s) + e * d + n * (s + e)
}

fn heads(c: &Config) -> f64 {
    let d = c.width as f64;
    let told = if c.chain_heads { (c.width - c.token_widths[0]) as f64 } else { 0.0 };
    let tables = c.token_widths.iter().zip(c.vocabulary).map(|(width, size)| (width * size) as f64);
    d * (d + told) + tables.sum::<f64>()
}

fn memory_row(c: &Config) -> f64 {
    c.width as f64 * (c.gate_width() + c.key_width) as f64
}

/// Measures encoding a clip of the training length, and decoding it with one reaction and with one for every latent.
///
/// # Errors
/// Sizes that do not fit together.
pub fn decode(config: &Config, machine: Machine, times: usize) -> Result<Vec<Cost>> {
    let network = Network::new(config)?;
    let values = network.layout.first_values(1);
    let plain = Plain::new(&network, &values, Precision::Single);
    let frames = config.training_frames;
    let t = frames as f64;
    let speaker = speaker(config, frames);
    let rotation = Rotation::new(frames + 1, config.key_width);
    let floor = |macs: f64, bytes: f64| (2.0 * macs / machine.flops).max(bytes / machine.bandwidth) * 1e3;
    let encode = |_: usize| network.encode(&values, &speaker, Track::Offline, &rotation).0;
    let layers = config.decoder_layers as f64;

    let encoder_weights = config.encoder_units as f64 * self_unit(config, 0.0);
    let encoder = t * config.encoder_units as f64 * self_unit(config, t);
    let memory = encode(0);
    let threads = rayon::current_num_threads();
    let clips: Vec<usize> = (0..threads).collect();
    let spent = best_of(times, || clips.par_iter().map(|clip| encode(*clip)).collect::<Vec<_>>());
    let mut costs = vec![Cost {
        streams: 0,
        what: format!("encode a clip of {frames} frames, {threads} at a time"),
        spent_ms: spent / threads as f64 * 1e3,
        floor_ms: floor(encoder, 4.0 * encoder_weights),
    }];
    costs.push(Cost {
        streams: 0,
        what: "keys and values of its rows for every decoder layer".to_owned(),
        spent_ms: best_of(times, || stretch(&plain, &memory, 0, &rotation)) * 1e3,
        floor_ms: floor(t * layers * memory_row(config), 4.0 * layers * memory_row(config)),
    });
    // a frame of one stream: weights, own caches (half full on the average) and the speaker's rows
    let (e, s) = (config.gate_width() as f64, config.key_width as f64);
    let weights = layers * (self_unit(config, 0.0) + cross_unit(config, 0.0)) + heads(config);
    let own = layers * t / 2.0 * (s + e);
    let theirs = layers * t * (s + e);
    for (precision, bytes, width) in [(Precision::Single, 4.0, ""), (Precision::Sixteen, 2.0, ", 16 bits")] {
        let plain = Plain::new(&network, &values, precision);
        let heard = stretch(&plain, &memory, 0, &rotation);
        for streams in [1, config.latents] {
            let share = streams.div_ceil(threads);
            let whole = || {
                (0..streams).collect::<Vec<_>>().par_chunks(share).for_each(|part| {
                    let mut reactions: Vec<Reaction> =
                        part.iter().map(|_| Reaction::new(&plain, vec![0.1; config.width])).collect();
                    let mut scratch = plain.scratch();
                    let mut chance = Chance::new(1, "cost", &[]);
                    let mut last: Vec<Option<Frame>> = vec![None; part.len()];
                    for _ in 0..frames {
                        let mut together: Vec<&mut Reaction> = reactions.iter_mut().collect();
                        Reaction::step(&plain, &mut together, &last, &heard, &rotation, &mut scratch);
                        for last in &mut last {
                            *last = Some(std::array::from_fn(|s| chance.below(config.vocabulary[s]) as u32));
                        }
                    }
                });
            };
            let k = streams as f64;
            let plural = if streams == 1 { "stream" } else { "streams" };
            costs.push(Cost {
                streams,
                what: format!("decode a frame, offline, {streams} {plural}{width}"),
                spent_ms: best_of(times, || rayon::scope(|_| whole())) / t * 1e3,
                floor_ms: floor(k * (weights + own + theirs), bytes * (weights + k * own + theirs)),
            });
        }
    }
    Ok(costs)
}

/// What 16 bits cost in exactness: the largest difference of a logit over a clip of the training length, with the
/// same random frames behind it, and the spread (standard deviation) of the logits it stands against.
///
/// # Errors
/// Sizes that do not fit together.
pub fn error_of_sixteen_bits(config: &Config) -> Result<(f64, f64)> {
    let network = Network::new(config)?;
    let values = network.layout.first_values(1);
    let frames = config.training_frames;
    let rotation = Rotation::new(frames + 1, config.key_width);
    let memory = network.encode(&values, &speaker(config, frames), Track::Offline, &rotation).0;
    let both = [Precision::Single, Precision::Sixteen].map(|precision| {
        let plain = Plain::new(&network, &values, precision);
        (stretch(&plain, &memory, 0, &rotation), Reaction::new(&plain, vec![0.1; config.width]), plain)
    });
    let [(heard, mut reaction, plain), (heard16, mut reaction16, plain16)] = both;
    let (mut scratch, mut scratch16) = (plain.scratch(), plain16.scratch());
    let (mut chance, mut last) = (Chance::new(1, "cost", &[]), None);
    let (mut largest, mut sum, mut squares, mut count) = (0.0f64, 0.0, 0.0, 0.0);
    for _ in 0..frames {
        Reaction::step(&plain, &mut [&mut reaction], &[last], &heard, &rotation, &mut scratch);
        Reaction::step(&plain16, &mut [&mut reaction16], &[last], &heard16, &rotation, &mut scratch16);
        for (exact, rounded) in reaction.logits.iter().flatten().zip(reaction16.logits.iter().flatten()) {
            let (exact, rounded) = (f64::from(*exact), f64::from(*rounded));
            largest = largest.max((exact - rounded).abs());
            (sum, squares, count) = (sum + exact, squares + exact * exact, count + 1.0);
        }
        last = Some(std::array::from_fn(|stream| chance.below(config.vocabulary[stream]) as u32));
    }
    Ok((largest, (squares / count - (sum / count).powi(2)).sqrt()))
}

/// A speaker of random features.
fn speaker(config: &Config, frames: usize) -> Speaker<f32> {
    let mut chance = Chance::new(1, "cost speaker", &[]);
    let groups = config.feature_columns.map(|columns| {
        let rows = (0..frames * columns).map(|_| chance.normal() as f32).collect();
        Some(Group { rows, present: None })
    });
    Speaker { frames, groups }
}
