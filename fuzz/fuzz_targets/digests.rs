//! Any bytes are read as digest, public keys, signatures and names without a panic, and
//! a digest that nobody signed is never valid.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qs_audit::decode::Unpacker;
use qs_audit::integrity::{
    Digest, DigestBody, DigestName, DigestRead, Files, Judging, LogFileName, LogFileRead, Metadata,
    PublicKeys, Signatures, Trust, evaluate, read_signatures, reconcile, tail,
};
use qs_audit::model::coverage::Limits;
use qs_audit::model::integrity::Contents;
use qs_audit::model::time::UtcSecond;
use qs_audit::model::window::TimeWindow;

const FOLDER: &str = "s3://b/AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/07/01/111122223333_CloudTrail-Digest_us-east-1_t_us-east-1_";

fuzz_target!(|body: &[u8]| {
    let limits = Limits {
        object_bytes_max: 1 << 20,
        ..Limits::DEFAULT
    };
    let mut unpacker = Unpacker::new(limits);
    let _ = unpacker.contents(body);
    let _ = unpacker.digest_text(body);
    let mut keys = PublicKeys::default();
    let _ = keys.read(body);
    let _ = read_signatures(body, &mut Signatures::new());
    let text = String::from_utf8_lossy(body);
    let _ = (DigestName::of(&text), LogFileName::of(&text), tail(&text));
    // Texts with a line between them are a chain.
    let mut digests = Vec::new();
    for (hour, text) in (0..24).zip(body.split(|byte| *byte == b'\n')) {
        let key = format!("{FOLDER}20260701T{hour:02}0000Z.json.gz");
        let digest = Digest::read(text);
        digests.push(DigestRead {
            name: DigestName::of(&key).unwrap(),
            key: key.into(),
            body: digest.map_or(DigestBody::InvalidFormat, |one| DigestBody::Digest(Box::new(one))),
            metadata: (hour % 2 == 0).then(Metadata::default),
        });
    }
    let trust = Trust {
        keys,
        ..Trust::default()
    };
    let count = digests.len() as u64;
    let judging = Judging {
        window: TimeWindow::ALL,
        trust: &trust,
        roots: &[],
        unlisted: &[],
    };
    let chains = evaluate(digests, judging);
    let read = [LogFileRead {
        key: "s3://b/AWSLogs/111122223333/CloudTrail/us-east-1/2026/07/01/111122223333_CloudTrail_us-east-1_20260701T0005Z_A.json.gz".into(),
        contents: Contents::InvalidFormat,
    }];
    let files = Files {
        read: &read,
        unlisted: &[],
        roots: &[],
        listed: TimeWindow::ALL,
        now: UtcSecond::from_unix(1_800_000_000),
    };
    let (verification, worth) = reconcile(&chains, files);
    let total = verification.total();
    assert_eq!(total.digests.valid, 0);
    assert!(total.digests.total() >= count);
    assert_eq!(worth.len(), 1);
    assert_eq!(total.log_files.valid, 0);
});
