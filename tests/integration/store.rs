//! What is collected gives what the logs themselves give, however it was collected.

use crate::cli::{organization, output, program};
use assert_cmd::Command;
use qs_audit::cli::Exit;
use qs_audit::columnar::ColumnFile;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Stdio;
use tempfile::TempDir;

const NOW: &str = "2026-11-05T12:00:00Z";

/// The program in a folder, at a fixed time.
fn run(folder: &Path, args: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder).args(args).args(["--now", NOW]);
    command
}

fn collect(folder: &Path, more: &[&str], exit: Exit) -> (String, String) {
    // Keys are whole paths, so that they are the same from everywhere.
    let logs = folder.join("AWSLogs").canonicalize().unwrap();
    let args = [
        "collect",
        "--logs",
        logs.to_str().unwrap(),
        "--store",
        "store",
    ];
    output(run(folder, &args).args(more), exit)
}

/// The output of a command over the logs, and over the store.
fn both(folder: &Path, args: &[&str]) -> (String, String) {
    let logs = folder.join("AWSLogs").canonicalize().unwrap();
    let of = |source: [&str; 2]| {
        let mut command = run(folder, args);
        command.args(source);
        let out = command.output().unwrap();
        String::from_utf8(out.stdout).unwrap()
    };
    (
        of(["--logs", logs.to_str().unwrap()]),
        of(["--store", "store"]),
    )
}

#[test]
fn every_command_says_the_same_of_the_store_as_of_the_logs() {
    let folder = organization();
    let folder = folder.path();
    let (said, _) = collect(folder, &[], Exit::Clean);
    assert!(said.contains("new objects read"), "{said}");
    for args in [
        &[
            "chains",
            "--from",
            "2026-11-01",
            "--path",
            "any",
            "--format",
            "json",
        ][..],
        &[
            "chains",
            "--from",
            "2026-11-02",
            "--to",
            "2026-11-03",
            "--format",
            "json",
        ],
        &[
            "chains",
            "--from",
            "2026-11-01",
            "--format",
            "csv",
            "--flat",
        ],
        &["findings", "--from", "2026-11-02", "--format", "json"],
        &["findings", "--from", "2026-11-02", "--baseline", "0d"],
        &[
            "chargeback",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-03",
            "--costs",
            "costs.json",
        ],
        &["query", "--from", "2026-11-01", "chains-per-consumer"],
        &["show", "latest"],
        &["show", "latest", "--raw"],
    ] {
        let (logs, store) = both(folder, args);
        // Commands to be repeated name their source.
        let own = folder.join("AWSLogs").canonicalize().unwrap();
        let logs = logs.replace(&format!("--logs {}", own.display()), "--store store");
        assert_eq!(logs, store, "{args:?}");
    }
    let (logs, _) = both(folder, &["chains", "--from", "2026-11-01"]);
    assert!(logs.lines().count() > 5);
}

#[test]
fn a_window_that_cuts_through_a_day_differs_only_in_what_days_cannot_tell() {
    let folder = organization();
    let folder = folder.path();
    collect(folder, &[], Exit::Clean);
    let args = [
        "chains",
        "--from",
        "2026-11-01T10:00:00Z",
        "--to",
        "2026-11-02T20:00:00Z",
    ];
    let (logs, store) = both(folder, &[&args[..], &["--format", "json"]].concat());
    let (mut logs, mut store): (Value, Value) = (
        serde_json::from_str(&logs).unwrap(),
        serde_json::from_str(&store).unwrap(),
    );
    let in_window = store["coverage"]["records"]["in_window"].take();
    assert_eq!(in_window, Value::Null);
    assert!(logs["coverage"]["records"]["in_window"].take().is_u64());
    assert_eq!(logs, store);
}

#[test]
fn collecting_again_reads_nothing_and_changes_nothing() {
    let folder = organization();
    let folder = folder.path();
    collect(folder, &[], Exit::Clean);
    let before = contents(folder);
    let (said, _) = collect(folder, &["--since", "36d"], Exit::Clean);
    assert!(said.starts_with("0 new objects read (0 records)"), "{said}");
    assert_eq!(contents(folder), before);
}

/// What a store holds, whatever order it was put in: names and bytes of segments, and
/// what the ledger has of objects.
pub(crate) fn contents(folder: &Path) -> (Vec<(String, usize)>, Vec<String>) {
    let segments = fs::read_dir(folder.join("store/segments")).unwrap();
    let mut segments: Vec<(String, usize)> = segments
        .map(|entry| {
            let entry = entry.unwrap();
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).unwrap().len())
        })
        .collect();
    segments.sort();
    (segments, ledger(folder, "store"))
}

fn ledger(folder: &Path, store: &str) -> Vec<String> {
    let path = folder.join(store).join("ledger.sqlite");
    let ledger = rusqlite::Connection::open(path).unwrap();
    let mut rows = Vec::new();
    for sql in [
        "SELECT key || '|' || tag || '|' || stored_bytes || '|' || records || '|' || rejected
             || '|' || coalesce(rejects, '') || '|' || seen FROM objects ORDER BY key",
        "SELECT delivery_day || '|' || objects || '|' || records || '|' || failed FROM days
             ORDER BY 1",
        "SELECT account || region || day || '|' || records || '|' || first || '|' || last
             FROM seen ORDER BY delivery_day, 1",
        "SELECT id || state FROM executions ORDER BY 1",
        "SELECT kind || day || '|' || rows FROM segments ORDER BY 1",
        "SELECT id FROM relevant ORDER BY 1",
        "SELECT place FROM gaps ORDER BY 1",
    ] {
        let mut statement = ledger.prepare(sql).unwrap();
        let found = statement
            .query_map([], |row| row.get::<_, String>(0))
            .unwrap();
        rows.extend(found.map(Result::unwrap));
    }
    rows
}

/// Moves the files of an organization that were delivered from a day on aside.
fn hold_back(
    folder: &Path,
    is_late: &dyn Fn(&str) -> bool,
) -> Vec<(std::path::PathBuf, std::path::PathBuf)> {
    let mut moved = Vec::new();
    let aside = folder.join("aside");
    fs::create_dir_all(&aside).unwrap();
    for entry in walkdir::WalkDir::new(folder.join("AWSLogs")).sort_by_file_name() {
        let entry = entry.unwrap();
        let path = entry.path();
        if entry.file_type().is_file() && is_late(&path.to_string_lossy()) {
            let place = aside.join(moved.len().to_string());
            fs::rename(path, &place).unwrap();
            moved.push((place, path.to_owned()));
        }
    }
    assert!(!moved.is_empty());
    moved
}

#[test]
fn what_comes_late_ends_up_as_if_it_had_been_there() {
    // Hops of the hub come a run later than the calls they explain, then single files,
    // one by one.
    let whole = organization();
    collect(whole.path(), &[], Exit::Clean);
    let args = [
        "chains",
        "--path",
        "any",
        "--from",
        "2026-11-01",
        "--format",
        "jsonl",
        "--store",
        "store",
    ];
    let (wanted, _) = output(&mut run(whole.path(), &args), Exit::Clean);
    for is_late in [
        (|path: &str| path.contains("111122223333/CloudTrail")) as fn(&str) -> bool,
        |path: &str| path.contains("/2026/11/02/"),
        |path: &str| path.contains("444455556666/CloudTrail"),
    ] {
        let folder = organization();
        let late = hold_back(folder.path(), &is_late);
        collect(folder.path(), &[], Exit::Clean);
        for (at, (from, to)) in late.iter().enumerate() {
            fs::rename(from, to).unwrap();
            if at % 5 == 0 {
                collect(folder.path(), &["--since", "36d"], Exit::Clean);
            }
        }
        collect(folder.path(), &["--since", "36d"], Exit::Clean);
        let (found, _) = output(&mut run(folder.path(), &args), Exit::Clean);
        assert_eq!(found, wanted);
        let (counts, of_whole) = (
            ledger(folder.path(), "store"),
            ledger(whole.path(), "store"),
        );
        // Which day a session was first of interest is a matter of when it was seen.
        let plain = |rows: Vec<String>| -> Vec<String> {
            rows.into_iter()
                .filter(|row| row.contains('|') && row.contains("AWSLogs"))
                .map(|row| row[row.find("AWSLogs").unwrap()..].to_owned())
                .map(
                    // When a file was written differs between two organizations.
                    |row| {
                        row.split('|')
                            .enumerate()
                            .filter(|(at, _)| *at != 1)
                            .map(|(_, part)| part.to_owned())
                            .collect::<Vec<_>>()
                            .join("|")
                    },
                )
                .collect()
        };
        assert_eq!(plain(counts), plain(of_whole));
    }
}

#[test]
fn the_next_run_looks_from_a_little_before_the_last_one() {
    let folder = organization();
    let folder = folder.path();
    let mut first = program();
    first.current_dir(folder);
    first.args([
        "collect",
        "--logs",
        "AWSLogs",
        "--store",
        "store",
        "--now",
        "2026-10-31T12:00:00Z",
    ]);
    let (said, _) = output(&mut first, Exit::Clean);
    assert!(
        said.contains("2026-09-25T12:00:00Z to 2026-10-31T12:00:00Z"),
        "{said}"
    );
    let (said, _) = collect(folder, &[], Exit::Clean);
    assert!(
        said.contains("2026-10-28T12:00:00Z to 2026-11-05T12:00:00Z"),
        "{said}"
    );
    assert!(!said.starts_with("0 new"), "{said}");
}

#[test]
fn a_changed_object_is_read_again_and_counts_once() {
    let folder = organization();
    let folder = folder.path();
    collect(folder, &[], Exit::Clean);
    let some = walkdir::WalkDir::new(folder.join("AWSLogs"))
        .sort_by_file_name()
        .into_iter()
        .map(Result::unwrap)
        .find(|entry| {
            entry
                .path()
                .extension()
                .is_some_and(|ending| ending == "gz")
        })
        .unwrap();
    fs::write(some.path(), b"{\"Records\":[]}").unwrap();
    collect(folder, &["--since", "36d"], Exit::Clean);
    let (logs, store) = both(
        folder,
        &[
            "chains",
            "--from",
            "2026-11-01",
            "--path",
            "any",
            "--format",
            "json",
        ],
    );
    assert_eq!(logs, store);
}

#[test]
fn damaged_objects_are_kept_with_what_is_wrong_with_them() {
    let folder = organization();
    let folder = folder.path();
    let day = folder.join("AWSLogs/o-exampleorgid/444455556666/CloudTrail/us-east-1/2026/11/02");
    fs::create_dir_all(&day).unwrap();
    for (name, bytes) in [
        ("empty.json.gz", &b""[..]),
        ("text.json.gz", b"hello"),
        (
            "cut.json",
            b"{\"Records\":[{\"eventSource\":\"sts.amazonaws.com\"},{\"a\"",
        ),
        (
            "aggregated.json",
            b"{\"Records\":[{\"eventType\":\"AwsAggregatedEvent\",\"eventId\":\"x\"}]}",
        ),
    ] {
        fs::write(day.join(name), bytes).unwrap();
    }
    let (_, _) = collect(folder, &["--strict"], Exit::Incomplete);
    let (logs, store) = both(
        folder,
        &[
            "chains",
            "--from",
            "2026-11-01",
            "--path",
            "any",
            "--format",
            "json",
        ],
    );
    assert_eq!(logs, store);
    assert!(logs.contains("truncated-json"));
}

#[test]
fn sessions_that_were_not_kept_are_not_told() {
    let folder = organization();
    let folder = folder.path();
    collect(folder, &[], Exit::Clean);
    let args = [
        "chains",
        "--from",
        "2026-11-01",
        "--all-sessions",
        "--store",
        "store",
    ];
    let (_, said) = output(&mut run(folder, &args), Exit::Usage);
    assert!(
        said.contains("hint: use --logs to read all of them"),
        "{said}"
    );
}

#[test]
fn there_is_one_writer_at_a_time_and_the_others_are_told_who() {
    let folder = organization();
    let folder = folder.path();
    let holder = qs_audit::store::Writer::open(
        &folder.join("store"),
        "process 4711, since yesterday",
        false,
        qs_audit::model::time::UtcSecond::from_unix(0),
    )
    .unwrap();
    let (_, said) = collect(folder, &[], Exit::Usage);
    assert!(
        said.contains("is being written by process 4711, since yesterday"),
        "{said}"
    );
    assert!(said.contains("--wait"), "{said}");
    // One that waits goes on when the other is done.
    let mut waiting = std::process::Command::new(assert_cmd::cargo::cargo_bin("qs-audit"))
        .current_dir(folder)
        .env_clear()
        .args([
            "collect", "--wait", "--now", NOW, "--logs", "AWSLogs", "--store", "store",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    assert!(waiting.try_wait().unwrap().is_none());
    drop(holder);
    let done = waiting.wait_with_output().unwrap();
    assert!(done.status.success(), "{done:?}");
    assert!(String::from_utf8_lossy(&done.stdout).contains("new objects read"));
}

#[test]
fn a_store_of_a_later_program_is_refused() {
    let folder = organization();
    let folder = folder.path();
    collect(folder, &[], Exit::Clean);
    let ledger = rusqlite::Connection::open(folder.join("store/ledger.sqlite")).unwrap();
    ledger.pragma_update(None, "user_version", 99).unwrap();
    drop(ledger);
    for args in [
        &["collect", "--logs", "AWSLogs", "--store", "store"][..],
        &["chains", "--store", "store"],
    ] {
        let (_, said) = output(&mut run(folder, args), Exit::Usage);
        assert!(
            said.contains("has version 99; this program knows version 7"),
            "{said}"
        );
    }
}

#[test]
fn the_store_is_below_the_users_data_folder_unless_it_is_named() {
    let folder = organization();
    let folder = folder.path();
    let home = folder.join("home");
    for (variable, place) in [
        (None, ".local/share/qs-audit"),
        (Some("data"), "data/qs-audit"),
    ] {
        let command = |args: &[&str]| {
            let mut command = run(folder, args);
            command.env("HOME", &home);
            if let Some(data) = variable {
                command.env("XDG_DATA_HOME", home.join(data));
            }
            command
        };
        output(&mut command(&["collect", "--logs", "AWSLogs"]), Exit::Clean);
        assert!(home.join(place).join("ledger.sqlite").exists());
        let (_, said) = output(
            &mut command(&["chains", "--from", "2026-11-01"]),
            Exit::Clean,
        );
        assert!(said.contains("collected 2026-11-05T12:00:00Z"), "{said}");
    }
    let (_, said) = output(
        &mut run(folder, &["collect", "--logs", "AWSLogs"]),
        Exit::Usage,
    );
    assert!(said.contains("--store DIR"), "{said}");
    let (_, said) = output(
        &mut run(folder, &["chains", "--store", "nowhere"]),
        Exit::Usage,
    );
    assert!(said.contains("there is no store in nowhere"), "{said}");
    let (_, said) = output(
        &mut run(
            folder,
            &["chains", "--store", "nowhere", "--logs", "AWSLogs"],
        ),
        Exit::Usage,
    );
    assert!(said.contains("cannot be used together"), "{said}");
}

#[test]
fn old_days_are_forgotten() {
    let folder = organization();
    let folder = folder.path();
    fs::write(
        folder.join("short.toml"),
        "[[logs]]\npath = \"AWSLogs\"\n[store]\npath = \"store\"\nretention_days = 3\n",
    )
    .unwrap();
    let (said, _) = output(
        &mut run(folder, &["collect", "-c", "short.toml"]),
        Exit::Clean,
    );
    assert!(said.contains("older than 3 days removed"), "{said}");
    let rows = ledger(folder, "store");
    assert!(rows.iter().any(|row| row.contains("/2026/11/02/")));
    assert!(!rows.iter().any(|row| row.contains("/2026/11/01/")));
}

#[test]
#[cfg(unix)]
fn a_folder_that_cannot_be_written_ends_it_cleanly_and_can_still_be_read() {
    use std::os::unix::fs::PermissionsExt;
    let folder = organization();
    let folder = folder.path();
    collect(folder, &[], Exit::Clean);
    let read_only = |mode| {
        for place in ["store", "store/segments"] {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(folder.join(place), permissions).unwrap();
        }
        let files = fs::read_dir(folder.join("store")).unwrap();
        for file in files.flatten().filter(|file| file.path().is_file()) {
            let permissions = fs::Permissions::from_mode(mode & 0o666);
            fs::set_permissions(file.path(), permissions).unwrap();
        }
    };
    read_only(0o555);
    // Anyone who may do everything is not held by modes.
    if fs::write(folder.join("store/probe"), "x").is_err() {
        let (_, said) = collect(folder, &[], Exit::Internal);
        assert!(said.contains("error: "), "{said}");
    }
    let args = ["chains", "--from", "2026-11-01", "--store", "store"];
    output(&mut run(folder, &args), Exit::Clean);
    read_only(0o755);
    // A file where the folder should be stops everybody.
    fs::write(folder.join("file"), "x").unwrap();
    let args = ["collect", "--logs", "AWSLogs", "--store", "file"];
    let (_, said) = output(&mut run(folder, &args), Exit::Internal);
    assert!(said.contains("error: file: "), "{said}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_that_is_full_loses_nothing_that_counts() {
    let folder = organization();
    let folder = folder.path();
    let whole = organization();
    collect(whole.path(), &[], Exit::Clean);
    // No file may grow beyond so many blocks of 512 bytes: a disk that is full for it.
    for blocks in [0, 8, 40, 100, 160, 200] {
        let script = format!(
            "trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" collect --now {NOW} --logs AWSLogs --store store"
        );
        let out = std::process::Command::new("bash")
            .current_dir(folder)
            .args(["-c", &script])
            .arg(assert_cmd::cargo::cargo_bin("qs-audit"))
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&out.stderr).into_owned();
        if !out.status.success() {
            assert_eq!(out.status.code(), Some(1), "{blocks}: {said}");
            assert!(said.starts_with("error: "), "{said}");
            assert!(said.contains("hint: "), "{said}");
        }
    }
    collect(folder, &["--since", "36d"], Exit::Clean);
    let args = [
        "chains",
        "--path",
        "any",
        "--from",
        "2026-11-01",
        "--format",
        "json",
        "--store",
        "store",
    ];
    let of = |folder: &Path| output(&mut run(folder, &args), Exit::Clean).0;
    assert_eq!(of(folder), of(whole.path()));
}

#[test]
fn statistics_of_files_outlive_the_files() {
    let folder = organization();
    let folder = folder.path();
    let files = "executions.json";
    collect(folder, &["--executions", files], Exit::Clean);
    let args = ["chains", "--from", "2026-11-01", "--format", "jsonl"];
    let mut with_files = run(folder, &args);
    with_files.args(["--logs", "AWSLogs", "--executions", files]);
    let (wanted, _) = output(&mut with_files, Exit::Clean);
    fs::remove_file(folder.join(files)).unwrap();
    fs::write(folder.join("qs-audit.toml"), "").unwrap();
    let (found, _) = output(run(folder, &args).args(["--store", "store"]), Exit::Clean);
    let settled = |text: &str| -> Vec<Value> {
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    };
    let bytes = |chains: &[Value]| -> u64 {
        chains
            .iter()
            .filter_map(|chain| chain["bytes_scanned"].as_u64())
            .sum()
    };
    let (wanted, found) = (settled(&wanted), settled(&found));
    assert!(bytes(&wanted) > 0);
    assert_eq!(bytes(&wanted), bytes(&found));
}

#[test]
fn logs_that_go_away_leave_what_was_kept() {
    let folder: TempDir = organization();
    let folder = folder.path();
    collect(folder, &[], Exit::Clean);
    let args = ["chains", "--from", "2026-11-01", "--store", "store"];
    let (before, _) = output(&mut run(folder, &args), Exit::Clean);
    fs::remove_dir_all(folder.join("AWSLogs")).unwrap();
    let (after, _) = output(&mut run(folder, &args), Exit::Clean);
    assert_eq!(before, after);
    let (raw, said) = output(
        &mut run(folder, &["show", "latest", "--raw", "--store", "store"]),
        Exit::Clean,
    );
    assert_eq!(raw, "");
    assert!(said.contains("can no longer be read from"), "{said}");
}

#[test]
fn what_is_delivered_again_days_later_brings_its_counts() {
    let folder = organization();
    let folder = folder.path();
    let early = hold_back(folder, &|path| {
        path.contains("444455556666/CloudTrail/us-east-1/2026/11/02")
    });
    collect(folder, &[], Exit::Clean);
    // The trail was fixed: the same files come under a later day.
    for (from, to) in &early {
        let later = to.to_string_lossy().replace("/2026/11/02/", "/2026/11/05/");
        fs::create_dir_all(Path::new(&later).parent().unwrap()).unwrap();
        fs::rename(from, later).unwrap();
    }
    collect(folder, &[], Exit::Clean);
    let args = [
        "chains",
        "--from",
        "2026-11-02",
        "--to",
        "2026-11-03",
        "--path",
        "any",
    ];
    let args = [&args[..], &["--format", "json", "--store", "store"]].concat();
    let (found, _) = output(&mut run(folder, &args), Exit::Clean);
    let found: Value = serde_json::from_str(&found).unwrap();
    let records = &found["coverage"]["records"];
    let number = |name: &str| records[name].as_u64().unwrap();
    assert_eq!(
        number("read"),
        number("kept") + number("not_relevant") + number("rejected")
    );
    let seen = found["coverage"]["seen"].as_array().unwrap();
    assert!(
        seen.iter()
            .any(|place| place["account_id"] == "444455556666")
    );
    // All chains are there, as if the files had come in time.
    let whole = organization();
    collect(whole.path(), &[], Exit::Clean);
    let (wanted, _) = output(&mut run(whole.path(), &args), Exit::Clean);
    let wanted: Value = serde_json::from_str(&wanted).unwrap();
    assert_eq!(found["chains"], wanted["chains"]);
}

#[test]
fn what_was_never_collected_is_said() {
    let folder = organization();
    let folder = folder.path();
    collect(
        folder,
        &["--from", "2026-11-02", "--to", "2026-11-03"],
        Exit::Clean,
    );
    let args = [
        "chains",
        "--strict",
        "--store",
        "store",
        "--from",
        "2026-11-01",
    ];
    let whole = [&args[..], &["--to", "2026-11-03"]].concat();
    let (_, said) = output(&mut run(folder, &whole), Exit::Incomplete);
    let missing = "nothing was collected from 2026-11-01T00:00:00Z to 2026-11-02T00:00:00Z: \
                   qs-audit collect --from 2026-11-01T00:00:00Z --to 2026-11-02T00:00:00Z";
    assert!(said.contains(missing), "{said}");
    // The next run without a window goes on where the last one ended.
    let (said, _) = collect(folder, &[], Exit::Clean);
    assert!(
        said.contains("2026-10-31T00:00:00Z to 2026-11-05T12:00:00Z"),
        "{said}"
    );
    let args = [
        "chains",
        "--store",
        "store",
        "--from",
        "2026-11-02",
        "--to",
        "2026-11-04",
    ];
    let (_, said) = output(&mut run(folder, &args), Exit::Clean);
    assert!(!said.contains("nothing was collected"), "{said}");
}

#[test]
fn a_pipe_cannot_be_collected() {
    let folder = organization();
    let script = "exec \"$0\" collect --store store --logs <(echo '{}')";
    let out = std::process::Command::new("bash")
        .current_dir(folder.path())
        .args(["-c", script])
        .arg(assert_cmd::cargo::cargo_bin("qs-audit"))
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(said.contains("can be read only once"), "{said}");
}

/// Segments that the writer before this one made, with columns of nulls alone; figures are
/// those that `DuckDB` reads.
#[test]
fn segments_of_an_earlier_writer_are_read() {
    let open = |name: &str| {
        let bytes = fs::read(format!("tests/data/segments/{name}.parquet")).unwrap();
        let mut file = ColumnFile::open(bytes).unwrap();
        let batch = file.next_batch().unwrap().unwrap();
        assert!(file.next_batch().unwrap().is_none());
        batch
    };
    let events = open("events");
    assert_eq!(events.rows(), 22);
    let objects: i64 = events.integers("object").unwrap().iter().flatten().sum();
    assert_eq!(objects, 826);
    let times = events.integers("event_time").unwrap();
    assert_eq!(times.iter().flatten().min(), Some(&1_793_664_001));
    let count = |name: &str| {
        let texts = events.texts(name).unwrap();
        let told = (0..events.rows()).filter_map(|row| texts.get(row));
        told.collect::<BTreeSet<&str>>().len()
    };
    assert_eq!(count("event_id"), 18);
    for nulls in ["error_code", "replaces", "source_identity"] {
        assert_eq!(count(nulls), 0, "{nulls}");
    }
    let statistics = open("statistics");
    assert_eq!(statistics.rows(), 3);
    let bytes = statistics.integers("bytes_scanned").unwrap();
    assert_eq!(bytes.iter().flatten().sum::<i64>(), 500_866_449);
}
