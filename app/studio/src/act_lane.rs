//! The intent lane is painted and replayed, and the real listener is read on the way.

use crate::app::Studio;
use crate::jobs::Slot;
use crate::lane::Lane;
use crate::state::Reaction;
use crate::{text, work};

impl Studio {
    /// Changes the intent lane and replays it.
    pub(crate) fn paint(&mut self, change: impl FnOnce(&mut Lane)) {
        change(&mut self.state.lane);
        self.replay_lane();
    }

    /// Starts replaying what is painted; takes the replay away when nothing is.
    pub(crate) fn replay_lane(&mut self) {
        let state = &mut self.state;
        let frames = state.frames();
        let mut others = state.reactions.clone();
        let of_latents = |reaction: &Reaction| reaction.take.header.turns.is_empty();
        others.all.retain(of_latents);
        let best = others.all.iter().find(|reaction| reaction.take.header.rank == Some(1));
        let base = best.and_then(|reaction| reaction.take.header.latent).unwrap_or(0);
        let (first, turns) = state.lane.turns(base, frames);
        if turns.is_empty() || others.scored.is_some() {
            self.jobs.stop(Slot::Lane);
            if others.all.len() != state.reactions.all.len() {
                others.distances.truncate(others.all.len());
                others.distances.iter_mut().for_each(|row| row.truncate(others.all.len()));
                state.reactions = others;
                state.generation += 1;
            }
            return;
        }
        let (Some(clip), Some(row)) = (state.clip.clone(), state.systems.get(state.system).cloned()) else {
            return;
        };
        let wishes = state.wishes.clone();
        self.jobs.start(Slot::Lane, text::STAGE_LANE, move |control| {
            work::replay(&row, &clip, &wishes, (first, turns), others, control)
        });
    }

    /// Starts reading the real listener, where the track that shows it asks for it.
    pub(crate) fn ask_for_posterior(&mut self) {
        let Some(wanted) = self.memory.posterior_wanted.take() else { return };
        if self.jobs.in_slot(Slot::Posterior).is_some()
            || self.memory.posterior_asked.as_ref() == Some(&wanted)
        {
            return;
        }
        let (Some(clip), Some(row)) =
            (self.state.clip.clone(), self.state.systems.get(self.state.system).cloned())
        else {
            return;
        };
        // asked once: a listener that cannot be read is told of and not tried again in every frame
        self.memory.posterior_asked = Some(wanted.clone());
        self.jobs.start(Slot::Posterior, text::STAGE_POSTERIOR, move |control| {
            work::recognise(&row, &clip, wanted, control)
        });
    }
}
