//! Output heads, one a stream, factored and tied to the embeddings: `logits = (h A + a) Emb^T + beta`.
//!
//! The heads of the next frame and those of the bag of words have their own A, a and beta and share Emb. The four
//! streams of a frame are independent given h (the paper's parallel heads).

use super::blocks::{Linear, add};
use super::config::{Config, STREAMS};
use super::parameters::{Layout, Slot, Start};
use crate::real::{Real, View, product};

/// Four heads.
#[derive(Debug, Clone, Copy)]
pub struct Heads {
    /// A and a.
    pub maps: [Linear; 4],
    /// beta.
    pub biases: [Slot; 4],
    vocabulary: [usize; 4],
}

impl Heads {
    /// Heads named `name.STREAM` and `name_bias.STREAM`.
    pub fn new(layout: &mut Layout, name: &str, config: &Config) -> Self {
        let maps = std::array::from_fn(|stream| {
            let width = config.token_widths[stream];
            Linear::new(layout, &format!("{name}.{}", STREAMS[stream]), config.width, width, 1.0)
        });
        let biases = std::array::from_fn(|stream| {
            let size = [config.vocabulary[stream]];
            layout.add(format!("{name}_bias.{}", STREAMS[stream]), &size, Start::Constant(0.0))
        });
        Self { maps, biases, vocabulary: config.vocabulary }
    }

    /// `(h A + a, logits)` of one stream for dense rows h.
    pub fn forward<T: Real>(
        &self,
        values: &[T],
        embeddings: &[Slot; 4],
        stream: usize,
        h: &[T],
    ) -> (Vec<T>, Vec<T>) {
        let (map, size) = (&self.maps[stream], self.vocabulary[stream]);
        let rows = h.len() / map.inputs;
        let inner = map.forward(values, h);
        let mut logits = vec![T::ZERO; rows * size];
        logits.chunks_exact_mut(size).for_each(|row| row.copy_from_slice(self.biases[stream].of(values)));
        let table = View::dense(embeddings[stream].of(values), size, map.outputs);
        product(&mut logits, size, View::dense(&inner, rows, map.outputs), table.transposed(), T::ONE, true);
        (inner, logits)
    }

    /// Gradient of h from the gradient of one stream's logits.
    pub fn backward<T: Real>(
        &self,
        values: &[T],
        embeddings: &[Slot; 4],
        stream: usize,
        h: &[T],
        inner: &[T],
        dlogits: &[T],
        gradients: &mut [T],
    ) -> Vec<T> {
        let (map, size) = (&self.maps[stream], self.vocabulary[stream]);
        let rows = h.len() / map.inputs;
        dlogits.chunks_exact(size).for_each(|row| add(self.biases[stream].of_mut(gradients), row));
        let mut dinner = vec![T::ZERO; inner.len()];
        let table = View::dense(embeddings[stream].of(values), size, map.outputs);
        product(&mut dinner, map.outputs, View::dense(dlogits, rows, size), table, T::ONE, false);
        product(
            embeddings[stream].of_mut(gradients),
            map.outputs,
            View::dense(dlogits, rows, size).transposed(),
            View::dense(inner, rows, map.outputs),
            T::ONE,
            true,
        );
        map.backward(values, h, &dinner, gradients)
    }
}
