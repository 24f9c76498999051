//! The chain record: AssumeRole -> AssumeRole -> StartQueryExecution (docs/output-v1.md).

pub use super::confidence::Confidence;
use super::data_read::DataRead;
use super::execution::QueryFigures;
use super::ids::{
    AccessKeyId, AccountId, DataSourceArn, EventId, QueryExecutionId, QuickQueryId, Region, RoleArn,
};
use super::integrity::Integrity;
use super::road::{ActingFor, Origin, RelatedChain};
use super::text::Text;
use super::time::UtcSecond;
use rust_decimal::Decimal;
use std::sync::Arc;

/// The kind of a chain.
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
pub enum ChainPath {
    /// Quick -> Role A -> Role B: the feature.
    QuickRoleChain,
    /// Another AssumeRole chain that ends in Athena, or touches Role A or B.
    RoleChain,
    /// An AWS service assumed one role and queried.
    ServiceRole,
    /// A person or user queried without a chain.
    Direct,
    /// A role session that has nothing to do with Quick or Athena.
    Session,
}

impl ChainPath {
    /// All paths, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The path as the outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The completeness of a chain.
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
pub enum ChainStatus {
    /// Every hop and at least one query.
    Complete,
    /// Something is missing; `missing` says what and why.
    Partial,
    /// Every hop, no query yet.
    Idle,
    /// The role was refused.
    Denied,
}

impl ChainStatus {
    /// All statuses, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The status as the outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A part of a chain that was not read.
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
pub enum MissingPart {
    /// The AssumeRole that made the session before the consumer session.
    RunAsSession,
    /// The hub's copy of the hop into the consumer.
    HubCopy,
    /// The consumer's copy of the hop into the consumer.
    ConsumerCopy,
    /// The AssumeRole that made the consumer session.
    ConsumerSession,
}

impl MissingPart {
    /// All parts, in the order of the documentation.
    pub const ALL: &'static [Self] = <Self as strum::VariantArray>::VARIANTS;

    /// The part as the outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// A gap in a chain.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Missing {
    /// The missing part.
    pub part: MissingPart,
    /// The reason, where it is known.
    pub why: Option<String>,
}

/// The kind of caller that created a role session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum SessionIssuer {
    /// Quick itself.
    Quick,
    /// Another AWS service.
    Service,
    /// A role session or a user, by AssumeRole.
    Principal,
    /// Someone who signed in: SAML, web identity.
    Federated,
    /// The AssumeRole was not read.
    #[default]
    NotLogged,
}

/// A session of a role, from the AssumeRole that made it and from its calls.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleSession {
    /// The role, with its IAM path where that was logged.
    pub role_arn: Option<RoleArn>,
    /// The account the role is in.
    pub account_id: Option<AccountId>,
    /// `roleSessionName`.
    pub role_session_name: Option<Text>,
    /// `AROA...:session-name`.
    pub assumed_role_id: Option<Text>,
    /// The issued access key id.
    pub access_key_id: Option<AccessKeyId>,
    /// The time it was created.
    pub assumed_at: Option<UtcSecond>,
    /// The time its credentials expire.
    pub expires_at: Option<UtcSecond>,
    /// The kind of caller that created it.
    pub issuer: SessionIssuer,
    /// True if AWS itself says that Quick made the AssumeRole: by `invokedBy`, or by the service's
    /// name as source.
    pub says_quick: bool,
    /// True if the parameters of the AssumeRole were logged: what is not in them was then not
    /// asked.
    pub parameters_known: bool,
    /// The caller that created it: a service, the caller's ARN, or its principal id where only that
    /// was logged. `None` where the AssumeRole was not read.
    pub assumed_by: Option<Text>,
    /// The account it was assumed from, where a session or user of an account
    /// did; `None` for a service.
    pub source_account_id: Option<AccountId>,
    /// `sourceIPAddress` of the AssumeRole.
    pub source_ip: Option<Text>,
    /// `externalId` of the AssumeRole.
    pub external_id: Option<Text>,
    /// The inline policy of the AssumeRole.
    pub scope_down: ScopeDown,
    /// Event ids of the AssumeRole copies, sorted.
    pub event_ids: Vec<EventId>,
}

/// The inline session policy of an AssumeRole.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ScopeDown {
    /// True if there was one; `None` where the parameters were not logged.
    pub present: Option<bool>,
    /// Its resources, sorted; empty where the policy cannot be read as JSON.
    pub resources: Arc<[Text]>,
    /// The policy itself, as it was logged.
    pub policy: Option<Text>,
    /// Managed policies that narrow the session, too: `policyArns`.
    pub policy_arns: Box<[Text]>,
}

/// An Athena query execution, as CloudTrail tells it; what it scanned and cost
/// is joined in from query statistics.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryExecution {
    /// Athena's id; `None` where the call was refused.
    pub query_execution_id: Option<QueryExecutionId>,
    /// The time it was submitted.
    pub started_at: UtcSecond,
    /// The Region it ran in.
    pub region: Option<Region>,
    /// The work group; `primary` where the call named none.
    pub work_group: Option<Text>,
    /// The data catalog.
    pub catalog: Option<Text>,
    /// The database.
    pub database: Option<Text>,
    /// The error code of a refused call.
    pub error_code: Option<Text>,
    /// The StartQueryExecution event.
    pub event_id: EventId,
    /// The confidence of the link to the session.
    pub confidence: Confidence,
    /// The bytes scanned and billed, where statistics of it were read.
    pub figures: Option<Box<QueryFigures>>,
    /// What it read; empty where it is known to have read nothing, `None` where nothing is known.
    pub reads: Option<Vec<DataRead>>,
}

impl QueryExecution {
    /// Bytes scanned: none where Athena refused the query, `None` where unknown.
    #[must_use]
    pub fn bytes_scanned(&self) -> Option<u64> {
        self.figure(0, |figures| figures.bytes_scanned)
    }

    /// Bytes billed: none where Athena refused the query, `None` where unknown.
    #[must_use]
    pub fn bytes_billed(&self) -> Option<u64> {
        self.figure(0, |figures| figures.bytes_billed)
    }

    /// Billed bytes at list price: none where Athena refused the query, `None`
    /// where unknown.
    #[must_use]
    pub fn estimated_cost_usd(&self) -> Option<Decimal> {
        self.figure(Decimal::ZERO, |figures| figures.estimated_cost_usd)
    }

    /// Returns true if Athena took the query and no statistics of it were read.
    #[must_use]
    pub fn lacks_statistics(&self) -> bool {
        self.query_execution_id.is_some() && self.figures.is_none()
    }

    fn figure<T>(&self, of_refused: T, known: impl Fn(&QueryFigures) -> Option<T>) -> Option<T> {
        match &self.query_execution_id {
            None => Some(of_refused),
            Some(_) => self.figures.as_deref().and_then(known),
        }
    }
}

/// A later call that named a query execution: it submitted nothing, and costs nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatedQuery {
    /// Athena's id.
    pub query_execution_id: QueryExecutionId,
    /// The time of the call.
    pub repeated_at: UtcSecond,
    /// The StartQueryExecution event of the call.
    pub event_id: EventId,
    /// The chain that submitted the execution; `None` if its submission was not read.
    pub chain_id: Option<String>,
}

/// The Quick user, where an event or a comment names one
/// (docs/cloudtrail-facts.md#quicks-own-events, docs/cloudtrail-facts.md#the-sql-comment).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuickUser {
    /// The best name the event has.
    pub name: Text,
    /// `Proven` by query id, else `Probable`.
    pub confidence: Confidence,
    /// The dashboard or analysis.
    pub resource_arn: Option<Text>,
    /// The data set.
    pub data_set_arn: Option<Text>,
    /// Quick's own query id.
    pub query_id: Option<QuickQueryId>,
}

/// An event of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChainEvent {
    /// Position in the run's events.
    pub event: u32,
    /// The session that the event belongs to.
    pub session: ChainPart,
    /// The confidence of the link.
    pub confidence: Confidence,
}

/// The part of a chain that an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, strum::IntoStaticStr)]
#[strum(serialize_all = "kebab-case")]
pub enum ChainPart {
    /// A call of the session before the consumer session, or its making.
    RunAs,
    /// A call of the consumer session, or its making.
    Consumer,
    /// An event of Quick itself.
    Quick,
}

impl ChainPart {
    /// The part as the outputs spell it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// One session of the consumer role, with its queries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chain {
    /// `c-` and 12 hex digits; the same whatever window, order or copy was read.
    pub chain_id: String,
    /// The kind of chain.
    pub path: ChainPath,
    /// True if it touched Role A or a Role B, declared or discovered.
    pub touches_quick: bool,
    /// The chain's completeness.
    pub status: ChainStatus,
    /// The missing parts.
    pub missing: Vec<Missing>,
    /// The least sure of its links.
    pub confidence: Confidence,
    /// The time its consumer session was created (else its first event).
    pub started_at: UtcSecond,
    /// Its last event.
    pub last_activity_at: UtcSecond,
    /// The hub.
    pub hub_account_id: Option<AccountId>,
    /// The consumer.
    pub consumer_account_id: Option<AccountId>,
    /// The consumer's declared name.
    pub consumer_name: Option<Text>,
    /// The consumer's declared business unit.
    pub business_unit: Option<Text>,
    /// The Quick data source, from the external id.
    pub data_source_arn: Option<DataSourceArn>,
    /// The maker of its first session.
    pub origin: Origin,
    /// Those for whom it acted, as far as anything says so, sorted.
    pub acting_for: Vec<ActingFor>,
    /// Chains of other roles that the same session of a service assumed, by id.
    pub related_chains: Vec<RelatedChain>,
    /// Sessions that led to the consumer session, first to last: each assumed the role
    /// of the next one.
    pub earlier_sessions: Vec<RoleSession>,
    /// The session whose credentials ran the queries.
    pub consumer_session: Option<RoleSession>,
    /// Queries submitted in the window, by time.
    pub queries: Vec<QueryExecution>,
    /// Calls that named query executions which were submitted before.
    pub repeated_queries: Vec<RepeatedQuery>,
    /// Reads that several of its queries may have made, or that no query of the logs made.
    pub reads: Vec<DataRead>,
    /// Events linked to the consumer session, counted by `service:EventName`
    /// and sorted by it.
    pub calls: Vec<(Text, u64)>,
    /// The Quick user.
    pub quick_user: Option<QuickUser>,
    /// Further notes for readers.
    pub notes: Vec<String>,
    /// Every event of its sessions, by time.
    pub events: Vec<ChainEvent>,
    /// The worst integrity status of the log files that its events came from; `None` if the run did
    /// not ask for it.
    pub integrity: Option<Integrity>,
}

impl Chain {
    /// The first session of a chain of several, or of a chain that never reached a
    /// consumer; `None` in chains of one session.
    #[must_use]
    pub fn run_as_session(&self) -> Option<&RoleSession> {
        self.earlier_sessions.first()
    }

    /// Gives back the memory that its lists have in reserve: most have one entry or two.
    pub fn shrink_to_fit(&mut self) {
        self.earlier_sessions.shrink_to_fit();
        self.queries.shrink_to_fit();
        self.calls.shrink_to_fit();
        self.notes.shrink_to_fit();
        self.events.shrink_to_fit();
    }

    /// What its queries read, and what it read apart from them.
    pub fn all_reads(&self) -> impl Iterator<Item = &DataRead> + Clone {
        let of_queries = self.queries.iter();
        let of_queries = of_queries.flat_map(|query| query.reads.iter().flatten());
        of_queries.chain(&self.reads)
    }

    /// Its sessions, in order, and the caller of a consumer who has none.
    pub fn sessions(&self) -> impl Iterator<Item = &RoleSession> {
        self.earlier_sessions.iter().chain(&self.consumer_session)
    }

    /// The session that assumed the consumer role. In chains of two sessions it is the
    /// run-as session.
    #[must_use]
    pub fn caller_session(&self) -> Option<&RoleSession> {
        self.earlier_sessions.last()
    }

    /// Role sessions in order, first to last. Users and AWS services that query
    /// without a session have none.
    pub fn hops(&self) -> impl Iterator<Item = &RoleSession> {
        let consumer = self.consumer_session.iter();
        let is_session = |session: &&RoleSession| {
            session.role_arn.is_some() || session.assumed_role_id.is_some()
        };
        self.earlier_sessions
            .iter()
            .chain(consumer.filter(is_session))
    }

    /// The consumer's declared name, else its account.
    #[must_use]
    pub fn consumer_label(&self) -> Option<&Text> {
        let account = self.consumer_account_id.as_ref();
        self.consumer_name.as_ref().or(account.map(AccountId::text))
    }

    /// Returns the number of events linked to the consumer session.
    #[must_use]
    pub fn call_count(&self) -> u64 {
        self.calls.iter().map(|(_, count)| count).sum()
    }

    /// Bytes its queries scanned, as far as statistics were read; `None` where
    /// nothing is known of any of its queries.
    #[must_use]
    pub fn bytes_scanned(&self) -> Option<u64> {
        sum_of_known(
            &self.queries,
            QueryExecution::bytes_scanned,
            u64::saturating_add,
        )
    }

    /// Bytes its queries are billed for, as far as statistics were read.
    #[must_use]
    pub fn bytes_billed(&self) -> Option<u64> {
        sum_of_known(
            &self.queries,
            QueryExecution::bytes_billed,
            u64::saturating_add,
        )
    }

    /// Its billed bytes at list price, as far as it is known.
    #[must_use]
    pub fn estimated_cost_usd(&self) -> Option<Decimal> {
        sum_of_known(
            &self.queries,
            QueryExecution::estimated_cost_usd,
            Decimal::saturating_add,
        )
    }

    /// Queries that Athena took and no statistics were read of.
    #[must_use]
    pub fn queries_without_statistics(&self) -> u64 {
        let lacking = self.queries.iter().filter(|query| query.lacks_statistics());
        lacking.count() as u64
    }

    /// Returns true if any link of it could not be decided.
    #[must_use]
    pub fn is_ambiguous(&self) -> bool {
        self.confidence == Confidence::Ambiguous
    }
}

/// The sum of what is known; `None` where there are queries and nothing is known
/// of any.
fn sum_of_known<T: Default>(
    queries: &[QueryExecution],
    figure: impl Fn(&QueryExecution) -> Option<T>,
    add: impl Fn(T, T) -> T,
) -> Option<T> {
    if queries.is_empty() {
        return Some(T::default());
    }
    queries.iter().filter_map(figure).reduce(add)
}

/// The number of ambiguous chains among some.
pub fn ambiguous_in<'a>(chains: impl IntoIterator<Item = &'a Chain>) -> u64 {
    let ambiguous = chains.into_iter().filter(|chain| chain.is_ambiguous());
    ambiguous.count() as u64
}
