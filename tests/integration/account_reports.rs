//! Reports of single accounts: what their owners need, and nothing of the accounts of others.

use crate::cli::{output, program, six_weeks};
use crate::hostile::{report_inputs, sample};
use assert_cmd::Command;
use qs_audit::cli::Exit;
use qs_audit::model::chain::{ChainEvent, ChainPart, Confidence};
use qs_audit::model::charge::Chargeback;
use qs_audit::model::finding::{Evidence, Finding, FindingStatus, PreviousFinding, Severity};
use qs_audit::model::ids::{AccountId, RoleArn};
use qs_audit::output::repeated::RepeatedOptions;
use qs_audit::output::report::{
    AccountPart, AccountView, AccountViews, ReportContent, ReportInputs, page,
};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const CONSUMERS: [(&str, &str, &str); 5] = [
    ("444455556666", "retail", "Retail Banking"),
    ("555566667777", "insurance", "Insurance"),
    ("666677778888", "payments", "Payments"),
    ("888899990000", "wealth", "Wealth Management"),
    ("123456789012", "labs", ""),
];
const PRODUCERS: [(&str, &str); 2] = [
    ("777788889999", "policies-data"),
    ("222233334444", "rates-data"),
];

fn report(folder: &Path, more: &[&str]) -> Command {
    let mut command = program();
    command.current_dir(folder).args([
        "report",
        "--logs",
        "AWSLogs",
        "--executions",
        "executions.json",
        "--costs",
        "costs.json",
        "--from",
        "2026-10-12",
        "--to",
        "2026-11-15",
        "-o",
        "night",
    ]);
    command.args(more);
    command
}

/// A folder's files with their texts.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let entries = fs::read_dir(folder).unwrap();
    let files = entries.map(|entry| {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        (name, fs::read_to_string(&path).unwrap())
    });
    files.collect()
}

/// Whether a text has a word, which letters and digits before and after would make another.
fn has_word(text: &str, word: &str) -> bool {
    text.match_indices(word).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + word.len()..].chars().next();
        let is_part = |letter: Option<char>| letter.is_some_and(char::is_alphanumeric);
        !is_part(before) && !is_part(after)
    })
}

/// The page without the pages of rules, whose examples have accounts of the sample.
fn without_rules(page: &str) -> String {
    let mut parts = page.split("<details class=\"rule\"");
    let first = parts.next().unwrap().to_owned();
    parts.fold(first, |text, part| {
        text + part.split_once("</details>").unwrap().1
    })
}

/// The rows of a table whose column has a value, and its first line.
fn rows(table: &str, column: &str, value: &str) -> (String, Vec<String>) {
    let mut reader = csv::Reader::from_reader(table.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let at = headers.iter().position(|name| name == column).unwrap();
    let rows = reader.records().map(Result::unwrap);
    let rows = rows.filter(|row| &row[at] == value);
    let text = |row: csv::StringRecord| row.iter().collect::<Vec<_>>().join("\u{1f}");
    (text(headers.clone()), rows.map(text).collect())
}

#[test]
fn each_account_has_what_is_its_own_and_nothing_of_others() {
    let folder = six_weeks();
    let mut run = report(
        folder.path(),
        &["-c", "qs-audit.toml", "--per-consumer", "--per-producer"],
    );
    output(&mut run, Exit::Clean);
    let night = folder.path().join("night");
    let whole = files_of_organization(&night);
    let chains = &whole["chains.csv"];
    let accounts = fs::read_dir(night.join("consumers")).unwrap().count();
    assert_eq!(
        accounts,
        CONSUMERS.len() + 1,
        "and the one that is not declared"
    );
    let mut told = 0;
    for (account, name, unit) in CONSUMERS {
        let own = files(&night.join("consumers").join(account));
        told += own["chains.csv"].lines().count() - 1;
        has_its_own(&own, &whole, account);
        assert!(own["index.html"].contains(&format!("consumer {name} ({account})")));
        assert!(unit.is_empty() || own["chargeback.csv"].contains(unit));
        let others = CONSUMERS
            .into_iter()
            .filter(|(other, ..)| *other != account);
        for other in others {
            has_nothing_of(&own, chains, other);
        }
    }
    let all = chains.lines().count() - 1;
    let (_, others) = rows(chains, "consumer_account_id", "333322221111");
    let (_, without) = rows(chains, "consumer_account_id", "");
    assert_eq!(told + others.len() + without.len(), all);
    for (account, name) in PRODUCERS {
        let own = files(&night.join("producers").join(account));
        let names: Vec<&str> = own.keys().map(String::as_str).collect();
        assert_eq!(names, ["findings.csv", "index.html"]);
        let page = &own["index.html"];
        assert!(page.contains(&format!("producer {name} ({account})")));
        assert!(page.contains("Who reads the tables of producers"));
        for section in ["paths-section", "time", "units", "top"] {
            assert!(!page.contains(&format!("id=\"{section}\"")), "{section}");
        }
        let (other, other_name) = PRODUCERS
            .into_iter()
            .find(|(id, _)| *id != account)
            .unwrap();
        assert!(!has_word(page, other) && !has_word(page, other_name));
        for id in chain_ids(chains) {
            assert!(!page.contains(&id), "a chain is its consumer's: {id}");
        }
        // Readers are named, and nothing is said to be missing of them.
        let mut names = CONSUMERS
            .iter()
            .map(|(id, name, _)| format!("<td>{name} ({id})</td>"));
        assert!(names.any(|name| page.contains(&name)) && !page.contains("no logs of"));
    }
    // The organization's page links to each.
    let page = &whole["index.html"];
    for (account, name, _) in CONSUMERS {
        let link =
            format!("<a href=\"consumers/{account}/index.html\">consumer {name} ({account})</a>");
        assert!(page.contains(&link), "{link}");
    }
    for (account, name) in PRODUCERS {
        let link =
            format!("<a href=\"producers/{account}/index.html\">producer {name} ({account})</a>");
        assert!(page.contains(&link), "{link}");
    }
}

/// The files of a consumer have its chains and findings, as the organization has them.
fn has_its_own(own: &BTreeMap<String, String>, whole: &BTreeMap<String, String>, account: &str) {
    let names: Vec<&str> = own.keys().map(String::as_str).collect();
    assert_eq!(
        names,
        ["chains.csv", "chargeback.csv", "findings.csv", "index.html"]
    );
    for table in ["chains.csv", "findings.csv"] {
        let of =
            |files: &BTreeMap<String, String>| rows(&files[table], "consumer_account_id", account);
        assert_eq!(of(own), of(whole), "{table} of {account}");
    }
}

/// The files of a consumer name no other one: neither its account, name and unit nor its chains. Nor do they
/// name files of those who run the program.
fn has_nothing_of(own: &BTreeMap<String, String>, chains: &str, other: (&str, &str, &str)) {
    let (account, name, unit) = other;
    let (_, chains) = rows(chains, "consumer_account_id", account);
    for (file, text) in own {
        let text = &without_rules(text);
        for word in [account, name, unit] {
            assert!(word.is_empty() || !has_word(text, word), "{word} in {file}");
        }
        for chain in &chains {
            let id = chain.split('\u{1f}').find(|value| value.starts_with("c-"));
            assert!(!text.contains(id.unwrap()), "{id:?} in {file}");
        }
        assert!(
            !text.contains("AWSLogs") && !text.contains("executions.json"),
            "{file}"
        );
    }
}

fn chain_ids(chains: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_reader(chains.as_bytes());
    let headers = reader.headers().unwrap().clone();
    let at = headers.iter().position(|name| name == "chain_id").unwrap();
    let rows = reader.records().map(Result::unwrap);
    rows.map(|row| row[at].to_owned()).collect()
}

/// The texts of the organization's own files.
fn files_of_organization(night: &Path) -> BTreeMap<String, String> {
    let names = ["chains.csv", "findings.csv", "index.html"];
    let read = names.map(|name| {
        let text = fs::read_to_string(night.join(name)).unwrap();
        (name.to_owned(), text)
    });
    read.into()
}

/// Every file below a folder.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let walk = walkdir::WalkDir::new(folder).into_iter();
    let found = walk.map(Result::unwrap);
    let found = found.filter(|entry| entry.file_type().is_file());
    found
        .map(|entry| (entry.path().to_owned(), fs::read(entry.path()).unwrap()))
        .collect()
}

#[test]
fn a_report_with_reports_of_accounts_is_made_again_as_it_was() {
    let folder = six_weeks();
    let all = ["-c", "qs-audit.toml", "--per-consumer", "--per-producer"];
    output(&mut report(folder.path(), &all), Exit::Clean);
    let night = folder.path().join("night");
    let first = tree(&night);
    output(&mut report(folder.path(), &all), Exit::Clean);
    let again = tree(&night);
    assert!(first == again, "the same bytes");
    // Its owner alone may read it, as the rest of the report.
    #[cfg(unix)]
    for entry in walkdir::WalkDir::new(&night)
        .into_iter()
        .map(Result::unwrap)
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        let expected = if entry.file_type().is_dir() {
            0o700
        } else {
            0o600
        };
        assert_eq!(mode, expected, "{}", entry.path().display());
    }
    // Files of someone else in there are not replaced.
    fs::write(night.join("consumers/444455556666/notes.txt"), "mine").unwrap();
    let (_, told) = output(&mut report(folder.path(), &all), Exit::Usage);
    assert!(told.contains("(\"consumers\")"));
    fs::remove_file(night.join("consumers/444455556666/notes.txt")).unwrap();
    // Without the options they are gone.
    output(
        &mut report(folder.path(), &["-c", "qs-audit.toml"]),
        Exit::Clean,
    );
    assert!(!night.join("consumers").exists() && !night.join("producers").exists());
    let page = fs::read_to_string(night.join("index.html")).unwrap();
    assert!(!page.contains("Reports of single accounts"));
}

const OWN: &str = "444455556666";
const OTHER: &str = "555566667777";

/// What an account's owner sees of a night in which findings were changed.
fn view_of(
    account: &str,
    part: AccountPart,
    change: impl FnOnce(&mut Vec<Finding>, &mut qs_audit::model::audit::Audit),
) -> (AccountView, String) {
    let (mut audit, topology) = sample();
    let mut findings = audit.findings.take().unwrap();
    change(&mut findings.findings, &mut audit);
    rules_of(&mut findings);
    let chargeback = Chargeback::default();
    let options = RepeatedOptions {
        logs: " --logs secret-bucket".to_owned(),
        ..RepeatedOptions::default()
    };
    // Without pages of rules: their examples have accounts of the sample.
    let inputs = report_inputs(&audit, &findings, &topology, &chargeback, &options);
    let content = ReportContent::of(inputs);
    let views = AccountViews::of(&content);
    let view = views.view(&AccountId::from(account), part);
    let none = RepeatedOptions::default();
    let own = ReportContent::of(ReportInputs {
        audit: &view.audit,
        slice: &view.slice,
        findings: &view.findings,
        topology: &view.topology,
        options: &none,
        scope: Some(&view.scope),
        ..inputs
    });
    let mut text = Vec::new();
    page::write(&own, &[], &mut text).unwrap();
    (view, String::from_utf8(text).unwrap())
}

/// Puts what names the other account where rules, and earlier runs, leave it.
fn rules_of(findings: &mut qs_audit::model::finding::Findings) {
    for rule in &mut findings.rules {
        rule.notes.push(format!("{OTHER} could not be evaluated"));
        rule.notes.push(format!("{OWN} could not be evaluated"));
    }
    let known = |about: &str| PreviousFinding {
        finding_id: format!("f-{about}"),
        incident_id: String::new(),
        rule: "cost-spike".to_owned(),
        severity: Some(Severity::High),
        title: format!("{about} cost more"),
        detail: String::new(),
        consumer_account_id: None,
        subject: Vec::new(),
        role_arns: Vec::new(),
        first_seen: qs_audit::model::time::UtcSecond::from_unix(0),
        last_seen: qs_audit::model::time::UtcSecond::from_unix(0),
        occurrence: 1,
        chain_ids: Vec::new(),
        evidence_keys: BTreeSet::new(),
        is_resolved: true,
    };
    findings.resolved = vec![
        known(OWN),
        known(OTHER),
        known(&format!("{OTHER} and {OWN}")),
    ];
    findings.has_previous = true;
}

/// Makes the first finding of the consumer one that is about the other one, too.
fn share(findings: &mut [Finding], how: impl FnOnce(&mut Finding)) -> String {
    let first = findings
        .iter_mut()
        .find(|one| one.consumer_account_id.as_deref() == Some(OWN))
        .unwrap();
    how(first);
    first.finding_id.clone()
}

#[test]
fn a_finding_about_others_too_is_told_without_them() {
    type Change = fn(&mut Finding);
    let changes: [Change; 6] = [
        |one| one.title = format!("{OWN} and {OTHER} lack something"),
        |one| one.detail = format!("arn:aws:iam::{OTHER}:role/secret-role"),
        |one| {
            let list = Evidence::List(vec![Evidence::Record(vec![(
                "at",
                Evidence::Text(format!("s3://secret-{OTHER}").into()),
            )])]);
            one.evidence.push(("places", list));
        },
        |one| {
            let arn = format!("arn:aws:iam::{OTHER}:role/secret-role");
            one.role_arns = vec![RoleArn::from(arn)];
        },
        |one| one.next_step = format!("ask the owner of {OTHER}"),
        |one| one.command = format!("aws iam get-role --account {OTHER}"),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut id = String::new();
        let (view, page) = view_of(OWN, AccountPart::Consumer, |findings, _| {
            id = share(findings, |finding| {
                finding.status = FindingStatus::New;
                change(finding);
            });
        });
        assert!(!page.contains(OTHER), "{number}");
        assert!(!page.contains("secret-"), "{number}");
        let told = view.findings.findings.iter();
        let told: Vec<&Finding> = told.filter(|one| one.finding_id == id).collect();
        let [told] = told[..] else {
            panic!("{number}: the finding is told, once");
        };
        assert!(
            told.title.ends_with("444455556666 and 1 other account"),
            "{}",
            told.title
        );
        assert!(told.evidence.is_empty() && told.role_arns.is_empty());
        assert_eq!(told.command, format!("qs-audit show {id}"));
        let incidents = view.findings.incidents.iter();
        let mut of_it = incidents.filter(|one| one.finding_ids.contains(&id));
        let incident = of_it.next().unwrap();
        assert!(!incident.title.contains(OTHER) && of_it.next().is_none());
    }
}

#[test]
fn chains_of_others_are_left_out_of_findings_and_of_chains() {
    let (mut own, mut other) = (String::new(), String::new());
    let (view, page) = view_of(OWN, AccountPart::Consumer, |findings, audit| {
        // A session in the hub that went on to the other account, too.
        let mut recipients = audit.events.iter().map(|one| &one.recipient_account_id);
        let elsewhere = recipients.position(|account| account.as_deref() == Some(OTHER));
        let elsewhere = u32::try_from(elsewhere.unwrap()).unwrap();
        let chains = &mut audit.slice.as_mut().unwrap().chains;
        let id_of = |chains: &[qs_audit::model::chain::Chain], account: &str| {
            let mut chains = chains.iter();
            let found = chains.find(|one| one.consumer_account_id.as_deref() == Some(account));
            found.unwrap().chain_id.clone()
        };
        own = id_of(chains, OWN);
        other = id_of(chains, OTHER);
        let chain = chains.iter_mut().find(|one| one.chain_id == own).unwrap();
        let related = |id: &str| qs_audit::model::road::RelatedChain {
            chain_id: id.to_owned(),
            why: "the same session".into(),
            confidence: Confidence::Proven,
        };
        chain.related_chains = vec![related(&other)];
        chain.notes.push(format!("and {OTHER}"));
        chain.events.insert(
            0,
            ChainEvent {
                event: elsewhere,
                session: ChainPart::RunAs,
                confidence: Confidence::Proven,
            },
        );
        share(findings, |finding| {
            finding.chain_ids = vec![own.as_str().into(), other.as_str().into()];
            finding.chain_count = 2;
            let ids = Evidence::texts([own.as_str(), other.as_str()]);
            finding.evidence.push(("chains", ids));
            finding.command = format!("qs-audit show {other}");
        });
    });
    assert!(!page.contains(&other) && page.contains(&own));
    assert!(!page.contains(OTHER));
    let chain = view.slice.chains.iter().find(|one| one.chain_id == own);
    assert!(chain.unwrap().related_chains.is_empty());
    let named = view.findings.findings.iter().flat_map(|one| &one.chain_ids);
    assert!(named.clone().any(|id| **id == *own));
    assert!(named.clone().all(|id| **id != *other));
}

#[test]
fn what_rules_and_earlier_runs_say_of_others_is_left_out() {
    let (view, page) = view_of(OWN, AccountPart::Consumer, |_, _| {});
    assert!(!page.contains(OTHER) && !page.contains("secret-bucket"));
    let resolved: Vec<&str> = view
        .findings
        .resolved
        .iter()
        .map(|one| &*one.finding_id)
        .collect();
    assert_eq!(
        resolved,
        [format!("f-{OWN}"), format!("f-{OTHER} and {OWN}")],
        "in short"
    );
    let mut notes = view.findings.rules.iter().flat_map(|rule| &rule.notes);
    assert!(notes.clone().count() > 0);
    assert!(notes.all(|note| !note.contains(OTHER)));
}

#[test]
fn an_id_that_is_no_account_has_no_folder() {
    let (mut audit, topology) = sample();
    for chain in &mut audit.slice.as_mut().unwrap().chains {
        chain.consumer_account_id = Some(AccountId::from("../../tmp/x"));
    }
    let findings = audit.findings.take().unwrap();
    let (chargeback, options) = (Chargeback::default(), RepeatedOptions::default());
    let inputs = report_inputs(&audit, &findings, &topology, &chargeback, &options);
    let content = ReportContent::of(inputs);
    let views = AccountViews::of(&content);
    let accounts = views.accounts(AccountPart::Consumer);
    assert!(!content.chains.is_empty());
    let declared = topology.consumers.iter().map(|one| &one.account_id);
    assert_eq!(accounts, declared.collect::<BTreeSet<_>>());
}
