//! The runs under a folder, at a glance: a few numbers and a small curve each, from a few reads however long a run is.

use std::collections::HashMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::reader::is_run;
use crate::record::Record;
use crate::status::{self, State, Status};
use crate::tail::last_lines;

/// Points of a small curve.
const SPARKS: usize = 48;
/// Most runs under a folder.
const MOST_RUNS: usize = 500;
/// Bytes read for a point of the small curve.
const SAMPLE: u64 = 8 << 10;

/// One run of the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Row {
    /// Its folder.
    pub path: PathBuf,
    /// Name of the folder.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// What it says of itself.
    pub status: Status,
    /// Stage and step.
    pub place: Option<(u64, u64)>,
    /// Name and value of the last number worth showing.
    pub value: Option<(String, f64)>,
    /// The loss over the run, evenly sampled; empty before the first step.
    pub sparks: Vec<f32>,
    /// When it was started, or last changed, in seconds since 1970.
    pub began: f64,
    /// Place in the queue of one that waits: when it was asked for, in seconds since 1970.
    pub asked: Option<f64>,
}

/// Where runs are kept on this machine: `backchannel/runs` in the user's data folder; `None` where there is no home.
pub fn usual_root() -> Option<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let base = set("XDG_DATA_HOME").or_else(|| set("HOME").map(|home| home.join(".local/share")))?;
    Some(base.join("backchannel/runs"))
}

/// What was read of a run's numbers, good as long as the file is the same.
type Glance = (Option<(SystemTime, u64)>, Option<(u64, u64)>, Option<(String, f64)>, Vec<f32>);

/// What is kept between two looks at a folder.
#[derive(Debug, Default)]
pub(crate) struct Known {
    glances: HashMap<PathBuf, Glance>,
}

/// The runs under `root` and those named, newest first.
pub fn list(root: Option<&Path>, named: &[PathBuf]) -> Vec<Row> {
    rows(root, named, &mut Known::default())
}

pub(crate) fn rows(root: Option<&Path>, named: &[PathBuf], known: &mut Known) -> Vec<Row> {
    let mut folders: Vec<PathBuf> = root
        .and_then(|root| std::fs::read_dir(root).ok())
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_dir() && is_run(path))
        .take(MOST_RUNS)
        .collect();
    for path in named {
        if !folders.contains(path) && path.exists() {
            folders.push(path.clone());
        }
    }
    known.glances.retain(|path, _| folders.contains(path));
    let mut rows: Vec<Row> = folders.into_iter().map(|folder| row(folder, known)).collect();
    rows.sort_by(|a, b| b.began.total_cmp(&a.began).then_with(|| a.name.cmp(&b.name)));
    rows
}

fn row(path: PathBuf, known: &mut Known) -> Row {
    let metrics = path.join("metrics.jsonl");
    let meta = std::fs::metadata(&metrics).ok();
    let mark = meta.as_ref().and_then(|meta| Some((meta.modified().ok()?, meta.len())));
    let glance = known.glances.entry(path.clone()).or_insert_with(|| (None, None, None, Vec::new()));
    if glance.0 != mark {
        let last = last_record(&metrics);
        let place = last.as_ref().map(|record| (record.stage, record.step));
        let value = last.as_ref().and_then(worth_showing).or_else(|| glance.2.clone());
        *glance = (mark, place, value, sparks(&metrics, mark.map_or(0, |mark| mark.1)));
    }
    let status = Status::read(&path);
    let grew = mark.map(|mark| status::seconds_of(mark.0));
    let modified = |name: &str| {
        let meta = std::fs::metadata(path.join(name)).ok()?;
        Some(status::seconds_of(meta.modified().ok()?))
    };
    let imported = !path.join("config.toml").exists() && !path.join("launch.json").exists();
    let state = match &status {
        _ if imported => State::Imported,
        Some(status) => status.believed(grew, status::now()),
        None => {
            let ended = last_lines(&path.join("log.txt"), 1).unwrap_or_default();
            let ended = ended.last().is_some_and(|line| line.contains("done in"));
            match grew {
                _ if ended => State::Done,
                Some(grew) if status::now() - grew < 30.0 => State::Running,
                _ => State::Interrupted,
            }
        }
    };
    let launch = crate::launch::Launch::read(&path);
    let status = status.unwrap_or_default();
    Row {
        name: path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned(),
        state,
        place: status.stage.zip(status.step).or(glance.1),
        value: glance.2.clone(),
        sparks: glance.3.clone(),
        // The settings are written once, when a run begins.
        began: launch
            .as_ref()
            .map(|launch| launch.asked)
            .or_else(|| modified("config.toml"))
            .or(grew)
            .unwrap_or(0.0),
        asked: launch.filter(|_| state == State::Queued).map(|launch| launch.asked),
        status,
        path,
    }
}

/// The number of a record that says most: a measure of validation, else the loss.
fn worth_showing(record: &Record) -> Option<(String, f64)> {
    ["validation/FRCorr", "loss/total"]
        .into_iter()
        .find_map(|name| Some((name.rsplit('/').next()?.to_owned(), record.value(name)?)))
        .map(|(name, value)| (if name == "total" { "loss".to_owned() } else { name }, value))
}

fn last_record(path: &Path) -> Option<Record> {
    let mut file = File::open(path).ok()?;
    let length = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(64 << 10))).ok()?;
    let mut bytes = Vec::new();
    file.take(64 << 10).read_to_end(&mut bytes).ok()?;
    // The last number of validation is worth more than the last loss, where it is near.
    let records: Vec<Record> = bytes.split(|byte| *byte == b'\n').filter_map(Record::parse).collect();
    let last = records.last()?.clone();
    let judged = records.iter().rev().find(|record| record.value("validation/FRCorr").is_some());
    let mut shown = last;
    if let Some(value) = judged.and_then(|record| record.value("validation/FRCorr")) {
        shown.values.retain(|(name, _)| name != "validation/FRCorr");
        shown.values.push(("validation/FRCorr".to_owned(), value));
    }
    Some(shown)
}

/// The loss at evenly spread places of the file.
fn sparks(path: &Path, length: u64) -> Vec<f32> {
    let Ok(mut file) = File::open(path) else { return Vec::new() };
    let mut found: Vec<(u64, u64, f32)> = Vec::new();
    let mut take = |bytes: &[u8], first: bool, every: usize| {
        let lines: Vec<&[u8]> = bytes.split(|byte| *byte == b'\n').skip(usize::from(!first)).collect();
        for line in lines.into_iter().step_by(every) {
            let Some(record) = Record::parse(line) else { continue };
            if let Some(loss) = record.value("loss/total") {
                found.push((record.stage, record.step, loss as f32));
                if every == usize::MAX {
                    return;
                }
            }
        }
    };
    let mut bytes = Vec::new();
    if length <= SAMPLE * SPARKS as u64 {
        if (&mut file).take(length).read_to_end(&mut bytes).is_err() {
            return Vec::new();
        }
        let lines = bytes.iter().filter(|byte| **byte == b'\n').count();
        take(&bytes, true, lines.div_ceil(SPARKS).max(1));
    } else {
        for part in 0..SPARKS as u64 {
            let from = (length - SAMPLE) * part / (SPARKS as u64 - 1);
            bytes.clear();
            let read = file
                .seek(SeekFrom::Start(from))
                .and_then(|_| (&mut file).take(SAMPLE).read_to_end(&mut bytes));
            if read.is_ok() {
                take(&bytes, from == 0, usize::MAX);
            }
        }
    }
    found.dedup_by_key(|(stage, step, _)| (*stage, *step));
    found.into_iter().map(|(_, _, loss)| loss).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_are_listed_newest_first_with_a_small_curve() {
        let root = tempfile::tempdir().unwrap();
        for (name, steps) in [("short", 20), ("long", 20_000)] {
            let folder = root.path().join(name);
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(folder.join("config.toml"), "seed = 1").unwrap();
            let text: String = (1..=steps)
                .map(|step| {
                    format!(
                        "{{\"stage\":1,\"step\":{step},\"losses\":{{\"total\":{}}}}}\n",
                        10.0 / f64::from(step)
                    )
                })
                .collect();
            std::fs::write(folder.join("metrics.jsonl"), text).unwrap();
            std::fs::write(folder.join("log.txt"), "2026-11-21 12:40:07 done in 3 s\n").unwrap();
        }
        std::fs::create_dir_all(root.path().join("no run")).unwrap();
        let rows = list(Some(root.path()), &[]);
        assert_eq!(rows.len(), 2);
        for row in &rows {
            assert_eq!(row.state, State::Done);
            assert!((15..=60).contains(&row.sparks.len()), "{}: {}", row.name, row.sparks.len());
            assert!(row.sparks.windows(2).all(|pair| pair[0] > pair[1]), "{:?}", row.sparks);
        }
        let long = rows.iter().find(|row| row.name == "long").unwrap();
        assert_eq!(long.place, Some((1, 20_000)));
        assert_eq!(long.value, Some(("loss".to_owned(), 0.0005)));
        assert!(list(None, &[root.path().join("gone")]).is_empty());
    }
}
