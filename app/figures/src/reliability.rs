//! Whether probabilities mean what they say: what happened against what was promised, bin by bin.

use clips::{Fault, FaultKind, Result};

use crate::axis::Scale;
use crate::drawing::{Drawing, Rect, Size, Stroke};
use crate::heading::{Heading, Key, empty, footnotes, inner, legend};
use crate::plot::{Plot, Wanted};
use crate::style::Style;
use crate::{Figure, number};

/// Predictions of about the same probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityBin {
    /// For the mark.
    pub id: u64,
    /// Mean of the predicted probabilities.
    pub predicted: f64,
    /// Share that came true.
    pub observed: f64,
    /// How many.
    pub count: usize,
    /// Interval of the observed share.
    pub interval: Option<(f64, f64)>,
}

/// The figure.
#[derive(Debug, Clone, PartialEq)]
pub struct Reliability {
    /// Title and note.
    pub heading: Heading,
    /// Name of the horizontal axis: "Predicted probability".
    pub predicted: String,
    /// Name of the vertical axis: "Share that matched".
    pub observed: String,
    /// Which series look it has.
    pub look: usize,
    /// Bins with at least one prediction, by ascending probability.
    pub bins: Vec<ReliabilityBin>,
    /// Predictions that were not a probability and are in no bin.
    pub undefined: usize,
}

impl Reliability {
    /// Sorts predictions into `bins` equal parts of 0 to 1, with Wilson's 95 % interval of each share.
    ///
    /// # Errors
    /// [`FaultKind::Mismatch`] for different lengths, [`FaultKind::OutOfRange`] for no bins or more than 1,000.
    pub fn from_predictions(probabilities: &[f64], outcomes: &[bool], bins: usize) -> Result<Self> {
        if probabilities.len() != outcomes.len() {
            let detail = format!("{} probabilities and {} outcomes", probabilities.len(), outcomes.len());
            return Err(Fault::new(FaultKind::Mismatch, "", detail).remedy("give one outcome a probability"));
        }
        if !(1..=1000).contains(&bins) {
            return Err(
                Fault::new(FaultKind::OutOfRange, "", format!("{bins} bins")).remedy("choose 1 to 1,000")
            );
        }
        let mut sums = vec![(0.0, 0usize, 0usize); bins];
        let mut undefined = 0;
        for (&probability, &outcome) in probabilities.iter().zip(outcomes) {
            if !(0.0..=1.0).contains(&probability) {
                undefined += 1;
                continue;
            }
            let (sum, hits, count) = &mut sums[((probability * bins as f64) as usize).min(bins - 1)];
            *sum += probability;
            *hits += usize::from(outcome);
            *count += 1;
        }
        let bins = sums
            .into_iter()
            .enumerate()
            .filter(|(_, (_, _, count))| *count > 0)
            .map(|(id, (sum, hits, count))| ReliabilityBin {
                id: id as u64,
                predicted: sum / count as f64,
                observed: hits as f64 / count as f64,
                count,
                interval: Some(wilson(hits, count)),
            })
            .collect();
        Ok(Self {
            heading: Heading::default(),
            predicted: "Predicted probability".into(),
            observed: "Observed share".into(),
            look: 0,
            bins,
            undefined,
        })
    }

    /// Expected calibration error: the mean distance from the diagonal, weighted by counts; `None` of nothing.
    pub fn calibration_error(&self) -> Option<f64> {
        let bins = self.bins.iter().filter(|bin| bin.predicted.is_finite() && bin.observed.is_finite());
        let (sum, count) = bins.fold((0.0, 0usize), |(sum, count), bin| {
            (sum + (bin.predicted - bin.observed).abs() * bin.count as f64, count + bin.count)
        });
        (count > 0).then(|| sum / count as f64)
    }
}

/// Wilson's score interval at 95 % (Wilson 1927).
fn wilson(hits: usize, count: usize) -> (f64, f64) {
    let (n, p) = (count as f64, hits as f64 / count as f64);
    let z2 = 1.959_963_984_540_054f64.powi(2);
    let (middle, scale) = (p + z2 / (2.0 * n), 1.0 + z2 / n);
    let half = (z2 * (p * (1.0 - p) / n + z2 / (4.0 * n * n))).sqrt();
    (((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0))
}

impl Figure for Reliability {
    fn height(&self, style: &Style, width: f32) -> f32 {
        self.heading.height(style, width) + (width * 0.95).clamp(style.text * 14.0, style.text * 30.0)
    }

    fn draw(&self, style: &Style, size: Size) -> Drawing {
        let mut drawing = Drawing::new(style, size);
        let mut room = inner(&drawing, style);
        self.heading.draw(&mut drawing, style, &mut room);
        if crate::heading::too_small(&mut drawing, style, room) {
            return drawing;
        }
        let shown: Vec<&ReliabilityBin> =
            self.bins.iter().filter(|bin| bin.predicted.is_finite() && bin.observed.is_finite()).collect();
        let hidden = self.bins.len() - shown.len() + self.undefined;
        let notes: Vec<String> = crate::heading::undefined(hidden, "value").into_iter().collect();
        footnotes(&mut drawing, style, &mut room, &notes);
        if shown.is_empty() {
            empty(&mut drawing, style, room, "no predictions");
            return drawing;
        }
        let mut look = style.look(self.look);
        // ten letters of one system say nothing; its dots are those of the one that is looked at
        if look.glyph.letter.take().is_some() {
            (look.color, look.glyph.shape, look.glyph.hollow) = (style.accent, 0, false);
        }
        let count = shown.iter().map(|bin| bin.count).sum::<usize>();
        let mut entries = vec![(Key::Bare, number::counted(count, "prediction"))];
        if let Some(error) = self.calibration_error() {
            entries.push((Key::Bare, format!("calibration error {}", number::fixed(error, 3))));
        }
        legend(&mut drawing, style, &mut room, &entries);
        let axis = |name| Wanted {
            name,
            better: None,
            scale: Scale::Linear,
            values: vec![],
            exactly: Some((0.0, 1.0)),
        };
        let Some(plot) = Plot::lay(&mut drawing, style, room, &axis(&self.predicted), &axis(&self.observed))
        else {
            return drawing;
        };
        let area = plot.inner;
        // Counts lie along the floor, a quarter of the height at most, behind everything.
        let most = shown.iter().map(|bin| bin.count).max().unwrap_or(1).max(1) as f32;
        let wide = (area.w / shown.len().max(10) as f32 * 0.6).min(style.text * 1.2);
        for bin in &shown {
            let tall = area.h * 0.22 * bin.count as f32 / most;
            let x = (plot.x_of(bin.predicted) - wide / 2.0).clamp(area.x, (area.right() - wide).max(area.x));
            let bar = Rect::new(x, area.bottom() - tall, wide, tall);
            drawing.fill(bar, 0.0, style.faint.mix(style.ground, 0.65));
        }
        let dash = [style.text * 0.35, style.text * 0.25];
        drawing.line(
            vec![plot.at(0.0, 0.0), plot.at(1.0, 1.0)],
            Stroke::new(style.hair * 1.5, style.faint).dashed(&dash),
        );
        let line = shown.iter().map(|bin| plot.at(bin.predicted, bin.observed)).collect();
        drawing.line(line, Stroke::new(style.line * 0.8, look.color.alpha(0.7)));
        for bin in shown {
            let at = plot.at(bin.predicted, bin.observed);
            if let Some((low, high)) = bin.interval.filter(|(low, high)| low.is_finite() && high.is_finite())
            {
                drawing.line(
                    vec![plot.at(bin.predicted, low), plot.at(bin.predicted, high)],
                    Stroke::new(style.line * 0.8, look.color),
                );
            }
            drawing.glyph(at, style.glyph() * 0.9, look.glyph, look.color, Some(style.ground), style.line);
            let what = format!(
                "predicted {}, observed {}, {}",
                number::fixed(bin.predicted, 3),
                number::fixed(bin.observed, 3),
                number::counted(bin.count, "prediction")
            );
            drawing.mark_point(bin.id, &what, at, style.glyph() * 2.0);
        }
        drawing
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_hold_what_they_should() {
        let figure = Reliability::from_predictions(
            &[0.05, 0.15, 0.15, 0.95, 1.0, f64::NAN, 1.5],
            &[false, true, false, true, true, true, true],
            10,
        )
        .unwrap();
        assert_eq!(figure.undefined, 2);
        let bins: Vec<(u64, usize, f64)> =
            figure.bins.iter().map(|bin| (bin.id, bin.count, bin.observed)).collect();
        assert_eq!(bins, [(0, 1, 0.0), (1, 2, 0.5), (9, 2, 1.0)]);
        // (0.05 * 1 + 0.35 * 2 + 0.025 * 2) / 5
        assert!((figure.calibration_error().unwrap() - 0.16).abs() < 1e-12);
        assert_eq!(Reliability::from_predictions(&[0.5], &[], 10).unwrap_err().kind, FaultKind::Mismatch);
        assert_eq!(Reliability::from_predictions(&[], &[], 0).unwrap_err().kind, FaultKind::OutOfRange);
    }

    #[test]
    fn the_interval_equals_the_published_examples() {
        // Newcombe 1998, "Two-sided confidence intervals for the single proportion", table I, method 3.
        for (hits, count, low, high) in [
            (81, 263, 0.2553, 0.3662),
            (15, 148, 0.0624, 0.1605),
            (0, 20, 0.0, 0.1611),
            (1, 29, 0.0061, 0.1718),
        ] {
            let got = wilson(hits, count);
            assert!((got.0 - low).abs() < 5e-5 && (got.1 - high).abs() < 5e-5, "{hits}/{count}: {got:?}");
        }
    }
}
