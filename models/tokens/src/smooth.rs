//! Smoothing of detokenised reactions, for pictures; off wherever something is measured.
//!
//! Offline: binomial [1 4 6 4 1]/16 on everything continuous, majority of three frames on action units. Online: the
//! causal mean of the new frame and the last output, and action units that change only after two equal frames.
//! Ends are extended by their own value. Distributions stay distributions: every output is a convex combination.

use clips::channels::AU_COUNT;
use serde::{Deserialize, Serialize};

/// Which smoothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Smoothing {
    /// None.
    #[default]
    Off,
    /// May look at later frames.
    Offline,
    /// Looks at earlier frames only.
    Online,
}

impl Smoothing {
    /// Smooths a reaction in place; the two streams are independent of each other.
    pub fn apply(self, attributes: &mut [[f32; 25]], coefficients: &mut [[f32; 58]]) {
        match self {
            Self::Off => {}
            Self::Offline => {
                binomial(attributes, AU_COUNT);
                binomial(coefficients, 0);
                au_majority(attributes);
            }
            Self::Online => {
                causal(attributes, AU_COUNT);
                causal(coefficients, 0);
                au_hold(attributes);
            }
        }
    }
}

/// Binomial smoothing over five frames of the columns from `first` on.
pub fn binomial<const N: usize>(rows: &mut [[f32; N]], first: usize) {
    const WEIGHTS: [f32; 5] = [1.0 / 16.0, 4.0 / 16.0, 6.0 / 16.0, 4.0 / 16.0, 1.0 / 16.0];
    let source = rows.to_vec();
    for (frame, row) in rows.iter_mut().enumerate() {
        for column in first..N {
            row[column] = WEIGHTS
                .iter()
                .enumerate()
                .map(|(tap, weight)| {
                    weight * source[(frame + tap).saturating_sub(2).min(source.len() - 1)][column]
                })
                .sum();
        }
    }
}

/// Each output is half the new frame and half the last output, for the columns from `first` on.
pub fn causal<const N: usize>(rows: &mut [[f32; N]], first: usize) {
    for frame in 1..rows.len() {
        for column in first..N {
            rows[frame][column] = 0.5 * (rows[frame][column] + rows[frame - 1][column]);
        }
    }
}

/// Each action unit becomes the majority of its three frames.
pub fn au_majority(rows: &mut [[f32; 25]]) {
    let source = rows.to_vec();
    for frame in 0..rows.len() {
        let (before, after) = (source[frame.saturating_sub(1)], source[(frame + 1).min(source.len() - 1)]);
        for unit in 0..AU_COUNT {
            let votes = [before, source[frame], after].iter().filter(|row| row[unit] > 0.5).count();
            rows[frame][unit] = if votes >= 2 { 1.0 } else { 0.0 };
        }
    }
}

/// An action unit changes only once its new state has held for two frames.
pub fn au_hold(rows: &mut [[f32; 25]]) {
    let mut last = match rows.first() {
        Some(first) => *first,
        None => return,
    };
    let mut shown = last;
    for row in rows.iter_mut() {
        let new = *row;
        for unit in 0..AU_COUNT {
            if (new[unit] > 0.5) == (last[unit] > 0.5) {
                shown[unit] = new[unit];
            }
            row[unit] = shown[unit];
        }
        last = new;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn units(bits: &[u8]) -> Vec<[f32; 25]> {
        bits.iter()
            .map(|bit| {
                let mut row = [0.0; 25];
                row[7] = f32::from(*bit);
                row
            })
            .collect()
    }

    fn unit(rows: &[[f32; 25]]) -> Vec<u8> {
        rows.iter().map(|row| row[7] as u8).collect()
    }

    #[test]
    fn single_flips_of_action_units_vanish() {
        let mut rows = units(&[0, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1]);
        au_majority(&mut rows);
        assert_eq!(unit(&rows), [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1]);
        let mut rows = units(&[0, 0, 1, 0, 0, 1, 1, 1, 0, 1, 1]);
        au_hold(&mut rows);
        assert_eq!(unit(&rows), [0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn constants_stay_and_an_impulse_spreads_as_stated() {
        let mut rows = vec![[2.0f32]; 9];
        binomial(&mut rows, 0);
        assert!(rows.iter().all(|row| row[0] == 2.0));
        let mut rows = vec![[0.0f32]; 7];
        rows[3] = [16.0];
        binomial(&mut rows, 0);
        assert_eq!(rows.concat(), [0.0, 1.0, 4.0, 6.0, 4.0, 1.0, 0.0]);
        let mut rows = vec![[0.0f32], [8.0], [0.0], [0.0]];
        causal(&mut rows, 0);
        assert_eq!(rows.concat(), [0.0, 4.0, 2.0, 1.0]);
    }

    #[test]
    fn the_online_way_never_looks_ahead_and_empty_input_is_fine() {
        let mut long = units(&[0, 1, 1, 0, 1, 0, 0, 1]);
        let mut short = long[..5].to_vec();
        let mut none = vec![[0.0; 58]; 0];
        Smoothing::Online.apply(&mut long, &mut none);
        Smoothing::Online.apply(&mut short, &mut none);
        assert_eq!(long[..5], short[..]);
        for smoothing in [Smoothing::Off, Smoothing::Offline, Smoothing::Online] {
            smoothing.apply(&mut [], &mut []);
        }
    }
}
