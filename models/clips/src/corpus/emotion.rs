//! `Emotion/*.csv`: one header row, then 25 columns a frame, read by position.

use std::path::Path;

use crate::channels::{ATTRIBUTE_COUNT, ATTRIBUTES};
use crate::fault::{Fault, FaultKind, Result};
use crate::streams::Attributes;

/// Three hours at 25 fps; nobody listens longer.
const MOST_ROWS: usize = 270_000;

/// A line without an end must not fill the memory.
const MOST_BYTES: u64 = 256 << 20;

/// Reads the attributes of one person in one clip.
///
/// # Errors
/// A fault naming row and column for a wrong number of columns, text that is no number, NaN or infinity; for an
/// empty file; for more rows than we accept.
pub fn read_emotion(path: &Path) -> Result<Attributes> {
    parse(path, true)
}

/// As [`read_emotion`]; NaN and infinity are refused only when `finite`, so that a check can count them.
pub(super) fn parse(path: &Path, finite: bool) -> Result<Attributes> {
    let file = std::fs::File::open(path).map_err(|error| Fault::io(path, &error))?;
    let length = file.metadata().map_err(|error| Fault::io(path, &error))?.len();
    if length > MOST_BYTES {
        return Err(Fault::new(FaultKind::TooLarge, path, format!("{length} bytes"))
            .remedy("cut the recording into clips, or check that this is an attribute file"));
    }
    let mut reader =
        csv::ReaderBuilder::new().has_headers(true).flexible(true).from_reader(std::io::BufReader::new(file));
    let mut rows = Attributes::new();
    let mut record = csv::StringRecord::new();
    loop {
        let more = reader.read_record(&mut record).map_err(|error| {
            Fault::new(FaultKind::Malformed, path, error.to_string())
                .at(format!("row {}", rows.len() + 2))
                .remedy("the file must be UTF-8 text with commas")
        })?;
        if !more {
            break;
        }
        let line = rows.len() + 2;
        if record.len() != ATTRIBUTE_COUNT {
            return Err(Fault::new(FaultKind::WrongShape, path, format!("{} columns", record.len()))
                .at(format!("row {line}"))
                .remedy("an attribute file has 25 columns: 15 AUs, valence, arousal, 8 expressions"));
        }
        if rows.len() == MOST_ROWS {
            return Err(Fault::new(FaultKind::TooLarge, path, format!("more than {MOST_ROWS} rows"))
                .remedy("cut the recording into clips"));
        }
        let mut row = [0.0f32; ATTRIBUTE_COUNT];
        for (column, text) in record.iter().enumerate() {
            let place = || format!("row {line}, column {}", ATTRIBUTES[column]);
            row[column] = text.trim().parse().map_err(|_| {
                Fault::new(FaultKind::Malformed, path, format!("\"{text}\" is not a number"))
                    .at(place())
                    .remedy("write numbers with a decimal point")
            })?;
            if finite && !row[column].is_finite() {
                return Err(Fault::new(FaultKind::NotFinite, path, format!("the value is {text}"))
                    .at(place())
                    .remedy("replace frames where no face was found, or leave the clip out"));
            }
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(Fault::new(FaultKind::Empty, path, "no frame below the header")
            .remedy("extract the attributes again"));
    }
    Ok(rows)
}
