//! The same predictions by the definitions of REACT 2025 and 2026: other names, another scale, no FRDvs.

use std::fmt::Write as _;

use clips::{Attributes, Control};
use measures::Reactions;
use measures::react2025::{Evaluation, Item, Lengths, Options, TARGETS, appropriate_set};

use super::{Args, First, Known};
use crate::output::Output;

/// Scores and prints. All predictions are held in memory.
pub fn run(
    args: &Args,
    reactions: &First,
    known: &Known,
    output: &Output,
    control: &Control,
) -> clips::Result<()> {
    if args.against.is_some() || args.bootstrap > 0 || args.truncate {
        return Err(super::super::bad_request(
            "--against, --bootstrap and --truncate belong to react2024",
            "leave them out with --protocol react2025",
        ));
    }
    if known.neighbours.len() != reactions.clips() || known.speakers.len() != reactions.clips() {
        return Err(clips::Fault::new(
            clips::FaultKind::Mismatch,
            &args.predictions,
            format!("predictions of {} clips for {} speakers", reactions.clips(), known.speakers.len()),
        )
        .remedy("score a prediction against the split it was made for"));
    }
    let made: Vec<Vec<Attributes>> = (0..reactions.clips())
        .map(|clip| {
            control.step("reading reactions", clip as u64, reactions.clips() as u64, "")?;
            Ok(reactions.of_clip(clip)?.into_owned())
        })
        .collect::<clips::Result<_>>()?;
    let mut targets: Vec<Vec<&[[f32; 25]]>> = Vec::with_capacity(made.len());
    for (clip, session) in known.neighbours.iter().enumerate() {
        let rows = appropriate_set(session, clip as u32, TARGETS, args.seed);
        let listener = |row: u32| {
            known.listeners.get(row as usize).map(Vec::as_slice).ok_or_else(|| {
                clips::Fault::new(clips::FaultKind::Mismatch, "", format!("reaction {row} does not exist"))
                    .at(format!("neighbours, row {clip}"))
                    .remedy("use the neighbour matrix of the same split")
            })
        };
        targets.push(rows.into_iter().map(listener).collect::<clips::Result<_>>()?);
    }
    let items: Vec<Item<'_>> = made
        .iter()
        .zip(&targets)
        .zip(known.speakers.iter())
        .map(|((predictions, targets), speaker)| Item { speaker, predictions, targets })
        .collect();
    let lengths = if args.resample { Lengths::Linear } else { Lengths::Refuse };
    let found = Evaluation::of(&items, &Options { lengths, ..Options::default() }, control)?;
    found.warnings.iter().for_each(|warning| output.warn(warning));
    let mut text = format!("REACT 2025: {} clips x {} predictions\n", found.clips, found.predictions);
    for (name, better, value) in [
        ("FRC", "higher", Some(found.FRC)),
        ("FRD", "lower", Some(found.FRD)),
        ("TLCC", "lower", Some(found.TLCC)),
        ("FRDiv", "higher", found.FRDiv),
        ("FRVar", "higher", found.FRVar),
        ("MAE", "lower", Some(found.MAE)),
        ("constant_share", "", Some(found.constant_share)),
    ] {
        let value = value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.6}"));
        let _ = writeln!(text, "{name:<18} {value:>14}  {better}"); // writing to a String cannot fail
    }
    output.result(&found, text)
}
