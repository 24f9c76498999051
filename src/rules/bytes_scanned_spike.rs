//! `bytes-scanned-spike`: a consumer, work group, data source or user scanned far
//! more than its own past days predict.

use super::context::RuleContext;
use super::rule::{
    FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed,
};
use super::series::{DEVIATIONS, MIN_HISTORY_DAYS, RATIO, SpikeOptions, spikes, statistic, whole};
use super::spike::{Figure, Wording, report, tally};
use super::trend::{self, TrendSource};
use crate::model::chain::QueryExecution;
use crate::model::finding::Severity;
use crate::model::size;
use crate::model::trend::{Measure, Trend};
use rust_decimal::Decimal;

static META: RuleMeta = RuleMeta {
    id: "bytes-scanned-spike",
    title: "Bytes scanned by a consumer, data source, work group or user exceed their own baseline",
    severity: Severity::High,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("bytes_scanned_spike.md"),
    options: &[
        OptionMeta {
            name: "min_bytes",
            default: "100_000_000_000",
            meaning: "minimum bytes scanned on a day that can be a spike",
        },
        RATIO,
        DEVIATIONS,
        MIN_HISTORY_DAYS,
    ],
    next_step: "look at the largest query's chain; ask its user, or set a data limit on the work group",
    command: "qs-audit show CHAIN",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let bytes_min = options.integer("min_bytes", 100_000_000_000, 0)?;
    let options = SpikeOptions::read(options, statistic(bytes_min))?;
    Ok(Box::new(BytesScannedSpike { options }))
}

struct BytesScannedSpike {
    options: SpikeOptions,
}

impl Rule for BytesScannedSpike {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        if !context.input.has_statistics {
            return sink.skip("no query statistics were read: use --executions");
        }
        let series = tally(context, Figure::BytesScanned);
        let spikes = spikes(context, &series, &self.options, sink);
        let wording = Wording {
            did: |bytes| format!("scanned {}", size::bytes(bytes)),
            figure: QueryExecution::bytes_scanned,
        };
        report(context, &spikes, &wording, sink);
    }

    fn trends(&self, context: &RuleContext<'_>) -> Vec<Trend> {
        if !context.input.has_statistics {
            return Vec::new();
        }
        let series = tally(context, Figure::BytesScanned);
        let series = trend::with_quiet_days(context, series);
        let drawing = TrendSource {
            measure: |_| Measure::BytesScanned,
            value: |key: &_, day| {
                let days = series.get(key);
                let day = days.and_then(|days| days.get(&day));
                Decimal::from(day.map_or(0, |day| whole(day.value)))
            },
            in_unit: |bytes| Decimal::from(whole(bytes)),
        };
        trend::trends(context, &series, &self.options, &drawing)
    }
}
