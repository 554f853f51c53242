//! What each part of the method is for: variants of a run that leave one thing out or do it another way.
//!
//! The list is the one of the method's specification (its table of ablations), and a few of ours at the end. All start
//! from [`reference`]: the given settings, offline only, with a stage two short enough to run them all on two cores.

use clips::Result;

use crate::config::{Config, Mode};

/// One variant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Variant {
    /// Name, also of its run folder.
    pub name: &'static str,
    /// What it asks.
    pub note: &'static str,
    /// Settings that differ from the reference, as for `--set`.
    pub changes: &'static [&'static str],
    /// Whether its row decides something, so that more seeds are worth their time.
    pub decides: bool,
}

const fn variant(
    name: &'static str,
    note: &'static str,
    changes: &'static [&'static str],
    decides: bool,
) -> Variant {
    Variant { name, note, changes, decides }
}

/// All variants, the reference first.
pub const VARIANTS: &[Variant] = &[
    variant("reference", "what the others are compared with", &[], true),
    variant("no-bag", "without the bag of words", &["weight_bag=0"], true),
    variant(
        "bag-from-recognition",
        "bag of words from the recognition pass, as equation 5 reads",
        &["bag_from=recognition"],
        false,
    ),
    variant("no-matching", "without reaction matching", &["weight_matching=0"], false),
    variant("no-usage-bonus", "without the bonus for using all latents", &["weight_usage=0"], true),
    variant(
        "no-stage-1",
        "without the first stage, its time given to the second",
        &["stage1_steps=0", "stage2_steps=660"],
        false,
    ),
    variant(
        "light-history",
        "history corrupted lightly only",
        &["history_hidden=0", "history_random=0.5", "history_rate=0.3"],
        true,
    ),
    variant(
        "straight-through",
        "hard choice of the latent, temperature 1 to 0.5",
        &["straight_through=true", "gumbel_temperature=1", "gumbel_final=0.5"],
        false,
    ),
    variant("latent-in-slot-0", "latent given once, as in PLATO", &["latent_place=first"], true),
    variant(
        "without-latent",
        "no latent intent, as many steps in all",
        &["system=latent-intent-plain", "stage1_steps=800"],
        true,
    ),
    variant("squared-relu", "squared ReLU instead of softmax", &["attention=relu2"], false),
    variant("true-pairs-only", "the true listener is the only answer", &["true_pairs_only=true"], true),
    variant("online-only", "trained and judged online", &["mode=online"], true),
    variant("both-tracks", "online and offline in one set of weights, judged offline", &["mode=mix"], true),
    variant(
        "small-gains",
        "gains and offsets of queries and keys start from N(0, 0.02)",
        &["gain_deviation=0.02"],
        false,
    ),
    variant("longer", "stage two of 1,200 steps", &["stage2_steps=1200"], false),
    variant("all-rows", "rows without an alternative answer as well", &["alternatives_only=false"], false),
    variant(
        "chained-heads",
        "the streams of a frame hear of each other (ours)",
        &["chain_heads=true"],
        false,
    ),
    variant(
        "scalar-codes",
        "coefficients as finite scalar codes, 4 x 4 x 4 (as 64 centres in number)",
        &["book_m3d_levels=[4, 4, 4]"],
        false,
    ),
    variant(
        "shifted-negatives",
        "half of the negatives are suitable reactions at the wrong time",
        &["shifted_negatives=0.5"],
        false,
    ),
    variant(
        "velocity",
        "coefficients should go from frame to frame as far as the real ones (ours)",
        &["weight_velocity=1"],
        true,
    ),
    variant(
        "style",
        "the network hears how the listener listens in other clips (ours)",
        &["style=true"],
        false,
    ),
    variant("margin", "another latent must be less likely by 0.1 nats (ours)", &["weight_margin=0.5"], true),
];

/// The settings that variants start from.
pub fn reference(config: &Config) -> Config {
    Config { mode: Mode::Offline, stage2_steps: config.stage2_steps.min(500), ..config.clone() }
}

impl Variant {
    /// The settings of this variant with a seed.
    ///
    /// # Errors
    /// When a change does not fit the settings.
    pub fn config(&self, reference: &Config, seed: u64) -> Result<Config> {
        let mut config = Config { seed, ..reference.clone() };
        for change in self.changes {
            config.set(change)?;
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_variant_is_a_run_of_its_own_that_can_be_trained() {
        let reference = reference(&Config::tiny());
        let mut seen = BTreeSet::new();
        for variant in VARIANTS {
            let config = variant.config(&reference, 3).unwrap();
            config.check().unwrap();
            assert!(seen.insert(config.to_toml().unwrap()), "{} differs from the others", variant.name);
        }
    }
}
