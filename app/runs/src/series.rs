//! One measured quantity over a run, in bounded memory: neighbours are merged, two by two, whenever there are too many,
//! and every merged point still knows its lowest and highest value, so that no peak is lost.

/// Most points a series keeps. When there are more, each two neighbours become one.
pub const MOST_POINTS: usize = 8192;

/// Where in a run something was measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    /// Steps since the run began, over both stages.
    pub step: f64,
    /// Passes over the data; NaN where the run does not say.
    pub epoch: f64,
    /// Seconds of training; NaN where the run does not say.
    pub seconds: f64,
}

/// One or more neighbouring measurements.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Point {
    /// Where the last of them was taken.
    pub at: Place,
    /// Their mean.
    pub mean: f64,
    /// The lowest.
    pub low: f64,
    /// The highest.
    pub high: f64,
    /// How many they are.
    pub count: u32,
}

/// A quantity over a run, by ascending step.
#[derive(Debug, Clone, PartialEq)]
pub struct Series {
    points: Vec<Point>,
    /// Measurements in a full point.
    each: u32,
    most: usize,
}

impl Default for Series {
    fn default() -> Self {
        Self { points: Vec::new(), each: 1, most: MOST_POINTS }
    }
}

impl Series {
    /// A series of at most `most` points (at least 2).
    pub fn with_room(most: usize) -> Self {
        Self { most: most.max(2), ..Self::default() }
    }

    /// The points, by ascending step.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// The last measurement, or the mean of the last few where they were merged.
    pub fn last(&self) -> Option<f64> {
        self.points.last().map(|point| point.mean)
    }

    /// Adds a measurement; one that is not a number is left out.
    pub fn push(&mut self, at: Place, value: f64) {
        if !value.is_finite() || !at.step.is_finite() {
            return;
        }
        let one = Point { at, mean: value, low: value, high: value, count: 1 };
        match self.points.last_mut() {
            Some(last) if last.count < self.each => *last = merged(*last, one),
            _ => {
                if self.points.len() >= self.most {
                    self.points = self
                        .points
                        .chunks(2)
                        .map(|pair| if let [a, b] = pair { merged(*a, *b) } else { pair[0] })
                        .collect();
                    self.each = self.each.saturating_mul(2);
                }
                self.points.push(one);
            }
        }
    }

    /// Forgets what was measured at `step` and after: a run that was taken up again measures it anew.
    pub fn forget_from(&mut self, step: f64) {
        let keep = self.points.partition_point(|point| point.at.step < step);
        self.points.truncate(keep);
    }

    /// Exponential moving average with bias correction, one value a point: `weight` of the past for every single
    /// measurement (0 leaves the series as it is). It begins anew after each of the `breaks` (steps, ascending), beyond
    /// which the quantity means something else.
    pub fn smoothed(&self, weight: f64, breaks: &[f64]) -> Vec<f64> {
        let weight = if weight.is_finite() { weight.clamp(0.0, 0.9999) } else { 0.0 };
        let (mut mean, mut total) = (0.0, 0.0);
        let mut breaks = breaks.iter().peekable();
        // Nearly all points hold as many measurements: the power is computed once.
        let mut power = (1, weight);
        self.points
            .iter()
            .map(|point| {
                while breaks.next_if(|at| **at < point.at.step).is_some() {
                    (mean, total) = (0.0, 0.0);
                }
                if power.0 != point.count {
                    power = (point.count, weight.powf(f64::from(point.count)));
                }
                let kept = power.1;
                mean = kept * mean + (1.0 - kept) * point.mean;
                total = kept * total + (1.0 - kept);
                mean / total
            })
            .collect()
    }

    /// The point nearest to `x` on an axis; places the axis does not know are passed over.
    pub fn nearest(&self, x: f64, axis: impl Fn(&Place) -> f64) -> Option<usize> {
        let far = |index: usize| (axis(&self.points[index].at) - x).abs();
        (0..self.points.len())
            .filter(|index| far(*index).is_finite())
            .min_by(|a, b| far(*a).total_cmp(&far(*b)))
    }
}

fn merged(a: Point, b: Point) -> Point {
    let (wa, wb) = (f64::from(a.count), f64::from(b.count));
    Point {
        at: b.at,
        mean: (a.mean * wa + b.mean * wb) / (wa + wb),
        low: a.low.min(b.low),
        high: a.high.max(b.high),
        count: a.count.saturating_add(b.count),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(step: usize) -> Place {
        Place { step: step as f64, epoch: f64::NAN, seconds: step as f64 * 0.5 }
    }

    #[test]
    fn memory_is_bounded_and_no_peak_is_lost() {
        let mut series = Series::with_room(100);
        let value = |step: usize| if step == 3_333 { 50.0 } else { (step as f64 * 0.01).sin() };
        for step in 0..30_000 {
            series.push(at(step), value(step));
        }
        assert!((50..=100).contains(&series.points().len()), "{}", series.points().len());
        let high = series.points().iter().map(|point| point.high).fold(f64::MIN, f64::max);
        assert_eq!(high, 50.0);
        let count: u32 = series.points().iter().map(|point| point.count).sum();
        assert_eq!(count, 30_000);
        let mean: f64 =
            series.points().iter().map(|point| point.mean * f64::from(point.count)).sum::<f64>() / 30_000.0;
        let truth: f64 = (0..30_000).map(value).sum::<f64>() / 30_000.0;
        assert!((mean - truth).abs() < 1e-9);
        assert_eq!(series.points().last().unwrap().at.step, 29_999.0);
        assert!(series.points().windows(2).all(|pair| pair[0].at.step < pair[1].at.step));
    }

    #[test]
    fn smoothing_corrects_its_bias_and_leaves_constants_alone() {
        let mut series = Series::default();
        (0..50).for_each(|step| series.push(at(step), 4.0));
        assert!(series.smoothed(0.97, &[]).iter().all(|value| (value - 4.0).abs() < 1e-12));
        let mut series = Series::default();
        [1.0, 2.0, 4.0].into_iter().enumerate().for_each(|(step, value)| series.push(at(step), value));
        assert_eq!(series.smoothed(0.0, &[]), [1.0, 2.0, 4.0]);
        // by hand: (1), (0.5 * 1 + 2) / 1.5, (0.25 * 1 + 0.5 * 2 + 4) / 1.75
        let by_hand = [1.0, 2.5 / 1.5, 5.25 / 1.75];
        for (got, wanted) in series.smoothed(0.5, &[]).into_iter().zip(by_hand) {
            assert!((got - wanted).abs() < 1e-12, "{got} {wanted}");
        }
        // after a break nothing is known of what was before
        assert_eq!(series.smoothed(0.5, &[1.0])[2], 4.0);
    }

    #[test]
    fn what_is_measured_again_replaces_what_was() {
        let mut series = Series::default();
        (0..10).for_each(|step| series.push(at(step), 1.0));
        series.forget_from(4.0);
        series.push(at(4), 2.0);
        assert_eq!(series.points().len(), 5);
        assert_eq!(series.last(), Some(2.0));
        series.push(at(5), f64::NAN);
        assert_eq!(series.points().len(), 5);
        assert_eq!(series.nearest(3.2, |at| at.step), Some(3));
        assert_eq!(series.nearest(3.2, |at| at.epoch), None);
    }
}
