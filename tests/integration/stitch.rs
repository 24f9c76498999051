//! Stitching against the ground truth of generated organizations, against the
//! oracle, and against every other way to deliver the same logs.

use crate::common::{Memory, as_truth, as_truths, chat_logs, plan, run, without_stories};
use crate::needs;
use crate::oracle;
use crate::security::Story;
use proptest::prelude::*;
use qs_audit::decode::{SplitMode, quick_query_id};
use qs_audit::demo::{self, DemoPlan, TrueChain, TrueRead};
use qs_audit::ingest::read_executions;
use qs_audit::model::audit::Audit;
use qs_audit::model::chain::{Chain, Confidence};
use qs_audit::model::execution::Statistics;
use qs_audit::output::json::v1::{RecordShape, write_jsonl};
use serde_json::Value;
use std::io::Read;

fn small(seed: u64) -> DemoPlan {
    DemoPlan {
        days: 1,
        consumers: 2,
        chains_per_day: 9,
        noise_per_day: 3,
        minutes_per_file: 360,
        ..DemoPlan::demo(seed)
    }
}

fn compare(seed: u64, audit: &Audit, truth: &demo::Truth) {
    let mut found: Vec<TrueChain> = as_truths(&audit.chains);
    found.sort();
    let wanted = without_stories(&truth.chains);
    for (chain, told) in wanted.iter().zip(&truth.chains) {
        let started = |other: &&TrueChain| other.started_at == chain.started_at;
        assert!(
            found.contains(chain),
            "seed {seed}: not found: {chain:#?}\n{}\nat that time: {:#?}",
            told.story,
            found.iter().filter(started).collect::<Vec<_>>()
        );
    }
    for chain in &found {
        assert!(
            wanted.contains(chain),
            "seed {seed}: never happened: {chain:#?}"
        );
    }
    assert_eq!(found.len(), wanted.len(), "seed {seed}");
}

#[test]
fn every_chain_is_found_as_it_was() {
    for seed in 0..1000 {
        let organization = demo::generate(&small(seed));
        let mut plan = plan(SplitMode::Fast, 2);
        plan.exports.chat_logs = Some(chat_logs(&organization.extras));
        let audit = run(&plan, &Memory::of(&organization.logs));
        compare(seed, &audit, &organization.truth);
        assert_eq!(audit.coverage.records, organization.truth.record_count);
        assert_eq!(audit.coverage.replaced, organization.truth.replaced_count);
        assert_eq!(audit.coverage.conflicts, 0);
        assert_eq!(audit.coverage.rejects.total(), 0);
    }
}

#[test]
fn sql_adds_reads_and_takes_none() {
    for seed in 0..100 {
        let organization = demo::generate(&small(seed));
        let mut statistics = Statistics::default();
        let mut extras = organization.extras.iter();
        let executions = extras.find(|file| file.key == "executions.json").unwrap();
        read_executions("f", &executions.body, quick_query_id, &mut statistics);
        let mut plan = plan(SplitMode::Fast, 2);
        plan.exports.statistics = Some(statistics);
        let audit = run(&plan, &Memory::of(&organization.logs));
        let found = audit.chains.iter().map(as_truth);
        let found: Vec<TrueRead> = found.flat_map(|chain| chain.reads).collect();
        let wanted = organization.truth.chains.iter();
        let wanted: Vec<&TrueRead> = wanted.flat_map(|chain| &chain.reads).collect();
        let is_same = |one: &TrueRead, other: &TrueRead| {
            (&one.name, &one.query_execution_id) == (&other.name, &other.query_execution_id)
        };
        for read in &wanted {
            let mut same = found.iter().filter(|one| is_same(one, read));
            // SQL tells the table that the context of the query leaves open.
            let table = format!("{}.fx", read.name.trim_end_matches(".*"));
            let mut told = found.iter().filter(|one| one.name == table);
            let is_told = read.name.ends_with(".*")
                && told.any(|one| one.query_execution_id == read.query_execution_id);
            let is_found = is_told
                || same.any(|one| {
                    one.owner_account_id == read.owner_account_id
                        && one.objects == read.objects
                        && (one.confidence == read.confidence || read.confidence == "ambiguous")
                });
            // Statistics tell when queries ended: what may have been of several is then of one.
            let is_open = read.confidence == "ambiguous";
            assert!(is_found || is_open, "seed {seed}: not found: {read:#?}");
        }
        for read in &found {
            let is_in_catalog = |one: &&TrueRead| {
                one.name.ends_with(".*") && one.query_execution_id == read.query_execution_id
            };
            let is_known = wanted
                .iter()
                .any(|one| is_same(one, read) || is_in_catalog(one));
            let is_usual = read.via == "sql" && read.name.split('.').nth(1) == Some("sales");
            let may_be = wanted
                .iter()
                .any(|one| one.confidence == "ambiguous" && one.name == read.name);
            assert!(
                is_known || is_usual || may_be,
                "seed {seed}: never happened: {read:#?}"
            );
        }
    }
}

#[test]
fn the_demo_is_found_as_it_was() {
    let organization = demo::generate(&DemoPlan::demo(1));
    let mut plan = plan(SplitMode::Fast, 2);
    plan.exports.chat_logs = Some(chat_logs(&organization.extras));
    let audit = run(&plan, &Memory::of(&organization.logs));
    compare(1, &audit, &organization.truth);
}

/// All records of an organization, with their repeats.
fn records_of(organization: &demo::Organization) -> Vec<Value> {
    let mut records = Vec::new();
    for file in &organization.logs {
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(file.body.as_slice());
        decoder.read_to_string(&mut text).unwrap();
        let Value::Array(mut of_file) =
            serde_json::from_str::<Value>(&text).unwrap()["Records"].take()
        else {
            panic!("no records");
        };
        records.append(&mut of_file);
    }
    records
}

fn ids_of(chain: &Chain, consumer: bool) -> Vec<String> {
    let session = if consumer {
        chain.consumer_session.as_ref()
    } else {
        chain.caller_session()
    };
    let ids = session.iter().flat_map(|session| &session.event_ids);
    ids.map(ToString::to_string).collect()
}

#[test]
fn the_oracle_agrees() {
    for seed in 2000..4000 {
        let organization = demo::generate(&DemoPlan {
            consumers: 1,
            noise_per_day: 1,
            ..small(seed)
        });
        let records = records_of(&organization);
        let oracle = oracle::chains(&records);
        let audit = run(&plan(SplitMode::Fast, 1), &Memory::of(&organization.logs));
        let mut seen = 0;
        for chain in &audit.chains {
            let hop = ids_of(chain, true);
            let is_decided = chain.confidence != Confidence::Ambiguous;
            if hop.is_empty() || chain.queries.is_empty() || !is_decided {
                continue;
            }
            seen += 1;
            let wanted = oracle
                .get(&hop)
                .unwrap_or_else(|| panic!("seed {seed}: {chain:#?}"));
            let mut run_as = ids_of(chain, false);
            run_as.sort();
            let mut queries = as_truth(chain).query_execution_ids;
            queries.sort();
            assert_eq!(run_as, wanted.run_as, "seed {seed}: {chain:#?}");
            assert_eq!(queries, wanted.queries, "seed {seed}: {chain:#?}");
            if !wanted.run_as.is_empty() {
                let proven = chain.confidence == Confidence::Proven;
                assert_eq!(proven, wanted.proven, "seed {seed}: {chain:#?}");
            }
        }
        assert_eq!(seen, oracle.len(), "seed {seed}");
    }
}

/// Records in JSON files of any of the forms with a list of records.
fn real_records(folder: &std::path::Path) -> Vec<Value> {
    let mut records = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry.unwrap();
        let parsed = std::fs::read(entry.path())
            .ok()
            .and_then(|body| serde_json::from_slice::<Value>(&body).ok());
        match parsed {
            Some(Value::Object(mut map)) => match map.get_mut("Records").map(Value::take) {
                Some(Value::Array(list)) => records.extend(list),
                _ => records.push(Value::Object(map)),
            },
            Some(Value::Array(list)) => records.extend(list),
            _ => {}
        }
    }
    records
}

#[test]
fn real_sessions_are_proven_and_masked_keys_prove_nothing() {
    let Some(folder) = needs::folder_beside("real-logs") else {
        return;
    };
    let wanted = oracle::proven_calls(&real_records(&folder));
    let files = walkdir::WalkDir::new(&folder)
        .sort_by_file_name()
        .into_iter()
        .filter_map(Result::ok);
    let files = files.filter(|entry| entry.file_type().is_file());
    let source = Memory::new(files.map(|entry| {
        (
            entry.path().to_string_lossy().into_owned(),
            std::fs::read(entry.path()).unwrap(),
        )
    }));
    let audit = run(
        &qs_audit::pipeline::Plan {
            all_sessions: true,
            ..plan(SplitMode::Fast, 2)
        },
        &source,
    );
    let mut found = std::collections::BTreeMap::new();
    for chain in &audit.chains {
        let ids = ids_of(chain, true);
        let proven = chain.events.iter().filter(|event| {
            let content = &audit.events[event.event as usize];
            let is_own_hop = ids.contains(&content.id.to_string());
            event.confidence == Confidence::Proven
                && !is_own_hop
                && event.session == qs_audit::model::chain::ChainPart::Consumer
        });
        let count = proven.count();
        if count > 0 && !ids.is_empty() {
            found.insert(ids[0].clone(), count);
        }
    }
    assert_eq!(found, wanted);
    assert!(wanted.values().sum::<usize>() >= 40, "{wanted:?}");
    assert!(audit.chains.iter().all(|chain| !chain.is_ambiguous()));
}

/// Everything the machine outputs say of the chains.
fn written(audit: &Audit) -> String {
    let chains: Vec<&Chain> = audit.chains.iter().collect();
    let mut out = Vec::new();
    write_jsonl(&chains, RecordShape::Chains, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

/// Puts records into files of their own making: any order, any split, any form,
/// some of them more than once.
fn redeliver(records: &[Value], order: &[usize], cuts: &[usize], repeats: &[usize]) -> Memory {
    let mut texts: Vec<String> = order.iter().map(|&at| records[at].to_string()).collect();
    texts.extend(
        repeats
            .iter()
            .map(|&at| records[at % records.len()].to_string()),
    );
    let mut files = Vec::new();
    let mut start = 0;
    let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (texts.len() + 1)).collect();
    cuts.push(texts.len());
    cuts.sort_unstable();
    for (number, cut) in cuts.into_iter().enumerate() {
        let part = &texts[start..cut];
        let body = match number % 4 {
            0 => format!("{{\"Records\":[{}]}}", part.join(",")),
            1 => part.join("\n"),
            2 => format!("[{}]", part.join(" ,\n ")),
            _ => {
                let events = part
                    .iter()
                    .map(|text| serde_json::json!({"CloudTrailEvent": text}));
                serde_json::json!({"Events": events.collect::<Vec<_>>()}).to_string()
            }
        };
        files.push((format!("{number}.json"), body.into_bytes()));
        start = cut;
    }
    Memory::new(files)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn delivery_does_not_show(
        seed in 5000u64..5020,
        mixer in any::<u64>(),
        cuts in prop::collection::vec(any::<usize>(), 0..12),
        repeats in prop::collection::vec(any::<usize>(), 0..30),
        threads in 1usize..4,
    ) {
        let organization = demo::generate(&DemoPlan { noise_per_day: 1, ..small(seed) });
        let records = records_of(&organization);
        let straight = run(&plan(SplitMode::Fast, 1), &Memory::of(&organization.logs));
        let mut order: Vec<usize> = (0..records.len()).collect();
        fastrand::Rng::with_seed(mixer).shuffle(&mut order);
        let other = run(&plan(SplitMode::Fast, threads), &redeliver(&records, &order, &cuts, &repeats));
        prop_assert_eq!(written(&straight), written(&other));
        prop_assert_eq!(other.coverage.duplicates, straight.coverage.duplicates + repeats_kept(&records, &repeats, &straight));
    }

    /// Of sessions that nothing tells apart, few or a crowd, of one policy or several,
    /// none is proven to be meant, however their logs were delivered.
    #[test]
    fn what_nothing_tells_apart_stays_so_in_any_delivery(
        count in 2u32..80,
        policies in 1u32..5,
        mixer in any::<u64>(),
        cuts in prop::collection::vec(any::<usize>(), 0..6),
        threads in 1usize..4,
    ) {
        let mut story = Story::new();
        for number in 0..count {
            story.look_alike(number, number % policies);
        }
        let straight: Vec<usize> = (0..story.records.len()).collect();
        let mut order = straight.clone();
        fastrand::Rng::with_seed(mixer).shuffle(&mut order);
        let one = run(&plan(SplitMode::Fast, 1), &redeliver(&story.records, &straight, &[], &[]));
        let other = run(&plan(SplitMode::Fast, threads), &redeliver(&story.records, &order, &cuts, &[]));
        prop_assert_eq!(written(&one), written(&other));
        prop_assert_eq!(one.chains.len(), count as usize);
        let unsure = if policies.min(count) == 1 { Confidence::Probable } else { Confidence::Ambiguous };
        for chain in &one.chains {
            prop_assert_eq!(chain.confidence, unsure);
        }
    }

    /// Taking records away never makes a proven link point elsewhere.
    #[test]
    fn fewer_records_never_change_a_proven_link(seed in 6000u64..6020, mixer in any::<u64>(), keep in 50usize..100) {
        let organization = demo::generate(&DemoPlan { noise_per_day: 1, ..small(seed) });
        let records = records_of(&organization);
        let mut chance = fastrand::Rng::with_seed(mixer);
        let order: Vec<usize> = (0..records.len()).filter(|_| chance.usize(..100) < keep).collect();
        let whole = run(&plan(SplitMode::Fast, 1), &redeliver(&records, &(0..records.len()).collect::<Vec<_>>(), &[], &[]));
        let part = run(&plan(SplitMode::Fast, 1), &redeliver(&records, &order, &[], &[]));
        let session_of = |audit: &Audit| {
            let mut of_query = std::collections::BTreeMap::new();
            for chain in &audit.chains {
                for query in &chain.queries {
                    let session = chain.consumer_session.as_ref();
                    let key = session.and_then(|session| session.access_key_id.clone());
                    if query.confidence == Confidence::Proven {
                        of_query.insert(query.event_id.clone(), key);
                    }
                }
            }
            of_query
        };
        let (whole, part) = (session_of(&whole), session_of(&part));
        for (query, key) in &part {
            if let Some(known) = whole.get(query) {
                prop_assert_eq!(key, known);
            }
        }
    }
}

/// How many of the repeated records are of the kept kind.
fn repeats_kept(records: &[Value], repeats: &[usize], audit: &Audit) -> u64 {
    let kept: std::collections::BTreeSet<String> = audit
        .events
        .iter()
        .map(|event| event.id.to_string())
        .collect();
    let replaced: std::collections::BTreeSet<&str> = records
        .iter()
        .filter(|record| record["addendum"]["reason"] == "UPDATED_DATA")
        .filter_map(|record| record["addendum"]["originalEventID"].as_str())
        .collect();
    let is_kept = |at: &&usize| {
        let id = records[**at % records.len()]["eventID"].as_str().unwrap();
        kept.contains(id) || replaced.contains(id)
    };
    repeats.iter().filter(is_kept).count() as u64
}
