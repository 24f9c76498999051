//! The bill: `GetCostAndUsage` (docs/cloudtrail-facts.md#apis-and-bills). Every page costs
//! $0.01, so pages are asked for once; answers leave as text in the shape of the AWS CLI,
//! which `exports` reads.

use super::error::AwsError;
use super::session::{Access, Aws, REGION_DEFAULT};
use aws_sdk_costexplorer::Client;
use aws_sdk_costexplorer::types::{
    DateInterval, Dimension, DimensionValues, Expression, Granularity, GroupDefinition,
    GroupDefinitionType, MetricValue,
};
use jiff::civil::Date;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap};

/// Pages of one question: ten times what a month of the largest organization has.
const PAGES_MAX: usize = 500;

const METRICS: [&str; 6] = [
    "UnblendedCost",
    "BlendedCost",
    "AmortizedCost",
    "NetUnblendedCost",
    "NetAmortizedCost",
    "UsageQuantity",
];

/// A request for a stretch of days.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr, strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum CostQuestion {
    /// Use of Athena by account and usage type: terabytes and money.
    AthenaUsageByUsageType,
    /// Use of Athena, S3 and Glue by account.
    UsageByService,
    /// The rest by account: credits, refunds and taxes, which would be netted into the others.
    RestByRecordType,
}

/// What Cost Explorer nets into figures that are not filtered.
const REST: [&str; 3] = ["Credit", "Refund", "Tax"];

impl CostQuestion {
    /// All of them.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The name under which answers are kept.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    fn services(self) -> &'static [&'static str] {
        match self {
            Self::AthenaUsageByUsageType => &["Amazon Athena"],
            Self::UsageByService | Self::RestByRecordType => {
                &["Amazon Athena", "Amazon Simple Storage Service", "AWS Glue"]
            }
        }
    }

    fn second_key(self) -> &'static str {
        match self {
            Self::AthenaUsageByUsageType => "USAGE_TYPE",
            Self::UsageByService => "SERVICE",
            Self::RestByRecordType => "RECORD_TYPE",
        }
    }
}

/// One page of an answer: it has been paid for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CostPage {
    /// The answer as the AWS CLI prints it.
    pub text: String,
    /// True if any day in it is still an estimate.
    pub is_estimated: bool,
}

impl Aws {
    /// Asks for the bill of the days from `first` to before `end`. `on_page` gets each
    /// page as it comes, so that none is paid for twice.
    ///
    /// # Errors
    ///
    /// When a request is refused, or fails to the end.
    pub fn costs(
        &self,
        access: &Access,
        question: CostQuestion,
        first: Date,
        end: Date,
        on_page: &mut dyn FnMut(usize, CostPage),
    ) -> Result<usize, AwsError> {
        // Cost Explorer answers in one Region of each partition only.
        let mut access = access.clone();
        let region = access
            .region
            .take()
            .or_else(|| self.region().map(str::to_owned));
        access.region = Some(match region.as_deref() {
            Some(region) if region.starts_with("cn-") => "cn-northwest-1".to_owned(),
            _ => REGION_DEFAULT.to_owned(),
        });
        let client = Client::new(&self.config(&access));
        self.block_on(async {
            let mut token = None;
            for number in 0..PAGES_MAX {
                let asked = client
                    .get_cost_and_usage()
                    .time_period(period(first, end)?)
                    .granularity(Granularity::Daily)
                    .set_metrics(Some(METRICS.map(str::to_owned).to_vec()))
                    .group_by(group("LINKED_ACCOUNT"))
                    .group_by(group(question.second_key()))
                    .filter(filter(question))
                    .set_next_page_token(token.take());
                let answer = asked
                    .send()
                    .await
                    .map_err(|error| AwsError::of(&error, "ce:GetCostAndUsage", "Cost Explorer"))?;
                token = answer
                    .next_page_token
                    .clone()
                    .filter(|token| !token.is_empty());
                let results = answer.results_by_time.as_deref().unwrap_or_default();
                let page = CostPage {
                    is_estimated: results.iter().any(|result| result.estimated),
                    text: self::answer(&answer, question).to_string(),
                };
                on_page(number, page);
                if token.is_none() {
                    return Ok(number + 1);
                }
            }
            let message =
                format!("Cost Explorer: more than {PAGES_MAX} pages, which is more than the limit");
            Err(AwsError::other(message))
        })
    }
}

fn period(first: Date, end: Date) -> Result<DateInterval, AwsError> {
    let interval = DateInterval::builder()
        .start(first.to_string())
        .end(end.to_string());
    let interval = interval.build();
    interval.map_err(|error| AwsError::other(error.to_string()))
}

fn group(key: &str) -> GroupDefinition {
    GroupDefinition::builder()
        .r#type(GroupDefinitionType::Dimension)
        .key(key)
        .build()
}

fn values(key: Dimension, values: &[&str]) -> Expression {
    let values = values.iter().map(|&name| name.to_owned()).collect();
    let values = DimensionValues::builder()
        .key(key)
        .set_values(Some(values))
        .build();
    Expression::builder().dimensions(values).build()
}

fn filter(question: CostQuestion) -> Expression {
    let rest = values(Dimension::RecordType, &REST);
    let record_types = match question {
        CostQuestion::RestByRecordType => rest,
        _ => Expression::builder().not(rest).build(),
    };
    Expression::builder()
        .and(values(Dimension::Service, question.services()))
        .and(record_types)
        .build()
}

/// The filter of the record types, as it is kept with an answer.
fn told_filter(question: CostQuestion) -> Value {
    let rest = json!({"Dimensions": {"Key": "RECORD_TYPE", "Values": REST}});
    match question {
        CostQuestion::RestByRecordType => rest,
        _ => json!({"Not": rest}),
    }
}

type Answer = aws_sdk_costexplorer::operation::get_cost_and_usage::GetCostAndUsageOutput;

/// The answer as the AWS CLI prints it, but for the token: all pages are kept
/// together.
fn answer(from: &Answer, question: CostQuestion) -> Value {
    let results = from.results_by_time.iter().flatten();
    let results = results.map(|result| {
        let period = result.time_period.as_ref();
        let groups = result.groups.iter().flatten();
        json!({
            "TimePeriod": {
                "Start": period.map(DateInterval::start),
                "End": period.map(DateInterval::end),
            },
            "Groups": groups.map(|group| json!({
                "Keys": group.keys,
                "Metrics": metrics(group.metrics.as_ref()),
            })).collect::<Vec<_>>(),
            "Estimated": result.estimated,
        })
    });
    let attributes = from.dimension_value_attributes.iter().flatten();
    let attributes = attributes.map(|one| {
        let sorted: BTreeMap<_, _> = one.attributes.iter().flatten().collect();
        json!({"Value": one.value, "Attributes": sorted})
    });
    json!({
        "GroupDefinitions": [
            {"Type": "DIMENSION", "Key": "LINKED_ACCOUNT"},
            {"Type": "DIMENSION", "Key": question.second_key()},
        ],
        "Filter": told_filter(question),
        "ResultsByTime": results.collect::<Vec<_>>(),
        "DimensionValueAttributes": attributes.collect::<Vec<_>>(),
    })
}

fn metrics(from: Option<&HashMap<String, MetricValue>>) -> Value {
    let sorted: BTreeMap<_, _> = from.into_iter().flatten().collect();
    let amounts = sorted.into_iter().map(|(name, value)| {
        let amount = json!({"Amount": value.amount, "Unit": value.unit});
        (name.clone(), amount)
    });
    Value::Object(amounts.collect::<Map<_, _>>())
}
