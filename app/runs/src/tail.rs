//! Follows a text file that grows: only new bytes are read, a line that is not finished waits, a file that was replaced is
//! read again from its beginning.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use clips::{Fault, Result};

/// Longest line that is looked at; a longer one is passed over.
pub const LONGEST_LINE: usize = 1 << 20;
/// Bytes before the place that must be as they were, or the file is another one.
const REMEMBERED: usize = 64;

/// A place in a growing file.
#[derive(Debug, Clone)]
pub struct Tail {
    path: PathBuf,
    offset: u64,
    before: Vec<u8>,
    rest: Vec<u8>,
    /// In the middle of a line that is too long.
    skipping: bool,
}

/// What is new in the file.
#[derive(Debug, Default)]
pub struct News {
    /// Everything read before belongs to another file; forget it.
    pub again: bool,
    /// Finished lines, without their ends.
    pub lines: Vec<Vec<u8>>,
    /// There is more to read at once.
    pub more: bool,
}

impl Tail {
    /// The beginning of a file, which need not be there yet.
    pub fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), offset: 0, before: Vec::new(), rest: Vec::new(), skipping: false }
    }

    /// Reads what is new, at most about `most` bytes. A file that is not there has nothing new.
    ///
    /// # Errors
    /// When it is there and cannot be read.
    pub fn read(&mut self, most: usize) -> Result<News> {
        let fault = |error: std::io::Error| Fault::io(&self.path, &error);
        let mut news = News::default();
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                news.again = self.offset > 0;
                self.forget();
                return Ok(news);
            }
            Err(error) => return Err(fault(error)),
        };
        let length = file.metadata().map_err(fault)?.len();
        if self.offset > 0 {
            let mut there = vec![0; self.before.len()];
            let same = length >= self.offset
                && file.seek(SeekFrom::Start(self.offset - there.len() as u64)).is_ok()
                && file.read_exact(&mut there).is_ok()
                && there == self.before;
            if !same {
                news.again = true;
                self.forget();
            }
        }
        if length <= self.offset {
            return Ok(news);
        }
        file.seek(SeekFrom::Start(self.offset)).map_err(|error| Fault::io(&self.path, &error))?;
        let mut bytes = Vec::new();
        let room = most.max(4096) as u64;
        file.take(room).read_to_end(&mut bytes).map_err(|error| Fault::io(&self.path, &error))?;
        self.offset += bytes.len() as u64;
        news.more = self.offset < length;
        self.before.extend_from_slice(&bytes[bytes.len().saturating_sub(REMEMBERED)..]);
        self.before.drain(..self.before.len().saturating_sub(REMEMBERED));
        let mut pieces = bytes.split(|byte| *byte == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            let finished = pieces.peek().is_some();
            if !self.skipping {
                self.rest.extend_from_slice(piece);
            }
            if self.rest.len() > LONGEST_LINE {
                self.rest = Vec::new();
                self.skipping = true;
            }
            if finished {
                let line = std::mem::take(&mut self.rest);
                if !std::mem::replace(&mut self.skipping, false) && !line.is_empty() {
                    news.lines.push(line);
                }
            }
        }
        Ok(news)
    }

    fn forget(&mut self) {
        *self = Self::new(&self.path);
    }
}

/// The last lines of a text file, at most `count` within its last 64 kB.
///
/// # Errors
/// When the file is there and cannot be read.
pub fn last_lines(path: &Path, count: usize) -> Result<Vec<String>> {
    let mut file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Fault::io(path, &error)),
    };
    let fault = |error: std::io::Error| Fault::io(path, &error);
    let length = file.metadata().map_err(fault)?.len();
    let from = length.saturating_sub(64 << 10);
    file.seek(SeekFrom::Start(from)).map_err(fault)?;
    let mut bytes = Vec::new();
    file.take(64 << 10).read_to_end(&mut bytes).map_err(fault)?;
    let text = String::from_utf8_lossy(&bytes);
    // Where reading began inside a line, that line is no line.
    let skip = usize::from(from > 0);
    let lines: Vec<&str> = text.lines().skip(skip).filter(|line| !line.trim().is_empty()).collect();
    let shown = |line: &&str| line.chars().take(400).collect();
    Ok(lines[lines.len().saturating_sub(count)..].iter().map(shown).collect())
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn append(path: &Path, text: &str) {
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn texts(news: &News) -> Vec<String> {
        news.lines.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect()
    }

    #[test]
    fn only_what_is_new_is_read_and_a_cut_line_waits() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("grows");
        let mut tail = Tail::new(&path);
        assert!(tail.read(1 << 20).unwrap().lines.is_empty());
        append(&path, "one\ntwo\nthr");
        assert_eq!(texts(&tail.read(1 << 20).unwrap()), ["one", "two"]);
        append(&path, "ee\n\nfour\n");
        let news = tail.read(1 << 20).unwrap();
        assert_eq!(texts(&news), ["three", "four"]);
        assert!(!news.again && !news.more);
        assert!(tail.read(1 << 20).unwrap().lines.is_empty());
    }

    #[test]
    fn a_file_that_was_replaced_is_read_again_even_when_it_has_grown() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("replaced");
        append(&path, "a\nb\n");
        let mut tail = Tail::new(&path);
        tail.read(1 << 20).unwrap();
        std::fs::write(&path, "other\nlines\nand more\n").unwrap();
        let news = tail.read(1 << 20).unwrap();
        assert!(news.again);
        assert_eq!(texts(&news), ["other", "lines", "and more"]);
        std::fs::write(&path, "x\n").unwrap();
        let news = tail.read(1 << 20).unwrap();
        assert!(news.again && texts(&news) == ["x"]);
        std::fs::remove_file(&path).unwrap();
        assert!(tail.read(1 << 20).unwrap().again);
    }

    #[test]
    fn endless_lines_and_large_files_take_no_endless_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hostile");
        std::fs::write(&path, [vec![b'x'; 3 << 20], b"\nfine\n".to_vec()].concat()).unwrap();
        let mut tail = Tail::new(&path);
        let mut lines = Vec::new();
        loop {
            let news = tail.read(100_000).unwrap();
            assert!(tail.rest.capacity() <= 3 * LONGEST_LINE);
            lines.extend(texts(&news));
            if !news.more {
                break;
            }
        }
        assert_eq!(lines, ["fine"]);
        assert_eq!(last_lines(&path, 5).unwrap(), ["fine"]);
        assert!(last_lines(&folder.path().join("none"), 5).unwrap().is_empty());
    }
}
