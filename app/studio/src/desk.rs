//! What a panel gets: read access to everything, a place to leave commands, and the window's own short memory
//! (drawings that are still good, text being typed). Panels ask; [`crate::act`] acts.

use std::collections::HashMap;
use std::sync::Arc;

use egui::epaint::Mesh;
use measures::paired::Comparison;

use crate::commands::Command;
use crate::faces::Faces;
use crate::figure::Kept;
use crate::jobs::Jobs;
use crate::library::ClipKey;
use crate::panels::train::charts::KeptTrend;
use crate::playback::Playback;
use crate::sheets::Sheets;
use crate::state::State;
use crate::theme::Tokens;
use crate::tracks::Track;
use crate::train::Chart;
use crate::video::Videos;
use crate::work::{Answer, Sparkline};

/// What lies over the workspace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Overlay {
    /// Nothing.
    #[default]
    None,
    /// The search of all actions.
    Palette,
    /// The keys of this screen.
    Help,
    /// The messages.
    Messages,
    /// What is wrong with the corpus.
    Check,
}

/// A drawing of a track that is good as long as its key is.
pub struct TrackDrawing {
    /// What it was drawn from.
    pub key: u64,
    /// The lines.
    pub mesh: Arc<Mesh>,
    /// Smallest and largest value of the axis.
    pub scale: (f32, f32),
}

/// Generation of the table, two of its rows, and a measure.
pub type Compared = (u64, usize, usize, study::Column);

/// What the window remembers from one frame to the next and nobody would save.
#[derive(Default)]
pub struct Memory {
    /// What lies on top.
    pub overlay: Overlay,
    /// Words in the palette.
    pub palette_query: String,
    /// The highlighted row of the palette.
    pub palette_row: usize,
    /// The overlay was opened in this frame; its field takes the keyboard.
    pub overlay_fresh: bool,
    /// The path field asks for the keyboard.
    pub path_focus: bool,
    /// The path being typed.
    pub path: String,
    /// The folder to export into, being typed; `None` unless it is asked for.
    pub export_to: Option<String>,
    /// The field of that folder asks for the keyboard.
    pub export_focus: bool,
    /// The cell that was last scrolled into view.
    pub cell_shown: Option<crate::evaluate::Focus>,
    /// The name of a latent being typed.
    pub latent_name: Option<(usize, String)>,
    /// Words in the search field.
    pub search: String,
    /// The seed being typed.
    pub wishes: Option<crate::state::Wishes>,
    /// Drawings of tracks.
    pub tracks: HashMap<Track, TrackDrawing>,
    /// The picture of the spectrum, and the key of what it shows.
    pub spectrum: Option<(u64, egui::TextureHandle)>,
    /// A selection being dragged, in frames.
    pub selecting: Option<(f64, f64)>,
    /// A stretch of the intent lane being painted, in frames.
    pub painting: Option<(f64, f64)>,
    /// What is to be recognised.
    pub posterior_wanted: Option<crate::state::Recognising>,
    /// What was asked to be recognised last.
    pub posterior_asked: Option<crate::state::Recognising>,
    /// Findings of the check that are shown; `None` shows all.
    pub check_severity: Option<clips::corpus::check::Severity>,
    /// Figures of the Evaluate workspace, by their place.
    pub figures: HashMap<&'static str, Kept>,
    /// Figures that a worker is to draw.
    pub figures_wanted: Vec<crate::figure::Wanted>,
    /// Two rows by one measure, of a generation of the table: what was compared last.
    pub comparison: Option<(Compared, Option<Arc<Comparison>>)>,
    /// What is to be compared.
    pub comparison_wanted: Option<Compared>,
    /// Small pictures of clips; `None` is on its way.
    pub sparklines: HashMap<ClipKey, Option<Sparkline>>,
    /// Clips whose small picture was asked for in this frame.
    pub sparklines_wanted: Vec<ClipKey>,
    /// Scrolls the chosen clip into view.
    pub reveal_clip: bool,
    /// Curves of the Train workspace.
    pub trends: HashMap<Chart, KeptTrend>,
    /// Where the pointer is on the axis of all curves, as of the last frame.
    pub chart_cursor: Option<f64>,
    /// The same, found in this frame.
    pub chart_cursor_next: Option<f64>,
    /// A part of a chart's axis being dragged, and where it began.
    pub chart_drag: Option<(Chart, f64)>,
    /// The preview that was last asked for.
    pub preview_asked: Option<std::path::PathBuf>,
    /// Seconds since the preview's frame began.
    pub preview_clock: f64,
    /// A run that is being put into the queue, to be looked at.
    pub run_awaited: Option<std::path::PathBuf>,
    /// Frames a second while something moves.
    pub frames_per_second: Option<f32>,
    /// Name of what draws.
    pub adapter: String,
}

/// What a panel gets.
pub struct Desk<'a> {
    /// What is loaded and looked at.
    pub state: &'a State,
    /// Time.
    pub playback: &'a Playback,
    /// Workers.
    pub jobs: &'a Jobs<Answer>,
    /// Pictures of faces.
    pub faces: &'a mut Faces,
    /// Pictures of what changes seldom.
    pub sheets: &'a mut Sheets,
    /// Videos of the people.
    pub videos: &'a mut Videos,
    /// The window's short memory.
    pub memory: &'a mut Memory,
    /// Colours.
    pub tokens: &'static Tokens,
    /// Actions to carry out after this frame.
    pub commands: &'a mut Vec<Command>,
}

impl Desk<'_> {
    /// Leaves a command.
    pub fn send(&mut self, command: Command) {
        self.commands.push(command);
    }
}
