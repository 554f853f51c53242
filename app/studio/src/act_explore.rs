//! Carries out what is asked in the Latents workspace, and keeps the names of latents.

use std::sync::Arc;

use egui::Context;
use study::explore::{Asked, Explorer};
use study::names::{self, Names};

use crate::app::Studio;
use crate::explore::{Do, Found};
use crate::jobs::Slot;
use crate::library::{ClipKey, Shelf};
use crate::state::{Maker, SystemRow, Workspace};
use crate::text;
use crate::work::Made;

impl Studio {
    /// One command of the workspace.
    pub(crate) fn exploring(&mut self, ctx: &Context, what: Do) {
        match what {
            Do::Run => self.start_exploring(ctx),
            Do::Cancel => self.jobs.stop(Slot::Explore),
            Do::Split(split) => self.state.explore.split = split,
            Do::Clips(clips) => self.state.explore.clips = clips,
            Do::Latent(latent) => self.state.explore.latent = latent,
            Do::Move(by) => {
                let count = self.state.explore.found.as_ref().map_or(0, |found| found.explorer.latents.len());
                let explore = &mut self.state.explore;
                explore.latent =
                    explore.latent.saturating_add_signed(by as isize).min(count.saturating_sub(1));
            }
            Do::Name(latent, name) => self.name_latent(latent, &name),
            Do::Clip(row) => self.open_exemplar(ctx, row),
        }
    }

    fn start_exploring(&mut self, ctx: &Context) {
        self.show(ctx, Workspace::Latents);
        let Some(corpus) = self.state.library.corpus.clone() else { return };
        let Some(row) = self.state.systems.get(self.state.system) else { return };
        let Maker::System(system) = &row.maker else { return };
        if system.latents() == 0 {
            return;
        }
        let (system, origin, split) = (system.clone(), row.origin.clone(), self.state.explore.split);
        let wishes = &self.state.wishes;
        let asked = Asked {
            track: wishes.track,
            sampling: wishes.sampling,
            seed: wishes.seed,
            clips: self.state.explore.clips,
            ..Asked::default()
        };
        let title = text::exploring(&row.name, split);
        self.jobs.start(Slot::Explore, title, move |control| {
            let read = study::Split::read(corpus, split, None, control)?;
            let explorer = Explorer::of(&*system, &read, &asked, control)?;
            let found = Found { origin, split, explorer: Arc::new(explorer) };
            Ok(Made::Explored(Box::new(found)).into())
        });
    }

    /// What was found of the latents.
    pub(crate) fn take_explored(&mut self, found: Found) {
        let explore = &mut self.state.explore;
        explore.latent = explore.latent.min(found.explorer.latents.len().saturating_sub(1));
        explore.found = Some(found);
        explore.generation += 1;
    }

    /// Reads what the latents of a system are called.
    pub(crate) fn ask_for_names(&mut self, row: &SystemRow) {
        let Maker::System(system) = &row.maker else { return };
        if system.latents() == 0 || !self.state.explore.keep_names {
            return;
        }
        let hash = system.checkpoint().to_owned();
        let Some(file) = names_file(row, &hash) else { return };
        self.jobs.start(Slot::Names, text::STAGE_NAMES, move |_| {
            let names = Names::read(&file, &hash)?;
            Ok(Made::Named(hash, names).into())
        });
    }

    fn name_latent(&mut self, latent: usize, name: &str) {
        let Some(row) = self.state.systems.get(self.state.system) else { return };
        let Maker::System(system) = &row.maker else { return };
        let hash = system.checkpoint().to_owned();
        let fresh = Names { checkpoint: hash.clone(), ..Names::default() };
        let names = self.state.explore.names.entry(hash.clone()).or_insert(fresh);
        names.give(latent, name);
        let names = names.clone();
        self.state.explore.generation += 1;
        let Some(file) = names_file(row, &hash).filter(|_| self.state.explore.keep_names) else { return };
        self.jobs.start(Slot::Names, text::STAGE_NAMES, move |_| {
            names.write(&file)?;
            Ok(Made::Named(hash, names).into())
        });
    }

    /// Opens a clip in Compare with the explored system, at the latent that is looked at.
    fn open_exemplar(&mut self, ctx: &Context, row: usize) {
        let Some(found) = &self.state.explore.found else { return };
        let split = found.split;
        let Some(place) = self.state.systems.iter().position(|known| known.origin == found.origin) else {
            return;
        };
        self.state.evaluate.opened = None;
        self.state.system = place;
        self.state.tile = self.state.explore.latent;
        self.kept_tile = true;
        self.memory.search.clear();
        self.state.library.show_everything();
        self.state.library.shelf = Some(Shelf::Corpus(split));
        self.state.library.refresh();
        self.show(ctx, Workspace::Compare);
        self.choose_clip(ClipKey::Corpus(split, row));
    }
}

/// Where the names of a system's latents are kept.
fn names_file(row: &SystemRow, hash: &str) -> Option<std::path::PathBuf> {
    names::file(row.file.as_deref(), hash)
}
