//! JSON that wraps CloudTrail records: `LookupEvents`, `EventBridge`, CloudWatch Logs, queues and
//! exports of SIEMs (docs/cloudtrail-facts.md#envelopes).

use crate::model::json::{for_each_of, member, members};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::read::MultiGzDecoder;
use serde::Deserialize;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::io::Read;

/// Envelopes inside envelopes: a queue message with a notification with an event has three.
const DEPTH_MAX: u32 = 8;

/// The contents of a JSON value that is no CloudTrail record itself.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Envelope {
    /// Its records, in order. Some may be damaged.
    Records(Vec<String>),
    /// A digest file.
    Digest,
    /// A message of a service about its own transport, without events.
    Control,
    /// A known form that has no CloudTrail records, by its name.
    Foreign(&'static str),
    /// An unknown form.
    Unknown,
}

impl Envelope {
    /// Opens a JSON value. Decoded data may have at most `bytes_max` bytes.
    pub(super) fn of(text: &str, bytes_max: usize) -> Self {
        let mut walk = EnvelopeWalk {
            records: Vec::new(),
            found: None,
            bytes_left: bytes_max,
        };
        walk.value(text, 0);
        match walk.found {
            _ if !walk.records.is_empty() => Self::Records(walk.records),
            Some(found) => found,
            None => Self::Unknown,
        }
    }
}

/// Returns true if an `eventSource` is one of messages to functions and queues, which resemble
/// records of CloudTrail: `aws:s3`, `aws:sqs`, `aws:kinesis`.
pub(super) fn is_message_source(source: &[u8]) -> bool {
    source.starts_with(b"aws:")
}

/// The name of a message about an object in S3.
pub(super) const NOTIFICATION: &str =
    "an S3 event notification: it names files and has no events; read the files";

struct EnvelopeWalk {
    records: Vec<String>,
    /// The form, if no record was found: the first one that is known.
    found: Option<Envelope>,
    bytes_left: usize,
}

/// The members of an object that decide its form.
#[derive(Deserialize)]
struct Probe<'a> {
    #[serde(rename = "eventSource", borrow)]
    source: Option<&'a RawValue>,
    #[serde(rename = "digestS3Object", borrow)]
    digest: Option<&'a RawValue>,
    #[serde(rename = "detail-type", borrow)]
    detail_type: Option<Cow<'a, str>>,
    #[serde(rename = "messageType", borrow)]
    message_type: Option<Cow<'a, str>>,
    #[serde(rename = "s3ObjectKey", borrow)]
    delivered: Option<&'a RawValue>,
    #[serde(rename = "_source", borrow)]
    hit: Option<&'a RawValue>,
    #[serde(rename = "@timestamp", borrow)]
    indexed_at: Option<&'a RawValue>,
}

/// Members that hold records, as JSON or as text of JSON.
const HOLDERS: [&str; 22] = [
    // LookupEvents, trails
    "CloudTrailEvent",
    "Events",
    "Records",
    // EventBridge
    "detail",
    // CloudWatch Logs: subscriptions, filter-log-events
    "logEvents",
    "events",
    "message",
    // SNS, SQS, Firehose, Lambda
    "Message",
    "Messages",
    "Body",
    "body",
    "records",
    "awslogs",
    "kinesis",
    "Sns",
    // Elasticsearch and OpenSearch
    "hits",
    "_source",
    "event",
    "original",
    // Splunk
    "result",
    "results",
    "_raw",
];

/// The member whose text is base64, of gzip or of JSON.
const ENCODED: &str = "data";

impl EnvelopeWalk {
    fn note(&mut self, found: Envelope) {
        self.found.get_or_insert(found);
    }

    fn foreign(&mut self, form: &'static str) {
        self.note(Envelope::Foreign(form));
    }

    fn value(&mut self, text: &str, depth: u32) {
        let text = text.trim_start();
        if depth > DEPTH_MAX {
            return self.foreign("envelopes inside envelopes, more than are opened");
        }
        match text.as_bytes().first() {
            Some(b'{') => self.object(text, depth),
            Some(b'[') => {
                let Ok(list) = serde_json::from_str::<&RawValue>(text) else {
                    return;
                };
                for_each_of(Some(list), &mut |item| self.value(item.get(), depth + 1));
            }
            Some(b'"') => {
                if let Ok(inner) = serde_json::from_str::<Cow<'_, str>>(text) {
                    self.text(&inner, depth);
                }
            }
            _ => {}
        }
    }

    /// Text that may be JSON: one value, or several after one another.
    fn text(&mut self, text: &str, depth: u32) {
        let text = text.trim_start_matches(|letter: char| {
            letter == '\u{feff}' || letter.is_ascii_whitespace()
        });
        if !text.starts_with(['{', '[']) {
            return self.foreign("text that is not JSON where records are expected");
        }
        let mut values = serde_json::Deserializer::from_str(text).into_iter::<&RawValue>();
        let mut end = 0;
        while let Some(Ok(value)) = values.next() {
            self.value(value.get(), depth + 1);
            end = values.byte_offset();
        }
        let rest = text[end..].trim();
        if !rest.is_empty() {
            // Damaged: it becomes a reject where it is read as a record.
            self.records.push(rest.to_owned());
        }
    }

    fn object(&mut self, text: &str, depth: u32) {
        let (Ok(probe), Ok(object)) = (
            serde_json::from_str::<Probe<'_>>(text),
            serde_json::from_str::<&RawValue>(text),
        ) else {
            return self.records.push(text.to_owned());
        };
        match probe.source.map(|source| source.get().trim_matches('"')) {
            Some("aws:s3") => return self.foreign(NOTIFICATION),
            Some(source) if !is_message_source(source.as_bytes()) => {
                return self.records.push(text.to_owned());
            }
            _ => {}
        }
        if probe.digest.is_some() {
            return self.note(Envelope::Digest);
        }
        if probe.message_type.as_deref() == Some("CONTROL_MESSAGE") {
            return self.note(Envelope::Control);
        }
        let kind = probe.detail_type.as_deref();
        if kind.is_some_and(|kind| !kind.ends_with("via CloudTrail")) {
            return self.foreign("an EventBridge event that is not CloudTrail's");
        }
        if probe.delivered.is_some() {
            return self.foreign(
                "a notification of delivered log files: it names files and has no events; read the files",
            );
        }
        let before = self.records.len();
        for value in members(object, HOLDERS).into_iter().flatten() {
            self.value(value.get(), depth + 1);
        }
        let encoded = member(object, ENCODED).map(RawValue::get);
        if let Some(Ok(text)) = encoded.map(serde_json::from_str::<Cow<'_, str>>) {
            self.encoded(&text, depth);
        }
        let is_indexed = probe.hit.is_some() || probe.indexed_at.is_some();
        if is_indexed && self.records.len() == before {
            self.foreign("an Elasticsearch document without the original record (event.original)");
        }
    }

    /// Base64, as Kinesis, Firehose and subscriptions in Lambda events have it.
    fn encoded(&mut self, text: &str, depth: u32) {
        let Ok(bytes) = STANDARD.decode(text.trim()) else {
            return;
        };
        let mut inflated = Vec::new();
        let text = if bytes.starts_with(&[0x1f, 0x8b]) {
            let limit = u64::try_from(self.bytes_left).unwrap_or(u64::MAX);
            let read = MultiGzDecoder::new(&*bytes)
                .take(limit.saturating_add(1))
                .read_to_end(&mut inflated);
            if read.is_err() {
                return self.foreign("damaged gzip data in base64");
            }
            if inflated.len() > self.bytes_left {
                return self.foreign("gzip data in base64 that is larger than the limit");
            }
            self.bytes_left -= inflated.len();
            &inflated
        } else {
            &bytes
        };
        match std::str::from_utf8(text) {
            Ok(text) => self.text(text, depth),
            Err(_) => self.foreign("data in base64 that is not text"),
        }
    }
}

/// Returns the records of a JSON value: the value itself, or the records that it wraps.
pub(super) fn records_in(text: &str, bytes_max: usize) -> Vec<Cow<'_, str>> {
    #[derive(Deserialize)]
    struct Source<'a> {
        #[serde(rename = "eventSource", borrow)]
        source: Option<&'a RawValue>,
    }
    let source = serde_json::from_str::<Source<'_>>(text).ok();
    let source = source.and_then(|source| source.source);
    let source = source.map(|source| source.get().trim_matches('"'));
    if source.is_some_and(|source| !is_message_source(source.as_bytes())) {
        return vec![text.into()];
    }
    match Envelope::of(text, bytes_max) {
        Envelope::Records(records) => records.into_iter().map(Cow::from).collect(),
        _ => vec![text.into()],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use serde_json::json;
    use std::io::Write;

    const RECORD: &str = r#"{"eventSource":"sts.amazonaws.com","eventName":"AssumeRole"}"#;

    fn records(text: &str) -> Vec<String> {
        match Envelope::of(text, 1 << 20) {
            Envelope::Records(records) => records,
            other => panic!("{other:?}"),
        }
    }

    fn encoded(text: &str) -> String {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(text.as_bytes()).unwrap();
        STANDARD.encode(encoder.finish().unwrap())
    }

    #[test]
    fn every_envelope_gives_its_records() {
        let record: serde_json::Value = serde_json::from_str(RECORD).unwrap();
        let subscription = json!({
            "messageType": "DATA_MESSAGE",
            "logGroup": "trail",
            "logEvents": [{"id": "1", "timestamp": 1, "message": RECORD}, {"id": "2", "message": RECORD}],
        });
        let bridge = json!({"detail-type": "AWS API Call via CloudTrail", "detail": record});
        for (wrapped, count) in [
            (json!([RECORD, RECORD]), 2),
            (json!([["AssumeRole", RECORD]]), 1),
            (json!({"CloudTrailEvent": RECORD}), 1),
            (json!({"CloudTrailEvent": record}), 1),
            (subscription.clone(), 2),
            (
                json!({"awslogs": {"data": encoded(&subscription.to_string())}}),
                2,
            ),
            (
                json!({"events": [{"logStreamName": "s", "message": RECORD}]}),
                1,
            ),
            (bridge.clone(), 1),
            (json!({"messageId": "1", "body": bridge.to_string()}), 1),
            (
                json!({"Messages": [{"Body": json!({"Type": "Notification", "Message": bridge.to_string()}).to_string()}]}),
                1,
            ),
            (
                json!({"messageId": "1", "body": bridge.to_string(), "eventSource": "aws:sqs"}),
                1,
            ),
            (
                json!({"EventSource": "aws:sns", "Sns": {"Message": bridge.to_string()}}),
                1,
            ),
            (json!({"kinesis": {"data": STANDARD.encode(RECORD)}}), 1),
            (
                json!({"records": [{"recordId": "1", "data": encoded(RECORD)}]}),
                1,
            ),
            (
                json!({"hits": {"total": 1, "hits": [{"_index": "x", "_source": record}]}}),
                1,
            ),
            (
                json!({"_source": {"event": {"action": "AssumeRole", "original": RECORD}}}),
                1,
            ),
            (json!({"preview": false, "result": {"_raw": RECORD}}), 1),
            (json!({"body": format!("{RECORD}\n{RECORD}")}), 2),
        ] {
            assert_eq!(
                records(&wrapped.to_string()),
                vec![RECORD; count],
                "{wrapped}"
            );
        }
    }

    #[test]
    fn forms_without_records_are_named() {
        for (text, form) in [
            (
                json!({"Type": "Notification", "Message": "{\"s3Bucket\":\"b\",\"s3ObjectKey\":[\"k\"]}"}),
                "delivered log files",
            ),
            (
                json!({"detail-type": "Scheduled Event", "detail": {}}),
                "EventBridge",
            ),
            (
                json!({"_source": {"event": {"action": "AssumeRole"}}}),
                "event.original",
            ),
            (json!(["AssumeRole"]), "not JSON"),
            (
                json!({"data": encoded(&" ".repeat(2000))}),
                "larger than the limit",
            ),
        ] {
            let Envelope::Foreign(found) = Envelope::of(&text.to_string(), 1000) else {
                panic!("{text}");
            };
            assert!(found.contains(form), "{text}: {found}");
        }
        let control = json!({"messageType": "CONTROL_MESSAGE", "logEvents": [{"message": "test"}]});
        assert_eq!(Envelope::of(&control.to_string(), 10), Envelope::Control);
        assert_eq!(Envelope::of("{\"a\":1}", 10), Envelope::Unknown);
    }

    #[test]
    fn damage_inside_costs_only_itself() {
        let broken = json!([RECORD, "{\"eventSource\":", RECORD]);
        assert_eq!(
            records(&broken.to_string()),
            [RECORD, "{\"eventSource\":", RECORD]
        );
        let deep = (0..12).fold(RECORD.to_owned(), |inner, _| {
            json!({"Message": inner}).to_string()
        });
        assert!(matches!(Envelope::of(&deep, 10), Envelope::Foreign(_)));
    }
}
