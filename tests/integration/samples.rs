//! What is checked in is what the program writes.

use crate::common::{Memory, plan, run};
use qs_audit::decode::SplitMode;
use qs_audit::demo::{self, DemoPlan, GeneratedFile};
use std::fs;
use std::path::Path;

const FOLDER: &str = "sample-logs/org-small";

/// Files of the sample that people wrote.
const WRITTEN_BY_HAND: [&str; 1] = ["STORY.md"];

#[test]
fn the_sample_is_what_the_generator_writes() {
    let organization = demo::generate(&DemoPlan::sample());
    let mut files: Vec<&GeneratedFile> = organization
        .logs
        .iter()
        .chain(&organization.extras)
        .collect();
    files.sort_by(|left, right| left.key.cmp(&right.key));
    let folder = Path::new(FOLDER);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        let _ = fs::remove_dir_all(folder.join("AWSLogs"));
        demo::write_to(folder, &organization.logs).unwrap();
        demo::write_to(folder, &organization.extras).unwrap();
    }
    for file in &files {
        let body = fs::read(folder.join(&file.key)).unwrap_or_default();
        assert!(
            body == file.body,
            "{} is not what the generator writes",
            file.key
        );
    }
    let there = walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok);
    let there = there.filter(|entry| entry.file_type().is_file()).count();
    assert_eq!(there, files.len() + WRITTEN_BY_HAND.len());
}

#[test]
fn the_story_names_what_happens_in_the_sample() {
    let story = fs::read_to_string(Path::new(FOLDER).join("STORY.md")).unwrap();
    let organization = demo::generate(&DemoPlan::sample());
    let audit = run(&plan(SplitMode::Fast, 1), &Memory::of(&organization.logs));
    for wanted in [
        format!("{} chains", audit.chains.len()),
        format!("{} records", organization.truth.record_count),
        format!("{} delivered again", audit.coverage.duplicates),
    ] {
        assert!(story.contains(&wanted), "{wanted}");
    }
    for chain in &organization.truth.chains {
        let word = chain.story.split(' ').next().unwrap();
        assert!(story.contains(word), "{}", chain.story);
    }
}

#[test]
fn the_same_seed_gives_the_same_bytes_and_another_seed_others() {
    let keys = |seed: u64| {
        let organization = demo::generate(&DemoPlan {
            days: 1,
            noise_per_day: 2,
            ..DemoPlan::demo(seed)
        });
        organization.logs
    };
    assert_eq!(keys(3), keys(3));
    assert_ne!(keys(3), keys(4));
}

#[test]
fn the_sample_stays_small() {
    let entries = walkdir::WalkDir::new("sample-logs")
        .into_iter()
        .filter_map(Result::ok);
    let bytes: u64 = entries
        .filter_map(|entry| entry.metadata().ok())
        .map(|data| data.len())
        .sum();
    assert!(bytes < 3_500_000, "{bytes}");
}
