//! Any bytes decode without a panic, both readings keep the same, and every record is
//! accounted for.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qs_audit::decode::{Decoded, Decoder, SplitMode};
use qs_audit::model::coverage::Limits;
use qs_audit::model::relevance::RelevantSessions;
use qs_audit::model::window::TimeWindow;

fn decode(body: &[u8], reading: SplitMode, all_sessions: bool) -> Decoded {
    let limits = Limits {
        object_bytes_max: 1 << 20,
        ..Limits::DEFAULT
    };
    let relevant = RelevantSessions {
        all_sessions,
        ..RelevantSessions::default()
    };
    let mut decoder = Decoder::new(TimeWindow::ALL, limits, reading);
    decoder.object(0, &"fuzz".into(), body, &relevant);
    decoder.finish()
}

fuzz_target!(|body: &[u8]| {
    for all_sessions in [false, true] {
        let fast = decode(body, SplitMode::Fast, all_sessions);
        let plain = decode(body, SplitMode::Plain, all_sessions);
        assert!(fast.coverage.adds_up());
        assert_eq!(format!("{:?}", fast.events), format!("{:?}", plain.events));
        assert_eq!(fast.coverage.records, plain.coverage.records);
        // The fast reading does not look into records that do not matter.
        let passed = plain.coverage.records_rejected.checked_sub(fast.coverage.records_rejected);
        if passed == Some(0) {
            assert_eq!(fast.coverage, plain.coverage);
            assert_eq!(format!("{:?}", fast.unresolved), format!("{:?}", plain.unresolved));
        } else {
            let not_relevant = plain.coverage.records_not_relevant + passed.unwrap();
            assert_eq!(fast.coverage.records_not_relevant, not_relevant);
        }
    }
});
