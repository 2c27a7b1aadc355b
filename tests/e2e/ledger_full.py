"""full: the disk of the ledger is full, and the disk of the spool while PostgreSQL is away; then there is room again.

Each on a tmpfs of its own, with a ballast that is deleted to make room. The service is never restarted.
"""

import time

from ledger_clients import Bodies, Load, Received
from ledger_postgres import ledger_of, migrate
from ledger_records import compare
from ledger_support import Failed, Postgres, Service, Skipped, configuration, expect_verified, small_disk, until

KILLS = 0
SIZE = 96 << 20
# A second's records at least, in the spool twice: otherwise the room that is made is taken before anybody sees it.
BALLAST = 72 << 20


def fill(disk, name, size):
    """Writes as much as fits."""
    with open(disk / name, "wb", buffering=0) as file:
        try:
            for _ in range(size >> 12):
                file.write(bytes(4096))
        except OSError:
            pass


def until_full(service, load, disk):
    """Loads until nothing is answered 200 any more and /health/ready says 503."""
    until("some 503 under load", 60, lambda: 503 in load.lately())
    fill(disk, "rest", SIZE)
    load.forget()
    until("nothing but 503", 30, lambda: load.only_lately(503))
    service.await_ready(503)


def until_answered(load, seconds=15):
    began = time.monotonic()
    load.forget()
    until("calls are answered 200 again, and no other way", seconds, lambda: load.only_lately(200))
    return time.monotonic() - began


def make_room(disk):
    for name in ("ballast", "rest"):
        (disk / name).unlink()


def figures(findings, what, received, records, seconds):
    findings.faults += [f"{what}: {fault}" for fault in received.faults]
    findings.figure(f"{what}: {received.statuses[200]} answered 200 and {received.statuses[503]} 503, {records.missing} missing, 200 again after {seconds:.1f} s")


def sqlite(findings, arguments, work):
    """A SQLite ledger on the full disk."""
    bodies, received = Bodies(), Received()
    with small_disk(work / "ledger-disk", SIZE) as disk:
        fill(disk, "ballast", BALLAST)
        config = configuration(work / "full.toml", {"url": f"sqlite:{disk}/ledger.db"})
        with Service(arguments.binary, config, work / "full.log") as service:
            with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
                until_full(service, load, disk)
            compare(findings, arguments.binary, config, received, bodies, "while the disk is full")
            make_room(disk)
            with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
                seconds = until_answered(load)
            service.await_ready(200, "writable")
            findings.expect(service.stop() == 0, "the service does not end with 0")
        expect_verified(findings, arguments.binary, config, "after the full disk")
        records = compare(findings, arguments.binary, config, received, bodies, "after the full disk")
    figures(findings, "ledger's disk", received, records, seconds)


def spool(findings, arguments, work, returning):
    """A spool on the full disk; first there is room again, or first PostgreSQL is back."""
    bodies, received = Bodies(), Received()
    work.mkdir()
    with Postgres(work) as postgres, small_disk(work / "spool-disk", SIZE) as disk:
        fill(disk, "ballast", BALLAST)
        config = configuration(work / "spool.toml", ledger_of(arguments.binary, postgres, work, spool_file=f"{disk}/spool.db"))
        migrate(arguments.binary, config)
        with Service(arguments.binary, config, work / "spool.log") as service:
            with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
                load.await_first()
                postgres.stop()
                until_full(service, load, disk)
            comes_back = (lambda: make_room(disk)) if returning == "room" else postgres.start
            comes_back()
            with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
                seconds = until_answered(load)
                if returning == "room":
                    service.await_ready(200, "spooling")
            if returning == "room":
                postgres.start()
            service.await_ready(200, "writable", 60)
            findings.expect(service.stop() == 0, "the service does not end with 0")
        expect_verified(findings, arguments.binary, config, f"after the full spool ({returning} first)")
        records = compare(findings, arguments.binary, config, received, bodies, f"after the full spool ({returning} first)")
    figures(findings, f"spool's disk, then {returning}", received, records, seconds)


def run(findings, arguments, work):
    tries = {"the ledger's disk": lambda: sqlite(findings, arguments, work)}
    for first in ("room", "PostgreSQL"):
        tries[f"the spool's disk, then {first}"] = lambda first=first: spool(findings, arguments, work / f"spool-{first}", first)
    for name, part in tries.items():
        try:
            part()
        except Skipped as skipped:
            findings.figure(f"{name} skipped: {skipped}")
        except Failed as failed:
            findings.faults.append(f"{name}: {failed}")
