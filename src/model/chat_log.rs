//! Chat logs that Quick delivers: which conversation with which agent was open when
//! (docs/cloudtrail-facts.md#agents-and-identities).

use super::coverage::Rejects;
use super::text::Text;
use super::time::UtcSecond;
use std::collections::{BTreeMap, BTreeSet};

/// A conversation of a user of Quick.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConversationKey {
    /// `user_arn`.
    pub user_arn: Option<Text>,
    /// `conversation_id`.
    pub conversation_id: Option<Text>,
}

/// A message of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ChatMessage {
    /// `event_timestamp`.
    pub at: UtcSecond,
    /// `agent_id`.
    pub agent_id: Option<Text>,
    /// `flow_id`.
    pub flow_id: Option<Text>,
}

/// All chat logs that were given.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ChatLogs {
    /// Files that were read, whole or in part.
    pub files: u64,
    /// Entries that were read, with repeats.
    pub entries: u64,
    /// Conversations: their messages, by time.
    pub conversations: BTreeMap<ConversationKey, BTreeSet<ChatMessage>>,
    /// The rejected entries.
    pub rejects: Rejects,
}

/// The extent of the chat logs of a run.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ChatLogCoverage {
    /// Files that were read, whole or in part.
    pub files: u64,
    /// Entries, with repeats.
    pub entries: u64,
    /// Conversations of these entries.
    pub conversations: u64,
}

impl ChatLogs {
    /// The extent of what was read.
    #[must_use]
    pub fn coverage(&self) -> ChatLogCoverage {
        ChatLogCoverage {
            files: self.files,
            entries: self.entries,
            conversations: self.conversations.len() as u64,
        }
    }

    /// Takes a message; a repeated one counts once.
    pub fn add(&mut self, conversation: ConversationKey, message: ChatMessage) {
        self.entries += 1;
        let messages = self.conversations.entry(conversation).or_default();
        messages.insert(message);
    }
}
