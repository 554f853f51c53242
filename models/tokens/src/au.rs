//! Action units as tokens: every combination of the 15 that was seen is one token.
//!
//! A combination is a 15-bit code, bit k = column k above one half. Ids are ranks by (count descending, code
//! ascending). A combination that was never seen takes the id of the nearest seen one by Hamming distance; among
//! equally near ones the more frequent (lower id) wins.

use std::collections::BTreeMap;

use clips::channels::AU_COUNT;

/// Number of possible combinations.
pub const COMBINATIONS: usize = 1 << AU_COUNT;

/// The dictionary of combinations.
#[derive(Debug, Clone, PartialEq)]
pub struct AuBook {
    codes: Vec<u16>,
    counts: Vec<u32>,
    values: Vec<[f32; AU_COUNT]>,
    /// Id of every combination.
    table: Vec<u16>,
}

/// The code of a frame: bit k is set when column k is above one half.
pub fn code(units: &[f32]) -> u16 {
    units
        .iter()
        .take(AU_COUNT)
        .enumerate()
        .fold(0, |code, (bit, unit)| code | (u16::from(*unit > 0.5) << bit))
}

impl AuBook {
    /// The `cap` most frequent combinations among `codes` (at least one).
    pub(crate) fn fit(codes: impl Iterator<Item = u16>, cap: usize) -> Self {
        let mut seen = BTreeMap::<u16, u32>::new();
        for code in codes {
            let count = seen.entry(code).or_default();
            *count = count.saturating_add(1);
        }
        let mut ranked: Vec<(u16, u32)> = seen.into_iter().collect();
        ranked.sort_by_key(|(code, count)| (std::cmp::Reverse(*count), *code));
        ranked.truncate(cap.max(1));
        Self::new(ranked)
    }

    /// A dictionary of different codes below [`COMBINATIONS`], in id order.
    pub(crate) fn new(ranked: Vec<(u16, u32)>) -> Self {
        let codes: Vec<u16> = ranked.iter().map(|(code, _)| *code).collect();
        let values =
            codes.iter().map(|code| std::array::from_fn(|bit| f32::from((code >> bit) & 1))).collect();
        Self {
            table: nearest_table(&codes),
            counts: ranked.iter().map(|(_, count)| *count).collect(),
            codes,
            values,
        }
    }

    /// Id of a combination, seen or not.
    pub fn id(&self, code: u16) -> u32 {
        u32::from(self.table[usize::from(code) % COMBINATIONS])
    }

    /// Exact zeros and ones of every id.
    pub fn values(&self) -> &[[f32; AU_COUNT]] {
        &self.values
    }

    /// Code of every id.
    pub fn codes(&self) -> &[u16] {
        &self.codes
    }

    /// Frames of every id in the fit.
    pub fn counts(&self) -> &[u32] {
        &self.counts
    }
}

/// Breadth-first over the 15-cube: the nearest seen codes of a code are those of its neighbours one step nearer,
/// so the lowest id among them is the lowest id of all nearest.
fn nearest_table(codes: &[u16]) -> Vec<u16> {
    const UNKNOWN: u16 = u16::MAX;
    let mut table = vec![UNKNOWN; COMBINATIONS];
    for (id, code) in codes.iter().enumerate() {
        table[usize::from(*code)] = id as u16;
    }
    let mut front: Vec<u16> = codes.to_vec();
    while !front.is_empty() {
        let mut found = BTreeMap::<u16, u16>::new();
        for code in &front {
            let id = table[usize::from(*code)];
            for bit in 0..AU_COUNT {
                let next = code ^ (1 << bit);
                if table[usize::from(next)] == UNKNOWN {
                    let known = found.entry(next).or_insert(id);
                    *known = id.min(*known);
                }
            }
        }
        for (code, id) in &found {
            table[usize::from(*code)] = *id;
        }
        front = found.into_keys().collect();
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unseen_combinations_go_to_the_nearest_seen_and_ties_to_the_more_frequent() {
        let seen = [0b11, 0b11, 0b11, 0b0, 0b0, 0b111_0000_0000_0000, 0b1_0110];
        let book = AuBook::fit(seen.into_iter(), 100);
        assert_eq!(book.codes(), [0b11, 0b0, 0b1_0110, 0b111_0000_0000_0000]);
        assert_eq!(book.counts(), [3, 2, 1, 1]);
        assert_eq!(book.id(0b1), 0, "one step from both 11 and 0: the more frequent wins");
        for code in 0..COMBINATIONS as u16 {
            let plain =
                book.codes().iter().enumerate().min_by_key(|(id, seen)| ((code ^ **seen).count_ones(), *id));
            assert_eq!(book.id(code), plain.unwrap().0 as u32, "{code:015b}");
        }
    }

    #[test]
    fn the_cap_keeps_the_most_frequent() {
        let book = AuBook::fit([5, 5, 9, 7, 7, 7].into_iter(), 2);
        assert_eq!(book.codes(), [7, 5]);
        assert_eq!(book.id(9), 1, "1001 is two steps from 0101 and three from 0111");
    }

    #[test]
    fn one_half_is_not_active() {
        let mut units = [0.5f32; AU_COUNT];
        units[3] = 0.500_001;
        assert_eq!(code(&units), 0b1000);
    }
}
