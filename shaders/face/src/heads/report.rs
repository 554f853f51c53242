//! What was found in a head file: for the command line, for a message, and for choosing a name.

use crate::names::{NAMES, SHAPES};

/// What a head file holds.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// "glTF", "VRM", "FaceVerse 2", "FaceVerse 3", "ICT-FaceKit" or "Backchannel".
    pub format: String,
    /// Title, author or licence that the file states of itself; may be empty.
    pub credit: String,
    /// Vertices that are drawn.
    pub vertices: usize,
    /// Triangles that are drawn.
    pub triangles: usize,
    /// Shapes of ours that it has.
    pub found: Vec<String>,
    /// Shapes of ours that it lacks.
    pub missing: Vec<String>,
    /// Its shapes that mean nothing to us.
    pub ignored: Vec<String>,
    /// (part, vertices) of the drawn head.
    pub parts: Vec<(String, usize)>,
    /// Centimetres of one unit of the file, as fitted to the place of eyes, brows, nose and mouth; 0 when not fitted.
    pub unit_cm: f32,
    /// What was done to it that one should know.
    pub notes: Vec<String>,
    /// SHA-256 of the bytes it was read from, hexadecimal.
    pub hash: String,
}

impl Report {
    pub(crate) fn note(&mut self, words: impl Into<String>) {
        let words = words.into();
        if !self.notes.contains(&words) {
            self.notes.push(words);
        }
    }

    pub(crate) fn found(&mut self, found: &[bool; SHAPES]) {
        let names =
            |wanted: bool| (0..SHAPES).filter(|i| found[*i] == wanted).map(|i| NAMES[i].to_owned()).collect();
        self.found = names(true);
        self.missing = names(false);
    }
}
