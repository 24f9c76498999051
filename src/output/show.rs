//! One chain, for people: hops, policies, queries, timeline.

use super::TextLayout;
use super::chain_table::{
    consumer, keep_whole, new_table, query_name, text, text_cell, title, write_table,
};
use super::flat_table::figure_cells;
use super::human::{
    bytes as size, count, decimals, duration, line, money, plural, role, safe, tail,
};
use super::reads;
use super::roads::{self, origin_text};
use crate::model::audit::Audit;
use crate::model::chain::{
    Chain, ChainEvent, ChainPart, ChainPath, Confidence, MissingPart, QueryExecution, RoleSession,
};
use crate::model::event::{Detail, Event};
use crate::model::topology::Topology;
use comfy_table::Cell;
use std::io::{self, Write};

/// Columns of the queries that need a wider page, narrowest first.
const QUERY_OPTIONAL: [(&str, u16); 3] = [("Database", 76), ("Work group", 95), ("Region", 110)];
/// Narrowest page on which state, bytes and cost are shown, and what they take.
const FIGURES_WIDTH: u16 = 100;
const FIGURES_ROOM: u16 = 35;
/// Columns of the timeline that need a wider page, narrowest first.
const TIMELINE_OPTIONAL: [(&str, u16); 3] = [("Region", 90), ("From", 115), ("Event id", 155)];
/// Most timeline lines shown; `--raw` and JSON give all.
const TIMELINE_LINES_MAX: usize = 200;

/// Writes everything known of a chain.
///
/// # Errors
///
/// When the writer fails.
pub fn write(
    audit: &Audit,
    chain: &Chain,
    topology: &Topology,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    heading(chain, writer)?;
    let is_quick = chain.path == ChainPath::QuickRoleChain;
    for session in &chain.earlier_sessions {
        let heading = if is_quick && chain.earlier_sessions.len() == 1 {
            "Run-as session (Role A)"
        } else {
            "Session before"
        };
        hop(heading, session, writer)?;
    }
    if let Some(session) = &chain.consumer_session {
        let heading = if chain.touches_quick {
            "Consumer session (Role B)"
        } else {
            "Session"
        };
        hop(heading, session, writer)?;
    }
    roads::write(chain, page, writer)?;
    queries(chain, page, writer)?;
    reads::write(chain, topology, page, writer)?;
    calls(chain, writer)?;
    timeline(audit, chain, page, writer)?;
    for missing in &chain.missing {
        let why = missing.why.as_deref().unwrap_or("reason unknown");
        line!(
            writer,
            "Missing: {} ({})",
            missing_name(chain, missing.part),
            safe(why)
        )?;
    }
    for note in &chain.notes {
        line!(writer, "Note: {}", safe(note))?;
    }
    Ok(())
}

fn field(name: &str, value: &str, writer: &mut dyn Write) -> io::Result<()> {
    line!(writer, "  {name:<16}{}", safe(value))
}

fn heading(chain: &Chain, writer: &mut dyn Write) -> io::Result<()> {
    line!(
        writer,
        "{}  {}, {}, {}",
        chain.chain_id,
        chain.path.as_str(),
        chain.status.as_str(),
        chain.confidence.as_str()
    )?;
    let lasted = chain.started_at.distance(chain.last_activity_at);
    let active = format!(
        "{} to {} ({})",
        chain.started_at,
        chain.last_activity_at,
        duration(lasted)
    );
    field("Active", &active, writer)?;
    if let Some(hub) = &chain.hub_account_id {
        field("Hub", hub, writer)?;
    }
    if let Some(account) = &chain.consumer_account_id {
        let unit = chain.business_unit.as_deref();
        let unit = unit.map_or_else(String::new, |unit| format!(", {unit}"));
        let name = consumer(chain);
        let named = if name == **account {
            name
        } else {
            format!("{name} ({account}{unit})")
        };
        field("Consumer", &named, writer)?;
    }
    if let Some(source) = &chain.data_source_arn {
        field("Data source", source, writer)?;
    }
    field("Origin", &origin_text(&chain.origin), writer)?;
    if let Some(resource) = &chain.origin.resource_arn {
        field("Resource", resource, writer)?;
    }
    if let Some(user) = &chain.quick_user {
        let place = user.resource_arn.as_deref().map(tail);
        let place = place.map_or_else(String::new, |place| format!(", {place}"));
        let text = format!("{} ({}{place})", user.name, user.confidence.as_str());
        field("Quick user", &text, writer)?;
    }
    if let Some(integrity) = chain.integrity {
        field("Log files", integrity.as_str(), writer)?;
    }
    Ok(())
}

fn hop(name: &str, session: &RoleSession, writer: &mut dyn Write) -> io::Result<()> {
    line!(writer)?;
    line!(writer, "{name}")?;
    let mut show = |name: &str, value: Option<&str>| match value {
        Some(value) => field(name, value, writer),
        None => Ok(()),
    };
    show("Role", session.role_arn.as_deref().map(role).as_deref())?;
    show("Session", session.role_session_name.as_deref())?;
    show("Role id", session.assumed_role_id.as_deref())?;
    show("Key", session.access_key_id.as_deref())?;
    let made = session.assumed_at.map(|at| match session.expires_at {
        Some(end) => format!("{at}, valid until {end}"),
        None => at.to_string(),
    });
    show("Assumed at", made.as_deref())?;
    let by = session
        .assumed_by
        .as_deref()
        .map(|by| match &session.source_account_id {
            Some(account) if !by.contains(&**account) => format!("{by} (account {account})"),
            _ => by.to_owned(),
        });
    show("Assumed by", by.as_deref())?;
    show("From", session.source_ip.as_deref())?;
    show("External id", session.external_id.as_deref())?;
    let scope = match (
        session.scope_down.present,
        &session.scope_down.resources[..],
    ) {
        (Some(true), []) => Some("present, but its resources cannot be parsed".to_owned()),
        (Some(true), resources) => Some(resources.join(", ")),
        (Some(false), _) => Some("none".to_owned()),
        (None, _) => None,
    };
    show("Scope-down", scope.as_deref())?;
    let ids: Vec<String> = session.event_ids.iter().map(ToString::to_string).collect();
    show(
        "Events",
        (!ids.is_empty()).then(|| ids.join(", ")).as_deref(),
    )
}

fn queries(chain: &Chain, page: TextLayout, writer: &mut dyn Write) -> io::Result<()> {
    if chain.queries.is_empty() {
        return Ok(());
    }
    let number = chain.queries.len();
    let heading = if number == 1 { "Query" } else { "Queries" };
    line!(writer)?;
    line!(writer, "{heading}")?;
    let has_figures = chain.queries.iter().any(|query| query.figures.is_some());
    if has_figures && page.width < FIGURES_WIDTH {
        for query in &chain.queries {
            narrow_query(query, writer)?;
        }
        return query_totals(chain, writer);
    }
    let mut table = new_table(page);
    let mut titles = vec!["Submitted (UTC)", "Query execution"];
    let (figures, room) = if has_figures {
        titles.extend(["State", "Scanned", "Est. USD"]);
        (true, FIGURES_ROOM)
    } else {
        (false, 0)
    };
    let optional: Vec<&str> = QUERY_OPTIONAL
        .iter()
        .filter(|(_, width)| page.width >= *width + room)
        .map(|(title, _)| *title)
        .collect();
    titles.extend(&optional);
    table.set_header(titles.iter().map(|text| title(text)));
    for query in &chain.queries {
        let [submitted, name, rest @ ..] = query_cells(query);
        let mut cells = vec![submitted, name];
        if figures {
            cells.extend(figure_cells(query));
        }
        cells.extend(rest.into_iter().take(optional.len()));
        table.add_row(cells);
    }
    keep_whole(&mut table, &titles, &titles[..2]);
    write_table(&table, writer)?;
    query_totals(chain, writer)
}

/// A query on a narrow page: its figures below its id.
fn narrow_query(query: &QueryExecution, writer: &mut dyn Write) -> io::Result<()> {
    let name = query_name(query);
    let name = name.as_deref().unwrap_or("refused");
    line!(writer, "  {}  {}", query.started_at, safe(name))?;
    let figures = query.figures.as_deref();
    let state = figures.map(|figures| figures.state.as_str());
    let scanned = query
        .bytes_scanned()
        .map(|bytes| format!("{} scanned", size(bytes)));
    let cost = query.estimated_cost_usd();
    let cost = cost.map(|cost| format!("{} USD", money(cost, decimals([cost].into_iter()))));
    let place = [
        database(query),
        query.work_group.as_deref().map(str::to_owned),
    ];
    let facts = [state.map(str::to_owned), scanned, cost]
        .into_iter()
        .chain(place);
    let facts: Vec<String> = facts.flatten().collect();
    line!(writer, "    {}", safe(&facts.join(", ")))
}

/// What all queries of a chain scanned and cost, as far as that is known.
fn query_totals(chain: &Chain, writer: &mut dyn Write) -> io::Result<()> {
    let mut facts = vec![plural(chain.queries.len() as u64, "query")];
    facts.extend(
        chain
            .bytes_scanned()
            .map(|bytes| format!("{} scanned", size(bytes))),
    );
    let cost = chain.estimated_cost_usd();
    facts.extend(cost.map(|cost| {
        format!(
            "{} USD estimated",
            money(cost, decimals([cost].into_iter()))
        )
    }));
    let unknown = chain
        .queries
        .iter()
        .filter(|query| query.lacks_statistics());
    let unknown = unknown.count() as u64;
    if unknown > 0 {
        facts.push(format!("{unknown} without statistics"));
    }
    line!(writer, "Total: {}", facts.join(", "))
}

fn database(query: &QueryExecution) -> Option<String> {
    let database = query.database.as_deref()?;
    Some(match &query.catalog {
        Some(catalog) => format!("{catalog}.{database}"),
        None => database.to_owned(),
    })
}

fn query_cells(query: &QueryExecution) -> [Cell; 5] {
    [
        text_cell(query.started_at.to_string()),
        text(query_name(query).as_deref()),
        text(database(query).as_deref()),
        text(query.work_group.as_deref()),
        text(query.region.as_deref()),
    ]
}

fn calls(chain: &Chain, writer: &mut dyn Write) -> io::Result<()> {
    if chain.calls.is_empty() {
        return Ok(());
    }
    line!(writer)?;
    line!(writer, "Calls ({})", count(chain.call_count()))?;
    for (action, number) in &chain.calls {
        line!(writer, "  {:>6}  {}", count(*number), safe(action))?;
    }
    Ok(())
}

/// Returns true for AssumeRole calls of an earlier session that made none of the chain's sessions.
fn is_of_other(chain: &Chain, entry: ChainEvent, event: &Event) -> bool {
    let is_issue = matches!(event.detail, Detail::CredentialIssuance(_));
    let mut sessions = chain.hops();
    entry.session == ChainPart::RunAs
        && is_issue
        && !sessions.any(|session| session.event_ids.contains(&event.id))
}

/// The session of an event as the headings call it: only Quick's chains have a run-as session.
fn part_name(chain: &Chain, part: ChainPart) -> &'static str {
    match part {
        ChainPart::RunAs if chain.path != ChainPath::QuickRoleChain => "before",
        ChainPart::Consumer if !chain.touches_quick => "session",
        _ => part.as_str(),
    }
}

fn missing_name(chain: &Chain, part: MissingPart) -> &'static str {
    match part {
        MissingPart::RunAsSession if chain.path != ChainPath::QuickRoleChain => "session before",
        MissingPart::ConsumerSession if !chain.touches_quick => "session",
        _ => part.as_str(),
    }
}

fn timeline(
    audit: &Audit,
    chain: &Chain,
    page: TextLayout,
    writer: &mut dyn Write,
) -> io::Result<()> {
    line!(writer)?;
    line!(
        writer,
        "Timeline ({})",
        plural(chain.events.len() as u64, "event")
    )?;
    let mut table = new_table(page);
    let mut titles = vec!["Time (UTC)", "Session", "Call", "Account"];
    for (optional, width_min) in TIMELINE_OPTIONAL {
        if page.width >= width_min {
            titles.push(optional);
        }
    }
    table.set_header(titles.iter().map(|text| title(text)));
    for entry in chain.events.iter().take(TIMELINE_LINES_MAX) {
        let event = &audit.events[entry.event as usize];
        let doubt = if entry.confidence == Confidence::Proven {
            ""
        } else {
            " ?"
        };
        let error = event.error_code.as_deref();
        let error = error.map_or_else(String::new, |code| format!(" → {}", safe(code)));
        let of_other = if is_of_other(chain, *entry, event) {
            " (another session's)"
        } else {
            ""
        };
        let call = format!("{}{error}{of_other}", safe(&event.action()));
        let mut row = vec![
            text_cell(event.time.to_string()),
            text_cell(format!("{}{doubt}", part_name(chain, entry.session))),
            text_cell(call),
            text(event.recipient_account_id.as_deref()),
            text(event.region.as_deref()),
            text(event.source_ip.as_deref()),
            text_cell(event.id.to_string()),
        ];
        row.truncate(titles.len());
        table.add_row(row);
    }
    keep_whole(
        &mut table,
        &titles,
        &["Time (UTC)", "Call", "Account", "Event id"],
    );
    write_table(&table, writer)?;
    if let Some(more) = chain
        .events
        .len()
        .checked_sub(TIMELINE_LINES_MAX)
        .filter(|&more| more > 0)
    {
        line!(
            writer,
            "… and {} more; --raw prints all",
            count(more as u64)
        )?;
    }
    Ok(())
}
