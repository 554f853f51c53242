//! A film as MP4: frames are piped to the `ffmpeg` program, which makes H.264 and AAC of them.
//!
//! Its complaints are read on a thread of their own, so that neither side waits for the other; an ffmpeg that dies
//! becomes a fault with its last words. Sizes are padded to even numbers, which the pixel format needs.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread::JoinHandle;

use clips::{Fault, FaultKind, Result, Waveform};

use super::{Format, Part, Writer, wav};

/// Bytes of ffmpeg's complaints that are kept.
const LAST_WORDS: usize = 2_000;

/// Where the `ffmpeg` program is, if it is on the `PATH`.
pub fn ffmpeg() -> Option<PathBuf> {
    let name = format!("ffmpeg{}", std::env::consts::EXE_SUFFIX);
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(&name))
        .find(|file| file.is_file())
}

/// What the `ffmpeg` on the `PATH` calls itself ("ffmpeg version 5.1.6"); `None` when there is none that runs.
pub fn ffmpeg_version() -> Option<String> {
    let output = Command::new(ffmpeg()?).arg("-version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = text.split_whitespace().take(3).collect();
    (output.status.success() && !words.is_empty()).then(|| words.join(" "))
}

#[derive(Debug)]
pub(super) struct Mp4 {
    path: PathBuf,
    part: Part,
    /// Lives as long as ffmpeg reads it.
    _sound: Option<Part>,
    child: Child,
    input: Option<ChildStdin>,
    complaints: Option<JoinHandle<String>>,
}

impl Mp4 {
    pub(super) fn create(
        path: &Path,
        format: Format,
        sound: Option<&Waveform>,
        program: &Path,
    ) -> Result<Self> {
        let part = Part::beside(path);
        // ffmpeg would find out only after the first frames.
        std::fs::File::create(&part.0).map_err(|error| Fault::write(path, &error))?;
        let sound = match sound {
            Some(sound) => {
                let file = Part::beside(&path.with_extension("wav"));
                wav::write(&file.0, sound)?;
                Some(file)
            }
            None => None,
        };
        let mut command = Command::new(program);
        command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-y"]);
        command.args(["-f", "rawvideo", "-pixel_format", "rgba"]);
        command.args(["-video_size", &format!("{}x{}", format.width, format.height)]);
        command.args(["-framerate", &format.fps.to_string(), "-i", "pipe:0"]);
        if let Some(sound) = &sound {
            command.arg("-i").arg(url(&sound.0));
            // The picture decides the length: short sound is followed by silence, long sound is cut.
            command.args(["-af", "apad", "-shortest", "-c:a", "aac", "-b:a", "160k"]);
        }
        command.args(["-vf", "pad=ceil(iw/2)*2:ceil(ih/2)*2,scale=out_color_matrix=bt709:out_range=tv"]);
        command.args(["-c:v", "libx264", "-preset", "veryfast", "-crf", "17", "-pix_fmt", "yuv420p"]);
        command.args(["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]);
        command.args(["-movflags", "+faststart", "-f", "mp4"]).arg(url(&part.0));
        command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| match error.kind() {
            std::io::ErrorKind::NotFound => {
                Fault::new(FaultKind::Unsupported, path, "writing .mp4 needs the ffmpeg program, which is not here")
                    .remedy("install ffmpeg (Debian, Ubuntu: sudo apt-get install ffmpeg), or write a .gif or a folder of PNGs")
            }
            _ => Fault::new(FaultKind::NotWritable, path, format!("ffmpeg could not be started: {error}"))
                .remedy("check the ffmpeg on the PATH, or write a .gif or a folder of PNGs"),
        })?;
        let input = child.stdin.take();
        let complaints = child.stderr.take().and_then(|stderr| {
            std::thread::Builder::new().name("ffmpeg messages".into()).spawn(move || last_words(stderr)).ok()
        });
        Ok(Self { path: path.to_owned(), part, _sound: sound, child, input, complaints })
    }

    /// Closes the pipe, waits, and makes a fault of anything but success.
    fn wait(&mut self) -> Result<()> {
        drop(self.input.take());
        let status = self.child.wait().map_err(|error| Fault::write(&self.path, &error))?;
        let said = self.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
        if status.success() {
            return Ok(());
        }
        let remedy = if said.contains("libx264") || said.contains("Unknown encoder") {
            "install an ffmpeg with libx264, or write a .gif or a folder of PNGs"
        } else {
            "check the disk and the ffmpeg on the PATH, or write a .gif or a folder of PNGs"
        };
        let detail = format!("ffmpeg failed ({status}): {}", said.trim());
        Err(Fault::new(FaultKind::NotWritable, &self.path, detail).remedy(remedy))
    }
}

impl Writer for Mp4 {
    fn frame(&mut self, rgba: &[u8]) -> Result<()> {
        let written = match &mut self.input {
            Some(input) => input.write_all(rgba),
            None => Err(std::io::ErrorKind::BrokenPipe.into()),
        };
        match written {
            Ok(()) => Ok(()),
            // The pipe breaks when ffmpeg dies; what it said is the reason.
            Err(error) => self.wait().and(Err(Fault::write(&self.path, &error))),
        }
    }

    fn finish(&mut self) -> Result<()> {
        self.wait()?;
        self.part.take_place_of(&self.path)
    }
}

impl Drop for Mp4 {
    fn drop(&mut self) {
        drop(self.input.take());
        // Does nothing to a child that has been waited for.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// A path that ffmpeg cannot take for an option or a protocol.
pub(crate) fn url(path: &Path) -> std::ffi::OsString {
    let mut url = OsStr::new("file:").to_owned();
    url.push(path);
    url
}

/// Reads complaints to their end and keeps the last of them.
pub(crate) fn last_words(mut stderr: impl Read) -> String {
    let (mut kept, mut chunk) = (Vec::new(), [0; 1_024]);
    while let Ok(count @ 1..) = stderr.read(&mut chunk) {
        kept.extend_from_slice(&chunk[..count]);
        let excess = kept.len().saturating_sub(LAST_WORDS);
        kept.drain(..excess);
    }
    String::from_utf8_lossy(&kept).into_owned()
}
