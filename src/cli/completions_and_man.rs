//! `qs-audit completions` and `qs-audit man`.

use super::args::{CompletionsArgs, ManArgs, command};
use super::exit::Exit;
use super::run_args::RunArgs;
use super::terminal::{check_output, write_out};
use crate::app::failure::Failure;
use crate::local::write_new;
use std::io;
use std::path::Path;

pub(super) fn completions(args: &CompletionsArgs) -> Result<Exit, Failure> {
    let run_args = RunArgs::quietly().text_output(&args.output)?;
    check_output(&run_args)?;
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "qs-audit", &mut script);
    write_out(&run_args, |out| out.write_all(&script))?;
    Ok(Exit::Clean)
}

/// Writes the page of a command and those of its subcommands.
fn man_pages(command: &clap::Command, dir: &Path) -> io::Result<()> {
    for one in command.get_subcommands().filter(|one| !one.is_hide_set()) {
        man_pages(one, dir)?;
    }
    let page = clap_mangen::Man::new(command.clone());
    let path = dir.join(page.get_filename());
    write_new(&path, |mut out| page.render(&mut out))
}

pub(super) fn man(args: &ManArgs) -> Result<Exit, Failure> {
    let run_args = RunArgs::quietly().text_output(&args.output)?;
    check_output(&run_args)?;
    if let Some(dir) = &args.dir {
        let cannot = |error| Failure::usage(format!("cannot write to {}: {error}", dir.display()));
        std::fs::create_dir_all(dir).map_err(cannot)?;
        let mut root = command();
        root.build();
        man_pages(&root, dir).map_err(cannot)?;
    } else {
        let page = clap_mangen::Man::new(command());
        write_out(&run_args, |mut out| page.render(&mut out))?;
    }
    Ok(Exit::Clean)
}
