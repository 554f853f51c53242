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
/// Totals of bounds are rounded a few times; this is more.
const SLACK: f64 = 1e-12;

/// A reaction prepared for warping: columns one after the other, with room to read beyond both ends (about 79 kB for
/// 750 frames).
#[derive(Debug, Clone)]
pub struct Prepared {
    frames: usize,
    /// The largest absolute value.
    largest: f32,
    values: Vec<f32>,
    /// The action units, where all are 0 or 1.
    flags: Option<flags::Flags>,
}

impl Prepared {
    /// Prepares a reaction.
    pub fn new(rows: &[[f32; ATTRIBUTE_COUNT]]) -> Self {
        let frames = rows.len();
        let place = Place::new(frames);
        let mut values = vec![f32::INFINITY; place.length() * ATTRIBUTE_COUNT];
        let mut largest = 0.0f32;
        for (column, values) in values.chunks_exact_mut(place.length()).enumerate() {
            values[place.of(0)] = bounds::SENTINEL;
            values[place.of(frames + 1)] = bounds::SENTINEL;
            for (frame, row) in rows.iter().enumerate() {
                values[place.of(frames - frame)] = row[column];
                largest = largest.max(row[column].abs());
            }
        }
        let flags = flags::Flags::new(rows.iter().map(|row| &row[AU.start..AU.end]));
        Self { frames, largest, values, flags }
    }

    /// Bytes that a prepared reaction takes.
    pub fn bytes(&self) -> usize {
        let flags = self.flags.as_ref().map_or(0, flags::Flags::bytes);
        size_of::<Self>() + size_of_val(&self.values[..]) + flags
    }

    /// Columns as the table reads them, from the last frame on.
    fn channels(&self, first: usize, count: usize) -> &[f32] {
        let length = Place::new(self.frames).length();
        &self.values[first * length..][..count * length]
    }

    fn value(&self, column: usize, frame: usize) -> f32 {
        let place = Place::new(self.frames);
        self.values[column * place.length() + place.of(self.frames - frame)]
    }
}

/// Memory of the tables, kept between calls to save allocations.
#[derive(Debug, Clone)]
pub struct Scratch {
    machine: Machine,
    packed: [Packed; 3],
    /// Tables of the reaction being looked at and of the nearest so far.
    current: [Rows; 3],
    nearest: [Rows; 3],
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
            current: Default::default(),
            nearest: Default::default(),
            exact: exact::Memory::default(),
            flags: flags::Memory::default(),
        }
    }

    /// Without the special registers of this processor: the same results, slower.
    pub fn portable() -> Self {
        Self::on(Machine::Portable)
    }

    fn pack(&mut self, prediction: &Prepared) {
        for (packed, (first, columns, _)) in self.packed.iter_mut().zip(GROUPS) {
            packed.fill(prediction, first, columns, self.machine.singles());
        }
    }

    /// Bounds of a group's sum of squares, or `None` when it is surely above `limit`; fills `current`.
    fn bound(&mut self, group: usize, a: &Prepared, b: &Prepared, limit: f64) -> Option<Interval> {
        if group == ACTIONS
            && let Some(cost) = self.whole(a, b)
        {
            return (cost <= limit).then_some(Interval { low: cost, high: cost });
        }
        let (first, columns, _) = GROUPS[group];
        let Some(precision) = Precision::of(a, b, columns) else { return Some(Interval::UNKNOWN) };
        let (machine, packed, table) = (self.machine, &self.packed[group], &mut self.current[group]);
        let cut = precision.limit(limit);
        let cost = match group {
            ACTIONS => bounds::backward::<15>(machine, packed, b, first, table, cut),
            FEELING => bounds::backward::<2>(machine, packed, b, first, table, cut),
            _ => bounds::backward::<8>(machine, packed, b, first, table, cut),
        };
        (cost <= cut).then(|| precision.interval(cost))
    }

    /// The cost of the action units where they are whole numbers.
    fn whole(&mut self, a: &Prepared, b: &Prepared) -> Option<f64> {
        let (Some(a), Some(b)) = (&a.flags, &b.flags) else { return None };
        flags::cost(self.machine, a, b, &mut self.flags).map(f64::from)
    }

    /// The three unweighted distances, exactly.
    fn exactly(&mut self, a: &Prepared, b: &Prepared, bounds: [Interval; 3]) -> [f64; 3] {
        std::array::from_fn(|group| self.exactly_one(group, a, b, bounds))
    }

    fn exactly_one(&mut self, group: usize, a: &Prepared, b: &Prepared, bounds: [Interval; 3]) -> f64 {
            if group == ACTIONS
                && let Some(cost) = self.whole(a, b)
            {
                return cost.sqrt();
            }
            let (first, columns, _) = GROUPS[group];
            let table = &self.current[group];
            let known = Precision::of(a, b, columns)
                .filter(|_| table.finished() && bounds[group].high.is_finite())
                .map(|precision| exact::Known { table, precision, high: bounds[group].high });
            let (machine, memory) = (self.machine, &mut self.exact);
            let path = match group {
                ACTIONS => exact::forward::<15>(machine, a, b, first, known, memory),
                FEELING => exact::forward::<2>(machine, a, b, first, known, memory),
                _ => exact::forward::<8>(machine, a, b, first, known, memory),
            };
            path.sqrt()
    }
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
    scratch.exactly(a, b, [Interval::UNKNOWN; 3])
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
    scratch.pack(prediction);
    // Who has the lowest bound is looked at next, in the next group that is cheap: so nobody is looked at who is above
    // the answer by what is known of the others.
    let steps = [FEELING, FACES, ACTIONS];
    let mut waiting: Vec<(usize, usize, [Interval; 3])> =
        (0..appropriate.len()).map(|place| (place, 0, [Interval::UNKNOWN; 3])).collect();
    let mut limit = f64::INFINITY;
    let mut left: Vec<(usize, [Interval; 3])> = Vec::new();
    let mut kept = None;
    while let Some(next) = (0..waiting.len())
        .min_by(|one, two| lowest(&waiting[*one].2).total_cmp(&lowest(&waiting[*two].2)))
    {
        let (place, step, bounds) = &mut waiting[next];
        let (place, group) = (*place, steps[*step]);
        let room = (limit * (1.0 + SLACK) - lowest(bounds)) * GROUPS[group].2 * (1.0 + SLACK);
        if room < 0.0 {
            break; // as are all others
        }
        let Some(bound) = scratch.bound(group, prediction, appropriate[place].1, room * room) else {
            waiting.swap_remove(next);
            continue;
        };
        bounds[group] = bound;
        *step += 1;
        if *step == steps.len() {
            let (_, _, bounds) = waiting.swap_remove(next);
            left.push((place, bounds));
            let high = total(bounds.map(|bound| bound.high.sqrt()));
            if high < limit {
                limit = high;
                kept = Some(place);
                std::mem::swap(&mut scratch.current[ACTIONS], &mut scratch.nearest[ACTIONS]);
            }
        }
    }
    left.retain(|(_, bounds)| lowest(bounds) <= limit * (1.0 + SLACK));
    left.sort_by_key(|(place, _)| *place);
    std::mem::swap(&mut scratch.current, &mut scratch.nearest);
    let mut best: Option<(f64, usize)> = None;
    for (place, mut bounds) in left {
        let reaction = appropriate[place].1;
        if best.is_some_and(|(_, at)| appropriate[at].1.values == reaction.values) {
            continue; // an equal one is listed before
        }
        let groups = if kept == Some(place) { FEELING..FACES + 1 } else { 0..3 };
        for group in groups {
            let bound = scratch.bound(group, prediction, reaction, f64::INFINITY);
            bounds[group] = bound.unwrap_or(Interval::UNKNOWN);
        }
        let value = total(scratch.exactly(prediction, reaction, bounds));
        if best.is_none_or(|(known, _)| value < known) {
            best = Some((value, place));
        }
    }
    best.map(|(value, place)| (value, appropriate[place].0))
}
/// TEMP
pub fn time_groups(a: &Prepared, b: &Prepared, _: &Prepared) {
    let mut scratch = Scratch::default();
    scratch.pack(a);
    for group in 0..3 {
        let mut low = f64::INFINITY;
        for _ in 0..400 {
            let start = std::time::Instant::now();
            std::hint::black_box(scratch.bound(group, a, b, f64::INFINITY));
            low = low.min(start.elapsed().as_secs_f64());
        }
        eprintln!("{group} {:.4} ms, {:.1} cycles a step", low * 1e3, low * 3.17e9 / (24.0 * 760.0));
    }
    for group in 0..3 {
        let mut low = f64::INFINITY;
        let bounds = std::array::from_fn(|g| scratch.bound(g, a, b, f64::INFINITY).unwrap());
        let mut free = Scratch::default();
        let mut full = f64::INFINITY;
        for _ in 0..100 {
            let start = std::time::Instant::now();
            std::hint::black_box(scratch.exactly_one(group, a, b, bounds));
            low = low.min(start.elapsed().as_secs_f64());
            let start = std::time::Instant::now();
            std::hint::black_box(free.exactly_one(group, a, b, [Interval::UNKNOWN; 3]));
            full = full.min(start.elapsed().as_secs_f64());
        }
        eprintln!("exact {group} {:.4} ms of {:.4}", low * 1e3, full * 1e3);
    }
}
