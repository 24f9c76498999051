//! Events and statistics to reads: which tables, buckets and functions each query read, and whose
//! they are (docs/cloudtrail-facts.md#what-a-query-read).
//!
//! | evidence | file |
//! |---|---|
//! | Lake Formation gave access, for a query that the call names | [`lake_formation`] |
//! | Athena asked Glue for a table, or invoked a function | [`calls`] |
//! | the query names another account's catalog, or a connector | [`contexts`], [`registered`] |
//! | a connector spilled what it read | [`spill`] |
//! | objects of S3 were read | [`objects`], [`locations`] |
//! | the SQL names the table | [`sql`] |
//! | by which share it was reachable | [`shares`] |
//!
//! A call is of the query that ran when it was made ([`executions`]). Where several ran, none is
//! chosen: the read is the chain's, with all of them as candidates. Everything that is known of one
//! table and query is one entry ([`drafts`]).

mod calls;
mod contexts;
mod coverage;
mod drafts;
mod executions;
mod inputs;
mod lake_formation;
mod links;
mod locations;
mod objects;
mod registered;
mod shares;
mod spill;
mod sql;

pub use coverage::ReadsTally;
pub use executions::QUERY_SECONDS_MAX;
pub use links::{ReadAct, ReadLinks, is_of_every_part};
pub use objects::ACCESS_SECONDS_MAX;

use crate::model::chain::Chain;
use crate::model::event::Event;
use drafts::Drafts;
use inputs::Inputs;
pub use inputs::ReadsContext;
use locations::Locations;
use shares::TableShares;

/// Tells for each query of these chains, and for each chain, what it read.
///
/// The chains point into `events`.
pub fn attach(chains: &mut [Chain], events: &[Event], context: ReadsContext<'_>) {
    let (drafts, unknown) = {
        let inputs = Inputs::of(events, chains, context);
        let drafts = gathered(&inputs, context);
        let unknown = contexts::unknown(&inputs, &drafts);
        (drafts, unknown)
    };
    drafts.write(chains);
    contexts::note_unknown(chains, unknown);
    TableShares::of(events, context.catalogs).name_in(chains);
}

fn gathered(inputs: &Inputs<'_>, context: ReadsContext<'_>) -> Drafts {
    let (chains, events) = (inputs.chains, inputs.events);
    let mut drafts = Drafts::default();
    let grants = lake_formation::sightings(inputs, &mut drafts);
    calls::sightings(inputs, &mut drafts);
    contexts::sightings(inputs, &mut drafts);
    sql::sightings(inputs, &mut drafts);
    if let Some(catalogs) = context.catalogs {
        drafts.resolve_listed_links(catalogs);
    }
    drafts.resolve_catalogs();
    drafts.resolve_links(chains);
    drafts.complete_owners(chains);
    if let Some(catalogs) = context.catalogs {
        drafts.complete_listed_owners(catalogs);
    }
    drafts.drop_covered_catalogs();
    let locations = Locations::of(events, context.catalogs);
    let spilled = spill::sightings(inputs, &locations, &mut drafts);
    objects::sightings(inputs, &grants, &locations, &spilled, &mut drafts);
    drafts
}
