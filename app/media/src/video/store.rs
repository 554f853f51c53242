//! The pictures of a video that are kept in memory: bounded, so that a long film costs no more than a short one.
//!
//! Two shelves. The *near* one holds whole pictures around the wanted one. The *far* one holds every picture of the
//! video, made smaller by a whole factor until all of them fit: a seek shows the small picture at once and the whole
//! one when it is decoded. A clip of the REACT corpus (751 pictures of 256 x 256) fits whole, at factor 1; there is no
//! near shelf then. A film too long for the largest factor has no far shelf.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::picture::{Kept, Planar};

/// Bytes of pictures that a video keeps: two thirds for all small ones, one for whole ones around the wanted one.
/// Of these, three are kept even when they are larger.
pub(super) const MOST_BYTES: usize = 120 << 20;
/// Whole pictures are kept from this many behind the wanted one to [`AHEAD`] before it.
const BEHIND: usize = 8;
/// How far ahead of the wanted picture whole ones are decoded.
pub(super) const AHEAD: usize = 24;
const LARGEST_FACTOR: u32 = 8;

pub(super) struct Store {
    pictures: usize,
    near_bytes_most: usize,
    near: BTreeMap<usize, Kept>,
    near_bytes: usize,
    /// By what the pictures of the far shelf are smaller; `None` without one.
    factor: Option<u32>,
    far: Vec<Option<Kept>>,
    /// Pictures of the far shelf that are there or known not to come.
    settled: Vec<bool>,
    unsettled: usize,
}

impl Store {
    /// For a video of that many pictures, in that many bytes; pictures that any step can bring at once (`quick`) need no
    /// far shelf.
    pub(super) fn new(pictures: usize, size: [u32; 2], quick: bool, bytes: usize) -> Self {
        let fits = |factor: &u32| {
            let small = [size[0].div_ceil(*factor), size[1].div_ceil(*factor)];
            Planar::bytes_of(small).saturating_mul(pictures) <= bytes / 3 * 2
        };
        let factor = (1..=LARGEST_FACTOR).filter(|_| !quick).find(fits);
        let places = if factor.is_some() { pictures } else { 0 };
        Self {
            pictures,
            near_bytes_most: bytes / 3,
            near: BTreeMap::new(),
            near_bytes: 0,
            factor,
            far: vec![None; places],
            settled: vec![false; places],
            unsettled: places,
        }
    }

    /// A whole picture.
    pub(super) fn whole(&self, picture: usize) -> Option<&Kept> {
        let far = self.far.get(picture).filter(|_| self.factor == Some(1)).and_then(Option::as_ref);
        far.or_else(|| self.near.get(&picture))
    }

    /// A small picture.
    pub(super) fn small(&self, picture: usize) -> Option<&Kept> {
        self.far.get(picture).and_then(Option::as_ref)
    }

    /// Keeps a whole picture; `wanted` is the one whose neighbourhood counts.
    pub(super) fn keep(&mut self, picture: usize, kept: Kept, wanted: usize) {
        if picture >= self.pictures {
            return;
        }
        if let Some(factor) = self.factor {
            if self.far[picture].is_none() {
                self.far[picture] = Some(match &kept {
                    Kept::Planar(planar) if factor > 1 => Kept::Planar(Arc::new(planar.shrink(factor))),
                    whole => whole.clone(),
                });
            }
            self.settle(picture);
            if factor == 1 {
                return;
            }
        }
        if !Self::is_near(picture, wanted) {
            return;
        }
        self.near_bytes += kept.bytes();
        if let Some(old) = self.near.insert(picture, kept) {
            self.near_bytes -= old.bytes();
        }
        self.thin_out(wanted);
    }

    /// Remembers that a picture will not come.
    pub(super) fn settle(&mut self, picture: usize) {
        if let Some(settled) = self.settled.get_mut(picture)
            && !std::mem::replace(settled, true)
        {
            self.unsettled -= 1;
        }
    }

    /// Forgets whole pictures far from `wanted`, the farthest first.
    fn thin_out(&mut self, wanted: usize) {
        let outside = |picture: &usize| !Self::is_near(*picture, wanted);
        loop {
            let ends = [self.near.keys().next(), self.near.keys().next_back()];
            let farthest = ends.into_iter().flatten().max_by_key(|picture| picture.abs_diff(wanted)).copied();
            let Some(farthest) = farthest else { return };
            let full = self.near_bytes > self.near_bytes_most && self.near.len() > 3;
            if !outside(&farthest) && !full {
                return;
            }
            if let Some(old) = self.near.remove(&farthest) {
                self.near_bytes -= old.bytes();
            }
        }
    }

    fn is_near(picture: usize, wanted: usize) -> bool {
        (wanted.saturating_sub(BEHIND)..=wanted + AHEAD).contains(&picture)
    }

    /// How many whole pictures of that size may wait ahead of the wanted one.
    pub(super) fn room_ahead(&self, size: [u32; 2]) -> usize {
        (self.near_bytes_most / 2 / Planar::bytes_of(size).max(1)).clamp(1, AHEAD)
    }

    /// The first picture from `picture` on (and round) that the far shelf still lacks.
    pub(super) fn lacking(&self, picture: usize) -> Option<usize> {
        if self.unsettled == 0 {
            return None;
        }
        let open = |at: &usize| !self.settled[*at];
        (picture..self.settled.len()).find(open).or_else(|| (0..self.settled.len()).find(open))
    }

    /// Whether the far shelf holds whole pictures.
    pub(super) fn holds_all_whole(&self) -> bool {
        self.factor == Some(1)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        self.near_bytes + self.far.iter().flatten().map(Kept::bytes).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::super::picture::Picture;
    use super::*;

    fn planar(size: [u32; 2]) -> Kept {
        let half = size[0].div_ceil(2) as usize * size[1].div_ceil(2) as usize;
        let planes = [vec![0; (size[0] * size[1]) as usize], vec![0; half], vec![0; half]];
        let colours = super::super::picture::Colours::new(6, false);
        Kept::Planar(Arc::new(Planar { width: size[0], height: size[1], planes, colours }))
    }

    #[test]
    fn a_react_clip_is_kept_whole_and_a_large_film_small() {
        for (pictures, size, factor) in
            [(751, [256, 256], Some(1)), (751, [1280, 720], Some(4)), (100_000, [1920, 1080], None)]
        {
            let mut store = Store::new(pictures, size, false, MOST_BYTES);
            assert_eq!(store.factor, factor, "{size:?}");
            for picture in 0..pictures.min(200) {
                store.keep(picture, planar(size), picture);
                assert!(store.whole(picture).is_some());
                assert!(store.bytes() <= MOST_BYTES);
            }
            assert_eq!(store.whole(0).is_some(), factor == Some(1));
            assert_eq!(store.small(0).is_some(), factor.is_some());
            assert_eq!(store.lacking(0), factor.map(|_| 200));
        }
    }

    #[test]
    fn the_near_shelf_follows_what_is_wanted_and_its_bound_holds() {
        let mut store = Store::new(1_000, [64, 64], true, MOST_BYTES);
        let picture = |bytes| Kept::Rgba(Arc::new(Picture { width: 1, height: 1, rgba: vec![0; bytes] }));
        for at in 0..1_000 {
            store.keep(at, picture(1 << 20), at.saturating_sub(5));
            assert!(store.near.len() <= BEHIND + AHEAD + 1 && store.near_bytes <= MOST_BYTES / 3);
        }
        store.keep(3, picture(10), 990);
        assert!(store.whole(3).is_none(), "far from what is wanted");
        for at in 990..994 {
            store.keep(at, picture(MOST_BYTES / 3), 990);
            assert!(store.near.len() <= BEHIND + AHEAD + 1);
        }
        assert_eq!(store.near.len(), 3, "a few are kept whatever their size");
        assert!(store.near.contains_key(&990));
        let counted: usize = store.near.values().map(Kept::bytes).sum();
        assert_eq!(counted, store.near_bytes);
        assert_eq!(store.lacking(0), None);
    }
}
