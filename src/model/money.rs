//! Exact decimal amounts, and how a billed terabyte is counted.

use rust_decimal::Decimal;

/// Places that amounts of a bill are rounded to when all of its lines are added up: as many as
/// AWS writes. What more there is comes from doubles.
pub const AMOUNT_PLACES: u32 = 10;

/// Most decimal places an amount keeps. Bills carry ten to eighteen.
pub const SCALE_MAX: u32 = 28;

/// Reads a decimal exactly: `1.2345678901`, `-0.5`, `1.0E-10`.
///
/// `None` for what is no number, and for what does not fit into 28 digits:
/// an amount is never rounded on its way in.
#[must_use]
pub fn parse_decimal(text: &str) -> Option<Decimal> {
    let text = text.trim();
    let (digits, exponent) = match text.split_once(['e', 'E']) {
        Some((digits, exponent)) => (digits, exponent.parse::<i32>().ok()?),
        None => (text, 0),
    };
    if digits.contains('_') {
        return None;
    }
    let mut number = Decimal::from_str_exact(digits.strip_prefix('+').unwrap_or(digits)).ok()?;
    if exponent != 0 {
        number = number.normalize();
    }
    if exponent < 0 {
        let scale = number.scale().checked_add(exponent.unsigned_abs())?;
        number.set_scale(scale).ok()?;
    }
    for _ in 0..exponent.clamp(0, SCALE_MAX.cast_signed() + 1) {
        number = number.checked_mul(Decimal::TEN)?.normalize();
    }
    if number.is_zero() {
        number.set_sign_positive(true);
    }
    Some(number)
}

/// Places of columns of decimals: more than a bill has, and the same in every file.
const COLUMN_SCALE_MIN: u32 = 18;

/// Returns the number of decimal places of a column.
#[must_use]
pub fn column_scale(amounts: &[Option<Decimal>]) -> u32 {
    let scales = amounts.iter().flatten().map(Decimal::scale);
    scales.max().unwrap_or_default().max(COLUMN_SCALE_MIN)
}

/// An amount as a whole number of units of 10^-scale; `None` where it does not
/// fit, or has more places.
#[must_use]
pub fn units(amount: Decimal, scale: u32) -> Option<i128> {
    let amount = if amount.scale() > scale {
        amount.normalize()
    } else {
        amount
    };
    let places = scale.checked_sub(amount.scale())?;
    amount.mantissa().checked_mul(10i128.checked_pow(places)?)
}

/// The amount of so many units of 10^-scale; `None` where it needs more than 28
/// digits.
#[must_use]
pub fn amount(units: i128, scale: u32) -> Option<Decimal> {
    Decimal::try_from_i128_with_scale(units, scale).ok()
}

/// The same without zeros at the end, down to `scale_min` places.
#[must_use]
pub fn trimmed(mut units: i128, mut scale: u32, scale_min: u32) -> Option<Decimal> {
    // Nearly all fit into 64 bits, which divide many times as fast.
    if let Ok(mut short) = i64::try_from(units) {
        while scale > scale_min && short % 10 == 0 {
            short /= 10;
            scale -= 1;
        }
        return amount(i128::from(short), scale);
    }
    while scale > scale_min && units % 10 == 0 {
        units /= 10;
        scale -= 1;
    }
    amount(units, scale)
}

/// The exact sum; `None` where it needs more than 28 digits, where a plain sum
/// would be rounded.
#[must_use]
pub fn add(left: Decimal, right: Decimal) -> Option<Decimal> {
    let scale = left.scale().max(right.scale());
    let sum = units(left, scale)?.checked_add(units(right, scale)?)?;
    amount(sum, scale)
}

/// The amount as machine formats spell it: all of its digits.
#[must_use]
pub fn exact(amount: Decimal) -> String {
    amount.to_string()
}

/// The number of bytes in a billed terabyte. AWS does not say (docs/cloudtrail-facts.md#pricing).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum TerabyteBase {
    /// 10^12 bytes, and megabytes of 10^6.
    #[default]
    Decimal,
    /// 2^40 bytes, and megabytes of 2^20.
    Binary,
}

impl TerabyteBase {
    /// Bytes in a terabyte.
    #[must_use]
    pub fn bytes_per_terabyte(self) -> u64 {
        match self {
            Self::Decimal => 1_000_000_000_000,
            Self::Binary => 1 << 40,
        }
    }

    /// Bytes in a megabyte.
    #[must_use]
    pub fn bytes_per_megabyte(self) -> u64 {
        match self {
            Self::Decimal => 1_000_000,
            Self::Binary => 1 << 20,
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Decimal => Self::Binary,
            Self::Binary => Self::Decimal,
        }
    }

    /// The base as configuration and outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_exact_or_none() {
        let read = |text: &str| parse_decimal(text).unwrap();
        assert_eq!(add(read("0.1"), read("0.02")), Some(read("0.12")));
        assert_eq!(add(Decimal::MAX, Decimal::ONE), None);
        assert_eq!(add(Decimal::MAX, read("0.1")), None);
        let cost = Decimal::new(12_345, 4);
        assert_eq!(units(cost, 10), Some(12_345_000_000));
        assert_eq!(amount(12_345_000_000, 10), Some(cost));
        assert_eq!(units(Decimal::new(1, 3), 2), None);
        assert_eq!(units(Decimal::new(10, 3), 2), Some(1));
        let short = |units| trimmed(units, 18, 6).map(exact);
        assert_eq!(short(1_200_000_000_000).as_deref(), Some("0.0000012"));
        assert_eq!(short(0).as_deref(), Some("0.000000"));
        assert_eq!(
            short(-(10i128.pow(25))).as_deref(),
            Some("-10000000.000000")
        );
    }

    #[test]
    fn amounts_are_read_exactly_or_not_at_all() {
        for (text, wanted) in [
            ("1.2345678901", "1.2345678901"),
            ("-0.5", "-0.5"),
            ("+3", "3"),
            (" 0.10 ", "0.10"),
            ("1.0E-10", "0.0000000001"),
            ("2.5e3", "2500"),
            ("-0", "0"),
            ("0E-10", "0.0000000000"),
            (".5", "0.5"),
        ] {
            assert_eq!(parse_decimal(text).map(exact).as_deref(), Some(wanted));
        }
        for text in [
            "",
            "abc",
            "1,5",
            "1_000",
            "NaN",
            "1e99",
            "1e-40",
            "--1",
            "12345678901234567890.123456789012",
        ] {
            assert_eq!(parse_decimal(text), None, "{text}");
        }
    }
}
