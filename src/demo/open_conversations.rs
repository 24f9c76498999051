//! Conversations with agents and flows of Quick that were open while queries ran whose user no event names.

use super::scenes::Stage;
use super::truth::TrueActing;
use crate::model::time::UtcSecond;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// A conversation is open so long before its first and after its last message
/// (docs/cloudtrail-facts.md#agents-and-identities).
const OPEN_SECONDS: i64 = 300;

const QUICK: &str = "quicksight.amazonaws.com";

/// A conversation: when it was open, and those who took part, as kind and id.
struct OpenConversation {
    from: UtcSecond,
    to: UtcSecond,
    actors: BTreeSet<(&'static str, String)>,
}

impl Stage {
    /// Notes in the truth that such a query may be of any of these conversations.
    pub(super) fn note_open_conversations(&mut self) {
        let conversations = open_conversations(&self.chat_log);
        let mut started_by: BTreeMap<&str, Vec<UtcSecond>> = BTreeMap::new();
        for one in &self.written {
            let record = &one.record;
            if record["eventName"] == "StartQueryExecution" {
                let key = record["userIdentity"]["accessKeyId"].as_str();
                let id = record["responseElements"]["queryExecutionId"].as_str();
                for name in key.into_iter().chain(id) {
                    started_by.entry(name).or_default().push(one.time);
                }
            }
        }
        let is_unnamed = |chain: &&mut super::truth::TrueChain| {
            let is_nobodys = chain.quick_user.is_none() && chain.data_source_arn.is_none();
            is_nobodys && chain.origin == QUICK
        };
        for chain in self.truth.chains.iter_mut().filter(is_unnamed) {
            let key = chain.consumer_access_key_id.as_ref();
            let names = chain.query_execution_ids.iter().chain(key);
            let times = names.filter_map(|name| started_by.get(name.as_str()));
            let times: Vec<UtcSecond> = times.flatten().copied().collect();
            let is_open = |one: &&OpenConversation| {
                times
                    .iter()
                    .any(|time| one.from <= *time && *time <= one.to)
            };
            let open = conversations.iter().filter(is_open);
            let actors: BTreeSet<_> = open.flat_map(|one| &one.actors).collect();
            chain
                .acting_for
                .extend(actors.into_iter().map(|(kind, id)| TrueActing {
                    kind: (*kind).into(),
                    id: id.clone(),
                    confidence: "ambiguous".into(),
                }));
            chain.acting_for.sort();
        }
    }
}

fn open_conversations(chat_log: &[Value]) -> Vec<OpenConversation> {
    let mut by_id: BTreeMap<&str, OpenConversation> = BTreeMap::new();
    for entry in chat_log {
        let Some(id) = entry["conversation_id"].as_str() else {
            continue;
        };
        let millis = entry["event_timestamp"].as_i64().unwrap_or_default();
        let at = UtcSecond::from_unix(millis.div_euclid(1000));
        let (from, to) = (at.plus(-OPEN_SECONDS), at.plus(OPEN_SECONDS));
        let one = by_id.entry(id).or_insert_with(|| OpenConversation {
            from,
            to,
            actors: BTreeSet::new(),
        });
        one.from = one.from.min(from);
        one.to = one.to.max(to);
        let user = entry["user_arn"].as_str().unwrap_or_default();
        let user = user.split_once("user/").map(|(_, user)| user.to_owned());
        let named = |member: &str| entry[member].as_str().map(str::to_owned);
        let actors = [
            ("quick-user", user),
            ("agent", named("agent_id")),
            ("flow", named("flow_id")),
        ];
        let actors = actors
            .into_iter()
            .filter_map(|(kind, id)| Some((kind, id?)));
        one.actors.extend(actors);
    }
    by_id.into_values().collect()
}
