//! What a latent-intent model must reach on held-out synthetic templates, and whether it does.

use serde::Serialize;

use super::Findings;

/// What is enough.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Bar {
    /// Not less.
    AtLeast(f64),
    /// Not more.
    AtMost(f64),
    /// From the one to the other.
    Between(f64, f64),
    /// Shown without a bar.
    None,
}

impl Bar {
    /// Whether a value is enough; `None` without a bar or a value.
    pub fn met(self, value: Option<f64>) -> Option<bool> {
        let value = value?;
        match self {
            Self::AtLeast(least) => Some(value >= least),
            Self::AtMost(most) => Some(value <= most),
            Self::Between(least, most) => Some((least..=most).contains(&value)),
            Self::None => None,
        }
    }
}

impl std::fmt::Display for Bar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::AtLeast(least) => write!(f, ">= {least:.2}"),
            Self::AtMost(most) => write!(f, "<= {most:.2}"),
            Self::Between(least, most) => write!(f, "{least:.2} to {most:.2}"),
            Self::None => f.write_str("-"),
        }
    }
}

/// Name, meaning and bar of each measure, in the order of [`Findings::values`].
pub const BARS: [(&str, &str, Bar); 18] = [
    ("oracle", "judge right on real reactions", Bar::AtLeast(0.99)),
    ("nmi", "recognised latent against true intent", Bar::AtLeast(0.75)),
    ("usage", "latents in use, of 8", Bar::AtLeast(6.0)),
    ("z_gap", "nats a frame lost by a random latent", Bar::AtLeast(0.10)),
    ("control", "shows the intent its latent stands for", Bar::AtLeast(0.70)),
    ("control_guided", "the same with guidance 1", Bar::AtLeast(0.85)),
    ("precision", "intent suits the speaker", Bar::AtLeast(0.85)),
    ("precision_guided", "the same with guidance 1", Bar::AtLeast(0.75)),
    ("coverage", "suitable intents that are offered", Bar::AtLeast(0.88)),
    ("coverage_guided", "the same with guidance 1", Bar::AtLeast(0.94)),
    ("rank1", "best-ranked reaction suits", Bar::AtLeast(0.97)),
    ("rm_auc_real", "matching: own group against another class", Bar::AtLeast(0.80)),
    ("rm_auc_generated", "matching: suitable against unsuitable, made", Bar::AtLeast(0.85)),
    ("frvar_ratio", "FRVar, made / real", Bar::Between(0.75, 1.25)),
    ("frdiv", "FRDiv over the latents", Bar::None),
    ("frdiv_shared_noise", "the same when only the latent differs", Bar::None),
    ("coverage_shared_noise", "coverage when only the latent differs", Bar::AtLeast(0.80)),
    ("mixed", "judge below 0.6", Bar::AtMost(0.08)),
];

/// A measure beside its bar.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Checked {
    /// Name.
    pub name: &'static str,
    /// What it says.
    pub meaning: &'static str,
    /// Value; `None` where undefined.
    pub value: Option<f64>,
    /// What is enough.
    pub bar: Bar,
    /// Whether it is; `None` where there is no bar or no value.
    pub met: Option<bool>,
}

/// All measures beside their bars.
pub fn checked(findings: &Findings) -> Vec<Checked> {
    let values = findings.values();
    BARS.into_iter()
        .zip(values)
        .map(|((name, meaning, bar), (_, value))| Checked { name, meaning, value, bar, met: bar.met(value) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_is_met_at_its_edge_and_says_nothing_of_nothing() {
        assert_eq!(Bar::AtLeast(0.5).met(Some(0.5)), Some(true));
        assert_eq!(Bar::AtLeast(0.5).met(Some(f64::NAN)), Some(false));
        assert_eq!(Bar::AtMost(0.5).met(Some(0.51)), Some(false));
        assert_eq!(Bar::Between(0.75, 1.25).met(Some(1.25)), Some(true));
        assert_eq!(Bar::Between(0.75, 1.25).met(Some(0.7)), Some(false));
        assert_eq!((Bar::AtLeast(0.5).met(None), Bar::None.met(Some(1.0))), (None, None));
    }
}
