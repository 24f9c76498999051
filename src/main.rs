//! The `qs-audit` program: everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    qs_audit::cli::main()
}
