//! The fast reading of a `{"Records":[...]}`: every record is passed over by its quotes and brackets, and its
//! deciding members are found without building anything from it.
//!
//! The scanner may only err on one side. Where a full JSON parse accepts a record, it ends where the scanner says,
//! and the same [`HeaderSpans`] are read from it. Whatever the scanner is not sure of (white space, escapes in a
//! deciding level, deep nesting, anything malformed around a deciding member) it leaves to the plain reading. What a
//! record contains beyond its deciding members is not checked here: a record that matters is parsed in full, and
//! one that does not need not be sound within (ARCHITECTURE.md, "Two decoders").
//! `tests/integration/decode.rs` holds the one reading against the other.

#![expect(
    clippy::inline_always,
    reason = "only what is inlined is compiled for the processor at hand"
)]

use super::blocks::{BLOCK, between_pairs, equal, special, structure};
use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch};

/// Nesting the scanner follows; deeper records go to the plain reading, which
/// has its own, named limit.
const SCAN_DEPTH_MAX: u32 = 60;

/// The recipient stands so near to the end of a record as CloudTrail writes it.
const TAIL_BYTES: usize = 512;

const RECIPIENT_KEY: &[u8] = b",\"recipientAccountId\":";

/// A field that decides what becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum HeaderField {
    EventSource,
    EventName,
    EventTime,
    AwsRegion,
    SourceIpAddress,
    RecipientAccountId,
    PrincipalId,
    InvokedBy,
}

/// The number of [`HeaderField`]s.
const HEADER_FIELDS: usize = 8;

/// Fields of a record itself, before the recipient.
const EARLY_FIELDS: usize = HeaderField::RecipientAccountId as usize;

/// The positions of the deciding fields' values in the text of the object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct HeaderSpans([(u32, u32); HEADER_FIELDS]);

impl HeaderSpans {
    const EMPTY: Self = Self([Self::ABSENT; HEADER_FIELDS]);
    const ABSENT: (u32, u32) = (0, 0);
    const NULL: (u32, u32) = (1, 0);

    /// The bytes of the field's value; `None` where it is absent or null.
    #[inline]
    pub(super) fn get<'a>(&self, text: &'a [u8], field: HeaderField) -> Option<&'a [u8]> {
        let (start, end) = self.0[field as usize];
        text.get(start as usize..end as usize)
            .filter(|_| start > Self::NULL.0)
    }
}

/// A record that needs no parse unless its header makes it relevant.
#[derive(Debug, Clone, Copy)]
pub(super) struct ScannedRecord {
    pub(super) start: usize,
    /// The byte after its closing brace.
    pub(super) end: usize,
    pub(super) header: HeaderSpans,
    /// There are non-ASCII bytes: UTF-8 is still to be checked.
    pub(super) non_ascii: bool,
}

/// Scans records from `at` on, which stands on the `{` of one, as long as they
/// are plain and separated by single commas. Gives back where it stopped: after
/// the last of them, or `at`.
pub(super) fn scan(text: &[u8], at: usize, sink: &mut dyn FnMut(ScannedRecord)) -> usize {
    dispatch!(Level::new(), simd => Scanner::new(simd, text).run(at, sink))
}

struct Scanner<'a, S: Simd> {
    simd: S,
    text: &'a [u8],
    /// The block at hand, and its bytes that end a string or may, which were not looked at yet.
    block_start: usize,
    marks: u64,
    /// The last recipient that was read.
    recipient: (u32, u32),
    /// Bits of bytes from 0x80 up.
    non_ascii: u64,
}

/// The deciding members of the current record, as far as they were read.
struct Header {
    spans: HeaderSpans,
    /// Fields of the record itself, before the recipient, that are still to come.
    missing: usize,
    has_identity: bool,
}

/// One `"key":value` of an object.
struct JsonMember {
    /// First byte of the value.
    value: usize,
    /// The byte after the value, if that is a string with nothing special in it.
    plain_end: Option<usize>,
}

/// The level of a deciding member.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HeaderLevel {
    Record,
    Identity,
}

impl<'a, S: Simd> Scanner<'a, S> {
    #[inline(always)]
    fn new(simd: S, text: &'a [u8]) -> Self {
        Self {
            simd,
            text,
            block_start: 0,
            marks: 0,
            recipient: HeaderSpans::ABSENT,
            non_ascii: 0,
        }
    }

    #[inline(always)]
    fn run(mut self, mut at: usize, sink: &mut dyn FnMut(ScannedRecord)) -> usize {
        let mut done = at;
        while let Some(record) = self.record(at) {
            done = record.end;
            sink(record);
            if !self.text[done..].starts_with(b",{") {
                break;
            }
            at = done + 1;
        }
        done
    }

    #[inline(always)]
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    #[inline(always)]
    fn block(&self, at: usize) -> Option<&'a [u8; BLOCK]> {
        self.text.get(at..)?.first_chunk::<BLOCK>()
    }

    /// The record at `start`, if it is plain.
    #[inline(always)]
    fn record(&mut self, start: usize) -> Option<ScannedRecord> {
        if self.byte(start) != b'{' {
            return None;
        }
        self.non_ascii = 0;
        let mut header = Header {
            spans: HeaderSpans::EMPTY,
            missing: EARLY_FIELDS,
            has_identity: false,
        };
        let mut at = start + 1;
        self.seek(at)?;
        let mut is_tail_unread = true;
        let end = loop {
            at = self.record_member(at, &mut header)?;
            match self.byte(at) {
                b',' => at += 1,
                b'}' => break at + 1,
                _ => return None,
            }
            let recipient = header.spans.0[HeaderField::RecipientAccountId as usize];
            let is_all_but_recipient = header.missing == 0 && header.has_identity;
            if is_tail_unread && is_all_but_recipient && recipient == HeaderSpans::ABSENT {
                is_tail_unread = false;
                let end = self.close(at, 1)?;
                if self.recipient_before(end, at, &mut header).is_some() {
                    break end;
                }
                self.seek(at)?;
            }
        };
        Some(ScannedRecord {
            start,
            end,
            header: header.spans,
            non_ascii: self.non_ascii != 0,
        })
    }

    /// Reads a member of a record; gives back the byte after its value.
    #[inline(always)]
    fn record_member(&mut self, at: usize, header: &mut Header) -> Option<usize> {
        let member = self.member(at)?;
        let key = &self.text[at..member.value];
        if key.len() == 15 && key.first_chunk() == Some(b"\"userIdentity\":") {
            // Of two, the first one counts: that is for the parse.
            if header.has_identity || self.byte(member.value) != b'{' {
                return None;
            }
            header.has_identity = true;
            return self.identity(member.value + 1, header);
        }
        let Some(field) = header_field(key, HeaderLevel::Record) else {
            return self.after_value(&member);
        };
        // Of two recipients, the last one counts: it is read from the end of a record.
        let is_first = header.spans.0[field as usize] == HeaderSpans::ABSENT;
        if !is_first && field != HeaderField::RecipientAccountId {
            return None;
        }
        header.missing -= usize::from((field as usize) < EARLY_FIELDS);
        self.field(&member, field, header)
    }

    /// Reads the members of `userIdentity`, the other level that holds deciding fields, up to its closing brace.
    #[inline(always)]
    fn identity(&mut self, mut at: usize, header: &mut Header) -> Option<usize> {
        if self.byte(at) == b'}' {
            return Some(at + 1);
        }
        loop {
            let member = self.member(at)?;
            let key = &self.text[at..member.value];
            at = match header_field(key, HeaderLevel::Identity) {
                Some(field) if header.spans.0[field as usize] == HeaderSpans::ABSENT => {
                    self.field(&member, field, header)?
                }
                Some(_) => return None,
                None => self.after_value(&member)?,
            };
            match self.byte(at) {
                b',' => at += 1,
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    /// Notes where the value of a deciding member is; `None` is for the parse.
    #[inline(always)]
    fn field(&self, member: &JsonMember, field: HeaderField, header: &mut Header) -> Option<usize> {
        let (span, after) = match self.byte(member.value) {
            b'"' => {
                let after = member.plain_end?;
                let start = u32::try_from(member.value + 1).ok()?;
                ((start, u32::try_from(after - 1).ok()?), after)
            }
            b'n' => {
                let length = plain_scalar(self.text.get(member.value..)?)?;
                (HeaderSpans::NULL, member.value + length)
            }
            _ => return None,
        };
        header.spans.0[field as usize] = span;
        Some(after)
    }

    /// The recipient of a record that ends before `end`, where it is the last of its name from `from` on. Gives back
    /// nothing where that is not certain, or there is none in the last bytes.
    #[inline(always)]
    fn recipient_before(&mut self, end: usize, from: usize, header: &mut Header) -> Option<()> {
        let key = self.last_recipient_key(from - 1, end)?;
        let recipient = HeaderField::RecipientAccountId as usize;
        // The files of a trail are of one account: whatever stands around the key, the record is of
        // the account of the record before.
        let value = key + RECIPIENT_KEY.len() + 1;
        let (known_start, known_end) = self.recipient;
        let known = &self.text[known_start as usize..known_end as usize];
        // A key behind it may be written with an escape.
        let is_same = self.text[value..].starts_with(known)
            && self.byte(value - 1) == b'"'
            && self.byte(value + known.len()) == b'"'
            && memchr::memchr(b'\\', &self.text[value..end]).is_none();
        if is_same && !known.is_empty() {
            let start = u32::try_from(value).ok()?;
            header.spans.0[recipient] = (start, start.checked_add(known_end - known_start)?);
            return Some(());
        }
        let mut at = key + 1;
        // All that follows it are members of the record itself.
        self.seek(at)?;
        let mut of_tail = Header {
            spans: HeaderSpans::EMPTY,
            missing: EARLY_FIELDS,
            has_identity: true,
        };
        loop {
            at = self.record_member(at, &mut of_tail)?;
            match self.byte(at) {
                b',' => at += 1,
                b'}' if at + 1 == end => break,
                _ => return None,
            }
        }
        let found = of_tail.spans.0[recipient];
        header.spans.0[recipient] = found;
        if found.0 > HeaderSpans::NULL.0 {
            self.recipient = found;
        }
        Some(())
    }

    /// The comma before the last key of this name in the last bytes before `end`.
    #[inline(always)]
    fn last_recipient_key(&self, from: usize, end: usize) -> Option<usize> {
        let from = from.max(end.saturating_sub(TAIL_BYTES));
        let mut at = end;
        while at > from {
            at = at.saturating_sub(BLOCK).max(from);
            let is = |offset: usize| {
                let byte = RECIPIENT_KEY[offset];
                Some(equal(self.simd, self.block(at + offset)?, byte))
            };
            // Three bytes that no other key has there.
            let mut found = is(0)? & is(4)? & is(11)?;
            while found != 0 {
                let place = BLOCK - 1 - found.leading_zeros() as usize;
                let is_within = at + place < end;
                if is_within && self.text[at + place..].starts_with(RECIPIENT_KEY) {
                    return Some(at + place);
                }
                found &= !(1 << place);
            }
        }
        None
    }

    /// Goes on at a byte outside of strings.
    #[inline(always)]
    fn seek(&mut self, at: usize) -> Option<()> {
        self.block_start = at;
        self.marks = special(self.simd, self.block(at)?);
        Some(())
    }

    /// The next byte that ends a string, or may.
    #[inline(always)]
    fn next_mark(&mut self) -> Option<usize> {
        while self.marks == 0 {
            self.seek(self.block_start + BLOCK)?;
        }
        let at = self.block_start + self.marks.trailing_zeros() as usize;
        self.marks &= self.marks - 1;
        Some(at)
    }

    /// The next byte that ends a string, or may, if it is a quote.
    #[inline(always)]
    fn next_quote(&mut self) -> Option<usize> {
        let at = self.next_mark()?;
        (self.byte(at) == b'"').then_some(at)
    }

    /// The key at `at`, and its value if that is a string with nothing special in it.
    #[inline(always)]
    fn member(&mut self, at: usize) -> Option<JsonMember> {
        let key = self.next_quote()?;
        let key_end = self.next_quote()?;
        if key != at || self.byte(key_end + 1) != b':' {
            return None;
        }
        let value = key_end + 2;
        let mut plain_end = None;
        if self.byte(value) == b'"' {
            self.next_mark()?;
            let end = self.next_mark()?;
            plain_end = (self.byte(end) == b'"').then_some(end + 1);
        }
        Some(JsonMember { value, plain_end })
    }

    /// The byte after the value of a member.
    #[inline(always)]
    fn after_value(&mut self, member: &JsonMember) -> Option<usize> {
        if let Some(end) = member.plain_end {
            return Some(end);
        }
        let end = match self.byte(member.value) {
            b'"' => self.string(member.value + 1)?,
            b'{' | b'[' => self.close(member.value + 1, 1)?,
            _ => return Some(member.value + plain_scalar(self.text.get(member.value..)?)?),
        };
        self.seek(end)?;
        Some(end)
    }

    /// The byte after the closing quote of a string.
    #[inline(always)]
    fn string(&mut self, at: usize) -> Option<usize> {
        self.seek(at)?;
        loop {
            let at = self.next_mark()?;
            match self.byte(at) {
                b'"' => return Some(at + 1),
                b'\\' => {
                    // Of what is escaped, only a character beyond ASCII matters here.
                    self.non_ascii |= u64::from(self.byte(at + 1) >= 0x80);
                    self.seek(at + 2)?;
                }
                0x80.. => self.non_ascii = 1,
                _ => return None,
            }
        }
    }

    /// The byte after the bracket that closes the outermost of so many containers. `at` stands outside of strings.
    #[inline(always)]
    fn close(&mut self, mut at: usize, mut depth: u32) -> Option<usize> {
        // All bits, while a string goes on from one block to the next.
        let mut in_string = 0;
        // The first byte of a block is escaped by the last one of the block before.
        let mut is_escaped = 0;
        loop {
            let marks = structure(self.simd, self.block(at)?);
            self.non_ascii |= marks.non_ascii;
            let mut quotes = marks.quotes;
            if marks.backslashes | is_escaped != 0 {
                let escaped = escaped(marks.backslashes, &mut is_escaped);
                quotes &= !escaped;
            }
            let strings = between_pairs(quotes) ^ in_string;
            // Outside of a string it escapes nothing.
            if marks.backslashes & !strings != 0 {
                return None;
            }
            in_string = if strings >> (BLOCK - 1) == 1 {
                u64::MAX
            } else {
                0
            };
            let opens = marks.opens & !strings;
            let closes = marks.closes & !strings;
            let closed_count = closes.count_ones();
            if closed_count >= depth
                && let Some(end) = closing(depth, opens, closes)
            {
                return Some(at + end + 1);
            }
            let deepest = depth + opens.count_ones();
            if deepest > SCAN_DEPTH_MAX {
                return None;
            }
            depth = deepest - closed_count;
            at += BLOCK;
        }
    }
}

/// Marks bytes that a backslash before them escapes, and notes whether the first of the next block is.
#[inline(always)]
fn escaped(backslashes: u64, is_escaped: &mut u64) -> u64 {
    let mut marked = *is_escaped;
    *is_escaped = 0;
    let mut rest = backslashes & !marked;
    while rest != 0 {
        let at = rest.trailing_zeros();
        if at as usize == BLOCK - 1 {
            *is_escaped = 1;
            break;
        }
        marked |= 2 << at;
        rest &= !(3 << at);
    }
    marked
}

/// The place in a block of the bracket that closes the outermost of so many containers.
#[inline(always)]
fn closing(mut depth: u32, opens: u64, closes: u64) -> Option<usize> {
    let mut brackets = opens | closes;
    while brackets != 0 {
        let at = brackets.trailing_zeros();
        if opens >> at & 1 == 1 {
            depth += 1;
        } else {
            depth -= 1;
            if depth == 0 {
                return Some(at as usize);
            }
        }
        brackets &= brackets - 1;
    }
    None
}

/// The deciding field that a key with its colon names. Keys are compared as
/// arrays, which takes no call.
#[inline(always)]
fn header_field(key: &[u8], level: HeaderLevel) -> Option<HeaderField> {
    macro_rules! is {
        ($literal:literal, $field:ident) => {
            (key.first_chunk() == Some($literal)).then_some(HeaderField::$field)
        };
    }
    match (level, key.len()) {
        (HeaderLevel::Record, 14) => is!(b"\"eventSource\":", EventSource),
        (HeaderLevel::Record, 12) => match key[6] {
            b'N' => is!(b"\"eventName\":", EventName),
            b'T' => is!(b"\"eventTime\":", EventTime),
            _ => is!(b"\"awsRegion\":", AwsRegion),
        },
        (HeaderLevel::Record, 21) => is!(b"\"recipientAccountId\":", RecipientAccountId),
        (HeaderLevel::Record, 18) => is!(b"\"sourceIPAddress\":", SourceIpAddress),
        (HeaderLevel::Identity, 14) => is!(b"\"principalId\":", PrincipalId),
        (HeaderLevel::Identity, 12) => is!(b"\"invokedBy\":", InvokedBy),
        _ => None,
    }
}

/// Length of `true`, `false`, `null`, or a number without fraction or exponent,
/// followed by what may end it. Other numbers are for the parse.
#[inline]
fn plain_scalar(text: &[u8]) -> Option<usize> {
    let literal = |word: &[u8]| text.starts_with(word).then_some(word.len());
    let length = match text.first()? {
        b't' => literal(b"true"),
        b'f' => literal(b"false"),
        b'n' => literal(b"null"),
        b'-' | b'0'..=b'9' => number(text),
        _ => None,
    }?;
    matches!(text.get(length)?, b',' | b'}' | b']').then_some(length)
}

/// Length of a JSON number.
fn number(text: &[u8]) -> Option<usize> {
    let digits = |at: usize| {
        let run = text[at..].iter().take_while(|byte| byte.is_ascii_digit());
        at + run.count()
    };
    let integer = usize::from(text[0] == b'-');
    let mut end = digits(integer);
    if end == integer || text[integer] == b'0' && end > integer + 1 {
        return None;
    }
    if text.get(end) == Some(&b'.') {
        let fraction = end + 1;
        end = digits(fraction);
        if end == fraction {
            return None;
        }
    }
    if let Some(b'e' | b'E') = text.get(end) {
        let sign = usize::from(matches!(text.get(end + 1), Some(b'+' | b'-')));
        let exponent = end + 1 + sign;
        end = digits(exponent.min(text.len()));
        if end <= exponent {
            return None;
        }
    }
    Some(end)
}
