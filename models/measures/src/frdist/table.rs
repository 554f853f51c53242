//! Filling a strip of the table: many rows at once, in registers.
//!
//! A strip has [`LAYERS`] rows for each lane: lane `r` holds rows `LAYERS r ..` of the strip, one register a row. In a
//! step every row stands one column behind the row above it, so layer `v` of lane `r` is at column
//! `step - v - LAYERS r`. Then no cell of a step waits for another one: what it needs was made one and two steps
//! before, and one shuffle a step hands the last row of each lane to the next. A series is stored so that the columns
//! of a register, which are `LAYERS` apart, lie one after the other ([`Place`]).
//!
//! Columns are counted with a sentinel before and one behind the series. A sentinel costs nothing against a padded row
//! and infinity against every other, so that paths reach a strip's first real row, or leave its last, over the padding.

use std::hint::black_box;

use super::lanes::Lanes;

/// Rows in each lane.
pub const LAYERS: usize = 4;
/// Numbers before column 0 in a row of the table: the lanes of a strip reach back so far.
pub const ROOM: usize = 64;
/// Steps between two looks at memory; a multiple of the layers.
const BLOCK: usize = 2 * LAYERS;
/// Registers read beyond a series before its last and behind its first column.
const BEYOND: (usize, usize) = (20, 18);

/// Numbers in a row of the table for a series of `frames` frames; column `c` is at `ROOM + c`.
pub const fn row_length(frames: usize) -> usize {
    ROOM + frames + 2 + ROOM + 2 * BLOCK
}

/// Rows of a strip.
pub const fn strip_rows<M: Lanes>() -> usize {
    LAYERS * M::COUNT
}

/// Where the columns of one channel of a series are: those a multiple of [`LAYERS`] apart lie one after the other, the
/// later ones first.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    first: usize,
    stride: usize,
}

impl Place {
    /// For a series of `frames` frames with its sentinels.
    pub const fn new(frames: usize) -> Self {
        let first = BEYOND.0 + (frames + 1) / LAYERS;
        Self { first, stride: first + 1 + BEYOND.1 }
    }

    /// Numbers of one channel.
    pub const fn length(self) -> usize {
        LAYERS * self.stride
    }

    /// Where a column is: 0 and `frames + 1` for the sentinels.
    pub const fn of(self, column: usize) -> usize {
        column % LAYERS * self.stride + self.first - column / LAYERS
    }
}

/// Fills one strip against a series of `frames` frames.
///
/// `rows` holds, channel by channel, the layers of the strip lane by lane; `channels` the series, infinite where it has
/// no column. `above` and `below` are the rows of the table before and after the strip; `above` must be infinite before
/// column `first`. The first `padding` rows cost nothing at column 0, whatever is there (for rows that are no frames and
/// have no sentinels to say so). With `give_up`, it is asked from time to time with the last column that is finished and the least
/// number in flight whether the rest may be left out. Returns how many columns are finished.
#[inline(always)]
pub fn fill<M: Lanes, const D: usize>(
    machine: M,
    rows: &[M::Value],
    channels: &[M::Value],
    frames: usize,
    above: &[M::Number],
    below: &mut [M::Number],
    first: usize,
    padding: usize,
    give_up: Option<impl Fn(usize, M::Number) -> bool>,
) -> usize {
    let infinite = machine.splat(M::INFINITE);
    let layers: [[M::Values; LAYERS]; D] = std::array::from_fn(|channel| {
        std::array::from_fn(|layer| machine.load(rows, (channel * LAYERS + layer) * M::COUNT))
    });
    let place = Place::new(frames);
    // how far the last row of the strip is behind the first
    let behind = strip_rows::<M>() - 1;
    // costs of the steps of a block; those of lower layers belong to steps of the next
    let mut costs = [[infinite; LAYERS]; BLOCK + LAYERS];
    let mut last = [infinite; LAYERS];
    let mut before = [infinite; LAYERS];
    let mut corner = infinite;
    let mut start = first - first % BLOCK;
    while start < frames + 2 + behind {
        let window = (place.first + 1).saturating_sub(start / LAYERS + BLOCK / LAYERS);
        // the compiler must not unroll this
        for phase in 0..black_box(LAYERS) {
            let at = phase * place.stride + window;
            let Some([near, far]) = machine.costs(&layers, channels, at, place.length()) else {
                return first;
            };
            for layer in 0..LAYERS {
                costs[phase + layer][layer] = near[layer];
                costs[phase + LAYERS + layer][layer] = far[layer];
            }
        }
        for row in start..padding.min(start + BLOCK) {
            // a row is `row` steps behind the first when it comes to column 0
            let cost = &mut costs[row - start][row % LAYERS];
            *cost = machine.freed(*cost, row / LAYERS);
        }
        let from = above.get(ROOM + start..).and_then(|from| from.first_chunk::<BLOCK>());
        let Some(incoming) = from else { return first };
        let mut outgoing = [M::INFINITE; BLOCK];
        let lines = black_box(&costs[..BLOCK]).iter().zip(black_box(&incoming[..]));
        for ((costs, incoming), outgoing) in lines.zip(black_box(&mut outgoing[..])) {
            *outgoing = machine.last(last[LAYERS - 1]);
            let up = machine.shifted(last[LAYERS - 1], *incoming);
            let ways = [
                machine.smaller(machine.smaller(last[0], corner), up),
                machine.smaller(machine.smaller(last[1], before[0]), last[0]),
                machine.smaller(machine.smaller(last[2], before[1]), last[1]),
                machine.smaller(machine.smaller(last[3], before[2]), last[2]),
            ];
            corner = up;
            before = last;
            for layer in 0..LAYERS {
                last[layer] = machine.add(costs[layer], ways[layer]);
            }
        }
        for step in 0..LAYERS {
            costs[step] = costs[BLOCK + step];
        }
        // what leaves in a step was made in the step before
        let to = below.get_mut(ROOM + start - behind - 1..).and_then(|to| to.first_chunk_mut::<BLOCK>());
        let Some(to) = to else { return first };
        *to = outgoing;
        start += BLOCK;
        if let Some(give_up) = &give_up {
            let mut least = corner;
            for layer in 0..LAYERS {
                least = machine.smaller(least, machine.smaller(last[layer], before[layer]));
            }
            if give_up((start - 1).saturating_sub(behind), machine.least(least)) {
                break;
            }
        }
    }
    if let Some(to) = below.get_mut(ROOM + start - behind - 1) {
        *to = machine.last(last[LAYERS - 1]);
    }
    (start).saturating_sub(behind)
}
