//! What README and docs say of commands, options, keys and statuses is what the program has.

use crate::cli::{WHOLE_SAMPLE, organization, output, program, spoil_a_digest};
use crate::common::texts_below;
use qs_audit::cli::Exit;
use qs_audit::config::{SECTIONS, Settings, reference};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

/// Documents that people read, with their texts.
pub(crate) fn documents() -> Vec<(PathBuf, String)> {
    let mut documents: Vec<(PathBuf, String)> = [
        "README.md",
        "SECURITY.md",
        "CHANGELOG.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
    ]
    .map(|path| (path.into(), fs::read_to_string(path).unwrap()))
    .into();
    for folder in ["docs", "src/rules", "queries", "sample-logs"] {
        documents.extend(texts_below(folder, "md"));
    }
    assert!(documents.len() > 30, "{}", documents.len());
    documents
}

/// Fenced blocks of a language, and text between backticks.
fn fenced<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let parts = text.split("```").skip(1).step_by(2);
    let of = parts.filter_map(|block| block.split_once('\n'));
    of.filter(|(name, _)| name.trim() == language)
        .map(|(_, block)| block)
        .collect()
}

fn spans(text: &str) -> Vec<String> {
    let mut outside = String::new();
    for (at, part) in text.split("```").enumerate() {
        if at % 2 == 0 {
            outside.push_str(part);
        }
    }
    let paragraphs = outside.split("\n\n").flat_map(|paragraph| {
        let joined = paragraph.replace('\n', " ");
        let spans: Vec<String> = joined
            .split('`')
            .skip(1)
            .step_by(2)
            .map(str::to_owned)
            .collect();
        spans
    });
    paragraphs.collect()
}

/// The long options of each command, as its help has them.
fn options() -> BTreeMap<String, BTreeSet<String>> {
    let help = |args: &[&str]| {
        let mut command = program();
        command.args(args).arg("--help");
        output(&mut command, Exit::Clean).0
    };
    let long = |text: &str| -> BTreeSet<String> {
        let words = text.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-'));
        let words = words.filter(|word| word.starts_with("--") && word.len() > 2);
        words.map(str::to_owned).collect()
    };
    let top = help(&[]);
    let commands = top.split("Commands:\n").nth(1).unwrap();
    let commands = commands.lines().take_while(|line| !line.trim().is_empty());
    let names = commands.filter_map(|line| {
        let name = line.strip_prefix("  ")?.split(' ').next()?;
        (!name.is_empty() && name != "help").then(|| name.to_owned())
    });
    let names: Vec<String> = names.collect();
    assert!(names.len() > 12, "{names:?}");
    let of = |name: String| {
        let mut options = long(&help(&[&name]));
        options.extend(["--help".to_owned(), "--version".to_owned()]);
        (name, options)
    };
    names.into_iter().map(of).collect()
}

/// Invocations of the program in a shell line: the words behind its name.
fn invocations(line: &str) -> Vec<Vec<String>> {
    let line = line.split(" #").next().unwrap();
    let mut found = Vec::new();
    for part in line.split(['|', ';', '&', '(', ')']) {
        let words: Vec<&str> = part.split_whitespace().collect();
        let at = words
            .iter()
            .position(|word| word.trim_start_matches("target/release/") == "qs-audit");
        if let Some(at) = at {
            found.push(
                words[at + 1..]
                    .iter()
                    .map(|word| (*word).to_owned())
                    .collect(),
            );
        }
    }
    found
}

#[test]
fn every_command_and_option_that_documents_name_is_there() {
    let options = options();
    let all: BTreeSet<&String> = options.values().flatten().collect();
    let mut seen = 0;
    for (path, text) in documents() {
        let joined = text.replace("\\\n", " ");
        let shell = fenced(&joined, "sh").into_iter().flat_map(str::lines);
        let spans = spans(&text);
        let lines = shell.chain(spans.iter().map(String::as_str));
        for words in lines.flat_map(invocations) {
            let Some(command) = words.iter().find(|word| !word.starts_with('-')) else {
                continue;
            };
            let is_placeholder = command.chars().any(char::is_uppercase);
            if is_placeholder || command == "help" {
                continue;
            }
            let known = options.get(command.as_str());
            let known = known.unwrap_or_else(|| panic!("{}: no command {command}", path.display()));
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let name = option.split('=').next().unwrap();
                assert!(
                    known.contains(name),
                    "{}: {command} has no {name}",
                    path.display()
                );
                seen += 1;
            }
        }
        // Options by themselves are some command's.
        for span in spans.iter().filter(|span| span.starts_with("--")) {
            let name = span.split([' ', '=']).next().unwrap();
            let is_of_another = OF_OTHERS.contains(&name);
            let is_told_gone = path.ends_with("CHANGELOG.md") && REMOVED.contains(&name);
            assert!(
                is_of_another || is_told_gone || all.contains(&name.to_owned()),
                "{}: no command has {name}",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 100, "{seen}");
}

/// Options of other programs that documents name by themselves.
const OF_OTHERS: [&str; 3] = ["--all-targets", "--no-default-features", "--cli-input-json"];

/// Options that are gone and that the changelog names for that.
const REMOVED: [&str; 1] = ["--verbose"];

#[test]
fn every_configuration_in_a_document_is_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("qs-audit.toml");
    let mut seen = 0;
    for (document, text) in documents() {
        for block in fenced(&text, "toml") {
            fs::write(&path, block).unwrap();
            let outcome = Settings::load(&path);
            assert!(
                outcome.is_ok(),
                "{}: {block}\n{outcome:?}",
                document.display()
            );
            seen += 1;
        }
        // `[section] key`
        for span in spans(&text) {
            let Some((header, key)) = span.split_once(' ') else {
                continue;
            };
            if !header.starts_with('[') || !header.ends_with(']') {
                continue;
            }
            let key = key.split([' ', '=']).next().unwrap();
            let section = SECTIONS.iter().find(|section| section.header == header);
            let is_rule = header.starts_with("[rules.");
            assert!(
                is_rule
                    || section.is_some_and(|section| {
                        section.keys.iter().any(|known| known.name == key)
                    }),
                "{}: {span}",
                document.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 10, "{seen}");
}

#[test]
fn the_reference_of_the_configuration_is_what_the_program_has() {
    let path = "docs/configuration.md";
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(path, reference()).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), reference());
}

#[test]
fn every_status_that_documents_name_is_one() {
    let known: BTreeSet<u8> = Exit::ALL.iter().map(|(exit, _)| exit.code()).collect();
    let mut seen = 0;
    for (path, text) in documents() {
        let text = text.replace('\n', " ");
        for (at, _) in text.match_indices("status") {
            let behind = text[at..].trim_start_matches(char::is_alphabetic);
            let Some(behind) = behind.strip_prefix(' ') else {
                continue;
            };
            let number: String = behind
                .trim_start_matches('`')
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            let Ok(number) = number.parse::<u8>() else {
                continue;
            };
            assert!(
                known.contains(&number),
                "{}: status {number}",
                path.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 5, "{seen}");
}

/// Names in a document, but for those of tables whose names come from the logs.
fn keys(value: &Value, names: &mut BTreeSet<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| keys(item, names)),
        Value::Object(members) => {
            for (name, value) in members {
                names.insert(name.clone());
                if !NAMED_BY_DATA.contains(&name.as_str()) {
                    keys(value, names);
                }
            }
        }
        _ => {}
    }
}

/// Objects whose members are named by logs, rules, kinds and queries.
const NAMED_BY_DATA: [&str; 10] = [
    "calls",
    "by_severity",
    "evidence",
    "group",
    "subject",
    "by_reason",
    "passed_over",
    "of_siblings",
    "rows",
    "uncounted",
];

#[test]
fn every_key_of_machine_output_is_in_its_document() {
    let folder = organization();
    spoil_a_digest(folder.path());
    let text = fs::read_to_string("docs/output-v1.md").unwrap();
    let named: BTreeSet<String> = text
        .split('`')
        .skip(1)
        .step_by(2)
        .flat_map(|span| {
            let words =
                span.split(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '_'));
            words.map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    let mut missing = BTreeSet::new();
    for command in [
        &["chains"][..],
        &["chains", "--flat"],
        &["show", "latest"],
        &["findings", "--data-sources", "data-sources.json"],
        &[
            "chargeback",
            "--by",
            "business-unit,consumer,work-group,data-source,user,day",
        ],
        &["query", "busy-hours"],
        &["verify"],
    ] {
        for format in ["json", "jsonl"] {
            let mut run = program();
            run.current_dir(folder.path())
                .args(command)
                .args(WHOLE_SAMPLE);
            let out = run.args(["-q", "--format", format]).output().unwrap();
            let out = String::from_utf8(out.stdout).unwrap();
            assert!(!out.is_empty(), "{command:?}");
            // A row of a query is named by the query.
            if command[0] == "query" && format == "jsonl" {
                continue;
            }
            for document in out.lines() {
                let mut members = BTreeSet::new();
                keys(&serde_json::from_str(document).unwrap(), &mut members);
                let own = members.difference(&named).cloned();
                missing.extend(own.map(|name| format!("{}: {name}", command[0])));
            }
        }
    }
    assert!(
        missing.is_empty(),
        "docs/output-v1.md does not name {missing:#?}"
    );
}
