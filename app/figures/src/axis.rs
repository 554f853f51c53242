//! Axes: a scale, the range that the data ask for, round ticks, and which way is better.

use crate::number;

/// How values become lengths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Scale {
    /// Evenly.
    #[default]
    Linear,
    /// By their logarithm; values must be above 0.
    Log,
}

/// Which values are better.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// The higher.
    Higher,
    /// The lower.
    Lower,
}

impl Direction {
    /// "↑" or "↓", beside the name of a measure.
    pub fn arrow(self) -> &'static str {
        match self {
            Self::Higher => "↑",
            Self::Lower => "↓",
        }
    }

    /// Whether `a` is better than `b`.
    pub fn better(self, a: f64, b: f64) -> bool {
        match self {
            Self::Higher => a > b,
            Self::Lower => a < b,
        }
    }
}

/// The name of a measure with its arrow: "FRCorr ↑".
pub fn measure(name: &str, better: Option<Direction>) -> String {
    match better {
        Some(direction) if !name.is_empty() => format!("{name} {}", direction.arrow()),
        _ => name.to_owned(),
    }
}

/// A value that can be drawn on `scale`: finite and of a size whose differences are finite too.
pub fn drawable(value: f64, scale: Scale) -> bool {
    value.is_finite() && value.abs() < 1e100 && (scale == Scale::Linear || value > 1e-100)
}

/// A line of the grid and what it says.
#[derive(Debug, Clone, PartialEq)]
pub struct Tick {
    /// Where, in data.
    pub value: f64,
    /// Words.
    pub label: String,
}

/// A range on a scale.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Its scale.
    pub scale: Scale,
    /// Lowest value shown.
    pub low: f64,
    /// Highest value shown; above `low`.
    pub high: f64,
    /// From low to high, within the range.
    pub ticks: Vec<Tick>,
}

impl Axis {
    /// An axis that shows all drawable `values`, with about `count` ticks (2 to 12) and a little air at both ends.
    pub fn around(values: impl IntoIterator<Item = f64>, scale: Scale, count: usize) -> Self {
        let (low, high) = span(values, scale);
        match scale {
            Scale::Linear => {
                let (low, high) = widened(low, high);
                let air = 0.05 * (high - low);
                Self::linear(low - air, high + air, count)
            }
            Scale::Log => {
                let (low, high) = (low.log10(), high.log10());
                let (low, high) =
                    if high - low < 0.1 { (low - 0.5, high + 0.5) } else { (low - 0.04, high + 0.04) };
                Self::log(10f64.powf(low), 10f64.powf(high), count)
            }
        }
    }

    /// An axis from exactly `low` to exactly `high`.
    pub fn linear(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = widened(low, high);
        let step = nice_step((high - low) / count.clamp(2, 12) as f64);
        let (first, last) = ((low / step - 1e-9).ceil(), (high / step + 1e-9).floor());
        let ticks = (0..=(last - first).clamp(0.0, 60.0) as usize)
            .map(|index| (first + index as f64) * step)
            .filter(|value| *value >= low - step * 1e-6 && *value <= high + step * 1e-6)
            .map(|value| Tick { value, label: number::tick(value, step) })
            .collect();
        Self { scale: Scale::Linear, low, high, ticks }
    }

    /// A logarithmic axis from `low` to `high`, both above 0.
    pub fn log(low: f64, high: f64, count: usize) -> Self {
        let (low, high) = (low.max(1e-100), high.max(1e-99));
        let (first, last) = (low.log10().floor() as i32, high.log10().ceil() as i32);
        let decades = (last - first).max(1) as usize;
        // Under three decades 2 and 5 help; over many, every n-th power is enough.
        let within: &[f64] = match decades {
            0..=1 => &[1.0, 2.0, 3.0, 5.0, 7.0],
            2..=3 => &[1.0, 2.0, 5.0],
            _ => &[1.0],
        };
        let every = decades.div_ceil(count.clamp(2, 12)).max(1);
        let ticks = (first..=last)
            .filter(|power| power.rem_euclid(every as i32) == 0)
            .flat_map(|power| within.iter().map(move |digit| digit * 10f64.powi(power)))
            .filter(|value| (low * 0.999_999..=high * 1.000_001).contains(value))
            .map(|value| Tick { value, label: number::log_tick(value) })
            .collect();
        Self { scale: Scale::Log, low, high, ticks }
    }

    /// Where `value` lies along the axis: 0 at the low end, 1 at the high end; beyond both outside.
    pub fn share(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => (value - self.low) / (self.high - self.low),
            Scale::Log => {
                (value.max(1e-100) / self.low).log10() / (self.high / self.low).log10().max(f64::MIN_POSITIVE)
            }
        }
    }

    /// Where `value` lies between `from` (low) and `to` (high), in points, held within both.
    pub fn place(&self, value: f64, from: f32, to: f32) -> f32 {
        from + (to - from) * self.share(value).clamp(0.0, 1.0) as f32
    }
}

/// Which of some spans of values (low, high) an axis leaves out, because with them the others would have no room.
///
/// `bound` says which are no competitors but bounds, such as the truth: those are left out when they reach beyond the
/// others by half of the others' range, any other by twice that range, the farthest first. What is left out is drawn at
/// the edge with an arrow and its value. At least two spans of some width stay.
pub fn aside(spans: &[(f64, f64)], bound: &[bool]) -> Vec<bool> {
    let mut out = vec![false; spans.len()];
    let usable = |index: usize| spans[index].0.is_finite() && spans[index].1.is_finite();
    loop {
        // of those that stay, the one that reaches farthest beyond the rest
        let mut farthest: Option<(usize, f64)> = None;
        for index in (0..spans.len()).filter(|index| !out[*index] && usable(*index)) {
            let rest = (0..spans.len()).filter(|other| {
                *other != index
                    && !out[*other]
                    && usable(*other)
                    && !bound.get(*other).copied().unwrap_or(false)
            });
            let (low, high, count) = rest.fold((f64::MAX, f64::MIN, 0), |(low, high, count), other| {
                (low.min(spans[other].0), high.max(spans[other].1), count + 1)
            });
            let width = high - low;
            if count < 2 || width <= 0.0 {
                continue;
            }
            let most = if bound.get(index).copied().unwrap_or(false) { 0.5 } else { 2.0 };
            let beyond = (spans[index].1 - high).max(low - spans[index].0) / width;
            if beyond > most && farthest.is_none_or(|(_, known)| beyond > known) {
                farthest = Some((index, beyond));
            }
        }
        match farthest {
            Some((index, _)) => out[index] = true,
            None => return out,
        }
    }
}

fn span(values: impl IntoIterator<Item = f64>, scale: Scale) -> (f64, f64) {
    let empty = match scale {
        Scale::Linear => (0.0, 1.0),
        Scale::Log => (1.0, 10.0),
    };
    values
        .into_iter()
        .filter(|value| drawable(*value, scale))
        .fold(None, |span, value| match span {
            None => Some((value, value)),
            Some((low, high)) => Some((value.min(low), value.max(high))),
        })
        .unwrap_or(empty)
}

/// A range of some width: one value alone gets room about it.
fn widened(low: f64, high: f64) -> (f64, f64) {
    if !(low.is_finite() && high.is_finite()) {
        return (0.0, 1.0);
    }
    let (low, high) = (low.min(high), low.max(high));
    let least = (low.abs().max(high.abs()) * 1e-6).max(1e-90);
    if high - low >= least {
        return (low, high);
    }
    let room = if low == 0.0 && high == 0.0 { 1.0 } else { (low.abs() * 0.1).max(least) };
    (low - room, high + room)
}

/// The smallest of 1, 2, 2.5, 5 times a power of ten that is at least `step`.
fn nice_step(step: f64) -> f64 {
    let power = 10f64.powf(step.log10().floor());
    let nice = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|nice| nice * power >= step * (1.0 - 1e-9));
    nice.unwrap_or(10.0) * power
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(axis: &Axis) -> Vec<&str> {
        axis.ticks.iter().map(|tick| tick.label.as_str()).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(labels(&Axis::linear(0.0, 1.0, 5)), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(labels(&Axis::linear(-0.31, 0.29, 4)), ["−0.2", "0.0", "0.2"]);
        assert_eq!(labels(&Axis::linear(80.0, 240.0, 4)), ["100", "150", "200"]);
        assert_eq!(labels(&Axis::log(0.5, 2000.0, 6)), ["1", "10", "100", "1,000"]);
        assert_eq!(labels(&Axis::log(2.0, 30.0, 6)), ["2", "5", "10", "20"]);
    }

    #[test]
    fn a_bound_or_a_stranger_is_left_out_and_company_is_not() {
        let point = |value: f64| (value, value);
        let spans = [point(0.0), point(0.4), point(0.7), point(6.6)];
        assert_eq!(aside(&spans, &[false, false, false, true]), [false, false, false, true]);
        assert_eq!(aside(&spans, &[false; 4]), [false, false, false, true]);
        // a truth within the others, or just beyond them, stays
        assert_eq!(aside(&[point(0.0), point(1.0), point(1.3)], &[false, false, true]), [false; 3]);
        // two of a kind are company: both ends matter
        assert_eq!(aside(&[point(0.0), point(10.0)], &[false, false]), [false, false]);
        assert_eq!(aside(&[point(1.0), point(1.0), point(5.0)], &[false; 3]), [false; 3]);
        assert_eq!(aside(&[(f64::NAN, 1.0)], &[]), [false]);
    }

    #[test]
    fn any_values_give_an_axis_with_a_width_and_ticks_inside() {
        let hostile: [&[f64]; 9] = [
            &[],
            &[0.0],
            &[f64::NAN, f64::INFINITY],
            &[1e99, -1e99],
            &[5e-324, 0.0],
            &[1e308],
            &[7.0, 7.0, 7.0],
            &[1e15, 1e15 + 1.0],
            &[-3.0, 1e-12],
        ];
        for values in hostile {
            for scale in [Scale::Linear, Scale::Log] {
                for count in [0, 5, 1000] {
                    let axis = Axis::around(values.iter().copied(), scale, count);
                    assert!(axis.low < axis.high, "{values:?}: {axis:?}");
                    assert!(axis.ticks.len() <= 61, "{values:?}");
                    for tick in &axis.ticks {
                        assert!(
                            (-1e-5..=1.0 + 1e-5).contains(&axis.share(tick.value)),
                            "{values:?} {tick:?}"
                        );
                    }
                    for value in values.iter().filter(|value| drawable(**value, scale)) {
                        assert!((0.0..=1.0).contains(&axis.share(*value)), "{values:?} {value}");
                    }
                }
            }
        }
    }
}
