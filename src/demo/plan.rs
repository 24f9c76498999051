//! The parameters of a generated organization.

use super::cast::CONSUMERS;
use crate::model::time::UtcSecond;

/// The parameters of a generated organization.
#[derive(Debug, Clone)]
pub struct DemoPlan {
    /// The same seed gives the same bytes.
    pub seed: u64,
    /// The first day, at midnight UTC.
    pub start: UtcSecond,
    /// The number of days.
    pub days: u32,
    /// The number of the five consumers that take part.
    pub consumers: usize,
    /// Quick chains per consumer and day.
    pub chains_per_day: usize,
    /// Records of other things per account and day.
    pub noise_per_day: usize,
    /// True if the oddities of real logs occur.
    pub oddities: bool,
    /// If so, one chain in so many is an odd one.
    pub odd_one_in: usize,
    /// Minutes of delivery that go into one file.
    pub minutes_per_file: i64,
    /// True if strangers use the external id of a data source now and then.
    pub strangers: bool,
    /// Chains per day that few organizations have: console sessions, repeated query executions,
    /// third hops, thin copies, a Role B of the hub account.
    pub rare_per_day: usize,
    /// Chains per day that read tables of producers.
    pub mesh_per_day: usize,
    /// Chains per day that take other roads to the data, or act for someone.
    pub roads_per_day: usize,
    /// True if things go wrong in the last week that rules find.
    pub incidents: bool,
}

impl DemoPlan {
    /// Two weeks of five consumers.
    #[must_use]
    pub fn demo(seed: u64) -> Self {
        Self {
            seed,
            // Sunday, 1 November 2026.
            start: UtcSecond::from_unix(1_793_491_200),
            days: 14,
            consumers: CONSUMERS.len(),
            chains_per_day: 6,
            noise_per_day: 150,
            oddities: true,
            odd_one_in: 2,
            minutes_per_file: 360,
            strangers: true,
            rare_per_day: 3,
            mesh_per_day: 5,
            roads_per_day: 4,
            incidents: false,
        }
    }

    /// Returns the plan of `qs-audit demo`: six weeks, so that there is a baseline, with incidents
    /// in the last week.
    #[must_use]
    pub fn showcase(seed: u64) -> Self {
        let usual = Self::demo(seed);
        Self {
            start: usual.start.plus(-28 * 86_400),
            days: 42,
            noise_per_day: 60,
            odd_one_in: 4,
            strangers: false,
            rare_per_day: 0,
            incidents: true,
            ..usual
        }
    }

    /// The checked-in sample: two days of two consumers, in which everything
    /// happens once.
    #[must_use]
    pub fn sample() -> Self {
        Self {
            days: 2,
            consumers: 2,
            chains_per_day: 9,
            odd_one_in: 1,
            noise_per_day: 12,
            minutes_per_file: 1440,
            rare_per_day: 0,
            mesh_per_day: 5,
            roads_per_day: 6,
            incidents: true,
            ..Self::demo(20_261_101)
        }
    }

    /// Chains per day on other roads: none if nothing is odd.
    pub(super) fn roads_per_day(&self) -> usize {
        if self.oddities { self.roads_per_day } else { 0 }
    }

    /// The end of the last day.
    #[must_use]
    pub fn end(&self) -> UtcSecond {
        self.start.plus(i64::from(self.days) * 86_400)
    }
}
