//! Objects of a table, and those that one statement asks about.

use super::sql::text;
use std::fmt::Write;

/// Objects of one statement, at most.
const OBJECTS_MAX: usize = 5_000;
/// Folders of one statement, at most: each is a range of paths.
const RANGES_MAX: usize = 200;
/// Bytes of all ranges of one statement, at most: Athena takes 262,144 of a statement.
const RANGES_BYTES_MAX: usize = 100_000;

/// An object of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TableObject {
    /// Its position in its source.
    pub object: u32,
    /// Its path, as the engine has it.
    pub path: String,
    /// Stored bytes; 0 where they are unknown.
    pub bytes: u64,
}

/// Stored objects, by the paths that the engine has for them.
#[derive(Debug, Clone, Default)]
pub struct TableObjects {
    objects: Vec<TableObject>,
}

impl TableObjects {
    /// Takes objects.
    #[must_use]
    pub fn new(mut objects: Vec<TableObject>) -> Self {
        objects.sort_unstable_by(|left, right| left.path.cmp(&right.path));
        Self { objects }
    }

    /// Those at some positions of the source.
    #[must_use]
    pub fn only(&self, is_wanted: impl Fn(u32) -> bool) -> Self {
        let objects = self.objects.iter();
        let wanted = objects.filter(|object| is_wanted(object.object));
        Self {
            objects: wanted.cloned().collect(),
        }
    }

    /// The number of objects.
    #[must_use]
    pub fn len(&self) -> usize {
        self.objects.len()
    }

    /// Returns true if there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.objects.is_empty()
    }

    /// Stored bytes of all of them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.objects.iter().map(|object| object.bytes).sum()
    }

    /// Those that are not empty, as far as sizes are known: of an empty one an engine has no row.
    #[must_use]
    pub fn with_text(&self) -> Vec<&TableObject> {
        let objects = self.objects.iter();
        objects.filter(|object| object.bytes > 0).collect()
    }

    /// Cuts them into what one statement each asks about.
    pub(super) fn slices(&self) -> Vec<&[TableObject]> {
        let mut slices = Vec::new();
        let (mut first, mut ranges, mut bytes) = (0, 0, 0);
        for at in 0..self.objects.len() {
            let path = self.objects[at].path.as_str();
            let begins = at == first || folder(&self.objects[at - 1].path) != folder(path);
            let (added, length) = if begins {
                (1, 2 * path.len() + 40)
            } else {
                (0, 0)
            };
            let is_full = at - first >= OBJECTS_MAX
                || ranges + added > RANGES_MAX
                || bytes + length > RANGES_BYTES_MAX;
            if is_full && at > first {
                slices.push(&self.objects[first..at]);
                (first, ranges, bytes) = (at, 1, 2 * path.len() + 40);
            } else {
                (ranges, bytes) = (ranges + added, bytes + length);
            }
        }
        if first < self.objects.len() {
            slices.push(&self.objects[first..]);
        }
        slices
    }
}

/// The folder of a path.
fn folder(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// True for the paths of a slice, and for few others: a range for each folder.
pub(super) fn has_path(column: &str, slice: &[TableObject], excluded: &[&str]) -> String {
    let mut told = String::from("(");
    let folders = slice.chunk_by(|left, right| folder(&left.path) == folder(&right.path));
    for (at, objects) in folders.enumerate() {
        let joint = if at == 0 { "" } else { " OR " };
        if let (Some(first), Some(last)) = (objects.first(), objects.last()) {
            let (first, last) = (text(&first.path), text(&last.path));
            let _ = write!(told, "{joint}{column} BETWEEN {first} AND {last}");
        }
    }
    told.push(')');
    if !excluded.is_empty() {
        let paths = super::sql::texts(excluded.iter().copied());
        let _ = write!(told, " AND {column} NOT IN ({paths})");
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    fn objects(paths: impl IntoIterator<Item = String>) -> TableObjects {
        let objects = (0..).zip(paths).map(|(object, path)| TableObject {
            object,
            path,
            bytes: 1,
        });
        TableObjects::new(objects.collect())
    }

    #[test]
    fn a_folder_is_a_range() {
        let all = objects(["s3://b/x/2", "s3://b/x/1", "s3://b/y/1"].map(str::to_owned));
        let slices = all.slices();
        assert_eq!(slices.len(), 1);
        assert_eq!(
            has_path("p", slices[0], &["s3://b/x/2"]),
            "(p BETWEEN 's3://b/x/1' AND 's3://b/x/2' OR p BETWEEN 's3://b/y/1' AND 's3://b/y/1') \
             AND p NOT IN ('s3://b/x/2')"
        );
    }

    #[test]
    fn slices_have_every_object_once() {
        let all = objects((0..12_345).map(|at| format!("f{:04}/{at:05}", at / 9)));
        let slices = all.slices();
        let kept = slices.iter().flat_map(|slice| slice.iter());
        let kept: Vec<u32> = kept.map(|object| object.object).collect();
        assert_eq!(kept, (0..12_345).collect::<Vec<u32>>());
        for slice in slices {
            assert!(slice.len() <= OBJECTS_MAX);
            assert!(has_path("p", slice, &[]).len() <= RANGES_BYTES_MAX);
        }
        assert!(objects([]).slices().is_empty());
    }
}
