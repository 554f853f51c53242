//! What may be concluded from a board, in plain words, by rule: a sentence that says "ahead", "more" or "less" only where
//! a 95 % interval leaves the other answer out and the sign-flip test agrees.
//!
//! What it is not: advice. Intervals are over clips, not corrected for the number of sentences, and blind to other
//! training seeds; the first sentence says so.

use clips::{Control, Result};
use figures::number::{fixed, interval, percent, signed};
use listener::ceiling::knows_the_truth;
use measures::Measure;

use crate::board::{Board, Cell, Row, Scored};
use crate::column::Column;
use crate::tables::best_rows;

/// From this share of undefined clips on, synchrony says more about constant columns than about time.
const UNREADABLE: f64 = 0.5;
/// Below this many clips percentile intervals are too narrow.
const FEW_CLIPS: usize = 20;

/// Sentences, the most important first; with fewer than two systems only what can be said of one.
///
/// # Errors
/// Cancelled on request.
pub fn conclusions(board: &Board, scored: &[Scored], control: &Control) -> Result<Vec<String>> {
    let mut said = Vec::new();
    if board.clips < FEW_CLIPS {
        said.push(format!(
            "{} are few: the intervals below are too narrow, and every \"ahead\" is weaker than it sounds",
            figures::number::counted(board.clips, "clip")
        ));
    }
    if board.settings.bootstrap == 0 {
        said.push("No intervals were asked for: nothing can be said about which system is ahead".to_owned());
    }
    let uneven: Vec<&str> = Column::OFFICIAL
        .into_iter()
        .filter(|column| board.uneven(*column).is_some())
        .map(Column::name)
        .collect();
    if !uneven.is_empty() {
        let usual = board.usual_samples();
        let others: Vec<String> = board
            .rows
            .iter()
            .filter(|row| row.samples != usual)
            .map(|row| format!("{} ({})", row.label, figures::number::counted(row.samples, "sample")))
            .collect();
        said.push(format!(
            "{} are sums over samples. Nothing is concluded by them of {}, because the other systems have {usual} samples \
             each; the values of a single sample are in the table of what the official numbers hide",
            uneven.join(" and "),
            others.join(", ")
        ));
    }
    for column in Column::OFFICIAL {
        match column {
            Column::Measure(Measure::Var) => said.extend(movement(board, scored)),
            Column::Measure(Measure::Syn) => said.extend(synchrony(board, control)?),
            _ => said.extend(ahead(board, column, control)?),
        }
    }
    said.extend(board.rows.iter().flat_map(latents));
    // what a network makes of real listeners does not depend on how reactions are drawn
    let seen =
        |index: usize| board.rows[..index].iter().any(|row| row.checkpoint == board.rows[index].checkpoint);
    said.extend(
        (0..board.rows.len()).filter(|index| !seen(*index)).filter_map(|index| matching(&board.rows[index])),
    );
    Ok(said)
}

fn cell(row: &Row, column: Column) -> Option<&Cell> {
    row.cell(column).filter(|cell| cell.value.is_some())
}

/// The best trained system against the second, and against the best naive baseline.
fn ahead(board: &Board, column: Column, control: &Control) -> Result<Vec<String>> {
    let mut said = Vec::new();
    let trained = best_rows(board, column, false);
    let Some(best) = trained.first() else { return Ok(said) };
    if let Some(second) = trained.get(1) {
        said.extend(versus(board, *best, *second, column, control)?);
    }
    // the truth copies an answer: to be behind it is no finding
    let naive = best_rows(board, column, true)
        .into_iter()
        .find(|row| board.rows[*row].naive && !knows_the_truth(&board.rows[*row].system));
    if let Some(naive) = naive {
        said.extend(versus(board, *best, naive, column, control)?.map(|sentence| match column {
            Column::Measure(Measure::Div | Measure::Dvs) if board.rows[naive].system == "random" => {
                format!("{sentence}. Noise scores high here by definition: diversity alone is no merit")
            }
            _ => sentence,
        }));
    }
    Ok(said)
}

/// Who of two is ahead, or that it cannot be said; `None` without an interval.
fn versus(board: &Board, a: usize, b: usize, column: Column, control: &Control) -> Result<Option<String>> {
    let Some(found) = board.compare(a, b, column, board.settings.bootstrap, &control.silent())? else {
        return Ok(None);
    };
    let Some(range) = found.interval else { return Ok(None) };
    let decimals = column.decimals();
    let (name_a, name_b) = (&board.rows[a].label, &board.rows[b].label);
    let measured = |sign: f64| {
        let (low, high) = if sign > 0.0 { (range.low, range.high) } else { (-range.high, -range.low) };
        format!("{} {}", signed(sign * found.difference, decimals), interval((low, high), decimals))
    };
    let name = column.name();
    let pairs = column.kind() == measures::uncertainty::Kind::Pairs;
    let share =
        |share: f64| if pairs { String::new() } else { format!(", better on {} of clips", percent(share)) };
    let by_chance = found.permutation.filter(|p| *p >= measures::paired::LEVEL);
    Ok(Some(if let Some(p) = by_chance.filter(|_| !range.contains(0.0)) {
        format!(
            "By {name}, {name_a} and {name_b} cannot be told apart: {} leaves 0 out, but p of the sign-flip test is {}",
            measured(1.0),
            fixed(p, 3)
        )
    } else if range.contains(0.0) {
        format!("By {name}, {name_a} and {name_b} cannot be told apart: {}", measured(1.0))
    } else if column.better().is_some_and(|better| better.better(found.difference, 0.0)) {
        format!("By {name}, {name_a} is ahead of {name_b}: {}{}", measured(1.0), share(found.better))
    } else {
        format!("By {name}, {name_b} is ahead of {name_a}: {}{}", measured(-1.0), share(1.0 - found.better))
    }))
}

/// FRVar against that of real listeners: more is not better.
fn movement(board: &Board, scored: &[Scored]) -> Vec<String> {
    let column = Column::Measure(Measure::Var);
    let mut said = Vec::new();
    for (row, scored) in board.rows.iter().zip(scored).filter(|(row, _)| !row.naive) {
        let truth = scored.outcomes.first().and_then(|outcome| outcome.evaluation.FRVar_truth);
        let (Some(truth), Some(found)) = (truth.filter(|truth| *truth > 0.0), cell(row, column)) else {
            continue;
        };
        let (Some(value), Some(range)) = (found.value, found.interval) else { continue };
        let (low, high) = (range.low / truth, range.high / truth);
        let verdict = if high < 1.0 {
            "faces move less than real ones"
        } else if low > 1.0 {
            "faces move more than real ones, which FRVar counts as better and is as likely jitter"
        } else {
            "faces cannot be told from real ones by how much they move"
        };
        let ratio = value / truth;
        said.push(format!(
            "FRVar ratio of {}: {} {}: {verdict}",
            row.label,
            fixed(ratio, 2),
            interval((low, high), 2)
        ));
    }
    said
}

/// FRSyn, or why it cannot be read.
fn synchrony(board: &Board, control: &Control) -> Result<Vec<String>> {
    let share = |row: &Row| {
        cell(row, Column::Measure(Measure::ConstantShare)).and_then(|cell| cell.value).unwrap_or(0.0)
    };
    let unreadable: Vec<&Row> =
        board.rows.iter().filter(|row| !row.naive && share(row) >= UNREADABLE).collect();
    let mut said = Vec::new();
    if !unreadable.is_empty() {
        let names: Vec<String> = unreadable
            .iter()
            .map(|row| format!("{} ({} of clips)", row.label, percent(share(row))))
            .collect();
        // noise never stands still: where it is undefined too, the speaker does
        let noise = board.rows.iter().find(|row| row.system == listener::Naive::Random.name());
        let whose = match noise.map(share).filter(|share| *share >= UNREADABLE) {
            Some(share) => {
                format!("; with random reactions it is {}, so that it is the speakers who do", percent(share))
            }
            None => String::new(),
        };
        said.push(format!(
            "FRSyn cannot be read here for {}: these clips have a column that never changes and count 1 to 49 frames \
             whatever the reaction does{whose}",
            names.join(", ")
        ));
    }
    let column = Column::Measure(Measure::Syn);
    let readable: Vec<usize> = best_rows(board, column, false)
        .into_iter()
        .filter(|row| share(&board.rows[*row]) < UNREADABLE)
        .collect();
    if let [best, second, ..] = readable.as_slice() {
        said.extend(versus(board, *best, *second, column, control)?.map(|sentence| {
            let most = share(&board.rows[*best]).max(share(&board.rows[*second]));
            if most > 0.0 {
                format!("{sentence}. Up to {} of clips are undefined and stand at 1 to 49", percent(most))
            } else {
                sentence
            }
        }));
    }
    Ok(said)
}

/// Whether one latent answers nearly everything, and which never do.
fn latents(row: &Row) -> Option<String> {
    // one latent was asked for: it is no finding that it answers
    if row.latents.len() < 2 || matches!(row.draw, Some(crate::entry::Draw::One(_))) {
        return None;
    }
    let name = |latent: &crate::latents::LatentRow| format!("z{}", latent.latent + 1);
    let range = |latent: &crate::latents::LatentRow| {
        format!(
            "{} [{}, {}]",
            percent(latent.use_share.value),
            percent(latent.use_share.low),
            percent(latent.use_share.high)
        )
    };
    let most = row.latents.iter().max_by(|a, b| a.use_share.value.total_cmp(&b.use_share.value))?;
    let never: Vec<String> = row.latents.iter().filter(|latent| latent.clips.is_empty()).map(name).collect();
    let mut said = if most.use_share.low > 0.5 {
        format!(
            "{}: one latent intent, {}, is ranked best for most clips: {}",
            row.label,
            name(most),
            range(most)
        )
    } else {
        format!(
            "{}: no latent intent is ranked best for most clips beyond doubt; {} leads with {}",
            row.label,
            name(most),
            range(most)
        )
    };
    if !never.is_empty() {
        said += &format!(". Never ranked best: {}", never.join(", "));
    }
    Some(said)
}

/// The matching score: these have no interval over clips, so that only the numbers are said.
fn matching(row: &Row) -> Option<String> {
    let area = cell(row, Column::MatchingArea)?.value?;
    let error = cell(row, Column::MatchingError)?.value?;
    Some(format!(
        "{}: the matching score ranks a clip's own listener above a foreign one in {} of pairs (50 % is chance); as a \
         probability it is off by {} on average. Neither has an interval here",
        row.label,
        percent(area),
        fixed(error, 3)
    ))
}
