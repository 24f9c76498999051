//! Records of days, which later runs read in place of the days' events. What they were made of is
//! written with them: a record that was made of something else does not count.

use super::error::StoreError;
use super::events::{self, SegmentReader};
use super::reader::Store;
use super::segments::Segment;
use super::writer::Writer;
use crate::model::event::Event;
use crate::model::text::Text;
use crate::model::time::UtcDay;
use crate::ports::KeptEvent;
use rusqlite::{OptionalExtension, params};
use std::collections::BTreeMap;
use std::io::{self, Read};

/// Bytes of a record at most, before it is packed: more is no record of this program.
const RECORD_BYTES_MAX: u64 = 1 << 30;

const ZSTANDARD_LEVEL: i32 = 3;

/// The facts of a record.
#[derive(Debug)]
pub struct StoredFacts {
    /// The facts in bytes.
    pub facts: Vec<u8>,
    /// Events among the facts.
    pub events: Vec<Event>,
}

/// A record that is to be kept.
#[derive(Debug)]
pub struct NewRecord<'a> {
    /// Tells what it was made of from everything else.
    pub inputs: &'a str,
    /// The facts in bytes.
    pub facts: &'a [u8],
    /// Events among the facts.
    pub events: &'a [Event],
    /// The tallies in bytes.
    pub tallies: &'a [u8],
    /// Rows of queries in bytes.
    pub queries: &'a [u8],
}

impl Store {
    /// What records of days from one to another, both included, were made of.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn day_records(
        &mut self,
        first: UtcDay,
        last: UtcDay,
    ) -> Result<BTreeMap<UtcDay, Text>, StoreError> {
        let sql = "SELECT day, inputs FROM day_records WHERE day BETWEEN ?1 AND ?2";
        let rows = self.ledger.rows(sql, &[&first, &last], |row| {
            Ok((row.get(0)?, Text::from(row.get::<_, String>(1)?)))
        })?;
        Ok(rows.into_iter().collect())
    }

    /// The first day of which there are events; `None` if there are none.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn first_day_of_events(&mut self) -> Result<Option<UtcDay>, StoreError> {
        let sql = "SELECT min(day) FROM segments WHERE kind = 'events'";
        let found = self
            .ledger
            .rows(sql, &[], |row| row.get::<_, Option<UtcDay>>(0))?;
        Ok(found.into_iter().flatten().next())
    }

    /// How often what a day's record is made of has changed, of days from one to another; days of which
    /// it never did are left out.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn day_revisions(
        &mut self,
        first: UtcDay,
        last: UtcDay,
    ) -> Result<BTreeMap<UtcDay, i64>, StoreError> {
        let sql = "SELECT day, revision FROM day_revisions WHERE day BETWEEN ?1 AND ?2";
        let rows = self
            .ledger
            .rows(sql, &[&first, &last], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(rows.into_iter().collect())
    }

    /// The facts of a day's record in bytes, and their events; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When the ledger or the record cannot be read.
    pub fn day_facts(&mut self, day: UtcDay) -> Result<Option<StoredFacts>, StoreError> {
        let sql = "SELECT facts, events FROM day_records WHERE day = ?1";
        let row: Option<(Vec<u8>, Vec<u8>)> = self.ledger.try_to(|ledger| {
            let row = ledger.query_row(sql, [day], |row| Ok((row.get(0)?, row.get(1)?)));
            row.optional()
        })?;
        let Some((facts, packed)) = row else {
            return Ok(None);
        };
        let facts = self.unpacked(&facts)?;
        let mut events = Vec::new();
        let path = self.folder.ledger();
        let segment = Segment::of(packed, path)?;
        SegmentReader::default().read_segment(segment, &|_, _| true, &mut |kept| {
            events.push(kept.event);
        })?;
        Ok(Some(StoredFacts { facts, events }))
    }

    /// The tallies of a day's record in bytes; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When the ledger or the record cannot be read.
    pub fn day_tallies(&mut self, day: UtcDay) -> Result<Option<Vec<u8>>, StoreError> {
        self.unpacked_part("SELECT tallies FROM day_records WHERE day = ?1", day)
    }

    /// The rows of queries of a day's record in bytes; `None` if there is none.
    ///
    /// # Errors
    ///
    /// When the ledger or the record cannot be read.
    pub fn day_queries(&mut self, day: UtcDay) -> Result<Option<Vec<u8>>, StoreError> {
        self.unpacked_part("SELECT queries FROM day_records WHERE day = ?1", day)
    }

    fn unpacked_part(&mut self, sql: &str, day: UtcDay) -> Result<Option<Vec<u8>>, StoreError> {
        let row: Option<Vec<u8>> = self.ledger.try_to(|ledger| {
            let row = ledger.query_row(sql, [day], |row| row.get(0));
            row.optional()
        })?;
        row.map(|packed| self.unpacked(&packed)).transpose()
    }

    fn unpacked(&self, packed: &[u8]) -> Result<Vec<u8>, StoreError> {
        let read = || -> io::Result<Vec<u8>> {
            let mut bytes = Vec::new();
            let decoder = zstd::stream::read::Decoder::with_buffer(packed)?;
            decoder.take(RECORD_BYTES_MAX).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        read().map_err(|source| StoreError::Io {
            path: self.folder.ledger(),
            source,
        })
    }
}

impl Writer {
    /// Keeps the record of a day, in place of an earlier one.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub fn keep_day_record(
        &mut self,
        day: UtcDay,
        record: &NewRecord<'_>,
    ) -> Result<(), StoreError> {
        let path = self.folder.ledger();
        let packed = |bytes: &[u8]| {
            zstd::stream::encode_all(bytes, ZSTANDARD_LEVEL).map_err(|source| StoreError::Io {
                path: path.clone(),
                source,
            })
        };
        let kept = record.events.iter().map(|event| KeptEvent {
            event: event.clone(),
            is_of_session: false,
        });
        let kept: Vec<KeptEvent> = kept.collect();
        let events = events::write(&kept).map_err(|message| StoreError::Segment {
            path: path.clone(),
            message,
        })?;
        let (facts, tallies) = (packed(record.facts)?, packed(record.tallies)?);
        let queries = packed(record.queries)?;
        self.ledger.try_to(|ledger| {
            let sql = "INSERT OR REPLACE INTO day_records
                           (day, inputs, facts, events, tallies, queries)
                       VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
            let values = params![day, record.inputs, facts, events, tallies, queries];
            ledger.execute(sql, values)?;
            // Readers of a folder that they may not write need all of it in one file.
            ledger.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
        })
    }
}
