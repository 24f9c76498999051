//! The record tables: chains, hops, queries and charges as columns, and SQL over them.
//!
//! | what | file |
//! |---|---|
//! | records as tables | [`records`], [`mod@charges`] |
//! | SQL over tables | [`sql`] |
//! | tables as data frames and back | [`frame`] |
//!
//! Data frames live in here and in `attribute`, and never in a signature.

mod charges;
mod frame;
mod records;
mod sql;

pub use charges::charges;
pub use records::{chains, hops, queries};
pub use sql::{SqlError, SqlPlace, run};
