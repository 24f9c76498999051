//! The library's own example, run as anybody would run it.

use crate::cli::organization;
use crate::common::stdout_of;
use serde_json::Value;
use std::path::PathBuf;
use std::process::Command;

/// The example, which is built with the tests.
fn example(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let built = test.parent().and_then(|deps| deps.parent()).unwrap();
    let name = format!("{name}{}", std::env::consts::EXE_SUFFIX);
    built.join("examples").join(name)
}

#[test]
fn the_example_tells_of_the_sample_organization() {
    let folder = organization();
    let mut command = Command::new(example("chains"));
    let text = stdout_of(command.arg(folder.path().join("AWSLogs")).env_clear());
    let (told, records): (Vec<&str>, Vec<&str>) =
        text.lines().partition(|line| line.starts_with("account "));
    assert!(
        told.contains(&"account 444455556666: 47 queries"),
        "{told:?}"
    );
    assert!(records.len() > 10);
    for record in records {
        let chain: Value = serde_json::from_str(record).unwrap();
        assert_eq!(chain["schema"], "qs-audit/chain/v1");
    }
    let absent = Command::new(example("chains"))
        .arg("absent")
        .output()
        .unwrap();
    assert!(!absent.status.success());
    assert!(String::from_utf8_lossy(&absent.stderr).contains("absent"));
}
