//! `cost-spike`: the bill of a consumer, or the part of it that a work group, data
//! source or user caused, broke out of its own past.

use super::context::RuleContext;
use super::history::{SeriesKey, SeriesScope, Use};
use super::occurrences::{Occurrences, plural};
use super::rule::{
    FindingDraft, FindingSink, OptionMeta, Options, OptionsError, Rule, RuleEntry, RuleKind,
    RuleMeta, RuleNeed,
};
use super::series::{
    AllSeries, DEVIATIONS, MIN_HISTORY_DAYS, RATIO, SeriesDay, Spike, SpikeOptions, is_judged,
    spikes, times_expected,
};
use super::spike::{
    add_ids, biggest, capital, causes, day_evidence, day_name, of_day, stood_out, top_queries,
};
use super::trend::{self, TrendSource};
use crate::model::chain::QueryExecution;
use crate::model::charge::{Charge, Share};
use crate::model::finding::{Evidence, Severity};
use crate::model::ids::AccountId;
use crate::model::money::exact;
use crate::model::text::Text;
use crate::model::time::UtcDay;
use crate::model::trend::{Measure, Trend};
use rust_decimal::Decimal;
use rust_decimal::prelude::{FromPrimitive, ToPrimitive};
use std::collections::{BTreeMap, BTreeSet};

static META: RuleMeta = RuleMeta {
    id: "cost-spike",
    title: "The billed cost of a consumer, data source, work group or user exceeds its own baseline",
    severity: Severity::Medium,
    kind: RuleKind::Event,
    needs: RuleNeed::Nothing,
    since: "0.1.0",
    page: include_str!("cost_spike.md"),
    options: &[
        OptionMeta {
            name: "min_cost",
            default: "\"5.00\"",
            meaning: "minimum cost of a day that can be a spike, in the bill's currency",
        },
        RATIO,
        DEVIATIONS,
        MIN_HISTORY_DAYS,
    ],
    next_step: "look at the cost by user",
    command: "qs-audit chargeback --by consumer,user,day --from FROM --to TO",
};

/// The rule in the registry.
pub(super) const ENTRY: RuleEntry = RuleEntry { meta: &META, build };

fn build(options: &Options<'_>) -> Result<Box<dyn Rule>, OptionsError> {
    let cost_min = options.amount("min_cost", Decimal::new(500, 2))?;
    let value_min = cost_min.to_f64().unwrap_or(f64::MAX);
    let options = SpikeOptions::read(options, value_min)?;
    Ok(Box::new(CostSpike { options }))
}

struct CostSpike {
    options: SpikeOptions,
}

/// Exact daily sums, and whether the bill may still change.
type Costs = BTreeMap<SeriesKey, BTreeMap<UtcDay, (Decimal, bool)>>;

/// Everything a charge counts for: a consumer for its whole bill, the rest for what
/// Quick's chains caused.
fn scopes(charge: &Charge) -> Vec<SeriesScope> {
    let mut scopes = vec![SeriesScope::Consumer];
    if charge.share == Share::Quick {
        scopes.extend(charge.work_group.clone().map(SeriesScope::WorkGroup));
        scopes.extend(charge.data_source_arn.clone().map(SeriesScope::DataSource));
        scopes.extend(charge.quick_user.clone().map(SeriesScope::User));
    }
    scopes
}

fn costs(context: &RuleContext<'_>) -> Costs {
    // What else the payer's bill has is not this program's.
    let reached = context
        .touching()
        .filter_map(|chain| chain.consumer_account_id.clone())
        .chain(context.input.history.consumers().iter().cloned());
    let declared = context.input.topology.consumers.iter();
    let consumers: BTreeSet<AccountId> = reached
        .chain(declared.map(|consumer| consumer.account_id.clone()))
        .collect();
    let mut costs = Costs::new();
    for (day, charge) in context.daily_charges() {
        let (Some(account), Some(cost)) = (&charge.account_id, charge.billed_cost) else {
            continue;
        };
        if !consumers.contains(account) || charge.is_for_own_queries() {
            continue;
        }
        for scope in scopes(charge) {
            let key = SeriesKey {
                account: account.clone(),
                scope,
                currency: charge.currency.clone(),
            };
            let (sum, is_estimated) = costs.entry(key).or_default().entry(day).or_default();
            *sum = sum.saturating_add(cost);
            *is_estimated |= charge.is_estimated;
        }
    }
    costs
}

fn series(costs: &Costs) -> AllSeries {
    let day = |(cost, _): &(Decimal, bool)| SeriesDay {
        value: cost.to_f64().unwrap_or(0.0),
        is_doubtful: false,
    };
    let of = |days: &BTreeMap<UtcDay, (Decimal, bool)>| {
        days.iter().map(|(at, cost)| (*at, day(cost))).collect()
    };
    costs
        .iter()
        .map(|(key, days)| (key.clone(), of(days)))
        .collect()
}

/// An expected amount, to the cent.
fn cents(value: f64) -> Decimal {
    Decimal::from_f64(value).unwrap_or_default().round_dp(2)
}

/// An exact amount with its currency.
fn money(amount: Decimal, currency: &Text) -> String {
    format!("{} {currency}", exact(amount))
}

impl Rule for CostSpike {
    fn meta(&self) -> &'static RuleMeta {
        &META
    }

    fn check(&self, context: &RuleContext<'_>, sink: &mut FindingSink<'_>) {
        if context.input.charges.is_none() {
            return sink.skip("no billing data was read: use --costs");
        }
        let costs = costs(context);
        let days_billed = costs.values().flat_map(BTreeMap::keys);
        if !days_billed.into_iter().any(|day| is_judged(context, *day)) {
            sink.note("the billing data has no day of the window: it arrives hours to a day late");
        }
        let spikes = spikes(context, &series(&costs), &self.options, sink);
        let causes = causes(context, &spikes, QueryExecution::bytes_billed);
        for (key, days) in &spikes {
            let queries = causes.get(&key.without_currency());
            let queries = queries.map_or(&[][..], Vec::as_slice);
            report(context, key, days, &costs[key], queries, sink);
        }
    }

    fn trends(&self, context: &RuleContext<'_>) -> Vec<Trend> {
        let costs = costs(context);
        let drawing = TrendSource {
            measure: |currency| Measure::BilledCost(currency.clone()),
            value: |key: &SeriesKey, day| {
                let days = costs.get(key);
                let cost = days.and_then(|days| days.get(&day));
                cost.map_or(Decimal::ZERO, |(cost, _)| *cost)
            },
            in_unit: cents,
        };
        trend::trends(context, &series(&costs), &self.options, &drawing)
    }
}

/// One series that stands out, as a finding.
fn report(
    context: &RuleContext<'_>,
    key: &SeriesKey,
    days: &[Spike],
    costs: &BTreeMap<UtcDay, (Decimal, bool)>,
    queries: &[Use<'_>],
    sink: &mut FindingSink<'_>,
) {
    let exact_cost = |day: UtcDay| costs.get(&day).copied().unwrap_or_default();
    let Some(worst) = days.iter().max_by_key(|spike| exact_cost(spike.day)) else {
        return;
    };
    let (cost, is_estimated) = exact_cost(worst.day);
    let mut occurrences = Occurrences::default();
    for spike in days {
        let midnight = spike.day.start();
        occurrences.happened(midnight).seen(midnight.plus(86_399));
    }
    add_ids(&mut occurrences, queries);
    let of_worst: Vec<Use<'_>> = of_day(queries, worst.day).collect();
    let name = key.name(&context.account(&key.account));
    let more = stood_out(days);
    let (expected, currency) = (&worst.expected, &key.currency);
    let estimated = if is_estimated {
        " The bill of that day is still an estimate."
    } else {
        ""
    };
    let evidence = days.iter().map(|spike| {
        let (cost, is_estimated) = exact_cost(spike.day);
        let amount = |value: f64| Evidence::Decimal(cents(value));
        let mut evidence_fields = day_evidence(spike, Evidence::Decimal(cost), amount);
        evidence_fields.push(("is_estimated", Evidence::Boolean(is_estimated)));
        Evidence::Record(evidence_fields)
    });
    sink.add(FindingDraft {
        title: format!(
            "{} cost {} on {}: {} the expected",
            capital(&name),
            money(cost.round_dp(2), currency),
            day_name(worst.day),
            times_expected(worst)
        ),
        detail: format!(
            "On {} {name} was billed {}; between {} and {} was expected (expected value {}, {}, {} of \
             history).{estimated}{more}{}",
            day_name(worst.day),
            money(cost.round_dp(2), currency),
            money(cents(expected.low), currency),
            money(cents(expected.high), currency),
            money(cents(expected.level), currency),
            plural(expected.similar_days as u64, "similar day"),
            plural(expected.history_days as u64, "day"),
            biggest(&of_worst)
        ),
        subject: key.subject(),
        consumer_account_id: Some(key.account.clone()),
        evidence: vec![
            ("days", Evidence::List(evidence.collect())),
            ("top_queries", top_queries(queries)),
        ],
        next_step: None,
        occurrences: &occurrences,
    });
}
