//! The retry policy for failed requests.

use super::error::{AwsError, AwsErrorKind};
use std::time::Duration;

/// The number of times that the delay doubles: later delays stay the same.
const DOUBLINGS_MAX: u32 = 4;
/// Being told to slow down says nothing about the request itself: it is made so many
/// times as often as one that failed otherwise.
const THROTTLED_TIMES: u32 = 4;

/// A retry policy: delays between tries, and their number.
#[derive(Debug, Clone, Copy)]
pub(super) struct RetryPolicy {
    /// The first wait; each further one is twice as long.
    pub(super) first: Duration,
    /// Tries of a request that is not throttled.
    pub(super) tries_max: u32,
}

impl RetryPolicy {
    /// A request is made once: the one who makes it tries again by itself.
    pub(super) const ONCE: Self = Self {
        first: Duration::ZERO,
        tries_max: 1,
    };

    /// The wait after so many tries; `None` where the error stands. `request` tells
    /// requests apart, so that those refused together do not come back together.
    pub(super) fn wait(self, error: &AwsError, tries: u32, request: u64) -> Option<Duration> {
        self.wait_for(error.kind, tries, request)
    }

    /// The same for what is no error, but has to be asked again as if it were.
    pub(super) fn wait_for(
        self,
        trouble: AwsErrorKind,
        tries: u32,
        request: u64,
    ) -> Option<Duration> {
        let tries_max = match trouble {
            AwsErrorKind::Unreachable => self.tries_max,
            AwsErrorKind::Throttled if self.tries_max > 1 => {
                self.tries_max.saturating_mul(THROTTLED_TIMES)
            }
            _ => 1,
        };
        if tries >= tries_max {
            return None;
        }
        let whole = self.first * 2_u32.pow((tries - 1).min(DOUBLINGS_MAX));
        Some(whole / 2 + whole / 2 * spread(request, tries) / SPREAD_PARTS)
    }
}

const SPREAD_PARTS: u32 = 256;

/// A part of [`SPREAD_PARTS`] that looks like chance, and is the same every time.
fn spread(request: u64, tries: u32) -> u32 {
    let mixed = (request ^ u64::from(tries) << 56).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    u32::try_from(mixed >> 56).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: RetryPolicy = RetryPolicy {
        first: Duration::from_millis(200),
        tries_max: 6,
    };

    fn waits(kind: AwsErrorKind) -> Vec<Duration> {
        let error = AwsError::new(kind, "refused".to_owned());
        (1..)
            .map_while(|tries| PATIENCE.wait(&error, tries, 7))
            .collect()
    }

    #[test]
    fn waits_double_up_to_a_bound() {
        let waits = waits(AwsErrorKind::Unreachable);
        assert_eq!(waits.len(), 5);
        for (wait, whole) in waits.iter().zip([200, 400, 800, 1600, 3200]) {
            let whole = Duration::from_millis(whole);
            assert!(whole / 2 <= *wait && *wait <= whole, "{waits:?}");
        }
    }

    #[test]
    fn throttling_is_waited_out_longer_and_refusals_not_at_all() {
        assert_eq!(waits(AwsErrorKind::Throttled).len(), 23);
        for kind in [
            AwsErrorKind::Denied,
            AwsErrorKind::Absent,
            AwsErrorKind::Credentials,
            AwsErrorKind::Other,
        ] {
            assert_eq!(waits(kind), Vec::<Duration>::new());
        }
        let error = AwsError::new(AwsErrorKind::Throttled, "refused".to_owned());
        assert_eq!(RetryPolicy::ONCE.wait(&error, 1, 7), None);
    }

    #[test]
    fn requests_that_were_refused_together_come_back_apart() {
        let error = AwsError::new(AwsErrorKind::Throttled, "refused".to_owned());
        let waits = (0..256).filter_map(|request| PATIENCE.wait(&error, 1, request));
        let apart: std::collections::BTreeSet<Duration> = waits.collect();
        assert!(apart.len() > 100, "{}", apart.len());
    }
}
