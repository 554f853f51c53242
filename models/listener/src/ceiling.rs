//! The tokenised truth: the true listener, put into a checkpoint's code books and taken out again. No model on these
//! books can come nearer to the truth, so it is the ceiling that a table should show beside one.

use std::sync::Arc;

use clips::corpus::{Corpus, Split};
use clips::{Control, Fault, FaultKind, Result, Streams, Take};

use crate::{LatentIntent, Naive, Request, System};

/// Name of the system.
pub const NAME: &str = "tokenised-truth";

/// Whether a system of this name is a yardstick rather than a model: a naive baseline or the tokenised truth.
pub fn is_yardstick(name: &str) -> bool {
    name == NAME || Naive::of_name(name).is_some()
}

/// Whether a system of this name knows the true listeners, so that being better than it means nothing.
pub fn knows_the_truth(name: &str) -> bool {
    name == NAME || matches!(Naive::of_name(name), Some(Naive::Truth | Naive::AverageOfModes))
}

struct TokenisedTruth {
    truth: Arc<dyn System>,
    books: Arc<dyn System>,
}

/// The truth of a split in the code books of `checkpoint`.
///
/// # Errors
/// A system without code books.
pub fn tokenised_truth(
    corpus: &Arc<Corpus>,
    split: Split,
    checkpoint: Arc<dyn System>,
    control: &Control,
) -> Result<Arc<dyn System>> {
    let truth = Naive::Truth.system(corpus, split, control)?;
    let system = TokenisedTruth { truth, books: checkpoint };
    system.model()?;
    Ok(Arc::new(system))
}

impl TokenisedTruth {
    fn model(&self) -> Result<&LatentIntent> {
        self.books.latent_intent().ok_or_else(|| {
            Fault::new(FaultKind::BadRequest, "", format!("{} has no code books", self.books.name()))
                .remedy("name a latent-intent checkpoint")
        })
    }
}

impl System for TokenisedTruth {
    fn name(&self) -> &str {
        NAME
    }

    fn checkpoint(&self) -> &str {
        self.books.checkpoint()
    }

    fn latents(&self) -> usize {
        0
    }

    fn signature(&self, _: usize) -> Option<&str> {
        None
    }

    fn hears(&self) -> bool {
        false
    }

    fn generate(
        &self,
        clip: &str,
        speaker: &Streams,
        request: &Request,
        control: &Control,
    ) -> Result<Vec<Take>> {
        let model = self.model()?;
        let mut takes = self.truth.generate(clip, speaker, request, control)?;
        let Some(first) = takes.first() else { return Ok(takes) };
        let real = Streams {
            attributes: Some(first.attributes.to_vec()),
            coefficients: first.coefficients.as_ref().map(|rows| rows.to_vec()),
            ..Streams::default()
        };
        let (attributes, coefficients) = model.books().detokenise(&model.tokens_of(clip, &real)?)?;
        let (attributes, coefficients) = (Arc::new(attributes), Arc::new(coefficients));
        for take in &mut takes {
            NAME.clone_into(&mut take.header.system);
            self.checkpoint().clone_into(&mut take.header.checkpoint);
            take.attributes = attributes.clone();
            take.coefficients = Some(coefficients.clone());
        }
        Ok(takes)
    }
}
