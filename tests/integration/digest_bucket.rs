//! A bucket of logs with digests that are really signed: by a key that was made for
//! this and vouches for nothing else. Used by tests and by a benchmark.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use qs_audit::demo::GeneratedFile;
use qs_audit::integrity::LogFileName;
use qs_audit::model::time::UtcSecond;
use ring::rand::SystemRandom;
use ring::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::Write as _;
use std::path::Path;

pub(crate) const BUCKET: &str = "amzn-s3-demo-bucket";
pub(crate) const TRAIL: &str = "org-trail";
pub(crate) const ORGANIZATION: &str = "o-exampleorgid";
pub(crate) const FINGERPRINT: &str = "0a1b2c3d4e5f60718293a4b5c6d7e8f9";

/// An object and what is kept next to it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Object {
    pub(crate) body: Vec<u8>,
    pub(crate) metadata: BTreeMap<String, String>,
}

/// Objects by key.
#[derive(Debug, Clone, Default)]
pub(crate) struct Bucket(pub(crate) BTreeMap<String, Object>);

pub(crate) fn sha256_hex(text: &[u8]) -> String {
    let mut hex = String::new();
    for byte in Sha256::digest(text) {
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

pub(crate) fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

pub(crate) fn gunzip(body: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(body), &mut text).unwrap();
    text
}

/// Who signs.
pub(crate) struct Signer(RsaKeyPair);

impl Signer {
    pub(crate) fn new() -> Self {
        let text = include_str!("../data/digest-signing-key.b64").replace('\n', "");
        Self(RsaKeyPair::from_pkcs8(&STANDARD.decode(text).unwrap()).unwrap())
    }

    /// Output of `aws cloudtrail list-public-keys`.
    pub(crate) fn public_keys(&self) -> Value {
        json!({"PublicKeyList": [{
            "Value": STANDARD.encode(self.0.public_key().as_ref()),
            "ValidityStartTime": 1_760_000_000.0, "ValidityEndTime": 1_860_000_000.0,
            "Fingerprint": FINGERPRINT,
        }]})
    }

    fn sign(&self, text: &str) -> String {
        let mut signature = vec![0; self.0.public().modulus_len()];
        self.0
            .sign(
                &RSA_PKCS1_SHA256,
                &SystemRandom::new(),
                text.as_bytes(),
                &mut signature,
            )
            .unwrap();
        let mut hex = String::new();
        for byte in signature {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }

    /// Puts a digest into a bucket, signed; gives its signature.
    pub(crate) fn put(&self, bucket: &mut Bucket, digest: &Value) -> String {
        let text = digest.to_string();
        let member = |name: &str| digest[name].as_str().unwrap_or("null").to_owned();
        let signature = self.sign(&format!(
            "{}\n{}/{}\n{}\n{}",
            member("digestEndTime"),
            member("digestS3Bucket"),
            member("digestS3Object"),
            sha256_hex(text.as_bytes()),
            member("previousDigestSignature"),
        ));
        let key = member("digestS3Object");
        let mut metadata: BTreeMap<String, String> = BTreeMap::new();
        metadata.insert("signature".into(), signature.clone());
        metadata.insert("signature-algorithm".into(), "SHA256withRSA".into());
        if key.contains("_backfill") {
            metadata.insert(
                "backfill-generation-timestamp".into(),
                member("digestEndTime"),
            );
        }
        let body = gzip(text.as_bytes());
        bucket.0.insert(key, Object { body, metadata });
        signature
    }
}

/// One account's logs and digests in one Region.
#[derive(Debug, Clone)]
pub(crate) struct Chain<'a> {
    pub(crate) account: &'a str,
    pub(crate) region: &'a str,
    /// The end of the first digest.
    pub(crate) first: UtcSecond,
    pub(crate) hours: i64,
    /// Log files of an hour; every seventh hour has none.
    pub(crate) files: i64,
    pub(crate) backfill: bool,
}

pub(crate) fn stamp(moment: UtcSecond) -> String {
    moment.to_string().replace(['-', ':'], "")
}

fn folder(account: &str, kind: &str, region: &str, at: UtcSecond) -> String {
    let day = at.to_string()[..10].replace('-', "/");
    format!("AWSLogs/{ORGANIZATION}/{account}/{kind}/{region}/{day}")
}

pub(crate) fn digest_key(account: &str, region: &str, end: UtcSecond, backfill: bool) -> String {
    let ending = if backfill { "_backfill" } else { "" };
    format!(
        "{}/{account}_CloudTrail-Digest_{region}_{TRAIL}_us-east-1_{}{ending}.json.gz",
        folder(account, "CloudTrail-Digest", region, end),
        stamp(end)
    )
}

pub(crate) fn log_key(account: &str, region: &str, at: UtcSecond, unique: &str) -> String {
    let minute = &stamp(at)[..13];
    format!(
        "{}/{account}_CloudTrail_{region}_{minute}Z_{unique}.json.gz",
        folder(account, "CloudTrail", region, at)
    )
}

/// A log file of one read call.
pub(crate) fn log_text(account: &str, region: &str, at: UtcSecond, number: i64) -> Vec<u8> {
    let record = json!({
        "eventVersion": "1.11", "eventTime": at, "eventSource": "ec2.amazonaws.com",
        "eventName": "DescribeInstances", "awsRegion": region, "recipientAccountId": account,
        "userIdentity": {"type": "AWSService", "invokedBy": "ec2.amazonaws.com"},
        "eventID": format!("{number:08x}-0000-4000-8000-{account}"), "eventType": "AwsApiCall",
    });
    json!({"Records": [record]}).to_string().into_bytes()
}

impl Chain<'_> {
    /// Puts logs and digests into a bucket: the chain as CloudTrail writes it.
    pub(crate) fn put(&self, signer: &Signer, bucket: &mut Bucket) {
        let mut files: Vec<Vec<(String, Vec<u8>)>> = Vec::new();
        for hour in 0..self.hours {
            let start = self.first.plus((hour - 1) * 3600);
            let count = if hour % 7 == 6 { 0 } else { self.files };
            let own = (0..count).map(|number| {
                let at = start.plus(60 + number * 3400 / count.max(1));
                let kind = u8::from(self.backfill);
                let unique = format!("{kind}{hour:05}{number:010}");
                let text = log_text(self.account, self.region, at, hour * 1000 + number);
                (log_key(self.account, self.region, at, &unique), text)
            });
            files.push(own.collect());
        }
        self.put_files(signer, bucket, files);
    }

    /// The same with these files, hour by hour.
    pub(crate) fn put_files(
        &self,
        signer: &Signer,
        bucket: &mut Bucket,
        files: Vec<Vec<(String, Vec<u8>)>>,
    ) {
        let mut previous: Option<(String, String, String)> = None;
        for (hour, files) in (0..).zip(files) {
            let end = self.first.plus(hour * 3600);
            let key = digest_key(self.account, self.region, end, self.backfill);
            let mut named = Vec::new();
            for (log, text) in files {
                named.push(json!({
                    "s3Bucket": BUCKET, "s3Object": log, "hashValue": sha256_hex(&text),
                    "hashAlgorithm": "SHA-256",
                    "newestEventTime": end, "oldestEventTime": end.plus(-3600),
                }));
                let body = gzip(&text);
                bucket.0.insert(
                    log,
                    Object {
                        body,
                        metadata: BTreeMap::new(),
                    },
                );
            }
            let before = |at: usize| match (&previous, at) {
                (Some((key, ..)), 0) => Value::from(key.as_str()),
                (Some((_, hash, _)), 1) => Value::from(hash.as_str()),
                (Some((.., signature)), 2) => Value::from(signature.as_str()),
                (Some(_), 3) => Value::from(BUCKET),
                (Some(_), _) => Value::from("SHA-256"),
                (None, _) => Value::Null,
            };
            let digest = json!({
                "awsAccountId": self.account,
                "digestStartTime": end.plus(-3600), "digestEndTime": end,
                "digestS3Bucket": BUCKET, "digestS3Object": key,
                "digestPublicKeyFingerprint": FINGERPRINT,
                "digestSignatureAlgorithm": "SHA256withRSA",
                "newestEventTime": Value::Null, "oldestEventTime": Value::Null,
                "previousDigestS3Bucket": before(3), "previousDigestS3Object": before(0),
                "previousDigestHashValue": before(1), "previousDigestHashAlgorithm": before(4),
                "previousDigestSignature": before(2), "logFiles": named,
            });
            let signature = signer.put(bucket, &digest);
            let hash = sha256_hex(digest.to_string().as_bytes());
            previous = Some((key, hash, signature));
        }
    }
}

impl Bucket {
    /// Keys that hold a text.
    pub(crate) fn keys(&self, text: &str) -> Vec<String> {
        let keys = self.0.keys().filter(|key| key.contains(text));
        keys.cloned().collect()
    }

    pub(crate) fn digest(&self, key: &str) -> Value {
        serde_json::from_slice(&gunzip(&self.0[key].body)).unwrap()
    }

    /// Changes an object's text, and nothing next to it.
    pub(crate) fn rewrite(&mut self, key: &str, change: impl FnOnce(Vec<u8>) -> Vec<u8>) {
        let object = self.0.get_mut(key).unwrap();
        object.body = gzip(&change(gunzip(&object.body)));
    }

    /// The metadata of all digests: what `--signatures` takes.
    pub(crate) fn signatures(&self) -> Value {
        let object_metadata = self
            .0
            .iter()
            .filter(|(_, object)| !object.metadata.is_empty());
        let object_metadata =
            object_metadata.map(|(key, object)| (key.clone(), json!(object.metadata)));
        Value::Object(object_metadata.collect::<Map<_, _>>())
    }

    /// Writes the objects below a folder, as a copy has them.
    pub(crate) fn write_copy(&self, root: &Path) {
        for (key, object) in &self.0 {
            let path = root.join(key);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, &object.body).unwrap();
        }
    }

    /// What is kept next to each object, by the path of a request for it.
    pub(crate) fn metadata_by_path(&self) -> BTreeMap<String, BTreeMap<String, String>> {
        let all = self.0.iter();
        let all = all.map(|(key, object)| (format!("/{BUCKET}/{key}"), object.metadata.clone()));
        all.collect()
    }
}

/// What goes wrong in an account of [`organization`], by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plant {
    Nothing,
    LogAltered,
    LogRemoved,
    LogTrailed,
    LogCut,
    DigestAltered,
    DigestRemoved,
    DigestsRemoved,
    DigestMoved,
    SignatureForged,
    ChainBegunAnew,
    BackfillAltered,
}

impl Plant {
    pub(crate) const ALL: [Self; 12] = [
        Self::Nothing,
        Self::LogAltered,
        Self::LogRemoved,
        Self::LogTrailed,
        Self::LogCut,
        Self::DigestAltered,
        Self::DigestRemoved,
        Self::DigestsRemoved,
        Self::DigestMoved,
        Self::SignatureForged,
        Self::ChainBegunAnew,
        Self::BackfillAltered,
    ];
}

/// Accounts of one Region for some hours, each with its own fault in the middle.
pub(crate) fn organization(
    signer: &Signer,
    accounts: usize,
    first: UtcSecond,
    hours: i64,
    files: i64,
) -> (Vec<String>, Bucket) {
    let mut bucket = Bucket::default();
    let mut names = Vec::new();
    for number in 0..accounts {
        let account = format!("{:012}", 444_455_556_666 + number);
        let plant = Plant::ALL[number % Plant::ALL.len()];
        let chain = Chain {
            account: &account,
            region: "eu-central-1",
            first,
            hours,
            files,
            backfill: false,
        };
        if plant == Plant::ChainBegunAnew {
            let half = hours / 2;
            Chain {
                hours: half,
                ..chain.clone()
            }
            .put(signer, &mut bucket);
            let later = first.plus((half + 5) * 3600);
            Chain {
                first: later,
                hours: hours - half - 5,
                ..chain.clone()
            }
            .put(signer, &mut bucket);
        } else {
            chain.put(signer, &mut bucket);
        }
        if number % 4 == 3 {
            Chain {
                hours: hours / 3,
                backfill: true,
                ..chain.clone()
            }
            .put(signer, &mut bucket);
        }
        sow(plant, &chain, &mut bucket);
        names.push(account);
    }
    (names, bucket)
}

fn sow(plant: Plant, chain: &Chain<'_>, bucket: &mut Bucket) {
    let middle = chain.hours / 2 + (6 - chain.hours / 2 % 7).min(1);
    let key = |hour: i64, backfill: bool| {
        digest_key(
            chain.account,
            chain.region,
            chain.first.plus(hour * 3600),
            backfill,
        )
    };
    let digest = key(middle, false);
    let log = || {
        let named = bucket.digest(&digest)["logFiles"][0]["s3Object"].clone();
        named.as_str().unwrap().to_owned()
    };
    match plant {
        Plant::Nothing | Plant::ChainBegunAnew => {}
        Plant::LogAltered => {
            let log = log();
            bucket.rewrite(&log, |text| [text, b" ".to_vec()].concat());
        }
        Plant::LogRemoved => {
            let log = log();
            bucket.0.remove(&log);
        }
        Plant::LogTrailed => {
            let log = log();
            bucket.0.get_mut(&log).unwrap().body.extend(b"trailing");
        }
        Plant::LogCut => {
            let log = log();
            let body = &mut bucket.0.get_mut(&log).unwrap().body;
            body.truncate(body.len() / 2);
        }
        Plant::DigestAltered => bucket.rewrite(&digest, |text| [text, b" ".to_vec()].concat()),
        Plant::DigestRemoved => drop(bucket.0.remove(&digest)),
        Plant::DigestsRemoved => {
            for hour in middle..middle + 3 {
                bucket.0.remove(&key(hour, false));
            }
        }
        Plant::DigestMoved => {
            let other = bucket.0[&key(middle - 2, false)].clone();
            bucket.0.insert(digest, other);
        }
        Plant::SignatureForged => {
            let object_metadata = &mut bucket.0.get_mut(&digest).unwrap().metadata;
            let signature = object_metadata.get_mut("signature").unwrap();
            signature.replace_range(0..2, "00");
        }
        Plant::BackfillAltered => {
            let late = key(2, true);
            bucket.rewrite(&late, |text| [text, b" ".to_vec()].concat());
        }
    }
}

/// What CloudTrail and Organizations answer, by target.
pub(crate) fn answers(keys: Value) -> impl Fn(&str) -> Option<String> + Send + Sync {
    move |target| {
        let answer = match target.rsplit('.').next()? {
            "ListPublicKeys" => keys.clone(),
            "DescribeTrails" => json!({"trailList": [{
                "Name": TRAIL, "S3BucketName": BUCKET, "IsOrganizationTrail": true,
                "TrailARN": format!("arn:aws:cloudtrail:us-east-1:999988887777:trail/{TRAIL}"),
            }]}),
            "DescribeOrganization" => json!({"Organization": {"Id": ORGANIZATION}}),
            _ => return None,
        };
        Some(answer.to_string())
    }
}

/// Log files with digests for every account, Region and hour.
pub(crate) fn with_digests(signer: &Signer, logs: &[GeneratedFile]) -> Bucket {
    type Hours = BTreeMap<i64, Vec<(String, Vec<u8>)>>;
    let mut bucket = Bucket::default();
    let mut places: BTreeMap<(String, String), Hours> = BTreeMap::new();
    for file in logs {
        let name = LogFileName::of(&file.key).unwrap();
        let place = (name.account_id.to_string(), name.region.to_string());
        let hour = name.delivered_at.unix().div_euclid(3600);
        let files = places.entry(place).or_default().entry(hour).or_default();
        files.push((file.key.clone(), gunzip(&file.body)));
    }
    for ((account, region), mut hours) in places {
        let first = hours.keys().next().copied().unwrap();
        let last = hours.keys().next_back().copied().unwrap();
        let chain = Chain {
            account: &account,
            region: &region,
            first: UtcSecond::from_unix((first + 1) * 3600 + 31),
            hours: last - first + 1,
            files: 0,
            backfill: false,
        };
        let files = (first..=last).map(|hour| hours.remove(&hour).unwrap_or_default());
        chain.put_files(signer, &mut bucket, files.collect());
    }
    bucket
}
