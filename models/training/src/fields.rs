//! What each setting of a run is about: its group, a line of help, and its choices where there are few. Forms and lists are
//! made from this and from the settings of a system; a setting that has no entry here still appears: what lies in the
//! tables of a course under "model" and "losses", the rest under "other".

/// Groups in the order of a form.
pub const GROUPS: [&str; 8] = ["model", "schedule", "optimiser", "losses", "latent", "inputs", "data", "run"];
/// Group of a setting without an entry.
pub const OTHER: &str = "other";

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field {
    /// Key in the config file and in `--set`.
    pub key: &'static str,
    /// One of [`GROUPS`].
    pub group: &'static str,
    /// One line of help.
    pub help: &'static str,
    /// All values, where they are names.
    pub choices: &'static [&'static str],
}

const fn field(group: &'static str, key: &'static str, help: &'static str) -> Field {
    Field { key, group, help, choices: &[] }
}

const fn choice(
    group: &'static str,
    key: &'static str,
    help: &'static str,
    choices: &'static [&'static str],
) -> Field {
    Field { key, group, help, choices }
}

/// All settings that are described, in the order of a form.
pub const FIELDS: &[Field] = &[
    choice(
        "run",
        "system",
        "Both stages with K latents and ranking, or the first stage alone without a latent",
        &["latent-intent", "latent-intent-plain"],
    ),
    choice(
        "run",
        "preset",
        "Where the other values started from; says so in the run folder",
        &["tiny", "small", "base"],
    ),
    field("run", "seed", "Seed of every draw: same seed, same bytes"),
    field("run", "watch_every", "Steps between two looks at the validation clips"),
    field("run", "save_every", "Steps between two saved states"),
    field("run", "keep", "Checkpoints of the last saved steps that are kept; 0 writes none of them"),
    choice(
        "run",
        "best_by",
        "What decides which checkpoint is the best one",
        &["clg", "FRCorr", "FRDist", "FRDiv", "FRDvs", "FRVar_ratio"],
    ),
    field(
        "run",
        "validate_every",
        "Steps between two validations with the paper's measures; 0 for the ends of stages",
    ),
    field("run", "validate_clips", "Clips of a validation; 0 for none, not even at the end"),
    field("run", "validate_samples", "Reactions drawn for each clip of a validation, from its best latent"),
    field("run", "patience", "A stage ends after so many looks at best_by without a better one; 0 for never"),
    field("model", "latents", "Values K of the latent intent; one reaction each"),
    field("model", "width", "Model width; the head of the attention works on it"),
    field("model", "key_width", "Width of queries and keys"),
    field("model", "encoder_units", "Gated attention units of the encoder"),
    field("model", "decoder_layers", "Layers of the decoder"),
    choice(
        "model",
        "attention",
        "How scores become weights: softmax, or squared ReLU as first published",
        &["softmax", "relu2"],
    ),
    field("model", "token_widths", "Widths of the token embeddings: 3DMM, AU, VA, expression"),
    field(
        "model",
        "feature_widths",
        "Widths of the projected inputs: AU, VA, expression, 3DMM, MFCC, wav2vec2",
    ),
    field("model", "book_m3d", "Centres of the code book of coefficients"),
    field(
        "model",
        "book_m3d_levels",
        "Finite scalar quantisation instead, cells of each axis, as [8, 5, 5, 5]; [] for centres",
    ),
    field("model", "book_ex", "Centres of the code book of expressions"),
    field("model", "chain_heads", "Streams of a frame are drawn one after the other and hear of each other"),
    field("schedule", "stage1_steps", "Steps of the first stage: the true listener, without a latent"),
    field(
        "schedule",
        "stage2_steps",
        "Steps of the second stage: all appropriate listeners, with the latent",
    ),
    field("schedule", "stage1_rate", "Peak learning rate of the first stage"),
    field("schedule", "stage2_rate", "Peak learning rate of the second stage"),
    field("schedule", "warmup", "Steps over which the learning rate rises in each stage"),
    field("schedule", "final_rate", "The learning rate ends at this share of its peak"),
    field("optimiser", "batch", "Clips of a batch; reaction matching contrasts within it"),
    field("optimiser", "decay", "Weight decay of matrices"),
    field("optimiser", "clip", "Largest global norm of the gradient"),
    choice(
        "optimiser",
        "precision",
        "What matrix products are computed in; bf16 needs --device cuda:N or metal",
        &["f32", "bf16"],
    ),
    field(
        "optimiser",
        "ema",
        "Decay of the moving average of the weights, which checkpoints hold; 0 for none",
    ),
    field("optimiser", "dropout", "Share of values dropped from tokens and residual branches"),
    field(
        "optimiser",
        "gain_deviation",
        "Gains and offsets of queries and keys start from a normal draw; 0 for ones and zeros",
    ),
    field(
        "optimiser",
        "spike",
        "A step whose loss is so many median deviations too high is skipped; 0 for never",
    ),
    field("optimiser", "most_skips", "More skipped steps than these in a row end the run"),
    field("losses", "weight_likelihood", "Weight of CLG, the conditional likelihood of the reaction"),
    field("losses", "weight_matching", "Weight of RM, which tells appropriate reactions from others"),
    field("losses", "weight_bag", "Weight of BOW, the bag of words that the latent must foretell"),
    field("losses", "weight_usage", "Weight of the bonus that keeps latents from dying out"),
    field(
        "losses",
        "weight_margin",
        "Weight of the margin by which another latent makes a reaction less likely",
    ),
    field("losses", "margin", "That margin, in nats a frame"),
    field(
        "losses",
        "weight_velocity",
        "Weight of the velocity loss: how far coefficients should go from frame to frame",
    ),
    choice("losses", "bag_from", "Where the bag of words is read", &["generation", "recognition"]),
    field(
        "latent",
        "gumbel_temperature",
        "Temperature of the Gumbel-softmax draw of the latent as stage two begins",
    ),
    field("latent", "gumbel_final", "Temperature at the end of stage two; in between on a straight line"),
    field("latent", "straight_through", "The hard choice forward, the soft one backward"),
    choice("latent", "latent_place", "Slots that hear of the latent", &["every", "first"]),
    field("latent", "latent_dropout", "Share of clips generated without a latent; makes guidance possible"),
    field(
        "latent",
        "style",
        "The network hears how a person usually listens: five numbers of the listener's other clips",
    ),
    field("inputs", "drop_style", "Share of clips whose listener is taken for an average person"),
    field("inputs", "history_random", "Share of clips whose history is corrupted at a random rate"),
    field("inputs", "history_rate", "The highest rate of that corruption"),
    field("inputs", "history_hidden", "Share of clips whose history is hidden altogether"),
    field("inputs", "drop_w2v", "Share of clips without wav2vec2 states"),
    field("inputs", "drop_mfcc", "Share of clips without cepstra"),
    field("inputs", "drop_m3d", "Share of clips without coefficients"),
    field("inputs", "drop_face", "Share of clips without any face, so that sound alone works"),
    field("data", "frames", "Frames of a training crop, 25 a second"),
    field(
        "data",
        "shifted_negatives",
        "Share of clips contrasted with a suitable reaction at the wrong time",
    ),
    choice("data", "mode", "Which tracks a batch may be on", &["mix", "offline", "online"]),
    field("data", "true_pairs_only", "Positives are the true listener only, not the neighbours"),
    field(
        "data",
        "alternatives_only",
        "Learn only from rows that have an alternative answer, where there are any",
    ),
];

/// Settings that only the compared systems have (`course::Plan`), in the order of a form.
pub const COURSE_FIELDS: &[Field] = &[
    field("schedule", "stage1_epochs", "Passes over the rows in the first stage, where its steps are 0"),
    field("schedule", "stage2_epochs", "Passes over the rows in the second stage, where its steps are 0"),
    choice(
        "schedule",
        "schedule",
        "How the learning rate changes within a stage",
        &["constant", "cosine", "milestone", "noam"],
    ),
    field("schedule", "milestone", "Epoch from which the rate is lower (schedule milestone)"),
    field("schedule", "gamma", "By this factor (schedule milestone)"),
    choice(
        "optimiser",
        "decay_kind",
        "How weight decay acts: decoupled (AdamW) or in the gradient (Adam with L2)",
        &["decoupled", "l2"],
    ),
    field("optimiser", "betas", "Decay rates of the optimiser's two moments"),
    field("optimiser", "epsilon", "Added to the root of the second moment"),
    field("run", "threads", "Threads that compute a step; 0 for all; the result is the same"),
    field("run", "watch_clips", "Validation rows that are looked at"),
];

/// The entry of a key.
pub fn field_of(key: &str) -> Option<&'static Field> {
    FIELDS.iter().chain(COURSE_FIELDS).find(|field| field.key == key)
}

/// Every key of flat settings (`systems::Settings::table`) with its group and value, described ones in their order, then
/// the others.
pub fn settings(table: &toml::Table) -> Vec<(String, &'static str, toml::Value)> {
    let described = FIELDS
        .iter()
        .chain(COURSE_FIELDS)
        .filter_map(|field| Some((field.key.to_owned(), field.group, table.get(field.key)?.clone())));
    let others = table.iter().filter(|(key, _)| field_of(key).is_none()).map(|(key, value)| {
        let group = match key.split_once('.') {
            Some(("network", _)) => "model",
            Some(("losses", _)) => "losses",
            _ => OTHER,
        };
        (key.clone(), group, value.clone())
    });
    described.chain(others).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;
    use crate::course::Plan;

    fn table_of(settings: &impl serde::Serialize) -> toml::Table {
        toml::Table::try_from(settings).unwrap()
    }

    #[test]
    fn every_setting_has_its_group_and_help() {
        let all = settings(&table_of(&Config::tiny()));
        let plan = table_of(&Plan::usual("x", "small"));
        let without: Vec<&str> =
            all.iter().filter(|(_, group, _)| *group == OTHER).map(|(key, _, _)| key.as_str()).collect();
        assert!(without.is_empty(), "say what these are in fields.rs: {without:?}");
        let undescribed = plan.iter().find(|(key, value)| field_of(key).is_none() && !value.is_table());
        assert!(undescribed.is_none(), "say what {undescribed:?} is in fields.rs");
        for field in FIELDS.iter().chain(COURSE_FIELDS) {
            let known = all.iter().any(|(key, _, _)| key == field.key) || plan.contains_key(field.key);
            assert!(known, "{} is no setting", field.key);
            assert!(GROUPS.contains(&field.group), "{}", field.key);
            let help = field.help;
            assert!(
                help.starts_with(char::is_uppercase) && !help.ends_with('.') && help.len() < 100,
                "{help}"
            );
            let same = FIELDS.iter().chain(COURSE_FIELDS).filter(|other| other.key == field.key);
            assert_eq!(same.count(), 1, "{}", field.key);
        }
    }

    #[test]
    fn every_choice_can_be_set_and_the_value_of_a_preset_is_one() {
        for field in FIELDS.iter().filter(|field| !field.choices.is_empty()) {
            for choice in field.choices {
                // a measure can decide only where it is taken
                let mut config = Config { validate_every: 10, ..Config::tiny() };
                config.set(&format!("{}={choice}", field.key)).unwrap();
            }
            let table = toml::Table::try_from(Config::tiny()).unwrap();
            let value = table[field.key].as_str().unwrap();
            assert!(field.choices.contains(&value), "{}: {value}", field.key);
        }
    }
}
