//! Logs in S3 as a source of objects.
//!
//! | what | file |
//! |---|---|
//! | the logs of a window, as a source | [`logs`] |
//! | a bucket's objects, and one try to get one | [`bucket`] |
//! | where they lie, and how they are reached | [`location`] |
//! | what has to be listed for a window | [`plan`] |
//! | one page of a list | [`page`] |
//! | which objects are logs of the window | [`walk`] |
//! | bills and other exports, as streams | [`exports`] |
//! | putting a small object | [`put`] |
//!
//! Bodies are on their way while lists still run; which position an object has is known
//! when all are listed.

mod bucket;
mod exports;
mod location;
mod logs;
mod page;
mod plan;
mod put;
mod walk;

pub use exports::{ExportObject, S3Exports};
pub use location::S3Location;
pub use logs::S3Logs;
pub(super) use put::put_object;
