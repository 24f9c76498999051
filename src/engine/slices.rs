//! Objects of a table, and those that one statement asks about.

use super::sql::text;
use std::fmt::Write;

/// Objects of one statement, at most.
const OBJECTS_MAX: usize = 5_000;
/// Folders of one statement, at most: each is a range of paths.
const RANGES_MAX: usize = 200;
/// Bytes of all ranges of one statement, at most: Athena takes 262,144 of a statement.
const RANGES_BYTES_MAX: usize = 100_000;

/// Stored objects, by the paths that the engine has for them.
#[derive(Debug, Clone, Default)]
pub struct TableObjects {
    /// Position of the object in its source, and its path.
    objects: Vec<(u32, String)>,
}

impl TableObjects {
    /// Takes positions and paths of objects.
    #[must_use]
    pub fn new(mut objects: Vec<(u32, String)>) -> Self {
        objects.sort_unstable_by(|(_, left), (_, right)| left.cmp(right));
        Self { objects }
    }

    /// Cuts them into what one statement each asks about.
    pub(super) fn slices(&self) -> Vec<&[(u32, String)]> {
        let mut slices = Vec::new();
        let (mut first, mut ranges, mut bytes) = (0, 0, 0);
        for at in 0..self.objects.len() {
            let path = self.objects[at].1.as_str();
            let begins = at == first || folder(&self.objects[at - 1].1) != folder(path);
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
pub(super) fn has_path(column: &str, slice: &[(u32, String)], excluded: &[&str]) -> String {
    let mut told = String::from("(");
    let folders = slice.chunk_by(|(_, left), (_, right)| folder(left) == folder(right));
    for (at, objects) in folders.enumerate() {
        let joint = if at == 0 { "" } else { " OR " };
        if let [(_, first), .., (_, last)] | [(_, first @ last)] = objects {
            let (first, last) = (text(first), text(last));
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

    fn objects(paths: &[&str]) -> TableObjects {
        TableObjects::new(
            (0..)
                .zip(paths.iter().map(|&path| path.to_owned()))
                .collect(),
        )
    }

    #[test]
    fn a_folder_is_a_range() {
        let all = objects(&["s3://b/x/2", "s3://b/x/1", "s3://b/y/1"]);
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
        let paths: Vec<String> = (0..12_345)
            .map(|at| format!("f{:04}/{at:05}", at / 9))
            .collect();
        let all = TableObjects::new((0..).zip(paths).collect());
        let slices = all.slices();
        let kept: Vec<u32> = slices
            .iter()
            .flat_map(|slice| slice.iter().map(|(at, _)| *at))
            .collect();
        assert_eq!(kept, (0..12_345).collect::<Vec<u32>>());
        for slice in slices {
            assert!(slice.len() <= OBJECTS_MAX);
            assert!(has_path("p", slice, &[]).len() <= RANGES_BYTES_MAX);
        }
        assert!(objects(&[]).slices().is_empty());
    }
}
