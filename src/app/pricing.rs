//! Prices to estimate by.

use super::context::RunContext;
use crate::attribute::{Pricing, ScanBilling};

/// Prices, as options and configuration say.
pub(super) fn pricing(context: &RunContext) -> Pricing {
    let terabyte = context.options.money.terabyte;
    let billing = ScanBilling {
        terabyte: terabyte.unwrap_or(context.settings.terabyte),
        has_floor_for_unscanned_dml: !context.settings.is_unscanned_dml_free,
    };
    Pricing::new(billing, context.settings.usd_per_tb.clone())
}
