//! A store whose ledger, or one of whose segments, is any bytes is an error or a store,
//! and never a panic.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qs_audit::model::window::TimeWindow;
use qs_audit::store::Store;
use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;
use tempfile::TempDir;

/// A store with a sound ledger, and the ledger itself.
fn sound() -> &'static (TempDir, Vec<u8>) {
    static SOUND: OnceLock<(TempDir, Vec<u8>)> = OnceLock::new();
    SOUND.get_or_init(|| {
        let folder = tempfile::tempdir().unwrap();
        let now = qs_audit::model::time::UtcSecond::from_unix(1_800_000_000);
        drop(qs_audit::store::Writer::open(folder.path(), "fuzz", false, now).unwrap());
        let ledger = fs::read(ledger_of(&folder)).unwrap();
        (folder, ledger)
    })
}

fn ledger_of(folder: &TempDir) -> PathBuf {
    folder.path().join("ledger.sqlite")
}

fn read(folder: &TempDir) {
    if let Ok(Some(mut store)) = Store::open(folder.path()) {
        let _ = store.roots().is_ok();
        let _ = store.covered().is_ok();
        let _ = store.last_run().is_ok();
        let _ = store.cost_pages().is_ok();
        let _ = store.documents("accounts").is_ok();
        let _ = store.statistics(&TimeWindow::ALL).is_ok();
        let _ = store.remember(&TimeWindow::ALL).is_ok();
    }
}

fuzz_target!(|body: &[u8]| {
    let (folder, ledger) = sound();
    for log in ["ledger.sqlite-wal", "ledger.sqlite-shm", "ledger.sqlite-journal"] {
        let _ = fs::remove_file(folder.path().join(log));
    }
    // Bytes in the place of some of a sound ledger's get further than bytes alone.
    let (at, bytes) = match body {
        [high, middle, low, bytes @ ..] => {
            let at = usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
            (at % ledger.len(), bytes)
        }
        _ => (0, body),
    };
    let mut changed = ledger.clone();
    let end = changed.len().min(at + bytes.len());
    changed[at..end].copy_from_slice(&bytes[..end - at]);
    fs::write(ledger_of(folder), &changed).unwrap();
    read(folder);
    fs::write(ledger_of(folder), body).unwrap();
    read(folder);
});
