//! Any bytes are read as query statistics without a panic, and the same twice.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qs_audit::decode::quick_query_id;
use qs_audit::ingest::{plain, read_executions};
use qs_audit::model::execution::Statistics;

fuzz_target!(|body: &[u8]| {
    let Ok(text) = plain(body) else {
        return;
    };
    let read = || {
        let mut statistics = Statistics::default();
        read_executions("executions", &text, quick_query_id, &mut statistics);
        // By id they are in no order.
        (statistics.told(), statistics.duplicates, statistics.updates, statistics.rejects)
    };
    assert_eq!(read(), read());
});
