//! Questions of an investigator, each answered by one command.

use crate::cli::{organization, output, program};
use crate::memory::Organization;
use qs_audit::cli::Exit;
use serde_json::Value;
use std::fs;
use std::path::Path;

/// All days of the sample.
const WHOLE: [&str; 4] = ["--from", "2026-11-01", "--to", "2026-11-04"];

fn ask(folder: &Path, args: &[&str], exit: Exit) -> (String, String) {
    let mut program = program();
    program
        .current_dir(folder)
        .env("HOME", folder)
        .env("COLUMNS", "120");
    output(program.args(args), exit)
}

fn document(folder: &Path, args: &[&str]) -> Value {
    let (text, _) = ask(folder, &[args, &["--format", "json"]].concat(), Exit::Clean);
    serde_json::from_str(&text).unwrap()
}

/// A chain of Quick with a user, a query and a read.
fn rich(folder: &Path) -> Value {
    let all = document(folder, &[&["chains", "--path", "any"], &WHOLE[..]].concat());
    let chains = all["chains"].as_array().unwrap().iter();
    let is_rich = |chain: &&Value| {
        let query = &chain["queries"][0];
        chain["path"] == "quick-role-chain"
            && chain["quick_user"]["resource_arn"].is_string()
            && query["reads"][0]["table"].is_string()
            && query["query_execution_id"].is_string()
    };
    chains
        .clone()
        .find(is_rich)
        .unwrap_or_else(|| panic!("no rich chain"))
        .clone()
}

#[test]
fn show_takes_anything_that_names_a_part_of_a_chain() {
    let organization = organization();
    let folder = organization.path();
    let chain = rich(folder);
    let id = chain["chain_id"].as_str().unwrap();
    let consumer = &chain["consumer_session"];
    let earlier = &chain["run_as_session"];
    let query = &chain["queries"][0];
    let text = |value: &Value| {
        value
            .as_str()
            .unwrap_or_else(|| panic!("{value}"))
            .to_owned()
    };
    let tail = |value: &Value| text(value).rsplit('/').next().unwrap().to_owned();
    let user = text(&chain["quick_user"]["name"]);
    let mail = user.rsplit('/').next().unwrap().to_owned();
    let local = mail.split('@').next().unwrap().to_owned();
    for (asked, is) in [
        (text(&query["query_execution_id"]), "is a query execution"),
        (text(&consumer["access_key_id"]), "is an access key"),
        (
            text(&consumer["role_session_name"]),
            "is the name of a role session",
        ),
        (text(&consumer["assumed_role_id"]), "is an assumed role id"),
        (text(&consumer["assumed_by"]), "is a caller"),
        (text(&consumer["event_ids"][0]), "is an event"),
        (text(&query["event_id"]), "is an event"),
        (text(&earlier["role_arn"]), "is a role"),
        (tail(&consumer["role_arn"]), "is a role"),
        (text(&chain["data_source_arn"]), "is a data source"),
        (tail(&chain["data_source_arn"]), "is a data source"),
        (text(&chain["quick_user"]["resource_arn"]), "is a dashboard"),
        (tail(&chain["quick_user"]["resource_arn"]), "is a dashboard"),
        (user, "is a user of Quick"),
        (mail, "is a user of Quick"),
        (local, "is a user of Quick"),
        (text(&query["reads"][0]["table"]), "is a table"),
        (
            format!(
                "{}.{}",
                text(&query["reads"][0]["database"]),
                text(&query["reads"][0]["table"])
            ),
            "is a table",
        ),
        (text(&chain["consumer_account_id"]), "is an account"),
        (text(&query["work_group"]), "is a work group"),
    ] {
        let (told, _) = ask(folder, &["show", &asked], Exit::Clean);
        assert!(told.contains(is), "{asked}: {told}");
        assert!(told.contains(id), "{asked} leads to {id}: {told}");
        // For machines, the chains themselves.
        let chains = document(folder, &["show", &asked]);
        let chains = chains["chains"].as_array().unwrap();
        assert!(chains.iter().any(|one| one["chain_id"] == id), "{asked}");
    }
}

#[test]
fn what_is_not_there_is_said_with_the_reason() {
    let organization = organization();
    let folder = organization.path();
    // A part of a name is no name.
    let (_, error) = ask(folder, &["show", "nalyst"], Exit::Usage);
    assert!(
        error.contains("nothing is named \"nalyst\" in the logs"),
        "{error}"
    );
    assert!(
        error.contains("`qs-audit find` looks for a part"),
        "{error}"
    );
    // The window is named where it is the reason.
    let (_, error) = ask(
        folder,
        &[
            "show",
            "nobody-1",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-02",
        ],
        Exit::Usage,
    );
    assert!(
        error.contains("2026-11-01 00:00 to 2026-11-02 00:00 UTC")
            && error.contains("without --since"),
        "{error}"
    );
}

#[test]
fn a_request_id_is_found_in_the_events_as_they_were_logged() {
    let mut organization = Organization::of(2);
    organization.usual_day(1);
    organization.set_request_id("9f1c7a52-0000-4000-8000-00000000abcd");
    let folder = organization.folder("");
    let (told, _) = ask(
        folder.path(),
        &["show", "9f1c7a52-0000-4000-8000-00000000ABCD"],
        Exit::Clean,
    );
    assert!(told.contains("is the id of a request"), "{told}");
    let (_, error) = ask(
        folder.path(),
        &["show", "9f1c7a52-0000-4000-8000-000000000000"],
        Exit::Usage,
    );
    assert!(error.contains("nothing is named"), "{error}");
}

#[test]
fn findings_and_incidents_lead_to_their_chains_and_back() {
    let mut organization = Organization::of(3);
    organization.usual_day(1);
    organization.usual_day(2);
    organization.attack(2, 0, 1);
    let folder = organization.folder("");
    let night = [
        "findings",
        "--from",
        "2026-11-02",
        "--to",
        "2026-11-03",
        "--baseline",
        "1d",
        "-q",
    ];
    let found = document(folder.path(), &[&night[..], &["--remember"]].concat());
    let spoof = found["findings"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["rule"] == "external-id-spoof")
        .unwrap();
    let (finding, incident) = (
        spoof["finding_id"].as_str().unwrap(),
        spoof["incident_id"].as_str().unwrap(),
    );
    let chain = spoof["chain_ids"][0].as_str().unwrap();
    for asked in [finding, incident] {
        let (told, _) = ask(folder.path(), &["show", asked], Exit::Clean);
        assert!(
            told.contains("external-id-spoof") && told.contains(chain),
            "{told}"
        );
    }
    let (told, _) = ask(folder.path(), &["show", chain], Exit::Clean);
    assert!(
        told.contains("Findings that are remembered") && told.contains(finding),
        "{told}"
    );
    let (_, error) = ask(folder.path(), &["show", "f-000000000000"], Exit::Usage);
    assert!(
        error.contains("remembered by the nightly report"),
        "{error}"
    );
    let listed = document(folder.path(), &["find", finding]);
    assert_eq!(listed["rows"][0]["kind"], "finding");
    assert_eq!(listed["rows"][0]["chain_count"], 1);
}

#[test]
fn the_ways_on_are_commands_whatever_the_log_said() {
    let mut organization = Organization::of(2);
    organization.usual_day(1);
    let evil = "eve'; touch pwned; $(touch pwned2) `touch pwned3` \u{1b}[31m\n\u{202e}x";
    organization.attack_as(1, evil, 1);
    let folder = organization.folder("");
    let all = document(
        folder.path(),
        &[
            "chains",
            "--path",
            "any",
            "--from",
            "2026-11-01",
            "--to",
            "2026-11-02",
        ],
    );
    let chains = all["chains"].as_array().unwrap().iter();
    let mut own = chains.filter(|chain| {
        chain["consumer_session"]["assumed_by"]
            .as_str()
            .is_some_and(|by| by.contains("eve"))
    });
    let id = own.next().unwrap()["chain_id"].as_str().unwrap().to_owned();
    let (told, _) = ask(folder.path(), &["show", &id], Exit::Clean);
    assert!(!told.contains(['\u{1b}', '\u{202e}']), "{told}");
    let commands: Vec<&str> = told
        .lines()
        .filter_map(|line| line.split_once("qs-audit chains").map(|(_, rest)| rest))
        .collect();
    assert!(commands.len() >= 2, "{told}");
    let binary = assert_cmd::cargo::cargo_bin!("qs-audit");
    for command in commands {
        let script = format!(
            "'{}' chains{command} --from 2026-11-01 --to 2026-11-02 -q",
            binary.display()
        );
        let done = std::process::Command::new("bash")
            .args(["-c", &script])
            .current_dir(folder.path())
            .env("HOME", folder.path())
            .output()
            .unwrap();
        let listed = String::from_utf8_lossy(&done.stdout);
        assert!(
            done.status.success() && listed.contains(&id),
            "{script}: {listed} {}",
            String::from_utf8_lossy(&done.stderr)
        );
    }
    let names = fs::read_dir(folder.path()).unwrap().flatten();
    assert!(
        names
            .into_iter()
            .all(|entry| !entry.file_name().to_string_lossy().contains("pwned"))
    );
}

#[test]
fn find_lists_names_by_a_part() {
    let organization = organization();
    let folder = organization.path();
    let all = document(folder, &["find", "policies"]);
    let rows = all["rows"].as_array().unwrap();
    assert!(rows.iter().any(|row| row["kind"] == "table"), "{all:#}");
    assert!(rows.iter().all(|row| {
        row["name"]
            .as_str()
            .unwrap()
            .to_lowercase()
            .contains("policies")
    }));
    let listed = document(folder, &["find", "198.51.100.*"]);
    assert!(
        listed["rows"]
            .as_array()
            .unwrap()
            .iter()
            .all(|row| row["kind"] == "ip-address")
    );
    let (none, _) = ask(folder, &["find", "zzzz"], Exit::Clean);
    assert!(none.contains("nothing has \"zzzz\" in its name"), "{none}");
    let (csv, _) = ask(folder, &["find", "retail", "--format", "csv"], Exit::Clean);
    assert!(csv.starts_with("kind,name,chain_count"), "{csv}");
}

#[test]
fn chains_are_filtered_by_what_an_investigator_has() {
    let organization = organization();
    let folder = organization.path();
    let chain = rich(folder);
    let id = &chain["chain_id"];
    let query = &chain["queries"][0];
    let consumer = &chain["consumer_session"];
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let mail = text(&chain["quick_user"]["name"])
        .rsplit('/')
        .next()
        .unwrap()
        .to_owned();
    for (option, value) in [
        ("--role", text(&consumer["role_arn"])),
        (
            "--role",
            text(&consumer["role_arn"])
                .rsplit('/')
                .next()
                .unwrap()
                .to_owned(),
        ),
        ("--caller", text(&consumer["assumed_by"])),
        ("--access-key", text(&consumer["access_key_id"])),
        ("--query-id", text(&query["query_execution_id"])),
        ("--region", text(&query["region"])),
        ("--dashboard", text(&chain["quick_user"]["resource_arn"])),
        ("--user", mail.clone()),
        ("--user", mail.split('@').next().unwrap().to_owned()),
    ] {
        let args = [&["chains", "--path", "any", option, &value], &WHOLE[..]].concat();
        let found = document(folder, &args);
        let found = found["chains"].as_array().unwrap();
        assert!(
            found.iter().any(|one| one["chain_id"] == *id),
            "{option} {value}"
        );
        // Many events or few: the same.
        let spilled = document(folder, &[&args[..], &["--spill-above", "10"]].concat());
        assert_eq!(
            spilled["chains"].as_array().unwrap().len(),
            found.len(),
            "{option} {value}"
        );
    }
}

#[test]
fn addresses_of_calls_count_and_users_are_whole() {
    let organization = organization();
    let folder = organization.path();
    let chain = rich(folder);
    let id = &chain["chain_id"];
    let name = chain["quick_user"]["name"].as_str().unwrap();
    let mail = name.rsplit('/').next().unwrap();
    // An address of a call, too, and not only of the AssumeRole.
    let (events, _) = ask(
        folder,
        &["show", id.as_str().unwrap(), "--raw"],
        Exit::Clean,
    );
    let ip = events.lines().find_map(|line| {
        let event: Value = serde_json::from_str(line).unwrap();
        let ip = event["sourceIPAddress"].as_str()?.to_owned();
        ip.starts_with(|letter: char| letter.is_ascii_digit())
            .then_some(ip)
    });
    let ip = ip.unwrap();
    let args = [&["chains", "--path", "any", "--ip", &ip], &WHOLE[..]].concat();
    let found = document(folder, &args);
    assert!(
        found["chains"]
            .as_array()
            .unwrap()
            .iter()
            .any(|one| one["chain_id"] == *id)
    );
    let short = &mail[..mail.find('@').unwrap() - 1];
    let none = document(folder, &[&["chains", "--user", short], &WHOLE[..]].concat());
    assert!(
        none["chains"].as_array().unwrap().is_empty(),
        "{short} is another user"
    );
}

#[test]
fn the_evidence_of_a_chain_is_a_folder_with_hashes() {
    let organization = organization();
    let folder = organization.path();
    let chain = rich(folder);
    let id = chain["chain_id"].as_str().unwrap();
    let (_, said) = ask(folder, &["show", id, "--evidence", "ticket"], Exit::Clean);
    assert!(
        said.contains(
            "evidence in ticket: chain.json, digests.json, events.jsonl, findings.json, SHA256SUMS"
        ),
        "{said}"
    );
    let place = folder.join("ticket");
    // Log text is for the person who asked for it, until they give it on.
    #[cfg(unix)]
    for path in [place.clone(), place.join("events.jsonl")] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
    let events = fs::read_to_string(place.join("events.jsonl")).unwrap();
    let (raw, _) = ask(folder, &["show", id, "--raw"], Exit::Clean);
    assert_eq!(events, raw);
    let kept: Value = serde_json::from_slice(&fs::read(place.join("chain.json")).unwrap()).unwrap();
    assert_eq!(kept["chains"][0]["chain_id"], id);
    let done = std::process::Command::new("sha256sum")
        .args(["--check", "--strict", "SHA256SUMS"])
        .current_dir(&place)
        .output()
        .unwrap();
    assert!(
        done.status.success(),
        "{}",
        String::from_utf8_lossy(&done.stdout)
    );
    let digests: Value =
        serde_json::from_slice(&fs::read(place.join("digests.json")).unwrap()).unwrap();
    assert!(digests["verification"].is_null());
    let (_, error) = ask(folder, &["show", id, "--evidence", "ticket"], Exit::Usage);
    assert!(error.contains("it is not empty"), "{error}");
    ask(
        folder,
        &["show", id, "--evidence", "not/there"],
        Exit::Usage,
    );
    assert!(!folder.join("not").exists());
    let (_, error) = ask(
        folder,
        &["show", "444455556666", "--evidence", "other"],
        Exit::Usage,
    );
    assert!(error.contains("--evidence is for one chain"), "{error}");
}

#[test]
fn how_much_is_answered_on_any_page() {
    let organization = organization();
    let folder = organization.path();
    let chain = rich(folder);
    let id = chain["chain_id"].as_str().unwrap();
    for width in ["60", "80", "120", "200"] {
        let mut program = program();
        program
            .current_dir(folder)
            .env("HOME", folder)
            .env("COLUMNS", width);
        let (told, _) = output(program.args(["show", id]), Exit::Clean);
        let query = &told[told.find("\nQuer").unwrap()..told.find("\nCalls").unwrap()];
        assert!(
            query.contains("SUCCEEDED") && query.contains('B') && query.contains("Total: "),
            "{width}: {query}"
        );
        assert!(
            query.contains(chain["queries"][0]["database"].as_str().unwrap_or("")),
            "{width}: {query}"
        );
    }
}

#[test]
fn sql_is_asked_from_the_command_line_and_from_a_prompt() {
    let organization = organization();
    let folder = organization.path();
    let ask_sql = |sql: &str| document(folder, &[&["query", "-e", sql], &WHOLE[..]].concat());
    let told = ask_sql("SELECT COUNT(*) AS number FROM events");
    assert!(told["rows"][0]["number"].as_u64() > Some(100));
    let told = ask_sql(
        "SELECT account_id, SUM(record_count) AS records FROM coverage GROUP BY account_id",
    );
    assert!(told["rows"].as_array().unwrap().len() > 3);
    let told = ask_sql("SELECT * FROM findings");
    assert!(
        told["rows"].as_array().unwrap().is_empty(),
        "nothing is remembered yet"
    );
    ask(
        folder,
        &[&["findings", "--remember", "-q"], &WHOLE[..]].concat(),
        Exit::Clean,
    );
    let told = ask_sql("SELECT rule, COUNT(*) AS number FROM findings GROUP BY rule");
    assert!(told["rows"].as_array().unwrap().len() > 5);
    let (_, error) = ask(
        folder,
        &[&["query", "-e", "SELECT * FROM event"], &WHOLE[..]].concat(),
        Exit::Usage,
    );
    assert!(error.contains("did you mean events?"), "{error}");
    let (_, error) = ask(
        folder,
        &[
            &["query", "-e", "SELECT * FROM events", "--spill-above", "10"],
            &WHOLE[..],
        ]
        .concat(),
        Exit::Usage,
    );
    assert!(error.contains("choose a shorter window"), "{error}");
    let mut program = program();
    program
        .current_dir(folder)
        .env("HOME", folder)
        .args(["query", "-i"])
        .args(WHOLE);
    program.write_stdin(
        "tables;\nSELECT COUNT(*) AS chains\nFROM chains;\nSELEC;\nSELECT 1 AS one;\nexit\n",
    );
    let (told, error) = output(&mut program, Exit::Clean);
    assert!(told.contains("chains") && told.contains("one"), "{told}");
    assert!(
        error.contains("events (") && error.contains("error: "),
        "{error}"
    );
}

#[test]
fn an_ending_that_is_no_format_is_refused_with_what_to_write() {
    let organization = organization();
    for (name, instead) in [
        ("x.xls", ".xlsx"),
        ("x.tsv", ".csv"),
        ("x.yaml", ".json"),
        ("x.pdf", "report -o DIR"),
        ("x.sqlite", "--export DIR"),
    ] {
        let (_, error) = ask(organization.path(), &["chains", "-o", name], Exit::Usage);
        assert!(
            error.contains("names no output format") && error.contains(instead),
            "{name}: {error}"
        );
        assert!(!organization.path().join(name).exists());
    }
    let (_, _) = ask(
        organization.path(),
        &[
            &["chains", "-q", "-o", "x.tsv", "--format", "csv"],
            &WHOLE[..],
        ]
        .concat(),
        Exit::Clean,
    );
}
