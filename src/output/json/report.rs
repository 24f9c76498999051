//! The nightly report, version 1 (`docs/report-v1.schema.json`).

use super::chargeback::{ChargebackInputs, ChargebackTableV1};
use super::findings::{FindingsV1, KnownV1};
use super::window::WindowV1;
use crate::model::chain::{Chain, QueryExecution};
use crate::model::finding::{Finding, Previous, Severity};
use crate::model::ids::{AccountId, DataSourceArn, Region, RoleArn};
use crate::model::money::exact;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::model::trend::{ExpectedRange, Measure, Trend, TrendDay};
use crate::output::report::{
    AccountRegion, Changes, CoverageGap, CoverageGrid, Flow, FlowPath, Gap, ListedChain, Moment,
    OtherRoads, ReportContent, TablesRead, TopQuery, TopUse,
};
use crate::records;
use crate::records::field::{Fields, Value as Record};
use jiff::civil::Date;
use serde::{Serialize, Serializer};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

const REPORT_SCHEMA: &str = "qs-audit/report/v1";

/// A day as outputs spell it.
struct DayText(Date);

impl Serialize for DayText {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&self.0)
    }
}

#[derive(Serialize)]
struct CountV1 {
    count: u64,
    new: u64,
}

#[derive(Serialize)]
struct VerdictV1 {
    finding_count: u64,
    new: u64,
    ongoing: u64,
    resolved: usize,
    not_observed: usize,
    suppressed: usize,
    by_severity: BTreeMap<&'static str, CountV1>,
}

impl VerdictV1 {
    fn of(content: &ReportContent<'_>) -> Self {
        let (counts, findings) = (&content.counts, content.findings());
        let of = |(severity, count, new): &(Severity, u64, u64)| {
            let (count, new) = (*count, *new);
            (severity.as_str(), CountV1 { count, new })
        };
        Self {
            finding_count: counts.all,
            new: counts.new,
            ongoing: counts.ongoing,
            resolved: findings.resolved.len(),
            not_observed: findings.not_observed.len(),
            suppressed: findings.suppressed.len(),
            by_severity: counts.by_severity.iter().map(of).collect(),
        }
    }
}

#[derive(Serialize)]
struct SumsV1 {
    chain_count: u64,
    query_count: u64,
    bytes_scanned: Option<u64>,
    estimated_cost_usd: Option<String>,
    consumer_count: u64,
}

#[derive(Serialize)]
struct CoverageGapV1<'a> {
    code: &'static str,
    count: u64,
    text: &'a str,
}

impl<'a> CoverageGapV1<'a> {
    fn of(gap: &'a CoverageGap) -> Self {
        Self {
            code: gap.code,
            count: gap.count,
            text: &gap.text,
        }
    }
}

#[derive(Serialize)]
struct GapV1 {
    first_day: DayText,
    last_day: DayText,
    is_in_window: bool,
}

impl GapV1 {
    fn of(gap: &Gap) -> Self {
        Self {
            first_day: DayText(gap.first),
            last_day: DayText(gap.last),
            is_in_window: gap.is_in_window,
        }
    }
}

#[derive(Serialize)]
struct ReportPlaceV1<'a> {
    account_id: &'a AccountId,
    account_name: Option<&'a Text>,
    region: Option<&'a Region>,
    habit: &'static str,
    days_logged: usize,
    records: &'a [u64],
    gaps: Vec<GapV1>,
}

impl<'a> ReportPlaceV1<'a> {
    fn of(place: &'a AccountRegion<'a>) -> Self {
        Self {
            account_id: place.account_id,
            account_name: place.account_name,
            region: place.region,
            habit: place.habit.as_str(),
            days_logged: place.days_logged(),
            records: &place.records,
            gaps: place.gaps.iter().map(GapV1::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct PlacesV1<'a> {
    days: Vec<DayText>,
    days_before_window: usize,
    places: Vec<ReportPlaceV1<'a>>,
}

impl<'a> PlacesV1<'a> {
    fn of(places: &'a CoverageGrid<'a>) -> Self {
        Self {
            days: places.days.iter().copied().map(DayText).collect(),
            days_before_window: places.first_in_window,
            places: places.places.iter().map(ReportPlaceV1::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct PathV1<'a> {
    hub_role_arn: Option<&'a RoleArn>,
    consumer_account_id: Option<&'a AccountId>,
    consumer_name: Option<&'a Text>,
    consumer_role_arn: Option<&'a RoleArn>,
    work_group: Option<&'a Text>,
    chain_count: u64,
    query_count: u64,
    queries_without_statistics: u64,
    bytes_scanned: Option<u64>,
    finding_ids: &'a BTreeSet<&'a str>,
}

impl<'a> PathV1<'a> {
    fn of(path: &'a FlowPath<'a>) -> Self {
        Self {
            hub_role_arn: path.hub_role_arn,
            consumer_account_id: path.consumer_account_id,
            consumer_name: path.consumer_name,
            consumer_role_arn: path.consumer_role_arn,
            work_group: path.work_group,
            chain_count: path.chain_count,
            query_count: path.query_count,
            queries_without_statistics: path.queries_without_statistics,
            bytes_scanned: path.bytes_scanned,
            finding_ids: &path.finding_ids,
        }
    }
}

#[derive(Serialize)]
struct FlowV1<'a> {
    basis: &'static str,
    denied: u64,
    paths: Vec<PathV1<'a>>,
}

impl<'a> FlowV1<'a> {
    fn of(flow: &'a Flow<'a>) -> Self {
        Self {
            basis: flow.basis.as_str(),
            denied: flow.denied,
            paths: flow.paths.iter().map(PathV1::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct MomentV1<'a> {
    time: UtcSecond,
    session: &'static str,
    confidence: &'static str,
    action: String,
    recipient_account_id: Option<&'a AccountId>,
    region: Option<&'a Region>,
    source_ip: Option<&'a Text>,
    error_code: Option<&'a Text>,
    event_id: String,
}

impl<'a> MomentV1<'a> {
    fn of(moment: &Moment<'a>) -> Self {
        let event = moment.event;
        Self {
            time: event.time,
            session: moment.part.as_str(),
            confidence: moment.confidence.as_str(),
            action: event.action(),
            recipient_account_id: event.recipient_account_id.as_ref(),
            region: event.region.as_ref(),
            source_ip: event.source_ip.as_ref(),
            error_code: event.error_code.as_ref(),
            event_id: event.id.to_string(),
        }
    }
}

#[derive(Serialize)]
struct ListedChainV1<'a> {
    finding_ids: &'a [&'a str],
    chain: Record,
    timeline: Vec<MomentV1<'a>>,
    events_left_out: u64,
}

impl<'a> ListedChainV1<'a> {
    fn of(listed: &'a ListedChain<'a>, fields: &Fields<'_, Chain>) -> Self {
        Self {
            finding_ids: &listed.finding_ids,
            chain: fields.read(listed.chain),
            timeline: listed.timeline.iter().map(MomentV1::of).collect(),
            events_left_out: listed.events_left_out,
        }
    }
}

#[derive(Serialize)]
struct ReportChainsV1<'a> {
    total: u64,
    listed: Vec<ListedChainV1<'a>>,
}

#[derive(Serialize)]
struct ExpectedV1 {
    low: String,
    level: String,
    high: String,
}

impl ExpectedV1 {
    fn of(expected: &ExpectedRange) -> Self {
        Self {
            low: exact(expected.low),
            level: exact(expected.level),
            high: exact(expected.high),
        }
    }
}

#[derive(Serialize)]
struct TrendDayV1 {
    day: DayText,
    value: Option<String>,
    expected: Option<ExpectedV1>,
    is_spike: bool,
}

impl TrendDayV1 {
    fn of(day: &TrendDay) -> Self {
        Self {
            day: DayText(day.day),
            value: day.value.map(exact),
            expected: day.expected.as_ref().map(ExpectedV1::of),
            is_spike: day.is_spike,
        }
    }
}

#[derive(Serialize)]
struct TrendV1<'a> {
    account_id: &'a AccountId,
    account_name: Option<&'a Text>,
    measure: &'static str,
    currency: Option<&'a Text>,
    days: Vec<TrendDayV1>,
}

impl<'a> TrendV1<'a> {
    fn of(trend: &'a Trend, content: &ReportContent<'a>) -> Self {
        Self {
            account_id: &trend.account_id,
            account_name: content.inputs.topology.account_name(&trend.account_id),
            measure: trend.measure.as_str(),
            currency: match &trend.measure {
                Measure::BilledCost(currency) => Some(currency),
                Measure::BytesScanned => None,
            },
            days: trend.days.iter().map(TrendDayV1::of).collect(),
        }
    }
}

#[derive(Serialize)]
struct TopQueryV1<'a> {
    chain_id: &'a str,
    consumer_account_id: Option<&'a AccountId>,
    consumer_name: Option<&'a Text>,
    data_source_arn: Option<&'a DataSourceArn>,
    quick_user: Option<&'a Text>,
    query: Record,
}

impl<'a> TopQueryV1<'a> {
    fn of(top: &TopQuery<'a>, fields: &Fields<'_, QueryExecution>) -> Self {
        Self {
            chain_id: &top.chain.chain_id,
            consumer_account_id: top.chain.consumer_account_id.as_ref(),
            consumer_name: top.chain.consumer_name.as_ref(),
            data_source_arn: top.chain.data_source_arn.as_ref(),
            quick_user: top.chain.quick_user.as_ref().map(|user| &user.name),
            query: fields.read(top.query),
        }
    }
}

#[derive(Serialize)]
struct TopUseV1<'a> {
    name: Option<&'a Text>,
    query_count: u64,
    queries_without_statistics: u64,
    bytes_scanned: Option<u64>,
    estimated_cost_usd: Option<String>,
}

impl<'a> TopUseV1<'a> {
    fn of(top: &TopUse<'a>) -> Self {
        Self {
            name: top.name,
            query_count: top.query_count,
            queries_without_statistics: top.queries_without_statistics,
            bytes_scanned: top.bytes_scanned,
            estimated_cost_usd: top.estimated_cost_usd.map(exact),
        }
    }
}

#[derive(Serialize)]
struct TopV1<'a> {
    queries: Vec<TopQueryV1<'a>>,
    user_count: usize,
    users: Vec<TopUseV1<'a>>,
    data_source_count: usize,
    data_sources: Vec<TopUseV1<'a>>,
}

/// What changed since an earlier day.
#[derive(Serialize)]
struct ChangesV1<'a> {
    since: String,
    figures: Vec<ChangedFigureV1<'a>>,
}

/// A figure of a consumer on two days.
#[derive(Serialize)]
struct ChangedFigureV1<'a> {
    account_id: &'a AccountId,
    measure: &'static str,
    currency: Option<&'a str>,
    before: String,
    now: String,
}

impl<'a> ChangesV1<'a> {
    fn of(changes: &'a Changes) -> Self {
        let figures = changes.figures.iter().map(|figure| ChangedFigureV1 {
            account_id: &figure.account_id,
            measure: figure.measure.as_str(),
            currency: match &figure.measure {
                Measure::BilledCost(currency) => Some(&**currency),
                Measure::BytesScanned => None,
            },
            before: exact(figure.before),
            now: exact(figure.now),
        });
        Self {
            since: changes.since.to_string(),
            figures: figures.collect(),
        }
    }
}

/// The report before, as it was known: the same night, made again, is compared with
/// this.
#[derive(Serialize)]
struct ComparedWithV1<'a> {
    window_end: Option<UtcSecond>,
    rules_ran: Option<&'a BTreeSet<String>>,
    findings: Vec<KnownV1<'a>>,
}

impl<'a> ComparedWithV1<'a> {
    fn of(previous: &'a Previous) -> Self {
        let findings = previous.findings.values();
        Self {
            window_end: previous.window_end,
            rules_ran: previous.rules_ran.as_ref(),
            findings: findings
                .map(|one| KnownV1::of_previous(one, None))
                .collect(),
        }
    }
}

#[derive(Serialize)]
struct ReportV1<'a> {
    schema: &'static str,
    program_version: &'static str,
    date: DayText,
    window: WindowV1,
    hub_account_ids: &'a BTreeSet<&'a AccountId>,
    verdict: VerdictV1,
    summary: SumsV1,
    coverage_gaps: Vec<CoverageGapV1<'a>>,
    places: PlacesV1<'a>,
    findings: FindingsV1<'a>,
    changes: Option<ChangesV1<'a>>,
    compared_with: Option<ComparedWithV1<'a>>,
    flow: FlowV1<'a>,
    chains: ReportChainsV1<'a>,
    trends: Vec<TrendV1<'a>>,
    chargeback: ChargebackTableV1<'a>,
    top: TopV1<'a>,
    reads: ReportReadsV1<'a>,
    roads: ReportRoadsV1<'a>,
}

#[derive(Serialize)]
struct ReportReadsV1<'a> {
    table_count: usize,
    tables: Vec<TableUseV1<'a>>,
    reader_count: usize,
    readers: Vec<ReaderV1<'a>>,
    unknown_query_count: u64,
}

#[derive(Serialize)]
struct TableUseV1<'a> {
    name: &'a str,
    table_arn: Option<&'a Text>,
    owner_account_id: Option<&'a AccountId>,
    consumer_account_ids: &'a BTreeSet<&'a AccountId>,
    query_count: u64,
    ambiguous_count: u64,
    objects: Option<u64>,
    bytes: Option<u64>,
}

#[derive(Serialize)]
struct ReaderV1<'a> {
    producer_account_id: &'a AccountId,
    consumer_account_id: &'a AccountId,
    work_group: Option<&'a Text>,
    quick_user: Option<&'a Text>,
    quick_user_resource_arn: Option<&'a Text>,
    tables: &'a BTreeSet<String>,
    query_count: u64,
    bytes: Option<u64>,
}

impl<'a> ReportReadsV1<'a> {
    fn of(read: &'a TablesRead<'a>) -> Self {
        let tables = read.tables.iter().map(|table| TableUseV1 {
            name: &table.name,
            table_arn: table.table_arn,
            owner_account_id: table.owner_account_id,
            consumer_account_ids: &table.consumers,
            query_count: table.query_count,
            ambiguous_count: table.ambiguous_count,
            objects: table.objects,
            bytes: table.bytes,
        });
        let readers = read.readers.iter().map(|(reader, of)| ReaderV1 {
            producer_account_id: reader.producer,
            consumer_account_id: reader.consumer,
            work_group: reader.work_group,
            quick_user: reader.user,
            quick_user_resource_arn: reader.dashboard,
            tables: &of.tables,
            query_count: of.query_count,
            bytes: of.bytes,
        });
        Self {
            table_count: read.table_count,
            tables: tables.collect(),
            reader_count: read.reader_count,
            readers: readers.collect(),
            unknown_query_count: read.unknown_query_count,
        }
    }
}

#[derive(Serialize)]
struct ReportRoadsV1<'a> {
    road_count: usize,
    roads: Vec<RoadUseV1<'a>>,
    acting_count: usize,
    acting_for: Vec<ActingUseV1<'a>>,
}

#[derive(Serialize)]
struct RoadUseV1<'a> {
    service: &'a Text,
    resource_arn: Option<&'a Text>,
    consumer_account_id: Option<&'a AccountId>,
    chain_count: u64,
    query_count: u64,
    bytes_scanned: Option<u64>,
    estimated_cost_usd: Option<String>,
    owner_account_ids: &'a BTreeSet<&'a AccountId>,
    reaches_role_b: bool,
    is_declared: bool,
}

#[derive(Serialize)]
struct ActingUseV1<'a> {
    kind: &'static str,
    id: &'a Text,
    chain_count: u64,
    ambiguous_count: u64,
    query_count: u64,
}

impl<'a> ReportRoadsV1<'a> {
    fn of(found: &'a OtherRoads<'a>) -> Self {
        let roads = found.roads.iter().map(|(road, of)| RoadUseV1 {
            service: road.service,
            resource_arn: road.resource_arn,
            consumer_account_id: road.consumer_account_id,
            chain_count: of.chain_count,
            query_count: of.query_count,
            bytes_scanned: of.bytes_scanned,
            estimated_cost_usd: of.estimated_cost_usd.map(exact),
            owner_account_ids: &of.owner_account_ids,
            reaches_role_b: of.reaches_role_b,
            is_declared: of.is_declared,
        });
        let acting = found.acting.iter().map(|((kind, id), of)| ActingUseV1 {
            kind: kind.as_str(),
            id,
            chain_count: of.chain_count,
            ambiguous_count: of.ambiguous_count,
            query_count: of.query_count,
        });
        Self {
            road_count: found.road_count,
            roads: roads.collect(),
            acting_count: found.acting_count,
            acting_for: acting.collect(),
        }
    }
}

/// Writes the whole report as one JSON document.
///
/// # Errors
///
/// When the writer fails.
pub fn write(content: &ReportContent<'_>, writer: &mut dyn Write) -> io::Result<()> {
    let inputs = &content.inputs;
    let (audit, slice, findings) = (inputs.audit, inputs.slice, inputs.findings);
    let shown: Vec<&Finding> = findings.findings.iter().collect();
    let (totals, top_consumers) = (&content.totals, &content.top_consumers);
    let of_chain = records::chains::fields();
    let of_query = records::queries::execution_fields();
    let document = ReportV1 {
        schema: REPORT_SCHEMA,
        program_version: env!("CARGO_PKG_VERSION"),
        date: DayText(content.date),
        window: WindowV1::of(slice.window),
        hub_account_ids: &content.hub_account_ids,
        verdict: VerdictV1::of(content),
        summary: SumsV1 {
            chain_count: totals.chain_count,
            query_count: totals.query_count,
            bytes_scanned: totals.bytes_scanned,
            estimated_cost_usd: totals.estimated_cost_usd.map(exact),
            consumer_count: totals.consumer_count,
        },
        coverage_gaps: content
            .coverage_gaps
            .iter()
            .map(CoverageGapV1::of)
            .collect(),
        places: PlacesV1::of(&content.places),
        findings: FindingsV1::of(audit, findings, &shown),
        changes: content.changes.as_ref().map(ChangesV1::of),
        compared_with: inputs.previous.map(ComparedWithV1::of),
        flow: FlowV1::of(&content.flow),
        chains: ReportChainsV1 {
            total: content.listed.total,
            listed: content
                .listed
                .chains
                .iter()
                .map(|one| ListedChainV1::of(one, &of_chain))
                .collect(),
        },
        trends: audit
            .trends
            .iter()
            .map(|trend| TrendV1::of(trend, content))
            .collect(),
        chargeback: ChargebackTableV1::of(
            ChargebackInputs::of_part(audit, slice),
            inputs.chargeback,
        ),
        top: TopV1 {
            queries: top_consumers
                .queries
                .iter()
                .map(|one| TopQueryV1::of(one, &of_query))
                .collect(),
            user_count: top_consumers.user_count,
            users: top_consumers.users.iter().map(TopUseV1::of).collect(),
            data_source_count: top_consumers.data_source_count,
            data_sources: top_consumers
                .data_sources
                .iter()
                .map(TopUseV1::of)
                .collect(),
        },
        reads: ReportReadsV1::of(&content.tables_read),
        roads: ReportRoadsV1::of(&content.other_roads),
    };
    serde_json::to_writer(&mut *writer, &document)?;
    writer.write_all(b"\n")
}
