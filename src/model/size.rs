//! Sizes as people read them.

/// Bytes in decimal units, rounded to three figures, as AWS bills them: `1.24 GB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    if number < 1000 {
        return format!("{number} {}", UNITS[0]);
    }
    let number = u128::from(number);
    let mut unit = 1;
    let mut scale: u128 = 1000;
    while unit + 1 < UNITS.len() && number / scale >= 1000 {
        scale *= 1000;
        unit += 1;
    }
    let rounded = |scale: u128, parts: u128| (number * parts + scale / 2) / scale;
    // What rounds up to a figure more has a place less.
    if rounded(scale, 100) < 1000 {
        let hundredths = rounded(scale, 100);
        return format!(
            "{}.{:02} {}",
            hundredths / 100,
            hundredths % 100,
            UNITS[unit]
        );
    }
    if rounded(scale, 10) < 1000 {
        let tenths = rounded(scale, 10);
        return format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit]);
    }
    match rounded(scale, 1) {
        1000 if unit + 1 < UNITS.len() => format!("1.00 {}", UNITS[unit + 1]),
        whole => format!("{whole} {}", UNITS[unit]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_have_three_figures() {
        for (number, wanted) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (123_456_789, "123 MB"),
            (12_345_678_901, "12.3 GB"),
            (1_234_999_999_999, "1.23 TB"),
            (1_235_000_000_000, "1.24 TB"),
            (9_994_999_999_999, "9.99 TB"),
            (9_995_000_000_000, "10.0 TB"),
            (99_950_000_000, "100 GB"),
            (999_499_999_999, "999 GB"),
            (999_500_000_000, "1.00 TB"),
            (999_999, "1.00 MB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(number), wanted);
        }
    }
}
