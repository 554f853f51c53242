//! Whose faces are drawn: one person for all, or another for each, made of the head by numbers.

use std::path::PathBuf;

use crate::faces::Seat;
use crate::theme::MOST_LATENTS;

/// Whose faces the window shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum People {
    /// The same person everywhere; 0 is the head as it is.
    One(u64),
    /// Another person for each face.
    Each,
}

impl Default for People {
    fn default() -> Self {
        Self::One(0)
    }
}

/// Persons with small numbers are all that the control offers; any larger number is one too.
pub const MOST_PERSON: u64 = 999;

impl People {
    /// Numbers of the persons of a window with so many faces on its wall, in the order of [`person()`].
    pub fn seeds(self, tiles: usize) -> Vec<u64> {
        match self {
            Self::One(seed) => vec![seed],
            Self::Each => (0..(tiles.clamp(1, MOST_LATENTS) + 2) as u64).collect(),
        }
    }
}

/// Number of a face's person among those of the window. The one face of Present is that of the chosen tile.
pub fn person(seat: Seat, chosen: usize) -> usize {
    match seat {
        Seat::Speaker => 0,
        Seat::Listener => 1,
        Seat::Tile(tile) | Seat::Preview(tile) => 2 + tile,
        Seat::Stage => 2 + chosen,
    }
}

/// What heads are made of: the file, `None` for the built-in one, and the numbers of the persons.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Cast {
    /// The head.
    pub head: Option<PathBuf>,
    /// The persons made of it.
    pub seeds: Vec<u64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_face_of_a_wall_is_another_person_and_one_person_is_one() {
        let tiles = 16;
        let seeds = People::Each.seeds(tiles);
        let seats = [Seat::Speaker, Seat::Listener].into_iter().chain((0..tiles).map(Seat::Tile));
        let all: std::collections::HashSet<u64> = seats.map(|seat| seeds[person(seat, 0)]).collect();
        assert_eq!(all.len(), tiles + 2);
        assert_eq!(person(Seat::Stage, 3), person(Seat::Tile(3), 0));
        assert_eq!(People::One(7).seeds(tiles), [7]);
        assert_eq!(People::Each.seeds(1000).len(), MOST_LATENTS + 2);
    }
}
