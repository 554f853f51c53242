//! Every action as a value: its words, its keys and its place in the palette. Menus, buttons, keys, palette and
//! help read this file; [`crate::act`] is the one place that carries actions out.

use std::path::PathBuf;

use clips::arkit::FaceSource;
use egui::{Key, KeyboardShortcut, Modifiers};

use crate::cameras::Turning;
use crate::evaluate::{Card, Do, TableForm};
use crate::explore::Do as E;
use crate::faces::Seat;
use crate::library::{ClipKey, Facet, Shelf};
use crate::overlay::Overlay;
use crate::people::People;
use crate::sliders::Do as F;
use crate::state::Workspace;
use crate::tracks::{Track, View};
use crate::train::{self, Do as T};

/// One action.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// Ask for files to open.
    OpenFiles,
    /// Let the user choose a head for the faces.
    OpenHead,
    /// Faces of the head that ships with the program.
    BuiltinHead,
    /// Ask for a corpus folder to open.
    OpenFolder,
    /// Put the keyboard into the path field.
    TypePath,
    /// Open something by its path.
    Open(PathBuf),
    /// Play or pause.
    PlayPause,
    /// One frame back.
    StepBack,
    /// One frame on.
    StepForward,
    /// Play backward, faster each time.
    ShuttleBack,
    /// Stop, normal speed.
    ShuttleStop,
    /// Play forward, faster each time.
    ShuttleForward,
    /// To the first frame.
    ToStart,
    /// To the last frame.
    ToEnd,
    /// To a frame.
    Seek(usize),
    /// The loop begins here.
    MarkIn,
    /// The loop ends here.
    MarkOut,
    /// Loop over frames.
    Loop(usize, usize),
    /// No loop.
    ClearLoop,
    /// Next playing speed.
    NextRate,
    /// Sound off or on.
    Mute,
    /// Choose a tile, counted from 0.
    Latent(usize),
    /// Choose the reaction ranked first.
    BestLatent,
    /// Show another sample of each latent, counted from 0.
    Sample(usize),
    /// Choose a clip.
    Clip(ClipKey),
    /// The clip below in the list.
    NextClip,
    /// The clip above in the list.
    PreviousClip,
    /// Show a track.
    AddTrack(Track),
    /// Take a track away.
    RemoveTrack(Track),
    /// The tracks of a new session.
    ResetTracks,
    /// Show a part of the time axis.
    View(View),
    /// Closer.
    ZoomIn,
    /// Further away.
    ZoomOut,
    /// The whole clip.
    ZoomAll,
    /// The loop.
    ZoomLoop,
    /// Make reactions to the clip.
    Generate,
    /// Stop making reactions.
    Cancel,
    /// Use another system, counted from 0.
    System(usize),
    /// Change the workspace.
    Show(Workspace),
    /// Paint the intent lane.
    Paint(crate::lane::Painted),
    /// Take the paint off these frames.
    Unpaint(usize, usize),
    /// Paint the looped frames with the chosen latent.
    PaintLoop,
    /// Take all paint off the intent lane.
    ClearLane,
    /// The average of all appropriate answers beside the reactions, or not.
    Average,
    /// One reaction of every other open system beside the reactions, or not.
    Beside,
    /// Something in the Evaluate workspace.
    Do(Do),
    /// Something in the Face workspace.
    Face(F),
    /// Something in the Train workspace.
    Train(train::Do),
    /// Something in the Latents workspace.
    Explore(E),
    /// Full screen faces, and back.
    Present,
    /// In Present: the wall or one face.
    PresentOne,
    /// Dark or light.
    SwitchTheme,
    /// Clip list on or off.
    ToggleList,
    /// Inspector on or off.
    ToggleInspector,
    /// Move the camera of a face, or that of all.
    Turn(Seat, Turning),
    /// Wishes for the next reactions.
    Wish(crate::state::Wishes),
    /// Words in the search of the clip list.
    Search(String),
    /// Show a part of the list; `None` shows all.
    Shelf(Option<Shelf>),
    /// Read every file of the corpus and say what is wrong.
    CheckCorpus,
    /// Stop the check.
    CancelCheck,
    /// What is wrong with the corpus.
    Check,
    /// Choose a clip, whatever part of the list is shown.
    ShowClip(ClipKey),
    /// Show clips of the list with one property; `None` shows all.
    Facet(Option<Facet>),
    /// Take a message off the window, counted from 0; it stays in the list.
    Dismiss(usize),
    /// The real listener as an outline over the reactions, on or off.
    ToggleGhost,
    /// Something over the faces, or their material, on or off.
    Overlay(Overlay),
    /// The speaker as filmed or as drawn.
    SpeakerVideo,
    /// The real listener as filmed or as drawn.
    ListenerVideo,
    /// One camera for all faces, or one for each.
    OwnCameras,
    /// Whose faces are shown.
    People(People),
    /// One person for all faces, or another for each.
    DifferentPeople,
    /// Camera of a face to the front; of all, where they share one.
    ResetCameraOf(Seat),
    /// Cameras of all faces to the front.
    ResetCamera,
    /// Panels, camera, tracks and zoom as at the start.
    ResetLayout,
    /// Search all actions.
    Palette,
    /// The keys of this screen.
    Help,
    /// What has happened in this session.
    Messages,
    /// Close what is open on top.
    Close,
}

use Command as C;

/// Actions that the palette and the help list, in order, by group.
// Keys are looked for in this order, and a plain key also answers with Shift held: the one with Shift comes first.
pub const GROUPS: [(&str, &[Command]); 11] = [
    (
        "File",
        &[
            C::OpenFiles,
            C::OpenHead,
            C::BuiltinHead,
            C::OpenFolder,
            C::TypePath,
            C::CheckCorpus,
            C::Check,
            C::PreviousClip,
            C::NextClip,
        ],
    ),
    (
        "Time",
        &[
            C::PlayPause,
            C::StepBack,
            C::StepForward,
            C::ShuttleBack,
            C::ShuttleStop,
            C::ShuttleForward,
            C::ToStart,
            C::ToEnd,
            C::MarkIn,
            C::MarkOut,
            C::ClearLoop,
            C::NextRate,
            C::Mute,
        ],
    ),
    (
        "Reactions",
        &[
            C::Generate,
            C::Cancel,
            C::BestLatent,
            C::PaintLoop,
            C::ClearLane,
            C::Average,
            C::Beside,
            C::ToggleGhost,
            C::ListenerVideo,
            C::SpeakerVideo,
        ],
    ),
    (
        "Faces",
        &[
            C::Overlay(Overlay::Porcelain),
            C::Overlay(Overlay::Movement),
            C::Overlay(Overlay::Difference),
            C::Overlay(Overlay::Chosen),
            C::Overlay(Overlay::Regions),
            C::Overlay(Overlay::Onion),
            C::Overlay(Overlay::Axes),
            C::Overlay(Overlay::Trail),
            C::Overlay(Overlay::Wireframe),
        ],
    ),
    (
        "Evaluate",
        &[
            C::Do(Do::Run),
            C::Do(Do::Cancel),
            C::Do(Do::Move(1, 0)),
            C::Do(Do::Move(-1, 0)),
            C::Do(Do::Move(0, 1)),
            C::Do(Do::Move(0, -1)),
            C::Do(Do::Worst),
            C::Do(Do::Card(Card::Distribution)),
            C::Do(Do::Card(Card::Difference)),
            C::Do(Do::Card(Card::Reliability)),
            C::Do(Do::Published),
            C::Do(Do::Beyond),
            C::Do(Do::Copy(TableForm::Latex)),
            C::Do(Do::Copy(TableForm::Csv)),
            C::Do(Do::Copy(TableForm::Markdown)),
            C::Do(Do::Copy(TableForm::Json)),
            C::Do(Do::Export),
            C::Do(Do::Synthetic),
        ],
    ),
    (
        "Train",
        &[
            C::Train(T::Start),
            C::Train(T::PauseOrGoOn),
            C::Train(T::Order(runs::Order::Stop)),
            C::Train(T::Order(runs::Order::StopAtEpoch)),
            C::Train(T::TakeUp),
            C::Train(T::Dequeue),
            C::Train(T::Move(1)),
            C::Train(T::Move(-1)),
            C::Train(T::Alone),
            C::Train(T::MovePreview(1)),
            C::Train(T::MovePreview(-1)),
            C::Train(T::Play),
            C::Train(T::MoveFrame(1)),
            C::Train(T::MoveFrame(-1)),
            C::Train(T::LogY),
            C::Train(T::NextAlong),
            C::Train(T::Zoom(None)),
            C::Train(T::More),
            C::Train(T::Settings),
            C::Train(T::OpenRun),
            C::Train(T::ExportCsv),
            C::Train(T::ExportEvents),
        ],
    ),
    (
        "Latents",
        &[C::Explore(E::Run), C::Explore(E::Cancel), C::Explore(E::Move(1)), C::Explore(E::Move(-1))],
    ),
    (
        "Face",
        &[
            C::Face(F::Source(FaceSource::Attributes)),
            C::Face(F::Source(FaceSource::Expressions)),
            C::Face(F::Source(FaceSource::Coefficients)),
            C::Face(F::Undo),
            C::Face(F::Redo),
            C::Face(F::Reset),
            C::Face(F::TakeOver),
            C::Face(F::BothSides),
            C::Face(F::Copy),
        ],
    ),
    ("Tracks", &[C::ZoomIn, C::ZoomOut, C::ZoomAll, C::ZoomLoop, C::ResetTracks]),
    (
        "Window",
        &[
            C::Show(Workspace::Compare),
            C::Show(Workspace::Evaluate),
            C::Show(Workspace::Train),
            C::Show(Workspace::Latents),
            C::Show(Workspace::Face),
            C::Present,
            C::PresentOne,
            C::SwitchTheme,
            C::ToggleList,
            C::ToggleInspector,
            C::DifferentPeople,
            C::OwnCameras,
            C::ResetCamera,
            C::ResetLayout,
        ],
    ),
    ("Help", &[C::Palette, C::Help, C::Messages, C::Close]),
];

const PLAIN: Modifiers = Modifiers::NONE;
const COMMAND: Modifiers = Modifiers::COMMAND;
const SHIFT: Modifiers = Modifiers::SHIFT;

const DIGITS: [Key; 10] = [
    Key::Num1,
    Key::Num2,
    Key::Num3,
    Key::Num4,
    Key::Num5,
    Key::Num6,
    Key::Num7,
    Key::Num8,
    Key::Num9,
    Key::Num0,
];

impl Command {
    /// Words in menus, palette and help.
    pub fn text(&self) -> String {
        match self {
            C::OpenFiles => "Open a file\u{2026}".to_owned(),
            C::OpenHead => "Open head\u{2026}".to_owned(),
            C::OpenFolder => "Open a corpus folder\u{2026}".to_owned(),
            C::TypePath => "Open by typing a path".to_owned(),
            C::Open(path) => format!("Open {}", path.display()),
            C::PlayPause => "Play or pause".to_owned(),
            C::StepBack => "Step one frame back".to_owned(),
            C::StepForward => "Step one frame on".to_owned(),
            C::ShuttleBack => "Shuttle backward, faster each time".to_owned(),
            C::ShuttleStop => "Stop the shuttle".to_owned(),
            C::ShuttleForward => "Shuttle forward, faster each time".to_owned(),
            C::ToStart => "Go to the first frame".to_owned(),
            C::ToEnd => "Go to the last frame".to_owned(),
            C::Seek(frame) => format!("Go to frame {frame}"),
            C::MarkIn => "Loop from here".to_owned(),
            C::MarkOut => "Loop to here".to_owned(),
            C::Loop(a, b) => format!("Loop frames {a} to {b}"),
            C::ClearLoop => "Clear the loop".to_owned(),
            C::NextRate => "Change the playing speed".to_owned(),
            C::Mute => "Mute or unmute".to_owned(),
            C::Latent(index) => format!("Choose latent {}", index + 1),
            C::BestLatent => "Choose the reaction ranked first".to_owned(),
            C::Sample(index) => format!("Show sample {}", index + 1),
            C::Clip(_) => "Choose a clip".to_owned(),
            C::NextClip => "Next clip".to_owned(),
            C::PreviousClip => "Previous clip".to_owned(),
            C::AddTrack(track) => format!("Show track {}: {}", track.name(), track.meaning()),
            C::RemoveTrack(track) => format!("Remove track {}: {}", track.name(), track.meaning()),
            C::ResetTracks => "Reset the tracks".to_owned(),
            C::View(_) => "Show a part of the time axis".to_owned(),
            C::ZoomIn => "Zoom in on time".to_owned(),
            C::ZoomOut => "Zoom out of time".to_owned(),
            C::ZoomAll => "Show the whole clip".to_owned(),
            C::ZoomLoop => "Zoom to the loop".to_owned(),
            C::Generate => "Generate reactions".to_owned(),
            C::Cancel => "Cancel generating".to_owned(),
            C::System(index) => format!("Use system {}", index + 1),
            C::Show(Workspace::Compare) => "Workspace: compare".to_owned(),
            C::Show(Workspace::Evaluate) => "Workspace: evaluate".to_owned(),
            C::Show(Workspace::Present) => "Workspace: present".to_owned(),
            C::Show(Workspace::Train) => "Workspace: train".to_owned(),
            C::Show(Workspace::Latents) => "Workspace: latents".to_owned(),
            C::Show(Workspace::Face) => "Workspace: face".to_owned(),
            C::Train(it) => it.text().to_owned(),
            C::Explore(it) => it.text().to_owned(),
            C::Face(it) => it.text().to_owned(),
            C::Do(Do::Move(1, _)) => "The row below".to_owned(),
            C::Do(Do::Move(-1, _)) => "The row above".to_owned(),
            C::Do(Do::Move(_, 1)) => "The next measure".to_owned(),
            C::Do(Do::Move(_, _)) => "The measure before".to_owned(),
            C::Do(it) => it.text().to_owned(),
            C::Present => "Present, full screen".to_owned(),
            C::PresentOne => "Present one face or the wall".to_owned(),
            C::SwitchTheme => "Switch between dark and light".to_owned(),
            C::ToggleList => "Show or hide the clip list".to_owned(),
            C::ToggleInspector => "Show or hide the inspector".to_owned(),
            C::Turn(..) => "Turn the camera".to_owned(),
            C::Wish(_) => "Change the sampling".to_owned(),
            C::Paint(_) => "Paint the intent lane".to_owned(),
            C::Unpaint(..) => "Take paint off the intent lane".to_owned(),
            C::PaintLoop => "Paint the loop with the chosen latent".to_owned(),
            C::ClearLane => "Clear the intent lane".to_owned(),
            C::Average => "Average of all appropriate answers".to_owned(),
            C::Beside => "Other systems beside this one".to_owned(),
            C::Search(words) => format!("Search clips for {words}"),
            C::Shelf(_) => "Show a part of the clips".to_owned(),
            C::CheckCorpus => "Check the corpus".to_owned(),
            C::CancelCheck => "Stop the check".to_owned(),
            C::Check => "Faults of the corpus".to_owned(),
            C::ShowClip(_) => "Go to a clip".to_owned(),
            C::Facet(_) => "Show clips with one property".to_owned(),
            C::Dismiss(_) => "Dismiss a message".to_owned(),
            C::ToggleGhost => "Outline of the real listener".to_owned(),
            C::Overlay(overlay) => crate::text::overlay(*overlay).to_owned(),
            C::SpeakerVideo => "Speaker as video or as 3DMM".to_owned(),
            C::ListenerVideo => "Real listener as video or as 3DMM".to_owned(),
            C::People(_) => "Another person".to_owned(),
            C::DifferentPeople => "Another person for each face".to_owned(),
            C::BuiltinHead => "Built-in head".to_owned(),
            C::OwnCameras => "A camera for each face".to_owned(),
            C::ResetCameraOf(_) => "Reset the camera of a face".to_owned(),
            C::ResetCamera => "Reset the camera".to_owned(),
            C::ResetLayout => "Reset the layout".to_owned(),
            C::Palette => "All actions\u{2026}".to_owned(),
            C::Help => "Keys of this screen".to_owned(),
            C::Messages => "Messages of this session".to_owned(),
            C::Close => "Close what is on top".to_owned(),
        }
    }

    /// Keys that trigger it, most usual first.
    pub fn keys(&self) -> Vec<KeyboardShortcut> {
        let one = |modifiers, key| vec![KeyboardShortcut::new(modifiers, key)];
        match self {
            C::OpenFiles => one(COMMAND, Key::O),
            C::OpenFolder => one(COMMAND.plus(SHIFT), Key::O),
            C::TypePath => one(COMMAND, Key::L),
            C::PlayPause => one(PLAIN, Key::Space),
            C::StepBack => {
                vec![KeyboardShortcut::new(PLAIN, Key::Comma), KeyboardShortcut::new(PLAIN, Key::ArrowLeft)]
            }
            C::StepForward => {
                vec![KeyboardShortcut::new(PLAIN, Key::Period), KeyboardShortcut::new(PLAIN, Key::ArrowRight)]
            }
            C::ShuttleBack => one(PLAIN, Key::J),
            C::ShuttleStop => one(PLAIN, Key::K),
            C::ShuttleForward => one(PLAIN, Key::L),
            C::ToStart => one(PLAIN, Key::Home),
            C::ToEnd => one(PLAIN, Key::End),
            C::MarkIn => one(PLAIN, Key::I),
            C::MarkOut => one(PLAIN, Key::O),
            C::ClearLoop => one(PLAIN, Key::X),
            C::NextRate => one(PLAIN, Key::R),
            C::Mute => one(PLAIN, Key::M),
            C::BestLatent => one(PLAIN, Key::B),
            C::Latent(index) if *index < 10 => one(PLAIN, DIGITS[*index]),
            C::Latent(index) if *index < 16 => one(SHIFT, DIGITS[*index - 10]),
            C::NextClip => one(PLAIN, Key::ArrowDown),
            C::PreviousClip => one(PLAIN, Key::ArrowUp),
            C::ZoomIn => {
                vec![KeyboardShortcut::new(PLAIN, Key::Plus), KeyboardShortcut::new(PLAIN, Key::Equals)]
            }
            C::ZoomOut => one(PLAIN, Key::Minus),
            C::ZoomAll => one(PLAIN, Key::A),
            C::ZoomLoop => one(PLAIN, Key::Z),
            C::Generate => one(PLAIN, Key::G),
            C::PaintLoop => one(PLAIN, Key::P),
            C::ClearLane => one(SHIFT, Key::P),
            C::Average => one(PLAIN, Key::N),
            C::Beside => one(SHIFT, Key::N),
            C::Show(Workspace::Compare) => one(COMMAND, Key::Num1),
            C::Show(Workspace::Evaluate) => one(COMMAND, Key::Num2),
            C::Show(Workspace::Train) => one(COMMAND, Key::Num3),
            C::Show(Workspace::Latents) => one(COMMAND, Key::Num4),
            C::Show(Workspace::Face) => one(COMMAND, Key::Num5),
            C::Face(F::Source(FaceSource::Attributes)) => one(PLAIN, Key::U),
            C::Face(F::Source(FaceSource::Expressions)) => one(PLAIN, Key::E),
            C::Face(F::Source(FaceSource::Coefficients)) => one(PLAIN, Key::B),
            C::Face(F::Undo) => one(COMMAND, Key::Z),
            C::Face(F::Redo) => one(COMMAND, Key::Y),
            C::Face(F::Reset) => one(PLAIN, Key::Backspace),
            C::Face(F::TakeOver) => one(PLAIN, Key::G),
            C::Face(F::BothSides) => one(PLAIN, Key::S),
            C::Explore(E::Run) => one(COMMAND.plus(SHIFT), Key::Z),
            C::Explore(E::Move(1)) => one(PLAIN, Key::ArrowDown),
            C::Explore(E::Move(-1)) => one(PLAIN, Key::ArrowUp),
            C::Train(T::Start) => one(COMMAND.plus(SHIFT), Key::Enter),
            C::Train(T::PauseOrGoOn) => one(PLAIN, Key::P),
            C::Train(T::Move(1)) => one(PLAIN, Key::ArrowDown),
            C::Train(T::Move(-1)) => one(PLAIN, Key::ArrowUp),
            C::Train(T::MovePreview(1)) => one(PLAIN, Key::ArrowRight),
            C::Train(T::MovePreview(-1)) => one(PLAIN, Key::ArrowLeft),
            C::Train(T::Play) => one(PLAIN, Key::Space),
            C::Train(T::MoveFrame(1)) => one(PLAIN, Key::Period),
            C::Train(T::MoveFrame(-1)) => one(PLAIN, Key::Comma),
            C::Train(T::LogY) => one(PLAIN, Key::L),
            C::Train(T::NextAlong) => one(PLAIN, Key::X),
            C::Train(T::Zoom(None)) => one(PLAIN, Key::A),
            C::Train(T::More) => one(PLAIN, Key::G),
            C::Train(T::Settings) => one(PLAIN, Key::D),
            C::Do(Do::Run) => one(COMMAND, Key::Enter),
            C::Do(Do::Worst) => one(PLAIN, Key::Enter),
            C::Do(Do::Copy(TableForm::Latex)) => one(COMMAND.plus(SHIFT), Key::L),
            C::Do(Do::Export) => one(COMMAND.plus(SHIFT), Key::E),
            C::Do(Do::Move(1, 0)) => one(PLAIN, Key::ArrowDown),
            C::Do(Do::Move(-1, 0)) => one(PLAIN, Key::ArrowUp),
            C::Do(Do::Move(0, 1)) => one(PLAIN, Key::ArrowRight),
            C::Do(Do::Move(0, -1)) => one(PLAIN, Key::ArrowLeft),
            C::Do(Do::Card(Card::Distribution)) => one(PLAIN, Key::D),
            C::Do(Do::Card(Card::Difference)) => one(PLAIN, Key::F),
            C::Do(Do::Card(Card::Reliability)) => one(PLAIN, Key::R),
            C::Present => one(PLAIN, Key::F5),
            C::PresentOne => one(PLAIN, Key::F6),
            C::SwitchTheme => one(PLAIN, Key::T),
            C::ToggleList => one(COMMAND, Key::B),
            C::ToggleInspector => one(COMMAND, Key::I),
            C::ToggleGhost => one(PLAIN, Key::H),
            C::SpeakerVideo => one(PLAIN, Key::V),
            C::ListenerVideo => one(SHIFT, Key::V),
            C::OwnCameras => one(SHIFT, Key::C),
            C::ResetCamera => one(PLAIN, Key::C),
            C::Palette => one(COMMAND, Key::K),
            C::Help => {
                vec![KeyboardShortcut::new(PLAIN, Key::Questionmark), KeyboardShortcut::new(PLAIN, Key::F1)]
            }
            C::Messages => one(COMMAND, Key::M),
            C::Check => one(COMMAND, Key::E),
            C::Close => one(PLAIN, Key::Escape),
            _ => Vec::new(),
        }
    }

    /// Its keys as people read them: `Ctrl+K`; empty when it has none.
    pub fn keys_text(&self) -> String {
        self.keys().first().map_or_else(String::new, keys_text)
    }

    /// Words and keys for a tooltip.
    pub fn hint(&self) -> String {
        match self.keys_text() {
            keys if keys.is_empty() => self.text(),
            keys => format!("{} ({keys})", self.text()),
        }
    }

    /// Everything that has a key in a workspace, for the reader of keys. A plain key may mean one thing in Evaluate and
    /// another where a clip plays; keys with Ctrl mean the same everywhere.
    pub fn with_keys(workspace: Workspace) -> impl Iterator<Item = Command> {
        GROUPS
            .iter()
            .flat_map(|(_, commands)| commands.iter().cloned())
            .chain((0..16).map(Command::Latent))
            .filter(move |command| command.belongs_to(workspace))
    }

    /// Whether its keys are read in a workspace.
    pub fn belongs_to(&self, workspace: Workspace) -> bool {
        let of_evaluate = matches!(self, C::Do(_));
        let of_train = matches!(self, C::Train(_));
        let of_latents = matches!(self, C::Explore(_));
        let of_face = matches!(self, C::Face(_));
        let held = self.keys().iter().all(|keys| keys.modifiers.command || keys.modifiers.ctrl);
        let of_window = matches!(
            self,
            C::Present
                | C::PresentOne
                | C::SwitchTheme
                | C::Help
                | C::Close
                | C::OwnCameras
                | C::ResetCamera
                | C::ResetLayout
        );
        match workspace {
            Workspace::Evaluate => of_evaluate || held || of_window,
            Workspace::Train => of_train || held || of_window,
            Workspace::Latents => of_latents || held || of_window,
            Workspace::Face => {
                of_face || held || of_window || matches!(self, C::Overlay(overlay) if !overlay.compares())
            }
            Workspace::Compare | Workspace::Present => {
                !(of_evaluate || of_train || of_latents || of_face) || held
            }
        }
    }
}

/// A shortcut in plain letters, the same on every system.
pub fn keys_text(keys: &KeyboardShortcut) -> String {
    let mut text = String::new();
    for (held, name) in [
        (keys.modifiers.command || keys.modifiers.ctrl, "Ctrl+"),
        (keys.modifiers.shift, "Shift+"),
        (keys.modifiers.alt, "Alt+"),
    ] {
        if held {
            text += name;
        }
    }
    text + match keys.logical_key {
        Key::Comma => ",",
        Key::Period => ".",
        Key::Plus => "+",
        Key::Equals => "=",
        Key::Minus => "-",
        Key::Questionmark => "?",
        Key::Escape => "Esc",
        Key::ArrowLeft => "Left",
        Key::ArrowRight => "Right",
        Key::ArrowUp => "Up",
        Key::ArrowDown => "Down",
        other => other.name(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_actions_claim_one_key() {
        let mut seen: Vec<(KeyboardShortcut, Command)> = Vec::new();
        for workspace in [
            Workspace::Compare,
            Workspace::Evaluate,
            Workspace::Train,
            Workspace::Latents,
            Workspace::Face,
            Workspace::Present,
        ] {
            seen.clear();
            for command in Command::with_keys(workspace) {
                for keys in command.keys() {
                    if let Some((_, other)) = seen.iter().find(|(known, _)| *known == keys) {
                        panic!("{} is claimed by {other:?} and {command:?}", keys_text(&keys));
                    }
                    seen.push((keys, command.clone()));
                }
            }
        }
    }

    #[test]
    fn words_are_sentence_case_without_a_full_stop() {
        let all =
            [Workspace::Compare, Workspace::Evaluate, Workspace::Train, Workspace::Latents, Workspace::Face];
        for command in all.into_iter().flat_map(Command::with_keys) {
            let text = command.text();
            assert!(text.starts_with(char::is_uppercase) && !text.ends_with('.'), "{text}");
        }
    }
}
