//! The house stays in order: floors, sizes, and what may be named where.

use crate::common::texts_below;
use crate::documents::documents;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// What each module may import from the crate (ARCHITECTURE.md, "Floors").
const FLOORS: [(&str, &[&str]); 27] = [
    ("model", &[]),
    ("event_list", &[]),
    ("iam", &["model"]),
    ("records", &["model"]),
    ("columnar", &["model"]),
    ("decode", &["model", "event_list", "columnar"]),
    ("stitch", &["model", "iam"]),
    ("attribute", &["model"]),
    ("ingest", &["model"]),
    ("reads", &["model"]),
    ("rules", &["model", "iam"]),
    ("integrity", &["model"]),
    ("tables", &["model"]),
    ("queries", &["model"]),
    ("ports", &["model"]),
    ("config", &["model"]),
    ("output", &["model", "records"]),
    ("local", &["model", "ports"]),
    ("aws", &["model", "event_list", "ports"]),
    ("web", &[]),
    ("engine", &["model", "event_list", "ports", "web"]),
    ("store", &["model", "event_list", "columnar", "ports"]),
    ("memory", &["model"]),
    ("demo", &["model"]),
    (
        "pipeline",
        &[
            "model",
            "decode",
            "stitch",
            "attribute",
            "reads",
            "rules",
            "integrity",
            "ports",
        ],
    ),
    (
        "app",
        &[
            "model",
            "records",
            "columnar",
            "decode",
            "attribute",
            "ingest",
            "rules",
            "tables",
            "integrity",
            "ports",
            "config",
            "output",
            "local",
            "aws",
            "engine",
            "store",
            "memory",
            "web",
            "pipeline",
        ],
    ),
    (
        "cli",
        &[
            "model",
            "records",
            "decode",
            "attribute",
            "rules",
            "tables",
            "queries",
            "ports",
            "config",
            "output",
            "local",
            "demo",
            "engine",
            "pipeline",
            "app",
        ],
    ),
];

/// Words that belong to one place each, and why.
const ONLY_IN: [(&str, &[&str]); 24] = [
    ("clap", &["cli"]),
    ("indicatif", &["cli"]),
    ("terminal_size", &["cli"]),
    ("comfy_table", &["output"]),
    ("textwrap", &["output"]),
    ("rust_xlsxwriter", &["output"]),
    ("kuva", &["output"]),
    ("askama", &["output"]),
    ("pulldown_cmark", &["output"]),
    ("rustix", &["app", "aws", "cli", "store"]),
    ("fearless_simd", &["decode"]),
    ("regex", &["decode"]),
    ("polars", &["attribute", "tables"]),
    ("parquet", &["columnar", "ingest"]),
    ("sqlparser", &["ingest", "tables", "queries"]),
    ("rayon", &["pipeline"]),
    ("libdeflater", &["decode"]),
    ("walkdir", &["local"]),
    ("rusqlite", &["memory", "store"]),
    ("pkcs1", &["integrity"]),
    ("spki", &["integrity"]),
    ("ring::signature", &["integrity"]),
    ("aws_", &["aws", "web"]),
    ("tokio", &["aws", "engine", "web"]),
];

const CLOCKS: [&str; 3] = ["SystemTime::now", "Timestamp::now", "Instant::now"];
/// Measures how long requests take, and never what time it is.
const STOPWATCH: &str = "src/aws/prefetch.rs";
const FILE_LINES_MAX: usize = 800;

/// Every source file: its module, path, and text without its own tests.
fn sources() -> Vec<(String, String, String)> {
    let mut sources = Vec::new();
    for (path, text) in texts_below("src", "rs") {
        let path = path.to_string_lossy().replace('\\', "/");
        let text = text
            .split("#[cfg(test)]\nmod tests")
            .next()
            .unwrap()
            .to_owned();
        let module = path
            .split('/')
            .nth(1)
            .unwrap()
            .trim_end_matches(".rs")
            .to_owned();
        sources.push((module, path, text));
    }
    assert!(sources.len() > 40);
    sources
}

fn code_lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines()
        .filter(|line| !line.trim_start().starts_with("//"))
}

#[test]
fn imports_follow_the_floors() {
    let floors: BTreeMap<&str, &[&str]> = FLOORS.into_iter().collect();
    for (module, path, text) in sources() {
        if matches!(module.as_str(), "lib" | "main") {
            continue;
        }
        let allowed = floors
            .get(module.as_str())
            .unwrap_or_else(|| panic!("{module} has no floor"));
        for line in code_lines(&text) {
            for used in line.split("crate::").skip(1) {
                let used: String = used
                    .chars()
                    .take_while(|letter| letter.is_alphanumeric() || *letter == '_')
                    .collect();
                let is_own = used == module;
                assert!(
                    is_own || allowed.contains(&used.as_str()),
                    "{path}: {module} may not use {used}: {line}"
                );
            }
        }
    }
}

/// The paths of a `use`, its braces taken apart.
fn spelled_out(path: &str) -> Vec<String> {
    let Some((start, rest)) = path.split_once('{') else {
        let name = path.split(" as ").next().unwrap_or(path);
        return vec![name.trim().trim_end_matches("::*").to_owned()];
    };
    let inner = rest.rsplit_once('}').map_or(rest, |(inner, _)| inner);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for letter in inner.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if letter == ',' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().unwrap().push(letter);
        }
    }
    let parts = parts.iter().map(|part| part.trim());
    parts
        .filter(|part| !part.is_empty())
        .flat_map(|part| spelled_out(&format!("{}{part}", start.trim())))
        .collect()
}

/// The modules of a path: `src/a/b.rs` and `src/a/b/mod.rs` are `a::b`.
fn module_of(path: &str) -> Vec<&str> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let mut parts: Vec<&str> = path.split('/').collect();
    if parts.last() == Some(&"mod") || parts == ["lib"] {
        parts.pop();
    }
    parts
}

/// The file that a path leads to, from a file or a module written in it; `None` where it
/// leads to a crate.
fn owner<'f>(
    path: &str,
    used: &str,
    inline: Option<&str>,
    files: &BTreeMap<Vec<&str>, &'f str>,
) -> Option<&'f str> {
    let mut here = module_of(path);
    here.extend(inline);
    let first = used.split("::").next().unwrap_or_default();
    let mut full = match first {
        "crate" => Vec::new(),
        "super" | "self" => here,
        // A crate, or a module of this file's own.
        child => {
            let own = [&here[..], &[child]].concat();
            files.contains_key(&own).then_some(here)?
        }
    };
    for part in used.split("::") {
        match part {
            "crate" | "self" => {}
            "super" => {
                full.pop();
            }
            part => full.push(part),
        }
    }
    (0..=full.len())
        .rev()
        .find_map(|end| files.get(&full[..end]))
        .copied()
}

/// The files that a file imports from, by their paths.
fn imported<'f>(path: &str, text: &str, files: &BTreeMap<Vec<&str>, &'f str>) -> BTreeSet<&'f str> {
    let code: String = code_lines(text)
        .map(|line| line.split("//").next().unwrap_or(line).to_owned() + "\n")
        .collect();
    let mut found = BTreeSet::new();
    let mut add = |used: &str, inline: Option<&str>| {
        let owner = owner(path, used, inline, files);
        found.extend(owner.filter(|owner| *owner != path && *owner != "src/lib.rs"));
    };
    let inline_at = |at: usize| {
        let before = code[..at].rsplit("\nmod ").next();
        let before = before.filter(|before| before.len() < at);
        before
            .and_then(|before| before.split_once(" {"))
            .map(|(name, _)| name)
    };
    let mut at = 0;
    while let Some(start) = code[at..].find("use ").map(|start| at + start) {
        let end = code[start..]
            .find(';')
            .map_or(code.len(), |end| start + end);
        let before = code[..start].chars().next_back();
        let is_use = before.is_none_or(|letter| letter.is_whitespace() || letter == ')');
        if is_use {
            let joined = code[start + 4..end]
                .split_whitespace()
                .collect::<Vec<_>>()
                .join(" ");
            for used in spelled_out(&joined) {
                add(&used, inline_at(start));
            }
        }
        at = start + 4;
    }
    for root in ["crate::", "super::", "self::"] {
        for (start, _) in code.match_indices(root) {
            let before = &code[..start];
            if before.ends_with("in ") || before.ends_with("::") {
                continue;
            }
            let rest = &code[start..];
            let end = rest.find(|letter: char| !letter.is_alphanumeric() && !"_:".contains(letter));
            let used = &rest[..end.unwrap_or(rest.len())];
            // Braces follow: that was a `use`.
            if !used.ends_with("::") {
                add(used, inline_at(start));
            }
        }
    }
    found
}

#[test]
fn no_files_import_each_other_in_a_circle() {
    let sources = sources();
    let files: BTreeMap<Vec<&str>, &str> = sources
        .iter()
        .filter(|(_, path, _)| path != "src/main.rs")
        .map(|(_, path, _)| (module_of(path), path.as_str()))
        .collect();
    let mut imports: BTreeMap<&str, BTreeSet<&str>> = sources
        .iter()
        .map(|(_, path, text)| (path.as_str(), imported(path, text, &files)))
        .collect();
    let edges: usize = imports.values().map(BTreeSet::len).sum();
    assert!(edges > 1000, "only {edges} imports were found");
    // What imports nothing that is left is in no circle.
    loop {
        let free: Vec<&str> = imports
            .iter()
            .filter(|(_, used)| used.is_empty())
            .map(|(path, _)| *path)
            .collect();
        if free.is_empty() {
            break;
        }
        for path in free {
            imports.remove(path);
            for used in imports.values_mut() {
                used.remove(path);
            }
        }
    }
    assert!(imports.is_empty(), "circles among: {imports:#?}");
}

#[test]
fn a_circle_would_be_found() {
    let files: BTreeMap<Vec<&str>, &str> = [
        "src/a/mod.rs",
        "src/a/one.rs",
        "src/a/two.rs",
        "src/b.rs",
        "src/lib.rs",
    ]
    .map(|path| (module_of(path), path))
    .into();
    let of = |path: &str, text: &str| {
        let found = imported(path, text, &files);
        found.into_iter().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("src/a/one.rs", "use super::two::X;"), "src/a/two.rs");
    assert_eq!(
        of("src/a/one.rs", "use super::{X, two::Y};"),
        "src/a/mod.rs src/a/two.rs"
    );
    assert_eq!(
        of("src/a/mod.rs", "mod one;\npub use one::X;"),
        "src/a/one.rs"
    );
    assert_eq!(
        of("src/a/two.rs", "fn f() { crate::b::g(super::h()) }"),
        "src/a/mod.rs src/b.rs"
    );
    assert_eq!(
        of(
            "src/b.rs",
            "mod inner {\n    use super::X;\n    use crate::a::one::Y;\n}"
        ),
        "src/a/one.rs"
    );
    assert_eq!(
        of("src/b.rs", "use std::fmt;\npub(in crate::a) fn f() {}"),
        ""
    );
}

#[test]
fn libraries_stay_where_they_belong() {
    for (module, path, text) in sources() {
        for (word, places) in ONLY_IN {
            let used = code_lines(&text).any(|line| {
                line.contains(&format!("{word}::")) || (word == "aws_" && line.contains("aws_sdk"))
            });
            assert!(
                !used || places.contains(&module.as_str()),
                "{path} uses {word}"
            );
        }
        for line in code_lines(&text) {
            let prints = ["println!", "eprintln!", "print!(", "dbg!"]
                .iter()
                .any(|word| line.contains(word));
            assert!(!prints, "{path} prints: {line}");
            let reads_clock = CLOCKS.iter().any(|clock| line.contains(clock));
            let is_watch = line.contains("Instant::now") && path == STOPWATCH;
            assert!(
                !reads_clock || is_watch || module == "cli",
                "{path} reads the clock: {line}"
            );
            assert!(!line.contains("unsafe "), "{path}: {line}");
        }
    }
}

#[test]
fn files_stay_readable() {
    for (_, path, text) in sources() {
        let lines = text.lines().count();
        assert!(
            lines <= FILE_LINES_MAX,
            "{path} has {lines} lines: split it"
        );
        assert!(
            text.starts_with("//! "),
            "{path} does not say what it is for"
        );
    }
}

#[test]
fn a_folder_opens_on_a_table_of_contents() {
    // `decode` and `pipeline` conduct what is in their folders; `config`, `local`,
    // `model`, `output` and `cli` only list it.
    for (_, path, text) in sources() {
        let lists_only = [
            "model",
            "config",
            "local",
            "output",
            "cli",
            "demo",
            "attribute",
            "columnar",
            "ingest",
            "rules",
            "integrity",
            "tables",
            "queries",
            "aws",
            "store",
        ];
        let folder = path.split('/').nth(1).unwrap();
        if path.ends_with("/mod.rs") && lists_only.contains(&folder) {
            assert!(!text.contains("fn "), "{path} has logic in it");
        }
    }
}

#[test]
fn no_test_file_is_forgotten() {
    let main = fs::read_to_string("tests/integration/main.rs").unwrap();
    for entry in fs::read_dir("tests/integration").unwrap() {
        let name = entry.unwrap().file_name().to_string_lossy().into_owned();
        let name = name.trim_end_matches(".rs");
        assert!(
            name == "main" || main.contains(&format!("mod {name};")),
            "{name}"
        );
    }
}

/// Crates and the features that cargo chooses for them, with these kinds of dependencies.
/// A crate has them twice where the machine that builds needs it with others.
fn crates(kinds: &str) -> BTreeMap<String, BTreeSet<String>> {
    let told = Command::new(env!("CARGO"))
        .args(["tree", "--locked", "--offline", "--prefix", "none"])
        .args(["--format", "{p}|{f}", "--edges", kinds])
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{errors}");
    let text = String::from_utf8(told.stdout).unwrap();
    let mut crates: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in text.lines().map(|line| line.trim_end_matches(" (*)")) {
        let (name, features) = line.split_once('|').unwrap();
        let known = crates.entry(name.to_owned()).or_default();
        known.insert(features.to_owned());
    }
    crates
}

/// Otherwise both commands of the README build most crates, each for itself.
#[test]
fn the_tests_are_built_of_what_the_program_is_built_of() {
    let with_tests = crates("normal,build,dev");
    let program = crates("normal,build");
    assert!(with_tests.len() > program.len());
    for (name, features) in program {
        assert_eq!(with_tests[&name], features, "{name}");
    }
}

#[test]
fn every_dependency_has_its_reason() {
    let manifest: toml::Table = toml::from_str(&fs::read_to_string("Cargo.toml").unwrap()).unwrap();
    let architecture = fs::read_to_string("ARCHITECTURE.md").unwrap();
    for section in ["dependencies", "dev-dependencies"] {
        for name in manifest[section].as_table().unwrap().keys() {
            assert!(
                architecture.contains(&format!("| `{name}` |")),
                "{name} has no reason"
            );
        }
    }
}

#[test]
fn documents_point_at_what_is_there() {
    for (document, text) in documents() {
        let folder = document.parent().unwrap();
        let mut targets = BTreeSet::new();
        for part in text.split("](").skip(1) {
            targets.insert(part.split([')', '#']).next().unwrap().to_owned());
        }
        for target in targets
            .iter()
            .filter(|target| !target.is_empty() && !target.contains("://"))
        {
            assert!(
                folder.join(target).exists(),
                "{} points at {target}",
                document.display()
            );
        }
    }
}

#[test]
fn every_module_is_on_the_map() {
    let architecture = fs::read_to_string("ARCHITECTURE.md").unwrap();
    for (_, path, _) in sources() {
        let name = path.trim_start_matches("src/");
        let shown = if name.ends_with("/mod.rs") {
            name.trim_end_matches("mod.rs")
        } else {
            name
        };
        assert!(
            architecture.contains(&format!("`{shown}`")),
            "{shown} is not in ARCHITECTURE.md"
        );
    }
    let rows = architecture.lines().filter_map(|line| {
        let (file, _) = line.strip_prefix("| `")?.split_once("` |")?;
        Path::new(file)
            .extension()
            .is_some_and(|ending| ending == "rs")
            .then_some(file)
    });
    for file in rows {
        let is_there = Path::new("src").join(file).is_file();
        assert!(is_there, "ARCHITECTURE.md names {file}, which is not there");
    }
}

/// What SECURITY.md promises is shown by tests that are there.
#[test]
fn promises_have_their_tests() {
    let document = fs::read_to_string("SECURITY.md").unwrap();
    let mut count = 0;
    for quoted in document.split('`').skip(1).step_by(2) {
        let Some((module, test)) = quoted
            .split_once("::")
            .filter(|(name, _)| *name != "module")
        else {
            continue;
        };
        let path = format!("tests/integration/{module}.rs");
        let source = fs::read_to_string(&path).unwrap_or_else(|_| panic!("no {path}"));
        let is_there = match test {
            "*" => source.contains("#[test]"),
            name => source.contains(&format!("fn {name}(")),
        };
        assert!(is_there, "{path} has no test {test}");
        count += 1;
    }
    assert!(count > 20, "{count}");
}
