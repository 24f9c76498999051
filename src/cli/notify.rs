//! `qs-audit notify`.

use super::exit::Exit;
use super::findings::told;
use super::news_args::NotifyArgs;
use super::run_args::RunArgs;
use super::session::start;
use super::terminal::{say, write_out};
use super::time_args;
use crate::app::failure::Failure;
use crate::app::notify::{self, News};
use crate::output::human::{line, plural, safe};

pub(super) fn run(args: &NotifyArgs) -> Result<Exit, Failure> {
    let mut run_args = RunArgs::new(&args.talk)
        .store(&args.store)
        .config(&args.config);
    run_args.window.now.clone_from(&args.now);
    let run_args = &run_args;
    let context = start(run_args)?;
    if context.settings.notify.is_empty() {
        return Err(Failure::usage("no one is to be told: there is no [[notify]]")
            .hint("write [[notify]] with webhook, sns, security-hub or s3 into qs-audit.toml (docs/nightly.md)"));
    }
    let max_age = time_args::seconds("--max-age", &args.max_age)?;
    let alarms = notify::night_alarms(&context, max_age)?;
    let news = News::of_alarms(&alarms);
    if args.dry_run {
        let all = notify::preview(&context, news)?;
        write_out(run_args, |out| {
            for (target, text) in &all {
                line!(out, "to {}:", safe(target))?;
                for text in text.lines() {
                    line!(out, "  {}", safe(text))?;
                }
            }
            let count = plural(all.len() as u64, "message");
            line!(out, "{count} would be sent")
        })?;
        return Ok(Exit::Clean);
    }
    let delivery = notify::tell(&context, news)?;
    if !run_args.quiet {
        say(&format!("{} sent\n", plural(delivery.sent, "message")));
    }
    Ok(told(delivery.checked().map(|_| ())).unwrap_or(Exit::Clean))
}
