//! Where every number comes from: how each system was asked, and the command that asks again.

use std::fmt::Write;

use crate::board::{Board, Row, Scored};
use crate::entry::Draw;
use crate::report::page::{definitions, element, escape, list};

/// The section.
pub(super) fn origin(board: &Board, scored: &[Scored]) -> String {
    let specs: Vec<&str> = board.rows.iter().map(|row| row.spec.as_str()).collect();
    let mut out = element("p", "This page is remade by");
    let _ = writeln!(out, "<pre><code>{}</code></pre>", escape(&command(board, &specs)));
    for obstacle in obstacles(board, &specs) {
        out.push_str(&element("p", &format!("The command does not remake this page exactly: {obstacle}.")));
    }
    for (row, scored) in board.rows.iter().zip(scored) {
        out.push_str(&element("h3", &row.label));
        out.push_str(&definitions("origin", facts(row, scored)));
        let _ = writeln!(out, "<pre><code>{}</code></pre>", escape(&command(board, &[&row.spec])));
        if !row.warnings.is_empty() {
            let _ = write!(out, "<div class=\"warn\">\n<h4>Warnings</h4>\n{}</div>\n", list(&row.warnings));
        }
    }
    out
}

fn facts(row: &Row, scored: &Scored) -> Vec<(&'static str, String)> {
    let seeds: Vec<String> = row.seeds.iter().map(u64::to_string).collect();
    let sampling = scored.entry.sampling;
    let mut facts = vec![
        ("Named as", row.spec.clone()),
        ("System", row.system.clone()),
        (
            "SHA-256 of checkpoint or predictions",
            if row.checkpoint.is_empty() { "none".to_owned() } else { row.checkpoint.clone() },
        ),
    ];
    facts.extend(row.track.map(|track| {
        let words = match track {
            clips::Track::Offline => "offline: sees the whole clip of the speaker",
            clips::Track::Online => "online: sees only what is past",
        };
        ("Track", words.to_owned())
    }));
    facts.extend(row.draw.map(|draw| {
        let words = match draw {
            Draw::Best => "best: all samples from the best-ranked latent intent".to_owned(),
            Draw::Spread => "spread: the samples go round the latent intents by rank".to_owned(),
            Draw::One(latent) => format!("z{}: all samples from this latent intent", latent + 1),
        };
        ("Draw", words)
    }));
    // baselines and predictions draw no tokens
    if scored.entry.has_track() {
        let top_k = if sampling.top_k == 0 { "off".to_owned() } else { sampling.top_k.to_string() };
        facts.push((
            "Sampling",
            format!(
                "temperature {}, top-p {}, top-k {top_k}, guidance {}",
                sampling.temperature, sampling.top_p, sampling.guidance
            ),
        ));
    }
    let which = if scored.entry.draws() { seeds.join(", ") } else { "draws nothing".to_owned() };
    facts.push(("Seeds", which));
    facts.push(("Samples of each clip", row.samples.to_string()));
    facts
}

/// What the command line cannot say.
fn obstacles(board: &Board, specs: &[&str]) -> Vec<String> {
    let seeds = &board.settings.seeds;
    let mut found = Vec::new();
    if !seeds.iter().copied().eq(1..=seeds.len() as u64) {
        let seeds: Vec<String> = seeds.iter().map(u64::to_string).collect();
        found.push(format!("it counts seeds from 1, these are {}", seeds.join(", ")));
    }
    found.extend(specs.iter().filter(|spec| spec.contains(',')).map(|spec| {
        format!("{spec} has a comma, which stands between systems; rename the file or the label")
    }));
    found
}

/// The command that makes this report of some systems again; quoted for a POSIX shell. Seeds are counted from 1.
pub fn command(board: &Board, specs: &[&str]) -> String {
    let words = [
        "backchannel report --corpus".to_owned(),
        quoted(&board.corpus),
        "--split".to_owned(),
        board.split.name().to_owned(),
        "--systems".to_owned(),
        quoted(&specs.join(",")),
        format!("--samples {}", board.settings.samples),
        format!("--seeds {}", board.settings.seeds.len()),
        format!("--bootstrap {}", board.settings.bootstrap),
        format!("--frames {}", board.frames),
        if board.settings.truncate { "--truncate --out report.html" } else { "--out report.html" }.to_owned(),
    ];
    words.join(" ")
}

/// A word for a POSIX shell: as it is where nothing in it is special, else in single quotes.
pub fn quoted(word: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+:,@=%".contains(&byte);
    if !word.is_empty() && word.bytes().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_shell_would_change_is_quoted() {
        assert_eq!(quoted("demo@best,random"), "demo@best,random");
        assert_eq!(quoted("my model.safetensors"), "'my model.safetensors'");
        assert_eq!(quoted("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quoted(""), "''");
    }

    #[cfg(unix)]
    #[test]
    fn a_shell_reads_back_what_was_quoted() {
        for word in ["", "a b", "it's", "$HOME `id` \\ \"x\" *?[~]#!&|;<>(){}", "--x=~/y", "\u{e4}\t", "'''"]
        {
            let script = format!("printf %s {}", quoted(word));
            let said = std::process::Command::new("sh").arg("-c").arg(script).output();
            assert_eq!(said.map(|said| said.stdout).unwrap_or_default(), word.as_bytes(), "{word:?}");
        }
    }
}
