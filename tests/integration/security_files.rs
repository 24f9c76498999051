//! What somebody who can write into the store's folder, or into a folder that is filled,
//! can do (SECURITY.md): nothing but have it refused.

use crate::cli::{output, program};
use crate::common::stdout_of;
use crate::security::{Story, folder, over, with_one_chain};
use qs_audit::cli::Exit;
use qs_audit::model::integrity::hash_of;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command as Process;
use std::time::Duration;
use tempfile::TempDir;

/// A run that takes longer waits for something that never comes.
const PATIENCE: Duration = Duration::from_mins(1);

fn collected() -> TempDir {
    let folder = with_one_chain();
    collect(folder.path(), Exit::Clean);
    folder
}

fn collect(folder: &Path, exit: Exit) -> String {
    let mut collect = over(folder, &["collect", "--store", "store"]);
    output(collect.args(["--now", "2026-07-02T00:00:00Z"]), exit).1
}

fn chains(folder: &Path, exit: Exit) -> (String, String) {
    let mut chains = program();
    chains.current_dir(folder).timeout(PATIENCE);
    output(
        chains.args(["chains", "--store", "store", "--from", "2026-01-01"]),
        exit,
    )
}

#[test]
fn what_this_program_did_not_write_stays() {
    let folder = with_one_chain();
    // A folder of somebody else's is no store.
    let other = folder.path().join("store");
    fs::create_dir_all(other.join("segments")).unwrap();
    fs::write(other.join("segments/part-0.parquet"), "theirs").unwrap();
    let said = collect(folder.path(), Exit::Usage);
    assert!(said.contains("is not a qs-audit store"), "{said}");
    assert!(other.join("segments/part-0.parquet").exists());
    fs::remove_dir_all(&other).unwrap();
    // In a store, only what is named as this program names it goes.
    collect(folder.path(), Exit::Clean);
    let segments = other.join("segments");
    fs::write(segments.join("part-0.parquet"), "theirs").unwrap();
    fs::write(
        segments.join("events-2026-07-01-0123456789abcdef.parquet"),
        "left",
    )
    .unwrap();
    fs::write(folder.path().join("victim.parquet"), "theirs").unwrap();
    let link = segments.join("events-2026-07-01-0000000000000000.parquet");
    symlink(folder.path().join("victim.parquet"), &link).unwrap();
    collect(folder.path(), Exit::Clean);
    assert!(segments.join("part-0.parquet").exists());
    assert!(
        !segments
            .join("events-2026-07-01-0123456789abcdef.parquet")
            .exists()
    );
    assert!(link.is_symlink() && folder.path().join("victim.parquet").exists());
}

#[test]
fn no_link_is_followed_and_no_pipe_is_waited_for() {
    for planted in [
        "lock",
        "ledger.sqlite",
        "ledger.sqlite-wal",
        "segments",
        "qs-audit-store",
    ] {
        for kind in ["link", "pipe"] {
            let folder = collected();
            let place = folder.path().join("store").join(planted);
            let _ = fs::remove_file(&place);
            let _ = fs::remove_dir_all(&place);
            let victim = folder.path().join("victim");
            if planted == "segments" {
                fs::create_dir(&victim).unwrap();
                fs::write(
                    victim.join("events-2026-07-01-0123456789abcdef.parquet"),
                    "x",
                )
                .unwrap();
            } else {
                fs::write(&victim, "theirs").unwrap();
            }
            if kind == "link" {
                symlink(&victim, &place).unwrap();
            } else {
                let made = Process::new("mkfifo").arg(&place).status().unwrap();
                assert!(made.success());
            }
            let mut run = over(folder.path(), &["collect", "--store", "store"]);
            run.timeout(PATIENCE);
            run.args(["--now", "2026-07-02T00:00:00Z"]);
            let ran = run.output().unwrap();
            let said = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(!said.contains("panicked"), "{planted} {kind}: {said}");
            assert!(ran.status.code().is_some(), "{planted} {kind} hangs");
            if planted != "qs-audit-store" {
                assert_ne!(ran.status.code(), Some(0), "{planted} {kind}: {said}");
            }
            if planted == "segments" {
                let kept = victim.join("events-2026-07-01-0123456789abcdef.parquet");
                assert!(kept.exists(), "{kind}");
            } else {
                assert_eq!(
                    fs::read_to_string(&victim).unwrap(),
                    "theirs",
                    "{planted} {kind}"
                );
            }
            let mut read = program();
            read.current_dir(folder.path()).timeout(PATIENCE);
            read.args(["chains", "--store", "store", "--from", "2026-01-01"]);
            let ran = read.output().unwrap();
            assert!(ran.status.code().is_some(), "{planted} {kind} hangs");
        }
    }
}

#[test]
fn a_second_name_of_another_file_is_not_written_to() {
    let folder = collected();
    let victim = folder.path().join("victim");
    fs::write(&victim, "theirs").unwrap();
    let lock = folder.path().join("store/lock");
    fs::remove_file(&lock).unwrap();
    fs::hard_link(&victim, &lock).unwrap();
    let said = collect(folder.path(), Exit::Internal);
    assert!(said.contains("another name"), "{said}");
    assert_eq!(fs::read_to_string(&victim).unwrap(), "theirs");
}

#[test]
fn nothing_planted_in_the_ledger_runs() {
    for sql in [
        "DROP TABLE gaps; CREATE VIEW gaps AS SELECT 'x' AS place, 'y' AS why, 'z' AS root, 0 AS since, 0 AS until",
        "CREATE TRIGGER t AFTER INSERT ON runs BEGIN DELETE FROM objects; END",
        "CREATE TABLE other (x)",
        "CREATE INDEX i ON objects (key)",
        "DROP TABLE seen; CREATE TABLE seen (delivery_day INTEGER REFERENCES objects (id), account, region, day, records, first, last)",
        "DROP INDEX segments_by_day",
        "ALTER TABLE objects ADD COLUMN x TEXT",
    ] {
        let folder = collected();
        let ledger = rusqlite::Connection::open(folder.path().join("store/ledger.sqlite")).unwrap();
        ledger.execute_batch(sql).unwrap();
        drop(ledger);
        let (_, said) = chains(folder.path(), Exit::Usage);
        assert!(
            said.contains("was not made by this program"),
            "{sql}: {said}"
        );
        let said = collect(folder.path(), Exit::Usage);
        assert!(
            said.contains("was not made by this program"),
            "{sql}: {said}"
        );
    }
}

/// A collected store whose only segment is replaced by other bytes, under the name that
/// they would have.
struct Forged {
    folder: TempDir,
    sound: Vec<u8>,
}

impl Forged {
    fn new() -> Self {
        let folder = collected();
        let sound = fs::read(Self::segment(&folder)).unwrap();
        Self { folder, sound }
    }

    fn segment(folder: &TempDir) -> PathBuf {
        let mut segments = fs::read_dir(folder.path().join("store/segments")).unwrap();
        segments.next().unwrap().unwrap().path()
    }

    /// Puts the bytes in the segment's place. The ledger names them; its digest of them is
    /// set, too, where `is_known`.
    fn put(&self, body: &[u8], is_known: bool) {
        let digest = hex::encode(hash_of(body));
        let name = format!("events-2026-07-01-{}.parquet", &digest[..16]);
        let old = Self::segment(&self.folder);
        fs::remove_file(&old).unwrap();
        fs::write(old.with_file_name(&name), body).unwrap();
        let path = self.folder.path().join("store/ledger.sqlite");
        let ledger = rusqlite::Connection::open(path).unwrap();
        ledger
            .execute("UPDATE segments SET name = ?1", [&name])
            .unwrap();
        if is_known {
            ledger
                .execute("UPDATE segments SET digest = ?1", [&digest])
                .unwrap();
        }
    }
}

#[test]
fn a_segment_of_somebody_elses_making_is_damage_and_no_panic() {
    for body in [
        &b"PAR1"[..],
        b"",
        b"PAR1 not parquet at all PAR1",
        &[0xff; 64],
    ] {
        let forged = Forged::new();
        forged.put(body, false);
        // The ledger knows the digest of what was written.
        let (_, said) = chains(forged.folder.path(), Exit::Internal);
        assert!(
            said.contains("its contents are not what was written"),
            "{said}"
        );
        forged.put(body, true);
        let (_, said) = chains(forged.folder.path(), Exit::Internal);
        assert!(
            said.contains("segment") && !said.contains("panicked"),
            "{said}"
        );
    }
}

/// Anyone who writes the ledger, too, can have any bytes read: they are a store, or damage.
#[test]
fn no_damage_of_a_segment_is_a_panic() {
    let forged = Forged::new();
    let length = forged.sound.len();
    for part in 0..64 {
        let mut body = forged.sound.clone();
        // Most of what decides is in the footer, at the end.
        let at = if part % 2 == 0 {
            length * part / 64
        } else {
            length - 8 - part * 7
        };
        body[at] ^= 0xff;
        forged.put(&body, true);
        let mut run = program();
        run.current_dir(forged.folder.path()).timeout(PATIENCE);
        run.args(["chains", "--store", "store", "--from", "2026-01-01", "-q"]);
        let ran = run.output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(matches!(ran.status.code(), Some(0..=4)), "{at}: {said}");
        assert!(!said.contains("panicked"), "{at}: {said}");
    }
}

#[test]
fn a_store_and_a_report_are_for_their_owner_alone() {
    let folder = with_one_chain();
    let program = assert_cmd::cargo::cargo_bin("qs-audit");
    let script = format!(
        "umask 000; {0} collect --logs logs --store store --now 2026-07-02T00:00:00Z -q && \
         {0} report --logs logs --from 2026-07-01 --to 2026-07-02 -o report -q",
        program.display()
    );
    let mut shell = Process::new("sh");
    stdout_of(shell.args(["-c", &script]).current_dir(folder.path()));
    for place in ["store", "report"] {
        let mut seen = 0;
        for entry in walkdir::WalkDir::new(folder.path().join(place)) {
            let entry = entry.unwrap();
            let mode = entry.metadata().unwrap().mode() & 0o777;
            let wanted = if entry.file_type().is_dir() {
                0o700
            } else {
                0o600
            };
            assert_eq!(mode, wanted, "{}", entry.path().display());
            seen += 1;
        }
        assert!(seen > 4, "{place}");
    }
    // A store of an earlier build is closed by the next run.
    let open = fs::Permissions::from_mode(0o755);
    fs::set_permissions(folder.path().join("store"), open).unwrap();
    collect(folder.path(), Exit::Clean);
    let mode = fs::metadata(folder.path().join("store")).unwrap().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[test]
fn writing_replaces_links_in_folders_that_are_filled() {
    let folder = folder();
    let victim = folder.path().join("victim");
    let dir = folder.path().join("out");
    for (args, planted) in [
        (&["man", "--dir", "out"][..], "qs-audit.1"),
        (&["demo", "out"], "ground-truth.json"),
        (
            &[
                "query",
                "--export",
                "out",
                "--logs",
                "logs",
                "--from",
                "2026-01-01",
            ],
            "chains.parquet",
        ),
    ] {
        let mut story = Story::new();
        story.chain(1, "T", "db");
        story.write(folder.path());
        fs::write(&victim, "theirs").unwrap();
        let _ = fs::remove_dir_all(&dir);
        fs::create_dir(&dir).unwrap();
        symlink(&victim, dir.join(planted)).unwrap();
        let mut run = program();
        output(run.current_dir(folder.path()).args(args), Exit::Clean);
        assert_eq!(fs::read_to_string(&victim).unwrap(), "theirs", "{args:?}");
        assert!(!dir.join(planted).is_symlink(), "{args:?}");
    }
    // A link in the place of the demo's folder is replaced, not entered.
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir(&dir).unwrap();
    fs::create_dir(folder.path().join("elsewhere")).unwrap();
    fs::write(dir.join("ground-truth.json"), "{}").unwrap();
    symlink(folder.path().join("elsewhere"), dir.join("AWSLogs")).unwrap();
    let mut run = program();
    output(
        run.current_dir(folder.path()).args(["demo", "out"]),
        Exit::Clean,
    );
    assert!(!dir.join("AWSLogs").is_symlink());
    assert_eq!(
        fs::read_dir(folder.path().join("elsewhere"))
            .unwrap()
            .count(),
        0
    );
}

#[test]
fn a_report_folder_with_a_pipe_in_it_is_not_waited_for() {
    let folder = with_one_chain();
    fs::create_dir(folder.path().join("report")).unwrap();
    let pipe = folder.path().join("report/report.json");
    assert!(
        Process::new("mkfifo")
            .arg(&pipe)
            .status()
            .unwrap()
            .success()
    );
    let mut run = over(folder.path(), &["report", "-o", "report"]);
    run.timeout(PATIENCE);
    let ran = run.args(["--to", "2026-07-02"]).output().unwrap();
    assert_eq!(
        ran.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&ran.stderr)
    );
}

#[test]
fn a_private_file_is_never_public_in_between() {
    let folder = with_one_chain();
    let file = folder.path().join("own.json");
    fs::write(&file, "old").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).unwrap();
    let program = assert_cmd::cargo::cargo_bin("qs-audit");
    // Anyone who may look at the folder all the time sees no file that others may read.
    let script = format!(
        "umask 000; {} chains --logs logs --from 2026-01-01 -q -o own.json",
        program.display()
    );
    let mut child = Process::new("sh")
        .args(["-c", &script])
        .current_dir(folder.path())
        .spawn()
        .unwrap();
    while child.try_wait().unwrap().is_none() {
        for entry in fs::read_dir(folder.path()).unwrap().flatten() {
            let Ok(data) = entry.metadata() else { continue };
            assert!(
                !data.is_file() || data.mode().trailing_zeros() >= 6,
                "{:?}",
                entry.path()
            );
        }
    }
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o777, 0o600);
}

/// Records are read again only from where logs were collected.
#[test]
fn a_store_leads_to_no_other_file() {
    let folder = collected();
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    let text = fs::read_to_string(folder.path().join("logs/f.json")).unwrap();
    let text = text.replace("quicksight.amazonaws.com", "TOPSECRET");
    fs::write(other.join("f.json"), text).unwrap();
    let show = || {
        let mut show = program();
        show.current_dir(folder.path()).timeout(PATIENCE);
        show.args([
            "show",
            "latest",
            "--raw",
            "--store",
            "store",
            "--from",
            "2026-01-01",
        ]);
        show.output().unwrap()
    };
    let before = String::from_utf8(show().stdout).unwrap();
    assert_eq!(before.lines().count(), 3, "{before}");
    let path = folder.path().join("store/ledger.sqlite");
    let ledger = rusqlite::Connection::open(path).unwrap();
    let sound: String = ledger
        .query_row("SELECT key FROM objects", [], |row| row.get(0))
        .unwrap();
    let absolute = other.join("f.json").to_string_lossy().into_owned();
    for key in [
        absolute.as_str(),
        "other/f.json",
        "logs/../other/f.json",
        &sound.replace("logs/f.json", "logs/../other/f.json"),
        &sound.replace("logs/f.json", "other/f.json"),
        "s3://amzn-s3-demo-bucket/f.json",
    ] {
        ledger
            .execute("UPDATE objects SET key = ?1", [key])
            .unwrap();
        let ran = show();
        for text in [ran.stdout, ran.stderr] {
            let text = String::from_utf8_lossy(&text).into_owned();
            assert!(
                !text.contains("TOPSECRET") && !text.contains("panicked"),
                "{key}: {text}"
            );
        }
    }
}

/// A pipe that took a log file's place is not waited for.
#[test]
fn a_pipe_in_place_of_a_collected_file_is_not_waited_for() {
    let folder = collected();
    let file = folder.path().join("logs/f.json");
    fs::remove_file(&file).unwrap();
    assert!(
        Process::new("mkfifo")
            .arg(&file)
            .status()
            .unwrap()
            .success()
    );
    let mut show = program();
    show.current_dir(folder.path()).timeout(PATIENCE);
    show.args(["show", "latest", "--raw", "--store", "store"]);
    let ran = show.args(["--from", "2026-01-01"]).output().unwrap();
    let said = String::from_utf8_lossy(&ran.stderr).into_owned();
    assert!(
        ran.stdout.is_empty() && said.contains("can no longer be read"),
        "{said}"
    );
}

/// A folder that only looks like a store is left as it is.
#[test]
fn a_folder_of_somebody_else_is_not_marked() {
    for (ledger, other) in [
        ("hello", None),
        ("hello", Some("notes")),
        ("", Some("notes")),
    ] {
        let folder = with_one_chain();
        let place = folder.path().join("store");
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(place.join("ledger.sqlite"), ledger).unwrap();
        if let Some(other) = other {
            fs::write(place.join(other), "mine").unwrap();
        }
        let before = fs::read_dir(&place).unwrap().count();
        let said = collect(folder.path(), Exit::Usage);
        assert!(said.contains("is not a qs-audit store"), "{said}");
        assert_eq!(fs::read_dir(&place).unwrap().count(), before);
        assert_eq!(fs::metadata(&place).unwrap().mode() & 0o777, 0o755);
    }
}
