//! The members of records that are read, as SQL: an engine that sends records sends no other member, and so
//! no token and no assertion.

use super::sql::text;
use crate::event_list::entry::EventListEntry;
use crate::event_list::list::SOURCES;
use crate::event_list::members::COMMON;
use std::collections::BTreeMap;

/// Stands for a member of another type than expected, such as an object inside a string: the object of the
/// record has to be read.
pub(super) const OTHER_TYPE: &str = "qs-audit: of another type";

/// Members of an object, by their names. One without members of its own is taken as it is.
#[derive(Default)]
struct Member {
    members: BTreeMap<String, Member>,
    is_list: bool,
}

/// A record of the expression, as text, with the members that are read of any event.
pub(super) fn read_members(record: &str) -> String {
    let mut root = Member::default();
    let entries = SOURCES.iter().flat_map(|service| service.entries);
    let listed = entries.flat_map(EventListEntry::members);
    let common = COMMON.iter().map(|&member| member.to_owned());
    for member in common.chain(listed) {
        root.add(&member);
    }
    root.object(record, 0)
}

impl Member {
    fn add(&mut self, dotted: &str) {
        let mut member = self;
        for part in dotted.split('.') {
            let name = part.trim_end_matches("[]");
            member = member.members.entry(name.to_owned()).or_default();
            member.is_list |= part.ends_with("[]");
        }
    }

    /// An object with these members of an expression.
    fn object(&self, from: &str, depth: u32) -> String {
        let mut members: Vec<String> = self
            .members
            .iter()
            .map(|(name, member)| {
                let path = format!("$[\"{name}\"]");
                let value = format!("json_extract({from}, {})", text(&path));
                let value = member.value(&value, depth + 1);
                format!("KEY {} VALUE {value} FORMAT JSON", text(name))
            })
            .collect();
        // An object is not empty for having other members alone.
        members.push(format!(
            "KEY 'others' VALUE CASE WHEN json_size({from}, '$') > 0 THEN '0' END FORMAT JSON"
        ));
        format!("json_object({} ABSENT ON NULL)", members.join(", "))
    }

    fn value(&self, value: &str, depth: u32) -> String {
        if self.members.is_empty() {
            return format!("json_format({value})");
        }
        let (opening, inner) = if self.is_list {
            let each = format!("e{depth}");
            let object = self.object(&each, depth);
            let list = format!("CAST({value} AS array(json))");
            let list = format!("transform({list}, {each} -> json_parse({object}))");
            ("[", format!("json_format(CAST({list} AS json))"))
        } else {
            ("{", self.object(value, depth))
        };
        let other = text(&format!("\"{OTHER_TYPE}\""));
        format!(
            "CASE WHEN starts_with(json_format({value}), '{opening}') THEN {inner} \
             WHEN json_format({value}) = 'null' THEN 'null' WHEN json_format({value}) IS NOT NULL THEN {other} END"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_token_and_no_assertion_is_asked_for() {
        let told = read_members("r");
        for member in ["roleArn", "accessKeyId", "providerArn", "principalId"] {
            assert!(told.contains(&format!("KEY '{member}'")), "{member}");
        }
        for secret in [
            "sessionToken",
            "secretAccessKey",
            "contextAssertion",
            "SAMLAssertion",
        ] {
            assert!(!told.contains(secret), "{secret}");
        }
    }
}
