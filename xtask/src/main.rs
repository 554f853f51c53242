//! `cargo xtask`: set-up and chores of the repository. It needs nothing but Rust and a linker, because it is what
//! finds and installs everything else.
//!
//! Start reading at [`COMMANDS`]; each chore is a file. What it is not: part of the program; nothing here is shipped.

#![expect(clippy::print_stdout, reason = "chores talk to a terminal")]

mod chores;
mod graph;
mod layers;
mod notices;
mod screens;
mod setup;
mod shell;
mod wording;

use std::process::ExitCode;

use anyhow::{Result, bail};

type Chore = fn(&[String]) -> Result<()>;

/// (name, what it does, how)
const COMMANDS: &[(&str, &str, Chore)] = &[
    (
        "run",
        "set up, build and open the studio; without a display it writes demo pictures instead",
        chores::run,
    ),
    ("test", "everything that must hold: format, lints, tests, screens", chores::test),
    ("screenshots", "draw the pictures of the README again", |_| screens::rewrite()),
    ("bench", "speed of the parts that matter", chores::bench),
    ("check-layers", "who may depend on whom", |_| layers::check()),
    ("check-wording", "words and paths that must not be in the repository", |_| wording::check()),
    ("notices", "write THIRD-PARTY.md from Cargo.lock (--check: only compare)", notices::run),
    ("setup", "find missing system packages and install them", |_| setup::setup(setup::For::Everything)),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> Result<()> {
    let name = arguments.first().map_or("help", String::as_str);
    if let Some((_, _, chore)) = COMMANDS.iter().find(|(known, ..)| *known == name) {
        return chore(&arguments[1..]);
    }
    println!("cargo xtask COMMAND\n");
    for (name, what, _) in COMMANDS {
        println!("  {name:<14} {what}");
    }
    match name {
        "help" | "--help" | "-h" => Ok(()),
        other => bail!("there is no command {other}"),
    }
}
