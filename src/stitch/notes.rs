//! Notes of chains: undecided links with their candidates, changing keys, delegates.

use super::assemble::Assembler;
use super::peers::{Candidates, SessionId};
use super::session::Session;
use crate::model::chain::{Chain, Confidence};
use crate::model::ids::AccountId;
use std::collections::BTreeSet;

/// Candidates that a note names.
const NAMES_MAX: usize = 8;

impl Assembler<'_> {
    /// Adds the undecided links, with their candidates.
    pub(super) fn add_open_questions(&self, chain: &mut Chain, session: &Session) {
        if !session.candidates.is_empty() {
            chain.confidence = Confidence::Ambiguous;
            chain
                .notes
                .push(self.candidates_note("the consumer session", session));
        }
        chain
            .notes
            .extend(self.indistinguishable_note(session, "the consumer session"));
        chain.notes.extend(self.delegate_note(session));
        if session.has_changing_keys() && !session.keys_seen.is_empty() {
            chain.confidence = chain.confidence.min(Confidence::Probable);
            let keys = session.key_count();
            chain.notes.push(format!(
                "its calls were signed with {keys} different access keys, as the console does: they are linked by principal \
                 and creation time"
            ));
        }
    }

    /// Notes calls that a provider made under a temporary delegation.
    fn delegate_note(&self, session: &Session) -> Option<String> {
        let calls = session.calls.iter();
        let delegates: BTreeSet<&AccountId> = calls
            .filter_map(|&(call, _)| {
                let identity = &self.events[call as usize].identity;
                identity.delegate_account_id.as_ref()
            })
            .collect();
        let names: Vec<&str> = delegates.iter().map(|account| &***account).collect();
        (!names.is_empty()).then(|| {
            format!(
                "some of its calls were made by a provider under a temporary delegation: account {}",
                names.join(", ")
            )
        })
    }

    /// That several sessions are alike in all that matters.
    pub(super) fn indistinguishable_note(&self, session: &Session, what: &str) -> Option<String> {
        (session.indistinguishable.count() > 1).then(|| {
            format!(
                "{what} cannot be distinguished from {}: same second, caller, external id and policy; calls without an \
                 access key are counted for one of them",
                self.names(&session.indistinguishable)
            )
        })
    }

    pub(super) fn candidates_note(&self, what: &str, session: &Session) -> String {
        format!("{what} is one of {}", self.names(&session.candidates))
    }

    /// Sessions by chain id, or by key where they have no chain of their own.
    fn names(&self, sessions: &Candidates) -> String {
        let name = |&id: &SessionId| {
            if let Some(chain) = &self.ids[id as usize] {
                chain.clone()
            } else {
                let session = self.sessions.get(id);
                let key = session.key.as_deref().unwrap_or("without a key");
                format!("session {key} of {}", session.created_at)
            }
        };
        let mut names: Vec<String> = sessions.named.iter().map(name).collect();
        names.sort();
        let more = names.len().saturating_sub(NAMES_MAX) + sessions.more;
        names.truncate(NAMES_MAX);
        let names = names.join(", ");
        if more > 0 {
            format!("{names} and {more} more")
        } else {
            names
        }
    }
}
