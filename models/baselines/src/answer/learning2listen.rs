//! How Learning2Listen answers: codes are drawn one after the other, four become 32 frames.
//!
//! Online, window i of 32 frames is made from the speaker up to the end of window i, and offline it is the same: the method looks
//! no further. Codes are drawn as the request's sampling says (officially temperature 0.7, nucleus 0.9). Officially a clip is a
//! whole number of windows; here the speaker's last frame fills up the last one, and the reaction ends where the clip does.

use clips::channels::{ATTRIBUTE_COUNT, COEFFICIENT_COUNT};
use clips::{Fault, FaultKind, Result};
use listener::latent_intent::features::MOST_FRAMES;
use listener::latent_intent::sampling::{draw, nucleus};

use super::{Answers, Asked, Made, Needs};
use crate::learning2listen::Learning2Listen;
use crate::learning2listen::config::FRAMES;
use crate::pass::Pass;

impl Answers for Learning2Listen {
    fn needs(&self) -> Needs {
        Needs {
            video: None,
            attributes: true,
            sound: true,
            frames: 1..=MOST_FRAMES,
            online: true,
            tokens: true,
        }
    }

    fn answer(&self, asked: &Asked<'_>) -> Result<Vec<Made>> {
        let Some(statistics) = &self.statistics else {
            return Err(Fault::new(
                FaultKind::Internal,
                asked.clip,
                "a network without statistics was loaded",
            ));
        };
        let frames = asked.frames.div_ceil(FRAMES) * FRAMES;
        let (seen, heard) = (asked.attributes(frames)?, asked.cepstra(frames)?);
        let perceive = || {
            let (seen, heard) = (statistics.seen.standardise(&seen)?, statistics.heard.standardise(&heard)?);
            self.perceive(&seen, &heard, &Pass::evaluation())
        };
        let speaker = perceive().map_err(|error| asked.failed(&error))?;
        let sampling = &asked.request.sampling;
        asked.each(|chance| {
            let codes =
                self.roll_out(&speaker, |logits| draw(&nucleus(logits, sampling), chance.uniform()))?;
            let motion = statistics.motion.restore(&self.motion(&codes)?)?;
            Ok(Made {
                attributes: motion.narrow(2, 0, ATTRIBUTE_COUNT)?,
                coefficients: Some(motion.narrow(2, ATTRIBUTE_COUNT, COEFFICIENT_COUNT)?),
            })
        })
    }
}
