//! Events and statistics to reads: which tables, buckets and functions each query read, and whose
//! they are (docs/cloudtrail-facts.md#what-a-query-read).
//!
//! | evidence | file |
//! |---|---|
//! | Lake Formation gave access, for a query that the call names | [`lake_formation`] |
//! | Athena asked Glue for a table, or invoked a function | [`calls`] |
//! | objects of S3 were read | [`objects`], [`locations`] |
//! | the SQL names the table | [`sql`] |
//!
//! A call is of the query that ran when it was made ([`executions`]). Where several ran, none is
//! chosen: the read is the chain's, with all of them as candidates. Everything that is known of one
//! table and query is one entry ([`drafts`]).

mod calls;
mod coverage;
mod drafts;
mod executions;
mod inputs;
mod lake_formation;
mod locations;
mod objects;
mod sql;

pub use coverage::not_logged;

use crate::model::chain::Chain;
use crate::model::event::Event;
use crate::model::execution::Statistics;
use drafts::Drafts;
use inputs::Inputs;
use locations::Locations;

/// Tells for each query of these chains, and for each chain, what it read.
///
/// The chains point into `events`.
pub fn attach(chains: &mut [Chain], events: &[Event], statistics: Option<&Statistics>) {
    gathered(chains, events, statistics).write(chains);
}

fn gathered(chains: &[Chain], events: &[Event], statistics: Option<&Statistics>) -> Drafts {
    let inputs = Inputs::of(events, chains, statistics);
    let mut drafts = Drafts::default();
    let grants = lake_formation::sightings(&inputs, &mut drafts);
    calls::sightings(&inputs, &mut drafts);
    sql::sightings(&inputs, &mut drafts);
    drafts.resolve_links(chains);
    drafts.complete_owners();
    let locations = Locations::of(events);
    objects::sightings(&inputs, &grants, &locations, &mut drafts);
    drafts
}
