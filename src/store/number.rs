//! Numbers as SQLite has them.

/// How many, as SQLite counts.
pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
