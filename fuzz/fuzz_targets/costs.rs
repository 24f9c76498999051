//! Any bytes are read as a bill, as business units, as an earlier report and as Quick's
//! data sources without a panic; the same bytes again change nothing.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qs_audit::ingest::{
    BillReader, UnitsReader, read_data_sources, read_previous, read_report,
};
use qs_audit::model::bill::CostMetric;
use qs_audit::model::inventory::Inventory;
use qs_audit::model::window::TimeWindow;
use std::collections::BTreeSet;

fn lines(body: &[u8], times: usize) -> Option<String> {
    let mut reader = BillReader::new(CostMetric::Unblended, TimeWindow::ALL, BTreeSet::new());
    for _ in 0..times {
        reader.read("bill", body).ok()?;
    }
    Some(format!("{:?}", reader.finish().lines))
}

fuzz_target!(|body: &[u8]| {
    let once = lines(body, 1);
    assert_eq!(once, lines(body, 1));
    if once.is_some() {
        assert_eq!(once, lines(body, 2));
    }
    let mut units = UnitsReader::new(None, None);
    let _ = units.read("units", body);
    let _ = units.finish();
    let _ = (read_previous(body).is_ok(), read_report(body).is_ok());
    let mut inventory = Inventory::default();
    read_data_sources("data-sources", body, &mut inventory);
});
