//! Trails, as `doctor` looks at them: `DescribeTrails`, `GetTrailStatus`,
//! `GetEventSelectors`.

use super::error::AwsError;
use super::session::{Access, Aws};
use crate::model::time::UtcSecond;
use aws_sdk_cloudtrail::Client;

/// A trail that logs an account.
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a setting of its own"
)]
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trail {
    /// Its ARN, or its name where there is none.
    pub name: String,
    /// The bucket and prefix it writes to.
    pub bucket: String,
    /// The prefix in the bucket.
    pub prefix: String,
    /// True if it logs all Regions.
    pub is_multi_region: bool,
    /// True if it is of the whole organization.
    pub is_organization: bool,
    /// True if events of global services, STS among them, are in it.
    pub has_global_events: bool,
    /// True if it writes digests.
    pub has_digests: bool,
    /// True if it is on; `None` where that may not be asked.
    pub is_logging: Option<bool>,
    /// The time of its last delivery.
    pub last_delivery_at: Option<UtcSecond>,
    /// The error of its last failed delivery.
    pub delivery_error: Option<String>,
    /// True if it logs reading and writing management events; `None` where that may not be asked.
    pub has_management_events: Option<bool>,
    /// Calls that were refused on the way.
    pub refused: Vec<String>,
}

impl Aws {
    /// The trails that log an account in a Region.
    ///
    /// # Errors
    ///
    /// When they may not be listed.
    pub fn trails(&self, access: &Access, place: &str) -> Result<Vec<Trail>, AwsError> {
        let client = Client::new(&self.config(access));
        self.block_on(async {
            let answer = client
                .describe_trails()
                .include_shadow_trails(true)
                .send()
                .await;
            let answer =
                answer.map_err(|error| AwsError::of(&error, "cloudtrail:DescribeTrails", place))?;
            let mut trails = Vec::new();
            for trail in answer.trail_list.unwrap_or_default() {
                let name = trail.trail_arn.or(trail.name).unwrap_or_default();
                let mut known = Trail {
                    bucket: trail.s3_bucket_name.unwrap_or_default(),
                    prefix: trail.s3_key_prefix.unwrap_or_default(),
                    is_multi_region: trail.is_multi_region_trail.unwrap_or_default(),
                    is_organization: trail.is_organization_trail.unwrap_or_default(),
                    has_global_events: trail.include_global_service_events.unwrap_or_default(),
                    has_digests: trail.log_file_validation_enabled.unwrap_or_default(),
                    is_logging: None,
                    last_delivery_at: None,
                    delivery_error: None,
                    has_management_events: None,
                    refused: Vec::new(),
                    name,
                };
                status(&client, &mut known).await;
                selectors(&client, &mut known).await;
                trails.push(known);
            }
            Ok(trails)
        })
    }
}

async fn status(client: &Client, trail: &mut Trail) {
    match client.get_trail_status().name(&trail.name).send().await {
        Ok(status) => {
            trail.is_logging = status.is_logging;
            let moment = status.latest_delivery_time;
            trail.last_delivery_at = moment.map(|moment| UtcSecond::from_unix(moment.secs()));
            trail.delivery_error = status.latest_delivery_error.filter(|said| !said.is_empty());
        }
        Err(error) => {
            let error = AwsError::of(&error, "cloudtrail:GetTrailStatus", &trail.name);
            trail.refused.push(error.message);
        }
    }
}

async fn selectors(client: &Client, trail: &mut Trail) {
    match client
        .get_event_selectors()
        .trail_name(&trail.name)
        .send()
        .await
    {
        Ok(selectors) => {
            let basic = selectors.event_selectors.iter().flatten();
            let of_management =
                basic.filter(|selector| selector.include_management_events.unwrap_or(true));
            let (mut reads, mut writes) = (false, false);
            for selector in of_management {
                let kind = selector
                    .read_write_type
                    .as_ref()
                    .map_or("All", |kind| kind.as_str());
                reads |= kind != "WriteOnly";
                writes |= kind != "ReadOnly";
            }
            let has_basic = reads && writes;
            // Advanced selectors name the category, and narrow it by further fields.
            let advanced = selectors.advanced_event_selectors.iter().flatten();
            let has_advanced = advanced.clone().any(|selector| {
                let fields = &selector.field_selectors;
                let is_management = fields.iter().any(|field| {
                    field.field == "eventCategory"
                        && field
                            .equals
                            .iter()
                            .flatten()
                            .any(|value| value == "Management")
                });
                // Leaving out noisy services, as KMS is by many, leaves the rest.
                let narrows = fields.iter().any(|field| {
                    !matches!(field.field.as_str(), "eventCategory" | "eventSource")
                        || field.field == "eventSource" && field.not_equals.is_none()
                });
                is_management && !narrows
            });
            trail.has_management_events = Some(has_basic || has_advanced);
        }
        Err(error) => {
            let error = AwsError::of(&error, "cloudtrail:GetEventSelectors", &trail.name);
            trail.refused.push(error.message);
        }
    }
}
