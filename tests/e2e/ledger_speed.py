"""speed: the served call with the ledger and without, in turns in one run, as load.py measures it.

The servers run on CPU 0 and wrk on CPU 1; PostgreSQL where the system puts it, so its row is a figure without a target.
"""

import contextlib
import os
import pathlib
import statistics
import subprocess
import time

import load
from ledger_postgres import ledger_of, migrate
from ledger_support import Failed, Postgres, Service, Skipped, configuration, megabytes

KILLS = 0
CONNECTIONS = (64, 8, 1)
TARGET_RATIO = 0.65
TARGET_P99_MS = 15


def wrk(server, body, connections, seconds):
    try:
        return load.run_wrk(server, body, connections, seconds)
    except SystemExit as ended:
        raise Failed(f"wrk at {connections} connections, {server.name}: {ended.code}; the service's log ends: {server.tail()}") from None


def sync_ms(work):
    """What the disk takes to make 4 KiB durable: the median, and of a hundred the slowest but one."""
    times = []
    with open(work / "sync", "wb", buffering=0) as file:
        for _ in range(100):
            began = time.perf_counter()
            file.write(bytes(4096))
            os.fsync(file.fileno())
            times.append((time.perf_counter() - began) * 1e3)
    return statistics.median(times), sorted(times)[98]


def row(findings, connections, name, turns):
    """One line of the table, and the targets where there are some."""
    without, kept = [turn["off"] for turn in turns], [turn[name] for turn in turns]
    ratio = statistics.median(mine["rate"] / other["rate"] for mine, other in zip(kept, without))
    added = statistics.median(mine["p99"] - other["p99"] for mine, other in zip(kept, without))
    mine, other = load.median(kept), load.median(without)
    print(f"{name:>10} {connections:>5} {mine['rate']:>8.0f} {other['rate']:>9.0f} {ratio:>6.2f} {mine['cpu']:>7.3f} {other['cpu']:>9.3f} "
          f"{mine['p50']:>7.2f} {mine['p99']:>7.2f} {other['p99']:>9.2f} {added:>7.2f} {max(mine['others'], other['others']):>6.2f}", flush=True)
    findings.figure(f"{name} at {connections}: ratio {ratio:.2f}, p99 +{added:.1f} ms")
    if name == "sqlite":
        findings.expect(connections != 64 or ratio >= TARGET_RATIO, f"at {connections} connections the ratio is {ratio:.2f}, under {TARGET_RATIO}")
        findings.expect(added < TARGET_P99_MS, f"at {connections} connections the 99th percentile is {added:.1f} ms later, {TARGET_P99_MS} or more")


def servers(arguments, work, stack):
    """Without a ledger, on SQLite, and on PostgreSQL where there is one."""
    sections = {"off": {"url": "off"}, "sqlite": {"url": f"sqlite:{work}/speed.db"}}
    try:
        postgres = stack.enter_context(Postgres(work))
        sections["postgres"] = ledger_of(arguments.binary, postgres, work)
    except Skipped as skipped:
        print(f"note    no row of PostgreSQL: {skipped}")
    for name, section in sections.items():
        config = configuration(work / f"speed-{name}.toml", section)
        if name == "postgres":
            migrate(arguments.binary, config)
        server = stack.enter_context(Service(arguments.binary, config, work / f"speed-{name}.log", cpu=0))
        server.name = name
        yield server


def run(findings, arguments, work):
    if not arguments.body:
        raise Skipped("no --body: ledger.sh makes it")
    kind = subprocess.run(["stat", "-f", "-c", "%T", str(work)], capture_output=True, text=True, check=True).stdout.strip()
    if kind in ("tmpfs", "ramfs"):
        raise Skipped(f"{work} is in memory; set TMPDIR to a directory on a disk")
    findings.figure("disk {}, fsync {:.2f} ms (of a hundred the slowest but one {:.2f})".format(kind, *sync_ms(work)))
    body = pathlib.Path(arguments.body).resolve()
    with contextlib.ExitStack() as stack:
        running = list(servers(arguments, work, stack))
        for server in running:
            wrk(server, body, 8, 1)
        print(f"{'ledger':>10} {'conns':>5} {'with/s':>8} {'without/s':>9} {'ratio':>6} {'CPU ms':>7} {'without':>9} {'p50 ms':>7} {'p99 ms':>7} "
              f"{'without':>9} {'added':>7} {'others':>6}")
        for connections in CONNECTIONS:
            turns = [{server.name: wrk(server, body, connections, arguments.seconds) for server in running} for _ in range(arguments.turns)]
            for server in running[1:]:
                row(findings, connections, server.name, turns)
        ready = {server.name: server.ready() for server in running}
        findings.expect(all(status == 200 for status, _ in ready.values()), f"/health/ready says {ready}")
        findings.expect(ready.get("postgres", (200, "writable"))[1] == "writable", f"PostgreSQL's ledger is {ready.get('postgres')} after the load")
    findings.figure(f"database {megabytes(work / 'speed.db'):.0f} MB")
