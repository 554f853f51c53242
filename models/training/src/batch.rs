//! The draws of a training step: rows, pairs, crops, what is hidden. Every draw is a function of the seed, the stage,
//! the step and the clip's place in the batch, so a resumed run draws what an uninterrupted one would have drawn.

use clips::take::Style;
use clips::{Chance, Result, Track};
use listener::latent_intent::decoder::Frame;
use listener::latent_intent::dropout::Dropout;

use crate::config::{Config, Mode};
use crate::data::Data;
use crate::objective::{Item, Origin};

/// Draws the track and the clips of a step; `stage` is 1 or 2, `latents` the number of Gumbel draws.
///
/// # Errors
/// When the features cannot be read back.
pub fn draw(
    data: &Data,
    config: &Config,
    stage: u64,
    step: usize,
    latents: usize,
) -> Result<(Track, Vec<Item<f32>>)> {
    let mut chance = Chance::new(config.seed, "track of a step", &[stage, step as u64]);
    let track = match config.mode {
        Mode::Offline => Track::Offline,
        Mode::Online => Track::Online,
        Mode::Mix if chance.happens(0.5) => Track::Online,
        Mode::Mix => Track::Offline,
    };
    let items = (0..config.batch)
        .map(|place| {
            let words = [stage, step as u64, place as u64];
            let mut chance = Chance::new(config.seed, "clip of a step", &words);
            let dropout = Dropout::new(config.dropout, config.seed, words);
            Ok(Item { dropout, ..item(data, config, stage, latents, &mut chance)? })
        })
        .collect::<Result<_>>()?;
    Ok((track, items))
}

fn item(data: &Data, config: &Config, stage: u64, latents: usize, chance: &mut Chance) -> Result<Item<f32>> {
    let index = data.drawn[chance.below(data.drawn.len())];
    let row = &data.train[index];
    let positive = if stage == 1 || config.true_pairs_only {
        index
    } else {
        row.appropriate[chance.below(row.appropriate.len())] as usize
    };
    let negative = data.inappropriate(index, chance);
    let mut origin = Origin { row: index, positive, negative, first: 0 };
    let shifted = shifted_negative(data, config, index, chance);
    if let Some((row, _)) = &shifted {
        origin.negative = *row;
    }
    // Nothing is drawn where the option is off, so that runs without it stay what they were.
    let style = match config.style && !chance.happens(config.drop_style) {
        true => data.train[positive].style,
        false => Style::default(),
    };
    let positive = &data.train[positive].reaction;
    let negative = shifted.as_ref().map_or(&data.train[negative].reaction, |(_, reaction)| reaction);
    let common = row.frames.min(positive.len()).min(negative.len());
    let frames = common.min(config.frames);
    let first = chance.below(common - frames + 1);
    origin.first = first;
    let cut = |reaction: &[Frame]| reaction[first..first + frames].to_vec();

    let mut speaker = data.speaker(row, first, frames)?;
    // In the order of the groups: au, va, ex, m3d, mfcc, w2v. A clip keeps at least one of face and sound.
    let faceless = chance.happens(config.drop_face);
    let without_m3d = chance.happens(config.drop_m3d) || faceless;
    let silent = chance.happens(config.drop_mfcc) && !faceless;
    if faceless {
        speaker.groups[..3].fill(None);
    }
    for (dropped, group) in [(without_m3d, 3), (silent, 4), (chance.happens(config.drop_w2v), 5)] {
        if dropped {
            speaker.groups[group] = None;
        }
    }

    let kind = chance.uniform();
    let rate = if kind < config.history_hidden {
        1.0
    } else if kind < config.history_hidden + config.history_random {
        config.history_rate * chance.uniform()
    } else {
        0.0
    };
    Ok(Item {
        speaker,
        reaction: cut(positive),
        negative: if stage == 1 { Vec::new() } else { cut(negative) },
        hidden: if rate > 0.0 { (0..frames).map(|_| chance.happens(rate)).collect() } else { Vec::new() },
        gumbel: (0..latents).map(|_| gumbel(chance)).collect(),
        without_latent: chance.happens(config.latent_dropout),
        style,
        rival: chance.below(1 << 20),
        dropout: Dropout::NONE,
        origin,
    })
}

/// Seconds by which a reaction is shifted to become a negative.
const SHIFT: std::ops::RangeInclusive<usize> = 2..=6;

/// In the share of clips that is asked for: an appropriate reaction at the wrong time, its row, shifted round by 2 to 6
/// seconds; `None` where the reaction is too short to be shifted so far in both directions.
fn shifted_negative(
    data: &Data,
    config: &Config,
    index: usize,
    chance: &mut Chance,
) -> Option<(usize, Vec<Frame>)> {
    // Nothing is drawn where the option is off, so that runs without it stay what they were.
    if config.shifted_negatives <= 0.0 || !chance.happens(config.shifted_negatives) {
        return None;
    }
    let appropriate = &data.train[index].appropriate;
    let row = appropriate[chance.below(appropriate.len())] as usize;
    Some((row, shifted(&data.train[row].reaction, chance)?))
}

/// The reaction shifted round by 2 to 6 seconds, as much to the right as to the left.
fn shifted(reaction: &[Frame], chance: &mut Chance) -> Option<Vec<Frame>> {
    let rate = clips::time::FRAMES_PER_SECOND as usize;
    let (least, most) =
        (SHIFT.start() * rate, (SHIFT.end() * rate).min(reaction.len().checked_sub(SHIFT.start() * rate)?));
    let by = least + chance.below(most.checked_sub(least)? + 1);
    let mut shifted = reaction.to_vec();
    shifted.rotate_right(by);
    Some(shifted)
}

fn gumbel(chance: &mut Chance) -> f64 {
    -(-chance.between(1e-9, 1.0 - 1e-7).ln()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shifted_reaction_is_the_same_frames_two_to_six_seconds_off() {
        let reaction = |frames: u32| (0..frames).map(|frame| [frame; 4]).collect::<Vec<Frame>>();
        let mut chance = Chance::new(1, "shift", &[]);
        let mut seen = (usize::MAX, 0);
        for _ in 0..2000 {
            let made = shifted(&reaction(750), &mut chance).unwrap();
            let by = made.iter().position(|frame| frame[0] == 0).unwrap();
            seen = (seen.0.min(by), seen.1.max(by));
            let mut back = made.clone();
            back.rotate_left(by);
            assert_eq!(back, reaction(750));
        }
        assert_eq!(seen, (50, 150));
        // four seconds can be shifted by two and no other way; less cannot
        let made = shifted(&reaction(100), &mut chance).unwrap();
        assert_eq!(made[50], [0; 4]);
        assert!(shifted(&reaction(99), &mut chance).is_none() && shifted(&[], &mut chance).is_none());
    }
}
