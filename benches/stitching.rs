//! Stitching one million relevant events of 200,000 sessions, already decoded.
//!
//! ```text
//! cargo bench --bench stitching
//! ```

#![expect(
    clippy::print_stdout,
    clippy::too_many_lines,
    clippy::unwrap_used,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

mod measure;

use hashbrown::HashSet;
use measure::peak_megabytes;
use qs_audit::model::event::{
    Call, Content, CredentialIssuance, Detail, Event, EventOrigin, StartQuery,
};
use qs_audit::model::identity::Identity;
use qs_audit::model::ids::{AccountId, EventId, QueryExecutionId, Region, RoleArn, SharedEventId};
use qs_audit::model::text::{OpaqueId, Text};
use qs_audit::model::time::UtcSecond;
use qs_audit::model::topology::Topology;
use qs_audit::model::window::TimeWindow;
use qs_audit::stitch::{Context, WindowFacts, dedupe, stitch};
use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

/// As the program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const CHAINS: u32 = 100_000;
const START: i64 = 1_793_491_200;

/// Events in the making, sharing strings as the decoder does.
struct Maker {
    events: Vec<Event>,
    region: Region,
    service: Text,
    agent: Text,
    calls: HashSet<Arc<Call>>,
}

impl Maker {
    fn put(
        &mut self,
        second: i64,
        account: &AccountId,
        source: &Text,
        name: &Text,
        identity: &Arc<Identity>,
        detail: Detail,
    ) {
        let record = u32::try_from(self.events.len()).unwrap();
        let mut id = [0; 16];
        id[..4].copy_from_slice(&record.wrapping_mul(2_654_435_761).to_be_bytes());
        id[4..8].copy_from_slice(&record.to_be_bytes());
        let call = Call {
            recipient_account_id: Some(account.clone()),
            region: Some(self.region.clone()),
            source: source.clone(),
            name: name.clone(),
            source_ip: Some(self.service.clone()),
            user_agent: Some(self.agent.clone()),
            error_code: None,
        };
        let call = self
            .calls
            .get_or_insert_with(&call, |call| Arc::new(call.clone()));
        let call = Arc::clone(call);
        self.events.push(Event {
            place: EventOrigin {
                object: record / 1000,
                record: record % 1000,
            },
            content: Content {
                id: EventId::from(OpaqueId::Uuid(id)),
                time: UtcSecond::from_unix(START + second),
                call,
                identity: Arc::clone(identity),
                detail,
                rare: None,
            },
        });
    }
}

fn session(
    account: &AccountId,
    role: &str,
    role_id: &str,
    number: u32,
    second: i64,
) -> (Identity, CredentialIssuance) {
    let name = format!("QuickSight-RoleSession-{number}");
    let key: Text = format!("ASIA{role_id:.4}{number:012}").into();
    let id: Text = format!("{role_id}:{name}").into();
    let role_arn: RoleArn = format!("arn:aws:iam::{account}:role/{role}").into();
    let identity = Identity {
        kind: Some("AssumedRole".into()),
        principal_id: Some(id.clone()),
        arn: Some(format!("arn:aws:sts::{account}:assumed-role/{role}/{name}").into()),
        account_id: Some(account.clone()),
        access_key_id: Some(key.clone().into()),
        session_created_at: Some(UtcSecond::from_unix(START + second)),
        issuer_arn: Some(role_arn.clone().into()),
        ..Identity::default()
    };
    let mut shared = [1; 16];
    shared[..4].copy_from_slice(&number.to_be_bytes());
    shared[4] = role_id.len().to_le_bytes()[0];
    let issue = CredentialIssuance {
        role_arn: Some(role_arn),
        session_name: Some(name.into()),
        issued_key_id: Some(key.into()),
        assumed_role_id: Some(id),
        expires_at: Some(UtcSecond::from_unix(START + second + 3600)),
        shared_event_id: Some(SharedEventId::from(OpaqueId::Uuid(shared))),
        ..CredentialIssuance::default()
    };
    (identity, issue)
}

fn events() -> Vec<Event> {
    let [hub, consumer]: [AccountId; 2] = ["111122223333".into(), "444455556666".into()];
    let [sts, athena, glue]: [Text; 3] = [
        "sts.amazonaws.com".into(),
        "athena.amazonaws.com".into(),
        "glue.amazonaws.com".into(),
    ];
    let [assume, start, get, results, table]: [Text; 5] = [
        "AssumeRole".into(),
        "StartQueryExecution".into(),
        "GetQueryExecution".into(),
        "GetQueryResults".into(),
        "GetTable".into(),
    ];
    let mut issuer = Maker {
        events: Vec::with_capacity(CHAINS as usize * 10),
        region: "us-east-1".into(),
        service: "quicksight.amazonaws.com".into(),
        agent: "sbAthenaJDBCDriver/2.0, aws-internal/3".into(),
        calls: HashSet::new(),
    };
    let quick = Arc::new(Identity {
        kind: Some("AWSService".into()),
        invoked_by: Some("quicksight.amazonaws.com".into()),
        ..Identity::default()
    });
    let data_source: Text = "arn:aws:quicksight:us-east-1:111122223333:datasource/ds".into();
    for number in 0..CHAINS {
        let second = i64::from(number) * 3;
        let (run_as, first) = session(&hub, "role-a", "AROAEXAMPLEA", number, second);
        let (worker, mut second_hop) =
            session(&consumer, "role-b", "AROAEXAMPLEBB", number, second + 1);
        second_hop.external_id = Some(data_source.clone());
        let bare = Arc::new(Identity {
            kind: Some("AWSAccount".into()),
            principal_id: run_as.principal_id.clone(),
            account_id: Some(hub.clone()),
            ..Identity::default()
        });
        let behalf = Arc::new(Identity {
            access_key_id: None,
            invoked_by: Some(athena.clone()),
            ..worker.clone()
        });
        let (run_as, worker) = (Arc::new(run_as), Arc::new(worker));
        issuer.put(
            second,
            &hub,
            &sts,
            &assume,
            &quick,
            Detail::CredentialIssuance(Box::new(first)),
        );
        issuer.put(
            second + 1,
            &hub,
            &sts,
            &assume,
            &run_as,
            Detail::CredentialIssuance(Box::new(second_hop.clone())),
        );
        issuer.put(
            second + 1,
            &consumer,
            &sts,
            &assume,
            &bare,
            Detail::CredentialIssuance(Box::new(second_hop)),
        );
        for query in 0..2u8 {
            let at = second + 5 + i64::from(query) * 9;
            let mut id = [2; 16];
            id[..4].copy_from_slice(&number.to_be_bytes());
            id[4] = query;
            let asked = StartQuery {
                query_execution_id: Some(QueryExecutionId::from(OpaqueId::Uuid(id))),
                ..StartQuery::default()
            };
            issuer.put(
                at,
                &consumer,
                &athena,
                &start,
                &worker,
                Detail::StartQuery(Box::new(asked)),
            );
            issuer.put(at + 1, &consumer, &athena, &get, &worker, Detail::None);
            issuer.put(at + 2, &consumer, &athena, &results, &worker, Detail::None);
        }
        issuer.put(second + 6, &consumer, &glue, &table, &behalf, Detail::None);
    }
    fastrand::Rng::with_seed(1).shuffle(&mut issuer.events);
    issuer.events
}

fn main() {
    let topology = Topology::default();
    let accounts_seen: BTreeSet<AccountId> = ["111122223333".into(), "444455556666".into()].into();
    let context = Context {
        topology: &topology,
        window: TimeWindow::ALL,
        accounts_seen: &accounts_seen,
        all_sessions: false,
        statistics: None,
        chat_logs: None,
        integrity: &[],
    };
    println!("| events | sessions | chains | seconds | peak MB |");
    println!("|---|---|---|---|---|");
    for _ in 0..5 {
        let events = events();
        let count = events.len();
        let start = Instant::now();
        let deduped = dedupe(events, &[]);
        let facts = WindowFacts::of(&deduped.events, &topology);
        let (chains, _) = stitch(&deduped.events, &facts, &context);
        let seconds = start.elapsed().as_secs_f64();
        let peak = peak_megabytes().map_or_else(|| "?".to_owned(), |peak| peak.to_string());
        assert_eq!(chains.len(), CHAINS as usize);
        println!(
            "| {count} | {} | {CHAINS} | {seconds:.2} | {peak} |",
            CHAINS * 2
        );
    }
}
