//! Account ids as bills, exports and spreadsheets spell them.

use crate::model::ids::is_account_id;

/// Digits that are left of an account id where zeros in front were taken. With fewer, something
/// else is as likely.
const ACCOUNT_DIGITS_MIN: usize = 9;
/// Digits of an account id.
const ACCOUNT_DIGITS: usize = 12;

/// An account id, and whether it was spelled in another way.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct ToldAccountId {
    pub(super) id: String,
    pub(super) is_repaired: bool,
}

/// What is said once of account ids that were repaired.
pub(super) const REPAIRED: &str = "some account ids had lost zeros in front, or had quotes, hyphens or decimals: they are read as \
     their 12 digits";

/// Reads an account id: 12 digits, or what is certain to have been them. Spreadsheets and data
/// frames take zeros in front, add quotes, or make it a number with decimals.
///
/// # Errors
///
/// The reason, and the remedy, where its digits are not certain.
pub(super) fn account_id(told: &str) -> Result<ToldAccountId, String> {
    if is_account_id(told) {
        return Ok(ToldAccountId {
            id: told.to_owned(),
            is_repaired: false,
        });
    }
    let bare = told.trim_matches(|letter: char| {
        letter.is_whitespace() || "='\"`\u{2018}\u{2019}\u{feff}\u{200b}".contains(letter)
    });
    let is_rounded = bare
        .split_once(['e', 'E'])
        .is_some_and(|(mantissa, exponent)| {
            !mantissa.is_empty()
                && mantissa
                    .bytes()
                    .all(|byte| byte.is_ascii_digit() || b".,".contains(&byte))
                && exponent.trim_start_matches('+').parse::<u8>().is_ok()
        });
    if is_rounded {
        return Err(format!(
            "the account id {bare:?} was rounded by a spreadsheet: export it again with the column as text"
        ));
    }
    let whole = match bare.split_once('.') {
        Some((whole, zeros)) if zeros.bytes().all(|zero| zero == b'0') => whole,
        _ => bare,
    };
    let digits: String = whole
        .chars()
        .filter(|letter| !"-\u{2010}\u{2011}\u{2012}\u{2013} ".contains(*letter))
        .collect();
    let is_certain = (ACCOUNT_DIGITS_MIN..=ACCOUNT_DIGITS).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit());
    if is_certain {
        return Ok(ToldAccountId {
            id: format!("{digits:0>ACCOUNT_DIGITS$}"),
            is_repaired: true,
        });
    }
    let shown: String = bare.chars().take(40).collect();
    Err(format!("{shown:?} is no account id, which has 12 digits"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn account_ids_are_repaired_where_that_is_certain() {
        for told in [
            "12345678901",
            "'012345678901",
            "\"012345678901\"",
            "=\"012345678901\"",
            "0123-4567-8901",
            "0123 4567 8901",
            "12345678901.0",
            "\u{feff}012345678901 ",
        ] {
            let wanted = ToldAccountId {
                id: "012345678901".to_owned(),
                is_repaired: true,
            };
            assert_eq!(account_id(told), Ok(wanted), "{told}");
        }
        assert!(!account_id("444455556666").unwrap().is_repaired);
        for told in [
            "",
            "4.44455556666E+11",
            "4.44E+11",
            "1E11",
            "4444555566667",
            "12345678",
            "12345678901.5",
            "/subscriptions/7",
            "-12345678901x",
        ] {
            assert!(account_id(told).is_err(), "{told}");
        }
        assert!(account_id("4,44456E+11").unwrap_err().contains("as text"));
    }
}
