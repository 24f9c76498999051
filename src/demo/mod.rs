//! A synthetic organization: its logs in CloudTrail's own layout, and the ground
//! truth next to them.
//!
//! Everything is made from a seed, so that the same seed gives the same bytes. It feeds
//! `qs-audit demo`, `sample-logs/org-small`, property tests and benchmarks. Shapes follow
//! docs/cloudtrail-facts.md#log-files; ids are made up.

mod bill;
mod cast;
mod chance;
mod extras;
mod incidents;
mod layout;
mod mesh;
mod mesh_records;
mod noise;
mod open_conversations;
mod organization;
mod plan;
mod rare;
mod records;
mod roads;
mod scenes;
mod side;
mod statistics;
mod truth;

pub use layout::{GeneratedFile, write_to};
pub use organization::{Organization, generate};
pub use plan::DemoPlan;
pub use truth::{TrueActing, TrueChain, TrueRead, Truth};
