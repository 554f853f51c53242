//! The table in single precision, with a proven bound of its error: who can be the nearest, and which cells matter.
//!
//! It is filled from the end of both reactions to their beginning. What it leaves between two strips is, up to the
//! bound, the cost of the cheapest way from each cell to the end; the exact pass, which goes forward, leaves out every
//! cell from which that way is too dear.
//!
//! A cost is `|a|^2 + |b|^2 - 2 ab`, which takes half the operations of squared differences. With `u` half the
//! distance of 1 to the next number: the norms are rounded once, their sum once, and each of D products adds two errors
//! at most; no partial sum is above `2 (|a|^2 + |b|^2)`. So a cost is off by less than `2 (D + 2) u (|a|^2 + |b|^2)`, and
//! a path, which has at most `steps = frames + frames` cells, by less than `steps` times that for its largest norms
//! and a factor of `1 +- steps u` for its own sums. Minima round nothing, so the cheapest path is off by no more. What
//! underflows is counted apart; what might overflow is not bounded at all.

use pulp::NullaryFnOnce;

use super::Prepared;
use super::lanes::{Lanes, Single};
use super::machine::Machine;
use super::table::{self, LAYERS, ROOM, row_length, strip_rows};

/// Sums of squares up to here cannot overflow.
const LARGEST_PATH: f64 = 1e37;

/// What single precision tells about a sum of squares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

impl Interval {
    /// Nothing is known.
    pub const UNKNOWN: Self = Self { low: 0.0, high: f64::INFINITY };
}

/// Relative and absolute error of a path in single precision.
#[derive(Debug, Clone, Copy)]
pub struct Precision {
    relative: f64,
    absolute: f64,
}

impl Precision {
    /// The error for two reactions over a group of `columns` columns; `None` where single precision may fail.
    pub fn of(a: &Prepared, b: &Prepared, group: usize, columns: usize) -> Option<Self> {
        let steps = (a.frames + b.frames) as f64;
        let norms = f64::from(a.largest_norm[group]) + f64::from(b.largest_norm[group]);
        // twice the bounds of the header, and the smallest normal number for each operation
        let relative = steps * f64::from(f32::EPSILON);
        let cell =
            2.0 * (columns + 2) as f64 * (norms * f64::from(f32::EPSILON) + f64::from(f32::MIN_POSITIVE));
        let sound = steps * norms < LARGEST_PATH && relative < 0.1;
        sound.then_some(Self { relative, absolute: steps * cell * (1.0 + relative) })
    }

    /// Surely not above the true cost.
    pub fn low(self, cost: f32) -> f64 {
        (f64::from(cost) * (1.0 - self.relative) - self.absolute).max(0.0)
    }

    /// Where the true cost lies.
    pub fn interval(self, cost: f32) -> Interval {
        Interval { low: self.low(cost), high: f64::from(cost) * (1.0 + 2.0 * self.relative) + self.absolute }
    }

    /// For paths of at most `terms` double-precision sums that cost at most `high`: a limit and a factor so that
    /// `reach + factor * way <= limit` for the rounded cost `reach` of a path to a cell and this precision's `way` on.
    pub fn cut(self, high: f64, terms: usize) -> (f64, f64) {
        let rounding = 4.0 * (terms + 3) as f64 * f64::EPSILON;
        (high * (1.0 + rounding) + 2.0 * self.absolute, 1.0 - self.relative)
    }

    /// Above every single-precision cost whose true cost is at most `limit`.
    pub fn limit(self, limit: f64) -> f32 {
        let limit = limit * (1.0 + 2.0 * self.relative) + self.absolute;
        if limit < f64::from(f32::MAX) { (limit as f32).next_up() } else { f32::INFINITY }
    }
}

/// The rows of a reaction in strips, from its last frame to its first, as [`table::fill`] reads them.
#[derive(Debug, Clone, Default)]
pub struct Packed {
    values: Vec<f32>,
    strips: usize,
    /// Rows of the first strip that are no frames.
    padding: usize,
    /// Before each strip and after the last, what the rows that follow cost at least against zeros and ones.
    floors: Vec<f32>,
}

impl Packed {
    /// Packs a group (its norms, and `columns` columns from `first` on) for registers of `lanes` numbers.
    pub fn fill(&mut self, reaction: &Prepared, group: usize, first: usize, columns: usize, lanes: usize) {
        let rows = LAYERS * lanes;
        self.strips = reaction.frames.div_ceil(rows);
        self.padding = self.strips * rows - reaction.frames;
        self.floors.clear();
        self.floors.resize(self.strips + 1, 0.0);
        let mut floor = 0.0;
        for frame in 0..reaction.frames {
            let to_flag = |value: f64| (value * value).min((value - 1.0) * (value - 1.0));
            floor += (0..columns).map(|c| to_flag(f64::from(reaction.value(first + c, frame)))).sum::<f64>();
            // rounded down; the strip of a frame is counted from the end
            self.floors[self.strips - 1 - frame / rows] = (floor * (1.0 - 1e-6)) as f32;
        }
        self.values.clear();
        self.values.resize(self.strips * rows * (columns + 1), 0.0);
        for (strip, strip_values) in self.values.chunks_exact_mut(rows * (columns + 1)).enumerate() {
            // the strip's first row is the frame before `end`
            let end = (self.strips - strip) * rows;
            for (channel, values) in strip_values.chunks_exact_mut(rows).enumerate() {
                for lane in 0..lanes {
                    for layer in 0..LAYERS {
                        let frame = end - 1 - (lane * LAYERS + layer);
                        values[layer * lanes + lane] = match channel.checked_sub(1) {
                            _ if frame >= reaction.frames && channel == 0 => f32::INFINITY,
                            _ if frame >= reaction.frames => 0.0,
                            None => reaction.norm(group, frame),
                            Some(column) => -2.0 * reaction.value(first + column, frame),
                        };
                    }
                }
            }
        }
    }
}

impl Packed {
    /// What every path costs at least against a reaction of zeros and ones.
    pub fn floor(&self) -> f64 {
        self.floors.first().map_or(0.0, |floor| f64::from(*floor))
    }
}

/// Numbers that a table may keep between its strips; of a larger one only the last two rows are held.
const MOST_NUMBERS: usize = 1 << 20;

/// The rows of a table that lie between its strips.
#[derive(Debug, Clone, Default)]
pub struct Rows {
    values: Vec<f32>,
    stride: usize,
    strips: usize,
    strip_rows: usize,
    frames: usize,
    finished: bool,
}

impl Rows {
    fn prepare(&mut self, strips: usize, frames: usize, strip_rows: usize) {
        let stride = row_length(frames);
        *self = Self {
            values: std::mem::take(&mut self.values),
            stride,
            strips,
            strip_rows,
            frames,
            finished: false,
        };
        let rows = if self.keeps_all() { strips + 1 } else { 2 };
        // every number is written before it is read but those of the first row
        self.values.resize(rows * stride, f32::INFINITY);
        self.values[..stride].fill(f32::INFINITY);
        self.values[ROOM] = 0.0;
    }

    fn keeps_all(&self) -> bool {
        (self.strips + 1).saturating_mul(self.stride) <= MOST_NUMBERS
    }

    /// The row before a strip, and that after it.
    fn around(&mut self, strip: usize) -> (&[f32], &mut [f32]) {
        let at = if self.keeps_all() { strip } else { strip % 2 };
        let stride = self.stride;
        if at == 1 && !self.keeps_all() {
            let (after, before) = self.values.split_at_mut(stride);
            (before, after)
        } else {
            let (before, after) = self.values[at * stride..].split_at_mut(stride);
            (before, &mut after[..stride])
        }
    }

    /// The last number of a row: where the other reaction begins.
    fn last_of(&self, row: usize) -> f32 {
        let row = if self.keeps_all() { row } else { row % 2 };
        self.values[row * self.stride + ROOM + self.frames]
    }

    /// Frames between two rows.
    pub fn strip_rows(&self) -> usize {
        self.strip_rows
    }

    /// Costs from `frame` of the prediction (a whole number of strips) to the end: frame `c` of the other reaction is at
    /// `frames - 1 - c`. Of a table that is complete.
    pub fn from(&self, frame: usize) -> &[f32] {
        let row = self.strips.saturating_sub(frame / self.strip_rows.max(1));
        let start = row * self.stride + ROOM + 1;
        self.values.get(start..start + self.frames).unwrap_or(&[])
    }

    /// Whether the table was filled to its end and kept.
    pub fn complete(&self) -> bool {
        self.finished && self.keeps_all()
    }
}

/// Fills the table of a packed prediction against a reaction over a group of `D - 1` columns. Returns the cost; infinite
/// when it is certainly above `limit`, and then the table is unfinished. `flags` tells that the reaction is zeros and
/// ones in these columns.
pub fn backward<const D: usize>(
    machine: Machine,
    prediction: &Packed,
    reaction: &Prepared,
    group: usize,
    flags: bool,
    table: &mut Rows,
    limit: f32,
) -> f32 {
    let frames = reaction.frames;
    table.prepare(prediction.strips, frames, LAYERS * machine.singles());
    let channels = reaction.group(group, D);
    match machine {
        #[cfg(target_arch = "x86_64")]
        Machine::Avx2(simd) => pulp::Simd::vectorize(
            simd,
            Pass::<_, D> {
                machine: super::lanes::SingleAvx2(simd),
                prediction,
                channels,
                frames,
                flags,
                table,
                limit,
            },
        ),
        Machine::Portable => {
            Pass::<_, D> { machine: Single, prediction, channels, frames, flags, table, limit }.call()
        }
    }
}

struct Pass<'a, M, const D: usize> {
    machine: M,
    prediction: &'a Packed,
    channels: &'a [f32],
    frames: usize,
    flags: bool,
    table: &'a mut Rows,
    limit: f32,
}

impl<M: Lanes<Number = f32, Value = f32>, const D: usize> NullaryFnOnce for Pass<'_, M, D> {
    type Output = f32;

    #[inline(always)]
    fn call(self) -> f32 {
        let Self { machine, prediction, channels, frames, flags, table, limit } = self;
        for (strip, values) in prediction.values.chunks_exact(strip_rows::<M>() * D).enumerate() {
            let (above, below) = table.around(strip);
            let never = None::<fn(usize, f32) -> bool>;
            let padding = if strip == 0 { prediction.padding } else { 0 };
            table::fill::<M, D>(machine, values, channels, frames, above, below, 0, padding, never);
            let floor = if flags { prediction.floors[strip + 1] } else { 0.0 };
            if limit < f32::INFINITY
                && f64::from(least(&below[ROOM..ROOM + 1 + frames])) + f64::from(floor) > f64::from(limit)
            {
                return f32::INFINITY;
            }
        }
        table.finished = true;
        table.last_of(prediction.strips)
    }
}

/// The smallest of a slice, eight at a time.
#[inline(always)]
fn least(values: &[f32]) -> f32 {
    let (chunks, rest) = values.as_chunks::<8>();
    let mut lanes = [f32::INFINITY; 8];
    for chunk in chunks {
        for lane in 0..8 {
            lanes[lane] = if chunk[lane] < lanes[lane] { chunk[lane] } else { lanes[lane] };
        }
    }
    lanes.iter().chain(rest).fold(f32::INFINITY, |least, x| if *x < least { *x } else { least })
}
