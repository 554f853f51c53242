//! Output heads, one a stream, factored and tied to the embeddings: `logits = (h A + a) Emb^T + beta`.
//!
//! The heads of the next frame and those of the bag of words have their own A, a and beta and share Emb. The four
//! streams of a frame are independent given h (the paper's parallel heads), unless they are chained (ours): then the
//! embedding of a stream that is known is added, through a matrix P that starts at zero, to the h of those after it.
//!
//! ```text
//! au from h;  ex from h + E_au P_au;  va from that + E_ex P_ex;  m3d from that + E_va P_va
//! ```

use super::blocks::{Linear, add};
use super::config::{Config, STREAMS};
use super::decoder::Frame;
use super::parameters::{Layout, Slot, Start};
use crate::real::{Real, View, product};

/// Streams in the order in which chained heads know of each other: au, ex, va, m3d.
pub const CHAIN: [usize; 4] = [1, 3, 2, 0];

/// Matrices `[d, token width]` of the streams that others hear of, in the order of [`CHAIN`].
#[derive(Debug, Clone, Copy)]
pub struct Chain {
    /// P, transposed.
    pub maps: [Slot; 3],
    widths: [usize; 3],
    width: usize,
}

impl Chain {
    /// Matrices named `chain.STREAM`, zero at first; `None` where heads are independent.
    pub fn new(layout: &mut Layout, config: &Config) -> Option<Self> {
        let widths = std::array::from_fn(|place| config.token_widths[CHAIN[place]]);
        config.chain_heads.then(|| Self {
            maps: std::array::from_fn(|place| {
                let size = [config.width, widths[place]];
                layout.add(format!("chain.{}", STREAMS[CHAIN[place]]), &size, Start::Constant(0.0))
            }),
            widths,
            width: config.width,
        })
    }

    /// Adds what stream `CHAIN[place]` of each frame has to say to the rows of h.
    pub fn tell<T: Real>(
        &self,
        values: &[T],
        embeddings: &[Slot; 4],
        place: usize,
        frames: &[Frame],
        h: &mut [T],
    ) {
        let said = self.said(values, embeddings, place, frames);
        let map = View::dense(self.maps[place].of(values), self.width, self.widths[place]);
        let said = View::dense(&said, frames.len(), self.widths[place]);
        product(h, self.width, said, map.transposed(), T::ONE, true);
    }

    /// Gradients of the matrix and of the embeddings from that of the rows of h after [`Chain::tell`].
    pub fn backward<T: Real>(
        &self,
        values: &[T],
        embeddings: &[Slot; 4],
        place: usize,
        frames: &[Frame],
        dh: &[T],
        gradients: &mut [T],
    ) {
        let (width, rows) = (self.widths[place], frames.len());
        let said = self.said(values, embeddings, place, frames);
        let slope = View::dense(dh, rows, self.width);
        let own = self.maps[place].of_mut(gradients);
        product(own, width, slope.transposed(), View::dense(&said, rows, width), T::ONE, true);
        let mut dsaid = vec![T::ZERO; said.len()];
        let map = View::dense(self.maps[place].of(values), self.width, width);
        product(&mut dsaid, width, slope, map, T::ONE, false);
        let table = embeddings[CHAIN[place]].of_mut(gradients);
        for (frame, row) in frames.iter().zip(dsaid.chunks_exact(width)) {
            add(&mut table[frame[CHAIN[place]] as usize * width..][..width], row);
        }
    }

    fn said<T: Real>(&self, values: &[T], embeddings: &[Slot; 4], place: usize, frames: &[Frame]) -> Vec<T> {
        let (stream, width) = (CHAIN[place], self.widths[place]);
        let table = embeddings[stream].of(values);
        frames.iter().flat_map(|frame| &table[frame[stream] as usize * width..][..width]).copied().collect()
    }
}

/// The order in which the streams of a frame become known.
pub fn order(chain: Option<&Chain>) -> [usize; 4] {
    if chain.is_some() { CHAIN } else { [0, 1, 2, 3] }
}

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
