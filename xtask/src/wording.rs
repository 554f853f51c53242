//! Words that must not be in the repository: paths and package sources of one machine, and work left for later.
//!
//! It reads what git tracks; binary files are passed over. The patterns are put together from pieces, so that this
//! file does not find itself.

use std::path::Path;

use anyhow::{Context, Result, bail};

use crate::shell::{at_root, root};

struct Rule {
    /// What must not appear.
    word: &'static str,
    /// Only where no letter, digit or one of `_./-` stands before it.
    at_start: bool,
    why: &'static str,
}

const MACHINE: &str = "a path of one machine";
const SOURCE: &str = "where packages come from is the business of each machine";
const LATER: &str = "do it, or say it in an issue";

const RULES: &[Rule] = &[
    Rule { word: concat!("/ho", "me/"), at_start: true, why: MACHINE },
    Rule { word: concat!("/ro", "ot/"), at_start: true, why: MACHINE },
    Rule { word: concat!("/wo", "rk/"), at_start: true, why: MACHINE },
    Rule { word: concat!("../sha", "red"), at_start: false, why: MACHINE },
    Rule { word: concat!("index.crat", "es.io"), at_start: false, why: SOURCE },
    Rule { word: concat!("static.crat", "es.io"), at_start: false, why: SOURCE },
    Rule { word: concat!("crates.io-", "index"), at_start: false, why: SOURCE },
    Rule { word: concat!("pypi.org/", "simple"), at_start: false, why: SOURCE },
    Rule { word: concat!("to", "do!("), at_start: true, why: LATER },
    Rule { word: concat!("unimple", "mented!("), at_start: true, why: LATER },
    Rule { word: concat!("// TO", "DO"), at_start: false, why: LATER },
    Rule { word: concat!("// FIX", "ME"), at_start: false, why: LATER },
];

/// Checks every tracked text file.
pub fn check() -> Result<()> {
    let listing = at_root("git").args(["ls-files", "-z"]).output().context("git ls-files")?;
    if !listing.status.success() {
        // A copy without its history (an archive) has nothing tracked; the rule is kept where the history is.
        println!("wording: not a git repository, nothing to check");
        return Ok(());
    }
    let names = String::from_utf8_lossy(&listing.stdout).into_owned();
    let (mut files, mut wrong) = (0, Vec::new());
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        // Deleted and not yet committed, or binary.
        let Ok(text) = std::fs::read_to_string(root().join(name)) else { continue };
        files += 1;
        wrong.extend(findings(Path::new(name), &text));
    }
    if !wrong.is_empty() {
        bail!("wording:\n  {}", wrong.join("\n  "));
    }
    println!("wording: {files} files, nothing found");
    Ok(())
}

fn findings(name: &Path, text: &str) -> Vec<String> {
    // The lock file names its source by design.
    let rules = RULES.iter().filter(|rule| !(name.ends_with("Cargo.lock") && rule.why == SOURCE));
    let rules: Vec<&Rule> = rules.collect();
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for rule in &rules {
            let hit = line.match_indices(rule.word).any(|(at, _)| {
                let before = line[..at].chars().next_back();
                !rule.at_start || !before.is_some_and(|c| c.is_alphanumeric() || "_./-".contains(c))
            });
            if hit {
                found.push(format!("{}:{}: \"{}\": {}", name.display(), number + 1, rule.word, rule.why));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_keeps_its_wording() {
        check().unwrap();
    }

    #[test]
    fn every_rule_can_fail() {
        for rule in RULES {
            let line = format!("let x = \"{}\";", rule.word);
            let found = findings(Path::new("src/lib.rs"), &format!("fine\n{line}\n"));
            assert!(found.iter().any(|line| line.starts_with("src/lib.rs:2: ")), "{}: {found:?}", rule.word);
        }
    }

    #[test]
    fn relative_paths_and_the_lock_file_pass() {
        let home = concat!("/ho", "me/");
        assert!(findings(Path::new("a.md"), &format!("see src{home}x and ./a{home}y")).is_empty());
        let source = concat!("registry+https://github.com/rust-lang/crates.io-", "index");
        assert!(findings(Path::new("Cargo.lock"), source).is_empty());
        assert_eq!(findings(Path::new("other.toml"), source).len(), 1);
    }
}
