//! The parts of the names of digests and log files (docs/cloudtrail-facts.md#object-keys,
//! docs/cloudtrail-facts.md#digests).

use crate::model::ids::{AccountId, Region, is_account_id};
use crate::model::key::{delivery_minute, is_in_s3};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use std::borrow::Cow;

const DIGESTS: &str = "CloudTrail-Digest";
const LOGS: &str = "CloudTrail";
const ENDING: &str = ".json.gz";
const BACKFILL: &str = "_backfill";

/// The parts of a digest's key: `[...]ACCOUNT/CloudTrail-Digest/REGION/YYYY/MM/DD/
/// ACCOUNT_CloudTrail-Digest_REGION_TRAIL_HOME-REGION_YYYYMMDDTHHMMSSZ[_backfill].json.gz`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DigestName {
    /// The account that is logged.
    pub account_id: AccountId,
    /// The Region that is logged.
    pub region: Region,
    /// The trail.
    pub trail: Text,
    /// The trail's own Region.
    pub home_region: Region,
    /// True if it was made afterwards.
    pub is_backfill: bool,
    /// The end of the time that it covers.
    pub ended_at: UtcSecond,
}

impl DigestName {
    /// Reads a key; `None` where it is no digest's.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        let [account, kind, region, file] = parts(key)?;
        if kind != DIGESTS {
            return None;
        }
        let stem = file.strip_suffix(ENDING)?;
        let plain = stem.strip_suffix(BACKFILL);
        let (rest, stamp) = plain.unwrap_or(stem).rsplit_once('_')?;
        let (rest, home_region) = rest.rsplit_once('_')?;
        // The trail's name may have underscores in it.
        let trail = rest.strip_prefix(&format!("{account}_{DIGESTS}_{region}_"))?;
        Some(Self {
            account_id: account.as_str().into(),
            region: region.as_str().into(),
            trail: trail.into(),
            home_region: home_region.into(),
            is_backfill: plain.is_some(),
            ended_at: (stamp.len() == "YYYYMMDDTHHMMSSZ".len())
                .then(|| UtcSecond::parse(stamp))??,
        })
    }
}

/// The parts of a log file's key:
/// `[...]ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ...`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogFileName {
    /// The account that is logged.
    pub account_id: AccountId,
    /// The Region that is logged.
    pub region: Region,
    /// The minute it was delivered in.
    pub delivered_at: UtcSecond,
}

impl LogFileName {
    /// Reads a key; `None` where it is no log file's.
    #[must_use]
    pub fn of(key: &str) -> Option<Self> {
        let [account, kind, region, file] = parts(key)?;
        if kind != LOGS {
            return None;
        }
        Some(Self {
            delivered_at: delivery_minute(&account, &region, &file)?,
            account_id: account.as_str().into(),
            region: region.as_str().into(),
        })
    }
}

/// The end of a key from the account on: the same wherever the bucket was copied to. Of files on this
/// machine, folders may be gone, `.gz` where a copy was inflated, and a download that was repeated
/// has a number in its name: the name tells the rest. `None` where it is no key of a trail.
#[must_use]
pub fn tail(key: &str) -> Option<Cow<'_, str>> {
    if is_in_s3(key) {
        return layout_tail(key).map(Cow::from);
    }
    let Some(end) = layout_tail(key) else {
        return tail_of_name(key.rsplit('/').next()?).map(Cow::from);
    };
    let (folder, file) = end.rsplit_once('/')?;
    match delivered_name(file) {
        Cow::Borrowed(_) => Some(end.into()),
        Cow::Owned(file) => Some(format!("{folder}/{file}").into()),
    }
}

fn layout_tail(key: &str) -> Option<&str> {
    let file = key.rfind('/')?;
    let mut at = file;
    // REGION/YYYY/MM/DD/FILE, and CloudTrail or CloudTrail-Digest before it.
    for _ in 0..5 {
        at = key[..at].rfind('/')?;
    }
    let start = key[..at].rfind('/').map_or(0, |before| before + 1);
    is_account_id(&key[start..at]).then(|| &key[start..])
}

/// The name that a file was delivered with, from that of a copy.
fn delivered_name(file: &str) -> Cow<'_, str> {
    let stem = [ENDING, ".json"]
        .iter()
        .find_map(|ending| file.strip_suffix(ending));
    let Some(stem) = stem else {
        return file.into();
    };
    let copied = stem.strip_suffix(')').and_then(|rest| {
        let (name, number) = rest.rsplit_once(" (")?;
        let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        is_number.then_some(name)
    });
    let copied = copied
        .or_else(|| stem.strip_suffix(" - Copy"))
        .or_else(|| stem.strip_suffix(" copy"));
    match copied {
        None if file.ends_with(ENDING) => file.into(),
        name => format!("{}{ENDING}", name.unwrap_or(stem)).into(),
    }
}

/// The end of the key of a file, from its name alone: `ACCOUNT_KIND_REGION_..._TIME...json.gz`.
fn tail_of_name(file: &str) -> Option<String> {
    let file = delivered_name(file);
    let mut parts = file.split('_');
    let (account, kind, region) = (parts.next()?, parts.next()?, parts.next()?);
    if !is_account_id(account) || !matches!(kind, DIGESTS | LOGS) {
        return None;
    }
    let mut days = parts.filter_map(|part| {
        let day = part.get(..8)?;
        let is_time = part.as_bytes().get(8) == Some(&b'T');
        (is_time && day.bytes().all(|byte| byte.is_ascii_digit())).then_some(day)
    });
    let day = days.next_back()?;
    let (year, month, day) = (&day[..4], &day[4..6], &day[6..]);
    Some(format!(
        "{account}/{kind}/{region}/{year}/{month}/{day}/{file}"
    ))
}

/// Account, kind, Region and file of a key of a trail.
fn parts(key: &str) -> Option<[String; 4]> {
    let end = tail(key)?;
    let mut parts = end.split('/');
    let (account, kind, region) = (parts.next()?, parts.next()?, parts.next()?);
    Some([account, kind, region, parts.next_back()?].map(str::to_owned))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FOLDER: &str =
        "logs/AWSLogs/o-exampleorgid/111122223333/CloudTrail-Digest/us-east-1/2026/07/01";

    #[test]
    fn digests_tell_whose_they_are_and_when_they_end() {
        for (trail, backfill) in [("org-trail", false), ("my_org_trail", false), ("t", true)] {
            let ending = if backfill { "_backfill" } else { "" };
            let key = format!(
                "{FOLDER}/111122223333_CloudTrail-Digest_us-east-1_{trail}_eu-west-1_20260701T100031Z{ending}.json.gz"
            );
            let name = DigestName::of(&key).unwrap();
            assert_eq!(&*name.trail, trail);
            assert_eq!(&*name.home_region, "eu-west-1");
            assert_eq!(name.is_backfill, backfill);
            assert_eq!(name.ended_at.to_string(), "2026-07-01T10:00:31Z");
            assert_eq!(LogFileName::of(&key), None);
        }
    }

    #[test]
    fn other_names_are_none() {
        for file in [
            "111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20260701T100031Z.txt",
            "444455556666_CloudTrail-Digest_us-east-1_t_us-east-1_20260701T100031Z.json.gz",
            "111122223333_CloudTrail-Digest_us-east-1_20260701T100031Z.json.gz",
            "111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20261301T100031Z.json.gz",
            "111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_2026-07-01.json.gz",
            "",
        ] {
            assert_eq!(DigestName::of(&format!("{FOLDER}/{file}")), None, "{file}");
        }
        assert_eq!(
            DigestName::of("111122223333_CloudTrail-Digest_us-east-1.json.gz"),
            None
        );
    }

    #[test]
    fn a_digest_that_was_unzipped_keeps_its_name() {
        let key = format!(
            "{FOLDER}/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20260701T100031Z.json"
        );
        assert_eq!(DigestName::of(&key), DigestName::of(&format!("{key}.gz")));
    }

    #[test]
    fn log_files_tell_when_they_were_delivered() {
        for unique in ["_AAAAAAAAAAAAAAAA.json.gz", "AAAAAAAAAAAAAAAA.json.gz"] {
            let key = format!(
                "AWSLogs/444455556666/CloudTrail/us-east-1/2026/07/01/444455556666_CloudTrail_us-east-1_20260701T1005Z{unique}"
            );
            let name = LogFileName::of(&key).unwrap();
            assert_eq!(name.delivered_at.to_string(), "2026-07-01T10:05:00Z");
            assert_eq!(tail(&key).unwrap(), key.strip_prefix("AWSLogs/").unwrap());
        }
        assert_eq!(
            LogFileName::of("AWSLogs/444455556666/CloudTrail/us-east-1/2026/07/01/x.gz"),
            None
        );
        assert_eq!(tail("/444455556666/CloudTrail/f"), None);
    }

    #[test]
    fn copies_have_the_end_of_the_original() {
        let end = "444455556666/CloudTrail/us-east-1/2026/07/01/444455556666_CloudTrail_us-east-1_20260701T1005Z_AAAA.json.gz";
        let file = end.rsplit('/').next().unwrap();
        let inflated = end.strip_suffix(".gz").unwrap();
        for copy in [
            format!("copy/{end}"),
            format!("copy/{inflated}"),
            format!("copy/{}", end.replace(".json", " (1).json")),
            format!("flat/{file}"),
            format!("flat/{}", file.replace(".json.gz", " - Copy.json")),
        ] {
            assert_eq!(tail(&copy).unwrap(), end, "{copy}");
        }
        assert_eq!(tail(&format!("s3://bucket/{inflated}")).unwrap(), inflated);
        assert_eq!(tail(&format!("s3://bucket/{file}")), None);
        let digest =
            "444455556666_CloudTrail-Digest_us-east-1_my_trail_us-east-1_20260701T100000Z.json.gz";
        let name = DigestName::of(&format!("flat/{digest}")).unwrap();
        assert_eq!(
            (&*name.trail, name.ended_at.to_string().as_str()),
            ("my_trail", "2026-07-01T10:00:00Z")
        );
    }
}
