//! The nightly report: one night, told to people and machines.
//!
//! [`Night`] is worked out once from the result of a run; every format shows it:
//!
//! | file | what it is |
//! |---|---|
//! | [`night`] | all of it together |
//! | [`places`] | coverage by account, Region and day; gaps |
//! | [`unseen`] | what was not seen, in words |
//! | [`flow`] | paths from the hub's role to the work group |
//! | [`listed`] | the chains that a page has room for, with their timelines |
//! | [`tops`] | the biggest queries, users and data sources |
//! | [`page`] | `index.html`, from `page.html`, `page.css` and `page.js` |
//! | [`picture`] | its pictures |
//! | [`markdown`] | `report.md` |
//! | [`summary`] | ten lines for a terminal |
//!
//! `report.json` is written by [`super::json::report`].

mod cells;
mod flow;
mod listed;
pub mod markdown;
mod night;
pub mod page;
mod picture;
mod places;
pub mod summary;
mod tops;
mod unseen;

pub use flow::{Basis, Flow, Path};
pub use listed::{Listed, ListedChain, Moment};
pub use night::{Counts, Material, Night, Sums};
pub use places::{Gap, Habit, Place, Places};
pub use tops::{TopQuery, TopUse, Tops};
pub use unseen::Unseen;
