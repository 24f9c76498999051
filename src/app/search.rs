//! Searching chains by anything that names a part of them: ids, keys, sessions, addresses, people,
//! resources.

use crate::model::audit::Audit;
use crate::model::chain::{Chain, RoleSession};
use crate::model::data_read::DataRead;
use crate::model::event::Event;
use crate::model::finding::PreviousFinding;
use crate::model::ids::EventId;
use crate::model::pattern;
use crate::model::road::{ActingKind, is_same_quick_user, resource_name};
use std::collections::BTreeMap;

/// The kind of thing that a text names.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    strum::IntoStaticStr,
    strum::VariantArray,
)]
#[strum(serialize_all = "kebab-case")]
pub enum ThingKind {
    /// A chain.
    Chain,
    /// A query execution of Athena.
    QueryExecution,
    /// An access key id.
    AccessKey,
    /// The name of a role session.
    RoleSessionName,
    /// An assumed role id: `AROA...:NAME`.
    AssumedRoleId,
    /// The ARN of a role session, of IAM's user, or of another caller.
    Caller,
    /// A role.
    Role,
    /// An event.
    Event,
    /// An address, or the name of a service in its place.
    IpAddress,
    /// A user of Quick.
    QuickUser,
    /// A source identity.
    SourceIdentity,
    /// Someone else for whom a chain acted: an agent, a flow, a user of Identity Center.
    ActingFor,
    /// A dashboard or analysis.
    Dashboard,
    /// A data source.
    DataSource,
    /// A table, or a bucket.
    Table,
    /// A function.
    Function,
    /// A state machine, job or instance: the resource that a chain is for.
    Resource,
    /// An account.
    Account,
    /// A work group.
    WorkGroup,
    /// A finding.
    Finding,
    /// An incident.
    Incident,
}

impl ThingKind {
    /// All kinds, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The kind as outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The kind in words: `an access key`.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::Chain => "a chain",
            Self::QueryExecution => "a query execution",
            Self::AccessKey => "an access key",
            Self::RoleSessionName => "the name of a role session",
            Self::AssumedRoleId => "an assumed role id",
            Self::Caller => "a caller",
            Self::Role => "a role",
            Self::Event => "an event",
            Self::IpAddress => "an address",
            Self::QuickUser => "a user of Quick",
            Self::SourceIdentity => "a source identity",
            Self::ActingFor => "one for whom chains acted",
            Self::Dashboard => "a dashboard",
            Self::DataSource => "a data source",
            Self::Table => "a table",
            Self::Function => "a function",
            Self::Resource => "a resource that chains are for",
            Self::Account => "an account",
            Self::WorkGroup => "a work group",
            Self::Finding => "a finding",
            Self::Incident => "an incident",
        }
    }
}

/// A thing, as chains name it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Thing {
    /// Its kind.
    pub kind: ThingKind,
    /// Its name: text from logs.
    pub name: String,
}

/// How a text names things.
#[derive(Debug, Clone)]
pub struct Asked {
    lower: String,
    /// The beginning of an id.
    start: String,
    /// True if any part of a name counts, and `*` stands for any text.
    is_part: bool,
}

impl Asked {
    /// The whole name, the ARN, or the last part of it.
    #[must_use]
    pub fn whole(text: &str) -> Self {
        Self {
            lower: text.trim().to_lowercase(),
            start: String::new(),
            is_part: false,
        }
    }

    /// Any part of a name; `*` stands for any text.
    #[must_use]
    pub fn part(text: &str) -> Self {
        let lower = text.trim().to_lowercase();
        let (pattern, start) = if lower.contains('*') {
            (lower.clone(), lower)
        } else {
            (format!("*{lower}*"), format!("{lower}*"))
        };
        Self {
            lower: pattern,
            start,
            is_part: true,
        }
    }

    /// Returns true if it is this name.
    #[must_use]
    pub fn is(&self, name: &str) -> bool {
        if self.is_part {
            return pattern::matches(&self.lower, &name.to_lowercase());
        }
        name.to_lowercase() == self.lower
    }

    /// Returns true if it is this id: of a part, only the beginning counts, since ids hold any letters.
    fn is_id(&self, id: &str) -> bool {
        if self.is_part {
            return pattern::matches(&self.start, &id.to_lowercase());
        }
        self.is(id)
    }

    /// The name itself, or the last part of an ARN or path.
    fn is_name(&self, name: &str) -> bool {
        self.is(name) || (!self.is_part && self.is(resource_name(name)))
    }

    /// The whole name, the whole e-mail address, or the part before it.
    fn is_user(&self, name: &str) -> bool {
        let last = name.rsplit('/').next().unwrap_or(name);
        self.is(name)
            || self.is(last)
            || last
                .split_once('@')
                .is_some_and(|(local, _)| self.is(local))
            || (!self.is_part && is_same_quick_user(&self.lower, name))
    }

    fn is_table(&self, read: &DataRead) -> bool {
        let subject = &read.subject;
        self.is(&read.name())
            || subject.table.as_deref().is_some_and(|table| self.is(table))
            || subject.table_arn.as_deref().is_some_and(|arn| self.is(arn))
            || subject
                .bucket
                .as_deref()
                .is_some_and(|bucket| self.is(bucket))
    }
}

/// Things that a text names, each with the positions of its chains.
pub type Hits = BTreeMap<Thing, Vec<usize>>;

/// Returns the things of chains that a text names.
#[must_use]
pub fn search(audit: &Audit, asked: &Asked) -> Hits {
    let mut hits = Hits::new();
    for (at, chain) in audit.chains.iter().enumerate() {
        let mut found = HitsOfChain {
            asked,
            chain: at,
            hits: &mut hits,
        };
        found.chain(chain);
        for entry in &chain.events {
            if let Some(event) = audit.events.get(entry.event as usize) {
                found.event(event);
            }
        }
    }
    hits
}

/// The hits of one chain.
struct HitsOfChain<'a> {
    asked: &'a Asked,
    chain: usize,
    hits: &'a mut Hits,
}

impl HitsOfChain<'_> {
    fn put(&mut self, kind: ThingKind, name: &str) {
        let thing = Thing {
            kind,
            name: name.to_owned(),
        };
        let chains = self.hits.entry(thing).or_default();
        if chains.last() != Some(&self.chain) {
            chains.push(self.chain);
        }
    }

    fn exact(&mut self, kind: ThingKind, name: Option<&str>) {
        let is_id = matches!(
            kind,
            ThingKind::AccessKey | ThingKind::Chain | ThingKind::Event | ThingKind::QueryExecution
        );
        let is_asked = |name: &&str| {
            if is_id {
                self.asked.is_id(name)
            } else {
                self.asked.is(name)
            }
        };
        if let Some(name) = name.filter(is_asked) {
            self.put(kind, name);
        }
    }

    fn named(&mut self, kind: ThingKind, name: Option<&str>) {
        if let Some(name) = name.filter(|name| self.asked.is_name(name)) {
            self.put(kind, name);
        }
    }

    fn id(&mut self, kind: ThingKind, id: &EventId) {
        let id = id.to_string();
        self.exact(kind, Some(&id));
    }

    fn chain(&mut self, chain: &Chain) {
        self.exact(ThingKind::Chain, Some(&chain.chain_id));
        for account in [&chain.hub_account_id, &chain.consumer_account_id] {
            self.exact(ThingKind::Account, account.as_deref());
        }
        self.named(ThingKind::DataSource, chain.data_source_arn.as_deref());
        let resource = chain.origin.resource_arn.as_deref();
        let is_function = resource.is_some_and(|arn| arn.contains(":function:"));
        let kind = if is_function {
            ThingKind::Function
        } else {
            ThingKind::Resource
        };
        self.named(kind, resource);
        for session in chain.sessions() {
            self.session(session);
        }
        for query in &chain.queries {
            let id = query.query_execution_id.as_ref().map(ToString::to_string);
            self.exact(ThingKind::QueryExecution, id.as_deref());
            self.exact(ThingKind::WorkGroup, query.work_group.as_deref());
        }
        for repeated in &chain.repeated_queries {
            let id = repeated.query_execution_id.to_string();
            self.exact(ThingKind::QueryExecution, Some(&id));
        }
        for read in chain.all_reads() {
            if self.asked.is_table(read) {
                self.put(ThingKind::Table, &read.name());
            }
            self.named(ThingKind::Function, read.subject.function_arn.as_deref());
        }
        if let Some(user) = &chain.quick_user {
            if self.asked.is_user(&user.name) {
                self.put(ThingKind::QuickUser, &user.name);
            }
            self.named(ThingKind::Dashboard, user.resource_arn.as_deref());
        }
        for one in &chain.acting_for {
            let kind = match one.kind {
                ActingKind::QuickUser => ThingKind::QuickUser,
                ActingKind::SourceIdentity => ThingKind::SourceIdentity,
                _ => ThingKind::ActingFor,
            };
            if self.asked.is_user(&one.id) {
                self.put(kind, &one.id);
            }
        }
    }

    fn session(&mut self, session: &RoleSession) {
        self.named(ThingKind::Role, session.role_arn.as_deref());
        self.exact(
            ThingKind::RoleSessionName,
            session.role_session_name.as_deref(),
        );
        self.exact(ThingKind::AssumedRoleId, session.assumed_role_id.as_deref());
        self.exact(ThingKind::AccessKey, session.access_key_id.as_deref());
        self.named(ThingKind::Caller, session.assumed_by.as_deref());
        self.exact(ThingKind::Account, session.source_account_id.as_deref());
        self.exact(ThingKind::IpAddress, session.source_ip.as_deref());
        self.named(ThingKind::DataSource, session.external_id.as_deref());
        for id in &session.event_ids {
            self.id(ThingKind::Event, id);
        }
    }

    fn event(&mut self, event: &Event) {
        self.id(ThingKind::Event, &event.id);
        let identity = &event.identity;
        self.exact(ThingKind::IpAddress, event.source_ip.as_deref());
        self.exact(ThingKind::AccessKey, identity.access_key_id.as_deref());
        self.exact(
            ThingKind::AssumedRoleId,
            identity.assumed_role_id().map(|id| &**id),
        );
        self.named(ThingKind::Caller, identity.best_name().map(|name| &**name));
        self.exact(
            ThingKind::SourceIdentity,
            identity.source_identity.as_deref(),
        );
    }
}

/// Findings that an id names: of the finding itself, or of its incident.
#[must_use]
pub fn named_findings<'f>(
    known: impl IntoIterator<Item = &'f PreviousFinding>,
    id: &str,
) -> Vec<&'f PreviousFinding> {
    let id = id.trim().to_lowercase();
    let known = known.into_iter();
    known
        .filter(|finding| finding.finding_id == id || finding.incident_id == id)
        .collect()
}
