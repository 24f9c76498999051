//! Exact decimals of any number of digits: what the lines of a bill add up to.

use super::money::units as units_of;
use num_bigint::{BigInt, Sign};
use rust_decimal::Decimal;
use std::cmp::Ordering;
use std::fmt;
use std::iter::Sum;
use std::ops::{AddAssign, Neg, Sub};

/// Places after the point that an amount may have. The smallest number that a double holds
/// has 1,074.
const PLACES_MAX: i64 = 1_100;
/// Digits before the point that an amount may have: in no currency does a line of a bill have
/// more, and sums of such amounts fit wherever they go.
const WHOLE_DIGITS_MAX: usize = 12;
/// Powers of ten that a small amount is aligned by.
const POWERS_MAX: u32 = 38;

/// A sum of money or of use, to its last digit.
#[derive(Clone)]
pub struct ExactAmount {
    units: Units,
    /// Places after the point.
    scale: u32,
}

/// Whole units of 10^-scale. Nearly all fit into 128 bits.
#[derive(Clone)]
enum Units {
    Small(i128),
    Large(BigInt),
}

impl ExactAmount {
    /// Reads a decimal: `1.2345678901`, `-0.5`, `-1.7763568394002505e-12`.
    ///
    /// `None` for what is no number, and for more than twelve digits before the point.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, exponent.parse::<i64>().ok()?),
            None => (text, 0),
        };
        let (is_negative, mantissa) = match mantissa.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, mantissa.strip_prefix('+').unwrap_or(mantissa)),
        };
        let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
        let digits = || whole.bytes().chain(fraction.bytes());
        if digits().next().is_none() || !digits().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let mut digits: Vec<u8> = digits().skip_while(|digit| *digit == b'0').collect();
        if digits.is_empty() {
            return Some(Self::default());
        }
        let mut scale = i64::try_from(fraction.len()).ok()?.checked_sub(exponent)?;
        let digits_before = i64::try_from(digits.len()).ok()?.checked_sub(scale)?;
        if scale > PLACES_MAX || digits_before > i64::try_from(WHOLE_DIGITS_MAX).ok()? {
            return None;
        }
        while scale < 0 {
            digits.push(b'0');
            scale += 1;
        }
        let mut units = BigInt::parse_bytes(&digits, 10)?;
        if is_negative {
            units = -units;
        }
        Some(Self::of_units(units, u32::try_from(scale).ok()?))
    }

    /// The amount of so many units of 10^-scale.
    #[must_use]
    pub fn of_units(units: BigInt, scale: u32) -> Self {
        let units = i128::try_from(units)
            .map_or_else(|error| Units::Large(error.into_original()), Units::Small);
        Self { units, scale }
    }

    /// Returns true for nothing.
    #[must_use]
    pub fn is_zero(&self) -> bool {
        self.sign() == Ordering::Equal
    }

    /// Returns true for less than nothing.
    #[must_use]
    pub fn is_negative(&self) -> bool {
        self.sign() == Ordering::Less
    }

    fn sign(&self) -> Ordering {
        match &self.units {
            Units::Small(units) => units.cmp(&0),
            Units::Large(units) => match units.sign() {
                Sign::Minus => Ordering::Less,
                Sign::NoSign => Ordering::Equal,
                Sign::Plus => Ordering::Greater,
            },
        }
    }

    /// The amount in whole units of 10^-places, half to even; `None` where they do not fit into
    /// 128 bits.
    #[must_use]
    pub fn rounded_units(&self, places: u32) -> Option<i128> {
        if let (Units::Small(units), true) = (&self.units, self.scale <= places) {
            return units.checked_mul(power(places - self.scale)?);
        }
        let Some(cut) = self.scale.checked_sub(places) else {
            return i128::try_from(self.aligned(places)).ok();
        };
        let divisor = BigInt::from(10).pow(cut);
        let units = self.aligned(self.scale);
        let (mut quotient, rest) = (&units / &divisor, &units % &divisor);
        let twice = rest.magnitude() * 2u32;
        let is_odd = (&quotient % 2u32).sign() != Sign::NoSign;
        let is_up = match twice.cmp(divisor.magnitude()) {
            Ordering::Less => false,
            Ordering::Greater => true,
            Ordering::Equal => is_odd,
        };
        if is_up {
            quotient += if units.sign() == Sign::Minus { -1 } else { 1 };
        }
        i128::try_from(quotient).ok()
    }

    /// The amount rounded to so many places; `None` where it needs more than 28 digits.
    #[must_use]
    pub fn rounded(&self, places: u32) -> Option<Decimal> {
        Decimal::try_from_i128_with_scale(self.rounded_units(places)?, places).ok()
    }

    /// Units of 10^-scale, which is no less than its own.
    fn aligned(&self, scale: u32) -> BigInt {
        let units = match &self.units {
            Units::Small(units) => BigInt::from(*units),
            Units::Large(units) => units.clone(),
        };
        match scale - self.scale {
            0 => units,
            more => units * BigInt::from(10).pow(more),
        }
    }
}

/// Units of 10^-to that so many units of 10^-from are.
fn small_aligned(units: i128, from: u32, to: u32) -> Option<i128> {
    units.checked_mul(power(to - from)?)
}

fn power(exponent: u32) -> Option<i128> {
    (exponent <= POWERS_MAX).then(|| 10i128.pow(exponent))
}

impl Default for ExactAmount {
    fn default() -> Self {
        Self {
            units: Units::Small(0),
            scale: 0,
        }
    }
}

impl From<Decimal> for ExactAmount {
    fn from(amount: Decimal) -> Self {
        let scale = amount.scale();
        let units = units_of(amount, scale).unwrap_or_default();
        Self {
            units: Units::Small(units),
            scale,
        }
    }
}

impl AddAssign<&Self> for ExactAmount {
    fn add_assign(&mut self, other: &Self) {
        let scale = self.scale.max(other.scale);
        if let (Units::Small(left), Units::Small(right)) = (&self.units, &other.units) {
            let left = small_aligned(*left, self.scale, scale);
            let right = small_aligned(*right, other.scale, scale);
            if let Some(sum) = left
                .zip(right)
                .and_then(|(left, right)| left.checked_add(right))
            {
                self.units = Units::Small(sum);
                self.scale = scale;
                return;
            }
        }
        *self = Self::of_units(self.aligned(scale) + other.aligned(scale), scale);
    }
}

impl<'a> Sum<&'a Self> for ExactAmount {
    fn sum<I: Iterator<Item = &'a Self>>(amounts: I) -> Self {
        let mut sum = Self::default();
        amounts.for_each(|amount| sum += amount);
        sum
    }
}

impl Neg for ExactAmount {
    type Output = Self;

    fn neg(self) -> Self {
        Self::of_units(-self.aligned(self.scale), self.scale)
    }
}

impl Sub<&Self> for ExactAmount {
    type Output = Self;

    fn sub(mut self, other: &Self) -> Self {
        self += &-other.clone();
        self
    }
}

impl Ord for ExactAmount {
    fn cmp(&self, other: &Self) -> Ordering {
        let scale = self.scale.max(other.scale);
        self.aligned(scale).cmp(&other.aligned(scale))
    }
}

impl PartialOrd for ExactAmount {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for ExactAmount {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for ExactAmount {}

impl fmt::Display for ExactAmount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = self.aligned(self.scale);
        let places = self.scale as usize;
        let digits = format!("{:0>width$}", units.magnitude(), width = places + 1);
        let (whole, fraction) = digits.split_at(digits.len() - places);
        let sign = if self.is_negative() { "-" } else { "" };
        let fraction = fraction.trim_end_matches('0');
        let point = if fraction.is_empty() { "" } else { "." };
        write!(formatter, "{sign}{whole}{point}{fraction}")
    }
}

impl fmt::Debug for ExactAmount {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> ExactAmount {
        ExactAmount::parse(text).unwrap()
    }

    #[test]
    fn amounts_are_read_to_their_last_digit() {
        for (text, wanted) in [
            ("1.2345678901", "1.2345678901"),
            ("-0.5", "-0.5"),
            ("+3", "3"),
            (" 0.10 ", "0.1"),
            (".5", "0.5"),
            ("7.", "7"),
            ("-0", "0"),
            ("1.0E-10", "0.0000000001"),
            ("2.5e3", "2500"),
            ("-1.7763568394002505e-12", "-0.0000000000017763568394002505"),
            (
                "0.1000000000000000055511151231257827021181583404541015625",
                "0.1000000000000000055511151231257827021181583404541015625",
            ),
        ] {
            assert_eq!(read(text).to_string(), wanted);
        }
        for text in [
            "",
            ".",
            "abc",
            "1,5",
            "1_000",
            "NaN",
            "inf",
            "--1",
            "1e",
            "1e99",
            "1e-99999",
            "1e9999999999999999999",
        ] {
            assert_eq!(ExactAmount::parse(text), None, "{text}");
        }
        assert_eq!(read("5e-324").to_string().len(), 326);
    }

    #[test]
    fn noise_of_doubles_is_rounded_away_and_nothing_else() {
        let mut sum = read("10000.000000000002");
        sum += &read("1.4999999999999998");
        sum += &read("-1.7763568394002505e-12");
        assert_eq!(sum.rounded(10).unwrap().to_string(), "10001.5000000000");
        for (text, wanted) in [
            ("0.25", "0.2"),
            ("0.35", "0.4"),
            ("-0.25", "-0.2"),
            ("-0.26", "-0.3"),
            ("4", "4.0"),
        ] {
            assert_eq!(read(text).rounded(1).unwrap().to_string(), wanted, "{text}");
        }
    }

    proptest! {
        #[test]
        fn sums_do_not_depend_on_their_order_or_scale(
            amounts in prop::collection::vec((any::<i64>(), 0u32..60), 1..20),
        ) {
            let amounts: Vec<ExactAmount> = amounts
                .into_iter()
                .map(|(units, scale)| ExactAmount::of_units(units.into(), scale))
                .collect();
            let forward: ExactAmount = amounts.iter().sum();
            prop_assert_eq!(&forward, &amounts.iter().rev().sum());
            prop_assert_eq!(read_back(&forward), Some(forward.clone()));
            let without = amounts.iter().fold(forward, |left, amount| left - amount);
            prop_assert!(without.is_zero());
        }
    }

    /// Through text, where it is an amount of a bill.
    fn read_back(amount: &ExactAmount) -> Option<ExactAmount> {
        let text = amount.to_string();
        let whole = text
            .split('.')
            .next()
            .unwrap_or_default()
            .trim_start_matches('-');
        if whole.len() > WHOLE_DIGITS_MAX {
            return Some(amount.clone());
        }
        ExactAmount::parse(&text)
    }
}
