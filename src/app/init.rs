//! `init`: a first configuration, from what the logs and AWS show.

use super::collect::{COMMIT_EVERY, CollectOptions, collect_logs};
use super::context::RunContext;
use super::failure::Failure;
use super::options::{CONFIG_FILE, RunOptions};
use super::store_selection;
use crate::config::{EngineSettings, Settings};
use crate::model::audit::Audit;
use crate::model::chain::ChainPath;
use crate::model::finding::{Finding, Severity};
use crate::model::identity::RoleName;
use crate::model::ids::{AccountId, DataSourceArn};
use crate::model::inventory::Inventory;
use crate::model::key::is_in_s3;
use crate::model::text::Text;
use crate::model::topology::BusinessUnit;
use crate::model::window::TimeWindow;
use crate::output::human::{plural, safe};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The work group of a query that names none (docs/cloudtrail-facts.md#startqueryexecution).
const DEFAULT_WORK_GROUP: &str = "primary";

/// Findings about a consumer while a configuration is drafted.
#[derive(Debug, Default)]
struct ConsumerDraft {
    roles: BTreeSet<RoleName>,
    work_groups: BTreeSet<Text>,
    data_sources: BTreeSet<DataSourceArn>,
    /// Chains that Quick made.
    chains: BTreeSet<Text>,
}

/// Knowledge from elsewhere than the logs, by which a consumer may look wrong.
#[derive(Debug, Clone, Copy)]
pub struct DraftInputs<'a> {
    /// Names and business units of the organization's accounts; empty if they were not asked for.
    pub units: &'a BTreeMap<AccountId, BusinessUnit>,
    /// Quick's data sources, where they are known.
    pub inventory: Option<&'a Inventory>,
}

impl ConsumerDraft {
    /// The reasons why it looks wrong; none if it looks right.
    fn doubts(&self, audit: &Audit, account: &AccountId, inputs: &DraftInputs<'_>) -> Vec<String> {
        let mut doubts = Vec::new();
        if !inputs.units.is_empty() && !inputs.units.contains_key(account) {
            doubts.push("the account is not in the organization".to_owned());
        }
        if self.chains.is_empty() {
            doubts.push("no chain that Quick made reached it".to_owned());
        }
        if let Some(inventory) = inputs.inventory {
            let unknown = self
                .data_sources
                .iter()
                .find(|arn| inventory.find(arn).is_none());
            doubts.extend(unknown.map(|arn| {
                format!("data source {arn} is not in the list of Quick's data sources")
            }));
        }
        let findings = audit
            .findings
            .iter()
            .flat_map(|findings| &findings.findings);
        let severe = findings.filter(|finding| finding.severity >= Severity::High);
        let severe: Vec<&Finding> = severe
            .filter(|finding| finding.chain_ids.iter().any(|id| self.chains.contains(id)))
            .collect();
        let is_found = |id: &Text| severe.iter().any(|finding| finding.chain_ids.contains(id));
        if let (Some(first), true) = (severe.first(), self.chains.iter().all(is_found)) {
            doubts.push(format!(
                "all of its chains carry a finding: {}",
                first.title
            ));
        }
        doubts
    }
}

/// A configuration as it may be written.
#[derive(Debug)]
pub struct ConfigDraft {
    /// The text of the file.
    pub text: String,
    /// Roles of the hub that were found.
    pub hub_roles: u64,
    /// Consumers that are declared.
    pub consumers: u64,
    /// Consumers that look wrong: they are commented out, with the reason.
    pub doubtful: u64,
    /// Roles, data sources and consumers that cannot be declared: logs may say anything.
    pub left_out: u64,
}

/// Puts the logs that were named into the store, so that the commands that follow need not read them again;
/// returns the store's folder. `None` where no logs were named, they can be read only once, or there is no
/// place for a store.
///
/// # Errors
///
/// When nothing can be listed, or the store cannot be written.
pub fn keep(context: &RunContext, window: TimeWindow) -> Result<Option<PathBuf>, Failure> {
    let logs = &context.options.logs;
    let has_place = store_selection::root(&context.options, &context.settings).is_some();
    if logs.is_empty() || logs.iter().any(|logs| logs == "-") || !has_place {
        return Ok(None);
    }
    let options = CollectOptions {
        window,
        is_asked: true,
        wait: false,
        commit_every: COMMIT_EVERY as usize,
    };
    let (_, done) = collect_logs(context, options)?;
    Ok(Some(done.root))
}

/// Names and business units of accounts, from AWS Organizations.
///
/// # Errors
///
/// When AWS does not answer, or the program was built without it.
pub fn ask_aws() -> Result<BTreeMap<AccountId, BusinessUnit>, Failure> {
    let mut units = BTreeMap::new();
    remote::ask(&mut units)?;
    Ok(units)
}

/// Writes down what an audit and other inputs show, for the configuration of `path`.
///
/// # Errors
///
/// When it would make no configuration.
pub fn draft(
    context: &RunContext,
    audit: &Audit,
    inputs: &DraftInputs<'_>,
    path: &Path,
) -> Result<ConfigDraft, Failure> {
    let found = text(&context.options, audit, &consumers(audit), inputs);
    // What is written has to be read again.
    Settings::parse(&found.text, path).map_err(|error| {
        Failure::internal(format!("the logs give no valid configuration: {error}"))
    })?;
    Ok(ConfigDraft {
        text: found.text,
        hub_roles: audit.roles.run_as.len() as u64,
        consumers: found.consumers,
        doubtful: found.doubtful,
        left_out: found.left_out,
    })
}

fn consumers(audit: &Audit) -> BTreeMap<AccountId, ConsumerDraft> {
    let mut consumers: BTreeMap<AccountId, ConsumerDraft> = BTreeMap::new();
    for role in &audit.roles.consumer {
        let found = consumers.entry(role.account_id.clone()).or_default();
        found.roles.insert(role.clone());
    }
    let quick = audit
        .chains
        .iter()
        .filter(|chain| chain.path == ChainPath::QuickRoleChain);
    for chain in quick {
        let Some(account) = &chain.consumer_account_id else {
            continue;
        };
        let found = consumers.entry(account.clone()).or_default();
        found.chains.insert(chain.chain_id.as_str().into());
        found.data_sources.extend(chain.data_source_arn.clone());
        let groups = chain.queries.iter().map(|query| {
            let named = query.work_group.clone();
            named.unwrap_or_else(|| DEFAULT_WORK_GROUP.into())
        });
        found.work_groups.extend(groups);
    }
    consumers
}

/// The account that most of Role A's roles are in.
fn hub(audit: &Audit) -> Option<AccountId> {
    let mut counts: BTreeMap<&AccountId, u64> = BTreeMap::new();
    for chain in &audit.chains {
        if let Some(hub) = chain
            .hub_account_id
            .as_ref()
            .filter(|hub| hub.is_well_formed())
        {
            *counts.entry(hub).or_default() += 1;
        }
    }
    let in_chains = counts.into_iter().max_by_key(|(_, count)| *count);
    let declared = audit.roles.run_as.first().map(|role| &role.account_id);
    let declared = declared.filter(|hub| hub.is_well_formed());
    in_chains.map(|(hub, _)| hub).or(declared).cloned()
}

/// A configuration as it will be written.
struct Declarations {
    text: String,
    consumers: u64,
    doubtful: u64,
    /// Roles, data sources and consumers that cannot be declared: logs may say anything.
    left_out: u64,
}

fn text(
    options: &RunOptions,
    audit: &Audit,
    consumers: &BTreeMap<AccountId, ConsumerDraft>,
    inputs: &DraftInputs<'_>,
) -> Declarations {
    let mut found = Declarations {
        text: String::from(
            "# The declared topology, taken from logs. Check it: whatever is declared here is\n\
             # never a finding, and `collect` assumes the audit role in every account that is\n\
             # declared here.\n\n",
        ),
        consumers: 0,
        doubtful: 0,
        left_out: 0,
    };
    let hub = hub(audit);
    if let Some(hub) = &hub {
        found.text +=
            "# The account that Quick is in, and the roles it assumes there (Role A).\n[hub]\n";
        let _ = writeln!(found.text, "account_id = {}", quoted(hub));
        let roles = audit.roles.run_as.iter();
        let roles: Vec<&RoleName> = roles.filter(|role| role.account_id == *hub).collect();
        let sound: Vec<&RoleName> = roles
            .iter()
            .copied()
            .filter(|role| is_role_name(role))
            .collect();
        found.left_out += (roles.len() - sound.len()) as u64;
        let arns = sound.into_iter().map(|role| arn(audit, role));
        list(&mut found.text, "run_as_roles", arns);
    } else {
        found.text += "# No role chain of Quick was found. Declare the account that Quick is in:\n\
                       # [hub]\n# account_id = \"111122223333\"\n\
                       # run_as_roles = [\"arn:aws:iam::111122223333:role/ROLE_A\"]\n\n";
    }
    let mut names = BTreeSet::new();
    for (account, consumer) in consumers {
        let unit = inputs.units.get(account);
        let name = unit.and_then(|unit| unit.account_name.as_deref());
        // Names of accounts need not be unique; those of consumers are.
        let name = match name {
            Some(name) if names.insert(name) => name.to_owned(),
            Some(name) => format!("{name} {account}"),
            None => account.to_string(),
        };
        let (declared, left_out) = declaration(audit, account, &name, consumer, unit);
        found.left_out += left_out;
        let doubts = consumer.doubts(audit, account, inputs);
        if !doubts.is_empty() {
            found.doubtful += 1;
            found.text += &commented_out(&declared, &doubts);
            continue;
        }
        // One strange consumer costs no other.
        if Settings::parse(&declared, Path::new(CONFIG_FILE)).is_ok() {
            found.consumers += 1;
            found.text += &declared;
        } else {
            found.left_out += 1;
        }
    }
    places(&mut found.text, options);
    found
}

/// A declaration that counts only once someone removes the marks of comments.
fn commented_out(declared: &str, doubts: &[String]) -> String {
    let mut text = String::from(
        "# NOT DECLARED, because it looks wrong. If it is right, remove the first \"# \" of each line:\n",
    );
    for doubt in doubts {
        let _ = writeln!(text, "# - {}", safe(doubt));
    }
    for line in declared.trim_end().lines() {
        let _ = writeln!(text, "# {line}");
    }
    text.push('\n');
    text
}

/// A consumer as it is declared, and how many of its roles and data sources are left out.
fn declaration(
    audit: &Audit,
    account: &str,
    name: &str,
    found: &ConsumerDraft,
    unit: Option<&BusinessUnit>,
) -> (String, u64) {
    let mut text = String::new();
    let chains = plural(found.chains.len() as u64, "chain");
    let _ = writeln!(text, "# Reached by {chains} in the logs read.");
    text += "[[consumers]]\n";
    let _ = writeln!(text, "name = {}", quoted(name));
    let _ = writeln!(text, "account_id = {}", quoted(account));
    match unit.and_then(|unit| unit.business_unit.as_deref()) {
        Some(unit) => {
            let _ = writeln!(text, "business_unit = {}", quoted(unit));
        }
        None => text += "# business_unit = \"who pays for it\"\n",
    }
    let roles: Vec<&RoleName> = found
        .roles
        .iter()
        .filter(|role| is_role_name(role))
        .collect();
    let sources = found.data_sources.iter();
    let sources: Vec<&DataSourceArn> = sources.filter(|arn| arn.is_well_formed()).collect();
    let left_out = found.roles.len() - roles.len() + found.data_sources.len() - sources.len();
    list(
        &mut text,
        "roles",
        roles.into_iter().map(|role| arn(audit, role)),
    );
    text.truncate(text.trim_end().len());
    text.push('\n');
    let groups = found.work_groups.iter().map(ToString::to_string);
    list(&mut text, "work_groups", groups);
    text.truncate(text.trim_end().len());
    text.push('\n');
    let sources = sources.into_iter().map(ToString::to_string);
    list(&mut text, "data_sources", sources);
    (text, left_out as u64)
}

/// Returns true if AWS could give a role this name (IAM User Guide, "IAM and STS quotas").
fn is_role_name(role: &RoleName) -> bool {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "_+=,.@-".contains(letter);
    role.account_id.is_well_formed()
        && (1..=64).contains(&role.name.len())
        && role.name.chars().all(is_plain)
}

/// The key of an engine, with its table.
fn of_engine(engine: &EngineSettings, options: &RunOptions) -> String {
    let objects = options.objects.as_deref().map(|objects| {
        let is_path = !is_in_s3(objects);
        let place = if is_path {
            absolute(objects)
        } else {
            objects.to_owned()
        };
        format!(", objects = {}", quoted(&place))
    });
    let objects = objects.unwrap_or_default();
    match engine {
        EngineSettings::Trino(trino) => {
            let scheme = if trino.is_on_loopback() {
                "http"
            } else {
                "https"
            };
            format!(
                "trino = {{ url = {}, catalog = {}, schema = {}, table = {}{objects} }}",
                quoted(&format!("{scheme}://{}", trino.authority)),
                quoted(&trino.catalog),
                quoted(&trino.schema),
                quoted(&trino.table)
            )
        }
        EngineSettings::Athena(athena) => format!(
            "athena = {{ work_group = {}, database = {}, table = {}{objects} }}",
            quoted(&athena.work_group),
            quoted(&athena.database),
            quoted(&athena.table)
        ),
    }
}

/// Writes the locations of the logs, and further settings as comments.
fn places(text: &mut String, options: &RunOptions) {
    *text += "# Where the logs are.\n";
    for logs in &options.logs {
        if let Some(Ok(engine)) = EngineSettings::of_url(logs) {
            let _ = writeln!(text, "[[logs]]\n{}\n", of_engine(&engine, options));
            continue;
        }
        let key = if is_in_s3(logs) { "s3" } else { "path" };
        let place = if key == "path" {
            absolute(logs)
        } else {
            logs.clone()
        };
        let pays = if key == "s3" && options.requester_pays {
            "requester_pays = true\n"
        } else {
            ""
        };
        let _ = writeln!(text, "[[logs]]\n{key} = {}\n{pays}", quoted(&place));
    }
    if options.logs.is_empty() {
        *text += "# [[logs]]\n# s3 = \"s3://amzn-s3-demo-bucket/prefix\"\n\n";
    }
    *text += "# How each account is asked for statistics of its queries (docs/iam-policy.json).\n\
             # [aws]\n\
             # audit_role_arn = \"arn:aws:iam::{account_id}:role/qs-audit\"\n\
             # costs = true           # asks Cost Explorer: $0.01 a page\n\
             # organizations = true   # business units from the tags of accounts\n\n\
             # Where `qs-audit collect` keeps what it has read.\n";
    match &options.store {
        Some(store) => {
            let store = absolute(&store.to_string_lossy());
            let _ = writeln!(
                text,
                "[store]\npath = {}\n# retention_days = 400",
                quoted(&store)
            );
        }
        None => *text += "# [store]\n# path = \"store\"\n# retention_days = 400\n",
    }
}

/// A list, one entry a line; nothing where there are none.
fn list(text: &mut String, key: &str, entries: impl Iterator<Item = String>) {
    let entries: Vec<String> = entries.map(|entry| quoted(&entry)).collect();
    match entries.as_slice() {
        [] => {}
        [one] => {
            let _ = writeln!(text, "{key} = [{one}]");
        }
        several => {
            let _ = writeln!(text, "{key} = [\n    {},\n]", several.join(",\n    "));
        }
    }
    text.push('\n');
}

/// The ARN of a role, with partition and path as logged.
fn arn(audit: &Audit, role: &RoleName) -> String {
    audit.roles.arn(role).to_string()
}

/// Relative paths of a configuration start in its own folder.
fn absolute(path: &str) -> String {
    let full = std::path::absolute(Path::new(path));
    full.map_or_else(
        |_| path.to_owned(),
        |full| full.to_string_lossy().into_owned(),
    )
}

/// A text as a TOML string. It comes from logs: nothing of it may end the string.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for letter in safe(text).chars() {
        match letter {
            '"' => quoted += "\\\"",
            '\\' => quoted += "\\\\",
            letter if letter.is_control() => {
                let _ = write!(quoted, "\\u{:04X}", u32::from(letter));
            }
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(not(feature = "aws"))]
mod remote {
    use super::{AccountId, BTreeMap, BusinessUnit, Failure};

    pub(super) fn ask(_units: &mut BTreeMap<AccountId, BusinessUnit>) -> Result<(), Failure> {
        Err(Failure::usage("this program was built without AWS access"))
    }
}

#[cfg(feature = "aws")]
mod remote {
    use super::{AccountId, BTreeMap, BusinessUnit, Failure};
    use crate::aws::{Access, Aws};
    use crate::ingest::UnitsReader;

    /// Names and business units of accounts, from AWS Organizations.
    pub(super) fn ask(units: &mut BTreeMap<AccountId, BusinessUnit>) -> Result<(), Failure> {
        let accounts = Aws::new()?.accounts(&Access::default())?;
        let mut reader = UnitsReader::new(None, None);
        reader
            .read("AWS Organizations", accounts.text.as_bytes())
            .map_err(|error| Failure::internal(error.to_string()))?;
        *units = reader.finish().units;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn nothing_ends_a_string_but_its_end() {
        for hostile in ["\"\n[hub]", "\\", "a\u{7f}b", "\u{1b}[31m", "'''", "\"\"\""] {
            let text = format!("x = {}", quoted(hostile));
            let table: toml::Table = text.parse().unwrap();
            assert!(table["x"].is_str(), "{text}");
            assert_eq!(table.len(), 1);
        }
    }
}
