//! Catches panics of third-party readers (Parquet) on damaged data.

use std::fmt::Display;
use std::panic::{AssertUnwindSafe, catch_unwind, set_hook, take_hook};
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Number of third-party readers running now; panic messages of all threads are suppressed
/// while it is above zero.
static AT_WORK: AtomicUsize = AtomicUsize::new(0);

/// Runs a third-party reader.
///
/// # Errors
///
/// What the reader says, or that the data is damaged where it panics.
pub fn guarded<T, E: Display>(read: impl FnOnce() -> Result<T, E>) -> Result<T, String> {
    match survived(read) {
        Some(read) => read.map_err(|error| error.to_string()),
        None => Err("the data is damaged".to_owned()),
    }
}

/// Runs a third-party reader, and returns `None` if it panics.
fn survived<T>(read: impl FnOnce() -> T) -> Option<T> {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let told = take_hook();
        set_hook(Box::new(move |panic| {
            if AT_WORK.load(Ordering::SeqCst) == 0 {
                told(panic);
            }
        }));
    });
    AT_WORK.fetch_add(1, Ordering::SeqCst);
    let outcome = catch_unwind(AssertUnwindSafe(read));
    AT_WORK.fetch_sub(1, Ordering::SeqCst);
    outcome.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_no_answer() {
        let empty: [u8; 0] = [];
        assert_eq!(survived(|| empty.iter().max().copied()), Some(None));
        assert_eq!(survived(|| empty[..].split_at(1).0.len()), None);
    }
}
