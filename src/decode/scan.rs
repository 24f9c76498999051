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

use super::blocks::{BLOCK, between_pairs, special, structure};
use fearless_simd::prelude::*;
use fearless_simd::{Level, dispatch};

/// Nesting the scanner follows; deeper records go to the plain reading, which
/// has its own, named limit.
const SCAN_DEPTH_MAX: u32 = 60;

/// The recipient stands so near to the end of a record as CloudTrail writes it.
const TAIL_BYTES: usize = 512;

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
    /// The position to continue at: after the value if it was read whole, else at it.
    after: usize,
    whole: bool,
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
                let after = if member.whole {
                    member.after
                } else {
                    self.plain_string(member.value + 1)?
                };
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
        const KEY: &[u8] = b",\"recipientAccountId\":";
        let tail = end.saturating_sub(TAIL_BYTES).max(from - 1);
        let found = memchr::memmem::rfind(&self.text[tail..end], KEY)?;
        // All that follows it are members of the record itself.
        let mut at = tail + found + 1;
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
        let recipient = HeaderField::RecipientAccountId as usize;
        header.spans.0[recipient] = of_tail.spans.0[recipient];
        Some(())
    }

    /// The key at `at` and, where it fits into the same block, its string value.
    #[inline(always)]
    fn member(&self, at: usize) -> Option<JsonMember> {
        let block = self.block(at)?;
        let marks = special(self.simd, block);
        let rest = marks & marks.wrapping_sub(1);
        if marks & 1 == 0 || rest == 0 || block[0] != b'"' {
            return None;
        }
        let key_end = rest.trailing_zeros() as usize;
        let rest = rest & rest.wrapping_sub(1);
        if block[key_end] != b'"' || self.byte(at + key_end + 1) != b':' {
            return None;
        }
        let value = key_end + 2;
        let in_value = rest & rest.wrapping_sub(1);
        if in_value != 0 && rest.trailing_zeros() as usize == value && block[value & 63] == b'"' {
            let value_end = in_value.trailing_zeros() as usize;
            if block[value_end] == b'"' {
                return Some(JsonMember {
                    value: at + value,
                    after: at + value_end + 1,
                    whole: true,
                });
            }
        }
        Some(JsonMember {
            value: at + value,
            after: at + value,
            whole: false,
        })
    }

    /// The byte after the value of a member.
    #[inline(always)]
    fn after_value(&mut self, member: &JsonMember) -> Option<usize> {
        if member.whole {
            return Some(member.after);
        }
        match self.byte(member.value) {
            b'"' => self.string(member.value + 1),
            b'{' | b'[' => self.close(member.value + 1, 1),
            _ => Some(member.value + plain_scalar(self.text.get(member.value..)?)?),
        }
    }

    /// The byte after the closing quote of a string with nothing special in it.
    #[inline(always)]
    fn plain_string(&self, mut at: usize) -> Option<usize> {
        loop {
            let special = special(self.simd, self.block(at)?);
            if special != 0 {
                at += special.trailing_zeros() as usize;
                return (self.byte(at) == b'"').then_some(at + 1);
            }
            at += BLOCK;
        }
    }

    /// The byte after the closing quote of a string.
    #[inline(always)]
    fn string(&mut self, mut at: usize) -> Option<usize> {
        loop {
            let special = special(self.simd, self.block(at)?);
            if special == 0 {
                at += BLOCK;
                continue;
            }
            at += special.trailing_zeros() as usize;
            match self.byte(at) {
                b'"' => return Some(at + 1),
                b'\\' => at += 2,
                0x80.. => {
                    self.non_ascii = 1;
                    at += 1;
                }
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
