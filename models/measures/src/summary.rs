//! What a whole reaction is like, as 75 numbers: the features on which distributions of reactions are compared.
//!
//! For each of the 25 attributes, in their order: the mean over frames; the standard deviation over frames (divided by
//! T); the mean absolute change from frame to frame, `sum |x_t - x_(t-1)| / (T - 1)`. Features 0..25 are the means,
//! 25..50 the deviations, 50..75 the changes. Level, extent and pace of each attribute, so: neither order in time nor
//! the relation to the speaker. The features are ours, chosen to need no network, and stand in no paper; the
//! [`judge`](crate::judge) has its own, which know head pose.
//!
//! Distances between features need one unit: [`Standard`] takes it from real reactions.

use clips::channels::{ATTRIBUTE_COUNT, ATTRIBUTES};
use clips::{Control, Fault, FaultKind, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Numbers that describe a reaction.
pub const FEATURES: usize = 3 * ATTRIBUTE_COUNT;

/// The description of one reaction.
pub type Features = [f64; FEATURES];

/// Describes a reaction of at least two frames.
///
/// # Errors
/// [`FaultKind::BadRequest`] below two frames, [`FaultKind::NotFinite`] naming the frame of a value that is not a
/// number.
pub fn features(rows: &[[f32; ATTRIBUTE_COUNT]]) -> Result<Features> {
    if rows.len() < 2 {
        return Err(Fault::new(FaultKind::BadRequest, "", format!("a reaction of {} frames", rows.len()))
            .remedy("a reaction needs two frames to move"));
    }
    if let Some(frame) = rows.iter().position(|row| row.iter().any(|value| !value.is_finite())) {
        return Err(Fault::new(FaultKind::NotFinite, "", "the reaction has values that are not numbers")
            .at(format!("frame {frame}"))
            .remedy("drop the clip or fill the frames that have no value"));
    }
    let frames = rows.len() as f64;
    let mut values = [0.0; FEATURES];
    for column in 0..ATTRIBUTE_COUNT {
        let value = |row: &[f32; ATTRIBUTE_COUNT]| f64::from(row[column]);
        let mean = rows.iter().map(value).sum::<f64>() / frames;
        let square: f64 = rows.iter().map(|row| (value(row) - mean).powi(2)).sum();
        let change: f64 = rows.windows(2).map(|pair| (value(&pair[1]) - value(&pair[0])).abs()).sum();
        values[column] = mean;
        values[ATTRIBUTE_COUNT + column] = (square / frames).sqrt();
        values[2 * ATTRIBUTE_COUNT + column] = change / (frames - 1.0);
    }
    Ok(values)
}

/// Describes many reactions, in parallel and in order.
///
/// # Errors
/// As [`features`], the place beginning with the position of the reaction; cancelled on request.
pub fn features_of_all<R: AsRef<[[f32; ATTRIBUTE_COUNT]]> + Sync>(
    reactions: &[R],
    control: &Control,
) -> Result<Vec<Features>> {
    reactions
        .par_iter()
        .enumerate()
        .map(|(place, rows)| {
            control.check()?;
            features(rows.as_ref()).map_err(|fault| {
                let place = format!("reaction {place}, {}", fault.place);
                fault.at(place.trim_end_matches(", "))
            })
        })
        .collect()
}

/// What feature `index` says ("mean of AU12"); `None` beyond the last.
pub fn feature_name(index: usize) -> Option<String> {
    let what = ["mean", "deviation", "change"].get(index / ATTRIBUTE_COUNT)?;
    Some(format!("{what} of {}", ATTRIBUTES[index % ATTRIBUTE_COUNT]))
}

/// The unit of each feature: mean and deviation over real reactions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Standard {
    mean: Vec<f64>,
    /// Deviation; 1 for a feature that real reactions never vary in, which so keeps its own unit: a generated reaction
    /// that does vary there is far away by as much as it varies, neither ignored nor at infinity.
    deviation: Vec<f64>,
}

impl Standard {
    /// The unit of `real` features (rows of one width).
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] without rows, [`FaultKind::Mismatch`] for rows of different widths,
    /// [`FaultKind::NotFinite`] for values that are not numbers.
    pub fn of<R: AsRef<[f64]>>(real: &[R]) -> Result<Self> {
        let width = require_rows("real", real, None)?;
        let count = real.len() as f64;
        let (mut mean, mut deviation) = (vec![0.0; width], vec![0.0; width]);
        for column in 0..width {
            mean[column] = real.iter().map(|row| row.as_ref()[column]).sum::<f64>() / count;
            let square: f64 = real.iter().map(|row| (row.as_ref()[column] - mean[column]).powi(2)).sum();
            let found = (square / count).sqrt();
            // rounding of equal values must not become a unit
            deviation[column] = if found > 1e-9 * mean[column].abs().max(1.0) { found } else { 1.0 };
        }
        Ok(Self { mean, deviation })
    }

    /// Features in a row.
    pub fn width(&self) -> usize {
        self.mean.len()
    }

    /// `row` in these units.
    pub fn apply(&self, row: &[f64]) -> Vec<f64> {
        row.iter()
            .zip(self.mean.iter().zip(&self.deviation))
            .map(|(value, (mean, deviation))| (value - mean) / deviation)
            .collect()
    }
}

/// The width of rows that can be compared.
pub(crate) fn require_rows<R: AsRef<[f64]>>(what: &str, rows: &[R], width: Option<usize>) -> Result<usize> {
    let Some(first) = rows.first() else {
        return Err(Fault::new(FaultKind::BadRequest, "", "there are no reactions")
            .at(what.to_owned())
            .remedy("name at least one clip"));
    };
    let width = width.unwrap_or(first.as_ref().len());
    for (row, values) in rows.iter().enumerate() {
        let place = || format!("{what} reaction {row}");
        if values.as_ref().len() != width || width == 0 {
            let detail = format!("{} features, expected {width}", values.as_ref().len());
            return Err(Fault::new(FaultKind::Mismatch, "", detail)
                .at(place())
                .remedy("describe all reactions by the same features"));
        }
        if values.as_ref().iter().any(|value| !value.is_finite()) {
            return Err(Fault::new(FaultKind::NotFinite, "", "a feature is not a number")
                .at(place())
                .remedy("leave out the reaction"));
        }
    }
    Ok(width)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reaction_is_described_by_level_extent_and_pace() {
        let mut rows = vec![[0.5f32; ATTRIBUTE_COUNT]; 4];
        for (row, value) in rows.iter_mut().zip([0.0, 1.0, 1.0, 0.0]) {
            row[3] = value;
        }
        let found = features(&rows).unwrap();
        assert_eq!((found[3], found[28], found[53]), (0.5, 0.5, 2.0 / 3.0));
        assert_eq!((found[4], found[29], found[54]), (0.5, 0.0, 0.0));
        assert_eq!(feature_name(53).unwrap(), format!("change of {}", ATTRIBUTES[3]));
        assert_eq!(feature_name(75), None);
        assert_eq!(features(&rows[..1]).unwrap_err().kind, FaultKind::BadRequest);
        rows[2][7] = f32::INFINITY;
        assert_eq!(features(&rows).unwrap_err().place, "frame 2");
        let control = Control::default();
        let sound = vec![[0.5f32; ATTRIBUTE_COUNT]; 4];
        let all = features_of_all(&[sound.clone(), sound.clone()], &control).unwrap();
        assert_eq!(all, [features(&sound).unwrap(); 2]);
        assert_eq!(
            features_of_all(&[sound.clone(), rows], &control).unwrap_err().place,
            "reaction 1, frame 2"
        );
        assert_eq!(features_of_all(&[sound, vec![]], &control).unwrap_err().place, "reaction 1");
    }

    #[test]
    fn standardised_real_features_have_mean_zero_and_deviation_one_and_constants_keep_their_unit() {
        let real = [[1.0, 0.1, 7.0], [3.0, 0.1, -1.0], [8.0, 0.1, 0.0]];
        let standard = Standard::of(&real).unwrap();
        let rows: Vec<Vec<f64>> = real.iter().map(|row| standard.apply(row)).collect();
        for column in [0, 2] {
            let mean: f64 = rows.iter().map(|row| row[column]).sum();
            let square: f64 = rows.iter().map(|row| row[column] * row[column]).sum();
            assert!(mean.abs() < 1e-12 && (square - 3.0).abs() < 1e-12);
        }
        assert!(rows.iter().all(|row| row[1].abs() < 1e-12));
        assert!((standard.apply(&[0.0, 0.6, 0.0])[1] - 0.5).abs() < 1e-12);
        assert_eq!(Standard::of::<[f64; 2]>(&[]).unwrap_err().kind, FaultKind::BadRequest);
        assert_eq!(Standard::of(&[vec![1.0], vec![]]).unwrap_err().kind, FaultKind::Mismatch);
        assert_eq!(Standard::of(&[[f64::NAN]]).unwrap_err().kind, FaultKind::NotFinite);
    }
}
