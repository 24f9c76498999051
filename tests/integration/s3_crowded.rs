//! S3 that is busy, far away, or large: nothing is lost, and little is asked for in vain.

use crate::cli::output;
use crate::s3::{
    bucket, bucket_as_read, essence, listed, one_account_denied, open, program_at, run, window,
    write_own_configuration,
};
use crate::s3_server::{Asked, BUCKET, Fault, Proxy, S3Server};
use qs_audit::cli::Exit;
use qs_audit::model::window::TimeWindow;
use qs_audit::ports::LogSource;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// The bodies that were asked for: by the names of their files, how often.
fn gets(proxy: &Proxy) -> BTreeMap<String, usize> {
    let log = proxy.log.lock().unwrap();
    let mut gets = BTreeMap::new();
    for (target, _) in log
        .iter()
        .filter(|(target, _)| !target.contains("list-type=2"))
    {
        let path = target.split('?').next().unwrap();
        let name = path.rsplit('/').next().unwrap().to_owned();
        *gets.entry(name).or_default() += 1;
    }
    gets
}

fn lists(proxy: &Proxy) -> usize {
    proxy.asked_for("list-type=2")
}

#[test]
fn a_service_that_refuses_again_and_again_loses_nothing() {
    let (_folder, server, wanted) = bucket_as_read();
    // Every object is refused ten times, and every list nine: more often than a request
    // that fails otherwise is made.
    let proxy = Proxy::start(server.address, |asked: &Asked<'_>| {
        let refused = if asked.is_list() { 9 } else { 10 };
        Fault::SlowDown.when(asked.before < refused)
    });
    let found = run(&open(&proxy.url(), "", TimeWindow::ALL), TimeWindow::ALL);
    assert_eq!(found.coverage.rejects.total(), 0);
    assert_eq!(essence(&found), essence(&wanted));
}

#[test]
fn tries_of_the_program_and_of_the_sdk_do_not_multiply() {
    let folder = bucket();
    let server = S3Server::start(folder.path());
    let all = open(&server.url(), "", TimeWindow::ALL);
    let name = all.key(3).rsplit('/').next().unwrap().to_owned();
    let tries = |mode: &str, attempts: &str, fault: Fault| {
        let own = name.clone();
        let proxy = Proxy::start(server.address, move |asked: &Asked<'_>| {
            fault.when(asked.target.contains(&own))
        });
        let mut command = program_at(&proxy.url());
        command
            .env("AWS_RETRY_MODE", mode)
            .env("AWS_MAX_ATTEMPTS", attempts);
        command.args(["chains", "--from", "2026-11-01", "--strict"]);
        command.args(["--logs", &format!("s3://{BUCKET}")]);
        let (_, said) = output(&mut command, Exit::Incomplete);
        assert!(said.contains(&name), "{said}");
        gets(&proxy)[&name]
    };
    for mode in ["standard", "adaptive"] {
        assert_eq!(tries(mode, "1", Fault::SlowDown), 1);
        assert_eq!(tries(mode, "3", Fault::InternalError), 3);
    }
}

#[test]
fn bodies_are_on_their_way_while_lists_still_run() {
    let (_folder, server, wanted) = bucket_as_read();
    // One account's list is not answered before a body of another was asked for.
    let asked_for = Arc::new((Mutex::new(false), Condvar::new()));
    let is_late = Arc::new(Mutex::new(false));
    let (gate, late) = (Arc::clone(&asked_for), Arc::clone(&is_late));
    let proxy = Proxy::start(server.address, move |asked: &Asked<'_>| {
        let (is_asked, changed) = &*gate;
        if !asked.is_list() {
            *is_asked.lock().unwrap() = true;
            changed.notify_all();
        } else if asked.target.contains("999988887777%2FCloudTrail%2F") {
            let outcome = changed.wait_timeout_while(
                is_asked.lock().unwrap(),
                Duration::from_secs(30),
                |is_asked| !*is_asked,
            );
            *late.lock().unwrap() |= outcome.unwrap().1.timed_out();
        }
        Fault::None
    });
    let logs = open(&proxy.url(), "", TimeWindow::ALL);
    assert!(!*is_late.lock().unwrap(), "no body came before the lists");
    // What was on its way early is not asked for again.
    let all: Vec<u32> = (0..logs.object_count()).collect();
    logs.expect(&all);
    for object in all {
        logs.read(object, &mut Vec::new()).unwrap();
    }
    assert!(gets(&proxy).values().all(|count| *count == 1));
    assert_eq!(essence(&run(&logs, TimeWindow::ALL)), essence(&wanted));
}

/// A bucket of one account, with a file every so many minutes of some days.
fn every(minutes: usize, days: &[&str]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let region = "AWSLogs/444455556666/CloudTrail/eu-west-1";
    for day in days {
        let path = folder.path().join(BUCKET).join(region).join(day);
        fs::create_dir_all(&path).unwrap();
        for minute in (0..1440).step_by(minutes) {
            let (date, hour) = (day.replace('/', ""), minute / 60);
            let stamp = format!("{date}T{hour:02}{:02}Z", minute % 60);
            let file = format!("444455556666_CloudTrail_eu-west-1_{stamp}_AAAAAAAAAAAAAAAA.json");
            fs::write(path.join(file), "{\"Records\":[]}").unwrap();
        }
    }
    folder
}

#[test]
fn a_window_fetches_what_can_hold_it_and_no_more() {
    let days = [
        "2026/10/31",
        "2026/11/01",
        "2026/11/02",
        "2026/11/03",
        "2026/11/04",
    ];
    let folder = every(30, &days);
    let server = S3Server::start(folder.path());
    let stamps = |from: &str, to: &str| {
        let proxy = Proxy::start(server.address, |_| Fault::None);
        let window = window(from, to);
        let logs = open(&proxy.url(), "", window);
        run(&logs, window);
        let local = {
            let mut command = crate::cli::program();
            command.current_dir(folder.path());
            command.args(["chains", "--from", from, "--to", to, "--format", "json"]);
            output(command.args(["--logs", BUCKET]), Exit::NoLogs).0
        };
        let local: serde_json::Value = serde_json::from_str(&local).unwrap();
        let names: BTreeSet<String> = gets(&proxy).into_keys().collect();
        // The same files are read of a folder.
        assert_eq!(local["coverage"]["objects"]["read"], names.len());
        let stamp =
            |name: &String| name["444455556666_CloudTrail_eu-west-1_".len()..][..13].to_owned();
        let stamps: Vec<String> = names.iter().map(stamp).collect();
        (
            stamps.len(),
            stamps[0].clone(),
            stamps[stamps.len() - 1].clone(),
        )
    };
    // Twelve hours before it, as long as a session may live; a day after it, for what is
    // late. A file that is named by midnight is of any time of its day.
    let hour = stamps("2026-11-02T13:00:00Z", "2026-11-02T14:00:00Z");
    assert_eq!(
        hour,
        (76, "20261102T0000".to_owned(), "20261103T1330".to_owned())
    );
    let day = stamps("2026-11-02T00:00:00Z", "2026-11-03T00:00:00Z");
    assert_eq!(
        day,
        (122, "20261101T0000".to_owned(), "20261103T2330".to_owned())
    );
}

#[test]
fn years_that_are_not_there_are_not_listed() {
    let folder = every(
        720,
        &["2024/11/30", "2026/10/31", "2026/11/01", "2026/11/02"],
    );
    let server = S3Server::start(folder.path());
    for from in ["2000-01-01T00:00:00Z", "0001-01-01T00:00:00Z"] {
        let proxy = Proxy::start(server.address, |_| Fault::None);
        let logs = open(&proxy.url(), "", window(from, "2026-11-02T00:00:00Z"));
        assert_eq!(logs.object_count(), 8, "{from}");
        // The root, AWSLogs, the account, its folder, the Region, two years, three months.
        assert_eq!(lists(&proxy), 10, "{from}: {:?}", listed(&proxy));
    }
    let proxy = Proxy::start(server.address, |_| Fault::None);
    assert_eq!(open(&proxy.url(), "", TimeWindow::ALL).object_count(), 8);
    assert_eq!(lists(&proxy), 10);
    // A window of a year: the months of it that there are.
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let year = window("2025-11-02T00:00:00Z", "2026-11-02T00:00:00Z");
    assert_eq!(open(&proxy.url(), "", year).object_count(), 6);
    assert!(
        listed(&proxy)
            .iter()
            .all(|prefix| !prefix.contains("/2024/"))
    );
}

#[test]
fn a_month_with_many_objects_is_listed_by_day() {
    // More than a page holds.
    let folder = every(2, &["2026/11/02", "2026/11/04"]);
    let stray = folder
        .path()
        .join(BUCKET)
        .join("AWSLogs/444455556666/CloudTrail/eu-west-1");
    fs::create_dir_all(stray.join("notes")).unwrap();
    fs::write(stray.join("notes/x.json"), "{\"Records\":[]}").unwrap();
    fs::write(stray.join("2026/11/again.json"), "{\"Records\":[]}").unwrap();
    let server = S3Server::start(folder.path());
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let logs = open(&proxy.url(), "", TimeWindow::ALL);
    assert_eq!(logs.object_count(), 2 * 720 + 2);
    let prefixes = listed(&proxy);
    assert!(
        prefixes
            .iter()
            .any(|prefix| prefix.ends_with("/2026/11/04")),
        "{prefixes:?}"
    );
    let long = window("2026-10-20T00:00:00Z", "2026-11-03T12:00:00Z");
    // The last day needed is listed to its end; what is later in it is not read.
    assert_eq!(open(&proxy.url(), "", long).object_count(), 720 + 360);
}

/// `collect` of a bucket, at a time.
fn collect_at(folder: &Path, endpoint: &str, now: &str) -> (String, String) {
    let mut command = program_at(endpoint);
    command
        .current_dir(folder)
        .args(["collect", "-c", "own.toml", "--now", now]);
    output(&mut command, Exit::Clean)
}

#[test]
fn a_place_that_stays_denied_moves_no_other_back() {
    let folder = bucket();
    let logs = format!("s3://{BUCKET}");
    write_own_configuration(folder.path());
    let server = S3Server::start(folder.path());
    for content in 5..=14 {
        let proxy = Proxy::start(server.address, one_account_denied);
        let now = format!("2026-11-{content:02}T12:00:00Z");
        let (said, _) = collect_at(folder.path(), &proxy.url(), &now);
        let from = match content {
            // The first looks back 36 days, each further one three.
            5 => "2026-09-30T12:00:00Z".to_owned(),
            _ => format!("2026-11-{:02}T12:00:00Z", content - 4),
        };
        assert!(said.contains(&from), "{content}: {said}");
        let days: BTreeSet<String> = listed(&proxy)
            .iter()
            .filter_map(|prefix| Some(prefix.split_once("/2026/")?.1.to_owned()))
            .collect();
        if content > 5 {
            // Days by themselves, or a month behind its first day.
            let first = format!("11/{:02}", content - 4);
            let is_early = |day: &String| day != "11/" && day.as_str() < first.as_str();
            assert!(!days.iter().any(is_early), "{content}: {days:?}");
        }
    }
    // Once it may be listed, it is, from where it began; the others are not.
    let proxy = Proxy::start(server.address, |_| Fault::None);
    let (said, _) = collect_at(folder.path(), &proxy.url(), "2026-11-15T12:00:00Z");
    assert!(!said.starts_with("0 new"), "{said}");
    // Where many months are looked at, those that there are are asked for.
    let prefixes = listed(&proxy).into_iter();
    let accounts: BTreeSet<String> = prefixes
        .filter(|prefix| prefix.ends_with("us-east-1/"))
        .map(|prefix| prefix.split("/CloudTrail/").next().unwrap().to_owned())
        .collect();
    let wanted = BTreeSet::from(["AWSLogs/o-exampleorgid/444455556666".to_owned()]);
    assert_eq!(accounts, wanted);
    // All is there, as if nothing had been the matter.
    let chains = |args: &[&str]| {
        let mut command = program_at(&server.url());
        command.current_dir(folder.path());
        command.args(["chains", "--from", "2026-11-01", "--to", "2026-11-05"]);
        output(command.args(["--format", "jsonl"]).args(args), Exit::Clean).0
    };
    assert_eq!(chains(&["--store", "store"]), chains(&["--logs", &logs]));
}
