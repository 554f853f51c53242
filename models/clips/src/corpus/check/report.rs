//! The report of a check: findings with their weight, as a table for people and as values for programs.

use std::collections::HashMap;
use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::fault::{Fault, FaultKind};

/// How much a finding weighs. Ordered: an error is the least value, so that sorting puts it first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The clip cannot be used, or a result would be wrong.
    Error,
    /// Usable; somebody should look at it.
    Warning,
    /// Harmless, and worth knowing.
    Note,
}

impl Severity {
    /// The word for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing that is wrong.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// How much it weighs.
    pub severity: Severity,
    /// Path, kind, place, detail, remedy.
    #[serde(flatten)]
    pub fault: Fault,
}

impl Finding {
    /// The clip cannot be used, or a result would be wrong.
    pub fn error(fault: Fault) -> Self {
        Self { severity: Severity::Error, fault }
    }

    /// Usable; somebody should look at it.
    pub fn warning(fault: Fault) -> Self {
        Self { severity: Severity::Warning, fault }
    }

    /// Harmless, and worth knowing.
    pub fn note(fault: Fault) -> Self {
        Self { severity: Severity::Note, fault }
    }

    /// Weighs a fault of [`Corpus::open`](crate::corpus::Corpus::open).
    pub(super) fn of_opening(fault: Fault) -> Self {
        match fault.kind {
            FaultKind::MissingModality => Self::warning(fault),
            _ => Self::error(fault),
        }
    }

    pub(super) fn order(&self) -> (Severity, &std::path::Path, &str, &str) {
        (self.severity, &self.fault.path, &self.fault.detail, &self.fault.place)
    }
}

/// What a check found.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The corpus.
    pub root: PathBuf,
    /// How it lies on the disk.
    pub layout: &'static str,
    /// Rows in both roles, as the challenge counts clips.
    pub clips: usize,
    /// Files of clips that were read.
    pub files: usize,
    /// Errors first, then warnings, then notes; by path within.
    pub faults: Vec<Finding>,
}

/// Findings of one sort that the table shows before it only counts them.
const SHOWN: usize = 5;

impl Report {
    /// Findings of this weight.
    pub fn count(&self, severity: Severity) -> usize {
        self.faults.iter().filter(|finding| finding.severity == severity).count()
    }

    /// The table for a terminal. Unless `all`, of findings that say the same about different files the first five are
    /// shown and the others counted.
    pub fn table(&self, all: bool) -> String {
        use fmt::Write as _;
        let mut text = String::new();
        // Findings of a sort need not lie side by side: paths sort between them. A sort stands where its first one does.
        let mut place_of: HashMap<(Severity, FaultKind, &str), usize> = HashMap::new();
        let mut sorts: Vec<Vec<&Finding>> = Vec::new();
        for finding in &self.faults {
            let sort = (finding.severity, finding.fault.kind, finding.fault.remedy.as_str());
            let place = *place_of.entry(sort).or_insert_with(|| {
                sorts.push(Vec::new());
                sorts.len() - 1
            });
            sorts[place].push(finding);
        }
        for sort in sorts {
            for finding in sort.iter().take(if all { usize::MAX } else { SHOWN }) {
                let path = finding.fault.path.strip_prefix(&self.root).unwrap_or(&finding.fault.path);
                let place = match finding.fault.place.as_str() {
                    "" => String::new(),
                    place => format!(": {place}"),
                };
                // writing to a String cannot fail
                let _ = writeln!(
                    text,
                    "{:<8} {:<16} {}{place}\n{:25} {}",
                    finding.severity.name(),
                    finding.kind_name(),
                    path.display(),
                    "",
                    finding.fault.detail,
                );
            }
            if !all && sort.len() > SHOWN {
                let _ = writeln!(text, "{:25} … and {} more like these", "", sort.len() - SHOWN);
            }
            if let Some(first) = sort.first().filter(|first| !first.fault.remedy.is_empty()) {
                let _ = writeln!(text, "{:25} -> {}", "", first.fault.remedy);
            }
        }
        let _ = write!(
            text,
            "{} clips in {} files, {}: {} errors, {} warnings, {} notes",
            self.clips,
            self.files,
            self.layout,
            self.count(Severity::Error),
            self.count(Severity::Warning),
            self.count(Severity::Note),
        );
        text
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.table(false))
    }
}

impl Finding {
    /// The kind as JSON names it ("missing-modality").
    pub fn kind_name(&self) -> String {
        serde_json::to_value(self.fault.kind)
            .ok()
            .and_then(|value| value.as_str().map(str::to_owned))
            .unwrap_or_default()
    }
}
