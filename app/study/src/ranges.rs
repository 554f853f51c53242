//! Predictions outside what the attributes can be: action units and expressions lie in 0..1, valence and arousal in -1..1.
//!
//! Such values are scored all the same, for the official functions do; but a logit in place of a probability, or a
//! percentage, gives numbers that mean nothing, and nothing else would say so.

use clips::Attributes;
use clips::channels::{AROUSAL, ATTRIBUTE_COUNT, ATTRIBUTES, VALENCE};

/// Rounding of other programs is no news.
const SLACK: f32 = 1e-4;

/// What was counted of each column.
#[derive(Debug, Clone)]
pub struct Ranges {
    outside: [u64; ATTRIBUTE_COUNT],
    /// The value farthest outside, and how far it is.
    worst: [(f32, f32); ATTRIBUTE_COUNT],
    frames: u64,
}

impl Default for Ranges {
    fn default() -> Self {
        Self { outside: [0; ATTRIBUTE_COUNT], worst: [(0.0, 0.0); ATTRIBUTE_COUNT], frames: 0 }
    }
}

/// Least and largest value of a column.
fn range(column: usize) -> (f32, f32) {
    if column == VALENCE || column == AROUSAL { (-1.0, 1.0) } else { (0.0, 1.0) }
}

impl Ranges {
    /// Counts the frames of one reaction.
    pub fn add(&mut self, rows: &Attributes) {
        self.frames += rows.len() as u64;
        for row in rows.iter() {
            for (column, value) in row.iter().enumerate() {
                let (low, high) = range(column);
                let beyond = (low - value).max(value - high);
                if beyond > SLACK {
                    self.outside[column] += 1;
                    if beyond > self.worst[column].1 {
                        self.worst[column] = (*value, beyond);
                    }
                }
            }
        }
    }

    /// One sentence about the column that is outside most often, with its worst value; `None` where all is within.
    pub fn warning(&self, file: &str) -> Option<String> {
        let most = (0..ATTRIBUTE_COUNT).max_by(|a, b| {
            let key = |column: usize| (self.outside[column], self.worst[column].1);
            key(*a).0.cmp(&key(*b).0).then(key(*a).1.total_cmp(&key(*b).1)).then(b.cmp(a))
        })?;
        if self.outside[most] == 0 {
            return None;
        }
        let others = self.outside.iter().filter(|count| **count > 0).count() - 1;
        let (low, high) = range(most);
        let share = figures::number::percent(self.outside[most] as f64 / self.frames.max(1) as f64);
        let more = match others {
            0 => String::new(),
            count => format!(", and {} more", figures::number::counted(count, "column")),
        };
        Some(format!(
            "{file}: {} is outside {low}..{high} in {share} of the frames, at worst {}{more}; scored as it is",
            ATTRIBUTES[most], self.worst[most].0
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_column_is_named_with_its_share_and_value() {
        let mut ranges = Ranges::default();
        let mut rows: Attributes = vec![[0.5; ATTRIBUTE_COUNT]; 4];
        rows[0][VALENCE] = -1.0;
        rows[1][3] = 1.000_01;
        ranges.add(&rows);
        assert_eq!(ranges.warning("a.npy"), None, "bounds and rounding are within");
        rows[2][3] = 7.5;
        rows[3][3] = -0.2;
        rows[0][AROUSAL] = -1.5;
        ranges.add(&rows);
        let said = ranges.warning("a.npy").unwrap();
        assert!(said.contains(ATTRIBUTES[3]) && said.contains("7.5") && said.contains("25"), "{said}");
        assert!(
            said.starts_with("a.npy: ") && said.contains("1 more column") | said.contains("1 column"),
            "{said}"
        );
    }
}
