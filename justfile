# Short names for what is done often. No script needs them: each is a line that can be typed.

# Lists the recipes.
default:
    @just --list

# Installs what the tests need and proves that it starts.
setup:
    DOMICILE_TEST_STEPS=none sh deploy/test.sh

# Starts the server; `just run --demo` fills it with two hostels.
run *arguments:
    cargo run -- serve {{arguments}}

# Runs the tests; arguments go to the test runner.
test *arguments:
    DOMICILE_TEST_STEPS="build test" sh deploy/test.sh {{arguments}}

# Runs the tests of the rules only: no database, no network.
test-unit *arguments:
    cargo test --all-features $(for crate in crates/domain/*/; do printf ' -p domicile-%s' "$(basename "$crate")"; done) {{arguments}}

# Looks for what the compiler does not mind.
lint:
    cargo clippy --workspace --all-features --all-targets -- -D warnings

# Lays out the sources.
fmt:
    cargo fmt --all

# Does all that has to pass before a change goes in.
check *arguments:
    sh deploy/test.sh {{arguments}}

# Builds the documentation of the crates, after what is generated below docs/.
docs: openapi
    cargo doc --workspace --all-features --no-deps

# Writes what is generated below docs/: the OpenAPI documents, one a version, and the table of error codes.
openapi:
    cargo run -- openapi --out docs

# Kills the server and its database ten times each in a storm of writes, and runs the other proofs that take long. Prints tables.
chaos rounds="10":
    DOMICILE_CHAOS_ROUNDS={{rounds}} cargo nextest run -p domicile-server --no-capture -E 'test(process::storm::)'
    cargo test -p domicile-server --test chaos -- --nocapture
    DOMICILE_TEST_SEQUENCES=10000 cargo nextest run -p domicile-testkit -E 'test(whatever_happens_to_money)'

# Presses the four buttons of the sandbox's page in a headless Chromium. Needs Node.js and Chromium, which no other recipe does.
e2e:
    cargo build -p domicile-server
    node deploy/e2e.js "${CARGO_TARGET_DIR:-target}/debug/domicile"

# Measures the shipped binary beside floors started in the same run; prints a table and keeps it in docs/benchmarks.md. `--quick` in minutes, `--only rooms,login` for some.
bench *arguments:
    cargo run --profile dist -p domicile-bench -- {{arguments}}
