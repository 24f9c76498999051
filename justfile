# What CI runs, with the tools that `.ci/install` installs.
ci:
    .ci/check

lint:
    cargo fmt --check
    cargo clippy --release --all-targets --locked -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --release --no-deps --document-private-items --locked

test:
    cargo test --release --locked

# All pieces of a new rule: just new-rule ID "What it finds, in a sentence".
new-rule id sentence:
    tools/new_rule.py "{{id}}" "{{sentence}}"

# Rewrites what is generated and checked in.
update:
    UPDATE_EXPECTED=1 cargo test --release --locked --test integration -- samples hostile golden nasty records event_list

bench *arguments:
    cargo bench --locked --bench whole_process -- {{arguments}}
    cargo bench --locked --bench stitching
    cargo bench --locked --bench attribution
    cargo bench --locked --bench rules
    cargo bench --locked --bench report
    cargo bench --locked --bench verify
    cargo bench --locked --bench growth

# A target of fuzz/fuzz_targets: decode, policies, digests, costs, executions,
# configuration, ledger, segments, workbooks. Needs cargo-fuzz and a nightly compiler (or RUSTC_BOOTSTRAP=1).
fuzz target="decode" seconds="600":
    cd fuzz && cargo fuzz run -s none {{target}} -- -max_total_time={{seconds}} -max_len=8192 -rss_limit_mb=3072

# Licences, bans, sources and advisories of dependencies.
deny:
    cargo deny --locked check

# The script of the report's page, from its sources and their lock file.
script:
    cd src/output/report/web && npm ci && npm run build

# docs/demo.png and docs/report.png, from the program and the sample report. Needs Chromium and Python.
pictures:
    cargo build --release --locked
    docs/pictures.py target/release/qs-audit
