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
//! - `bounds`: the table in single precision with a proven error. It says who cannot be the nearest: first by valence
//!   and arousal, which are cheap, then by the expressions, then by the action units.
//! - `flags`: action units that are all 0 or 1 on both sides, in whole numbers.
//! - `exact`: the table in double precision for whoever is left (mostly one), over the cells that can matter.
//!
//! The trap: approximation is not allowed, so every "cannot" carries its bound, and a bound that single precision
//! cannot give (huge values, very long reactions) is replaced by the full table in double precision.

mod bounds;
mod exact;
mod flags;
mod lanes;
mod machine;
mod table;

use clips::channels::{ATTRIBUTE_COUNT, AU, EXPRESSIONS, VALENCE};

use bounds::{Interval, Packed, Precision, Rows};
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
/// Totals of bounds are rounded a few times; this is more.
const SLACK: f64 = 1e-12;

/// A reaction prepared for warping: for each group its squared norms and its columns, as the table reads them from the
/// last frame on (about 105 kB for 750 frames).
#[derive(Debug, Clone)]
pub struct Prepared {
    frames: usize,
    /// Of each group, the largest squared norm of a frame.
    largest_norm: [f32; 3],
    values: Vec<f32>,
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
        Self { frames, largest_norm, values, flags }
    }

    /// Bytes that a prepared reaction takes.
    pub fn bytes(&self) -> usize {
        let flags = self.flags.as_ref().map_or(0, flags::Flags::bytes);
        size_of::<Self>() + size_of_val(&self.values[..]) + flags
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
    // Who has the lowest bound is looked at next, in the next group that is cheap: so nobody is looked at who is above
    // the answer by what is known of the others.
    let steps = [FEELING, FACES, ACTIONS];
    let mut waiting: Vec<(usize, usize, [Interval; 3])> = Vec::with_capacity(appropriate.len());
    for (place, (_, reaction)) in appropriate.iter().enumerate() {
        let mut bounds = [Interval::UNKNOWN; 3];
        if reaction.flags.is_some() {
            bounds[ACTIONS].low = scratch.packed[ACTIONS].floor();
        }
        waiting.push((place, 0, bounds));
    }
    let mut limit = f64::INFINITY;
    let mut left: Vec<(usize, [Interval; 3])> = Vec::new();
    while let Some(next) =
        (0..waiting.len()).min_by(|one, two| lowest(&waiting[*one].2).total_cmp(&lowest(&waiting[*two].2)))
    {
        let (place, step, bounds) = &mut waiting[next];
        let (place, group) = (*place, steps[*step]);
        if lowest(bounds) > limit * (1.0 + SLACK) {
            break; // as are all others
        }
        let others = lowest(bounds) - bounds[group].low.sqrt() / GROUPS[group].2;
        let room = (limit * (1.0 + SLACK) - others).max(0.0) * GROUPS[group].2 * (1.0 + SLACK);
        let Some(bound) = scratch.bound(group, prediction, appropriate[place].1, place, room * room) else {
            waiting.swap_remove(next);
            continue;
        };
        bounds[group] = bound;
        *step += 1;
        if *step == steps.len() {
            let (_, _, bounds) = waiting.swap_remove(next);
            left.push((place, bounds));
            limit = limit.min(total(bounds.map(|bound| bound.high.sqrt())));
        }
    }
    left.retain(|(_, bounds)| lowest(bounds) <= limit * (1.0 + SLACK));
    left.sort_by_key(|(place, _)| *place);
    let mut best: Option<(f64, usize)> = None;
    for (place, mut bounds) in left {
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
