//! Keys and values of bounded number, and the attention of one query over them.

use super::super::blocks::Rotation;
use super::super::gau::Attend;
use super::rows::{Precision, Rows};

/// Keys (rotated) and values of the rows a new row may see.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Rows kept, position 0 among them.
    capacity: usize,
    /// Position of row 0 in the clip.
    first: usize,
    /// Rows seen so far.
    pub(super) count: usize,
    keys: Rows,
    values: Rows,
    /// Key of position 0 before rotation; it is moved along once the ring turns.
    sink: Vec<f32>,
    /// Room for the key that is being rotated.
    turned: Vec<f32>,
}

impl Cache {
    /// A cache of at most `capacity` keys of width `key_width` and values of width `value_width`.
    pub(super) fn new(precision: Precision, key_width: usize, value_width: usize, capacity: usize) -> Self {
        Self {
            capacity: capacity.max(2),
            first: 0,
            count: 0,
            keys: Rows::new(precision, key_width),
            values: Rows::new(precision, value_width),
            sink: Vec::new(),
            turned: Vec::new(),
        }
    }

    /// The same, for a stretch whose row 0 is at position `first`.
    pub(super) fn beginning_at(self, first: usize) -> Self {
        Self { first, ..self }
    }

    /// Adds the row of the next position; `key` is not yet rotated.
    pub(super) fn push(&mut self, key: &[f32], value: &[f32], rotation: &Rotation<f32>) {
        let position = self.count;
        if position == 0 {
            self.sink = key.to_vec();
        }
        let slot = if position < self.capacity { position } else { 1 + (position - 1) % (self.capacity - 1) };
        self.turned.clear();
        self.turned.extend_from_slice(key);
        rotation.turn(&mut self.turned, self.first + position);
        self.keys.set(slot, &self.turned);
        self.values.set(slot, value);
        if position >= self.capacity {
            self.turned.copy_from_slice(&self.sink);
            rotation.turn(&mut self.turned, self.first + position + 1 - self.capacity);
            self.keys.set(0, &self.turned);
        }
        self.count += 1;
    }

    /// Rotated keys `[rows, s]` and values `[rows, E]` kept now.
    pub fn rows(&self) -> (&Rows, &Rows) {
        (&self.keys, &self.values)
    }
}

/// Attention of queries `[B, s]` over the same rows of keys and values: `mixed` is `[B, E]`, `scores` room for `[B, rows]`.
/// Keys and values are fetched once for all queries; what a query gets does not depend on the others.
/// `alone`: no other attention is computed in this step.
pub(super) fn attend(
    attend: &Attend,
    queries: &[f32],
    key_width: usize,
    cache: &Cache,
    scores: &mut Vec<f32>,
    mixed: &mut [f32],
    alone: bool,
) {
    let rows = cache.keys.len();
    scores.resize(queries.len() / key_width * rows, 0.0);
    cache.keys.scores(queries, scores);
    scores.chunks_exact_mut(rows).for_each(|scores| attend.weigh(scores));
    mixed.fill(0.0);
    cache.values.add_product(scores, rows, mixed, alone);
}
