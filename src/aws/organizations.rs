//! Accounts and their tags, from AWS Organizations: which business unit pays for
//! which account. They leave as text in the shape of the AWS CLI, which `exports`
//! reads.

use super::session::{Access, Aws};
use super::trouble::AwsError;
use aws_sdk_organizations::Client;
use serde_json::{Value, json};

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
        let client = Client::new(&self.config(access));
        let place = "AWS Organizations";
        self.block_on(async {
            let mut accounts = Vec::new();
            let mut ids = Vec::new();
            let mut token = None;
            for _ in 0..PAGES_MAX {
                let asked = client.list_accounts().set_next_token(token.take());
                let answer = asked
                    .send()
                    .await
                    .map_err(|error| AwsError::of(&error, "organizations:ListAccounts", place))?;
                for account in answer.accounts.unwrap_or_default() {
                    let Some(id) = account.id else { continue };
                    let tags = tags(&client, &id).await?;
                    accounts.push(json!({"Id": id, "Name": account.name, "Tags": tags}));
                    ids.push(id);
                }
                token = answer.next_token.filter(|token| !token.is_empty());
                if token.is_none() {
                    let text = json!({ "Accounts": accounts }).to_string();
                    return Ok(ListedAccounts { text, ids });
                }
            }
            Err(AwsError::other(format!(
                "{place}: more than {PAGES_MAX} pages"
            )))
        })
    }
}

async fn tags(client: &Client, account: &str) -> Result<Vec<Value>, AwsError> {
    let mut tags = Vec::new();
    let mut token = None;
    for _ in 0..PAGES_MAX {
        let asked = client
            .list_tags_for_resource()
            .resource_id(account)
            .set_next_token(token.take());
        let answer = asked
            .send()
            .await
            .map_err(|error| AwsError::of(&error, "organizations:ListTagsForResource", account))?;
        let page = answer.tags.unwrap_or_default().into_iter();
        tags.extend(page.map(|tag| json!({"Key": tag.key, "Value": tag.value})));
        token = answer.next_token.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    Ok(tags)
}
