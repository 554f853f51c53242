//! Two sets of predictions over the same clips: the paired comparison by every measure.

use std::fmt::Write as _;

use clips::Control;
use measures::paired::{Comparison, holm};
use measures::uncertainty::Resampling;
use measures::{Evaluation, Measure};
use serde::Serialize;

use super::Args;
use crate::output::Output;

/// Resamples when none were asked for: the comparison is nothing without its interval.
const ROUNDS: usize = 2000;

/// One measure of both.
#[derive(Serialize)]
struct Line {
    measure: &'static str,
    #[serde(flatten)]
    found: Comparison,
    /// p of the sign-flip test, corrected for all measures of the table.
    holm: Option<f64>,
}

/// Prints both evaluations and what sets them apart. `cut` says that one of them lost samples, so that both have as many.
pub fn report(
    ours: &Evaluation,
    other: &Evaluation,
    cut: Option<String>,
    args: &Args,
    output: &Output,
    control: &Control,
) -> clips::Result<()> {
    let rounds = if args.bootstrap == 0 { ROUNDS } else { args.bootstrap };
    let resampling = Resampling { rounds, seed: args.seed, ..Resampling::default() };
    let mut lines = Vec::new();
    for measure in Measure::OFFICIAL {
        let Some(direction) = measure.better() else { continue };
        let values = |evaluation: &Evaluation| -> Vec<Option<f64>> {
            evaluation.per_clip.iter().map(|scores| measure.of_clip(scores)).collect()
        };
        let (a, b) = (values(ours), values(other));
        if !a.iter().zip(&b).any(|(a, b)| a.is_some() && b.is_some()) {
            continue;
        }
        let found = Comparison::of(&a, &b, direction, measure.kind(), &resampling, &control.silent())?;
        lines.push(Line { measure: measure.name(), found, holm: None });
    }
    let corrected = holm(&lines.iter().map(|line| line.found.permutation).collect::<Vec<_>>());
    lines.iter_mut().zip(corrected).for_each(|(line, p)| line.holm = p);
    let mut text = format!(
        "{} against {}\n{:<8} {:>12} {:>12} {:>12}  {:<26} {:>12} {:>8} {:>8}\n",
        args.predictions.display(),
        args.against.as_ref().map_or_else(String::new, |path| path.display().to_string()),
        "",
        "first",
        "second",
        "difference",
        "95 % interval",
        "first better",
        "d_z",
        "p (Holm)"
    );
    let optional = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    for line in &lines {
        let found = &line.found;
        let interval = found.interval.map_or_else(
            || "-".to_owned(),
            |interval| format!("[{:.5}, {:.5}]", interval.low, interval.high),
        );
        // writing to a String cannot fail
        let _ = writeln!(
            text,
            "{:<8} {:>12.5} {:>12.5} {:>+12.5}  {interval:<26} {:>10.1} % {:>8} {:>8}",
            line.measure,
            found.mean_a,
            found.mean_b,
            found.difference,
            100.0 * found.better,
            optional(found.effect),
            optional(line.holm)
        );
    }
    if lines.iter().any(|line| line.holm.is_none()) {
        text += "p -: FRDvs is a mean over pairs of clips, whose differences are not independent; no test of clips applies\n";
    }
    let value = serde_json::json!({
        "first": ours, "second": other, "compared": lines, "samples": ours.samples, "cut": cut,
    });
    output.result(&value, text)
}
