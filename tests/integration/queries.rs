//! Saved investigations: that they run, and give in DuckDB what they give here.

use crate::cli::{organization, program};
use crate::needs;
use qs_audit::queries;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command as Process;

/// Values for parameters without a default.
const VALUES: [(&str, &str); 2] = [("database", "retail"), ("table", "sales")];

fn query(folder: &Path, name: &str, more: &[&str]) -> Vec<u8> {
    let saved = queries::find(name).unwrap();
    let mut command = program();
    command.current_dir(folder).args(["query", name]);
    command.args(["--from", "2026-11-01", "--to", "2026-11-03"]);
    for parameter in saved.header().parameters {
        let given = VALUES.iter().find(|(name, _)| *name == parameter.name);
        if let Some((name, value)) = given {
            command.args(["--param", &format!("{name}={value}")]);
        }
    }
    let output = command.args(more).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    output.stdout
}

#[test]
fn every_saved_query_runs_and_most_find_something() {
    let folder = organization();
    let mut empty = Vec::new();
    for saved in queries::all() {
        let result: Value =
            serde_json::from_slice(&query(folder.path(), saved.name, &["--format", "json"]))
                .unwrap();
        assert_eq!(result["schema"], "qs-audit/query-result/v1");
        assert_eq!(result["name"], saved.name);
        if result["rows"].as_array().unwrap().is_empty() {
            empty.push(saved.name);
        }
    }
    // No session of the sample outlives an hour, and every run-as session has a policy.
    assert_eq!(empty, ["hops-without-scope-down", "sessions-over-an-hour"]);
}

#[test]
fn the_same_sql_gives_the_same_in_duckdb() {
    let Some(python) = needs::python("duckdb") else {
        return;
    };
    let folder = organization();
    let work = tempfile::tempdir().unwrap();
    for (index, saved) in queries::all().iter().enumerate() {
        let tables = work.path().join("tables");
        let export = ["--export", tables.to_str().unwrap(), "--format", "json"];
        let more = if index == 0 {
            &export[..]
        } else {
            &export[2..]
        };
        let file = |ending: &str| work.path().join(format!("{}.{ending}", saved.name));
        fs::write(file("json"), query(folder.path(), saved.name, more)).unwrap();
        fs::write(file("sql"), query(folder.path(), saved.name, &["--sql"])).unwrap();
    }
    let output = Process::new(&python)
        .arg("tests/duckdb/compare.py")
        .arg(work.path())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{told}\n{errors}");
    assert!(told.contains("rows compared"), "{told}");
}

#[test]
fn complaints_about_sql_point_at_the_place() {
    let folder = organization();
    let run = |sql: &str| {
        fs::write(folder.path().join("my.sql"), sql).unwrap();
        let mut command = program();
        command.current_dir(folder.path());
        command.args([
            "query",
            "--file",
            "my.sql",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-03",
        ]);
        let output = command.output().unwrap();
        (
            output.status.code(),
            String::from_utf8(output.stderr).unwrap(),
        )
    };
    let (status, errors) = run("SELECT chain_id,\n  byts_scanned\nFROM queries\n");
    assert_eq!(status, Some(2));
    assert!(errors.contains("my.sql:2:3: "), "{errors}");
    assert!(errors.contains("2 |   byts_scanned\n  |   ^"), "{errors}");
    assert!(errors.contains("did you mean bytes_scanned?"), "{errors}");
    let (status, errors) = run("SELECT chain_id\nFORM queries\n");
    assert_eq!(status, Some(2));
    assert!(errors.contains("my.sql:2:"), "{errors}");
    let (status, errors) = run("SELECT * FROM query_log");
    assert_eq!(status, Some(2));
    assert!(errors.contains("my.sql:1:15: "), "{errors}");
    let (status, errors) = run("DELETE FROM queries");
    assert_eq!(status, Some(2));
    assert!(errors.contains("only SELECT"), "{errors}");
}

#[test]
fn a_saved_query_that_is_not_there_is_told_apart() {
    let output = program().args(["query", "top-dashbords"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("did you mean top-dashboards?"), "{errors}");
    let output = program()
        .args(["query", "who-reached-database"])
        .output()
        .unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("--param database=VALUE"), "{errors}");
    let output = program().args(["query", "--list"]).output().unwrap();
    let listed = String::from_utf8(output.stdout).unwrap();
    for saved in queries::all() {
        assert!(listed.contains(saved.name), "{}", saved.name);
    }
}
