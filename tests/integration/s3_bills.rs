//! Bills, statistics and business units in S3: the same as local ones, on bad days, too, and kept
//! by `collect`.

use crate::cli::{organization, output, program};
use crate::s3::program_at;
use crate::s3_server::{BUCKET, Fault, Proxy, S3Server};
use assert_cmd::Command;
use qs_audit::cli::Exit;
use serde_json::Value;
use std::fs;
use std::path::Path;
use tempfile::TempDir;

const UNITS: &str = "account_id,business_unit\n444455556666,From a bucket\n";

/// A small organization whose bills, statistics and business units are in a bucket, and in folders.
fn with_bucket() -> TempDir {
    let folder = organization();
    let path = folder.path();
    for place in [path.join("local"), path.join(BUCKET)] {
        fs::create_dir_all(place.join("bills/more")).unwrap();
        fs::create_dir_all(place.join("statistics")).unwrap();
        for (file, at) in [
            ("costs.json", "bills/costs.json"),
            ("costs-by-service.json", "bills/more/by-service.json"),
            ("costs-rest.json", "bills/more/rest.json"),
            ("executions.json", "statistics/executions.json"),
        ] {
            fs::copy(path.join(file), place.join(at)).unwrap();
        }
        fs::write(place.join("bills/_SUCCESS"), "").unwrap();
        fs::write(place.join("units.csv"), UNITS).unwrap();
    }
    folder
}

/// `chargeback` of all days, in a folder.
fn chargeback_of<'c>(command: &'c mut Command, folder: &Path) -> &'c mut Command {
    command.current_dir(folder).args([
        "chargeback",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-04",
        "--logs",
        "AWSLogs",
    ])
}

fn chargeback(command: &mut Command, folder: &Path, place: &str) -> String {
    let of = |name: &str| format!("{place}/{name}");
    let command = chargeback_of(command, folder).args(["--format", "json", "--costs"]);
    command.args([of("bills"), "--executions".to_owned(), of("statistics")]);
    command.args(["--business-units".to_owned(), of("units.csv")]);
    output(command, Exit::Clean).0
}

#[test]
fn a_bill_in_a_bucket_is_the_bill_in_a_folder() {
    let folder = with_bucket();
    let server = S3Server::start(folder.path());
    let local = chargeback(&mut program(), folder.path(), "local");
    assert!(local.contains("From a bucket") && local.contains("\"billed_cost\""));
    let url = format!("s3://{BUCKET}");
    let remote = chargeback(&mut program_at(&server.url()), folder.path(), &url);
    assert_eq!(remote, local);
}

#[test]
fn a_connection_that_breaks_off_is_made_again_from_where_it_was() {
    let folder = with_bucket();
    let server = S3Server::start(folder.path());
    let local = chargeback(&mut program(), folder.path(), "local");
    for fault in [
        Fault::Reset,
        Fault::Truncated,
        Fault::ShortLength,
        Fault::InternalError,
        Fault::SlowDown,
    ] {
        let proxy = Proxy::start(server.address, move |asked| {
            fault.when(!asked.is_list() && asked.before == 0)
        });
        let url = format!("s3://{BUCKET}");
        let remote = chargeback(&mut program_at(&proxy.url()), folder.path(), &url);
        assert_eq!(remote, local, "{fault:?}");
    }
}

#[test]
fn what_cannot_be_had_of_a_bucket_is_said() {
    let folder = with_bucket();
    let server = S3Server::start(folder.path());
    let run = |endpoint: &str, costs: &str, exit| {
        let mut command = program_at(endpoint);
        chargeback_of(&mut command, folder.path()).args(["--strict", "--costs", costs]);
        output(&mut command, exit).1
    };
    let said = run(
        &server.url(),
        &format!("s3://{BUCKET}/nothing"),
        Exit::Usage,
    );
    assert!(said.contains("--costs: there are no files"), "{said}");
    let proxy = Proxy::start(server.address, |asked| {
        Fault::Denied.when(asked.target.contains("rest.json"))
    });
    let said = run(
        &proxy.url(),
        &format!("s3://{BUCKET}/bills"),
        Exit::Incomplete,
    );
    assert!(
        said.contains(&format!("not read: s3://{BUCKET}/bills/more/rest.json")),
        "{said}"
    );
    // The object itself.
    let named = format!("s3://{BUCKET}/bills/more/rest.json");
    let said = run(&proxy.url(), &named, Exit::Usage);
    assert!(
        said.contains("access denied") || said.contains("AccessDenied"),
        "{said}"
    );
}

const NOW: &str = "2026-11-05T00:00:00Z";

fn write_configuration(folder: &Path) {
    let config = format!(
        "[[logs]]\npath = \"AWSLogs\"\n[[costs]]\ns3 = \"s3://{BUCKET}/bills\"\n[[executions]]\ns3 = \
         \"s3://{BUCKET}/statistics\"\n[business_units]\npaths = [\"s3://{BUCKET}/units.csv\"]\n[aws]\nstatistics = false\n\
         data_sources = false\n[store]\npath = \"store\"\n"
    );
    fs::write(folder.join("own.toml"), config).unwrap();
}

fn collect(folder: &Path, server: &S3Server) -> String {
    collect_from(folder, &server.url(), Exit::Clean).0
}

fn collect_from(folder: &Path, endpoint: &str, exit: Exit) -> (String, String) {
    let mut command = program_at(endpoint);
    let command = command.current_dir(folder);
    let command = command.args(["collect", "-c", "own.toml", "--now", NOW]);
    output(command, exit)
}

/// What the store says, without any bucket: there is no endpoint and no credential.
fn read(folder: &Path) -> String {
    let mut command = program();
    command.current_dir(folder).args([
        "chargeback",
        "-c",
        "own.toml",
        "--from",
        "2026-11-01",
        "--to",
        "2026-11-04",
        "--format",
        "json",
        "--now",
        NOW,
    ]);
    output(&mut command, Exit::Clean).0
}

/// The bill, Quick's part of it, and the number of its files.
fn total(text: &str) -> (Value, Value, Value) {
    let document: Value = serde_json::from_str(text).unwrap();
    let total = &document["total"];
    (
        total["billed_cost"].clone(),
        total["quick_cost"].clone(),
        document["bill"]["files"].clone(),
    )
}

#[test]
fn collect_keeps_what_it_took_of_a_bucket() {
    let folder = with_bucket();
    let path = folder.path();
    let server = S3Server::start(path);
    write_configuration(path);
    let stored = |objects: &str| format!("{objects} of s3://{BUCKET}/bills stored");
    let said = collect(path, &server);
    assert!(said.contains(&stored("4 new objects")), "{said}");
    let local = chargeback(&mut program(), path, "local");
    let kept = read(path);
    assert_eq!(total(&kept), total(&local));
    assert!(kept.contains("From a bucket"));
    // What is there is not taken again; what was replaced is, and what is gone is forgotten.
    let said = collect(path, &server);
    assert!(said.contains(&stored("0 new objects")), "{said}");
    let costs = fs::read_to_string(path.join("costs.json")).unwrap();
    let bills = path.join(BUCKET).join("bills");
    fs::write(bills.join("costs.json"), format!("{costs} ")).unwrap();
    fs::remove_file(bills.join("more/rest.json")).unwrap();
    let said = collect(path, &server);
    assert!(said.contains(&stored("1 new object")), "{said}");
    let kept = read(path);
    assert_eq!(total(&kept).0, total(&local).0);
    assert_eq!(total(&kept).2, 2);
    let files = fs::read_dir(path.join("store/exports")).unwrap().count();
    // _SUCCESS, two bills, statistics, business units.
    assert_eq!(files, 5);
}

#[test]
fn what_belongs_together_is_kept_together() {
    let folder = with_bucket();
    let path = folder.path();
    let server = S3Server::start(path);
    write_configuration(path);
    let proxy = Proxy::start(server.address, |asked| {
        Fault::Denied.when(!asked.is_list() && asked.target.contains("by-service.json"))
    });
    // At first what came is kept, and what is missing is named wherever the bill is read.
    collect_from(path, &proxy.url(), Exit::Clean);
    let strict = |exit| {
        let mut command = program();
        command
            .current_dir(path)
            .args(["chargeback", "-c", "own.toml", "--strict"]);
        command.args(["--from", "2026-11-01", "--to", "2026-11-04", "--now", NOW]);
        output(&mut command, exit).1
    };
    let said = strict(Exit::Incomplete);
    assert!(
        said.contains("by-service.json") && said.contains("collect it again"),
        "{said}"
    );
    collect(path, &server);
    let whole = read(path);
    assert!(!strict(Exit::Incomplete).contains("by-service.json"));
    // Later the objects as they were stay, until all of the new ones come.
    let bills = path.join(BUCKET).join("bills");
    for file in ["costs.json", "more/by-service.json"] {
        let text = fs::read_to_string(bills.join(file)).unwrap();
        let text = text.replace("\"Amount\": \"", "\"Amount\": \"1");
        fs::write(
            bills.join(file),
            text.replace("\"Amount\":\"", "\"Amount\":\"1"),
        )
        .unwrap();
    }
    collect_from(path, &proxy.url(), Exit::Clean);
    assert_eq!(total(&read(path)), total(&whole));
    collect(path, &server);
    assert_ne!(total(&read(path)), total(&whole));
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_folder_of_exports_is_refused() {
    let folder = with_bucket();
    let path = folder.path();
    let server = S3Server::start(path);
    write_configuration(path);
    collect(path, &server);
    let (exports, elsewhere) = (path.join("store/exports"), path.join("elsewhere"));
    fs::rename(&exports, &elsewhere).unwrap();
    std::os::unix::fs::symlink(&elsewhere, &exports).unwrap();
    let before = fs::read_dir(&elsewhere).unwrap().count();
    let (_, said) = collect_from(path, &server.url(), Exit::Usage);
    assert!(said.contains("symbolic link"), "{said}");
    assert_eq!(fs::read_dir(&elsewhere).unwrap().count(), before);
}
