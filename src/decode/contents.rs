//! The content of an object, as CloudTrail's digests hash it (docs/cloudtrail-facts.md#digests):
//! the text of one gzip member, with nothing after it.

use super::budget::InflateBudget;
use super::inflate::{Inflater, ObjectFault};
use crate::model::coverage::{Limits, RejectReason};
use crate::model::integrity::{Contents, hash_of};
use std::sync::Arc;

/// Unpacks objects, one after the other, on one thread.
pub struct Unpacker {
    inflater: Inflater,
    limits: Limits,
}

impl Unpacker {
    /// An unpacker with these limits.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Self::sharing(limits, InflateBudget::of(&limits))
    }

    /// The same, sharing its memory for large objects with others.
    #[must_use]
    pub fn sharing(limits: Limits, budget: Arc<InflateBudget>) -> Self {
        Self {
            inflater: Inflater::new(budget),
            limits,
        }
    }

    /// Returns the content of a log file: from its stored bytes to the SHA-256 of its text.
    pub fn contents(&mut self, body: &[u8]) -> Contents {
        let fault = self.inflater.load(body, &self.limits);
        let contents = of_loaded(&self.inflater, body, fault.as_ref());
        self.inflater.let_go();
        contents
    }

    /// The text of a digest, as it was signed; `None` where there is no whole one of at
    /// most [`DIGEST_BYTES_MAX`]. What is behind the gzip data does not count.
    pub fn digest_text(&mut self, body: &[u8]) -> Option<&[u8]> {
        let limits = Limits {
            object_bytes_max: self.limits.object_bytes_max.min(DIGEST_BYTES_MAX),
            ..self.limits
        };
        let fault = self.inflater.load(body, &limits);
        if let Some(first) = self.inflater.first_of_several() {
            return Some(first);
        }
        // An inflated copy has the text itself.
        let is_sound = fault.is_none() && !self.inflater.text().is_empty();
        is_sound.then(|| self.inflater.text())
    }

    /// Returns true if the last text was compressed more than once, or converted.
    #[must_use]
    pub fn is_rewrapped(&self) -> bool {
        self.inflater.is_rewrapped()
    }
}

/// Inflated bytes of a digest. One of an hour with 100,000 log files has some 40 MB.
pub const DIGEST_BYTES_MAX: usize = 64 << 20;

/// Returns the content of the object that was loaded last.
pub(super) fn of_loaded(inflater: &Inflater, body: &[u8], fault: Option<&ObjectFault>) -> Contents {
    if inflater.first_of_several().is_some() {
        return Contents::TrailingData;
    }
    let text = || Contents::Hash(hash_of(inflater.text()));
    match fault.map(|fault| fault.reason) {
        Some(RejectReason::TooLarge) => Contents::TooLarge,
        // CloudTrail delivers one layer of gzip; only a copy may have been wrapped again.
        None if inflater.is_rewrapped() => Contents::Plain(hash_of(inflater.text())),
        // What there is of it has another hash than all of it.
        Some(RejectReason::TruncatedGzip) => text(),
        None if Inflater::is_gzip(body) => text(),
        None if !body.is_empty() && !Inflater::may_be_cut_gzip(body) => {
            Contents::Plain(hash_of(inflater.text()))
        }
        // Too short to be told from gzip that was cut.
        None if Inflater::may_be_cut_gzip(body) => Contents::Hash(hash_of(b"")),
        Some(_) | None => Contents::InvalidFormat,
    }
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

    fn contents(body: &[u8]) -> Contents {
        Unpacker::new(Limits::DEFAULT).contents(body)
    }

    #[test]
    fn one_sound_member_has_the_hash_of_its_text() {
        for text in [String::new(), "text".to_owned(), "x".repeat(100_000)] {
            let text = text.as_bytes();
            assert_eq!(contents(&gzip(text)), Contents::Hash(hash_of(text)));
        }
    }

    #[test]
    fn anything_behind_the_member_is_told_even_where_it_repeats_the_length() {
        let body = gzip(&[b'x'; 5000]);
        let length = &body[body.len() - 4..];
        let trailer = &body[body.len() - 8..];
        for behind in [&b"\0"[..], b"junk", length, trailer, &gzip(b"more"), &body] {
            let whole = [&body[..], behind].concat();
            assert_eq!(contents(&whole), Contents::TrailingData, "{behind:?}");
            let mut unpacker = Unpacker::new(Limits::DEFAULT);
            assert_eq!(unpacker.digest_text(&whole), Some(&[b'x'; 5000][..]));
        }
    }

    #[test]
    fn damage_is_told_as_the_aws_cli_tells_it() {
        let body = gzip(b"{\"Records\":[]}");
        for cut in 0..body.len() {
            let cut = &body[..cut];
            assert!(matches!(contents(cut), Contents::Hash(_)), "{cut:?}");
            let mut unpacker = Unpacker::new(Limits::DEFAULT);
            // What is shorter than the magic number of gzip is a plain text.
            let text = unpacker.digest_text(cut);
            assert!(text.is_none() || cut.len() < 3, "{cut:?}");
        }
        let mut wrong_checksum = body.clone();
        wrong_checksum[body.len() - 8] ^= 1;
        assert_eq!(contents(&wrong_checksum), Contents::InvalidFormat);
        let text = b"{\"Records\":[]}";
        assert_eq!(contents(text), Contents::Plain(hash_of(text)));
    }

    #[test]
    fn what_is_over_the_limit_is_not_what_was_delivered() {
        let limits = Limits {
            object_bytes_max: 100,
            ..Limits::DEFAULT
        };
        let mut unpacker = Unpacker::new(limits);
        let of = |size: usize| gzip(&vec![b' '; size]);
        assert!(matches!(unpacker.contents(&of(99)), Contents::Hash(_)));
        assert!(matches!(unpacker.contents(&of(100)), Contents::Hash(_)));
        assert_eq!(unpacker.contents(&of(101)), Contents::TooLarge);
        assert!(unpacker.digest_text(&of(99)).is_some());
        assert!(unpacker.digest_text(&of(100)).is_some());
        assert_eq!(unpacker.digest_text(&of(101)), None);
    }
}
