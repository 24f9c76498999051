//! Regions: those there are, and those that prefixes of usage types stand for
//! (docs/cloudtrail-facts.md#pricing).

/// The Regions of all partitions (botocore's `endpoints.json`, 1.43).
const REGIONS: [&str; 46] = [
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "cn-north-1",
    "cn-northwest-1",
    "eu-central-1",
    "eu-central-2",
    "eu-isoe-west-1",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "eusc-de-east-1",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "us-iso-west-1",
    "us-isob-east-1",
    "us-isob-west-1",
    "us-isof-east-1",
    "us-isof-south-1",
    "us-west-1",
    "us-west-2",
];

/// The names of Regions for people
/// (docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html).
const NAMES: [(&str, &str); 39] = [
    ("af-south-1", "Africa (Cape Town)"),
    ("ap-east-1", "Asia Pacific (Hong Kong)"),
    ("ap-east-2", "Asia Pacific (Taipei)"),
    ("ap-northeast-1", "Asia Pacific (Tokyo)"),
    ("ap-northeast-2", "Asia Pacific (Seoul)"),
    ("ap-northeast-3", "Asia Pacific (Osaka)"),
    ("ap-south-1", "Asia Pacific (Mumbai)"),
    ("ap-south-2", "Asia Pacific (Hyderabad)"),
    ("ap-southeast-1", "Asia Pacific (Singapore)"),
    ("ap-southeast-2", "Asia Pacific (Sydney)"),
    ("ap-southeast-3", "Asia Pacific (Jakarta)"),
    ("ap-southeast-4", "Asia Pacific (Melbourne)"),
    ("ap-southeast-5", "Asia Pacific (Malaysia)"),
    ("ap-southeast-6", "Asia Pacific (New Zealand)"),
    ("ap-southeast-7", "Asia Pacific (Thailand)"),
    ("ca-central-1", "Canada (Central)"),
    ("ca-west-1", "Canada West (Calgary)"),
    ("cn-north-1", "China (Beijing)"),
    ("cn-northwest-1", "China (Ningxia)"),
    ("eu-central-1", "Europe (Frankfurt)"),
    ("eu-central-2", "Europe (Zurich)"),
    ("eu-north-1", "Europe (Stockholm)"),
    ("eu-south-1", "Europe (Milan)"),
    ("eu-south-2", "Europe (Spain)"),
    ("eu-west-1", "Europe (Ireland)"),
    ("eu-west-2", "Europe (London)"),
    ("eu-west-3", "Europe (Paris)"),
    ("eusc-de-east-1", "EU (Germany)"),
    ("il-central-1", "Israel (Tel Aviv)"),
    ("me-central-1", "Middle East (UAE)"),
    ("me-south-1", "Middle East (Bahrain)"),
    ("mx-central-1", "Mexico (Central)"),
    ("sa-east-1", "South America (São Paulo)"),
    ("us-east-1", "US East (N. Virginia)"),
    ("us-east-2", "US East (Ohio)"),
    ("us-gov-east-1", "AWS GovCloud (US-East)"),
    ("us-gov-west-1", "AWS GovCloud (US-West)"),
    ("us-west-1", "US West (N. California)"),
    ("us-west-2", "US West (Oregon)"),
];

/// The name of a Region for people; its code where none is known here.
#[must_use]
pub fn name(region: &str) -> &str {
    let found = NAMES.binary_search_by(|(code, _)| (*code).cmp(region));
    found.map_or(region, |at| NAMES[at].1)
}

/// The prefix of usage types that stands for a Region.
#[must_use]
pub fn prefix(region: &str) -> Option<&'static str> {
    let of_region = PREFIXES.iter().filter(|(_, known)| *known == region);
    of_region.map(|(prefix, _)| *prefix).next()
}

/// Returns true if there is such a Region: a name from a log becomes part of a host name only where
/// there is.
#[must_use]
pub fn is_known(name: &str) -> bool {
    REGIONS.binary_search(&name).is_ok()
}

/// Prefixes of usage types and the Regions they stand for
/// (docs.aws.amazon.com/global-infrastructure/latest/regions/aws-region-billing-codes.html; those
/// of China and `EUW1` as they appear in price lists). Unprefixed usage types tell no Region.
const PREFIXES: [(&str, &str); 39] = [
    ("AFS1", "af-south-1"),
    ("APE1", "ap-east-1"),
    ("APE2", "ap-east-2"),
    ("APN1", "ap-northeast-1"),
    ("APN2", "ap-northeast-2"),
    ("APN3", "ap-northeast-3"),
    ("APS1", "ap-southeast-1"),
    ("APS2", "ap-southeast-2"),
    ("APS3", "ap-south-1"),
    ("APS4", "ap-southeast-3"),
    ("APS5", "ap-south-2"),
    ("APS6", "ap-southeast-4"),
    ("APS7", "ap-southeast-5"),
    ("APS8", "ap-southeast-6"),
    ("APS9", "ap-southeast-7"),
    ("CAN1", "ca-central-1"),
    ("CAN2", "ca-west-1"),
    ("CNN1", "cn-north-1"),
    ("CNW1", "cn-northwest-1"),
    ("EU", "eu-west-1"),
    ("EUC1", "eu-central-1"),
    ("EUC2", "eu-central-2"),
    ("EUN1", "eu-north-1"),
    ("EUS1", "eu-south-1"),
    ("EUS2", "eu-south-2"),
    ("EUW1", "eu-west-1"),
    ("EUW2", "eu-west-2"),
    ("EUW3", "eu-west-3"),
    ("ILC1", "il-central-1"),
    ("MEC1", "me-central-1"),
    ("MES1", "me-south-1"),
    ("MXC1", "mx-central-1"),
    ("SAE1", "sa-east-1"),
    ("UGE1", "us-gov-east-1"),
    ("UGW1", "us-gov-west-1"),
    ("USE1", "us-east-1"),
    ("USE2", "us-east-2"),
    ("USW1", "us-west-1"),
    ("USW2", "us-west-2"),
];

/// The Region that the prefix of a usage type stands for; `None` without a prefix
/// or for one that is not known here.
#[must_use]
pub fn of_usage_type(usage_type: &str) -> Option<&'static str> {
    let (prefix, _) = usage_type.split_once('-')?;
    of_prefix(prefix)
}

/// The Region that a prefix of usage types stands for.
#[must_use]
pub fn of_prefix(prefix: &str) -> Option<&'static str> {
    let found = PREFIXES.binary_search_by(|(known, _)| (*known).cmp(prefix));
    found.ok().map(|at| PREFIXES[at].1)
}

/// Returns the partition of a Region, as ARNs name it.
#[must_use]
pub fn partition(region: &str) -> &'static str {
    const OTHERS: [(&str, &str); 5] = [
        ("cn-", "aws-cn"),
        ("us-gov-", "aws-us-gov"),
        ("us-iso-", "aws-iso"),
        ("us-isob-", "aws-iso-b"),
        ("eusc-", "aws-eusc"),
    ];
    let other = OTHERS.iter().find(|(start, _)| region.starts_with(start));
    other.map_or("aws", |(_, partition)| partition)
}

/// Returns true if the name is spelled like a Region: `us-east-1`, `us-gov-west-1`.
#[must_use]
pub fn is_region_name(name: &str) -> bool {
    let parts: Vec<&str> = name.split('-').collect();
    let Some((number, words)) = parts.split_last() else {
        return false;
    };
    let is_word = |word: &&str| {
        (2..=12).contains(&word.len()) && word.bytes().all(|byte| byte.is_ascii_lowercase())
    };
    (2..=4).contains(&words.len())
        && words.iter().all(is_word)
        && (1..=2).contains(&number.len())
        && number.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_sorted_and_name_regions() {
        assert!(PREFIXES.is_sorted_by(|left, right| left.0 < right.0));
        assert!(PREFIXES.iter().all(|(_, region)| is_region_name(region)));
        assert_eq!(of_usage_type("EUC1-DataScannedInTB"), Some("eu-central-1"));
        assert_eq!(of_usage_type("DataScannedInTB"), None);
        assert_eq!(of_usage_type("XXX9-DataScannedInTB"), None);
    }

    #[test]
    fn known_regions_are_sorted_and_spelled_like_regions() {
        assert!(REGIONS.is_sorted_by(|left, right| left < right));
        assert!(REGIONS.iter().all(|region| is_region_name(region)));
        assert!(PREFIXES.iter().all(|(_, region)| is_known(region)));
        assert!(NAMES.is_sorted_by(|left, right| left.0 < right.0));
        assert!(NAMES.iter().all(|(region, _)| is_known(region)));
        assert_eq!(name("us-east-1"), "US East (N. Virginia)");
        assert_eq!(prefix("eu-west-1"), Some("EU"));
        assert!(!is_known("us-east-9"));
    }

    #[test]
    fn regions_are_spelled_alike() {
        for name in [
            "us-east-1",
            "us-gov-west-1",
            "ap-southeast-2",
            "mx-central-1",
        ] {
            assert!(is_region_name(name), "{name}");
        }
        for name in ["us-east", "useast1", "US-EAST-1", "", "us-east-1a", "a-b-1"] {
            assert!(!is_region_name(name), "{name}");
        }
    }
}
