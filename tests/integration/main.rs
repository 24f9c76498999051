//! One binary for all integration tests.

mod common;
mod stitch;
