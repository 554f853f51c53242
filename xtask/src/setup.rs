//! Which system packages are missing, why they are needed, and installing them (Debian and Ubuntu).
//!
//! Things are probed by what is needed (a library, a program), never by package name: names differ between releases.
//! On other systems it says what seems to be missing and goes on; the build is the judge there.

use anyhow::{Result, bail};

use crate::shell::{on_path, say_and_run, succeeds};

/// What the machine is to be ready for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum For {
    /// Building and opening the window of this session (or drawing without one).
    Run,
    /// Building and drawing without a display.
    Tests,
    /// All of it, whatever the session.
    Everything,
}

/// One thing that has to be there.
struct Need {
    /// Package names, newest first; the first that the package lists know is taken.
    packages: &'static [&'static str],
    why: &'static str,
    probe: Probe,
    when: When,
}

#[derive(Debug, Clone, Copy)]
enum Probe {
    Program(&'static str),
    /// By `pkg-config`.
    Headers(&'static str),
    /// By the cache of the dynamic linker.
    Library(&'static str),
    /// A Vulkan driver; the software one for tests, any for the window.
    VulkanDriver,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum When {
    Always,
    X11,
    Wayland,
}

const NEEDS: &[Need] = &[
    need(&["gcc"], "links every Rust program", Probe::Program("cc"), When::Always),
    need(&["libc6-dev"], "headers and start-up code for the linker", Probe::Headers(C_LIBRARY), When::Always),
    need(&["pkg-config"], "finds ALSA for the build", Probe::Program("pkg-config"), When::Always),
    need(&["libasound2-dev"], "sound on Linux (the build)", Probe::Headers("alsa"), When::Always),
    need(&["libasound2t64", "libasound2"], "sound on Linux", Probe::Library("libasound.so.2"), When::Always),
    need(&["libvulkan1"], "draws faces and the window", Probe::Library("libvulkan.so.1"), When::Always),
    need(&["mesa-vulkan-drivers"], "Vulkan, also without a GPU", Probe::VulkanDriver, When::Always),
    need(&["libx11-6"], "the window on X11", Probe::Library("libX11.so.6"), When::X11),
    need(&["libx11-xcb1"], "the window on X11", Probe::Library("libX11-xcb.so.1"), When::X11),
    need(&["libxcursor1"], "the pointer on X11", Probe::Library("libXcursor.so.1"), When::X11),
    need(&["libxi6"], "pointer and pen on X11", Probe::Library("libXi.so.6"), When::X11),
    need(&["libxrandr2"], "screens on X11", Probe::Library("libXrandr.so.2"), When::X11),
    need(&["libxkbcommon-x11-0"], "the keyboard on X11", Probe::Library("libxkbcommon-x11.so.0"), When::X11),
    need(&["libxkbcommon0"], "the keyboard", Probe::Library("libxkbcommon.so.0"), When::X11),
    need(&["libxkbcommon0"], "the keyboard", Probe::Library("libxkbcommon.so.0"), When::Wayland),
    need(
        &["libwayland-client0"],
        "the window on Wayland",
        Probe::Library("libwayland-client.so.0"),
        When::Wayland,
    ),
];

/// Not a pkg-config module: the C library is probed by one of its headers.
const C_LIBRARY: &str = "libc";

const fn need(packages: &'static [&'static str], why: &'static str, probe: Probe, when: When) -> Need {
    Need { packages, why, probe, when }
}

/// Whether a window can be opened in this session.
pub fn has_display() -> bool {
    has("DISPLAY") || has("WAYLAND_DISPLAY")
}

fn has(variable: &str) -> bool {
    std::env::var_os(variable).is_some_and(|value| !value.is_empty())
}

/// Finds what is missing and installs it, or says the one line that does and fails.
pub fn setup(purpose: For) -> Result<()> {
    if !cfg!(target_os = "linux") {
        println!("setup: nothing to check on {}", std::env::consts::OS);
        return Ok(());
    }
    let missing = missing(purpose);
    if missing.is_empty() {
        println!("setup: all system packages are here");
        return Ok(());
    }
    println!("setup: missing on this machine");
    for need in &missing {
        println!("  {:<22} {}", need.packages.last().unwrap_or(&""), need.why);
    }
    if !on_path("apt-get") {
        println!("This is no Debian or Ubuntu: install what your system calls these. Going on without them.");
        return Ok(());
    }
    let Some(prefix) = become_root() else {
        let line = install_line(&missing, known_to_apt);
        bail!("run this once, then again:\n  sudo apt-get update && sudo {}", line.join(" "));
    };
    run(&prefix, &["apt-get", "update"])?;
    // Which name a package has is known only from fresh lists.
    run(&prefix, &install_line(&missing, known_to_apt))?;
    let still: Vec<_> = self::missing(purpose).iter().map(|need| need.packages[0]).collect();
    if !still.is_empty() {
        bail!("installed, and still not found: {}", still.join(", "));
    }
    Ok(())
}

fn run(prefix: &[&'static str], line: &[&'static str]) -> Result<()> {
    let words: Vec<&str> = prefix.iter().chain(line).copied().collect();
    say_and_run(
        std::process::Command::new(words[0]).args(&words[1..]).env("DEBIAN_FRONTEND", "noninteractive"),
    )
}

/// What to put before a command to run it as root without a question; `None` when that cannot be.
fn become_root() -> Option<Vec<&'static str>> {
    let id = std::process::Command::new("id").arg("-u").output().ok()?;
    if String::from_utf8_lossy(&id.stdout).trim() == "0" {
        return Some(Vec::new());
    }
    succeeds("sudo", &["-n", "true"]).then(|| vec!["sudo", "-n", "env", "DEBIAN_FRONTEND=noninteractive"])
}

fn install_line(needs: &[&'static Need], known: impl Fn(&str) -> bool) -> Vec<&'static str> {
    let mut line = vec!["apt-get", "install", "-y", "--no-install-recommends"];
    for need in needs {
        let name = need.packages.iter().find(|name| known(name)).or(need.packages.last());
        if let Some(name) = name
            && !line.contains(name)
        {
            line.push(name);
        }
    }
    line
}

fn known_to_apt(package: &str) -> bool {
    succeeds("apt-cache", &["show", package])
}

fn missing(purpose: For) -> Vec<&'static Need> {
    let output = |program: &str| std::process::Command::new(program).arg("-p").output().ok();
    // A user's PATH often lacks the folder of ldconfig.
    let cache = ["ldconfig", "/sbin/ldconfig", "/usr/sbin/ldconfig"].into_iter().find_map(output);
    let libraries = cache.map(|output| String::from_utf8_lossy(&output.stdout).into_owned());
    NEEDS
        .iter()
        .filter(|need| match need.when {
            When::Always => true,
            When::X11 => purpose == For::Everything || (purpose == For::Run && has("DISPLAY")),
            When::Wayland => purpose == For::Everything || (purpose == For::Run && has("WAYLAND_DISPLAY")),
        })
        .filter(|need| !is_there(need.probe, purpose, libraries.as_deref()))
        .collect()
}

fn is_there(probe: Probe, purpose: For, libraries: Option<&str>) -> bool {
    match probe {
        Probe::Program(name) => on_path(name),
        Probe::Headers(C_LIBRARY) => std::path::Path::new("/usr/include/stdio.h").is_file(),
        Probe::Headers(module) => succeeds("pkg-config", &["--exists", module]),
        Probe::Library(name) => {
            libraries.is_none_or(|text| text.lines().any(|line| line.split_whitespace().next() == Some(name)))
        }
        Probe::VulkanDriver => {
            let software_only = purpose != For::Run;
            ["/usr/share/vulkan/icd.d", "/etc/vulkan/icd.d", "/usr/local/share/vulkan/icd.d"]
                .iter()
                .filter_map(|folder| std::fs::read_dir(folder).ok())
                .flatten()
                .flatten()
                .any(|entry| !software_only || entry.file_name().to_string_lossy().starts_with("lvp_icd"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_that_this_release_knows_is_installed_once() {
        let sound: Vec<&Need> = NEEDS.iter().filter(|need| need.packages.len() > 1).collect();
        assert_eq!(sound.len(), 1);
        assert_eq!(install_line(&sound, |name| name == "libasound2t64").last(), Some(&"libasound2t64"));
        assert_eq!(install_line(&sound, |name| name == "libasound2").last(), Some(&"libasound2"));
        let all: Vec<&Need> = NEEDS.iter().collect();
        let line = install_line(&all, |_| true);
        let keyboards = line.iter().filter(|name| **name == "libxkbcommon0").count();
        assert_eq!(keyboards, 1, "{line:?}");
    }

    #[test]
    fn a_library_is_found_by_its_name_in_the_linker_cache() {
        let cache =
            "2 libs found\n\tlibX11.so.6 (libc6,x86-64) => /usr/lib/libX11.so.6\n\tlibXi.so.60 (x) => y\n";
        let there = |name| is_there(Probe::Library(name), For::Tests, Some(cache));
        assert!(there("libX11.so.6") && !there("libvulkan.so.1"));
        assert!(!there("libXi.so.6"), "another version is another library");
        assert!(
            is_there(Probe::Library("libany.so.1"), For::Tests, None),
            "without a cache nothing can be said"
        );
    }
}
