//! What each latent does, in a few words, read off the training listeners it was recognised in.

use clips::Result;
use clips::channels::{ATTRIBUTES, AU_COUNT, VALENCE};
use tokens::CodeBooks;

use crate::data::Row;
use crate::watch::argmax;

/// Mean matching score of the rows recognised as each latent; the overall mean where there are none.
pub fn prior(seen: &[(Vec<f64>, f64)], latents: usize) -> Vec<f32> {
    let overall = seen.iter().map(|(_, score)| score).sum::<f64>() / seen.len().max(1) as f64;
    (0..latents)
        .map(|latent| {
            let scores: Vec<f64> = seen
                .iter()
                .filter(|(posterior, _)| argmax(posterior) == latent)
                .map(|(_, score)| *score)
                .collect();
            if scores.is_empty() {
                overall as f32
            } else {
                (scores.iter().sum::<f64>() / scores.len() as f64) as f32
            }
        })
        .collect()
}

/// What a group of reactions is like: mean action units, valence, and how much the head moves.
#[derive(Debug, Clone, Default)]
struct Summary {
    units: [f64; AU_COUNT],
    valence: f64,
    /// Standard deviation of pitch, yaw, roll.
    movement: [f64; 3],
}

fn summary(rows: &[&Row], books: &CodeBooks) -> Result<Summary> {
    let mut all = Summary::default();
    for row in rows {
        let (attributes, coefficients) = books.detokenise(&row.reaction)?;
        let share = 1.0 / (attributes.len() * rows.len()) as f64;
        for frame in &attributes {
            all.units.iter_mut().zip(frame).for_each(|(sum, value)| *sum += f64::from(*value) * share);
            all.valence += f64::from(frame[VALENCE]) * share;
        }
        for axis in 0..3 {
            let angles: Vec<f64> = coefficients.iter().map(|frame| f64::from(frame[52 + axis])).collect();
            let mean = angles.iter().sum::<f64>() / angles.len() as f64;
            let variance =
                angles.iter().map(|angle| (angle - mean).powi(2)).sum::<f64>() / angles.len() as f64;
            all.movement[axis] += variance.sqrt() / rows.len() as f64;
        }
    }
    Ok(all)
}

/// A few words on each latent: action units, valence and head movement that stand out from the average.
///
/// # Errors
/// Never for tokens of the same books.
pub fn signatures(
    rows: &[&Row],
    seen: &[(Vec<f64>, f64)],
    books: &CodeBooks,
    latents: usize,
) -> Result<Vec<String>> {
    let overall = summary(rows, books)?;
    (0..latents)
        .map(|latent| {
            let members: Vec<&Row> = rows
                .iter()
                .zip(seen)
                .filter(|(_, (p, _))| argmax(p) == latent)
                .map(|(row, _)| *row)
                .collect();
            if members.is_empty() {
                return Ok("not seen in training".to_owned());
            }
            Ok(words(&summary(&members, books)?, &overall))
        })
        .collect()
}

fn words(one: &Summary, overall: &Summary) -> String {
    let mut units: Vec<(f64, &str)> = (0..AU_COUNT)
        .map(|unit| (one.units[unit] - overall.units[unit], ATTRIBUTES[unit]))
        .filter(|(lift, _)| *lift > 0.03)
        .collect();
    units.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut words: Vec<String> = units.iter().take(3).map(|(_, name)| (*name).to_owned()).collect();
    for (axis, name) in ["nods", "turns", "tilts"].into_iter().enumerate() {
        if one.movement[axis] > 1.3 * overall.movement[axis] {
            words.push(name.to_owned());
        }
    }
    let lift = one.valence - overall.valence;
    if lift.abs() > 0.05 {
        words.push(format!("valence {lift:+.2}"));
    }
    if words.is_empty() { "calm".to_owned() } else { words.join(" ") }
}
