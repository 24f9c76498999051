//! `qs-audit engine`.

use super::args::{DdlArgs, EngineArgs, EngineCommand, EngineSqlArgs};
use super::exit::Exit;
use super::run_args::RunArgs;
use super::session::start;
use super::terminal::{check_output, write_out};
use super::time_args::{self, DefaultWindow};
use crate::app::engine_statements::{EngineKind, ddl, sql};
use crate::app::failure::Failure;

/// Seconds of the window of the printed statements, unless one is given: those of `chains`.
const DEFAULT_SECONDS: i64 = 7 * 86_400;

pub(super) fn run(args: &EngineArgs) -> Result<Exit, Failure> {
    match &args.command {
        EngineCommand::Ddl(args) => run_ddl(args),
        EngineCommand::Sql(args) => run_sql(args),
    }
}

fn run_ddl(args: &DdlArgs) -> Result<Exit, Failure> {
    let run_args = RunArgs::quietly().text_output(&args.output)?;
    check_output(&run_args)?;
    let kind = match args.engine {
        super::args::EngineArg::Athena => EngineKind::Athena,
        super::args::EngineArg::Trino => EngineKind::Trino,
    };
    let statements = ddl(kind, &args.table, &args.logs)?;
    write_out(&run_args, |out| out.write_all(statements.as_bytes()))?;
    Ok(Exit::Clean)
}

fn run_sql(args: &EngineSqlArgs) -> Result<Exit, Failure> {
    let run_args = RunArgs::quietly()
        .logs(&args.logs)
        .config(&args.config)
        .window(&args.window)
        .text_output(&args.output)?;
    check_output(&run_args)?;
    let context = start(&run_args)?;
    let default = DefaultWindow::Last(DEFAULT_SECONDS);
    let window = time_args::window(&run_args, context.now, default)?;
    let statements = sql(&context, &window)?;
    write_out(&run_args, |out| {
        statements
            .iter()
            .try_for_each(|statement| writeln!(out, "{statement};"))
    })?;
    Ok(Exit::Clean)
}
