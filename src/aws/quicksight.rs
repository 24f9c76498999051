//! Quick's data sources: `ListDataSources`. They leave as text in the shape of the AWS
//! CLI, which `exports` reads.

use super::described::{Request, Service, all_pages, page_path, region};
use super::error::AwsError;
use super::session::{Access, Aws};
use serde_json::json;

pub(super) const QUICKSIGHT: Service = Service {
    name: "quicksight",
    id: "QuickSight",
    target_prefix: "", // it is asked by paths
    is_global: false,
};
const DATA_SOURCES_PER_PAGE: u8 = 100;

impl Aws {
    /// All data sources of an account in the access's Region:
    /// `{"DataSources": [...]}`.
    ///
    /// # Errors
    ///
    /// When a request is refused, or fails to the end.
    pub fn data_sources(&self, access: &Access, account_id: &str) -> Result<String, AwsError> {
        let config = self.config(access);
        let place = format!("Quick in account {account_id}, {}", region(&config));
        let list_sources = QUICKSIGHT.operation("ListDataSources", &config)?;
        let path =
            format!("/accounts/{account_id}/data-sources?max-results={DATA_SOURCES_PER_PAGE}");
        self.block_on(async {
            let sources = all_pages(
                &list_sources,
                |token| Request::Get(page_path(&path, token)),
                "DataSources",
                "quicksight:ListDataSources",
                &place,
            )
            .await?;
            Ok(json!({ "DataSources": sources }).to_string())
        })
    }
}
