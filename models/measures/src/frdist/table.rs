//! Filling a strip of the table: many rows at once, in registers.
//!
//! A strip has `LAYERS` rows for each lane: lane `r` holds rows `LAYERS r ..` of the strip, one register a row. In step
//! `t` lane `r` stands at column `t - r`, so the rows above it are one step ahead: all a cell needs is in registers but
//! what comes from the strip above, one number a step, and one rotation hands the last row of each lane to the next.
//!
//! Columns are counted with a sentinel before and one behind the series. A sentinel costs nothing against a padded row
//! and infinity against every other, so that paths reach a strip's first real row, or leave its last, over the padding.

use super::lanes::Lanes;

/// Rows in each lane.
pub const LAYERS: usize = 4;
/// Infinite numbers before and after a series with its sentinels, so that every window and row of the table can be
/// read beyond its ends. More than the lanes of any register and a step.
pub const ROOM: usize = 16;
/// Steps taken at once, which share the loads of the rows.
const STEPS: usize = 2;

/// Numbers that a column of `frames` values takes with sentinels and room.
pub const fn padded(frames: usize) -> usize {
    frames + 2 + 2 * ROOM
}

/// Rows of a strip.
pub const fn strip_rows<M: Lanes>() -> usize {
    LAYERS * M::COUNT
}

/// Fills one strip against `P` series of `frames` frames each.
///
/// `rows` holds, column by column, the layers of the strip lane by lane. `columns[p]` holds the columns of series `p`,
/// [`padded`], the last frame first. `above[p]` and `below[p]` are the rows of the table before and after the strip, in
/// which column `c` (1 for the first frame, 0 and `frames + 1` for the sentinels) is at `ROOM + c`; nothing is read or
/// written far from the columns from `first` on. With `give_up`, it is asked from time to time with the first column
/// that is not finished and the least number in flight whether the rest may be left out. Returns the columns finished.
#[inline(always)]
pub fn fill<M: Lanes, const D: usize, const P: usize>(
    machine: M,
    rows: &[M::Number],
    columns: [[&[M::Number]; D]; P],
    frames: usize,
    above: [&[M::Number]; P],
    mut below: [&mut [M::Number]; P],
    first: usize,
    give_up: Option<impl Fn(usize, M::Number) -> bool>,
) -> usize {
    let infinite = machine.splat(M::INFINITE);
    let layers: [[M::Register; LAYERS]; D] = std::array::from_fn(|column| {
        std::array::from_fn(|layer| machine.load(rows, (column * LAYERS + layer) * M::COUNT))
    });
    let mut last = [[infinite; LAYERS]; P];
    let mut corner = [infinite; P];
    let mut step = first;
    let steps = frames + 1 + M::COUNT;
    while step < steps {
        let mut cost = [[[infinite; LAYERS]; STEPS]; P];
        // the sentinel before the first frame is the last of the mirrored series
        let window = ROOM + frames + 1 - step;
        for column in 0..D {
            for series in 0..P {
                let Some(near) = columns[series][column].get(window - 1..window + M::COUNT) else { return step };
                for ahead in 0..STEPS {
                    let there = machine.load(near, 1 - ahead);
                    for layer in 0..LAYERS {
                        let here = layers[column][layer];
                        let cost = &mut cost[series][ahead][layer];
                        *cost = if column == 0 {
                            machine.squared_difference(here, there)
                        } else {
                            machine.add_squared_difference(here, there, *cost)
                        };
                    }
                }
            }
        }
        for ahead in 0..STEPS {
            for series in 0..P {
                let step = step + ahead;
                let last = &mut last[series];
                let rotated = machine.rotated(last[LAYERS - 1]);
                machine.store(rotated, below[series], ROOM + step - M::COUNT);
                let Some(incoming) = above[series].get(ROOM + step) else { return step };
                let mut up = machine.with_first(rotated, *incoming);
                let mut diagonal = corner[series];
                corner[series] = up;
                for layer in 0..LAYERS {
                    let way = machine.smaller(machine.smaller(last[layer], diagonal), up);
                    diagonal = last[layer];
                    up = machine.add(way, cost[series][ahead][layer]);
                    last[layer] = up;
                }
            }
        }
        step += STEPS;
        if let Some(give_up) = &give_up
            && step % 8 < STEPS
        {
            let mut least = infinite;
            for series in 0..P {
                least = machine.smaller(least, corner[series]);
                for layer in 0..LAYERS {
                    least = machine.smaller(least, last[series][layer]);
                }
            }
            if give_up(step.saturating_sub(M::COUNT), machine.least(least)) {
                break;
            }
        }
    }
    for series in 0..P {
        machine.store(machine.rotated(last[series][LAYERS - 1]), &mut below[series], ROOM + step - M::COUNT);
    }
    (step + 1).saturating_sub(M::COUNT)
}
