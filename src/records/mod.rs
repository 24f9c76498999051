//! Records: one list of fields each. Every format is written from it.
//!
//! | what | file |
//! |---|---|
//! | fields and values | [`mod@field`] |
//! | records as tables | [`mod@flat`] |
//! | records as JSON Schema | [`mod@schema`] |
//! | chains, hops and queries | [`mod@chains`], [`mod@hops`], [`mod@queries`] |
//! | what queries read | [`mod@reads`] |
//! | listed tables | [`mod@catalog_tables`] |
//! | by which road, and for whom | `roads` |
//! | findings | [`mod@findings`] |
//! | charges | [`mod@charges`] |
//! | all of them | [`mod@list`] |
//! | `docs/records-v1.md` | [`mod@reference`] |
//! | verification faults | [`mod@verification`] |

mod accounts;
pub mod catalog_tables;
pub mod chains;
pub mod charges;
pub mod coverage_days;
pub mod field;
pub mod findings;
pub mod flat;
pub mod hops;
pub mod known_findings;
pub mod list;
pub mod queries;
pub mod reads;
pub mod reference;
mod roads;
pub mod schema;
pub mod session_events;
pub mod verification;
