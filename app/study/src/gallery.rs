//! All pictures of a study, each with its file name, what it shows, and its caption: the report sets them on its page, the
//! export writes them as files.

use clips::{Control, Result};
use figures::number::{counted, fixed, interval};
use figures::{Figure, Heading};
use measures::Measure;

use crate::board::{Board, Row, Scored};
use crate::column::Column;
use crate::plots;
use crate::tables::best_rows;

/// What a picture is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Appropriateness against diversity.
    Tradeoff,
    /// Means and intervals by a column.
    Forest(Column),
    /// Clips by a column.
    Distribution(Column),
    /// The best two by a column, clip by clip.
    Difference(Column),
    /// How often each latent of a row is ranked best.
    Usage(usize),
    /// What sets the latents of a row apart.
    Signatures(usize),
    /// Calibration of the matching score of a row.
    Reliability(usize),
}

/// One picture.
pub struct Picture {
    /// What it is about.
    pub subject: Subject,
    /// File name without ending: lower case, digits, hyphens; the same for the same board.
    pub name: String,
    /// What is seen, for those who cannot see it.
    pub label: String,
    /// The caption.
    pub caption: String,
    /// What is drawn, without title: the caption says it.
    pub figure: Box<dyn Figure + Send + Sync>,
}

/// The pictures of a study in a fixed order; those that have nothing to show are left out.
///
/// # Errors
/// Cancelled on request.
pub fn pictures(board: &Board, scored: &[Scored], control: &Control) -> Result<Vec<Picture>> {
    let mut all = vec![tradeoff(board)];
    for (index, column) in Column::OFFICIAL.into_iter().enumerate() {
        control.step("figures", index as u64, Column::OFFICIAL.len() as u64, column.name())?;
        all.push(forest(board, column));
        all.extend(distribution(board, column));
        all.extend(difference(board, column, control)?);
    }
    for (index, row) in board.rows.iter().enumerate() {
        if !row.latents.is_empty() {
            all.push(usage(index, row));
            all.push(signatures(index, row));
        }
        all.extend(scored.get(index).and_then(|scored| reliability(index, row, scored)));
    }
    Ok(all)
}

/// Number and name of a row as part of a file name.
fn slug(index: usize, row: &Row) -> String {
    let words = row.label.split(|character: char| !character.is_ascii_alphanumeric());
    let name: Vec<String> = words.filter(|word| !word.is_empty()).map(str::to_ascii_lowercase).collect();
    let name: String = name.join("-").chars().take(40).collect();
    format!("{}-{name}", index + 1).trim_end_matches('-').to_owned()
}

fn tradeoff(board: &Board) -> Picture {
    let axes = [Column::Measure(Measure::Corr), Column::Measure(Measure::Div)];
    let figure = plots::tradeoff(board, axes, None, false);
    let without: Vec<&str> =
        plots::left_out(board, axes).into_iter().map(|row| board.rows[row].label.as_str()).collect();
    let without = match without.as_slice() {
        [] => String::new(),
        names => {
            format!(". Left out, because their FRCorr sums another number of samples: {}", names.join(", "))
        }
    };
    Picture {
        subject: Subject::Tradeoff,
        name: "tradeoff-FRCorr-FRDiv".to_owned(),
        label: format!("FRCorr against FRDiv of {}", counted(figure.points.len(), "system")),
        caption: format!(
            "Appropriateness (FRCorr) against diversity (FRDiv) with 95 % intervals over clips. The line is the front of \
                  systems that no other beats in both. FRDiv of noise is 1/6: towards the upper end alone is no aim{without}"
        ),
        figure: Box::new(figures::Tradeoff { heading: Heading::default(), ..figure }),
    }
}

fn forest(board: &Board, column: Column) -> Picture {
    let figure = plots::forest(board, column, false);
    Picture {
        subject: Subject::Forest(column),
        name: format!("forest-{}", column.name()),
        label: format!("{} of each system with its interval; the numbers are in the table", column.name()),
        caption: format!("{} with its 95 % interval over clips. {}", column.name(), column.meaning()),
        figure: Box::new(figures::Forest { heading: Heading::default(), ..figure }),
    }
}

fn distribution(board: &Board, column: Column) -> Option<Picture> {
    let figure = plots::distribution(board, column, None);
    (!figure.rows.is_empty()).then(|| Picture {
        subject: Subject::Distribution(column),
        name: format!("distribution-{}", column.name()),
        label: format!("{} of each clip, a row a system", column.name()),
        caption: format!(
            "{} of {}: each clip, or a histogram of many; median, quartiles, and 5th to 95th percentile",
            column.name(),
            counted(board.clips, "clip")
        ),
        figure: Box::new(figures::Distribution { heading: Heading::default(), ..figure }),
    })
}

/// The best two trained systems; where there are none, the best two of all.
fn difference(board: &Board, column: Column, control: &Control) -> Result<Option<Picture>> {
    let pair = [false, true].into_iter().find_map(|with_naive| {
        let rows = best_rows(board, column, with_naive);
        Some((*rows.first()?, *rows.get(1)?))
    });
    let Some((a, b)) = pair else { return Ok(None) };
    let Some(found) = board.compare(a, b, column, board.settings.bootstrap, &control.silent())? else {
        return Ok(None);
    };
    let (first, second) = (&board.rows[a].label, &board.rows[b].label);
    let range = found
        .interval
        .map_or(String::new(), |range| format!(" {}", interval((range.low, range.high), column.decimals())));
    let caption = format!(
        "{} of {first} minus {second}, the best two, by clip in order of the difference. Mean {}{range}",
        column.name(),
        fixed(found.difference, column.decimals()),
    );
    let figure = plots::differences(board, a, b, column, &found);
    Ok(Some(Picture {
        subject: Subject::Difference(column),
        name: format!("difference-{}", column.name()),
        label: format!("{} of {first} minus {second}, clip by clip", column.name()),
        caption,
        // taken out of its caption it must still say of whom it is
        figure: Box::new(figures::Differences {
            heading: Heading { title: String::new(), ..figure.heading.clone() },
            ..figure
        }),
    }))
}

fn usage(index: usize, row: &Row) -> Picture {
    let figure = plots::usage(row);
    Picture {
        subject: Subject::Usage(index),
        name: format!("usage-{}", slug(index, row)),
        label: format!("Share of clips for which each latent intent of {} is ranked best", row.label),
        caption: format!(
            "{}: share of clips for which each latent intent is ranked best, with 95 % intervals over clips. Words: the \
             channels that it raises most beyond doubt",
            row.label
        ),
        figure: Box::new(figures::Usage { heading: Heading::default(), ..figure }),
    }
}

fn signatures(index: usize, row: &Row) -> Picture {
    let figure = plots::signatures(row);
    Picture {
        subject: Subject::Signatures(index),
        name: format!("signatures-{}", slug(index, row)),
        label: format!(
            "What sets each latent intent of {} apart, by action unit, valence and arousal",
            row.label
        ),
        caption: format!(
            "{}: mean of each channel over the reactions of a latent intent, minus the mean of all latent intents. It \
             describes reactions; it does not say that a latent means something",
            row.label
        ),
        figure: Box::new(figures::Signatures { heading: Heading::default(), ..figure }),
    }
}

fn reliability(index: usize, row: &Row, scored: &Scored) -> Option<Picture> {
    let figure = plots::reliability(&row.label, row.look, scored.recognition.as_deref()?)?;
    Some(Picture {
        subject: Subject::Reliability(index),
        name: format!("reliability-{}", slug(index, row)),
        label: format!("Matching score of {} against the share that is the clip's own listener", row.label),
        caption: format!(
            "{}: of listeners whom the network gives a matching score, the share that is the clip's own rather than a \
             foreign one. On the diagonal the score may be read as a probability",
            row.label
        ),
        figure: Box::new(figures::Reliability { heading: Heading::default(), ..figure }),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_label_gives_a_file_name_that_every_machine_takes() {
        let row = |label: &str| -> Row {
            serde_json::from_value(serde_json::json!({
                "label": label, "spec": "", "system": "", "checkpoint": "", "track": null, "draw": null,
                "naive": false, "seeds": [], "samples": 1, "cells": {}, "latents": [], "warnings": [],
            }))
            .unwrap_or_else(|error| panic!("{error}"))
        };
        for (label, name) in [
            ("latent-intent spread", "3-latent-intent-spread"),
            ("../../etc/passwd", "3-etc-passwd"),
            ("<b>\u{202e}", "3-b"),
            ("", "3"),
            ("12", "3-12"),
        ] {
            assert_eq!(slug(2, &row(label)), name);
        }
        assert!(slug(0, &row(&"x".repeat(500))).len() < 50);
    }
}
