//! Forms in which people have their logs: each gives the chain that the plain form gives, or says
//! what it is.

use crate::common::{Memory, plan, run};
use crate::small_logs::{Log, one, usual};
use flate2::Compression;
use flate2::write::GzEncoder;
use qs_audit::columnar::{Codec, write as write_parquet};
use qs_audit::decode::SplitMode;
use qs_audit::model::audit::Audit;
use qs_audit::model::chain::{Chain, ChainStatus, Confidence};
use qs_audit::model::coverage::{Limits, RejectReason, Sibling};
use qs_audit::model::table::{Table, Values};
use qs_audit::model::text::Text;
use qs_audit::pipeline::Plan;
use serde_json::{Value, json};
use std::fmt::Write as _;
use std::io::Write as _;

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(body).unwrap();
    encoder.finish().unwrap()
}

fn read(name: &str, body: &[u8]) -> Audit {
    let fast = run(
        &plan(SplitMode::Fast, 1),
        &Memory::new([(name, body.to_vec())]),
    );
    let plain = run(
        &plan(SplitMode::Plain, 1),
        &Memory::new([(name, body.to_vec())]),
    );
    assert_eq!(fast.chains, plain.chains, "{name}");
    assert_eq!(fast.coverage.rejects, plain.coverage.rejects, "{name}");
    fast
}

/// The chain is whole, and nothing was rejected.
#[track_caller]
fn is_whole(name: &str, body: &[u8]) {
    let audit = read(name, body);
    assert_eq!(
        audit.coverage.rejects.total(),
        0,
        "{name}: {:?}",
        audit.coverage.rejects
    );
    let chain = one(&audit);
    assert_eq!(chain.status, ChainStatus::Complete, "{name}");
    assert_eq!(chain.confidence, Confidence::Proven, "{name}");
    assert_eq!(chain.queries.len(), 1, "{name}");
}

/// Nothing is read in silence: one reject, whose detail has some words.
#[track_caller]
fn is_named(name: &str, body: &[u8], words: &str) {
    let audit = read(name, body);
    let mut rejects = audit.coverage.rejects.iter();
    let (_, _, examples) = rejects
        .next()
        .unwrap_or_else(|| panic!("{name}: no reject"));
    assert!(
        examples[0].detail.contains(words),
        "{name}: {}",
        examples[0].detail
    );
    assert!(audit.chains.is_empty(), "{name}");
}

fn text(record: &Value) -> Value {
    record.to_string().into()
}

fn lines(log: &Log, line: impl Fn(&Value) -> String) -> String {
    log.0.iter().fold(String::new(), |mut lines, record| {
        writeln!(lines, "{}", line(record)).unwrap();
        lines
    })
}

#[test]
fn envelopes_give_the_chain() {
    let log = usual();
    let texts: Vec<Value> = log.0.iter().map(text).collect();
    let events: Vec<Value> = texts
        .iter()
        .map(|one| json!({"id": "1", "message": one}))
        .collect();
    let bridge =
        |record: &Value| json!({"detail-type": "AWS API Call via CloudTrail", "detail": record});
    let queued: Vec<Value> = log
        .0
        .iter()
        .map(|one| json!({"messageId": "1", "body": bridge(one).to_string()}))
        .collect();
    let hits: Vec<Value> = log
        .0
        .iter()
        .map(|one| json!({"_index": "x", "_source": one}))
        .collect();
    let rows: Vec<Value> = log
        .0
        .iter()
        .map(|one| json!(["AssumeRole", one.to_string()]))
        .collect();
    let subscription = json!({"messageType": "DATA_MESSAGE", "logEvents": events});
    let control = json!({"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "a test"}]});
    for (name, body) in [
        ("lookup-texts.json", json!(texts).to_string()),
        ("lookup-rows.json", json!(rows).to_string()),
        ("lookup-lines.json", lines(&log, |one| text(one).to_string())),
        ("lookup-tabs.json", texts.iter().map(|one| one.as_str().unwrap()).collect::<Vec<_>>().join("\t")),
        ("lookup-objects.json", json!({"Events": log.0.iter().map(|one| json!({"CloudTrailEvent": one})).collect::<Vec<_>>()}).to_string()),
        ("subscription", format!("{control}{subscription}")),
        ("filter-log-events.json", json!({"events": events, "searchedLogStreams": []}).to_string()),
        ("exported-group", lines(&log, |one| format!("2026-07-01T10:00:00.000Z {one}"))),
        ("lambda-queue.json", json!({"Records": queued}).to_string()),
        ("queue.json", json!({"Messages": log.0.iter().map(|one| json!({"Body": json!({"Type": "Notification", "Message": bridge(one).to_string()}).to_string()})).collect::<Vec<_>>()}).to_string()),
        ("hits.ndjson", hits.iter().fold(String::new(), |text, one| text + &one.to_string() + "\n")),
        ("search.json", json!({"took": 1, "hits": {"total": 3, "hits": hits}}).to_string()),
        ("splunk.json", lines(&log, |one| json!({"preview": false, "result": {"_raw": one.to_string()}}).to_string())),
        ("marks.json", lines(&log, |one| format!("\u{feff}{one}"))),
    ] {
        is_whole(name, body.as_bytes());
        is_whole(name, &gzip(body.as_bytes()));
    }
}

#[test]
fn layers_and_encodings_give_the_chain() {
    let body = json!({"Records": usual().0}).to_string();
    let little: Vec<u8> = body.encode_utf16().flat_map(u16::to_le_bytes).collect();
    is_whole("twice.json.gz", &gzip(&gzip(body.as_bytes())));
    is_whole("events.json", &[&[0xff, 0xfe][..], &little].concat());
    is_whole(
        "log.json.zst",
        &zstd::encode_all(body.as_bytes(), 0).unwrap(),
    );
}

#[test]
fn times_of_exports_give_the_chain() {
    let body = json!({"Records": usual().0}).to_string();
    for (from, to) in [
        ("T10:", " 10:"),
        ("Z\",\"", ".123456789\",\""),
        ("Z\",\"", " UTC\",\""),
        ("Z\",\"", "+0000\",\""),
    ] {
        assert!(body.contains(from), "{from}");
        is_whole("export.json", body.replace(from, to).as_bytes());
    }
}

#[test]
fn rows_of_exported_tables_give_the_chain() {
    let log = usual();
    let mut table = String::from(
        "eventversion,useridentity,eventtime,eventsource,eventname,awsregion,requestparameters,responseelements,eventid,recipientaccountid\n",
    );
    for record in &log.0 {
        let identity = &record["userIdentity"];
        let member = |name: &str| identity[name].as_str().unwrap_or("null").to_owned();
        let context = &identity["sessionContext"];
        let session = context.is_object().then(|| {
            format!(
                ", sessioncontext={{attributes={{creationdate={}}}, sessionissuer={{arn={}}}}}",
                context["attributes"]["creationDate"].as_str().unwrap(),
                context["sessionIssuer"]["arn"].as_str().unwrap(),
            )
        });
        let identity = format!(
            "{{type={}, principalid={}, arn={}, accountid={}, accesskeyid={}, invokedby={}{}}}",
            member("type"),
            member("principalId"),
            member("arn"),
            member("accountId"),
            member("accessKeyId"),
            member("invokedBy"),
            session.unwrap_or_default(),
        );
        let cells = [
            "1.11".to_owned(),
            identity,
            record["eventTime"]
                .as_str()
                .unwrap()
                .replace('T', " ")
                .replace('Z', ".000"),
            record["eventSource"].as_str().unwrap().to_owned(),
            record["eventName"].as_str().unwrap().to_owned(),
            "us-east-1".to_owned(),
            record["requestParameters"]
                .to_string()
                .replace("null", "{}"),
            record["responseElements"].to_string(),
            record["eventID"].as_str().unwrap().to_owned(),
            record["recipientAccountId"].as_str().unwrap().to_owned(),
        ];
        let quoted = cells.map(|cell| format!("\"{}\"", cell.replace('"', "\"\"")));
        writeln!(table, "{}", quoted.join(",")).unwrap();
    }
    is_whole("athena.csv", table.as_bytes());
    is_whole("athena.csv", &gzip(table.as_bytes()));
    let audit = read("athena.csv", table.as_bytes());
    let note = audit.coverage.notes.iter().next().unwrap().0;
    assert!(
        note.contains("sharedEventID") && !note.contains("eventID,"),
        "{note}"
    );

    let mut events = String::from("\"eventjson\"\n");
    for record in &log.0 {
        writeln!(events, "\"{}\"", record.to_string().replace('"', "\"\"")).unwrap();
    }
    is_whole("lake.csv", events.as_bytes());
}

#[test]
fn other_forms_are_named_with_what_to_do() {
    let mut tar = vec![b'x'; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let hit = json!({"_source": {"event": {"action": "AssumeRole"}}}).to_string();
    let delivered =
        json!({"Type": "Notification", "Message": "{\"s3Bucket\":\"b\",\"s3ObjectKey\":[\"k\"]}"})
            .to_string();
    let notified = json!({"Records": [{"eventVersion": "2.1", "eventSource": "aws:s3", "eventTime": "2026-07-01T10:00:00Z", "eventName": "ObjectCreated:Put"}]}).to_string();
    for (name, body, words) in [
        ("AWSLogs.tar.gz", gzip(&tar), "tar archive"),
        ("AWSLogs.zip", b"PK\x03\x04rest".to_vec(), "zip archive"),
        ("log.json.xz", b"\xfd7zXZ\x00rest".to_vec(), "xz"),
        (
            "x.json",
            b"<Error><Code>AccessDenied</Code></Error>".to_vec(),
            "XML",
        ),
        ("hits.json", hit.into_bytes(), "event.original"),
        ("sns.json", delivered.into_bytes(), "names files"),
        (
            "s3-events.json",
            notified.into_bytes(),
            "S3 event notification",
        ),
        (
            "words.json",
            json!(["a", "b"]).to_string().into_bytes(),
            "not JSON",
        ),
        (
            "broken.csv",
            b"eventsource,eventname\n\xff,\xff\n".to_vec(),
            "CSV",
        ),
        ("broken.parquet", b"PAR1rest".to_vec(), ""),
    ] {
        is_named(name, &body, words);
    }
}

#[test]
fn stray_files_are_one_note() {
    let body = json!({"Records": usual().0}).to_string().into_bytes();
    let files = [
        ("log.json", body),
        (".DS_Store", b"\0\0\0\x01Bud1".to_vec()),
        ("._log.json", b"\0\x05\x16\x07".to_vec()),
        (".keep", Vec::new()),
        ("README", b"These are logs.".to_vec()),
    ];
    let audit = run(&plan(SplitMode::Fast, 1), &Memory::new(files.clone()));
    one(&audit);
    assert_eq!(audit.coverage.rejects.total(), 0);
    assert_eq!(audit.coverage.objects_passed_over[&Sibling::NotALog], 4);
    let [(note, objects)] = &audit.coverage.notes.iter().collect::<Vec<_>>()[..] else {
        panic!("{:?}", audit.coverage.notes);
    };
    assert!(note.contains("no log by name and content") && objects.count == 4);

    // A name of CloudTrail's with other content stays a reject.
    let name = "444455556666_CloudTrail_us-east-1_20260701T1005Z_AAAA.json.gz";
    let audit = run(
        &plan(SplitMode::Fast, 1),
        &Memory::new([(name, b"hello".to_vec())]),
    );
    let (reason, ..) = audit.coverage.rejects.iter().next().unwrap();
    assert_eq!(reason, RejectReason::NotJson);
    let audit = run(
        &plan(SplitMode::Fast, 1),
        &Memory::new([(name, Vec::new())]),
    );
    assert_eq!(audit.coverage.rejects.total(), 1);
}

/// The records as a Parquet file: members as columns, objects as JSON.
fn parquet_of(log: &Log, columns: &[&str]) -> Vec<u8> {
    let mut table = Table::new("events");
    for name in columns {
        let cell = |record: &Value| match &record[*name] {
            Value::Null => None,
            Value::String(text) => Some(Text::from(text.as_str())),
            other => Some(Text::from(other.to_string())),
        };
        let cells = log.0.iter().map(cell).collect();
        table = table.with(&name.to_lowercase(), Values::Text(cells));
    }
    let mut bytes = Vec::new();
    write_parquet(&table, Codec::Snappy, &mut bytes).unwrap();
    bytes
}

const COLUMNS: [&str; 10] = [
    "eventVersion",
    "userIdentity",
    "eventTime",
    "eventSource",
    "eventName",
    "awsRegion",
    "requestParameters",
    "responseElements",
    "eventID",
    "recipientAccountId",
];

#[test]
fn rows_of_parquet_give_the_chain() {
    is_whole("rows.parquet", &parquet_of(&usual(), &COLUMNS));
}

#[test]
fn damaged_parquet_costs_only_itself() {
    let whole = parquet_of(&usual(), &COLUMNS);
    let step = whole.len() / 150 + 1;
    for at in (0..whole.len()).step_by(step) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x5a;
        let bodies = [damaged, whole[..at].to_vec()];
        for body in bodies {
            let good = json!({"Records": usual().0}).to_string().into_bytes();
            let source = Memory::new([("a.parquet", body), ("b.json", good)]);
            let audit = run(&plan(SplitMode::Fast, 2), &source);
            let is_complete = |chain: &Chain| chain.status == ChainStatus::Complete;
            assert!(audit.chains.iter().any(is_complete), "{at}");
        }
    }
}

#[test]
fn layers_that_inflate_without_end_are_rejected() {
    let zeros = vec![b' '; 3 << 20];
    let twice = gzip(&gzip(&zeros));
    let zstd = zstd::encode_all(&zeros[..], 3).unwrap();
    for (name, body) in [("twice.json.gz", twice), ("zeros.json.zst", zstd)] {
        let limits = Limits {
            object_bytes_max: 1 << 20,
            ..Limits::DEFAULT
        };
        let plan = Plan {
            limits,
            ..plan(SplitMode::Fast, 1)
        };
        let audit = run(&plan, &Memory::new([(name, body)]));
        let (reason, ..) = audit.coverage.rejects.iter().next().unwrap();
        assert_eq!(reason, RejectReason::TooLarge, "{name}");
    }
}

#[test]
fn what_is_nested_without_end_is_no_crash() {
    for (open, close) in [("[", "]"), ("{a=", "}"), ("{\"\"a\"\":", "}")] {
        let cell = format!("{}1{}", open.repeat(100_000), close.repeat(100_000));
        let row = format!("1.11,\"{cell}\",2026-07-01 10:00:00,sts.amazonaws.com,AssumeRole,e-1");
        let head = "eventversion,requestparameters,eventtime,eventsource,eventname,eventid";
        let audit = read("deep.csv", format!("{head}\n{row}\n").as_bytes());
        assert!(audit.chains.is_empty());
    }
    let record = json!(usual().0[0]).to_string();
    let deep = (0..12).fold(record, |inner, _| json!({"Message": inner}).to_string());
    let audit = read("deep.json", deep.as_bytes());
    assert!(audit.chains.len() <= 1);
    for open in ["{\"detail\":", "{\"_source\":", "[", "{\"body\":"] {
        let deep = format!("{}{{}}", open.repeat(50_000));
        assert!(read("open.json", deep.as_bytes()).chains.is_empty());
    }
}
