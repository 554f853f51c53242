//! What stands beside the latents: the intent lane, painted and replayed; the average of all appropriate answers; one
//! reaction of every other system; and the real listener, read on the way.

use crate::app::Studio;
use crate::jobs::Slot;
use crate::lane::Lane;
use crate::library::ClipKey;
use crate::state::SystemRow;
use crate::work::Extras;
use crate::{text, work};

impl Studio {
    /// Changes the intent lane and replays it.
    pub(crate) fn paint(&mut self, change: impl FnOnce(&mut Lane)) {
        change(&mut self.state.lane);
        self.make_extras();
    }

    /// Starts making what stands beside the latents on the wall: the painted lane, the average of all appropriate answers,
    /// and what the other systems say. Takes away what is not asked for any more.
    pub(crate) fn make_extras(&mut self) {
        let state = &mut self.state;
        let mut others = state.reactions.clone();
        others.all.retain(|reaction| !reaction.is_extra());
        let count = others.all.len();
        others.distances.truncate(count);
        others.distances.iter_mut().for_each(|row| row.truncate(count));
        let best = others.all.iter().find(|reaction| reaction.take.header.rank == Some(1));
        let base = best.and_then(|reaction| reaction.take.header.latent).unwrap_or(0);
        let (first, turns) = state.lane.turns(base, state.frames());
        let lane = (!turns.is_empty() && others.scored.is_none()).then_some((first, turns));
        let average = state.library.corpus.clone().filter(|_| state.average && others.scored.is_none());
        let (Some(clip), Some(row)) = (state.clip.clone(), state.systems.get(state.system).cloned()) else {
            return;
        };
        let average = match clip.key {
            ClipKey::Corpus(split, _) => average.map(|corpus| (corpus, split)),
            _ => None,
        };
        let others_wanted = state.beside && others.scored.is_none();
        let beside: Vec<SystemRow> = state
            .systems
            .iter()
            .enumerate()
            .filter(|(index, row)| others_wanted && *index != state.system && row.fits(clip.key))
            .map(|(_, row)| row.clone())
            .collect();
        if lane.is_none() && average.is_none() && beside.is_empty() {
            self.jobs.stop(Slot::Extras);
            if count != state.reactions.all.len() {
                state.reactions = others;
                state.generation += 1;
            }
            return;
        }
        let wishes = state.wishes.clone();
        self.jobs.start(Slot::Extras, text::STAGE_EXTRAS, move |control| {
            work::extras(&row, &clip, &wishes, Extras { lane, average, beside }, others, control)
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
