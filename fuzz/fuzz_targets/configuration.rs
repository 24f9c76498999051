//! Any text is read as a configuration without a panic; complaints name the file.
#![no_main]

use libfuzzer_sys::fuzz_target;
use qs_audit::config::Settings;
use qs_audit::rules::RuleSet;
use std::collections::BTreeSet;
use std::path::Path;

fuzz_target!(|text: &str| {
    match Settings::parse(text, Path::new("qs-audit.toml")) {
        Ok(settings) => {
            let _ = RuleSet::new(&settings.rules, &BTreeSet::new()).is_ok();
        }
        Err(error) => assert!(error.to_string().contains("qs-audit.toml")),
    }
});
