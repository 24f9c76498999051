//! Files of JSON documents, one after the other, as commands of the AWS CLI write them.

use crate::model::coverage::RejectReason;
use serde::Deserialize;

/// Why a file could not be read to its end.
pub(super) struct DocumentFault {
    /// The byte, where there is one.
    pub(super) offset: Option<u64>,
    pub(super) reason: RejectReason,
    pub(super) detail: String,
}

/// Calls `each` for every document of a file.
///
/// # Errors
///
/// At the first document that is no JSON, and for a file without any.
pub(super) fn each_document<'a, T: Deserialize<'a>>(
    text: &'a [u8],
    mut each: impl FnMut(T),
) -> Result<(), DocumentFault> {
    let mut stream = serde_json::Deserializer::from_slice(text).into_iter::<T>();
    let mut is_empty = true;
    while let Some(document) = stream.next() {
        is_empty = false;
        each(document.map_err(|error| DocumentFault {
            offset: Some(stream.byte_offset() as u64),
            reason: if error.is_eof() {
                RejectReason::TruncatedJson
            } else {
                RejectReason::InvalidJson
            },
            detail: format!("not JSON: {error}"),
        })?);
    }
    if is_empty {
        return Err(DocumentFault {
            offset: None,
            reason: RejectReason::Empty,
            detail: "the file is empty".to_owned(),
        });
    }
    Ok(())
}
