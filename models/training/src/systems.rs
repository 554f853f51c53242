//! The table of systems that can be trained: the paper's own two, and every registered [`Course`]. Whoever trains, the command
//! line above all, knows no more of a system than this: its name, presets and settings, and that it trains into a run folder.

use std::path::Path;
use std::sync::Arc;

use clips::corpus::Corpus;
use clips::{Control, Fault, FaultKind, Result};
use serde::Serialize;

use crate::config::Config;
use crate::course::{self, Course, Plan};
use crate::engine::Engine;
use crate::trainer;

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// Name on the command line and in files.
    pub name: &'static str,
    /// A line about it.
    pub about: &'static str,
    /// Its presets, the default one first.
    pub presets: Vec<&'static str>,
}

/// The paper's own: trained by [`crate::train_with`], settings in [`Config`].
const OWN: [(&str, &str); 2] = [
    ("latent-intent", "the paper's model: K latent intents, reactions ranked"),
    ("latent-intent-plain", "the paper's model without the latent"),
];
const OWN_PRESETS: [&str; 3] = ["tiny", "small", "base"];

/// All systems, the paper's first.
pub fn systems() -> Vec<Listed> {
    let own = OWN.map(|(name, about)| Listed { name, about, presets: OWN_PRESETS.to_vec() });
    let listed = |course: &Arc<dyn Course>| Listed {
        name: course.name(),
        about: course.about(),
        presets: course.presets().to_vec(),
    };
    own.into_iter().chain(course::courses().iter().map(listed)).collect()
}

/// Settings of a run of any system.
#[derive(Clone)]
pub enum Settings {
    /// Of the paper's own.
    Own(Box<Config>),
    /// Of another one.
    Course(Arc<dyn Course>, Box<Plan>),
}

impl PartialEq for Settings {
    /// Settings of one system that are all the same.
    fn eq(&self, other: &Self) -> bool {
        self.system() == other.system() && self.table() == other.table()
    }
}

impl std::fmt::Debug for Settings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own(config) => f.debug_tuple("Own").field(config).finish(),
            Self::Course(_, plan) => f.debug_tuple("Course").field(plan).finish(),
        }
    }
}

impl Settings {
    /// A preset of a system, its default one unless named.
    ///
    /// # Errors
    /// Names that there are not, with those that there are.
    pub fn preset(system: &str, preset: Option<&str>) -> Result<Self> {
        if OWN.iter().any(|(name, _)| *name == system) {
            let mut config = Config::preset(preset.unwrap_or(OWN_PRESETS[0]))?;
            config.set(&format!("system={system}"))?;
            return Ok(Self::Own(Box::new(config)));
        }
        let course = named(system)?;
        let preset = preset.or_else(|| course.presets().first().copied()).unwrap_or_default();
        let plan = course.plan(preset)?;
        Ok(Self::Course(course, Box::new(plan)))
    }

    /// Applies several `key=value` at once: only what comes out in the end must fit together.
    ///
    /// # Errors
    /// Unknown keys, values of the wrong kind, settings that do not fit; nothing is changed then.
    pub fn set_all<S: AsRef<str>>(&mut self, assignments: &[S]) -> Result<()> {
        match self {
            Self::Own(config) => config.set_all(assignments),
            Self::Course(course, plan) => {
                let mut changed = (**plan).clone();
                for assignment in assignments {
                    let (key, value) = assignment.as_ref().split_once('=').unwrap_or_default();
                    if key.trim() == "system" && value.trim() != changed.system {
                        return Err(Fault::new(
                            FaultKind::BadRequest,
                            "",
                            format!("a run of {} cannot be set to another system", changed.system),
                        )
                        .remedy(format!("choose it with --system {}", value.trim())));
                    }
                    changed = changed.with(assignment.as_ref())?;
                }
                let all: Vec<&str> = assignments.iter().map(AsRef::as_ref).collect();
                changed.check().and_then(|()| course.check(&mut changed)).map_err(|fault| {
                    let place = format!("--set {}", all.join(" --set "));
                    let place =
                        if fault.place.is_empty() { place } else { format!("{place}: {}", fault.place) };
                    fault.at(place)
                })?;
                **plan = changed;
                Ok(())
            }
        }
    }

    /// Reads the text of a run's config file, whose key `system` says whose it is.
    ///
    /// # Errors
    /// Unknown keys or systems, impossible values.
    pub fn from_toml(path: &Path, text: &str) -> Result<Self> {
        let table: toml::Table = toml::from_str(text).map_err(|error| {
            Fault::new(FaultKind::Malformed, path, error.to_string()).remedy("correct the file")
        })?;
        let system = table.get("system").and_then(toml::Value::as_str).unwrap_or(OWN[0].0);
        if OWN.iter().any(|(name, _)| *name == system) {
            return Ok(Self::Own(Box::new(Config::from_toml(path, text)?)));
        }
        let course = named(system)?;
        let mut plan = Plan::from_toml(path, text)?;
        course.check(&mut plan)?;
        Ok(Self::Course(course, Box::new(plan)))
    }

    /// All settings by the names that `--set` has for them.
    pub fn table(&self) -> toml::Table {
        let table = match self {
            Self::Own(config) => toml::Table::try_from(&**config),
            Self::Course(_, plan) => toml::Table::try_from(&**plan),
        };
        course::flat(&table.unwrap_or_default())
    }

    /// Name of the preset that they started from.
    pub fn preset_name(&self) -> &str {
        match self {
            Self::Own(config) => &config.preset,
            Self::Course(_, plan) => &plan.preset,
        }
    }

    /// Settings that differ from the preset: key, usual value, value.
    ///
    /// # Errors
    /// None for settings that were checked.
    pub fn differences(&self) -> Result<Vec<(String, String, String)>> {
        match self {
            Self::Own(config) => config.differences(),
            Self::Course(course, plan) => plan.differences(&course.plan(&plan.preset)?),
        }
    }

    /// Name of the system.
    pub fn system(&self) -> &str {
        match self {
            Self::Own(config) if config.system == crate::SystemKind::LatentIntentPlain => OWN[1].0,
            Self::Own(_) => OWN[0].0,
            Self::Course(_, plan) => &plan.system,
        }
    }

    /// Trains on a corpus into a run folder. Only the paper's own are computed by an `engine`; others compute on the processor
    /// and refuse another one.
    ///
    /// # Errors
    /// As [`crate::train_with`] and [`course::attend`].
    pub fn train(
        &self,
        engine: &dyn Engine,
        corpus: &Corpus,
        run: &Path,
        resume: bool,
        control: &Control,
    ) -> Result<Summary> {
        match self {
            Self::Own(config) => {
                let summary = trainer::train_with(engine, config, corpus, run, resume, control)?;
                Ok(Summary::Own(Box::new(summary)))
            }
            Self::Course(course, plan) => {
                if engine.device() != "cpu" {
                    return Err(Fault::new(
                        FaultKind::Unsupported,
                        "",
                        format!("{} trains on the processor only, not on {}", plan.system, engine.device()),
                    )
                    .remedy("leave --device out"));
                }
                let summary = course::attend(&**course, plan, corpus, run, resume, control)?;
                Ok(Summary::Course(Box::new(summary)))
            }
        }
    }
}

fn named(system: &str) -> Result<Arc<dyn Course>> {
    course::course(system).ok_or_else(|| {
        let names: Vec<&str> = systems().iter().map(|listed| listed.name).collect();
        Fault::new(FaultKind::BadRequest, "", format!("there is no system {system} to train"))
            .remedy(format!("choose {}", names.join(", ")))
    })
}

/// What a finished run of any system has to show.
#[derive(Debug, Clone, Serialize)]
#[serde(untagged)]
pub enum Summary {
    /// Of the paper's own.
    Own(Box<trainer::Summary>),
    /// Of another one.
    Course(Box<course::Summary>),
}

impl std::fmt::Display for Summary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Own(summary) => summary.fmt(f),
            Self::Course(summary) => summary.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_papers_own_are_in_the_table_and_others_are_refused_with_it() {
        let own = systems();
        assert_eq!([own[0].name, own[1].name], ["latent-intent", "latent-intent-plain"]);
        for listed in &own {
            for preset in &listed.presets {
                assert_eq!(Settings::preset(listed.name, Some(preset)).unwrap().system(), listed.name);
            }
        }
        let fault = Settings::preset("none", None).unwrap_err();
        assert!(fault.remedy.contains("latent-intent-plain"), "{fault}");
        assert!(Settings::from_toml("c".as_ref(), "system = \"none\"").is_err());
    }
}
