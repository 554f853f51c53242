//! What reactions are held against, and whether the two fit each other. What cannot be scored is explained with its
//! place and its remedy; nothing is cut unless [`super::Options::truncate`] asks for it.

use clips::{Attributes, Fault, FaultKind, Result};

use super::{Options, Reactions};

/// The truth of a set of clips, in the order of its list.
#[derive(Debug, Clone, Copy)]
pub struct Truth<'a> {
    /// The true listener of each clip, T x 25.
    pub listeners: &'a [Attributes],
    /// The speaker of each clip, T x 25.
    pub speakers: &'a [Attributes],
    /// `neighbours[n]` lists the rows of `listeners` that are appropriate for clip n.
    pub neighbours: &'a [Vec<u32>],
}

/// Size of a set that can be scored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    pub clips: usize,
    pub samples: usize,
    pub frames: usize,
}

fn mismatch(place: impl Into<String>, detail: impl Into<String>, remedy: &str) -> Fault {
    Fault::new(FaultKind::Mismatch, "", detail).at(place).remedy(remedy)
}

/// The size of the set, and what was cut away to reach it.
pub(super) fn size_of(
    reactions: &dyn Reactions,
    truth: &Truth<'_>,
    options: &Options,
) -> Result<(Size, Vec<String>)> {
    let mut cut = Vec::new();
    let lists = [
        ("listeners", truth.listeners.len()),
        ("speakers", truth.speakers.len()),
        ("rows of neighbours", truth.neighbours.len()),
    ];
    let given = reactions.clips();
    let mut clips = given;
    let shortest = lists.iter().fold(given, |shortest, (_, count)| shortest.min(*count));
    if given == 0 || (options.truncate && shortest == 0) {
        return Err(Fault::new(
            FaultKind::BadRequest,
            "",
            "there are no predictions, or nothing to compare them with",
        )
        .remedy("name at least one clip"));
    }
    for (what, count) in lists {
        if options.truncate {
            clips = clips.min(count);
        } else if count != clips {
            return Err(mismatch(
                what,
                format!("{count} for predictions of {clips} clips"),
                "score a prediction against the split it was made for, in the order of its list; the official code \
                 drops the longer tail in silence, which only --truncate does here",
            ));
        }
    }
    for (what, count) in lists.into_iter().chain([("predictions", given)]) {
        if count > clips {
            cut.push(format!(
                "{} of {count} {what} are left out: the shortest list has {clips}",
                count - clips
            ));
        }
    }
    let first = reactions.of_clip(0)?;
    let (samples, made) = (first.len(), first.first().map_or(0, Vec::len));
    let mut frames = made;
    if options.truncate {
        let used = truth.listeners.iter().chain(&truth.speakers[..clips]);
        frames = used.map(Vec::len).min().unwrap_or(0).min(made);
        if frames < made {
            cut.push(format!("reactions of {made} frames are cut to the {frames} of the shortest truth"));
        }
        let longest = truth.listeners.iter().chain(&truth.speakers[..clips]).map(Vec::len).max().unwrap_or(0);
        if longest > frames {
            cut.push(format!(
                "truth of up to {longest} frames is cut to {frames}, the shortest series of all"
            ));
        }
    }
    if samples == 0 || frames == 0 {
        return Err(Fault::new(FaultKind::Empty, "", format!("{samples} samples of {frames} frames"))
            .at("predictions, clip 0")
            .remedy("give every clip at least one reaction of at least one frame"));
    }
    Ok((Size { clips, samples, frames }, cut))
}

/// Refuses truth that cannot be compared with reactions of that size.
pub(super) fn require(truth: &Truth<'_>, size: Size, options: &Options) -> Result<()> {
    for (what, rows) in [("listeners", truth.listeners), ("speakers", &truth.speakers[..size.clips])] {
        for (clip, rows) in rows.iter().enumerate() {
            require_series(&format!("{what}, clip {clip}"), rows, size.frames, options)?;
        }
    }
    for (clip, row) in truth.neighbours[..size.clips].iter().enumerate() {
        if row.is_empty() {
            return Err(mismatch(
                format!("neighbours, row {clip}"),
                "no appropriate reaction is listed",
                "every row needs at least one 1 (the clip's own listener is one); cut the matrix again",
            ));
        }
        if let Some(beyond) = row.iter().find(|row| **row as usize >= truth.listeners.len()) {
            return Err(mismatch(
                format!("neighbours, row {clip}"),
                format!("reaction {beyond} does not exist among {}", truth.listeners.len()),
                "use the neighbour matrix of the same split",
            ));
        }
    }
    Ok(())
}

/// Refuses reactions that cannot be scored.
pub(super) fn require_reactions(
    clip: usize,
    samples: &[Attributes],
    size: Size,
    options: &Options,
) -> Result<()> {
    if samples.len() != size.samples {
        return Err(mismatch(
            format!("predictions, clip {clip}"),
            format!("{} samples, but clip 0 has {}", samples.len(), size.samples),
            "generate the same number of samples for every clip",
        ));
    }
    for (sample, rows) in samples.iter().enumerate() {
        require_series(&format!("predictions, clip {clip}, sample {sample}"), rows, size.frames, options)?;
    }
    Ok(())
}

fn require_series(place: &str, rows: &Attributes, frames: usize, options: &Options) -> Result<()> {
    if rows.len() < frames || (rows.len() != frames && !options.truncate) {
        return Err(mismatch(
            place,
            format!("{} frames, but the first prediction has {frames}", rows.len()),
            "cut all series to their common frames (the labels of REACT 2024 have 750), or ask for it with --truncate",
        ));
    }
    match rows[..frames].iter().position(|row| row.iter().any(|value| !value.is_finite())) {
        Some(frame) => Err(Fault::new(FaultKind::NotFinite, "", "a value is not a number")
            .at(format!("{place}, frame {frame}"))
            .remedy("the official measures are undefined there; repair or leave out the clip")),
        None => Ok(()),
    }
}
