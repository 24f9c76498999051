//! Access that a change of a trust policy newly grants.

use super::policy::{Condition, Effect, Match, Policy, Principal, Principals, Statement};
use crate::model::text::Text;
use std::collections::BTreeSet;

/// The actions that a trust policy may allow and that make a session.
const ASSUMING: [&str; 3] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
];

/// Ways that one statement is taken apart into, at most.
const WAYS_MAX: usize = 256;

/// To deny an account is to deny its roles, wherever the role is.
const NO_ACCOUNT: &str = "";

/// One way in: who, how, and under which conditions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WayIn {
    /// Who.
    pub who: Grantee,
    actions: BTreeSet<&'static str>,
    conditions: BTreeSet<Condition>,
}

/// The principals that are granted access.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Grantee {
    /// A principal, or all that it stands for.
    One(Principal),
    /// Everybody but these.
    AllBut(BTreeSet<Principal>),
}

impl Grantee {
    /// Returns true if everybody who is the other one is this one, for a role of an account: in its
    /// own account, a role that is named needs no permission of its own, so naming the account says
    /// less.
    fn covers(&self, other: &Self, role_account: &str) -> bool {
        match (self, other) {
            (Self::One(Principal::Account(account)), Self::One(Principal::Arn(_)))
                if **account == *role_account =>
            {
                false
            }
            (Self::One(own), Self::One(other)) => own.covers(other),
            (Self::One(Principal::Everyone), Self::AllBut(_)) => true,
            (Self::One(_), Self::AllBut(_)) => false,
            (Self::AllBut(kept_out), Self::One(other)) => !kept_out
                .iter()
                .any(|out| out.covers(other) || other.covers(out)),
            (Self::AllBut(own), Self::AllBut(other)) => own.is_subset(other),
        }
    }

    /// Returns true if this lets in people of accounts that no one named.
    #[must_use]
    pub fn is_everyone(&self) -> bool {
        matches!(self, Self::One(Principal::Everyone) | Self::AllBut(_))
    }
}

impl std::fmt::Display for Grantee {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(principal) => principal.fmt(formatter),
            Self::AllBut(principals) => {
                let names: Vec<String> = principals.iter().map(ToString::to_string).collect();
                write!(formatter, "any principal except {}", names.join(", "))
            }
        }
    }
}

impl WayIn {
    /// Returns true if everybody who comes in by the other way could come in by this one.
    fn covers(&self, other: &Self, role_account: &str) -> bool {
        self.who.covers(&other.who, role_account)
            && self.actions.is_superset(&other.actions)
            && self
                .conditions
                .iter()
                .all(|needed| other.conditions.iter().any(|given| given.implies(needed)))
    }

    /// Returns true if any principal in any account comes in by it, without a condition that keeps
    /// anyone out.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.who.is_everyone() && self.conditions.iter().all(Condition::is_void)
    }

    /// The same way, one for each value of its conditions: several values are several
    /// ways.
    fn each(&self) -> Vec<Self> {
        let mut ways = vec![self.clone()];
        for condition in &self.conditions {
            let is_positive = matches!(
                &*condition.operator,
                "stringequals" | "stringlike" | "arnlike" | "arnequals"
            );
            let is_choice = is_positive && condition.values.len() > 1;
            if !is_choice || ways.len() * condition.values.len() > WAYS_MAX {
                continue;
            }
            let one_of = |way: &Self, value: &Text| {
                let mut way = way.clone();
                way.conditions.remove(condition);
                way.conditions.insert(Condition {
                    values: BTreeSet::from([value.clone()]),
                    ..condition.clone()
                });
                way
            };
            ways = ways
                .iter()
                .flat_map(|way| condition.values.iter().map(|value| one_of(way, value)))
                .collect();
        }
        ways
    }
}

impl std::fmt::Display for WayIn {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}", self.who)?;
        let how: Vec<&str> = self
            .actions
            .iter()
            .filter_map(|action| action.strip_prefix("sts:AssumeRole"))
            .filter(|way| !way.is_empty())
            .collect();
        if !how.is_empty() {
            write!(formatter, " ({})", how.join(", "))?;
        }
        if self.conditions.is_empty() {
            return formatter.write_str(", without conditions");
        }
        let conditions: Vec<String> = self.conditions.iter().map(ToString::to_string).collect();
        write!(formatter, ", if {}", conditions.join(" and "))
    }
}

/// All ways in that a trust policy allows, leaving aside what it denies.
pub fn ways_in(policy: &Policy) -> Vec<WayIn> {
    let allows = policy
        .statements
        .iter()
        .filter(|one| one.effect == Effect::Allow);
    let ways: BTreeSet<WayIn> = allows.flat_map(ways).collect();
    ways.into_iter().collect()
}

fn ways(statement: &Statement) -> Vec<WayIn> {
    let actions: BTreeSet<&'static str> = ASSUMING
        .into_iter()
        .filter(|action| statement.actions.holds_action(action))
        .collect();
    if actions.is_empty() {
        return Vec::new();
    }
    let way = |who: Grantee| WayIn {
        who,
        actions: actions.clone(),
        conditions: statement.conditions.clone(),
    };
    match &statement.principals {
        Some(Principals::AnyOf(principals)) => principals
            .iter()
            .cloned()
            .map(Grantee::One)
            .map(way)
            .collect(),
        Some(Principals::AllBut(principals)) => vec![way(Grantee::AllBut(principals.clone()))],
        None => Vec::new(),
    }
}

/// Returns, in words, the access that a role's new policy grants and its old one did not; empty if
/// it grants no more than before. `role_account` is the role's own account.
#[must_use]
pub fn newly_let_in(old: &Policy, new: &Policy, role_account: &str) -> Vec<String> {
    let before = ways_in(old);
    let mut added = Vec::new();
    for way in ways_in(new) {
        let is_old = |one: &WayIn| before.iter().any(|known| known.covers(one, role_account));
        if way.each().iter().all(is_old) {
            continue;
        }
        // The same people came in before, under conditions that are gone.
        let same_people = before
            .iter()
            .filter(|known| known.who.covers(&way.who, role_account));
        let dropped: BTreeSet<String> = same_people
            .map(|known| {
                let needed = known.conditions.iter();
                let gone = needed
                    .filter(|needed| !way.conditions.iter().any(|given| given.implies(needed)));
                gone.map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join(" and ")
            })
            .filter(|gone| !gone.is_empty())
            .collect();
        if dropped.is_empty() {
            added.push(way.to_string());
        } else {
            let dropped: Vec<String> = dropped.into_iter().collect();
            added.push(format!(
                "{way}; before, only if {}",
                dropped.join(", or if ")
            ));
        }
    }
    added.extend(denials_dropped(old, new));
    added
}

/// Returns true if the denial keeps out everything that the other one does.
fn denies_as_much(own: &Statement, other: &Statement) -> bool {
    let who = match (&own.principals, &other.principals) {
        (None, _) => true,
        (Some(own), Some(other)) => match (own, other) {
            (Principals::AnyOf(own), Principals::AnyOf(other)) => other.iter().all(|one| {
                let one = Grantee::One(one.clone());
                own.iter()
                    .any(|own| Grantee::One(own.clone()).covers(&one, NO_ACCOUNT))
            }),
            (own, other) => own == other,
        },
        (Some(_), None) => false,
    };
    let what = own.actions == other.actions
        || ASSUMING
            .iter()
            .all(|action| own.actions.holds_action(action) || !other.actions.holds_action(action));
    let mut needed = own.conditions.iter();
    who && what && needed.all(|needed| other.conditions.iter().any(|given| given.implies(needed)))
}

/// Denials that the new policy does not have any more.
fn denials_dropped(old: &Policy, new: &Policy) -> Vec<String> {
    let denies = |policy: &Policy| -> Vec<Statement> {
        let denying = policy
            .statements
            .iter()
            .filter(|one| one.effect == Effect::Deny);
        denying.cloned().collect()
    };
    let kept = denies(new);
    denies(old)
        .into_iter()
        .filter(|gone| !kept.iter().any(|kept| denies_as_much(kept, gone)))
        .map(|statement| {
            format!(
                "what a removed Deny statement denied: {}",
                denial(&statement)
            )
        })
        .collect()
}

/// A denial in words.
fn denial(statement: &Statement) -> String {
    let joined = |words: &BTreeSet<Text>| {
        let words: Vec<&str> = words.iter().map(|word| &**word).collect();
        words.join(", ")
    };
    let who = match &statement.principals {
        Some(Principals::AnyOf(principals)) => {
            let names: Vec<String> = principals.iter().map(ToString::to_string).collect();
            names.join(", ")
        }
        Some(Principals::AllBut(principals)) => Grantee::AllBut(principals.clone()).to_string(),
        None => "anyone".to_owned(),
    };
    let what = match &statement.actions {
        Match::AnyOf(actions) => joined(actions),
        Match::AllBut(actions) => format!("everything except {}", joined(actions)),
    };
    let conditions: Vec<String> = statement
        .conditions
        .iter()
        .map(ToString::to_string)
        .collect();
    if conditions.is_empty() {
        format!("{what} to {who}")
    } else {
        format!("{what} to {who} if {}", conditions.join(" and "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn trust(statements: &str) -> Policy {
        Policy::parse(&format!(r#"{{"Statement":{statements}}}"#)).unwrap()
    }

    const CONSUMER: &str = "444455556666";

    const HUB: &str = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},
        "Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":["a","b"]}}}"#;

    #[test]
    fn the_same_policy_in_another_spelling_lets_in_nobody_new() {
        let other = r#"[{"Effect":"Allow","Principal":{"AWS":["111122223333"]},
            "Action":["sts:assumerole"],"Condition":{"stringequals":{"STS:ExternalId":["b","a"]}}}]"#;
        assert!(newly_let_in(&trust(HUB), &trust(other), CONSUMER).is_empty());
    }

    #[test]
    fn a_narrower_policy_lets_in_nobody_new() {
        let role = HUB.replace(":root", ":role/a");
        assert!(newly_let_in(&trust(HUB), &trust(&role), CONSUMER).is_empty());
        let one_id = HUB.replace(r#"["a","b"]"#, r#""a""#);
        assert!(newly_let_in(&trust(HUB), &trust(&one_id), CONSUMER).is_empty());
    }

    #[test]
    fn a_session_of_a_role_is_narrower_than_the_role() {
        let role = HUB.replace(":root", ":role/a/path/r");
        let session = HUB.replace(
            "arn:aws:iam::111122223333:root",
            "arn:aws:sts::111122223333:assumed-role/r/s",
        );
        assert!(newly_let_in(&trust(&role), &trust(&session), CONSUMER).is_empty());
        assert_eq!(
            newly_let_in(&trust(&session), &trust(&role), CONSUMER).len(),
            1
        );
        let other = session.replace("assumed-role/r/", "assumed-role/x/");
        assert_eq!(
            newly_let_in(&trust(&role), &trust(&other), CONSUMER).len(),
            1
        );
    }

    #[test]
    fn a_policy_for_everyone_without_conditions_is_open() {
        let open = r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole"}"#;
        let pattern = r#"{"Effect":"Allow","Principal":{"AWS":"*"},"Action":"sts:AssumeRole",
            "Condition":{"StringLike":{"sts:ExternalId":"*"}}}"#;
        let held = pattern.replace("\"*\"}}", "\"a*\"}}");
        let is_open = |text: &str| ways_in(&trust(text)).iter().any(WayIn::is_open);
        assert!(is_open(open) && is_open(pattern) && !is_open(&held) && !is_open(HUB));
    }

    #[test]
    fn a_stranger_is_named() {
        let stranger = format!(
            r#"[{HUB},{{"Effect":"Allow","Principal":{{"AWS":"210987654321"}},"Action":"sts:*"}}]"#
        );
        let added = newly_let_in(&trust(HUB), &trust(&stranger), CONSUMER);
        assert_eq!(added.len(), 1);
        assert!(added[0].starts_with("account 210987654321"), "{added:?}");
        assert!(added[0].ends_with("without conditions"), "{added:?}");
    }

    #[test]
    fn a_dropped_condition_is_named() {
        let open =
            r#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}"#;
        let added = newly_let_in(&trust(HUB), &trust(open), CONSUMER);
        assert_eq!(
            added,
            [
                "account 111122223333, without conditions; before, only if sts:ExternalId stringequals a or b"
            ]
        );
        let wider = HUB.replace(r#""b""#, r#""b","c""#);
        assert_eq!(newly_let_in(&trust(HUB), &trust(&wider), CONSUMER).len(), 1);
    }

    #[test]
    fn everyone_covers_all_and_is_covered_by_nobody() {
        let all = r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole",
            "Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorgid"}}}"#;
        let added = newly_let_in(&trust(HUB), &trust(all), CONSUMER);
        assert_eq!(added.len(), 1);
        assert!(added[0].contains("aws:PrincipalOrgID"), "{added:?}");
        let but =
            r#"{"Effect":"Allow","NotPrincipal":{"AWS":"210987654321"},"Action":"sts:AssumeRole"}"#;
        assert!(ways_in(&trust(but))[0].who.is_everyone());
        assert_eq!(newly_let_in(&trust(all), &trust(but), CONSUMER).len(), 1);
    }

    #[test]
    fn a_dropped_denial_lets_in() {
        let deny = r#"{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole",
            "Condition":{"StringNotEquals":{"aws:SourceAccount":"111122223333"}}}"#;
        let both = format!("[{HUB},{deny}]");
        let added = newly_let_in(&trust(&both), &trust(HUB), CONSUMER);
        assert_eq!(added.len(), 1);
        assert!(added[0].contains("aws:SourceAccount"), "{added:?}");
        assert!(newly_let_in(&trust(HUB), &trust(&both), CONSUMER).is_empty());
    }

    #[test]
    fn in_its_own_account_a_named_role_is_let_in_newly() {
        let root =
            r#"{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"sts:AssumeRole"}"#;
        let role = root.replace("444455556666", "arn:aws:iam::444455556666:role/dev");
        assert_eq!(newly_let_in(&trust(root), &trust(&role), CONSUMER).len(), 1);
        assert!(newly_let_in(&trust(root), &trust(&role), "111122223333").is_empty());
    }

    #[test]
    fn statements_that_are_merged_let_in_nobody_new() {
        let one = HUB.replace(r#"["a","b"]"#, r#""a""#);
        let two = HUB.replace(r#"["a","b"]"#, r#""b""#);
        let apart = trust(&format!("[{one},{two}]"));
        assert!(newly_let_in(&apart, &trust(HUB), CONSUMER).is_empty());
        assert!(newly_let_in(&trust(HUB), &apart, CONSUMER).is_empty());
        assert_eq!(newly_let_in(&trust(&one), &trust(HUB), CONSUMER).len(), 1);
    }

    #[test]
    fn a_stricter_denial_lets_in_nobody_new() {
        let deny = |values: &str| {
            trust(&format!(
                r#"[{HUB},{{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole",
                "Condition":{{"StringNotEquals":{{"sts:ExternalId":{values}}}}}}}]"#
            ))
        };
        let (both, one) = (deny(r#"["a","b"]"#), deny(r#"["a"]"#));
        assert!(newly_let_in(&both, &one, CONSUMER).is_empty());
        assert_eq!(newly_let_in(&one, &both, CONSUMER).len(), 1);
    }

    /// A statement of a trust policy out of a small vocabulary.
    fn statement() -> impl Strategy<Value = String> {
        let principal = prop::sample::select(vec![
            r#""*""#,
            r#"{"AWS":"111122223333"}"#,
            r#"{"AWS":["arn:aws:iam::111122223333:role/a","arn:aws:iam::210987654321:root"]}"#,
            r#"{"Service":"quicksight.amazonaws.com"}"#,
            r#"{"Federated":"arn:aws:iam::444455556666:saml-provider/x"}"#,
        ]);
        let action = prop::sample::select(vec![
            r#""sts:AssumeRole""#,
            r#""sts:*""#,
            r#"["sts:TagSession","*"]"#,
        ]);
        let operator = prop::sample::select(vec![
            "StringEquals",
            "StringLike",
            "StringNotEquals",
            "ArnLike",
            "StringEqualsIfExists",
            "Bool",
        ]);
        let value =
            prop::sample::select(vec![r#""a""#, r#"["a","b"]"#, r#""a*""#, r#""*""#, "true"]);
        let effect = prop::sample::select(vec!["Allow", "Allow", "Deny"]);
        let kind = prop::sample::select(vec!["Principal", "Principal", "NotPrincipal"]);
        let condition = prop::option::of((operator, value));
        (effect, kind, principal, action, condition).prop_map(
            |(effect, kind, principal, action, condition)| {
                let condition = condition.map_or_else(String::new, |(operator, value)| {
                    format!(r#","Condition":{{"{operator}":{{"sts:ExternalId":{value}}}}}"#)
                });
                format!(
                    r#"{{"Effect":"{effect}","{kind}":{principal},"Action":{action}{condition}}}"#
                )
            },
        )
    }

    fn joined(statements: &[String]) -> Policy {
        trust(&format!("[{}]", statements.join(",")))
    }

    proptest! {
        /// A policy lets in no one whom it does not let in; neither does one with
        /// fewer allowances or more denials.
        #[test]
        fn fewer_allowances_let_in_nobody(all in prop::collection::vec(statement(), 1..6), left_out in any::<prop::sample::Index>()) {
            let whole = joined(&all);
            prop_assert_eq!(newly_let_in(&whole, &whole, CONSUMER), Vec::<String>::new());
            let at = left_out.index(all.len());
            let mut fewer = all.clone();
            let gone = fewer.remove(at);
            let fewer = joined(&fewer);
            if gone.contains("Deny") {
                prop_assert_eq!(newly_let_in(&fewer, &whole, CONSUMER), Vec::<String>::new());
            } else {
                prop_assert_eq!(newly_let_in(&whole, &fewer, CONSUMER), Vec::<String>::new());
            }
        }

        /// A stranger without conditions is always named.
        #[test]
        fn a_stranger_is_always_named(all in prop::collection::vec(statement(), 0..5)) {
            let before = joined(&all);
            let lets_in_all = ways_in(&before).iter().any(|way| way.who.is_everyone() && way.conditions.is_empty());
            let mut more = all;
            more.push(r#"{"Effect":"Allow","Principal":{"AWS":"999988887777"},"Action":"sts:AssumeRole"}"#.to_owned());
            let added = newly_let_in(&before, &joined(&more), CONSUMER);
            prop_assert!(lets_in_all || added.iter().any(|one| one.contains("999988887777")), "{added:?}");
        }

        /// Nothing that a log may hold makes reading a policy panic.
        #[test]
        fn no_text_makes_a_policy_panic(text in ".{0,200}", at in any::<prop::sample::Index>()) {
            let _ = Policy::parse(&text);
            let mut damaged = HUB.to_owned();
            let cut = at.index(damaged.len());
            damaged.truncate(cut);
            damaged.push_str(&text);
            let _ = Policy::parse(&damaged).map(|policy| ways_in(&policy));
        }
    }
}
