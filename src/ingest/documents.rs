//! Files of JSON documents, one after the other, as commands of the AWS CLI write them.

use crate::model::coverage::RejectReason;
use serde::Deserialize;
use serde_json::value::RawValue;

/// Broken documents of one file behind which reading goes on: each may be read
/// to the end of the file before it is known to be broken.
pub(super) const BROKEN_DOCUMENTS_MAX: usize = 64;

/// Takes the documents of a file, and what is wrong with others.
pub(super) trait DocumentReader {
    fn document(&mut self, document: &RawValue);

    fn fault(&mut self, fault: DocumentFault);
}

/// Reads a file of documents, JSON lines or both; behind what is broken, reading goes on.
pub(super) fn read_documents(text: &[u8], reader: &mut impl DocumentReader) {
    if text.iter().all(u8::is_ascii_whitespace) {
        return reader.fault(DocumentFault {
            offset: None,
            reason: RejectReason::Empty,
            detail: "the file is empty".to_owned(),
        });
    }
    if let Ok(text) = str::from_utf8(text) {
        return read_text(text, 0, reader);
    }
    // One bad line does not cost the others.
    let mut offset = 0;
    for line in text.split_inclusive(|byte| *byte == b'\n') {
        match str::from_utf8(line) {
            Ok(line) => read_text(line, offset, reader),
            Err(_) => reader.fault(DocumentFault {
                offset: Some(offset),
                reason: RejectReason::InvalidUtf8,
                detail: "a line is not UTF-8".to_owned(),
            }),
        }
        offset += line.len() as u64;
    }
}

/// Documents one after the other; behind a broken one, the next line that starts one.
fn read_text(text: &str, offset: u64, reader: &mut impl DocumentReader) {
    let mut start = 0;
    let mut broken_documents = 0;
    while start < text.len() {
        let rest = &text[start..];
        if broken_documents == BROKEN_DOCUMENTS_MAX {
            return reader.fault(DocumentFault {
                offset: Some(offset + start as u64),
                reason: RejectReason::InvalidJson,
                detail: "too many broken documents: the rest of the file is not read".to_owned(),
            });
        }
        broken_documents += 1;
        let mut stream = serde_json::Deserializer::from_str(rest).into_iter::<&RawValue>();
        let mut broken = None;
        while let Some(document) = stream.next() {
            match document {
                Ok(document) => reader.document(document),
                Err(error) => broken = Some((error, stream.byte_offset())),
            }
        }
        let Some((error, at)) = broken else {
            return;
        };
        reader.fault(broken_document(&error, offset + (start + at) as u64));
        let behind = rest.get(at..).unwrap_or_default();
        let skip = behind.trim_start().len();
        let skip = behind.len() - skip + 1;
        let behind = behind.get(skip..).unwrap_or_default();
        let next = behind.find("\n{").or_else(|| behind.find("\n["));
        match next {
            Some(next) => start += at + skip + next + 1,
            None => return,
        }
    }
}

fn broken_document(error: &serde_json::Error, offset: u64) -> DocumentFault {
    DocumentFault {
        offset: Some(offset),
        reason: if error.is_eof() {
            RejectReason::TruncatedJson
        } else {
            RejectReason::InvalidJson
        },
        detail: format!("not JSON: {error}"),
    }
}

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
        each(document.map_err(|error| broken_document(&error, stream.byte_offset() as u64))?);
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
