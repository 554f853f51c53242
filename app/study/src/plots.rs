//! The pictures of a study: a board in, descriptions of figures out. Windows, reports and papers draw the same ones.
//!
//! Marks lead back: in figures of systems they carry the row of the board (published rows from [`PUBLISHED`] on), in
//! figures of clips the number of [`mark_of`].

use clips::channels::{AROUSAL, ATTRIBUTES, AU_COUNT, VALENCE};
use figures::{
    ClipValue, Differences, Direction, Distribution, DistributionRow, Forest, ForestRow, Front, Heading,
    Reliability, ReliabilityBin, Scale, SignatureCell, SignatureColumn, Signatures, Tradeoff, TradeoffPoint,
    Usage, UsageBar,
};
use measures::paired::Comparison;
use measures::published;

use crate::board::{Board, Row};
use crate::column::Column;
use crate::latents::LatentRow;
use crate::recognition::Recognition;

/// Marks of published rows begin here.
pub const PUBLISHED: u64 = 1 << 20;

/// The mark of a clip of a row.
pub fn mark_of(row: usize, clip: usize) -> u64 {
    ((row as u64) << 32) | clip as u64
}

/// Row and clip of a mark.
pub fn clip_of(mark: u64) -> (usize, usize) {
    ((mark >> 32) as usize, (mark & 0xffff_ffff) as usize)
}

fn heading(title: impl Into<String>, note: impl Into<String>) -> Heading {
    Heading { title: title.into(), note: note.into() }
}

fn direction(column: Column) -> Direction {
    match column.better() {
        Some(measures::Direction::Lower) => Direction::Lower,
        _ => Direction::Higher,
    }
}

/// The name of a row in a picture of a column: with its samples, where those of others are more or fewer and the column
/// sums over them.
fn name_of(board: &Board, row: &Row, column: Column) -> String {
    match board.uneven(column) {
        Some(_) => format!("{}, {}", row.label, figures::number::counted(row.samples, "sample")),
        None => row.label.clone(),
    }
}

/// Rows that a trade-off leaves out, because one of its axes sums over samples and they have another number of them.
pub fn left_out(board: &Board, axes: [Column; 2]) -> Vec<usize> {
    if axes.iter().all(|column| board.uneven(*column).is_none()) {
        return Vec::new();
    }
    let usual = board.usual_samples();
    (0..board.rows.len()).filter(|row| board.rows[*row].samples != usual).collect()
}

/// One measure against another, a point a system, with the front of those that none beats in both.
pub fn tradeoff(board: &Board, [x, y]: [Column; 2], focus: Option<usize>, with_published: bool) -> Tradeoff {
    let without = left_out(board, [x, y]);
    let ours =
        board.rows.iter().enumerate().filter(|(index, _)| !without.contains(index)).map(|(index, row)| {
            let value = |column: Column| row.cell(column).and_then(|cell| cell.value).unwrap_or(f64::NAN);
            let interval = |column: Column| {
                row.cell(column).and_then(|cell| cell.interval).map(|interval| (interval.low, interval.high))
            };
            TradeoffPoint {
                id: index as u64,
                name: row.label.clone(),
                x: value(x),
                y: value(y),
                x_interval: interval(x),
                y_interval: interval(y),
                look: row.look,
                emphasised: focus == Some(index),
                published: false,
                bound: row.is_truth(),
            }
        });
    let theirs = published_rows().enumerate().map(|(index, row)| TradeoffPoint {
        id: PUBLISHED + index as u64,
        name: row.system.to_owned(),
        x: row.value(x.name()).unwrap_or(f64::NAN),
        y: row.value(y.name()).unwrap_or(f64::NAN),
        x_interval: None,
        y_interval: None,
        look: index,
        emphasised: false,
        published: true,
        bound: false,
    });
    let points: Vec<TradeoffPoint> =
        if with_published { ours.chain(theirs).collect() } else { ours.collect() };
    Tradeoff {
        heading: heading(
            "Appropriateness against diversity",
            match without.len() {
                0 => String::new(),
                count => {
                    format!("{} of other sample counts left out", figures::number::counted(count, "system"))
                }
            },
        ),
        x: (x.name().to_owned(), direction(x)),
        y: (y.name().to_owned(), direction(y)),
        x_scale: Scale::Linear,
        y_scale: Scale::Linear,
        front: Front::Stepped,
        points,
    }
}

/// Published rows that stand beside ours.
pub fn published_rows() -> impl Iterator<Item = &'static published::Row> {
    published::ROWS.iter()
}

/// A row minus another one, clip by clip.
pub fn differences(board: &Board, a: usize, b: usize, column: Column, found: &Comparison) -> Differences {
    let name = |row: usize| board.rows.get(row).map_or("", |row| row.label.as_str());
    Differences {
        heading: heading(format!("{} by clip", column.name()), format!("{} \u{2212} {}", name(a), name(b))),
        measure: column.name().to_owned(),
        better: direction(column),
        clips: found
            .differences
            .iter()
            .map(|(clip, value)| ClipValue {
                id: mark_of(a, *clip as usize),
                name: board.ids.get(*clip as usize).cloned().unwrap_or_default(),
                value: *value,
            })
            .collect(),
        mean: Some(found.difference),
        interval: found.interval.map(|interval| (interval.low, interval.high)),
    }
}

/// The values of all clips by one measure, a line a system.
pub fn distribution(board: &Board, column: Column, focus: Option<usize>) -> Distribution {
    let rows = board.rows.iter().enumerate().filter_map(|(index, row)| {
        let cell = row.cell(column).filter(|cell| !cell.per_clip.is_empty())?;
        let clips = cell.per_clip.iter().enumerate().map(|(clip, value)| ClipValue {
            id: mark_of(index, clip),
            name: board.ids.get(clip).cloned().unwrap_or_default(),
            value: value.unwrap_or(f64::NAN),
        });
        Some(DistributionRow {
            name: name_of(board, row, column),
            look: row.look,
            clips: clips.collect(),
            emphasised: focus == Some(index),
            bound: row.is_truth(),
        })
    });
    Distribution {
        heading: heading(format!("{} by clip", column.name()), "a click opens the clip"),
        measure: column.name().to_owned(),
        better: column.better().map(|_| direction(column)),
        decimals: column.decimals(),
        rows: rows.collect(),
    }
}

/// One measure, a line a system, with its interval; the published values of the same measure hollow.
pub fn forest(board: &Board, column: Column, with_published: bool) -> Forest {
    let ours = board.rows.iter().enumerate().map(|(index, row)| {
        let cell = row.cell(column);
        ForestRow {
            id: index as u64,
            name: name_of(board, row, column),
            value: cell.and_then(|cell| cell.value).unwrap_or(f64::NAN),
            interval: cell.and_then(|cell| cell.interval).map(|interval| (interval.low, interval.high)),
            look: row.look,
            emphasised: false,
            published: false,
            bound: row.is_truth(),
        }
    });
    let theirs = published_rows().enumerate().filter_map(|(index, row)| {
        Some(ForestRow {
            id: PUBLISHED + index as u64,
            name: row.system.to_owned(),
            value: row.value(column.name())?,
            interval: None,
            look: index,
            emphasised: false,
            published: true,
            bound: false,
        })
    });
    Forest {
        heading: heading(column.name(), ""),
        measure: column.name().to_owned(),
        better: column.better().map(|_| direction(column)),
        scale: Scale::Linear,
        decimals: column.decimals(),
        reference: match column {
            Column::VarRatio => Some((1.0, "as varied as real".into())),
            Column::MatchingArea => Some((0.5, "chance".into())),
            _ => None,
        },
        rows: if with_published { ours.chain(theirs).collect() } else { ours.collect() },
    }
}

/// How often each latent is ranked best.
pub fn usage(row: &Row) -> Usage {
    let bars = row.latents.iter().map(|latent| UsageBar {
        id: latent.latent as u64,
        latent: latent.latent,
        name: format!("z{}", latent.latent + 1),
        share: latent.use_share.value,
        interval: Some((latent.use_share.low, latent.use_share.high)),
        words: words(latent),
    });
    Usage { heading: heading("Ranked best", row.label.clone()), bars: bars.collect() }
}

/// What sets each latent apart: its mean of each channel minus that of all latents.
pub fn signatures(row: &Row) -> Signatures {
    let channels: Vec<usize> = (0..AU_COUNT).chain([VALENCE, AROUSAL]).collect();
    let columns = row.latents.iter().map(|latent| SignatureColumn {
        id: latent.latent as u64,
        latent: latent.latent,
        name: format!("z{}", latent.latent + 1),
    });
    let cells = channels.iter().flat_map(|channel| {
        row.latents.iter().map(move |latent| match &latent.signature {
            Some(values) => SignatureCell {
                value: values[*channel].value,
                interval: Some((values[*channel].low, values[*channel].high)),
            },
            None => SignatureCell { value: f64::NAN, interval: None },
        })
    });
    Signatures {
        heading: heading("Signature of each latent", row.label.clone()),
        rows: channels.iter().map(|channel| ATTRIBUTES[*channel].to_owned()).collect(),
        columns: columns.collect(),
        cells: cells.collect(),
        unit: "difference from the mean of all latents".to_owned(),
        most: None,
    }
}

/// Whether the matching score may be read as a probability.
pub fn reliability(label: &str, look: usize, found: &Recognition) -> Option<Reliability> {
    let calibration = found.calibration.as_ref()?;
    let bins = calibration.bins.iter().enumerate().filter_map(|(index, bin)| {
        Some(ReliabilityBin {
            id: index as u64,
            predicted: bin.mean?,
            observed: bin.share?,
            count: bin.count,
            interval: bin.interval.map(|interval| (interval.low, interval.high)),
        })
    });
    Some(Reliability {
        heading: heading("Reliability of the matching score", label),
        predicted: "Matching score".to_owned(),
        observed: "Share that is the clip's own listener".to_owned(),
        look,
        bins: bins.collect(),
        undefined: 0,
    })
}

/// The two channels that a latent raises most beyond doubt, in words; empty when there is none.
pub fn words(latent: &LatentRow) -> String {
    let Some(signature) = &latent.signature else { return String::new() };
    let mut raised: Vec<(usize, f64)> = (0..AU_COUNT)
        .chain(clips::channels::EXPRESSIONS)
        .filter(|channel| signature[*channel].low > 0.0 && signature[*channel].value > 0.01)
        .map(|channel| (channel, signature[channel].value))
        .collect();
    raised.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    raised.iter().take(2).map(|(channel, _)| clips::channels::word(*channel)).collect::<Vec<_>>().join(", ")
}
