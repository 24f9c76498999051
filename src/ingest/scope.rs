//! What of a bill is asked for, and what becomes of its lines.

use super::shape::{LineEnd, RowShape};
use crate::model::bill::{BillPeriod, ChargeCategory, Uncounted};
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use std::collections::BTreeSet;

/// What becomes of rows of one shape.
pub(super) enum RowFate {
    Counted(Box<RowShape>),
    /// Not counted, for a reason that is counted.
    Uncounted(WhyUncounted),
}

/// The reason why a line is not counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum WhyUncounted {
    Category(ChargeCategory),
    OutsideWindow,
    AcrossWindow,
}

impl WhyUncounted {
    pub(super) fn count(self, lines: u64, into: &mut Uncounted) {
        let number = match self {
            Self::Category(category) => into.categories.entry(category).or_default(),
            Self::OutsideWindow => &mut into.outside_window,
            Self::AcrossWindow => &mut into.across_window,
        };
        *number += lines;
    }
}

/// What of a bill is asked for.
pub(super) struct Scope {
    pub(super) window: TimeWindow,
    pub(super) extra: BTreeSet<ChargeCategory>,
}

impl Scope {
    /// What becomes of rows of a shape. A period without an end is evaluated when all rows are known.
    pub(super) fn fate(&self, shape: RowShape) -> RowFate {
        let window = (shape.end == LineEnd::Told).then_some(shape.key.period);
        match self.why_uncounted(shape.key.category, window) {
            Some(why) => RowFate::Uncounted(why),
            None => RowFate::Counted(Box::new(shape)),
        }
    }

    /// Returns true if some of a period is inside the window.
    pub(super) fn has_some_of(&self, period: BillPeriod) -> bool {
        !matches!(inside(period, &self.window), Inside::Not)
    }

    /// The reason why a line is not counted.
    pub(super) fn why_uncounted(
        &self,
        category: ChargeCategory,
        period: Option<BillPeriod>,
    ) -> Option<WhyUncounted> {
        if category != ChargeCategory::Usage && !self.extra.contains(&category) {
            return Some(WhyUncounted::Category(category));
        }
        match inside(period?, &self.window) {
            Inside::Whole => None,
            Inside::Not => Some(WhyUncounted::OutsideWindow),
            Inside::Partly => Some(WhyUncounted::AcrossWindow),
        }
    }
}

enum Inside {
    Whole,
    Partly,
    Not,
}

fn inside(period: BillPeriod, window: &TimeWindow) -> Inside {
    let (Some(from), Some(to)) = (
        UtcSecond::midnight(period.from),
        UtcSecond::midnight(period.to),
    ) else {
        return Inside::Not;
    };
    let starts_inside = window.from.is_none_or(|start| start <= from);
    let ends_inside = window.to.is_none_or(|end| to <= end);
    let is_apart =
        window.from.is_some_and(|start| to <= start) || window.to.is_some_and(|end| end <= from);
    match (starts_inside && ends_inside, is_apart) {
        (true, _) => Inside::Whole,
        (false, true) => Inside::Not,
        (false, false) => Inside::Partly,
    }
}
