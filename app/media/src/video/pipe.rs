//! A video through the `ffmpeg` program, for what the decoder in here does not read (H.265, VP9, AV1, lossless H.264).
//!
//! ffmpeg writes raw pictures into a pipe from the first on, each once and in the order of showing; which of them
//! belongs to which moment is still the container's word. To go back it is started anew: a position asked of ffmpeg
//! would be by time, and frames have to be exact.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::thread::JoinHandle;

use clips::{Fault, FaultKind, Result};

use super::picture::{Colours, Kept, Planar};
use super::tape::{Step, Tape};
use crate::film::{last_words, url};

pub(super) struct Pipe {
    program: PathBuf,
    path: PathBuf,
    size: [u32; 2],
    /// How many the container promises.
    pictures: usize,
    running: Option<Running>,
    /// The picture that comes next out of the pipe.
    next: usize,
}

/// A running ffmpeg; stopped when dropped.
struct Running {
    child: Child,
    output: ChildStdout,
    complaints: Option<JoinHandle<String>>,
}

impl Drop for Running {
    fn drop(&mut self) {
        // Nothing happens to a child that has ended; there is no one to tell otherwise.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Pipe {
    /// Starts nothing yet.
    pub(super) fn new(program: &Path, path: &Path, size: [u32; 2], pictures: usize) -> Self {
        let (program, path) = (program.to_owned(), path.to_owned());
        Self { program, path, size, pictures, running: None, next: 0 }
    }

    fn fault(&self, detail: String) -> Fault {
        Fault::new(FaultKind::Unsupported, &self.path, detail).remedy(super::CONVERT)
    }

    fn start(&self) -> Result<Running> {
        let [width, height] = self.size;
        let mut command = Command::new(&self.program);
        command.args(["-hide_banner", "-nostdin", "-loglevel", "error", "-noautorotate", "-i"]);
        command.arg(url(&self.path)).args(["-map", "0:v:0", "-an", "-sn", "-vf"]);
        // Times in even steps: every picture is written once, however they lie in the file.
        command.arg(format!(
            "setpts=N/(25*TB),scale={width}:{height}:out_color_matrix=bt601:out_range=tv,format=yuv420p"
        ));
        command.args(["-r", "25", "-f", "rawvideo", "pipe:1"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child =
            command.spawn().map_err(|error| self.fault(format!("ffmpeg could not be started: {error}")))?;
        let complaints = child.stderr.take().and_then(|stderr| {
            std::thread::Builder::new().name("ffmpeg messages".into()).spawn(move || last_words(stderr)).ok()
        });
        match child.stdout.take() {
            Some(output) => Ok(Running { child, output, complaints }),
            None => Err(self.fault("ffmpeg has no output".to_owned())),
        }
    }

    /// The next picture out of the pipe; why there is none, if there is none.
    fn read(&mut self) -> std::result::Result<Planar, String> {
        let [width, height] = self.size;
        let Some(running) = &mut self.running else { return Err("ffmpeg does not run".to_owned()) };
        let mut bytes = vec![0; Planar::bytes_of(self.size)];
        if let Err(error) = running.output.read_exact(&mut bytes) {
            let said = running.complaints.take().and_then(|thread| thread.join().ok()).unwrap_or_default();
            return Err(if said.trim().is_empty() { error.to_string() } else { said.trim().to_owned() });
        }
        let quarter = width.div_ceil(2) as usize * height.div_ceil(2) as usize;
        let red = bytes.split_off(bytes.len() - quarter);
        let blue = bytes.split_off(bytes.len() - quarter);
        Ok(Planar { width, height, planes: [bytes, blue, red], colours: Colours::new(6, false) })
    }
}

impl Tape for Pipe {
    fn cost(&self, picture: usize) -> usize {
        match &self.running {
            Some(_) if self.next <= picture => picture + 1 - self.next,
            // Starting a program takes about as long as some pictures.
            _ => picture + 30,
        }
    }

    fn step(&mut self, picture: usize) -> Result<Step> {
        if picture >= self.pictures {
            return Ok(Step::Nothing);
        }
        if self.running.is_none() || self.next > picture {
            self.running = Some(self.start()?);
            self.next = 0;
        }
        let number = self.next;
        self.next += 1;
        match self.read() {
            Ok(planar) => Ok(Step::Picture(number, Kept::Planar(Arc::new(planar)))),
            Err(said) if number == 0 => Err(self.fault(format!("ffmpeg cannot read it: {said}"))),
            Err(said) => Ok(Step::Lost(number, self.fault(said).at(format!("picture {number}")))),
        }
    }
}
