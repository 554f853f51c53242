//! FRDist against a slow twin: the plain table in double precision, over data of every kind, bit for bit.
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use clips::{Attributes, Chance};
use measures::frdist::{Prepared, Scratch, best, distance, groups};

/// The table as it stands in the definition.
fn plain(a: &Attributes, b: &Attributes, columns: std::ops::Range<usize>) -> f64 {
    let mut table = vec![vec![f64::INFINITY; b.len() + 1]; a.len() + 1];
    table[0][0] = 0.0;
    for (i, x) in a.iter().enumerate() {
        for (j, y) in b.iter().enumerate() {
            let mut cost = 0.0;
            for column in columns.clone() {
                let difference = f64::from(x[column]) - f64::from(y[column]);
                cost += difference * difference;
            }
            table[i + 1][j + 1] = cost + table[i][j].min(table[i][j + 1]).min(table[i + 1][j]);
        }
    }
    table[a.len()][b.len()].sqrt()
}

fn plain_total(a: &Attributes, b: &Attributes) -> f64 {
    plain(a, b, 0..15) / 15.0 + plain(a, b, 15..17) + plain(a, b, 17..25) / 8.0
}

/// The first listed of the nearest.
fn plain_best(a: &Attributes, all: &[(u32, &Attributes)]) -> (f64, u32) {
    let mut nearest = (f64::INFINITY, u32::MAX);
    for (name, b) in all {
        let value = plain_total(a, b);
        if value < nearest.0 {
            nearest = (value, *name);
        }
    }
    nearest
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Kind {
    Flags,
    Walk,
    Noise,
    Constant,
    Steps,
    Huge,
    Vast,
    Tiny,
}

const KINDS: [Kind; 8] =
    [Kind::Flags, Kind::Walk, Kind::Noise, Kind::Constant, Kind::Steps, Kind::Huge, Kind::Vast, Kind::Tiny];

fn series(kind: Kind, frames: usize, chance: &mut Chance) -> Attributes {
    let mut state: [f64; 25] = std::array::from_fn(|_| chance.normal());
    (0..frames)
        .map(|_| {
            if kind != Kind::Constant {
                state.iter_mut().for_each(|x| *x = 0.97 * *x + 0.2 * chance.normal());
            }
            std::array::from_fn(|column| {
                let value = 0.5 + 0.3 * state[column].tanh();
                match kind {
                    Kind::Flags if column < 15 => f32::from(u8::from(value > 0.6)),
                    Kind::Flags | Kind::Walk | Kind::Constant => value as f32,
                    Kind::Noise => chance.uniform() as f32,
                    // few distinct values, so that many paths cost the same
                    Kind::Steps => (value * 4.0).round() as f32 / 4.0,
                    Kind::Huge => (1e6 * (value - 0.5)) as f32,
                    Kind::Vast => (1e25 * (value - 0.5)) as f32,
                    Kind::Tiny => (1e-24 * value) as f32,
                }
            })
        })
        .collect()
}

fn check(a: &Attributes, all: &[(u32, &Attributes)], what: &str) {
    let prepared: Vec<(u32, Prepared)> = all.iter().map(|(name, b)| (*name, Prepared::new(b))).collect();
    let listed: Vec<(u32, &Prepared)> = prepared.iter().map(|(name, b)| (*name, b)).collect();
    let wanted = plain_best(a, all);
    let a = Prepared::new(a);
    for (registers, mut scratch) in [("best", Scratch::default()), ("portable", Scratch::portable())] {
        let found = best(&a, &listed, &mut scratch).unwrap();
        assert_eq!(found.0.to_bits(), wanted.0.to_bits(), "{what}, {registers}: {found:?} for {wanted:?}");
        assert_eq!(found.1, wanted.1, "{what}, {registers}");
        // the memory of one call must not leak into the next
        assert_eq!(best(&a, &listed[..1], &mut scratch), best(&a, &listed[..1], &mut Scratch::default()));
    }
}

#[test]
fn the_nearest_is_that_of_the_plain_table() {
    let mut chance = Chance::new(3, "warping", &[]);
    for frames in [1, 2, 7, 8, 9, 31, 32, 33, 64, 120] {
        for kind in KINDS {
            let what = format!("{kind:?}, {frames} frames");
            let listeners: Vec<Attributes> = (0..5).map(|_| series(kind, frames, &mut chance)).collect();
            let listed: Vec<(u32, &Attributes)> = (10..).zip(&listeners).collect();
            check(&series(kind, frames, &mut chance), &listed, &what);
            check(&listeners[3], &listed, &format!("{what}, identical"));
            let near: Attributes = listeners[2]
                .iter()
                .map(|row| row.map(|value| value * (1.0 + 0.05 * chance.normal() as f32)))
                .collect();
            check(&near, &listed, &format!("{what}, near"));
            check(&series(Kind::Walk, frames, &mut chance), &listed, &format!("{what}, a walk"));
        }
    }
}

#[test]
fn lengths_may_differ() {
    let mut chance = Chance::new(4, "warping", &[]);
    let lengths = [1, 2, 7, 8, 9, 33, 120, 33, 65, 16];
    for frames in [1, 5, 32, 33, 100] {
        for kind in KINDS {
            let listeners: Vec<Attributes> =
                lengths.iter().map(|frames| series(kind, *frames, &mut chance)).collect();
            let listed: Vec<(u32, &Attributes)> = (0..).zip(&listeners).collect();
            check(&series(kind, frames, &mut chance), &listed, &format!("{kind:?}, {frames} frames"));
        }
    }
}

#[test]
fn many_reactions_share_the_memory_of_the_tables() {
    let mut chance = Chance::new(9, "warping", &[]);
    for kind in [Kind::Walk, Kind::Noise, Kind::Steps] {
        let listeners: Vec<Attributes> = (0..40).map(|_| series(kind, 50, &mut chance)).collect();
        let listed: Vec<(u32, &Attributes)> = (0..).zip(&listeners).collect();
        check(&series(kind, 50, &mut chance), &listed, &format!("{kind:?}"));
        check(&listeners[33], &listed, &format!("{kind:?}, identical"));
    }
}

#[test]
fn long_reactions_keep_fewer_tables_or_none() {
    let mut chance = Chance::new(10, "warping", &[]);
    // beyond what is kept for each reaction; beyond what one table may take, and sums of flags beyond 16 bits
    for (frames, lengths) in [(1400, &[1300, 1200][..]), (150_000, &[64])] {
        for kind in [Kind::Flags, Kind::Walk] {
            let listeners: Vec<Attributes> =
                lengths.iter().map(|frames| series(kind, *frames, &mut chance)).collect();
            let listed: Vec<(u32, &Attributes)> = (0..).zip(&listeners).collect();
            check(&series(kind, frames, &mut chance), &listed, &format!("{kind:?}, {frames} frames"));
        }
    }
}

#[test]
fn of_equals_the_first_listed_is_named() {
    let mut chance = Chance::new(5, "warping", &[]);
    for kind in KINDS {
        let (one, two) = (series(kind, 70, &mut chance), series(kind, 70, &mut chance));
        let prediction = series(kind, 70, &mut chance);
        check(&prediction, &[(9, &one), (4, &two), (1, &two), (2, &one), (3, &one)], &format!("{kind:?}"));
        // played backwards, a reaction costs the same but for rounding
        let turned: Attributes = one.iter().rev().copied().collect();
        let both: Attributes = prediction.iter().chain(prediction.iter().rev()).copied().collect();
        let forth: Attributes = one.iter().chain(&turned).copied().collect();
        let back: Attributes = turned.iter().chain(&one).copied().collect();
        check(&both, &[(7, &back), (5, &forth), (6, &back)], &format!("{kind:?}, turned"));
    }
}

#[test]
fn full_length_reactions_agree() {
    let mut chance = Chance::new(6, "warping", &[]);
    for kind in [Kind::Flags, Kind::Walk, Kind::Noise] {
        let listeners: Vec<Attributes> = (0..3).map(|_| series(kind, 750, &mut chance)).collect();
        let listed: Vec<(u32, &Attributes)> = (0..).zip(&listeners).collect();
        check(&series(kind, 750, &mut chance), &listed, &format!("{kind:?}"));
    }
}

#[test]
fn a_distance_above_the_limit_is_not_told() {
    let mut chance = Chance::new(7, "warping", &[]);
    let (one, two) = (series(Kind::Walk, 90, &mut chance), series(Kind::Flags, 80, &mut chance));
    let value = plain_total(&one, &two);
    let (a, b) = (Prepared::new(&one), Prepared::new(&two));
    let mut scratch = Scratch::default();
    assert_eq!(distance(&a, &b, value, &mut scratch), Some(value));
    assert_eq!(distance(&a, &b, f64::INFINITY, &mut scratch), Some(value));
    assert_eq!(distance(&a, &b, value * (1.0 - 1e-15), &mut scratch), None);
    assert_eq!(
        groups(&a, &b),
        [plain(&one, &two, 0..15), plain(&one, &two, 15..17), plain(&one, &two, 17..25)]
    );
    assert_eq!(best(&a, &[], &mut scratch), None);
    assert_eq!(best(&Prepared::new(&[]), &[(1, &b)], &mut scratch), None);
}

#[test]
fn a_prepared_listener_is_small() {
    let rows = series(Kind::Walk, 750, &mut Chance::new(8, "warping", &[]));
    assert!(Prepared::new(&rows).bytes() < 170_000);
}
