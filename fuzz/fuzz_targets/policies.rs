//! Any two texts are read as policies without a panic; whether one allows what the other
//! reaches is answered, and the same twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qs_audit::iam::pattern::matches as matches_iam;
use qs_audit::model::pattern::matches;
use qs_audit::iam::policy::Policy;

const ROLE: &str = "arn:aws:iam::444455556666:role/qs-athena-consumer-role";

fuzz_target!(|texts: (&str, &str)| {
    let (one, other) = texts;
    let _ = (matches(one, other), matches_iam(one, other));
    let Ok(policy) = Policy::parse(one) else {
        return;
    };
    assert_eq!(policy, Policy::parse(one).unwrap());
    for action in ["sts:AssumeRole", other] {
        let reach = policy.reach(action);
        let is_allowed = policy.may_allow(action, ROLE);
        // What is allowed is reached.
        assert!(!is_allowed || !reach.is_empty(), "{policy:?}");
        for part in reach {
            let _ = (part.is_open(), part.to_string());
        }
    }
    for statement in &policy.statements {
        for condition in &statement.conditions {
            let _ = statement.conditions.iter().all(|known| known.implies(condition));
        }
    }
});
