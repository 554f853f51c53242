//! The longer chores: run, test, bench.

use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::setup::{For, has_display, setup};
use crate::shell::{Steps, at_root, cargo, on_path, program, root, say_and_run, succeeds};
use crate::{notices, screens};

/// Sets up, builds and opens the studio with the given arguments; without a display it draws demo pictures.
pub fn run(arguments: &[String]) -> Result<()> {
    setup(For::Run)?;
    println!("\nBuilding. The first time this takes some minutes; after that, seconds.");
    say_and_run(cargo().args(["build", "--release", "--locked", "-p", "backchannel"]))?;
    let program = program("release")?;
    // A sub-command needs no display; and if it does, it says so itself.
    if has_display() || !arguments.is_empty() {
        return say_and_run(Command::new(&program).args(arguments));
    }
    println!(
        "\nThere is no display here (neither DISPLAY nor WAYLAND_DISPLAY is set), so no window can be opened."
    );
    println!("Drawing the studio and a film of the demo without one:");
    let folder = root().join("target/demo");
    std::fs::create_dir_all(&folder)?;
    let picture = folder.join("compare.png");
    screens::draw(&program, &["screenshot", "compare", "--size", "1600x1000"], &picture)?;
    // A few seconds are enough to see, and a software driver takes a second for two frames. Sound is there where ffmpeg can put it in.
    let (film, sound) = if on_path("ffmpeg") { ("wall.mp4", Some("--sound")) } else { ("wall.gif", None) };
    let film = folder.join(film);
    let mut render = at_root(&program);
    render
        .args(["render", "demo", "--layout", "wall", "--from", "300", "--to", "420"])
        .args(sound)
        .arg("--out")
        .arg(&film);
    say_and_run(&mut render)?;
    println!("\nThe studio:        {}", picture.display());
    println!("The demo as a film: {}", film.display());
    println!("All commands:      {} --help", program.display());
    Ok(())
}

/// Everything that must hold. Stops at the first step that fails.
pub fn test(_: &[String]) -> Result<()> {
    let mut steps = Steps::default();
    steps.step("setup", || {
        setup(For::Tests)?;
        for tool in ["fmt", "clippy"] {
            ensure!(
                succeeds("cargo", &[tool, "--version"]),
                "cargo {tool} is missing: run `rustup component add rustfmt clippy`"
            );
        }
        Ok(())
    })?;
    steps.step("format", || say_and_run(cargo().args(["fmt", "--all", "--check"])))?;
    steps.step("third-party notices", || notices::run(&["--check".into()]))?;
    steps.step("lints", || {
        say_and_run(cargo().args([
            "clippy",
            "--locked",
            "--workspace",
            "--all-targets",
            "--",
            "-D",
            "warnings",
        ]))
    })?;
    steps.step("build without sound", || {
        say_and_run(cargo().args(["check", "--locked", "-p", "backchannel", "--no-default-features"]))
    })?;
    // Builds the program too, with the same features as the tests, so that the screens below need no second build.
    steps.step("build of tests", || {
        say_and_run(cargo().args(["build", "--locked", "--workspace", "--bins", "--tests"]))
    })?;
    // Layers and wording are among these.
    steps.step("tests", || say_and_run(cargo().args(["test", "--locked", "--workspace"])))?;
    steps.step("screens without a display", || {
        screens::check(&program("debug")?, &root().join("target/screens"))
            .context("the built program could not draw the studio headless")
    })?;
    steps.report();
    println!("\nAll of it holds.");
    Ok(())
}

/// Speed of the parts that matter; the arguments go to `backchannel bench`.
pub fn bench(arguments: &[String]) -> Result<()> {
    setup(For::Tests)?;
    say_and_run(
        cargo().args(["run", "--release", "--locked", "-p", "backchannel", "--", "bench"]).args(arguments),
    )
}
