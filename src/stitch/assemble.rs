//! One chain record for each consumer session, and for each refused one.

use super::context::{Context, EARLIER_SESSIONS_MAX};
use super::hops::{Hop, refusal};
use super::origin::ChainOrigins;
use super::path::{self, ChainKind, issuer};
use super::peers::SessionId;
use super::related::Siblings;
use super::roles::Roles;
use super::session::{Link, Session};
use super::sessions::Sessions;
use super::submissions::Submissions;
use crate::model::chain::{
    Chain, ChainEvent, ChainPart, ChainPath, ChainStatus, Confidence, Missing, MissingPart,
    QueryExecution, RepeatedQuery, RoleSession, ScopeDown, SessionIssuer,
};
use crate::model::event::{Detail, Event};
use crate::model::identity::Identity;
use crate::model::ids::{AccountId, DataSourceArn, is_data_source_arn};
use crate::model::road::{Origin, QUICK_SERVICE, RELATED_CHAINS_MAX, RelatedChain};
use crate::model::text::{Text, digest_id};
use crate::model::time::{CLOCK_SKEW_SECONDS, UtcSecond};
use hashbrown::{HashMap, HashSet};
use std::collections::{BTreeMap, BTreeSet};

/// The work group of a call that names none (docs/cloudtrail-facts.md#startqueryexecution).
const DEFAULT_WORK_GROUP: &str = "primary";

/// All chains in the window, by start and id.
pub(super) fn assemble(
    events: &[Event],
    sessions: &Sessions,
    roles: &Roles,
    context: &Context<'_>,
) -> Vec<Chain> {
    let origins = ChainOrigins::new(events, sessions, roles);
    let mut assembler = Assembler {
        events,
        sessions,
        roles,
        context,
        actions: HashMap::new(),
        ids: Vec::new(),
        listed: HashSet::new(),
        submissions: Submissions::of(events, context.statistics),
        origins: &origins,
        siblings: Siblings::of(events, sessions, roles, &origins),
    };
    let mut chains = assembler.session_chains();
    chains.extend(assembler.denied_chains());
    chains.extend(assembler.direct_chains());
    chains.extend(assembler.owner_copy_chains());
    chains.sort_by(|left, right| {
        (left.started_at, &left.chain_id).cmp(&(right.started_at, &right.chain_id))
    });
    // Names are the same whatever the window.
    tell_equals_apart(&mut chains);
    assembler.submissions.name_chains(&mut chains);
    chains.retain(|chain| assembler.in_window(chain));
    for chain in &mut chains {
        declare(chain, context);
    }
    chains
}

/// Sets the fields of the chain that the configuration declares for the consumer.
fn declare(chain: &mut Chain, context: &Context<'_>) {
    if let Some(account) = chain.consumer_account_id.as_deref() {
        chain.consumer_name = context.topology.account_name(account).cloned();
        chain.business_unit = context.topology.business_unit(account).cloned();
    }
}

/// Sessions that agree in all that makes an id are numbered.
fn tell_equals_apart(chains: &mut [Chain]) {
    let mut start = 0;
    while start < chains.len() {
        let same = chains[start..]
            .iter()
            .take_while(|chain| chain.chain_id == chains[start].chain_id)
            .count();
        for (number, chain) in chains[start..start + same].iter_mut().enumerate().skip(1) {
            chain.chain_id = format!("{}-{}", chain.chain_id, number + 1);
            chain.notes.push(
                "another session has the same role, session name, creation time and access key ID; the two cannot be distinguished"
                    .to_owned(),
            );
        }
        start += same;
    }
}

pub(super) fn chain_id(parts: &[&str]) -> String {
    digest_id('c', parts.iter().copied())
}

pub(super) struct Assembler<'a> {
    pub(super) events: &'a [Event],
    pub(super) sessions: &'a Sessions,
    pub(super) roles: &'a Roles,
    pub(super) context: &'a Context<'a>,
    /// `service:EventName` by source and name.
    actions: HashMap<(Text, Text), Text>,
    /// Chain ids by session, for notes that name other chains.
    pub(super) ids: Vec<Option<String>>,
    /// Sessions of many calls whose calls a chain lists already.
    listed: HashSet<SessionId>,
    submissions: Submissions,
    pub(super) origins: &'a ChainOrigins<'a>,
    siblings: Siblings,
}

/// A chain in the making, with what only its making needs.
struct ChainDraft {
    session: SessionId,
    kind: ChainKind,
}

impl Assembler<'_> {
    fn session_chains(&mut self) -> Vec<Chain> {
        let has_child = self.sessions_with_children();
        let drafts: Vec<ChainDraft> = (0u32..)
            .zip(&self.sessions.all)
            .filter_map(|(id, session)| {
                let kind = self.wanted(id, session, &has_child)?;
                Some(ChainDraft { session: id, kind })
            })
            .collect();
        let drafts = self.with_siblings(drafts);
        self.ids = vec![None; self.sessions.all.len()];
        for draft in &drafts {
            let session = self.sessions.get(draft.session);
            self.ids[draft.session as usize] = Some(id_of(session));
        }
        let chains = drafts.iter().map(|draft| {
            let mut chain = self.chain(draft);
            chain.shrink_to_fit();
            chain
        });
        chains.collect()
    }

    /// Adds the siblings of sessions that are chains: what else the same origin did.
    fn with_siblings(&self, mut drafts: Vec<ChainDraft>) -> Vec<ChainDraft> {
        let wanted: HashSet<SessionId> = drafts.iter().map(|draft| draft.session).collect();
        let siblings = wanted.iter().filter_map(|&id| self.siblings.get(id));
        let further: BTreeSet<SessionId> = siblings
            .flat_map(|siblings| siblings.sessions.iter().copied())
            .filter(|id| !wanted.contains(id))
            .collect();
        drafts.extend(further.into_iter().map(|session| ChainDraft {
            session,
            kind: ChainKind {
                path: ChainPath::RoleChain,
                has_run_as: true,
                touches_quick: false,
            },
        }));
        drafts
    }

    fn related_chains(&self, id: SessionId) -> Vec<RelatedChain> {
        let Some(siblings) = self.siblings.get(id) else {
            return Vec::new();
        };
        let named = siblings.sessions.iter();
        let named = named.filter_map(|&other| self.ids[other as usize].clone());
        let service = &siblings.service;
        let mut related: Vec<RelatedChain> = named
            .map(|chain_id| RelatedChain {
                chain_id,
                why: format!("one session of {service} assumed both roles").into(),
                confidence: Confidence::Probable,
            })
            .collect();
        related.sort();
        related
    }

    /// Sessions that another session, wanted or refused, came from.
    fn sessions_with_children(&self) -> HashSet<SessionId> {
        let children = self
            .sessions
            .all
            .iter()
            .filter_map(|session| match session.parent {
                Link::To(parent, _) => Some(parent),
                Link::None => None,
            });
        let refused = self.events.iter().zip(&self.sessions.by_event);
        let refused = refused.filter_map(|(event, link)| match link {
            Link::To(session, _) if refusal(event).is_some() => Some(*session),
            _ => None,
        });
        let mut with_children: HashSet<SessionId> = children.chain(refused).collect();
        // One of the candidates or indistinguishable sessions of a session with children has them.
        let open: Vec<SessionId> = with_children
            .iter()
            .flat_map(|&id| {
                let session = self.sessions.get(id);
                let named = session.candidates.named.iter();
                named.chain(&session.indistinguishable.named).copied()
            })
            .collect();
        with_children.extend(open);
        with_children.extend(self.in_crowds(&with_children));
        with_children
    }

    /// Sessions of crowds that have children: those that were valid when one of them made
    /// a call.
    fn in_crowds(&self, with_children: &HashSet<SessionId>) -> Vec<SessionId> {
        let mut spans: HashMap<&Text, Vec<(UtcSecond, UtcSecond)>> = HashMap::new();
        for crowd in &self.sessions.crowds {
            if with_children.contains(&crowd.session) {
                let (from, to) = crowd.span;
                let span = (from.plus(-CLOCK_SKEW_SECONDS), to.plus(CLOCK_SKEW_SECONDS));
                spans.entry(&crowd.principal).or_default().push(span);
            }
        }
        for spans in spans.values_mut() {
            // Sorted by their start, each with the latest end so far.
            spans.sort_unstable();
            let mut latest = UtcSecond::from_unix(i64::MIN / 2);
            for (_, end) in spans.iter_mut() {
                latest = latest.max(*end);
                *end = latest;
            }
        }
        let is_in = |session: &Session| {
            let spans = session
                .assumed_role_id
                .as_ref()
                .and_then(|id| spans.get(id));
            spans.is_some_and(|spans| {
                let begun = spans.partition_point(|(from, _)| *from <= session.expires_at);
                begun > 0 && session.created_at <= spans[begun - 1].1
            })
        };
        let all = (0u32..).zip(&self.sessions.all);
        all.filter(|(_, session)| is_in(session))
            .map(|(id, _)| id)
            .collect()
    }

    /// Returns the kind of a session that ends a chain of the result; `None` for others.
    fn wanted(
        &self,
        id: SessionId,
        session: &Session,
        has_child: &HashSet<SessionId>,
    ) -> Option<ChainKind> {
        let queries = session.has_query(self.events);
        let mut kind = path::kind(session, self.sessions, self.roles, queries);
        let is_run_as = self.roles.is_run_as(session);
        if is_run_as && !kind.touches_quick {
            // A Role A session stands in the records of what it assumed. One
            // that assumed nothing, or queried itself, has its own.
            let stands_alone = queries || !has_child.contains(&id);
            kind.touches_quick = stands_alone;
            if !queries && stands_alone {
                kind.path = match issuer(session, self.roles) {
                    SessionIssuer::Quick | SessionIssuer::NotLogged => ChainPath::QuickRoleChain,
                    _ => ChainPath::RoleChain,
                };
            }
        }
        let all = self.context.all_sessions && (session.candidates.is_empty() || queries);
        (kind.touches_quick || queries || all).then_some(kind)
    }

    fn chain(&mut self, draft: &ChainDraft) -> Chain {
        let session = self.sessions.get(draft.session);
        let kind = draft.kind;
        // A lone Role A session is the first hop of a chain whose second one is
        // not there.
        let is_lone_run_as = self.roles.is_run_as(session)
            && !self.roles.is_consumer(session)
            && kind.touches_quick
            && matches!(kind.path, ChainPath::QuickRoleChain | ChainPath::RoleChain)
            && !session.has_query(self.events);
        let id = self.ids[draft.session as usize].clone();
        let id = id.unwrap_or_else(|| id_of(session));
        let mut chain = Self::empty(id, kind.path, session.created_at);
        chain.touches_quick = kind.touches_quick;
        chain.origin = self.origin_of(session, kind);
        chain.related_chains = self.related_chains(draft.session);
        if self
            .siblings
            .get(draft.session)
            .is_some_and(|siblings| siblings.has_more)
        {
            chain.notes.push(format!(
                "more than {RELATED_CHAINS_MAX} related chains are possible; those that queried and the nearest in time are listed"
            ));
        }
        if is_lone_run_as {
            self.fill_lone_run_as(&mut chain, session);
        } else {
            self.fill(&mut chain, session, kind);
        }
        chain
    }

    /// The origin of a session's chain. That it is Quick's may be known by its roles alone.
    fn origin_of(&self, session: &Session, kind: ChainKind) -> Origin {
        let origin = self.origins.of(session);
        if kind.path == ChainPath::QuickRoleChain && origin.service.is_none() {
            return Origin::service(QUICK_SERVICE, Confidence::Probable);
        }
        origin
    }

    pub(super) fn empty(chain_id: String, path: ChainPath, started_at: UtcSecond) -> Chain {
        Chain {
            chain_id,
            path,
            touches_quick: false,
            status: ChainStatus::Complete,
            missing: Vec::new(),
            confidence: Confidence::Proven,
            started_at,
            last_activity_at: started_at,
            hub_account_id: None,
            consumer_account_id: None,
            consumer_name: None,
            business_unit: None,
            data_source_arn: None,
            origin: Origin::default(),
            acting_for: Vec::new(),
            related_chains: Vec::new(),
            earlier_sessions: Vec::new(),
            consumer_session: None,
            queries: Vec::new(),
            repeated_queries: Vec::new(),
            reads: Vec::new(),
            calls: Vec::new(),
            quick_user: None,
            notes: Vec::new(),
            events: Vec::new(),
            integrity: None,
        }
    }

    fn fill_lone_run_as(&mut self, chain: &mut Chain, session: &Session) {
        chain.earlier_sessions.push(self.describe(session));
        chain.hub_account_id = account_of(session);
        chain.missing.push(Missing {
            part: MissingPart::ConsumerSession,
            why: Some("the logs have no AssumeRole call by this session".to_owned()),
        });
        if session.hop.is_none() {
            let why = self.why(account_of(session).as_ref());
            chain.missing.push(Missing {
                part: MissingPart::RunAsSession,
                why,
            });
        }
        chain.status = ChainStatus::Partial;
        Self::add_events(chain, session, ChainPart::RunAs);
        self.finish(chain);
    }

    fn fill(&mut self, chain: &mut Chain, session: &Session, kind: ChainKind) {
        chain.consumer_session = Some(self.describe(session));
        chain.consumer_account_id = account_of(session);
        chain.data_source_arn = self.data_source_of(session, kind);
        self.add_parent(chain, session, kind);
        self.add_missing(chain, session, kind);
        Self::add_events(chain, session, ChainPart::Consumer);
        self.add_queries(chain, session);
        self.add_calls(chain, session);
        self.add_open_questions(chain, session);
        let any_query = session.has_query(self.events);
        let is_partial = chain.missing.iter().any(|missing| {
            matches!(
                missing.part,
                MissingPart::RunAsSession | MissingPart::ConsumerSession
            )
        });
        chain.status = match (is_partial, any_query) {
            (true, _) => ChainStatus::Partial,
            (false, true) => ChainStatus::Complete,
            (false, false) => ChainStatus::Idle,
        };
        self.finish(chain);
    }

    /// The data source that a session was assumed for: its external id, or that of a session which
    /// led to it.
    fn data_source_of(&self, session: &Session, kind: ChainKind) -> Option<DataSourceArn> {
        let of = |session: &Session| {
            let hop = session.hop.as_ref()?;
            hop.external_id.clone().filter(|id| is_data_source_arn(id))
        };
        let inherited = || {
            let mut earlier = self.sessions.ancestors(session);
            earlier.find_map(of).filter(|_| kind.touches_quick)
        };
        of(session).or_else(inherited).map(DataSourceArn::from)
    }

    /// The session before, or what is known of the caller.
    fn add_parent(&mut self, chain: &mut Chain, session: &Session, kind: ChainKind) {
        if let Link::To(id, confidence) = session.parent {
            let parent = self.sessions.get(id);
            chain.confidence = chain.confidence.min(confidence);
            self.add_earlier_sessions(chain, parent);
            let mut earlier = std::iter::once(parent).chain(self.sessions.ancestors(parent));
            let run_as = earlier.find(|earlier| self.roles.is_run_as(earlier));
            chain.hub_account_id = account_of(run_as.unwrap_or(parent));
            self.add_earlier_making(chain, parent);
            if !parent.candidates.is_empty() {
                chain.confidence = Confidence::Ambiguous;
                chain
                    .notes
                    .push(self.candidates_note("the previous session", parent));
            }
            self.add_parent_events(chain, id);
            chain
                .notes
                .extend(self.indistinguishable_note(parent, "the previous session"));
        } else if let Some(hop) = &session.hop
            && kind.has_run_as
            && let Some(caller) = hop.caller.assumed_role_id()
        {
            chain.earlier_sessions.push(RoleSession {
                assumed_role_id: Some(caller.clone()),
                account_id: hop.caller.account_id.clone(),
                role_session_name: caller.split_once(':').map(|(_, name)| name.into()),
                ..RoleSession::default()
            });
            chain.confidence = chain.confidence.min(Confidence::Probable);
            chain.hub_account_id.clone_from(&hop.caller.account_id);
        }
        let parent = self.sessions.parent(session);
        let from_run_as = parent.is_some_and(|(parent, _)| self.roles.is_run_as(parent));
        if chain.path != ChainPath::QuickRoleChain && !from_run_as {
            // Whoever it was, it did not come from the hub's Role A.
            chain.hub_account_id = None;
        }
    }

    /// The AssumeRole events of the sessions before the previous one.
    fn add_earlier_making(&self, chain: &mut Chain, previous: &Session) {
        let earlier = self.sessions.ancestors(previous);
        let hops = earlier.filter_map(|session| session.hop.as_ref());
        for &event in hops.flat_map(|hop| &hop.copies) {
            chain.events.push(ChainEvent {
                event,
                session: ChainPart::RunAs,
                confidence: Confidence::Proven,
            });
        }
    }

    /// Describes a session and all that led to it, first to last. The least sure link
    /// between them is the chain's.
    pub(super) fn add_earlier_sessions(&self, chain: &mut Chain, last: &Session) {
        let mut confidence = chain.confidence;
        let mut earlier = vec![self.describe(last)];
        let mut session = last;
        while let Some((parent, link)) = self.sessions.parent(session) {
            if earlier.len() >= EARLIER_SESSIONS_MAX {
                chain.notes.push(format!(
                    "only the last {EARLIER_SESSIONS_MAX} of the earlier sessions are listed"
                ));
                break;
            }
            confidence = confidence.min(link);
            earlier.push(self.describe(parent));
            session = parent;
        }
        earlier.reverse();
        chain.confidence = confidence;
        chain.earlier_sessions = earlier;
    }

    fn add_missing(&self, chain: &mut Chain, session: &Session, kind: ChainKind) {
        let mut missing = Vec::new();
        let target = account_of(session);
        match &session.hop {
            // Its candidates were read; which of them it is, is the question.
            None if !session.candidates.is_empty() => {}
            None => {
                chain.confidence = chain.confidence.min(Confidence::Probable);
                missing.push((MissingPart::ConsumerSession, target.clone()));
                if kind.touches_quick {
                    let hub = self.roles.hub_account_id().cloned();
                    missing.push((MissingPart::RunAsSession, hub));
                }
            }
            Some(hop) => {
                let parent = self.sessions.parent(session);
                let parent_unseen = match parent {
                    Some((parent, _)) => parent.hop.is_none() && parent.candidates.is_empty(),
                    None => hop.caller.assumed_role_id().is_some(),
                };
                if parent_unseen {
                    missing.push((MissingPart::RunAsSession, hop.caller.account_id.clone()));
                }
                missing.extend(self.missing_copies(hop, target.as_ref()));
            }
        }
        missing.sort();
        chain.missing = missing
            .into_iter()
            .map(|(part, account)| Missing {
                part,
                why: self.why(account.as_ref()),
            })
            .collect();
    }

    /// The account copies of a cross-account hop that were not read.
    fn missing_copies(
        &self,
        hop: &Hop,
        target: Option<&AccountId>,
    ) -> Vec<(MissingPart, Option<AccountId>)> {
        let caller = hop.caller.account_id.as_ref();
        let (Some(caller), Some(target)) = (caller, target) else {
            return Vec::new();
        };
        if caller == target {
            return Vec::new();
        }
        let got = |account: &AccountId| {
            let mut copies = hop.copies.iter();
            copies.any(|&copy| {
                self.events[copy as usize].recipient_account_id.as_ref() == Some(account)
            })
        };
        let parts = [
            (MissingPart::HubCopy, caller),
            (MissingPart::ConsumerCopy, target),
        ];
        let absent = parts.into_iter().filter(|(_, account)| !got(account));
        absent
            .map(|(part, account)| (part, Some(account.clone())))
            .collect()
    }

    /// Returns the reason why some logs of this account were not read, where it is known.
    pub(super) fn why(&self, account: Option<&AccountId>) -> Option<String> {
        let account = account?;
        if self.context.accounts_seen.contains(account) {
            Some(format!(
                "logs of account {account} were read, but this event is not in them"
            ))
        } else {
            Some(format!("no logs of account {account} were read"))
        }
    }

    pub(super) fn describe(&self, session: &Session) -> RoleSession {
        let mut described = RoleSession {
            role_arn: session.role_arn.clone(),
            account_id: account_of(session),
            role_session_name: session.name.clone(),
            assumed_role_id: session.assumed_role_id.clone(),
            access_key_id: session
                .key
                .clone()
                .filter(|_| session.hop.is_some() || !session.has_changing_keys()),
            assumed_at: Some(session.created_at),
            ..RoleSession::default()
        };
        if let Some(hop) = &session.hop {
            described.expires_at = Some(hop.expires_at);
            described.issuer = issuer(session, self.roles);
            described.parameters_known = hop.parameters_known;
            described.says_quick = hop.caller.is_invoked_by_quick() || hop.is_from_quick();
            described.assumed_by = hop.caller.best_name().cloned();
            described.source_account_id = caller_account(&hop.caller);
            described.source_ip.clone_from(&hop.source_ip);
            described.external_id.clone_from(&hop.external_id);
            described.scope_down = scope_down(hop);
            let copies = hop.copies.iter();
            let mut ids: Vec<_> = copies
                .map(|&copy| self.events[copy as usize].id.clone())
                .collect();
            ids.sort();
            ids.dedup();
            described.event_ids = ids;
        }
        described
    }

    pub(super) fn add_events(chain: &mut Chain, session: &Session, part: ChainPart) {
        let copies = session.hop.iter().flat_map(|hop| &hop.copies);
        let copies = copies.map(|&copy| (copy, Confidence::Proven));
        for (event, confidence) in copies.chain(session.calls.iter().copied()) {
            chain.events.push(ChainEvent {
                event,
                session: part,
                confidence,
            });
        }
    }

    /// A session that many others came from would stand whole in each of them: its
    /// calls are told with the first one.
    pub(super) fn add_parent_events(&mut self, chain: &mut Chain, id: SessionId) {
        /// Calls of the session before that are told with each chain.
        const PARENT_CALLS_MAX: usize = 200;
        let parent = self.sessions.get(id);
        if parent.calls.len() <= PARENT_CALLS_MAX || self.listed.insert(id) {
            return Self::add_events(chain, parent, ChainPart::RunAs);
        }
        for &event in parent.hop.iter().flat_map(|hop| &hop.copies) {
            chain.events.push(ChainEvent {
                event,
                session: ChainPart::RunAs,
                confidence: Confidence::Proven,
            });
        }
        chain.notes.push(format!(
            "the previous session made {} calls; they are listed in the timeline of its first chain only",
            parent.calls.len()
        ));
    }

    pub(super) fn add_queries(&self, chain: &mut Chain, session: &Session) {
        let mut outside = 0u32;
        let calls = session.calls.iter();
        let count = calls
            .filter(|&&(event, _)| self.events[event as usize].is_query())
            .count();
        chain.queries.reserve_exact(count);
        for &(index, confidence) in &session.calls {
            let event = &self.events[index as usize];
            let Detail::StartQuery(query) = &event.detail else {
                continue;
            };
            chain.confidence = chain.confidence.min(confidence);
            // A call repeated with the same token starts nothing new.
            let id = query.query_execution_id.as_ref();
            let repeated = id.filter(|id| self.submissions.is_repeat(id, index));
            let is_inside = self.context.window.contains(event.time);
            if let Some(id) = repeated {
                chain
                    .repeated_queries
                    .extend(is_inside.then(|| RepeatedQuery {
                        query_execution_id: id.clone(),
                        repeated_at: event.time,
                        event_id: event.id.clone(),
                        chain_id: None,
                    }));
                continue;
            }
            if !is_inside {
                outside += 1;
                continue;
            }
            let known = !query.parameters_omitted && event.error_code.is_none();
            let default = known.then(|| Text::from(DEFAULT_WORK_GROUP));
            chain.queries.push(QueryExecution {
                query_execution_id: query.query_execution_id.clone(),
                started_at: event.time,
                region: event.region.clone(),
                work_group: query.work_group.clone().or(default),
                catalog: query.catalog.clone(),
                database: query.database.clone(),
                error_code: event.error_code.clone(),
                event_id: event.id.clone(),
                confidence,
                figures: None,
                reads: None,
            });
        }
        let repeated = chain.repeated_queries.len();
        if repeated > 0 {
            chain.notes.push(format!(
                "{repeated} repeated StartQueryExecution with the same query execution id: counted as calls only"
            ));
        }
        if outside > 0 {
            let (queries, lie) = if outside == 1 {
                ("query", "lies")
            } else {
                ("queries", "lie")
            };
            chain.notes.push(format!(
                "{outside} {queries} of this session {lie} outside the window and {} not counted",
                if outside == 1 { "is" } else { "are" }
            ));
        }
    }

    pub(super) fn add_calls(&mut self, chain: &mut Chain, session: &Session) {
        let mut calls: BTreeMap<Text, u64> = BTreeMap::new();
        for &(index, _) in &session.calls {
            let event = &self.events[index as usize];
            if self.context.window.contains(event.time) {
                *calls.entry(self.action(event)).or_default() += 1;
            }
        }
        chain.calls = calls.into_iter().collect();
    }

    /// `service:EventName`, spelled once for each source and name.
    fn action(&mut self, event: &Event) -> Text {
        let spelled = self
            .actions
            .entry((event.source.clone(), event.name.clone()));
        spelled.or_insert_with(|| event.action().into()).clone()
    }

    /// Puts the events in order and finds the last one.
    pub(super) fn finish(&self, chain: &mut Chain) {
        chain.events.sort_unstable();
        chain.events.dedup_by_key(|event| event.event);
        // Hops of one second come in the order of the chain.
        chain.events.sort_by_key(|entry| {
            let event = &self.events[entry.event as usize];
            let is_hop = matches!(event.detail, Detail::CredentialIssuance(_));
            let rank = match entry.session {
                ChainPart::RunAs if is_hop && event.identity.assumed_role_id().is_none() => 0,
                ChainPart::RunAs => 1,
                ChainPart::Consumer if is_hop => 2,
                ChainPart::Quick => 3,
                ChainPart::Consumer => 4,
            };
            (event.time, rank)
        });
        let part = if chain.consumer_session.is_some() {
            ChainPart::Consumer
        } else {
            ChainPart::RunAs
        };
        let of_part = chain.events.iter().filter(|event| event.session == part);
        let times = of_part.map(|event| self.events[event.event as usize].time);
        chain.last_activity_at = times.max().unwrap_or(chain.started_at);
        chain.events.shrink_to_fit();
        super::origin::mark_own_queries(chain, self.events);
        chain.notes.sort();
    }

    fn in_window(&self, chain: &Chain) -> bool {
        let window = &self.context.window;
        let mut events = chain.events.iter();
        events.any(|event| window.contains(self.events[event.event as usize].time))
    }
}

/// Role, name, second and key: what every copy of the hop, and every call with
/// the session's own key, agrees on; without the key where it changes. (The assumed role id is missing from 6 % of
/// real hops, so the role's and the session's name stand for it.)
pub(super) fn id_of(session: &Session) -> String {
    let account = account_of(session);
    let role = session.role.as_ref().map(|role| &*role.name);
    let created_at = session.created_at.to_string();
    let key = session
        .key
        .as_deref()
        .filter(|_| !session.has_changing_keys());
    let is_question = if session.candidates.is_empty() {
        ""
    } else {
        "?"
    };
    chain_id(&[
        account.as_deref().unwrap_or_default(),
        role.unwrap_or_default(),
        session.name.as_deref().unwrap_or_default(),
        &created_at,
        key.unwrap_or_default(),
        is_question,
    ])
}

pub(super) fn account_of(session: &Session) -> Option<AccountId> {
    let role = session.role.as_ref().map(|role| role.account_id.clone());
    role.or_else(|| session.sample_identity.as_ref()?.account_id.clone())
}

/// The account a session was assumed from; a service has none.
pub(super) fn caller_account(caller: &Identity) -> Option<AccountId> {
    caller.account_id.clone().filter(|_| !caller.is_service())
}

/// Returns the permissions of a hop's inline policy.
fn scope_down(hop: &Hop) -> ScopeDown {
    let unknown = hop.policy.is_none() && !hop.parameters_known;
    ScopeDown {
        present: (!unknown).then_some(hop.policy.is_some()),
        resources: hop.scope.resources.clone().unwrap_or_default(),
        policy: hop.policy.clone(),
        policy_arns: hop.policy_arns.clone(),
    }
}
