//! Progress on standard error, when it is a terminal.

use super::args::Global;
use crate::pipeline::Watcher;
use crate::ports::LogSource;
use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::Duration;

const REDRAW_EVERY: Duration = Duration::from_millis(100);

/// Whether anybody will see progress.
pub(super) fn is_wanted(global: &Global) -> bool {
    !global.no_progress && !global.quiet && std::io::stderr().is_terminal()
}

/// What is listed, while it is.
pub(super) struct Listing {
    bar: ProgressBar,
}

impl Listing {
    pub(super) fn new(global: &Global) -> Self {
        let bar = if is_wanted(global) {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        bar.enable_steady_tick(REDRAW_EVERY);
        Self { bar }
    }

    /// So many objects of a source are known.
    pub(super) fn listed(&self, source: &str, objects: usize) {
        let objects = indicatif::HumanCount(objects as u64);
        self.bar
            .set_message(format!("listing {source}: {objects} objects"));
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

/// A bar of bytes read, with files, rate and the time that remains.
pub(super) struct Progress {
    bar: ProgressBar,
    files: indicatif::HumanCount,
    read: std::sync::atomic::AtomicU64,
}

impl Progress {
    /// A bar for a source whose listing knows its bytes.
    pub(super) fn new(source: &dyn LogSource) -> Self {
        let files = u64::from(source.object_count());
        let bar = ProgressBar::new(source.listing().bytes.unwrap_or(0));
        let template = "{msg} [{bar:30}] {decimal_bytes}/{decimal_total_bytes} {decimal_bytes_per_sec}, {eta} left";
        if let Ok(style) = ProgressStyle::with_template(template) {
            bar.set_style(style.progress_chars("=> "));
        }
        bar.enable_steady_tick(REDRAW_EVERY);
        Self {
            bar,
            files: indicatif::HumanCount(files),
            read: std::sync::atomic::AtomicU64::new(0),
        }
    }

    pub(super) fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Watcher for Progress {
    fn object(&self, stored_bytes: u64) {
        let read = self.read.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        self.bar.inc(stored_bytes);
        // A message for every file would cost more than reading small ones.
        if read.is_power_of_two() || read.is_multiple_of(256) {
            let read = indicatif::HumanCount(read);
            self.bar
                .set_message(format!("{read} of {} files", self.files));
        }
    }
}
