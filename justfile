# What CI runs, in its order.
ci: lint doc test

lint:
    cargo fmt --check
    cargo clippy --all-targets --locked -- -D warnings

doc:
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --document-private-items --locked

test:
    cargo test --locked

# Rewrites what is generated and checked in.
update:
    UPDATE_EXPECTED=1 cargo test --locked --test integration -- samples hostile golden

bench *arguments:
    cargo bench --locked --bench whole_process -- {{arguments}}
    cargo bench --locked --bench stitching
    cargo bench --locked --bench attribution
    cargo bench --locked --bench rules
    cargo bench --locked --bench report

# Needs cargo-fuzz and a nightly compiler (or RUSTC_BOOTSTRAP=1).
fuzz seconds="600":
    cd fuzz && cargo fuzz run decode -- -max_total_time={{seconds}} -dict=decode.dict -max_len=8192

# The script of the report's page, from its sources and their lock file.
script:
    cd src/output/report/web && npm ci && npm run build
