//! The nouns: what every other part of the program speaks about.
//!
//! Nothing in here reads, writes, or knows where data comes from.

pub mod ack_record;
mod arn;
pub mod audit;
pub mod bill;
pub mod catalog_table;
pub mod chain;
pub mod charge;
pub mod chat_log;
pub mod confidence;
pub mod coverage;
pub mod damage;
pub mod data_catalogs;
pub mod data_read;
pub mod event;
pub mod exact;
pub mod execution;
pub mod finding;
pub mod function_sessions;
pub mod identity;
pub mod ids;
pub mod incident;
pub mod indexed;
pub mod integrity;
pub mod inventory;
pub mod json;
pub mod key;
pub mod link;
pub mod message;
pub mod money;
pub mod pattern;
pub mod region;
pub mod relevance;
pub mod road;
pub mod set;
pub mod severity;
pub mod size;
pub mod table;
pub mod table_name;
pub mod text;
pub mod time;
pub mod topology;
pub mod trend;
pub mod window;
