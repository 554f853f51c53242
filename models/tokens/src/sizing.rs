//! How large the k-means books must be: sizes are doubled until held-out frames are explained well enough.

use clips::{Control, Result};
use serde::Serialize;

use crate::books::{CodeBooks, ExBook, FitConfig, M3dBook, Reaction};
use crate::kmeans::MOST_CODES;
use crate::{Diagnostics, Stream};

/// Share of the variance of held-out coefficients that is enough.
pub const ENOUGH_M3D: f64 = 0.95;
/// Share of the variance of held-out expression probabilities that is enough.
pub const ENOUGH_EX: f64 = 0.99;

/// A size that was tried.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Size {
    /// `M3d` or `Ex`.
    pub stream: Stream,
    /// Centres asked for.
    pub asked: usize,
    /// Centres that came out; fewer than asked for when there are fewer different frames.
    pub ids: usize,
    /// Share of the variance of the held-out frames that is explained; `None` when nothing varies there.
    pub r2: Option<f64>,
    /// exp(entropy) of the ids of the held-out frames.
    pub perplexity: f64,
    /// Whether `r2` is enough.
    pub enough: bool,
}

/// Tries the sizes of `start`, then twice, four times ... as many (at most 8,192), each book until it explains enough of
/// `held_out` or has no more frames to tell apart. Returns every size that was tried and the books of the last ones.
///
/// # Errors
/// As [`CodeBooks::fit`].
pub fn doubled(
    train: &[Reaction],
    held_out: &[Reaction],
    start: &FitConfig,
    control: &Control,
) -> Result<(Vec<Size>, CodeBooks)> {
    let mut config = FitConfig { m3d_levels: Vec::new(), ..start.clone() };
    let mut books = CodeBooks::fit(train, &config, control)?;
    let mut tried = Vec::new();
    for (stream, target) in [(Stream::M3d, ENOUGH_M3D), (Stream::Ex, ENOUGH_EX)] {
        loop {
            let found = Diagnostics::of(&books, held_out, control)?.streams.swap_remove(stream.index());
            let asked = if stream == Stream::M3d { config.m3d } else { config.ex };
            let enough = found.r2.is_none_or(|r2| r2 >= target);
            tried.push(Size {
                stream,
                asked,
                ids: found.size,
                r2: found.r2,
                perplexity: found.perplexity,
                enough,
            });
            if enough || found.size < asked || asked * 2 > MOST_CODES {
                break;
            }
            if stream == Stream::M3d {
                config.m3d *= 2;
                books.m3d = M3dBook::fit(train, &config, control)?;
            } else {
                config.ex *= 2;
                books.ex = ExBook::fit(train, &config, control)?;
            }
        }
    }
    Ok((tried, books))
}
