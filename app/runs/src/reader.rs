//! A run, read step by step while it grows: series in bounded memory, what happened, status, log, checkpoints, previews.
//!
//! Also numbers of other programs (TensorBoard event files, CSV), which are read once and have no status.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use clips::{Control, Fault, Result};

use crate::files::{self, Checkpoint, Preview, PreviewAbout};
use crate::launch::Launch;
use crate::record::Record;
use crate::series::{Place, Series};
use crate::status::{self, Order, State, Status};
use crate::table::Table;
use crate::tail::{Tail, last_lines};

/// Most series of a run.
const MOST_SERIES: usize = 256;
/// Most happenings that are kept; the oldest leave first.
const MOST_HAPPENINGS: usize = 4000;
/// Bytes of numbers read at one look.
const AT_ONCE: usize = 4 << 20;
/// Lines of the log that are shown.
const LOG_LINES: usize = 120;

/// What happened at a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum What {
    /// The step was left out, and why.
    Skipped(String),
    /// Something to worry about.
    Warning(String),
    /// A checkpoint was saved.
    Saved(String),
}

/// Something that happened.
#[derive(Debug, Clone, PartialEq)]
pub struct Happening {
    /// When.
    pub at: Place,
    /// What.
    pub what: What,
}

/// What is known of a run; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Run {
    /// Its folder, or the file of another program.
    pub path: PathBuf,
    /// Name of the folder.
    pub name: String,
    /// Where it stands.
    pub state: State,
    /// What it says of itself.
    pub status: Status,
    /// What it was told and has not obeyed yet.
    pub told: Option<Order>,
    /// Quantities by name (see [`crate::Record`]).
    pub series: BTreeMap<String, Arc<Series>>,
    /// Where each stage began, by stage; the first one at step 0.
    pub stages: Vec<(u64, Place)>,
    /// Stage, step of the stage, steps of the stage where they are known.
    pub last: Option<(u64, u64, Option<u64>)>,
    /// Where it stands on the axes.
    pub end: Option<Place>,
    /// What happened, oldest first.
    pub happenings: Arc<Vec<Happening>>,
    /// Its settings.
    pub config: Arc<toml::Table>,
    /// How it was started, where this program did.
    pub launch: Option<Arc<Launch>>,
    /// Last lines of its log.
    pub log: Arc<Vec<String>>,
    /// Saved networks.
    pub checkpoints: Arc<Vec<Checkpoint>>,
    /// Reactions to the fixed clip.
    pub previews: Arc<Vec<Preview>>,
    /// What the previews show.
    pub about: PreviewAbout,
    /// What could not be read.
    pub faults: Vec<Fault>,
    /// Grows with everything new.
    pub generation: u64,
}

impl Run {
    /// A quantity by its name.
    pub fn series(&self, name: &str) -> Option<&Series> {
        self.series.get(name).map(Arc::as_ref)
    }

    /// Where a step of a stage lies on the axis of all steps.
    pub fn step_of(&self, (stage, step): (u64, u64)) -> f64 {
        let begun =
            self.stages.iter().rev().find(|(known, _)| *known <= stage).map_or(0.0, |(_, at)| at.step);
        begun + step as f64
    }

    /// The last warning, and whether nothing has been said since that would take it back: the run still trains near it.
    pub fn warning(&self) -> Option<&Happening> {
        self.happenings.iter().rev().find(|happening| matches!(happening.what, What::Warning(_)))
    }
}

/// Whether a path is a run folder, or numbers of another program that can be read as one.
pub fn is_run(path: &Path) -> bool {
    if path.is_dir() {
        return (path.join("config.toml").is_file() || path.join("launch.json").is_file())
            && ["metrics.jsonl", "status.json", "launch.json"].iter().any(|name| path.join(name).is_file())
            || !Table::event_files(path).is_empty();
    }
    Table::is_events(path) || (path.extension().is_some_and(|kind| kind == "csv") && Table::is_csv(path))
}

/// Reads one run.
pub struct Reader {
    run: Run,
    metrics: Tail,
    stage: u64,
    base: Place,
    last_place: Place,
    seen: BTreeMap<&'static str, Option<(SystemTime, u64)>>,
    imported: bool,
}

impl Reader {
    /// Follows the run of a folder, or reads the file of another program. Nothing is read yet.
    pub fn new(path: &Path) -> Self {
        let imported = !path.is_dir()
            || (!path.join("metrics.jsonl").exists()
                && !path.join("launch.json").exists()
                && !path.join("config.toml").exists());
        let name = path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned();
        let none = Place { step: 0.0, epoch: 0.0, seconds: 0.0 };
        Self {
            run: Run { path: path.to_owned(), name, ..Run::default() },
            metrics: Tail::new(&path.join("metrics.jsonl")),
            stage: 0,
            base: none,
            last_place: none,
            seen: BTreeMap::new(),
            imported,
        }
    }

    /// What is known so far.
    pub fn run(&self) -> &Run {
        &self.run
    }

    /// Looks once; true when there is more to read at once. What cannot be read is a fault of the run.
    pub fn look(&mut self) -> bool {
        if self.imported {
            self.import();
            return false;
        }
        let before = (self.run.state, self.run.told, self.run.status.clone());
        let mut changed = false;
        self.run.faults.clear();
        let mut more = false;
        match self.metrics.read(AT_ONCE) {
            Ok(news) => {
                if news.again {
                    self.forget();
                }
                more = news.more;
                changed |= news.again || !news.lines.is_empty();
                for record in news.lines.iter().filter_map(|line| Record::parse(line)) {
                    self.take(record);
                }
            }
            Err(fault) => self.run.faults.push(fault),
        }
        changed |= self.look_at_files();
        let status = Status::read(&self.run.path);
        let grew = std::fs::metadata(self.run.path.join("metrics.jsonl"))
            .and_then(|meta| meta.modified())
            .ok()
            .map(status::seconds_of);
        self.run.state = match &status {
            Some(status) => status.believed(grew, status::now()),
            None => self.guessed(grew),
        };
        self.run.status = status.unwrap_or_default();
        let told = || status::order_that_waits(&self.run.path);
        self.run.told = if self.run.state.alive() { told() } else { None };
        if changed || before != (self.run.state, self.run.told, self.run.status.clone()) {
            self.run.generation += 1;
        }
        more
    }

    /// Where a run stands that says nothing of itself.
    fn guessed(&self, grew: Option<f64>) -> State {
        if self.run.log.last().is_some_and(|line| line.contains("done in")) {
            State::Done
        } else if grew.is_some_and(|grew| status::now() - grew < 30.0) {
            State::Running
        } else {
            State::Interrupted
        }
    }

    fn forget(&mut self) {
        self.run.series.clear();
        self.run.stages.clear();
        self.run.happenings = Arc::default();
        (self.run.last, self.run.end) = (None, None);
        self.stage = 0;
        let none = Place { step: 0.0, epoch: 0.0, seconds: 0.0 };
        (self.base, self.last_place) = (none, none);
    }

    fn take(&mut self, record: Record) {
        if record.stage != self.stage {
            self.stage = record.stage;
            self.base = self.last_place;
            self.run.stages.retain(|(stage, _)| *stage < record.stage);
            self.run.stages.push((record.stage, self.base));
        }
        // Epochs are counted in each stage anew.
        let at = Place {
            step: self.base.step + record.step as f64,
            epoch: record.epoch.map_or(f64::NAN, |epoch| self.base.epoch + epoch),
            seconds: record.seconds.unwrap_or(f64::NAN),
        };
        if at.step <= self.last_place.step && self.run.end.is_some() {
            // The run was taken up again at an earlier place.
            self.run.series.values_mut().for_each(|series| Arc::make_mut(series).forget_from(at.step));
            Arc::make_mut(&mut self.run.happenings).retain(|happening| happening.at.step < at.step);
        }
        for (name, value) in record.values {
            let known = self.run.series.len();
            match self.run.series.get_mut(&name) {
                Some(series) => Arc::make_mut(series).push(at, value),
                None if known < MOST_SERIES => {
                    let mut series = Series::default();
                    series.push(at, value);
                    self.run.series.insert(name, Arc::new(series));
                }
                None => {}
            }
        }
        let happened = [
            record.skipped.map(What::Skipped),
            record.warning.map(What::Warning),
            record.checkpoint.map(What::Saved),
        ];
        for what in happened.into_iter().flatten() {
            let all = Arc::make_mut(&mut self.run.happenings);
            if all.len() >= MOST_HAPPENINGS {
                all.drain(..MOST_HAPPENINGS / 4);
            }
            all.push(Happening { at, what });
        }
        self.run.last = Some((record.stage, record.step, record.steps));
        self.run.end = Some(at);
        self.last_place = Place {
            step: at.step,
            epoch: if at.epoch.is_nan() { self.last_place.epoch } else { at.epoch },
            seconds: if at.seconds.is_nan() { self.last_place.seconds } else { at.seconds },
        };
    }

    /// Files that are read only when they changed.
    fn look_at_files(&mut self) -> bool {
        let mut any = false;
        let folder = self.run.path.clone();
        if self.changed("config.toml") {
            any = true;
            let mut text = String::new();
            if let Ok(file) = std::fs::File::open(folder.join("config.toml")) {
                let _ = file.take(1 << 20).read_to_string(&mut text);
            }
            self.run.config = Arc::new(text.parse().unwrap_or_default());
        }
        if self.changed("launch.json") {
            any = true;
            self.run.launch = Launch::read(&folder).map(Arc::new);
        }
        if self.changed("log.txt") {
            any = true;
            match last_lines(&folder.join("log.txt"), LOG_LINES) {
                Ok(lines) => self.run.log = Arc::new(lines),
                Err(fault) => self.run.faults.push(fault),
            }
        }
        let saved = ["checkpoints", "checkpoints/pinned.txt"].map(|name| self.changed(name));
        if saved.contains(&true) {
            any = true;
            self.run.checkpoints = Arc::new(files::checkpoints(&folder));
        }
        if self.changed("previews") {
            any = true;
            let (previews, about) = files::previews(&folder);
            self.run.previews = Arc::new(previews);
            self.run.about = about;
        }
        any
    }

    fn changed(&mut self, name: &'static str) -> bool {
        let meta = std::fs::metadata(self.run.path.join(name)).ok();
        let mark = meta.and_then(|meta| Some((meta.modified().ok()?, meta.len())));
        self.seen.insert(name, mark) != Some(mark)
    }

    fn import(&mut self) {
        let newest = std::iter::once(self.run.path.clone())
            .chain(Table::event_files(&self.run.path))
            .filter_map(|path| std::fs::metadata(path).ok())
            .filter_map(|meta| Some((meta.modified().ok()?, meta.len())))
            .max();
        if self.seen.insert("imported", newest) == Some(newest) {
            return;
        }
        self.forget();
        self.run.faults.clear();
        self.run.state = State::Imported;
        self.run.generation += 1;
        match Table::read(&self.run.path, &Control::default()) {
            Ok(table) => {
                for record in table.records() {
                    self.take(record);
                }
            }
            Err(fault) => self.run.faults.push(fault),
        }
    }
}

/// Reads a run folder as far as it has come.
///
/// # Errors
/// When nothing of it can be read.
pub(crate) fn read_whole(path: &Path, control: &Control) -> Result<Vec<Record>> {
    let mut tail = Tail::new(&path.join("metrics.jsonl"));
    let mut records: Vec<Record> = Vec::new();
    loop {
        control.check()?;
        let news = tail.read(AT_ONCE)?;
        if news.again {
            records.clear();
        }
        for record in news.lines.iter().filter_map(|line| Record::parse(line)) {
            // a run that was taken up again has written some steps twice; the later ones count
            while records.last().is_some_and(|last| (last.stage, last.step) >= (record.stage, record.step)) {
                records.pop();
            }
            records.push(record);
        }
        if !news.more {
            return Ok(records);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn line(stage: u64, step: u64, loss: f64) -> String {
        format!(
            "{{\"stage\":{stage},\"step\":{step},\"epoch\":{},\"seconds\":{step},\"losses\":{{\"total\":{loss}}}}}\n",
            step as f64 / 10.0
        )
    }

    fn append(folder: &Path, text: &str) {
        let path = folder.join("metrics.jsonl");
        let mut file = std::fs::OpenOptions::new().append(true).create(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn run(folder: &Path) -> Reader {
        std::fs::write(folder.join("config.toml"), "seed = 3\n").unwrap();
        append(folder, "");
        assert!(is_run(folder));
        Reader::new(folder)
    }

    #[test]
    fn a_growing_run_is_read_on_and_stages_follow_each_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = run(folder.path());
        (1..=20).for_each(|step| append(folder.path(), &line(1, step, 5.0)));
        assert!(!reader.look());
        assert_eq!(reader.run().series("loss/total").unwrap().points().len(), 20);
        assert_eq!(reader.run().state, State::Running);
        let generation = reader.run().generation;
        reader.look();
        assert_eq!(reader.run().generation, generation);
        append(folder.path(), &line(2, 1, 4.0));
        append(
            folder.path(),
            "{\"stage\":2,\"step\":2,\"warning\":\"latents are dying out\",\"losses\":{\"to",
        );
        reader.look();
        let seen = reader.run();
        assert!(seen.generation > generation);
        let last = *seen.series("loss/total").unwrap().points().last().unwrap();
        assert_eq!((last.at.step, last.at.epoch, last.mean), (21.0, 2.1, 4.0));
        assert_eq!(
            seen.stages.iter().map(|(stage, at)| (*stage, at.step)).collect::<Vec<_>>(),
            [(1, 0.0), (2, 20.0)]
        );
        assert_eq!(seen.step_of((2, 5)), 25.0);
        append(folder.path(), "tal\":3.5},\"checkpoint\":\"s2-000002.safetensors\"}\n");
        reader.look();
        let seen = reader.run();
        assert_eq!(seen.last, Some((2, 2, None)));
        let happened: Vec<&What> = seen.happenings.iter().map(|happening| &happening.what).collect();
        assert!(matches!(happened[..], [What::Warning(_), What::Saved(_)]), "{happened:?}");
        assert_eq!(seen.config["seed"].as_integer(), Some(3));
    }

    #[test]
    fn a_run_that_was_taken_up_again_replaces_its_open_steps() {
        let folder = tempfile::tempdir().unwrap();
        let mut reader = run(folder.path());
        (1..=30).for_each(|step| append(folder.path(), &line(1, step, 5.0)));
        reader.look();
        (21..=25).for_each(|step| append(folder.path(), &line(1, step, 1.0)));
        reader.look();
        let points = reader.run().series("loss/total").unwrap().points().to_vec();
        assert_eq!(points.len(), 25);
        assert_eq!((points[19].mean, points[20].mean), (5.0, 1.0));
        // the whole reading agrees
        let records = read_whole(folder.path(), &Control::default()).unwrap();
        assert_eq!(records.len(), 25);
        // and so does one of a file that was written anew
        let text: String = (1..=40).map(|step| line(1, step, 2.0)).collect();
        std::fs::write(folder.path().join("metrics.jsonl"), text).unwrap();
        reader.look();
        let series = reader.run().series("loss/total").unwrap();
        assert!(series.points().len() == 40 && series.points().iter().all(|point| point.mean == 2.0));
    }
}
