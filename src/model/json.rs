//! JSON, item by item: what an export holds is never in memory twice, whatever it is.

use serde::Deserializer as _;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Bytes of one text that is taken out of an export.
const TEXT_BYTES_MAX: usize = 64 << 10;

/// Calls `each` with every item of a list.
///
/// # Errors
///
/// When it is no list.
pub fn for_each_item<'a>(
    list: &'a RawValue,
    each: &mut dyn FnMut(&'a RawValue),
) -> serde_json::Result<()> {
    struct Items<'a, 'f>(&'f mut dyn FnMut(&'a RawValue));
    impl<'a> Visitor<'a> for Items<'a, '_> {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("a list")
        }

        fn visit_seq<A: SeqAccess<'a>>(self, mut items: A) -> Result<(), A::Error> {
            while let Some(item) = items.next_element()? {
                (self.0)(item);
            }
            Ok(())
        }
    }
    serde_json::Deserializer::from_str(list.get()).deserialize_seq(Items(each))
}

/// Calls `each` with every item of a list, if it is one.
pub fn for_each_of<'a>(list: Option<&'a RawValue>, each: &mut dyn FnMut(&'a RawValue)) {
    if let Some(list) = list.filter(|list| is_list(list)) {
        // A raw value is sound JSON: a list is read to its end.
        let _ = for_each_item(list, each);
    }
}

/// The same, up to the first error.
///
/// # Errors
///
/// The first one that `each` gives.
pub fn try_for_each_of<'a, E>(
    list: Option<&'a RawValue>,
    each: &mut dyn FnMut(&'a RawValue) -> Result<(), E>,
) -> Result<(), E> {
    let mut outcome = Ok(());
    for_each_of(list, &mut |item| {
        if outcome.is_ok() {
            outcome = each(item);
        }
    });
    outcome
}

/// Calls `each` with the name and the value of every member of an object.
///
/// # Errors
///
/// When it is no object.
pub fn for_each_member<'a>(
    object: &'a RawValue,
    each: &mut dyn FnMut(&str, &'a RawValue),
) -> serde_json::Result<()> {
    struct Members<'a, 'f>(&'f mut dyn FnMut(&str, &'a RawValue));
    impl<'a> Visitor<'a> for Members<'a, '_> {
        type Value = ();

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'a>>(self, mut map: A) -> Result<(), A::Error> {
            while let Some(name) = map.next_key::<Borrowed<'a>>()? {
                (self.0)(&name.0, map.next_value()?);
            }
            Ok(())
        }
    }
    serde_json::Deserializer::from_str(object.get()).deserialize_map(Members(each))
}

/// Text that borrows from the input where it has no escapes.
#[derive(Debug, serde::Deserialize)]
pub struct Borrowed<'a>(#[serde(borrow)] pub Cow<'a, str>);

/// Returns true if a value is a list.
#[must_use]
pub fn is_list(value: &RawValue) -> bool {
    value.get().starts_with('[')
}

/// Returns true if a value is an object.
#[must_use]
pub fn is_object(value: &RawValue) -> bool {
    value.get().starts_with('{')
}

/// The member of an object, if there is one that is not null; of several, the last.
#[must_use]
pub fn member<'a>(object: &'a RawValue, name: &str) -> Option<&'a RawValue> {
    let [found] = members(object, [name]);
    found
}

/// The members of an object with these names, in the order of the names, each as [`member`] gives
/// it.
#[must_use]
pub fn members<'a, const N: usize>(
    object: &'a RawValue,
    names: [&str; N],
) -> [Option<&'a RawValue>; N] {
    let mut found = [None; N];
    if is_object(object) {
        let _ = for_each_member(object, &mut |known, value| {
            if let Some(at) = names.iter().position(|name| *name == known) {
                found[at] = Some(value);
            }
        });
    }
    found.map(|value: Option<&RawValue>| value.filter(|value| value.get() != "null"))
}

/// The text of a value, if it is one and no longer than any that AWS gives.
#[must_use]
pub fn text(value: Option<&RawValue>) -> Option<Cow<'_, str>> {
    let value = value?.get();
    let fits = value.len() <= TEXT_BYTES_MAX && value.starts_with('"');
    fits.then(|| serde_json::from_str::<Borrowed<'_>>(value).ok())?
        .map(|text| text.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(text: &str) -> &RawValue {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn lists_and_objects_are_read_in_order() {
        let mut items = Vec::new();
        for_each_item(raw("[1, \"a\", {\"b\": [2]}]"), &mut |item| {
            items.push(item.get());
        })
        .unwrap();
        assert_eq!(items, ["1", "\"a\"", "{\"b\": [2]}"]);
        let mut members = Vec::new();
        for_each_member(raw(r#"{"a":1,"\u0062":[2],"a":3}"#), &mut |name, value| {
            members.push(format!("{name}={}", value.get()));
        })
        .unwrap();
        assert_eq!(members, ["a=1", "b=[2]", "a=3"]);
        assert!(for_each_item(raw("{}"), &mut |_| {}).is_err());
        assert!(for_each_member(raw("[]"), &mut |_, _| {}).is_err());
    }

    #[test]
    fn texts_are_bounded() {
        assert_eq!(
            text(member(raw(r#"{"a":"\u00e9"}"#), "a")).as_deref(),
            Some("é")
        );
        assert_eq!(text(member(raw(r#"{"a":null}"#), "a")), None);
        assert_eq!(text(member(raw(r#"{"a":1}"#), "a")), None);
        let long = format!("\"{}\"", "x".repeat(TEXT_BYTES_MAX));
        assert_eq!(text(Some(raw(&long))), None);
    }
}
