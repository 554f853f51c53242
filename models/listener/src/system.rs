//! What every listener system is to the rest of the program: a name, a checkpoint hash, and takes for a speaker.
//!
//! Nothing above this trait knows which network answers.

use clips::{Control, Result, Sampling, Streams, Take, Track};

/// Which latent intents to answer with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LatentChoice {
    /// One reaction group for every latent.
    #[default]
    All,
    /// All latents are tried once; the one whose reaction fits best answers with every sample.
    Best,
    /// This latent, counted from 0.
    One(usize),
}

/// What is asked of a system.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    /// Which latents; ignored by systems without one.
    pub latents: LatentChoice,
    /// Reactions for each latent, at least 1.
    pub samples: usize,
    /// Seed of every draw.
    pub seed: u64,
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// What the system may see.
    pub track: Track,
    /// From frame `.0` on the latent is `.1`, whatever it was before; the history is kept. In the order of frames;
    /// empty for one latent throughout. Refused by systems without a latent.
    pub turns: Vec<(usize, usize)>,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            latents: LatentChoice::All,
            samples: 1,
            seed: 1,
            sampling: Sampling::default(),
            track: Track::Offline,
            turns: Vec::new(),
        }
    }
}

/// A listener system.
pub trait System: Send + Sync {
    /// Name of the system (`latent-intent`, or the file name of an imported prediction).
    fn name(&self) -> &str;

    /// SHA-256 of the checkpoint or prediction file, in hex.
    fn checkpoint(&self) -> &str;

    /// Number of latent intents; 0 when the system has none.
    fn latents(&self) -> usize;

    /// A few words on what latent `latent` does ("smile: AU6 AU12"), when known.
    fn signature(&self, latent: usize) -> Option<&str>;

    /// Reactions to `speaker`, in order of latent, then sample. Every stream of the speaker may be absent, but not
    /// all of them; the reaction has as many frames as the shortest present stream. Attributes are `[T, 25]`;
    /// coefficients are `[T, 58]`, centred on the mean face (see `clips::pose`), and are drawn as centred. `clip`
    /// names the clip and is part of what seeds the draws.
    ///
    /// # Errors
    /// A fault when there is nothing to answer, the request is impossible, or `control` was stopped.
    fn generate(
        &self,
        clip: &str,
        speaker: &Streams,
        request: &Request,
        control: &Control,
    ) -> Result<Vec<Take>>;

    /// Whether the speaker's sound matters to it; what does not hear is spared the decoding.
    fn hears(&self) -> bool {
        true
    }

    /// Whether it may be asked on the online track; what cannot is not offered there, and refuses when it is asked.
    fn answers_online(&self) -> bool {
        true
    }

    /// Whether it can answer as one person or another ([`Sampling::style`]); what cannot refuses when it is asked.
    fn knows_styles(&self) -> bool {
        self.latent_intent().is_some_and(|network| network.config().style)
    }

    /// The latent-intent network behind this system, for what only it can do (posteriors, live answers).
    fn latent_intent(&self) -> Option<&crate::latent_intent::LatentIntent> {
        None
    }
}
