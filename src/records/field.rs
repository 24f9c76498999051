//! Fields of a record: the name, the type, the meaning and the value, written once.

use crate::model::money::exact;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use jiff::civil::Date;
use rust_decimal::Decimal;
use serde::{Serialize, Serializer};
use std::borrow::Borrow;

/// The type of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum FieldType {
    /// The identifier of the record's JSON schema. It is no column.
    Schema(&'static str),
    /// Text.
    Text,
    /// One of these words; of any words where there are none.
    Word(Vec<&'static str>),
    /// A whole number that is not negative: bytes, counts, seconds.
    Integer,
    /// An exact decimal.
    Decimal,
    /// True or false.
    Boolean,
    /// A UTC day.
    Day,
    /// A UTC second.
    Timestamp,
    /// An object of these fields.
    Record(Vec<Description>),
    /// A list.
    List(Box<FieldType>),
    /// An object whose keys are not the same in every record.
    Object,
}

/// A field without the function that reads it.
#[derive(Debug, Clone, PartialEq)]
pub struct Description {
    /// The JSON key. Columns are named after it.
    pub name: &'static str,
    /// The description, in Markdown.
    pub about: &'static str,
    /// The type.
    pub kind: FieldType,
    /// The place in tables.
    pub place: TablePlacement,
    /// True if it is known in every record.
    pub is_always_known: bool,
}

/// The place of a field in tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TablePlacement {
    /// A column of its own; of an object, one for each of its fields, with the
    /// object's name in front.
    Column,
    /// The fields of the object are fields of the row: no name stands in front.
    Row,
    /// No column: other tables have a row for each element.
    OtherTable,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// Unknown.
    Null,
    /// Text that others share.
    Text(Text),
    /// Text of a fixed set.
    Word(&'static str),
    /// Text made for this record.
    String(String),
    /// A whole number.
    Integer(u64),
    /// An exact decimal.
    Decimal(Decimal),
    /// True or false.
    Boolean(bool),
    /// A UTC day.
    Day(Date),
    /// A UTC second.
    Timestamp(UtcSecond),
    /// An object of known fields.
    Record(Vec<(&'static str, Value)>),
    /// A list.
    List(Vec<Value>),
    /// An object whose keys are not known in advance.
    Object(serde_json::Value),
}

impl Value {
    /// A list of texts that others share.
    pub fn texts<'t, T: Clone + Into<Text> + 't>(texts: impl IntoIterator<Item = &'t T>) -> Self {
        let texts = texts.into_iter().cloned();
        Self::List(texts.map(|text| Self::Text(text.into())).collect())
    }

    /// A list of anything that can be written as text.
    pub fn strings<T: ToString>(items: impl IntoIterator<Item = T>) -> Self {
        let items = items.into_iter();
        Self::List(items.map(|item| Self::String(item.to_string())).collect())
    }
}

/// Decimals are strings with all of their digits; days and times are text.
impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Text(text) => serializer.serialize_str(text),
            Self::Word(word) => serializer.serialize_str(word),
            Self::String(text) => serializer.serialize_str(text),
            Self::Integer(number) => serializer.serialize_u64(*number),
            Self::Decimal(amount) => serializer.serialize_str(&exact(*amount)),
            Self::Boolean(value) => serializer.serialize_bool(*value),
            Self::Day(day) => serializer.collect_str(day),
            Self::Timestamp(second) => second.serialize(serializer),
            Self::Record(members) => {
                serializer.collect_map(members.iter().map(|(name, value)| (name, value)))
            }
            Self::List(items) => serializer.collect_seq(items),
            Self::Object(object) => object.serialize(serializer),
        }
    }
}

/// Records as a list, read one by one as they are written.
pub struct RecordList<'l, 'r, R, B> {
    fields: &'l Fields<'r, R>,
    records: &'l [B],
}

impl<R, B: Borrow<R>> Serialize for RecordList<'_, '_, R, B> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let records = self.records.iter();
        serializer.collect_seq(records.map(|record| self.fields.read(record.borrow())))
    }
}

type FieldReader<'r, R> = Box<dyn Fn(&R) -> Value + 'r>;

/// The fields of one kind of record, in the order of its JSON keys. New fields come last.
pub struct Fields<'r, R> {
    descriptions: Vec<Description>,
    readers: Vec<FieldReader<'r, R>>,
}

impl<R> Default for Fields<'_, R> {
    fn default() -> Self {
        Self {
            descriptions: Vec::new(),
            readers: Vec::new(),
        }
    }
}

impl<'r, R> Fields<'r, R> {
    /// No fields yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The fields without their values.
    #[must_use]
    pub fn descriptions(&self) -> &[Description] {
        &self.descriptions
    }

    /// The record as a value.
    #[must_use]
    pub fn read(&self, record: &R) -> Value {
        let members = self.descriptions.iter().zip(&self.readers);
        Value::Record(
            members
                .map(|(field, read)| (field.name, read(record)))
                .collect(),
        )
    }

    /// Records as a list.
    #[must_use]
    pub fn list<'l, B: Borrow<R>>(&'l self, records: &'l [B]) -> RecordList<'l, 'r, R, B> {
        RecordList {
            fields: self,
            records,
        }
    }

    fn with(
        mut self,
        name: &'static str,
        about: &'static str,
        kind: FieldType,
        read: impl Fn(&R) -> Value + 'r,
    ) -> Self {
        let is_always_known = matches!(
            kind,
            FieldType::Schema(_) | FieldType::List(_) | FieldType::Object
        );
        self.descriptions.push(Description {
            name,
            about,
            kind,
            place: TablePlacement::Column,
            is_always_known,
        });
        self.readers.push(Box::new(read));
        self
    }

    /// A field whose values may be unknown.
    fn maybe<T: 'r>(
        self,
        name: &'static str,
        about: &'static str,
        kind: FieldType,
        read: impl Fn(&R) -> Option<T> + 'r,
        value: fn(T) -> Value,
    ) -> Self {
        self.with(name, about, kind, move |record| {
            read(record).map_or(Value::Null, value)
        })
    }

    /// Says that the last field has a place in tables other than a column.
    #[must_use]
    pub fn placed(mut self, place: TablePlacement) -> Self {
        if let Some(last) = self.descriptions.last_mut() {
            last.place = place;
        }
        self
    }

    /// Says which fields are known in every record.
    #[must_use]
    pub fn always_known(mut self, names: &[&str]) -> Self {
        for field in &mut self.descriptions {
            field.is_always_known |= names.contains(&field.name);
        }
        self
    }

    /// The identifier of the JSON schema.
    #[must_use]
    pub fn schema(self, id: &'static str) -> Self {
        let about = "name and version of the record";
        self.with("schema", about, FieldType::Schema(id), move |_| {
            Value::Word(id)
        })
    }

    /// A text.
    #[must_use]
    pub fn text<T: Into<Text>>(
        self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&R) -> Option<T> + 'r,
    ) -> Self {
        let read = move |record: &R| read(record).map(T::into);
        self.maybe(name, about, FieldType::Text, read, Value::Text)
    }

    /// A text made for each record.
    #[must_use]
    pub fn string(
        self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&R) -> Option<String> + 'r,
    ) -> Self {
        self.maybe(name, about, FieldType::Text, read, Value::String)
    }

    /// One of a few words; no words for a set that grows.
    #[must_use]
    pub fn word(
        self,
        name: &'static str,
        about: &'static str,
        words: impl IntoIterator<Item = &'static str>,
        read: impl Fn(&R) -> Option<&'static str> + 'r,
    ) -> Self {
        let kind = FieldType::Word(words.into_iter().collect());
        self.maybe(name, about, kind, read, Value::Word)
    }

    /// A whole number.
    #[must_use]
    pub fn integer(
        self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&R) -> Option<u64> + 'r,
    ) -> Self {
        self.maybe(name, about, FieldType::Integer, read, Value::Integer)
    }

    /// An exact decimal.
    #[must_use]
    pub fn decimal(
        self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&R) -> Option<Decimal> + 'r,
    ) -> Self {
        self.maybe(name, about, FieldType::Decimal, read, Value::Decimal)
    }

    /// A truth value.
    #[must_use]
    pub fn boolean(
        self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&R) -> Option<bool> + 'r,
    ) -> Self {
        self.maybe(name, about, FieldType::Boolean, read, Value::Boolean)
    }

    /// A UTC day.
    #[must_use]
    pub fn day(
        self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&R) -> Option<Date> + 'r,
    ) -> Self {
        self.maybe(name, about, FieldType::Day, read, Value::Day)
    }

    /// A UTC second.
    #[must_use]
    pub fn timestamp(
        self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&R) -> Option<UtcSecond> + 'r,
    ) -> Self {
        self.maybe(name, about, FieldType::Timestamp, read, Value::Timestamp)
    }

    /// An object whose fields are listed elsewhere; null where there is none.
    #[must_use]
    pub fn record<S: 'r>(
        self,
        name: &'static str,
        about: &'static str,
        fields: Fields<'r, S>,
        read: impl for<'x> Fn(&'x R) -> Option<&'x S> + 'r,
    ) -> Self {
        let kind = FieldType::Record(fields.descriptions.clone());
        self.with(name, about, kind, move |record| {
            read(record).map_or(Value::Null, |inner| fields.read(inner))
        })
    }

    /// A list of texts.
    #[must_use]
    pub fn texts(
        self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&R) -> Value + 'r,
    ) -> Self {
        self.with(
            name,
            about,
            FieldType::List(Box::new(FieldType::Text)),
            read,
        )
    }

    /// A list of objects. `read` hands each of them to the function that it is given.
    #[must_use]
    pub fn records<S: 'r>(
        self,
        name: &'static str,
        about: &'static str,
        fields: Fields<'r, S>,
        read: impl Fn(&R, &mut dyn FnMut(&S)) + 'r,
    ) -> Self {
        let kind = FieldType::List(Box::new(FieldType::Record(fields.descriptions.clone())));
        self.with(name, about, kind, move |record| {
            let mut items = Vec::new();
            read(record, &mut |item| items.push(fields.read(item)));
            Value::List(items)
        })
    }

    /// A list of objects; null where it is unknown.
    #[must_use]
    pub fn records_if_known<S: 'r>(
        self,
        name: &'static str,
        about: &'static str,
        fields: Fields<'r, S>,
        read: impl for<'x> Fn(&'x R) -> Option<&'x [S]> + 'r,
    ) -> Self {
        let kind = FieldType::List(Box::new(FieldType::Record(fields.descriptions.clone())));
        let mut all = self.with(name, about, kind, move |record| {
            read(record).map_or(Value::Null, |items| {
                Value::List(items.iter().map(|item| fields.read(item)).collect())
            })
        });
        if let Some(last) = all.descriptions.last_mut() {
            last.is_always_known = false;
        }
        all
    }

    /// An object whose keys differ from record to record.
    #[must_use]
    pub fn object(
        self,
        name: &'static str,
        about: &'static str,
        read: impl Fn(&R) -> serde_json::Value + 'r,
    ) -> Self {
        self.with(name, about, FieldType::Object, move |record| {
            Value::Object(read(record))
        })
    }

    /// The fields of another list, read through `through`.
    #[must_use]
    pub fn all_of<S: 'r>(
        mut self,
        fields: Fields<'r, S>,
        through: impl for<'x> Fn(&'x R) -> &'x S + Copy + 'r,
    ) -> Self {
        self.descriptions.extend(fields.descriptions);
        for read in fields.readers {
            self.readers
                .push(Box::new(move |record| read(through(record))));
        }
        self
    }
}
