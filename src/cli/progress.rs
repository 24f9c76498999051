//! Progress on standard error: a bar with a line for each account on a terminal, a plain
//! line now and then elsewhere.

use super::terminal::say;
use crate::app::notices::{ListingProgress, Notices};
use crate::engine::IndexWatcher;
use crate::model::key::KeyFacts;
use crate::model::size::bytes;
use crate::output::human::{count, safe};
use crate::pipeline::{DayStage, Watcher};
use crate::ports::LogSource;
use indicatif::{DecimalBytes, ProgressBar, ProgressStyle};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

const REDRAW_EVERY: Duration = Duration::from_millis(100);
/// Anyone who reads a log of the program wants to know that it is alive, not more.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// Accounts that are named: those with most still to do.
const ACCOUNTS_SHOWN: usize = 6;

/// Standard error, as a run's notices see it.
pub(super) struct Terminal {
    pub(super) is_quiet: bool,
    /// True if progress is shown, if anyone is there to see it.
    pub(super) shows_progress: bool,
}

impl Notices for Terminal {
    fn note(&self, line: &str) {
        if !self.is_quiet {
            say(&format!("{line}\n"));
        }
    }

    fn announce(&self, line: &str) {
        say(&format!("{line}\n"));
    }

    fn is_watched(&self) -> bool {
        self.shows_progress && std::io::stderr().is_terminal()
    }

    fn listing(&self) -> Box<dyn ListingProgress> {
        Box::new(ListingLine::new(self.is_watched()))
    }

    fn asking(&self, engine: &str) -> Box<dyn IndexWatcher> {
        Box::new(AskingLine {
            line: ListingLine::new(self.is_watched()),
            engine: engine.to_owned(),
            asked: Mutex::default(),
        })
    }

    fn reading<'s>(
        &self,
        source: &'s dyn LogSource,
        objects: Vec<u32>,
        bytes: Option<u64>,
    ) -> Box<dyn Watcher + 's> {
        Box::new(Progress::new(self, source, objects, bytes))
    }
}

/// A listing in progress.
struct ListingLine {
    bar: ProgressBar,
}

impl ListingLine {
    fn new(is_watched: bool) -> Self {
        let bar = if is_watched {
            ProgressBar::new_spinner().with_style(style("{spinner} {wide_msg}"))
        } else {
            ProgressBar::hidden()
        };
        bar.enable_steady_tick(REDRAW_EVERY);
        Self { bar }
    }
}

impl ListingProgress for ListingLine {
    fn listed(&self, place: &str, objects: usize) {
        let objects = count(objects as u64);
        self.bar
            .set_message(format!("listing {}: {objects} objects", safe(place)));
    }
}

/// An engine that is asked about objects.
struct AskingLine {
    line: ListingLine,
    engine: String,
    /// The objects that were asked about.
    asked: Mutex<String>,
}

impl IndexWatcher for AskingLine {
    fn asked(&self, objects: usize, all: usize) {
        let (objects, all) = (count(objects as u64), count(all as u64));
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        *asked = format!("{objects} of {all} objects; ");
    }

    fn state(&self, state: &str, scanned_bytes: u64) {
        let asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        self.line.bar.set_message(format!(
            "asking {}: {}{}, {} scanned",
            safe(&self.engine),
            *asked,
            safe(&state.to_lowercase()),
            bytes(scanned_bytes)
        ));
    }
}

impl Drop for ListingLine {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

/// The progress of reading some objects.
struct Progress<'a> {
    source: &'a dyn LogSource,
    /// The objects to read, in the order of their positions.
    objects: Vec<u32>,
    bytes: u64,
    read_objects: AtomicU64,
    read_bytes: AtomicU64,
    /// One bit for each position: read or not.
    read: Vec<AtomicU64>,
    /// The account of each object, computed on first use.
    accounts: OnceLock<Accounts>,
    started: Instant,
    show: Show,
}

enum Show {
    Nothing,
    Bar(ProgressBar, Mutex<Instant>),
    Lines(Mutex<Instant>),
}

struct Accounts {
    names: Vec<String>,
    of: Vec<u16>,
}

impl<'a> Progress<'a> {
    /// Progress of reading these objects of a source.
    fn new(
        terminal: &Terminal,
        source: &'a dyn LogSource,
        mut objects: Vec<u32>,
        bytes: Option<u64>,
    ) -> Self {
        objects.sort_unstable();
        let started = Instant::now();
        let show = if terminal.is_watched() {
            Show::Bar(bar(bytes.unwrap_or(0)), Mutex::new(started))
        } else if !terminal.shows_progress {
            Show::Nothing
        } else {
            Show::Lines(Mutex::new(started))
        };
        let words = match show {
            Show::Nothing => 0,
            _ => source.object_count().div_ceil(64) as usize,
        };
        Self {
            source,
            objects,
            bytes: bytes.unwrap_or(0),
            read_objects: AtomicU64::new(0),
            read_bytes: AtomicU64::new(0),
            read: (0..words).map(|_| AtomicU64::new(0)).collect(),
            accounts: OnceLock::new(),
            started,
            show,
        }
    }

    fn is_read(&self, object: u32) -> bool {
        let word = self.read.get(object as usize / 64);
        word.is_some_and(|word| word.load(Ordering::Relaxed) & (1 << (object % 64)) != 0)
    }

    fn accounts(&self) -> &Accounts {
        self.accounts.get_or_init(|| {
            let mut numbers: BTreeMap<String, u16> = BTreeMap::new();
            let of = self.objects.iter().map(|&object| {
                let key = self.source.key(object);
                let name = KeyFacts::account_of(&key)
                    .unwrap_or("other files")
                    .to_owned();
                let next = u16::try_from(numbers.len()).unwrap_or(u16::MAX);
                *numbers.entry(name).or_insert(next)
            });
            let of: Vec<u16> = of.collect();
            let mut names = vec![String::new(); numbers.len()];
            for (name, number) in numbers {
                names[usize::from(number)] = name;
            }
            Accounts { names, of }
        })
    }

    /// Accounts with objects read and objects in all; most still to do comes first.
    fn tally(&self) -> Vec<(&str, u64, u64)> {
        let accounts = self.accounts();
        let mut tally: Vec<(&str, u64, u64)> = accounts
            .names
            .iter()
            .map(|name| (name.as_str(), 0, 0))
            .collect();
        for (&object, &account) in self.objects.iter().zip(&accounts.of) {
            if let Some((_, read, all)) = tally.get_mut(usize::from(account)) {
                *read += u64::from(self.is_read(object));
                *all += 1;
            }
        }
        tally.sort_by_key(|(name, read, all)| (std::cmp::Reverse(all - read), *name));
        tally
    }

    /// `1,200 of 30,000 objects decoded, 1,400 fetched, 3.1 MB/s, 12 s left`.
    fn whole(&self) -> String {
        let (objects, bytes) = (
            self.read_objects.load(Ordering::Relaxed),
            self.read_bytes.load(Ordering::Relaxed),
        );
        let all = self.objects.len() as u64;
        let mut text = format!("{} of {} objects decoded", count(objects), count(all));
        if let Some(fetched) = self.source.fetched() {
            let _ = write!(text, ", {} fetched", count(fetched));
        }
        let millis = self.started.elapsed().as_millis().max(1);
        let rate = u64::try_from(u128::from(bytes) * 1000 / millis).unwrap_or(u64::MAX);
        let _ = write!(text, ", {}/s", DecimalBytes(rate));
        if objects > 0 {
            let left = u128::from(all.saturating_sub(objects)) * millis / u128::from(objects);
            let _ = write!(text, ", {} s left", left.div_ceil(1000));
        }
        text
    }

    /// The accounts with most to do.
    fn by_account(&self) -> String {
        let shown = self.tally().into_iter().take(ACCOUNTS_SHOWN);
        let lines = shown
            .map(|(name, read, all)| format!("{}: {} of {}", safe(name), count(read), count(all)));
        lines.collect::<Vec<_>>().join("; ")
    }

    /// Returns true if it is time to show something again.
    fn is_due(last: &Mutex<Instant>, every: Duration) -> bool {
        // Anyone who comes second while one is at it need not.
        let Ok(mut last) = last.try_lock() else {
            return false;
        };
        if last.elapsed() < every {
            return false;
        }
        let elapsed = last.elapsed();
        *last += elapsed;
        true
    }
}

fn bar(bytes: u64) -> ProgressBar {
    let bar = ProgressBar::new(bytes);
    bar.set_style(style(BAR).progress_chars("=> "));
    bar.enable_steady_tick(REDRAW_EVERY);
    bar
}

/// A line that ends where the terminal does, and one that [`fitting`] cuts.
const BAR: &str = "[{bar:20}] {decimal_bytes}/{decimal_total_bytes} {wide_msg}\n  {prefix}";

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_spinner())
}

/// Returns what fits in a line of the terminal of standard error, behind an indent of two.
fn fitting(text: &str) -> String {
    let columns = terminal_size::terminal_size_of(std::io::stderr())
        .map_or(usize::from(u16::MAX), |(width, _)| usize::from(width.0));
    cut(text, columns.saturating_sub(2))
}

fn cut(text: &str, columns: usize) -> String {
    if text.chars().count() <= columns {
        return text.to_owned();
    }
    let mut start: String = text.chars().take(columns.saturating_sub(1)).collect();
    if columns > 0 {
        start.push('…');
    }
    start
}

impl Drop for Progress<'_> {
    fn drop(&mut self) {
        if let Show::Bar(bar, _) = &self.show {
            bar.finish_and_clear();
        }
    }
}

impl Watcher for Progress<'_> {
    fn object(&self, object: u32, stored_bytes: u64) {
        let (last, every) = match &self.show {
            Show::Nothing => return,
            Show::Bar(_, last) => (last, REDRAW_EVERY),
            Show::Lines(last) => (last, LINE_EVERY),
        };
        if let Some(word) = self.read.get(object as usize / 64) {
            word.fetch_or(1 << (object % 64), Ordering::Relaxed);
        }
        let read = self.read_objects.fetch_add(1, Ordering::Relaxed) + 1;
        self.read_bytes.fetch_add(stored_bytes, Ordering::Relaxed);
        // The clock costs more than a small file.
        if !(read.is_multiple_of(64) || read.is_power_of_two()) || !Self::is_due(last, every) {
            return;
        }
        match &self.show {
            Show::Nothing => {}
            Show::Bar(bar, _) => {
                bar.set_position(self.read_bytes.load(Ordering::Relaxed).min(self.bytes));
                bar.set_message(self.whole());
                bar.set_prefix(fitting(&self.by_account()));
            }
            Show::Lines(_) => say(&format!("{}; {}\n", self.whole(), self.by_account())),
        }
    }

    fn days(&self, stage: DayStage, done: usize, all: usize) {
        let stage = match stage {
            DayStage::Linking => "linking days",
            DayStage::Stitching => "stitching days",
        };
        let text = format!("{stage}: {} of {}", count(done as u64), count(all as u64));
        match &self.show {
            Show::Bar(bar, _) => {
                bar.set_position(self.bytes);
                bar.set_message(text);
                bar.set_prefix("");
            }
            Show::Lines(last) if Self::is_due(last, LINE_EVERY) => say(&format!("{text}\n")),
            Show::Nothing | Show::Lines(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn templates_are_understood() {
        assert!(ProgressStyle::with_template(BAR).is_ok());
    }

    #[test]
    fn lines_are_cut_where_the_terminal_ends() {
        let text = "111122223333: 1 of 2; 444455556666: 1 of 3";
        assert_eq!(cut(text, 42), text);
        assert_eq!(cut(text, 15), "111122223333: …");
        assert_eq!(cut(text, 1), "…");
        assert_eq!(cut(text, 0), "");
    }
}
