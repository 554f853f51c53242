//! FRDist: how far each generated reaction is from the nearest of its appropriate reactions, time warped.
//!
//! `(1/N) sum_n sum_s min_j [DTW(AU)/15 + DTW(valence, arousal) + DTW(expressions)/8]`, j over the neighbours of n: a
//! **sum** over samples. DTW is the square root of the cheapest monotone path (steps (1,0), (0,1), (1,1), no band)
//! through squared Euclidean costs; each group of columns warps on its own.
//!
//! The table is filled along anti-diagonals, whose cells do not depend on each other, in three rolling rows. The
//! search for the minimum is exact: reactions are tried in the order of their unwarped distance (an upper bound), and
//! a path is given up only when every way through it is already dearer than the best known.

use clips::channels::{ATTRIBUTE_COUNT, AU, EXPRESSIONS, VALENCE};

/// Cells worked on at once.
const LANES: usize = 8;
/// First column, columns and divisor of each group; the cheapest first, so that giving up is cheap.
const GROUPS: [(usize, usize, f64); 3] = [
    (VALENCE, 2, 1.0),
    (EXPRESSIONS.start, EXPRESSIONS.end - EXPRESSIONS.start, 8.0),
    (AU.start, AU.end - AU.start, 15.0),
];

/// A reaction prepared for warping: columns one after the other with room to read beyond the end.
#[derive(Debug, Clone)]
pub struct Prepared {
    frames: usize,
    stride: usize,
    forward: Vec<f64>,
    backward: Vec<f64>,
}

impl Prepared {
    /// Prepares a reaction.
    pub fn new(rows: &[[f32; ATTRIBUTE_COUNT]]) -> Self {
        let frames = rows.len();
        let stride = frames + LANES;
        let mut forward = vec![0.0; stride * ATTRIBUTE_COUNT];
        let mut backward = forward.clone();
        for (frame, row) in rows.iter().enumerate() {
            for (column, value) in row.iter().enumerate() {
                forward[column * stride + frame] = f64::from(*value);
                backward[column * stride + frames - 1 - frame] = f64::from(*value);
            }
        }
        Self { frames, stride, forward, backward }
    }
}

/// Rolling rows of the table, kept between calls to save allocations.
#[derive(Debug, Clone, Default)]
pub struct Scratch {
    rows: [Vec<f64>; 3],
}

/// Weighted distance over the three groups, or `None` when it is certainly above `limit`. Both reactions must have
/// frames.
pub fn distance(a: &Prepared, b: &Prepared, limit: f64, scratch: &mut Scratch) -> Option<f64> {
    // rounding must never make us give up the best
    let limit = limit * (1.0 + 1e-12) + 1e-12;
    let mut total = 0.0;
    for (first, width, divisor) in GROUPS {
        let room = ((limit - total) * divisor).powi(2);
        let path = match width {
            2 => warp::<2>(a, b, first, room, scratch),
            8 => warp::<8>(a, b, first, room, scratch),
            _ => warp::<15>(a, b, first, room, scratch),
        }?;
        total += path.sqrt() / divisor;
        if total > limit {
            return None;
        }
    }
    Some(total)
}

/// Unweighted DTW of the three groups in the order AU, valence-arousal, expressions.
pub fn groups(a: &Prepared, b: &Prepared) -> [f64; 3] {
    let mut scratch = Scratch::default();
    let scratch = &mut scratch;
    [
        warp::<15>(a, b, AU.start, f64::INFINITY, scratch),
        warp::<2>(a, b, VALENCE, f64::INFINITY, scratch),
        warp::<8>(a, b, EXPRESSIONS.start, f64::INFINITY, scratch),
    ]
    .map(|path| path.unwrap_or(f64::NAN).sqrt())
}

/// Weighted distance without warping, never below [`distance`]; infinite for different lengths.
fn unwarped(a: &Prepared, b: &Prepared) -> f64 {
    if a.frames != b.frames {
        return f64::INFINITY;
    }
    GROUPS
        .iter()
        .map(|(first, width, divisor)| {
            let range = first * a.stride..(first + width) * a.stride;
            let (a, _) = a.forward[range.clone()].as_chunks::<4>();
            let (b, _) = b.forward[range].as_chunks::<4>();
            let mut lanes = [0.0; 4];
            for (a, b) in a.iter().zip(b) {
                for lane in 0..4 {
                    lanes[lane] += (a[lane] - b[lane]) * (a[lane] - b[lane]);
                }
            }
            // up to three cells are left out only in the padding, which is zero on both sides
            lanes.iter().sum::<f64>().sqrt() / divisor
        })
        .sum()
}

/// Cost of the cheapest path over `D` columns from `first` on; `None` once every path costs more than `limit`.
fn warp<const D: usize>(
    a: &Prepared,
    b: &Prepared,
    first: usize,
    limit: f64,
    scratch: &mut Scratch,
) -> Option<f64> {
    let (rows, columns) = (a.frames, b.frames);
    for row in &mut scratch.rows {
        row.clear();
        row.resize(rows + LANES + 2, f64::INFINITY);
    }
    let [mut current, mut last, mut before] = scratch.rows.each_mut();
    let a_columns: [&[f64]; D] = std::array::from_fn(|k| &a.forward[(first + k) * a.stride..][..a.stride]);
    let b_columns: [&[f64]; D] = std::array::from_fn(|k| &b.backward[(first + k) * b.stride..][..b.stride]);
    let mut least_of_last = f64::INFINITY;
    for diagonal in 0..rows + columns - 1 {
        let low = diagonal.saturating_sub(columns - 1);
        let high = diagonal.min(rows - 1);
        let mut least = [f64::INFINITY; LANES];
        let mut row = low;
        while row <= high {
            // column `diagonal - row` of b, counted from its end
            let mirrored = row + columns - 1 - diagonal;
            let mut cost = [0.0; LANES];
            for k in 0..D {
                let (a, b) = (lanes(a_columns[k], row), lanes(b_columns[k], mirrored));
                for lane in 0..LANES {
                    let difference = a[lane] - b[lane];
                    cost[lane] += difference * difference;
                }
            }
            // index row + 1 holds the cell of `row`, so that row - 1 exists
            let (left, up, corner) = (lanes(last, row + 1), lanes(last, row), lanes(before, row));
            for lane in 0..LANES {
                let mut way = smaller(smaller(left[lane], up[lane]), corner[lane]);
                if diagonal == 0 {
                    way = 0.0;
                }
                cost[lane] += way;
                least[lane] = smaller(least[lane], cost[lane]);
            }
            current[row + 1..row + 1 + LANES].copy_from_slice(&cost);
            row += LANES;
        }
        current[low] = f64::INFINITY;
        current[high + 2] = f64::INFINITY;
        // A path touches at least one of two neighbouring diagonals. Lanes beyond the end can only lower the least.
        let least = least.iter().fold(f64::INFINITY, |least, x| smaller(least, *x));
        if smaller(least, least_of_last) > limit {
            return None;
        }
        least_of_last = least;
        (current, last, before) = (before, current, last);
    }
    Some(last[rows])
}

fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// Lanes from `start` on. The callers keep room behind the end; were it missing, zeros would be read, not a panic.
#[inline(always)]
fn lanes(values: &[f64], start: usize) -> &[f64; LANES] {
    const ZEROS: &[f64; LANES] = &[0.0; LANES];
    values.get(start..).and_then(|rest| rest.first_chunk()).unwrap_or(ZEROS)
}

/// The distance to the nearest appropriate reaction and which it is (the first listed of equals); `None` without any.
pub fn best(
    prediction: &Prepared,
    appropriate: &[(u32, &Prepared)],
    scratch: &mut Scratch,
) -> Option<(f64, u32)> {
    let mut order: Vec<(f64, usize)> = appropriate
        .iter()
        .enumerate()
        .map(|(place, (_, listener))| (unwarped(prediction, listener), place))
        .collect();
    order.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
    let mut limit = order.first()?.0;
    let mut best: Option<(f64, usize)> = None;
    for (_, place) in order {
        if let Some(value) = distance(prediction, appropriate[place].1, limit, scratch) {
            let better = match best {
                Some((known, at)) => value < known || (value == known && place < at),
                None => true,
            };
            if better {
                best = Some((value, place));
                limit = limit.min(value);
            }
        }
    }
    best.map(|(value, place)| (value, appropriate[place].0))
}
