//! A store whose segment of statistics is any bytes, and whose ledger knows them by their
//! digest, is an error or statistics, and never a panic that nobody catches.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qs_audit::decode::quick_query_id;
use qs_audit::ingest::read_executions;
use qs_audit::model::execution::Statistics;
use qs_audit::model::integrity::{hash_of, hex};
use qs_audit::model::time::UtcSecond;
use qs_audit::model::window::TimeWindow;
use qs_audit::store::{QuestionState, Store, Writer};
use std::fs;
use std::path::PathBuf;
use std::sync::{Mutex, OnceLock};
use tempfile::TempDir;

const EXECUTIONS: &str = r#"[{"QueryExecutionId": "00000000-0000-4000-8000-000000000001",
    "StatementType": "DML", "WorkGroup": "w", "Statistics": {"DataScannedInBytes": 7},
    "Status": {"State": "SUCCEEDED", "SubmissionDateTime": "2026-07-01T10:00:00Z",
    "CompletionDateTime": "2026-07-01T10:01:00Z"}}]"#;

/// A store with one segment, its ledger, and the bytes of the segment.
struct Sound {
    folder: TempDir,
    ledger: Mutex<rusqlite::Connection>,
    bytes: Vec<u8>,
}

fn segment_of(folder: &TempDir) -> PathBuf {
    let segments = folder.path().join("segments");
    fs::read_dir(segments).unwrap().next().unwrap().unwrap().path()
}

fn sound() -> &'static Sound {
    static SOUND: OnceLock<Sound> = OnceLock::new();
    SOUND.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let now = UtcSecond::from_unix(1_800_000_000);
        let mut writer = Writer::open(folder.path(), "fuzz", false, now).unwrap();
        let mut statistics = Statistics::default();
        read_executions("seed", EXECUTIONS.as_bytes(), quick_query_id, &mut statistics);
        let known = statistics.by_id.into_iter().collect();
        let unavailable = Vec::new();
        writer.keep_statistics(QuestionState { known, unavailable }).unwrap();
        drop(writer);
        let ledger = rusqlite::Connection::open(folder.path().join("ledger.sqlite")).unwrap();
        let bytes = fs::read(segment_of(&folder)).unwrap();
        Sound { folder, ledger: Mutex::new(ledger), bytes }
    })
}

fn read(sound: &Sound, bytes: &[u8]) {
    let digest = hex(&hash_of(bytes));
    let name = format!("statistics-2026-07-01-{}.parquet", &digest[..16]);
    let old = segment_of(&sound.folder);
    fs::remove_file(&old).unwrap();
    fs::write(old.with_file_name(&name), bytes).unwrap();
    let sql = "UPDATE segments SET name = ?1, digest = ?2";
    let ledger = sound.ledger.lock().unwrap();
    assert_eq!(ledger.execute(sql, [&name, &digest]).unwrap(), 1);
    let mut store = Store::open(sound.folder.path()).unwrap().unwrap();
    let _ = store.statistics(&TimeWindow::ALL).is_ok();
}

fuzz_target!(|body: &[u8]| {
    let sound = sound();
    // Bytes in the place of some of a sound segment's get further than bytes alone.
    let (at, bytes) = match body {
        [high, low, bytes @ ..] => (usize::from(*high) << 8 | usize::from(*low), bytes),
        _ => (0, body),
    };
    let at = at % sound.bytes.len();
    let mut changed = sound.bytes.clone();
    let end = changed.len().min(at + bytes.len());
    changed[at..end].copy_from_slice(&bytes[..end - at]);
    read(sound, &changed);
    read(sound, body);
});
