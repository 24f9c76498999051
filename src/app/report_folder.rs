//! The destination of a report: written to a temporary folder and moved in one step.

use super::failure::Failure;
use crate::ingest::{EarlierReport, read_report};
use crate::local::{folder_of, new_builder, new_private_file, new_private_folders, read_regular};
use crate::model::ids::is_account_id;
use crate::model::time::UtcSecond;
use crate::model::window::TimeWindow;
use jiff::civil::Date;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// The folder of nightly reports unless `--output` names another.
const NIGHTLY: &str = "reports/nightly";
/// Points at the newest of them.
const LATEST: &str = "reports/latest";
/// The file that tells a report from any other folder.
pub const DOCUMENT: &str = "report.json";
/// All files of a report.
pub const FILES: [&str; 7] = [
    "index.html",
    "report.md",
    DOCUMENT,
    "chains.csv",
    "chains.parquet",
    "findings.csv",
    "chargeback.csv",
];
/// Folders of reports of single accounts, one in each for an account.
pub const ACCOUNT_FOLDERS: [&str; 2] = [CONSUMERS, PRODUCERS];
/// The folder of consumers' reports.
pub const CONSUMERS: &str = "consumers";
/// The folder of producers' reports.
pub const PRODUCERS: &str = "producers";
/// A temporary folder that was not touched for so long is of a run that was killed.
const STALE_SECONDS: u64 = 86_400;
/// Temporary folders start like this.
const PREFIX: &str = ".qs-audit-report-";

/// The folder of one report.
pub struct ReportFolder {
    path: PathBuf,
    /// True if it is one night among others.
    is_nightly: bool,
    /// Nights before this day come before the report.
    first_day: Date,
    /// The temporary folder of its files; deleted unless it is moved.
    temporary: TempDir,
}

/// The days of a report, and whether they are one whole UTC day: a night.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReportDays {
    pub(super) first: Date,
    pub(super) last: Date,
    pub(super) is_night: bool,
}

impl ReportDays {
    pub(super) fn of(window: TimeWindow, last: Date) -> Self {
        let first = window.from.map_or(last, UtcSecond::day);
        let midnight = UtcSecond::midnight(last);
        Self {
            first,
            last,
            is_night: window.from == midnight
                && window.to == midnight.map(|midnight| midnight.plus(86_400)),
        }
    }

    /// A night by its date, anything else by its days: it must not take a night's place.
    fn name(self) -> String {
        if self.is_night {
            self.last.to_string()
        } else {
            format!("{}_to_{}", self.first, self.last)
        }
    }
}

impl ReportFolder {
    /// The folder of a report: the one that was asked for, else the one of its days.
    ///
    /// Fails, before any work is done, where something else is in its place, or
    /// nothing can be written there.
    pub(super) fn of(asked: Option<&Path>, days: ReportDays) -> Result<Self, Failure> {
        let path = match asked {
            // Without a slash at its end; what a link points at, not the link.
            Some(asked) => {
                let plain: PathBuf = asked.components().collect();
                fs::canonicalize(&plain).unwrap_or(plain)
            }
            None => Path::new(NIGHTLY).join(days.name()),
        };
        check(&path, asked)?;
        let parent = folder_of(&path);
        let cannot = |error: io::Error| {
            Failure::usage(format!("cannot write into {}: {error}", parent.display())).hint(
                "reports are written below the working folder, or to the folder of -o: use a folder that you can write to",
            )
        };
        if asked.is_none() {
            fs::create_dir_all(parent).map_err(cannot)?;
        }
        remove_stale(parent);
        // A report quotes logs: it is for the person who made it, until they give access to others.
        let temporary = new_builder(PREFIX, 0o700)
            .tempdir_in(parent)
            .map_err(cannot)?;
        Ok(Self {
            path,
            is_nightly: asked.is_none() && days.is_night,
            first_day: days.first,
            temporary,
        })
    }

    /// Returns true if it is one night among others.
    pub(super) fn is_nightly(&self) -> bool {
        self.is_nightly
    }

    /// The report that this one continues: of the folders of nights, the newest before
    /// this one; of a folder that was asked for, the report that is in it.
    ///
    /// The second member says where it was found.
    pub(super) fn last_report(&self) -> Option<(EarlierReport, PathBuf)> {
        if !self.path.starts_with(NIGHTLY) {
            return Some((earlier(&self.path)?, self.path.clone()));
        }
        let mut nights: Vec<Date> = nights()
            .into_iter()
            .filter(|content| *content < self.first_day)
            .collect();
        nights.sort_unstable();
        // One that cannot be read any more is no reason to compare with nothing.
        nights.into_iter().rev().find_map(|content| {
            let path = Path::new(NIGHTLY).join(content.to_string());
            Some((earlier(&path)?, path))
        })
    }

    /// Writes files of the report into a folder of it; "" is the report's own.
    pub(super) fn write(&self, folder: &str, files: &[ReportFile<'_>]) -> Result<(), Failure> {
        let place = self.temporary.path().join(folder);
        let cannot = |name: &str, error: io::Error| {
            let place = self.path.join(folder).join(name);
            Failure::internal(format!("cannot write {}: {error}", place.display()))
        };
        new_private_folders(&place).map_err(|error| cannot("", error))?;
        for file in files {
            write_file(&place.join(file.name), file.write)
                .map_err(|error| cannot(file.name, error))?;
        }
        Ok(())
    }

    /// Puts the files in their place in one step.
    pub(super) fn finish(self) -> Result<WrittenReport, Failure> {
        // From here on the folder is the report's, not the temporary one's to remove.
        let written = self.temporary.keep();
        put_in_place(&written, &self.path).map_err(|error| {
            let _ = fs::remove_dir_all(&written);
            Failure::internal(format!("cannot write {}: {error}", self.path.display()))
        })?;
        Ok(WrittenReport {
            path: self.path,
            is_nightly: self.is_nightly,
        })
    }
}

/// A report that is in its place.
pub struct WrittenReport {
    path: PathBuf,
    is_nightly: bool,
}

impl WrittenReport {
    /// Points `reports/latest` at the newest night, and returns where it is; `None` where
    /// the report is no night.
    ///
    /// # Errors
    ///
    /// When something else is in its place.
    pub fn point_latest(&self) -> Result<Option<PathBuf>, Failure> {
        if !self.is_nightly {
            return Ok(None);
        }
        let Some(newest) = nights().into_iter().max() else {
            return Ok(None);
        };
        let link = Path::new(LATEST);
        let target = Path::new("nightly").join(newest.to_string());
        point(link, &target).map_err(|error| {
            Failure::internal(format!(
                "cannot link {LATEST} to {}: {error}",
                target.display()
            ))
        })?;
        Ok(Some(link.to_owned()))
    }

    /// Returns where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Refuses a place that a report may not take.
fn check(place: &Path, asked: Option<&Path>) -> Result<(), Failure> {
    let path = asked.unwrap_or(place).display();
    if asked.is_some_and(|path| path.as_os_str() == "-") {
        return Err(Failure::usage(
            "a report is a folder and cannot be written to standard output",
        )
        .hint("-o takes a folder; `qs-audit findings --format json` prints findings"));
    }
    if asked.is_some_and(|path| path.file_name().is_none()) {
        return Err(Failure::usage(format!("a report cannot replace {path}"))
            .hint("-o takes a folder for the report alone; it is created if it does not exist"));
    }
    if asked.is_some() && !folder_of(place).is_dir() {
        return Err(Failure::usage(format!(
            "cannot write {path}: the parent folder does not exist"
        ))
        .hint("-o takes a folder inside an existing one"));
    }
    let Ok(entries) = fs::read_dir(place) else {
        return match fs::symlink_metadata(place) {
            Err(_) => Ok(()),
            Ok(_) => Err(Failure::usage(format!("{path} is not a folder"))
                .hint("-o takes a folder, which is replaced as a whole")),
        };
    };
    let names = entries.flatten().map(|entry| entry.file_name());
    let names: Vec<String> = names
        .map(|name| name.to_string_lossy().into_owned())
        .collect();
    let is_of_accounts =
        |name: &str| ACCOUNT_FOLDERS.contains(&name) && holds_accounts_alone(&place.join(name));
    let mut others = names.iter();
    let other = others.find(|name| !FILES.contains(&name.as_str()) && !is_of_accounts(name));
    let is_report = other.is_none() && earlier(place).is_some();
    // The folder of a night is this program's own.
    if names.is_empty() || is_report || asked.is_none() && earlier(place).is_some() {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "{path} contains other files than a report{}, and would be replaced as a whole",
        other.map_or_else(String::new, |name| format!(" ({name:?})"))
    ))
    .hint("choose a folder that does not exist, or one with an earlier report"))
}

/// The files of a report, those of single accounts among them, from its folder on.
#[cfg(feature = "aws")]
pub(super) fn files_of(report: &Path) -> Vec<String> {
    let mut files: Vec<String> = FILES.iter().map(|name| (*name).to_owned()).collect();
    for folder in ACCOUNT_FOLDERS {
        for account in names_in(&report.join(folder)).unwrap_or_default() {
            let own = format!("{folder}/{account}");
            let names = names_in(&report.join(&own)).unwrap_or_default();
            files.extend(names.into_iter().map(|name| format!("{own}/{name}")));
        }
    }
    files
}

/// The names in a folder, sorted; `None` if it cannot be read, or one of them is no text.
fn names_in(folder: &Path) -> Option<Vec<String>> {
    let entries = fs::read_dir(folder).ok()?;
    let names = entries.map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names = names.collect::<Option<Vec<String>>>()?;
    names.sort_unstable();
    Some(names)
}

/// Returns true if a folder has folders of accounts alone, with files of reports alone.
fn holds_accounts_alone(folder: &Path) -> bool {
    let is_of_account = |account: &String| {
        let files = names_in(&folder.join(account));
        is_account_id(account)
            && files.is_some_and(|files| files.iter().all(|file| FILES.contains(&&**file)))
    };
    names_in(folder).is_some_and(|accounts| accounts.iter().all(is_of_account))
}

/// A file of a report.
pub(super) struct ReportFile<'a> {
    name: &'static str,
    write: &'a dyn Fn(&mut dyn Write) -> io::Result<()>,
}

impl<'a> ReportFile<'a> {
    pub(super) fn of(
        name: &'static str,
        write: &'a dyn Fn(&mut dyn Write) -> io::Result<()>,
    ) -> Self {
        Self { name, write }
    }
}

/// Writes a file so that it is on the disk when its folder is moved.
fn write_file(path: &Path, write: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(new_private_file(path)?);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// The nights that have a report.
fn nights() -> Vec<Date> {
    let entries = fs::read_dir(NIGHTLY).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| {
        let name = entry.file_name();
        let date: Date = name.to_str()?.parse().ok()?;
        let is_night = *name == *date.to_string() && entry.path().join(DOCUMENT).is_file();
        is_night.then_some(date)
    });
    named.collect()
}

/// Removes what runs that were killed left behind. That it cannot be removed, or is
/// gone already, is no one's trouble.
fn remove_stale(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let is_temporary = entry.file_name().to_string_lossy().starts_with(PREFIX);
        let age = entry.metadata().and_then(|data| data.modified());
        let age = age.ok().and_then(|modified| modified.elapsed().ok());
        if is_temporary && age.is_some_and(|age| age.as_secs() > STALE_SECONDS) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The report in a folder, if there is one.
fn earlier(folder: &Path) -> Option<EarlierReport> {
    read_report(&read_regular(&folder.join(DOCUMENT)).ok()?).ok()
}

/// Puts a folder where another may be, which is then gone.
fn put_in_place(written: &Path, place: &Path) -> io::Result<()> {
    match fs::rename(written, place) {
        Ok(()) => return Ok(()),
        Err(error) if !place.is_dir() => return Err(error),
        Err(_) => {}
    }
    if exchange(written, place).is_ok() {
        return fs::remove_dir_all(written);
    }
    // A file system that cannot exchange: the old one steps aside for a moment.
    let aside = written.with_extension("old");
    fs::rename(place, &aside)?;
    if let Err(error) = fs::rename(written, place) {
        let _ = fs::rename(&aside, place);
        return Err(error);
    }
    fs::remove_dir_all(&aside)
}

/// Exchanges two folders in one step.
#[cfg(any(target_os = "linux", target_os = "macos"))]
fn exchange(one: &Path, other: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    Ok(renameat_with(CWD, one, CWD, other, RenameFlags::EXCHANGE)?)
}

#[cfg(not(any(target_os = "linux", target_os = "macos")))]
fn exchange(_one: &Path, _other: &Path) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

/// Makes a link point somewhere else, in one step. Whatever else is in its place is
/// left alone.
#[cfg(unix)]
fn point(link: &Path, target: &Path) -> io::Result<()> {
    let is_other = fs::symlink_metadata(link).is_ok_and(|there| !there.is_symlink());
    if is_other {
        return Err(io::Error::other("the path is not a link"));
    }
    let place = new_builder(PREFIX, 0o700).tempdir_in(folder_of(link))?;
    let new = place.path().join("latest");
    std::os::unix::fs::symlink(target, &new)?;
    fs::rename(&new, link)
}

#[cfg(not(unix))]
fn point(link: &Path, target: &Path) -> io::Result<()> {
    // Links need a privilege there: a file names the folder instead.
    fs::write(
        link.with_extension("txt"),
        format!("{}\n", target.display()),
    )
}
