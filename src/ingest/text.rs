//! From the bytes of an export to its plain bytes: at once, or as a stream.

use encoding_rs::{Decoder, Encoding, UTF_8, UTF_16BE, UTF_16LE};
use flate2::read::MultiGzDecoder;
use sha2::{Digest, Sha256};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, RecvError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use zip::ZipArchive;
use zip::result::ZipError;

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

const GZIP: &[u8] = &[0x1f, 0x8b];

/// Bytes by which forms are told apart.
const START_BYTES: u64 = 8;

/// Bytes that one thread hands to the other at once, and pieces that wait.
const PIECE_BYTES: usize = 256 << 10;
const PIECES_MAX: usize = 8;

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
    /// Its bytes cannot be read.
    #[error(transparent)]
    Unreadable(io::Error),
}

/// An export that is open for reading.
pub enum ExportInput {
    /// A file, which is read from its start.
    File(File),
    /// Bytes from elsewhere, which can be read once.
    Stream(Box<dyn Read + Send>),
}

impl ExportInput {
    /// Bytes in memory.
    #[must_use]
    pub fn of_bytes(bytes: Vec<u8>) -> Self {
        Self::Stream(Box::new(io::Cursor::new(bytes)))
    }

    /// Its first bytes, and all of it.
    pub(super) fn start(self) -> io::Result<(Vec<u8>, Self)> {
        let mut start = Vec::new();
        match self {
            Self::File(mut file) => {
                (&file).take(START_BYTES).read_to_end(&mut start)?;
                // A pipe cannot go back.
                if file.seek(SeekFrom::Start(0)).is_err() {
                    let all = io::Cursor::new(start.clone()).chain(file);
                    return Ok((start, Self::Stream(Box::new(all))));
                }
                Ok((start, Self::File(file)))
            }
            Self::Stream(mut stream) => {
                stream.by_ref().take(START_BYTES).read_to_end(&mut start)?;
                let all = io::Cursor::new(start.clone()).chain(stream);
                Ok((start, Self::Stream(Box::new(all))))
            }
        }
    }

    /// The same as a file that can be read from any place.
    pub(super) fn into_file(self) -> io::Result<File> {
        match self {
            Self::File(file) => Ok(file),
            Self::Stream(mut stream) => spooled(&mut stream),
        }
    }

    /// The same as bytes that can be read once.
    #[must_use]
    pub fn into_read(self) -> Box<dyn Read + Send> {
        match self {
            Self::File(file) => Box::new(file),
            Self::Stream(stream) => stream,
        }
    }
}

/// A file without a name that holds what a stream has.
pub(super) fn spooled(stream: &mut dyn Read) -> io::Result<File> {
    let mut file = tempfile::tempfile().map_err(|error| {
        let why = format!("no temporary file can be made (set TMPDIR): {error}");
        io::Error::new(error.kind(), why)
    })?;
    io::copy(stream, &mut file)?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// What a stream was, known at its end.
#[derive(Debug, Clone, Copy)]
pub(super) struct EndOfStream {
    /// The digest of its plain bytes.
    pub(super) digest: [u8; 32],
    /// The last plain byte.
    pub(super) last: Option<u8>,
}

/// The end of a stream that someone else reads; `None` before it is reached.
pub(super) type EndHandle = Rc<RefCell<Option<Result<EndOfStream, TextError>>>>;

/// What the reading thread hands over.
enum PlainPiece {
    Bytes(Vec<u8>),
    End(EndOfStream),
    Failed(TextError),
}

/// The plain bytes of an export as a stream: inflated, as UTF-8 and without a byte order mark.
/// Another thread reads, inflates and hashes.
pub(super) struct PlainStream {
    pieces: Option<Receiver<PlainPiece>>,
    thread: Option<JoinHandle<()>>,
    /// True if the end of the reading thread is waited for.
    is_waited_for: bool,
    piece: Vec<u8>,
    at: usize,
    end: EndHandle,
}

impl PlainStream {
    /// Starts to read what is stored, gzip or plain.
    pub(super) fn of(stored: Box<dyn Read + Send>) -> io::Result<Self> {
        Self::spawn(move |to| hand_over(stored, STREAMED_BYTES_MAX, to))
    }

    /// Starts to read a file of an archive.
    pub(super) fn of_entry(archive: File, index: usize) -> io::Result<Self> {
        let mut stream = Self::spawn(move |to| {
            let damaged = |error: ZipError| TextError::Unreadable(error.into());
            let mut archive = ZipArchive::new(archive).map_err(damaged)?;
            let entry = archive.by_index(index).map_err(damaged)?;
            let bytes_max = inflated_bytes_max(entry.compressed_size(), STREAMED_BYTES_MAX);
            hand_over(entry, bytes_max, to)
        })?;
        // All entries share one place in the archive.
        stream.is_waited_for = true;
        Ok(stream)
    }

    fn spawn(
        read: impl FnOnce(&SyncSender<PlainPiece>) -> Result<Option<EndOfStream>, TextError>
        + Send
        + 'static,
    ) -> io::Result<Self> {
        let (to, pieces) = sync_channel(PIECES_MAX);
        let read_all = move || {
            let last = match read(&to) {
                Ok(Some(end)) => PlainPiece::End(end),
                Ok(None) => return,
                Err(error) => PlainPiece::Failed(error),
            };
            // No one waits where what was read is no bill.
            let _ = to.send(last);
        };
        let name = "read a bill".to_owned();
        let thread = thread::Builder::new().name(name).spawn(read_all)?;
        Ok(Self {
            pieces: Some(pieces),
            thread: Some(thread),
            is_waited_for: false,
            piece: Vec::new(),
            at: 0,
            end: EndHandle::default(),
        })
    }

    /// The end, for whoever does not read the stream itself.
    pub(super) fn end(&self) -> EndHandle {
        self.end.clone()
    }

    /// The bytes that are next, some at least unless the stream is at its end.
    pub(super) fn peek(&mut self) -> io::Result<&[u8]> {
        while self.at == self.piece.len() && self.end.borrow().is_none() {
            let next = self.pieces.as_ref().map(Receiver::recv);
            match next.unwrap_or(Err(RecvError)) {
                Ok(PlainPiece::Bytes(piece)) => (self.piece, self.at) = (piece, 0),
                Ok(PlainPiece::End(end)) => *self.end.borrow_mut() = Some(Ok(end)),
                Ok(PlainPiece::Failed(error)) => {
                    let why = io::Error::other(error.to_string());
                    *self.end.borrow_mut() = Some(Err(error));
                    return Err(why);
                }
                Err(_) => return Err(io::Error::other("the reading thread ended early")),
            }
        }
        Ok(&self.piece[self.at..])
    }
}

impl Drop for PlainStream {
    fn drop(&mut self) {
        // The thread ends where no one takes what it reads.
        self.pieces = None;
        if let Some(thread) = self.thread.take().filter(|_| self.is_waited_for) {
            let _ = thread.join();
        }
    }
}

impl Read for PlainStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let next = self.peek()?;
        let count = next.len().min(buffer.len());
        buffer[..count].copy_from_slice(&next[..count]);
        self.at += count;
        Ok(count)
    }
}

/// Hands all plain bytes over; `None` where no one takes them.
fn hand_over(
    stored: impl Read,
    bytes_max: u64,
    to: &SyncSender<PlainPiece>,
) -> Result<Option<EndOfStream>, TextError> {
    let mut inflated = InflatedBytes::of(stored, bytes_max).map_err(TextError::Unreadable)?;
    let mut text: Option<Utf8Text> = None;
    let mut hasher = Sha256::new();
    let mut last = None;
    loop {
        let piece = inflated.piece()?;
        let is_end = piece.is_empty();
        let text = text.get_or_insert_with(|| Utf8Text::of(&piece));
        let piece = text.next(piece, is_end);
        hasher.update(&piece);
        last = piece.last().copied().or(last);
        if !piece.is_empty() && to.send(PlainPiece::Bytes(piece)).is_err() {
            return Ok(None);
        }
        if is_end {
            let digest = hasher.finalize().into();
            return Ok(Some(EndOfStream { digest, last }));
        }
    }
}

/// The encoding of a text, and the bytes of its mark. Only UTF-16 is known as something else than
/// UTF-8, by its mark or by zeros between its first letters; `PowerShell` writes it.
fn encoding_of(first: &[u8]) -> (&'static Encoding, usize) {
    if let Some(marked) = Encoding::for_bom(first) {
        return marked;
    }
    match first {
        [1..=0x7f, 0, 1..=0x7f, 0, ..] => (UTF_16LE, 0),
        [0, 1..=0x7f, 0, 1..=0x7f, ..] => (UTF_16BE, 0),
        _ => (UTF_8, 0),
    }
}

/// A text that becomes UTF-8, piece by piece, without a byte order mark.
struct Utf8Text {
    decoder: Option<Decoder>,
    mark_bytes: usize,
}

impl Utf8Text {
    fn of(first: &[u8]) -> Self {
        let (encoding, mark_bytes) = encoding_of(first);
        let decoder = (encoding != UTF_8).then(|| encoding.new_decoder_without_bom_handling());
        Self {
            decoder,
            mark_bytes,
        }
    }

    fn next(&mut self, mut piece: Vec<u8>, is_end: bool) -> Vec<u8> {
        piece.drain(..std::mem::take(&mut self.mark_bytes));
        let Some(decoder) = &mut self.decoder else {
            return piece;
        };
        let room = decoder.max_utf8_buffer_length(piece.len());
        let mut text = String::with_capacity(room.unwrap_or(piece.len() * 3));
        let _ = decoder.decode_to_string(&piece, &mut text, is_end);
        text.into_bytes()
    }
}

/// The inflated bytes of stored ones, within limits.
struct InflatedBytes<'a> {
    reader: Box<dyn Read + 'a>,
    is_gzip: bool,
    bytes_max: u64,
    stored_bytes: Rc<Cell<u64>>,
    total: u64,
}

impl<'a> InflatedBytes<'a> {
    fn of(mut stored: impl Read + 'a, bytes_max: u64) -> io::Result<Self> {
        let mut head = Vec::new();
        stored
            .by_ref()
            .take(GZIP.len() as u64)
            .read_to_end(&mut head)?;
        let is_gzip = head == GZIP;
        let stored_bytes = Rc::new(Cell::new(0));
        let counted = CountedRead {
            inner: io::Cursor::new(head).chain(stored),
            bytes: stored_bytes.clone(),
        };
        let reader: Box<dyn Read + 'a> = if is_gzip {
            let buffered = io::BufReader::with_capacity(PIECE_BYTES, counted);
            Box::new(MultiGzDecoder::new(buffered))
        } else {
            Box::new(counted)
        };
        Ok(Self {
            reader,
            is_gzip,
            bytes_max,
            stored_bytes,
            total: 0,
        })
    }

    /// The next bytes; none at the end.
    fn piece(&mut self) -> Result<Vec<u8>, TextError> {
        let mut piece = vec![0; PIECE_BYTES];
        let mut count = 0;
        while count < piece.len() {
            match self.reader.read(&mut piece[count..]) {
                Ok(0) => break,
                Ok(more) => count += more,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if self.is_gzip && is_damage(&error) => {
                    return Err(TextError::Gzip(error));
                }
                Err(error) => return Err(TextError::Unreadable(error)),
            }
        }
        piece.truncate(count);
        self.total += count as u64;
        let bytes_max = if self.is_gzip {
            inflated_bytes_max(self.stored_bytes.get(), self.bytes_max)
        } else {
            self.bytes_max
        };
        if self.total > bytes_max {
            return Err(TextError::TooLarge(bytes_max));
        }
        Ok(piece)
    }
}

/// Returns true if the data is at fault, and not the one who reads it.
fn is_damage(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::UnexpectedEof
    )
}

fn inflated_bytes_max(stored_bytes: u64, bytes_max: u64) -> u64 {
    let by_ratio = stored_bytes.saturating_mul(RATIO_MAX);
    by_ratio.max(ANY_RATIO_BYTES_MAX).min(bytes_max)
}

/// A reader that counts what it read.
struct CountedRead<R> {
    inner: R,
    bytes: Rc<Cell<u64>>,
}

impl<R: Read> Read for CountedRead<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.bytes.set(self.bytes.get() + count as u64);
        Ok(count)
    }
}

/// Inflates gzip, of one or several members, makes UTF-16 UTF-8, and drops a byte order mark.
///
/// # Errors
///
/// When the gzip data is damaged, cut short, or inflates past the limit.
pub fn plain(bytes: &[u8]) -> Result<Cow<'_, [u8]>, TextError> {
    if !bytes.starts_with(GZIP) {
        return Ok(decoded(Cow::Borrowed(bytes)));
    }
    let bytes_max = inflated_bytes_max(bytes.len() as u64, INFLATED_BYTES_MAX);
    let mut inflated = Vec::new();
    MultiGzDecoder::new(bytes)
        .take(bytes_max + 1)
        .read_to_end(&mut inflated)
        .map_err(TextError::Gzip)?;
    if inflated.len() as u64 > bytes_max {
        return Err(TextError::TooLarge(bytes_max));
    }
    Ok(decoded(Cow::Owned(inflated)))
}

fn decoded(text: Cow<'_, [u8]>) -> Cow<'_, [u8]> {
    let (encoding, mark_bytes) = encoding_of(&text);
    match (encoding == UTF_8, text) {
        (true, Cow::Borrowed(text)) => Cow::Borrowed(&text[mark_bytes..]),
        (true, Cow::Owned(mut text)) => {
            text.drain(..mark_bytes);
            Cow::Owned(text)
        }
        (false, text) => {
            let (text, _) = encoding.decode_without_bom_handling(&text[mark_bytes..]);
            Cow::Owned(text.into_owned().into_bytes())
        }
    }
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

    fn streamed(stored: Vec<u8>) -> Result<(Vec<u8>, EndOfStream), TextError> {
        let mut stream = PlainStream::of(Box::new(io::Cursor::new(stored))).unwrap();
        let mut bytes = Vec::new();
        let _ = stream.read_to_end(&mut bytes);
        let end = stream.end().take().unwrap()?;
        Ok((bytes, end))
    }

    fn utf_16(text: &str, is_big: bool) -> Vec<u8> {
        let units = std::iter::once(0xfeff).chain(text.encode_utf16());
        let bytes = |unit: u16| {
            if is_big {
                unit.to_be_bytes()
            } else {
                unit.to_le_bytes()
            }
        };
        units.flat_map(bytes).collect()
    }

    #[test]
    fn a_stream_is_what_is_in_memory_at_once() {
        let long = "long, é and \u{1f4b0}\n".repeat(50_000);
        for text in [
            "",
            "\u{feff}",
            "\u{feff}a",
            "ab",
            "\u{feff}a,\"b\n",
            "é",
            &long,
        ] {
            let plain_text = text.trim_start_matches('\u{feff}');
            for stored in [
                text.as_bytes().to_vec(),
                utf_16(plain_text, false),
                utf_16(plain_text, true),
            ]
            .into_iter()
            .chain((plain_text == long).then(|| utf_16(plain_text, false)[2..].to_vec()))
            {
                for stored in [gzip(&stored), stored] {
                    let (bytes, end) = streamed(stored.clone()).unwrap();
                    assert_eq!(bytes, plain_text.as_bytes());
                    assert_eq!(bytes, plain(&stored).unwrap().into_owned());
                    assert_eq!(end.digest, <[u8; 32]>::from(Sha256::digest(&bytes)));
                    assert_eq!(end.last, bytes.last().copied());
                }
            }
        }
    }

    #[test]
    fn bombs_are_refused_and_small_files_may_be_dense() {
        let bytes_max = usize::try_from(ANY_RATIO_BYTES_MAX).unwrap();
        for (bytes, fits) in [(bytes_max, true), (bytes_max + (1 << 20), false)] {
            let bomb = gzip(&vec![b' '; bytes]);
            assert_eq!(plain(&bomb).is_ok(), fits);
            assert_eq!(streamed(bomb).is_ok(), fits);
        }
    }

    #[test]
    fn damaged_data_is_an_error_at_the_end() {
        let whole = gzip(&b"some text that is long enough\n".repeat(100));
        for cut in [3, 20, whole.len() - 1] {
            let error = streamed(whole[..cut].to_vec()).unwrap_err();
            assert!(matches!(error, TextError::Gzip(_)), "{error}");
        }
    }
}
