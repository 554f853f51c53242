//! What the measures cost, in processor milliseconds per unit, beside the official Python code:
//! `cargo run --release -p measures --example cost`.
//!
//! 8 clips, 10 samples, 750 frames, 8 neighbours, one thread. The official figures were taken on two x86-64 cores of
//! another machine, so read the ratios as orders of magnitude. The distance search gives up hopeless paths; its cost
//! depends on the data, so it is shown for reactions near their truth, for unrelated ones, and without giving up.
#![expect(clippy::print_stdout, reason = "an example talks to its reader")]

use std::hint::black_box;
use std::time::Instant;

use clips::{Attributes, Chance};
use measures::frcorr::{self, Centred};
use measures::frdist::{self, Prepared, Scratch};
use measures::{frdiv, frdvs, frsyn, frvar};

const CLIPS: usize = 8;
const SAMPLES: usize = 10;
const FRAMES: usize = 750;

/// Slow walks around the middle, action units as zeros and ones.
fn walk(chance: &mut Chance) -> Attributes {
    let mut state = [0.0f64; 25];
    (0..FRAMES)
        .map(|_| {
            state.iter_mut().for_each(|x| *x = 0.97 * *x + 0.2 * chance.normal());
            std::array::from_fn(|column| {
                let value = 0.5 + 0.3 * state[column].tanh();
                if column < 15 { f32::from(u8::from(value > 0.6)) } else { value as f32 }
            })
        })
        .collect()
}

fn report(name: &str, units: usize, official_ms: f64, run: impl Fn()) {
    run(); // warm
    let best = (0..3)
        .map(|_| {
            let start = Instant::now();
            run();
            start.elapsed().as_secs_f64() * 1e3 / units as f64
        })
        .fold(f64::INFINITY, f64::min);
    println!(
        "{name:<34} {best:>9.4} ms   official {official_ms:>7.3} ms   {:>7.1} times less",
        official_ms / best
    );
}

fn main() {
    let mut chance = Chance::new(1, "cost", &[]);
    let listeners: Vec<Attributes> = (0..CLIPS).map(|_| walk(&mut chance)).collect();
    let speakers: Vec<Attributes> = (0..CLIPS).map(|_| walk(&mut chance)).collect();
    let unrelated: Vec<Vec<Attributes>> =
        (0..CLIPS).map(|_| (0..SAMPLES).map(|_| walk(&mut chance)).collect()).collect();
    let near: Vec<Vec<Attributes>> = (0..CLIPS)
        .map(|clip| {
            (0..SAMPLES)
                .map(|_| {
                    let noisy = |row: &[f32; 25]| row.map(|value| value + 0.05 * chance.normal() as f32);
                    listeners[clip].iter().map(noisy).collect()
                })
                .collect()
        })
        .collect();
    let Ok(pool) = rayon::ThreadPoolBuilder::new().num_threads(1).build() else { return };
    pool.install(|| {
        report("FRCorr, clip x sample x neighbour", CLIPS * SAMPLES * CLIPS, 2.98, || {
            let ready: Vec<Centred> = listeners.iter().map(|rows| Centred::new(rows)).collect();
            for rows in unrelated.iter().flatten() {
                let all = ready.iter().enumerate().map(|(row, ready)| (row as u32, ready));
                black_box(frcorr::best(&Centred::new(rows), all));
            }
        });
        for (name, predictions) in
            [("FRDist, unrelated reactions", &unrelated), ("FRDist, near the truth", &near)]
        {
            report(name, CLIPS * SAMPLES * CLIPS, 11.2, || {
                let ready: Vec<Prepared> = listeners.iter().map(|rows| Prepared::new(rows)).collect();
                let all: Vec<(u32, &Prepared)> =
                    ready.iter().enumerate().map(|(row, ready)| (row as u32, ready)).collect();
                let mut scratch = Scratch::default();
                for rows in predictions.iter().flatten() {
                    black_box(frdist::best(&Prepared::new(rows), &all, &mut scratch));
                }
            });
        }
        report("FRDist, every path to its end", CLIPS * SAMPLES, 11.2, || {
            let ready: Vec<Prepared> = listeners.iter().map(|rows| Prepared::new(rows)).collect();
            let mut scratch = Scratch::default();
            for (place, rows) in unrelated.iter().flatten().enumerate() {
                black_box(frdist::distance(
                    &Prepared::new(rows),
                    &ready[place % CLIPS],
                    f64::INFINITY,
                    &mut scratch,
                ));
            }
        });
        report("FRSyn, clip x sample", CLIPS * SAMPLES, 86.0, || {
            for (rows, speaker) in unrelated
                .iter()
                .zip(&speakers)
                .flat_map(|(all, speaker)| all.iter().map(move |rows| (rows, speaker)))
            {
                black_box(frsyn::of_reaction(rows, speaker));
            }
        });
        report("FRDvs, clip x clip x sample", CLIPS * CLIPS * SAMPLES, 0.048, || {
            black_box(frdvs::of(&unrelated));
        });
        report("FRDiv, clip x sample x sample", CLIPS * SAMPLES * SAMPLES, 0.033, || {
            unrelated.iter().for_each(|all| assert!(black_box(frdiv::of_clip(all)).is_some()));
        });
        report("FRVar, clip x sample", CLIPS * SAMPLES, 0.09, || {
            unrelated.iter().for_each(|all| assert!(black_box(frvar::of_clip(all)).is_some()));
        });
    });
}
