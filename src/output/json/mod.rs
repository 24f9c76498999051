//! Machine output, version 1. Its structs are its own: what the program keeps
//! inside may change, this may only grow (`docs/output-v1.md`).

pub mod chargeback;
pub mod coverage;
pub mod findings;
mod incidents;
mod lines;
pub mod report;
pub mod table;
pub mod v1;
pub mod verification;
mod window;
