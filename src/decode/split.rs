//! Cuts a text into records by its brackets alone, so that a damaged record
//! costs only itself.
//!
//! This is the plain reading: byte by byte, easy to check, and the reference that the fast one
//! ([`super::scan`]) is held against. It knows the containers of
//! docs/cloudtrail-facts.md#envelopes: `{"Records":[...]}`, `{"Events":[...]}`, a bare array,
//! one object after the other, with or without white space.

use super::{form, scan};
use crate::model::coverage::RejectReason;
use memchr::{memchr, memchr2, memmem};

/// The way in which records are found. Both give the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SplitMode {
    /// Scan what is plain; cut and parse the rest.
    Fast,
    /// Cut and parse everything.
    Plain,
}

/// After damage a record has to close within so many bytes (CloudTrail's do within 256 KB), and what
/// holds records in another form (the largest are batches of a delivery stream) within so many.
const RECORD_REACH_BYTES: usize = 1 << 20;
const WRAPPER_REACH_BYTES: usize = 16 << 20;

/// Bytes that may be read in vain after damage: a text of nothing but openings would be read again
/// from each of them.
const fn bytes_in_vain_max(text_bytes: usize) -> usize {
    const ALWAYS: usize = 64 << 20;
    const TIMES_THE_TEXT: usize = 4;
    text_bytes
        .saturating_mul(TIMES_THE_TEXT)
        .saturating_add(ALWAYS)
}

/// Something found in a text.
pub(super) enum SplitItem {
    /// `text[start..end]` is one element: a record, or what stands in its place.
    Element { start: usize, end: usize },
    /// A record that the scanner passed over.
    Scanned(scan::ScannedRecord),
    /// No element can be read here.
    Damage {
        offset: usize,
        reason: RejectReason,
        detail: &'static str,
        /// It stands where a record should be, and counts as one.
        in_place_of_record: bool,
    },
}

/// Cuts the text, which ends where `padded` has its padding.
pub(super) fn split(
    padded: &[u8],
    length: usize,
    reading: SplitMode,
    sink: &mut dyn FnMut(SplitItem),
) {
    Splitter {
        padded,
        text: &padded[..length],
        reach: None,
        bytes_in_vain: 0,
        reading,
        sink,
    }
    .run();
}

struct Splitter<'a, 's> {
    padded: &'a [u8],
    text: &'a [u8],
    /// Bytes within which a value has to end; `None` before the first damage, where the end of the
    /// text is its only bound.
    reach: Option<usize>,
    /// Bytes of values that were read, and had no end there.
    bytes_in_vain: usize,
    reading: SplitMode,
    sink: &'s mut dyn FnMut(SplitItem),
}

/// The text ends inside the value that starts here.
struct Cut(usize);

/// The opening of a record as CloudTrail writes it: unescaped quotes, so never inside a string.
const RECORD_START: &[u8] = b"{\"eventVersion\":";

impl Splitter<'_, '_> {
    fn run(&mut self) {
        let mut at = self.skip_between(0);
        let first = at;
        while let Some(byte) = self.text.get(at) {
            let after = match byte {
                b'{' => self.object(at),
                b'[' => self.array(at),
                b'"' if value_end(self.text, at).is_some() => self.elements(at),
                _ if at == first => {
                    let form = form::name_of(self.text).unwrap_or("neither gzip nor JSON");
                    self.damage(at, RejectReason::NotJson, form, false);
                    return;
                }
                _ => Ok(self.garbage(at)),
            };
            match after.or_else(|cut| self.resume(&cut)) {
                Ok(after) => at = self.skip_between(after),
                Err(Cut(_)) => return,
            }
        }
    }

    /// A record that is never closed swallows all that follow it: goes on at the
    /// next place that looks like the start of one.
    fn resume(&mut self, cut: &Cut) -> Result<usize, Cut> {
        let mut cut = Cut(cut.0);
        while self.bytes_in_vain <= bytes_in_vain_max(self.text.len()) {
            let behind = (cut.0 + 1).min(self.text.len());
            let next = memmem::find(&self.text[behind..], RECORD_START);
            let next = next.ok_or(Cut(self.text.len()))?;
            match self.records_from(behind + next) {
                Ok(after) => return Ok(after),
                Err(again) => cut = again,
            }
        }
        let detail = "too many records without an end; the rest was not read";
        self.damage(cut.0, RejectReason::TruncatedJson, detail, false);
        Err(Cut(self.text.len()))
    }

    /// Records one after the other, with whatever brackets close them: what is
    /// wrong around them has been said already.
    fn records_from(&mut self, mut at: usize) -> Result<usize, Cut> {
        while self.text.get(at) == Some(&b'{') {
            let is_record = self.text[at..].starts_with(RECORD_START);
            self.reach = Some(if is_record {
                RECORD_REACH_BYTES
            } else {
                WRAPPER_REACH_BYTES
            });
            let after = self.elements(at);
            self.reach = Some(WRAPPER_REACH_BYTES);
            at = self.skip_space(after?);
            if self.text.get(at) == Some(&b',') {
                at = self.skip_space(at + 1);
            }
        }
        while let Some(b']' | b'}') = self.text.get(at) {
            at = self.skip_space(at + 1);
        }
        Ok(at)
    }

    /// Something between top-level values: passed over up to the next line.
    fn garbage(&mut self, at: usize) -> usize {
        let detail = "expected a JSON object or array";
        self.damage(at, RejectReason::InvalidJson, detail, true);
        memchr(b'\n', &self.text[at..]).map_or(self.text.len(), |line| at + line)
    }

    /// A top-level object: an envelope of records, or a record itself.
    fn object(&mut self, start: usize) -> Result<usize, Cut> {
        let mut at = start + 1;
        let mut is_envelope = false;
        loop {
            at = self.skip_space(at);
            match self.text.get(at) {
                Some(b'}') => {
                    at += 1;
                    break;
                }
                Some(b',') => at += 1,
                Some(b'"') => {
                    let after_key = self.value_end(at, start, is_envelope)?;
                    let key = &self.text[at..after_key];
                    let colon = self.skip_space(after_key);
                    if self.text.get(colon) != Some(&b':') {
                        at = after_key;
                        continue;
                    }
                    let value = self.skip_space(colon + 1);
                    let holds_records = matches!(key, b"\"Records\"" | b"\"Events\"");
                    if holds_records && self.text.get(value) == Some(&b'[') {
                        is_envelope = true;
                        at = self.array(value)?;
                    } else {
                        at = self.value_end(value, start, is_envelope)?;
                    }
                }
                // Not an object's grammar: the parse of the whole will say so.
                Some(_) => at = self.value_end(at, start, is_envelope)?.max(at + 1),
                None => return Err(self.cut(start, is_envelope)),
            }
        }
        if !is_envelope {
            (self.sink)(SplitItem::Element { start, end: at });
        }
        Ok(at)
    }

    /// The elements of an array whose `[` is at `at`.
    fn array(&mut self, at: usize) -> Result<usize, Cut> {
        let mut at = at + 1;
        let mut expects_element = true;
        let mut is_first = true;
        loop {
            at = self.skip_space(at);
            match self.text.get(at) {
                None => {
                    return Err(self.cut(self.text.len(), true));
                }
                Some(b']') => {
                    if expects_element && !is_first {
                        let detail = "a comma with no record behind it";
                        self.damage(at, RejectReason::InvalidJson, detail, false);
                    }
                    return Ok(at + 1);
                }
                Some(b',') => {
                    if expects_element {
                        let detail = "a comma without a record before it";
                        self.damage(at, RejectReason::InvalidJson, detail, false);
                    }
                    expects_element = true;
                    at += 1;
                }
                Some(_) => {
                    if !expects_element {
                        let detail = "no comma between two records";
                        self.damage(at, RejectReason::InvalidJson, detail, false);
                    }
                    at = self.elements(at)?;
                    expects_element = false;
                }
            }
            is_first = false;
        }
    }

    /// One element, or a run of those that the scanner passes over. After damage all is read plainly:
    /// the scanner knows no reach of a record.
    fn elements(&mut self, at: usize) -> Result<usize, Cut> {
        if self.reading == SplitMode::Fast && self.reach.is_none() {
            let sink = &mut *self.sink;
            let done = scan::scan(self.padded, at, &mut |record| {
                sink(SplitItem::Scanned(record));
            });
            if done > at {
                return Ok(done);
            }
        }
        let end = self.value_end(at, at, false)?;
        (self.sink)(SplitItem::Element { start: at, end });
        // Whatever stands here, go on behind at least one byte of it.
        Ok(end.max(at + 1))
    }

    /// The byte after the value at `at`, by brackets and quotes alone.
    fn value_end(&mut self, at: usize, element: usize, is_envelope: bool) -> Result<usize, Cut> {
        let bound = self.text.len();
        let bound = self.reach.map_or(bound, |reach| bound.min(at + reach));
        if let Some(end) = value_end(&self.text[..bound], at) {
            return Ok(end);
        }
        self.bytes_in_vain += bound - at;
        self.reach.get_or_insert(WRAPPER_REACH_BYTES);
        let cut = self.cut(element, is_envelope);
        // The records of an envelope were read: only what begins here was not.
        Err(if is_envelope { Cut(at) } else { cut })
    }

    fn cut(&mut self, element: usize, between_records: bool) -> Cut {
        let (detail, in_place) = if between_records {
            ("the text ends before its records do", false)
        } else {
            ("a record has no end", true)
        };
        self.damage(element, RejectReason::TruncatedJson, detail, in_place);
        Cut(element)
    }

    fn damage(
        &mut self,
        offset: usize,
        reason: RejectReason,
        detail: &'static str,
        in_place_of_record: bool,
    ) {
        (self.sink)(SplitItem::Damage {
            offset,
            reason,
            detail,
            in_place_of_record,
        });
    }

    /// Passes over what may stand before a top-level value: white space, byte order marks of
    /// files that were put together, and the time in front of a line of an exported log group.
    fn skip_between(&self, mut at: usize) -> usize {
        loop {
            at = self.skip_space(at);
            let rest = self.text.get(at..).unwrap_or_default();
            if rest.starts_with(form::BYTE_ORDER_MARK) {
                at += form::BYTE_ORDER_MARK.len();
                continue;
            }
            return at + log_time_length(rest).unwrap_or(0);
        }
    }

    fn skip_space(&self, at: usize) -> usize {
        let rest = self.text.get(at..).unwrap_or_default();
        let space = rest
            .iter()
            .take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'));
        at + space.count()
    }
}

/// Bytes of the time with which CloudWatch Logs begins a line of an exported log group, if a JSON
/// object follows it: `2026-11-20T10:00:00.000Z {...}`.
fn log_time_length(line: &[u8]) -> Option<usize> {
    const TIME_BYTES_MAX: usize = 32;
    if !line.first()?.is_ascii_digit() {
        return None;
    }
    let start = &line[..line.len().min(TIME_BYTES_MAX)];
    let end = memchr(b' ', start)?;
    let is_time = start[..end].ends_with(b"Z")
        && start[..end]
            .iter()
            .all(|byte| byte.is_ascii_digit() || b"-:.TZ".contains(byte));
    (is_time && line.get(end + 1) == Some(&b'{')).then_some(end + 1)
}

/// The byte after the value at `at`; `None` where the text ends inside it.
fn value_end(text: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0usize;
    loop {
        match *text.get(at)? {
            b'"' => at = string_end(text, at + 1)?,
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' if depth > 0 => {
                depth -= 1;
                at += 1;
            }
            b'}' | b']' => return Some(at),
            _ => {
                at += 1;
                if depth == 0 {
                    let rest = &text[at..];
                    let ends = |byte: &u8| b",:]}[{\" \t\r\n".contains(byte);
                    return Some(
                        rest.iter()
                            .position(ends)
                            .map_or(text.len(), |end| at + end),
                    );
                }
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The byte after the closing quote of a string that starts before `at`.
fn string_end(text: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr2(b'"', b'\\', text.get(at..)?)?;
        if text[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// Bytes of the longest string in a value, as it is written, without its quotes.
pub(super) fn longest_string(value: &[u8]) -> usize {
    let (mut longest, mut at) = (0, 0);
    while let Some(start) = value.get(at..).and_then(|rest| memchr::memchr(b'"', rest)) {
        let start = at + start + 1;
        let Some(end) = string_end(value, start) else {
            break;
        };
        longest = longest.max(end - 1 - start);
        at = end;
    }
    longest
}

/// Returns the nesting depth of a value's containers, by brackets alone.
pub(super) fn nesting(value: &[u8]) -> u32 {
    let (mut depth, mut deepest, mut at) = (0u32, 0u32, 0);
    while let Some(byte) = value.get(at) {
        at += 1;
        match byte {
            b'"' => match string_end(value, at) {
                Some(end) => at = end,
                None => break,
            },
            b'{' | b'[' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}
