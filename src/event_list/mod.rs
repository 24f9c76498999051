//! The one list of CloudTrail events that matter: which are kept and why, what is read of
//! them, and whether `LookupEvents` is asked for them. Decoding, lookup and the store
//! follow it. `docs/event-list.md` is written from it.

pub mod entry;
pub mod list;
pub mod members;
pub mod reference;
