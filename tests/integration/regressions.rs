//! Small logs that once came out wrong, one story each.

use crate::common::plan;
use crate::small_logs::{CONSUMER, DATA_SOURCE, HUB, Log, bare, notes, one, quick, session, usual};
use qs_audit::decode::SplitMode;
use qs_audit::model::chain::{ChainPath, ChainStatus, Confidence, RoleSession};
use qs_audit::model::identity::RoleName;
use serde_json::json;

#[test]
fn a_refusal_without_a_role_is_a_refusal_all_the_same() {
    let mut log = Log::default();
    log.assume(0, HUB, quick(), "a", Some("KA"));
    let refusal = json!({"errorCode": "AccessDenied", "errorMessage": "Access denied"});
    log.put(
        1,
        HUB,
        ("sts", "AssumeRole"),
        session("a", Some("KA"), 0),
        refusal,
    );
    let mut declared = plan(SplitMode::Fast, 1);
    declared.topology.run_as_roles = RoleName::from_arn("arn:aws:iam::111122223333:role/a")
        .into_iter()
        .collect();
    for audit in [log.chains(), log.audit(&declared)] {
        let chain = one(&audit);
        assert_eq!(chain.status, ChainStatus::Denied);
        assert!(
            notes(chain).contains("does not name the role"),
            "{}",
            notes(chain)
        );
        assert!(chain.run_as_session().is_some());
    }
}

#[test]
fn a_chain_of_three_sessions_lists_them_in_order() {
    let mut log = Log::default();
    log.assume(0, HUB, quick(), "a", Some("KA"));
    log.assume(1, HUB, session("a", Some("KA"), 0), "m", Some("KM"));
    log.assume(2, HUB, session("m", Some("KM"), 1), "b", Some("KB"));
    log.query(9, Some("KB"), 2, "q1");
    let audit = log.chains();
    let mut chains = audit.chains.iter();
    let chain = chains.find(|chain| !chain.queries.is_empty()).unwrap();
    let key = |session: &RoleSession| session.access_key_id.as_deref().map(str::to_owned);
    let keys: Vec<Option<String>> = chain.hops().map(key).collect();
    assert_eq!(keys, ["KA", "KM", "KB"].map(|key| Some(key.to_owned())));
    assert_eq!(chain.run_as_session().and_then(key).unwrap(), "KA");
    assert_eq!(chain.caller_session().and_then(key).unwrap(), "KM");
    assert_eq!(chain.consumer_session.as_ref().and_then(key).unwrap(), "KB");
    // The sessions before do not change which chain it is.
    let mut shorter = Log::default();
    shorter.assume(2, HUB, session("m", Some("KM"), 1), "b", Some("KB"));
    shorter.query(9, Some("KB"), 2, "q1");
    assert_eq!(one(&shorter.chains()).chain_id, chain.chain_id);
}

#[test]
fn a_chain_of_very_many_sessions_lists_the_last_and_says_so() {
    let mut log = Log::default();
    log.assume(0, HUB, quick(), "r0", Some("K0"));
    for step in 1..21 {
        let before = session(
            &format!("r{}", step - 1),
            Some(&format!("K{}", step - 1)),
            step - 1,
        );
        log.assume(
            step,
            HUB,
            before,
            &format!("r{step}"),
            Some(&format!("K{step}")),
        );
    }
    let made = session("r20", Some("K20"), 20);
    log.assume(21, HUB, made, "b", Some("KB"));
    log.query(30, Some("KB"), 21, "q1");
    let audit = log.chains();
    let mut chains = audit.chains.iter();
    let chain = chains.find(|chain| !chain.queries.is_empty()).unwrap();
    assert_eq!(chain.hops().count(), 17);
    assert!(
        notes(chain).contains("only the last 16"),
        "{}",
        notes(chain)
    );
}

#[test]
fn a_chain_of_one_session_has_no_run_as_session() {
    let mut log = Log::default();
    log.assume(1, HUB, quick(), "b", Some("KB"));
    log.query(9, Some("KB"), 1, "q1");
    let audit = log.chains();
    let chain = one(&audit);
    assert!(chain.run_as_session().is_none());
    assert_eq!(chain.hops().count(), 1);
}

#[test]
fn a_repeated_call_is_one_query() {
    let mut log = usual();
    log.query(10, Some("KB"), 1, "q1");
    let audit = log.chains();
    let chain = one(&audit);
    assert_eq!((chain.queries.len(), chain.call_count()), (1, 2));
    assert!(notes(chain).contains("repeated StartQueryExecution"));
}

#[test]
fn calls_with_two_keys_for_one_unlogged_key_are_probable() {
    let mut log = Log::default();
    log.assume(0, HUB, quick(), "a", Some("KA"));
    log.assume(1, HUB, session("a", Some("KA"), 0), "b", None);
    log.query(8, Some("K1"), 1, "q1");
    log.query(9, Some("K2"), 1, "q2");
    let audit = log.chains();
    let chain = one(&audit);
    assert_eq!(chain.confidence, Confidence::Probable);
    assert!(
        notes(chain).contains("2 different access keys"),
        "{}",
        notes(chain)
    );
}

#[test]
fn twins_before_a_chain_are_told() {
    let mut log = Log::default();
    log.assume(0, HUB, quick(), "a", Some("KA1"));
    log.assume(0, HUB, quick(), "a", Some("KA2"));
    log.assume(1, CONSUMER, bare(HUB, "AROAa:s", true), "b", Some("KB"));
    log.query(9, Some("KB"), 1, "q1");
    let audit = log.chains();
    let chain = one(&audit);
    assert_eq!(chain.path, ChainPath::QuickRoleChain);
    assert!(
        notes(chain).contains("cannot be distinguished from"),
        "{}",
        notes(chain)
    );
}

#[test]
fn an_exact_query_id_beats_a_guess_by_time() {
    let mut log = usual();
    log.assume(60, HUB, session("a", Some("KA"), 0), "b", Some("KB2"));
    log.query(70, Some("KB2"), 60, "11111111-0000-4000-8000-000000000002");
    let asked = json!({"requestParameters": {"auditContext": {"additionalAuditContext": "{queryId: 11111111-0000-4000-8000-000000000002}"}}});
    log.put(
        71,
        "777788889999",
        ("lakeformation", "GetDataAccess"),
        bare(CONSUMER, "AROAb:s", false),
        asked,
    );
    let audit = log.chains();
    assert_eq!(audit.chains.len(), 2, "{:#?}", audit.chains);
    assert_eq!(audit.chains[1].call_count(), 2);
    assert!(audit.chains.iter().all(|chain| !chain.is_ambiguous()));
}

#[test]
fn quick_s_own_account_may_make_the_first_hop() {
    let mut log = Log::default();
    log.assume(
        0,
        HUB,
        bare("999900001111", "AROAQS:svc", true),
        "a",
        Some("KA"),
    );
    log.assume(1, HUB, session("a", Some("KA"), 0), "b", Some("KB"));
    log.query(9, Some("KB"), 1, "q1");
    let mut declared = plan(SplitMode::Fast, 1);
    declared.topology.run_as_roles = RoleName::from_arn("arn:aws:iam::111122223333:role/a")
        .into_iter()
        .collect();
    let audit = log.audit(&declared);
    assert_eq!(one(&audit).path, ChainPath::QuickRoleChain);
}

#[test]
fn an_external_id_alone_makes_no_quick_chain() {
    for (by_quick, path) in [
        (true, ChainPath::QuickRoleChain),
        (false, ChainPath::RoleChain),
    ] {
        let mut log = Log::default();
        log.assume(
            1,
            CONSUMER,
            bare(HUB, "AROAevil:mallory", by_quick),
            "b",
            Some("KB"),
        );
        log.query(9, Some("KB"), 1, "q1");
        let audit = log.chains();
        assert_eq!(one(&audit).path, path);
        assert_eq!(one(&audit).status, ChainStatus::Partial);
    }
}

#[test]
fn a_stranger_s_chain_claims_no_hub() {
    let mut log = usual();
    log.assume(
        100,
        CONSUMER,
        bare("210987654321", "AROAx:s", false),
        "b",
        Some("KX"),
    );
    let audit = log.chains();
    let stranger = audit
        .chains
        .iter()
        .find(|chain| chain.path == ChainPath::RoleChain)
        .unwrap();
    assert_eq!(stranger.hub_account_id, None);
}

#[test]
fn a_busy_session_before_does_not_stand_whole_in_every_chain() {
    let mut log = Log::default();
    log.assume(0, HUB, quick(), "a", Some("KA"));
    for number in 0..1500 {
        let key = format!("KB{number}");
        log.assume(
            1 + number,
            HUB,
            session("a", Some("KA"), 0),
            "b",
            Some(&key),
        );
    }
    let audit = log.chains();
    assert_eq!(audit.chains.len(), 1500);
    let events: usize = audit.chains.iter().map(|chain| chain.events.len()).sum();
    assert!(events < 10_000, "{events}");
    // The first chain has them all, so that nothing is lost; the others say so.
    assert!(audit.chains[0].events.len() > 1500 && audit.chains[0].notes.is_empty());
    let other = &audit.chains[1];
    assert!(notes(other).contains("in the timeline of its first chain only"));
}

fn seen_by_quick(log: &mut Log, second: u32, user: &str, query_id: &str) {
    let details = json!({"dataSourceId": DATA_SOURCE, "queryId": query_id, "resourceId": format!("dashboard/{user}")});
    let identity = json!({"type": "Unknown", "userName": user, "accountId": HUB});
    log.put(
        second,
        HUB,
        ("quicksight", "QueryDatabase"),
        identity,
        json!({"serviceEventDetails": {"eventRequestDetails": details}}),
    );
}

#[test]
fn a_proof_for_one_query_is_none_for_another() {
    let mut log = usual();
    let id = "0a0a0a0a-0000-4000-8000-000000000001";
    log.0.last_mut().unwrap()["requestParameters"] =
        json!({"queryString": format!("/* QuickSight {id} */ SELECT 1")});
    seen_by_quick(&mut log, 9, "alice", id);
    let proven = log.chains();
    let user = one(&proven).quick_user.as_ref().unwrap();
    assert_eq!(
        (&*user.name, user.confidence),
        ("alice", Confidence::Proven)
    );
    log.query(600, Some("KB"), 1, "q2");
    seen_by_quick(&mut log, 601, "bob", "0b0b0b0b-0000-4000-8000-000000000002");
    let both = log.chains();
    assert_eq!(one(&both).quick_user, None);
    assert!(
        notes(one(&both)).contains("alice, bob"),
        "{}",
        notes(one(&both))
    );
}

#[test]
fn a_session_that_queries_behind_the_window_is_not_idle() {
    let log = usual();
    let mut narrow = plan(SplitMode::Fast, 1);
    narrow.window.to = qs_audit::model::time::UtcSecond::parse("2026-07-01T10:00:05Z");
    let audit = log.audit(&narrow);
    let chain = one(&audit);
    assert_eq!(
        (chain.status, chain.queries.len()),
        (ChainStatus::Complete, 0)
    );
    assert!(notes(chain).contains("1 query of this session lies outside the window"));
}
