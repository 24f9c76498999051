//! SQL over tables.
//!
//! | what | file |
//! |---|---|
//! | SQL over tables | [`sql`] |
//! | tables as data frames and back | [`frame`] |
//!
//! Data frames live in here and in `attribute`, and never in a signature.

mod frame;
mod sql;

pub use sql::{NamedColumns, SqlError, SqlPlace, names, run};
