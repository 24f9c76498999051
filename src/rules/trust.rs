//! What a change of a trust policy lets in that was not let in before.

use crate::model::policy::{Condition, Effect, Match, Policy, Principal, Principals, Statement};
use std::collections::BTreeSet;

/// The actions that a trust policy may allow and that make a session.
const ASSUMING: [&str; 3] = [
    "sts:AssumeRole",
    "sts:AssumeRoleWithSAML",
    "sts:AssumeRoleWithWebIdentity",
];

/// One way in: who, how, and under which conditions.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WayIn {
    pub(super) who: Who,
    actions: BTreeSet<&'static str>,
    conditions: BTreeSet<Condition>,
}

/// Who is let in.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    One(Principal),
    AllBut(BTreeSet<Principal>),
}

impl Who {
    fn covers(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::One(own), Self::One(other)) => own.covers(other),
            (Self::One(Principal::Everyone), Self::AllBut(_)) => true,
            (Self::One(_), Self::AllBut(_)) => false,
            (Self::AllBut(kept_out), Self::One(other)) => !kept_out
                .iter()
                .any(|out| out.covers(other) || other.covers(out)),
            (Self::AllBut(own), Self::AllBut(other)) => own.is_subset(other),
        }
    }

    /// Whether this lets in people of accounts that nobody named.
    pub(super) fn is_everyone(&self) -> bool {
        matches!(self, Self::One(Principal::Everyone) | Self::AllBut(_))
    }
}

impl std::fmt::Display for Who {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::One(principal) => principal.fmt(formatter),
            Self::AllBut(principals) => {
                let names: Vec<String> = principals.iter().map(ToString::to_string).collect();
                write!(formatter, "anybody but {}", names.join(", "))
            }
        }
    }
}

impl WayIn {
    /// Whether everybody who comes in by the other way could come in by this one.
    fn covers(&self, other: &Self) -> bool {
        self.who.covers(&other.who)
            && self.actions.is_superset(&other.actions)
            && self
                .conditions
                .iter()
                .all(|needed| other.conditions.iter().any(|given| given.implies(needed)))
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
pub(super) fn ways_in(policy: &Policy) -> Vec<WayIn> {
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
    let way = |who: Who| WayIn {
        who,
        actions: actions.clone(),
        conditions: statement.conditions.clone(),
    };
    match &statement.principals {
        Some(Principals::AnyOf(principals)) => {
            principals.iter().cloned().map(Who::One).map(way).collect()
        }
        Some(Principals::AllBut(principals)) => vec![way(Who::AllBut(principals.clone()))],
        None => Vec::new(),
    }
}

/// What the new policy lets in that the old one did not, in words; empty where it
/// lets in no more than before.
pub(super) fn newly_let_in(old: &Policy, new: &Policy) -> Vec<String> {
    let before = ways_in(old);
    let mut added = Vec::new();
    for way in ways_in(new) {
        if before.iter().any(|known| known.covers(&way)) {
            continue;
        }
        // The same people came in before, under conditions that are gone.
        let same_people = before.iter().filter(|known| known.who.covers(&way.who));
        let dropped: BTreeSet<String> = same_people
            .flat_map(|known| &known.conditions)
            .filter(|needed| !way.conditions.iter().any(|given| given.implies(needed)))
            .map(ToString::to_string)
            .collect();
        if dropped.is_empty() {
            added.push(way.to_string());
        } else {
            let dropped: Vec<String> = dropped.into_iter().collect();
            added.push(format!("{way}; before, only if {}", dropped.join(" and ")));
        }
    }
    added.extend(denials_dropped(old, new));
    added
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
        .filter(|statement| !kept.contains(statement))
        .map(|statement| {
            let who = match &statement.principals {
                Some(Principals::AnyOf(principals)) => {
                    let names: Vec<String> = principals.iter().map(ToString::to_string).collect();
                    names.join(", ")
                }
                Some(Principals::AllBut(principals)) => Who::AllBut(principals.clone()).to_string(),
                None => "anybody".to_owned(),
            };
            let conditions: Vec<String> = statement
                .conditions
                .iter()
                .map(ToString::to_string)
                .collect();
            let when = if conditions.is_empty() {
                String::new()
            } else {
                format!(" if {}", conditions.join(" and "))
            };
            let what = match &statement.actions {
                Match::AnyOf(actions) => actions
                    .iter()
                    .map(|one| &**one)
                    .collect::<Vec<_>>()
                    .join(", "),
                Match::AllBut(actions) => format!(
                    "everything but {}",
                    actions
                        .iter()
                        .map(|one| &**one)
                        .collect::<Vec<_>>()
                        .join(", ")
                ),
            };
            format!("what was denied before: {what} to {who}{when}")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trust(statements: &str) -> Policy {
        Policy::parse(&format!(r#"{{"Statement":{statements}}}"#)).unwrap()
    }

    const HUB: &str = r#"{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},
        "Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":["a","b"]}}}"#;

    #[test]
    fn the_same_policy_in_another_spelling_lets_in_nobody_new() {
        let other = r#"[{"Effect":"Allow","Principal":{"AWS":["111122223333"]},
            "Action":["sts:assumerole"],"Condition":{"stringequals":{"STS:ExternalId":["b","a"]}}}]"#;
        assert!(newly_let_in(&trust(HUB), &trust(other)).is_empty());
    }

    #[test]
    fn a_narrower_policy_lets_in_nobody_new() {
        let role = HUB.replace(":root", ":role/a");
        assert!(newly_let_in(&trust(HUB), &trust(&role)).is_empty());
        let one_id = HUB.replace(r#"["a","b"]"#, r#""a""#);
        assert!(newly_let_in(&trust(HUB), &trust(&one_id)).is_empty());
    }

    #[test]
    fn a_stranger_is_named() {
        let stranger = format!(
            r#"[{HUB},{{"Effect":"Allow","Principal":{{"AWS":"210987654321"}},"Action":"sts:*"}}]"#
        );
        let added = newly_let_in(&trust(HUB), &trust(&stranger));
        assert_eq!(added.len(), 1);
        assert!(added[0].starts_with("account 210987654321"), "{added:?}");
        assert!(added[0].ends_with("without conditions"), "{added:?}");
    }

    #[test]
    fn a_dropped_condition_is_named() {
        let open =
            r#"{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}"#;
        let added = newly_let_in(&trust(HUB), &trust(open));
        assert_eq!(
            added,
            [
                "account 111122223333, without conditions; before, only if sts:ExternalId stringequals a or b"
            ]
        );
        let wider = HUB.replace(r#""b""#, r#""b","c""#);
        assert_eq!(newly_let_in(&trust(HUB), &trust(&wider)).len(), 1);
    }

    #[test]
    fn everyone_covers_all_and_is_covered_by_nobody() {
        let all = r#"{"Effect":"Allow","Principal":"*","Action":"sts:AssumeRole",
            "Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-exampleorgid"}}}"#;
        let added = newly_let_in(&trust(HUB), &trust(all));
        assert_eq!(added.len(), 1);
        assert!(added[0].contains("aws:PrincipalOrgID"), "{added:?}");
        let but =
            r#"{"Effect":"Allow","NotPrincipal":{"AWS":"210987654321"},"Action":"sts:AssumeRole"}"#;
        assert!(ways_in(&trust(but))[0].who.is_everyone());
        assert_eq!(newly_let_in(&trust(all), &trust(but)).len(), 1);
    }

    #[test]
    fn a_dropped_denial_lets_in() {
        let deny = r#"{"Effect":"Deny","Principal":"*","Action":"sts:AssumeRole",
            "Condition":{"StringNotEquals":{"aws:SourceAccount":"111122223333"}}}"#;
        let both = format!("[{HUB},{deny}]");
        let added = newly_let_in(&trust(&both), &trust(HUB));
        assert_eq!(added.len(), 1);
        assert!(added[0].contains("aws:SourceAccount"), "{added:?}");
        assert!(newly_let_in(&trust(HUB), &trust(&both)).is_empty());
    }
}
