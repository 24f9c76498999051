//! The fast reading against the plain one, and what becomes of hostile input.

use crate::common::{Memory, files_below, plan, run};
use crate::needs;
use proptest::prelude::*;
use qs_audit::decode::{Decoded, Decoder, SplitMode};
use qs_audit::demo;
use qs_audit::model::coverage::{Coverage, Limits, RejectReason};
use qs_audit::model::relevance::RelevantSessions;
use qs_audit::model::window::TimeWindow;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

fn decode_with(body: &[u8], reading: SplitMode, all_sessions: bool, limits: Limits) -> Decoded {
    let relevant = RelevantSessions {
        all_sessions,
        ..RelevantSessions::default()
    };
    let mut decoder = Decoder::new(TimeWindow::ALL, limits, reading);
    decoder.object(0, &"object".into(), body, &relevant);
    decoder.finish()
}

/// Both readings of an object. They keep the same, and whatever one of them cannot read of what
/// matters, the other cannot either. Only the plain one looks into records that do not matter.
fn both_readings(body: &[u8]) -> Coverage {
    let mut coverage = Coverage::default();
    for all_sessions in [true, false] {
        let fast = decode_with(body, SplitMode::Fast, all_sessions, Limits::DEFAULT);
        let plain = decode_with(body, SplitMode::Plain, all_sessions, Limits::DEFAULT);
        assert!(fast.coverage.adds_up(), "{:?}", fast.coverage);
        assert_eq!(format!("{:?}", fast.events), format!("{:?}", plain.events));
        if fast.coverage.records_rejected == plain.coverage.records_rejected {
            assert_eq!(fast.coverage, plain.coverage);
            assert_eq!(
                format!("{:?}", fast.unresolved),
                format!("{:?}", plain.unresolved)
            );
        } else {
            unsound_within(body, &fast.coverage, &plain.coverage, all_sessions);
        }
        coverage = fast.coverage;
    }
    coverage
}

/// Checks a text some of whose records only the plain reading rejected: all of them are irrelevant,
/// and nothing else is different.
fn unsound_within(body: &[u8], fast: &Coverage, plain: &Coverage, all_sessions: bool) {
    let passed = plain.records_rejected - fast.records_rejected;
    assert_eq!(fast.records, plain.records);
    assert_eq!(fast.records_kept, plain.records_kept);
    assert_eq!(
        fast.records_not_relevant,
        plain.records_not_relevant + passed
    );
    assert_eq!(fast.records_of_siblings, plain.records_of_siblings);
    let mut text = Vec::new();
    let mut gzip = flate2::read::GzDecoder::new(body);
    if std::io::Read::read_to_end(&mut gzip, &mut text).is_err() {
        text = body.to_vec();
    }
    let of_fast: BTreeMap<_, _> = fast
        .rejects
        .iter()
        .map(|(reason, count, examples)| (reason, (count, examples)))
        .collect();
    for (reason, count, examples) in plain.rejects.iter() {
        let (of_fast, known) = of_fast.get(&reason).copied().unwrap_or_default();
        if !matches!(reason, RejectReason::InvalidJson | RejectReason::WrongType) {
            assert_eq!((of_fast, known), (count, examples));
        }
        for reject in examples.iter().filter(|reject| !known.contains(reject)) {
            let start = usize::try_from(reject.offset.unwrap()).unwrap();
            let record = &text[start..value_end(&text, start)];
            assert!(
                is_irrelevant(record, all_sessions),
                "{reject:?} {}",
                String::from_utf8_lossy(record)
            );
        }
    }
    for (reason, (count, examples)) in of_fast {
        let of_plain = plain.rejects.iter().find(|(other, ..)| *other == reason);
        let (_, of_plain, _) = of_plain.unwrap();
        assert!(count <= of_plain, "{examples:?}");
    }
}

/// The byte after the value at `at`, by quotes and brackets.
fn value_end(text: &[u8], mut at: usize) -> usize {
    let mut depth = 0;
    while at < text.len() {
        match text[at] {
            b'"' => at = string_end(text, at),
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            break;
        }
    }
    at
}

/// The closing quote of the string that opens at `at`.
fn string_end(text: &[u8], mut at: usize) -> usize {
    at += 1;
    while at < text.len() && text[at] != b'"' {
        at += if text[at] == b'\\' { 2 } else { 1 };
    }
    at.min(text.len() - 1)
}

/// Returns true if nothing would be kept of a record with the deciding members that this one has, as far
/// as they can be read of it.
fn is_irrelevant(record: &[u8], all_sessions: bool) -> bool {
    let member = |key: &str, start: usize| {
        let key = format!("\"{key}\"");
        let (mut at, mut depth) = (start, 0);
        while at < record.len() {
            match record[at] {
                b'"' => {
                    let end = string_end(record, at);
                    let is_key = record[end + 1..].starts_with(b":");
                    if depth == 1 && is_key && record[at..=end] == *key.as_bytes() {
                        return Some(end + 2);
                    }
                    at = end;
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => break,
                b'}' | b']' => depth -= 1,
                _ => {}
            }
            at += 1;
        }
        None
    };
    let text_of = |key: &str, start: Option<usize>| {
        let value = member(key, start?)?;
        (record[value] == b'"').then(|| {
            let end = string_end(record, value);
            String::from_utf8_lossy(&record[value + 1..end]).into_owned()
        })
    };
    let identity = member("userIdentity", 0);
    let sound = json!({"Records": [{
        "eventVersion": "1.08",
        "eventSource": text_of("eventSource", Some(0)),
        "eventName": text_of("eventName", Some(0)),
        "eventTime": text_of("eventTime", Some(0)),
        "sourceIPAddress": text_of("sourceIPAddress", Some(0)),
        "userIdentity": {
            "principalId": text_of("principalId", identity),
            "invokedBy": text_of("invokedBy", identity),
        },
        // The names of objects decide, too.
        "requestParameters": {"text": String::from_utf8_lossy(record).replace('"', "'")},
    }]});
    let sound = sound.to_string();
    let decoded = decode_with(
        sound.as_bytes(),
        SplitMode::Plain,
        all_sessions,
        Limits::DEFAULT,
    );
    decoded.events.is_empty()
        && decoded.candidates.is_empty()
        && decoded.coverage.rejects.total() == 0
}

#[test]
fn both_readings_agree_on_real_logs() {
    let Some(folder) = needs::folder_beside("real-logs") else {
        return;
    };
    let mut records = 0;
    for path in files_below(&folder) {
        let body = fs::read(&path).unwrap();
        records += both_readings(&body).records;
        // Compact, as CloudTrail itself writes, so that the fast path is taken.
        if let Ok(value) = serde_json::from_slice::<serde_json::Value>(&body) {
            both_readings(value.to_string().as_bytes());
        }
    }
    assert!(records > 400, "{records}");
}

/// The expectations of `sample-logs/hostile/expected.json`: by file, records and
/// how many came to what.
#[derive(Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
struct Expected {
    records: u64,
    kept: u64,
    not_relevant: u64,
    rejected: u64,
    rejects: BTreeMap<String, u64>,
}

#[test]
fn hostile_samples_end_in_their_rejects() {
    let folder = Path::new("sample-logs/hostile");
    let mut found: BTreeMap<String, Expected> = BTreeMap::new();
    for path in files_below(folder) {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if matches!(name.as_str(), "expected.json" | "README.md") {
            continue;
        }
        let coverage = both_readings(&fs::read(&path).unwrap());
        let rejects = coverage.rejects.iter();
        let rejects = rejects.map(|(reason, count, _)| (reason.as_str().to_owned(), count));
        found.insert(
            name,
            Expected {
                records: coverage.records,
                kept: coverage.records_kept,
                not_relevant: coverage.records_not_relevant,
                rejected: coverage.records_rejected,
                rejects: rejects.collect(),
            },
        );
    }
    let path = folder.join("expected.json");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, serde_json::to_string_pretty(&found).unwrap() + "\n").unwrap();
    }
    let expected: BTreeMap<String, Expected> =
        serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    for (name, wanted) in &expected {
        assert_eq!(found.get(name), Some(wanted), "{name}");
    }
    assert_eq!(found.len(), expected.len());
}

#[test]
fn generated_logs_read_alike_both_ways() {
    for seed in 0..10 {
        let organization = demo::generate(&demo::DemoPlan {
            days: 1,
            chains_per_day: 6,
            noise_per_day: 60,
            ..demo::DemoPlan::demo(seed)
        });
        let source = Memory::of(&organization.logs);
        let fast = run(&plan(SplitMode::Fast, 1), &source);
        let plain = run(&plan(SplitMode::Plain, 1), &source);
        assert_eq!(fast.coverage, plain.coverage);
        assert_eq!(fast.chains, plain.chains);
        assert!(fast.coverage.records_not_relevant > 100);
    }
}

/// A small text with records of all kinds, to be damaged.
fn sample_text() -> String {
    let organization = demo::generate(&demo::DemoPlan {
        days: 1,
        consumers: 1,
        chains_per_day: 2,
        noise_per_day: 4,
        minutes_per_file: 1440,
        ..demo::DemoPlan::demo(11)
    });
    let mut largest = String::new();
    for file in &organization.logs {
        let mut text = String::new();
        let mut decoder = flate2::read::GzDecoder::new(file.body.as_slice());
        std::io::Read::read_to_string(&mut decoder, &mut text).unwrap();
        if text.len() > largest.len() {
            largest = text;
        }
    }
    largest
}

#[derive(Debug, Clone)]
enum Damage {
    Replace(usize, u8),
    Insert(usize, &'static str),
    Remove(usize, usize),
    Cut(usize),
    Repeat(usize, usize),
}

fn damage(body: &mut Vec<u8>, damage: &Damage) {
    let at = |position: usize| position % body.len().max(1);
    if body.is_empty() {
        return;
    }
    match *damage {
        Damage::Replace(position, byte) => {
            let position = at(position);
            body[position] = byte;
        }
        Damage::Insert(position, text) => {
            let position = at(position);
            body.splice(position..position, text.bytes());
        }
        Damage::Remove(position, length) => {
            let position = at(position);
            let end = (position + length).min(body.len());
            body.drain(position..end);
        }
        Damage::Cut(position) => {
            let position = at(position);
            body.truncate(position);
        }
        Damage::Repeat(position, length) => {
            let position = at(position);
            let end = (position + length).min(body.len());
            let part = body[position..end].to_vec();
            body.splice(position..position, part);
        }
    }
}

fn any_damage() -> impl Strategy<Value = Damage> {
    let texts = [
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        "\n",
        "\\u0073",
        "\\ud800",
        "é",
        "null",
        "0",
        "1.5e3",
        "-",
        "},{",
        "\"eventSource\":\"sts.amazonaws.com\",",
        "\"userIdentity\":{},",
        "\"invokedBy\":\"athena.amazonaws.com\",",
        "\u{0}",
        "\u{1f}",
        "]}",
        "{\"Records\":[",
    ];
    prop_oneof![
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Replace(at, byte)),
        (any::<usize>(), prop::sample::select(texts.to_vec()))
            .prop_map(|(at, text)| Damage::Insert(at, text)),
        (any::<usize>(), 1usize..40).prop_map(|(at, length)| Damage::Remove(at, length)),
        any::<usize>().prop_map(Damage::Cut),
        (any::<usize>(), 1usize..400).prop_map(|(at, length)| Damage::Repeat(at, length)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn both_readings_agree_on_damaged_logs(damages in prop::collection::vec(any_damage(), 1..6)) {
        use std::sync::LazyLock;
        static TEXT: LazyLock<String> = LazyLock::new(sample_text);
        let mut body = TEXT.clone().into_bytes();
        for one in &damages {
            damage(&mut body, one);
        }
        both_readings(&body);
    }

    #[test]
    fn both_readings_agree_on_any_text(body in "[\\[\\]{},:\"\\\\a-e0-9. \\n]{0,200}") {
        both_readings(body.as_bytes());
        both_readings(format!("{{\"Records\":[{body}]}}").as_bytes());
    }

    #[test]
    fn any_bytes_decode_to_something(body in prop::collection::vec(any::<u8>(), 0..300)) {
        both_readings(&body);
        let gzip = [&[0x1f, 0x8b, 0x08][..], &body].concat();
        both_readings(&gzip);
    }
}

#[test]
fn a_damaged_record_costs_only_itself() {
    let text = sample_text();
    let whole = both_readings(text.as_bytes());
    let damaged = text.replacen("\"eventTime\":", "\"eventTime\";", 1);
    let rest = both_readings(damaged.as_bytes());
    assert_eq!(rest.records, whole.records);
    assert_eq!(rest.records_rejected, 1);
}

/// A text of nothing but openings once took time by the square of its length:
/// this one would run for days.
#[test]
fn openings_that_never_close_are_given_up() {
    let text = format!("{{\"Records\":[{}", "{\"eventVersion\":".repeat(2_000_000));
    let coverage = both_readings(text.as_bytes());
    assert!(coverage.records_rejected < 300, "{coverage:?}");
}

/// So did openings with a sound record behind each of them.
#[test]
fn openings_between_sound_records_are_given_up() {
    for opening in ["[{\"a\":{\n", "{\"a\":{\n", "{\"Records\":[],\"a\":{\n"] {
        let text = format!("{opening}{{\"eventVersion\":1}}\n").repeat(200_000);
        let coverage = both_readings(text.as_bytes());
        let examples = coverage.rejects.iter().flat_map(|(.., examples)| examples);
        let details: Vec<&str> = examples.map(|one| &*one.detail).collect();
        assert!(coverage.records < 1000, "{opening:?}: {}", coverage.records);
        assert!(!details.is_empty(), "{opening:?}");
    }
}

/// What follows the records of an envelope may be cut off; the records are read once.
#[test]
fn records_of_a_cut_envelope_are_read_once() {
    let record = "{\"eventVersion\":\"1.08\",\"eventSource\":\"ec2.amazonaws.com\"}";
    for rest in ["\"more\":{", "\"more\":\"", "\"more"] {
        let text = format!("{{\"Records\":[{record},{record}],{rest}");
        let coverage = both_readings(text.as_bytes());
        assert_eq!(coverage.records_not_relevant, 2, "{rest}");
        assert_eq!(coverage.rejects.total(), 1, "{rest}");
    }
}

/// A wrapper that holds records in another form may be larger than a record, behind damage, too.
#[test]
fn wrappers_behind_an_open_record_are_read() {
    let record = "{\"eventVersion\":\"1.08\",\"eventSource\":\"ec2.amazonaws.com\"}";
    let inner = serde_json::to_string(record).expect("a JSON string");
    let event = format!("{{\"id\":\"1\",\"timestamp\":1,\"message\":{inner}}}");
    let events = vec![event; 30_000].join(",");
    let text = format!(
        "{{\"eventVersion\":\"1.08\",\"open\":{{\n{record}\n\
         {{\"messageType\":\"DATA_MESSAGE\",\"logEvents\":[{events}]}}\n"
    );
    let coverage = both_readings(text.as_bytes());
    assert!(text.len() > 2 << 20);
    assert_eq!(coverage.records_not_relevant, 30_001);
}

#[test]
fn records_behind_an_open_one_are_read() {
    let good = |number: u32| {
        format!(
            "{{\"eventVersion\":\"1.08\",\"eventSource\":\"ec2.amazonaws.com\",\"n\":{number}}}"
        )
    };
    for broken in ["{\"eventVersion\":\"1.08\",\"x\":\"open", "[[[[[["] {
        let text = format!(
            "{{\"Records\":[{},{broken},{},{}]}}",
            good(1),
            good(2),
            good(3)
        );
        let coverage = both_readings(text.as_bytes());
        assert_eq!(coverage.records_not_relevant, 3, "{broken}");
        assert_eq!(coverage.rejects.total(), 1, "{broken}");
        let lines = format!("{}\n{broken}\n{}\n", good(1), good(2));
        assert_eq!(
            both_readings(lines.as_bytes()).records_not_relevant,
            2,
            "{broken}"
        );
    }
}

#[test]
fn limits_hold_at_the_limit_and_not_one_past_it() {
    let record = |length: usize| {
        let bare = "{\"eventSource\":\"ec2.amazonaws.com\",\"x\":\"\"}";
        let padding = "x".repeat(length - bare.len());
        format!(
            "{{\"Records\":[{}]}}",
            bare.replace("\"\"", &format!("\"{padding}\""))
        )
    };
    let limits = Limits {
        record_bytes_max: 1000,
        ..Limits::DEFAULT
    };
    for (length, rejected) in [(999, 0), (1000, 0), (1001, 1)] {
        for reading in [SplitMode::Fast, SplitMode::Plain] {
            let decoded = decode_with(record(length).as_bytes(), reading, false, limits);
            assert_eq!(decoded.coverage.records_rejected, rejected, "{length}");
        }
    }
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth - 1), "]".repeat(depth - 1));
        format!("{{\"Records\":[{{\"eventSource\":\"ec2.amazonaws.com\",\"x\":{open}{close}}}]}}")
    };
    let limits = Limits {
        nesting_max: 70,
        ..Limits::DEFAULT
    };
    for (depth, rejected) in [(69, 0), (70, 0), (71, 1)] {
        for reading in [SplitMode::Fast, SplitMode::Plain] {
            let decoded = decode_with(nested(depth).as_bytes(), reading, false, limits);
            assert_eq!(decoded.coverage.records_rejected, rejected, "{depth}");
        }
    }
}

#[test]
fn a_string_of_a_kept_record_is_at_most_as_long_as_its_limit() {
    let record = |length: usize, source: &str| {
        let padding = "x".repeat(length);
        format!(
            "{{\"Records\":[{{\"eventVersion\":\"1.11\",\"eventSource\":\"{source}\",\
             \"eventName\":\"StartQueryExecution\",\"eventTime\":\"2026-07-01T10:00:00Z\",\
             \"eventID\":\"e\",\"userAgent\":\"{padding}\"}}]}}"
        )
    };
    let limits = Limits {
        string_bytes_max: 500,
        ..Limits::DEFAULT
    };
    for (length, rejected) in [(499, 0), (500, 0), (501, 1)] {
        for reading in [SplitMode::Fast, SplitMode::Plain] {
            let text = record(length, "athena.amazonaws.com");
            let decoded = decode_with(text.as_bytes(), reading, false, limits);
            assert_eq!(decoded.coverage.records_rejected, rejected, "{length}");
            assert_eq!(decoded.events.len() as u64, 1 - rejected, "{length}");
            // What is not kept may be as long as a record.
            let text = record(length, "ec2.amazonaws.com");
            let decoded = decode_with(text.as_bytes(), reading, false, limits);
            assert_eq!(decoded.coverage.records_rejected, 0, "{length}");
        }
    }
}

#[test]
fn the_limit_of_a_run_is_the_last_byte_that_is_read() {
    let text = b"{\"Records\":[]}".to_vec();
    let two = 2 * text.len() as u64;
    for (limit, read) in [(two - 1, 2), (two, 3), (two + 1, 3)] {
        let objects = (0..4).map(|number| (format!("{number}.json"), text.clone()));
        let mut plan = plan(SplitMode::Fast, 1);
        plan.limits.run_bytes_max = limit;
        let audit = run(&plan, &Memory::new(objects));
        // Up to the limit another object is begun.
        assert_eq!(audit.coverage.objects_read, read, "{limit}");
        assert_eq!(audit.coverage.objects_failed, 4 - read, "{limit}");
        assert_eq!(audit.coverage.rejects.total(), 4 - read, "{limit}");
    }
}

#[test]
fn a_run_stops_reading_at_its_limit_and_says_so() {
    let text = b"{\"Records\":[]}".to_vec();
    let objects = (0..5).map(|number| (format!("{number}.json"), text.clone()));
    let source = Memory::new(objects);
    let mut plan = plan(SplitMode::Fast, 1);
    plan.limits.run_bytes_max = 30;
    let audit = run(&plan, &source);
    // The object that crosses the limit is the last one read.
    assert_eq!(audit.coverage.objects_read, 3);
    assert_eq!(audit.coverage.objects_failed, 2);
}

#[test]
fn no_token_or_sql_leaves_decode() {
    let organization = demo::generate(&demo::DemoPlan::sample());
    let audit = run(&plan(SplitMode::Fast, 2), &Memory::of(&organization.logs));
    let everything = format!("{:?} {:?}", audit.events, audit.chains);
    assert!(everything.contains("ASIA"));
    assert!(!everything.contains("EXAMPLETOKEN"));
}

/// A record with a text that is too long and an identity that cannot be read once cost the next record, too.
#[test]
fn what_is_wrong_with_a_record_costs_no_other() {
    let record = |identity: &str, work_group: &str| {
        format!(
            "{{\"eventVersion\":\"1.08\",\"userIdentity\":{identity},\"eventTime\":\"2026-11-01T00:00:00Z\",\
             \"eventSource\":\"athena.amazonaws.com\",\"eventName\":\"StartQueryExecution\",\"awsRegion\":\"us-east-1\",\
             \"sourceIPAddress\":\"192.0.2.1\",\"requestParameters\":{{\"workGroup\":\"{work_group}\"}}}}"
        )
    };
    let limits = Limits {
        kept_text_bytes_max: 100,
        ..Limits::DEFAULT
    };
    let long = "x".repeat(200);
    let text = format!(
        "{{\"Records\":[{},{},{}]}}",
        record("{\"type\":\"IAMUser\",\"arn\":5}", &long),
        record("{\"type\":\"IAMUser\"}", "primary"),
        record("{\"type\":\"IAMUser\"}", &long),
    );
    for reading in [SplitMode::Fast, SplitMode::Plain] {
        let decoded = decode_with(text.as_bytes(), reading, false, limits);
        assert_eq!(decoded.coverage.records_kept, 1);
        assert_eq!(decoded.coverage.records_rejected, 2);
    }
}

/// The recipient is looked for near the end of its record, and not in the next one.
#[test]
fn a_recipient_is_that_of_its_own_record() {
    let record = |end: &str| {
        format!(
            "{{\"eventVersion\":\"1.08\",\"userIdentity\":{{\"type\":\"Root\"}},\"eventTime\":\"2026-11-01T00:00:00Z\",\
             \"eventSource\":\"ec2.amazonaws.com\",\"eventName\":\"RunInstances\",\"awsRegion\":\"us-east-1\",\
             \"sourceIPAddress\":\"192.0.2.1\"{end}}}"
        )
    };
    let recipient = ",\"recipientAccountId\":\"111122223333\"";
    let next = format!("{{\"a\":1{recipient},{}", &record("")[1..]);
    for records in [
        [record(recipient), record(",\"x\":1"), next],
        [
            record(recipient),
            record(recipient),
            record(&recipient.replace('1', "2")),
        ],
        [
            record(&format!("{recipient}{recipient}")),
            record(recipient),
            record(recipient),
        ],
    ] {
        let text = format!("{{\"Records\":[{}]}}", records.join(","));
        both_readings(text.as_bytes());
    }
}
