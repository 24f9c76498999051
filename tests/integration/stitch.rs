//! Stitching against the ground truth of generated organisations.

use crate::common::{Memory, as_truth, plan, run, without_stories};
use qs_audit::decode::Reading;
use qs_audit::demo::{self, Plan, TrueChain};

fn small(seed: u64) -> Plan {
    Plan {
        days: 1,
        consumers: 2,
        chains_per_day: 9,
        noise_per_day: 3,
        minutes_per_file: 360,
        ..Plan::demo(seed)
    }
}

fn compare(seed: u64, found: &[TrueChain], truth: &demo::Truth) {
    let wanted = without_stories(&truth.chains);
    for chain in &wanted {
        if !found.contains(chain) {
            let same = |other: &&TrueChain| {
                other.consumer_access_key_id == chain.consumer_access_key_id
                    && other.started_at == chain.started_at
            };
            let story = truth
                .chains
                .iter()
                .find(|true_chain| same(true_chain))
                .map(|chain| &chain.story);
            let near = found.iter().filter(same).collect::<Vec<_>>();
            panic!("seed {seed}: not found: {chain:#?}\nstory {story:?}\nnear: {near:#?}");
        }
    }
    for chain in found {
        assert!(
            wanted.contains(chain),
            "seed {seed}: never happened: {chain:#?}"
        );
    }
    assert_eq!(found.len(), wanted.len(), "seed {seed}");
}

#[test]
fn every_chain_is_found_as_it_was() {
    for seed in 0..200 {
        let organisation = demo::generate(&small(seed));
        let audit = run(&plan(Reading::Fast, 2), &Memory::of(&organisation.logs));
        let mut found: Vec<TrueChain> = audit.chains.iter().map(as_truth).collect();
        found.sort();
        compare(seed, &found, &organisation.truth);
        assert_eq!(audit.coverage.records, organisation.truth.record_count);
        assert_eq!(audit.coverage.replaced, organisation.truth.replaced_count);
        assert_eq!(audit.coverage.rejects.total(), 0);
    }
}
