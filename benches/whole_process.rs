//! The whole `chains` process against bare libdeflate inflation of the same
//! files, in one run, with the same number of threads.
//!
//! ```text
//! cargo bench --bench whole_process                 # both corpora, 7 rounds
//! cargo bench --bench whole_process -- big 11       # one corpus, 11 rounds
//! cargo bench --bench whole_process -- tenfold      # memory on ten times the logs
//! ```
//!
//! Corpora are generated once, below `target/bench-corpora`. Rounds alternate
//! between the two, so that a change of the machine's speed hits both; medians
//! and their ratio are printed, and peak memory where `/usr/bin/time` is there.

#![expect(
    clippy::print_stdout,
    clippy::float_arithmetic,
    clippy::expect_used,
    reason = "a benchmark prints figures, and stops at the first thing that is wrong"
)]

use libdeflater::Decompressor;
use qs_audit::demo::{self, DemoPlan};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// What a corpus is made of.
struct Corpus {
    name: &'static str,
    days: u32,
    plan: DemoPlan,
}

fn corpora() -> Vec<Corpus> {
    let plan = DemoPlan {
        days: 1,
        oddities: false,
        ..DemoPlan::demo(0)
    };
    let big = DemoPlan {
        noise_per_day: 5000,
        chains_per_day: 11,
        minutes_per_file: 1440,
        ..plan.clone()
    };
    let small = DemoPlan {
        noise_per_day: 1850,
        chains_per_day: 4,
        minutes_per_file: 5,
        ..plan
    };
    let tenfold = DemoPlan {
        noise_per_day: 50_000,
        ..big.clone()
    };
    vec![
        Corpus {
            name: "big",
            days: 20,
            plan: big,
        },
        Corpus {
            name: "small",
            days: 15,
            plan: small,
        },
        Corpus {
            name: "tenfold",
            days: 20,
            plan: tenfold,
        },
    ]
}

fn corpus_folder(corpus: &Corpus) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"))
        .join("bench-corpora")
        .join(corpus.name);
    let done = folder.join("done");
    if !done.exists() {
        for day in 0..corpus.days {
            let organization = demo::generate(&DemoPlan {
                seed: u64::from(day) + 1,
                start: corpus.plan.start.plus(i64::from(day) * 86_400),
                ..corpus.plan.clone()
            });
            demo::write_to(&folder, &organization.logs).expect("corpus written");
        }
        fs::write(done, "").expect("corpus marked");
    }
    folder.join("AWSLogs")
}

fn files_below(folder: &Path) -> Vec<PathBuf> {
    let entries = walkdir::WalkDir::new(folder).sort_by_file_name();
    let files = entries.into_iter().filter_map(Result::ok);
    files
        .filter(|entry| entry.file_type().is_file())
        .map(walkdir::DirEntry::into_path)
        .collect()
}

/// Reads and inflates every file, and nothing else.
fn floor(files: &[PathBuf], threads: usize) -> (Duration, u64) {
    let start = Instant::now();
    let next = AtomicUsize::new(0);
    let inflated = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut decompressor = Decompressor::new();
                let (mut body, mut text) = (Vec::new(), Vec::new());
                while let Some(path) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    body.clear();
                    let mut file = fs::File::open(path).expect("file opened");
                    std::io::Read::read_to_end(&mut file, &mut body).expect("file read");
                    let size = body.last_chunk::<4>().map(|size| u32::from_le_bytes(*size));
                    let size = size.expect("gzip trailer") as usize;
                    if text.len() < size {
                        text.resize(size, 0);
                    }
                    let result = decompressor.gzip_decompress(&body, &mut text[..size]);
                    inflated.fetch_add(result.expect("inflated") as u64, Ordering::Relaxed);
                }
            });
        }
    });
    (start.elapsed(), inflated.into_inner())
}

/// The whole process: its time, and its peak memory in kB where that is known.
fn process(folder: &Path, threads: usize, corpus: &Corpus) -> (Duration, Option<u64>) {
    let program = env!("CARGO_BIN_EXE_qs-audit");
    let from = corpus.plan.start.to_string();
    let threads = threads.to_string();
    let arguments = [
        "chains",
        "--from",
        &from,
        "--threads",
        &threads,
        "-q",
        "--format",
        "jsonl",
    ];
    let timer = Path::new("/usr/bin/time");
    let mut command = if timer.exists() {
        let mut command = Command::new(timer);
        command.args(["-f", "%M", program]);
        command
    } else {
        Command::new(program)
    };
    command.args(arguments).arg("--logs").arg(folder);
    command.stdout(Stdio::null()).stderr(Stdio::piped());
    let start = Instant::now();
    let output = command.output().expect("program run");
    let elapsed = start.elapsed();
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8_lossy(&output.stderr);
    (elapsed, text.trim().parse().ok())
}

fn median(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times[times.len() / 2].as_secs_f64()
}

fn measure(corpus: &Corpus, rounds: usize) {
    let folder = corpus_folder(corpus);
    let files = files_below(&folder);
    let stored: u64 = files
        .iter()
        .filter_map(|file| file.metadata().ok())
        .map(|data| data.len())
        .sum();
    let (_, inflated) = floor(&files, 2);
    println!(
        "\n## {}: {} files, {} MB gz, {} MB JSON\n",
        corpus.name,
        files.len(),
        stored / 1_000_000,
        inflated / 1_000_000
    );
    println!("| threads | floor s | qs-audit s | ratio | peak MB |");
    println!("|---|---|---|---|---|");
    let mut at_one_thread = 0.0;
    for threads in [1, 2] {
        let (mut floors, mut runs, mut peak) = (Vec::new(), Vec::new(), 0);
        for _ in 0..rounds {
            floors.push(floor(&files, threads).0);
            let (time, memory) = process(&folder, threads, corpus);
            runs.push(time);
            peak = peak.max(memory.unwrap_or(0));
        }
        let (floor, run) = (median(floors), median(runs));
        println!(
            "| {threads} | {floor:.3} | {run:.3} | {:.2} | {} |",
            run / floor,
            peak / 1000
        );
        if threads == 1 {
            at_one_thread = run;
        } else {
            println!(
                "\ntwo threads are {:.2} times as fast as one",
                at_one_thread / run
            );
        }
    }
}

fn main() {
    let mut names = Vec::new();
    let mut rounds = 7;
    for argument in std::env::args()
        .skip(1)
        .filter(|argument| !argument.starts_with('-'))
    {
        match argument.parse() {
            Ok(number) => rounds = number,
            Err(_) => names.push(argument),
        }
    }
    for corpus in corpora() {
        let asked = names.iter().any(|name| name == corpus.name);
        if asked || names.is_empty() && corpus.name != "tenfold" {
            measure(&corpus, rounds);
        }
    }
}
