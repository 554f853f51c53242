//! How well the code books speak for a set of reactions: error, variance explained, use of the ids.
//!
//! Run it on the training reactions and on held-out ones; a large gap says that a book is too large for its data.

use clips::channels::{ATTRIBUTES, AU, BLENDSHAPES, EXPRESSIONS, VALENCE};
use clips::{Control, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::{CodeBooks, Frame, Reaction, Stream};

/// One line per stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnostics {
    /// Reactions looked at.
    pub clips: usize,
    /// Frames looked at.
    pub frames: usize,
    /// In the order of [`Stream::ALL`].
    pub streams: Vec<StreamDiagnostics>,
}

/// How one book does.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StreamDiagnostics {
    /// Which book.
    pub stream: Stream,
    /// Ids in the book.
    pub size: usize,
    /// Ids that occur.
    pub ids_used: usize,
    /// exp(entropy) of the ids.
    pub perplexity: f64,
    /// Share of frames whose id equals the one before; `None` when no clip has two frames.
    pub stay: Option<f64>,
    /// Root of the mean squared error over frames and columns, in the units of the columns.
    pub rmse: f64,
    /// 1 - squared error / variance, columns weighted as the book weighs them; `None` when nothing varies.
    pub r2: Option<f64>,
    /// Name of the column with the least variance explained, among those that vary.
    pub worst_column: Option<String>,
    /// Its share explained.
    pub worst_r2: Option<f64>,
}

/// Sums over frames for each of up to 58 columns.
#[derive(Clone)]
struct Sums {
    frames: f64,
    value: [f64; 58],
    square: [f64; 58],
    error: [f64; 58],
}

impl Diagnostics {
    /// Tokenises and detokenises `reactions` and compares.
    ///
    /// # Errors
    /// As [`CodeBooks::tokenise`]; cancelled on request.
    pub fn of(books: &CodeBooks, reactions: &[Reaction], control: &Control) -> Result<Self> {
        let tokens: Vec<Vec<Frame>> = reactions
            .par_iter()
            .map(|reaction| {
                control.check()?;
                books.tokenise(reaction.clip, reaction.attributes, reaction.coefficients)
            })
            .collect::<Result<_>>()?;
        let streams = Stream::ALL.iter().map(|stream| one(books, *stream, reactions, &tokens)).collect();
        Ok(Self { clips: reactions.len(), frames: tokens.iter().map(Vec::len).sum(), streams })
    }
}

/// The columns of a stream in the row they live in.
fn source<'a>(stream: Stream, reaction: &'a Reaction, frame: usize) -> &'a [f32] {
    match stream {
        Stream::M3d => &reaction.coefficients[frame],
        Stream::Au => &reaction.attributes[frame][AU],
        Stream::Va => &reaction.attributes[frame][VALENCE..=VALENCE + 1],
        Stream::Ex => &reaction.attributes[frame][EXPRESSIONS],
    }
}

fn column_name(stream: Stream, column: usize) -> String {
    match stream {
        Stream::M3d => match BLENDSHAPES.get(column) {
            Some(name) => (*name).to_owned(),
            None => ["pitch", "yaw", "roll", "x", "y", "z"][(column - BLENDSHAPES.len()).min(5)].to_owned(),
        },
        Stream::Au => ATTRIBUTES[column].to_owned(),
        Stream::Va => ATTRIBUTES[VALENCE + column].to_owned(),
        Stream::Ex => ATTRIBUTES[EXPRESSIONS.start + column].to_owned(),
    }
}

fn one(
    books: &CodeBooks,
    stream: Stream,
    reactions: &[Reaction],
    tokens: &[Vec<Frame>],
) -> StreamDiagnostics {
    let width = books.value(stream, 0).map_or(0, <[f32]>::len);
    let mut sums = Sums { frames: 0.0, value: [0.0; 58], square: [0.0; 58], error: [0.0; 58] };
    let mut counts = vec![0u64; books.size(stream)];
    let (mut stays, mut pairs) = (0u64, 0u64);
    for (reaction, frames) in reactions.iter().zip(tokens) {
        for (index, frame) in frames.iter().enumerate() {
            let id = frame[stream.index()];
            counts[id as usize] += 1;
            if index > 0 {
                pairs += 1;
                stays += u64::from(frames[index - 1][stream.index()] == id);
            }
            sums.frames += 1.0;
            let (truth, value) =
                (source(stream, reaction, index), books.value(stream, id).unwrap_or_default());
            for (column, (truth, value)) in truth.iter().zip(value).enumerate() {
                let (truth, value) = (f64::from(*truth), f64::from(*value));
                sums.value[column] += truth;
                sums.square[column] += truth * truth;
                sums.error[column] += (truth - value).powi(2);
            }
        }
    }
    let frames = sums.frames.max(1.0);
    let variance = |column: usize| (sums.square[column] - sums.value[column].powi(2) / frames).max(0.0);
    let weight = |column: usize| match stream {
        Stream::M3d => f64::from(books.m3d.scale()[column]).powi(2),
        _ => 1.0,
    };
    let moving = |column: &usize| variance(*column) > 1e-9 * sums.square[*column].max(1e-9);
    let total: f64 = (0..width).filter(moving).map(|column| weight(column) * variance(column)).sum();
    let error: f64 = (0..width).map(|column| weight(column) * sums.error[column]).sum();
    let worst = (0..width)
        .filter(moving)
        .map(|column| (column, 1.0 - sums.error[column] / variance(column)))
        .min_by(|a, b| a.1.total_cmp(&b.1));
    let entropy: f64 = counts
        .iter()
        .filter(|count| **count > 0)
        .map(|count| {
            let share = *count as f64 / frames;
            -share * share.ln()
        })
        .sum();
    StreamDiagnostics {
        stream,
        size: counts.len(),
        ids_used: counts.iter().filter(|count| **count > 0).count(),
        perplexity: entropy.exp(),
        stay: (pairs > 0).then(|| stays as f64 / pairs as f64),
        rmse: (sums.error.iter().sum::<f64>() / (frames * width.max(1) as f64)).sqrt(),
        r2: (total > 0.0).then(|| 1.0 - error / total),
        worst_column: worst.map(|(column, _)| column_name(stream, column)),
        worst_r2: worst.map(|(_, r2)| r2),
    }
}
