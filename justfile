# The commands of a working day; `just` lists them. CI runs .ci/run, which needs nothing but Rust.

[private]
default:
    @just --list --unsorted

# What to run before every commit: format, lints, unit tests
check:
    cargo fmt --all --check
    cargo clippy --locked --all-targets -- -D warnings
    cargo test --locked --lib --quiet

# All tests, or those whose name contains FILTER
test FILTER="":
    cargo test --locked {{ FILTER }}

# Tests of the integration binary whose name contains FILTER
it FILTER="":
    cargo test --locked --test it -- {{ FILTER }}

# The policy's cases
policy:
    cargo run --locked -- policy check

# The end-to-end suites against a release build; installs what they need
e2e:
    cargo build --locked --release
    tests/e2e/fhir.sh
    tests/e2e/crd.sh
    tests/e2e/inferno.sh
    tests/e2e/smart.sh
    tests/e2e/openapi.sh
    tests/e2e/hostile.sh

# The benchmarks, each against a baseline in the same run
bench NAME="decision":
    cargo bench --locked --bench {{ NAME }}

# The documents as a site in target/book; needs mdBook
docs:
    mdbook build docs

# Everything that CI runs
ci:
    .ci/run
