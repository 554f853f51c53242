//! Settings of a run: one flat type for the file in the run folder, `--set key=value` and the form of the studio.

use clips::{Fault, FaultKind, Result};
use listener::latent_intent::{self, Attention, LatentPlace};
use serde::{Deserialize, Serialize};

use crate::engine::Precision;
use crate::objective::BagFrom;

/// Which system a run trains.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SystemKind {
    /// Both stages: K latents, ranking.
    LatentIntent,
    /// The first stage alone: no latent, no ranking.
    LatentIntentPlain,
}

/// Which tracks a batch may be on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// Offline or online, drawn for every batch.
    Mix,
    /// Always offline.
    Offline,
    /// Always online.
    Online,
}

/// What decides which checkpoint is the best one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum BestBy {
    /// Lowest watched likelihood loss.
    #[serde(rename = "clg")]
    Likelihood,
    /// Highest appropriateness by concordance.
    #[serde(rename = "FRCorr")]
    Corr,
    /// Lowest distance to appropriate reactions.
    #[serde(rename = "FRDist")]
    Dist,
    /// Highest diversity among the samples of a clip.
    #[serde(rename = "FRDiv")]
    Div,
    /// Highest diversity among clips.
    #[serde(rename = "FRDvs")]
    Dvs,
    /// Movement nearest to that of real listeners.
    #[serde(rename = "FRVar_ratio")]
    VarRatio,
}

/// Settings of a run. Unknown keys are errors; a missing one (a file of an older version) is that of the tiny preset,
/// where everything that came later is off.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    /// What is trained.
    pub system: SystemKind,
    /// Preset the other values started from; says so in the run folder, changes nothing.
    pub preset: String,
    /// Seed of every draw.
    pub seed: u64,

    /// Model width.
    pub width: usize,
    /// Query and key width.
    pub key_width: usize,
    /// Values of the latent intent.
    pub latents: usize,
    /// Gated attention units of the encoder.
    pub encoder_units: usize,
    /// Decoder layers.
    pub decoder_layers: usize,
    /// Kind of attention.
    pub attention: Attention,
    /// Widths of the token embeddings (m3d, au, va, ex).
    pub token_widths: [usize; 4],
    /// Widths of the projected feature groups (au, va, ex, m3d, mfcc, w2v).
    pub feature_widths: [usize; 6],
    /// Centres of the coefficient code book.
    pub book_m3d: usize,
    /// Cells of each axis of a finite scalar quantiser that takes the place of that book; none for k-means.
    #[serde(default)]
    pub book_m3d_levels: Vec<usize>,
    /// Centres of the expression code book.
    pub book_ex: usize,

    /// Frames of a training crop.
    pub frames: usize,
    /// Clips of a batch.
    pub batch: usize,
    /// Steps of the first stage.
    pub stage1_steps: usize,
    /// Steps of the second stage.
    pub stage2_steps: usize,
    /// Peak learning rate of the first stage.
    pub stage1_rate: f64,
    /// Peak learning rate of the second stage.
    pub stage2_rate: f64,
    /// Steps of linear warm-up in each stage.
    pub warmup: usize,
    /// The learning rate ends at this share of its peak.
    pub final_rate: f64,
    /// Weight decay of matrices.
    pub decay: f64,
    /// Largest global norm of the gradient.
    pub clip: f64,
    /// What matrix products are computed in: f32, or bf16 on a device that can.
    pub precision: Precision,
    /// Tracks of the batches.
    pub mode: Mode,

    /// Weight of the conditional likelihood.
    pub weight_likelihood: f64,
    /// Weight of reaction matching.
    pub weight_matching: f64,
    /// Weight of the bag of words.
    pub weight_bag: f64,
    /// Weight of the usage bonus that keeps latents from dying out.
    pub weight_usage: f64,
    /// Weight of the margin by which another latent should make a reaction less likely.
    pub weight_margin: f64,
    /// That margin, nats per frame.
    pub margin: f64,
    /// Weight of the velocity loss: how far coefficients should go from frame to frame, and how far they are expected to.
    #[serde(default)]
    pub weight_velocity: f64,
    /// Gains and offsets of queries and keys start from a normal draw of this deviation; 0 for ones and zeros.
    #[serde(default)]
    pub gain_deviation: f64,
    /// Where the bag of words is read: generation or recognition.
    pub bag_from: BagFrom,
    /// Slots that hear of the latent: every or first.
    pub latent_place: LatentPlace,
    /// The streams of a frame are drawn one after the other, each head hearing what those before it said.
    #[serde(default)]
    pub chain_heads: bool,
    /// The network hears how the one who reacts usually listens: five numbers of his other clips.
    #[serde(default)]
    pub style: bool,
    /// Share of clips whose listener is taken for an average person.
    #[serde(default = "usual_drop_style")]
    pub drop_style: f64,
    /// Share of clips whose negative is an appropriate reaction at the wrong time, shifted by 2 to 6 seconds; teaches
    /// matching to listen for synchrony.
    #[serde(default)]
    pub shifted_negatives: f64,
    /// Temperature of the Gumbel-softmax at the beginning of stage two.
    pub gumbel_temperature: f64,
    /// Temperature at its end; in between on a straight line.
    pub gumbel_final: f64,
    /// Use the hard choice forward and the soft one backward.
    pub straight_through: bool,
    /// Share of clips generated without a latent; makes guidance possible.
    pub latent_dropout: f64,
    /// Share of clips whose history is corrupted at a random rate.
    pub history_random: f64,
    /// The highest such rate.
    pub history_rate: f64,
    /// Share of clips whose history is hidden altogether.
    pub history_hidden: f64,
    /// Share of clips without wav2vec2 states.
    pub drop_w2v: f64,
    /// Share of clips without cepstra.
    pub drop_mfcc: f64,
    /// Share of clips without coefficients.
    pub drop_m3d: f64,
    /// Share of clips without any face, so that sound alone works.
    pub drop_face: f64,
    /// Positives are the true listener only, not the neighbours.
    pub true_pairs_only: bool,
    /// Learn from rows that have an alternative answer only (where there are any). In a synthetic corpus these are the
    /// rows whose speaker speaks; rows with only themselves teach one-to-one.
    pub alternatives_only: bool,

    /// Steps between two looks at the validation clips.
    pub watch_every: usize,
    /// Steps between two saved states and checkpoints.
    pub save_every: usize,
    /// Checkpoints of the last saved steps that are kept; 0 writes none of them (the state is saved all the same).
    pub keep: usize,
    /// What decides which checkpoint is the best one.
    pub best_by: BestBy,
    /// Steps between two validations with the measures of the paper; 0 for one at the end of each stage.
    pub validate_every: usize,
    /// Clips of a validation; 0 for none, not even at the end.
    pub validate_clips: usize,
    /// Reactions that are drawn for each clip of a validation, from its best latent.
    pub validate_samples: usize,
    /// Decay of the moving average of the weights; 0 for none. Checkpoints hold the average where there is one.
    pub ema: f64,
    /// Share of values dropped from tokens and residual branches.
    pub dropout: f64,
    /// A step is skipped when its loss is above the median of the last 50 by this many median deviations; 0 for never.
    pub spike: f64,
    /// More skipped steps than these in a row end the run.
    pub most_skips: usize,
    /// A stage ends after this many looks at `best_by` without a better one; 0 for never.
    pub patience: usize,
}

impl Config {
    /// Two CPU cores, minutes.
    pub fn tiny() -> Self {
        let sizes = latent_intent::Config::tiny([1; 4]);
        Self {
            system: SystemKind::LatentIntent,
            preset: "tiny".to_owned(),
            seed: 1,
            width: sizes.width,
            key_width: sizes.key_width,
            latents: sizes.latents,
            encoder_units: sizes.encoder_units,
            decoder_layers: sizes.decoder_layers,
            attention: Attention::Softmax,
            token_widths: sizes.token_widths,
            feature_widths: sizes.feature_widths,
            book_m3d: 64,
            book_m3d_levels: Vec::new(),
            book_ex: 32,
            frames: sizes.training_frames,
            batch: 16,
            stage1_steps: 300,
            stage2_steps: 1_200,
            stage1_rate: 2e-3,
            stage2_rate: 1.4e-3,
            warmup: 30,
            final_rate: 0.05,
            decay: 0.01,
            clip: 1.0,
            precision: Precision::F32,
            mode: Mode::Mix,
            weight_likelihood: 1.0,
            weight_matching: 0.5,
            weight_bag: 1.0,
            weight_usage: 0.5,
            weight_margin: 0.0,
            margin: 0.1,
            weight_velocity: 0.0,
            gain_deviation: 0.0,
            bag_from: BagFrom::Generation,
            latent_place: LatentPlace::Every,
            chain_heads: false,
            style: false,
            drop_style: usual_drop_style(),
            shifted_negatives: 0.0,
            gumbel_temperature: 0.67,
            gumbel_final: 0.67,
            straight_through: false,
            latent_dropout: 0.1,
            history_random: 0.25,
            history_rate: 1.0,
            history_hidden: 0.25,
            drop_w2v: 0.3,
            drop_mfcc: 0.1,
            drop_m3d: 0.1,
            drop_face: 0.05,
            true_pairs_only: false,
            alternatives_only: true,
            watch_every: 50,
            save_every: 100,
            keep: 3,
            best_by: BestBy::Likelihood,
            validate_every: 0,
            validate_clips: 12,
            validate_samples: 10,
            ema: 0.0,
            dropout: 0.0,
            spike: 0.0,
            most_skips: 5,
            patience: 0,
        }
    }

    /// A preset by name: tiny, small or base.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] for another name.
    pub fn preset(name: &str) -> Result<Self> {
        let sized = |sizes: latent_intent::Config| Self {
            preset: name.to_owned(),
            width: sizes.width,
            key_width: sizes.key_width,
            latents: sizes.latents,
            encoder_units: sizes.encoder_units,
            decoder_layers: sizes.decoder_layers,
            token_widths: sizes.token_widths,
            feature_widths: sizes.feature_widths,
            frames: sizes.training_frames,
            ..Self::tiny()
        };
        match name {
            "tiny" => Ok(Self::tiny()),
            "small" => Ok(Self {
                book_m3d: 512,
                book_ex: 256,
                stage1_steps: 3_000,
                stage2_steps: 6_000,
                stage1_rate: 6e-4,
                stage2_rate: 4e-4,
                warmup: 200,
                save_every: 250,
                validate_every: 500,
                spike: 10.0,
                dropout: 0.1,
                ..sized(latent_intent::Config::small([1; 4]))
            }),
            "base" => Ok(Self {
                book_m3d: 2048,
                book_ex: 1024,
                batch: 32,
                stage1_steps: 15_000,
                stage2_steps: 30_000,
                stage1_rate: 3e-4,
                stage2_rate: 1.5e-4,
                warmup: 1_000,
                final_rate: 0.005,
                watch_every: 250,
                save_every: 500,
                validate_every: 500,
                ema: 0.999,
                spike: 10.0,
                dropout: 0.1,
                ..sized(latent_intent::Config::base([1; 4]))
            }),
            other => Err(Fault::new(FaultKind::BadRequest, "", format!("there is no preset {other}"))
                .remedy("choose tiny, small or base")),
        }
    }

    /// Applies one `key=value`; values are written as in TOML, bare words are text.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] for an unknown key or a value of the wrong kind.
    pub fn set(&mut self, assignment: &str) -> Result<()> {
        self.set_all(&[assignment])
    }

    /// Applies several `key=value` at once: only what comes out in the end must fit together (widths do).
    ///
    /// # Errors
    /// As [`Config::set`]; nothing is changed then.
    pub fn set_all<S: AsRef<str>>(&mut self, assignments: &[S]) -> Result<()> {
        let mut changed = self.clone();
        for assignment in assignments {
            changed.assign(assignment.as_ref())?;
        }
        changed.check().map_err(|fault| {
            let all: Vec<&str> = assignments.iter().map(AsRef::as_ref).collect();
            fault.at(format!("--set {}", all.join(" --set ")))
        })?;
        *self = changed;
        Ok(())
    }

    fn assign(&mut self, assignment: &str) -> Result<()> {
        let bad =
            |detail: String| Fault::new(FaultKind::BadRequest, "", detail).at(format!("--set {assignment}"));
        let (key, text) = assignment
            .split_once('=')
            .ok_or_else(|| bad("there is no =".to_owned()).remedy("write --set key=value"))?;
        let (key, text) = (key.trim(), text.trim());
        let mut table = toml::Table::try_from(&*self).map_err(|error| bad(error.to_string()))?;
        let known = table.get(key).cloned().ok_or_else(|| {
            let near = |known: &&String| strsim::jaro_winkler(known, key) > 0.8;
            let near: Vec<&str> = table.keys().filter(near).map(String::as_str).collect();
            let keys = table.keys().cloned().collect::<Vec<_>>().join(", ");
            bad(format!("there is no setting {key}")).remedy(if near.is_empty() {
                format!("settings are {keys}")
            } else {
                format!("did you mean {}?", near.join(" or "))
            })
        })?;
        table.insert(key.to_owned(), value_of(text, Some(&known)));
        *self = table
            .try_into()
            .map_err(|error: toml::de::Error| bad(what_it_takes(key, &known, text, error.message())))?;
        Ok(())
    }

    /// Settings that differ from the preset this one started from: key, value of the preset, own value, as in TOML.
    ///
    /// # Errors
    /// When the preset has another name than the three.
    pub fn differences(&self) -> Result<Vec<(String, String, String)>> {
        let internal = |error: toml::ser::Error| Fault::new(FaultKind::Internal, "", error.to_string());
        let preset = toml::Table::try_from(Self::preset(&self.preset)?).map_err(internal)?;
        let own = toml::Table::try_from(self).map_err(internal)?;
        Ok(own
            .into_iter()
            .filter_map(|(key, value)| {
                let usual = preset.get(&key)?;
                (*usual != value).then(|| (key, usual.to_string(), value.to_string()))
            })
            .collect())
    }

    /// Reads the text of a config file.
    ///
    /// # Errors
    /// Unknown keys, missing keys, impossible values.
    pub fn from_toml(path: &std::path::Path, text: &str) -> Result<Self> {
        let config: Self = toml::from_str(text).map_err(|error| {
            Fault::new(FaultKind::Malformed, path, error.to_string()).remedy("correct or remove the setting")
        })?;
        config.check()?;
        Ok(config)
    }

    /// The text of a config file.
    ///
    /// # Errors
    /// Never for a checked config.
    pub fn to_toml(&self) -> Result<String> {
        toml::to_string_pretty(self).map_err(|error| Fault::new(FaultKind::Internal, "", error.to_string()))
    }

    /// Sizes of the network for code books of these sizes.
    pub fn network(&self, vocabulary: [usize; 4]) -> latent_intent::Config {
        latent_intent::Config {
            width: self.width,
            key_width: self.key_width,
            latents: self.latents,
            encoder_units: self.encoder_units,
            decoder_layers: self.decoder_layers,
            attention: self.attention,
            latent_place: self.latent_place,
            chain_heads: self.chain_heads,
            style: self.style,
            training_frames: self.frames,
            token_widths: self.token_widths,
            feature_widths: self.feature_widths,
            ..latent_intent::Config::tiny(vocabulary)
        }
    }

    /// Refuses settings that cannot be trained.
    ///
    /// # Errors
    /// [`FaultKind::BadRequest`] naming the setting.
    pub fn check(&self) -> Result<()> {
        let bad = |detail: &str| Err(Fault::new(FaultKind::BadRequest, "", detail.to_owned()));
        let shares = [
            self.latent_dropout,
            self.history_random + self.history_hidden,
            self.drop_w2v,
            self.drop_mfcc,
            self.drop_m3d,
            self.drop_face,
            self.drop_style,
            self.final_rate,
            self.history_rate,
            self.dropout,
            self.ema,
        ];
        if shares.iter().any(|share| !(0.0..=1.0).contains(share)) {
            return bad("shares (dropouts, history, history_rate, final_rate, ema) lie in 0..1");
        }
        let positive =
            [self.stage1_rate, self.stage2_rate, self.gumbel_temperature, self.gumbel_final, self.clip];
        if positive.iter().any(|value| !value.is_finite() || *value <= 0.0) {
            return bad("learning rates, gumbel temperatures and clip are positive numbers");
        }
        let weights = [
            self.weight_likelihood,
            self.weight_matching,
            self.weight_bag,
            self.weight_usage,
            self.weight_margin,
            self.weight_velocity,
        ];
        if weights.iter().any(|weight| !weight.is_finite() || *weight < 0.0) {
            return bad("weights of the losses are 0 or more");
        }
        if self.batch == 0 || self.batch > 4096 || self.watch_every == 0 || self.save_every == 0 {
            return bad("batch (at most 4096), watch_every and save_every are at least 1");
        }
        if self.dropout > 0.9 || self.ema >= 1.0 {
            return bad("dropout is at most 0.9, ema less than 1");
        }
        if !(0.0..=1.0).contains(&self.shifted_negatives) {
            return bad("shifted_negatives is a share in 0..1");
        }
        if !(0.0..=1.0).contains(&self.gain_deviation) {
            return bad("gain_deviation is a deviation up to 1, or 0 for ones and zeros");
        }
        if !self.spike.is_finite() || self.spike < 0.0 {
            return bad("spike is a number of deviations, or 0");
        }
        if !(1..=100).contains(&self.validate_samples) || self.validate_clips > 10_000 {
            return bad("validate_samples is 1 to 100, validate_clips at most 10000");
        }
        if self.best_by != BestBy::Likelihood && (self.validate_every == 0 || self.validate_clips < 2) {
            return bad(
                "best_by a measure needs validate_every of at least 1 and validate_clips of at least 2",
            );
        }
        if self.latents < 2 && self.system == SystemKind::LatentIntent {
            return bad("latents must be at least 2");
        }
        if !(1..=8192).contains(&self.book_m3d) || !(1..=8192).contains(&self.book_ex) {
            return bad("code books have 1 to 8192 centres");
        }
        if !self.book_m3d_levels.is_empty() {
            tokens::fsq::check(&self.book_m3d_levels)?;
        }
        self.network([1; 4]).check()
    }
}

fn usual_drop_style() -> f64 {
    0.2
}

impl Default for Config {
    fn default() -> Self {
        Self::tiny()
    }
}

/// A value as people type it: as in TOML, bare words are text, and 1 is a fine way to write 1.0 where `known` is one.
pub(crate) fn value_of(text: &str, known: Option<&toml::Value>) -> toml::Value {
    let value = toml::from_str::<toml::Table>(&format!("x = {text}"))
        .ok()
        .and_then(|mut table| table.remove("x"))
        .unwrap_or_else(|| toml::Value::String(text.to_owned()));
    match (known, value) {
        (Some(toml::Value::Float(_)), toml::Value::Integer(whole)) => toml::Value::Float(whole as f64),
        (_, value) => value,
    }
}

/// What is wrong with a value, in words of the setting: `said` is what the parser says, in words of types.
pub(crate) fn what_it_takes(key: &str, known: &toml::Value, text: &str, said: &str) -> String {
    let takes = match known {
        toml::Value::Float(_) => "a number",
        toml::Value::Integer(_) => "a whole number, 0 or more",
        toml::Value::Boolean(_) => "true or false",
        toml::Value::Array(_) => "a list such as [1, 2]",
        // the names that are known stand in what the parser says
        _ => match said.split_once("expected ") {
            Some((_, names)) if said.starts_with("unknown variant") => {
                return format!(
                    "{key} is {}, not {text}",
                    names.trim_start_matches("one of ").replace('`', "")
                );
            }
            _ => return format!("{key} cannot be {text}: {said}"),
        },
    };
    format!("{key} takes {takes}, not {text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_set_by_name_and_typos_are_refused() {
        let mut config = Config::tiny();
        config.set("stage2_steps=900").unwrap();
        config.set("mode = online").unwrap();
        config.set("weight_bag=0").unwrap();
        assert_eq!((config.stage2_steps, config.mode, config.weight_bag), (900, Mode::Online, 0.0));
        for wrong in [
            "stage3_steps=1",
            "batch=many",
            "batch",
            "width=63",
            "latent_dropout=2",
            "ema=1",
            "best_by=FRCorr",
            "book_m3d_levels=[1, 5]",
            "book_m3d_levels=[64, 64, 64]",
        ] {
            assert!(config.set(wrong).is_err(), "{wrong}");
        }
        let said = |change: &str| Config::tiny().set(change).unwrap_err().to_string();
        assert!(
            said("seed=-1").contains("seed takes a whole number, 0 or more, not -1"),
            "{}",
            said("seed=-1")
        );
        assert!(
            said("bag_from=x").contains("bag_from is generation or recognition, not x"),
            "{}",
            said("bag_from=x")
        );
        assert!(said("stage3_steps=1").contains("did you mean stage"), "{}", said("stage3_steps=1"));
        // widths fit together in the end, not on the way
        config
            .set_all(&["width=128", "token_widths=[64, 24, 24, 16]", "feature_widths=[16, 8, 8, 64, 16, 16]"])
            .unwrap();
        assert!(config.set_all(&["batch=3", "width=64"]).is_err() && config.batch == 16);
        let text = config.to_toml().unwrap();
        assert_eq!(Config::from_toml("c".as_ref(), &text).unwrap(), config);
        assert!(Config::from_toml("c".as_ref(), &format!("{text}\nspeed = 1\n")).is_err());
    }

    #[test]
    fn differences_to_the_preset_are_named_and_older_files_lack_what_came_later() {
        let mut config = Config::preset("base").unwrap();
        assert_eq!(config.differences().unwrap(), []);
        config.set("batch=8").unwrap();
        config.set("best_by=FRDist").unwrap();
        let named = |key: &str, usual: &str, own: &str| (key.to_owned(), usual.to_owned(), own.to_owned());
        let expected = [named("batch", "32", "8"), named("best_by", "\"clg\"", "\"FRDist\"")];
        assert_eq!(config.differences().unwrap(), expected);

        let text = Config::tiny().to_toml().unwrap();
        let older: String =
            text.lines().filter(|line| !line.starts_with("keep")).map(|line| format!("{line}\n")).collect();
        assert_eq!(Config::from_toml("c".as_ref(), &older).unwrap(), Config::tiny());
    }

    #[test]
    fn every_preset_fits_together() {
        for name in ["tiny", "small", "base"] {
            Config::preset(name).unwrap().check().unwrap();
        }
        assert!(Config::preset("huge").is_err());
    }
}
