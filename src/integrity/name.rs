//! The parts of the names of digests and log files (docs/cloudtrail-facts.md#object-keys,
//! docs/cloudtrail-facts.md#digests).

use crate::model::ids::{AccountId, Region, is_account_id};
use crate::model::key::delivery_minute;
use crate::model::text::Text;
use crate::model::time::UtcSecond;

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
            account_id: account.into(),
            region: region.into(),
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
            account_id: account.into(),
            region: region.into(),
            delivered_at: delivery_minute(account, region, file)?,
        })
    }
}

/// The end of a key from the account on: the same wherever the bucket was copied to.
/// `None` where it is no key of a trail.
#[must_use]
pub fn tail(key: &str) -> Option<&str> {
    let file = key.rfind('/')?;
    let mut at = file;
    // REGION/YYYY/MM/DD/FILE, and CloudTrail or CloudTrail-Digest before it.
    for _ in 0..5 {
        at = key[..at].rfind('/')?;
    }
    let start = key[..at].rfind('/').map_or(0, |before| before + 1);
    is_account_id(&key[start..at]).then(|| &key[start..])
}

/// Account, kind, Region and file of a key of a trail.
fn parts(key: &str) -> Option<[&str; 4]> {
    let mut parts = tail(key)?.split('/');
    let (account, kind, region) = (parts.next()?, parts.next()?, parts.next()?);
    Some([account, kind, region, parts.next_back()?])
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
            "111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_20260701T100031Z.json",
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
}
