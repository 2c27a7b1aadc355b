#!/usr/bin/env bash
# Holds the running service to its own /openapi.json with Schemathesis (PyPI): no 500, no answer that is not in the document, what
# fits a schema is taken and what does not is refused. Once in development mode and once for a client with signed tokens; a minute
# each. Needs Python 3.10 with venv, and PyPI.
#
#   tests/e2e/openapi.sh [--seed N] [...]      # further options of `schemathesis run`
#   SIJ_CDS_BINARY=target/debug/sij-cds tests/e2e/openapi.sh
set -euo pipefail
cd "$(dirname "$0")/../.."

readonly requirements=("schemathesis==4.32.5" "pyjwt[crypto]==2.15.1")
readonly seconds=60

python3 -c 'import sys, venv; sys.exit(sys.version_info < (3, 10))' 2> /dev/null || { echo "skipped: Python 3.10 with venv is not installed"; exit 0; }
work=$(mktemp -d)
service=
stop() {
    if [[ -n $service ]]; then kill "$service" 2> /dev/null && wait "$service" 2> /dev/null || true; fi
    service=
}
trap 'stop; rm -rf "$work"' EXIT

python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check "${requirements[@]}" ||
    { echo "skipped: Schemathesis cannot be had from PyPI (pip's message is above)"; exit 0; }

binary=${SIJ_CDS_BINARY:-}
if [[ -z $binary ]]; then
    cargo build --release --locked --quiet --bin sij-cds
    binary=${CARGO_TARGET_DIR:-target}/release/sij-cds
fi
binary=$(realpath "$binary")
documents=$PWD/tests/e2e/openapi

# What is looked for are answers, not the limits on calls a second.
export SIJ_CDS__LIMITS__CALLS_PER_SECOND=1000000 SIJ_CDS__LIMITS__CLIENT_CALLS_PER_SECOND=1000000

# Starts the service with these arguments, in a folder of its own, and says where it listens.
start() {
    mkdir -p "$work/$1"
    (cd "$work/$1" && exec "$binary" serve --listen 127.0.0.1:0 "${@:2}" 2> log) &
    service=$!
    for _ in $(seq 200); do
        address=$(sed -n 's/.*"message":"listening","address":"\([^"]*\)".*/\1/p' "$work/$1/log")
        [[ -z $address ]] || return 0
        kill -0 "$service" 2> /dev/null || break
        sleep 0.05
    done
    echo "the service did not start:" >&2
    cat "$work/$1/log" >&2
    exit 1
}

# Runs Schemathesis against it.
hold() {
    printf '\n-- %s\n' "$1"
    if ! (cd "$work/$1" && PYTHONPATH=$documents SCHEMATHESIS_HOOKS=hooks "$work/venv/bin/schemathesis" --config-file "$documents/schemathesis.toml" \
        run "http://$address/openapi.json" --checks all --max-time "$seconds" --continue-on-failure "${@:2}"); then
        echo "the service, $1, does not do what its document says" >&2
        exit 1
    fi
    if grep -m 5 -E '"message":"(failed|panicked)"' "$work/$1/log" >&2; then
        echo "the service, $1, failed" >&2
        exit 1
    fi
    if ! grep -q '"message":"decided"' "$work/$1/log"; then
        echo "the service, $1, was never asked what it could decide" >&2
        exit 1
    fi
    printf 'answers by status, of %s: ' "$1"
    sed -n 's/.*"status":\([0-9]*\).*/\1/p' "$work/$1/log" | sort | uniq -c | awk '{ printf "%s: %s  ", $2, $1 } END { print "" }'
}

start "development mode"
hold "development mode" "$@"
stop

"$work/venv/bin/python" "$documents/keys.py" "$work"
cat > "$work/sij-cds.toml" << EOF
[server]
listen = "127.0.0.1:0"
[[clients]]
name = "schemathesis"
iss = "https://ehr.example"
jwks_file = "$work/keys.json"
audiences = ["https://cds.plan.example/cds-services"]
[ledger]
keys_file = "$work/ledger.keys"
EOF
(umask 077; "$binary" ledger new-key > "$work/ledger.keys")
start "signed tokens" --config "$work/sij-cds.toml"
OPENAPI_KEY=$work/key.pem hold "signed tokens" "$@"
