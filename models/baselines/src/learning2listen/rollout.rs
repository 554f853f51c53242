//! How the networks answer a clip: code by code, each from the 4 before it and what the speaker did until then.
//!
//! A step is 8 frames: the predictor knows the speaker's 32 frames before and these 8, and of its 4 positions only the first
//! is kept, as officially. The first past codes are those of motion that stands still, as officially; the speaker before the
//! clip stands still, too (ours: official clips have a past). 4 codes become 32 frames at a time. So frames are known to depend
//! on the speaker up to the end of their own 32 frames and no further.
//!
//! Streams are standardised here: still is 0.

use candle_core::{Device, Result, Tensor};

use super::Learning2Listen;
use super::config::{FRAMES, SEEN, STEP, TOKENS};
use super::predictor::Seen;
use crate::pass::Pass;

/// Windows that are computed at a time: memory does not grow with the clip.
const AT_ONCE: usize = 128;

impl Learning2Listen {
    /// What is known of the speaker at every step of a clip: motion and sound `[1, 8 n, columns]` (one row of sound a frame) to
    /// tokens `[n, 5, width]`.
    ///
    /// # Errors
    /// When shapes do not fit.
    pub fn perceive(&self, motion: &Tensor, sound: &Tensor, pass: &Pass) -> Result<Tensor> {
        let before = |x: &Tensor| {
            let (batch, _, columns) = x.dims3()?;
            Tensor::cat(&[&Tensor::zeros((batch, SEEN - STEP, columns), x.dtype(), x.device())?, x], 1)
        };
        let (steps, motion, sound) = (motion.dim(1)? / STEP, before(motion)?, before(sound)?);
        let cut = |x: &Tensor, steps: &[usize]| {
            let parts: Vec<Tensor> =
                steps.iter().map(|step| x.narrow(1, step * STEP, SEEN)).collect::<Result<_>>()?;
            Tensor::cat(&parts, 0)
        };
        let all: Vec<usize> = (0..steps).collect();
        let parts: Vec<Tensor> = all
            .chunks(AT_ONCE)
            .map(|some| self.predictor.perceive(&cut(&motion, some)?, &cut(&sound, some)?, pass))
            .collect::<Result<_>>()?;
        Tensor::cat(&parts, 0)
    }

    /// The codes of a reaction to a speaker of [`Learning2Listen::perceive`], one a step; `choose` takes one by its logits.
    ///
    /// # Errors
    /// When shapes do not fit, or what is chosen does not exist.
    pub fn roll_out(&self, speaker: &Tensor, mut choose: impl FnMut(&[f32]) -> u32) -> Result<Vec<u32>> {
        let still = Tensor::zeros((1, FRAMES, self.motion), speaker.dtype(), speaker.device())?;
        let mut codes =
            self.vq.encode(&still, &Pass::evaluation())?.indices.flatten_all()?.to_vec1::<u32>()?;
        for step in 0..speaker.dim(0)? {
            let past = Tensor::from_slice(&codes[step..], (1, TOKENS), speaker.device())?;
            let logits = self.predictor.next(&past, &speaker.narrow(0, step, 1)?, Seen::Last(TOKENS))?;
            codes.push(choose(&logits.narrow(1, 0, 1)?.flatten_all()?.to_vec1::<f32>()?));
        }
        Ok(codes.split_off(TOKENS))
    }

    /// Motion `[1, 8 n, columns]` of n codes, a multiple of 4.
    ///
    /// # Errors
    /// When there are not as many, or one does not exist.
    pub fn motion(&self, codes: &[u32]) -> Result<Tensor> {
        let parts: Vec<Tensor> = codes
            .chunks(AT_ONCE * TOKENS)
            .map(|some| {
                let some = Tensor::from_slice(some, (some.len() / TOKENS, TOKENS), &Device::Cpu)?;
                self.vq.decode_codes(&some, &Pass::evaluation())
            })
            .collect::<Result<_>>()?;
        Tensor::cat(&parts, 0)?.reshape((1, codes.len() * STEP, self.motion))
    }
}
