//! From arguments to an exit status.

use super::args::{Cli, Command};
use super::exit::Exit;
use super::failure::{exit_of, text_of};
use super::terminal::say;
use super::{
    ack, chains, chargeback, collect, completions_and_man, demo, doctor, engine, explain, find,
    findings, init, notify, query, report, show, verify,
};
use crate::app::failure::Failure;
use clap::Parser;
use std::process::ExitCode;

/// Runs the program.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are no errors; that no one reads them neither.
            let _ = error.print();
            let exit = if error.use_stderr() {
                Exit::Usage
            } else {
                Exit::Clean
            };
            return exit.into();
        }
    };
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
    match &cli.command {
        Command::Chains(args) => chains::run(args),
        Command::Show(args) => show::run(args),
        Command::Find(args) => find::run(args),
        Command::Chargeback(args) => chargeback::run(args),
        Command::Findings(args) => findings::run(args),
        Command::Report(args) => report::run(args),
        Command::Ack(args) => ack::run(args),
        Command::Notify(args) => notify::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Init(args) => init::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Collect(args) => collect::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Query(args) => query::run(args),
        Command::Engine(args) => engine::run(args),
        Command::Demo(args) => demo::run(args),
        Command::Completions(args) => completions_and_man::completions(args),
        Command::Man(args) => completions_and_man::man(args),
    }
}
