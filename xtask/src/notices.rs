//! THIRD-PARTY.md: the crates that the program is linked from, with their licences, from the resolved graph.

use std::fmt::Write as _;

use anyhow::{Context, Result, bail};

use crate::graph::Graph;
use crate::shell::root;

const FILE: &str = "THIRD-PARTY.md";

/// Writes the file, or with `--check` only compares.
pub fn run(arguments: &[String]) -> Result<()> {
    let wanted = text(&Graph::read()?)?;
    let path = root().join(FILE);
    if arguments.iter().any(|argument| argument == "--check") {
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        if found != wanted {
            bail!("{FILE} does not fit Cargo.lock: run `cargo xtask notices` and commit the result");
        }
        println!("{FILE} fits Cargo.lock");
        return Ok(());
    }
    std::fs::write(&path, wanted).with_context(|| format!("{}", path.display()))?;
    println!("wrote {FILE}");
    Ok(())
}

fn text(graph: &Graph) -> Result<String> {
    let mut text = String::from(
        "# Third-party notices\n\n\
         Written by `cargo xtask notices`; do not edit. Backchannel itself is MIT or Apache-2.0, at your choice. The\n\
         program is linked from the crates below (Linux, x86-64). Their licence texts come with their sources.\n\n\
         ## Fonts\n\n\
         The window uses the fonts that come with egui, which the crate `epaint_default_fonts` compiles into the\n\
         program: Ubuntu Light (Ubuntu Font Licence 1.0), Hack (MIT and Bitstream Vera licence), and, where its emoji\n\
         feature is on, Noto Emoji (SIL Open Font Licence 1.1) and emoji-icon-font (MIT).\n\n\
         ## Programs\n\n\
         Films in MP4 are made by the `ffmpeg` program of the machine, where there is one. It is started, not linked, and not\n\
         part of Backchannel.\n\n\
         ## Crates\n\n\
         | crate | version | licence |\n| --- | --- | --- |\n",
    );
    for crate_ in &graph.shipped {
        writeln!(text, "| {} | {} | {} |", crate_.name, crate_.version, crate_.licence)?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::Foreign;

    #[test]
    fn every_shipped_crate_has_a_row_with_its_licence() {
        let mut graph = Graph::default();
        for (name, version, licence) in
            [("b", "2.0.0", "MIT"), ("a", "1.0.0", "Apache-2.0"), ("a", "0.9.0", "MIT")]
        {
            graph.shipped.insert(Foreign {
                name: name.into(),
                version: version.into(),
                licence: licence.into(),
            });
        }
        let text = text(&graph).unwrap();
        assert!(
            text.ends_with("| a | 0.9.0 | MIT |\n| a | 1.0.0 | Apache-2.0 |\n| b | 2.0.0 | MIT |\n"),
            "{text}"
        );
    }

    #[test]
    fn no_shipped_crate_is_without_a_licence() {
        let graph = Graph::read().unwrap();
        assert!(graph.shipped.len() > 100);
        let bare: Vec<_> = graph.shipped.iter().filter(|one| one.licence == "none stated").collect();
        assert!(bare.is_empty(), "{bare:?}");
    }
}
