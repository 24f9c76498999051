//! Tables of data catalogs, and their ARNs
//! (docs.aws.amazon.com/glue/latest/dg/glue-specifying-resource-arns.html).

use super::arn::ArnParts;
use super::data_read::ReadSubject;
use super::ids::{AccountId, is_account_id};
use super::region::partition;
use super::text::Text;

/// A table of a data catalog of Glue.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CatalogTable {
    /// The account of the catalog.
    pub account_id: AccountId,
    /// The Region; `None` where nothing tells.
    pub region: Option<Text>,
    /// The catalog inside the account's own, such as `s3tablescatalog/bucket`.
    pub catalog: Option<Text>,
    /// The database, in lower case.
    pub database: Text,
    /// The table, in lower case.
    pub table: Text,
}

impl CatalogTable {
    /// A table by the id of its catalog: `ACCOUNT` or `ACCOUNT:CATALOG`. `None` where the id names
    /// no account.
    #[must_use]
    pub fn new(
        catalog_id: &str,
        region: Option<&str>,
        database: &str,
        table: &str,
    ) -> Option<Self> {
        let (account, catalog) = match catalog_id.split_once(':') {
            Some((account, catalog)) => (account, Some(catalog).filter(|name| !name.is_empty())),
            None => (catalog_id, None),
        };
        is_account_id(account).then(|| Self {
            account_id: account.into(),
            region: region.map(Text::from),
            catalog: catalog.map(Text::from),
            database: database.to_lowercase().into(),
            table: table.to_lowercase().into(),
        })
    }

    /// Reads `arn:P:glue:REGION:ACCOUNT:table/[CATALOG/...]DATABASE/TABLE`.
    #[must_use]
    pub fn from_arn(arn: &str) -> Option<Self> {
        let parts = ArnParts::of(arn).filter(|parts| parts.service == "glue")?;
        let path = parts.resource.strip_prefix("table/")?;
        let (rest, table) = path.rsplit_once('/')?;
        let (catalog, database) = match rest.rsplit_once('/') {
            Some((catalog, database)) => (Some(catalog), database),
            None => (None, rest),
        };
        let region = Some(parts.region).filter(|region| !region.is_empty());
        let is_table = is_account_id(parts.account_id) && !table.is_empty() && !database.is_empty();
        is_table.then(|| Self {
            account_id: parts.account_id.into(),
            region: region.map(Text::from),
            catalog: catalog.map(Text::from),
            database: database.to_lowercase().into(),
            table: table.to_lowercase().into(),
        })
    }

    /// The table's ARN; `None` where its Region is unknown.
    #[must_use]
    pub fn arn(&self) -> Option<Text> {
        let region = self.region.as_deref()?;
        let catalog = self.catalog.as_deref();
        let catalog = catalog.map_or(String::new(), |catalog| format!("{catalog}/"));
        let Self {
            account_id,
            database,
            table,
            ..
        } = self;
        let partition = partition(region);
        let arn =
            format!("arn:{partition}:glue:{region}:{account_id}:table/{catalog}{database}/{table}");
        Some(arn.into())
    }

    /// The id of its catalog: `ACCOUNT` or `ACCOUNT:CATALOG`.
    #[must_use]
    pub fn catalog_id(&self) -> Text {
        match &self.catalog {
            None => self.account_id.text().clone(),
            Some(catalog) => format!("{}:{catalog}", self.account_id).into(),
        }
    }

    /// The table as something that was read.
    #[must_use]
    pub fn subject(&self) -> ReadSubject {
        ReadSubject {
            table_arn: self.arn(),
            catalog_id: Some(self.catalog_id()),
            database: Some(self.database.clone()),
            table: Some(self.table.clone()),
            ..ReadSubject::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_the_same_by_arn_and_by_its_parts() {
        let arn = "arn:aws:glue:us-east-1:777788889999:table/claims/sales";
        let of_arn = CatalogTable::from_arn(arn).unwrap();
        let of_parts = CatalogTable::new("777788889999", Some("us-east-1"), "Claims", "SALES");
        assert_eq!(Some(&of_arn), of_parts.as_ref());
        assert_eq!(of_arn.arn().as_deref(), Some(arn));
        let nested = "arn:aws-cn:glue:cn-north-1:777788889999:table/s3tablescatalog/b/claims/sales";
        let of_arn = CatalogTable::from_arn(nested).unwrap();
        assert_eq!(&*of_arn.catalog_id(), "777788889999:s3tablescatalog/b");
        assert_eq!(of_arn.arn().as_deref(), Some(nested));
    }

    #[test]
    fn what_names_no_table_is_none() {
        for arn in [
            "",
            "arn:aws:glue:us-east-1:777788889999:database/claims",
            "arn:aws:glue:us-east-1:777788889999:table/claims",
            "arn:aws:glue:us-east-1::table/claims/sales",
            "arn:aws:s3:::table/claims/sales",
        ] {
            assert_eq!(CatalogTable::from_arn(arn), None, "{arn}");
        }
        assert_eq!(CatalogTable::new("AwsDataCatalog", None, "a", "b"), None);
    }
}
