#!/usr/bin/env bash
# Runs the tests that need a real PostgreSQL: starts one with a data directory of its own, on a Unix socket only, as an
# unprivileged user, and stops it again. Needs Debian's package postgresql; as root also the user it makes.
set -euo pipefail
cd "$(dirname "$0")/../.."

binaries=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1)
if [[ -z $binaries ]]; then echo "skipped: PostgreSQL is not installed (Debian: apt-get install postgresql)"; exit 0; fi
as_owner=()
if [[ $(id -u) == 0 ]]; then
    if ! id postgres > /dev/null 2>&1; then echo "skipped: PostgreSQL does not run as root, and there is no user postgres"; exit 0; fi
    as_owner=(runuser -u postgres --)
fi

cargo test --quiet --no-run --test it

work=$(mktemp -d)
chmod 755 "$work"
stop() {
    "${as_owner[@]}" "$binaries/pg_ctl" --pgdata "$work/data" --mode immediate --silent stop > /dev/null 2>&1 || true
    rm -rf "$work"
}
trap stop EXIT
mkdir "$work/data" "$work/socket"
if [[ ${#as_owner[@]} != 0 ]]; then chown postgres "$work/data" "$work/socket"; fi
"${as_owner[@]}" "$binaries/initdb" --pgdata "$work/data" --auth trust --username sij_cds --no-sync > /dev/null
"${as_owner[@]}" "$binaries/pg_ctl" --pgdata "$work/data" --wait --silent --log "$work/socket/log" \
    --options "-c listen_addresses='' -c unix_socket_directories='$work/socket' -c fsync=off" start
# The socket's directory is a parameter, for a URL's host cannot hold slashes.
export SIJ_CDS_TEST_POSTGRES="postgres://sij_cds@localhost/postgres?host=$work/socket"
cargo test --test it -- --ignored shared_replays ledger_in_postgres
