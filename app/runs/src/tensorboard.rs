//! TensorBoard event files, both ways: a file of TFRecord frames, each an `Event` in protocol-buffer form.
//!
//! A frame is the length of its data (u64, little-endian), the masked CRC-32C of these eight bytes, the data, and the
//! masked CRC-32C of the data; masked means `rotate right by 15, plus 0xa282ead8`. Defined in TensorFlow's
//! `core/lib/io/record_writer.h`; messages in `tensorboard/compat/proto/{event,summary,tensor}.proto`. We write scalars as
//! `simple_value`, as most writers do, and read these and scalars that are tensors of one number. Histograms, images
//! and whatever else is in a file are passed over. A file whose last frame is cut is read up to it: it is being written.

use std::collections::{BTreeMap, HashMap};
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clips::array::{make_folder, write_atomically};
use clips::{Control, Fault, FaultKind, Result};
use prost::Message;

use crate::table::{MOST_CELLS, MOST_COLUMNS, Row, Table, too_large};

/// Largest frame that is read; pictures and graphs may be larger and are passed over.
const LARGEST_FRAME: u64 = 64 << 20;
/// Longest name of a quantity.
const LONGEST_TAG: usize = 200;

/// An event of a file. Numbers of fields are those of `event.proto`.
#[derive(Clone, PartialEq, Message)]
struct Event {
    #[prost(double, tag = "1")]
    wall_time: f64,
    #[prost(int64, tag = "2")]
    step: i64,
    #[prost(string, optional, tag = "3")]
    file_version: Option<String>,
    #[prost(message, optional, tag = "5")]
    summary: Option<Summary>,
}

#[derive(Clone, PartialEq, Message)]
struct Summary {
    #[prost(message, repeated, tag = "1")]
    value: Vec<Value>,
}

#[derive(Clone, PartialEq, Message)]
struct Value {
    #[prost(string, tag = "1")]
    tag: String,
    #[prost(float, optional, tag = "2")]
    simple_value: Option<f32>,
    #[prost(message, optional, tag = "8")]
    tensor: Option<Tensor>,
}

/// The parts of a tensor that hold scalars.
#[derive(Clone, PartialEq, Message)]
struct Tensor {
    #[prost(int32, tag = "1")]
    dtype: i32,
    #[prost(bytes = "vec", tag = "4")]
    content: Vec<u8>,
    #[prost(float, repeated, tag = "5")]
    float_val: Vec<f32>,
    #[prost(double, repeated, tag = "6")]
    double_val: Vec<f64>,
}

impl Tensor {
    /// The number of a tensor that is one.
    fn scalar(&self) -> Option<f64> {
        match (self.dtype, self.content.as_slice(), self.float_val.as_slice(), self.double_val.as_slice()) {
            (1, content, [], []) => Some(f64::from(f32::from_le_bytes(content.try_into().ok()?))),
            (2, content, [], []) => Some(f64::from_le_bytes(content.try_into().ok()?)),
            (1, [], [value], []) => Some(f64::from(*value)),
            (2, [], [], [value]) => Some(*value),
            _ => None,
        }
    }
}

fn masked(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes).rotate_right(15).wrapping_add(0xa282_ead8)
}

fn put(writer: &mut dyn Write, event: &Event) -> std::io::Result<()> {
    let data = event.encode_to_vec();
    let length = (data.len() as u64).to_le_bytes();
    writer.write_all(&length)?;
    writer.write_all(&masked(&length).to_le_bytes())?;
    writer.write_all(&data)?;
    writer.write_all(&masked(&data).to_le_bytes())
}

/// Writes a table as an event file into a folder.
pub fn write(table: &Table, folder: &Path, began: f64) -> Result<PathBuf> {
    make_folder(folder)?;
    let began = if began.is_finite() { began.max(0.0) } else { 0.0 };
    let path = folder.join(format!("events.out.tfevents.{:010}.backchannel", began as u64));
    let bases = table.bases();
    write_atomically(&path, |file| {
        let mut writer = std::io::BufWriter::new(file);
        let version = Some("brain.Event:2".to_owned());
        put(&mut writer, &Event { wall_time: began, file_version: version, ..Event::default() })?;
        let mut seconds = 0.0;
        for (row, base) in table.rows.iter().zip(bases) {
            if row.seconds.is_finite() {
                seconds = row.seconds;
            }
            let named = table.columns.iter().map(String::as_str).zip(row.values.iter().copied());
            let head = [("stage", row.stage as f64), ("epoch", row.epoch)];
            let value = head
                .into_iter()
                .chain(named)
                .filter(|(_, value)| value.is_finite())
                .map(|(tag, value)| Value {
                    tag: tag.to_owned(),
                    simple_value: Some(value as f32),
                    tensor: None,
                })
                .collect();
            let step = i64::try_from(base + row.step).unwrap_or(i64::MAX);
            let event = Event {
                wall_time: began + seconds,
                step,
                summary: Some(Summary { value }),
                file_version: None,
            };
            put(&mut writer, &event)?;
        }
        writer.flush()
    })?;
    Ok(path)
}

/// Frames of a file; ends where it is cut.
struct Frames<'a, R> {
    reader: R,
    path: &'a Path,
    at: u64,
}

impl<R: Read> Frames<'_, R> {
    /// The data of the next frame; empty for one that is too large to be numbers.
    fn next(&mut self) -> Result<Option<Vec<u8>>> {
        let path = self.path;
        let broken = |at: u64, detail: &str| {
            Fault::new(FaultKind::Malformed, path, detail.to_owned())
                .at(format!("byte {at}"))
                .remedy("the file is damaged or no TensorBoard event file")
        };
        let mut head = [0; 12];
        if !self.fill(&mut head)? {
            return Ok(None);
        }
        let (length, sum) = (&head[..8], [head[8], head[9], head[10], head[11]]);
        if masked(length) != u32::from_le_bytes(sum) {
            return Err(broken(self.at, "the length of a record does not fit its checksum"));
        }
        let length =
            u64::from_le_bytes([head[0], head[1], head[2], head[3], head[4], head[5], head[6], head[7]]);
        let mut data = Vec::new();
        if length > LARGEST_FRAME {
            let passed =
                std::io::copy(&mut (&mut self.reader).take(length.saturating_add(4)), &mut std::io::sink())
                    .map_err(|error| Fault::io(self.path, &error))?;
            self.at = self.at.saturating_add(12).saturating_add(passed);
            return Ok((passed == length.saturating_add(4)).then_some(data));
        }
        // Memory grows with what is there, not with what is promised.
        (&mut self.reader)
            .take(length)
            .read_to_end(&mut data)
            .map_err(|error| Fault::io(self.path, &error))?;
        let mut sum = [0; 4];
        if (data.len() as u64) < length || !self.fill(&mut sum)? {
            return Ok(None);
        }
        if masked(&data) != u32::from_le_bytes(sum) {
            return Err(broken(self.at, "a record does not fit its checksum"));
        }
        self.at += 16 + length;
        Ok(Some(data))
    }

    /// False at the end of the file, also in the middle of what was asked for.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<bool> {
        match self.reader.read_exact(bytes) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => Ok(false),
            Err(error) => Err(Fault::io(self.path, &error)),
        }
    }
}

/// Reads event files of one run, in the order of their names.
pub fn read(named: &Path, files: &[PathBuf], control: &Control) -> Result<Table> {
    let mut columns: Vec<String> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    // step -> wall time, values by column
    let mut steps: BTreeMap<u64, (f64, Vec<(usize, f64)>)> = BTreeMap::new();
    let (mut began, mut cells) = (f64::INFINITY, 0);
    for path in files {
        let file = std::fs::File::open(path).map_err(|error| Fault::io(path, &error))?;
        let mut frames = Frames { reader: BufReader::new(file), path, at: 0 };
        while let Some(data) = frames.next()? {
            control.check()?;
            // What is no event is none of ours: the checksum says that it was meant so.
            let Ok(event) = Event::decode(data.as_slice()) else { continue };
            if event.wall_time.is_finite() {
                began = began.min(event.wall_time);
            }
            let (Some(summary), Ok(step)) = (event.summary, u64::try_from(event.step)) else { continue };
            for value in summary.value {
                let number = value.simple_value.map(f64::from).or_else(|| value.tensor.as_ref()?.scalar());
                let Some(number) = number.filter(|number| number.is_finite()) else { continue };
                if value.tag.len() > LONGEST_TAG {
                    continue;
                }
                let column = match places.get(&value.tag) {
                    Some(column) => *column,
                    None if columns.len() < MOST_COLUMNS => {
                        columns.push(value.tag.clone());
                        places.insert(value.tag, columns.len() - 1);
                        columns.len() - 1
                    }
                    None => continue,
                };
                cells += 1;
                let row = steps.entry(step).or_insert_with(|| (event.wall_time, Vec::new()));
                row.1.push((column, number));
            }
        }
        if cells.max(steps.len().saturating_mul(columns.len())) > MOST_CELLS {
            return Err(too_large(path));
        }
    }
    if columns.is_empty() {
        return Err(Fault::new(FaultKind::Empty, named, "there are no scalars in it")
            .remedy("open a file or folder of TensorBoard scalars"));
    }
    let place = |name: &str| columns.iter().position(|known| known == name);
    let (stage, epoch) = (place("stage"), place("epoch"));
    let quantities: Vec<usize> =
        (0..columns.len()).filter(|column| ![stage, epoch].contains(&Some(*column))).collect();
    let mut table = Table {
        columns: quantities.iter().map(|column| columns[*column].clone()).collect(),
        rows: Vec::with_capacity(steps.len()),
    };
    let (mut base, mut last) = (0, (1, 0));
    for (step, (wall_time, cells)) in steps {
        let mut all = vec![f64::NAN; columns.len()];
        cells.into_iter().for_each(|(column, value)| all[column] = value);
        let at = |column: Option<usize>| column.map_or(f64::NAN, |column| all[column]);
        let number = at(stage);
        let number = if (1.0..100.0).contains(&number) { number as u64 } else { last.0 };
        if number != last.0 {
            base = last.1;
        }
        last = (number, step);
        table.rows.push(Row {
            stage: number,
            step: step - base,
            epoch: at(epoch),
            seconds: wall_time - began,
            values: quantities.iter().map(|column| all[*column]).collect(),
        });
    }
    Ok(table)
}
