//! `query-rate-spike`: a consumer, work group, data source or user submitted far
//! more queries than its own past days predict.

use super::context::RuleContext;
use super::occurrences::plural;
use super::rule::{
    FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind, RuleMeta, RuleNeed,
};
use super::series::{DEVIATIONS, MIN_HISTORY_DAYS, RATIO, SpikeOptions, spikes, statistic};
use super::spike::{Figure, Wording, report, tally};
use crate::model::finding::Severity;

static META: RuleMeta = RuleMeta {
    id: "query-rate-spike",
    title: "The number of queries of a consumer, data source, work group or user exceeds its own baseline",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("query_rate_spike.md"),
    options: &[
        OptionMeta {
            name: "min_queries",
            default: "100",
            meaning: "minimum queries on a day that can be a spike",
        },
        RATIO,
        DEVIATIONS,
        MIN_HISTORY_DAYS,
    ],
    next_step: "look at who queried; check for a dashboard with a short refresh interval, or a script",
    command: "qs-audit chains --sort queries --limit 10 --from FROM --to TO",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let queries_min = options.integer("min_queries", 100, 0)?;
    let options = SpikeOptions::read(options, statistic(queries_min))?;
    Ok(Box::new(QueryRateSpike { options }))
}

struct QueryRateSpike {
    options: SpikeOptions,
}

impl Rule for QueryRateSpike {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        let series = tally(context, Figure::Queries);
        let spikes = spikes(context, &series, &self.options, sink);
        let wording = Wording {
            did: |queries| format!("submitted {}", plural(queries, "query")),
            figure: |_| None,
        };
        report(context, &spikes, &wording, sink);
    }
}
