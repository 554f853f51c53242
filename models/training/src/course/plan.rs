//! Settings of a course: one type for the file in the run folder and `--set key=value`. What is a system's own lies in the
//! tables `network` and `losses` and is checked by it; `--set network.width=64` reaches into them.

use std::path::Path;

use clips::{Fault, FaultKind, Result};
use serde::{Deserialize, Serialize};

use crate::config::{value_of, what_it_takes};
use crate::optimiser::{Decay, Rule, rate};

/// How the learning rate changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Linear warm-up, then a cosine down to `final_rate` of the peak.
    Cosine,
    /// From epoch `milestone` on it is `gamma` times as high.
    Milestone,
    /// rate * min(n^-1/2, n warmup^-3/2) in step n, from 1: the rate of Attention Is All You Need without its width.
    Noam,
}

/// Settings of a run. Unknown keys are errors.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// What is trained.
    pub system: String,
    /// Preset the other values started from; says so in the run folder, changes nothing.
    pub preset: String,
    /// Seed of every draw.
    pub seed: u64,

    /// Frames of a training crop, at most; systems of fixed windows have them in `network`.
    pub frames: usize,
    /// Items of a batch.
    pub batch: usize,
    /// Learn from rows that have an alternative answer only (where there are any). In a synthetic corpus these are the
    /// rows whose speaker speaks.
    pub alternatives_only: bool,
    /// Steps of the first stage; 0 to count `stage1_epochs`.
    pub stage1_steps: usize,
    /// Passes over the rows in the first stage, where its steps are 0.
    pub stage1_epochs: f64,
    /// Learning rate of the first stage.
    pub stage1_rate: f64,
    /// Steps of the second stage, for systems that have one; 0 to count `stage2_epochs`.
    pub stage2_steps: usize,
    /// Passes over the rows in the second stage, where its steps are 0.
    pub stage2_epochs: f64,
    /// Learning rate of the second stage.
    pub stage2_rate: f64,
    /// How the rate changes within a stage.
    pub schedule: Schedule,
    /// Steps of warm-up (cosine, noam).
    pub warmup: usize,
    /// Last share of the rate (cosine).
    pub final_rate: f64,
    /// Epoch from which the rate is lower (milestone).
    pub milestone: f64,
    /// By this factor.
    pub gamma: f64,
    /// Weight decay of everything that is learned.
    pub decay: f64,
    /// How it acts: decoupled (AdamW) or l2 (Adam).
    pub decay_kind: Decay,
    /// Decay rates of the optimiser's two moments.
    pub betas: [f64; 2],
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Largest global norm of the gradient; 0 leaves it as it is.
    pub clip: f64,

    /// Threads that compute a step; 0 for all. Small networks are slowed down by more than one. The result is the same.
    pub threads: usize,

    /// Steps between two looks at the validation rows.
    pub watch_every: usize,
    /// Validation rows that are looked at.
    pub watch_clips: usize,
    /// Steps between two saved states and checkpoints.
    pub save_every: usize,
    /// Checkpoints of the last saved steps that are kept; 0 writes none of them.
    pub keep: usize,
    /// Steps between two validations with the measures of the paper; 0 for one at the end.
    pub validate_every: usize,
    /// Clips of a validation; 0 for none, not even at the end.
    pub validate_clips: usize,
    /// Reactions that are drawn for each clip of a validation.
    pub validate_samples: usize,
    /// A step is skipped when its loss is above the median of the last 50 by this many median deviations; 0 for never.
    pub spike: f64,
    /// More skipped steps than these in a row end the run.
    pub most_skips: usize,
    /// A stage ends after this many looks without a lower validation loss; 0 for never.
    pub patience: usize,

    /// Sizes and options of the network.
    pub network: toml::Table,
    /// Weights of the losses and what else training alone knows.
    pub losses: toml::Table,
}

impl Plan {
    /// What every plan starts from; `system` and `preset` are names, the network is empty.
    pub fn usual(system: &str, preset: &str) -> Self {
        Self {
            system: system.to_owned(),
            preset: preset.to_owned(),
            seed: 1,
            frames: 256,
            batch: 16,
            alternatives_only: true,
            stage1_steps: 0,
            stage1_epochs: 50.0,
            stage1_rate: 1e-3,
            stage2_steps: 0,
            stage2_epochs: 0.0,
            stage2_rate: 1e-3,
            schedule: Schedule::Constant,
            warmup: 0,
            final_rate: 0.05,
            milestone: 9.0,
            gamma: 0.1,
            decay: 5e-4,
            decay_kind: Decay::Decoupled,
            betas: [0.9, 0.999],
            epsilon: 1e-8,
            clip: 0.0,
            threads: 0,
            watch_every: 50,
            watch_clips: 48,
            save_every: 100,
            keep: 3,
            validate_every: 0,
            validate_clips: 12,
            validate_samples: 10,
            spike: 0.0,
            most_skips: 5,
            patience: 0,
            network: toml::Table::new(),
            losses: toml::Table::new(),
        }
    }

    /// Steps of a stage on so many drawn rows.
    pub fn steps(&self, stage: u64, rows: usize) -> usize {
        let (steps, epochs) = match stage {
            1 => (self.stage1_steps, self.stage1_epochs),
            _ => (self.stage2_steps, self.stage2_epochs),
        };
        if steps > 0 { steps } else { (epochs * rows as f64 / self.batch as f64).ceil().max(1.0) as usize }
    }

    /// The optimiser's rule in step `step` (from 0) of `steps`, `epoch` passes into the stage.
    pub(crate) fn rule(&self, stage: u64, step: usize, steps: usize, epoch: f64) -> Rule {
        let peak = if stage == 1 { self.stage1_rate } else { self.stage2_rate };
        let number = (step + 1) as f64;
        let rate = match self.schedule {
            Schedule::Constant => peak,
            Schedule::Cosine => rate(step, steps, self.warmup, peak, self.final_rate),
            Schedule::Milestone if epoch >= self.milestone => peak * self.gamma,
            Schedule::Milestone => peak,
            Schedule::Noam => {
                let warmup = self.warmup.max(1) as f64;
                peak * number.powf(-0.5).min(number * warmup.powf(-1.5))
            }
        };
        let betas = (self.betas[0], self.betas[1]);
        Rule { rate, decay: self.decay, kind: self.decay_kind, betas, epsilon: self.epsilon }
    }

    /// Refuses what cannot be trained, as far as it is common to all.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] naming the setting.
    pub fn check(&self) -> Result<()> {
        let bad = |detail: &str| Err(Fault::new(FaultKind::BadRequest, "", detail.to_owned()));
        let positive = [self.stage1_rate, self.stage2_rate, self.epsilon, self.gamma];
        if positive.iter().any(|value| !value.is_finite() || *value <= 0.0) {
            return bad("learning rates, gamma and epsilon are positive numbers");
        }
        let epochs = [self.stage1_epochs, self.stage2_epochs];
        if epochs.iter().any(|epochs| !(0.0..=1e6).contains(epochs)) {
            return bad("epochs are 0 to 1000000");
        }
        if self.stage1_steps > 100_000_000 || self.stage2_steps > 100_000_000 {
            return bad("a stage has at most 100000000 steps");
        }
        let shares = [self.final_rate, self.betas[0], self.betas[1]];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) || self.betas.contains(&1.0) {
            return bad("final_rate lies in 0..1, betas below 1");
        }
        let least = [self.decay, self.clip, self.spike, self.milestone];
        if least.iter().any(|value| !value.is_finite() || *value < 0.0) {
            return bad("decay, clip, spike and milestone are numbers of at least 0");
        }
        let one = [self.frames, self.batch, self.watch_every, self.watch_clips, self.save_every];
        if one.contains(&0) || self.batch > 4096 || self.frames > 45_000 || self.watch_clips > 10_000 {
            return bad(
                "frames (at most 45000), batch (at most 4096), watch_clips (at most 10000), watch_every and \
                 save_every are at least 1",
            );
        }
        if self.threads > 1024 {
            return bad("threads is at most 1024, or 0 for all");
        }
        if !(1..=100).contains(&self.validate_samples) || self.validate_clips > 10_000 {
            return bad("validate_samples is 1 to 100, validate_clips at most 10000");
        }
        Ok(())
    }

    /// This plan with `key=value` applied; a key may reach into a table: `network.width=64`. Values are written as in
    /// TOML, bare words are text. What is the system's own is checked by it afterwards.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] for an unknown key or a value of the wrong kind.
    pub fn with(&self, assignment: &str) -> Result<Self> {
        let bad =
            |detail: String| Fault::new(FaultKind::BadRequest, "", detail).at(format!("--set {assignment}"));
        let (key, text) = assignment
            .split_once('=')
            .ok_or_else(|| bad("there is no =".to_owned()).remedy("write --set key=value"))?;
        let (key, text) = (key.trim(), text.trim());
        let mut whole = toml::Table::try_from(self).map_err(|error| bad(error.to_string()))?;
        let mut path: Vec<&str> = key.split('.').collect();
        let last = path.pop().unwrap_or(key);
        let mut table = &mut whole;
        for part in &path {
            table = match table.get_mut(*part) {
                Some(toml::Value::Table(inner)) => inner,
                _ => return Err(bad(format!("there are no settings below {part}")).remedy(known(self))),
            };
        }
        // The tables' own keys may be absent because they are off; their system knows them.
        if path.is_empty() && !table.contains_key(last) {
            return Err(bad(format!("there is no setting {key}")).remedy(known(self)));
        }
        if matches!(table.get(last), Some(toml::Value::Table(_))) {
            return Err(
                bad(format!("{key} is a table")).remedy(format!("set one of its keys: {key}.KEY=VALUE"))
            );
        }
        let before = table.get(last).cloned();
        table.insert(last.to_owned(), value_of(text, before.as_ref()));
        whole.try_into().map_err(|error: toml::de::Error| {
            bad(match &before {
                Some(before) => what_it_takes(key, before, text, error.message()),
                None => error.message().to_owned(),
            })
        })
    }

    /// Reads the text of a config file; the system's own part is checked by it.
    ///
    /// # Errors
    /// Unknown keys, missing keys, impossible values.
    pub fn from_toml(path: &Path, text: &str) -> Result<Self> {
        let plan: Self = toml::from_str(text).map_err(|error| {
            Fault::new(FaultKind::Malformed, path, error.to_string()).remedy("correct or remove the setting")
        })?;
        plan.check()?;
        Ok(plan)
    }

    /// The text of a config file.
    ///
    /// # Errors
    /// Never for a checked plan.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|error| Fault::new(FaultKind::Internal, "", error.to_string()))
    }

    /// Settings that differ from those of `preset`: key (with its table), value of the preset, own value, as in TOML.
    ///
    /// # Errors
    /// Never for checked plans.
    pub fn differences(&self, preset: &Self) -> Result<Vec<(String, String, String)>> {
        let flat = |plan: &Self| -> Result<Vec<(String, String)>> {
            let table = toml::Table::try_from(plan)
                .map_err(|error| Fault::new(FaultKind::Internal, "", error.to_string()))?;
            let mut flat = Vec::new();
            flatten("", &table, &mut flat);
            Ok(flat)
        };
        let (usual, own) = (flat(preset)?, flat(self)?);
        let value_in = |all: &[(String, String)], key: &str| {
            let found = all.iter().find(|(known, _)| known == key);
            found.map_or_else(|| "off".to_owned(), |(_, value)| value.clone())
        };
        let mut keys: Vec<&String> = usual.iter().chain(&own).map(|(key, _)| key).collect();
        keys.sort();
        keys.dedup();
        Ok(keys
            .into_iter()
            .map(|key| (key.clone(), value_in(&usual, key), value_in(&own, key)))
            .filter(|(_, usual, own)| usual != own)
            .collect())
    }
}

fn flatten(prefix: &str, table: &toml::Table, into: &mut Vec<(String, String)>) {
    into.extend(flat(table).into_iter().map(|(key, value)| (format!("{prefix}{key}"), value.to_string())));
}

/// A table of settings with the keys of inner tables written as in `--set`: `network.width`.
pub fn flat(table: &toml::Table) -> toml::Table {
    let mut all = toml::Table::new();
    for (key, value) in table {
        match value {
            toml::Value::Table(inner) => {
                all.extend(flat(inner).into_iter().map(|(below, value)| (format!("{key}.{below}"), value)));
            }
            value => drop(all.insert(key.clone(), value.clone())),
        }
    }
    all
}

/// All settings by name, for whoever mistyped one.
fn known(plan: &Plan) -> String {
    let mut flat = Vec::new();
    if let Ok(table) = toml::Table::try_from(plan) {
        flatten("", &table, &mut flat);
    }
    let keys: Vec<String> = flat.into_iter().map(|(key, _)| key).collect();
    format!("settings are {}", keys.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> Plan {
        let mut plan = Plan::usual("x", "small");
        plan.network.insert("width".to_owned(), 32.into());
        let inner: toml::Table = toml::from_str("depth = 2\nrate = 0.5").unwrap();
        plan.network.insert("inner".to_owned(), inner.into());
        plan
    }

    #[test]
    fn settings_are_set_by_name_also_within_tables() {
        let plan = plan();
        let changed = plan.with("batch=4").unwrap().with("network.inner.rate=1").unwrap();
        assert_eq!((changed.batch, changed.network["inner"]["rate"].as_float()), (4, Some(1.0)));
        let changed = changed.with("schedule = noam").unwrap();
        assert_eq!(changed.schedule, Schedule::Noam);
        for wrong in
            ["batches=4", "batch=many", "batch", "network=3", "net.width=3", "network.inner.deep.x=1"]
        {
            assert!(plan.with(wrong).is_err(), "{wrong}");
        }
        assert!(plan.with("batches=4").unwrap_err().remedy.contains("network.inner.depth"));
        let text = changed.to_toml().unwrap();
        assert_eq!(Plan::from_toml("c".as_ref(), &text).unwrap(), changed);
        assert!(Plan::from_toml("c".as_ref(), &format!("speed = 1\n{text}")).is_err());
        let differences = changed.differences(&plan).unwrap();
        let keys: Vec<&str> = differences.iter().map(|(key, ..)| key.as_str()).collect();
        assert_eq!(keys, ["batch", "network.inner.rate", "schedule"]);
    }

    #[test]
    fn rates_are_those_of_their_schedules() {
        let of = |schedule, step, epoch| {
            let plan = Plan { schedule, warmup: 100, stage1_rate: 1e-2, ..plan() };
            plan.rule(1, step, 1000, epoch).rate
        };
        assert_eq!(of(Schedule::Constant, 500, 20.0), 1e-2);
        assert_eq!((of(Schedule::Milestone, 0, 8.9), of(Schedule::Milestone, 0, 9.0)), (1e-2, 1e-3));
        // by hand: 1e-2 / sqrt(100) at the end of the warm-up, half of it half-way
        assert!((of(Schedule::Noam, 99, 0.0) - 1e-3).abs() < 1e-12);
        assert!((of(Schedule::Noam, 49, 0.0) - 5e-4).abs() < 1e-12);
        assert!((of(Schedule::Noam, 399, 0.0) - 5e-4).abs() < 1e-12);
        assert!((of(Schedule::Cosine, 1000, 0.0) - 5e-4).abs() < 1e-12);
    }

    #[test]
    fn steps_are_counted_or_given() {
        let plan = Plan { stage1_epochs: 2.5, stage2_steps: 7, batch: 4, ..plan() };
        assert_eq!((plan.steps(1, 10), plan.steps(2, 10)), (7, 7));
        assert_eq!(Plan { batch: 3, ..plan }.steps(1, 10), 9);
        assert!(Plan { batch: 0, ..self::plan() }.check().is_err());
        assert!(Plan { betas: [0.9, 1.0], ..self::plan() }.check().is_err());
    }
}
