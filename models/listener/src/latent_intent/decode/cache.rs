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

/// Attention of one query over rows of keys and values.
pub(super) fn attend(
    attend: &Attend,
    q: &[f32],
    keys: &[f32],
    values: &[f32],
    scores: &mut Vec<f32>,
    mixed: &mut [f32],
) {
    scores.clear();
    scores.resize(keys.len() / q.len(), 0.0);
    vectorised(Scores { q, keys, scores });
    attend.weigh(scores);
    vectorised(Mix { weights: scores, values, mixed });
}

/// The product of a query with every key.
struct Scores<'a> {
    q: &'a [f32],
    keys: &'a [f32],
    scores: &'a mut [f32],
}

impl NullaryFnOnce for Scores<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        for (score, key) in self.scores.iter_mut().zip(self.keys.chunks_exact(self.q.len())) {
            *score = dot(self.q, key);
        }
    }
}

/// The sum of the rows of `values`, each times its weight.
struct Mix<'a> {
    weights: &'a [f32],
    values: &'a [f32],
    mixed: &'a mut [f32],
}

impl NullaryFnOnce for Mix<'_> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let Self { weights, values, mixed } = self;
        mixed.fill(0.0);
        let e = mixed.len();
        for (weights, rows) in weights.chunks(4).zip(values.chunks(4 * e)) {
            if let [w0, w1, w2, w3] = *weights {
                let (a, others) = rows.split_at(e);
                let (b, others) = others.split_at(e);
                let (c, d) = others.split_at(e);
                for ((((m, a), b), c), d) in mixed.iter_mut().zip(a).zip(b).zip(c).zip(d) {
                    *m = w3.mul_add(*d, w2.mul_add(*c, w1.mul_add(*b, w0.mul_add(*a, *m))));
                }
            } else {
                for (weight, row) in weights.iter().zip(rows.chunks_exact(e)) {
                    for (m, v) in mixed.iter_mut().zip(row) {
                        *m = weight.mul_add(*v, *m);
                    }
                }
            }
        }
    }
}
