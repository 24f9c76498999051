//! The parts of a stored object's key (docs/cloudtrail-facts.md#object-keys).
//!
//! Keys are used to leave objects out and to name them, never as a source of
//! facts: account and Region come from the records themselves.

use super::coverage::Sibling;
use super::ids::is_account_id;
use super::time::UtcSecond;
use super::window::TimeWindow;
use jiff::civil::Date;

/// Returns true if a key is a root, or in its folder: `s3://logs-eu/f` is not in `s3://logs`.
#[must_use]
pub fn is_below(key: &str, root: &str) -> bool {
    let rest = key.strip_prefix(root.trim_end_matches('/'));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// The kind of a trail's objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum TrailObjects {
    /// Log files.
    #[default]
    Logs,
    /// Digests, in the folder next to the logs.
    Digests,
}

impl TrailObjects {
    /// The folder of an account that they are in.
    #[must_use]
    pub const fn folder(self) -> &'static str {
        match self {
            Self::Logs => "CloudTrail",
            Self::Digests => "CloudTrail-Digest",
        }
    }

    /// Returns true if an object is one of them, by what its key says.
    #[must_use]
    pub fn has(self, sibling: Option<Sibling>) -> bool {
        match self {
            Self::Logs => sibling.is_none(),
            Self::Digests => sibling == Some(Sibling::Digest),
        }
    }

    /// Returns the place of digests for a place of logs: next to the folder `CloudTrail` of an
    /// account, where one is named.
    #[must_use]
    pub fn sibling_root(self, root: &str) -> String {
        let parts: Vec<&str> = root.split('/').collect();
        let is_logs =
            |at: &usize| is_account_id(parts[at - 1]) && parts[*at] == Self::Logs.folder();
        let Some(at) = (1..parts.len()).rev().find(is_logs) else {
            return root.to_owned();
        };
        let mut sibling_root = parts.clone();
        sibling_root[at] = self.folder();
        sibling_root.join("/")
    }
}

/// Returns true if a place or key is in S3, not on this machine.
#[must_use]
pub fn is_in_s3(place: &str) -> bool {
    place.starts_with("s3://")
}

/// The part of a path from its last account on; `None` where there is none.
#[must_use]
pub fn from_account(path: &str) -> Option<&str> {
    let account = path.split('/').rfind(|part| is_account_id(part))?;
    path.rfind(account).map(|at| &path[at..])
}

/// Returns true if an object of a trail, as a digest names it, is below a place: a root that was
/// listed, or a folder that could not be. Of a place on this machine only what follows its account
/// can be told; one above all accounts holds everything.
#[must_use]
pub fn is_object_below(bucket: &str, object: &str, place: &str) -> bool {
    if let Some(place) = place.strip_prefix("s3://") {
        return is_below(&format!("{bucket}/{object}"), place);
    }
    match from_account(place) {
        Some(folder) => from_account(object).is_some_and(|own| is_below(own, folder)),
        None => true,
    }
}

/// The beginning of the keys of events that were looked up, by account, Region, event name and day.
pub const LOOKED_UP: &str = "lookup-events://";

/// The note on places that are looked up.
pub const LOOKED_UP_NOTE: &str = "LookupEvents has no data events: changes to stored log files, and calls of functions, are not covered";

/// The parts of a key in CloudTrail's layout,
/// `[prefix/]AWSLogs/[o-id/]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct KeyFacts {
    /// The object is in a sibling folder of the logs.
    pub sibling: Option<Sibling>,
    /// The UTC day it was delivered.
    pub delivery_day: Option<Date>,
    /// The minute it was delivered, where a log file's name tells it and the folder agrees.
    /// Midnight tells the day only: it is what names are given that know no more.
    pub delivered_at: Option<UtcSecond>,
}

impl KeyFacts {
    /// The account whose folder the object is in, to be shown and never relied on.
    #[must_use]
    pub fn account_of(key: &str) -> Option<&str> {
        let mut parts = key.split(['/', '\\']);
        parts.rfind(|part| is_account_id(part))
    }

    /// The account and Region whose folder the object is in: `ACCOUNT/KIND/REGION/YYYY/...`, or those
    /// in its name.
    #[must_use]
    pub fn place_of(key: &str) -> Option<(&str, &str)> {
        let parts: Vec<&str> = key.split(['/', '\\']).collect();
        let at = (0..parts.len()).rev().find(|at| is_account_id(parts[*at]));
        if let Some(at) = at.filter(|at| at + 3 < parts.len()) {
            return Some((parts[at], parts[at + 2]));
        }
        let mut name = parts.last()?.split('_');
        let (account, _kind, region) = (name.next()?, name.next()?, name.next()?);
        is_account_id(account).then_some((account, region))
    }

    /// Reads a key. Other layouts tell nothing.
    #[must_use]
    pub fn of(key: &str) -> Self {
        if let Some(piece) = key.strip_prefix(LOOKED_UP) {
            // `lookup-events://ACCOUNT/REGION/EVENT_NAME/DAY`
            let day = piece.rsplit('/').next().and_then(|day| day.parse().ok());
            return Self {
                delivery_day: day,
                ..Self::default()
            };
        }
        let parts: Vec<&str> = key.split(['/', '\\']).collect();
        // The last match counts: a prefix may look like the layout too.
        for at in (1..parts.len()).rev() {
            if !is_account_id(parts[at - 1]) {
                continue;
            }
            let sibling = match parts[at] {
                "CloudTrail" => None,
                "CloudTrail-Digest" => Some(Sibling::Digest),
                "CloudTrail-Insight" => Some(Sibling::Insight),
                "CloudTrail-NetworkActivity" => Some(Sibling::NetworkActivity),
                "CloudTrail-Aggregated" => Some(Sibling::Aggregated),
                folder if is_other_service(folder, &parts[..at - 1]) => Some(Sibling::OtherService),
                _ => continue,
            };
            let delivery_day = day(&parts[at + 1..]);
            let minute = match parts[at + 1..] {
                [region, .., file] => delivery_minute(parts[at - 1], region, file),
                _ => None,
            };
            return Self {
                sibling,
                delivery_day,
                delivered_at: minute
                    .filter(|minute| Some(minute.day()) == delivery_day && !minute.is_midnight()),
            };
        }
        let file = parts.last().copied().unwrap_or_default();
        Self {
            sibling: sibling_by_name(file),
            ..Self::default()
        }
    }

    /// Returns true if the object may hold what a window needs, by when it was delivered. One whose
    /// key does not tell may.
    #[must_use]
    pub fn may_be_needed(&self, window: &TimeWindow) -> bool {
        let is_of_day = |day| window.needs_delivery_day(day);
        let is_of_minute = |minute| window.needs_delivery(minute, NAMED_EARLY_SECONDS);
        self.delivery_day.is_none_or(is_of_day) && self.delivered_at.is_none_or(is_of_minute)
    }
}

/// The longest time between the time in a file's name and its last event, in seconds: names tell
/// minutes, and merged files may be named by their beginning.
const NAMED_EARLY_SECONDS: i64 = 3600;

/// The minute in a log file's name, `ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ...`.
#[must_use]
pub fn delivery_minute(account: &str, region: &str, file: &str) -> Option<UtcSecond> {
    let rest = file.strip_prefix(account)?.strip_prefix("_CloudTrail_")?;
    let rest = rest.strip_prefix(region)?.strip_prefix('_')?;
    let (minute, after) = rest.split_at_checked("YYYYMMDDTHHmm".len())?;
    let moment = UtcSecond::parse(&format!("{minute}00Z"))?;
    after.starts_with('Z').then_some(moment)
}

/// Folders and parts of file names of other services that deliver into the same buckets
/// (docs/cloudtrail-facts.md#object-keys).
const OTHER_SERVICES: [&str; 14] = [
    "vpcflowlogs",
    "vpcdnsquerylogs",
    "elasticloadbalancing",
    "Config",
    "WAFLogs",
    "waflogs",
    "GuardDuty",
    "network-firewall",
    "redshift",
    "globalaccelerator",
    "route53",
    "SecurityLake",
    "ConfigHistory",
    "ConfigSnapshot",
];

/// Returns true if a folder of an account is of another service: any folder below `AWSLogs`, and
/// elsewhere one of a known name.
fn is_other_service(folder: &str, above: &[&str]) -> bool {
    let is_awslogs = match above {
        [.., "AWSLogs"] => true,
        [.., "AWSLogs", organization] => organization.starts_with("o-"),
        _ => false,
    };
    is_awslogs || OTHER_SERVICES.contains(&folder)
}

/// The sibling that a file name tells, `ACCOUNT_SERVICE_REGION_...`: a flat copy has no folders.
fn sibling_by_name(file: &str) -> Option<Sibling> {
    let (account, rest) = file.split_once('_')?;
    let (service, _) = rest.split_once('_')?;
    if !is_account_id(account) {
        return None;
    }
    match service {
        "CloudTrail-Digest" => Some(Sibling::Digest),
        "CloudTrail-Insight" => Some(Sibling::Insight),
        "CloudTrail-NetworkActivity" => Some(Sibling::NetworkActivity),
        "CloudTrail-Aggregated" => Some(Sibling::Aggregated),
        other if OTHER_SERVICES.contains(&other) => Some(Sibling::OtherService),
        _ => None,
    }
}

/// Returns true if the name of a file is one that log files have: CloudTrail's, or an extension of
/// JSON, tables and compressed files. Hidden files have none.
#[must_use]
pub fn has_log_name(key: &str) -> bool {
    const EXTENSIONS: [&str; 10] = [
        "json", "gz", "jsonl", "ndjson", "log", "zst", "csv", "parquet", "gzip", "zstd",
    ];
    let file = key.rsplit(['/', '\\']).next().unwrap_or(key);
    let extension = file.rsplit_once('.').map(|(_, extension)| extension);
    !file.starts_with('.')
        && (file.contains("_CloudTrail_")
            || extension
                .is_some_and(|own| EXTENSIONS.iter().any(|one| own.eq_ignore_ascii_case(one))))
}

/// The day in `REGION/YYYY/MM/DD/FILE`.
fn day(parts: &[&str]) -> Option<Date> {
    let [_region, year, month, day, _file] = parts else {
        return None;
    };
    let well_formed = year.len() == 4 && month.len() == 2 && day.len() == 2;
    let date = Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?);
    date.ok().filter(|_| well_formed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn organization_and_account_layouts_are_read() {
        let file = "444455556666_CloudTrail_us-east-1_20260701T1005Z_AAAAAAAAAAAAAAAA.json.gz";
        for prefix in [
            "",
            "some/prefix/",
            "AWSLogs/111122223333/CloudTrail/us-east-1/2020/01/01/",
        ] {
            for organization in ["", "o-exampleorgid/"] {
                let key = format!(
                    "{prefix}AWSLogs/{organization}444455556666/CloudTrail/us-east-1/2026/07/01/{file}"
                );
                let facts = KeyFacts::of(&key);
                assert_eq!(facts.sibling, None, "{key}");
                assert_eq!(
                    facts.delivery_day,
                    Some("2026-07-01".parse().unwrap()),
                    "{key}"
                );
                assert_eq!(
                    facts.delivered_at,
                    UtcSecond::parse("2026-07-01T10:05:00Z"),
                    "{key}"
                );
            }
        }
    }

    #[test]
    fn siblings_are_told_from_logs() {
        let of = |folder: &str| {
            KeyFacts::of(&format!(
                "AWSLogs/444455556666/{folder}/us-east-1/2026/07/01/f.json.gz"
            ))
        };
        assert_eq!(of("CloudTrail-Digest").sibling, Some(Sibling::Digest));
        assert_eq!(of("CloudTrail-Insight").sibling, Some(Sibling::Insight));
        assert_eq!(
            of("CloudTrail-NetworkActivity").sibling,
            Some(Sibling::NetworkActivity)
        );
        assert_eq!(
            of("CloudTrail-Aggregated").sibling,
            Some(Sibling::Aggregated)
        );
        assert_eq!(of("CloudTrail").sibling, None);
        assert_eq!(of("Config").sibling, Some(Sibling::OtherService));
        assert_eq!(of("anything-new").sibling, Some(Sibling::OtherService));
        for (key, sibling) in [
            (
                "copy/444455556666/vpcflowlogs/us-east-1/2026/07/01/f.log.gz",
                Some(Sibling::OtherService),
            ),
            ("copy/444455556666/mine/f.json", None),
            (
                "flat/444455556666_CloudTrail-Digest_us-east-1_trail_us-east-1_20260701T100000Z.json.gz",
                Some(Sibling::Digest),
            ),
            (
                "flat/444455556666_elasticloadbalancing_us-east-1_app.log.gz",
                Some(Sibling::OtherService),
            ),
            (
                "flat/444455556666_CloudTrail_us-east-1_20260701T1005Z_AAAA.json.gz",
                None,
            ),
        ] {
            assert_eq!(KeyFacts::of(key).sibling, sibling, "{key}");
        }
    }

    #[test]
    fn names_of_logs_are_told_from_others() {
        for name in ["a/x.json", "x.JSON.GZ", "x.csv", "1_CloudTrail_us", "x.log"] {
            assert!(has_log_name(name), "{name}");
        }
        for name in [
            ".DS_Store",
            "a/._x.json.gz",
            "README",
            "README.md",
            ".keep",
            "Thumbs.db",
            "a/",
        ] {
            assert!(!has_log_name(name), "{name}");
        }
    }

    #[test]
    fn what_a_window_needs_is_told_by_the_minute_or_else_by_the_day() {
        let at = |text: &str| UtcSecond::parse(text).unwrap();
        let window = TimeWindow {
            from: Some(at("2026-07-02T13:00:00Z")),
            to: Some(at("2026-07-02T14:00:00Z")),
        };
        let is_needed = |day: &str, name: &str| {
            let key = format!("AWSLogs/444455556666/CloudTrail/us-east-1/2026/07/{day}/{name}");
            KeyFacts::of(&key).may_be_needed(&window)
        };
        let file = |minute: &str| format!("444455556666_CloudTrail_us-east-1_202607{minute}Z_A.gz");
        assert!(!is_needed("01", &file("01T2359")));
        assert!(is_needed("02", &file("02T0001")));
        assert!(is_needed("03", &file("03T1359")));
        assert!(!is_needed("03", &file("03T1400")));
        // Names that do not tell, or tell something else than the folder.
        assert!(is_needed("02", "x.gz"));
        assert!(is_needed("02", &file("02T0000")));
        assert!(is_needed("02", &file("01T0001")));
        assert!(!is_needed("01", "x.gz"));
        assert!(KeyFacts::of("x.gz").may_be_needed(&window));
    }

    #[test]
    fn other_layouts_tell_nothing() {
        for key in [
            "events.json",
            "CloudTrail/us-east-1/2026/07/01/f.json.gz",
            "444455556666/CloudTrail/us-east-1/2026/7/1/f.json.gz",
            "444455556666/CloudTrail/us-east-1/2026/13/01/f.json.gz",
            "",
        ] {
            assert_eq!(KeyFacts::of(key).delivery_day, None, "{key}");
        }
    }
}
