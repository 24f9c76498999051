//! The queries of `queries/`, in the binary.

use super::header::QueryHeader;

/// A saved query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Saved {
    /// Its name: that of its file.
    pub name: &'static str,
    /// Its text, header included.
    pub sql: &'static str,
}

impl Saved {
    /// Returns the query's header; an empty one if it cannot be parsed, which a test rules out.
    #[must_use]
    pub fn header(&self) -> QueryHeader {
        QueryHeader::parse(self.sql).unwrap_or_default()
    }
}

macro_rules! saved {
    ($name:literal) => {
        Saved {
            name: $name,
            sql: include_str!(concat!("../../queries/", $name, ".sql")),
        }
    };
}

/// All of them, by name.
static SAVED: &[Saved] = &[
    saved!("busy-hours"),
    saved!("chains-without-hub-copy"),
    saved!("cost-by-business-unit-and-day"),
    saved!("cost-by-data-source-and-weekday"),
    saved!("failed-queries"),
    saved!("hops-without-scope-down"),
    saved!("largest-queries"),
    saved!("queries-by-origin"),
    saved!("queries-without-statistics"),
    saved!("reads-by-producer"),
    saved!("refused-queries"),
    saved!("roles-assumed-from-elsewhere"),
    saved!("sessions-over-an-hour"),
    saved!("tables-never-read"),
    saved!("top-dashboards"),
    saved!("unexplained-bill"),
    saved!("users-by-consumer"),
    saved!("who-acted-for"),
    saved!("who-reached-database"),
    saved!("who-read-table"),
];

/// All saved queries, by name.
#[must_use]
pub fn all() -> &'static [Saved] {
    SAVED
}

/// The saved query of this name.
#[must_use]
pub fn find(name: &str) -> Option<&'static Saved> {
    SAVED.iter().find(|saved| saved.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn every_file_is_here_and_has_a_whole_header() {
        let files: BTreeSet<String> = std::fs::read_dir("queries")
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter_map(|name| Some(name.strip_suffix(".sql")?.to_owned()))
            .collect();
        let names: BTreeSet<String> = SAVED.iter().map(|saved| saved.name.to_owned()).collect();
        assert_eq!(files, names);
        assert!(SAVED.is_sorted_by_key(|saved| saved.name));
        for saved in SAVED {
            let header = QueryHeader::parse(saved.sql).unwrap();
            assert!(!header.title.is_empty(), "{}", saved.name);
            assert!(!header.tables.is_empty(), "{}", saved.name);
            let example = format!("qs-audit query {}", saved.name);
            assert!(header.example.starts_with(&example), "{}", saved.name);
            for parameter in &header.parameters {
                let placeholder = format!(":{}", parameter.name);
                assert!(saved.sql.contains(&placeholder), "{}", saved.name);
            }
        }
    }
}
