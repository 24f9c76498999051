//! A Cost and Usage Report of a month and three hundred accounts, as CSV and in gzip: how fast it is
//! read, and in how much memory.
//!
//! ```text
//! cargo bench --bench bills              # 4 GB of CSV
//! cargo bench --bench bills -- 1         # 1 GB
//! ```
//!
//! The files are made in a temporary folder (`TMPDIR`), which has to hold them: 4 GB and 0.5 GB. The
//! floor, in the same run, inflates a file and looks at every byte.

#![expect(
    clippy::float_arithmetic,
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

mod measure;

use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use measure::peak_megabytes;
use qs_audit::ingest::{BillFile, BillReader, ExportInput};
use qs_audit::model::bill::CostMetric;
use qs_audit::model::window::TimeWindow;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{BufWriter, Read, Write};
use std::path::Path;
use std::process::Command;
use std::time::Instant;

const GIGABYTES: u64 = 4;
const ACCOUNTS: u64 = 300;
const DAYS: u64 = 31;

/// Columns of a report of 2.0, a third of those that it has.
const HEADER: &str = "identity_line_item_id,identity_time_interval,bill_invoice_id,bill_billing_entity,\
                      bill_bill_type,bill_payer_account_id,bill_billing_period_start_date,\
                      bill_billing_period_end_date,line_item_usage_account_id,line_item_line_item_type,\
                      line_item_usage_start_date,line_item_usage_end_date,line_item_product_code,\
                      line_item_usage_type,line_item_operation,line_item_availability_zone,line_item_resource_id,\
                      line_item_usage_amount,line_item_currency_code,line_item_unblended_rate,\
                      line_item_unblended_cost,line_item_blended_rate,line_item_blended_cost,\
                      line_item_line_item_description,line_item_tax_type,product,product_region_code,\
                      pricing_unit,resource_tags\n";

/// Products, usage types, and what of a resource is before its name.
const PRODUCTS: [(&str, &str, &str); 6] = [
    (
        "AmazonEC2",
        "BoxUsage:m5.large",
        "ec2:us-east-1:{}:instance/i-",
    ),
    ("AmazonS3", "Requests-Tier1", "s3:::bucket-"),
    ("AWSGlue", "Catalog-Request", "glue:us-east-1:{}:table/t-"),
    (
        "AmazonCloudWatch",
        "CW:Requests",
        "logs:us-east-1:{}:log-group:g-",
    ),
    ("awskms", "KMS-Requests", "kms:us-east-1:{}:key/k-"),
    (
        "AmazonAthena",
        "DataScannedInTB",
        "athena:us-east-1:{}:workgroup/w-",
    ),
];

/// Numbers that look like chance, the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1);
        (self.0 >> 33) % end
    }
}

fn put_line(numbers: &mut Numbers, text: &mut String) {
    let account = 200_000_000_000 + numbers.below(ACCOUNTS);
    let (day, hour) = (1 + numbers.below(DAYS), numbers.below(23));
    let at = |hour: u64| format!("2026-10-{day:02}T{hour:02}:00:00Z");
    let (start, end) = (at(hour), at(hour + 1));
    let product = usize::try_from(numbers.below(6)).unwrap();
    let (product, usage_type, resource) = PRODUCTS[product];
    let names = if product == "AmazonAthena" {
        3
    } else {
        1 << 40
    };
    let resource = resource.replace("{}", &account.to_string());
    let (id, name) = (numbers.below(1 << 31), numbers.below(names));
    let (amount, cost) = (numbers.below(1 << 31), numbers.below(1 << 31));
    let _ = writeln!(
        text,
        "line{id:048x},{start}/{end},2034567890,AWS,Anniversary,999988887777,2026-10-01T00:00:00Z,\
         2026-11-01T00:00:00Z,{account},Usage,{start},{end},{product},USE1-{usage_type},Operation,,\
         arn:aws:{resource}{name:017x},0.{amount:010},USD,5.0000000000,0.{cost:010},5.0000000000,0.{cost:010},\
         \"$5.00 per unit, for {usage_type} in US East (N. Virginia)\",,\"{{\"\"region\"\":\"\"us-east-1\"\"}}\",us-east-1,\
         Units,\"{{\"\"user_team\"\":\"\"team-{}\"\"}}\"",
        numbers.below(50),
    );
}

/// Writes the report twice; returns the bytes of its CSV.
fn generate(folder: &Path, gigabytes: u64) -> u64 {
    let create = |name: &str| BufWriter::new(File::create(folder.join(name)).unwrap());
    let mut plain = create("report.csv");
    let mut packed = GzEncoder::new(create("report.csv.gz"), Compression::new(4));
    let mut numbers = Numbers(1);
    let mut text = HEADER.to_owned();
    let mut bytes = 0;
    while bytes < gigabytes * 1_000_000_000 {
        for _ in 0..5000 {
            put_line(&mut numbers, &mut text);
        }
        plain.write_all(text.as_bytes()).unwrap();
        packed.write_all(text.as_bytes()).unwrap();
        bytes += text.len() as u64;
        text.clear();
    }
    plain.flush().unwrap();
    packed.finish().unwrap().flush().unwrap();
    bytes
}

/// Inflates a file and counts its lines.
fn floor(path: &Path) -> usize {
    let file = File::open(path).unwrap();
    let mut reader: Box<dyn Read> = match path.extension().and_then(OsStr::to_str) {
        Some("gz") => Box::new(MultiGzDecoder::new(std::io::BufReader::new(file))),
        _ => Box::new(file),
    };
    let mut piece = vec![0; 256 << 10];
    let mut lines = 0;
    loop {
        match reader.read(&mut piece).unwrap() {
            0 => return lines,
            count => lines += memchr::memchr_iter(b'\n', &piece[..count]).count(),
        }
    }
}

/// Reads a report as the program does; returns the lines that it counts.
fn read(path: &Path) -> u64 {
    let mut reader = BillReader::new(CostMetric::Unblended, TimeWindow::ALL, BTreeSet::new());
    let name = path.to_str().unwrap();
    let input = ExportInput::File(File::open(path).unwrap());
    reader
        .read_input(BillFile { name, place: name }, input)
        .unwrap();
    let bill = reader.finish();
    assert_eq!(bill.coverage.rejects.total(), 0);
    bill.lines.values().map(|amounts| amounts.lines).sum()
}

/// Set for the process that reads a file: its peak is of nothing else.
const READ: &str = "QS_AUDIT_BENCH_READ";

fn main() {
    if let Some(path) = std::env::var_os(READ) {
        let start = Instant::now();
        let lines = read(Path::new(&path));
        let seconds = start.elapsed().as_secs_f64();
        println!("{lines} {seconds} {}", peak_megabytes().unwrap_or(0));
        return;
    }
    let asked = std::env::args().skip(1).find_map(|one| one.parse().ok());
    let folder = tempfile::tempdir().unwrap();
    let bytes = generate(folder.path(), asked.unwrap_or(GIGABYTES));
    let megabytes = f64::from(u32::try_from(bytes / 1_000_000).unwrap());
    for name in ["report.csv", "report.csv.gz"] {
        let path = folder.path().join(name);
        let stored = fs::metadata(&path).unwrap().len();
        for _ in 0..3 {
            let start = Instant::now();
            let lines = floor(&path);
            let of_floor = start.elapsed().as_secs_f64();
            let mut command = Command::new(std::env::current_exe().unwrap());
            let told = command.env(READ, &path).output().unwrap();
            let told = String::from_utf8(told.stdout).unwrap();
            let mut told = told.split_whitespace();
            let mut next = || told.next().unwrap().to_owned();
            let (counted, seconds, peak) = (next(), next(), next());
            assert_eq!(counted, (lines - 1).to_string());
            let seconds: f64 = seconds.parse().unwrap();
            println!(
                "{name}: {stored} bytes, {bytes} of CSV, {counted} lines: {seconds:.1} s, {:.0} MB of CSV a second, \
                 {:.1} times the floor ({of_floor:.1} s); peak {peak} MB",
                megabytes / seconds,
                seconds / of_floor,
            );
        }
    }
}
