//! What a run writes down besides its lines: checkpoints with their cards, previews, the state. A disk without space
//! costs a checkpoint, not the run: the old file stays, the log says so, and it is tried again a few steps later.

use std::collections::BTreeMap;
use std::io::Write;

use clips::array::{make_folder, write_atomically, write_npy};
use clips::channels::COEFFICIENT_COUNT;
use clips::{Control, Fault, Result, Track};
use listener::LatentIntent;
use listener::latent_intent::network::Network;
use listener::latent_intent::{About, Checkpoint};
use serde_json::Value;

use crate::card::{self, Card};
use crate::keep;
use crate::objective::Losses;
use crate::run::State;
use crate::signature::{prior, signatures};
use crate::trainer::Trainer;
use crate::validate::Validation;
use crate::watch::{Watch, recognise};

/// Training rows that signatures and prior scores are made of: on the way, and at the end of a stage.
const ANSWERS: (usize, usize) = (64, 256);

/// What is known of a checkpoint when it is written.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Known<'a> {
    pub(crate) losses: Losses,
    pub(crate) watch: Option<&'a Watch>,
    pub(crate) validation: Option<&'a Validation>,
}

impl Trainer<'_> {
    /// A system of some weights, to make reactions with.
    pub(crate) fn system(&self, network: &Network, values: &[f32]) -> Result<LatentIntent> {
        let about = self.about(network, BTreeMap::new(), Vec::new())?;
        let prior = vec![0.0; network.config.latents];
        LatentIntent::new(self.checkpoint(about, values, prior), String::new())
    }

    /// Writes a checkpoint of the state (of its moving average where there is one) and its card.
    pub(crate) fn write(
        &self,
        network: &Network,
        state: &State,
        known: &Known<'_>,
        name: &str,
    ) -> Result<()> {
        let finished = name == "last" || name == "stage-1";
        self.write_values(network, state, state.best_values(), known, name, finished)?;
        if finished && state.average.is_some() {
            self.write_values(network, state, &state.values, known, &format!("{name}-raw"), finished)?;
        }
        Ok(())
    }

    fn write_values(
        &self,
        network: &Network,
        state: &State,
        values: &[f32],
        known: &Known<'_>,
        name: &str,
        finished: bool,
    ) -> Result<()> {
        let latents = network.config.latents;
        let rows = self.data.answers(if finished { ANSWERS.1 } else { ANSWERS.0 });
        let (prior, signatures) = if latents > 0 {
            let seen = recognise(network, values, self.data, &rows, Track::Offline)?;
            (prior(&seen, latents), signatures(&rows, &seen, &self.data.books, latents)?)
        } else {
            (Vec::new(), Vec::new())
        };
        let losses = known.losses;
        let mut numbers = BTreeMap::from([
            ("clg".to_owned(), losses.clg),
            ("steps".to_owned(), state.place.step as f64),
            ("total".to_owned(), losses.total),
        ]);
        if latents > 0 {
            for (name, value) in [("rm", losses.rm), ("bow", losses.bow), ("usage", losses.usage)] {
                numbers.insert(name.to_owned(), value);
            }
        }
        let about = self.about(network, numbers, signatures)?;
        let card = Card {
            name,
            config: self.config,
            data: self.data,
            about: &about,
            parameters: network.layout.total(),
            device: self.engine.device(),
            place: &state.place,
            averaged: state.average.is_some() && !name.ends_with("-raw"),
            known: *known,
        };
        let text = card::text(&card)?;
        let bytes = self.checkpoint(about, values, prior).to_bytes()?;
        let path = self.folder.checkpoint(name);
        write_atomically(&path, |writer| writer.write_all(&bytes))?;
        write_atomically(&path.with_extension("md"), |writer| writer.write_all(text.as_bytes()))
    }

    fn about(
        &self,
        network: &Network,
        losses: BTreeMap<String, f64>,
        signatures: Vec<String>,
    ) -> Result<About> {
        let latent = network.config.latents > 0;
        Ok(About {
            system: if latent { "latent-intent" } else { "latent-intent-plain" }.to_owned(),
            config: network.config.clone(),
            corpus: self.data.fingerprint.clone(),
            seed: self.config.seed,
            command: self.config.to_toml()?,
            losses,
            signatures,
        })
    }

    fn checkpoint(&self, about: About, values: &[f32], prior: Vec<f32>) -> Checkpoint {
        Checkpoint {
            about,
            values: values.to_vec(),
            standardisation: self.data.standardisation.clone(),
            books: self.data.books.clone(),
            prior,
            styles: self.config.style.then_some(self.data.styles),
        }
    }

    /// Writes the preview of the state, named by stage and step.
    pub(crate) fn write_preview(&self, network: &Network, state: &State) -> Result<()> {
        let Some(preview) = &self.preview else { return Ok(()) };
        let system = self.system(network, state.best_values())?;
        let values = preview.make(&system, &Control::default())?;
        let folder = self.folder.previews();
        make_folder(&folder)?;
        let latents = network.config.latents.max(1);
        let about = serde_json::json!({
            "clip": preview.clip, "frames": preview.frames(), "latents": latents,
        });
        write_atomically(&folder.join("about.json"), |writer| write!(writer, "{about}"))?;
        let name = keep::name(state.place.stage, state.place.step);
        // write_npy goes through a partial file of its own
        write_npy(
            &folder.join(format!("{name}.npy")),
            &[latents, preview.frames(), COEFFICIENT_COUNT],
            &values,
        )
    }

    /// Measures the validation clips; what cannot be scored is logged, and is no reason to end a run.
    pub(crate) fn validate(
        &self,
        network: &Network,
        state: &State,
        with_intervals: bool,
    ) -> Result<Option<Validation>> {
        let Some(panel) = &self.panel else { return Ok(None) };
        let system = self.system(network, state.best_values())?;
        // Not stopped half-way: a resumed run would lack this validation, and perhaps another checkpoint be the best.
        match panel.measure(&system, with_intervals, &Control::default()) {
            Ok(validation) => Ok(Some(validation)),
            Err(fault) => {
                self.folder.log(&format!("warning: the validation clips cannot be scored: {fault}"));
                Ok(None)
            }
        }
    }

    /// Ends a stage: its checkpoint, its last line, and the state when there is no other stage.
    pub(crate) fn finish(
        &self,
        network: &Network,
        state: &mut State,
        end: &mut crate::stage::End,
    ) -> Result<Option<Validation>> {
        let first = state.place.stage == 1;
        self.reporter.tell(|status| status.message = "measuring and writing the end of the stage".to_owned());
        let validation = self.validate(network, state, true)?;
        let known = Known { losses: end.losses, watch: end.watch.as_ref(), validation: validation.as_ref() };
        let names: &[&str] = match (first, self.alone()) {
            (true, false) => &["stage-1"],
            (true, true) => &["stage-1", "last"],
            (false, _) => &["last"],
        };
        for name in names {
            self.write(network, state, &known, name).map_err(resumable)?;
        }
        self.helm.tolerate(self.write_preview(network, state))?;
        if let Some(line) = &mut end.line {
            if let Some(validation) = &validation {
                line["validation"] = serde_json::to_value(validation).unwrap_or(Value::Null);
            }
            line["checkpoint"] = format!("{}.safetensors", names[names.len() - 1]).into();
            self.folder.metric(line);
        }
        if !first || self.alone() {
            self.folder.save(state)?;
        }
        Ok(validation)
    }
}

/// The checkpoint at the end is what the run was for: without it there is no going on.
pub(crate) fn resumable(fault: Fault) -> Fault {
    let remedy = format!("{}; then go on with --resume: the last saved state is kept", fault.remedy);
    fault.remedy(remedy)
}
