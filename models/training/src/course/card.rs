//! The card beside a checkpoint of a course: what it is, what it learned from, how it was made, what was measured, what it
//! must not be used for.

use std::fmt::Write;

use clips::Result;

use super::{Facts, Numbers, Plan};
use crate::card::{licence, limits, measured};
use crate::clock;
use crate::run::Place;
use crate::validate::Validation;

/// What a card is made of.
pub(crate) struct Card<'a> {
    pub(crate) name: &'a str,
    pub(crate) about: &'a str,
    pub(crate) plan: &'a Plan,
    pub(crate) preset: &'a Plan,
    pub(crate) facts: &'a Facts,
    pub(crate) learned: usize,
    pub(crate) device: String,
    pub(crate) place: &'a Place<Numbers>,
    pub(crate) steps: usize,
    pub(crate) losses: &'a Numbers,
    pub(crate) looked: Option<&'a Numbers>,
    pub(crate) validation: Option<&'a Validation>,
}

/// The command that makes the run again; `CORPUS` and `RUN` stand for folders.
pub(crate) fn command(plan: &Plan, preset: &Plan) -> Result<String> {
    let mut command = format!(
        "backchannel train --system {} --preset {} --corpus CORPUS --run RUN",
        plan.system, plan.preset
    );
    for (key, _, value) in plan.differences(preset)? {
        let value = value.trim_matches('"');
        let quote = if value.contains([' ', '[', '"']) { "'" } else { "" };
        let _ = write!(command, " --set {quote}{key}={value}{quote}");
    }
    Ok(command)
}

/// The card as Markdown.
pub(crate) fn text(card: &Card<'_>) -> Result<String> {
    let Card { name, plan, facts, place, losses, .. } = card;
    let mut out = format!("# {name}\n\n");
    let _ = writeln!(
        out,
        "`{name}.safetensors`: {}: {}, preset {}, {} learned parameters.",
        plan.system, card.about, plan.preset, card.learned
    );
    let _ = writeln!(
        out,
        "\n## Data\nCorpus folder `{}`, fingerprint `{}` (names and features of the training rows).\n{} training rows \
         ({} frames, {}), {} with more than one appropriate answer, {} of them drawn; {} validation rows looked at; {} \
         people left out.",
        facts.corpus,
        facts.fingerprint,
        facts.rows,
        facts.frames,
        clock::duration(facts.frames as f64 / 25.0),
        facts.alternatives,
        facts.drawn,
        facts.validation,
        facts.faults.len()
    );
    for note in &facts.notes {
        let _ = writeln!(out, "**{note}.**");
    }
    let _ = write!(out, "\n## How it was made\n```text\n{}\n```\n", command(plan, card.preset)?);
    let _ = writeln!(
        out,
        "Seed {} for every draw and first weight. Stage {}, step {} of {}{}; {} of training so far, on {}. Program \
         version {}.",
        plan.seed,
        place.stage,
        place.step,
        card.steps,
        match place.skipped {
            0 => String::new(),
            skipped => format!(", {skipped} of them skipped by the guard"),
        },
        clock::duration(place.seconds),
        card.device,
        env!("CARGO_PKG_VERSION"),
    );
    let differences = plan.differences(card.preset)?;
    if differences.is_empty() {
        let _ = writeln!(out, "All settings are those of the preset {}.", plan.preset);
    } else {
        let _ = writeln!(out, "\n| setting | preset {} | here |\n|---|---|---|", plan.preset);
        for (key, usual, own) in differences {
            let _ = writeln!(out, "| {key} | {usual} | {own} |");
        }
    }
    let _ =
        writeln!(out, "\n## What was measured\nMean training losses of the last steps: {}.", words(losses));
    let looked_at =
        if facts.validation == 0 { "training (there is no validation split)" } else { "validation" };
    if let Some(looked) = card.looked {
        let _ = writeln!(out, "On {looked_at} rows: {}.", words(looked));
    }
    match card.validation {
        Some(validation) => out.push_str(&measured(validation, looked_at, "the model")),
        None => out.push_str("The measures of the paper were not taken at this step.\n"),
    }
    let _ = write!(out, "\n## Licence\n{}", licence(facts.synthetic));
    let _ = write!(out, "\n## Limits\n{}", limits(facts.synthetic, name));
    Ok(out)
}

/// `total 1.234, divergence 0.5`, the total first.
pub(crate) fn words(numbers: &Numbers) -> String {
    let total = numbers.iter().filter(|(name, _)| *name == "total");
    let rest = numbers.iter().filter(|(name, _)| *name != "total");
    total.chain(rest).map(|(name, value)| format!("{name} {value:.4}")).collect::<Vec<_>>().join(", ")
}
