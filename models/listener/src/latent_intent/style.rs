//! How a person usually listens, as five numbers that the network may hear of beside the latent: an extension, after the
//! personalised weights of PerFRDiff (MM 2024), as a vector that is added to e_z. Off unless a network was trained with it.
//!
//! | number | of a clip |
//! |---|---|
//! | smile | mean of AU12 |
//! | brows | mean of AU1, AU2 and AU4 |
//! | mouth | mean of AU25 and AU26 |
//! | liveliness | root mean square of the steps of the expression coefficients from frame to frame |
//! | head | root mean square of the steps of the head's rotation |
//!
//! A person's number is the mean over his clips, in deviations of the training people from their mean: 0 is an average
//! person. None of them says when something happens; that is left to the latent and to the speaker.

use clips::channels::{ATTRIBUTE_COUNT, ATTRIBUTES, BLENDSHAPE_COUNT, COEFFICIENT_COUNT, ROTATION};
use clips::take::{STYLES, Style};

/// Deviations from the mean beyond which a person is not told from a more extreme one.
pub const FARTHEST: f32 = 3.0;

const SMILE: [&str; 1] = ["AU12"];
const BROWS: [&str; 3] = ["AU1", "AU2", "AU4"];
const MOUTH: [&str; 2] = ["AU25", "AU26"];

/// The numbers of one clip as they are measured; attributes and coefficients `[T, ..]` of the same frames.
pub fn measured(
    attributes: &[[f32; ATTRIBUTE_COUNT]],
    coefficients: &[[f32; COEFFICIENT_COUNT]],
) -> [f64; STYLES.len()] {
    let mean = |names: &[&str]| {
        let columns = names.iter().filter_map(|name| ATTRIBUTES.iter().position(|known| known == name));
        let sum = |column: usize| attributes.iter().map(|row| f64::from(row[column])).sum::<f64>();
        columns.map(sum).sum::<f64>() / (attributes.len() * names.len()).max(1) as f64
    };
    let steps = |columns: std::ops::Range<usize>| {
        let square = |pair: &[[f32; COEFFICIENT_COUNT]]| {
            let step = |column: usize| f64::from(pair[1][column] - pair[0][column]).powi(2);
            columns.clone().map(step).sum::<f64>()
        };
        let count = coefficients.len().saturating_sub(1).max(1) * columns.len();
        (coefficients.windows(2).map(square).sum::<f64>() / count as f64).sqrt()
    };
    [mean(&SMILE), mean(&BROWS), mean(&MOUTH), steps(0..BLENDSHAPE_COUNT), steps(ROTATION)]
}

/// Mean and deviation of the people of a training set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Styles {
    /// Means.
    pub mean: Style,
    /// Standard deviations; 0 where all are alike.
    pub deviation: Style,
}

impl Styles {
    /// Of the measured numbers of all people.
    pub fn fit(people: &[[f64; STYLES.len()]]) -> Self {
        let count = people.len().max(1) as f64;
        let mean = |number: usize| people.iter().map(|person| person[number]).sum::<f64>() / count;
        let deviation = |number: usize| {
            let mean = mean(number);
            (people.iter().map(|person| (person[number] - mean).powi(2)).sum::<f64>() / count).sqrt()
        };
        Self {
            mean: std::array::from_fn(|number| mean(number) as f32),
            deviation: std::array::from_fn(|number| deviation(number) as f32),
        }
    }

    /// Measured numbers as the network hears them.
    pub fn style(&self, measured: &[f64; STYLES.len()]) -> Style {
        std::array::from_fn(|number| match self.deviation[number] {
            deviation if deviation > 1e-9 => {
                ((measured[number] as f32 - self.mean[number]) / deviation).clamp(-FARTHEST, FARTHEST)
            }
            _ => 0.0,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_measure_what_their_names_say() {
        let mut attributes = vec![[0.0; ATTRIBUTE_COUNT]; 4];
        let column = |name: &str| ATTRIBUTES.iter().position(|known| *known == name).unwrap();
        attributes[0][column("AU12")] = 1.0;
        attributes.iter_mut().for_each(|row| row[column("AU4")] = 1.0);
        attributes[1][column("AU26")] = 1.0;
        let mut coefficients = vec![[0.0; COEFFICIENT_COUNT]; 4];
        coefficients[2][7] = 0.3;
        coefficients.iter_mut().enumerate().for_each(|(t, row)| row[ROTATION.start] = 0.1 * t as f32);
        let [smile, brows, mouth, liveliness, head] = measured(&attributes, &coefficients);
        assert_eq!((smile, mouth), (0.25, 0.125));
        assert!((brows - 1.0 / 3.0).abs() < 1e-12);
        // up and down once in three steps of 52 columns; a step of 0.1 in one of three columns
        assert!((liveliness - (2.0 * 0.09 / 156.0f64).sqrt()).abs() < 1e-7);
        assert!((head - (0.01f64 / 3.0).sqrt()).abs() < 1e-7);
        assert_eq!(measured(&[], &[]), [0.0; 5]);
    }

    #[test]
    fn people_are_measured_by_how_people_differ() {
        let styles = Styles::fit(&[[1.0, 5.0, 0.0, 0.0, 0.0], [3.0, 5.0, 0.0, 0.0, 0.0]]);
        assert_eq!(styles.style(&[3.0, 9.0, 0.0, 0.0, 0.0]), [1.0, 0.0, 0.0, 0.0, 0.0]);
        assert_eq!(styles.style(&[99.0, 5.0, 0.0, 0.0, 0.0])[0], FARTHEST);
    }
}
