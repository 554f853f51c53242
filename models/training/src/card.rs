//! The card beside a checkpoint: what it is, what it learned from, how it was made, what was measured, what it must not
//! be used for. Written by the program, so that no checkpoint is without one.

use std::fmt::Write;

use clips::Result;
use listener::latent_intent::About;

use crate::clock;
use crate::config::{Config, Mode, SystemKind};
use crate::data::Data;
use crate::run::Place;
use crate::save::Known;
use crate::validate::Validation;
use crate::watch::Watch;

/// What a card is made of.
pub(crate) struct Card<'a> {
    pub(crate) name: &'a str,
    pub(crate) config: &'a Config,
    pub(crate) data: &'a Data,
    pub(crate) about: &'a About,
    pub(crate) parameters: usize,
    pub(crate) device: String,
    pub(crate) place: &'a Place,
    pub(crate) averaged: bool,
    pub(crate) known: Known<'a>,
}

/// The command that makes the run again; `CORPUS` and `RUN` stand for folders.
///
/// # Errors
/// When the preset has no known name.
pub fn command(config: &Config) -> Result<String> {
    let system = match config.system {
        SystemKind::LatentIntent => "latent-intent",
        SystemKind::LatentIntentPlain => "latent-intent-plain",
    };
    let mut command =
        format!("backchannel train --system {system} --preset {} --corpus CORPUS --run RUN", config.preset);
    for (key, _, value) in config.differences()?.iter().filter(|(key, ..)| key != "system") {
        let value = value.trim_matches('"');
        let quote = if value.contains([' ', '[', '"']) { "'" } else { "" };
        let _ = write!(command, " --set {quote}{key}={value}{quote}");
    }
    Ok(command)
}

/// The card as Markdown.
///
/// # Errors
/// When the preset has no known name.
pub(crate) fn text(card: &Card<'_>) -> Result<String> {
    let Card { config, data, about, place, known, .. } = card;
    let mut out = format!("# {}\n\n", card.name);
    let _ = writeln!(out, "{}", what(card));
    let _ = write!(out, "\n## Data\n{}", of_data(data));
    let _ = write!(out, "\n## How it was made\n```text\n{}\n```\n", command(config)?);
    let steps = if place.stage == 1 { config.stage1_steps } else { config.stage2_steps };
    let _ = writeln!(
        out,
        "Seed {} for every draw, code books and first weights. Stage {}, step {} of {steps}{}{}; {} of training so \
         far, on {}. Program version {}.",
        config.seed,
        place.stage,
        place.step,
        if place.stage == 2 { format!(" after {} of stage 1", config.stage1_steps) } else { String::new() },
        match place.skipped {
            0 => String::new(),
            skipped => format!(", {skipped} of them skipped by the guard"),
        },
        clock::duration(place.seconds),
        card.device,
        env!("CARGO_PKG_VERSION"),
    );
    let differences = config.differences()?;
    if differences.is_empty() {
        let _ = writeln!(out, "All settings are those of the preset {}.", config.preset);
    } else {
        let _ = writeln!(out, "\n| setting | preset {} | here |\n|---|---|---|", config.preset);
        for (key, usual, own) in differences {
            let _ = writeln!(out, "| {key} | {usual} | {own} |");
        }
    }
    let losses = &known.losses;
    let _ = writeln!(
        out,
        "\n## What was measured\nMean training losses of the last steps: CLG {:.3} nats a frame{}.",
        losses.clg,
        if place.stage == 2 {
            format!(
                ", RM {:.3}, BOW {:.3}, USE {:.3} (weights {}, {}, {}, {})",
                losses.rm,
                losses.bow,
                losses.usage,
                config.weight_likelihood,
                config.weight_matching,
                config.weight_bag,
                config.weight_usage
            )
        } else {
            String::new()
        }
    );
    let looked_at =
        if data.validation.is_empty() { "training (there is no validation split)" } else { "validation" };
    if let Some(watch) = known.watch {
        out.push_str(&watched(watch, about.config.latents, looked_at));
    }
    match known.validation {
        Some(validation) => {
            let latent = if about.config.latents > 0 { "the best ranked latent" } else { "the model" };
            out.push_str(&measured(validation, looked_at, latent));
        }
        None => out.push_str("The measures of the paper were not taken at this step.\n"),
    }
    if !about.signatures.is_empty() {
        out.push_str("\nWhat the latents do, read off the training listeners they are recognised in:\n");
        for (latent, words) in about.signatures.iter().enumerate() {
            let _ = writeln!(out, "- z{}: {words}", latent + 1);
        }
    }
    let _ = write!(out, "\n## Licence\n{}", licence(data.synthetic));
    let _ = write!(out, "\n## Limits\n{}", limits(data.synthetic, card.name));
    Ok(out)
}

fn what(card: &Card<'_>) -> String {
    let Card { config, about, .. } = card;
    let kind = match about.config.latents {
        0 => "the latent-intent model's first stage, without a latent".to_owned(),
        latents => format!("the latent-intent model, {latents} latents"),
    };
    let tracks = match config.mode {
        Mode::Mix => "offline and online",
        Mode::Offline => "offline only",
        Mode::Online => "online only",
    };
    let average = if card.averaged {
        format!("; moving average of the weights (decay {}), not the weights of one step", config.ema)
    } else {
        String::new()
    };
    format!(
        "`{}.safetensors`: {kind}, preset {}, {} parameters, crops of {} frames, {tracks}{average}.",
        card.name, config.preset, card.parameters, config.frames
    )
}

fn of_data(data: &Data) -> String {
    let alternatives = data.train.iter().filter(|row| row.appropriate.len() > 1).count();
    let frames: usize = data.train.iter().map(|row| row.frames).sum();
    let mut out = format!(
        "Corpus folder `{}`, fingerprint `{}` (names, tokens and features of the training rows).\n{} training rows \
         ({} frames, {}), {alternatives} with more than one appropriate answer, {} of them drawn; {} validation rows \
         looked at; {} people left out for broken files.\n",
        data.name,
        data.fingerprint,
        data.train.len(),
        frames,
        clock::duration(frames as f64 / 25.0),
        data.drawn.len(),
        data.validation.len(),
        data.faults.len()
    );
    for note in &data.notes {
        let _ = writeln!(out, "**{note}.**");
    }
    out
}

fn watched(watch: &Watch, latents: usize, looked_at: &str) -> String {
    let mut out = format!("On {looked_at} clips: CLG {:.3}", watch.clg);
    if latents > 0 {
        let _ = write!(
            out,
            ", latents in use {:.1} of {latents}, nats a frame lost by a random latent {:.3}",
            watch.usage, watch.z_gap
        );
    }
    if let Some(nmi) = watch.nmi {
        let _ = write!(out, ", NMI of recognised latent and true intent {nmi:.2}");
    }
    out.push_str(".\n");
    if let Some(warning) = watch.collapse(latents) {
        let _ = writeln!(out, "**Warning: {warning}.**");
    }
    out
}

pub(crate) fn measured(validation: &Validation, looked_at: &str, latent: &str) -> String {
    let mut out = format!(
        "\n{} {looked_at} clips of {} frames, {} samples each of {latent} (sums over samples are sums); enough for a \
         curve, too few for a comparison:\n\n| measure | value | 95 % over clips |\n|---|---|---|\n",
        validation.clips, validation.frames, validation.samples
    );
    for (name, value) in [
        ("FRCorr", Some(validation.FRCorr)),
        ("FRDist", Some(validation.FRDist)),
        ("FRDiv", Some(validation.FRDiv)),
        ("FRVar", validation.FRVar),
        ("FRDvs", validation.FRDvs),
        ("FRSyn", Some(validation.FRSyn)),
        ("FRVar_ratio", validation.FRVar_ratio),
    ] {
        let value = value.map_or_else(|| "undefined".to_owned(), |value| format!("{value:.4}"));
        let interval = validation
            .intervals
            .get(name)
            .map_or_else(String::new, |interval| format!("{:.4} to {:.4}", interval.low, interval.high));
        let _ = writeln!(out, "| {name} | {value} | {interval} |");
    }
    out
}

pub(crate) fn licence(synthetic: bool) -> &'static str {
    if synthetic {
        "Trained on synthetic dyads that the program drew: no recorded person is in it. MIT or Apache-2.0, as the \
         program.\n"
    } else {
        "The weights are bound to the licence and to the consents of the corpus they were trained on (REACT recordings: \
         research only, not to be passed on). Do not publish them before its holders agree.\n"
    }
}

pub(crate) fn limits(synthetic: bool, name: &str) -> String {
    let mut out = if synthetic {
        "It learned from synthetic dyads: invented intents, on faces and voices drawn by a program. It says nothing about \
         people, cultures or languages; do not compare its numbers with published results on recorded corpora.\n"
    } else {
        "It learned from the people and languages of one corpus, and imitates what they did, not what was right.\n"
    }
    .to_owned();
    out.push_str(
        "It reacts to loudness, pitch and facial action; it understands no words. Do not judge, select or imitate a \
         person with it.\nOne run with one seed: another seed gives other numbers.\n",
    );
    if name != "last" && name != "stage-1" && !name.ends_with("-raw") {
        out.push_str("A checkpoint from the middle of training, chosen or kept while the learning rate was still high.\n");
    }
    out
}
