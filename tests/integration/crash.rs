//! Killed at any moment, `collect` loses nothing, counts nothing twice, and resumes.

use crate::cli::{organization, output, program};
use crate::s3::program_at;
use crate::s3_server::{BUCKET, Fault, Proxy, S3Server};
use crate::store::contents;
use fastrand::Rng;
use qs_audit::cli::Exit;
use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};

const NOW: &str = "2026-11-05T12:00:00Z";
const KILLS_MIN: usize = 110;
const STORES: usize = 10;

/// When a run is killed.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// When so many requests were made of the server.
    Requests(usize),
    /// When so many files of segments were seen to appear.
    Segments(usize),
    /// When the ledger's log is so long.
    Log(u64),
}

fn moment(random: &mut Rng) -> Moment {
    match random.u8(0..3) {
        0 => Moment::Requests(random.usize(1..70)),
        1 => Moment::Segments(random.usize(1..14)),
        _ => Moment::Log(random.u64(1..160_000)),
    }
}

fn start(folder: &Path, endpoint: &str) -> Child {
    let asked = program_at(endpoint);
    let mut command = std::process::Command::new(asked.get_program());
    command.env_clear();
    // There is nobody to ask for statistics.
    fs::write(folder.join("own.toml"), "[aws]\nstatistics = false\n").unwrap();
    for (name, value) in asked.get_envs() {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    command
        .current_dir(folder)
        .args([
            "collect",
            "-q",
            "-c",
            "own.toml",
            "--now",
            NOW,
            "--since",
            "36d",
            "--commit-every",
            "5",
        ])
        .args(["--logs", &format!("s3://{BUCKET}"), "--store", "store"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap()
}

fn segments(folder: &Path) -> usize {
    fs::read_dir(folder.join("store/segments")).map_or(0, Iterator::count)
}

/// Runs until the moment has come; whether the run was still at work then.
fn kill_at(moment: Moment, folder: &Path, proxy: &Proxy) -> bool {
    let before = segments(folder);
    proxy.log.lock().unwrap().clear();
    let mut run = start(folder, &proxy.url());
    loop {
        if let Some(status) = run.try_wait().unwrap() {
            assert!(status.success(), "{moment:?}");
            return false;
        }
        let has_come = match moment {
            Moment::Requests(count) => proxy.log.lock().unwrap().len() >= count,
            Moment::Segments(count) => segments(folder).abs_diff(before) >= count,
            Moment::Log(bytes) => fs::metadata(folder.join("store/ledger.sqlite-wal"))
                .is_ok_and(|data| data.len() >= bytes),
        };
        if has_come {
            // SIGKILL.
            run.kill().unwrap();
            return !run.wait().unwrap().success();
        }
        std::thread::yield_now();
    }
}

#[test]
#[cfg(unix)]
fn a_hundred_kills_leave_the_store_of_an_undisturbed_run() {
    let root = organization();
    let bucket = root.path().join(BUCKET);
    fs::create_dir(&bucket).unwrap();
    fs::rename(root.path().join("AWSLogs"), bucket.join("AWSLogs")).unwrap();
    let server = S3Server::start(root.path());
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let chains = |folder: &Path| {
        let args = [
            "chains",
            "--path",
            "any",
            "--from",
            "2026-11-01",
            "--format",
            "json",
        ];
        let mut command = program();
        command
            .current_dir(folder)
            .args(args)
            .args(["--store", "store", "--now", NOW]);
        output(&mut command, Exit::Clean).0
    };
    let undisturbed = tempfile::tempdir().unwrap();
    assert!(
        start(undisturbed.path(), &server.url())
            .wait()
            .unwrap()
            .success()
    );
    let wanted = (contents(undisturbed.path()), chains(undisturbed.path()));
    assert!(wanted.1.contains("chain_id"));

    let mut random = Rng::with_seed(20_261_105);
    let mut kills = 0;
    for store in 0.. {
        if store >= STORES && kills >= KILLS_MIN {
            break;
        }
        assert!(
            store < 100,
            "runs end before they can be killed: {kills} kills"
        );
        let folder = tempfile::tempdir().unwrap();
        for _ in 0..KILLS_MIN / STORES + 2 {
            kills += usize::from(kill_at(moment(&mut random), folder.path(), &proxy));
        }
        assert!(
            start(folder.path(), &server.url())
                .wait()
                .unwrap()
                .success()
        );
        assert_eq!(contents(folder.path()), wanted.0);
        assert!(chains(folder.path()) == wanted.1, "the chains are others");
    }
}
