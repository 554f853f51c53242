//! The table in double precision, bit for bit as the plain one, over the cells that can matter.
//!
//! The single-precision table tells, up to its bound, how dear the way from a cell to the end is. A cell is left out
//! when the cost of reaching it and that way together exceed a bound above the answer; no cheapest path has such a
//! cell, so leaving it out changes nothing. Costs are summed in the order of the columns without fused products.

use pulp::NullaryFnOnce;

use super::Prepared;
use super::bounds::{Precision, Rows};
use super::lanes::{Double, Lanes};
use super::machine::Machine;
use super::table::{self, LAYERS, Place, ROOM, row_length, strip_rows};

/// As in single precision, for double.
const SENTINEL: f64 = 1e200;

/// Memory of the exact pass.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    rows: Vec<f64>,
    columns: Vec<f64>,
    above: Vec<f64>,
    below: Vec<f64>,
    rest: Vec<f32>,
}

/// What is known from single precision about the same reactions and columns.
#[derive(Debug, Clone, Copy)]
pub struct Known<'a> {
    pub table: &'a Rows,
    pub precision: Precision,
    /// Not below the true cost.
    pub high: f64,
}

/// Cost of the cheapest path over `D` columns from `first` on. Both reactions must have frames.
pub fn forward<const D: usize>(
    machine: Machine,
    prediction: &Prepared,
    reaction: &Prepared,
    first: usize,
    known: Option<Known<'_>>,
    memory: &mut Memory,
) -> f64 {
    let Memory { rows, columns, above, below, rest } = memory;
    pack(prediction, first, D, machine.doubles(), rows);
    mirror(reaction, first, D, columns);
    let stride = row_length(reaction.frames);
    above.clear();
    above.resize(stride, f64::INFINITY);
    above[ROOM] = 0.0;
    below.clear();
    below.resize(stride, f64::INFINITY);
    let (rows, frames) = (&rows[..], (prediction.frames, reaction.frames));
    match machine {
        #[cfg(target_arch = "x86_64")]
        Machine::Avx2(simd) => pulp::Simd::vectorize(
            simd,
            Pass::<_, D> {
                machine: super::lanes::DoubleAvx2(simd),
                rows,
                columns,
                frames,
                known,
                above,
                below,
                rest,
            },
        ),
        Machine::Portable => {
            Pass::<_, D> { machine: Double, rows, columns, frames, known, above, below, rest }.call()
        }
    }
}

/// Rows in strips from the first frame on, the padding last.
fn pack(reaction: &Prepared, first: usize, columns: usize, lanes: usize, packed: &mut Vec<f64>) {
    let rows = LAYERS * lanes;
    packed.clear();
    packed.resize(reaction.frames.div_ceil(rows) * rows * columns, SENTINEL);
    for (strip, strip_values) in packed.chunks_exact_mut(rows * columns).enumerate() {
        for (column, values) in strip_values.chunks_exact_mut(rows).enumerate() {
            for row in 0..rows.min(reaction.frames - strip * rows) {
                let value = reaction.value(first + column, strip * rows + row);
                values[row % LAYERS * lanes + row / LAYERS] = f64::from(value);
            }
        }
    }
}

/// Columns as the table reads them, from the first frame on.
fn mirror(reaction: &Prepared, first: usize, columns: usize, mirrored: &mut Vec<f64>) {
    let place = Place::new(reaction.frames);
    mirrored.clear();
    mirrored.resize(columns * place.length(), f64::INFINITY);
    for (column, values) in mirrored.chunks_exact_mut(place.length()).enumerate() {
        values[place.of(0)] = SENTINEL;
        values[place.of(reaction.frames + 1)] = SENTINEL;
        for frame in 0..reaction.frames {
            values[place.of(frame + 1)] = f64::from(reaction.value(first + column, frame));
        }
    }
}

struct Pass<'a, M, const D: usize> {
    machine: M,
    rows: &'a [f64],
    columns: &'a [f64],
    /// Of the prediction and of the reaction.
    frames: (usize, usize),
    known: Option<Known<'a>>,
    above: &'a mut Vec<f64>,
    below: &'a mut Vec<f64>,
    rest: &'a mut Vec<f32>,
}

impl<M: Lanes<Number = f64, Value = f64>, const D: usize> NullaryFnOnce for Pass<'_, M, D> {
    type Output = f64;

    #[inline(always)]
    fn call(self) -> f64 {
        let Self { machine, rows: packed, columns, frames: (rows, frames), known, above, below, rest } = self;
        let height = strip_rows::<M>();
        // `reach + (1 - relative) way <= limit` must hold for a cell that matters
        let (limit, share) = match &known {
            Some(known) => known.precision.cut(known.high, rows + frames + D),
            None => (f64::INFINITY, 0.0),
        };
        let (mut first, mut last) = (0, 0);
        let mut at = usize::MAX;
        for (strip, values) in packed.chunks_exact(height * D).enumerate() {
            let end = (strip + 1) * height;
            // the next row of the known table at or after the end of this strip
            if let Some(known) = &known {
                let next = end.next_multiple_of(known.table.strip_rows());
                if next != at {
                    at = next;
                    cheapest_from(if next < rows { known.table.from(next) } else { &[] }, frames, rest);
                }
            }
            // columns are counted from the sentinel before the first frame; behind the last everything is free
            let way = |column: usize| rest.get(column).map_or(0.0, |way| f64::from(*way) * share);
            let hopeless = |column: usize, least: f64| column > last && least + way(column) > limit;
            below.fill(f64::INFINITY);
            let finished = table::fill::<M, D>(
                machine,
                values,
                columns,
                frames,
                &above[..],
                &mut below[..],
                first,
                0,
                known.is_some().then_some(hopeless),
            );
            if end >= rows {
                let padding = usize::from(end > rows);
                return below[ROOM + frames + padding];
            }
            if let Some(known) = &known {
                let here = if end == at { known.table.from(end) } else { &[] };
                let down = |column: usize| {
                    // frame `column - 1` of the reaction, or the next: counted from the end
                    let near = here.get((frames - column).saturating_sub(1)..=frames - column);
                    near.map_or(way(column), |near| {
                        near.iter().fold(f64::INFINITY, |least, way| least.min(f64::from(*way))) * share
                    })
                };
                let finished = finished.min(frames + 1);
                let mut alive = None;
                for column in first..finished {
                    let reach = &mut below[ROOM + column];
                    if *reach + down(column.clamp(1, frames)) <= limit {
                        let (from, _) = alive.unwrap_or((column, column));
                        alive = Some((from, column));
                    } else {
                        *reach = f64::INFINITY;
                    }
                }
                below[ROOM + finished..].fill(f64::INFINITY);
                let Some(range) = alive else { return f64::INFINITY };
                (first, last) = range;
            }
            std::mem::swap(above, below);
        }
        f64::INFINITY
    }
}

/// The smallest of a row from each column on, which the row counts from the end; column 0 is before the first frame.
fn cheapest_from(row: &[f32], frames: usize, rest: &mut Vec<f32>) {
    rest.clear();
    if row.is_empty() {
        return;
    }
    rest.resize(frames + 1, f32::INFINITY);
    let mut least = f32::INFINITY;
    for (column, way) in (1..=frames).rev().zip(row) {
        least = least.min(*way);
        rest[column] = least;
    }
    rest[0] = least;
}
