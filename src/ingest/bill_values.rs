//! Dates, amounts and names as bills spell them.

use crate::model::bill::{BillPeriod, BilledFor};
use crate::model::exact::ExactAmount;
use crate::model::region;
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use jiff::civil::Date;
use rust_decimal::Decimal;

/// Days of the longest period that is believed: a bill covers a month, a fee a
/// year.
const PERIOD_DAYS_MAX: i32 = 400;

/// Places that an amount given as a binary number keeps: more are noise.
pub(super) const BINARY_SCALE: u32 = 15;

/// The whole days that hold a period given by two moments.
pub(super) fn period(from: &str, to: Option<&str>) -> Option<BillPeriod> {
    let (from, _) = day_and_rest(from)?;
    let to = match to {
        None => from.tomorrow().ok()?,
        Some(to) => match day_and_rest(to)? {
            (day, true) if from < day => day,
            (day, _) => day.tomorrow().ok()?,
        },
    };
    let days = from.until(to).ok()?.get_days();
    (1..=PERIOD_DAYS_MAX)
        .contains(&days)
        .then_some(BillPeriod { from, to })
}

/// Returns true if a moment is the start of a day.
pub(super) fn is_midnight(moment: &str) -> bool {
    day_and_rest(moment).is_none_or(|(_, is_midnight)| is_midnight)
}

/// The UTC day of a date or time as bills spell them, and whether it is midnight.
fn day_and_rest(text: &str) -> Option<(Date, bool)> {
    if text.len() == 10 {
        return Some((text.parse().ok()?, true));
    }
    let with_zone = |text: &str| {
        let has_zone = text.ends_with('Z') || text.rfind(['+', '-']).is_some_and(|at| at > 10);
        let zone = if has_zone { "" } else { "Z" };
        format!("{}{zone}", text.replacen(' ', "T", 1))
    };
    let moment = UtcSecond::parse(&with_zone(text.trim_end_matches(" UTC")))?;
    let day = moment.day();
    Some((day, UtcSecond::midnight(day) == Some(moment)))
}

/// More terabytes than any account scans in a month.
const TERABYTES_MAX: Decimal = Decimal::from_parts(1_000_000_000, 0, 0, false, 0);

/// An amount as bills spell it; what was a binary number is rounded to where its
/// digits still mean something.
pub(super) fn cost(text: &str, is_binary: bool) -> Option<ExactAmount> {
    let amount = ExactAmount::parse(text)?;
    if !is_binary {
        return Some(amount);
    }
    let units = amount.rounded_units(BINARY_SCALE)?;
    Some(ExactAmount::of_units(units.into(), BINARY_SCALE))
}

/// What is said of a text that is no amount.
pub(super) fn no_amount(what: &str, told: &str) -> String {
    let told = list(&[told.to_owned()]);
    let remedy = if told.contains(',') {
        ": a spreadsheet may have written it with a comma; export it with points"
    } else {
        ""
    };
    format!("{what} {told} is not a decimal of at most 12 digits before the point{remedy}")
}

/// Terabytes as bills spell them; `None` for more than can be.
pub(super) fn terabytes(text: &str, is_binary: bool) -> Option<ExactAmount> {
    let most = ExactAmount::from(TERABYTES_MAX);
    cost(text, is_binary).filter(|terabytes| *terabytes <= most && -terabytes.clone() <= most)
}

/// Product codes, and the names of their services in Cost Explorer and FOCUS.
const SERVICES: [(&str, &str); 44] = [
    ("AWSAppSync", "AWS AppSync"),
    ("AWSBackup", "AWS Backup"),
    ("AWSCloudTrail", "AWS CloudTrail"),
    ("AWSCodeBuild", "CodeBuild"),
    ("AWSConfig", "AWS Config"),
    ("AWSCostExplorer", "AWS Cost Explorer"),
    ("AWSDataTransfer", "AWS Data Transfer"),
    ("AWSELB", "Amazon Elastic Load Balancing"),
    ("AWSEvents", "CloudWatch Events"),
    ("AWSGlue", "AWS Glue"),
    ("AWSLakeFormation", "AWS Lake Formation"),
    ("AWSLambda", "AWS Lambda"),
    ("AWSQueueService", "Amazon Simple Queue Service"),
    ("AWSSecretsManager", "AWS Secrets Manager"),
    ("AWSSecurityHub", "AWS Security Hub"),
    ("AWSSupportBusiness", "AWS Support (Business)"),
    ("AWSSupportEnterprise", "AWS Support (Enterprise)"),
    ("AWSSystemsManager", "AWS Systems Manager"),
    ("AWSTransfer", "AWS Transfer Family"),
    ("AWSXRay", "AWS X-Ray"),
    ("AmazonApiGateway", "Amazon API Gateway"),
    ("AmazonBedrock", "Amazon Bedrock"),
    ("AmazonCloudFront", "Amazon CloudFront"),
    ("AmazonCloudWatch", "AmazonCloudWatch"),
    ("AmazonCognito", "Amazon Cognito"),
    ("AmazonDynamoDB", "Amazon DynamoDB"),
    ("AmazonEC2", "Amazon Elastic Compute Cloud - Compute"),
    ("AmazonECR", "Amazon EC2 Container Registry (ECR)"),
    ("AmazonECS", "Amazon Elastic Container Service"),
    ("AmazonEFS", "Amazon Elastic File System"),
    (
        "AmazonEKS",
        "Amazon Elastic Container Service for Kubernetes",
    ),
    ("AmazonES", "Amazon OpenSearch Service"),
    ("AmazonElastiCache", "Amazon ElastiCache"),
    ("AmazonGuardDuty", "Amazon GuardDuty"),
    ("AmazonKinesis", "Amazon Kinesis"),
    ("AmazonKinesisFirehose", "Amazon Kinesis Firehose"),
    ("AmazonRDS", "Amazon Relational Database Service"),
    ("AmazonRedshift", "Amazon Redshift"),
    ("AmazonRoute53", "Amazon Route 53"),
    ("AmazonSNS", "Amazon Simple Notification Service"),
    ("AmazonStates", "AWS Step Functions"),
    ("AmazonVPC", "Amazon Virtual Private Cloud"),
    ("ElasticMapReduce", "Amazon Elastic MapReduce"),
    ("awskms", "AWS Key Management Service"),
];

/// The well-known name of a service, whichever way a bill spells it: by its product code, or by
/// name.
pub(super) fn service_name(told: &str) -> &str {
    match told {
        "AmazonS3" | "Amazon Simple Storage Service" => return "Amazon S3",
        "AmazonQuickSight" | "Amazon QuickSight" | "Amazon Quick" | "Amazon Quick Suite" => {
            return "Amazon Quick";
        }
        _ => {}
    }
    let known = SERVICES.binary_search_by(|(code, _)| (*code).cmp(told));
    known.map_or(told, |at| SERVICES[at].1)
}

/// Returns the purpose of an Athena charge, by its usage type.
pub(super) fn athena(usage_type: Option<&str>) -> BilledFor {
    match usage_type {
        Some(usage_type) if is_scan(usage_type) => BilledFor::AthenaScan,
        Some(_) => BilledFor::AthenaOther,
        None => BilledFor::Athena,
    }
}

/// Returns true if the usage type is of scanned data.
pub(super) fn is_scan(usage_type: &str) -> bool {
    usage_type.ends_with("DataScannedInTB")
}

/// Returns true if the usage type is of Athena's capacity, or of its Spark engine.
pub(super) fn is_capacity(usage_type: &str) -> bool {
    usage_type.ends_with("ReservedCapacityInDPUHours")
        || usage_type.ends_with("CodeExecutionInDPUHours")
        || usage_type.contains("CapacityReservation")
}

/// The Region of an Athena usage type: by its prefix, or a prefix that stands for no Region that
/// is known here, which must not pass for all. `None` without a prefix.
pub(super) fn region_of(usage_type: &str) -> Option<&str> {
    let known = region::of_usage_type(usage_type);
    known.or_else(|| unknown_prefix(usage_type))
}

/// The prefix of an Athena usage type that stands for no Region that is known here.
pub(super) fn unknown_prefix(usage_type: &str) -> Option<&str> {
    let is_athena = is_scan(usage_type) || is_capacity(usage_type);
    let (prefix, _) = usage_type.split_once('-').filter(|_| is_athena)?;
    (region::of_usage_type(usage_type).is_none() && !prefix.is_empty()).then_some(prefix)
}

/// A currency as bills spell it, as an ISO 4217 code.
pub(super) fn currency(told: &str) -> Result<Text, String> {
    let code = told.to_ascii_uppercase();
    if code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        return Ok(code.as_str().into());
    }
    Err("the currency is not a code of three letters".to_owned())
}

/// Names for a message: the first few.
pub(super) fn list(names: &[String]) -> String {
    const NAMES_MAX: usize = 6;
    let shown: Vec<String> = names
        .iter()
        .take(NAMES_MAX)
        .map(|name| {
            name.chars()
                .filter(|letter| !letter.is_control())
                .take(60)
                .collect()
        })
        .collect();
    let more = names.len().saturating_sub(NAMES_MAX);
    let more = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    if shown.is_empty() {
        "none".to_owned()
    } else {
        format!("{}{more}", shown.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn binary_numbers_are_rounded_to_what_they_mean() {
        let read = |text: &str| cost(text, true).map(|cost| cost.to_string());
        assert_eq!(read("1.2345678901e0").as_deref(), Some("1.2345678901"));
        assert_eq!(read("3.0000000000000004e-1").as_deref(), Some("0.3"));
        assert_eq!(
            read("1.2345678901234567e-13").as_deref(),
            Some("0.000000000000123")
        );
        assert_eq!(read("5e-300").as_deref(), Some("0"));
        assert_eq!(read("1.5e3").as_deref(), Some("1500"));
        assert_eq!(read("NaN"), None);
    }

    #[test]
    fn services_are_sorted_and_have_one_name() {
        assert!(SERVICES.is_sorted_by(|left, right| left.0 < right.0));
        for (told, wanted) in [
            ("AWSGlue", "AWS Glue"),
            ("Amazon Simple Storage Service", "Amazon S3"),
            ("awskms", "AWS Key Management Service"),
            ("AWS Glue", "AWS Glue"),
            ("Tax", "Tax"),
        ] {
            assert_eq!(service_name(told), wanted);
        }
    }

    #[test]
    fn a_prefix_that_is_not_known_is_no_region_and_not_all_of_them() {
        for (usage_type, region, unknown) in [
            ("USE1-DataScannedInTB", Some("us-east-1"), None),
            ("DataScannedInTB", None, None),
            ("XXX9-DataScannedInTB", Some("XXX9"), Some("XXX9")),
            (
                "XXX9-ReservedCapacityInDPUHours",
                Some("XXX9"),
                Some("XXX9"),
            ),
            ("XXX9-Requests-Tier1", None, None),
        ] {
            assert_eq!(region_of(usage_type), region, "{usage_type}");
            assert_eq!(unknown_prefix(usage_type), unknown, "{usage_type}");
        }
    }

    #[test]
    fn periods_are_whole_days() {
        let spelled = |from: &str, to: Option<&str>| period(from, to).map(|days| days.to_string());
        for (from, to, wanted) in [
            ("2026-11-01", Some("2026-11-02"), "2026-11-01"),
            ("2026-11-01", Some("2026-12-01"), "2026-11-01/2026-12-01"),
            (
                "2026-11-01T05:00:00Z",
                Some("2026-11-01T06:00:00Z"),
                "2026-11-01",
            ),
            (
                "2026-11-01T23:00:00Z",
                Some("2026-11-02T00:00:00Z"),
                "2026-11-01",
            ),
            (
                "2026-11-01 00:00:00",
                Some("2026-11-02 00:00:00"),
                "2026-11-01",
            ),
            ("2026-11-01T00:00:00.000Z", None, "2026-11-01"),
        ] {
            assert_eq!(spelled(from, to).as_deref(), Some(wanted), "{from}");
        }
        for (from, to) in [
            ("yesterday", None),
            ("2026-11-02", Some("2026-10-01")),
            ("0001-01-01", Some("9999-01-01")),
        ] {
            assert_eq!(spelled(from, to), None, "{from}");
        }
    }
}
