//! The `qs-audit` program: everything is in the library.

use std::process::ExitCode;

/// Bodies are allocated on the threads that ask AWS, and freed on those that decode: the
/// system's allocator has these wait for each other.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    qs_audit::cli::main()
}
