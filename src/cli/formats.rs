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
    /// A table for reading.
    Table,
    Json,
    Csv,
    /// Binary output that a terminal cannot show.
    Binary,
}

/// Defines the formats of a command: those of all records, and its own behind them.
macro_rules! formats {
    (
        $(#[$meta:meta])*
        $name:ident { $($(#[$own_meta:meta])* $own:ident => $kind:ident),* }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
        pub(super) enum $name {
            /// A table for reading, fitted to the terminal.
            Table,
            /// One JSON document with window, coverage and totals.
            Json,
            /// One JSON object per line.
            Jsonl,
            /// Comma-separated values, safe to open in a spreadsheet.
            Csv,
            /// Parquet, for DuckDB, Athena and the like.
            Parquet,
            /// An Excel workbook.
            Xlsx,
            $($(#[$own_meta])* $own,)*
        }

        impl Format for $name {
            const TABLE: Self = Self::Table;

            fn kind(self) -> FormatKind {
                match self {
                    Self::Table => FormatKind::Table,
                    Self::Json | Self::Jsonl => FormatKind::Json,
                    Self::Csv => FormatKind::Csv,
                    Self::Parquet | Self::Xlsx => FormatKind::Binary,
                    $(Self::$own => FormatKind::$kind,)*
                }
            }
        }
    };
}

formats! {
    /// Formats of records of any kind.
    RecordFormat {}
}

formats! {
    /// Formats of `chargeback`.
    ChargebackFormat {
        /// CSV in FOCUS columns.
        Focus => Csv
    }
}

formats! {
    /// Formats of `findings`.
    FindingsFormat {
        /// OCSF Detection Findings, one per line.
        Ocsf => Json,
        /// AWS Security Hub findings, one batch per line.
        Asff => Json
    }
}
