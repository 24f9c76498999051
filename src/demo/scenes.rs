//! Chains of Quick in all their oddities. Each scene writes its records and the
//! truth about them.

use super::cast::{self, CATALOG_OWNER, ConsumerCast, QUICK_REGION};
use super::chance::Chance;
use super::records::{self, CallSigning, HopStyle, QueryCast, SessionCast};
use super::truth::{TrueChain, TrueRead, Truth};
use crate::model::time::UtcSecond;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A record on its way into a log file.
pub(super) struct WrittenRecord {
    pub(super) time: UtcSecond,
    pub(super) account: String,
    pub(super) region: String,
    pub(super) record: Value,
    /// Delivered so much later than usual.
    pub(super) late_seconds: i64,
}

/// Everything written so far.
pub(super) struct Stage {
    pub(super) chance: Chance,
    pub(super) written: Vec<WrittenRecord>,
    pub(super) truth: Truth,
    /// Keys of earlier sessions: STS gives the same id out again.
    old_keys: Vec<String>,
    /// Queries that scan far more than usual.
    pub(super) heavy: BTreeSet<String>,
    /// Entries of Quick's chat logs.
    pub(super) chat_log: Vec<Value>,
}

/// The special feature of a Quick chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scene {
    Plain,
    NoFirstHop,
    NoFirstHopPlainClient,
    HubCopyOnly,
    ConsumerCopyOnly,
    NoSecondHop,
    NoAssumedRoleUserFirst,
    NoAssumedRoleUserSecond,
    OmittedParameters,
    ParametersAsText,
    RegionElsewhere,
    CompactDates,
    OldExpiration,
    ClockSkew,
    RecurringKey,
    RecurringName,
    KeylessQuery,
    PlainClient,
    LongSession,
    TwoUsers,
    BareIds,
    RefusedQuery,
    StoppedQuery,
    SharedTable,
    Idle,
    Denied,
    DeniedBurst,
    Updated,
    LateDelivery,
    SameSecondResolved,
    SameSecondAlike,
    SameSecondUndecided,
}

impl Scene {
    pub(super) const ALL: [Self; 32] = [
        Self::Plain,
        Self::NoFirstHop,
        Self::NoFirstHopPlainClient,
        Self::HubCopyOnly,
        Self::ConsumerCopyOnly,
        Self::NoSecondHop,
        Self::NoAssumedRoleUserFirst,
        Self::NoAssumedRoleUserSecond,
        Self::OmittedParameters,
        Self::ParametersAsText,
        Self::RegionElsewhere,
        Self::CompactDates,
        Self::OldExpiration,
        Self::ClockSkew,
        Self::RecurringKey,
        Self::RecurringName,
        Self::KeylessQuery,
        Self::PlainClient,
        Self::LongSession,
        Self::TwoUsers,
        Self::BareIds,
        Self::RefusedQuery,
        Self::StoppedQuery,
        Self::SharedTable,
        Self::Idle,
        Self::Denied,
        Self::DeniedBurst,
        Self::Updated,
        Self::LateDelivery,
        Self::SameSecondResolved,
        Self::SameSecondAlike,
        Self::SameSecondUndecided,
    ];
}

/// A Quick chain on stage.
struct Play<'a> {
    scene: Scene,
    consumer: &'a ConsumerCast,
    data_source: &'a str,
    user: &'a str,
    run_as: SessionCast,
    session: SessionCast,
    calls: u64,
    queries: Vec<String>,
    reads: Vec<TrueRead>,
}

impl Stage {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            chance: Chance::new(seed),
            written: Vec::new(),
            truth: Truth::default(),
            old_keys: Vec::new(),
            heavy: BTreeSet::new(),
            chat_log: Vec::new(),
        }
    }

    pub(super) fn put(&mut self, record: Value) {
        self.put_late(record, 0);
    }

    fn put_late(&mut self, record: Value, late_seconds: i64) {
        let text = |member: &str| record[member].as_str().unwrap_or_default().to_owned();
        self.written.push(WrittenRecord {
            time: UtcSecond::parse(&text("eventTime")).unwrap_or(UtcSecond::from_unix(0)),
            account: text("recipientAccountId"),
            region: text("awsRegion"),
            record,
            late_seconds,
        });
    }

    /// Takes over what was played on another stage.
    pub(super) fn append(&mut self, other: Self) {
        self.written.extend(other.written);
        self.truth.chains.extend(other.truth.chains);
        self.heavy.extend(other.heavy);
        self.chat_log.extend(other.chat_log);
    }

    /// Quick reaches a consumer at this time.
    pub(super) fn quick(&mut self, scene: Scene, consumer: &ConsumerCast, at: UtcSecond) {
        let data_source = *self.chance.pick(&consumer.data_sources);
        let user = *self.chance.pick(&cast::USERS);
        // Role A sessions of one second share a name. Where the caller's copy is
        // lost, nothing could tell this one from one whose making is lost too.
        let at = if scene == Scene::ConsumerCopyOnly {
            at.plus(170)
        } else {
            at
        };
        let run_as = records::run_as_session(at, &mut self.chance);
        let second = at.plus(self.chance.seconds(0, 2));
        let mut session = records::consumer_session(consumer, second, &mut self.chance);
        match scene {
            Scene::CompactDates => session.compact_date = true,
            Scene::ClockSkew => session.skew_seconds = 1,
            Scene::RecurringName => session.name = "quick".into(),
            Scene::RecurringKey if !self.old_keys.is_empty() => {
                session.key.clone_from(self.chance.pick(&self.old_keys));
            }
            _ => {}
        }
        self.old_keys.push(session.key.clone());
        let mut play = Play {
            scene,
            consumer,
            data_source,
            user,
            run_as,
            session,
            calls: 0,
            queries: Vec::new(),
            reads: Vec::new(),
        };
        match scene {
            Scene::Denied => self.denied(&play, 1),
            Scene::DeniedBurst => self.denied(&play, 4),
            Scene::SameSecondResolved | Scene::SameSecondAlike | Scene::SameSecondUndecided => {
                self.same_second(play);
            }
            _ => {
                self.hops(&play);
                self.work(&mut play);
                self.tell(&play);
            }
        }
    }

    fn style(scene: Scene, hop: u8) -> HopStyle {
        HopStyle {
            without_assumed_role_user: matches!(
                (scene, hop),
                (Scene::NoAssumedRoleUserFirst, 1) | (Scene::NoAssumedRoleUserSecond, 2)
            ),
            omitted_parameters: scene == Scene::OmittedParameters && hop == 2,
            expiration_without_comma: scene == Scene::OldExpiration,
            plain_client: matches!(scene, Scene::PlainClient | Scene::NoFirstHopPlainClient),
            parameters_as_text: scene == Scene::ParametersAsText,
        }
    }

    fn hops(&mut self, play: &Play<'_>) {
        let scene = play.scene;
        if !matches!(scene, Scene::NoFirstHop | Scene::NoFirstHopPlainClient) {
            let style = Self::style(scene, 1);
            let role = &play.session.role_arn;
            let hop = records::hop_one(&play.run_as, role, style, &mut self.chance);
            self.put(hop);
        }
        if scene == Scene::NoSecondHop {
            return;
        }
        let [hub, consumer] = self.second_hop(play);
        if scene != Scene::ConsumerCopyOnly {
            self.put(hub);
        }
        if scene != Scene::HubCopyOnly {
            self.put(consumer);
        }
    }

    fn second_hop(&mut self, play: &Play<'_>) -> [Value; 2] {
        let region = if play.scene == Scene::RegionElsewhere {
            "us-west-2"
        } else {
            QUICK_REGION
        };
        let external_id = cast::data_source_arn(play.data_source);
        let style = Self::style(play.scene, 2);
        records::hop_two(
            &play.run_as,
            &play.session,
            Some(&external_id),
            region,
            style,
            true,
            &mut self.chance,
        )
    }

    /// Queries, and what belongs to them.
    fn work(&mut self, play: &mut Play<'_>) {
        let count = match play.scene {
            Scene::Idle => 0,
            Scene::LongSession => 4,
            Scene::Plain => 1 + self.chance.below(3),
            _ => 1,
        };
        for number in 0..count {
            // Off the beat of the slots: see `organization::SLOT_SECONDS`.
            let pause = if play.scene == Scene::LongSession {
                720
            } else {
                15
            };
            let number = i64::try_from(number).unwrap_or(0);
            let wait = 5 + number * pause + self.chance.seconds(0, 4);
            self.query(play, play.session.created.plus(wait));
        }
    }

    fn query(&mut self, play: &mut Play<'_>, time: UtcSecond) {
        let scene = play.scene;
        let bare = scene == Scene::BareIds;
        let seen = records::query_database(
            play.user,
            play.data_source,
            bare,
            time.plus(-1),
            &mut self.chance,
        );
        self.put(seen);
        if scene == Scene::TwoUsers {
            let others = cast::USERS.iter().filter(|user| **user != play.user);
            let other = *self.chance.pick(&others.copied().collect::<Vec<_>>());
            let seen = records::query_database(
                other,
                play.data_source,
                bare,
                time.plus(1),
                &mut self.chance,
            );
            self.put(seen);
        }
        let address = self.chance.address();
        let id = self.chance.uuid();
        let query = records::quick_query(play.consumer, id, time, &address);
        let session = play.session.clone();
        let signed = if scene == Scene::KeylessQuery {
            CallSigning::OnBehalf("quicksight.amazonaws.com")
        } else {
            CallSigning::Own
        };
        let account = session.account.as_str();
        let start =
            records::start_query(session.identity(signed), account, &query, &mut self.chance);
        play.calls += 1;
        if scene == Scene::RefusedQuery {
            self.put(records::refuse_query(start));
            play.queries.push("refused".into());
            return;
        }
        play.queries.push(query.id.clone());
        self.put_query(scene, start);
        self.follow_up(play, &session, &query);
    }

    /// The query itself, perhaps replaced by an update, perhaps late.
    fn put_query(&mut self, scene: Scene, start: Value) {
        match scene {
            Scene::Updated => {
                let mut update = start.clone();
                let mut first = start;
                if let Some(parameters) = first["requestParameters"].as_object_mut() {
                    parameters.shift_remove("workGroup");
                }
                update["addendum"] = json!({
                    "reason": "UPDATED_DATA",
                    "updatedFields": "requestParameters",
                    "originalRequestID": first["requestID"],
                    "originalEventID": first["eventID"],
                });
                update["eventID"] = self.chance.uuid().into();
                self.put(first);
                self.put_late(update, 1800);
                self.truth.replaced_count += 1;
            }
            Scene::LateDelivery => {
                let mut late = start;
                late["addendum"] = json!({
                    "reason": "DELIVERY_DELAY",
                    "originalRequestID": late["requestID"],
                    "originalEventID": late["eventID"],
                });
                self.put_late(late, 30 * 3600);
            }
            _ => self.put(start),
        }
    }

    fn follow_up(&mut self, play: &mut Play<'_>, session: &SessionCast, query: &QueryCast<'_>) {
        let own = || session.identity(CallSigning::Own);
        let account = session.account.as_str();
        let polls = 1 + self.chance.below(2);
        for poll in 0..polls {
            let delay = 2 + i64::try_from(poll).unwrap_or(0);
            let get = records::about_query(
                "GetQueryExecution",
                own(),
                account,
                query,
                delay,
                &mut self.chance,
            );
            self.put(get);
            play.calls += 1;
        }
        let last = if play.scene == Scene::StoppedQuery {
            "StopQueryExecution"
        } else {
            "GetQueryResults"
        };
        let get = records::about_query(last, own(), account, query, 6, &mut self.chance);
        self.put(get);
        let glue = records::catalog_read(session, query, &mut self.chance);
        self.put(glue);
        play.calls += 2;
        let id = Some(query.id.clone());
        play.reads.push(own_table(session, query, "probable", id));
        if play.scene == Scene::SharedTable {
            let lent = records::data_access(session, query, CATALOG_OWNER, &mut self.chance);
            self.put(lent);
            play.calls += 1;
            play.reads.push(TrueRead {
                name: "shared.sales".into(),
                owner_account_id: Some(CATALOG_OWNER.into()),
                via: "lake-formation".into(),
                ..own_table(session, query, "proven", Some(query.id.clone()))
            });
        }
    }

    pub(super) fn true_chain(
        session: &SessionCast,
        path: &str,
        status: &str,
        story: &str,
    ) -> TrueChain {
        TrueChain {
            consumer_account_id: Some(session.account.clone()),
            consumer_role: Some(session.role.clone()),
            consumer_session_name: Some(session.name.clone()),
            started_at: session.created.to_string(),
            consumer_access_key_id: Some(session.key.clone()),
            path: path.into(),
            status: status.into(),
            missing: Vec::new(),
            confidence: "proven".into(),
            run_as_access_key_id: None,
            data_source_arn: None,
            quick_user: None,
            origin: match path {
                "quick-role-chain" => "quicksight.amazonaws.com",
                "direct" => "people",
                _ => "unknown",
            }
            .into(),
            origin_resource_arn: None,
            acting_for: Vec::new(),
            related: Vec::new(),
            query_execution_ids: Vec::new(),
            call_count: 0,
            reads: Vec::new(),
            story: story.into(),
        }
    }

    /// The truth about a chain that was played to its end.
    fn tell(&mut self, play: &Play<'_>) {
        let scene = play.scene;
        let story = format!("{scene:?}");
        let status = if play.queries.is_empty() {
            "idle"
        } else {
            "complete"
        };
        let mut truth = Self::true_chain(&play.session, "quick-role-chain", status, &story);
        truth.run_as_access_key_id = Some(play.run_as.key.clone());
        truth.data_source_arn = Some(cast::data_source_arn(play.data_source));
        truth.quick_user = Some(play.user.to_owned()).filter(|_| !play.queries.is_empty());
        truth.query_execution_ids.clone_from(&play.queries);
        truth.query_execution_ids.sort();
        truth.call_count = play.calls;
        truth.reads.clone_from(&play.reads);
        truth.reads.sort();
        match scene {
            Scene::NoFirstHop | Scene::NoFirstHopPlainClient => {
                truth.status = "partial".into();
                truth.missing = vec!["run-as-session".into()];
            }
            Scene::HubCopyOnly => truth.missing = vec!["consumer-copy".into()],
            Scene::ConsumerCopyOnly => {
                truth.missing = vec!["hub-copy".into()];
                truth.confidence = "probable".into();
            }
            Scene::OmittedParameters => {
                truth.data_source_arn = None;
                truth.quick_user = None;
            }
            Scene::KeylessQuery => truth.confidence = "probable".into(),
            Scene::TwoUsers => truth.quick_user = None,
            Scene::NoSecondHop => {
                self.tell_lone_run_as(play);
                truth.path = "role-chain".into();
                truth.origin = "unknown".into();
                truth.status = "partial".into();
                truth.missing = vec!["consumer-session".into(), "run-as-session".into()];
                truth.confidence = "probable".into();
                truth.run_as_access_key_id = None;
                truth.data_source_arn = None;
                truth.quick_user = None;
            }
            _ => {}
        }
        self.truth.chains.push(truth);
    }

    fn tell_lone_run_as(&mut self, play: &Play<'_>) {
        let story = "the first hop of a chain whose second hop is lost";
        let mut lone = Self::true_chain(&play.run_as, "quick-role-chain", "partial", story);
        lone.run_as_access_key_id = lone.consumer_access_key_id.take();
        lone.consumer_account_id = None;
        lone.consumer_role = None;
        lone.consumer_session_name = None;
        lone.missing = vec!["consumer-session".into()];
        self.truth.chains.push(lone);
    }

    fn denied(&mut self, play: &Play<'_>, attempts: i64) {
        let style = HopStyle::default();
        let role = &play.session.role_arn;
        let hop = records::hop_one(&play.run_as, role, style, &mut self.chance);
        self.put(hop);
        let first = play.run_as.created.plus(1);
        for attempt in 0..attempts {
            let time = first.plus(attempt * 2);
            let refused = records::refused(&play.run_as, role, time, &mut self.chance);
            self.put(refused);
        }
        let story = format!("{:?}", play.scene);
        let mut truth = Self::true_chain(&play.session, "quick-role-chain", "denied", &story);
        truth.started_at = first.to_string();
        truth.consumer_session_name = None;
        truth.consumer_access_key_id = None;
        truth.run_as_access_key_id = Some(play.run_as.key.clone());
        self.truth.chains.push(truth);
    }

    /// Two sessions of one name in one second, told apart by their keys alone.
    fn same_second(&mut self, play: Play<'_>) {
        let scene = play.scene;
        let style = HopStyle::default();
        let hop = records::hop_one(
            &play.run_as,
            &play.session.role_arn,
            style,
            &mut self.chance,
        );
        self.put(hop);
        let mut other = Play {
            run_as: play.run_as.clone(),
            session: play.session.clone(),
            queries: Vec::new(),
            reads: Vec::new(),
            ..play
        };
        other.session.key = self.chance.temporary_key();
        if scene != Scene::SameSecondAlike {
            let [one, two] = play.consumer.data_sources;
            other.data_source = if play.data_source == one { two } else { one };
        }
        let mut first_ids = Vec::new();
        let mut same_second = [play, other];
        for session_play in &mut same_second {
            let copies = self.second_hop(session_play);
            let ids = copies.iter().filter_map(|copy| copy["eventID"].as_str());
            first_ids.push(ids.min().unwrap_or_default().to_owned());
            let [hub, consumer] = copies;
            self.put(hub);
            self.put(consumer);
            self.keyed_query(session_play);
        }
        // A call without a key: whose it is, no one can tell.
        let keyless =
            (scene != Scene::SameSecondResolved).then(|| self.keyless_read(&same_second[0]));
        let earlier = usize::from(first_ids[1] < first_ids[0]);
        let mut both: Vec<String> = same_second
            .iter()
            .flat_map(|session_play| session_play.queries.clone())
            .collect();
        both.sort();
        let of_either = keyless.map(|read| TrueRead {
            candidate_query_ids: both,
            ..read
        });
        if let (Scene::SameSecondAlike, Some(read)) = (scene, &of_either) {
            same_second[earlier].calls += 1;
            same_second[earlier].reads.push(read.clone());
        }
        for session_play in &same_second {
            self.tell(session_play);
        }
        if scene == Scene::SameSecondUndecided {
            let session = &same_second[0].session;
            let story = "a call that may be of either of two sessions";
            let mut open = Self::true_chain(session, "quick-role-chain", "idle", story);
            open.consumer_access_key_id = None;
            open.confidence = "ambiguous".into();
            open.call_count = 1;
            open.reads.extend(of_either);
            self.truth.chains.push(open);
        }
    }

    fn keyed_query(&mut self, session_play: &mut Play<'_>) {
        let time = session_play.session.created.plus(8);
        let seen = records::query_database(
            session_play.user,
            session_play.data_source,
            false,
            time.plus(-1),
            &mut self.chance,
        );
        self.put(seen);
        let address = self.chance.address();
        let id = self.chance.uuid();
        let query = records::quick_query(session_play.consumer, id, time, &address);
        let identity = session_play.session.identity(CallSigning::Own);
        let start = records::start_query(
            identity,
            session_play.consumer.account,
            &query,
            &mut self.chance,
        );
        session_play.queries.push(query.id.clone());
        session_play.calls += 1;
        self.put(start);
    }

    fn keyless_read(&mut self, session_play: &Play<'_>) -> TrueRead {
        let address = self.chance.address();
        let time = session_play.session.created.plus(9);
        let query = records::quick_query(session_play.consumer, String::new(), time, &address);
        let glue = records::catalog_read(&session_play.session, &query, &mut self.chance);
        self.put(glue);
        own_table(&session_play.session, &query, "ambiguous", None)
    }
}

/// The table of the consumer's own that a query reads, by the data catalog.
fn own_table(
    session: &SessionCast,
    query: &QueryCast<'_>,
    confidence: &str,
    id: Option<String>,
) -> TrueRead {
    TrueRead {
        name: format!("{}.sales", query.database),
        owner_account_id: Some(session.account.clone()),
        via: "glue".into(),
        confidence: confidence.into(),
        query_execution_id: id,
        candidate_query_ids: Vec::new(),
        objects: None,
        bytes: None,
    }
}
