//! Keys and values of bounded number, and the attention of one query over them.

use pulp::NullaryFnOnce;

use super::super::blocks::Rotation;
use super::super::gau::Attend;
use super::map::dot;
use crate::real::vectorised;

/// Keys (rotated) and values of the rows a new row may see.
#[derive(Debug, Clone)]
pub struct Cache {
    /// Rows kept, position 0 among them.
    capacity: usize,
    /// Rows seen so far.
    pub(super) count: usize,
    pub(super) keys: Vec<f32>,
    pub(super) values: Vec<f32>,
    /// Key of position 0 before rotation; it is moved along once the ring turns.
    sink: Vec<f32>,
}

impl Cache {
    pub(super) fn new(capacity: usize) -> Self {
        Self { capacity: capacity.max(2), count: 0, keys: Vec::new(), values: Vec::new(), sink: Vec::new() }
    }

    /// Adds the row of the next position; `key` is not yet rotated.
    pub(super) fn push(&mut self, key: &[f32], value: &[f32], rotation: &Rotation<f32>) {
        let (s, e, position) = (key.len(), value.len(), self.count);
        if position == 0 {
            self.sink = key.to_vec();
        }
        let slot = if position < self.capacity { position } else { 1 + (position - 1) % (self.capacity - 1) };
        if slot * s == self.keys.len() {
            self.keys.extend_from_slice(key);
            self.values.extend_from_slice(value);
        } else {
            self.keys[slot * s..][..s].copy_from_slice(key);
            self.values[slot * e..][..e].copy_from_slice(value);
        }
        rotation.turn(&mut self.keys[slot * s..][..s], position);
        if position >= self.capacity {
            self.keys[..s].copy_from_slice(&self.sink);
            rotation.turn(&mut self.keys[..s], position + 1 - self.capacity);
        }
        self.count += 1;
    }

    /// Rotated keys `[rows, s]` and values `[rows, E]` kept now.
    pub fn rows(&self) -> (&[f32], &[f32]) {
        (&self.keys, &self.values)
    }
}

/// Attention of queries `[B, s]` over the same rows of keys and values: `mixed` is `[B, E]`, `scores` room for `[B, rows]`.
/// Keys and values are fetched once for all queries; what a query gets does not depend on the others.
pub(super) fn attend(
    attend: &Attend,
    queries: &[f32],
    key_width: usize,
    cache: &Cache,
    scores: &mut Vec<f32>,
    mixed: &mut [f32],
) {
    let rows = cache.keys.len() / key_width;
    scores.resize(queries.len() / key_width * rows, 0.0);
    vectorised(Scores { queries, width: key_width, keys: &cache.keys, scores });
    scores.chunks_exact_mut(rows).for_each(|scores| attend.weigh(scores));
    vectorised(Mix { weights: scores, rows, values: &cache.values, mixed });
}

/// The product of every query with every key.
struct Scores<'a> {
    queries: &'a [f32],
    width: usize,
    keys: &'a [f32],
    scores: &'a mut [f32],
}

impl NullaryFnOnce for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let rows = self.keys.len() / self.width;
        for (row, key) in self.keys.chunks_exact(self.width).enumerate() {
            for (query, scores) in
                self.queries.chunks_exact(self.width).zip(self.scores.chunks_exact_mut(rows))
            {
                scores[row] = dot(query, key);
            }
        }
    }
}

/// For every query the sum of the rows of `values`, each times its weight.
struct Mix<'a> {
    weights: &'a [f32],
    rows: usize,
    values: &'a [f32],
    mixed: &'a mut [f32],
}

impl NullaryFnOnce for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { weights, rows, values, mixed } = self;
        mixed.fill(0.0);
        let e = values.len() / rows;
        for (block, rows_of_block) in values.chunks(4 * e).enumerate() {
            let first = 4 * block;
            for (weights, mixed) in weights.chunks_exact(rows).zip(mixed.chunks_exact_mut(e)) {
                if let [w0, w1, w2, w3] = weights[first..(first + 4).min(rows)] {
                    let (a, others) = rows_of_block.split_at(e);
                    let (b, others) = others.split_at(e);
                    let (c, d) = others.split_at(e);
                    for ((((m, a), b), c), d) in mixed.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                        *m = w3.mul_add(*d, w2.mul_add(*c, w1.mul_add(*b, w0.mul_add(*a, *m))));
                    }
                } else {
                    for (weight, row) in weights[first..].iter().zip(rows_of_block.chunks_exact(e)) {
                        for (m, v) in mixed.iter_mut().zip(row) {
                            *m = weight.mul_add(*v, *m);
                        }
                    }
                }
            }
        }
    }
}
