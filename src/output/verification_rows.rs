//! What was verified as columns: CSV, Parquet, workbooks.

use crate::model::integrity::{DigestPlace, Fault, PlaceVerified, Verification};
use crate::model::table::{Columns, Table};
use crate::model::text::Text;

/// One row per fault.
#[must_use]
pub fn faults(verification: &Verification) -> Table {
    let faults: Vec<&Fault> = verification.faults.iter().collect();
    Columns::new("faults", &faults)
        .text("account_id", |fault| Some(fault.place.account_id.clone()))
        .text("region", |fault| Some(fault.place.region.clone()))
        .text("trail", |fault| fault.place.trail.clone())
        .moment("at", |fault| fault.at)
        .word("file", |fault| Some(fault.file.as_str()))
        .text("object", |fault| Some(fault.object.clone()))
        .word("fault", |fault| Some(fault.kind.code()))
        .text("message", |fault| Some(Text::from(fault.kind.words())))
        .table()
}

/// One row per account, Region and trail.
#[must_use]
pub fn places(verification: &Verification) -> Table {
    type Row<'a> = (&'a DigestPlace, &'a PlaceVerified);
    let places: Vec<Row<'_>> = verification.places.iter().collect();
    Columns::new("places", &places)
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
