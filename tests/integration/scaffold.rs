//! The script that makes the pieces of a rule makes those that CONTRIBUTING names.

use crate::common::files_below;
use crate::needs;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// What the script reads and writes of this project.
const READ: [&str; 6] = [
    "Cargo.toml",
    "ARCHITECTURE.md",
    "src/rules/mod.rs",
    "src/rules/registry.rs",
    "tests/integration/rules.rs",
    "sample-logs/rules/undeclared-role/quiet.json",
];

fn files(folder: &Path) -> BTreeMap<PathBuf, String> {
    let relative = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(folder).unwrap().to_owned(), text)
    };
    files_below(folder).into_iter().map(relative).collect()
}

fn new_rule(python: &Path, folder: &Path, args: &[&str]) -> Output {
    let script = fs::canonicalize("tools/new_rule.py").unwrap();
    let mut command = Command::new(python);
    command.arg(script).args(args).current_dir(folder);
    command.output().unwrap()
}

#[test]
fn a_new_rule_has_all_of_its_pieces_and_touches_nothing_else() {
    let Some(python) = needs::python("json") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for path in READ {
        let copy = folder.path().join(path);
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(path, copy).unwrap();
    }
    let before = files(folder.path());
    let sentence = "A chain runs at night";
    let made = new_rule(&python, folder.path(), &["late-night-access", sentence]);
    assert!(
        made.status.success(),
        "{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let after = files(folder.path());
    let changed: Vec<String> = after
        .iter()
        .filter(|(path, text)| before.get(*path) != Some(*text))
        .map(|(path, _)| path.to_string_lossy().into_owned())
        .collect();
    let wanted = [
        "ARCHITECTURE.md",
        "sample-logs/rules/late-night-access/fires.json",
        "sample-logs/rules/late-night-access/quiet.json",
        "src/rules/late_night_access.md",
        "src/rules/late_night_access.rs",
        "src/rules/mod.rs",
        "src/rules/registry.rs",
        "tests/integration/rules.rs",
    ];
    assert_eq!(changed, wanted);
    for (path, line) in [
        (
            "ARCHITECTURE.md",
            "| `rules/late_night_access.rs` | a chain runs at night |",
        ),
        ("src/rules/mod.rs", "mod late_night_access;"),
        ("src/rules/registry.rs", "    late_night_access::ENTRY,"),
        (
            "tests/integration/rules.rs",
            "        (\"late-night-access\", Severity::Medium),",
        ),
    ] {
        let text = &after[Path::new(path)];
        let added: Vec<&str> = text
            .lines()
            .filter(|line| !before[Path::new(path)].lines().any(|known| known == *line))
            .collect();
        assert!(added.contains(&line), "{path}: {added:?}");
    }
    for wrong in [
        &["late-night-access", sentence][..],
        &["Late_Night", sentence],
        &["late-night-access"],
        &["other-rule", "says \"this\""],
    ] {
        let refused = new_rule(&python, folder.path(), wrong);
        assert!(!refused.status.success(), "{wrong:?}");
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        assert!(said.contains("usage: just new-rule"), "{said}");
    }
    assert_eq!(files(folder.path()), after);
}
