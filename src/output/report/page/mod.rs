//! `index.html`: one file, nothing remote.
//!
//! The text of the page is `page.html`, checked when the program is built. What it
//! shows is put into words here, section by section; log text only as
//! [`super::cells::Shown`], which the template escapes like everything else.

mod chains;
mod coverage;
mod document;
mod findings;
mod money;
mod reads;
mod roads;
mod table;

pub use document::{AccountReport, write};
