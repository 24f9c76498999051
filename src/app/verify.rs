//! `verify`: digests and the log files that they name.

use super::context::RunContext;
use super::failure::Failure;
use super::sources;
use super::verification_inputs::{self, VerifyOptions, Verifying};
use crate::model::integrity::Verification;
use crate::model::window::TimeWindow;
use crate::pipeline::{self, Plan};
use crate::ports::LogSource;

/// The result of a verification run.
#[derive(Debug)]
pub struct VerifyReport {
    /// The verification result.
    pub verification: Verification,
    /// True if there were any log files at all.
    pub has_logs: bool,
}

/// Verifies digests and log files of a window.
///
/// # Errors
///
/// When the store is named, which keeps no log files, or nothing can be listed.
pub fn verify(
    context: &RunContext,
    window: TimeWindow,
    against: &VerifyOptions,
) -> Result<VerifyReport, Failure> {
    let locations = verification_inputs::locations(context, "verify")?;
    let verifying = Verifying::open(context, &locations, &window, against)?;
    let logs = sources::list_of(context, &locations, &window)?;
    let plan = Plan {
        window,
        threads: context.options.threads,
        ..Plan::default()
    };
    let all = (0..logs.object_count()).collect();
    let watcher = context.notices.reading(&logs, all, logs.listing().bytes);
    let evidence = verifying.evidence(context.now);
    let verification = pipeline::verify(&plan, &logs, &evidence, &*watcher)?;
    Ok(VerifyReport {
        verification,
        has_logs: logs.object_count() > 0,
    })
}
