//! Reading a window from the store.

use super::error::StoreError;
use super::events::SegmentReader;
use super::folder::StoreFolder;
use super::ledger::Ledger;
use super::segments::Segment;
use super::writer::{IS_OBJECT, superseded};
use crate::event_list::list as event_list;
use crate::model::coverage::{Coverage, DayActivity, Reject, RejectReason, SeenKey, Sibling};
use crate::model::event::Event;
use crate::model::key::KeyFacts;
use crate::model::key::LOOKED_UP_NOTE;
use crate::model::text::Text;
use crate::model::time::{UtcDay, UtcSecond};
use crate::model::window::{
    DELIVERY_SLACK_DAYS, LOOK_AHEAD_SECONDS, LOOK_BACK_SECONDS, TimeWindow,
};
use crate::ports::{KeptEvent, Listing, Recalled, Remembered};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The number of times that a window's segments are looked up again if a writer compacts them
/// meanwhile.
const TRIES_MAX: u32 = 4;

/// The store, open for reading.
#[derive(Debug)]
pub struct Store {
    pub(super) folder: StoreFolder,
    pub(super) ledger: Ledger,
}

/// The objects that a window needs: whole days of delivery, and single objects of days that it cuts
/// or that were delivered late.
struct Delivered {
    days: DayRange,
    /// Ids, as a JSON list.
    objects: String,
}

impl Delivered {
    fn bounds(&self) -> [&dyn rusqlite::ToSql; 3] {
        [&self.days.0, &self.days.1, &self.objects]
    }
}

/// Days from one to another, both included.
type DayRange = (UtcDay, UtcDay);

impl Store {
    /// Opens the store of a folder; `None` where there is none.
    ///
    /// # Errors
    ///
    /// When there is one that cannot be read, or that a later program made.
    pub fn open(root: &Path) -> Result<Option<Self>, StoreError> {
        let folder = StoreFolder::new(root);
        let ledger = Ledger::open_to_read(&folder)?;
        Ok(ledger.map(|ledger| Self { folder, ledger }))
    }

    /// Returns the locations that logs were collected from.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn roots(&mut self) -> Result<Vec<String>, StoreError> {
        self.ledger
            .rows("SELECT root FROM roots ORDER BY root", &[], |row| {
                row.get(0)
            })
    }

    /// The time of which all was collected, from every place; `None` where nothing was.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn covered(&mut self) -> Result<Option<(UtcSecond, UtcSecond)>, StoreError> {
        let sql = "SELECT max(covered_from), min(covered_to) FROM roots";
        let found = self.ledger.rows(sql, &[], |row| {
            Ok((row.get::<_, Option<i64>>(0)?, row.get::<_, Option<i64>>(1)?))
        })?;
        Ok(found.first().and_then(|(from, to)| {
            Some((UtcSecond::from_unix((*from)?), UtcSecond::from_unix((*to)?)))
        }))
    }

    /// The folder.
    #[must_use]
    pub fn root(&self) -> &Path {
        self.folder.root()
    }

    /// Returns the time of the last collection.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn last_run(&mut self) -> Result<Option<UtcSecond>, StoreError> {
        let sql = "SELECT max(started_at) FROM runs WHERE is_done = 1";
        let found = self
            .ledger
            .rows(sql, &[], |row| row.get::<_, Option<i64>>(0))?;
        Ok(found.into_iter().flatten().next().map(UtcSecond::from_unix))
    }

    /// Everything that a window needs, as it is at one moment.
    ///
    /// # Errors
    ///
    /// When the ledger or a segment cannot be read.
    pub fn remember(&mut self, window: &TimeWindow) -> Result<Remembered, StoreError> {
        self.at_one_moment(|store| store.remember_once(window))
    }

    /// Returns the number of events of the days that a window needs.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn event_count(&mut self, window: &TimeWindow) -> Result<u64, StoreError> {
        let (from, to) = event_days(window);
        let sql = "SELECT coalesce(sum(rows), 0) FROM segments
                   WHERE kind = 'events' AND day BETWEEN ?1 AND ?2";
        let found = self
            .ledger
            .rows(sql, &[&from, &to], |row| row.get::<_, i64>(0))?;
        let count = found.first().copied().unwrap_or_default();
        Ok(count.try_into().unwrap_or_default())
    }

    /// The accounts and Regions that logged something in a window, by day.
    ///
    /// # Errors
    ///
    /// When the ledger cannot be read.
    pub fn activity(
        &mut self,
        window: &TimeWindow,
    ) -> Result<BTreeMap<SeenKey, DayActivity>, StoreError> {
        self.at_one_moment(|store| {
            let (_, coverage) = store.coverage(window)?;
            Ok(coverage.seen)
        })
    }

    /// The same as [`Self::remember`] with events given to `take`, one after the other, and in no
    /// order. `begin` makes what takes them: more than once where a writer puts segments together
    /// meanwhile. The objects of events are known by their ids in the ledger.
    ///
    /// # Errors
    ///
    /// When the ledger or a segment cannot be read.
    pub fn recall<T>(
        &mut self,
        window: &TimeWindow,
        begin: &dyn Fn() -> T,
        take: &dyn Fn(&mut T, KeptEvent),
    ) -> Result<(T, Recalled), StoreError> {
        self.at_one_moment(|store| {
            let mut taken = begin();
            store.for_each_event(window, &mut |event| take(&mut taken, event))?;
            let (delivered, coverage) = store.coverage(window)?;
            let listing = store.listing(&delivered, window)?;
            Ok((taken, Recalled { coverage, listing }))
        })
    }

    /// Reads in one transaction; again where a writer put segments together meanwhile.
    pub(super) fn at_one_moment<T>(
        &mut self,
        read: impl Fn(&mut Self) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let mut tries = 1;
        loop {
            self.ledger.try_to(|ledger| ledger.execute_batch("BEGIN"))?;
            let found = read(self);
            self.ledger
                .try_to(|ledger| ledger.execute_batch("COMMIT"))?;
            match found {
                Err(StoreError::Io { source, .. })
                    if source.kind() == std::io::ErrorKind::NotFound && tries < TRIES_MAX =>
                {
                    tries += 1;
                }
                found => return found,
            }
        }
    }

    fn remember_once(&mut self, window: &TimeWindow) -> Result<Remembered, StoreError> {
        let mut rows = Vec::new();
        self.for_each_event(window, &mut |row| rows.push(row))?;
        let (delivered, coverage) = self.coverage(window)?;
        let keys = self.keys(&mut rows)?;
        let (of_sessions, events): (Vec<KeptEvent>, Vec<KeptEvent>) =
            rows.into_iter().partition(|row| row.is_of_session);
        let plain = |rows: Vec<KeptEvent>| -> Vec<Event> {
            rows.into_iter().map(|row| row.event).collect()
        };
        Ok(Remembered {
            events: plain(events),
            session_events: plain(of_sessions),
            coverage,
            keys,
            listing: self.listing(&delivered, window)?,
        })
    }

    fn for_each_event(
        &mut self,
        window: &TimeWindow,
        each: &mut dyn FnMut(KeptEvent),
    ) -> Result<(), StoreError> {
        let superseded = superseded(&mut self.ledger)?;
        let wanted =
            |object: u32, time: UtcSecond| window.needs(time) && !superseded.contains(&object);
        let segments = self.ledger.segments("events", event_days(window))?;
        for of_day in segments.chunk_by(|left, right| left.day == right.day) {
            let mut reader = SegmentReader::default();
            for named in of_day {
                let segment = Segment::open(&self.folder, named)?;
                reader.read_segment(segment, &wanted, each)?;
            }
        }
        Ok(())
    }

    /// The objects delivered in the window, and their coverage.
    fn coverage(&mut self, window: &TimeWindow) -> Result<(Delivered, Coverage), StoreError> {
        let delivered = self.delivered(window)?;
        let mut coverage = self.sums(&delivered)?;
        self.seen(&delivered, window, &mut coverage)?;
        self.rejects(&delivered, &mut coverage)?;
        self.notes(&delivered, &mut coverage)?;
        Ok((delivered, coverage))
    }

    /// Returns the objects delivered in the window.
    fn delivered(&mut self, window: &TimeWindow) -> Result<Delivered, StoreError> {
        let (first, last) = delivery_days(window);
        let cuts = |day: UtcDay| {
            let date = day.date();
            date.is_some_and(|date| window.cuts_delivery_day(date))
        };
        let mut objects = self.late(window)?;
        for day in BTreeSet::from([first, last]) {
            if !cuts(day) {
                continue;
            }
            let sql = "SELECT id, key FROM objects WHERE delivery_day = ?1";
            let all = self.ledger.rows(sql, &[&day], |row| {
                Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?))
            })?;
            let needed = all
                .into_iter()
                .filter(|(_, key)| KeyFacts::of(key).may_be_needed(window));
            objects.extend(needed.map(|(id, _)| id));
            if day == last {
                objects.extend(self.with_events(day, window)?);
            }
        }
        let objects: Vec<u32> = objects.into_iter().collect();
        Ok(Delivered {
            days: (first + i64::from(cuts(first)), last - i64::from(cuts(last))),
            objects: Value::from(objects).to_string(),
        })
    }

    /// Objects that were delivered long after the window, with records of it: trails are delivered
    /// again for 30 days (docs/cloudtrail-facts.md#object-keys).
    fn late(&mut self, window: &TimeWindow) -> Result<BTreeSet<u32>, StoreError> {
        let (days, events) = (delivery_days(window), event_days(window));
        let sql = "SELECT DISTINCT delivery_day FROM seen
                   WHERE delivery_day NOT BETWEEN ?1 AND ?2 AND day BETWEEN ?3 AND ?4";
        let parameters: [&dyn rusqlite::ToSql; 4] = [&days.0, &days.1, &events.0, &events.1];
        let found = self
            .ledger
            .rows(sql, &parameters, |row| row.get::<_, UtcDay>(0))?;
        let mut late = BTreeSet::new();
        for day in found {
            late.extend(self.with_events(day, window)?);
        }
        Ok(late)
    }

    /// Objects delivered on a day that have records of the days of a window.
    fn with_events(&mut self, day: UtcDay, window: &TimeWindow) -> Result<Vec<u32>, StoreError> {
        let events = event_days(window);
        let sql = "SELECT DISTINCT objects.id FROM objects, json_each(objects.seen)
                   WHERE delivery_day = ?1
                       AND json_extract(value, '$[2]') BETWEEN ?2 AND ?3 ORDER BY objects.id";
        let bounds: [&dyn rusqlite::ToSql; 3] = [&day, &events.0, &events.1];
        self.ledger.rows(sql, &bounds, |row| row.get::<_, u32>(0))
    }

    fn sums(&mut self, of: &Delivered) -> Result<Coverage, StoreError> {
        let sql = "SELECT objects, failed, passed_over, stored_bytes, inflated_bytes, records,
                       rejected, unknown_version
                   FROM days WHERE delivery_day BETWEEN ?1 AND ?2 OR delivery_day IS NULL
                   UNION ALL
                   SELECT is_failed = 0 AND passed_over IS NULL, is_failed,
                       CASE WHEN passed_over IS NULL THEN '{}'
                           ELSE json_object(passed_over, 1) END,
                       stored_bytes, inflated_bytes, records, rejected, unknown_version
                   FROM objects WHERE id IN (SELECT value FROM json_each(?3))";
        let mut coverage = Coverage::default();
        let mut passed_over: Vec<String> = Vec::new();
        self.ledger.rows(sql, &of.bounds(), |row| {
            let number = |at: usize| -> rusqlite::Result<u64> {
                let number: i64 = row.get(at)?;
                Ok(number.try_into().unwrap_or_default())
            };
            coverage.objects_read += number(0)?;
            coverage.objects_failed += number(1)?;
            passed_over.push(row.get(2)?);
            coverage.bytes_read += number(3)?;
            coverage.bytes_inflated += number(4)?;
            coverage.records += number(5)?;
            coverage.records_rejected += number(6)?;
            coverage.records_of_unknown_version += number(7)?;
            Ok(())
        })?;
        for counts in passed_over {
            let counts: BTreeMap<String, u64> = serde_json::from_str(&counts).unwrap_or_default();
            for (name, count) in counts {
                if let Some(sibling) = Sibling::parse(&name) {
                    *coverage.objects_passed_over.entry(sibling).or_default() += count;
                }
            }
        }
        let sql = "SELECT siblings FROM objects WHERE siblings IS NOT NULL
                   AND (delivery_day BETWEEN ?1 AND ?2 OR delivery_day IS NULL
                       OR id IN (SELECT value FROM json_each(?3)))";
        let siblings = self
            .ledger
            .rows(sql, &of.bounds(), |row| row.get::<_, String>(0))?;
        for told in siblings {
            let counts: Vec<(String, u64)> = serde_json::from_str(&told).unwrap_or_default();
            for (name, count) in counts {
                if let Some(sibling) = Sibling::parse(&name) {
                    *coverage.records_of_siblings.entry(sibling).or_default() += count;
                }
            }
        }
        Ok(coverage)
    }

    /// Accounts, Regions and days seen, and how many records are inside the window.
    fn seen(
        &mut self,
        of: &Delivered,
        window: &TimeWindow,
        coverage: &mut Coverage,
    ) -> Result<(), StoreError> {
        let sql = "SELECT account, region, day, sum(records), min(first), max(last) FROM
                       (SELECT account, region, day, records, first, last FROM seen
                        WHERE delivery_day BETWEEN ?1 AND ?2 OR delivery_day IS NULL
                        UNION ALL
                        SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]'),
                            json_extract(value, '$[2]'), json_extract(value, '$[3]'),
                            json_extract(value, '$[4]'), json_extract(value, '$[5]')
                        FROM objects, json_each(objects.seen)
                        WHERE objects.id IN (SELECT value FROM json_each(?3)))
                   GROUP BY account, region, day ORDER BY account, region, day";
        let rows = self.ledger.rows(sql, &of.bounds(), |row| {
            let (account, region): (String, String) = (row.get(0)?, row.get(1)?);
            let day: UtcDay = row.get(2)?;
            let numbers: [i64; 3] = [row.get(3)?, row.get(4)?, row.get(5)?];
            Ok((account, region, day, numbers))
        })?;
        for (account, region, day, [records, first, last]) in rows {
            let Some(day) = day.date() else {
                continue;
            };
            let seen = DayActivity {
                records: records.try_into().unwrap_or_default(),
                first: UtcSecond::from_unix(first),
                last: UtcSecond::from_unix(last),
            };
            let (first_in, last_in) = (window.contains(seen.first), window.contains(seen.last));
            if first_in && last_in {
                coverage.records_in_window += seen.records;
            } else {
                coverage.is_window_cut |= seen.is_in(window);
            }
            let key = (account.into(), region.into(), day);
            coverage.seen.insert(key, seen);
        }
        Ok(())
    }

    fn notes(&mut self, of: &Delivered, coverage: &mut Coverage) -> Result<(), StoreError> {
        let sql = "SELECT objects.key, json_each.value FROM objects, json_each(objects.notes)
                   WHERE notes IS NOT NULL
                   AND (delivery_day BETWEEN ?1 AND ?2 OR delivery_day IS NULL
                       OR objects.id IN (SELECT value FROM json_each(?3)))";
        let rows = self.ledger.rows(sql, &of.bounds(), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        for (key, note) in rows {
            coverage.notes.add(&note, &key.into());
        }
        let sql = "SELECT root FROM roots WHERE root LIKE 'lookup-events://%'";
        let roots: Vec<String> = self.ledger.rows(sql, &[], |row| row.get(0))?;
        for root in roots {
            coverage.notes.add(LOOKED_UP_NOTE, &root.into());
        }
        Ok(())
    }

    fn rejects(&mut self, of: &Delivered, coverage: &mut Coverage) -> Result<(), StoreError> {
        #[derive(Deserialize)]
        struct Told(String, u64, Vec<(Option<u32>, Option<u64>, String)>);
        let sql = "SELECT key, rejects FROM objects WHERE rejects IS NOT NULL
                   AND (delivery_day BETWEEN ?1 AND ?2 OR delivery_day IS NULL
                       OR id IN (SELECT value FROM json_each(?3)))";
        let rows = self.ledger.rows(sql, &of.bounds(), |row| {
            Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?))
        })?;
        for (key, told) in rows {
            let key = Text::from(key);
            for Told(reason, count, examples) in
                serde_json::from_str::<Vec<Told>>(&told).unwrap_or_default()
            {
                let Some(reason) = RejectReason::parse(&reason) else {
                    continue;
                };
                let known = examples.len() as u64;
                for (record, offset, detail) in examples {
                    coverage.rejects.add(Reject {
                        object: key.clone(),
                        record,
                        offset,
                        reason,
                        detail,
                    });
                }
                coverage
                    .rejects
                    .add_uncounted(reason, count.saturating_sub(known));
            }
        }
        Ok(())
    }

    /// Keys of the objects that rows came from. Positions follow the keys, as they
    /// would if the objects were read anew.
    fn keys(&mut self, rows: &mut [KeptEvent]) -> Result<BTreeMap<u32, Text>, StoreError> {
        let ids: BTreeSet<u32> = rows.iter().map(|row| row.event.place.object).collect();
        let list = Value::from(ids.into_iter().collect::<Vec<u32>>()).to_string();
        let sql = "SELECT id, key FROM objects WHERE id IN (SELECT value FROM json_each(?1))
                   ORDER BY key";
        let found = self.ledger.rows(sql, &[&list], |row| {
            Ok((row.get::<_, u32>(0)?, row.get::<_, String>(1)?))
        })?;
        let mut positions = BTreeMap::new();
        let mut keys = BTreeMap::new();
        for (at, (id, key)) in (0_u32..).zip(found) {
            positions.insert(id, at);
            keys.insert(at, Text::from(key));
        }
        for row in rows {
            let place = &mut row.event.place;
            place.object = positions.get(&place.object).copied().unwrap_or(u32::MAX);
        }
        Ok(keys)
    }

    /// Objects of the window that a program read which kept fewer events.
    fn read_by_earlier_lists(
        &mut self,
        of: &Delivered,
    ) -> Result<Option<(Text, String)>, StoreError> {
        let sql = "SELECT count(*), min(list_version) FROM objects
                   WHERE list_version < ?4 AND is_failed = 0 AND passed_over IS NULL
                       AND (delivery_day BETWEEN ?1 AND ?2 OR delivery_day IS NULL
                           OR id IN (SELECT value FROM json_each(?3)))";
        let [from, to, objects] = of.bounds();
        let found = self
            .ledger
            .rows(sql, &[from, to, objects, &event_list::VERSION], |row| {
                Ok((row.get::<_, i64>(0)?, row.get::<_, Option<u32>>(1)?))
            })?;
        let Some(&(objects, Some(version))) = found.first() else {
            return Ok(None);
        };
        let services: BTreeSet<&str> = event_list::kept_since(version)
            .map(|(source, _)| source.name)
            .collect();
        let services: Vec<&str> = services.into_iter().collect();
        let place = self.folder.root().to_string_lossy().into_owned();
        let what = if services.is_empty() {
            "read other members of some events".to_owned()
        } else {
            format!("stored fewer events of {}", services.join(", "))
        };
        let why = format!(
            "{objects} of its objects were read by an earlier version of this program, which {what}; collect reads those \
             again that still exist"
        );
        Ok(Some((place.into(), why)))
    }

    /// Returns the objects that could not be read, and the number outside the window.
    fn listing(&mut self, of: &Delivered, window: &TimeWindow) -> Result<Listing, StoreError> {
        // A place matters for the time that it could not be listed for, an object for the
        // time that it was delivered.
        let sql = format!("SELECT place, why, since, until, {IS_OBJECT} FROM gaps ORDER BY place");
        let gaps = self.ledger.rows(&sql, &[], |row| {
            let (place, why): (String, String) = (row.get(0)?, row.get(1)?);
            let time: (i64, i64) = (row.get(2)?, row.get(3)?);
            Ok((Text::from(place), why, time, row.get::<_, bool>(4)?))
        })?;
        let matters = |place: &Text, (since, until): (i64, i64), is_object: bool| {
            if is_object {
                KeyFacts::of(place).may_be_needed(window)
            } else {
                window.needs_delivery(UtcSecond::from_unix(since), until - since + 1)
            }
        };
        let mut failed: Vec<(Text, String)> = gaps
            .into_iter()
            .filter(|(place, _, time, is_object)| matters(place, *time, *is_object))
            .map(|(place, why, ..)| (place, why))
            .collect();
        failed.extend(self.read_by_earlier_lists(of)?);
        // Objects that are counted one by one are in these sums, too.
        let sql = "SELECT coalesce(sum(objects + failed), 0) -
                       (SELECT count(*) FROM objects WHERE passed_over IS NULL
                            AND id IN (SELECT value FROM json_each(?3)))
                   FROM days
                   WHERE delivery_day NOT BETWEEN ?1 AND ?2";
        let outside = self
            .ledger
            .rows(sql, &of.bounds(), |row| row.get::<_, i64>(0))?;
        Ok(Listing {
            outside_window: outside
                .first()
                .copied()
                .unwrap_or(0)
                .try_into()
                .unwrap_or(0),
            failed,
            ..Listing::default()
        })
    }
}

/// Days whose events the window needs.
pub(super) fn event_days(window: &TimeWindow) -> DayRange {
    let from = window
        .from
        .map(|from| from.plus(-LOOK_BACK_SECONDS).utc_day());
    let to = window.to.map(|to| to.plus(LOOK_AHEAD_SECONDS).utc_day());
    (from.unwrap_or(UtcDay::MIN), to.unwrap_or(UtcDay::MAX))
}

/// Days of delivery that the window needs: [`TimeWindow::needs_delivery_day`].
fn delivery_days(window: &TimeWindow) -> DayRange {
    let slack = DELIVERY_SLACK_DAYS * 86_400;
    let from = window
        .from
        .map(|from| from.plus(-LOOK_BACK_SECONDS).utc_day());
    let to = window.to.map(|to| to.plus(slack - 1).utc_day());
    (from.unwrap_or(UtcDay::MIN), to.unwrap_or(UtcDay::MAX))
}
