//! The result of verification, version 1 (`docs/output-v1.md`).

use super::lines::write_lines;
use super::window::WindowV1;
use crate::model::ids::{AccountId, Region};
use crate::model::integrity::{
    DigestPlace, FileCounts, PlaceVerified, Unchecked, Uncovered, Verification,
};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::records;
use crate::records::field::Value;
use serde::Serialize;
use std::io::{self, Write};

const SCHEMA: &str = "qs-audit/verification/v1";

/// Faults that a document about something else names.
const FAULTS_MAX: usize = 1000;

#[derive(Serialize)]
struct DocumentV1<'a> {
    schema: &'static str,
    window: WindowV1,
    #[serde(rename = "verification")]
    body: VerificationV1<'a>,
}

/// The result of verification, as it is in every document.
#[derive(Serialize)]
pub(super) struct VerificationV1<'a> {
    is_faulty: bool,
    total: CountsV1,
    places: Vec<VerifiedPlaceV1<'a>>,
    fault_count: usize,
    faults: Vec<Value>,
    uncovered: Vec<UncoveredV1<'a>>,
    unchecked_count: u64,
    unchecked: Vec<UncheckedV1<'a>>,
    limits: &'a [String],
}

#[derive(Serialize)]
struct TallyV1 {
    total: u64,
    valid: u64,
    invalid: u64,
    unchecked: u64,
}

#[derive(Serialize)]
struct CountsV1 {
    digests: TallyV1,
    backfill_digests: TallyV1,
    log_files: TallyV1,
    unreferenced: u64,
    awaiting_digest: u64,
    from: Option<UtcSecond>,
    to: Option<UtcSecond>,
}

#[derive(Serialize)]
struct VerifiedPlaceV1<'a> {
    account_id: &'a AccountId,
    region: &'a Region,
    trail: Option<&'a Text>,
    counts: CountsV1,
}

#[derive(Serialize)]
struct UncoveredV1<'a> {
    account_id: &'a AccountId,
    region: &'a Region,
    trail: Option<&'a Text>,
    from: UtcSecond,
    to: UtcSecond,
    why: &'static str,
    is_proven: bool,
    is_backfill: bool,
}

#[derive(Serialize)]
struct UncheckedV1<'a> {
    account_id: Option<&'a AccountId>,
    region: Option<&'a Region>,
    trail: Option<&'a Text>,
    why: &'a Text,
    object: &'a Text,
    count: u64,
}

impl TallyV1 {
    fn of(tally: FileCounts) -> Self {
        Self {
            total: tally.total(),
            valid: tally.valid,
            invalid: tally.invalid,
            unchecked: tally.unchecked,
        }
    }
}

impl CountsV1 {
    fn of(place: &PlaceVerified) -> Self {
        Self {
            digests: TallyV1::of(place.digests),
            backfill_digests: TallyV1::of(place.backfill_digests),
            log_files: TallyV1::of(place.log_files),
            unreferenced: place.unreferenced,
            awaiting_digest: place.awaiting_digest,
            from: place.from,
            to: place.to,
        }
    }
}

impl<'a> UncoveredV1<'a> {
    fn of(uncovered: &'a Uncovered) -> Self {
        Self {
            account_id: &uncovered.place.account_id,
            region: &uncovered.place.region,
            trail: uncovered.place.trail.as_ref(),
            from: uncovered.from,
            to: uncovered.to,
            why: uncovered.why.as_str(),
            is_proven: uncovered.is_proven,
            is_backfill: uncovered.is_backfill,
        }
    }
}

impl<'a> UncheckedV1<'a> {
    fn of(unchecked: &'a Unchecked) -> Self {
        let place = unchecked.place.as_ref();
        Self {
            account_id: place.map(|place| &place.account_id),
            region: place.map(|place| &place.region),
            trail: place.and_then(|place| place.trail.as_ref()),
            why: &unchecked.why,
            object: &unchecked.object,
            count: unchecked.count,
        }
    }
}

impl<'a> VerificationV1<'a> {
    /// As another document tells it: with the first faults.
    pub(super) fn of(verification: &'a Verification) -> Self {
        Self::with_faults(verification, FAULTS_MAX)
    }

    fn with_faults(verification: &'a Verification, faults_max: usize) -> Self {
        let place = |(place, counts): (&'a DigestPlace, &PlaceVerified)| VerifiedPlaceV1 {
            account_id: &place.account_id,
            region: &place.region,
            trail: place.trail.as_ref(),
            counts: CountsV1::of(counts),
        };
        let fields = records::verification::fault_fields();
        let faults = verification.faults.iter().take(faults_max);
        Self {
            is_faulty: verification.is_faulty(),
            total: CountsV1::of(&verification.total()),
            places: verification.places.iter().map(place).collect(),
            fault_count: verification.faults.len(),
            faults: faults.map(|fault| fields.read(fault)).collect(),
            uncovered: verification.uncovered.iter().map(UncoveredV1::of).collect(),
            unchecked_count: verification.unchecked_count(),
            unchecked: verification.unchecked.iter().map(UncheckedV1::of).collect(),
            limits: &verification.limits,
        }
    }
}

/// Writes what digests say of the log files of a chain: its integrity status, and the result of
/// verification, both null if nothing was verified.
///
/// # Errors
///
/// When the writer fails.
pub fn write_status(
    verification: Option<&Verification>,
    integrity: Option<&str>,
    writer: &mut dyn Write,
) -> io::Result<()> {
    #[derive(Serialize)]
    struct StatusV1<'a> {
        integrity: Option<&'a str>,
        verification: Option<VerificationV1<'a>>,
    }
    let status = StatusV1 {
        integrity,
        verification: verification.map(VerificationV1::of),
    };
    serde_json::to_writer(&mut *writer, &status)?;
    writer.write_all(b"\n")
}

/// Writes one JSON document with everything.
///
/// # Errors
///
/// When the writer fails.
pub fn write_json(verification: &Verification, writer: &mut dyn Write) -> io::Result<()> {
    let document = DocumentV1 {
        schema: SCHEMA,
        window: WindowV1::of(verification.window),
        body: VerificationV1::with_faults(verification, usize::MAX),
    };
    serde_json::to_writer(&mut *writer, &document)?;
    writer.write_all(b"\n")
}

/// Writes one JSON object per fault and line.
///
/// # Errors
///
/// When the writer fails.
pub fn write_jsonl(verification: &Verification, writer: &mut dyn Write) -> io::Result<()> {
    let fields = records::verification::fields();
    write_lines(&fields, &verification.faults, writer)
}
