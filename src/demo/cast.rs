//! The cast: accounts, roles, data sources and users.

/// The hub account, in which Quick lives.
pub(super) const HUB: &str = "111122223333";
/// The organization's management account.
pub(super) const MANAGEMENT: &str = "999988887777";
/// An account that owns a shared catalog.
pub(super) const CATALOG_OWNER: &str = "777788889999";
/// A second Role B, of each consumer.
pub(super) const MESH_ROLE: &str = "qs-athena-lake-reader";

/// Its ARN in a consumer.
pub(super) fn mesh_role_arn(consumer: &ConsumerCast) -> String {
    format!("arn:aws:iam::{}:role/{MESH_ROLE}", consumer.account)
}

/// The data source that is set up for it.
pub(super) fn lake_data_source(consumer: &ConsumerCast) -> String {
    format!("ds-lake-{}", consumer.account)
}

/// A table of the first producer that the configuration declares as sensitive.
pub(super) const SENSITIVE_TABLE: &str = "claimants";

/// An account whose tables the consumers read.
#[derive(Clone, Copy)]
pub(super) struct ProducerCast {
    pub(super) name: &'static str,
    pub(super) account: &'static str,
    pub(super) database: &'static str,
    pub(super) table: &'static str,
    pub(super) bucket: &'static str,
    /// True if it shares by Lake Formation, else by a resource policy of Glue.
    pub(super) is_lake_formation: bool,
}

pub(super) const PRODUCERS: [ProducerCast; 2] = [
    ProducerCast {
        name: "policies-data",
        account: CATALOG_OWNER,
        database: "policies",
        table: "contracts",
        bucket: "policies-lake",
        is_lake_formation: true,
    },
    ProducerCast {
        name: "rates-data",
        account: "222233334444",
        database: "rates",
        table: "fx",
        bucket: "rates-lake",
        is_lake_formation: false,
    },
];

/// An account of no one known.
pub(super) const STRANGER: &str = "210987654321";
/// The organization.
pub(super) const ORGANIZATION: &str = "o-exampleorgid";

/// Role A and its id.
pub(super) const ROLE_A: &str = "qs-athena-cross-account-role-a";
pub(super) const ROLE_A_ID: &str = "AROAEXAMPLEHUBROLEA01";

/// A consumer account.
pub(super) struct ConsumerCast {
    pub(super) name: &'static str,
    pub(super) account: &'static str,
    pub(super) business_unit: Option<&'static str>,
    pub(super) region: &'static str,
    /// Role B, with its IAM path.
    pub(super) role_path: &'static str,
    pub(super) role: &'static str,
    pub(super) role_id: &'static str,
    pub(super) work_group: &'static str,
    pub(super) database: &'static str,
    pub(super) data_sources: [&'static str; 2],
}

pub(super) const CONSUMERS: [ConsumerCast; 5] = [
    ConsumerCast {
        name: "retail",
        account: "444455556666",
        business_unit: Some("Retail Banking"),
        region: "us-east-1",
        role_path: "",
        role: "qs-athena-consumer-role",
        role_id: "AROAEXAMPLECONROLEB01",
        work_group: "quick-retail",
        database: "retail",
        data_sources: ["ds-retail-01", "ds-retail-02"],
    },
    ConsumerCast {
        name: "insurance",
        account: "555566667777",
        business_unit: Some("Insurance"),
        region: "eu-central-1",
        role_path: "analytics/quick/",
        role: "qs-athena-consumer-role",
        role_id: "AROAEXAMPLECONROLEB02",
        work_group: "quick-insurance",
        database: "claims",
        data_sources: ["ds-claims-01", "ds-claims-02"],
    },
    ConsumerCast {
        name: "payments",
        account: "666677778888",
        business_unit: Some("Payments"),
        region: "eu-central-1",
        role_path: "",
        role: "quick-reader",
        role_id: "AROAEXAMPLECONROLEB03",
        work_group: "primary",
        database: "ledger",
        data_sources: ["ds-ledger-01", "ds-ledger-02"],
    },
    ConsumerCast {
        name: "wealth",
        account: "888899990000",
        business_unit: Some("Wealth Management"),
        region: "ap-southeast-2",
        role_path: "",
        role: "qs-athena-consumer-role",
        role_id: "AROAEXAMPLECONROLEB04",
        work_group: "quick-wealth",
        database: "portfolios",
        data_sources: ["ds-portfolios-01", "ds-portfolios-02"],
    },
    ConsumerCast {
        name: "labs",
        account: "123456789012",
        business_unit: None,
        region: "us-east-1",
        role_path: "sandbox/",
        role: "quick-labs",
        role_id: "AROAEXAMPLECONROLEB05",
        work_group: "quick-labs",
        database: "experiments",
        data_sources: ["ds-labs-01", "ds-labs-02"],
    },
];

pub(super) const USERS: [&str; 6] = [
    "default/ana@example.com",
    "default/bela@example.com",
    "default/chidi@example.com",
    "default/dora@example.com",
    "finance/emil@example.com",
    "finance/fatima@example.com",
];

impl ConsumerCast {
    /// The ARN of Role B, with its path.
    pub(super) fn role_arn(&self) -> String {
        format!(
            "arn:aws:iam::{}:role/{}{}",
            self.account, self.role_path, self.role
        )
    }
}

/// The ARN of Role A.
pub(super) fn role_a_arn() -> String {
    format!("arn:aws:iam::{HUB}:role/{ROLE_A}")
}

/// Quick's Region, in which its data sources are.
pub(super) const QUICK_REGION: &str = "us-east-1";

/// The ARN of a data source of the hub.
pub(super) fn data_source_arn(id: &str) -> String {
    format!("arn:aws:quicksight:{QUICK_REGION}:{HUB}:datasource/{id}")
}
