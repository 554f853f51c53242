//! How Trans-VAE answers: the whole clip under one draw, or window by window under a draw each.
//!
//! Online, window i is made from the speaker's frames up to the end of window i: a window looks ahead within itself, as
//! officially. Frames beyond the last whole window are zeros, as officially.

use candle_core::DType;
use clips::Result;

use super::features::require_cepstra;
use super::{Answers, Asked, Made, Needs};
use crate::pass::{Pass, normal};
use crate::trans_vae::{Seen, Sight, Speaker, TransVae};

const WITHOUT_VIDEO: &str = "small-attributes";

impl Answers for TransVae {
    fn needs(&self) -> Needs {
        let config = self.config();
        Needs {
            video: (config.sight == Sight::Frames).then_some(WITHOUT_VIDEO),
            attributes: config.sight == Sight::Attributes,
            sound: true,
            frames: config.window.unwrap_or(1)..=config.most_frames,
            online: config.window.is_some(),
            tokens: false,
        }
    }

    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<Made>> {
        require_cepstra(asked, self.config().audio_columns, WITHOUT_VIDEO)?;
        let seen = match self.eyes() {
            Some(eyes) => {
                // watched once for all samples: noise comes behind
                let (ends, mut film) = (self.ends(asked.frames), asked.film()?);
                let mut fetch = |frame| film.fetch(frame);
                let watched = eyes.watch_once(&ends, &mut fetch);
                Seen::Tokens(
                    watched.map_err(|error| film.fault.take().unwrap_or_else(|| asked.failed(&error)))?,
                )
            }
            None => asked.attributes(asked.frames)?.into(),
        };
        let speaker = Speaker { seen, heard: asked.cepstra(asked.frames)? };
        let draws = [self.windows(asked.frames), 1, self.config().width];
        asked.each(|chance| {
            let eps = normal(chance, &draws, DType::F32)?;
            let (made, _) = self.forward(&speaker, &eps, &Pass::evaluation())?;
            Ok(Made { attributes: made.emotion, coefficients: Some(made.coefficients) })
        })
    }
}
