//! Sizes as people read them.

/// Bytes in decimal units with three figures, as AWS bills them: `1.24 GB`.
#[must_use]
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 7] = ["B", "kB", "MB", "GB", "TB", "PB", "EB"];
    let mut unit = 0;
    let mut scale: u64 = 1;
    while unit + 1 < UNITS.len() && number / scale >= 1000 {
        scale = scale.saturating_mul(1000);
        unit += 1;
    }
    let whole = number / scale;
    let hundredths = u128::from(number % scale) * 100 / u128::from(scale);
    match (unit, whole) {
        (0, _) | (_, 100..) => format!("{whole} {}", UNITS[unit]),
        (_, 10..) => format!("{whole}.{} {}", hundredths / 10, UNITS[unit]),
        _ => format!("{whole}.{hundredths:02} {}", UNITS[unit]),
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
            (1_999_999_999_999, "1.99 TB"),
            (u64::MAX, "18.4 EB"),
        ] {
            assert_eq!(bytes(number), wanted);
        }
    }
}
