//! Activity by account, Region and day, counted for every record; most records cost three
//! comparisons.

use crate::model::coverage::{Coverage, DayActivity};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use std::collections::BTreeMap;

/// `2026-07-01T10:00:00Z`, how CloudTrail spells `eventTime`.
const TIME_BYTES: usize = 20;
const DAY_BYTES: usize = 10;
/// Longest account id or Region taken note of: both are far shorter.
const NAME_BYTES_MAX: usize = 64;

type Time = [u8; TIME_BYTES];

/// Account, Region and day, as they were spelled.
type ActivityPlace = (Box<[u8]>, Box<[u8]>, [u8; DAY_BYTES]);

struct ActivityCount {
    account: Box<[u8]>,
    region: Box<[u8]>,
    records: u64,
    first: Time,
    last: Time,
}

impl ActivityCount {
    fn is_of(&self, account: &[u8], region: &[u8], time: &Time) -> bool {
        self.first[..DAY_BYTES] == time[..DAY_BYTES]
            && *self.account == *account
            && *self.region == *region
    }
}

/// Counts records by account, Region and day of event time.
pub(super) struct ActivityCounter {
    /// The one seen last, which the next record mostly belongs to.
    current: Option<ActivityCount>,
    all: BTreeMap<ActivityPlace, ActivityCount>,
    from: Option<Time>,
    to: Option<Time>,
    in_window: u64,
}

impl ActivityCounter {
    pub(super) fn new(window: &TimeWindow) -> Self {
        let spelled = |moment: UtcSecond| moment.to_string().into_bytes().try_into().ok();
        Self {
            current: None,
            all: BTreeMap::new(),
            from: window.from.and_then(spelled),
            to: window.to.and_then(spelled),
            in_window: 0,
        }
    }

    /// Counts a record. One without a proper time is counted nowhere.
    pub(super) fn add(
        &mut self,
        account: Option<&[u8]>,
        region: Option<&[u8]>,
        time: Option<&[u8]>,
    ) {
        let Some(time) = time.and_then(|text| proper_time(text).or_else(|| other_time(text)))
        else {
            return;
        };
        // Times of one spelling compare like their text.
        let after_start = self.from.is_none_or(|from| from <= time);
        let before_end = self.to.is_none_or(|to| time < to);
        self.in_window += u64::from(after_start && before_end);

        let account = account.filter(|name| name.len() <= NAME_BYTES_MAX);
        let region = region.filter(|name| name.len() <= NAME_BYTES_MAX);
        let (account, region) = (account.unwrap_or_default(), region.unwrap_or_default());
        if let Some(current) = &mut self.current
            && current.is_of(account, region, &time)
        {
            current.records += 1;
            current.first = current.first.min(time);
            current.last = current.last.max(time);
            return;
        }
        self.settle();
        self.current = Some(ActivityCount {
            account: account.into(),
            region: region.into(),
            records: 1,
            first: time,
            last: time,
        });
    }

    fn settle(&mut self) {
        let Some(current) = self.current.take() else {
            return;
        };
        let day = *current.first.first_chunk().unwrap_or(&[0; DAY_BYTES]);
        let key = (current.account.clone(), current.region.clone(), day);
        self.all
            .entry(key)
            .and_modify(|known| {
                known.records += current.records;
                known.first = known.first.min(current.first);
                known.last = known.last.max(current.last);
            })
            .or_insert(current);
    }

    /// Adds the counts to the coverage.
    pub(super) fn finish(mut self, coverage: &mut Coverage) {
        self.settle();
        coverage.records_in_window += self.in_window;
        for sighting in self.all.into_values() {
            let moment = |time: &Time| UtcSecond::parse(std::str::from_utf8(time).ok()?);
            let (Some(first), Some(last)) = (moment(&sighting.first), moment(&sighting.last))
            else {
                continue;
            };
            let name = |bytes: &[u8]| Text::from(String::from_utf8_lossy(bytes));
            let key = (
                name(&sighting.account).into(),
                name(&sighting.region).into(),
                first.day(),
            );
            let seen = DayActivity {
                records: sighting.records,
                first,
                last,
            };
            coverage.add_seen(key, seen);
        }
    }
}

/// The time in the usual spelling, if it is one in another.
#[cold]
fn other_time(text: &[u8]) -> Option<Time> {
    let moment = UtcSecond::parse_logged(std::str::from_utf8(text).ok()?)?;
    moment.to_string().into_bytes().try_into().ok()
}

/// The time if it has the one spelling, with digits in range.
fn proper_time(text: &[u8]) -> Option<Time> {
    let time: Time = text.try_into().ok()?;
    let number = |at: usize| {
        let (tens, ones) = (time[at].wrapping_sub(b'0'), time[at + 1].wrapping_sub(b'0'));
        (tens < 10 && ones < 10).then(|| tens * 10 + ones)
    };
    let separators = [
        (4, b'-'),
        (7, b'-'),
        (10, b'T'),
        (13, b':'),
        (16, b':'),
        (19, b'Z'),
    ];
    let is_separated = separators
        .iter()
        .all(|&(at, separator)| time[at] == separator);
    let in_range = number(0).is_some()
        && number(2).is_some()
        && (1..=12).contains(&number(5)?)
        && (1..=31).contains(&number(8)?)
        && number(11)? < 24
        && number(14)? < 60
        && number(17)? < 60;
    (is_separated && in_range).then_some(time)
}
