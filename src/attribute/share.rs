//! Splitting an amount to its last digit: the largest-remainder method.

use ethnum::U256;

/// An amount split among weights and a rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shares {
    /// One for each weight, in the same order.
    pub(super) of_weights: Vec<i128>,
    /// The rest that is still to be shared.
    pub(super) of_rest: i128,
}

/// Splits `units` in proportion to the weights and the weight of the rest.
///
/// The parts add up to `units` exactly. Every part is its exact share rounded
/// down, towards zero; the units then left over go one each to the largest
/// remainders, equal ones in the order given, the rest last. Without any weight
/// all of it is rest.
#[must_use]
pub(super) fn split(units: i128, weights: &[u128], rest: u128) -> Shares {
    let total = weights
        .iter()
        .fold(U256::from(rest), |sum, weight| sum + U256::from(*weight));
    if weights.iter().all(|weight| *weight == 0) {
        return Shares {
            of_weights: vec![0; weights.len()],
            of_rest: units,
        };
    }
    let amount = units.unsigned_abs();
    let narrow_total = u128::try_from(total).ok();
    let mut parts: Vec<u128> = Vec::with_capacity(weights.len() + 1);
    let mut remainders: Vec<(U256, usize)> = Vec::with_capacity(weights.len() + 1);
    let mut left_over = units.unsigned_abs();
    for (index, weight) in weights.iter().chain([&rest]).enumerate() {
        // Most products fit into 128 bits, which takes a tenth of the time.
        let short = amount.checked_mul(*weight).zip(narrow_total);
        let (part, remainder) = if let Some((product, total)) = short {
            (U256::from(product / total), U256::from(product % total))
        } else {
            let product = U256::from(amount) * U256::from(*weight);
            (product / total, product % total)
        };
        // A part is no larger than the amount, which fits.
        parts.push(part.as_u128());
        left_over -= part.as_u128();
        remainders.push((remainder, index));
    }
    // There are fewer units left over than remainders that are not zero.
    let wanted = usize::try_from(left_over).unwrap_or(usize::MAX);
    if wanted > 0 && wanted < remainders.len() {
        let by_size = |left: &(U256, usize), right: &(U256, usize)| {
            right.0.cmp(&left.0).then(left.1.cmp(&right.1))
        };
        remainders.select_nth_unstable_by(wanted - 1, by_size);
    }
    for (_, index) in remainders.iter().take(wanted) {
        parts[*index] += 1;
    }
    let sign = units.signum();
    let mut signed = parts
        .into_iter()
        .map(|part| part.cast_signed() * sign)
        .collect::<Vec<i128>>();
    let of_rest = signed.pop().unwrap_or_default();
    Shares {
        of_weights: signed,
        of_rest,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_left_over_units_go_to_the_largest_remainders() {
        // 100 in three: 33.3 each, and the first gets the odd one.
        assert_eq!(split(100, &[1, 1, 1], 0).of_weights, [34, 33, 33]);
        // 10 in 1:2:3 of 6: 1.67, 3.33, 5.
        assert_eq!(split(10, &[1, 2, 3], 0).of_weights, [2, 3, 5]);
        assert_eq!(split(-10, &[1, 2, 3], 0).of_weights, [-2, -3, -5]);
        // A single unit among many goes to one of them.
        assert_eq!(split(1, &[1, 3, 2], 0).of_weights, [0, 1, 0]);
        assert_eq!(split(7, &[0, 0], 0).of_rest, 7);
        assert_eq!(split(7, &[], 3).of_rest, 7);
        assert_eq!(split(0, &[1], 1), split(0, &[5], 9));
    }

    proptest! {
        #[test]
        fn parts_add_up_and_are_nearly_exact(
            units in prop_oneof![-5i128..5, any::<i64>().prop_map(i128::from), -(1i128 << 96)..1i128 << 96],
            weights in prop::collection::vec(
                prop_oneof![Just(0u128), 1u128..5, any::<u64>().prop_map(u128::from)], 0..40),
            rest in prop_oneof![Just(0u128), any::<u64>().prop_map(u128::from)],
        ) {
            let shares = split(units, &weights, rest);
            let sum: i128 = shares.of_weights.iter().sum();
            prop_assert_eq!(sum + shares.of_rest, units);
            let total = weights.iter().fold(U256::from(rest), |sum, weight| sum + U256::from(*weight));
            for (part, weight) in shares.of_weights.iter().zip(&weights) {
                prop_assert!(part.signum() * units.signum() >= 0);
                // |part - exact| < 1, without a fraction: compare products.
                if total > 0 {
                    let exact = U256::from(units.unsigned_abs()) * U256::from(*weight);
                    let whole = U256::from(part.unsigned_abs()) * total;
                    let gap = if exact > whole { exact - whole } else { whole - exact };
                    prop_assert!(gap < total || *weight == 0 && *part == 0);
                }
            }
        }
    }
}
