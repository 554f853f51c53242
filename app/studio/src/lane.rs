//! The intent lane: which latent drives which frames of a reaction, as painted by hand. Plain data.
//!
//! What is not painted follows the latent that is ranked first. Replayed with the same seed, the frames before the first
//! painted one are those of that latent to the bit: one sees the face change its mind.

/// A painted stretch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Painted {
    /// First frame.
    pub from: usize,
    /// One beyond the last frame.
    pub to: usize,
    /// The latent, from 0.
    pub latent: usize,
}

/// What is painted, in the order of frames, nothing twice.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Lane {
    parts: Vec<Painted>,
}

impl Lane {
    /// What is painted.
    pub fn parts(&self) -> &[Painted] {
        &self.parts
    }

    /// Paints `latent` over frames, whatever was there.
    pub fn paint(&mut self, part: Painted) {
        self.clear(part.from, part.to);
        if part.from < part.to {
            self.parts.push(part);
        }
        self.parts.sort_by_key(|part| part.from);
        // neighbours of one latent are one stretch
        self.parts.dedup_by(|next, kept| {
            let joins = kept.to == next.from && kept.latent == next.latent;
            if joins {
                kept.to = next.to;
            }
            joins
        });
    }

    /// Takes the paint off frames.
    pub fn clear(&mut self, from: usize, to: usize) {
        let left = |part: &Painted| Painted { to: part.to.min(from), ..*part };
        let right = |part: &Painted| Painted { from: part.from.max(to), ..*part };
        self.parts = self
            .parts
            .iter()
            .flat_map(|part| [left(part), right(part)])
            .filter(|part| part.from < part.to)
            .collect();
        self.parts.dedup();
    }

    /// The stretch that holds a frame.
    pub fn at(&self, frame: usize) -> Option<Painted> {
        self.parts.iter().copied().find(|part| (part.from..part.to).contains(&frame))
    }

    /// The latent at the first frame and every turn after it, for a system whose unpainted frames follow `base`.
    pub fn turns(&self, base: usize, frames: usize) -> (usize, Vec<(usize, usize)>) {
        let latent = |frame: usize| self.at(frame).map_or(base, |part| part.latent);
        let first = latent(0);
        let mut ends: Vec<usize> = self.parts.iter().flat_map(|part| [part.from, part.to]).collect();
        ends.sort_unstable();
        ends.dedup();
        let mut turns = Vec::new();
        let mut now = first;
        for frame in ends.into_iter().filter(|frame| (1..frames).contains(frame)) {
            if latent(frame) != now {
                now = latent(frame);
                turns.push((frame, now));
            }
        }
        (first, turns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(from: usize, to: usize, latent: usize) -> Painted {
        Painted { from, to, latent }
    }

    #[test]
    fn paint_covers_what_was_there_and_joins_its_like() {
        let mut lane = Lane::default();
        lane.paint(part(10, 50, 1));
        lane.paint(part(20, 30, 2));
        assert_eq!(lane.parts(), [part(10, 20, 1), part(20, 30, 2), part(30, 50, 1)]);
        lane.paint(part(15, 35, 1));
        assert_eq!(lane.parts(), [part(10, 50, 1)]);
        lane.clear(0, 12);
        assert_eq!(lane.parts(), [part(12, 50, 1)]);
        lane.paint(part(60, 60, 3));
        assert_eq!(lane.parts(), [part(12, 50, 1)]);
    }

    #[test]
    fn what_is_not_painted_follows_the_base() {
        let mut lane = Lane::default();
        assert_eq!(lane.turns(4, 100), (4, vec![]));
        lane.paint(part(0, 20, 1));
        lane.paint(part(50, 200, 2));
        assert_eq!(lane.turns(4, 100), (1, vec![(20, 4), (50, 2)]));
        lane.paint(part(20, 50, 4));
        assert_eq!(lane.turns(4, 100), (1, vec![(20, 4), (50, 2)]));
    }

    #[test]
    fn turns_say_the_painted_latent_at_every_frame() {
        let mut chance = clips::Chance::new(1, "lane", &[]);
        for _ in 0..200 {
            let mut lane = Lane::default();
            let mut truth = [5usize; 40];
            for _ in 0..6 {
                let (from, to, latent) = (chance.below(40), chance.below(41), chance.below(3));
                lane.paint(part(from, to, latent));
                truth.iter_mut().take(to).skip(from).for_each(|frame| *frame = latent);
            }
            let (first, turns) = lane.turns(5, 40);
            for (frame, wanted) in truth.iter().enumerate() {
                let last = turns.iter().rev().find(|(at, _)| *at <= frame).map_or(first, |(_, z)| *z);
                assert_eq!(last, *wanted, "{lane:?} at {frame}");
            }
        }
    }
}
