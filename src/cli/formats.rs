//! The formats of commands.

use clap::ValueEnum;

/// The formats of a command.
pub(super) trait Format: ValueEnum + Copy + Send + Sync + std::fmt::Debug + 'static {
    /// For people.
    const TABLE: Self;

    /// Returns what kind of bytes it is.
    fn kind(self) -> FormatKind;
}

/// The kind of bytes of a format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FormatKind {
    /// A table for people.
    Table,
    Json,
    Csv,
    /// Bytes that no terminal shows.
    Binary,
}

/// Formats of records of any kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RecordFormat {
    /// For people: fits the terminal.
    Table,
    /// One JSON document with window, coverage and totals.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values, safe to open in a spreadsheet.
    Csv,
    /// Parquet, for DuckDB, Athena and the like.
    Parquet,
    /// A workbook.
    Xlsx,
}

/// Formats of `chargeback`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum ChargebackFormat {
    /// For people: fits the terminal.
    Table,
    /// One JSON document with window, coverage and totals.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values, safe to open in a spreadsheet.
    Csv,
    /// Parquet, for DuckDB, Athena and the like.
    Parquet,
    /// A workbook.
    Xlsx,
    /// CSV in FOCUS columns.
    Focus,
}

/// Formats of `findings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum FindingsFormat {
    /// For people: fits the terminal.
    Table,
    /// One JSON document with window, coverage and totals.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// Comma-separated values, safe to open in a spreadsheet.
    Csv,
    /// Parquet, for DuckDB, Athena and the like.
    Parquet,
    /// A workbook.
    Xlsx,
    /// OCSF Detection Findings, one per line.
    Ocsf,
    /// AWS Security Hub findings, one batch per line.
    Asff,
}

impl Format for RecordFormat {
    const TABLE: Self = Self::Table;

    fn kind(self) -> FormatKind {
        match self {
            Self::Table => FormatKind::Table,
            Self::Json | Self::Jsonl => FormatKind::Json,
            Self::Csv => FormatKind::Csv,
            Self::Parquet | Self::Xlsx => FormatKind::Binary,
        }
    }
}

impl Format for ChargebackFormat {
    const TABLE: Self = Self::Table;

    fn kind(self) -> FormatKind {
        match self {
            Self::Table => FormatKind::Table,
            Self::Json | Self::Jsonl => FormatKind::Json,
            Self::Csv | Self::Focus => FormatKind::Csv,
            Self::Parquet | Self::Xlsx => FormatKind::Binary,
        }
    }
}

impl Format for FindingsFormat {
    const TABLE: Self = Self::Table;

    fn kind(self) -> FormatKind {
        match self {
            Self::Table => FormatKind::Table,
            Self::Json | Self::Jsonl | Self::Ocsf | Self::Asff => FormatKind::Json,
            Self::Csv => FormatKind::Csv,
            Self::Parquet | Self::Xlsx => FormatKind::Binary,
        }
    }
}
