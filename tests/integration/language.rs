//! The project's words: terms, doc comments, names of types, cited documents.

use crate::common::texts_below;
use crate::documents::documents;
use regex::Regex;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

/// Words that open a question or a riddle instead of a statement.
const OPENINGS: [&str; 9] = [
    "What", "Whether", "Why", "How", "Which", "Who", "Whose", "Where", "When",
];

/// The largest share of doc comments that may open so, in percent.
const OPENINGS_PERCENT_MAX: usize = 3;

/// Names that several types may share: each rule has its `Options`.
const SHARED_TYPE_NAMES: [&str; 1] = ["Options"];

/// The place of a retired term.
#[derive(Clone, Copy, PartialEq)]
enum Scope {
    /// Names and texts in code.
    Code,
    /// Documents.
    Prose,
}

/// Code and documents.
const BOTH: &[Scope] = &[Scope::Code, Scope::Prose];

/// Retired terms, their successors, and the places where they may not come back.
const RETIRED: [(&str, &str, &[Scope]); 38] = [
    ("resting", "skipped", BOTH),
    ("mend", "fix", BOTH),
    ("unattributed", "unallocated", BOTH),
    ("unattributed_cost", "unallocated_cost", BOTH),
    ("attributed_cost", "quick_cost", BOTH),
    ("Vouching", "IntegrityIndex", BOTH),
    ("Maker", "SessionIssuer", BOTH),
    ("Patience", "RetryPolicy", BOTH),
    ("Trouble", "AwsErrorKind", BOTH),
    ("Beside", "OtherServiceCharge", &[Scope::Code]),
    ("Facts", "RuleContext", &[Scope::Code]),
    ("outsiders", "denied sessions and direct queries", BOTH),
    ("vouch", "verify", BOTH),
    ("vouched", "verified", BOTH),
    ("vouches", "verifies", BOTH),
    ("worth", "integrity status", BOTH),
    ("twins", "indistinguishable sessions", BOTH),
    ("witness", "sample identity", BOTH),
    ("Interest", "RelevantSessions", BOTH),
    ("of interest", "relevant", BOTH),
    ("SessionMark", "SessionFingerprint", BOTH),
    ("judge", "evaluate", BOTH),
    ("judged", "evaluated", BOTH),
    ("judges", "evaluates", BOTH),
    ("not-judged", "not-evaluated", BOTH),
    ("Unseen", "NotLogged", &[Scope::Code]),
    ("not seen", "coverage gap, not logged", BOTH),
    ("Material", "ReportInputs", BOTH),
    ("Night", "ReportContent", BOTH),
    ("besides", "other than, in addition to", BOTH),
    ("beside", "next to, other services", BOTH),
    ("nobody", "no one", BOTH),
    ("somebody", "someone", BOTH),
    ("anybody", "anyone", BOTH),
    ("organisation", "organization", BOTH),
    ("catalogue", "data catalog, event list", BOTH),
    ("NO_DAY", "UtcDay", BOTH),
    ("at least so bad", "at or above this severity", BOTH),
];

/// The changelog names retired terms to say what replaced them.
const CHANGELOG: &str = "CHANGELOG.md";

fn code() -> Vec<(PathBuf, String)> {
    let code = texts_below("src", "rs");
    assert!(code.len() > 200);
    code
}

#[test]
fn doc_comments_open_with_a_statement() {
    let (mut all, mut questions) = (0, Vec::new());
    for (path, text) in code() {
        let mut is_inside = false;
        for (number, line) in (1..).zip(text.lines()) {
            let line = line.trim_start();
            let comment = line
                .strip_prefix("///")
                .or_else(|| line.strip_prefix("//!"));
            if let (false, Some(comment)) = (is_inside, comment) {
                all += 1;
                let first = comment.trim_start().split([' ', ',']).next().unwrap();
                if OPENINGS.contains(&first) {
                    questions.push(format!("{}:{number}: {comment}", path.display()));
                }
            }
            is_inside = comment.is_some();
        }
    }
    assert!(all > 3_000, "only {all} doc comments were found");
    assert!(
        questions.len() * 100 < all * OPENINGS_PERCENT_MAX,
        "{} of {all} doc comments open with a question:\n{}",
        questions.len(),
        questions.join("\n")
    );
}

#[test]
fn a_type_name_stands_for_one_thing() {
    let declared = Regex::new(r"(?m)^(?:pub(?:\([^)]*\))? )?(?:struct|enum|trait|type) (\w+)");
    let declared = declared.unwrap();
    let mut places: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for (path, text) in code() {
        for name in declared.captures_iter(&text) {
            places
                .entry(name[1].to_owned())
                .or_default()
                .push(path.clone());
        }
    }
    assert!(places.len() > 500);
    let shared: Vec<_> = places
        .iter()
        .filter(|(name, paths)| paths.len() > 1 && !SHARED_TYPE_NAMES.contains(&name.as_str()))
        .collect();
    assert!(shared.is_empty(), "{shared:#?}");
}

#[test]
fn retired_terms_do_not_come_back() {
    let retired = RETIRED.map(|(term, successor, scopes)| {
        let word = Regex::new(&format!(r"\b{}\b", regex::escape(term))).unwrap();
        (word, term, successor, scopes)
    });
    let of_code = code().into_iter().map(|file| (Scope::Code, file));
    let of_documents = documents().into_iter().map(|file| (Scope::Prose, file));
    let all = of_code.chain(of_documents);
    for (scope, (path, text)) in all.filter(|(_, (path, _))| !path.ends_with(CHANGELOG)) {
        for (word, term, successor, scopes) in &retired {
            assert!(
                !scopes.contains(&scope) || !word.is_match(&text),
                "{}: \"{term}\" is retired, write \"{successor}\"",
                path.display()
            );
        }
    }
}

/// The anchors of a document's headings, as GitHub makes them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    let anchor = |line: &str| {
        let title = line.trim_start_matches('#').trim().to_lowercase();
        let kept = title
            .chars()
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'));
        kept.map(|letter| if letter == ' ' { '-' } else { letter })
            .collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn cited_documents_have_the_cited_anchors() {
    let cited = Regex::new(
        r"\b((?:docs/[\w/-]+|ARCHITECTURE|CONTRIBUTING|SECURITY|README)\.md)(?:#([\w-]+))?",
    );
    let cited = cited.unwrap();
    let mut count = 0;
    for (path, text) in code().into_iter().chain(documents()) {
        for citation in cited.captures_iter(&text) {
            let document = &citation[1];
            let found = fs::read_to_string(document);
            let found = found.unwrap_or_else(|_| panic!("{}: no {document}", path.display()));
            if let Some(anchor) = citation.get(2) {
                assert!(
                    anchors(&found).iter().any(|known| known == anchor.as_str()),
                    "{}: {document} has no heading #{}",
                    path.display(),
                    anchor.as_str()
                );
                count += 1;
            }
        }
    }
    assert!(count > 100, "only {count} anchors are cited");
}

#[test]
fn messages_name_no_types() {
    let derived = Regex::new(
        r"(?m)^#\[derive\([^\]]*Deserialize[^\]]*\)\]\n((?:#\[[^\n]*\n)*)(?:pub(?:\([a-z]+\))? )?struct (\w+)[^(;]*\{",
    )
    .unwrap();
    let mut all = 0;
    for (path, text) in code() {
        let is_input = ["ingest", "integrity", "config"]
            .iter()
            .any(|folder| path.starts_with(format!("src/{folder}")));
        for found in derived.captures_iter(&text).filter(|_| is_input) {
            all += 1;
            assert!(
                found[1].contains("expecting"),
                "{}: {} is named in messages: say what is expected",
                path.display(),
                &found[2]
            );
        }
    }
    assert!(all > 15, "only {all} types were found");
}
