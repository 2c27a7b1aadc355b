"""full: the disk of the ledger is full; then there is room again.

The disk is a tmpfs with a ballast that is deleted to make room. The service is never restarted.
"""

import time

from ledger_clients import Bodies, Load, Received
from ledger_records import compare
from ledger_support import Service, configuration, expect_verified, small_disk, until

KILLS = 0
SIZE = 96 << 20
# A second's records at least, in the write-ahead log and in the file: otherwise the room that is made is taken before anybody sees it.
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


def run(findings, arguments, work):
    bodies, received = Bodies(), Received()
    with small_disk(work / "ledger-disk", SIZE) as disk:
        fill(disk, "ballast", BALLAST)
        config = configuration(work / "full.toml", {"url": f"sqlite:{disk}/ledger.db"})
        with Service(arguments.binary, config, work / "full.log") as service:
            with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
                until_full(service, load, disk)
            findings.expect("the ledger cannot be written" in service.ready_reason(), f"/health/ready does not say why: {service.ready_reason()}")
            compare(findings, arguments.binary, config, received, bodies, "while the disk is full")
            make_room(disk)
            with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
                seconds = until_answered(load)
            service.await_ready(200, "writable")
            findings.expect(service.stop() == 0, "the service does not end with 0")
        expect_verified(findings, arguments.binary, config, "after the full disk")
        records = compare(findings, arguments.binary, config, received, bodies, "after the full disk")
    findings.faults += received.faults
    findings.figure(f"{received.statuses[200]} answered 200 and {received.statuses[503]} 503, {records.missing} missing, 200 again after {seconds:.1f} s")
