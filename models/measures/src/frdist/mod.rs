//! FRDist: how far each generated reaction is from the nearest of its appropriate reactions, time warped.
//!
//! `(1/N) sum_n sum_s min_j [DTW(AU)/15 + DTW(valence, arousal) + DTW(expressions)/8]`, j over the neighbours of n: a
//! **sum** over samples. DTW is the square root of the cheapest monotone path (steps (1,0), (0,1), (1,1), no band)
//! through squared Euclidean costs; each group of columns warps on its own.
//!
//! The result is bit for bit that of the plain table in double precision, the first listed of equals, on every
//! processor; it is only found sooner. Read on in this order:
//!
//! - `table`: a strip of the table in registers (`lanes`, `machine`: which registers).
//! - `bounds`: the table in single precision with a proven error. It says who cannot be the nearest.
//! - `coarse`: a lower bound in whole numbers in about two thirds of the time, for all but the first to be looked at.
//! - `flags`: action units that are all 0 or 1 on both sides, in whole numbers.
//! - `Search`, below: who is looked at next, and how closely.
//! - `exact`: the table in double precision for whoever is left (mostly one), over the cells that can matter.
//!
//! The trap: approximation is not allowed, so every "cannot" carries its bound, and a bound that single precision
//! cannot give (huge values, very long reactions) is replaced by the full table in double precision.

mod bounds;
mod coarse;
mod exact;
mod flags;
mod lanes;
mod machine;
mod table;

use clips::channels::{ATTRIBUTE_COUNT, AU, EXPRESSIONS, VALENCE};

use bounds::{Interval, Packed, Precision, Rows};
use coarse::Coarse;
use machine::Machine;
use table::Place;

/// First column, columns and divisor of each group, in the order of the definition.
const GROUPS: [(usize, usize, f64); 3] = [
    (AU.start, AU.end - AU.start, 15.0),
    (VALENCE, 2, 1.0),
    (EXPRESSIONS.start, EXPRESSIONS.end - EXPRESSIONS.start, 8.0),
];
const ACTIONS: usize = 0;
const FEELING: usize = 1;
const FACES: usize = 2;
/// Reactions whose tables are kept for the exact pass (about 260 kB each for 750 frames); of a later or longer one they
/// are made again, which costs little beside the tables of all the others.
const KEPT: usize = 16;
/// Frames of both sides together up to which tables are kept: longer ones take too much memory.
const KEPT_FRAMES: usize = 2500;
/// `coarse` tells costs of a group apart up to so many times the lowest known.
const TYPICAL: f64 = 1.1;
/// Totals of bounds are rounded a few times; this is more.
const SLACK: f64 = 1e-12;

/// A reaction prepared for warping: for each group its squared norms and its columns, as the table reads them from the
/// last frame on, also in whole numbers (about 160 kB for 750 frames).
#[derive(Debug, Clone)]
pub struct Prepared {
    frames: usize,
    /// Of each group, the largest squared norm of a frame.
    largest_norm: [f32; 3],
    values: Vec<f32>,
    coarse: [Coarse; 3],
    /// The action units, where all are 0 or 1.
    flags: Option<flags::Flags>,
}

impl Prepared {
    /// Prepares a reaction.
    pub fn new(rows: &[[f32; ATTRIBUTE_COUNT]]) -> Self {
        let frames = rows.len();
        let place = Place::new(frames);
        let mut values = vec![0.0; place.length() * (ATTRIBUTE_COUNT + GROUPS.len())];
        let mut largest_norm = [0.0f32; 3];
        for (group, (first, columns, _)) in GROUPS.into_iter().enumerate() {
            let (norms, rest) = values[(first + group) * place.length()..].split_at_mut(place.length());
            norms.fill(f32::INFINITY); // where there is no frame
            for (frame, row) in rows.iter().enumerate() {
                let at = place.of(frames - frame);
                let row = &row[first..first + columns];
                norms[at] = row.iter().map(|x| f64::from(*x) * f64::from(*x)).sum::<f64>() as f32;
                // a value that is not a number must not pass for a small one
                largest_norm[group] =
                    if norms[at] <= largest_norm[group] { largest_norm[group] } else { norms[at] };
                for (column, value) in row.iter().enumerate() {
                    rest[column * place.length() + at] = *value;
                }
            }
        }
        let flags = flags::Flags::new(rows.iter().map(|row| &row[AU.start..AU.end]));
        let coarse = GROUPS
            .map(|(first, columns, _)| Coarse::new(rows.iter().map(|row| &row[first..first + columns])));
        Self { frames, largest_norm, values, coarse, flags }
    }

    /// Bytes that a prepared reaction takes.
    pub fn bytes(&self) -> usize {
        let flags = self.flags.as_ref().map_or(0, flags::Flags::bytes);
        let coarse: usize = self.coarse.iter().map(Coarse::bytes).sum();
        size_of::<Self>() + size_of_val(&self.values[..]) + coarse + flags
    }

    /// The norms and columns of a group.
    fn group(&self, group: usize, count: usize) -> &[f32] {
        let length = Place::new(self.frames).length();
        &self.values[(GROUPS[group].0 + group) * length..][..count * length]
    }

    fn norm(&self, group: usize, frame: usize) -> f32 {
        let place = Place::new(self.frames);
        self.values[(GROUPS[group].0 + group) * place.length() + place.of(self.frames - frame)]
    }

    fn value(&self, column: usize, frame: usize) -> f32 {
        let place = Place::new(self.frames);
        let norms = GROUPS.iter().filter(|(first, ..)| *first <= column).count();
        self.values[(column + norms) * place.length() + place.of(self.frames - frame)]
    }
}

/// Memory of the tables, kept between calls to save allocations.
#[derive(Debug, Clone)]
pub struct Scratch {
    machine: Machine,
    packed: [Packed; 3],
    coarse: [coarse::Table; 3],
    /// Tables of the first [`KEPT`] reactions, and of all others in turn.
    tables: [[Rows; 3]; KEPT + 1],
    exact: exact::Memory,
    flags: flags::Memory,
}

impl Default for Scratch {
    fn default() -> Self {
        Self::on(Machine::detect())
    }
}

impl Scratch {
    fn on(machine: Machine) -> Self {
        Self {
            machine,
            packed: Default::default(),
            coarse: Default::default(),
            tables: Default::default(),
            exact: exact::Memory::default(),
            flags: flags::Memory::default(),
        }
    }

    /// Without the special registers of this processor: the same results, slower.
    pub fn portable() -> Self {
        Self::on(Machine::Portable)
    }

    fn prepare(&mut self, prediction: &Prepared) {
        for (group, (first, columns, _)) in GROUPS.into_iter().enumerate() {
            self.packed[group].fill(prediction, group, first, columns, self.machine.singles());
            self.coarse[group].fill(prediction, group, self.machine.coarse());
        }
    }

    /// Bounds of a group's sum of squares, or `None` when it is surely above `limit`; fills the table of `place`.
    fn bound(
        &mut self,
        group: usize,
        a: &Prepared,
        b: &Prepared,
        place: usize,
        limit: f64,
    ) -> Option<Interval> {
        if group == ACTIONS
            && let Some(cost) = self.whole(a, b)
        {
            return (cost <= limit).then_some(Interval { low: cost, high: cost });
        }
        let (_, columns, _) = GROUPS[group];
        let Some(precision) = Precision::of(a, b, group, columns) else { return Some(Interval::UNKNOWN) };
        let (machine, packed, table) =
            (self.machine, &self.packed[group], &mut self.tables[slot(place, a, b)][group]);
        let cut = precision.limit(limit);
        let cost = match group {
            ACTIONS => bounds::backward::<16>(machine, packed, b, group, b.flags.is_some(), table, cut),
            FEELING => bounds::backward::<3>(machine, packed, b, group, false, table, cut),
            _ => bounds::backward::<9>(machine, packed, b, group, false, table, cut),
        };
        (cost <= cut).then(|| precision.interval(cost))
    }

    /// A lower bound of a group's sum of squares, sooner than [`Self::bound`]'s, for paths that cost about `typical`.
    fn floor(&mut self, group: usize, a: &Prepared, b: &Prepared, typical: f64) -> f64 {
        let whole = group == ACTIONS && a.flags.is_some() && b.flags.is_some();
        let known = !whole && Precision::of(a, b, group, GROUPS[group].1).is_some();
        let floor = known.then(|| self.coarse[group].floor(self.machine, a, b, group, typical));
        floor.flatten().unwrap_or(0.0)
    }

    /// The cost of the action units where they are whole numbers.
    fn whole(&mut self, a: &Prepared, b: &Prepared) -> Option<f64> {
        let (Some(a), Some(b)) = (&a.flags, &b.flags) else { return None };
        flags::cost(self.machine, a, b, &mut self.flags).map(f64::from)
    }

    /// The cost of a group, exactly; quickly where `bound` is of the table at `place`.
    fn exactly(&mut self, group: usize, a: &Prepared, b: &Prepared, place: usize, bound: Interval) -> f64 {
        if group == ACTIONS
            && let Some(cost) = self.whole(a, b)
        {
            return cost;
        }
        let (first, columns, _) = GROUPS[group];
        let table = &self.tables[slot(place, a, b)][group];
        let known = Precision::of(a, b, group, columns)
            .filter(|_| table.complete() && bound.high.is_finite())
            .map(|precision| exact::Known { table, precision, high: bound.high });
        let (machine, memory) = (self.machine, &mut self.exact);
        match group {
            ACTIONS => exact::forward::<15>(machine, a, b, first, known, memory),
            FEELING => exact::forward::<2>(machine, a, b, first, known, memory),
            _ => exact::forward::<8>(machine, a, b, first, known, memory),
        }
    }
}

/// Where the tables of the reaction at `place` are.
fn slot(place: usize, a: &Prepared, b: &Prepared) -> usize {
    if a.frames + b.frames <= KEPT_FRAMES { place.min(KEPT) } else { KEPT }
}

fn total(groups: [f64; 3]) -> f64 {
    let [actions, feeling, faces] = groups;
    actions / GROUPS[ACTIONS].2 + feeling / GROUPS[FEELING].2 + faces / GROUPS[FACES].2
}

fn lowest(bounds: &[Interval; 3]) -> f64 {
    total(bounds.map(|bound| bound.low.sqrt()))
}

/// What is known of a reaction that may be the nearest.
#[derive(Debug, Clone, Copy)]
struct Candidate {
    place: usize,
    step: usize,
    bounds: [Interval; 3],
}

/// How a group is looked at.
#[derive(Debug, Clone, Copy)]
enum Look {
    /// From below, once something is known to compare with.
    Below(usize),
    /// By its bounds.
    Closely(usize),
}

/// What is looked at of each candidate, the cheap first.
const STEPS: [Look; 5] = [
    Look::Closely(FEELING),
    Look::Below(FACES),
    Look::Below(ACTIONS),
    Look::Closely(FACES),
    Look::Closely(ACTIONS),
];

/// The search for the nearest reaction by bounds.
struct Search<'a> {
    scratch: &'a mut Scratch,
    prediction: &'a Prepared,
    appropriate: &'a [(u32, &'a Prepared)],
    /// Not below the distance of the nearest.
    limit: f64,
    /// What a group of one that was looked at closely costs.
    typical: [Option<f64>; 3],
}

impl Search<'_> {
    /// Everyone whose distance is not surely above another's.
    fn nearest(&mut self) -> Vec<Candidate> {
        let mut waiting: Vec<Candidate> =
            (0..self.appropriate.len()).map(|place| self.candidate(place)).collect();
        let mut left = Vec::new();
        for candidate in &mut waiting {
            self.step(candidate);
        }
        // The lowest is looked at closely to its end; then whoever is lowest by what is known of him, in the next step.
        let mut at = lowest_of(&waiting);
        while let Some(next) = at {
            if lowest(&waiting[next].bounds) > self.limit * (1.0 + SLACK) {
                break; // as are all others
            }
            if !self.step(&mut waiting[next]) {
                waiting.swap_remove(next);
            } else if waiting[next].step == STEPS.len() {
                let done = waiting.swap_remove(next);
                self.limit = self.limit.min(total(done.bounds.map(|bound| bound.high.sqrt())));
                left.push(done);
            } else if left.is_empty() {
                continue;
            }
            at = lowest_of(&waiting);
        }
        left
    }

    fn candidate(&self, place: usize) -> Candidate {
        let mut bounds = [Interval::UNKNOWN; 3];
        if self.appropriate[place].1.flags.is_some() {
            bounds[ACTIONS].low = self.scratch.packed[ACTIONS].floor();
        }
        Candidate { place, step: 0, bounds }
    }

    /// Takes the next step; false when the candidate is surely not the nearest.
    fn step(&mut self, candidate: &mut Candidate) -> bool {
        let look = STEPS[candidate.step];
        candidate.step += 1;
        let (a, b) = (self.prediction, self.appropriate[candidate.place].1);
        match look {
            Look::Below(ACTIONS) if a.flags.is_some() && b.flags.is_some() => {
                self.closely(ACTIONS, candidate).map(|bound| candidate.bounds[ACTIONS] = bound).is_some()
            }
            Look::Below(group) => {
                let bound = &mut candidate.bounds[group];
                if let (Some(typical), f64::INFINITY) = (self.typical[group], bound.high) {
                    bound.low = bound.low.max(self.scratch.floor(group, a, b, typical * TYPICAL));
                }
                true
            }
            Look::Closely(group) if candidate.bounds[group].high < f64::INFINITY => true,
            Look::Closely(group) => {
                self.closely(group, candidate).map(|bound| candidate.bounds[group] = bound).is_some()
            }
        }
    }

    /// Bounds of a group; `None` when the candidate is surely not the nearest.
    fn closely(&mut self, group: usize, candidate: &Candidate) -> Option<Interval> {
        let Candidate { place, bounds, .. } = candidate;
        let others = lowest(bounds) - bounds[group].low.sqrt() / GROUPS[group].2;
        let room = (self.limit * (1.0 + SLACK) - others).max(0.0) * GROUPS[group].2 * (1.0 + SLACK);
        let bound =
            self.scratch.bound(group, self.prediction, self.appropriate[*place].1, *place, room * room)?;
        if bound.high < self.typical[group].unwrap_or(f64::INFINITY) {
            self.typical[group] = Some(bound.high);
        }
        Some(bound)
    }
}

/// Where the candidate with the lowest bound is, the first of equals.
fn lowest_of(waiting: &[Candidate]) -> Option<usize> {
    (0..waiting.len())
        .min_by(|one, two| lowest(&waiting[*one].bounds).total_cmp(&lowest(&waiting[*two].bounds)))
}

/// Unweighted DTW of the three groups in the order AU, valence-arousal, expressions; infinite without frames.
pub fn groups(a: &Prepared, b: &Prepared) -> [f64; 3] {
    if a.frames == 0 || b.frames == 0 {
        return [f64::INFINITY; 3];
    }
    let mut scratch = Scratch::default();
    [ACTIONS, FEELING, FACES].map(|group| scratch.exactly(group, a, b, 0, Interval::UNKNOWN).sqrt())
}

/// Weighted distance over the three groups, or `None` when it is above `limit`.
pub fn distance(a: &Prepared, b: &Prepared, limit: f64, scratch: &mut Scratch) -> Option<f64> {
    best(a, &[(0, b)], scratch).map(|(value, _)| value).filter(|value| *value <= limit)
}

/// The distance to the nearest appropriate reaction and which it is (the first listed of equals); `None` without any,
/// or without frames.
pub fn best(
    prediction: &Prepared,
    appropriate: &[(u32, &Prepared)],
    scratch: &mut Scratch,
) -> Option<(f64, u32)> {
    if prediction.frames == 0 || appropriate.iter().any(|(_, reaction)| reaction.frames == 0) {
        return None;
    }
    scratch.prepare(prediction);
    let mut search = Search { scratch, prediction, appropriate, limit: f64::INFINITY, typical: [None; 3] };
    let mut left = search.nearest();
    let limit = search.limit;
    left.retain(|candidate| lowest(&candidate.bounds) <= limit * (1.0 + SLACK));
    left.sort_by_key(|candidate| candidate.place);
    let mut best: Option<(f64, usize)> = None;
    for Candidate { place, mut bounds, .. } in left {
        let reaction = appropriate[place].1;
        if best.is_some_and(|(_, at)| appropriate[at].1.values == reaction.values) {
            continue; // an equal one is listed before
        }
        if slot(place, prediction, reaction) == KEPT {
            for (group, bound) in bounds.iter_mut().enumerate() {
                let again = scratch.bound(group, prediction, reaction, place, f64::INFINITY);
                *bound = again.unwrap_or(Interval::UNKNOWN);
            }
        }
        let paths = [ACTIONS, FEELING, FACES];
        let value = total(
            paths.map(|group| scratch.exactly(group, prediction, reaction, place, bounds[group]).sqrt()),
        );
        if best.is_none_or(|(known, _)| value < known) {
            best = Some((value, place));
        }
    }
    best.map(|(value, place)| (value, appropriate[place].0))
}
