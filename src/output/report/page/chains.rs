//! Chains: the picture of their paths, the table, timelines; the biggest queries.

use super::super::cells::{NOT_TOLD, Shown, cost};
use super::super::listed::{ListedChain, Moment};
use super::super::picture::{self, PATHS_MAX, path_names};
use super::super::top_consumers::{TopQuery, TopUse};
use super::super::{FlowPath, ReportContent, WidthMeasure};
use super::table::{PageCell, PageTable};
use crate::model::chain::{Chain, ChainPath, Confidence};
use crate::model::ids::{AccountId, Region};
use crate::output::human::{count, decimals, minute, plural, tail};
use std::collections::BTreeSet;

/// Paths in the table.
const PATHS_LISTED_MAX: usize = 200;
/// Work groups named in one cell.
const GROUPS_MAX: usize = 3;

/// An event of a timeline, in words.
pub(super) struct TimelineLine {
    pub(super) time: String,
    pub(super) session: &'static str,
    pub(super) call: Shown,
    pub(super) account: Shown,
    pub(super) region: Shown,
    pub(super) source: Shown,
    pub(super) event_id: Shown,
}

/// A chain with its timeline.
pub(super) struct ChainTimeline {
    pub(super) id: Shown,
    pub(super) about: Shown,
    pub(super) facts: Vec<(&'static str, Shown)>,
    pub(super) lines: Vec<TimelineLine>,
    pub(super) events_left_out: u64,
    pub(super) command: Shown,
    pub(super) finding_ids: Vec<Shown>,
}

/// The section, in words.
pub(super) struct ChainsSection {
    pub(super) picture: Option<String>,
    /// The quantity that heights in the picture show.
    pub(super) basis: &'static str,
    pub(super) paths: PageTable,
    pub(super) chains: PageTable,
    pub(super) timelines: Vec<ChainTimeline>,
    /// The reason why there are none, if so.
    pub(super) why_empty: String,
    pub(super) queries: PageTable,
    pub(super) users: PageTable,
    pub(super) data_sources: PageTable,
}

impl ChainsSection {
    pub(super) fn of(content: &ReportContent<'_>) -> Self {
        let top_consumers = &content.top_consumers;
        let user_caption = format!(
            "The largest of {}",
            plural(top_consumers.user_count as u64, "Quick user")
        );
        let source_caption = format!(
            "The largest of {}",
            plural(top_consumers.data_source_count as u64, "data source")
        );
        Self {
            picture: picture::flow(&content.flow),
            basis: match content.flow.basis {
                WidthMeasure::Bytes => "bytes scanned",
                WidthMeasure::Queries => "queries, because bytes are unknown",
            },
            paths: paths(content),
            chains: chains(content),
            timelines: content
                .listed
                .chains
                .iter()
                .map(|one| timeline(one, content))
                .collect(),
            why_empty: why_empty(content),
            queries: queries(&top_consumers.queries),
            users: uses("users", "Quick user", &user_caption, &top_consumers.users),
            data_sources: uses(
                "data-sources",
                "Data source",
                &source_caption,
                &top_consumers.data_sources,
            ),
        }
    }
}

fn why_empty(content: &ReportContent<'_>) -> String {
    let others = content.inputs.slice.chains.len();
    if !content.findings().has_logs {
        "There are no logs in the window, so there are no chains.".to_owned()
    } else if others > 0 {
        format!(
            "No chain used Role A or a Role B in the window; {} of other kinds ran (qs-audit chains --path any).",
            plural(others as u64, "chain")
        )
    } else {
        "The logs were read, but no chain ran in the window.".to_owned()
    }
}

fn paths(content: &ReportContent<'_>) -> PageTable {
    let flow = &content.flow;
    let row = |path: &FlowPath<'_>| {
        let [hub, consumer, group] = path_names(path);
        vec![
            PageCell::or_unknown(hub.as_deref()),
            PageCell::or_unknown(consumer.as_deref()),
            PageCell::or_unknown(group.as_deref()),
            PageCell::count(path.chain_count),
            PageCell::count(path.query_count),
            PageCell::bytes(path.bytes_scanned),
            PageCell::count(path.finding_ids.len() as u64),
        ]
    };
    let titles = [
        "Role in the hub",
        "Role in the consumer",
        "Work group",
        "Chains",
        "Queries",
        "Scanned",
        "Findings",
    ];
    let rows = flow.paths.iter().take(PATHS_LISTED_MAX).map(row).collect();
    let mut table = PageTable::new("paths", "Paths, those with findings first", &titles).with(rows);
    let all = flow.paths.len();
    if all > PATHS_MAX {
        table = table.noting(&format!(
            "The picture shows {PATHS_MAX} of {} paths separately.",
            count(all as u64)
        ));
    }
    if all > PATHS_LISTED_MAX {
        table = table.noting(&format!(
            "{} more paths are in {}.",
            count((all - PATHS_LISTED_MAX) as u64),
            content.complete()
        ));
    }
    if flow.denied > 0 {
        table = table.noting(&format!(
            "{} reached no consumer and are not shown.",
            plural(flow.denied, "refused attempt")
        ));
    }
    table
}

fn work_groups(chain: &Chain) -> String {
    let groups: BTreeSet<&str> = chain
        .queries
        .iter()
        .filter_map(|query| query.work_group.as_deref())
        .collect();
    let shown: Vec<&str> = groups.iter().copied().take(GROUPS_MAX).collect();
    match groups.len().saturating_sub(GROUPS_MAX) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

/// The status, with what is out of the ordinary: another path than Quick's, links that
/// are not proven.
fn state(chain: &Chain) -> String {
    let mut state = chain.status.as_str().to_owned();
    if chain.path != ChainPath::QuickRoleChain {
        state = format!("{state}, {}", chain.path.as_str());
    }
    if chain.confidence != Confidence::Proven {
        state = format!("{state}, {}", chain.confidence.as_str());
    }
    if let Some(integrity) = chain.integrity {
        state = format!("{state}, {}", integrity.as_str());
    }
    state
}

fn chains(content: &ReportContent<'_>) -> PageTable {
    let listed = &content.listed;
    let costs = listed
        .chains
        .iter()
        .filter_map(|one| one.chain.estimated_cost_usd());
    let places = decimals(costs);
    let row = |one: &ListedChain<'_>| {
        let chain = one.chain;
        let user = chain.quick_user.as_ref().map(|user| &*user.name);
        let estimate = chain.estimated_cost_usd();
        let has_queries = !chain.queries.is_empty();
        vec![
            PageCell::link(&chain.chain_id, &chain.chain_id),
            PageCell::text(&minute(chain.started_at)),
            PageCell::or_unknown(chain.consumer_label().map(|name| &**name)),
            PageCell::or_unknown(chain.data_source_arn.as_deref().map(tail)),
            PageCell::or_unknown(user),
            PageCell::text(&work_groups(chain)),
            PageCell::text(&state(chain)),
            PageCell::count(chain.queries.len() as u64),
            PageCell::bytes(chain.bytes_scanned().filter(|_| has_queries)),
            PageCell::figure(cost(estimate.filter(|_| has_queries), places), estimate),
            PageCell::count(one.finding_ids.len() as u64),
        ]
    };
    let titles = [
        "Chain",
        "Started (UTC)",
        "Consumer",
        "Data source",
        "Quick user",
        "Work groups",
        "Status",
        "Queries",
        "Scanned",
        "Estimated USD",
        "Findings",
    ];
    let caption = "Chains: those with findings first, then the largest";
    let table =
        PageTable::new("chains", caption, &titles).with(listed.chains.iter().map(row).collect());
    let more = listed.total.saturating_sub(listed.chains.len() as u64);
    if more == 0 {
        return table;
    }
    table.noting(&format!(
        "{} of {} chains. All of them are in chains.csv{}.",
        count(listed.chains.len() as u64),
        count(listed.total),
        match content.inputs.scope {
            None => " and chains.parquet",
            Some(_) => "",
        }
    ))
}

fn timeline(one: &ListedChain<'_>, content: &ReportContent<'_>) -> ChainTimeline {
    let chain = one.chain;
    let consumer = chain.consumer_label();
    ChainTimeline {
        id: Shown::name(&chain.chain_id),
        about: Shown::name(&format!(
            "{}, {}, {}",
            consumer.map_or("unknown account", |name| name),
            minute(chain.started_at),
            plural(chain.events.len() as u64, "event")
        )),
        facts: facts(chain),
        lines: one.timeline.iter().map(line).collect(),
        events_left_out: one.events_left_out,
        command: Shown::sentence(
            &content
                .inputs
                .options
                .with(&format!("qs-audit show {}", chain.chain_id)),
        ),
        finding_ids: one.finding_ids.iter().map(|id| Shown::name(id)).collect(),
    }
}

/// Returns the properties of a chain, apart from its events.
fn facts(chain: &Chain) -> Vec<(&'static str, Shown)> {
    let mut facts: Vec<(&'static str, Shown)> = Vec::new();
    let mut add = |name: &'static str, value: Option<&str>| {
        if let Some(value) = value {
            facts.push((name, Shown::name(value)));
        }
    };
    add("Data source", chain.data_source_arn.as_deref());
    if let Some(session) = chain.run_as_session() {
        add("Role in the hub", session.role_arn.as_deref());
        add("assumed by", session.assumed_by.as_deref());
    }
    if let Some(session) = &chain.consumer_session {
        add("Role in the consumer", session.role_arn.as_deref());
        add("assumed by", session.assumed_by.as_deref());
        add("external id", session.external_id.as_deref());
        add("from", session.source_ip.as_deref());
    }
    for missing in &chain.missing {
        let why = missing.why.as_deref().unwrap_or("the reason is unknown");
        let text = format!("{} ({why})", missing.part.as_str());
        facts.push(("Missing", Shown::sentence(&text)));
    }
    let notes = chain.notes.iter().take(8);
    facts.extend(notes.map(|note| ("Note", Shown::sentence(note))));
    facts
}

fn line(moment: &Moment<'_>) -> TimelineLine {
    let event = moment.event;
    let doubt = if moment.confidence == Confidence::Proven {
        ""
    } else {
        " (link not proven)"
    };
    let error = event.error_code.as_deref();
    let error = error.map_or_else(String::new, |code| format!(" → {code}"));
    TimelineLine {
        time: event.time.to_string(),
        session: moment.part.as_str(),
        call: Shown::name(&format!("{}{error}{doubt}", event.action())),
        account: Shown::or_unknown(event.recipient_account_id.as_ref().map(AccountId::text)),
        region: Shown::or_unknown(event.region.as_ref().map(Region::text)),
        source: Shown::or_unknown(event.source_ip.as_ref()),
        event_id: Shown::name(&event.id.to_string()),
    }
}

fn queries(top_consumers: &[TopQuery<'_>]) -> PageTable {
    let costs = top_consumers
        .iter()
        .filter_map(|top| top.query.estimated_cost_usd());
    let places = decimals(costs);
    let row = |top: &TopQuery<'_>| {
        let (chain, query) = (top.chain, top.query);
        let id = query.query_execution_id.as_ref().map(ToString::to_string);
        let user = chain.quick_user.as_ref().map(|user| &*user.name);
        let state = query
            .figures
            .as_deref()
            .map(|figures| figures.state.as_str());
        vec![
            PageCell::or_unknown(id.as_deref()),
            PageCell::link(&chain.chain_id, &chain.chain_id),
            PageCell::or_unknown(chain.consumer_label().map(|name| &**name)),
            PageCell::or_unknown(user),
            PageCell::or_unknown(query.work_group.as_deref()),
            PageCell::or_unknown(query.database.as_deref()),
            PageCell::or_unknown(state),
            PageCell::bytes(query.bytes_scanned()),
            PageCell::figure(
                cost(query.estimated_cost_usd(), places),
                query.estimated_cost_usd(),
            ),
        ]
    };
    let titles = [
        "Query execution",
        "Chain",
        "Consumer",
        "Quick user",
        "Work group",
        "Database",
        "State",
        "Scanned",
        "Estimated USD",
    ];
    PageTable::new("queries", "The largest queries", &titles)
        .with(top_consumers.iter().map(row).collect())
}

fn uses(id: &str, title: &'static str, caption: &str, top_consumers: &[TopUse<'_>]) -> PageTable {
    let places = decimals(
        top_consumers
            .iter()
            .filter_map(|top| top.estimated_cost_usd),
    );
    let row = |top: &TopUse<'_>| {
        vec![
            PageCell::text(top.name.map_or(NOT_TOLD, |name| name)),
            PageCell::count(top.query_count),
            PageCell::bytes(top.bytes_scanned),
            PageCell::figure(cost(top.estimated_cost_usd, places), top.estimated_cost_usd),
        ]
    };
    let titles = [title, "Queries", "Scanned", "Estimated USD"];
    PageTable::new(id, caption, &titles).with(top_consumers.iter().map(row).collect())
}
