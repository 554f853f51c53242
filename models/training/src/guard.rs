//! Steps that must not be taken: a loss or a gradient that is not a number, a loss far above those before it.
//!
//! The threshold is robust: median of the last losses plus a number of median deviations, so that a few odd batches do
//! not move it. A skipped step changes neither weights nor moments; the schedule goes on.

use clips::Track;

use crate::data::Data;
use crate::objective::Item;

/// Losses that the threshold is made of.
pub const WINDOW: usize = 50;
/// Fewer than these say nothing.
const LEAST: usize = 10;

/// Median of the losses plus `deviations` times their median distance from it (at least 1 % of the median: a loss that
/// hardly moves is no reason to skip the next); `None` while there are too few.
pub fn threshold(losses: &[f64], deviations: f64) -> Option<f64> {
    if losses.len() < LEAST {
        return None;
    }
    let middle = median(losses.to_vec());
    let spread = median(losses.iter().map(|loss| (loss - middle).abs()).collect());
    Some(middle + deviations * spread.max(0.01 * middle.abs()))
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let half = values.len() / 2;
    if values.len().is_multiple_of(2) { 0.5 * (values[half - 1] + values[half]) } else { values[half] }
}

/// Why a step must not be taken, if so. `spike` = 0 looks at numbers only.
pub fn objection(total: f64, norm: f64, window: &[f64], spike: f64) -> Option<String> {
    if !total.is_finite() {
        return Some("the loss is not a number".to_owned());
    }
    if !norm.is_finite() {
        return Some("the gradient is not a number".to_owned());
    }
    let most = threshold(window, spike).filter(|_| spike > 0.0)?;
    (total > most).then(|| format!("the loss {total:.3} is above {most:.3}"))
}

/// The clips and draws of a batch in one line, to find them again.
pub fn describe(track: Track, items: &[Item<f32>], data: &Data) -> String {
    let name = |row: usize| data.train.get(row).map_or("?", |row| row.id.as_str());
    let clips: Vec<String> = items
        .iter()
        .map(|item| {
            let origin = item.origin;
            let mut words = format!("{} (row {})", name(origin.row), origin.row);
            if origin.positive != origin.row {
                words += &format!(" answered by row {}", origin.positive);
            }
            if !item.negative.is_empty() {
                words += &format!(" against row {}", origin.negative);
            }
            words + &format!(", frames {}..{}", origin.first, origin.first + item.reaction.len())
        })
        .collect();
    format!("{track:?} batch: {}", clips.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_threshold_does_not_follow_a_few_odd_losses() {
        let mut window: Vec<f64> = (0..49).map(|step| 10.0 + f64::from(step % 7) * 0.1).collect();
        let before = threshold(&window, 5.0).unwrap();
        // median 10.3; distances 0, 0.1, 0.2, 0.3 of which 0.2 is the middle
        assert!((before - (10.3 + 5.0 * 0.2)).abs() < 1e-9, "{before}");
        window.extend([1e9, 1e9]);
        assert!((threshold(&window, 5.0).unwrap() - before).abs() < 0.6);
        assert_eq!(threshold(&window[..9], 5.0), None);
    }

    #[test]
    fn what_is_no_number_or_far_above_is_objected_to() {
        let window = vec![5.0; 20];
        assert!(objection(f64::NAN, 1.0, &[], 0.0).is_some());
        assert!(objection(5.0, f64::INFINITY, &[], 0.0).is_some());
        assert!(objection(5.51, 1.0, &window, 10.0).is_some());
        assert!(objection(5.49, 1.0, &window, 10.0).is_none());
        assert!(objection(500.0, 1.0, &window, 0.0).is_none());
    }
}
