//! Accounts and their tags, from AWS Organizations: which business unit pays for
//! which account. They leave as text in the shape of the AWS CLI, which `exports`
//! reads.

use super::described::{Described, Request, Service, next_token};
use super::session::{Access, Aws, REGION_DEFAULT};
use super::trouble::AwsError;
use aws_types::region::Region;
use serde_json::{Value, json};

const ORGANIZATIONS: Service = Service {
    name: "organizations",
    id: "Organizations",
    target_prefix: "AWSOrganizationsV20161128",
    is_global: true,
};
const PAGES_MAX: usize = 1000;

/// The accounts of an organisation.
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
        let region = config.region().map_or(REGION_DEFAULT, Region::as_ref);
        let operation = |name| ORGANIZATIONS.operation(name, &config, region);
        let list_accounts = operation("ListAccounts")?;
        let list_tags = operation("ListTagsForResource")?;
        self.block_on(async {
            let listed = all_pages(
                &list_accounts,
                json!({}),
                "Accounts",
                ("organizations:ListAccounts", "AWS Organizations"),
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
                    json!({ "ResourceId": id }),
                    "Tags",
                    ("organizations:ListTagsForResource", id),
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

/// The items of all pages of a list.
async fn all_pages(
    operation: &Described,
    mut parameters: Value,
    items: &str,
    (action, place): (&str, &str),
) -> Result<Vec<Value>, AwsError> {
    let mut all = Vec::new();
    for _ in 0..PAGES_MAX {
        let asked = operation.invoke(Request::Json(parameters.clone()));
        let mut answer = asked
            .await
            .map_err(|error| AwsError::of(&error, action, place))?;
        if let Some(Value::Array(page)) = answer.get_mut(items).map(Value::take) {
            all.extend(page);
        }
        match next_token(&answer) {
            Some(token) => parameters["NextToken"] = token.into(),
            None => return Ok(all),
        }
    }
    Err(AwsError::other(format!(
        "{place}: more than {PAGES_MAX} pages"
    )))
}
