//! Other roads to the data, and for whom chains acted.

use super::super::ReportContent;
use super::super::roads::{ActingUse, Road, RoadUse};
use super::table::{PageCell, PageTable};
use crate::model::ids::AccountId;
use crate::model::road::ActingKind;
use crate::model::text::Text;
use crate::output::human::{count, tail};
use crate::output::roads::kind_name;
use rust_decimal::Decimal;

/// The section on other roads, in words.
pub(super) struct RoadsSection {
    pub(super) is_empty: bool,
    pub(super) roads: PageTable,
    pub(super) acting: PageTable,
}

impl RoadsSection {
    pub(super) fn of(content: &ReportContent<'_>) -> Self {
        Self {
            is_empty: content.other_roads.is_empty(),
            roads: roads(content),
            acting: acting(content),
        }
    }
}

fn roads(content: &ReportContent<'_>) -> PageTable {
    let topology = content.inputs.topology;
    let label = |account: &AccountId| topology.account_label(account);
    let row = |(road, of): &(Road<'_>, RoadUse<'_>)| {
        let owners: Vec<String> = of
            .owner_account_ids
            .iter()
            .map(|owner| label(owner))
            .collect();
        let consumer = road.consumer_account_id.map(label);
        vec![
            PageCell::text(road.service),
            PageCell::or_unknown(road.resource_arn.map(tail_of)),
            PageCell::or_unknown(consumer.as_deref()),
            PageCell::text(if of.reaches_role_b { "yes" } else { "no" }),
            PageCell::text(&owners.join(", ")),
            PageCell::text(if of.is_declared { "yes" } else { "no" }),
            PageCell::count(of.chain_count),
            PageCell::count(of.query_count),
            PageCell::bytes(of.bytes_scanned),
            PageCell::figure(
                of.estimated_cost_usd
                    .map_or_else(|| "–".to_owned(), |cost| cost.round_dp(4).to_string()),
                of.estimated_cost_usd,
            ),
        ]
    };
    let titles = [
        "Service",
        "Resource",
        "Consumer",
        "Role B",
        "Tables of",
        "Declared",
        "Chains",
        "Queries",
        "Scanned",
        "Estimated USD",
    ];
    let found = &content.other_roads;
    let table = PageTable::new("roads-by-service", "By service", &titles)
        .with(found.roads.iter().map(row).collect());
    let more = found.road_count.saturating_sub(found.roads.len()) as u64;
    if more > 0 {
        return table.noting(&format!("{} more are not listed.", count(more)));
    }
    table
}

/// The name of a resource in its ARN.
fn tail_of(arn: &Text) -> &str {
    let last = tail(arn);
    last.rsplit(':').next().unwrap_or(last)
}

fn acting(content: &ReportContent<'_>) -> PageTable {
    let row = |((kind, id), of): &((ActingKind, &Text), ActingUse)| {
        vec![
            PageCell::text(kind_name(*kind)),
            PageCell::text(id),
            PageCell::count(of.chain_count),
            PageCell::figure(
                count(of.ambiguous_count),
                Some(Decimal::from(of.ambiguous_count)),
            ),
            PageCell::count(of.query_count),
        ]
    };
    let titles = ["Kind", "For", "Chains", "Ambiguous", "Queries"];
    let rows = content.other_roads.acting.iter().map(row).collect();
    PageTable::new("acting-for", "For whom chains acted", &titles).with(rows)
}
