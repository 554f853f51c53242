//! `backchannel doctor`: what this machine offers, what is missing and how to get it.
//!
//! Nothing here is a fault: every line has a way on, and the exit code is 0 unless nothing can be drawn or computed.

use serde::Serialize;

use crate::output::Output;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// One JSON object on standard output
    #[arg(long)]
    pub json: bool,
}

#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    state: State,
    detail: String,
    remedy: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    Ok,
    Limited,
    Missing,
}

pub fn run(_: &Args, output: &Output) -> clips::Result<()> {
    let findings = vec![display(), adapters(), devices(), sound(), ffmpeg(), dialogs(), fonts(), processor()];
    let mut text = String::new();
    for finding in &findings {
        let mark = match finding.state {
            State::Ok => "ok     ",
            State::Limited => "limited",
            State::Missing => "missing",
        };
        text += &format!("{mark}  {:<14} {}\n", finding.what, finding.detail);
        if !finding.remedy.is_empty() {
            text += &format!("{:>25}-> {}\n", "", finding.remedy);
        }
    }
    output.result(&serde_json::json!({ "version": env!("CARGO_PKG_VERSION"), "findings": findings }), text)
}

fn finding(what: &'static str, state: State, detail: impl Into<String>, remedy: &str) -> Finding {
    Finding { what, state, detail: detail.into(), remedy: remedy.to_owned() }
}

fn display() -> Finding {
    let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
    match (set("WAYLAND_DISPLAY"), set("DISPLAY")) {
        (Some(name), _) => finding("display", State::Ok, format!("Wayland {}", name.to_string_lossy()), ""),
        (None, Some(name)) => finding("display", State::Ok, format!("X11 {}", name.to_string_lossy()), ""),
        (None, None) if cfg!(any(target_os = "macos", target_os = "windows")) => {
            finding("display", State::Ok, "the system's own", "")
        }
        (None, None) => finding(
            "display",
            State::Missing,
            "neither DISPLAY nor WAYLAND_DISPLAY is set",
            "the window needs one; every other command, and `backchannel screenshot`, works without",
        ),
    }
}

fn adapters() -> Finding {
    let names: Vec<String> = face::adapters()
        .iter()
        .map(|adapter| format!("{} ({}, {})", adapter.name, adapter.backend, adapter.kind))
        .collect();
    if names.is_empty() {
        finding(
            "graphics",
            State::Limited,
            "no adapter: pictures are drawn on the CPU, and the window cannot open",
            "install a graphics driver; on Debian or Ubuntu: libvulkan1 mesa-vulkan-drivers",
        )
    } else {
        finding("graphics", State::Ok, names.join("; "), "")
    }
}

fn devices() -> Finding {
    let left_out = accelerated::device::left_out();
    let remedy = if left_out.is_empty() {
        String::new()
    } else {
        format!(
            "this build leaves out {}; docs/devices.md says how to build with them",
            left_out.join(" and ")
        )
    };
    finding("networks", State::Ok, format!("train on {}", accelerated::device::listed().join("; ")), &remedy)
}

fn sound() -> Finding {
    match media::sound_device() {
        Ok(name) => finding("sound", State::Ok, name, ""),
        Err(why) => finding(
            "sound",
            State::Limited,
            format!("{why}: the wall clock leads, in silence"),
            "plug in or configure a sound device",
        ),
    }
}

fn ffmpeg() -> Finding {
    match media::film::ffmpeg_version() {
        Some(version) => finding("ffmpeg", State::Ok, version, ""),
        None => finding(
            "ffmpeg",
            State::Limited,
            "not found: films are written as GIF or PNG, not as MP4",
            "install ffmpeg to write MP4 with sound",
        ),
    }
}

fn dialogs() -> Finding {
    let portal = std::env::var_os("DBUS_SESSION_BUS_ADDRESS").is_some();
    let zenity = on_path("zenity");
    if portal || zenity || cfg!(any(target_os = "macos", target_os = "windows")) {
        finding("file dialogs", State::Ok, if portal { "desktop portal" } else { "zenity" }, "")
    } else {
        finding(
            "file dialogs",
            State::Limited,
            "neither a desktop portal nor zenity",
            "drop files on the window or type a path in its Open field",
        )
    }
}

fn fonts() -> Finding {
    finding("fonts", State::Ok, "built in (Ubuntu Light, Hack)", "")
}

fn processor() -> Finding {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    finding("processor", State::Ok, format!("{}, {cores} threads", super::bench::processor_name()), "")
}

fn on_path(program: &str) -> bool {
    std::env::var_os("PATH")
        .is_some_and(|paths| std::env::split_paths(&paths).any(|folder| folder.join(program).is_file()))
}
