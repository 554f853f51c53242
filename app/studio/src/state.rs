//! What is loaded and what is looked at: clips, systems, takes, selection, view. Plain data; it draws nothing, reads
//! no files and starts no workers.

use std::path::PathBuf;
use std::sync::Arc;

use clips::arkit::FaceSource;
use clips::corpus::check::Report;
use clips::{Sampling, Streams, Take};
use listener::System;
use listener::import::Imported;
use media::{Peaks, VideoSource};

use crate::evaluate::Evaluate;
use crate::explore::Explore;
use crate::faces::Seat;
use crate::lane::Lane;
use crate::library::{ClipKey, Library, Shelf};
use crate::motion::Motion;
use crate::overlay::Beside;
use crate::signature::Signature;
use crate::sliders::Sliders;
use crate::theme::{MOST_LATENTS, Theme};
use crate::tracks::{FIRST_TRACKS, Track, View};
use crate::train::Train;

/// Columns of the spectrum for every frame.
const SPECTRUM_COLUMNS: usize = 4;
/// Mel bands of the spectrum.
const SPECTRUM_BANDS: usize = 64;

/// One job a workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Workspace {
    /// One speaker, the real listener and all reactions on one cursor.
    #[default]
    Compare,
    /// Systems by measures, from every number to its clips.
    Evaluate,
    /// Runs: started, followed, compared.
    Train,
    /// What each latent intent of a system does over a split.
    Latents,
    /// A face set by hand.
    Face,
    /// Faces only, for an audience.
    Present,
}

/// One person of the chosen clip.
#[derive(Debug, Clone, Default)]
pub struct Person {
    /// What is known.
    pub streams: Arc<Streams>,
    /// The face, if anything of it is known.
    pub motion: Option<Arc<Motion>>,
    /// Where the person was filmed.
    pub video: Option<VideoSource>,
}

impl Person {
    /// Prepares the face; work for a worker.
    pub fn new(streams: Streams) -> Self {
        let motion = Motion::of(&streams).map(Arc::new);
        Self { streams: Arc::new(streams), motion, video: None }
    }
}

/// What is heard in a sound.
#[derive(Debug, Clone)]
pub struct Hearing {
    /// Loudness, pitch and voice, one value a frame.
    pub tracks: speech::Tracks,
    /// The log-mel spectrum.
    pub spectrum: speech::Spectrogram,
}

impl Hearing {
    /// Listens to a sound; work for a worker.
    pub fn of(sound: &clips::Waveform) -> Self {
        Self {
            tracks: speech::Tracks::of(sound),
            spectrum: speech::spectrogram(sound, SPECTRUM_COLUMNS, SPECTRUM_BANDS),
        }
    }
}

/// The chosen clip, in memory.
#[derive(Debug, Clone)]
pub struct Clip {
    /// Which of the list.
    pub key: ClipKey,
    /// The name that takes carry: `val/NoXI/001/Expert_video/1`, or a file name.
    pub id: String,
    /// Made by a program, not recorded.
    pub synthetic: bool,
    /// Who speaks.
    pub speaker: Person,
    /// Who really listened, if known.
    pub listener: Option<Person>,
    /// Frames of the clip.
    pub frames: usize,
    /// Sound as the time axis draws it.
    pub peaks: Option<Arc<Peaks>>,
    /// What is heard in the speaker's sound.
    pub hearing: Option<Arc<Hearing>>,
}

/// A system that makes reactions: a checkpoint or an opened prediction file.
#[derive(Clone)]
pub struct SystemRow {
    /// Name in the picker.
    pub name: String,
    /// Where it comes from, for the tooltip.
    pub origin: String,
    /// The file it was opened from; `None` for what ships with the program.
    pub file: Option<PathBuf>,
    /// What makes reactions.
    pub maker: Maker,
    /// The part of the list that predictions of another program answer; `None` where the system answers any clip.
    pub answers: Option<Shelf>,
}

impl SystemRow {
    /// Whether it has, or can make, reactions to a clip.
    pub fn fits(&self, key: ClipKey) -> bool {
        match &self.maker {
            Maker::System(_) => true,
            Maker::Imported(imported) => {
                self.answers.is_none_or(|shelf| shelf == key.shelf()) && key.number() < imported.clips()
            }
        }
    }
}

/// What makes reactions, or has made them elsewhere.
#[derive(Clone)]
pub enum Maker {
    /// A network.
    System(Arc<dyn System>),
    /// Predictions of another program, by the number of the clip in its list.
    Imported(Arc<Imported>),
}

impl Maker {
    /// A few words on what a latent does, when known.
    pub fn signature(&self, latent: usize) -> Option<&str> {
        match self {
            Self::System(system) => system.signature(latent),
            Self::Imported(_) => None,
        }
    }
}

/// One reaction with what the window shows of it.
#[derive(Debug, Clone)]
pub struct Reaction {
    /// The reaction.
    pub take: Take,
    /// Its face.
    pub motion: Arc<Motion>,
    /// What it does most.
    pub signature: Signature,
    /// Name of the system that made it, where that is not the one whose reactions are on the wall.
    pub beside: Option<String>,
}

impl Reaction {
    /// It follows the painted lane.
    pub fn is_lane(&self) -> bool {
        !self.take.header.turns.is_empty()
    }

    /// It is the average of all appropriate answers.
    pub fn is_average(&self) -> bool {
        self.take.header.system == listener::Naive::AverageOfModes.name()
    }

    /// It stands beside the latents.
    pub fn is_extra(&self) -> bool {
        self.is_lane() || self.is_average() || self.beside.is_some()
    }
}

/// What the reactions on the wall were scored as in Evaluate.
#[derive(Debug, Clone, PartialEq)]
pub struct ScoredAs {
    /// Row of the table.
    pub row: String,
    /// Measure that led here.
    pub column: study::Column,
    /// Its value of this clip and seed.
    pub value: Option<f64>,
    /// What each sample adds to it, where the measure is a sum over samples.
    pub parts: Vec<f64>,
    /// Seed of the draws.
    pub seed: u64,
}

/// The reactions to the chosen clip.
#[derive(Debug, Clone, Default)]
pub struct Reactions {
    /// All takes, by latent, then by sample.
    pub all: Vec<Reaction>,
    /// How far each pair is apart, in the order of `all`.
    pub distances: Vec<Vec<f32>>,
    /// Seconds it took to make them.
    pub seconds: f64,
    /// The system that made them.
    pub system: String,
    /// The very samples of Evaluate, in their order there; `None` for reactions made here.
    pub scored: Option<ScoredAs>,
}

impl Reactions {
    /// Frames made in all.
    pub fn frames(&self) -> usize {
        self.all.iter().map(|reaction| reaction.take.frames()).sum()
    }

    /// Samples of each latent (of the only one, for systems without).
    pub fn samples(&self) -> usize {
        self.all.iter().map(|reaction| reaction.take.header.sample + 1).max().unwrap_or(0)
    }

    /// Whether the system has latents.
    pub fn has_latents(&self) -> bool {
        let own = |reaction: &Reaction| reaction.beside.is_none();
        self.all.iter().any(|reaction| own(reaction) && reaction.take.header.latent.is_some())
    }

    /// Indices into `all` of the tiles on the wall: one a latent (its sample number `sample`), or one a sample for
    /// systems without latents and for what was scored; at most sixteen.
    pub fn tiles(&self, sample: usize) -> Vec<usize> {
        let latents = self.has_latents() && self.scored.is_none();
        (0..self.all.len())
            .filter(|index| {
                let reaction = &self.all[*index];
                !latents || reaction.take.header.sample == sample || reaction.is_extra()
            })
            .take(MOST_LATENTS)
            .collect()
    }

    /// The number whose look and name a reaction has: its latent, or its sample.
    pub fn look_index(&self, index: usize) -> usize {
        self.all.get(index).map_or(0, |reaction| {
            let header = &reaction.take.header;
            // what is no single latent has a look of its own, from the end of the list
            if reaction.is_lane() {
                MOST_LATENTS - 1
            } else if reaction.is_average() {
                MOST_LATENTS - 2
            } else if reaction.beside.is_some() {
                let earlier = self.all[..index].iter().filter(|other| other.beside.is_some()).count();
                MOST_LATENTS - 3 - earlier.min(MOST_LATENTS - 3)
            } else {
                header.latent.unwrap_or(header.sample)
            }
        })
    }

    /// `z3`, or `s3` for systems without latents; `z3\u{b7}1` for the first sample of what was scored.
    pub fn name(&self, index: usize) -> String {
        if self.scored.is_some() && self.has_latents() {
            return format!("z{}\u{b7}{}", self.look_index(index) + 1, index + 1);
        }
        match self.all.get(index) {
            Some(Reaction { beside: Some(system), .. }) => return system.clone(),
            Some(reaction) if reaction.is_lane() => return "lane".to_owned(),
            Some(reaction) if reaction.is_average() && self.has_latents() => return "mean".to_owned(),
            _ => {}
        }
        let letter = if self.has_latents() { 'z' } else { 's' };
        format!("{letter}{}", self.look_index(index) + 1)
    }

    /// Reaction-matching score as a probability of being appropriate.
    pub fn score(&self, index: usize) -> Option<f32> {
        self.all.get(index)?.take.header.score()
    }
}

/// What the user chose for the next reactions.
#[derive(Debug, Clone, PartialEq)]
pub struct Wishes {
    /// How tokens are drawn.
    pub sampling: Sampling,
    /// Reactions for each latent.
    pub samples: usize,
    /// Seed of all draws.
    pub seed: u64,
    /// What the system may see.
    pub track: clips::Track,
}

impl Default for Wishes {
    fn default() -> Self {
        Self { sampling: Sampling::default(), samples: 1, seed: 1, track: clips::Track::Offline }
    }
}

/// What the recognition pass was asked to read: a clip, and a checkpoint by its hash.
pub type Recognising = (ClipKey, String);

/// What the recognition pass thinks of a real listener on the way.
#[derive(Debug, Clone, PartialEq)]
pub struct Posterior {
    /// What was read.
    pub of: Recognising,
    /// Up to which frame, and the share of each latent.
    pub posterior: Vec<(usize, Vec<f32>)>,
}

/// How bad a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// Good to know.
    Note,
    /// Something is missing or odd; the work went on.
    Warning,
    /// Something failed.
    Failure,
}

/// One message of the session.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    /// How bad.
    pub severity: Severity,
    /// What it is about: a file name or a job.
    pub about: String,
    /// What happened, with the place in the file.
    pub what: String,
    /// What to do.
    pub remedy: String,
    /// Seconds of the window when it came.
    pub at: f64,
    /// Whether it still floats over the window.
    pub floating: bool,
}

/// Everything the window knows.
pub struct State {
    /// Which screen.
    pub workspace: Workspace,
    /// In Present: one face instead of the wall.
    pub present_one: bool,
    /// Dark or light.
    pub theme: Theme,
    /// Clips to choose from.
    pub library: Library,
    /// What the check of the corpus found, once it has run.
    pub check: Option<Arc<Report>>,
    /// Systems to choose from.
    pub systems: Vec<SystemRow>,
    /// The chosen system.
    pub system: usize,
    /// The chosen clip.
    pub clip: Option<Clip>,
    /// The chosen row of the list; its clip may still be loading.
    pub chosen_clip: Option<ClipKey>,
    /// Reactions to the clip.
    pub reactions: Reactions,
    /// Grows whenever clip or reactions change, so that drawings know they are old.
    pub generation: u64,
    /// The average of all appropriate answers stands beside the reactions.
    pub average: bool,
    /// One reaction of every other open system stands beside the reactions.
    pub beside: bool,
    /// What is painted on the intent lane.
    pub lane: Lane,
    /// What the recognition pass thinks of the real listener.
    pub posterior: Option<Posterior>,
    /// The chosen tile.
    pub tile: usize,
    /// The shown sample of each latent.
    pub sample: usize,
    /// Wishes for the next reactions.
    pub wishes: Wishes,
    /// Tracks, from the top.
    pub tracks: Vec<Track>,
    /// The shown part of the time axis.
    pub view: View,
    /// Whose faces are shown.
    pub people: crate::people::People,
    /// The head file that faces are made of; the built-in head without one.
    pub head: Option<PathBuf>,
    /// Cameras of the faces.
    pub cameras: crate::cameras::Cameras,
    /// The real listener as an outline over the reactions.
    pub ghost: bool,
    /// What lies over the faces of Compare and Present.
    pub overlays: crate::overlay::Shown,
    /// The speaker as filmed instead of drawn, where there is a video.
    pub speaker_video: bool,
    /// The real listener as filmed instead of drawn, where there is a video.
    pub listener_video: bool,
    /// Left panel.
    pub list_open: bool,
    /// Right panel.
    pub inspector_open: bool,
    /// The Evaluate workspace.
    pub evaluate: Evaluate,
    /// The Train workspace.
    pub train: Train,
    /// The Latents workspace, and what latents are called.
    pub explore: Explore,
    /// The Face workspace.
    pub sliders: Sliders,
    /// Messages, oldest first.
    pub messages: Vec<Message>,
    /// Seconds of the window when a job last succeeded: an older failure leaves the status bar.
    pub succeeded_at: f64,
}

impl Default for State {
    fn default() -> Self {
        Self {
            workspace: Workspace::default(),
            present_one: false,
            theme: Theme::Dark,
            library: Library::default(),
            check: None,
            systems: Vec::new(),
            system: 0,
            clip: None,
            chosen_clip: None,
            reactions: Reactions::default(),
            generation: 0,
            average: false,
            beside: false,
            lane: Lane::default(),
            posterior: None,
            tile: 0,
            sample: 0,
            wishes: Wishes::default(),
            tracks: FIRST_TRACKS.to_vec(),
            view: View::whole(1),
            people: crate::people::People::default(),
            head: None,
            cameras: crate::cameras::Cameras::default(),
            ghost: false,
            overlays: crate::overlay::Shown::default(),
            speaker_video: false,
            listener_video: false,
            list_open: true,
            inspector_open: true,
            evaluate: Evaluate::default(),
            train: Train::default(),
            explore: Explore::default(),
            sliders: Sliders::default(),
            messages: Vec::new(),
            succeeded_at: 0.0,
        }
    }
}

impl State {
    /// Indices of the reactions on the wall.
    pub fn tiles(&self) -> Vec<usize> {
        self.reactions.tiles(self.sample)
    }

    /// Index of the chosen reaction.
    pub fn chosen(&self) -> Option<usize> {
        let tiles = self.tiles();
        tiles.get(self.tile).or(tiles.first()).copied()
    }

    /// The faces at a frame that reactions are compared with, where anything on the screen compares.
    pub fn beside(&self, frame: usize) -> Beside {
        if !self.ghost && !self.overlays.all().iter().any(|overlay| overlay.compares()) {
            return Beside::default();
        }
        let listener = self.clip.as_ref().and_then(|clip| clip.listener.as_ref());
        let real = listener.and_then(|person| person.motion.as_ref());
        let chosen = self.chosen().and_then(|index| self.reactions.all.get(index));
        Beside {
            real: real.map(|motion| motion.at(frame)),
            chosen: chosen.map(|reaction| reaction.motion.at(frame)),
            outlined: self.ghost,
        }
    }

    /// Frames of the clip; 0 without one.
    pub fn frames(&self) -> usize {
        self.clip.as_ref().map_or(0, |clip| clip.frames)
    }

    /// Latents of the chosen system; 0 where reactions are only read.
    pub fn latents(&self) -> usize {
        match self.systems.get(self.system).map(|row| &row.maker) {
            Some(Maker::System(system)) => system.latents(),
            _ => 0,
        }
    }

    /// The latent that the intent lane is painted with: that of the chosen reaction.
    pub fn brush(&self) -> usize {
        let latent = self.chosen().and_then(|index| self.reactions.all[index].take.header.latent);
        latent.unwrap_or(0).min(self.latents().saturating_sub(1))
    }

    /// What people call a latent of the chosen system.
    pub fn latent_name(&self, latent: usize) -> Option<&str> {
        match self.systems.get(self.system).map(|row| &row.maker) {
            Some(Maker::System(system)) => self.explore.name(system.checkpoint(), latent),
            _ => None,
        }
    }

    /// What the recognition pass could read: the real listener of the clip, with the network of the chosen system.
    pub fn posterior_wanted(&self) -> Option<Recognising> {
        let Maker::System(system) = &self.systems.get(self.system)?.maker else { return None };
        let clip = self.clip.as_ref()?;
        let listener = &clip.listener.as_ref()?.streams;
        let whole = listener.attributes.is_some() && listener.coefficients.is_some();
        (whole && system.latents() > 0 && system.latent_intent().is_some())
            .then(|| (clip.key, system.checkpoint().to_owned()))
    }

    /// What people call the latent of a reaction.
    pub fn given_name(&self, reaction: &Reaction) -> Option<&str> {
        let header = &reaction.take.header;
        let latent = header.latent.filter(|_| !reaction.is_extra())?;
        self.explore.name(&header.checkpoint, latent)
    }

    /// Whether the person of a tile is to be shown as filmed; the reactions never are.
    pub fn filmed(&self, seat: Seat) -> bool {
        match seat {
            Seat::Speaker => self.speaker_video,
            Seat::Listener => self.listener_video,
            Seat::Tile(_) | Seat::Preview(_) | Seat::Stage => false,
        }
    }

    /// Where the speaker's face comes from.
    pub fn speaker_source(&self) -> Option<FaceSource> {
        self.clip.as_ref()?.speaker.motion.as_ref().map(|motion| motion.source)
    }
}

/// File name of a path, or the whole path when it has none.
pub fn file_name(path: &std::path::Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}
