//! Events that do not fit in memory: the output is the same, nothing is left, and what cannot be
//! written is said.

use crate::cli::{WHOLE_SAMPLE, organization, output, program, six_weeks};
use qs_audit::cli::Exit;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use tempfile::TempDir;

/// What `chains` says of the whole organization.
fn chains(folder: &TempDir, exit: Exit, arguments: &[&str]) -> (String, String) {
    let mut command = program();
    command.current_dir(folder).arg("chains").args(WHOLE_SAMPLE);
    output(command.args(arguments), exit)
}

fn is_empty(folder: &Path) -> bool {
    fs::read_dir(folder).unwrap().next().is_none()
}

#[test]
fn the_output_is_the_same_with_all_events_on_disk() {
    let folder = organization();
    let spill = tempfile::tempdir().unwrap();
    let spilled = ["--spill-above", "0", "--spill"];
    for arguments in [
        &["--format", "jsonl"][..],
        &["--format", "jsonl", "--flat"],
        &["--format", "jsonl", "--limit", "3"],
        &["--format", "jsonl", "--all-sessions"],
        &[
            "--format",
            "jsonl",
            "--executions",
            "executions.json",
            "--strict",
        ],
        &["--format", "csv"],
        &["--format", "csv", "--flat", "--consumer", "retail"],
        &["--format", "csv", "--consumer", "retial"],
        &["--format", "json", "--table", "orders"],
        &[
            "--format",
            "table",
            "--sort",
            "bytes",
            "--executions",
            "executions.json",
        ],
        &["--format", "table", "--path", "any", "--limit", "0"],
        &["--format", "csv", "--sort", "latest", "--limit", "5"],
    ] {
        let mut command = program();
        command
            .current_dir(&folder)
            .arg("chains")
            .args(WHOLE_SAMPLE);
        let whole = command.args(arguments).output().unwrap();
        let mut command = program();
        command
            .current_dir(&folder)
            .arg("chains")
            .args(WHOLE_SAMPLE);
        command.args(arguments).args(spilled).arg(spill.path());
        let sliced = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
        assert_eq!(text(&whole.stdout), text(&sliced.stdout), "{arguments:?}");
        assert_eq!(text(&whole.stderr), text(&sliced.stderr), "{arguments:?}");
        assert_eq!(whole.status, sliced.status, "{arguments:?}");
        assert!(is_empty(spill.path()));
    }
}

/// Runs a command with all events in memory, and with all on disk: both say the same.
fn same_with_all_on_disk(folder: &TempDir, arguments: &[&str]) {
    let spill = tempfile::tempdir().unwrap();
    let run = |spilled: &[&str]| {
        let mut command = program();
        command.current_dir(folder).args(arguments);
        command.args(["--now", "2026-11-15T06:00:00Z"]);
        let output = command.args(spilled).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (text(output.stdout), text(output.stderr), output.status)
    };
    let on_disk = spill.path().to_str().unwrap();
    let whole = run(&[]);
    assert!(whole.2.success(), "{}", whole.1);
    assert_eq!(
        whole,
        run(&["--spill-above", "0", "--spill", on_disk]),
        "{arguments:?}"
    );
    assert!(is_empty(spill.path()));
}

#[test]
fn findings_are_the_same_with_all_events_on_disk() {
    let folder = six_weeks();
    for arguments in [
        &["--from", "2026-11-08", "--to", "2026-11-15"][..],
        &[
            "--from",
            "2026-11-13T07:30:00Z",
            "--to",
            "2026-11-15",
            "--format",
            "json",
        ],
        &[
            "--from",
            "2026-11-10",
            "--to",
            "2026-11-12",
            "--baseline",
            "10d",
            "--format",
            "asff",
        ],
        &[
            "--from",
            "2026-11-14",
            "--baseline",
            "0d",
            "--format",
            "csv",
        ],
    ] {
        same_with_all_on_disk(&folder, &[&["findings"], arguments].concat());
    }
}

#[test]
fn bills_are_the_same_with_all_events_on_disk() {
    let folder = six_weeks();
    for arguments in [
        &["--month", "2026-11"][..],
        &[
            "--month",
            "2026-11",
            "--by",
            "table,producer,day",
            "--format",
            "csv",
        ],
        &[
            "--since",
            "40d",
            "--by",
            "user,data-source,work-group,origin",
            "--format",
            "json",
        ],
        &["--month", "2026-10", "--format", "focus"],
    ] {
        same_with_all_on_disk(&folder, &[&["chargeback"], arguments].concat());
    }
}

#[test]
fn queries_give_the_same_with_all_events_on_disk() {
    let folder = six_weeks();
    for saved in qs_audit::queries::all() {
        let parameters = saved.header().parameters;
        if parameters.iter().all(|one| one.default.is_some()) {
            let query = ["query", saved.name, "--since", "20d", "--format", "csv"];
            same_with_all_on_disk(&folder, &query);
        }
    }
    for sql in [
        "SELECT * FROM queries ORDER BY started_at, query_execution_id",
        "SELECT count(*) AS n FROM hops",
        "SELECT count(*) AS n FROM chains NATURAL JOIN queries",
        "SELECT DISTINCT ON (consumer_account_id) * FROM queries ORDER BY chain_id",
        "SELECT q.billed_cost, sum(q.bytes_scanned) AS b FROM queries q GROUP BY 1 ORDER BY 1",
        "SELECT c.chain_id, q.billed_cost FROM chains c JOIN queries q ON c.chain_id = q.chain_id ORDER BY 1, 2",
    ] {
        fs::write(folder.path().join("own.sql"), sql).unwrap();
        let query = [
            "query", "--file", "own.sql", "--since", "20d", "--format", "csv",
        ];
        same_with_all_on_disk(&folder, &query);
    }
}

#[test]
fn a_query_that_does_not_fit_in_memory_is_refused() {
    let folder = six_weeks();
    fs::write(folder.path().join("all.sql"), "SELECT * FROM queries").unwrap();
    fs::write(
        folder.path().join("few.sql"),
        "SELECT count(*) AS n FROM queries",
    )
    .unwrap();
    let mut command = program();
    command
        .current_dir(&folder)
        .args(["collect", "--store", "store", "--from", "2026-10-01"]);
    output(command.args(["--now", "2026-11-15T06:00:00Z"]), Exit::Clean);
    let run = |file: &str, source: [&str; 2], exit: Exit| {
        let mut command = program();
        command
            .current_dir(&folder)
            .args(["query", "--file", file, "--since", "20d"]);
        command.args([
            "--now",
            "2026-11-15T06:00:00Z",
            "--spill-above",
            "0",
            "--memory-mb",
            "1",
        ]);
        output(command.args(source), exit).1
    };
    let (store, logs) = (["--store", "store"], ["--logs", "AWSLogs"]);
    // Of a store it is known before anything is read.
    let refused = run("all.sql", store, Exit::Usage);
    assert!(refused.contains("the query would need about"), "{refused}");
    assert!(
        refused.contains("name the columns that you need"),
        "{refused}"
    );
    let refused = run("all.sql", logs, Exit::Usage);
    assert!(refused.contains("before all days were read"), "{refused}");
    run("few.sql", store, Exit::Clean);
    run("few.sql", logs, Exit::Clean);
}

#[test]
fn a_report_is_the_same_with_all_events_on_disk() {
    let folder = six_weeks();
    for window in [
        &["--from", "2026-11-14", "--to", "2026-11-15"][..],
        &["--from", "2026-11-13T07:30:00Z", "--to", "2026-11-15"],
    ] {
        let report = |name: &str, spilled: &[&str]| {
            let mut command = program();
            command.current_dir(&folder).arg("report").args(window);
            command.args(["--now", "2026-11-15T06:00:00Z", "-o", name]);
            let (stdout, stderr) = output(command.args(spilled), Exit::Clean);
            (stdout.replace(name, "report"), stderr)
        };
        let whole = report("whole", &[]);
        let sliced = report("sliced", &["--spill-above", "0"]);
        assert_eq!(whole, sliced);
        let mut files = 0;
        for file in fs::read_dir(folder.path().join("whole")).unwrap() {
            let file = file.unwrap();
            let other = folder.path().join("sliced").join(file.file_name());
            let same = fs::read(file.path()).unwrap() == fs::read(other).unwrap();
            assert!(same, "{:?}", file.file_name());
            files += 1;
        }
        assert_eq!(files, 7);
        for name in ["whole", "sliced"] {
            fs::remove_dir_all(folder.path().join(name)).unwrap();
        }
    }
}

#[test]
fn files_are_the_same_with_all_events_on_disk() {
    let folder = organization();
    let spill = tempfile::tempdir().unwrap();
    let spill = spill.path().to_str().unwrap();
    for format in ["parquet", "xlsx", "csv", "jsonl"] {
        let (whole, sliced) = (format!("whole.{format}"), format!("sliced.{format}"));
        chains(&folder, Exit::Clean, &["-o", &whole]);
        let spilled = ["-o", &sliced, "--spill", spill, "--spill-above", "0"];
        chains(&folder, Exit::Clean, &spilled);
        let read = |name: &str| fs::read(folder.path().join(name)).unwrap();
        assert!(read(&whole) == read(&sliced), "{format}");
    }
}

#[test]
fn a_window_without_logs_is_said_with_all_events_on_disk() {
    let folder = organization();
    let run = |spilled: &[&str]| {
        let mut command = program();
        command
            .current_dir(&folder)
            .args(["chains", "--logs", "AWSLogs"]);
        command.args(["--from", "2026-11-04T06:00:00Z", "--to", "2026-11-05"]);
        output(
            command.args(["--format", "csv"]).args(spilled),
            Exit::NoLogs,
        )
    };
    assert_eq!(run(&[]), run(&["--spill-above", "0"]));
}

#[test]
fn events_in_memory_need_no_folder() {
    let folder = organization();
    let (whole, _) = chains(&folder, Exit::Clean, &[]);
    let nowhere = ["--spill", "/nowhere/at/all"];
    let (same, _) = chains(&folder, Exit::Clean, &nowhere);
    assert_eq!(whole, same);
}

#[test]
fn a_folder_that_cannot_be_written_is_said() {
    let folder = organization();
    let nowhere = [
        "--spill-above",
        "0",
        "--spill",
        "/nowhere/at/all",
        "-o",
        "chains.csv",
    ];
    let (stdout, stderr) = chains(&folder, Exit::Internal, &nowhere);
    assert_eq!(stdout, "");
    let said = "cannot write a temporary file in /nowhere/at/all";
    assert!(stderr.contains(said), "{stderr}");
    assert!(stderr.contains("--spill DIR"), "{stderr}");
    assert!(!folder.path().join("chains.csv").exists());
}

/// A run with all events on disk, whose output can be read.
fn started(folder: &Path, spill: &Path) -> Child {
    Command::new(assert_cmd::cargo::cargo_bin("qs-audit"))
        .current_dir(folder)
        .env_clear()
        .env("TMPDIR", spill)
        .arg("chains")
        .args(WHOLE_SAMPLE)
        .args(["--spill-above", "0", "--format", "jsonl", "--all-sessions"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

/// What is written has no name from the moment on at which it is there: a run that is killed while it
/// is at work leaves nothing.
#[cfg(target_os = "linux")]
#[test]
fn a_killed_run_leaves_nothing() {
    use std::io::Read;

    let folder = organization();
    let spill = tempfile::tempdir().unwrap();
    let mut run = started(folder.path(), spill.path());
    // Nobody reads on: the run waits in the middle of its output.
    let mut first = [0];
    let stdout = run.stdout.as_mut().unwrap();
    stdout.read_exact(&mut first).unwrap();
    let open = fs::read_dir(format!("/proc/{}/fd", run.id())).unwrap();
    let links = open.filter_map(|open| fs::read_link(open.ok()?.path()).ok());
    let held = links.filter(|link| link.starts_with(spill.path())).count();
    assert_eq!(held, 1, "the temporary file is open");
    assert!(is_empty(spill.path()));
    run.kill().unwrap();
    run.wait().unwrap();
    assert!(is_empty(spill.path()));
}

#[test]
fn a_closed_pipe_ends_the_run_in_peace() {
    let folder = organization();
    let spill = tempfile::tempdir().unwrap();
    let mut run = started(folder.path(), spill.path());
    drop(run.stdout.take());
    let output = run.wait_with_output().unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(!stderr.contains("cannot"), "{stderr}");
}

#[test]
fn the_store_says_the_same_with_all_events_on_disk() {
    let folder = organization();
    let collect = ["collect", "--logs", "AWSLogs", "--store", "store"];
    let mut command = program();
    output(command.current_dir(&folder).args(collect), Exit::Clean);
    let run = |arguments: &[&str], spilled: &[&str]| {
        let mut command = program();
        let window = ["--from", "2026-11-02", "--to", "2026-11-04"];
        command.current_dir(&folder).arg("chains").args(window);
        command.args(["--store", "store", "--now", "2026-11-04"]);
        output(command.args(arguments).args(spilled), Exit::Clean)
    };
    for arguments in [
        &["--format", "jsonl"][..],
        &[
            "--format",
            "csv",
            "--flat",
            "--executions",
            "executions.json",
        ],
        &["--format", "json", "--path", "any"],
    ] {
        let whole = run(arguments, &[]);
        assert!(whole.0.len() > 1000);
        assert_eq!(
            whole,
            run(arguments, &["--spill-above", "0"]),
            "{arguments:?}"
        );
    }
}
