//! From the bytes of an export to its plain bytes: at once, or as a stream.

use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::io::{self, Read};

/// Inflated bytes of one export that has to be in memory. A month of a large
/// organization's statistics is a few hundred megabytes.
const INFLATED_BYTES_MAX: u64 = 2 << 30;
/// Inflated bytes of one export that is read as a stream.
const STREAMED_BYTES_MAX: u64 = 1 << 40;
/// Inflated bytes that an export may have whatever it was stored as.
const ANY_RATIO_BYTES_MAX: u64 = 64 << 20;
/// The largest accepted ratio of inflated to stored bytes of a large export: text inflates to 50
/// times its size, a gzip bomb to 1,000.
const RATIO_MAX: u64 = 100;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// The reason why an export cannot be inflated.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The gzip data is damaged or cut short.
    #[error("damaged gzip data: {0}")]
    Gzip(#[source] io::Error),
    /// It inflates past the limit.
    #[error(
        "inflates to more than {0} bytes, the limit for a file of this stored size: split the export"
    )]
    TooLarge(u64),
}

/// An export as it is stored.
#[derive(Clone, Copy)]
pub(super) struct Stored<'a> {
    bytes: &'a [u8],
}

/// The result of a scan of the whole export.
pub(super) struct TextScan {
    /// The digest of its plain bytes.
    pub(super) digest: [u8; 32],
    /// Its first plain bytes.
    pub(super) start: Vec<u8>,
    /// The first one that is no blank.
    pub(super) first: Option<u8>,
    /// The last one.
    pub(super) last: Option<u8>,
    /// True if it has an odd number of quotes.
    pub(super) has_odd_quotes: bool,
}

impl<'a> Stored<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes }
    }

    fn inflated_bytes_max(self, bytes_max: u64) -> u64 {
        let by_ratio = (self.bytes.len() as u64).saturating_mul(RATIO_MAX);
        by_ratio.max(ANY_RATIO_BYTES_MAX).min(bytes_max)
    }

    /// Its plain bytes as a stream, without a byte order mark. Reading fails where the gzip
    /// data is damaged, and past the limit.
    pub(super) fn reader(self) -> Box<dyn Read + 'a> {
        if self.bytes.starts_with(&GZIP) {
            let left = self.inflated_bytes_max(STREAMED_BYTES_MAX);
            let inner = MultiGzDecoder::new(self.bytes);
            return Box::new(WithoutMark::new(Limited { inner, left }));
        }
        Box::new(without_mark(self.bytes))
    }

    /// Looks through all of it.
    pub(super) fn look(self) -> Result<TextScan, TextError> {
        let mut reader = self.reader();
        let mut digest = Sha256::new();
        let mut look = TextScan {
            digest: [0; 32],
            start: Vec::new(),
            first: None,
            last: None,
            has_odd_quotes: false,
        };
        let mut buffer = vec![0; 64 << 10];
        loop {
            let count = match reader.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::FileTooLarge => {
                    let bytes_max = self.inflated_bytes_max(STREAMED_BYTES_MAX);
                    return Err(TextError::TooLarge(bytes_max));
                }
                Err(error) => return Err(TextError::Gzip(error)),
            };
            let piece = &buffer[..count];
            digest.update(piece);
            let missing = START_BYTES.saturating_sub(look.start.len());
            look.start.extend(piece.iter().take(missing));
            let mut blanks = piece.iter().copied();
            look.first = look
                .first
                .or_else(|| blanks.find(|byte| !byte.is_ascii_whitespace()));
            look.last = piece.last().copied();
            look.has_odd_quotes ^= memchr::memchr_iter(b'"', piece).count() % 2 == 1;
        }
        look.digest = digest.finalize().into();
        Ok(look)
    }
}

/// Bytes by which forms of files are told apart.
const START_BYTES: usize = 4;

/// A reader that fails where there is more than a limit.
struct Limited<R> {
    inner: R,
    left: u64,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.checked_sub(count as u64);
        self.left = left.ok_or(io::ErrorKind::FileTooLarge)?;
        Ok(count)
    }
}

/// A reader that passes over a byte order mark.
struct WithoutMark<R> {
    inner: R,
    start: Option<io::Cursor<Vec<u8>>>,
}

impl<R: Read> WithoutMark<R> {
    fn new(inner: R) -> Self {
        Self { inner, start: None }
    }
}

impl<R: Read> Read for WithoutMark<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.start.is_none() {
            let mut start = Vec::new();
            let mark = BYTE_ORDER_MARK.len() as u64;
            self.inner.by_ref().take(mark).read_to_end(&mut start)?;
            if start == BYTE_ORDER_MARK {
                start.clear();
            }
            self.start = Some(io::Cursor::new(start));
        }
        match &mut self.start {
            Some(start) if start.position() < start.get_ref().len() as u64 => start.read(buffer),
            _ => self.inner.read(buffer),
        }
    }
}

fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(BYTE_ORDER_MARK).unwrap_or(bytes)
}

/// Inflates gzip, of one or several members, and drops a byte order mark.
///
/// # Errors
///
/// When the gzip data is damaged, cut short, or inflates past the limit.
pub fn plain(bytes: &[u8]) -> Result<Cow<'_, [u8]>, TextError> {
    if !bytes.starts_with(&GZIP) {
        return Ok(Cow::Borrowed(without_mark(bytes)));
    }
    let bytes_max = Stored::new(bytes).inflated_bytes_max(INFLATED_BYTES_MAX);
    let mut inflated = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(bytes_max + 1)
        .read_to_end(&mut inflated)
        .map_err(TextError::Gzip)?;
    if inflated.len() as u64 > bytes_max {
        return Err(TextError::TooLarge(bytes_max));
    }
    if inflated.starts_with(BYTE_ORDER_MARK) {
        inflated.drain(..BYTE_ORDER_MARK.len());
    }
    Ok(Cow::Owned(inflated))
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_stream_is_what_is_in_memory_at_once() {
        for text in ["", "\u{feff}", "\u{feff}a", "ab", "\u{feff}a,\"b\n", "é"] {
            for stored in [text.as_bytes().to_vec(), gzip(text.as_bytes())] {
                let mut streamed = Vec::new();
                let stored = Stored::new(&stored);
                stored.reader().read_to_end(&mut streamed).unwrap();
                assert_eq!(
                    streamed,
                    plain(stored.bytes).unwrap().into_owned(),
                    "{text:?}"
                );
                let look = stored.look().unwrap();
                assert_eq!(look.digest, <[u8; 32]>::from(Sha256::digest(&streamed)));
                assert_eq!(look.last, streamed.last().copied());
                assert_eq!(look.has_odd_quotes, text.contains('"'));
            }
        }
    }

    #[test]
    fn bombs_are_refused_and_small_files_may_be_dense() {
        let bytes_max = usize::try_from(ANY_RATIO_BYTES_MAX).unwrap();
        for (bytes, fits) in [(bytes_max, true), (bytes_max + 1, false)] {
            let bomb = gzip(&vec![b' '; bytes]);
            assert_eq!(plain(&bomb).is_ok(), fits);
            assert_eq!(Stored::new(&bomb).look().is_ok(), fits);
        }
    }
}
