//! Conversations of chat logs, cut into spans, by the times at which they were open
//! (docs/cloudtrail-facts.md#agents-and-identities).

use crate::model::chat_log::{ChatLogs, ChatMessage};
use crate::model::road::{ActingKind, is_same_quick_user, quick_user_key};
use crate::model::text::Text;
use crate::model::time::UtcSecond;
use hashbrown::HashMap;
use std::collections::BTreeSet;

/// Seconds before and after a message in which its conversation is taken as open. Messages are logged
/// when they are answered.
const SLACK_SECONDS: i64 = 300;

/// Conversations of one user, or of anyone, that are looked at for one moment.
const OPEN_MAX: usize = 256;

/// A span of a conversation in which each message follows the one before within 600 seconds.
#[derive(Debug)]
pub(super) struct ConversationSpan<'a> {
    from: UtcSecond,
    to: UtcSecond,
    /// The hub.
    pub(super) account_id: Option<&'a str>,
    pub(super) user_arn: Option<&'a Text>,
    pub(super) conversation_id: Option<&'a Text>,
    /// Agents and flows of its messages.
    pub(super) actors: BTreeSet<(ActingKind, &'a Text)>,
}

/// All conversations, in parts.
#[derive(Debug, Default)]
pub(super) struct Conversations<'a> {
    spans: Vec<ConversationSpan<'a>>,
    /// Positions of spans by the time slots that they are open in.
    by_slot: HashMap<i64, Vec<usize>>,
    /// The same of one user, by the name in lower case.
    by_user: HashMap<(String, i64), Vec<usize>>,
}

impl<'a> Conversations<'a> {
    pub(super) fn of(logs: &'a ChatLogs) -> Self {
        let mut conversations = Self::default();
        for (key, messages) in &logs.conversations {
            let user_arn = key.user_arn.as_ref();
            // Messages without a conversation's id are of any number of them.
            let is_one = key.conversation_id.is_some();
            let mut part: Vec<&ChatMessage> = Vec::new();
            for message in messages {
                let last = part.last().map(|last| last.at);
                let is_near = last.is_some_and(|last| message.at <= last.plus(2 * SLACK_SECONDS));
                let is_continued = part.is_empty() || is_one && is_near;
                if !is_continued {
                    conversations.add(user_arn, key.conversation_id.as_ref(), &part);
                    part.clear();
                }
                part.push(message);
            }
            conversations.add(user_arn, key.conversation_id.as_ref(), &part);
        }
        conversations
    }

    fn add(
        &mut self,
        user_arn: Option<&'a Text>,
        conversation_id: Option<&'a Text>,
        messages: &[&'a ChatMessage],
    ) {
        let (Some(first), Some(last)) = (messages.first(), messages.last()) else {
            return;
        };
        let agents = messages.iter().filter_map(|one| one.agent_id.as_ref());
        let flows = messages.iter().filter_map(|one| one.flow_id.as_ref());
        let agents = agents.map(|id| (ActingKind::Agent, id));
        let span = ConversationSpan {
            from: first.at.plus(-SLACK_SECONDS),
            to: last.at.plus(SLACK_SECONDS),
            account_id: user_arn.and_then(|arn| arn.split(':').nth(4)),
            user_arn,
            conversation_id,
            actors: agents
                .chain(flows.map(|id| (ActingKind::Flow, id)))
                .collect(),
        };
        let position = self.spans.len();
        let name = user_arn.map(|arn| quick_user_key(arn));
        for slot in slot(span.from)..=slot(span.to) {
            self.by_slot.entry(slot).or_default().push(position);
            if let Some(name) = &name {
                let of_user = self.by_user.entry((name.clone(), slot)).or_default();
                of_user.push(position);
            }
        }
        self.spans.push(span);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Conversations of a user that were open at a moment.
    pub(super) fn of_user(
        &self,
        user: &str,
        at: UtcSecond,
    ) -> impl Iterator<Item = &ConversationSpan<'a>> {
        let name = quick_user_key(user);
        let found = self.by_user.get(&(name, slot(at)));
        let is_users = move |span: &&ConversationSpan<'_>| {
            span.user_arn
                .is_some_and(|arn| is_same_quick_user(arn, user))
        };
        self.open(found, at).filter(is_users).take(OPEN_MAX)
    }

    /// Conversations of anyone that were open at a moment.
    pub(super) fn of_anyone(&self, at: UtcSecond) -> impl Iterator<Item = &ConversationSpan<'a>> {
        self.open(self.by_slot.get(&slot(at)), at).take(OPEN_MAX)
    }

    fn open(
        &self,
        of_slot: Option<&Vec<usize>>,
        at: UtcSecond,
    ) -> impl Iterator<Item = &ConversationSpan<'a>> {
        let positions = of_slot.map_or(&[][..], Vec::as_slice);
        let spans = positions.iter().map(|&position| &self.spans[position]);
        spans.filter(move |span| span.from <= at && at <= span.to)
    }
}

/// Times are looked up by slots as long as a message is open.
fn slot(at: UtcSecond) -> i64 {
    at.unix().div_euclid(2 * SLACK_SECONDS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::chat_log::ConversationKey;

    const ANA: &str = "arn:aws:quicksight:us-east-1:111122223333:user/default/ana";

    fn logs(messages: &[(Option<&str>, i64)]) -> ChatLogs {
        let mut logs = ChatLogs::default();
        for (conversation, second) in messages {
            let key = ConversationKey {
                user_arn: Some(ANA.into()),
                conversation_id: conversation.map(Text::from),
            };
            let message = ChatMessage {
                at: UtcSecond::from_unix(*second),
                agent_id: Some(format!("agent at {second}").into()),
                flow_id: None,
            };
            logs.add(key, message);
        }
        logs
    }

    fn open_at(logs: &ChatLogs, second: i64) -> usize {
        let conversations = Conversations::of(logs);
        let at = UtcSecond::from_unix(second);
        let anyone = conversations.of_anyone(at).count();
        assert_eq!(conversations.of_user("default/ANA", at).count(), anyone);
        assert_eq!(conversations.of_user("other/ana", at).count(), 0);
        anyone
    }

    #[test]
    fn a_conversation_is_open_around_its_messages() {
        let logs = logs(&[
            (Some("c"), 10_000),
            (Some("c"), 10_600),
            (Some("c"), 50_000),
        ]);
        for (second, expected) in [
            (9_699, 0),
            (9_700, 1),
            (10_300, 1),
            (10_900, 1),
            (10_901, 0),
            (30_000, 0),
            (50_300, 1),
            (50_301, 0),
        ] {
            assert_eq!(open_at(&logs, second), expected, "{second}");
        }
    }

    #[test]
    fn messages_of_no_conversation_stand_alone() {
        let logs = logs(&[(None, 10_000), (None, 10_300)]);
        assert_eq!(open_at(&logs, 10_150), 2);
        assert_eq!(open_at(&logs, 10_301), 1);
    }
}
