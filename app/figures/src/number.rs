//! How numbers are written, in figures and in tables alike: fixed decimals, a true minus sign, no negative zero.

/// A number with a fixed count of decimals (at most 12); "−0.00" is "0.00".
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "—".into();
    }
    if value != 0.0 && value.abs() >= 1e15 {
        return exponent(value);
    }
    let text = format!("{:.*}", decimals.min(12), value.abs());
    let zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if value < 0.0 && !zero { format!("−{text}") } else { text }
}

/// The same with a sign before positive values too.
pub fn signed(value: f64, decimals: usize) -> String {
    let text = fixed(value, decimals);
    let zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if value > 0.0 && !zero { format!("+{text}") } else { text }
}

/// "±0.007".
pub fn spread(spread: f64, decimals: usize) -> String {
    format!("±{}", fixed(spread.abs(), decimals))
}

/// "[0.10, 0.20]".
pub fn interval((low, high): (f64, f64), decimals: usize) -> String {
    format!("[{}, {}]", fixed(low, decimals), fixed(high, decimals))
}

/// "21 %"; one decimal below one percent, so that little is not nothing.
pub fn percent(share: f64) -> String {
    let percent = share * 100.0;
    format!("{} %", fixed(percent, usize::from(percent != 0.0 && percent.abs() < 0.95)))
}

/// A count with separated thousands: "5,924".
pub fn count(count: usize) -> String {
    group(&count.to_string())
}

/// "1 clip", "12 clips".
pub fn counted(number: usize, one: &str) -> String {
    format!("{} {one}{}", count(number), if number == 1 { "" } else { "s" })
}

/// As many decimals as show three significant digits of the largest of `values`, between 0 and 6.
pub fn decimals_for(values: impl IntoIterator<Item = f64>) -> usize {
    let largest = values.into_iter().filter(|value| value.is_finite()).fold(0.0f64, |a, b| a.max(b.abs()));
    if largest <= 0.0 {
        return 2;
    }
    (2 - largest.log10().floor() as i64).clamp(0, 6) as usize
}

/// A tick of a linear axis whose ticks are `step` apart: all ticks of one axis show the same decimals.
pub fn tick(value: f64, step: f64) -> String {
    if !step.is_finite() || step <= 0.0 {
        return fixed(value, 2);
    }
    // A value that is a rounding error away from zero is zero.
    let value = if value.abs() < step * 1e-6 { 0.0 } else { value };
    if step < 1e-6 || value.abs() >= 1e7 {
        return if value == 0.0 { "0".into() } else { exponent(value) };
    }
    let decimals = (0..=7).find(|&decimals| {
        let scaled = step * 10f64.powi(decimals);
        (scaled - scaled.round()).abs() < 1e-6 * scaled
    });
    let text = fixed(value, decimals.unwrap_or(7) as usize);
    match text.split_once('.') {
        Some(_) => text,
        None => group(&text),
    }
}

/// A tick of a logarithmic axis: "0.01", "1,000", "10⁻⁶".
pub fn log_tick(value: f64) -> String {
    let power = value.log10();
    if (-3.5..=4.5).contains(&power) {
        let decimals = (-power.floor()).max(0.0) as usize;
        let text = fixed(value, decimals);
        return if decimals == 0 { group(&text) } else { text };
    }
    exponent(value)
}

fn exponent(value: f64) -> String {
    let text = format!("{value:.1e}");
    let (mantissa, power) = text.split_once('e').unwrap_or((&text, "0"));
    let mantissa = mantissa.trim_end_matches(".0").replace('-', "−");
    let raised: String = power
        .chars()
        .map(|digit| match digit {
            '-' => '⁻',
            digit => {
                digit.to_digit(10).and_then(|digit| "⁰¹²³⁴⁵⁶⁷⁸⁹".chars().nth(digit as usize)).unwrap_or(digit)
            }
        })
        .collect();
    match mantissa.as_str() {
        "1" => format!("10{raised}"),
        "−1" => format!("−10{raised}"),
        mantissa => format!("{mantissa}×10{raised}"),
    }
}

fn group(text: &str) -> String {
    let (sign, digits) = match text.strip_prefix('−') {
        Some(digits) => ("−", digits),
        None => ("", text),
    };
    let mut out = String::from(sign);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index) % 3 == 0 {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_without_noise() {
        for (got, wanted) in [
            (fixed(0.1 + 0.2, 2), "0.30"),
            (fixed(-0.0004, 2), "0.00"),
            (fixed(-1.25, 1), "−1.2"),
            (fixed(f64::NAN, 2), "—"),
            (fixed(1e300, 2), "10³⁰⁰"),
            (signed(0.021, 3), "+0.021"),
            (signed(0.0001, 3), "0.000"),
            (spread(-0.007, 3), "±0.007"),
            (interval((-0.1, 0.2), 2), "[−0.10, 0.20]"),
            (percent(0.2149), "21 %"),
            (percent(0.004), "0.4 %"),
            (percent(0.0), "0 %"),
            (count(5924), "5,924"),
            (counted(1, "clip"), "1 clip"),
            (counted(1612, "clip"), "1,612 clips"),
            (tick(0.30000000000000004, 0.1), "0.3"),
            (tick(-1e-18, 0.5), "0.0"),
            (tick(1500.0, 500.0), "1,500"),
            (tick(0.0025, 0.0025), "0.0025"),
            (tick(2e7, 1e7), "2×10⁷"),
            (log_tick(0.001), "0.001"),
            (log_tick(10000.0), "10,000"),
            (log_tick(1e-6), "10⁻⁶"),
            (log_tick(3e8), "3×10⁸"),
        ] {
            assert_eq!(got, wanted);
        }
    }

    #[test]
    fn decimals_show_three_digits_of_the_largest() {
        assert_eq!(decimals_for([0.3059, 0.0001]), 3);
        assert_eq!(decimals_for([140.5, 92.1]), 0);
        assert_eq!(decimals_for([f64::NAN]), 2);
    }
}
