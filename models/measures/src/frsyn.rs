//! FRSyn: by how many frames the reaction lags the speaker.
//!
//! For lags -49..=49, the mean over 25 columns of the Pearson correlation of the shifted reaction with the speaker; a
//! positive lag compares `reaction[lag..]` with `speaker[..T - lag]`, a reaction that comes later. The offset is the
//! lag of the highest mean (the first of equals); FRSyn averages its absolute value over clips.
//!
//! Official corner cases, kept: one column that is constant inside a window makes that lag's mean NaN, and NaN counts
//! as the highest, so the offset is the *first* lag with one; a column that never changes gives -49, and so does
//! everything with at most 50 frames. Published FRSyn reads the first sample of each clip only. So it is mostly a
//! measure of constant columns; the share of undefined items belongs beside it, and is what [`Synchrony`] tells.

use clips::channels::ATTRIBUTE_COUNT;

/// The largest lag looked at, in frames.
pub const MOST_LAG: usize = 49;

/// Where reaction and speaker agree best.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Synchrony {
    /// Lag of the reaction in frames, -49..=49; positive when it comes later.
    pub offset: i32,
    /// Mean correlation there; `None` when a constant column decided instead.
    pub correlation: Option<f64>,
}

impl Synchrony {
    /// Whether constant columns left the synchrony undefined.
    pub fn undefined(&self) -> bool {
        self.correlation.is_none()
    }
}

/// Prefix sums and runs of one series.
struct Series {
    /// Rows minus the column means (which do not change a correlation, but keep sums small).
    rows: Vec<[f64; ATTRIBUTE_COUNT]>,
    sums: Vec<[f64; ATTRIBUTE_COUNT]>,
    squares: Vec<[f64; ATTRIBUTE_COUNT]>,
    /// The longest run of equal values at the beginning and at the end of any column.
    head_run: usize,
    tail_run: usize,
}

impl Series {
    fn new(source: &[[f32; ATTRIBUTE_COUNT]]) -> Self {
        let frames = source.len();
        let mut mean = [0.0f64; ATTRIBUTE_COUNT];
        for row in source {
            mean.iter_mut().zip(row).for_each(|(mean, value)| *mean += f64::from(*value));
        }
        let rows: Vec<[f64; ATTRIBUTE_COUNT]> = source
            .iter()
            .map(|row| std::array::from_fn(|column| f64::from(row[column]) - mean[column] / frames as f64))
            .collect();
        let running = |term: fn(f64) -> f64| {
            let mut sum = [0.0; ATTRIBUTE_COUNT];
            let mut all = Vec::with_capacity(frames + 1);
            all.push(sum);
            for row in &rows {
                sum.iter_mut().zip(row).for_each(|(sum, value)| *sum += term(*value));
                all.push(sum);
            }
            all
        };
        let (sums, squares) = (running(|x| x), running(|x| x * x));
        let (mut head_run, mut tail_run) = (0, 0);
        for column in 0..ATTRIBUTE_COUNT {
            let same = |reference: f32| move |row: &&[f32; ATTRIBUTE_COUNT]| row[column] == reference;
            if let (Some(first), Some(last)) = (source.first(), source.last()) {
                head_run = head_run.max(source.iter().take_while(same(first[column])).count());
                tail_run = tail_run.max(source.iter().rev().take_while(same(last[column])).count());
            }
        }
        Self { rows, sums, squares, head_run, tail_run }
    }

    fn constant_head(&self, length: usize) -> bool {
        length < 2 || self.head_run >= length
    }

    fn constant_tail(&self, length: usize) -> bool {
        length < 2 || self.tail_run >= length
    }
}

/// Where the window of each side begins, and its length, for a lag.
fn window(lag: i32, frames: usize) -> (usize, usize, usize) {
    let shift = lag.unsigned_abs() as usize;
    let length = frames.saturating_sub(shift);
    if lag >= 0 { (shift, 0, length) } else { (0, shift, length) }
}

/// The synchrony of one reaction with the speaker; both have the same number of frames.
pub fn of_reaction(reaction: &[[f32; ATTRIBUTE_COUNT]], speaker: &[[f32; ATTRIBUTE_COUNT]]) -> Synchrony {
    let (reaction, speaker) = (Series::new(reaction), Series::new(speaker));
    let lags = -(MOST_LAG as i32)..=MOST_LAG as i32;
    if let Some(first) = lags.clone().find(|lag| undefined_at(&reaction, &speaker, *lag)) {
        return Synchrony { offset: first, correlation: None };
    }
    let mut best = (0, f64::NEG_INFINITY);
    for lag in lags {
        let value = correlation_at(&reaction, &speaker, lag);
        if value > best.1 {
            best = (lag, value);
        }
    }
    Synchrony { offset: best.0, correlation: Some(best.1) }
}

/// The mean correlation at every lag from -49 to 49; `None` where a column is constant in the window.
pub fn curve(reaction: &[[f32; ATTRIBUTE_COUNT]], speaker: &[[f32; ATTRIBUTE_COUNT]]) -> Vec<Option<f64>> {
    let (reaction, speaker) = (Series::new(reaction), Series::new(speaker));
    (-(MOST_LAG as i32)..=MOST_LAG as i32)
        .map(|lag| {
            (!undefined_at(&reaction, &speaker, lag)).then(|| correlation_at(&reaction, &speaker, lag))
        })
        .collect()
}

fn undefined_at(reaction: &Series, speaker: &Series, lag: i32) -> bool {
    let frames = reaction.rows.len().min(speaker.rows.len());
    let (_, _, length) = window(lag, frames);
    if lag >= 0 {
        reaction.constant_tail(length) || speaker.constant_head(length)
    } else {
        reaction.constant_head(length) || speaker.constant_tail(length)
    }
}

fn correlation_at(reaction: &Series, speaker: &Series, lag: i32) -> f64 {
    let (reaction_start, speaker_start, length) = window(lag, reaction.rows.len().min(speaker.rows.len()));
    let reaction_rows = &reaction.rows[reaction_start..reaction_start + length];
    let speaker_rows = &speaker.rows[speaker_start..speaker_start + length];
    let mut products = [0.0f64; ATTRIBUTE_COUNT];
    for (a, b) in reaction_rows.iter().zip(speaker_rows) {
        for column in 0..ATTRIBUTE_COUNT {
            products[column] += a[column] * b[column];
        }
    }
    let count = length as f64;
    let span = |sums: &[[f64; ATTRIBUTE_COUNT]], start: usize, column: usize| {
        sums[start + length][column] - sums[start][column]
    };
    let mut total = 0.0;
    for column in 0..ATTRIBUTE_COUNT {
        let (a_sum, b_sum) =
            (span(&reaction.sums, reaction_start, column), span(&speaker.sums, speaker_start, column));
        let (a_squares, b_squares) =
            (span(&reaction.squares, reaction_start, column), span(&speaker.squares, speaker_start, column));
        let a_energy = a_squares - a_sum * a_sum / count;
        let b_energy = b_squares - b_sum * b_sum / count;
        // Running sums lose windows that move far less than the whole clip; those are done again from the rows.
        let whole = |series: &Series| series.squares[series.rows.len()][column];
        total += if a_energy > 1e-6 * whole(reaction) && b_energy > 1e-6 * whole(speaker) {
            (products[column] - a_sum * b_sum / count) / (a_energy.sqrt() * b_energy.sqrt())
        } else {
            two_pass(reaction_rows, speaker_rows, column)
        }
        .clamp(-1.0, 1.0);
    }
    total / ATTRIBUTE_COUNT as f64
}

fn two_pass(a: &[[f64; ATTRIBUTE_COUNT]], b: &[[f64; ATTRIBUTE_COUNT]], column: usize) -> f64 {
    let mean =
        |rows: &[[f64; ATTRIBUTE_COUNT]]| rows.iter().map(|row| row[column]).sum::<f64>() / rows.len() as f64;
    let (a_mean, b_mean) = (mean(a), mean(b));
    let (mut product, mut a_energy, mut b_energy) = (0.0, 0.0, 0.0);
    for (a, b) in a.iter().zip(b) {
        let (x, y) = (a[column] - a_mean, b[column] - b_mean);
        product += x * y;
        a_energy += x * x;
        b_energy += y * y;
    }
    product / (a_energy.sqrt() * b_energy.sqrt())
}
