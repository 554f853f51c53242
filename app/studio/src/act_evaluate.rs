//! Carries out what is asked in the Evaluate workspace, and takes in what was scored.

use std::sync::Arc;

use clips::{Fault, FaultKind};
use egui::Context;
use study::{Board, Scored, Split};

use crate::app::Studio;
use crate::evaluate::{Choice, Do, Focus, Opened, TableForm, Who};
use crate::jobs::Slot;
use crate::library::ClipKey;
use crate::state::{Maker, Message, ScoredAs, Severity, SystemRow, Workspace};
use crate::work::Made;
use crate::{scoring, text};

impl Studio {
    /// One command of the workspace.
    pub(crate) fn evaluating(&mut self, ctx: &Context, what: Do) {
        match what {
            Do::Run => self.start_scoring(ctx),
            Do::Cancel => self.jobs.stop(Slot::Evaluate),
            Do::Split(split) => {
                if self.state.evaluate.split != split {
                    self.jobs.stop(Slot::Evaluate);
                    self.state.evaluate.turn_to(split);
                }
            }
            Do::Toggle(choice) => {
                let changed = &mut self.state.evaluate.changed;
                match changed.iter().position(|known| *known == choice) {
                    Some(place) => drop(changed.remove(place)),
                    None => changed.push(choice),
                }
            }
            Do::Settings(settings) => {
                if self.state.evaluate.settings != settings {
                    self.jobs.stop(Slot::Evaluate);
                    let read = self.state.evaluate.read.take();
                    self.state.evaluate.clear();
                    self.state.evaluate.read = read;
                    self.state.evaluate.settings = settings;
                }
            }
            Do::Focus(focus) => self.state.evaluate.focus = focus,
            Do::Move(down, right) => self.move_focus(down, right),
            Do::Against(row) => self.state.evaluate.against = Some(row),
            Do::Card(card) => self.state.evaluate.card = card,
            Do::Beside(beside) => self.state.evaluate.beside = beside,
            Do::Published => self.state.evaluate.published ^= true,
            Do::Beyond => self.state.evaluate.beyond ^= true,
            Do::Clip { row, clip } => self.open_in_compare(ctx, row, clip),
            Do::Worst => {
                let Focus { row, column } = self.state.evaluate.focus;
                let worst = self.state.evaluate.board.as_ref().and_then(|board| {
                    board.rows.get(row)?.ranked_clips(column).first().map(|(clip, _)| *clip)
                });
                if let Some(clip) = worst {
                    self.open_in_compare(ctx, row, clip);
                }
            }
            Do::Copy(form) => self.copy_table(ctx, form),
            Do::Export => self.start_export(None),
            Do::ExportTo(folder) => {
                self.memory.export_to = None;
                self.start_export(Some(folder));
            }
            Do::Synthetic => {
                self.jobs.start(Slot::Open, text::STAGE_SYNTHETIC, scoring::synthetic);
            }
        }
    }

    /// Loads the shipped system without a latent, once it is needed.
    pub(crate) fn start_plain(&mut self) {
        let known = self.state.systems.iter().any(|row| row.name == text::SHIPPED_PLAIN);
        let shipped = self.state.systems.iter().any(|row| row.name == text::SHIPPED_SYSTEM);
        let coming = self.jobs.running().iter().any(|job| job.title == text::STAGE_PLAIN);
        if known || coming || !shipped {
            return;
        }
        self.jobs.start(Slot::Start, text::STAGE_PLAIN, |_| {
            let row = SystemRow {
                name: text::SHIPPED_PLAIN.to_owned(),
                origin: text::SHIPPED_PLAIN_ORIGIN.to_owned(),
                maker: Maker::System(listener::demo_plain()?),
                answers: None,
                file: None,
            };
            Ok(Made::System(row).into())
        });
        self.start_compared();
    }

    /// The shipped checkpoints of compared systems, where the program has registered any; online twins of those that see the
    /// whole clip are opened as files by who asks for them.
    fn start_compared(&mut self) {
        let compared = listener::shipped_names().into_iter().skip(2);
        for origin in compared.filter(|name| !name.ends_with("-online")) {
            self.jobs.start(Slot::Start, text::STAGE_PLAIN, move |_| {
                let missing = || Fault::new(FaultKind::NotFound, origin, "nothing of this name is shipped");
                let system = listener::shipped(origin).ok_or_else(missing)??;
                let row = SystemRow {
                    name: system.name().to_owned(),
                    origin: origin.to_owned(),
                    maker: Maker::System(system),
                    answers: None,
                    file: None,
                };
                Ok(Made::System(row).into())
            });
        }
    }

    fn start_scoring(&mut self, ctx: &Context) {
        self.show(ctx, Workspace::Evaluate);
        let Some(corpus) = self.state.library.corpus.clone() else { return };
        let least = self.fewest_frames();
        let evaluate = &mut self.state.evaluate;
        let wanted = evaluate.taking_part(&self.state.systems);
        if evaluate.least != least {
            // other frames are compared: what was scored was scored over others
            evaluate.clear();
            evaluate.least = least;
        }
        // Who is not wanted any more leaves the table; who was scored stays.
        evaluate.gather(&wanted);
        evaluate.failed.clear();
        evaluate.asked = wanted.len();
        evaluate.queue = wanted
            .into_iter()
            .filter(|choice| !evaluate.scored.iter().any(|(known, _)| known == choice))
            .collect();
        if evaluate.read.is_some() {
            self.score_next();
            return;
        }
        let which = evaluate.split;
        self.jobs.start(Slot::Evaluate, text::STAGE_SPLIT, move |control| {
            scoring::read(corpus, which, least, control)
        });
    }

    /// Frames of the shortest predictions that take part, where lengths are cut.
    fn fewest_frames(&self) -> Option<usize> {
        let evaluate = &self.state.evaluate;
        let frames = |choice: &Choice| match &choice.who {
            Who::Naive(_) => None,
            Who::System(origin) => {
                match &self.state.systems.iter().find(|row| row.origin == *origin)?.maker {
                    Maker::System(_) => None,
                    Maker::Imported(imported) => Some(imported.frames()),
                }
            }
        };
        let wanted = evaluate.taking_part(&self.state.systems);
        wanted.iter().filter_map(frames).min().filter(|_| evaluate.settings.truncate)
    }

    /// A system could not be scored; the others get their turn.
    pub(crate) fn scoring_failed(&mut self, fault: &clips::Fault) {
        let evaluate = &mut self.state.evaluate;
        let who = evaluate.running.take();
        if fault.is_cancelled() {
            evaluate.queue.clear();
            return;
        }
        if let Some(choice) = who {
            evaluate.failed.push((choice, fault.to_string()));
        }
        self.score_next();
    }

    /// The split is in memory.
    pub(crate) fn take_split(&mut self, split: Arc<Split>) {
        let current =
            self.state.library.corpus.as_ref().is_some_and(|corpus| Arc::ptr_eq(corpus, &split.corpus));
        if current && split.which == self.state.evaluate.split {
            self.state.evaluate.read = Some(split);
            self.score_next();
        }
    }

    /// Starts the next of the queue.
    pub(crate) fn score_next(&mut self) {
        let evaluate = &mut self.state.evaluate;
        let Some(split) = evaluate.read.clone() else { return };
        let Some(choice) = evaluate.queue.pop_front() else {
            // Who left the table was not scored again; the rest has to be put beside each other anew.
            if evaluate.stale && !evaluate.scored.is_empty() {
                let scored: Vec<Scored> = evaluate.scored.iter().map(|(_, scored)| scored.clone()).collect();
                let settings = evaluate.settings.clone();
                self.jobs.start(Slot::Evaluate, text::STAGE_BOARD, move |control| {
                    Ok(Made::Board(Arc::new(Board::of(&scored, &split, &settings, control)?)).into())
                });
            }
            return;
        };
        evaluate.running = Some(choice.clone());
        let systems = &self.state.systems;
        let label = choice.label(systems);
        let row = match &choice.who {
            Who::System(origin) => systems.iter().find(|row| row.origin == *origin).cloned(),
            Who::Naive(_) => None,
        };
        let before: Vec<Scored> = evaluate.scored.iter().map(|(_, scored)| scored.clone()).collect();
        let (settings, cache) = (evaluate.settings.clone(), evaluate.cache.clone());
        // the letter of a system is its own, whoever else takes part later
        let slot = match &choice.who {
            Who::Naive(_) => None,
            Who::System(_) => {
                Some(evaluate.known.iter().position(|known| *known == choice).unwrap_or_else(|| {
                    evaluate.known.push(choice.clone());
                    evaluate.known.len() - 1
                }))
            }
        };
        let title = text::scoring(&label, evaluate.asked - evaluate.queue.len(), evaluate.asked);
        self.jobs.start(Slot::Evaluate, title, move |control| {
            scoring::score(choice, row, label, slot, before, &split, &settings, cache.as_deref(), control)
        });
    }

    /// The table was put together anew.
    pub(crate) fn take_board(&mut self, board: Arc<Board>) {
        let evaluate = &mut self.state.evaluate;
        if board.split != evaluate.split {
            return;
        }
        evaluate.stale = false;
        evaluate.focus.row = evaluate.focus.row.min(board.rows.len().saturating_sub(1));
        evaluate.against = None;
        evaluate.board = Some(board);
        evaluate.generation += 1;
    }

    /// A system was scored.
    pub(crate) fn take_scored(&mut self, choice: Choice, scored: Scored, board: Arc<Board>) {
        let evaluate = &mut self.state.evaluate;
        if board.split != evaluate.split {
            return; // a late answer over the split that was looked at before
        }
        (evaluate.running, evaluate.stale) = (None, false);
        evaluate.scored.push((choice, scored));
        // The table keeps the order of the list: baselines first.
        evaluate.board = Some(board);
        evaluate.generation += 1;
        self.score_next();
    }

    /// Compares the two rows that are looked at, on a worker: the resamples would hold the window up.
    pub(crate) fn ask_for_comparison(&mut self) {
        let Some(wanted) = self.memory.comparison_wanted.take() else { return };
        let known = self.memory.comparison.as_ref().is_some_and(|(known, _)| *known == wanted);
        let Some(board) = self.state.evaluate.board.clone().filter(|_| !known) else { return };
        let title = text::paired(&wanted);
        if self.jobs.in_slot(Slot::Paired).is_some_and(|job| job.title == title) {
            return;
        }
        self.jobs.start(Slot::Paired, title, move |control| {
            let (_, a, b, column) = wanted;
            let found = board.compare(a, b, column, board.settings.bootstrap, control)?;
            Ok(Made::Compared(wanted, found.map(Arc::new)).into())
        });
    }

    fn move_focus(&mut self, down: i32, right: i32) {
        let evaluate = &mut self.state.evaluate;
        let Some(board) = &evaluate.board else { return };
        let columns = evaluate.columns();
        let here = columns.iter().position(|column| *column == evaluate.focus.column).unwrap_or(0);
        let moved = |at: usize, by: i32, count: usize| {
            at.saturating_add_signed(by as isize).min(count.saturating_sub(1))
        };
        let column = columns[moved(here, right, columns.len())];
        evaluate.focus = Focus { row: moved(evaluate.focus.row, down, board.rows.len()), column };
    }

    /// Opens a clip of the split in Compare with the samples that were scored of a row.
    fn open_in_compare(&mut self, ctx: &Context, row: usize, clip: usize) {
        let evaluate = &self.state.evaluate;
        let Some((choice, scored)) = evaluate.scored.get(row) else { return };
        let split = evaluate.split;
        let place = match &choice.who {
            Who::System(origin) => self.state.systems.iter().position(|row| row.origin == *origin),
            Who::Naive(_) => None,
        };
        let place = match (place, scoring::system_of(scored)) {
            (Some(place), _) => place,
            (None, Some(system)) => {
                self.state.systems.retain(|known| known.origin != system.origin);
                self.state.systems.push(system);
                self.state.systems.len() - 1
            }
            (None, None) => return,
        };
        let wishes = &mut self.state.wishes;
        wishes.track = choice.track;
        wishes.sampling = scored.entry.sampling;
        wishes.seed = evaluate.settings.seeds.first().copied().unwrap_or(1);
        wishes.samples = if scored.entry.latents() > 0 { 1 } else { evaluate.settings.samples.clamp(1, 16) };
        let opened = evaluate.read.clone().zip(scored.outcomes.first()).map(|(read, outcome)| {
            let column = evaluate.focus.column;
            let of_clip = outcome.evaluation.per_clip.get(clip);
            let parts = of_clip.map_or_else(Vec::new, |scores| match column {
                study::Column::Measure(measures::Measure::Corr) => {
                    scores.correlation.iter().map(|(value, _)| *value).collect()
                }
                study::Column::Measure(measures::Measure::Dist) => {
                    scores.distance.iter().map(|(value, _)| *value).collect()
                }
                _ => Vec::new(),
            });
            Opened {
                key: ClipKey::Corpus(split, clip),
                entry: scored.entry.clone(),
                split: read,
                clip,
                samples: outcome.evaluation.samples,
                scored: ScoredAs {
                    row: scored.entry.label.clone(),
                    column,
                    value: column.per_clip(outcome).and_then(|values| values.get(clip).copied().flatten()),
                    parts,
                    seed: outcome.seed,
                },
            }
        });
        self.state.evaluate.opened = opened;
        self.memory.wishes = None;
        self.state.system = place;
        self.memory.search.clear();
        self.state.library.show_everything();
        self.state.library.shelf = Some(crate::library::Shelf::Corpus(split));
        self.state.library.refresh();
        self.show(ctx, Workspace::Compare);
        self.choose_clip(ClipKey::Corpus(split, clip));
    }

    fn copy_table(&mut self, ctx: &Context, form: TableForm) {
        let now = ctx.input(|input| input.time);
        let Some(board) = self.state.evaluate.board.clone() else { return };
        let columns = self.state.evaluate.columns();
        // in a paper only where the split is theirs; on the screen they are marked
        let published = self.state.evaluate.published && study::tables::beside_published(&board);
        let table = study::tables::table(&board, &columns, published);
        let written = match form {
            TableForm::Latex => Ok(table.latex()),
            TableForm::Csv => table.csv(),
            TableForm::Markdown => Ok(table.markdown()),
            TableForm::Json => table.json(),
        };
        let message = match written {
            Ok(words) => {
                ctx.copy_text(words);
                Message {
                    severity: Severity::Note,
                    about: Do::Copy(form).text().to_owned(),
                    what: text::COPIED.to_owned(),
                    remedy: String::new(),
                    at: now,
                    floating: true,
                }
            }
            Err(fault) => Message {
                severity: Severity::Failure,
                about: Do::Copy(form).text().to_owned(),
                what: fault.detail.clone(),
                remedy: fault.remedy.clone(),
                at: now,
                floating: true,
            },
        };
        self.tell(message);
    }

    fn start_export(&mut self, into: Option<std::path::PathBuf>) {
        let evaluate = &self.state.evaluate;
        let Some(board) = evaluate.board.clone() else { return };
        let scored: Vec<Scored> = evaluate.scored.iter().map(|(_, scored)| scored.clone()).collect();
        self.jobs.start(Slot::Export, text::STAGE_EXPORT, move |control| {
            let folder = match into {
                Some(folder) => folder,
                None => crate::dialogs::folder(text::TYPE_FOLDER)?,
            };
            scoring::export(&board, &scored, &folder, control)
        });
    }
}
