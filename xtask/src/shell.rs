//! Running other programs: said before, streamed while, timed after.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context, Result, bail};

/// The root of the repository.
pub fn root() -> &'static Path {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.parent().unwrap_or(here)
}

/// The cargo that runs us, at the root of the repository.
pub fn cargo() -> Command {
    at_root(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// A program at the root of the repository.
pub fn at_root(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.current_dir(root());
    command
}

/// Says the command, runs it with its output on ours, and fails when it does.
pub fn say_and_run(command: &mut Command) -> Result<()> {
    let words: Vec<_> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(|word| word.to_string_lossy().into_owned())
        .collect();
    let name = Path::new(&words[0]).file_name().unwrap_or_default().to_string_lossy().into_owned();
    println!("\n$ {name} {}", words[1..].join(" "));
    if std::env::var_os("XDG_RUNTIME_DIR").is_none() {
        // Without one the software graphics driver complains four times a start; any folder will do.
        command.env("XDG_RUNTIME_DIR", std::env::temp_dir());
    }
    let status = command.status().with_context(|| format!("{name} could not be started"))?;
    if !status.success() {
        bail!("{name} failed ({status})");
    }
    Ok(())
}

/// Whether a program runs and succeeds; its output is swallowed.
pub fn succeeds(program: &str, arguments: &[&str]) -> bool {
    Command::new(program).args(arguments).output().is_ok_and(|output| output.status.success())
}

/// Whether a program is on the `PATH`.
pub fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()))
}

/// The built program of a profile ("debug", "release").
pub fn program(profile: &str) -> Result<PathBuf> {
    let metadata = cargo_metadata::MetadataCommand::new().current_dir(root()).no_deps().exec()?;
    let name = format!("backchannel{}", std::env::consts::EXE_SUFFIX);
    Ok(metadata.target_directory.join(profile).join(name).into())
}

/// Times of the steps of a longer chore.
#[derive(Default)]
pub struct Steps(Vec<(&'static str, f64)>);

impl Steps {
    /// Runs a step and notes its time; a failure names the step.
    pub fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<()>) -> Result<()> {
        println!("\n== {name}");
        let start = Instant::now();
        work().with_context(|| format!("step \"{name}\""))?;
        let seconds = start.elapsed().as_secs_f64();
        println!("== {name}: {seconds:.1} s");
        self.0.push((name, seconds));
        Ok(())
    }

    /// Prints all times.
    pub fn report(&self) {
        println!();
        for (name, seconds) in &self.0 {
            println!("{seconds:8.1} s  {name}");
        }
        println!("{:8.1} s  in all", self.0.iter().map(|(_, seconds)| seconds).sum::<f64>());
    }
}
