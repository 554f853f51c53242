//! How REGNN answers: overlapping windows of the clip in one batch, noise limited over the whole clip, windows joined by
//! averaging halves. Attributes only. The official presets read ready-made features of video and sound (`given.rs`).
//!
//! Officially a clip is a whole number of strides. Here the speaker's last frame fills up the last stride (and the first window),
//! and the reaction ends where the clip does.

use candle_core::{DType, Device, Tensor};
use clips::Result;
use listener::latent_intent::features::MOST_FRAMES;

use super::{Answers, Asked, Made, Needs};
use crate::pass::{Pass, normal};
use crate::regnn::windows::{joined, starts};
use crate::regnn::{NODES, Regnn};

impl Answers for Regnn {
    fn needs(&self) -> Needs {
        let own = self.config().perceptual.reads_clips();
        Needs {
            video: None,
            attributes: own,
            sound: own,
            frames: 1..=MOST_FRAMES,
            online: false,
            tokens: false,
        }
    }

    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<Made>> {
        let config = self.config();
        let (window, stride) = (config.frames, config.stride);
        let frames = asked.frames.next_multiple_of(stride).max(window);
        let starts = starts(frames, window, stride);
        let read = &config.perceptual;
        let (seen, heard) = if read.reads_clips() {
            (asked.attributes(frames)?, asked.cepstra(frames)?)
        } else {
            asked.features(frames, (read.video, read.audio))?
        };
        let cut = |clip: &Tensor| {
            let parts: Vec<_> =
                starts.iter().map(|at| clip.narrow(1, *at, window)).collect::<candle_core::Result<_>>()?;
            Tensor::cat(&parts, 0)
        };
        let perceive = || self.perceive(&cut(&seen)?, &cut(&heard)?, &Pass::evaluation());
        let perceived = perceive().map_err(|error| asked.failed(&error))?;
        asked.each(|chance| {
            let noise = normal(chance, &[starts.len(), NODES, window], DType::F32)?;
            let made = self.react(&perceived, &noise, config.noise_limit)?;
            let values = joined(&made.flatten_all()?.to_vec1::<f32>()?, stride, NODES);
            let attributes = Tensor::from_vec(values, (1, frames, NODES), &Device::Cpu)?;
            Ok(Made { attributes, coefficients: None })
        })
    }
}
