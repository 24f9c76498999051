//! The nightly report: one night, told to people and machines.
//!
//! [`ReportContent`] is worked out once from the result of a run; every format shows it:
//!
//! | file | what it is |
//! |---|---|
//! | [`content`] | all of it together |
//! | [`account_scope`] | the account that a report is for, if it is for one |
//! | [`account_view`] | what the owner of one account sees of it |
//! | [`mentions`] | the accounts that findings are about |
//! | [`changes`] | what changed since an earlier day |
//! | [`changes_text`] | the same in lines |
//! | [`coverage_grid`] | coverage by account, Region and day; gaps |
//! | [`coverage_gaps`] | what was not logged or read, in words |
//! | [`flow`] | paths from the hub's role to the work group |
//! | [`listed`] | the chains that a page has room for, with their timelines |
//! | [`top_consumers`] | the biggest queries, users and data sources |
//! | [`tables_read`] | the tables that were read, and who read those of producers |
//! | [`roads`] | other roads to the data, and for whom chains acted |
//! | [`page`] | `index.html`, from `page.html`, `page.css` and `page.js` |
//! | [`picture`] | its pictures |
//! | [`markdown`] | `report.md` |
//! | [`summary`] | ten lines for a terminal |
//!
//! `report.json` is written by [`super::json::report`].

mod account_scope;
mod account_view;
mod cells;
mod changes;
mod changes_text;
mod content;
mod coverage_gaps;
mod coverage_grid;
mod flow;
mod listed;
pub mod markdown;
mod mentions;
pub mod page;
mod picture;
mod roads;
pub mod summary;
mod tables_read;
mod top_consumers;

pub use account_scope::{AccountPart, AccountScope, WholeRun};
pub use account_view::{AccountView, AccountViews};
pub use changes::{ChangedFigure, Changes};
pub use content::{ChainTotals, FindingCounts, ReportContent, ReportInputs};
pub use coverage_gaps::CoverageGap;
pub use coverage_grid::{AccountRegion, CoverageGrid, Gap, Habit};
pub use flow::{Flow, FlowPath, WidthMeasure};
pub use listed::{ListedChain, ListedChains, Moment};
pub use roads::{ActingUse, OtherRoads, Road, RoadUse};
pub use tables_read::{ProducerReader, ProducerUse, TableUse, TablesRead};
pub use top_consumers::{TopConsumers, TopQuery, TopUse};
