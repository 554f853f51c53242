//! Prepared pictures of the speakers of a corpus: decoded when a step asks for them, and kept while there is room.
//!
//! What is kept changes no result, only how long a step takes. A prepared picture is 150 kB, so that a corpus does not fit: the
//! pictures that came first go first.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use clips::{Footage, Result};

use crate::pictures::{Prepare, Prepared};

/// Most bytes of pictures that are kept.
const MOST_BYTES: usize = 512 << 20;

/// Path and frame.
type Place = (PathBuf, usize);

#[derive(Default)]
struct Shelf {
    held: HashMap<Place, Prepared>,
    order: VecDeque<Place>,
    bytes: usize,
}

/// Pictures at hand.
#[derive(Default)]
pub struct Gallery(Mutex<Shelf>);

impl Gallery {
    /// Frames `first..first + frames` of footage; beyond its end the last picture stands.
    ///
    /// # Errors
    /// When no picture can be had.
    pub fn pictures(&self, footage: &Footage, first: usize, frames: usize) -> Result<Vec<Prepared>> {
        let (path, mut open) = (footage.path(), None);
        (first..first + frames)
            .map(|frame| {
                let place = (path.to_owned(), frame);
                if let Some(held) = self.shelf().held.get(&place) {
                    return Ok(held.clone());
                }
                let film = match &mut open {
                    Some(film) => film,
                    none => none.insert(Prepare::open(footage)?),
                };
                let prepared = film.frame(frame)?;
                self.shelf().put(place, &prepared);
                Ok(prepared)
            })
            .collect()
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelf {
    fn put(&mut self, place: Place, picture: &Prepared) {
        if self.held.contains_key(&place) {
            return;
        }
        while self.bytes + picture.len() > MOST_BYTES
            && let Some(oldest) = self.order.pop_front()
        {
            self.bytes -= self.held.remove(&oldest).map_or(0, |gone| gone.len());
        }
        self.bytes += picture.len();
        self.held.insert(place.clone(), picture.clone());
        self.order.push_back(place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_came_first_goes_first_and_the_bound_holds() {
        let mut shelf = Shelf::default();
        let picture: Prepared = vec![0; MOST_BYTES / 3].into();
        for frame in 0..5 {
            shelf.put(("a".into(), frame), &picture);
            shelf.put(("a".into(), frame), &picture);
            assert!(shelf.bytes <= MOST_BYTES && shelf.bytes == shelf.held.len() * picture.len());
        }
        let mut held: Vec<usize> = shelf.held.keys().map(|place| place.1).collect();
        held.sort_unstable();
        assert_eq!(held, [2, 3, 4]);
    }
}
