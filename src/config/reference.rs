//! Every key of the configuration: `docs/configuration.md` is written from this.

use super::sources::{AwsSettings, StoreSettings};
use std::fmt::Write as _;

/// A section of the file, and its keys.
#[derive(Debug, Clone, Copy)]
pub struct ConfigSection {
    /// As it is written: `[aws]`, or `[[logs]]` where there may be several.
    pub header: &'static str,
    /// The purpose of the table.
    pub about: &'static str,
    /// Its keys.
    pub keys: &'static [ConfigKey],
}

/// A key of a section.
#[derive(Debug, Clone, Copy)]
pub struct ConfigKey {
    /// As it is written.
    pub name: &'static str,
    /// The kind of its value.
    pub kind: &'static str,
    /// The meaning of the key.
    pub about: &'static str,
}

const fn key(name: &'static str, kind: &'static str, about: &'static str) -> ConfigKey {
    ConfigKey { name, kind, about }
}

const ARN: &str = "a role's ARN";
const ACCOUNT: &str = "12 digits";
const PATH: &str = "a path";
const TEXT: &str = "text";
/// The keys of a location of exports.
const EXPORT_KEYS: [ConfigKey; 7] = [
    key("path", PATH, "a file or a folder"),
    key(
        "s3",
        "s3://bucket/prefix",
        "an object, or a prefix in a bucket",
    ),
    key(
        "role_arn",
        ARN,
        "the role to assume for reading it; default: the caller's own credentials",
    ),
    key(
        "external_id",
        TEXT,
        "the external id that the role requires",
    ),
    key("region", "a Region", "the Region of the bucket"),
    key(
        "expected_bucket_owner",
        ACCOUNT,
        "the account that has to own the bucket",
    ),
    key(
        "requester_pays",
        FLAG,
        "whether the caller pays for requests",
    ),
];

const FLAG: &str = "true or false";

const INTRODUCTION: &str = "# The configuration

`qs-audit.toml`: Read from the current folder, or where `-c` says. Relative paths start in the folder of the file. An unknown key is an error.
";

/// All sections, in the order of the document.
pub const SECTIONS: [ConfigSection; 21] = [
    ConfigSection {
        header: "[hub]",
        about: "The account of Quick. Without it, roles are discovered from the logs.",
        keys: &[
            key("account_id", ACCOUNT, "the hub; required"),
            key(
                "run_as_roles",
                "a list of role ARNs",
                "the roles that Quick assumes first (Role A); default: none",
            ),
        ],
    },
    ConfigSection {
        header: "[[consumers]]",
        about: "An account whose data Quick queries.",
        keys: &[
            key("name", TEXT, "its name in every output; required"),
            key("account_id", ACCOUNT, "the account; required"),
            key(
                "business_unit",
                TEXT,
                "the business unit that its cost is charged to",
            ),
            key(
                "roles",
                "a list of role ARNs",
                "the roles that Role A assumes there (Role B)",
            ),
            key(
                "work_groups",
                "a list of text",
                "work groups that Quick may use; absent: any",
            ),
            key(
                "data_sources",
                "a list of data source ARNs",
                "Quick's data sources that may reach it; absent: any",
            ),
            key(
                "audit_role_arn",
                ARN,
                "the role to assume for requests to this account, instead of `[aws] audit_role_arn`",
            ),
        ],
    },
    ConfigSection {
        header: "[[producers]]",
        about: "An account whose tables others read.",
        keys: &[
            key("name", TEXT, "its name in every output; required"),
            key("account_id", ACCOUNT, "the account; required"),
            key(
                "readers",
                "a list of accounts or names of consumers",
                "the accounts that may read its tables; absent: any",
            ),
        ],
    },
    ConfigSection {
        header: "[[sensitive]]",
        about: "Tables of which every read is a finding (`sensitive-table-read`).",
        keys: &[
            key(
                "tables",
                "a list of text",
                "the tables: `sales`, `claims.sales`, an ARN, `s3://BUCKET`; `*` stands for any text; required",
            ),
            key("reason", TEXT, "why, told with each finding; required"),
        ],
    },
    ConfigSection {
        header: "[[declared_services]]",
        about: "A service other than Quick that may reach a Role B or a declared table: a state machine, a function, a job \
                (`service-chain-undeclared`).",
        keys: &[
            key(
                "service",
                "a service's principal",
                "such as `states.amazonaws.com`; required",
            ),
            key(
                "resource_arn",
                "an ARN",
                "the state machine, function or job; `*` stands for any text; absent: any",
            ),
            key(
                "role_arn",
                ARN,
                "a role that the service uses; `*` stands for any text; absent: any",
            ),
            key("reason", TEXT, "why, for people"),
        ],
    },
    ConfigSection {
        header: "[[agents]]",
        about: "An agent or a flow of Quick, and the users whom it may act for (`agent-acts-for-unknown-user`).",
        keys: &[
            key(
                "id",
                TEXT,
                "its id, as `agent_id` or `flow_id` of chat logs has it: the last part of its ARN; required",
            ),
            key("name", TEXT, "its name, for people"),
            key(
                "users",
                "a list of text",
                "names or ARNs of users of Quick; a name without a namespace is of `default`; `*` stands for any text; absent: \
                 any; `[]`: none",
            ),
        ],
    },
    ConfigSection {
        header: "[[logs]]",
        about: "Where CloudTrail logs are: one of `path`, `s3`, `lookup_events`, `trino` and `athena`. Read unless `--logs` names others.",
        keys: &[
            key("path", PATH, "a folder or a file"),
            key("s3", "s3://bucket/prefix", "a bucket, or a prefix in it"),
            key(
                "lookup_events",
                ACCOUNT,
                "an account without a readable bucket: the 90 days of CloudTrail's event history",
            ),
            key(
                "trino",
                "a table",
                "a table of Trino that says which log files matter (docs/engines.md): `url` (`https://HOST:PORT`), `catalog`, \
                 `schema`, `table`; `user` (default: `QS_AUDIT_TRINO_USER`, else `qs-audit`), `password_env` or `password_file`, \
                 `ca_bundle` (PEM), and `objects`, where the same objects are read: `s3://...` or a folder (default: where the table has \
                 them, if that is in S3); `mode`: `objects` (default), `events` or `auto`",
            ),
            key(
                "athena",
                "a table",
                "the same of Athena: `work_group`, `database`, `table`; `region`, `role_arn`, `external_id`, `max_usd` (the most that a run \
                 may cost; default: any amount), `objects`, and `mode`: `objects` (default) or `auto`",
            ),
            key(
                "role_arn",
                ARN,
                "the role to assume for reading it; default: the caller's own credentials",
            ),
            key(
                "external_id",
                TEXT,
                "the external id that this role requires",
            ),
            key(
                "region",
                "a Region",
                "the Region of the bucket; default: requested from S3",
            ),
            key(
                "expected_bucket_owner",
                ACCOUNT,
                "requests are denied if another account owns the bucket",
            ),
            key(
                "requester_pays",
                FLAG,
                "whether the caller pays for requests; default: false; on the command line `--requester-pays`",
            ),
            key(
                "accounts",
                "a list of account ids",
                "S3 only: the accounts to list; default: all",
            ),
            key(
                "regions",
                "a list of Regions",
                "S3: the Regions to list; default: all; required for `lookup_events`, which is requested per Region",
            ),
        ],
    },
    ConfigSection {
        header: "[[executions]]",
        about: "Query statistics: `path` or `s3`. Read unless `--executions` names others.",
        keys: &EXPORT_KEYS,
    },
    ConfigSection {
        header: "[[costs]]",
        about: "The bill: `path` or `s3`. Read unless `--costs` names another.",
        keys: &EXPORT_KEYS,
    },
    ConfigSection {
        header: "[business_units]",
        about: "Business units of accounts that `[[consumers]]` does not declare.",
        keys: &[
            key(
                "paths",
                "a list of paths",
                "CSV files, or outputs with tags, also `s3://...`; `--business-units` names others",
            ),
            key(
                "tag",
                TEXT,
                "the tag of business units; compared without case and punctuation",
            ),
            key("cost_center_tag", TEXT, "the tag of cost centers"),
        ],
    },
    ConfigSection {
        header: "[pricing]",
        about: "Prices of estimates.",
        keys: &[
            key(
                "tb",
                "\"decimal\" or \"binary\"",
                "bytes in a terabyte; default: decimal; on the command line `--tb`",
            ),
            key(
                "floor_for_unscanned_dml",
                FLAG,
                "whether DML that scanned nothing (`SELECT 1`) is billed 10 MB, which AWS does not say; \
                 default: true",
            ),
            key(
                "usd_per_tb",
                "a table of Region = \"price\"",
                "list prices that replace the built-in ones",
            ),
        ],
    },
    ConfigSection {
        header: "[[data_sources]]",
        about: "Lists of Quick's data sources. Read unless `--data-sources` names others.",
        keys: &[key("path", PATH, "a file or a folder; required")],
    },
    ConfigSection {
        header: "[[catalogs]]",
        about: "Lists of data catalogs, shares and users of Quick: output of the AWS CLI, as `--catalogs` takes it.",
        keys: &[key("path", PATH, "a file or a folder; required")],
    },
    ConfigSection {
        header: "[[chat_logs]]",
        about: "Chat logs that Quick delivers (CHAT_LOGS): `path` or `s3`. Read unless `--chat-logs` names others.",
        keys: &EXPORT_KEYS,
    },
    ConfigSection {
        header: "[rules.RULE]",
        about: "Options of a rule; `qs-audit explain RULE` lists them.",
        keys: &[key("enabled", FLAG, "whether the rule runs; default: true")],
    },
    ConfigSection {
        header: "[[suppressions]]",
        about: "Findings that are accepted until a date.",
        keys: &[
            key("rule", "a rule's id", "`*` matches any text; required"),
            key(
                "subject",
                TEXT,
                "a complete value of the subject, or the id of a finding; `*` matches any text; required",
            ),
            key("reason", TEXT, "why; required"),
            key(
                "expires",
                "a day",
                "the first day on which it is shown again, compared with the last day of the window; required",
            ),
        ],
    },
    ConfigSection {
        header: "[security_hub]",
        about: "The account and Region of findings in `--format asff`.",
        keys: &[
            key("account_id", ACCOUNT, "default: the hub"),
            key(
                "region",
                "a Region",
                "default: the only Region of its data sources",
            ),
        ],
    },
    ConfigSection {
        header: "[aws]",
        about: "How accounts are accessed, and what `collect` requests from AWS.",
        keys: &[
            key(
                "audit_role_arn",
                ARN,
                "the role to assume in each declared or listed account; `{account_id}` is replaced with its id; default: \
                 the caller's own credentials",
            ),
            key(
                "external_id",
                TEXT,
                "the external id that these roles require",
            ),
            key(
                "payer_role_arn",
                ARN,
                "the role to assume in the payer account, for Cost Explorer and Organizations",
            ),
            key(
                "payer_account_id",
                TEXT,
                "the payer account, for FOCUS where no bill tells it; default: the account of `payer_role_arn`",
            ),
            key(
                "quick_regions",
                "a list of Regions",
                "where Quick's data sources are listed",
            ),
            key("statistics", FLAG, "request query statistics from Athena"),
            key(
                "costs",
                FLAG,
                "request costs from Cost Explorer ($0.01 per request)",
            ),
            key(
                "organizations",
                FLAG,
                "request accounts and tags from AWS Organizations",
            ),
            key(
                "data_sources",
                FLAG,
                "request the list of data sources from Quick",
            ),
            key(
                "catalogs",
                FLAG,
                "request data catalogs, tables, grants and shares of the hub, consumers and producers, and the users of Quick",
            ),
            key(
                "catalog_regions",
                "a list of Regions",
                "where data catalogs are listed; default: `quick_regions`",
            ),
        ],
    },
    ConfigSection {
        header: "[store]",
        about: "The store that `collect` writes to.",
        keys: &[
            key(
                "path",
                PATH,
                "the folder; default: qs-audit below the user's data folder; on the command line `--store`",
            ),
            key(
                "retention_days",
                "a number",
                "events of log files that were delivered more than this many days ago are removed from the store; nothing is deleted in S3",
            ),
            key(
                "look_back_days",
                "a number",
                "the next run lists this many days again, for late deliveries",
            ),
        ],
    },
    ConfigSection {
        header: "[[notify]]",
        about: "Who is told of new and grown incidents, after all is written ([nightly.md](nightly.md#notify)): one of `webhook`, `sns`, `security-hub` and `s3`.",
        keys: &[
            key(
                "name",
                TEXT,
                "its name: what was sent is remembered by it; default: the way there",
            ),
            key(
                "min_severity",
                "a severity",
                "findings below it are not sent; default: high",
            ),
            key(
                "webhook",
                "a table",
                "`url_env` (an environment variable) or `url_file`, which has the URL; `format`: `json` (default), `slack` or `teams`; \
                 `ca_bundle` (PEM)",
            ),
            key(
                "sns",
                "a table",
                "`topic_arn`; `role_arn` and `external_id` of a role to assume",
            ),
            key(
                "security-hub",
                "a table",
                "findings are imported into the account and Region of `[security_hub]`, and archived when they are resolved; `region`, \
                 `role_arn`, `external_id`",
            ),
            key(
                "s3",
                "a table",
                "the files of the report are put below `url` (`s3://bucket/prefix`); `region`, `role_arn`, `external_id`",
            ),
        ],
    },
    ConfigSection {
        header: "[verify]",
        about: "Inputs of verification, instead of requests to AWS.",
        keys: &[
            key(
                "public_keys",
                "a list of paths",
                "output of `aws cloudtrail list-public-keys`; `--public-keys` names others",
            ),
            key(
                "signatures",
                "a list of paths",
                "object metadata of copied digest files; `--signatures` names others",
            ),
        ],
    },
];

/// The default that the program has for a key, where it is a value of its own.
fn default_of(header: &str, key: &str) -> Option<String> {
    let (aws, store) = (AwsSettings::default(), StoreSettings::default());
    Some(match (header, key) {
        ("[aws]", "statistics") => aws.statistics.to_string(),
        ("[aws]", "costs") => aws.costs.to_string(),
        ("[aws]", "organizations") => aws.organizations.to_string(),
        ("[aws]", "data_sources") => aws.data_sources.to_string(),
        ("[aws]", "catalogs") => aws.catalogs.to_string(),
        ("[store]", "retention_days") => store.retention_days.to_string(),
        ("[store]", "look_back_days") => store.look_back_days.to_string(),
        _ => return None,
    })
}

/// The reference, as Markdown.
#[must_use]
pub fn reference() -> String {
    let mut text = INTRODUCTION.to_owned();
    for section in SECTIONS {
        let _ = writeln!(text, "\n## `{}`\n\n{}\n", section.header, section.about);
        text.push_str("| key | value | meaning |\n|---|---|---|\n");
        for key in section.keys {
            let default = default_of(section.header, key.name)
                .map_or_else(String::new, |default| format!("; default: {default}"));
            let _ = writeln!(
                text,
                "| `{}` | {} | {}{default} |",
                key.name, key.kind, key.about
            );
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::file;
    use std::collections::BTreeSet;

    /// The keys that a part of the file takes, as its reader says when asked for another.
    fn taken<T: serde::de::DeserializeOwned>() -> BTreeSet<String> {
        let error = toml::from_str::<T>("no_such_key = 1")
            .err()
            .unwrap()
            .to_string();
        let (_, expected) = error.split_once(", expected ").unwrap();
        let names = expected.split('`').skip(1).step_by(2);
        names.map(str::to_owned).collect()
    }

    fn listed(header: &str) -> BTreeSet<String> {
        let section = SECTIONS.iter().find(|section| section.header == header);
        let keys = section.unwrap().keys.iter();
        keys.map(|key| key.name.to_owned()).collect()
    }

    #[test]
    fn every_key_that_is_taken_is_in_the_reference_and_no_other() {
        assert_eq!(listed("[hub]"), taken::<file::RawHub>());
        assert_eq!(listed("[[consumers]]"), taken::<file::RawConsumer>());
        assert_eq!(listed("[[logs]]"), taken::<file::RawLogs>());
        assert_eq!(listed("[[executions]]"), taken::<file::RawExports>());
        assert_eq!(listed("[[costs]]"), taken::<file::RawExports>());
        assert_eq!(listed("[[data_sources]]"), taken::<file::RawPath>());
        assert_eq!(listed("[business_units]"), taken::<file::RawUnits>());
        assert_eq!(listed("[pricing]"), taken::<file::RawPricing>());
        assert_eq!(listed("[[suppressions]]"), taken::<file::RawSuppression>());
        assert_eq!(listed("[security_hub]"), taken::<file::RawSecurityHub>());
        assert_eq!(listed("[aws]"), taken::<file::RawAws>());
        assert_eq!(listed("[store]"), taken::<file::RawStore>());
        assert_eq!(listed("[verify]"), taken::<file::RawVerify>());
        assert_eq!(listed("[[notify]]"), taken::<file::RawNotify>());
    }

    #[test]
    fn every_section_that_is_taken_is_in_the_reference_and_no_other() {
        let name = |header: &str| {
            let name = header.trim_matches(|bracket| "[]".contains(bracket));
            name.split('.').next().unwrap().to_owned()
        };
        let sections = SECTIONS.iter();
        let listed: BTreeSet<String> = sections.map(|section| name(section.header)).collect();
        assert_eq!(listed, taken::<file::RawConfig>());
    }
}
