//! The coverage of a run, in a few lines for people.

use super::human::{bytes, count, line, plural, safe};
use super::not_read::NotRead;
use super::verification::{fault_line, uncovered_line, verdict};
use crate::model::audit::Audit;
use crate::model::bill::BillCoverage;
use crate::model::charge::Attribution;
use crate::model::chat_log::ChatLogCoverage;
use crate::model::coverage::{Coverage, Reject, RejectReason, Rejects};
use crate::model::execution::StatisticsCoverage;
use crate::model::ids::AccountId;
use crate::model::integrity::Verification;
use crate::model::topology::Topology;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes one line on what was read, and one for each kind of thing that was not.
///
/// # Errors
///
/// When the writer fails.
pub fn write(audit: &Audit, writer: &mut dyn Write) -> io::Result<()> {
    line!(writer, "{}", read_line(&audit.coverage))?;
    for (note, objects) in audit.coverage.notes.iter() {
        let more = if objects.count > 1 { ", first " } else { " " };
        let first = safe(&objects.first);
        line!(
            writer,
            "note: {}{more}{first}: {note}",
            plural(objects.count, "file")
        )?;
    }
    write_rejects(&audit.coverage.rejects, writer)?;
    if let Some(verification) = &audit.verification {
        write_verification(verification, writer)?;
    }
    if let Some(statistics) = &audit.statistics {
        line!(writer, "{}", statistics_line(statistics))?;
        write_export_rejects(&statistics.rejects, writer)?;
    }
    if let Some(bill) = &audit.bill {
        line!(writer, "{}", bill_line(bill))?;
        write_export_rejects(&bill.rejects, writer)?;
        for note in &bill.notes {
            line!(writer, "note: {}", safe(note))?;
        }
    }
    if let Some(chat_logs) = &audit.chat_logs {
        line!(writer, "{}", chat_logs_line(*chat_logs))?;
    }
    write_export_rejects(&audit.units_rejects, writer)?;
    for note in &audit.units_notes {
        line!(writer, "note: {}", safe(note))?;
    }
    Ok(())
}

/// Faults named in the summary.
const FAULTS_SHOWN: usize = 5;

/// Writes what digests say of the log files: the verdict, and the first faults.
fn write_verification(verification: &Verification, writer: &mut dyn Write) -> io::Result<()> {
    line!(writer, "verified {}", verdict(verification))?;
    for fault in verification.faults.iter().take(FAULTS_SHOWN) {
        line!(writer, "{}", fault_line(fault))?;
    }
    let more = verification.faults.len().saturating_sub(FAULTS_SHOWN) as u64;
    if more > 0 {
        line!(
            writer,
            "and {} more: qs-audit verify lists them",
            count(more)
        )?;
    }
    for uncovered in verification.uncovered.iter().take(FAULTS_SHOWN) {
        line!(writer, "{}", uncovered_line(uncovered))?;
    }
    Ok(())
}

/// `statistics for 812 of 864 queries`, and what else there was.
fn statistics_line(statistics: &StatisticsCoverage) -> String {
    let mut line = format!(
        "statistics for {} of {} (read {} executions from {})",
        count(statistics.queries_with_statistics),
        plural(statistics.queries, "query"),
        count(statistics.executions),
        plural(statistics.files, "file"),
    );
    let mut add = |number: u64, what: &str| {
        if number > 0 {
            let _ = write!(line, "; {} {what}", count(number));
        }
    };
    add(
        statistics.executions_without_query,
        "of queries outside the window",
    );
    add(statistics.duplicates, "told again");
    add(
        statistics.updates,
        "repeated with other figures; the later state counts",
    );
    add(statistics.unprocessed, "without an answer from Athena");
    add(
        statistics.unread_members,
        "times or names that cannot be read, and are unknown",
    );
    line
}

/// `chat logs: 56 entries of 28 conversations from 1 file`.
fn chat_logs_line(chat_logs: ChatLogCoverage) -> String {
    let files = plural(chat_logs.files, "file");
    if chat_logs.entries == 0 {
        return format!("chat logs: no entries in {files}");
    }
    let conversations = plural(chat_logs.conversations, "conversation");
    let entries = plural(chat_logs.entries, "entry");
    format!("chat logs: {entries} of {conversations} from {files}")
}

fn bill_line(bill: &BillCoverage) -> String {
    let kinds: Vec<&str> = bill.kinds.iter().map(|kind| kind.as_str()).collect();
    format!(
        "bill from {} ({}; {} cost)",
        plural(bill.files, "file"),
        if kinds.is_empty() {
            "no lines".to_owned()
        } else {
            kinds.join(", ")
        },
        bill.metric.as_str()
    )
}

/// Accounts named in one line.
const ACCOUNTS_SHOWN: usize = 8;

/// The accounts that a bill or a query was charged to.
pub(super) fn accounts_charged(attribution: Option<&Attribution>) -> BTreeSet<&AccountId> {
    let charges = attribution.into_iter().flat_map(|of| &of.charges);
    charges
        .filter_map(|charge| charge.account_id.as_ref())
        .collect()
}

/// Those of which no business unit is known.
pub(super) fn unmapped<'a>(
    accounts: &BTreeSet<&'a AccountId>,
    topology: &Topology,
) -> Vec<&'a AccountId> {
    let accounts = accounts.iter().copied();
    accounts
        .filter(|account| topology.business_unit(account).is_none())
        .collect()
}

/// Says which accounts have no business unit, where any account has one.
///
/// # Errors
///
/// When the writer fails.
pub fn write_unmapped(
    audit: &Audit,
    topology: &Topology,
    writer: &mut dyn Write,
) -> io::Result<()> {
    let accounts = accounts_charged(audit.attribution.as_ref());
    let unmapped = unmapped(&accounts, topology);
    if unmapped.is_empty() {
        return Ok(());
    }
    let shown: Vec<_> = unmapped
        .iter()
        .take(ACCOUNTS_SHOWN)
        .map(|account| safe(account))
        .collect();
    let more = match unmapped.len().saturating_sub(ACCOUNTS_SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    line!(
        writer,
        "business units of {} of {}; unmapped: {}{more}",
        count((accounts.len() - unmapped.len()) as u64),
        plural(accounts.len() as u64, "account"),
        shown.join(", ")
    )
}

/// Writes one line for each kind of thing that was not read.
///
/// # Errors
///
/// When the writer fails.
pub fn write_rejects(rejects: &Rejects, writer: &mut dyn Write) -> io::Result<()> {
    for (reason, number, examples) in rejects.iter() {
        let place = examples.first().map_or_else(String::new, place);
        let more = if number > 1 { ", first " } else { " " };
        let detail = examples.first().map_or("", |reject| reject.detail.as_str());
        let detail = if detail.is_empty() {
            String::new()
        } else {
            format!(": {}", safe(detail))
        };
        line!(
            writer,
            "not read: {} {}{more}at {place}{detail}",
            count(number),
            reason.as_str()
        )?;
    }
    Ok(())
}

/// The same for exports, which are few: each that could not be opened is named.
fn write_export_rejects(rejects: &Rejects, writer: &mut dyn Write) -> io::Result<()> {
    for line in NotRead::of(rejects).lines() {
        line!(writer, "{line}")?;
    }
    write_rejects(&rejects.without(RejectReason::Unreadable), writer)
}

/// Returns the position of a reject: object, record, byte.
pub(super) fn place(reject: &Reject) -> String {
    let mut place = safe(&reject.object).into_owned();
    if let Some(record) = reject.record {
        let _ = write!(place, " record {record}");
    }
    if let Some(offset) = reject.offset {
        let _ = write!(place, " byte {offset}");
    }
    place
}

fn read_line(coverage: &Coverage) -> String {
    let mut line = format!(
        "read {} ({}, {} inflated): {} = {} kept + {} not relevant + {} rejected",
        plural(coverage.objects_read, "file"),
        bytes(coverage.bytes_read),
        bytes(coverage.bytes_inflated),
        plural(coverage.records, "record"),
        count(coverage.records_kept),
        count(coverage.records_not_relevant),
        count(coverage.records_rejected),
    );
    let mut add = |number: u64, what: &str| {
        if number > 0 {
            let _ = write!(line, "; {} {what}", count(number));
        }
    };
    add(coverage.duplicates, "delivered again");
    add(coverage.replaced, "replaced by an update");
    add(coverage.conflicts, "in conflict");
    add(
        coverage.records_of_unknown_version,
        "of an unknown event version",
    );
    add(coverage.objects_outside_window, "files outside the window");
    let passed_over = coverage.objects_passed_over.iter();
    for (sibling, number) in passed_over {
        add(*number, &format!("{} files passed over", sibling.as_str()));
    }
    let accounts: BTreeSet<_> = coverage.seen.keys().map(|(account, ..)| account).collect();
    let regions: BTreeSet<_> = coverage.seen.keys().map(|(_, region, _)| region).collect();
    if let Some((first, last)) = coverage.span() {
        let _ = write!(
            line,
            "; {}, {}, {first} to {last}",
            plural(accounts.len() as u64, "account"),
            plural(regions.len() as u64, "Region"),
        );
    }
    line
}
