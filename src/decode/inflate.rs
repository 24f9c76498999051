//! Stored bytes to text, within limits.
//!
//! A whole gzip member is inflated at once by libdeflate; anything unusual
//! (several members, damage, an untrue length) goes to flate2, which reads as a
//! stream and can say what is wrong. A member that fails its checksum or its
//! format is proof of corruption, and nothing of it is trusted; a member that
//! merely stops early gives what came whole. Further layers of gzip, zstd and UTF-16 are
//! taken away, too.

use super::blocks::BLOCK;
use super::budget::{InflateBudget, Permit};
use crate::model::coverage::{Limits, RejectReason};
use flate2::bufread::GzDecoder;
use libdeflater::Decompressor;
use memchr::memmem;
use std::io::{ErrorKind, Read};
use std::sync::Arc;

/// Zero bytes kept behind the text, so that the scanner may look a block ahead.
pub(super) const PADDING: usize = BLOCK;

const GZIP_MAGIC: &[u8] = &[0x1f, 0x8b, 0x08];
/// The smallest gzip member: 10 bytes of header, 2 of data, 8 of trailer.
const GZIP_BYTES_MIN: usize = 20;
/// Deflate cannot do better than 1 to 1032: a larger claim is a lie.
const DEFLATE_RATIO_MAX: usize = 1032;
const CHUNK: usize = 64 << 10;
/// Layers of compression that are taken away: uploaders compress what is compressed.
const LAYERS_MAX: usize = 3;

/// An error of a stored object as a whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ObjectFault {
    pub(super) reason: RejectReason,
    /// Byte offset in the stored object.
    pub(super) offset: usize,
    pub(super) detail: String,
}

/// Inflated bytes that an object may have before it counts against the budget of all
/// threads: nearly all objects are smaller.
const SMALL_BYTES_MAX: usize = 16 << 20;

/// Inflates objects one after the other into one buffer.
pub(super) struct Inflater {
    decompressor: Decompressor,
    buffer: Vec<u8>,
    length: usize,
    /// Bytes of the text that the first member holds, where it is whole and something
    /// follows it.
    first_of_several: Option<usize>,
    budget: Arc<InflateBudget>,
    /// The text is not that of one layer of gzip, but was inflated again or converted.
    is_rewrapped: bool,
    /// The part of the budget that a large object has, until it is let go.
    permit: Option<Permit>,
    /// Bytes that the object at hand may inflate to.
    bytes_max: usize,
}

impl Inflater {
    /// An inflater that shares a budget with others.
    pub(super) fn new(budget: Arc<InflateBudget>) -> Self {
        Self {
            decompressor: Decompressor::new(),
            buffer: Vec::new(),
            length: 0,
            first_of_several: None,
            is_rewrapped: false,
            budget,
            permit: None,
            bytes_max: 0,
        }
    }

    /// Lets a large object go: its memory, and its part of the budget. Its text is gone
    /// then; that of a small one stays where it is.
    pub(super) fn let_go(&mut self) {
        if self.permit.take().is_some() {
            self.buffer = Vec::new();
            self.length = 0;
        }
    }

    /// The text of the last object and [`PADDING`] zero bytes.
    pub(super) fn padded(&self) -> &[u8] {
        &self.buffer[..self.length + PADDING]
    }

    /// The text of the last object.
    pub(super) fn text(&self) -> &[u8] {
        &self.buffer[..self.length]
    }

    /// The text of its first gzip member, where that is whole and something follows.
    pub(super) fn first_of_several(&self) -> Option<&[u8]> {
        self.first_of_several.map(|length| &self.buffer[..length])
    }

    /// Returns true if the text is not what one layer of gzip held, as CloudTrail delivers it.
    pub(super) fn is_rewrapped(&self) -> bool {
        self.is_rewrapped
    }

    /// Returns true if stored bytes begin as gzip does.
    pub(super) fn is_gzip(body: &[u8]) -> bool {
        body.starts_with(GZIP_MAGIC)
    }

    /// Returns true if stored bytes end before they can be told from gzip.
    pub(super) fn may_be_cut_gzip(body: &[u8]) -> bool {
        GZIP_MAGIC.starts_with(body)
    }

    /// Takes the next object. What can be read of it is the new text.
    pub(super) fn load(&mut self, body: &[u8], limits: &Limits) -> Option<ObjectFault> {
        self.let_go();
        self.is_rewrapped = false;
        let mut fault = self.unpack(body, limits);
        for _ in 1..LAYERS_MAX {
            if fault.is_some() || !(Self::is_gzip(self.text()) || is_zstd(self.text())) {
                break;
            }
            let mut inner = std::mem::take(&mut self.buffer);
            inner.truncate(self.length);
            self.permit = None;
            self.is_rewrapped = true;
            fault = self.unpack(&inner, limits);
        }
        fault = fault.or_else(|| self.convert_to_utf8());
        self.reserve(self.length);
        self.buffer[self.length..self.length + PADDING].fill(0);
        fault
    }

    /// Takes one layer of compression away.
    fn unpack(&mut self, body: &[u8], limits: &Limits) -> Option<ObjectFault> {
        self.length = 0;
        self.first_of_several = None;
        if Self::is_gzip(body) {
            self.bytes_max = limits.inflated_bytes_max(body.len());
            self.gunzip(body)
        } else if is_zstd(body) {
            self.bytes_max = limits.inflated_bytes_max(body.len());
            self.unzstd(body)
        } else {
            self.bytes_max = limits.object_bytes_max;
            self.plain(body)
        }
    }

    fn unzstd(&mut self, body: &[u8]) -> Option<ObjectFault> {
        let damaged = |error: &std::io::Error| ObjectFault {
            reason: RejectReason::CorruptZstd,
            offset: 0,
            detail: format!("zstd: {error}; no record of the file is used"),
        };
        let mut decoder = match zstd::stream::read::Decoder::with_buffer(body) {
            Ok(decoder) => decoder,
            Err(error) => return Some(damaged(&error)),
        };
        match self.append(&mut decoder) {
            Ok(true) => None,
            Ok(false) => {
                self.length = 0;
                Some(self.too_large(0))
            }
            Err(error) => {
                self.length = 0;
                Some(damaged(&error))
            }
        }
    }

    /// Converts text that Windows PowerShell wrote as UTF-16.
    fn convert_to_utf8(&mut self) -> Option<ObjectFault> {
        let text = utf16_text(self.text())?;
        self.is_rewrapped = true;
        self.length = 0;
        if text.len() > self.bytes_max {
            return Some(self.too_large(0));
        }
        self.reserve(text.len());
        self.buffer[..text.len()].copy_from_slice(text.as_bytes());
        self.length = text.len();
        None
    }

    /// Makes room for so many bytes of text and the padding. The buffer never
    /// shrinks: clearing it for every object would cost as much as inflating.
    fn reserve(&mut self, length: usize) {
        if self.buffer.len() >= length + PADDING {
            return;
        }
        if length > SMALL_BYTES_MAX && self.permit.is_none() {
            // How large it becomes is not known: it gets what it may take, and memory is
            // only touched where there is text.
            self.permit = Some(self.budget.take(self.bytes_max));
            let room = self.bytes_max + CHUNK + PADDING;
            self.buffer
                .reserve_exact(room.saturating_sub(self.buffer.len()));
        }
        self.buffer.resize(length + PADDING, 0);
    }

    fn plain(&mut self, body: &[u8]) -> Option<ObjectFault> {
        if body.len() > self.bytes_max {
            return Some(self.too_large(0));
        }
        self.reserve(body.len());
        self.buffer[..body.len()].copy_from_slice(body);
        self.length = body.len();
        None
    }

    fn gunzip(&mut self, body: &[u8]) -> Option<ObjectFault> {
        if self.gunzip_single(body).is_some() {
            return None;
        }
        self.gunzip_members(body)
    }

    /// The common case: one sound member, within the limit, and nothing else.
    fn gunzip_single(&mut self, body: &[u8]) -> Option<()> {
        let trailer = body.last_chunk::<4>()?;
        let claimed = usize::try_from(u32::from_le_bytes(*trailer)).ok()?;
        let believable = body.len() >= GZIP_BYTES_MIN
            && claimed <= self.bytes_max
            && claimed / DEFLATE_RATIO_MAX <= body.len();
        if !believable {
            return None;
        }
        self.reserve(claimed);
        let room = &mut self.buffer[..claimed];
        let inflated = self.decompressor.gzip_decompress(body, room).ok()?;
        let is_single = inflated == claimed && !may_end_earlier(body, *trailer);
        is_single.then(|| self.length = claimed)
    }

    fn gunzip_members(&mut self, body: &[u8]) -> Option<ObjectFault> {
        let mut rest = body;
        while rest.starts_with(GZIP_MAGIC) {
            let offset = body.len() - rest.len();
            let member = self.length;
            let mut decoder = GzDecoder::new(rest);
            match self.append(&mut decoder) {
                Ok(true) => {
                    rest = decoder.into_inner();
                    if offset == 0 && !rest.is_empty() {
                        self.first_of_several = Some(self.length);
                    }
                }
                Ok(false) => {
                    self.length = 0;
                    return Some(self.too_large(offset));
                }
                Err(error) if error.kind() == ErrorKind::UnexpectedEof => {
                    return Some(ObjectFault {
                        reason: RejectReason::TruncatedGzip,
                        offset,
                        detail: "the gzip member ends early; complete records are kept".to_owned(),
                    });
                }
                Err(error) => {
                    self.length = member;
                    return Some(ObjectFault {
                        reason: RejectReason::CorruptGzip,
                        offset,
                        detail: format!("gzip: {error}; no record of the member is used"),
                    });
                }
            }
        }
        // Zero bytes may pad a gzip file (RFC 1952 leaves that to the medium).
        let offset = body.len() - rest.len();
        rest.iter().any(|&byte| byte != 0).then(|| ObjectFault {
            reason: RejectReason::TrailingBytes,
            offset,
            detail: format!("{} bytes after the last gzip member", rest.len()),
        })
    }

    /// Appends what the decoder gives; false where that is over the limit.
    fn append(&mut self, decoder: &mut impl Read) -> std::io::Result<bool> {
        loop {
            self.reserve(self.length + CHUNK);
            let room = &mut self.buffer[self.length..self.length + CHUNK];
            match decoder.read(room) {
                Ok(0) => return Ok(true),
                Ok(count) => self.length += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
            if self.length > self.bytes_max {
                return Ok(false);
            }
        }
    }

    fn too_large(&self, offset: usize) -> ObjectFault {
        ObjectFault {
            reason: RejectReason::TooLarge,
            offset,
            detail: format!(
                "holds more than {} bytes, the limit for an object of this stored size",
                self.bytes_max
            ),
        }
    }
}

/// Returns true if stored bytes begin as zstd does.
fn is_zstd(body: &[u8]) -> bool {
    body.starts_with(&[0x28, 0xb5, 0x2f, 0xfd])
}

/// The text of UTF-16, by its byte order mark, or by the zero byte next to the first bracket.
fn utf16_text(bytes: &[u8]) -> Option<String> {
    let (is_little, rest) = match bytes {
        [0xff, 0xfe, rest @ ..] => (true, rest),
        [0xfe, 0xff, rest @ ..] => (false, rest),
        [b'{' | b'[', 0, ..] => (true, bytes),
        [0, b'{' | b'[', ..] => (false, bytes),
        _ => return None,
    };
    let units = rest.chunks_exact(2).map(|pair| {
        let pair = [pair[0], pair[1]];
        if is_little {
            u16::from_le_bytes(pair)
        } else {
            u16::from_be_bytes(pair)
        }
    });
    let letters = char::decode_utf16(units);
    Some(
        letters
            .map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER))
            .collect(),
    )
}

/// Returns true if the member that was inflated may end before the body does: libdeflate stops
/// there without a word. A member ends with its length, so that there would be the length of the
/// text at hand.
fn may_end_earlier(body: &[u8], length: [u8; 4]) -> bool {
    memmem::find(&body[..body.len() - 1], &length).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    fn load(body: &[u8], limits: &Limits) -> (Vec<u8>, Option<RejectReason>) {
        let mut inflater = Inflater::new(InflateBudget::of(limits));
        let fault = inflater.load(body, limits);
        let padded = inflater.padded();
        let (text, padding) = padded.split_at(padded.len() - PADDING);
        assert_eq!(padding, [0; PADDING]);
        (text.to_vec(), fault.map(|fault| fault.reason))
    }

    fn limit(bytes: usize) -> Limits {
        Limits {
            object_bytes_max: bytes,
            ..Limits::DEFAULT
        }
    }

    #[test]
    fn one_member_several_members_and_plain_text_read_alike() {
        let text = b"{\"Records\":[]}".repeat(9);
        let halves = [gzip(&text[..50]), gzip(&text[50..])].concat();
        for body in [gzip(&text), halves, text.clone()] {
            assert_eq!(load(&body, &Limits::DEFAULT), (text.clone(), None));
        }
    }

    #[test]
    fn layers_of_compression_and_utf_16_are_taken_away() {
        let text = "{\"Records\":[\"\u{e9}\u{1f600}\"]}";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
        let marked = |mark: [u8; 2], body: &[u8]| [&mark[..], body].concat();
        let packed = zstd::encode_all(text.as_bytes(), 0).unwrap();
        for body in [
            gzip(&gzip(text.as_bytes())),
            packed.clone(),
            gzip(&packed),
            marked([0xff, 0xfe], &little),
            marked([0xfe, 0xff], &big),
            gzip(&marked([0xff, 0xfe], &little)),
            little,
            big,
        ] {
            assert_eq!(load(&body, &Limits::DEFAULT), (text.into(), None));
        }
        let (_, fault) = load(&packed[..packed.len() - 3], &Limits::DEFAULT);
        assert_eq!(fault, Some(RejectReason::CorruptZstd));
        let bomb = zstd::encode_all(&vec![b' '; 5000][..], 0).unwrap();
        assert_eq!(load(&bomb, &limit(1000)).1, Some(RejectReason::TooLarge));
    }

    #[test]
    fn two_equal_members_are_two() {
        let both = [gzip(b"same"), gzip(b"same")].concat();
        assert_eq!(load(&both, &Limits::DEFAULT), (b"samesame".to_vec(), None));
    }

    #[test]
    fn a_truncated_member_gives_what_came() {
        let text: Vec<u8> = (0..40_000u32).flat_map(u32::to_le_bytes).collect();
        let whole = gzip(&text);
        let (kept, fault) = load(&whole[..whole.len() / 2], &Limits::DEFAULT);
        assert_eq!(fault, Some(RejectReason::TruncatedGzip));
        assert!(!kept.is_empty() && text.starts_with(&kept));
    }

    #[test]
    fn a_member_with_a_wrong_checksum_gives_nothing() {
        let mut body = [gzip(b"good "), gzip(b"bad")].concat();
        let crc = body.len() - 8;
        body[crc] ^= 1;
        let (kept, fault) = load(&body, &Limits::DEFAULT);
        assert_eq!(fault, Some(RejectReason::CorruptGzip));
        assert_eq!(kept, b"good ");
    }

    #[test]
    fn bytes_after_the_last_member_are_named_and_zero_padding_is_not() {
        let padded = [gzip(b"text"), vec![0; 9]].concat();
        assert_eq!(load(&padded, &Limits::DEFAULT), (b"text".to_vec(), None));
        let trailed = [gzip(b"text"), b"junk".to_vec()].concat();
        let (kept, fault) = load(&trailed, &Limits::DEFAULT);
        assert_eq!(kept, b"text");
        assert_eq!(fault, Some(RejectReason::TrailingBytes));
    }

    #[test]
    fn the_limit_is_the_last_size_that_is_read() {
        let bomb = gzip(&vec![b' '; 1_000_000]);
        for (bytes, fits) in [(999_999, false), (1_000_000, true), (1_000_001, true)] {
            let (text, fault) = load(&bomb, &limit(bytes));
            assert_eq!(fault.is_none(), fits, "{bytes}");
            assert_eq!(text.len(), if fits { 1_000_000 } else { 0 });
        }
        let plain = vec![b' '; 100];
        assert_eq!(load(&plain, &limit(99)).1, Some(RejectReason::TooLarge));
        assert_eq!(load(&plain, &limit(100)).1, None);
    }

    #[test]
    fn what_inflates_further_than_logs_do_is_a_bomb() {
        let limits = Limits {
            inflation_ratio_max: 50,
            any_ratio_bytes_max: 10_000,
            ..Limits::DEFAULT
        };
        let bomb = gzip(&vec![b' '; 1_000_000]);
        assert!(bomb.len() * 50 < 1_000_000);
        assert_eq!(load(&bomb, &limits).1, Some(RejectReason::TooLarge));
        let several = [gzip(b"x"), bomb].concat();
        assert_eq!(load(&several, &limits).1, Some(RejectReason::TooLarge));
        // A small object may be as dense as it likes.
        let small = gzip(&vec![b' '; 10_000]);
        assert_eq!(load(&small, &limits).1, None);
    }

    #[test]
    fn a_large_object_is_let_go_when_the_next_one_comes() {
        let large = gzip(&vec![b' '; SMALL_BYTES_MAX + 1]);
        let limits = Limits {
            any_ratio_bytes_max: 2 * SMALL_BYTES_MAX,
            ..Limits::DEFAULT
        };
        let budget = InflateBudget::of(&limits);
        let mut inflater = Inflater::new(Arc::clone(&budget));
        assert_eq!(inflater.load(&large, &limits), None);
        assert_eq!(inflater.text().len(), SMALL_BYTES_MAX + 1);
        assert!(budget.free() < Limits::DEFAULT.inflating_bytes_max);
        assert_eq!(inflater.load(&gzip(b"small"), &Limits::DEFAULT), None);
        assert_eq!(inflater.text(), b"small");
        assert_eq!(budget.free(), Limits::DEFAULT.inflating_bytes_max);
        assert!(inflater.buffer.capacity() < SMALL_BYTES_MAX);
    }

    #[test]
    fn a_length_that_lies_is_not_believed() {
        let mut body = gzip(&vec![b'x'; 5000]);
        let at = body.len() - 4;
        body[at..].copy_from_slice(&u32::MAX.to_le_bytes());
        assert_eq!(
            load(&body, &Limits::DEFAULT).1,
            Some(RejectReason::CorruptGzip)
        );
    }
}
