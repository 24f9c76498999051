//! Filters and order of chains.

use super::args::{ChainsArgs, FilterArgs, PathArg, SortKey, StatusArg};
use crate::app::failure::Failure;
use crate::app::nearest::nearest;
use crate::model::chain::{Chain, ChainPath, ChainStatus};
use crate::model::charge::UNMAPPED;
use crate::model::data_read::DataRead;
use crate::model::event::Event;
use crate::model::ids::QueryExecutionId;
use crate::model::pattern;
use crate::model::road::resource_name;
use crate::model::topology::Topology;
use crate::output::chain_table::is_listed_by_default;
use crate::output::human::{count, plural, tail};
use std::collections::BTreeSet;

/// The wish of a command line, and what of it was found so far.
pub(super) struct Selection<'a> {
    args: &'a ChainsArgs,
    /// Names of producers.
    topology: &'a Topology,
    bytes_min: Option<u64>,
    /// The number of wanted chains, before `--limit`.
    found: usize,
    /// Chains of unknown bytes.
    unknown_bytes: u64,
    /// Chains that are listed with `--path any` alone.
    unlisted: u64,
    /// What the chains are called by, as long as none is wanted.
    names: KnownNames,
}

impl<'a> Selection<'a> {
    pub(super) fn new(args: &'a ChainsArgs, topology: &'a Topology) -> Result<Self, Failure> {
        let bytes_min = args.filter.min_bytes.as_deref().map(bytes).transpose()?;
        Ok(Self {
            args,
            topology,
            bytes_min,
            found: 0,
            unknown_bytes: 0,
            unlisted: 0,
            names: KnownNames::default(),
        })
    }

    /// The wanted chains, sorted and limited.
    pub(super) fn of<'c>(&mut self, chains: &'c [Chain], events: &[Event]) -> Vec<&'c Chain> {
        let mut wanted: Vec<&Chain> = chains
            .iter()
            .filter(|chain| self.sees(chain, events))
            .collect();
        self.put_in_order(&mut wanted);
        wanted
    }

    /// Sorts and limits wanted chains.
    pub(super) fn put_in_order(&self, wanted: &mut Vec<&Chain>) {
        sort(wanted, self.args.sort);
        wanted.truncate(self.limit());
    }

    /// Returns true if chains are wanted in the order in which they come.
    pub(super) fn is_in_their_order(&self) -> bool {
        self.args.sort == SortKey::Started
    }

    /// The wanted ones of the next chains, in their order, as far as the limit allows.
    pub(super) fn next<'c>(&mut self, chains: &'c [Chain], events: &[Event]) -> Vec<&'c Chain> {
        let left = self.limit().saturating_sub(self.found);
        let mut wanted: Vec<&Chain> = chains
            .iter()
            .filter(|chain| self.sees(chain, events))
            .collect();
        wanted.truncate(left);
        wanted
    }

    /// Returns true if a chain is wanted, and counts it.
    pub(super) fn sees(&mut self, chain: &Chain, events: &[Event]) -> bool {
        let is_wanted = self.wants(chain, events);
        self.found += usize::from(is_wanted);
        self.unknown_bytes += u64::from(chain.bytes_scanned().is_none());
        let is_unlisted = chain.path != ChainPath::Session && !is_listed_by_default(chain);
        self.unlisted += u64::from(is_unlisted && self.wants_besides_path(chain, events));
        if self.shown() > 0 {
            self.names = KnownNames::default();
        } else {
            self.names.add(&self.args.filter, chain);
        }
        is_wanted
    }

    fn limit(&self) -> usize {
        self.args.limit.unwrap_or(usize::MAX)
    }

    fn shown(&self) -> usize {
        self.found.min(self.limit())
    }

    fn wants(&self, chain: &Chain, events: &[Event]) -> bool {
        self.wants_path(chain) && self.wants_besides_path(chain, events)
    }

    fn wants_besides_path(&self, chain: &Chain, events: &[Event]) -> bool {
        let filter = &self.args.filter;
        (filter.status.is_empty() || filter.status.iter().any(|&arg| status(arg) == chain.status))
            && any_matches(&filter.consumer, consumers(chain))
            && any_matches(&filter.business_unit, business_unit(chain))
            && any_matches(&filter.data_source, data_sources(chain))
            && any_matches(&filter.work_group, work_groups(chain))
            && any_matches(&filter.user, users(chain))
            && any_matches(&filter.origin, origins(chain))
            && self.wants_sessions(chain, events)
            && any_matches(&filter.dashboard, dashboards(chain))
            && any_matches(&filter.region, regions(chain))
            && wants_query_id(&filter.query_id, chain)
            && self.wants_reads(chain)
            && self.wants_bytes(chain)
    }

    /// Roles, callers, addresses and keys: of sessions, and of calls.
    fn wants_sessions(&self, chain: &Chain, events: &[Event]) -> bool {
        let filter = &self.args.filter;
        let calls = || {
            let entries = chain.events.iter();
            entries.filter_map(|entry| events.get(entry.event as usize))
        };
        let roles = chain
            .sessions()
            .filter_map(|session| session.role_arn.as_deref());
        let callers = || {
            let of_sessions = chain
                .sessions()
                .filter_map(|session| session.assumed_by.as_deref());
            let of_calls = calls().filter_map(|call| Some(&**call.identity.best_name()?));
            of_sessions.chain(of_calls)
        };
        let addresses = || {
            let of_sessions = chain
                .sessions()
                .filter_map(|session| session.source_ip.as_deref());
            of_sessions.chain(calls().filter_map(|call| call.source_ip.as_deref()))
        };
        let keys = || {
            let of_sessions = chain
                .sessions()
                .filter_map(|session| session.access_key_id.as_deref());
            of_sessions.chain(calls().filter_map(|call| call.identity.access_key_id.as_deref()))
        };
        let named = |name| [name, resource_name(name)];
        any_matches(&filter.role, roles.flat_map(named))
            && (filter.caller.is_empty() || any_matches(&filter.caller, callers().flat_map(named)))
            && (filter.ip.is_empty() || any_matches(&filter.ip, addresses()))
            && (filter.access_key.is_empty() || any_matches(&filter.access_key, keys()))
    }

    /// One read has to be all that was asked for.
    fn wants_reads(&self, chain: &Chain) -> bool {
        let filter = &self.args.filter;
        !asks_reads(filter) || chain.all_reads().any(|read| self.wants_read(read))
    }

    fn wants_read(&self, read: &DataRead) -> bool {
        let filter = &self.args.filter;
        let is_asked = |table: &String| read.is_named(table);
        (filter.table.is_empty() || filter.table.iter().any(is_asked))
            && any_matches(&filter.database, read.subject.database.as_deref())
            && any_matches(&filter.producer, producers(read, self.topology))
    }

    /// A chain of which nothing is known has not that many.
    fn wants_bytes(&self, chain: &Chain) -> bool {
        self.bytes_min
            .is_none_or(|least| chain.bytes_scanned().is_some_and(|bytes| least <= bytes))
    }

    fn wants_path(&self, chain: &Chain) -> bool {
        let paths = &self.args.filter.path;
        let asks_origin = !self.args.filter.origin.is_empty();
        if paths.is_empty() && asks_origin {
            return chain.path != ChainPath::Session || self.args.all_sessions;
        }
        if paths.is_empty() {
            return is_listed_by_default(chain) || self.args.all_sessions;
        }
        paths.iter().any(|&arg| match path(arg) {
            Some(path) => chain.path == path,
            None => chain.path != ChainPath::Session,
        })
    }

    /// Returns remarks on chains that are not listed.
    pub(super) fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let shown = self.shown();
        if shown < self.found {
            let found = plural(self.found as u64, "chain");
            remarks.push(format!(
                "showing {} of {found}; omit --limit to see all",
                count(shown as u64)
            ));
        }
        let asks_sessions = self.args.filter.path.contains(&PathArg::Session);
        if asks_sessions && !self.args.all_sessions {
            remarks.push("--path session lists something only with --all-sessions".to_owned());
        }
        let asks_bytes = self.bytes_min.is_some() || self.args.sort == SortKey::Bytes;
        if asks_bytes && self.unknown_bytes > 0 {
            remarks.push(format!(
                "{} have unknown bytes scanned: no query statistics were read (--executions)",
                plural(self.unknown_bytes, "chain")
            ));
        }
        let filter = &self.args.filter;
        let is_default =
            filter.path.is_empty() && filter.origin.is_empty() && !self.args.all_sessions;
        if is_default && self.unlisted > 0 {
            let these = plural(self.unlisted, "other chain");
            remarks.push(format!(
                "{these} end in Athena without Role A or Role B; --path any lists them"
            ));
        }
        if shown == 0 {
            remarks.extend(self.names.near_misses(filter));
        }
        remarks
    }
}

/// What chains are called by, for each filter that asks for names.
#[derive(Default)]
struct KnownNames {
    consumers: BTreeSet<String>,
    business_units: BTreeSet<String>,
    data_sources: BTreeSet<String>,
    work_groups: BTreeSet<String>,
    users: BTreeSet<String>,
    origins: BTreeSet<String>,
    origin_labels: BTreeSet<String>,
}

impl KnownNames {
    fn add(&mut self, filter: &FilterArgs, chain: &Chain) {
        fn put<'c>(
            known: &mut BTreeSet<String>,
            asked: &[String],
            names: impl IntoIterator<Item = &'c str>,
        ) {
            for name in names {
                if !asked.is_empty() && !known.contains(name) {
                    known.insert(name.to_owned());
                }
            }
        }
        put(&mut self.consumers, &filter.consumer, consumers(chain));
        let units = &mut self.business_units;
        put(units, &filter.business_unit, business_unit(chain));
        let sources = &mut self.data_sources;
        put(sources, &filter.data_source, data_sources(chain));
        let groups = &mut self.work_groups;
        put(groups, &filter.work_group, work_groups(chain));
        put(&mut self.users, &filter.user, users(chain));
        put(&mut self.origins, &filter.origin, origins(chain));
        let label = [chain.origin.short_label()];
        put(&mut self.origin_labels, &filter.origin, label);
    }

    /// For filters that match nothing at all, what was probably meant.
    fn near_misses(&self, filter: &FilterArgs) -> Vec<String> {
        let known = [
            ("--consumer", &filter.consumer, &self.consumers),
            (
                "--business-unit",
                &filter.business_unit,
                &self.business_units,
            ),
            ("--data-source", &filter.data_source, &self.data_sources),
            ("--work-group", &filter.work_group, &self.work_groups),
            ("--user", &filter.user, &self.users),
            ("--origin", &filter.origin, &self.origins),
        ];
        let mut remarks = Vec::new();
        for (option, asked, known) in known {
            for asked in asked {
                if known.iter().any(|known| matches(asked, known)) {
                    continue;
                }
                let near = if option == "--origin" {
                    near_origin(asked, known, &self.origin_labels)
                } else {
                    nearest(asked, known.iter().map(String::as_str))
                        .map_or_else(String::new, |near| format!("; did you mean {near:?}?"))
                };
                remarks.push(format!("{option} {asked:?} is in none of the chains{near}"));
            }
        }
        remarks
    }
}

/// The origin that was probably meant: for an ARN, one of the same service; else a name. If nothing is
/// near, the labels that there are.
fn near_origin(asked: &str, known: &BTreeSet<String>, labels: &BTreeSet<String>) -> String {
    let service = |arn: &str| arn.split(':').nth(2).map(str::to_owned);
    let is_alike = |name: &&str| {
        if asked.starts_with("arn:") {
            name.starts_with("arn:") && service(name) == service(asked)
        } else {
            !name.starts_with("arn:") && !asked.contains(',')
        }
    };
    let alike = known.iter().map(String::as_str).filter(is_alike);
    if let Some(near) = nearest(asked, alike).filter(|_| !asked.is_empty()) {
        return format!("; did you mean {near:?}?");
    }
    let labels: Vec<&str> = labels.iter().map(String::as_str).collect();
    format!(
        "; it takes one of {}, or the name or ARN of a resource",
        labels.join(", ")
    )
}

/// Returns true if chains are asked for by what they read.
pub(super) fn asks_reads(filter: &FilterArgs) -> bool {
    !(filter.table.is_empty() && filter.database.is_empty() && filter.producer.is_empty())
}

/// The producer of a read: by account id, and by name.
fn producers<'r>(read: &'r DataRead, topology: &'r Topology) -> impl Iterator<Item = &'r str> {
    let account = read.owner_account_id.as_deref();
    let name = account.and_then(|account| topology.account_name(account));
    account.into_iter().chain(name.map(|name| &**name))
}

fn consumers(chain: &Chain) -> impl Iterator<Item = &str> {
    let name = chain.consumer_name.as_deref();
    name.into_iter().chain(chain.consumer_account_id.as_deref())
}

/// The business unit, or the name of having none.
fn business_unit(chain: &Chain) -> [&str; 1] {
    [chain.business_unit.as_deref().unwrap_or(UNMAPPED)]
}

fn data_sources(chain: &Chain) -> impl Iterator<Item = &str> {
    let arn = chain.data_source_arn.as_deref();
    arn.into_iter().flat_map(|arn| [arn, tail(arn)])
}

fn work_groups(chain: &Chain) -> impl Iterator<Item = &str> {
    let queries = chain.queries.iter();
    queries.filter_map(|query| query.work_group.as_deref())
}

/// The whole name, the whole e-mail address, and the part before it.
fn users(chain: &Chain) -> impl Iterator<Item = &str> {
    let name = chain.quick_user.as_ref().map(|user| &*user.name);
    name.into_iter().flat_map(|name| {
        let last = tail(name);
        [name, last, last.split('@').next().unwrap_or(last)]
    })
}

fn dashboards(chain: &Chain) -> impl Iterator<Item = &str> {
    let user = chain.quick_user.as_ref();
    let arn = user.and_then(|user| user.resource_arn.as_deref());
    arn.into_iter().flat_map(|arn| [arn, tail(arn)])
}

fn regions(chain: &Chain) -> impl Iterator<Item = &str> {
    let queries = chain.queries.iter();
    queries.filter_map(|query| query.region.as_deref())
}

fn wants_query_id(asked: &[String], chain: &Chain) -> bool {
    let of = |id: &QueryExecutionId| {
        let id = id.to_string();
        any_matches(asked, [id.as_str()])
    };
    asked.is_empty()
        || chain
            .queries
            .iter()
            .filter_map(|query| query.query_execution_id.as_ref())
            .any(of)
        || chain
            .repeated_queries
            .iter()
            .any(|one| of(&one.query_execution_id))
}

/// The service with and without its domain, or `people` and `unknown`; the resource and its name.
fn origins(chain: &Chain) -> impl Iterator<Item = &str> {
    let resource = chain.origin.resource_arn.as_deref();
    let named = resource.map(resource_name);
    let labels = [chain.origin.label(), chain.origin.short_label()];
    labels.into_iter().chain(resource).chain(named)
}

fn any_matches<'v>(asked: &[String], values: impl IntoIterator<Item = &'v str>) -> bool {
    asked.is_empty()
        || values
            .into_iter()
            .any(|value| asked.iter().any(|asked| matches(asked, value)))
}

/// Returns true if the value is the asked one, in any case; `*` stands for any text.
fn matches(asked: &str, value: &str) -> bool {
    pattern::matches(&asked.to_lowercase(), &value.to_lowercase())
}

fn status(arg: StatusArg) -> ChainStatus {
    match arg {
        StatusArg::Complete => ChainStatus::Complete,
        StatusArg::Partial => ChainStatus::Partial,
        StatusArg::Idle => ChainStatus::Idle,
        StatusArg::Denied => ChainStatus::Denied,
    }
}

fn path(arg: PathArg) -> Option<ChainPath> {
    match arg {
        PathArg::QuickRoleChain => Some(ChainPath::QuickRoleChain),
        PathArg::RoleChain => Some(ChainPath::RoleChain),
        PathArg::ServiceRole => Some(ChainPath::ServiceRole),
        PathArg::Direct => Some(ChainPath::Direct),
        PathArg::Session => Some(ChainPath::Session),
        PathArg::Any => None,
    }
}

/// Sorts, with start and id to settle the rest, which is the order they come in.
fn sort(chains: &mut [&Chain], key: SortKey) {
    match key {
        SortKey::Started => {}
        SortKey::Bytes => chains.sort_by_key(|chain| std::cmp::Reverse(chain.bytes_scanned())),
        SortKey::Latest => chains.reverse(),
        SortKey::Queries => chains.sort_by_key(|chain| std::cmp::Reverse(chain.queries.len())),
        SortKey::Calls => chains.sort_by_key(|chain| std::cmp::Reverse(chain.call_count())),
        SortKey::Duration => chains.sort_by_key(|chain| {
            std::cmp::Reverse(chain.started_at.distance(chain.last_activity_at))
        }),
        SortKey::Consumer => chains.sort_by(|left, right| {
            let name = |chain: &Chain| {
                (
                    chain.consumer_name.clone(),
                    chain.consumer_account_id.clone(),
                )
            };
            name(left).cmp(&name(right))
        }),
    }
}

/// `500MB`, `2 GB`, `1TB`, `10MiB`, or plain bytes.
fn bytes(text: &str) -> Result<u64, Failure> {
    let digits = text
        .trim()
        .trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let unit = text.trim()[digits.len()..].to_ascii_lowercase();
    let scale: Option<u64> = match unit.as_str() {
        "" | "b" => Some(1),
        "kb" | "k" => Some(1000),
        "mb" | "m" => Some(1_000_000),
        "gb" | "g" => Some(1_000_000_000),
        "tb" | "t" => Some(1_000_000_000_000),
        "pb" | "p" => Some(1_000_000_000_000_000),
        "kib" => Some(1 << 10),
        "mib" => Some(1 << 20),
        "gib" => Some(1 << 30),
        "tib" => Some(1 << 40),
        _ => None,
    };
    let number: Option<u64> = digits.trim().parse().ok();
    number
        .zip(scale)
        .and_then(|(number, scale)| number.checked_mul(scale))
        .ok_or_else(|| {
            Failure::usage(format!("--min-bytes {text:?} is not a size"))
                .hint("write an integer and a unit: 500MB, 2GB, 1TiB")
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_any_case_and_with_stars() {
        assert!(matches("retail", "Retail") && matches("QUICK-*", "quick-retail"));
        assert!(!matches("retail", "retail-2"));
    }

    #[test]
    fn sizes_have_units() {
        let read = |text: &str| bytes(text).ok();
        assert_eq!(read("10"), Some(10));
        assert_eq!(read("2 GB"), Some(2_000_000_000));
        assert_eq!(read("10MiB"), Some(10 << 20));
        for text in ["", "GB", "1.5GB", "-1", "1XB", "99999999999TB"] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn the_nearest_name_is_a_similar_one() {
        let names = ["retail", "wholesale"];
        assert_eq!(nearest("retial", names.into_iter()), Some("retail"));
        assert_eq!(nearest("zzz", names.into_iter()), None);
    }
}
