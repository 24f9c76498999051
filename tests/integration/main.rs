//! One binary for all integration tests.

mod common;
mod decode;
mod oracle;
mod stitch;
