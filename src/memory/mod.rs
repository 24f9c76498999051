//! The memory of findings: what earlier runs found, what people acknowledged, and messages that have to
//! be sent (ARCHITECTURE.md#the-memory-of-findings). One SQLite database, in the store or next to the
//! configuration; only `report`, `findings --remember`, `ack` and `notify` write it.

mod acknowledged;
mod database;
mod evaluated;
mod outbox;
mod schema;

pub use acknowledged::NewAck;
pub use database::{Memory, MemoryError};
pub use evaluated::EvaluatedWindow;
pub use outbox::{OutboxMessage, QueuedMessage};
