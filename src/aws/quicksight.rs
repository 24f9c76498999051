//! Quick's data sources: `ListDataSources`. They leave as text in the shape of the AWS
//! CLI, which `exports` reads.

use super::described::{Request, Service, next_token};
use super::session::{Access, Aws, REGION_DEFAULT};
use super::trouble::AwsError;
use aws_types::region::Region;
use serde_json::{Value, json};

const QUICKSIGHT: Service = Service {
    name: "quicksight",
    id: "QuickSight",
    target_prefix: "", // it is asked by paths
    is_global: false,
};
const DATA_SOURCES_PER_PAGE: u8 = 100;
const PAGES_MAX: usize = 1000;

impl Aws {
    /// All data sources of an account in the access's Region:
    /// `{"DataSources": [...]}`.
    ///
    /// # Errors
    ///
    /// When a request is refused, or fails to the end.
    pub fn data_sources(&self, access: &Access, account_id: &str) -> Result<String, AwsError> {
        let config = self.config(access);
        let region = config.region().map_or(REGION_DEFAULT, Region::as_ref);
        let place = format!("Quick in account {account_id}, {region}");
        let list = QUICKSIGHT.operation("ListDataSources", &config, region)?;
        self.block_on(async {
            let mut sources: Vec<Value> = Vec::new();
            let mut token = None;
            for _ in 0..PAGES_MAX {
                let path = path(account_id, token.as_deref());
                let answer = list.invoke(Request::Get(path)).await;
                let mut answer = answer
                    .map_err(|error| AwsError::of(&error, "quicksight:ListDataSources", &place))?;
                if let Some(Value::Array(page)) = answer.get_mut("DataSources").map(Value::take) {
                    sources.extend(page);
                }
                token = next_token(&answer);
                if token.is_none() {
                    return Ok(json!({ "DataSources": sources }).to_string());
                }
            }
            Err(AwsError::other(format!(
                "{place}: more than {PAGES_MAX} pages"
            )))
        })
    }
}

/// The path of a page.
fn path(account_id: &str, token: Option<&str>) -> String {
    let page = format!("/accounts/{account_id}/data-sources?max-results={DATA_SOURCES_PER_PAGE}");
    match token {
        Some(token) => {
            let escaped = token.bytes().map(|byte| match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    char::from(byte).to_string()
                }
                other => format!("%{other:02X}"),
            });
            format!("{page}&next-token={}", escaped.collect::<String>())
        }
        None => page,
    }
}
