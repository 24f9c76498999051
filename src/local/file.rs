//! Files that are written whole or not at all.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;
use tempfile::NamedTempFile;

/// Returns the folder that a path is in.
#[must_use]
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    }
}

/// Writes a file next to its place and moves it there. Links are followed; what
/// is no regular file (a device, a pipe) is written into as it is.
///
/// # Errors
///
/// When it cannot be written: then what was there before is there still.
pub fn write_file(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let known = fs::metadata(&target).ok();
    if known.as_ref().is_some_and(|known| !known.is_file()) {
        let mut out = BufWriter::new(fs::File::options().write(true).open(&target)?);
        write(&mut out)?;
        return out.flush();
    }
    // No one may read it, even for a moment, who may not read what it replaces.
    let mode = known.as_ref().map_or(0o666, mode_of);
    let file = written_beside(&target, mode, write)?;
    if let Some(known) = known {
        // Who may read the old file may read the new one, and no one else.
        fs::set_permissions(file.path(), known.permissions())?;
    }
    file.persist(&target)?;
    Ok(())
}

/// Writes a file of a folder that this program fills, whole or not at all. Whatever is in
/// its place is replaced: a link is not followed.
///
/// # Errors
///
/// When it cannot be written: then what was there before is there still.
pub fn write_new(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    written_beside(path, 0o666, write)?.persist(path)?;
    Ok(())
}

/// Writes a temporary file next to the place that it is for.
fn written_beside(
    path: &Path,
    mode: u32,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<NamedTempFile> {
    let mut file = new_builder(".qs-audit-", mode).tempfile_in(folder_of(path))?;
    let mut out = BufWriter::new(file.as_file_mut());
    write(&mut out)?;
    out.flush()?;
    drop(out);
    Ok(file)
}

/// Makes temporary files or folders with this mode, from which the user's mask takes
/// away: by themselves they would be for their owner alone.
#[must_use]
pub fn new_builder(prefix: &str, mode: u32) -> tempfile::Builder<'_, 'static> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix);
    with_mode(&mut builder, mode);
    builder
}

/// Makes a file that is not there yet, for its owner alone.
///
/// # Errors
///
/// When there is something in its place, or it cannot be made.
pub fn new_private_file(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Makes a folder for its owner alone.
///
/// # Errors
///
/// When there is something in its place, the folder above it is missing, or it cannot be made.
pub fn new_private_folder(path: &Path) -> io::Result<()> {
    create_private(path, false)
}

/// Makes a folder, and those above it, for its owner alone, unless it is there.
///
/// # Errors
///
/// When it cannot be made.
pub fn new_private_folders(path: &Path) -> io::Result<()> {
    create_private(path, true)
}

fn create_private(path: &Path, is_recursive: bool) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(is_recursive);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Returns the access mode of a file.
#[cfg(unix)]
fn mode_of(data: &fs::Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    data.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode_of(_data: &fs::Metadata) -> u32 {
    0o666
}

#[cfg(unix)]
fn with_mode(builder: &mut tempfile::Builder<'_, '_>, mode: u32) {
    use std::os::unix::fs::PermissionsExt;
    builder.permissions(fs::Permissions::from_mode(mode));
}

#[cfg(not(unix))]
fn with_mode(_builder: &mut tempfile::Builder<'_, '_>, _mode: u32) {}
