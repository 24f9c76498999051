//! Options of the commands about what is news: `ack` and `notify`.

use super::formats::RecordFormat;
use super::groups::{ConfigArgs, OutputArgs, StoreArgs, TalkArgs};
use crate::app::notify::MAX_AGE_HOURS;
use clap::Args;

/// Options of `ack`.
#[derive(Debug, Args)]
pub(super) struct AckArgs {
    /// A finding (f-...) or an incident (i-...).
    #[arg(value_name = "FINDING|INCIDENT")]
    pub(super) id: Option<String>,

    /// The person who looks after it.
    #[arg(long, value_name = "NAME", requires = "id")]
    pub(super) owner: Option<String>,

    /// What there is to say about it.
    #[arg(long, value_name = "TEXT", requires = "id")]
    pub(super) note: Option<String>,

    /// The first day on which it counts again: 2026-12-24, or a duration such as 14d.
    #[arg(long, value_name = "DAY|DURATION", requires = "id")]
    pub(super) until: Option<String>,

    /// Undo what was acknowledged.
    #[arg(long, requires = "id", conflicts_with_all = ["owner", "note", "until"])]
    pub(super) undo: bool,

    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(flatten)]
    pub(super) output: OutputArgs<RecordFormat>,
    #[command(flatten)]
    pub(super) talk: TalkArgs,

    /// The time to use as the current time, for reproducible runs.
    #[arg(long, value_name = "TIME")]
    pub(super) now: Option<String>,
}

/// Options of `notify`.
#[derive(Debug, Args)]
pub(super) struct NotifyArgs {
    /// Print what would be sent, and send nothing.
    #[arg(long)]
    pub(super) dry_run: bool,

    /// Raise an alarm if the last night that was evaluated ended, or the store was collected, longer ago than this.
    #[arg(long, value_name = "DURATION", default_value_t = format!("{MAX_AGE_HOURS}h"))]
    pub(super) max_age: String,

    #[command(flatten)]
    pub(super) store: StoreArgs,
    #[command(flatten)]
    pub(super) config: ConfigArgs,
    #[command(flatten)]
    pub(super) talk: TalkArgs,

    /// The time to use as the current time, for reproducible runs.
    #[arg(long, value_name = "TIME")]
    pub(super) now: Option<String>,
}
