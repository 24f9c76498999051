//! Verification faults, one record each, and the counts of each account, Region and trail.

use super::field::{Fields, TablePlacement};
use super::flat;
use crate::model::integrity::{DigestPlace, Fault, FaultyFile, PlaceVerified, Verification};
use crate::model::table::{Table, TableBuilder};

/// The JSON schema of a verification fault.
pub const SCHEMA: &str = "qs-audit/verification-fault/v1";

/// The fields of a fault on a line of its own.
#[must_use]
pub fn fields<'a>() -> Fields<'a, Fault> {
    Fields::new()
        .schema(SCHEMA)
        .record("fault", "the fault", fault_fields(), |fault: &Fault| {
            Some(fault)
        })
        .placed(TablePlacement::Row)
        .always_known(&["fault"])
}

/// The fields of a fault within a document.
#[must_use]
pub fn fault_fields<'a>() -> Fields<'a, Fault> {
    Fields::new()
        .text(
            "account_id",
            "the account of the log files",
            |fault: &Fault| Some(fault.place.account_id.clone()),
        )
        .text("region", "the Region of the log files", |fault: &Fault| {
            Some(fault.place.region.clone())
        })
        .text(
            "trail",
            "the trail; null if no digest file names it",
            |fault: &Fault| fault.place.trail.clone(),
        )
        .timestamp(
            "at",
            "delivery time of the log file, or end time of the digest file",
            |fault: &Fault| fault.at,
        )
        .word(
            "file",
            "kind of file",
            FaultyFile::ALL.iter().copied().map(FaultyFile::as_str),
            |fault: &Fault| Some(fault.file.as_str()),
        )
        .text(
            "object",
            "the object: `s3://bucket/key`, or a path",
            |fault: &Fault| Some(fault.object.clone()),
        )
        .word("fault", "the code of the fault", [], |fault: &Fault| {
            Some(fault.kind.code())
        })
        .string(
            "message",
            "the fault, as `aws cloudtrail validate-logs` words it if it reports the same",
            |fault: &Fault| Some(fault.kind.words()),
        )
        .always_known(&["account_id", "region", "file", "object", "fault", "message"])
}

/// One row for each fault.
#[must_use]
pub fn faults(verification: &Verification) -> Table {
    flat::table("faults", &fields(), &verification.faults)
}

/// One row per account, Region and trail.
#[must_use]
pub fn places(verification: &Verification) -> Table {
    type Row<'a> = (&'a DigestPlace, &'a PlaceVerified);
    let places: Vec<Row<'_>> = verification.places.iter().collect();
    TableBuilder::new("places", &places)
        .text("account_id", |(place, _)| Some(place.account_id.clone()))
        .text("region", |(place, _)| Some(place.region.clone()))
        .text("trail", |(place, _)| place.trail.clone())
        .integer("digests_valid", |(_, of)| Some(of.digests.valid))
        .integer("digests_invalid", |(_, of)| Some(of.digests.invalid))
        .integer("digests_unchecked", |(_, of)| Some(of.digests.unchecked))
        .integer("backfill_digests_valid", |(_, of)| {
            Some(of.backfill_digests.valid)
        })
        .integer("backfill_digests_invalid", |(_, of)| {
            Some(of.backfill_digests.invalid)
        })
        .integer("backfill_digests_unchecked", |(_, of)| {
            Some(of.backfill_digests.unchecked)
        })
        .integer("log_files_valid", |(_, of)| Some(of.log_files.valid))
        .integer("log_files_invalid", |(_, of)| Some(of.log_files.invalid))
        .integer("log_files_unchecked", |(_, of)| {
            Some(of.log_files.unchecked)
        })
        .integer("unreferenced", |(_, of)| Some(of.unreferenced))
        .integer("awaiting_digest", |(_, of)| Some(of.awaiting_digest))
        .moment("from", |(_, of)| of.from)
        .moment("to", |(_, of)| of.to)
        .table()
}
