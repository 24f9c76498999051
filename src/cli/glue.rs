//! `qs-audit completions` and `qs-audit man`.

use super::args::{CompletionsArgs, Global, ManArgs, command};
use super::exit::Exit;
use super::failure::Failure;
use super::terminal::write_out;

pub(super) fn completions(global: &Global, args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "qs-audit", &mut script);
    write_out(global, |out| out.write_all(&script))?;
    Ok(Exit::Clean)
}

pub(super) fn man(global: &Global, args: &ManArgs) -> Result<Exit, Failure> {
    if let Some(dir) = &args.dir {
        let cannot = |error| Failure::usage(format!("cannot write to {}: {error}", dir.display()));
        std::fs::create_dir_all(dir).map_err(cannot)?;
        clap_mangen::generate_to(command(), dir).map_err(cannot)?;
    } else {
        let page = clap_mangen::Man::new(command());
        write_out(global, |mut out| page.render(&mut out))?;
    }
    Ok(Exit::Clean)
}
