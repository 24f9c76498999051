//! The inputs of all kinds of evidence.

use super::drafts::Reader;
use super::executions::Executions;
use super::registered::RegisteredCatalogs;
use crate::model::chain::{Chain, ChainPart, Confidence};
use crate::model::data_catalogs::DataCatalogs;
use crate::model::event::{Content, Detail, Event};
use crate::model::execution::Statistics;
use crate::model::ids::QueryExecutionId;
use hashbrown::HashMap;

/// The service that calls others for a query.
const ATHENA: &str = "athena.amazonaws.com";

/// The inputs of reads other than chains and events.
#[derive(Debug, Clone, Copy, Default)]
pub struct ReadsContext<'a> {
    /// Statistics of queries: their SQL names tables.
    pub statistics: Option<&'a Statistics>,
    /// Lists of tables and shares.
    pub catalogs: Option<&'a DataCatalogs>,
}

/// Events, chains, and what is known of when queries ran.
#[derive(Debug)]
pub(super) struct Inputs<'a> {
    pub(super) events: &'a [Event],
    pub(super) chains: &'a [Chain],
    pub(super) statistics: Option<&'a Statistics>,
    pub(super) executions: Executions<'a>,
    pub(super) registered: RegisteredCatalogs<'a>,
    /// By position of the event: the position of the chain whose session made it.
    by_session: HashMap<u32, (usize, Confidence)>,
}

impl<'a> Inputs<'a> {
    pub(super) fn of(events: &'a [Event], chains: &'a [Chain], context: ReadsContext<'a>) -> Self {
        let mut by_session = HashMap::new();
        for (position, chain) in chains.iter().enumerate() {
            let own = chain.events.iter();
            for entry in own.filter(|entry| entry.session == ChainPart::Consumer) {
                if tells_reads(&events[entry.event as usize].detail) {
                    by_session.insert(entry.event, (position, entry.confidence));
                }
            }
        }
        Self {
            events,
            chains,
            statistics: context.statistics,
            executions: Executions::of(chains, events, context.statistics),
            registered: RegisteredCatalogs::of(events, context.catalogs),
            by_session,
        }
    }

    /// The chain whose session made a call, and the confidence of that.
    pub(super) fn chain_of(&self, event: u32) -> Option<(usize, Confidence)> {
        self.by_session.get(&event).copied()
    }

    /// The reader of a call that Athena made for a chain's session, its candidates and the
    /// confidence. Where no query of the session is in the logs, as in an owner's, the session is
    /// all that is known.
    pub(super) fn reader_of_call(
        &self,
        chain: usize,
        event: &Event,
        link: Confidence,
    ) -> Option<(Reader, Vec<QueryExecutionId>, Confidence)> {
        let running = self.executions.for_call(chain, event);
        if running.is_empty() && self.executions.is_without(chain) {
            let reader = Reader::Chain { chain, named: None };
            return Some((reader, Vec::new(), link.min(Confidence::Probable)));
        }
        Reader::among(chain, &running, link)
    }

    /// Calls that succeeded, with their positions.
    pub(super) fn successful(&self) -> impl Iterator<Item = (u32, &'a Event)> {
        let all = (0u32..).zip(self.events);
        all.filter(|(_, event)| event.error_code.is_none())
    }
}

fn tells_reads(detail: &Detail) -> bool {
    matches!(
        detail,
        Detail::DataAccess(_)
            | Detail::TableCall(_)
            | Detail::ObjectRead(_)
            | Detail::KeyUse(_)
            | Detail::Invocation(_)
    )
}

/// Returns true if Athena made the call, as AWS itself says.
pub(super) fn is_by_athena(event: &Content) -> bool {
    event.identity.invoked_by.as_deref() == Some(ATHENA)
        || event.source_ip.as_deref() == Some(ATHENA)
}
