//! Numbers as SQLite has them.

/// Converts a count to SQLite's integer.
pub(super) fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
