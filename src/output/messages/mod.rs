//! Messages, one file per way: each escapes text from logs for where it goes.

pub mod document;
mod lines;
pub mod plain;
pub mod slack;
pub mod teams;
