//! From arguments to an exit status.

use super::args::{Cli, Command};
use super::exit::Exit;
use super::failure::{exit_of, text_of};
use super::terminal::{check_output, say};
use super::{
    chains, chargeback, collect, demo, doctor, explain, findings, glue, init, query, report, show,
    verify,
};
use crate::app::failure::Failure;
use clap::Parser;
use std::process::ExitCode;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let mut cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; that nobody reads them neither.
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Clean
            };
            return exit.into();
        }
    };
    cli.global.settle();
    match run(&cli) {
        Ok(exit) => exit.into(),
        Err(failure) => {
            let exit = exit_of(&failure);
            if exit != Exit::Clean {
                say(&text_of(&failure));
            }
            exit.into()
        }
    }
}

fn run(cli: &Cli) -> Result<Exit, Failure> {
    if !matches!(cli.command, Command::Report(_) | Command::Init(_)) {
        check_output(&cli.global)?;
    }
    match &cli.command {
        Command::Chains(args) => chains::run(&cli.global, args),
        Command::Show(args) => show::run(&cli.global, args),
        Command::Chargeback(args) => chargeback::run(&cli.global, args),
        Command::Findings(args) => findings::run(&cli.global, args),
        Command::Report(args) => report::run(&cli.global, args),
        Command::Explain(args) => explain::run(&cli.global, args),
        Command::Init(args) => init::run(&cli.global, args),
        Command::Doctor => doctor::run(&cli.global),
        Command::Collect(args) => collect::run(&cli.global, args),
        Command::Verify(args) => verify::run(&cli.global, args),
        Command::Query(args) => query::run(&cli.global, args),
        Command::Demo(args) => demo::run(&cli.global, args),
        Command::Completions(args) => glue::completions(&cli.global, args),
        Command::Man(args) => glue::man(&cli.global, args),
    }
}
