//! Stored objects to slim events: bounded inflation, tolerant of AWS, never
//! failing the run.
//!
//! An object is inflated ([`inflate`]), cut into records ([`split`], with
//! [`scan`] as its fast path), and each record is evaluated by its header
//! ([`relevance`]) before it is parsed ([`record`]), so that only what matters
//! costs a parse. Whatever cannot be read becomes a located reject.

mod activity;
mod blocks;
mod budget;
mod change;
mod contents;
mod envelope;
mod exported_rows;
mod form;
mod header;
mod indexed;
mod inflate;
mod intern;
mod lenient;
mod object_text;
mod read_calls;
mod record;
mod redact;
mod relevance;
mod road_calls;
mod scan;
mod secret;
mod split;

pub use budget::InflateBudget;
pub use contents::{DIGEST_BYTES_MAX, Unpacker};
pub use record::quick_query_id;
pub use redact::REDACTED;
pub use split::SplitMode;

use crate::model::coverage::{Coverage, Limits, Reject, RejectReason, Sibling};
use crate::model::event::{Event, EventOrigin};
use crate::model::integrity::Contents;
use crate::model::key::has_log_name;
use crate::model::relevance::{RelevantSessions, SessionFingerprint};
use crate::model::text::Text;
use crate::model::window::TimeWindow;
use activity::ActivityCounter;
use envelope::Envelope;
use exported_rows::TableForm;
use header::RecordHeader;
use inflate::{Inflater, PADDING};
use intern::Interner;
use record::{DecodedRecord, NoEvent};
use relevance::{Decision, HeaderBytes, PassedSessions};
use scan::{HeaderField, ScannedRecord};
use serde::Deserialize;
use serde_json::Value;
use split::SplitItem;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

/// The result for a record of a role session whose relevance is not known yet.
#[derive(Debug)]
pub struct Candidate {
    /// The assumed role id it was called with.
    pub assumed_role_id: Text,
    /// The object it is in.
    pub object: u32,
    /// The outcome it counts as, once the session is relevant.
    pub outcome: RecordOutcome,
}

/// The outcome of a relevant record.
#[derive(Debug)]
pub enum RecordOutcome {
    /// An event.
    Event(Box<Event>),
    /// A record of a sibling.
    Sibling(Sibling),
    /// Unreadable.
    Reject(Reject),
}

/// Role sessions passed over in an object.
#[derive(Debug)]
pub struct Unresolved {
    /// The object.
    pub object: u32,
    /// The number of records.
    pub records: u64,
    /// Fingerprints of the sessions and their roles, sorted.
    pub fingerprints: Box<[SessionFingerprint]>,
}

/// The output of one decoder.
#[derive(Debug, Default)]
pub struct Decoded {
    /// Events that matter in themselves.
    pub events: Vec<Event>,
    /// Calls of role sessions that were relevant when they went by, counted
    /// as not relevant until that is settled.
    pub candidates: Vec<Candidate>,
    /// Calls of other role sessions, by object.
    pub unresolved: Vec<Unresolved>,
    /// The coverage: what was read and what was not.
    pub coverage: Coverage,
}

impl Decoded {
    /// Takes the events out, and the candidates that are events.
    #[must_use]
    pub fn take_events(&mut self) -> (Vec<Event>, Vec<Candidate>) {
        let is_event =
            |candidate: &mut Candidate| matches!(candidate.outcome, RecordOutcome::Event(_));
        let candidates = self.candidates.extract_if(.., is_event).collect();
        (std::mem::take(&mut self.events), candidates)
    }
}

/// The size of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectSize {
    /// Bytes after inflation.
    pub inflated_bytes: u64,
    /// Records found.
    pub records: u64,
    /// The content as digests hash it, where the run asks for it.
    pub contents: Contents,
}

/// Reads objects, one after the other, on one thread.
pub struct Decoder {
    /// Put aside while an object is being read from it.
    inflater: Option<Inflater>,
    interner: Interner,
    sightings: ActivityCounter,
    limits: Limits,
    reading: SplitMode,
    window: TimeWindow,
    /// The memory limit that all decoders of a run share for large objects.
    budget: Arc<InflateBudget>,
    /// True if the text of each object is hashed.
    hashes: bool,
    fingerprints: Vec<SessionFingerprint>,
    /// Sessions that were passed over in the object at hand.
    passed: PassedSessions,
    decoded: Decoded,
}

impl Decoder {
    /// A decoder for a run over this window.
    #[must_use]
    pub fn new(window: TimeWindow, limits: Limits, reading: SplitMode) -> Self {
        Self {
            inflater: None,
            interner: Interner::new(&limits),
            sightings: ActivityCounter::new(&window),
            limits,
            reading,
            window,
            budget: InflateBudget::of(&limits),
            hashes: false,
            fingerprints: Vec::new(),
            passed: PassedSessions::new(),
            decoded: Decoded::default(),
        }
    }

    /// The same, telling what each object holds as digests count it.
    #[must_use]
    pub fn hashing(self, hashes: bool) -> Self {
        Self { hashes, ..self }
    }

    /// The same, sharing its memory for large objects with other decoders.
    #[must_use]
    pub fn sharing(self, budget: Arc<InflateBudget>) -> Self {
        Self { budget, ..self }
    }

    /// Returns the number of events read so far.
    #[must_use]
    pub fn event_count(&self) -> usize {
        self.decoded.events.len()
    }

    /// The events read so far, from the one at `from` on.
    #[must_use]
    pub fn events_since(&self, from: usize) -> &[Event] {
        self.decoded.events.get(from..).unwrap_or_default()
    }

    /// Returns the number of events and candidates that are held.
    #[must_use]
    pub fn held(&self) -> usize {
        self.decoded.events.len() + self.decoded.candidates.len()
    }

    /// Gives out the events so far, and the candidates that are events, and goes on. What they had in
    /// common is forgotten.
    #[must_use]
    pub fn take_events(&mut self) -> (Vec<Event>, Vec<Candidate>) {
        self.interner = Interner::new(&self.limits);
        self.decoded.take_events()
    }

    /// Gives out what was read since the last time, and goes on.
    #[must_use]
    pub fn take(&mut self) -> Decoded {
        let sightings = ActivityCounter::new(&self.window);
        let sightings = std::mem::replace(&mut self.sightings, sightings);
        sightings.finish(&mut self.decoded.coverage);
        std::mem::take(&mut self.decoded)
    }

    /// Ends the decoder and gives out what it read.
    #[must_use]
    pub fn finish(mut self) -> Decoded {
        self.sightings.finish(&mut self.decoded.coverage);
        self.decoded
    }

    /// Reads one object: its stored bytes, at its position in the listing, with
    /// what is known to be relevant so far.
    pub fn object(
        &mut self,
        object: u32,
        key: &Text,
        body: &[u8],
        relevant: &RelevantSessions,
    ) -> ObjectSize {
        self.decoded.coverage.bytes_read += body.len() as u64;
        self.passed.clear();
        let mut inflater = self.take_inflater();
        let fault = inflater.load(body, &self.limits);
        let contents = if self.hashes {
            contents::of_loaded(&inflater, body, fault.as_ref())
        } else {
            Contents::NotRead
        };
        let padded = inflater.padded();
        let length = padded.len() - PADDING;
        self.decoded.coverage.bytes_inflated += length as u64;

        let mut reader = ObjectReader {
            decoder: self,
            key,
            object,
            padded,
            relevant,
            next_record: 0,
            tally: RecordCounts::default(),
            sibling: None,
        };
        let is_empty = padded[..length].iter().all(u8::is_ascii_whitespace);
        let is_stray = !has_log_name(key)
            && fault.is_none()
            && !Inflater::is_gzip(body)
            && exported_rows::form_of(&padded[..length]).is_none()
            && (is_empty || form::is_no_log(&padded[..length]));
        if is_stray {
            reader.pass_over_stray();
        } else if let Some(fault) = &fault {
            let offset = fault.offset as u64;
            reader.reject_object(fault.reason, Some(offset), fault.detail.clone());
        } else if is_empty {
            reader.reject_object(RejectReason::Empty, None, "it is empty".to_owned());
        }
        if !is_empty && !is_stray {
            reader.read(length);
        }
        let records = reader.close(fault.is_some() || is_empty);
        inflater.let_go();
        self.inflater = Some(inflater);
        ObjectSize {
            inflated_bytes: length as u64,
            records,
            contents,
        }
    }

    /// Counts an object that its source could not give.
    pub fn unreadable(&mut self, key: &Text, reason: RejectReason, detail: String) {
        let coverage = &mut self.decoded.coverage;
        coverage.objects_failed += 1;
        coverage.rejects.add(Reject {
            object: Text::clone(key),
            record: None,
            offset: None,
            reason,
            detail,
        });
    }

    /// Returns the wanted records of an object as JSON, with secrets replaced, and how many
    /// were.
    #[must_use]
    pub fn raw(&mut self, body: &[u8], wanted: &BTreeSet<u32>) -> (Vec<(u32, Value)>, u64) {
        let mut inflater = self.take_inflater();
        let _ = inflater.load(body, &self.limits);
        let padded = inflater.padded();
        let length = padded.len() - PADDING;
        let (mut found, mut redacted) = (Vec::new(), 0);
        let (mut next, bytes_max) = (0, self.limits.object_bytes_max);
        let mut add = |number: u32, record: &str| {
            if wanted.contains(&number)
                && let Ok(mut value) = serde_json::from_str(record)
            {
                redacted += redact::redact(&mut value);
                found.push((number, value));
            }
        };
        if let Some(form) = exported_rows::form_of(&padded[..length]) {
            // What is damaged was said when the object was read.
            let _ = exported_rows::for_each_row(form, &padded[..length], bytes_max, &mut |row| {
                add(next, row);
                next += 1;
            });
            inflater.let_go();
            self.inflater = Some(inflater);
            return (found, redacted);
        }
        split::split(padded, length, SplitMode::Plain, &mut |item| {
            next += match item {
                SplitItem::Element { start, end } => {
                    let text = std::str::from_utf8(&padded[start..end]).unwrap_or_default();
                    let records = envelope::records_in(text, bytes_max);
                    for (number, record) in (next..).zip(&records) {
                        add(number, record);
                    }
                    u32::try_from(records.len()).unwrap_or(u32::MAX)
                }
                SplitItem::Scanned(_) => 1,
                SplitItem::Damage {
                    in_place_of_record, ..
                } => u32::from(in_place_of_record),
            };
        });
        inflater.let_go();
        self.inflater = Some(inflater);
        (found, redacted)
    }

    fn take_inflater(&mut self) -> Inflater {
        let budget = &self.budget;
        let kept = self.inflater.take();
        kept.unwrap_or_else(|| Inflater::new(Arc::clone(budget)))
    }
}

/// Records of one object, by what became of them.
#[derive(Default)]
struct RecordCounts {
    records: u64,
    kept: u64,
    not_relevant: u64,
    rejected: u64,
}

/// A record that is read.
struct WantedRecord<'a> {
    /// The assumed role id of the session that has to matter for it to be kept; `None` if it matters
    /// itself.
    candidate_of: Option<&'a [u8]>,
}

/// The reading of one object.
struct ObjectReader<'a> {
    decoder: &'a mut Decoder,
    key: &'a Text,
    object: u32,
    padded: &'a [u8],
    relevant: &'a RelevantSessions,
    next_record: u32,
    tally: RecordCounts,
    /// The kind of the object by its first record, if it is no log file.
    sibling: Option<Sibling>,
}

impl ObjectReader<'_> {
    fn read(&mut self, length: usize) {
        let (padded, reading) = (self.padded, self.decoder.reading);
        if let Some(form) = exported_rows::form_of(&padded[..length]) {
            return self.rows(form, &padded[..length]);
        }
        split::split(padded, length, reading, &mut |found| match found {
            SplitItem::Scanned(scanned) => self.scanned(&scanned),
            SplitItem::Element { start, end } => self.element(start, end),
            SplitItem::Damage {
                offset,
                reason,
                detail,
                in_place_of_record,
            } => self.damage(offset, reason, detail, in_place_of_record),
        });
    }

    /// Counts a file that is no log by name and content.
    fn pass_over_stray(&mut self) {
        self.sibling = Some(Sibling::NotALog);
        let notes = &mut self.decoder.decoded.coverage.notes;
        notes.add("passed over: no log by name and content", self.key);
    }

    /// Reads the rows of an exported table. Their offset is that of the table.
    fn rows(&mut self, form: TableForm, text: &[u8]) {
        let bytes_max = self.decoder.limits.object_bytes_max;
        let read = exported_rows::for_each_row(form, text, bytes_max, &mut |row| {
            let place = self.place();
            self.parse(row, place, 0, false);
        });
        match read {
            Ok(lacking) if lacking.is_empty() => {}
            Ok(lacking) => {
                let lacking: Vec<&str> = lacking.into_iter().collect();
                let note = format!(
                    "an exported table without the columns {}: they are unknown",
                    lacking.join(", ")
                );
                self.decoder.decoded.coverage.notes.add(&note, self.key);
            }
            Err((reason, detail)) => self.reject_object(reason, None, detail),
        }
    }

    fn close(mut self, failed: bool) -> u64 {
        let coverage = &mut self.decoder.decoded.coverage;
        coverage.records += self.tally.records;
        coverage.records_kept += self.tally.kept;
        coverage.records_not_relevant += self.tally.not_relevant;
        coverage.records_rejected += self.tally.rejected;
        match self.sibling.take() {
            Some(sibling) => *coverage.objects_passed_over.entry(sibling).or_default() += 1,
            None if failed && self.tally.records == 0 => coverage.objects_failed += 1,
            None => coverage.objects_read += 1,
        }
        let fingerprints = &mut self.decoder.fingerprints;
        if !fingerprints.is_empty() {
            fingerprints.sort_unstable();
            fingerprints.dedup();
            self.decoder.decoded.unresolved.push(Unresolved {
                object: self.object,
                records: self.tally.records,
                fingerprints: fingerprints.as_slice().into(),
            });
            fingerprints.clear();
        }
        self.tally.records
    }

    fn place(&mut self) -> EventOrigin {
        let place = self.next_place();
        self.next_record += 1;
        self.tally.records += 1;
        place
    }

    /// The place of the record that is counted next.
    fn next_place(&self) -> EventOrigin {
        EventOrigin {
            object: self.object,
            record: self.next_record,
        }
    }

    /// A record that the scanner passed over. If it is relevant and cannot be read, the
    /// plain reading says why.
    fn scanned(&mut self, scanned: &ScannedRecord) {
        let bytes = &self.padded[scanned.start..scanned.end];
        let member = |field| scanned.header.get(self.padded, field);
        let source = member(HeaderField::EventSource);
        let needs_parse = source.is_none_or(envelope::is_message_source)
            || bytes.len() > self.decoder.limits.record_bytes_max
            || (scanned.non_ascii && std::str::from_utf8(bytes).is_err());
        if needs_parse {
            return self.element(scanned.start, scanned.end);
        }
        let facts = HeaderBytes {
            source: source.unwrap_or_default(),
            name: member(HeaderField::EventName).unwrap_or_default(),
            source_ip: member(HeaderField::SourceIpAddress),
            principal_id: member(HeaderField::PrincipalId),
            invoked_by: member(HeaderField::InvokedBy),
            record: bytes,
        };
        let read = match self.wanted(&facts) {
            None => None,
            Some(wanted) => {
                let text = std::str::from_utf8(bytes).unwrap_or_default();
                match self.read_record(text, self.next_place()) {
                    Err(NoEvent::Reject(..)) => return self.element(scanned.start, scanned.end),
                    read => Some((read, wanted)),
                }
            }
        };
        let place = self.place();
        self.decoder.sightings.add(
            member(HeaderField::RecipientAccountId),
            member(HeaderField::AwsRegion),
            member(HeaderField::EventTime),
        );
        match read {
            None => self.tally.not_relevant += 1,
            Some((read, wanted)) => self.settle(read, place, scanned.start, &wanted),
        }
    }

    /// Decides on a record: `None` if it needs no parse. Notes whose it is, if that may matter.
    fn wanted<'f>(&mut self, facts: &HeaderBytes<'f>) -> Option<WantedRecord<'f>> {
        match relevance::decide(facts, self.relevant, &mut self.decoder.passed) {
            Decision::Keep => Some(WantedRecord { candidate_of: None }),
            Decision::Candidate => Some(WantedRecord {
                candidate_of: facts.principal_id,
            }),
            Decision::Pass => None,
            Decision::Unresolved(fingerprints) => {
                self.decoder.fingerprints.extend(fingerprints);
                None
            }
        }
    }

    /// Something that only a parse can evaluate.
    fn element(&mut self, start: usize, end: usize) {
        let bytes = &self.padded[start..end];
        let place = self.place();
        let limits = self.decoder.limits;
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => {
                let detail = format!("byte {} of the record", error.valid_up_to());
                return self.reject(place, start, RejectReason::InvalidUtf8, detail);
            }
        };
        if split::nesting(bytes) > limits.nesting_max {
            let detail = format!("more than {} levels", limits.nesting_max);
            return self.reject(place, start, RejectReason::NestedTooDeep, detail);
        }
        self.parse(text, place, start, true);
    }

    /// Evaluates and reads a record by full parses.
    fn parse(&mut self, text: &str, place: EventOrigin, offset: usize, may_be_envelope: bool) {
        let limits = self.decoder.limits;
        let too_large = (text.len() > limits.record_bytes_max).then(|| {
            let (bytes, limit) = (text.len(), limits.record_bytes_max);
            let detail = format!("{bytes} bytes; the limit is {limit}");
            NoEvent::Reject(RejectReason::RecordTooLarge, detail)
        });
        let header: RecordHeader<'_> = match serde_json::from_str(text) {
            Ok(header) => header,
            Err(_) if may_be_envelope && text.starts_with(['[', '"']) => {
                return self.envelope(text, place, offset, too_large);
            }
            Err(error) => {
                let no_event = too_large.unwrap_or_else(|| record::reject_of(&error));
                return self.no_event(no_event, place, offset);
            }
        };
        let Some(source) = &header.source else {
            return match (may_be_envelope, too_large) {
                (true, too_large) => self.envelope(text, place, offset, too_large),
                (false, Some(too_large)) => self.no_event(too_large, place, offset),
                (false, None) => self.not_a_record(place, offset, None),
            };
        };
        if let Some(too_large) = too_large {
            return self.no_event(too_large, place, offset);
        }
        if envelope::is_message_source(source.as_bytes()) {
            if may_be_envelope {
                self.envelope(text, place, offset, None);
            } else {
                self.not_a_record(place, offset, None);
            }
            return;
        }
        self.decoder.sightings.add(
            header.recipient_account_id.as_deref().map(str::as_bytes),
            header.region.as_deref().map(str::as_bytes),
            header.time.as_deref().map(str::as_bytes),
        );
        let facts = HeaderBytes {
            source: source.as_bytes(),
            name: header.name.as_deref().unwrap_or_default().as_bytes(),
            source_ip: header.source_ip.as_deref().map(str::as_bytes),
            principal_id: header.identity.principal_id.as_deref().map(str::as_bytes),
            invoked_by: header.identity.invoked_by.as_deref().map(str::as_bytes),
            record: text.as_bytes(),
        };
        let Some(wanted) = self.wanted(&facts) else {
            self.tally.not_relevant += 1;
            return;
        };
        let read = self.read_record(text, place);
        self.settle(read, place, offset, &wanted);
    }

    /// Reads what a JSON value wraps, if it is no record itself.
    fn envelope(
        &mut self,
        text: &str,
        place: EventOrigin,
        offset: usize,
        too_large: Option<NoEvent>,
    ) {
        match (
            Envelope::of(text, self.decoder.limits.object_bytes_max),
            too_large,
        ) {
            (Envelope::Records(records), _) => {
                let mut first = Some(place);
                for record in &records {
                    let place = first.take().unwrap_or_else(|| self.place());
                    self.parse(record, place, offset, false);
                }
            }
            (_, Some(too_large)) => self.no_event(too_large, place, offset),
            (Envelope::Digest, _) => {
                self.sibling.get_or_insert(Sibling::Digest);
                self.sibling_record(Sibling::Digest);
            }
            (Envelope::Control, _) => self.tally.not_relevant += 1,
            (Envelope::Foreign(form), _) => self.not_a_record(place, offset, Some(form)),
            (Envelope::Unknown, _) => match sibling_without_source(text) {
                Some(sibling) => {
                    self.mark_sibling(place, sibling);
                    self.sibling_record(sibling);
                }
                None => self.not_a_record(place, offset, None),
            },
        }
    }

    fn not_a_record(&mut self, place: EventOrigin, offset: usize, form: Option<&str>) {
        let form = form.unwrap_or("no eventSource: not a CloudTrail record");
        self.reject(place, offset, RejectReason::NotARecord, form.to_owned());
    }

    /// Reads a record that matters, or that may.
    fn read_record(&mut self, text: &str, place: EventOrigin) -> Result<DecodedRecord, NoEvent> {
        match too_long_string(text, self.decoder.limits.string_bytes_max) {
            Some(detail) => Err(NoEvent::Reject(RejectReason::RecordTooLarge, detail)),
            None => record::read(text, place, &mut self.decoder.interner),
        }
    }

    /// Takes in what was read of a record.
    fn settle(
        &mut self,
        read: Result<DecodedRecord, NoEvent>,
        place: EventOrigin,
        offset: usize,
        wanted: &WantedRecord<'_>,
    ) {
        if let Err(NoEvent::Sibling(sibling)) = &read {
            self.mark_sibling(place, *sibling);
        }
        if let Some(id) = wanted.candidate_of {
            self.tally.not_relevant += 1;
            let id = std::str::from_utf8(id).ok();
            let outcome = match read {
                Ok(read) if !self.decoder.window.needs(read.event.time) => return,
                Ok(read) => RecordOutcome::Event(Box::new(read.event)),
                Err(NoEvent::Sibling(sibling)) => RecordOutcome::Sibling(sibling),
                Err(NoEvent::Reject(reason, detail)) => {
                    RecordOutcome::Reject(self.reject_at(place, offset, reason, detail))
                }
            };
            let id = self.decoder.interner.text(id.unwrap_or_default());
            self.decoder.decoded.candidates.push(Candidate {
                assumed_role_id: id,
                object: self.object,
                outcome,
            });
            return;
        }
        match read {
            Ok(read) => self.keep(read),
            Err(no_event) => self.no_event(no_event, place, offset),
        }
    }

    fn keep(&mut self, read: DecodedRecord) {
        let decoded = &mut self.decoder.decoded;
        decoded.coverage.records_of_unknown_version += u64::from(!read.known_version);
        if self.decoder.window.needs(read.event.time) {
            self.tally.kept += 1;
            decoded.events.push(read.event);
        } else {
            self.tally.not_relevant += 1;
        }
    }

    fn no_event(&mut self, no_event: NoEvent, place: EventOrigin, offset: usize) {
        match no_event {
            NoEvent::Sibling(sibling) => self.sibling_record(sibling),
            NoEvent::Reject(reason, detail) => self.reject(place, offset, reason, detail),
        }
    }

    fn mark_sibling(&mut self, place: EventOrigin, sibling: Sibling) {
        if place.record == 0 {
            self.sibling.get_or_insert(sibling);
        }
    }

    fn sibling_record(&mut self, sibling: Sibling) {
        self.tally.not_relevant += 1;
        let siblings = &mut self.decoder.decoded.coverage.records_of_siblings;
        *siblings.entry(sibling).or_default() += 1;
    }

    fn damage(&mut self, offset: usize, reason: RejectReason, detail: &str, is_record: bool) {
        if is_record {
            let place = self.place();
            self.reject(place, offset, reason, detail.to_owned());
        } else {
            self.reject_object(reason, Some(offset as u64), detail.to_owned());
        }
    }

    fn reject(&mut self, place: EventOrigin, offset: usize, reason: RejectReason, detail: String) {
        self.tally.rejected += 1;
        let reject = self.reject_at(place, offset, reason, detail);
        self.decoder.decoded.coverage.rejects.add(reject);
    }

    fn reject_at(
        &self,
        place: EventOrigin,
        at: usize,
        reason: RejectReason,
        detail: String,
    ) -> Reject {
        Reject {
            object: Text::clone(self.key),
            record: Some(place.record),
            offset: Some(at as u64),
            reason,
            detail,
        }
    }

    fn reject_object(&mut self, reason: RejectReason, offset: Option<u64>, detail: String) {
        self.decoder.decoded.coverage.rejects.add(Reject {
            object: Text::clone(self.key),
            record: None,
            offset,
            reason,
            detail,
        });
    }
}

/// Returns the error of a record with a string longer than is kept.
fn too_long_string(text: &str, limit: usize) -> Option<String> {
    if text.len() <= limit {
        return None;
    }
    let longest = split::longest_string(text.as_bytes());
    (longest > limit).then(|| format!("a string of {longest} bytes; the limit is {limit}"))
}

/// Aggregated and Insight records may come without an `eventSource`.
fn sibling_without_source(text: &str) -> Option<Sibling> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Kind<'a> {
        #[serde(borrow)]
        event_type: Option<Cow<'a, str>>,
    }
    let kind: Kind<'_> = serde_json::from_str(text).ok()?;
    match kind.event_type.as_deref()? {
        "AwsAggregatedEvent" => Some(Sibling::Aggregated),
        "AwsCloudTrailInsight" => Some(Sibling::Insight),
        "AwsVpceEvents" => Some(Sibling::NetworkActivity),
        _ => None,
    }
}
