//! What a reaction does most, in a few words, and how far reactions are from each other; computed from the takes
//! on screen, so that it holds for any system.
//!
//! What it is not: a measure of quality. The words compare the takes of one clip with each other.

use clips::channels::{AROUSAL, ATTRIBUTE_COUNT, ATTRIBUTES, AU, EXPRESSIONS, VALENCE, word};
use clips::{Coefficients, Take};

/// A pose that moves less than this is called still, in degrees.
const STILL_DEGREES: f32 = 0.45;

/// What one take does.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Signature {
    /// Two or three words, most typical first.
    pub words: Vec<String>,
    /// Strongest action units: column and mean level, strongest first.
    pub strongest: Vec<(usize, f32)>,
    /// Most likely expression class and its mean probability.
    pub expression: (&'static str, f32),
    /// Mean valence and arousal.
    pub affect: [f32; 2],
    /// Spread of pitch, yaw and roll in degrees; `None` without coefficients.
    pub head_degrees: Option<[f32; 3]>,
}

impl Signature {
    /// `smile · brow up`.
    pub fn text(&self) -> String {
        self.words.join(" · ")
    }
}

/// Signatures of takes that answer the same clip; words are what a take does more than the others.
pub fn signatures(takes: &[Take]) -> Vec<Signature> {
    let means: Vec<[f32; ATTRIBUTE_COUNT]> =
        takes.iter().map(|take| column_means(&take.attributes)).collect();
    let heads: Vec<Option<[f32; 3]>> =
        takes.iter().map(|take| take.coefficients.as_deref().map(head_spread_degrees)).collect();
    let count = means.len().max(1) as f32;
    let common: [f32; ATTRIBUTE_COUNT] =
        std::array::from_fn(|column| means.iter().map(|mean| mean[column]).sum::<f32>() / count);
    let known: Vec<[f32; 3]> = heads.iter().flatten().copied().collect();
    let common_head: [f32; 3] = std::array::from_fn(|axis| {
        known.iter().map(|spread| spread[axis]).sum::<f32>() / known.len().max(1) as f32
    });
    means.iter().zip(heads).map(|(mean, head)| signature(mean, &common, head, common_head)).collect()
}

fn signature(
    mean: &[f32; ATTRIBUTE_COUNT],
    common: &[f32; ATTRIBUTE_COUNT],
    head: Option<[f32; 3]>,
    common_head: [f32; 3],
) -> Signature {
    // Typical is what is both strong here and stronger here than elsewhere.
    let typical = |column: usize| 0.35 * mean[column] + (mean[column] - common[column]);
    let mut words: Vec<(String, f32)> = Vec::new();
    for column in AU {
        if mean[column] > 0.12 {
            words.push((word(column).to_owned(), typical(column)));
        }
    }
    for column in EXPRESSIONS.skip(1) {
        if mean[column] > 0.15 {
            words.push((word(column).to_owned(), 1.2 * typical(column)));
        }
    }
    if let Some(spread) = head {
        for (axis, word) in ["nod", "turn", "tilt"].into_iter().enumerate() {
            let more = spread[axis] / common_head[axis].max(0.2);
            if spread[axis] > 1.2 && more > 1.05 {
                words.push((word.to_owned(), 0.3 * (more - 1.0) + 0.03 * spread[axis].min(5.0)));
            }
        }
    }
    words.sort_by(|a, b| b.1.total_cmp(&a.1));
    words.retain(|(_, weight)| *weight > 0.03);
    // Two words, and a third only when all are short: a tile has little room.
    let letters: usize = words.iter().take(3).map(|(word, _)| word.len()).sum();
    words.truncate(if letters <= 16 { 3 } else { 2 });
    let mut words: Vec<String> = words.into_iter().map(|(word, _)| word).collect();
    if words.is_empty() {
        words.push(word(EXPRESSIONS.start).to_owned());
        if head.is_some_and(|spread| spread.iter().all(|axis| *axis < STILL_DEGREES)) {
            words.push("still".to_owned());
        }
    }
    let mut strongest: Vec<(usize, f32)> = AU.map(|column| (column, mean[column])).collect();
    strongest.sort_by(|a, b| b.1.total_cmp(&a.1));
    strongest.truncate(4);
    let (class, probability) = EXPRESSIONS
        .map(|column| mean[column])
        .enumerate()
        .max_by(|a, b| a.1.total_cmp(&b.1))
        .unwrap_or((0, 0.0));
    let expression = (ATTRIBUTES[EXPRESSIONS.start + class], probability);
    Signature { words, strongest, expression, affect: [mean[VALENCE], mean[AROUSAL]], head_degrees: head }
}

fn column_means(rows: &[[f32; ATTRIBUTE_COUNT]]) -> [f32; ATTRIBUTE_COUNT] {
    let mut sums = [0.0f64; ATTRIBUTE_COUNT];
    for row in rows {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += f64::from(*value);
        }
    }
    sums.map(|sum| (sum / rows.len().max(1) as f64) as f32)
}

/// Standard deviation of the three rotations, in degrees.
fn head_spread_degrees(rows: &Coefficients) -> [f32; 3] {
    std::array::from_fn(|axis| {
        let count = rows.len().max(1) as f64;
        let mean = rows.iter().map(|row| f64::from(row[52 + axis])).sum::<f64>() / count;
        let variance = rows.iter().map(|row| (f64::from(row[52 + axis]) - mean).powi(2)).sum::<f64>() / count;
        variance.sqrt().to_degrees() as f32
    })
}

/// Root mean square difference of the attributes of every pair of takes, row by row; 0 on the diagonal. Takes of
/// different length are compared over the shorter one.
pub fn distances(takes: &[Take]) -> Vec<Vec<f32>> {
    let mut matrix = vec![vec![0.0; takes.len()]; takes.len()];
    for a in 0..takes.len() {
        for b in 0..a {
            let (x, y) = (&takes[a].attributes, &takes[b].attributes);
            let frames = x.len().min(y.len());
            let sum: f64 = x[..frames]
                .iter()
                .flatten()
                .zip(y[..frames].iter().flatten())
                .map(|(x, y)| f64::from(x - y).powi(2))
                .sum();
            let apart = (sum / (frames.max(1) * ATTRIBUTE_COUNT) as f64).sqrt() as f32;
            matrix[a][b] = apart;
            matrix[b][a] = apart;
        }
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::take;

    #[test]
    fn a_take_is_named_by_what_only_it_does() {
        let both = |own: usize| {
            take(own, 100, move |_, row| {
                row[13] = 1.0; // lips part in both
                row[if own == 0 { 7 } else { 2 }] = 1.0;
            })
        };
        let found = signatures(&[both(0), both(1)]);
        assert_eq!(found[0].words[0], "smile");
        assert_eq!(found[1].words[0], "brow down");
    }

    #[test]
    fn distances_are_symmetric_and_zero_to_oneself() {
        let takes: Vec<Take> = (0..3).map(|own| take(own, 50, move |_, row| row[own] = 1.0)).collect();
        let matrix = distances(&takes);
        for a in 0..3 {
            assert_eq!(matrix[a][a], 0.0);
            for b in 0..a {
                assert!(matrix[a][b] > 0.0 && matrix[a][b] == matrix[b][a]);
            }
        }
    }
}
