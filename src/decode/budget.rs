//! Memory that all threads together may have for large inflated objects.

use crate::model::coverage::Limits;
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// A byte budget shared by all threads. A thread that asks for more than is free waits. A
/// thread holds at most one permit, so waiting cannot deadlock.
#[derive(Debug)]
pub struct InflateBudget {
    bytes_max: usize,
    free: Mutex<usize>,
    returned: Condvar,
}

/// A part of the budget, until it is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    budget: Arc<InflateBudget>,
    bytes: usize,
}

impl InflateBudget {
    /// The budget of a run with these limits.
    #[must_use]
    pub fn of(limits: &Limits) -> Arc<Self> {
        Arc::new(Self {
            bytes_max: limits.inflating_bytes_max,
            free: Mutex::new(limits.inflating_bytes_max),
            returned: Condvar::new(),
        })
    }

    /// Takes a part, once there is enough; the whole budget is enough for anything.
    pub(super) fn take(self: &Arc<Self>, bytes: usize) -> Permit {
        let bytes = bytes.min(self.bytes_max);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        while *free < bytes {
            free = self
                .returned
                .wait(free)
                .unwrap_or_else(PoisonError::into_inner);
        }
        *free -= bytes;
        Permit {
            budget: Arc::clone(self),
            bytes,
        }
    }

    /// Bytes that are left.
    #[cfg(test)]
    pub(super) fn free(&self) -> usize {
        *self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut free = self
            .budget
            .free
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        *free += self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[test]
    fn no_more_is_given_out_than_there_is() {
        let limits = Limits {
            inflating_bytes_max: 10,
            ..Limits::DEFAULT
        };
        let budget = InflateBudget::of(&limits);
        let in_use = AtomicUsize::new(0);
        std::thread::scope(|scope| {
            for bytes in [1, 4, 9, 10, 99, 3, 7, 5] {
                let (budget, in_use) = (&budget, &in_use);
                scope.spawn(move || {
                    for _ in 0..200 {
                        let permit = budget.take(bytes);
                        let now = in_use.fetch_add(permit.bytes, Ordering::SeqCst) + permit.bytes;
                        assert!(now <= 10, "{now}");
                        in_use.fetch_sub(permit.bytes, Ordering::SeqCst);
                        drop(permit);
                    }
                });
            }
        });
        assert_eq!(budget.free(), 10);
    }
}
