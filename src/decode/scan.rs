//! The fast reading of a `{"Records":[...]}`: every record is checked and its
//! deciding fields are found without building anything from it.
//!
//! The scanner may only err on one side. A record it calls sound is one that a
//! full JSON parse accepts and from which it reads the same [`HeaderSpans`].
//! Whatever it is not sure of (white space, escapes in a deciding level,
//! fractions, anything malformed) it leaves to the plain reading.
//! `tests/integration/decode.rs` holds the one against the other.

use super::blocks::{BLOCK, special};

/// Nesting the scanner follows; deeper records go to the plain reading, which
/// has its own, named limit.
const SCAN_DEPTH_MAX: u32 = 60;

/// A field that decides what becomes of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(usize)]
pub(super) enum HeaderField {
    EventSource,
    EventName,
    EventTime,
    AwsRegion,
    RecipientAccountId,
    SourceIpAddress,
    PrincipalId,
    InvokedBy,
}

/// The number of [`HeaderField`]s.
const HEADER_FIELDS: usize = 8;

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

/// A record that needs no parse unless its header makes it inteskipped.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sound {
    pub(super) start: usize,
    /// The byte after its closing brace.
    pub(super) end: usize,
    pub(super) header: HeaderSpans,
    /// There are non-ASCII bytes: UTF-8 is still to be checked.
    pub(super) non_ascii: bool,
}

/// Scans records from `at` on, which stands on the `{` of one, as long as they
/// are sound and separated by single commas. Gives back where it stopped: after
/// the last sound record, or `at`.
pub(super) fn scan(text: &[u8], at: usize, sink: &mut dyn FnMut(Sound)) -> usize {
    Scanner::new(text).run(at, sink)
}

struct Scanner<'a> {
    text: &'a [u8],
    non_ascii: bool,
}

/// The deciding fields of the current record, as far as they were read.
struct Watched {
    header: HeaderSpans,
    identity_seen: bool,
    /// Inside `userIdentity`, the other level that holds deciding fields.
    in_identity: bool,
}

impl Default for Watched {
    fn default() -> Self {
        Self {
            header: HeaderSpans::EMPTY,
            identity_seen: false,
            in_identity: false,
        }
    }
}

/// One `"key":value` of an object.
struct JsonMember {
    /// First byte of the value.
    value: usize,
    /// The position to continue at: after the value if it was read whole, else at it.
    after: usize,
    whole: bool,
}

/// The containers a value stands in, innermost in the lowest bit: 1 is an object.
struct Nesting {
    containers: u64,
    depth: u32,
}

impl Nesting {
    #[inline]
    fn push(&mut self, object: bool) -> Option<()> {
        self.containers = self.containers << 1 | u64::from(object);
        self.depth += 1;
        (self.depth <= SCAN_DEPTH_MAX).then_some(())
    }

    #[inline]
    fn pop(&mut self) {
        self.containers >>= 1;
        self.depth -= 1;
    }

    #[inline]
    fn in_object(&self) -> bool {
        self.containers & 1 == 1
    }
}

impl<'a> Scanner<'a> {
    fn new(text: &'a [u8]) -> Self {
        Self {
            text,
            non_ascii: false,
        }
    }

    #[inline]
    fn run(mut self, mut at: usize, sink: &mut dyn FnMut(Sound)) -> usize {
        let mut done = at;
        while let Some(sound) = self.record(at) {
            done = sound.end;
            sink(sound);
            if !self.text[done..].starts_with(b",{") {
                break;
            }
            at = done + 1;
        }
        done
    }

    #[inline]
    fn byte(&self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// The record at `start`, if it is sound.
    #[inline]
    fn record(&mut self, start: usize) -> Option<Sound> {
        if self.byte(start) != b'{' {
            return None;
        }
        self.non_ascii = false;
        let mut watched = Watched::default();
        let mut nesting = Nesting {
            containers: 1,
            depth: 1,
        };
        let mut at = start + 1;
        loop {
            let mut whole = false;
            if nesting.in_object() {
                let mut member = self.member(at)?;
                if nesting.depth == 1 || watched.in_identity && nesting.depth == 2 {
                    self.watch(at, &mut member, nesting.depth, &mut watched)?;
                }
                at = member.after;
                if member.whole && self.byte(at) == b',' {
                    at += 1;
                    continue;
                }
                whole = member.whole;
            }
            match self.byte(at) {
                _ if whole => {}
                b'"' => at = self.string(at + 1)?,
                b'{' => {
                    nesting.push(true)?;
                    at += 1;
                    if self.byte(at) != b'}' {
                        continue;
                    }
                }
                b'[' => {
                    nesting.push(false)?;
                    at += 1;
                    if self.byte(at) != b']' {
                        continue;
                    }
                }
                _ => at += plain_scalar(self.text.get(at..)?)?,
            }
            // Close what ends here, up to the next comma.
            loop {
                match self.byte(at) {
                    b',' => {
                        at += 1;
                        break;
                    }
                    b'}' if nesting.in_object() => nesting.pop(),
                    b']' if !nesting.in_object() => nesting.pop(),
                    _ => return None,
                }
                at += 1;
                if nesting.depth < 2 {
                    watched.in_identity = false;
                    if nesting.depth == 0 {
                        return Some(Sound {
                            start,
                            end: at,
                            header: watched.header,
                            non_ascii: self.non_ascii,
                        });
                    }
                }
            }
        }
    }

    /// Looks at a member of a level that holds deciding fields; `None` is for the
    /// parse.
    #[inline]
    fn watch(
        &self,
        at: usize,
        member: &mut JsonMember,
        depth: u32,
        watched: &mut Watched,
    ) -> Option<()> {
        let key = &self.text[at..member.value];
        let first = self.byte(member.value);
        let is_identity = key.len() == 15 && key.first_chunk() == Some(b"\"userIdentity\":");
        if depth == 1 && is_identity {
            // Of two, the first one counts: that is for the parse.
            let is_plain = !watched.identity_seen && first == b'{';
            watched.identity_seen = true;
            watched.in_identity = true;
            return is_plain.then_some(());
        }
        let Some(field) = header_field(key, depth) else {
            return Some(());
        };
        let slot = &mut watched.header.0[field as usize];
        *slot = match first {
            _ if *slot != HeaderSpans::ABSENT => return None,
            b'"' => {
                if !member.whole {
                    member.after = self.plain_string(member.value + 1)?;
                    member.whole = true;
                }
                let start = u32::try_from(member.value + 1).ok()?;
                (start, u32::try_from(member.after - 1).ok()?)
            }
            b'n' => HeaderSpans::NULL,
            _ => return None,
        };
        Some(())
    }

    /// The key at `at` and, where it fits into the same block, its string value.
    #[inline]
    fn member(&mut self, at: usize) -> Option<JsonMember> {
        let block = self.text.get(at..)?.first_chunk::<BLOCK>()?;
        let fingerprints = special(block);
        let rest = fingerprints & fingerprints.wrapping_sub(1);
        if fingerprints & 1 == 0 || rest == 0 || block[0] != b'"' {
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

    /// The byte after the closing quote of a string with nothing special in it.
    #[inline]
    fn plain_string(&self, mut at: usize) -> Option<usize> {
        loop {
            let block = self.text.get(at..)?.first_chunk::<BLOCK>()?;
            let special = special(block);
            if special != 0 {
                at += special.trailing_zeros() as usize;
                return (self.byte(at) == b'"').then_some(at + 1);
            }
            at += BLOCK;
        }
    }

    /// The byte after the closing quote of a string.
    #[inline]
    fn string(&mut self, mut at: usize) -> Option<usize> {
        loop {
            let block = self.text.get(at..)?.first_chunk::<BLOCK>()?;
            let special = special(block);
            if special == 0 {
                at += BLOCK;
                continue;
            }
            at += special.trailing_zeros() as usize;
            match self.byte(at) {
                b'"' => return Some(at + 1),
                b'\\' => at = self.escape(at + 1)?,
                0x80.. => {
                    self.non_ascii = true;
                    at += 1;
                }
                _ => return None,
            }
        }
    }

    /// The byte after an escape whose backslash stands before `at`.
    fn escape(&self, at: usize) -> Option<usize> {
        match self.byte(at) {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(at + 1),
            b'u' => {
                let digits = self.text.get(at + 1..at + 5)?;
                digits.iter().all(u8::is_ascii_hexdigit).then_some(at + 5)
            }
            _ => None,
        }
    }
}

/// The deciding field that a key with its colon names. Keys are compared as
/// arrays, which takes no call.
#[inline]
fn header_field(key: &[u8], depth: u32) -> Option<HeaderField> {
    macro_rules! is {
        ($literal:literal, $field:ident) => {
            (key.first_chunk() == Some($literal)).then_some(HeaderField::$field)
        };
    }
    match (depth, key.len()) {
        (1, 14) => is!(b"\"eventSource\":", EventSource),
        (1, 12) => match key[6] {
            b'N' => is!(b"\"eventName\":", EventName),
            b'T' => is!(b"\"eventTime\":", EventTime),
            _ => is!(b"\"awsRegion\":", AwsRegion),
        },
        (1, 21) => is!(b"\"recipientAccountId\":", RecipientAccountId),
        (1, 18) => is!(b"\"sourceIPAddress\":", SourceIpAddress),
        (2, 14) => is!(b"\"principalId\":", PrincipalId),
        (2, 12) => is!(b"\"invokedBy\":", InvokedBy),
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
