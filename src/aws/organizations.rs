//! Accounts and their tags, from AWS Organizations: which business unit pays for
//! which account. They leave as text in the shape of the AWS CLI, which `exports`
//! reads.

use super::described::{Request, Service, all_pages, page_of};
use super::error::AwsError;
use super::session::{Access, Aws};
use serde_json::json;

const ORGANIZATIONS: Service = Service {
    name: "organizations",
    id: "Organizations",
    target_prefix: "AWSOrganizationsV20161128",
    is_global: true,
};

/// The accounts of an organization.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedAccounts {
    /// `{"Accounts": [{"Id", "Name", "Tags"}]}`.
    pub text: String,
    /// Their ids.
    pub ids: Vec<String>,
}

impl Aws {
    /// Returns all accounts with their tags.
    ///
    /// # Errors
    ///
    /// When a request is refused, or fails to the end.
    pub fn accounts(&self, access: &Access) -> Result<ListedAccounts, AwsError> {
        let config = self.config(access);
        let operation = |name| ORGANIZATIONS.operation(name, &config);
        let list_accounts = operation("ListAccounts")?;
        let list_tags = operation("ListTagsForResource")?;
        self.block_on(async {
            let listed = all_pages(
                &list_accounts,
                |token| Request::Json(page_of(json!({}), token)),
                "Accounts",
                "organizations:ListAccounts",
                "AWS Organizations",
            )
            .await?;
            let mut accounts = Vec::new();
            let mut ids = Vec::new();
            for account in listed {
                let Some(id) = account["Id"].as_str() else {
                    continue;
                };
                let tags = all_pages(
                    &list_tags,
                    |token| Request::Json(page_of(json!({ "ResourceId": id }), token)),
                    "Tags",
                    "organizations:ListTagsForResource",
                    id,
                )
                .await?;
                accounts.push(json!({"Id": id, "Name": account["Name"], "Tags": tags}));
                ids.push(id.to_owned());
            }
            let text = json!({ "Accounts": accounts }).to_string();
            Ok(ListedAccounts { text, ids })
        })
    }
}
