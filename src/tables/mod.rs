//! The record tables: chains, hops, queries and charges as columns, for SQL and
//! for Parquet.
//!
//! | what | file |
//! |---|---|
//! | records as tables | [`records`], [`mod@charges`] |
//! | tables as Parquet | [`parquet`] |
//! | SQL over tables | [`sql`] |
//! | tables as data frames and back | [`frame`] |
//!
//! Data frames live in here and in `attribute`, and never in a signature.

mod charges;
mod frame;
mod parquet;
mod records;
mod sql;

pub use charges::charges;
pub use parquet::{ParquetError, write_parquet, write_parquet_with};
pub use records::{chains, hops, queries};
pub use sql::{SqlError, SqlPlace, run};
