//! The words of the window that are not the words of a command: sentence case, the field's terms, no full stop on
//! labels. Widgets hold no text of their own.

pub mod empty;
pub mod heading;
pub mod label;

use std::path::Path;

/// Name of the program.
pub const PROGRAM: &str = "backchannel";

/// What the studio opens.
pub const OPENABLE: &str = "open a sound (wav, flac, ogg, mp3), predictions (.npy), a checkpoint (.safetensors), a corpus \
                            folder, a training run or a head (.glb, .vrm, FaceVerse .npy, ICT-FaceKit folder)";

/// Stage of reading a clip.
pub const STAGE_CLIP: &str = "reading the clip";

/// What the pointer does in Evaluate, for the help.
pub const POINTER_EVALUATE: [(&str, &str); 4] = [
    ("Click a number", "what stands behind it"),
    ("Double click a number", "open its worst clip"),
    ("Click a dot or a bar", "open that clip"),
    ("Click a clip", "open it in Compare"),
];

/// What the pointer does in Latents, for the help.
pub const POINTER_LATENTS: [(&str, &str); 3] = [
    ("Click a latent", "look at it"),
    ("Type a name", "call it so everywhere"),
    ("Click a clip", "open it in Compare"),
];

/// What the pointer does in Face, for the help.
pub const POINTER_FACE: [(&str, &str); 5] = [
    ("Drag a slider", "move the face"),
    ("Double click a slider", "back to 0"),
    ("Arrow keys", "move the slider in focus"),
    ("Drag the face", "turn the camera"),
    ("Wheel on the face", "come closer"),
];

/// What the pointer does in Train, for the help.
pub const POINTER_TRAIN: [(&str, &str); 6] = [
    ("Click a run", "look at it"),
    ("Ctrl+click a run", "compare with it"),
    ("Point at a curve", "all values there"),
    ("Drag on a curve", "zoom all curves"),
    ("Double click a curve", "show the whole run"),
    ("Double click a checkpoint", "open it in Compare"),
];

/// What the pointer does, for the help.
pub const POINTER: [(&str, &str); 11] = [
    ("Drag on the intent lane", "paint the chosen latent"),
    ("Right click on it", "take the paint off"),
    ("Click a face", "choose its latent"),
    ("Drag a face", "turn all heads"),
    ("Wheel on a face", "closer or further"),
    ("Click a track", "go to that moment"),
    ("Drag on a track", "loop the selection"),
    ("Wheel on a track", "zoom on time"),
    ("Shift + wheel, middle drag", "move along"),
    ("Drag the ruler", "scrub"),
    ("Double click a track", "show the whole clip"),
];

/// Where a prediction file's system comes from.
pub fn origin_predictions(path: &Path) -> String {
    format!("predictions of another program, {}", path.display())
}

/// Where a checkpoint's system comes from.
pub fn origin_checkpoint(path: &Path) -> String {
    format!("checkpoint {}", path.display())
}

/// Name of the system that ships with the program.
pub const SHIPPED_SYSTEM: &str = "latent-intent \u{b7} demo";

/// Where the shipped system comes from.
pub const SHIPPED_PLAIN: &str = "latent-intent-plain \u{b7} demo";

/// Where the shipped system without a latent comes from.
pub const SHIPPED_PLAIN_ORIGIN: &str = "ships with the program, without a latent; trained on synthetic clips";

/// Begins the origin of a naive baseline that was brought to Compare.
pub const NAIVE_ORIGIN: &str = "naive baseline";

/// Where the shipped system comes from.
pub const SHIPPED_ORIGIN: &str = "ships with the program; trained on synthetic clips";

/// The badge of the clock.
pub fn clock_badge(kind: media::ClockKind, waiting: bool, has_sound: bool) -> String {
    match kind {
        media::ClockKind::Sound => "sound clock".to_owned(),
        media::ClockKind::Wall if !has_sound => "silent clip - wall clock".to_owned(),
        media::ClockKind::Wall if waiting => "wall clock".to_owned(),
        media::ClockKind::Wall => "no sound device - wall clock".to_owned(),
        media::ClockKind::Manual => "manual clock".to_owned(),
    }
}

/// How fast reactions were made: `8 x 750 frames in 1.9 s (126x real time)`.
pub fn speed(takes: usize, frames: usize, seconds: f64) -> String {
    let clip_seconds = clips::time::seconds_of_frame(frames as f64);
    if seconds <= 0.0 {
        return format!("{takes} \u{d7} {frames} frames, read from a file");
    }
    let times = takes as f64 * clip_seconds / seconds;
    format!("{takes} \u{d7} {frames} frames in {seconds:.1} s ({times:.0}\u{d7} real time)")
}

/// What is odd about a clip of the list, for its tooltip.
pub fn clip_remarks(row: &crate::library::ClipRow) -> String {
    let faults = match row.faults {
        0 => String::new(),
        1 => "1 fault in its files; see the check of the corpus".to_owned(),
        count => format!("{count} faults in its files; see the check of the corpus"),
    };
    [row.detail.as_str(), row.missing.as_str(), faults.as_str()]
        .into_iter()
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("\n")
}

/// Predictions that are shorter or longer than the clip they answer.
pub fn other_length(name: &str, have: usize, clip: usize) -> String {
    let what = if have < clip { "after them the faces hold still" } else { "the rest is not shown" };
    format!("{name} holds {have} frames of a clip of {clip}; {what}")
}

/// Why another system answers the chosen clip.
pub fn answers_other_clips(other: &str) -> String {
    format!("It holds no reactions to this clip; {other} answers instead")
}

/// Before the check of a corpus has run.
pub const NOT_CHECKED: &str = "Found when the folder was opened. The check reads every file.";

/// What a check has read.
pub fn checked(report: &clips::corpus::check::Report) -> String {
    format!("{} clips in {} files were read, {}", report.clips, report.files, report.layout)
}

/// `3 errors`, `1 note`.
pub fn counted(count: usize, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// How far a job is.
pub fn progress(progress: &clips::Progress) -> String {
    format!("{} {} of {}", progress.stage, progress.done, progress.total)
}

/// Faults met when a corpus was opened.
pub fn opening_faults(count: usize, first: &clips::Fault) -> String {
    match count {
        1 => first.to_string(),
        _ => format!("{first} ... and {} more: Faults of the corpus (Ctrl+E) lists them", count - 1),
    }
}

/// Stage of reading a split.
pub const STAGE_SPLIT: &str = "Reading the split";
/// Making what stands beside the latents.
pub const STAGE_EXTRAS: &str = "Making what stands beside the latents";
/// Reading the real listener on the way.
pub const STAGE_POSTERIOR: &str = "Reading the real listener";
/// Reading and writing what latents are called.
pub const STAGE_NAMES: &str = "Names of latents";
/// Putting the table together.
pub const STAGE_BOARD: &str = "Putting the table together";
/// Loading the shipped system without a latent.
pub const STAGE_PLAIN: &str = "Loading the shipped system without a latent";
/// Writing a synthetic corpus.
pub const STAGE_SYNTHETIC: &str = "Writing a synthetic corpus";
/// Writing tables and figures.
pub const STAGE_EXPORT: &str = "Exporting the evaluation";
/// Comparing two rows.
pub fn paired((generation, a, b, column): &crate::desk::Compared) -> String {
    format!("Comparing rows {} and {} of table {generation} by {}", a + 1, b + 1, column.name())
}
/// What to do where there is no file dialog.
pub const TYPE_PATH: &str =
    "press Ctrl+L and type the path, drop it on the window, or name it on the command line";
/// What to do where there is no dialog for an export.
pub const TYPE_FOLDER: &str = "type the folder below the table; or use backchannel report --tables DIR";
/// What the switch of lengths does.
pub const CUT_LENGTHS_HINT: &str = "Predictions that are longer or shorter than the clips: compare the frames that all have. \
                                    Without it they are refused";
/// Head of the first column.
pub const SYSTEM_HINT: &str =
    "Who answered. The letter stands for it in the pictures; hollow: a naive baseline, or the truth";
/// Head of the second column.
pub const TRACK_HINT: &str = "What the system may see: offline the whole clip, online only what is past. Baselines and \
                              predictions of others do not say";
/// An empty cell of a published row.
pub const NOT_PUBLISHED: &str = "Not published: the paper does not print this measure";
/// Said of a bold value.
pub const BOLD_HINT: &str =
    "\u{25cf} best of the trained systems, or not told apart from it while another one is";
/// A row that does not take part any more.
pub const LEFT_OUT: &str = "not chosen";
/// A row that is chosen and not scored.
pub const NOT_SCORED: &str = "not scored yet";
/// What a window says that opened in the place of one whose device was lost.
pub const DEVICE_LOST: &str =
    "the graphics device was lost, so the window was opened again; nothing that was loaded is gone";
/// What to do about it.
pub const DEVICE_LOST_REMEDY: &str = "if it comes again, update or restart the graphics driver";
/// A row that waits for its turn.
pub const WAITING: &str = "waiting";
/// A row that is being scored.
pub const SCORING: &str = "scoring";
/// A row that could not be scored.
pub const FAILED: &str = "failed";
/// Said of a row that does not take part any more.
pub const LEFT_OUT_HINT: &str = "Not chosen any more: it leaves the table with the next run, and is kept";
/// How to see them.
pub const MORE_HINT: &str =
    "Scroll with Shift and the wheel, drag the bar below, or walk there with the arrow keys";
/// Measures beyond the right edge.
pub fn more_measures(count: usize) -> String {
    format!("{} more \u{2192}", counted(count, "measure"))
}
/// A table lies on the clipboard.
pub const COPIED: &str = "The table is on the clipboard";

/// After copying the command that draws a face.
pub const COPIED_COMMAND: &str = "The command is on the clipboard";
/// Said of published rows.
pub const PUBLISHED_TAG: &str = "published";
/// Said of a synchrony that is undefined for most clips.
pub const HOLLOW: &str = "Undefined for most clips: a column never changes, and such clips count 1 to 49";
/// What published rows are.
pub const PUBLISHED_HINT: &str = "Printed in a paper, on the REACT 2024 test set; never computed here";

/// `2 of 6: mime`.
pub fn scoring(label: &str, number: usize, count: usize) -> String {
    format!("Scoring {label}, {number} of {count}")
}

/// What the average of all appropriate answers is made of.
pub fn average_of(answers: usize) -> String {
    match answers {
        1 => "only one answer: its own".to_owned(),
        more => format!("average of {more} answers"),
    }
}

/// What a drag on the empty intent lane does.
pub fn paint_with(latent: usize) -> String {
    format!("Drag to let z{} drive these frames; the rest follows the best one", latent + 1)
}

/// The job that explores a system.
pub fn exploring(label: &str, split: clips::corpus::Split) -> String {
    format!("Exploring {label} over {}", split.name())
}

/// The title of what was explored.
pub fn of_explored(found: &crate::explore::Found) -> String {
    format!("{} \u{b7} {}", found.split.name(), counted(found.explorer.clips, "clip"))
}

/// Where an export went.
pub fn exported(folder: &Path) -> String {
    format!("Tables, figures and report are in {}", folder.display())
}

/// What was scored: `val \u{b7} 288 clips \u{b7} 10 samples a clip \u{b7} 1 seed`.
pub fn of_board(board: &study::Board) -> String {
    let seeds = board.settings.seeds.len();
    format!(
        "{} \u{b7} {} clips of {} frames \u{b7} {} samples a clip \u{b7} {}",
        board.split.name(),
        board.clips,
        board.frames,
        board.settings.samples,
        counted(seeds, "seed")
    )
}

/// The line below the table.
pub fn board_note(beside: crate::evaluate::Beside) -> &'static str {
    match beside {
        crate::evaluate::Beside::Interval => {
            "\u{b1} half of the 95 % interval over clips \u{b7} \u{25cf} best trained system, told from another by interval and test"
        }
        crate::evaluate::Beside::Seeds => {
            "\u{b1} deviation over seeds \u{b7} \u{25cf} best trained system, told from another by interval and test"
        }
    }
}

/// Words of the charts of a run.
pub mod chart {
    #![allow(missing_docs, reason = "each is its own text")]
    pub const LOSS: &str = "Total loss";
    pub const STREAMS: &str = "CLG by stream";
    pub const MATCHING: &str = "Reaction matching";
    pub const LATENTS: &str = "Latent use";
    pub const VALIDATION: &str = "Validation";
    pub const ALL_STREAMS: &str = "this run tells no streams apart";
    pub const WATCHED: &str = "watched; no measures in this run";
    pub const RATE: &str = "Learning rate";
    pub const NORM: &str = "Gradient norm";
    pub const WATCH: &str = "Watched on validation";
    pub const TERMS: &str = "Terms of the loss";
}

/// Telling a run something.
pub const STAGE_ORDER: &str = "Telling the run";
/// Reading a card.
pub const STAGE_CARD: &str = "Reading the card";
/// Choosing a run to follow.
pub const STAGE_CHOOSE_RUN: &str = "Choosing a run to follow";
/// Choosing a corpus to train on.
pub const STAGE_CHOOSE_CORPUS: &str = "Choosing a corpus to train on";
/// Reading a preview.
pub const STAGE_PREVIEW: &str = "Reading the preview";
/// Writing numbers of a run.
pub const STAGE_EXPORT_RUN: &str = "Exporting the run";
/// Why a run cannot go on.
pub const NO_CORPUS_OF_RUN: &str = "the run does not say which corpus it was trained on";
/// Why nothing can be started.
pub const NO_CORPUS_FOR_RUN: &str = "Open a corpus, or write its folder above";
/// What a compared run is chosen with.
pub const COMPARE_HINT: &str = "Ctrl+click, or click its dot, to compare";
/// What smoothing does.
pub const SMOOTHING_HINT: &str = "Weight of the past in the smoothed lines (an exponential mean with bias correction); 0 shows the raw values";
/// What the corpus field takes.
pub const CORPUS_HELP: &str = "Folder of the corpus; empty takes the one that is open";
/// What the name field takes.
pub const RUN_NAME_HELP: &str = "Name of the run folder; empty takes the next free one";
/// What the strip of previews does.
pub const PREVIEW_HINT: &str = "Click or drag: the same clip, answered at each checkpoint";
/// A run that ended without a word.
pub const FAILED_SILENTLY: &str = "it said nothing; see stderr.txt in its folder";
/// A run whose process is gone.
pub const INTERRUPTED: &str = "Interrupted: the run says that it trains, and its process is gone. Press play to go on from \
                               its last saved state";

/// `2 changed`.
pub fn changed_settings(count: usize) -> String {
    format!("{count} changed")
}

/// The first letter large.
pub fn capital(word: &str) -> String {
    let mut letters = word.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// Starting a run.
pub fn starting(name: &str) -> String {
    format!("Starting {name}")
}

/// Where something was written.
pub fn written(path: &Path) -> String {
    format!("Written to {}", path.display())
}

/// Why a run failed.
pub fn failed(why: &str) -> String {
    format!("Failed: {why}")
}

/// A warning of a run.
pub fn warned(step: f64, words: &str) -> String {
    format!("Warning at step {step:.0}: {words}")
}

/// `stage 2 \u{b7} running`, `done \u{b7} FRCorr 0.166`.
pub fn of_run(row: &runs::Row) -> String {
    let state = row.state.name();
    let value =
        row.value.as_ref().map(|(name, value)| format!("{name} {}", figures::number::fixed(*value, 3)));
    match (row.state.alive(), row.place, value) {
        (true, Some((stage, step)), _) => format!("stage {stage} \u{b7} step {step} \u{b7} {state}"),
        (false, _, Some(value)) => format!("{state} \u{b7} {value}"),
        _ => state.to_owned(),
    }
}

/// Name of a run, and what it is: `latent-intent, tiny, stage 2`.
pub fn of_run_title(run: &runs::Run) -> (String, String) {
    let word = |key: &str| run.config.get(key).and_then(toml::Value::as_str).map(str::to_owned);
    let stage = run.last.map(|(stage, _, _)| format!("stage {stage}"));
    let parts: Vec<String> = [word("system"), word("preset"), stage].into_iter().flatten().collect();
    (format!("training run {}", run.name), parts.join(", "))
}

/// `stage 2 \u{b7} epoch 11 / 40 \u{b7} step 8,820 / 30,000`; of one that waits, for what.
pub fn where_run_stands(run: &runs::Run, before: Option<&str>) -> String {
    let status = &run.status;
    let live = run.state.alive();
    let mut parts = vec![match run.told.filter(|_| live) {
        Some(runs::Order::Pause) if run.state == runs::State::Running => "pausing\u{2026}".to_owned(),
        Some(runs::Order::Resume) if run.state == runs::State::Paused => "going on\u{2026}".to_owned(),
        Some(runs::Order::Stop) => "stopping\u{2026}".to_owned(),
        _ => run.state.name().to_owned(),
    }];
    if run.state == runs::State::Queued {
        parts.extend(before.map(|before| format!("begins when {before} has ended")));
        return capital(&parts.join(" \u{b7} "));
    }
    let last = run.last;
    let told = || Some((status.stage?, status.step?, status.steps));
    // Before its first step a run knows no places yet.
    if let Some((stage, step, steps)) = last.or_else(told).filter(|(_, step, _)| *step > 0) {
        parts.push(format!("stage {stage}"));
        if let Some(epoch) = status.epoch.filter(|_| live) {
            parts.push(match status.epochs.filter(|epochs| *epochs > 0.0) {
                Some(epochs) => format!("epoch {epoch:.0} / {epochs:.0}"),
                None => format!("epoch {epoch:.1}"),
            });
        }
        let count = |number: u64| figures::number::count(number as usize);
        parts.push(match steps.or(status.steps).filter(|steps| *steps > 0) {
            Some(steps) => format!("step {} / {}", count(step), count(steps)),
            None => format!("step {}", count(step)),
        });
    }
    if live && !status.message.is_empty() {
        parts.push(status.message.clone());
    }
    capital(&parts.join(" \u{b7} "))
}

/// Seconds as people say them: `14 min 20 s`.
pub fn duration(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match whole {
        0..60 => format!("{whole} s"),
        60..3600 => format!("{} min {:02} s", whole / 60, whole % 60),
        _ => format!("{} h {:02} min", whole / 3600, whole % 3600 / 60),
    }
}

/// Time left and speed of one that trains, time taken of one that does not.
pub fn time_of_run(run: &runs::Run) -> String {
    let status = &run.status;
    let taken =
        status.seconds.or_else(|| run.end.map(|end| end.seconds)).filter(|seconds| seconds.is_finite());
    let mut parts = Vec::new();
    if run.state.alive() {
        parts.extend(status.clips_per_second.map(|speed| format!("{speed:.0} clips/s")));
        parts.extend(status.left_seconds.map(|left| format!("{} left", duration(left))));
    }
    if parts.is_empty() {
        parts.extend(taken.map(|taken| format!("{} of training", duration(taken))));
    }
    parts.join(" \u{b7} ")
}

/// `3 AUs`, where their chips have no room.
pub fn pinned_units(count: usize) -> String {
    if count == 1 { "1 AU".to_owned() } else { format!("{count} AUs") }
}

/// A tooltip of where a run stands.
pub fn run_hint(run: &runs::Run) -> String {
    let mut lines = vec![run.path.display().to_string()];
    if let Some(launch) = &run.launch {
        lines.push(launch.command());
    }
    if !run.status.message.is_empty() {
        lines.push(run.status.message.clone());
    }
    lines.join("\n")
}

/// `94 %`, of pairs ranked right.
pub fn ranked_right(share: f64) -> String {
    figures::number::percent(share)
}

/// `6.4 of 8 in use`.
pub fn latent_use(usage: Option<f64>, latents: usize) -> String {
    match (usage, latents) {
        (Some(usage), 0) => format!("{usage:.1} in use"),
        (Some(usage), latents) => format!("{usage:.1} of {latents} in use"),
        (None, _) => String::new(),
    }
}

/// `dashed: base-05, base-04`.
pub fn compared_with<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { String::new() } else { format!("dashed: {}", names.join(", ")) }
}

/// `with 2 runs`.
pub fn compared_runs(count: usize) -> String {
    format!("with {} \u{d7}", counted(count, "run"))
}

/// `stage 2 begins`.
pub fn stage_begins(stage: u64) -> String {
    format!("stage {stage} begins")
}

/// `stage 2 \u{b7} step 400`.
pub fn place((stage, step): (u64, u64)) -> String {
    format!("stage {stage} \u{b7} {}", figures::number::count(step as usize))
}

/// More latents than faces.
pub fn first_faces(shown: usize, all: usize) -> String {
    format!("The first {shown} of {all} latents")
}

/// Which clip the faces answer.
pub fn answers_clip(clip: &str) -> String {
    format!("Answering {}", clip.replace('/', " \u{b7} "))
}

/// Title of a card.
pub fn card_of(name: &str) -> String {
    format!("CARD OF {}", name.to_uppercase())
}

/// A chart for those who hear it.
pub fn chart_said(title: &str, numbers: &[(String, Option<usize>, bool, String)]) -> String {
    let said: Vec<String> = numbers.iter().map(|(words, _, _, value)| format!("{words} {value}")).collect();
    format!("Chart {title}: {}", said.join(", "))
}

/// A switch of the view menu.
pub fn overlay(overlay: crate::overlay::Overlay) -> &'static str {
    use crate::overlay::Overlay as O;
    match overlay {
        O::Porcelain => "Faces of porcelain",
        O::Movement => "Colour by movement",
        O::Difference => "Colour by difference from the real listener",
        O::Chosen => "Colour by difference from the chosen reaction",
        O::Regions => "Action units on the face (derived)",
        O::Onion => "Last moments as outlines",
        O::Axes => "Direction of the head",
        O::Trail => "Where the head pointed in the last second",
        O::Wireframe => "Mesh as lines",
    }
}

/// What a worker says that makes heads.
pub const STAGE_PEOPLE: &str = "making people";

/// Which person all faces are, in the view menu.
pub const PERSON: &str = "Person";

/// What the number of the person means.
pub const PERSON_HINT: &str =
    "0 is the head as it is; any other number is another person made of it, always the same";

/// What a click on the number of a slider does.
pub const TYPE_IT: &str = "Click to type it";

/// The button of the view menu.
pub const VIEW_MENU: &str = "View";

/// Said beside the adapter where faces are drawn by a program on the processor.
pub const PLAIN_WHILE_PLAYING: &str = "plainer faces while playing";

/// The ends of the scale of colours: nothing, and so many cm from rest, or from the face it is compared with.
pub fn heat_scale(full_cm: f32, compared: bool) -> [String; 2] {
    let what = if compared { "apart" } else { "moved" };
    ["0".to_owned(), format!("{full_cm:.1} cm {what}")]
}

/// Which head faces are made of.
pub fn head_of(file: &std::path::Path) -> String {
    let name: String = crate::state::file_name(file).chars().take(24).collect();
    format!("Head: {name}")
}
