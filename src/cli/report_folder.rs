//! Where a report goes: written to a temporary place and moved in one step.

use super::failure::Failure;
use super::terminal::{folder_of, new_builder};
use crate::exports::{EarlierReport, read_report};
use jiff::civil::Date;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// Where nightly reports go unless `--output` names a folder.
const NIGHTLY: &str = "reports/nightly";
/// Points at the newest of them.
const LATEST: &str = "reports/latest";
/// The file that tells a report from any other folder.
const DOCUMENT: &str = "report.json";
/// Temporary folders start like this.
const PREFIX: &str = ".qs-audit-report-";

/// The folder of one report.
pub(super) struct ReportFolder {
    path: PathBuf,
    /// Whether it is one night among others.
    is_nightly: bool,
    date: Date,
}

impl ReportFolder {
    /// The folder of a night: the one that was asked for, else the one of its date.
    ///
    /// Fails, before any work is done, where something else is in its place.
    pub(super) fn of(asked: Option<&Path>, date: Date) -> Result<Self, Failure> {
        let folder = Self {
            path: asked.map_or_else(|| Path::new(NIGHTLY).join(date.to_string()), Path::to_owned),
            is_nightly: asked.is_none(),
            date,
        };
        folder.check(asked)?;
        Ok(folder)
    }

    fn check(&self, asked: Option<&Path>) -> Result<(), Failure> {
        let path = self.path.display();
        if asked.is_some_and(|path| path.as_os_str() == "-") {
            return Err(
                Failure::usage("a report is a folder, and cannot go to standard output")
                    .hint("-o takes a folder; `qs-audit findings --format json` prints findings"),
            );
        }
        if asked.is_some_and(|path| path.file_name().is_none()) {
            return Err(
                Failure::usage(format!("a report cannot take the place of {path}"))
                    .hint("-o takes a folder of its own, which does not have to exist yet"),
            );
        }
        if asked.is_some() && !folder_of(&self.path).is_dir() {
            return Err(
                Failure::usage(format!("cannot write {path}: no such folder"))
                    .hint("-o takes a folder, in one that exists"),
            );
        }
        let Ok(entries) = fs::read_dir(&self.path) else {
            return match fs::symlink_metadata(&self.path) {
                Err(_) => Ok(()),
                Ok(_) => Err(Failure::usage(format!("{path} is no folder"))
                    .hint("-o takes a folder, which is replaced whole")),
            };
        };
        if entries.count() == 0 || self.is_a_report() {
            return Ok(());
        }
        Err(Failure::usage(format!(
            "{path} holds something else than a report, and would be replaced whole"
        ))
        .hint("choose a folder that does not exist yet, or holds an earlier report"))
    }

    fn is_a_report(&self) -> bool {
        earlier(&self.path).is_some()
    }

    /// The report that this one continues: of the folders of nights, the newest before
    /// this one; of a folder that was asked for, the report that is in it.
    ///
    /// The second member says where it was found.
    pub(super) fn last_report(&self) -> Option<(EarlierReport, PathBuf)> {
        if !self.is_nightly {
            return Some((earlier(&self.path)?, self.path.clone()));
        }
        let mut nights: Vec<Date> = nights()
            .into_iter()
            .filter(|night| *night < self.date)
            .collect();
        nights.sort_unstable();
        // One that cannot be read any more is no reason to compare with nothing.
        nights.into_iter().rev().find_map(|night| {
            let path = Path::new(NIGHTLY).join(night.to_string());
            Some((earlier(&path)?, path))
        })
    }

    /// Writes all files of a report, and puts them in its place in one step.
    pub(super) fn write(&self, files: &[ReportFile<'_>]) -> Result<(), Failure> {
        let cannot = |error: io::Error| {
            Failure::internal(format!("cannot write {}: {error}", self.path.display()))
        };
        let parent = folder_of(&self.path);
        fs::create_dir_all(parent).map_err(cannot)?;
        let temporary = new_builder(PREFIX, 0o777)
            .tempdir_in(parent)
            .map_err(cannot)?;
        for file in files {
            write_file(&temporary.path().join(file.name), file.write).map_err(|error| {
                Failure::internal(format!(
                    "cannot write {} of {}: {error}",
                    file.name,
                    self.path.display()
                ))
            })?;
        }
        // From here on the folder is the report's, not the temporary one's to remove.
        let written = temporary.keep();
        let moved = put_in_place(&written, &self.path);
        if moved.is_err() {
            let _ = fs::remove_dir_all(&written);
        }
        moved.map_err(cannot)
    }

    /// Points `reports/latest` at the newest night; says where it is.
    pub(super) fn point_latest(&self) -> Result<Option<PathBuf>, Failure> {
        if !self.is_nightly {
            return Ok(None);
        }
        let newest = nights().into_iter().max().unwrap_or(self.date);
        let link = Path::new(LATEST);
        let target = Path::new("nightly").join(newest.to_string());
        point(link, &target).map_err(|error| {
            Failure::internal(format!(
                "cannot point {LATEST} at {}: {error}",
                target.display()
            ))
        })?;
        Ok(Some(link.to_owned()))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

/// A file of a report.
pub(super) struct ReportFile<'a> {
    pub(super) name: &'static str,
    pub(super) write: &'a dyn Fn(&mut dyn Write) -> io::Result<()>,
}

/// Writes a file so that it is on the disk when its folder is moved.
fn write_file(path: &Path, write: &dyn Fn(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
    let mut out = BufWriter::new(File::create(path)?);
    write(&mut out)?;
    out.flush()?;
    out.get_ref().sync_all()
}

/// The nights that have a folder.
fn nights() -> Vec<Date> {
    let entries = fs::read_dir(NIGHTLY).into_iter().flatten().flatten();
    let named = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    named.collect()
}

/// The report in a folder, if there is one.
fn earlier(folder: &Path) -> Option<EarlierReport> {
    read_report(&fs::read(folder.join(DOCUMENT)).ok()?).ok()
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
        return Err(io::Error::other(
            "something else than a link is in its place",
        ));
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
