//! Writing the synthetic corpus in the REACT 2024 layout, byte for byte repeatable.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::array::{make_folder, write_atomically, write_npy, write_npy_f64, write_npy_rows_f64};
use crate::chance::Chance;
use crate::channels::{ATTRIBUTE_COUNT, ATTRIBUTES};
use crate::control::Control;
use crate::fault::{Fault, FaultKind, Result};
use crate::streams::{Attributes, Coefficients};
use crate::synth::dyad::{self, Session, Template};
use crate::synth::performance::{mean_face, perform};
use crate::synth::statistics::{Recorded, SplitStatistics, Statistics};
use crate::synth::{voice, world};
use crate::time::FRAMES_PER_SECOND;

/// What to write.
#[derive(Debug, Clone)]
pub struct Config {
    /// Sessions (pairs) in the training split; `None` takes the usual number for the length: 480 (60 templates of 8)
    /// for clips up to 8 s, else 96. Validation and test get three tenths of it each.
    pub clips: Option<usize>,
    /// Sessions in the validation and in the test split, each; `None` takes three tenths of the training split.
    pub held_out: Option<usize>,
    /// Length of a clip, 4 to 120 s.
    pub seconds: f64,
    /// Seed of templates and people.
    pub seed: u64,
    /// Everybody keeps his expressiveness and latency as a listener over all clips; else they are drawn for every clip.
    pub steady_people: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self { clips: None, held_out: None, seconds: 30.0, seed: 1, steady_people: false }
    }
}

/// The file that marks a folder as ours to overwrite.
pub(super) const MARK: &str = "SYNTHETIC.txt";
/// The matrix over all splits; its name is spelt as it is shipped.
const FULL_MATRIX: &str = "Approprirate_facial_reaction.npy";
const SPLITS: [&str; 3] = ["train", "val", "test"];
/// Clips in one recording, as in NoXI sessions of about 20 minutes.
const CLIPS_PER_CHAT: usize = 40;
/// Full matrices beyond this many rows would be larger than the corpus; the split ones are always written.
const MOST_FULL_ROWS: usize = 4096;

/// Writes the corpus into `out` and returns its statistics.
///
/// # Errors
/// [`FaultKind::BadRequest`] for a length out of range, [`FaultKind::Mismatch`] when `out` holds something else,
/// [`FaultKind::NotWritable`] for a folder that cannot be written, [`FaultKind::Cancelled`] on a stop.
pub fn write(config: &Config, out: &Path, control: &Control) -> Result<Statistics> {
    if !(4.0..=120.0).contains(&config.seconds) {
        return Err(Fault::new(
            FaultKind::BadRequest,
            "",
            format!("a clip of {} s cannot be made", config.seconds),
        )
        .remedy("choose 4 to 120 seconds"));
    }
    prepare(out, config)?;
    let frames = (config.seconds * f64::from(FRAMES_PER_SECOND)).round() as usize;
    let short = config.seconds <= 8.0;
    let train = config.clips.unwrap_or(if short { 480 } else { 96 }).max(2);
    let held_out = config.held_out.unwrap_or(train * 3 / 10).max(2);
    let counts = [train, held_out, held_out];
    let plans: Vec<Plan> =
        (0..3).map(|split| Plan::drawn(config, split, counts[split as usize], frames, short)).collect();
    let total: u64 = plans.iter().map(|plan| plan.sessions.len() as u64).sum();
    let done = std::sync::atomic::AtomicU64::new(0);
    let mut splits = Vec::new();
    for plan in &plans {
        let recorded: Vec<Recorded> = (0..plan.sessions.len())
            .into_par_iter()
            .map(|index| {
                control.check()?;
                let recorded = plan.record(config.seed, index, out)?;
                let count = done.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
                control.step("sessions", count, total, plan.name())?;
                Ok(recorded)
            })
            .collect::<Result<_>>()?;
        plan.write_list(out)?;
        plan.write_neighbours(out)?;
        splits.push(SplitStatistics::of(
            plan.name(),
            &plan.templates,
            &plan.sessions,
            &plan.neighbours(),
            &recorded,
        ));
    }
    write_truth(&plans, out)?;
    write_indices(&plans, out)?;
    let full: usize = plans.iter().map(|plan| plan.sessions.len()).sum();
    if 2 * full <= MOST_FULL_ROWS {
        write_full_matrix(&plans, full, out)?;
    }
    let folder = out.join("external/FaceVerse");
    make_folder(&folder)?;
    write_npy(&folder.join("mean_face.npy"), &[58], &mean_face())?;
    Ok(Statistics { seed: config.seed, frames, splits })
}

fn prepare(out: &Path, config: &Config) -> Result<()> {
    let mark = out.join(MARK);
    let occupied = std::fs::read_dir(out).is_ok_and(|mut entries| entries.next().is_some());
    if occupied && !mark.exists() {
        return Err(Fault::new(FaultKind::Mismatch, out, "the folder holds something else")
            .remedy("choose a new or empty folder; nothing was written"));
    }
    for split in SPLITS {
        let folder = out.join(split);
        if folder.exists() {
            std::fs::remove_dir_all(&folder).map_err(|error| Fault::write(&folder, &error))?;
        }
    }
    // A smaller corpus had a full matrix; beside a larger one without it, it would lie about every row.
    let full = out.join(FULL_MATRIX);
    if full.exists() {
        std::fs::remove_file(&full).map_err(|error| Fault::write(&full, &error))?;
    }
    make_folder(out)?;
    let text = format!(
        "Synthetic dyads with known intents, in the layout of REACT 2024. No person was recorded.\n\
         Made by: backchannel synth --seconds {} --seed {}{}{}\n\
         One person of a clip speaks, the other listens; rows whose speaker is silent have only themselves as\n\
         neighbours. intents.csv tells the truth about every listener and is read by evaluations only.\n",
        config.seconds,
        config.seed,
        config.clips.map_or(String::new(), |clips| format!(" --clips {clips}")),
        config.held_out.map_or(String::new(), |clips| format!(" --held-out {clips}")),
    );
    write_atomically(&mark, |file| std::io::Write::write_all(file, text.as_bytes()))
}

/// One split before it is recorded.
struct Plan {
    split: u64,
    frames: usize,
    templates: Vec<Template>,
    sessions: Vec<Session>,
}

impl Plan {
    fn drawn(config: &Config, split: u64, wanted: usize, frames: usize, short: bool) -> Self {
        let seed = config.seed;
        let mut chance = Chance::new(seed, "groups", &[split]);
        let (mut templates, mut sessions) = (Vec::new(), Vec::new());
        while sessions.len() < wanted {
            let size = if short {
                8
            } else {
                match chance.weighted(&[0.30, 0.45, 0.25]) {
                    0 => 1,
                    1 => 4 + chance.below(7),
                    _ => 11 + chance.below(30),
                }
            };
            // A small split still has every class: no group takes more than an eighth of it.
            let size = size.min((wanted / 8).max(2));
            let template = Template::drawn(seed, split, templates.len(), frames);
            for _ in 0..size.min(wanted - sessions.len()) {
                sessions.push(Session::drawn(seed, split, sessions.len(), templates.len(), &template));
            }
            templates.push(template);
        }
        if config.steady_people {
            for (number, session) in sessions.iter_mut().enumerate() {
                session.keep_to(seed, split, number / CLIPS_PER_CHAT);
            }
        }
        Self { split, frames, templates, sessions }
    }

    fn name(&self) -> &'static str {
        SPLITS[self.split as usize]
    }

    /// `NoXI/CHAT` and clip number of a session.
    fn place(&self, index: usize) -> (String, usize) {
        (format!("{}{:02}_synthetic", self.split, index / CLIPS_PER_CHAT + 1), index % CLIPS_PER_CHAT + 1)
    }

    fn path_of(&self, index: usize, expert: bool) -> String {
        let (chat, clip) = self.place(index);
        format!("NoXI/{chat}/{}/{clip}", if expert { "Expert_video" } else { "Novice_video" })
    }

    /// Row of a session in the swapped order whose speaker is the one who talks.
    fn talking_row(&self, index: usize) -> usize {
        if self.sessions[index].expert_speaks { index } else { index + self.sessions.len() }
    }

    /// Neighbour rows of every row; silent rows have only themselves.
    fn neighbours(&self) -> Vec<Vec<usize>> {
        let mut groups: Vec<Vec<usize>> = vec![Vec::new(); self.templates.len()];
        for (index, session) in self.sessions.iter().enumerate() {
            groups[session.template].push(self.talking_row(index));
        }
        let mut rows: Vec<Vec<usize>> = (0..2 * self.sessions.len()).map(|row| vec![row]).collect();
        for group in &mut groups {
            group.sort_unstable();
            for row in group.iter() {
                rows[*row].clone_from(group);
            }
        }
        rows
    }

    fn record(&self, seed: u64, index: usize, out: &Path) -> Result<Recorded> {
        let session = &self.sessions[index];
        let template = &self.templates[session.template];
        let mut chance = Chance::new(seed, "recording", &[self.split, index as u64]);
        let loudness = dyad::syllables(&template.gate, &mut chance);
        let speaking = dyad::speaker(template, session, &loudness, &mut chance);
        let strength = dyad::envelope(&session.events, self.frames, [4.0, 8.0, 8.0]);
        let sound = voice::voice(
            template.class,
            session.base_pitch,
            &loudness,
            &speaking.arousal,
            &strength,
            &mut chance,
        );
        let listening = dyad::listener(session, self.frames, &mut chance);
        let speaker = perform(&speaking, &mut chance);
        let listener = perform(&listening, &mut chance);
        let silence: Vec<f32> = sound.iter().map(|_| (0.003 * chance.normal()) as f32).collect();
        self.write_person(index, session.expert_speaks, &speaker, &sound, out)?;
        self.write_person(index, !session.expert_speaks, &listener, &silence, out)?;
        Ok(Recorded::of(&speaker, &listener))
    }

    fn write_person(
        &self,
        index: usize,
        expert: bool,
        (attributes, coefficients): &(Attributes, Coefficients),
        sound: &[f32],
        out: &Path,
    ) -> Result<()> {
        let (chat, clip) = self.place(index);
        let person = if expert { "Expert_video" } else { "Novice_video" };
        let base = out.join(self.name());
        let folder = |kind: &str, person: &str| -> Result<PathBuf> {
            let folder = base.join(kind).join("NoXI").join(&chat).join(person);
            make_folder(&folder).map(|()| folder)
        };
        // The shipped archive names the people of the Emotion files P1 and P2.
        let emotion = folder("Emotion", if expert { "P1" } else { "P2" })?.join(format!("{clip}.csv"));
        let text = emotion_text(attributes);
        write_atomically(&emotion, |file| std::io::Write::write_all(file, text.as_bytes()))?;

        // One frame more than there are labels, as the tracker's files have it.
        let mut flat: Vec<f32> = coefficients.iter().flatten().copied().collect();
        if let Some(last) = coefficients.last() {
            flat.extend_from_slice(last);
        }
        let path = folder("3D_FV_files", person)?.join(format!("{clip}.npy"));
        write_npy(&path, &[coefficients.len() + 1, 1, 58], &flat)?;

        let path = folder("Audio_files", person)?.join(format!("{clip}.wav"));
        write_wav(&path, sound)
    }

    fn write_list(&self, out: &Path) -> Result<()> {
        let mut text = String::from(",speaker_path,listener_path\n");
        for index in 0..self.sessions.len() {
            let _ = writeln!(text, "{index},{},{}", self.path_of(index, true), self.path_of(index, false));
        }
        write_atomically(&out.join(format!("{}.csv", self.name())), |file| {
            std::io::Write::write_all(file, text.as_bytes())
        })
    }

    fn write_neighbours(&self, out: &Path) -> Result<()> {
        let rows = self.neighbours();
        let size = rows.len();
        let path = out.join(format!("neighbour_emotion_{}.npy", self.name()));
        write_npy_rows_f64(&path, [size, size], |row, values| {
            for column in &rows[row] {
                values[*column] = 1.0;
            }
        })
    }
}

/// An `Emotion/*.csv`: header, then a row a frame.
pub(super) fn emotion_text(attributes: &[[f32; ATTRIBUTE_COUNT]]) -> String {
    let mut text = ATTRIBUTES.join(",");
    text.push('\n');
    for row in attributes {
        for (column, value) in row.iter().enumerate() {
            let comma = if column == 0 { "" } else { "," };
            // writing to a String cannot fail
            let _ =
                if column < 15 { write!(text, "{comma}{value}") } else { write!(text, "{comma}{value:.6}") };
        }
        text.push('\n');
    }
    text
}

pub(super) fn write_wav(path: &Path, sound: &[f32]) -> Result<()> {
    let spec = hound::WavSpec {
        channels: 1,
        sample_rate: voice::RATE,
        bits_per_sample: 16,
        sample_format: hound::SampleFormat::Int,
    };
    write_atomically(path, |file| {
        let mut writer = hound::WavWriter::new(file, spec).map_err(std::io::Error::other)?;
        for sample in sound {
            writer.write_sample((sample * 32767.0).round() as i16).map_err(std::io::Error::other)?;
        }
        writer.finalize().map_err(std::io::Error::other)
    })
}

fn write_truth(plans: &[Plan], out: &Path) -> Result<()> {
    let mut text = String::from(
        "split,row,speaker,listener,class,template,intent,expressiveness,latency_frames,relation,event_frames\n",
    );
    for plan in plans {
        for (index, session) in plan.sessions.iter().enumerate() {
            let events: Vec<String> = session.events.iter().map(|(frame, _)| format!("{frame:.0}")).collect();
            let _ = writeln!(
                text,
                "{},{},{},{},{},{},{},{},{},{},{}",
                plan.name(),
                plan.talking_row(index),
                plan.path_of(index, session.expert_speaks),
                plan.path_of(index, !session.expert_speaks),
                world::CLASSES[plan.templates[session.template].class],
                session.template,
                world::INTENTS[session.intent],
                session.expressiveness,
                session.latency,
                if session.friends { "friend" } else { "stranger" },
                events.join(" "),
            );
        }
    }
    write_atomically(&out.join("intents.csv"), |file| std::io::Write::write_all(file, text.as_bytes()))
}

fn write_indices(plans: &[Plan], out: &Path) -> Result<()> {
    let mut text = String::from("site,chat_index,clip_index\n");
    for plan in plans {
        for index in 0..plan.sessions.len() {
            let (chat, clip) = plan.place(index);
            let _ = writeln!(text, "NoXI,{chat},{clip}");
        }
    }
    write_atomically(&out.join("data_indices.csv"), |file| std::io::Write::write_all(file, text.as_bytes()))
}

/// The matrix over all splits that the official tool cuts the split matrices from.
fn write_full_matrix(plans: &[Plan], width: usize, out: &Path) -> Result<()> {
    let size = 2 * width;
    let mut matrix = vec![0.0f64; size * size];
    let mut begin = 0;
    for plan in plans {
        let count = plan.sessions.len();
        let global = |row: usize| if row < count { begin + row } else { width + begin + row - count };
        for (row, columns) in plan.neighbours().iter().enumerate() {
            for column in columns {
                matrix[global(row) * size + global(*column)] = 1.0;
            }
        }
        begin += count;
    }
    write_npy_f64(&out.join(FULL_MATRIX), &[size, size], &matrix)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[test]
    fn steady_people_listen_alike_in_all_clips_and_nothing_else_changes() {
        let plan = |steady_people| {
            Plan::drawn(&Config { steady_people, ..Config::default() }, 0, 4 * CLIPS_PER_CHAT, 100, true)
        };
        let (loose, steady) = (plan(false), plan(true));
        let mut people: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for (index, (one, other)) in loose.sessions.iter().zip(&steady.sessions).enumerate() {
            assert_eq!((one.intent, &one.events), (other.intent, &other.events));
            let person = (index / CLIPS_PER_CHAT, other.expert_speaks);
            people.entry(person).or_default().push((one.expressiveness, other.expressiveness, other.latency));
        }
        assert_eq!(people.len(), 8);
        for clips in people.values() {
            assert!(clips.iter().all(|clip| (clip.1, clip.2) == (clips[0].1, clips[0].2)));
            assert!(clips.iter().any(|clip| clip.0 != clips[0].0), "drawn for every clip without the option");
        }
        assert!(people.values().any(|clips| clips[0].1 != people[&(0, true)][0].1), "people differ");
    }
}
