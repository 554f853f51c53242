//! The network as a whole: encoder, decoder, heads, latent vectors; the full passes that training and ranking use.
//!
//! It owns shapes, not numbers; every pass borrows the values. Step-by-step decoding lives in `decode`.

use clips::take::{STYLES, Style};
use clips::{Result, Track};

use super::blocks::{Linear, Rotation};
use super::config::Config;
use super::decoder::{Decoder, DecoderTape, Frame, Slots};
use super::dropout::Dropout;
use super::encoder::{Encoder, EncoderTape, Speaker};
use super::gau::Mask;
use super::heads::{Chain, Heads, order};
use super::parameters::{Layout, Slot, Start};
use crate::real::Real;

/// Parts that exist only with a latent.
#[derive(Debug, Clone)]
pub struct Latent {
    /// `[K, d]`.
    pub vectors: Slot,
    /// Bag-of-words heads on slot 0 of the generation pass.
    pub bag: Heads,
    /// Posterior logits of the recognition state.
    pub posterior: Linear,
    /// Reaction-matching logit of the recognition state.
    pub matching: Linear,
}

/// Shapes and places of the whole network.
#[derive(Debug, Clone)]
pub struct Network {
    /// Sizes.
    pub config: Config,
    /// Names and places of all parameters.
    pub layout: Layout,
    /// Speaker side.
    pub encoder: Encoder,
    /// Listener side.
    pub decoder: Decoder,
    /// Heads of the next frame.
    pub heads: Heads,
    /// What the heads of a frame tell each other; `None` where they are independent.
    pub chain: Option<Chain>,
    /// `None` in the network without a latent.
    pub latent: Option<Latent>,
    /// What the numbers of a style add to e_z, `[d, 5]`; `None` in the network that hears of no styles.
    pub style: Option<Slot>,
}

/// Self mask of the encoder and cross mask of the generation pass on a track, for `positions` rows.
pub fn track_mask(track: Track, positions: usize) -> Mask {
    Mask { causal: track == Track::Online, keys: positions }
}

impl Network {
    /// Lays out a network.
    ///
    /// # Errors
    /// When the sizes do not fit together.
    pub fn new(config: &Config) -> Result<Self> {
        config.check()?;
        let mut layout = Layout::default();
        let branches = config.encoder_units + 2 * config.decoder_layers;
        let scale = 1.0 / (2.0 * branches as f64).sqrt();
        let encoder = Encoder::new(&mut layout, config, scale);
        let decoder = Decoder::new(&mut layout, config, scale);
        let heads = Heads::new(&mut layout, "head", config);
        let chain = Chain::new(&mut layout, config);
        let latent = (config.latents > 0).then(|| Latent {
            vectors: layout.add("z_emb", &[config.latents, config.width], Start::Vector(0.3)),
            bag: Heads::new(&mut layout, "bow", config),
            posterior: Linear::new(&mut layout, "post", config.width, config.latents, 1.0),
            matching: Linear::new(&mut layout, "rm", config.width, 1, 1.0),
        });
        let size = [config.width, STYLES.len()];
        let style = config.style.then(|| layout.add("style.weight", &size, Start::Constant(0.0)));
        Ok(Self { config: config.clone(), layout, encoder, decoder, heads, chain, latent, style })
    }

    /// Rotary angles for clips of `frames` frames.
    pub fn rotation<T: Real>(&self, frames: usize) -> Rotation<T> {
        Rotation::new(frames + 1, self.config.key_width)
    }

    /// Speaker memory `[T + 1, d]`.
    pub fn encode<T: Real>(
        &self,
        values: &[T],
        speaker: &Speaker<T>,
        track: Track,
        rotation: &Rotation<T>,
    ) -> (Vec<T>, EncoderTape<T>) {
        self.encode_with(values, speaker, track, rotation, &Dropout::NONE)
    }

    /// As `encode`, with dropout.
    pub fn encode_with<T: Real>(
        &self,
        values: &[T],
        speaker: &Speaker<T>,
        track: Track,
        rotation: &Rotation<T>,
        dropout: &Dropout,
    ) -> (Vec<T>, EncoderTape<T>) {
        self.encoder.forward(values, speaker, track_mask(track, speaker.frames + 1), rotation, dropout)
    }

    /// Recognition states `[T + 1, d]` of a finished reaction; row 0 is h_z.
    pub fn recognise<T: Real>(
        &self,
        values: &[T],
        frames: &[Frame],
        memory: &[T],
        rotation: &Rotation<T>,
    ) -> (Vec<T>, DecoderTape<T>) {
        self.recognise_with(values, frames, memory, rotation, &Dropout::NONE)
    }

    /// As `recognise`, with dropout.
    pub fn recognise_with<T: Real>(
        &self,
        values: &[T],
        frames: &[Frame],
        memory: &[T],
        rotation: &Rotation<T>,
        dropout: &Dropout,
    ) -> (Vec<T>, DecoderTape<T>) {
        let full = Mask { causal: false, keys: frames.len() + 1 };
        self.decoder.forward(values, frames, Slots::Recognition, memory, full, full, rotation, dropout)
    }

    /// Generation states `[T + 1, d]`; row i predicts frame i + 1, row T is unused.
    pub fn generate<T: Real>(
        &self,
        values: &[T],
        frames: &[Frame],
        slots: Slots<'_, T>,
        memory: &[T],
        track: Track,
        rotation: &Rotation<T>,
    ) -> (Vec<T>, DecoderTape<T>) {
        self.generate_with(values, frames, slots, memory, track, rotation, &Dropout::NONE)
    }

    /// As `generate`, with dropout.
    pub fn generate_with<T: Real>(
        &self,
        values: &[T],
        frames: &[Frame],
        slots: Slots<'_, T>,
        memory: &[T],
        track: Track,
        rotation: &Rotation<T>,
        dropout: &Dropout,
    ) -> (Vec<T>, DecoderTape<T>) {
        let positions = frames.len() + 1;
        let causal = Mask { causal: true, keys: positions };
        self.decoder.forward(
            values,
            frames,
            slots,
            memory,
            causal,
            track_mask(track, positions),
            rotation,
            dropout,
        )
    }

    /// e_z of a distribution over latents; zero when `weights` is empty.
    pub fn latent_vector<T: Real>(&self, values: &[T], weights: &[T]) -> Vec<T> {
        let d = self.config.width;
        let mut vector = vec![T::ZERO; d];
        if let Some(latent) = &self.latent {
            for (weight, row) in weights.iter().zip(latent.vectors.of(values).chunks_exact(d)) {
                for (v, r) in vector.iter_mut().zip(row) {
                    *v += *weight * *r;
                }
            }
        }
        vector
    }

    /// Adds what a style says to e_z.
    pub fn add_style<T: Real>(&self, values: &[T], style: &Style, vector: &mut [T]) {
        let Some(slot) = self.style else { return };
        for (sum, row) in vector.iter_mut().zip(slot.of(values).as_chunks::<{ STYLES.len() }>().0) {
            row.iter().zip(style).for_each(|(weight, number)| *sum += *weight * T::of(f64::from(*number)));
        }
    }

    /// The gradient of what a style says from that of e_z.
    pub fn style_backward<T: Real>(&self, style: &Style, dvector: &[T], gradient: &mut [T]) {
        let Some(slot) = self.style else { return };
        let rows = slot.of_mut(gradient).as_chunks_mut::<{ STYLES.len() }>().0;
        for (row, slope) in rows.iter_mut().zip(dvector) {
            row.iter_mut().zip(style).for_each(|(sum, number)| *sum += *slope * T::of(f64::from(*number)));
        }
    }

    /// Logits `[rows, V]` of the next frame in each stream, for dense hidden rows; `frames` are the frames that come, of
    /// which chained heads hear.
    pub fn logits<T: Real>(&self, values: &[T], h: &[T], frames: &[Frame]) -> [Vec<T>; 4] {
        let embeddings = &self.decoder.embeddings;
        let mut h = std::borrow::Cow::Borrowed(h);
        let mut logits: [Vec<T>; 4] = Default::default();
        for (place, stream) in order(self.chain.as_ref()).into_iter().enumerate() {
            logits[stream] = self.heads.forward(values, embeddings, stream, &h).1;
            if let Some(chain) = self.chain.as_ref().filter(|_| place < 3) {
                chain.tell(values, embeddings, place, frames, h.to_mut());
            }
        }
        logits
    }

    /// Posterior logits (K) and matching logit of h_z; `None` without a latent.
    pub fn judge<T: Real>(&self, values: &[T], h_z: &[T]) -> Option<(Vec<T>, T)> {
        let latent = self.latent.as_ref()?;
        Some((latent.posterior.forward(values, h_z), latent.matching.forward(values, h_z)[0]))
    }
}
