//! The integrity status of evidence, where log files were verified.

use super::occurrences::Occurrences;
use crate::model::ids::EventId;
use crate::model::integrity::Integrity;
use crate::model::text::Text;
use hashbrown::HashMap;

/// The integrity status of events and chains, where the log files were verified.
#[derive(Debug, Default)]
pub struct IntegrityIndex {
    pub(super) events: HashMap<EventId, Integrity>,
    pub(super) chains: HashMap<Text, Integrity>,
}

impl IntegrityIndex {
    /// Returns the integrity status of a subject's evidence: as the rule set it, else that of its
    /// events and chains.
    pub(super) fn of(&self, occurrences: &Occurrences) -> Integrity {
        let events = occurrences.events().iter().map(|id| self.events.get(id));
        let chains = occurrences.chains().iter().map(|id| self.chains.get(id));
        let known = events.chain(chains).map(Option::<&Integrity>::copied);
        let known = known.map(|known| known.unwrap_or(Integrity::Unverified));
        let statuses = occurrences
            .told_integrity()
            .or_else(|| Integrity::worst(known));
        statuses.unwrap_or(Integrity::Unverified)
    }
}
