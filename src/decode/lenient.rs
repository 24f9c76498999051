//! Members whose type is AWS's business: what has another type than expected is
//! not known, and hides nothing next to it.

use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// A string, or nothing known. Empty strings are nothing too.
#[derive(Debug, Default)]
pub(super) struct LenientText<'a>(Option<Cow<'a, str>>);

impl LenientText<'_> {
    pub(super) fn get(&self) -> Option<&str> {
        self.0.as_deref().filter(|text| !text.is_empty())
    }
}

/// A whole number, or a string that spells one, or nothing known.
#[derive(Debug, Default)]
pub(super) struct Number(pub(super) Option<i64>);

/// An object, or its default where there is none.
#[derive(Debug, Default)]
pub(super) struct LenientObject<T>(pub(super) T);

/// Anything at all: only that it is there.
#[derive(Debug, Default)]
pub(super) struct Present(pub(super) bool);

/// Entries of a list that are read; AWS's have at most 50 (`BatchGetQueryExecution`).
pub(super) const ENTRIES_MAX: usize = 100;

/// Strings of a list, the first [`ENTRIES_MAX`] of them.
#[derive(Debug, Default)]
pub(super) struct LenientTexts {
    pub(super) kept: Vec<String>,
    /// The number of entries.
    pub(super) count: usize,
}

/// ARNs of a list, the first [`ENTRIES_MAX`] of them: `[{"arn": "..."}]`, with `ARN` or
/// `providerArn`, or just `["..."]`.
#[derive(Debug, Default)]
pub(super) struct Arns {
    pub(super) kept: Vec<String>,
    /// The number of entries.
    pub(super) count: usize,
}

/// A string, an object that has one as its ARN, or nothing known.
#[derive(Default)]
struct Arn<'a>(Option<Cow<'a, str>>);

#[derive(Deserialize, Default)]
#[serde(default)]
struct WithArn<'a> {
    #[serde(borrow)]
    arn: LenientText<'a>,
    #[serde(rename = "ARN", borrow)]
    upper: LenientText<'a>,
    #[serde(rename = "providerArn", borrow)]
    provider: LenientText<'a>,
}

/// The values of a visitor that knows one type and takes the others for nothing.
macro_rules! nothing_of_scalars {
    ($($method:ident($type:ty)),* $(,)?) => {
        $(fn $method<E>(self, _: $type) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        })*
    };
}

macro_rules! nothing_of {
    ($($method:ident($type:ty)),* $(,)?) => {
        nothing_of_scalars!($($method($type)),*);

        fn visit_unit<E>(self) -> Result<Self::Value, E> {
            Ok(Self::Value::default())
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
            while items.next_element::<IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

macro_rules! nothing_of_maps {
    () => {
        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok(Self::Value::default())
        }
    };
}

impl<'de: 'a, 'a> Deserialize<'de> for LenientText<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TextVisitor<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for TextVisitor<'a> {
            type Value = LenientText<'a>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a string")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(LenientText(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(LenientText(Some(Cow::Owned(text.to_owned()))))
            }

            nothing_of!(
                visit_bool(bool),
                visit_i64(i64),
                visit_u64(u64),
                visit_f64(f64)
            );
            nothing_of_maps!();
        }
        deserializer.deserialize_any(TextVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Number {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberVisitor;
        impl<'de> Visitor<'de> for NumberVisitor {
            type Value = Number;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a whole number")
            }

            fn visit_i64<E>(self, number: i64) -> Result<Number, E> {
                Ok(Number(Some(number)))
            }

            fn visit_u64<E>(self, number: u64) -> Result<Number, E> {
                Ok(Number(i64::try_from(number).ok()))
            }

            fn visit_str<E>(self, text: &str) -> Result<Number, E> {
                Ok(Number(text.parse().ok()))
            }

            // Some exporters write whole numbers with a point.
            #[expect(
                clippy::cast_possible_truncation,
                reason = "the value is whole and fits"
            )]
            fn visit_f64<E>(self, number: f64) -> Result<Number, E> {
                let is_whole = number.fract() == 0.0 && number.abs() < 9e15;
                Ok(Number(is_whole.then_some(number as i64)))
            }

            nothing_of!(visit_bool(bool));
            nothing_of_maps!();
        }
        deserializer.deserialize_any(NumberVisitor)
    }
}

impl<'de, T: Deserialize<'de> + Default> Deserialize<'de> for LenientObject<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ObjectVisitor<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de> + Default> Visitor<'de> for ObjectVisitor<T> {
            type Value = LenientObject<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<LenientObject<T>, A::Error> {
                T::deserialize(MapAccessDeserializer::new(map)).map(LenientObject)
            }

            nothing_of!(
                visit_bool(bool),
                visit_i64(i64),
                visit_u64(u64),
                visit_f64(f64),
                visit_str(&str),
            );
        }
        deserializer.deserialize_any(ObjectVisitor(PhantomData))
    }
}

impl<'de> Deserialize<'de> for Present {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        IgnoredAny::deserialize(deserializer).map(|_| Self(true))
    }
}

/// Passes over what is left of a list, and returns how many entries it is.
pub(super) fn count_rest<'de, A: SeqAccess<'de>>(items: &mut A) -> Result<usize, A::Error> {
    let mut count = 0;
    while items.next_element::<IgnoredAny>()?.is_some() {
        count += 1;
    }
    Ok(count)
}

/// Reads a list, keeps the first entries that hold anything, and counts all.
fn bounded<'de, A, E>(
    mut items: A,
    text: fn(E) -> Option<String>,
) -> Result<(Vec<String>, usize), A::Error>
where
    A: SeqAccess<'de>,
    E: Deserialize<'de>,
{
    let (mut kept, mut count) = (Vec::new(), 0);
    loop {
        if kept.len() == ENTRIES_MAX {
            count += count_rest(&mut items)?;
            return Ok((kept, count));
        }
        let Some(entry) = items.next_element::<E>()? else {
            return Ok((kept, count));
        };
        count += 1;
        kept.extend(text(entry));
    }
}

/// A visitor of a list whose entries are read by a function.
macro_rules! list_visitor {
    ($list:ident, $entry:ty, $text:expr) => {
        impl<'de> Deserialize<'de> for $list {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ListVisitor;
                impl<'de> Visitor<'de> for ListVisitor {
                    type Value = $list;

                    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                        formatter.write_str("a list")
                    }

                    fn visit_seq<A: SeqAccess<'de>>(self, items: A) -> Result<$list, A::Error> {
                        let (kept, count) = bounded::<A, $entry>(items, $text)?;
                        Ok($list { kept, count })
                    }

                    fn visit_unit<E>(self) -> Result<$list, E> {
                        Ok($list::default())
                    }

                    nothing_of_scalars!(
                        visit_bool(bool),
                        visit_i64(i64),
                        visit_u64(u64),
                        visit_f64(f64),
                        visit_str(&str),
                    );
                    nothing_of_maps!();
                }
                deserializer.deserialize_any(ListVisitor)
            }
        }
    };
}

list_visitor!(LenientTexts, LenientText<'de>, |text| text
    .get()
    .map(str::to_owned));
list_visitor!(Arns, Arn<'de>, |arn| arn.0.map(Cow::into_owned));

impl<'de: 'a, 'a> Deserialize<'de> for Arn<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct ArnVisitor<'a>(PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for ArnVisitor<'a> {
            type Value = Arn<'a>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an ARN")
            }

            fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Self::Value, E> {
                Ok(Arn(Some(Cow::Borrowed(text))))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Arn(Some(Cow::Owned(text.to_owned()))))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                let found = WithArn::deserialize(MapAccessDeserializer::new(map))?;
                Ok(Arn(found.upper.0.or(found.arn.0).or(found.provider.0)))
            }

            nothing_of!(
                visit_bool(bool),
                visit_i64(i64),
                visit_u64(u64),
                visit_f64(f64),
            );
        }
        deserializer.deserialize_any(ArnVisitor(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Inner<'a> {
        #[serde(borrow)]
        name: LenientText<'a>,
        seconds: Number,
        omitted: Present,
    }

    #[derive(Deserialize, Default)]
    #[serde(default)]
    struct Outer<'a> {
        #[serde(borrow)]
        inner: LenientObject<Inner<'a>>,
        #[serde(borrow)]
        after: LenientText<'a>,
    }

    #[test]
    fn what_has_another_type_hides_nothing_beside_it() {
        for odd in ["null", "1", "-1", "1.5", "true", "[1,{}]", "{\"a\":[1]}"] {
            let text = format!(r#"{{"inner":{{"name":{odd},"seconds":"60"}},"after":"seen"}}"#);
            let outer: Outer<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(outer.inner.0.name.get(), None, "{odd}");
            assert_eq!(outer.inner.0.seconds.0, Some(60), "{odd}");
            assert_eq!(outer.after.get(), Some("seen"), "{odd}");
        }
        for odd in ["null", "1", "\"text\"", "[{}]"] {
            let text = format!(r#"{{"inner":{odd},"after":"seen"}}"#);
            let outer: Outer<'_> = serde_json::from_str(&text).unwrap();
            assert_eq!(outer.after.get(), Some("seen"), "{odd}");
        }
    }

    #[test]
    fn lists_are_read_up_to_their_limit_and_counted_whole() {
        let many = vec!["\"x\""; ENTRIES_MAX + 5].join(",");
        let texts: LenientTexts = serde_json::from_str(&format!("[{many}]")).unwrap();
        assert_eq!(
            (texts.kept.len(), texts.count),
            (ENTRIES_MAX, ENTRIES_MAX + 5)
        );
        let arns: Arns =
            serde_json::from_str(r#"["a",{"arn":"b"},{"ARN":"c","x":[{}]},7,null,[1],{}]"#)
                .unwrap();
        assert_eq!((arns.kept.join(""), arns.count), ("abc".to_owned(), 7));
        for odd in ["null", "1", "\"x\"", "{\"a\":[1]}", "true"] {
            let texts: LenientTexts = serde_json::from_str(odd).unwrap();
            assert_eq!(texts.count, 0, "{odd}");
        }
    }

    #[test]
    fn presence_is_told_whatever_the_value() {
        let inner: Inner<'_> = serde_json::from_str(r#"{"omitted":false}"#).unwrap();
        assert!(inner.omitted.0);
        assert!(!Inner::default().omitted.0);
    }
}
