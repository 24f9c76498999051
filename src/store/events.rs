//! Slim events as columns, and back.

use super::details;
use super::error::StoreError;
use super::folder::StoreFolder;
use super::ledger::LiveSegment;
use super::segments::{Segment, SegmentRows, integer, segment_bytes};
use crate::columnar::Texts;
use crate::model::event::{Call, Content, Detail, Event, EventOrigin, RareFields};
use crate::model::identity::{Identity, RareIdentity};
use crate::model::ids::{AccessKeyId, AccountId, EventId, Region};
use crate::model::table::TableBuilder;
use crate::model::text::Text;
use crate::model::time::{UtcDay, UtcSecond};
use crate::ports::KeptEvent;
use hashbrown::{HashMap, HashSet};
use std::hash::Hash;
use std::sync::Arc;

type IdentityColumn = (&'static str, fn(&Identity) -> Option<&Text>);

/// Texts of identities, by column.
const IDENTITY: [IdentityColumn; 10] = [
    ("identity_type", |identity| identity.kind.as_ref()),
    ("principal_id", |identity| identity.principal_id.as_ref()),
    ("arn", |identity| identity.arn.as_ref()),
    ("caller_account_id", |identity| {
        identity.account_id.as_ref().map(AccountId::text)
    }),
    ("access_key_id", |identity| {
        identity.access_key_id.as_ref().map(AccessKeyId::text)
    }),
    ("user_name", |identity| identity.user_name.as_ref()),
    ("invoked_by", |identity| identity.invoked_by.as_ref()),
    ("issuer_arn", |identity| identity.issuer_arn.as_ref()),
    ("source_identity", |identity| {
        identity.source_identity.as_ref()
    }),
    ("on_behalf_of", |identity| identity.on_behalf_of.as_ref()),
];

/// Texts of identities that segments of earlier versions do not have.
const LATER_IDENTITY: [IdentityColumn; 4] = [
    ("delegate_account_id", |identity| {
        identity.delegate_account_id.as_ref().map(AccountId::text)
    }),
    ("identity_store_arn", |identity| {
        identity.identity_store_arn.as_ref()
    }),
    ("scope_source_arn", |identity| {
        identity.scope_source_arn.as_ref()
    }),
    ("scope_issuer_type", |identity| {
        identity.scope_issuer_type.as_ref()
    }),
];

type ContentMember = (&'static str, fn(&Content) -> Option<&Text>);

const CONTENT: [ContentMember; 6] = [
    ("account_id", |content| {
        content.recipient_account_id.as_ref().map(AccountId::text)
    }),
    ("region", |content| {
        content.region.as_ref().map(Region::text)
    }),
    ("source_ip", |content| content.source_ip.as_ref()),
    ("user_agent", |content| content.user_agent.as_ref()),
    ("error_code", |content| content.error_code.as_ref()),
    ("error_message", Content::error_message),
];

/// Rows as a file.
pub(super) fn write(rows: &[KeptEvent]) -> Result<Vec<u8>, String> {
    let mut table = TableBuilder::new("events", rows)
        .integer("is_from_console", |row| {
            Some(row.event.identity.is_from_console.into())
        })
        .integer("is_from_instance", |row| {
            Some(row.event.identity.is_from_instance.into())
        })
        .integer("object", |row| Some(row.event.place.object.into()))
        .integer("record", |row| Some(row.event.place.record.into()))
        .integer("is_of_session", |row| Some(row.is_of_session.into()))
        .text("event_id", |row| id_text(Some(&row.event.id)))
        .signed("event_time", |row| Some(row.event.time.unix()))
        .text("event_source", |row| Some(row.event.source.clone()))
        .text("event_name", |row| Some(row.event.name.clone()));
    for (name, of) in CONTENT {
        table = table.text(name, |row| of(&row.event).cloned());
    }
    for (name, of) in IDENTITY.into_iter().chain(LATER_IDENTITY) {
        table = table.text(name, |row| of(&row.event.identity).cloned());
    }
    let table = table
        .signed("session_created_at", |row| {
            row.event.identity.session_created_at.map(UtcSecond::unix)
        })
        .text("replaces", |row| id_text(row.event.replaces()))
        .text("detail", |row| {
            details::write(&row.event.detail).map(Text::from)
        })
        .table();
    segment_bytes(&table)
}

fn id_text(of: Option<&impl ToString>) -> Option<Text> {
    of.map(|id| id.to_string().into())
}

/// Reads segments; texts and identities that many events share are kept once.
#[derive(Default)]
pub(super) struct SegmentReader {
    texts: HashSet<Text>,
    identities: HashSet<Arc<Identity>>,
    calls: HashSet<Arc<Call>>,
}

/// The one copy of a value.
fn shared<T: Eq + Hash>(known: &mut HashSet<Arc<T>>, value: T) -> Arc<T> {
    if let Some(known) = known.get(&value) {
        return Arc::clone(known);
    }
    let value = Arc::new(value);
    known.insert(Arc::clone(&value));
    value
}

impl SegmentReader {
    fn text(&mut self, text: &str) -> Text {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let text = Text::from(text);
        self.texts.insert(text.clone());
        text
    }

    /// Hands out the rows of a segment that are wanted by object and time.
    pub(super) fn read(
        &mut self,
        folder: &StoreFolder,
        named: &LiveSegment,
        wanted: &dyn Fn(u32, UtcSecond) -> bool,
        out: &mut Vec<KeptEvent>,
    ) -> Result<(), StoreError> {
        let segment = Segment::open(folder, named)?;
        self.read_segment(segment, wanted, &mut |event| out.push(event))
    }

    /// The same of an open segment.
    pub(super) fn read_segment(
        &mut self,
        segment: Segment,
        wanted: &dyn Fn(u32, UtcSecond) -> bool,
        each: &mut dyn FnMut(KeptEvent),
    ) -> Result<(), StoreError> {
        segment.for_each(|rows| {
            let mut columns = EventColumns::of(rows)?;
            for row in 0..rows.count() {
                let Some((place, time)) = columns.place(row) else {
                    return Err(rows.broken("a row without a location or a time"));
                };
                if !wanted(place.object, time) {
                    continue;
                }
                let detail = match columns.details.get(row) {
                    None => Detail::None,
                    Some(text) => details::read(text, &mut |text| self.text(text))
                        .map_err(|error| rows.broken(&error.to_string()))?,
                };
                let content = columns.content(row, self, time, detail);
                each(KeptEvent {
                    event: Event { place, content },
                    is_of_session: integer(columns.flags, row) == Some(1),
                });
            }
            Ok(())
        })
    }
}

/// The texts of a column, each taken in once.
struct TextColumn<'a> {
    texts: &'a Texts,
    /// By number.
    known: Vec<Option<Text>>,
}

impl<'a> TextColumn<'a> {
    fn of(texts: &'a Texts) -> Self {
        Self {
            texts,
            known: Vec::new(),
        }
    }

    fn number(&self, row: usize) -> u32 {
        self.texts.number(row)
    }

    fn get(&mut self, row: usize, reader: &mut SegmentReader) -> Option<Text> {
        let at = self.texts.number(row).checked_sub(1)? as usize;
        if self.known.len() <= at {
            self.known.resize(at + 1, None);
        }
        let known = &mut self.known[at];
        if known.is_none() {
            *known = Some(reader.text(self.texts.get(row)?));
        }
        known.clone()
    }
}

/// Texts of identities, with those that segments of earlier versions do not have.
const IDENTITY_TEXTS: usize = IDENTITY.len() + LATER_IDENTITY.len();

/// What tells an identity from all others of a batch: its texts by number, and the rest.
type IdentityKey = ([u32; IDENTITY_TEXTS], [Option<i64>; 3]);

/// What tells a call from all others of a batch: its texts by number.
type CallKey = [u32; CALL_TEXTS];

/// Source, name, and the texts of [`CONTENT`] but the error message.
const CALL_TEXTS: usize = CONTENT.len() + 1;

/// Some rows of a segment of events, by column.
struct EventColumns<'a> {
    objects: &'a [Option<i64>],
    records: &'a [Option<i64>],
    flags: &'a [Option<i64>],
    times: &'a [Option<i64>],
    created: &'a [Option<i64>],
    /// Empty in segments of earlier versions.
    console: &'a [Option<i64>],
    /// The same.
    instances: &'a [Option<i64>],
    ids: &'a Texts,
    replaces: &'a Texts,
    details: &'a Texts,
    /// Source and name, then [`CONTENT`].
    content: Vec<TextColumn<'a>>,
    identity: Vec<TextColumn<'a>>,
    /// Not in segments of earlier versions.
    later_identity: [Option<TextColumn<'a>>; LATER_IDENTITY.len()],
    identities: HashMap<IdentityKey, Arc<Identity>>,
    calls: HashMap<CallKey, Arc<Call>>,
}

impl<'a> EventColumns<'a> {
    fn of(rows: &SegmentRows<'a>) -> Result<Self, StoreError> {
        let column = |name: &str| rows.texts(name).map(TextColumn::of);
        let content = ["event_source", "event_name"].into_iter();
        let content = content.chain(CONTENT.map(|(name, _)| name)).map(column);
        let identity = IDENTITY.map(|(name, _)| name).into_iter().map(column);
        let later = LATER_IDENTITY.map(|(name, _)| rows.texts(name).ok().map(TextColumn::of));
        Ok(Self {
            objects: rows.integers("object")?,
            records: rows.integers("record")?,
            flags: rows.integers("is_of_session")?,
            times: rows.integers("event_time")?,
            created: rows.integers("session_created_at")?,
            console: rows.integers("is_from_console").unwrap_or_default(),
            instances: rows.integers("is_from_instance").unwrap_or_default(),
            ids: rows.texts("event_id")?,
            replaces: rows.texts("replaces")?,
            details: rows.texts("detail")?,
            content: content.collect::<Result<_, _>>()?,
            identity: identity.collect::<Result<_, _>>()?,
            later_identity: later,
            identities: HashMap::new(),
            calls: HashMap::new(),
        })
    }

    fn place(&self, row: usize) -> Option<(EventOrigin, UtcSecond)> {
        let number = |of: &[Option<i64>]| integer(of, row)?.try_into().ok();
        let place = EventOrigin {
            object: number(self.objects)?,
            record: number(self.records)?,
        };
        Some((place, UtcSecond::from_unix(integer(self.times, row)?)))
    }

    /// The identity of a row: one for all rows that have the same.
    fn identity(&mut self, row: usize, reader: &mut SegmentReader) -> Arc<Identity> {
        let mut numbers = [0; IDENTITY_TEXTS];
        let columns = self.identity.iter().map(Some);
        let columns = columns.chain(self.later_identity.iter().map(Option::as_ref));
        for (number, column) in numbers.iter_mut().zip(columns) {
            *number = column.map_or(0, |column| column.number(row));
        }
        let rest = [self.created, self.console, self.instances].map(|of| integer(of, row));
        let key = (numbers, rest);
        if let Some(known) = self.identities.get(&key) {
            return Arc::clone(known);
        }
        let identity = self.read_identity(row, reader);
        let identity = shared(&mut reader.identities, identity);
        self.identities.insert(key, Arc::clone(&identity));
        identity
    }

    fn read_identity(&mut self, row: usize, reader: &mut SegmentReader) -> Identity {
        let [
            kind,
            principal_id,
            arn,
            account_id,
            access_key_id,
            user_name,
            invoked_by,
            issuer_arn,
            source_identity,
            on_behalf_of,
        ] = std::array::from_fn(|at| self.identity[at].get(row, reader));
        let later = self.later_identity.each_mut();
        let [
            delegate_account_id,
            identity_store_arn,
            scope_source_arn,
            scope_issuer_type,
        ] = later.map(|column| column.as_mut()?.get(row, reader));
        let is_set = |flags: &[Option<i64>]| integer(flags, row) == Some(1);
        let rare = RareIdentity {
            user_name,
            source_identity,
            on_behalf_of,
            delegate_account_id: delegate_account_id.map(AccountId::from),
            identity_store_arn,
            scope_source_arn,
            scope_issuer_type,
        };
        Identity {
            kind,
            principal_id,
            arn,
            account_id: account_id.map(AccountId::from),
            access_key_id: access_key_id.map(AccessKeyId::from),
            invoked_by,
            session_created_at: integer(self.created, row).map(UtcSecond::from_unix),
            issuer_arn,
            is_from_console: is_set(self.console),
            is_from_instance: is_set(self.instances),
            rare: rare.boxed(),
        }
    }

    /// The call of a row: one for all rows that have the same.
    fn call(&mut self, row: usize, reader: &mut SegmentReader) -> Arc<Call> {
        let mut key = [0; CALL_TEXTS];
        for (number, column) in key.iter_mut().zip(&self.content) {
            *number = column.number(row);
        }
        if let Some(known) = self.calls.get(&key) {
            return Arc::clone(known);
        }
        let [
            source,
            name,
            recipient_account_id,
            region,
            source_ip,
            user_agent,
            error_code,
        ] = std::array::from_fn(|at| self.content[at].get(row, reader));
        let call = Call {
            recipient_account_id: recipient_account_id.map(AccountId::from),
            region: region.map(Region::from),
            source: source.unwrap_or_default(),
            name: name.unwrap_or_default(),
            source_ip,
            user_agent,
            error_code,
        };
        let call = shared(&mut reader.calls, call);
        self.calls.insert(key, Arc::clone(&call));
        call
    }

    fn content(
        &mut self,
        row: usize,
        reader: &mut SegmentReader,
        time: UtcSecond,
        detail: Detail,
    ) -> Content {
        let error_message = self.content.last_mut();
        let rare = RareFields {
            error_message: error_message.and_then(|column| column.get(row, reader)),
            replaces: self.replaces.get(row).map(EventId::new),
        };
        Content {
            id: EventId::new(self.ids.get(row).unwrap_or_default()),
            time,
            call: self.call(row, reader),
            identity: self.identity(row, reader),
            detail,
            rare: rare.boxed(),
        }
    }
}

/// Rows by the day of their events.
pub(super) fn by_day(rows: Vec<KeptEvent>) -> HashMap<UtcDay, Vec<KeptEvent>> {
    let mut days: HashMap<UtcDay, Vec<KeptEvent>> = HashMap::new();
    for row in rows {
        days.entry(row.event.time.utc_day()).or_default().push(row);
    }
    days
}
