//! From the bytes of an export to its plain bytes.

use flate2::read::MultiGzDecoder;
use std::borrow::Cow;
use std::io::{self, Read};

/// Inflated bytes of one export. A month of a large organisation's statistics
/// is a few hundred megabytes; a gzip bomb is larger.
const INFLATED_BYTES_MAX: u64 = 2 << 30;

const GZIP: [u8; 2] = [0x1f, 0x8b];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// Why an export cannot be inflated.
#[derive(Debug, thiserror::Error)]
pub enum TextError {
    /// The gzip data is damaged or cut short.
    #[error("damaged gzip data: {0}")]
    Gzip(#[source] io::Error),
    /// It inflates past the limit.
    #[error("inflates to more than {INFLATED_BYTES_MAX} bytes, the limit for one file")]
    TooLarge,
}

/// Inflates gzip, of one or several members, and drops a byte order mark.
///
/// # Errors
///
/// When the gzip data is damaged, cut short, or inflates past the limit.
pub fn plain(bytes: &[u8]) -> Result<Cow<'_, [u8]>, TextError> {
    let mut plain = Cow::Borrowed(bytes);
    if bytes.starts_with(&GZIP) {
        let mut inflated = Vec::new();
        let limited = MultiGzDecoder::new(bytes).take(INFLATED_BYTES_MAX + 1);
        let mut limited = limited;
        limited
            .read_to_end(&mut inflated)
            .map_err(TextError::Gzip)?;
        if inflated.len() as u64 > INFLATED_BYTES_MAX {
            return Err(TextError::TooLarge);
        }
        plain = Cow::Owned(inflated);
    }
    Ok(match plain {
        Cow::Borrowed(text) => Cow::Borrowed(text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)),
        Cow::Owned(mut text) => {
            if text.starts_with(BYTE_ORDER_MARK) {
                text.drain(..BYTE_ORDER_MARK.len());
            }
            Cow::Owned(text)
        }
    })
}
