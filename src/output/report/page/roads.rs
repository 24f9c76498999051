//! Origins of chains other than Quick, and those for whom chains acted.

use super::super::ReportContent;
use super::super::roads::{ActingUse, OriginCount, Road, RoadUse};
use super::table::{PageCell, PageTable};
use crate::model::road::{ActingKind, resource_name, short_service};
use crate::model::text::Text;
use crate::output::human::{count, plural};
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
    let name = |account: &str| {
        let name = topology.account_name(account);
        name.cloned().unwrap_or_else(|| account.into())
    };
    let row = |(road, of): &(Road<'_>, RoadUse<'_>)| {
        let owners = of.owner_account_ids.iter().map(|owner| name(owner));
        let tables = owners.map(|owner| format!("tables of {owner}"));
        let role = of.reaches_role_b.then(|| "Role B".to_owned());
        let reaches: Vec<String> = role.into_iter().chain(tables).collect();
        let consumer = road.consumer_account_id.map(|account| name(account));
        vec![
            PageCell::text(short_service(road.service)),
            PageCell::or_unknown(resource(road, &name).as_deref()),
            PageCell::or_unknown(consumer.as_deref()),
            PageCell::text(&reaches.join(", ")),
            PageCell::text(of.declared()),
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
        "Service", "Resource", "Consumer", "Reaches", "Declared", "Chains", "Queries", "Scanned",
        "Est. USD",
    ];
    let found = &content.other_roads;
    let table = PageTable::new("roads-by-service", "By service", &titles)
        .with(found.roads.iter().map(row).collect());
    let more = found.road_count.saturating_sub(found.roads.len()) as u64;
    let more = (more > 0).then(|| format!("{} more are not listed.", count(more)));
    let counted = |what: &str, of: OriginCount| {
        let text = || {
            let queries = plural(of.queries, "query");
            format!(
                "{what}: {} with {queries}, not listed.",
                plural(of.chains, "chain")
            )
        };
        (of.chains > 0).then(text)
    };
    let people = counted("People and users of IAM, not through Quick", found.people);
    let unknown = counted("Origin not known", found.unknown);
    let notes = more.into_iter().chain(people).chain(unknown);
    notes.fold(table, |table, note| table.noting(&note))
}

/// The name of a resource with its Region, and its account if it is not the consumer.
fn resource(road: &Road<'_>, account_name: &dyn Fn(&str) -> Text) -> Option<String> {
    let arn = road.resource_arn?;
    let mut parts = arn.split(':').skip(3);
    let (region, account) = (parts.next()?, parts.next()?);
    let name = resource_name(arn);
    let is_own = road
        .consumer_account_id
        .is_some_and(|consumer| **consumer == *account);
    Some(if is_own {
        format!("{name} ({region})")
    } else {
        format!("{name} ({}, {region})", account_name(account))
    })
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
