//! Objects in records, also those inside a JSON string.

use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;

/// The text of an object, or of one inside a JSON string
/// (docs/cloudtrail-facts.md#record-fields).
pub(super) struct ObjectText<'a>(Cow<'a, str>);

impl<'a> ObjectText<'a> {
    pub(super) fn of(raw: Option<&'a RawValue>) -> Self {
        let text = raw.map_or("null", RawValue::get);
        if text.starts_with('"') {
            return Self(serde_json::from_str(text).unwrap_or(Cow::Borrowed("null")));
        }
        Self(Cow::Borrowed(text))
    }

    /// The text itself.
    pub(super) fn text(&self) -> &str {
        &self.0
    }

    /// Its members; where it is no object, nothing is known.
    pub(super) fn read<'t, T: Deserialize<'t> + Default>(&'t self) -> T {
        if self.0.starts_with('{') {
            serde_json::from_str(&self.0).unwrap_or_default()
        } else {
            T::default()
        }
    }
}
