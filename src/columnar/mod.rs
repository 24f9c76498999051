//! Parquet files, by one reader and one writer: tables written, columns read.
//!
//! | what | file |
//! |---|---|
//! | tables as Parquet | [`mod@write`] |
//! | columns of Parquet, some rows at a time | [`mod@read`] |
//! | rows of any Parquet file as JSON | [`mod@json_rows`] |

mod json_rows;
mod read;
mod write;

pub use json_rows::for_each_json_row;
pub use read::{Batch, ColumnFile, Texts};
pub use write::{Codec, ParquetError, schema_text, write, write_with_note};
