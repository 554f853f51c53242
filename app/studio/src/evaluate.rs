//! What the Evaluate workspace knows: who takes part, how, what was scored, and what is looked at. Plain data.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use clips::Track;
use clips::corpus::Split;
use listener::Naive;
use study::{Board, Column, Draw, Scored, Settings};

use crate::library::ClipKey;
use crate::state::{Maker, ScoredAs, SystemRow};

/// Who may take part, and how it is asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    /// A baseline, or a system of the window.
    pub who: Who,
    /// How samples are drawn from its latents.
    pub draw: Draw,
    /// What it may see.
    pub track: Track,
}

/// A baseline or a system of the window.
#[derive(Debug, Clone, PartialEq)]
pub enum Who {
    /// A naive baseline.
    Naive(Naive),
    /// The system of [`crate::state::State::systems`] with this origin.
    System(String),
}

impl Choice {
    /// What its row is called.
    pub fn label(&self, systems: &[SystemRow]) -> String {
        let mut label = match &self.who {
            Who::Naive(naive) => naive.name().replace('-', " "),
            Who::System(origin) => systems
                .iter()
                .find(|row| row.origin == *origin)
                .map_or_else(String::new, |row| row.name.clone()),
        };
        if self.draw == Draw::Spread {
            label += " spread";
        }
        if self.track == Track::Online {
            label += " online";
        }
        label
    }

    /// Whether it takes part before anybody has said so: what a first look needs.
    fn usual(&self) -> bool {
        self.track == Track::Offline && !matches!(self.who, Who::Naive(Naive::MeanSequence | Naive::Truth))
    }
}

/// Everything that may take part: the baselines, then every system; those with latents drawn in both ways, networks also
/// online.
pub fn choices(systems: &[SystemRow]) -> Vec<Choice> {
    let naive = |naive| Choice { who: Who::Naive(naive), draw: Draw::Best, track: Track::Offline };
    let mut all: Vec<Choice> = Naive::ALL.into_iter().map(naive).collect();
    for row in systems.iter().filter(|row| !row.origin.starts_with(crate::text::NAIVE_ORIGIN)) {
        let choice = |draw, track| Choice { who: Who::System(row.origin.clone()), draw, track };
        all.push(choice(Draw::Best, Track::Offline));
        if let Maker::System(system) = &row.maker {
            if system.latents() > 0 {
                all.push(choice(Draw::Spread, Track::Offline));
            }
            if system.answers_online() {
                all.push(choice(Draw::Best, Track::Online));
            }
        }
    }
    all
}

/// What is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Focus {
    /// Row of the board.
    pub row: usize,
    /// Column of the board.
    pub column: Column,
}

/// What the card on the right shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Card {
    /// The values of all clips, a line a system.
    #[default]
    Distribution,
    /// The chosen row minus another one, clip by clip.
    Difference,
    /// Reliability of the matching score.
    Reliability,
}

/// What the uncertainty beside a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Beside {
    /// Half of the 95 % interval over clips.
    #[default]
    Interval,
    /// Standard deviation over seeds.
    Seeds,
}

/// A clip on its way to Compare, with the samples that were scored of it.
#[derive(Debug, Clone)]
pub struct Opened {
    /// The clip in the list.
    pub key: ClipKey,
    /// What answered it.
    pub entry: study::Entry,
    /// The split that was scored.
    pub split: Arc<study::Split>,
    /// Row of the split.
    pub clip: usize,
    /// Samples that were scored.
    pub samples: usize,
    /// What they were scored as.
    pub scored: ScoredAs,
}

/// The table of a split that is not looked at.
pub struct Shelved {
    read: Option<Arc<study::Split>>,
    scored: Vec<(Choice, Scored)>,
    aside: Vec<(Choice, Scored)>,
    failed: Vec<(Choice, String)>,
    board: Option<Arc<Board>>,
    least: Option<usize>,
}

/// Why somebody who takes part has no numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Absent {
    /// It could not be scored.
    Failed(String),
    /// It is being scored.
    Running,
    /// Its turn will come.
    Waiting,
    /// Nobody has asked for it yet.
    NotYet,
}

/// The workspace.
pub struct Evaluate {
    /// The split that is scored.
    pub split: Split,
    /// Who takes part against its habit, or stays away against it.
    pub changed: Vec<Choice>,
    /// How.
    pub settings: Settings,
    /// The split in memory, once it was read.
    pub read: Option<Arc<study::Split>>,
    /// What was scored of the split.
    pub scored: Vec<(Choice, Scored)>,
    /// Everybody who was ever scored, in the order of the first time: the place gives the letter in pictures.
    pub known: Vec<Choice>,
    /// What was scored of the split and is not in the table any more: taken back without being scored again.
    pub aside: Vec<(Choice, Scored)>,
    /// Who could not be scored, and why.
    pub failed: Vec<(Choice, String)>,
    /// Who is being scored.
    pub running: Option<Choice>,
    /// Tables of the other splits, kept until settings or corpus change.
    pub shelf: Vec<(Split, Shelved)>,
    /// Frames that the read split was cut to, for predictions that have no more.
    pub least: Option<usize>,
    /// Rows came or went since the table was put together.
    pub stale: bool,
    /// Who is still to be scored.
    pub queue: VecDeque<Choice>,
    /// How many were asked for in all.
    pub asked: usize,
    /// The table.
    pub board: Option<Arc<Board>>,
    /// Grows with every new board, so that drawings know they are old.
    pub generation: u64,
    /// What is looked at.
    pub focus: Focus,
    /// The row that the chosen one is compared with.
    pub against: Option<usize>,
    /// The card on the right.
    pub card: Card,
    /// The uncertainty beside a value.
    pub beside: Beside,
    /// The published rows below ours.
    pub published: bool,
    /// The columns beyond the official six.
    pub beyond: bool,
    /// The clip in Compare that shows what was scored of it, until other reactions are asked for.
    pub opened: Option<Opened>,
    /// Where outcomes are kept; nowhere in scenes and tests.
    pub cache: Option<PathBuf>,
}

impl Default for Evaluate {
    fn default() -> Self {
        Self {
            split: Split::Val,
            changed: Vec::new(),
            settings: Settings::default(),
            read: None,
            scored: Vec::new(),
            known: Vec::new(),
            aside: Vec::new(),
            failed: Vec::new(),
            running: None,
            shelf: Vec::new(),
            least: None,
            stale: false,
            queue: VecDeque::new(),
            asked: 0,
            board: None,
            generation: 0,
            focus: Focus { row: 0, column: Column::OFFICIAL[0] },
            against: None,
            card: Card::default(),
            beside: Beside::default(),
            published: true,
            beyond: false,
            opened: None,
            cache: study::Cache::usual_place(),
        }
    }
}

impl Evaluate {
    /// Looks at another split; the table of this one is kept.
    pub fn turn_to(&mut self, split: Split) {
        let kept = Shelved {
            read: self.read.take(),
            scored: std::mem::take(&mut self.scored),
            aside: std::mem::take(&mut self.aside),
            failed: std::mem::take(&mut self.failed),
            board: self.board.take(),
            least: self.least.take(),
        };
        self.shelf.retain(|(known, _)| *known != self.split);
        self.shelf.push((self.split, kept));
        self.split = split;
        self.queue.clear();
        self.running = None;
        self.against = None;
        self.generation += 1;
        if let Some(place) = self.shelf.iter().position(|(known, _)| *known == split) {
            let (_, kept) = self.shelf.swap_remove(place);
            self.read = kept.read;
            self.scored = kept.scored;
            self.aside = kept.aside;
            self.failed = kept.failed;
            self.board = kept.board;
            self.least = kept.least;
        }
        let rows = self.board.as_ref().map_or(0, |board| board.rows.len());
        self.focus.row = self.focus.row.min(rows.saturating_sub(1));
    }

    /// Who leaves the table goes aside, together with its row; who comes back is taken from there.
    pub fn gather(&mut self, wanted: &[Choice]) {
        let leaves: Vec<bool> = self.scored.iter().map(|(choice, _)| !wanted.contains(choice)).collect();
        if leaves.contains(&true) {
            if let Some(board) = &self.board {
                let mut board = Board::clone(board);
                let mut places = leaves.iter();
                board.rows.retain(|_| places.next().is_none_or(|leaves| !leaves));
                self.focus.row = self.focus.row.min(board.rows.len().saturating_sub(1));
                self.against = None;
                self.board = (!board.rows.is_empty()).then(|| Arc::new(board));
                self.generation += 1;
            }
            let (leave, stay) = std::mem::take(&mut self.scored)
                .into_iter()
                .partition(|(choice, _)| !wanted.contains(choice));
            self.scored = stay;
            let leave: Vec<(Choice, Scored)> = leave;
            self.aside.extend(leave);
        }
        self.stale |= leaves.contains(&true);
        let (back, aside) =
            std::mem::take(&mut self.aside).into_iter().partition(|(choice, _)| wanted.contains(choice));
        let back: Vec<(Choice, Scored)> = back;
        self.stale |= !back.is_empty();
        self.scored.extend(back);
        self.aside = aside;
    }

    /// Who takes part and has no row yet, and why.
    pub fn absent(&self, systems: &[SystemRow]) -> Vec<(Choice, Absent)> {
        let rows = self.board.as_ref().map_or(0, |board| board.rows.len());
        let has_row = |choice: &Choice| self.scored.iter().take(rows).any(|(known, _)| known == choice);
        let why = |choice: &Choice| {
            if let Some((_, why)) = self.failed.iter().find(|(known, _)| known == choice) {
                Absent::Failed(why.clone())
            } else if self.running.as_ref() == Some(choice) {
                Absent::Running
            } else if self.queue.contains(choice) {
                Absent::Waiting
            } else {
                Absent::NotYet
            }
        };
        self.taking_part(systems)
            .into_iter()
            .filter(|choice| !has_row(choice))
            .map(|choice| {
                let why = why(&choice);
                (choice, why)
            })
            .collect()
    }

    /// Forgets what was scored, for another corpus or settings.
    pub fn clear(&mut self) {
        self.read = None;
        self.scored.clear();
        self.aside.clear();
        self.failed.clear();
        self.shelf.clear();
        self.running = None;
        self.least = None;
        self.queue.clear();
        self.board = None;
        self.against = None;
        self.focus.row = 0;
        self.generation += 1;
    }

    /// Who takes part.
    pub fn taking_part(&self, systems: &[SystemRow]) -> Vec<Choice> {
        choices(systems).into_iter().filter(|choice| self.takes_part(choice)).collect()
    }

    /// Whether it takes part.
    pub fn takes_part(&self, choice: &Choice) -> bool {
        choice.usual() != self.changed.contains(choice)
    }

    /// What was scored of the chosen row.
    pub fn chosen(&self) -> Option<&(Choice, Scored)> {
        self.scored.get(self.focus.row)
    }

    /// The row that the chosen one is compared with: what was named, else the first other one that is no baseline.
    pub fn other(&self) -> Option<usize> {
        let board = self.board.as_ref()?;
        let fits = |row: &usize| *row != self.focus.row && *row < board.rows.len();
        let trained = || (0..board.rows.len()).find(|row| fits(row) && !board.rows[*row].naive);
        self.against.filter(fits).or_else(trained).or_else(|| (0..board.rows.len()).find(fits))
    }

    /// Columns of the table.
    pub fn columns(&self) -> Vec<Column> {
        if self.beyond { Column::all().collect() } else { Column::OFFICIAL.to_vec() }
    }
}

/// What can be done in the workspace.
#[derive(Debug, Clone, PartialEq)]
pub enum Do {
    /// Score who takes part.
    Run,
    /// Stop scoring; what is finished stays.
    Cancel,
    /// Another split.
    Split(Split),
    /// Let somebody take part, or not.
    Toggle(Choice),
    /// Samples, seeds, resamples.
    Settings(Settings),
    /// Look at a cell.
    Focus(Focus),
    /// Look at the cell next to it: rows down, columns to the right.
    Move(i32, i32),
    /// Compare the chosen row with another.
    Against(usize),
    /// Another card.
    Card(Card),
    /// Another uncertainty beside the values.
    Beside(Beside),
    /// Published rows on or off.
    Published,
    /// Further columns on or off.
    Beyond,
    /// Open a clip with the reactions of a row in Compare.
    Clip {
        /// Row of the board.
        row: usize,
        /// Row of the split.
        clip: usize,
    },
    /// Open the worst clip of the chosen cell in Compare.
    Worst,
    /// Put the table on the clipboard.
    Copy(TableForm),
    /// Write tables, figures and the report into a folder.
    Export,
    /// The same, into a folder that was typed.
    ExportTo(PathBuf),
    /// Write a small synthetic corpus and open it.
    Synthetic,
}

/// A written form of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableForm {
    /// For a paper, with booktabs.
    Latex,
    /// For a spreadsheet.
    Csv,
    /// For a note.
    Markdown,
    /// For a program.
    Json,
}

impl Do {
    /// Words in palette and tooltips.
    pub fn text(&self) -> &'static str {
        match self {
            Self::Run => "Evaluate the systems",
            Self::Cancel => "Stop evaluating",
            Self::Split(_) => "Evaluate another split",
            Self::Toggle(_) => "Let a system take part or not",
            Self::Settings(_) => "Change samples, seeds or resamples",
            Self::Focus(_) | Self::Move(..) => "Look at a cell",
            Self::Against(_) => "Compare with this row",
            Self::Card(Card::Distribution) => "Show the distribution over clips",
            Self::Card(Card::Difference) => "Show the difference of two systems by clip",
            Self::Card(Card::Reliability) => "Show the reliability of the matching score",
            Self::Beside(_) => "Show intervals or seeds beside the values",
            Self::Published => "Show or hide published rows",
            Self::Beyond => "Show or hide further measures",
            Self::Clip { .. } => "Open this clip in Compare",
            Self::Worst => "Open the worst clip of the cell in Compare",
            Self::Copy(TableForm::Latex) => "Copy the table as LaTeX",
            Self::Copy(TableForm::Csv) => "Copy the table as CSV",
            Self::Copy(TableForm::Markdown) => "Copy the table as Markdown",
            Self::Copy(TableForm::Json) => "Copy the table as JSON",
            Self::ExportTo(_) => "Write tables, figures and report",
            Self::Export => "Export tables, figures and report\u{2026}",
            Self::Synthetic => "Write a small synthetic corpus and open it",
        }
    }
}
