//! The few statistics that pictures need: quantiles and histograms.

/// A quantile of ascending values, between neighbours by straight line (type 7 of Hyndman and Fan 1996, what R and
/// NumPy do unasked); `None` of nothing.
pub fn quantile(sorted: &[f64], share: f64) -> Option<f64> {
    let last = sorted.len().checked_sub(1)?;
    let place = share.clamp(0.0, 1.0) * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    Some(sorted[below] + (sorted[above] - sorted[below]) * (place - below as f64))
}

/// Median, quartiles and the 5th and 95th percentile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct FiveNumbers {
    /// 5th percentile.
    pub low: f64,
    /// 25th percentile.
    pub lower: f64,
    /// Median.
    pub median: f64,
    /// 75th percentile.
    pub upper: f64,
    /// 95th percentile.
    pub high: f64,
}

/// The five numbers of ascending values; `None` of nothing.
pub fn five_numbers(sorted: &[f64]) -> Option<FiveNumbers> {
    Some(FiveNumbers {
        low: quantile(sorted, 0.05)?,
        lower: quantile(sorted, 0.25)?,
        median: quantile(sorted, 0.5)?,
        upper: quantile(sorted, 0.75)?,
        high: quantile(sorted, 0.95)?,
    })
}

/// How many of `values` fall into each of `bins` equal parts of `low..=high`.
pub fn histogram(values: &[f64], low: f64, high: f64, bins: usize) -> Vec<usize> {
    let mut counts = vec![0; bins];
    for value in values {
        let share = (value - low) / (high - low);
        if (0.0..=1.0).contains(&share) && bins > 0 {
            counts[((share * bins as f64) as usize).min(bins - 1)] += 1;
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_equal_those_of_numpy() {
        // numpy.quantile([1, 2, 4, 8], [0.05, 0.25, 0.5, 0.75, 0.95])
        let five = five_numbers(&[1.0, 2.0, 4.0, 8.0]).unwrap();
        let wanted = [1.15, 1.75, 3.0, 5.0, 7.4];
        for (got, wanted) in [five.low, five.lower, five.median, five.upper, five.high].iter().zip(wanted) {
            assert!((got - wanted).abs() < 1e-12, "{got} {wanted}");
        }
        assert_eq!(quantile(&[], 0.5), None);
        assert_eq!(quantile(&[3.0], 0.95), Some(3.0));
    }

    #[test]
    fn a_histogram_counts_every_value_within() {
        assert_eq!(histogram(&[0.0, 0.1, 0.5, 1.0, 2.0, f64::NAN], 0.0, 1.0, 2), [2, 2]);
        assert_eq!(histogram(&[1.0], 0.0, 1.0, 0), Vec::<usize>::new());
    }
}
