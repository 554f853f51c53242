//! Takes and clips made up for tests; compiled into tests only, never into the program.

use std::sync::Arc;

use clips::channels::ATTRIBUTE_COUNT;
use clips::{Sampling, Take, TakeHeader, Track};

/// A take of `frames` frames whose rows are filled by `fill(frame, row)`.
pub fn take(latent: usize, frames: usize, fill: impl Fn(usize, &mut [f32; ATTRIBUTE_COUNT])) -> Take {
    let attributes = (0..frames)
        .map(|frame| {
            let mut row = [0.0; ATTRIBUTE_COUNT];
            fill(frame, &mut row);
            row
        })
        .collect();
    Take {
        header: TakeHeader {
            system: "test".to_owned(),
            checkpoint: "0".repeat(64),
            clip: "test clip".to_owned(),
            latent: Some(latent),
            sample: 0,
            seed: 1,
            sampling: Sampling::default(),
            track: Track::Offline,
            turns: Vec::new(),
            rm_score: Some(0.5 - latent as f32 * 0.3),
            rank: Some(latent + 1),
        },
        attributes: Arc::new(attributes),
        coefficients: None,
    }
}
