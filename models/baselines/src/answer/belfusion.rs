//! How BeLFusion answers: every window by itself, from noise, under the speaker's same window (offline) or the one before
//! (online).
//!
//! Officially a clip is a whole number of windows. Here the speaker's last frame fills up the last window, and the reaction ends
//! where the clip does.

use candle_core::DType;
use clips::Result;
use listener::latent_intent::features::MOST_FRAMES;

use super::{Answers, Asked, Made, Needs};
use crate::belfusion::BelFusion;
use crate::pass::{Pass, normal};

impl Answers for BelFusion {
    fn needs(&self) -> Needs {
        Needs {
            video: None,
            attributes: true,
            sound: false,
            frames: 1..=MOST_FRAMES,
            online: self.config().online,
            tokens: false,
        }
    }

    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<Made>> {
        let vae = &self.config().vae;
        let windows = asked.frames.div_ceil(vae.window);
        let speaker = asked.attributes(windows * vae.window)?;
        let condition = self.condition(&speaker).map_err(|error| asked.failed(&error))?;
        asked.each(|chance| {
            let noise = normal(chance, &[windows, vae.width], DType::F32)?;
            let made = self.react(&condition, &noise, 1, &Pass::evaluation())?;
            Ok(Made { attributes: made.emotion, coefficients: Some(made.coefficients) })
        })
    }
}
