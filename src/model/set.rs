//! Sets of values that are seen again and again.

use std::collections::BTreeSet;

/// Adds a value, unless it is known: most are, and are not copied then.
pub fn add_new<T: Ord + Clone>(known: &mut BTreeSet<T>, value: Option<&T>) {
    if let Some(value) = value
        && !known.contains(value)
    {
        known.insert(value.clone());
    }
}
