"""postgres: PostgreSQL is stopped and started under load, and the service killed, also while PostgreSQL is away.

Each round is the life of one service. What happens in it is drawn: PostgreSQL goes, comes back, both, or neither; and at its
end the service is killed. While PostgreSQL is away, calls have to be answered 503, and otherwise 200. At last PostgreSQL comes back while calls go
on, and once without.
"""

import random
import statistics
import time

from ledger_clients import Bodies, Load, Received
from ledger_records import compare
from ledger_support import Failed, Postgres, Service, configuration, expect_verified, ledger, new_keys, until

KILLS = 40
# What happens in a round, where PostgreSQL is there and where it is away.
THERE = ("nothing", "stop", "stop", "stop and start", "stop and start")
AWAY = ("nothing", "start", "start and stop", "start")


def ledger_of(binary, postgres, work, **more):
    """The settings of a ledger in this PostgreSQL."""
    return {"url": postgres.url, "keys_file": new_keys(binary, work / "keys"), **more}


def migrate(binary, config):
    code, out, error = ledger(binary, config, "migrate")
    if code:
        raise Failed(f"`ledger migrate` ends with {code}: {out}{error}")


class Outages:
    """PostgreSQL's going and coming, and what the service said of it."""

    def __init__(self, findings, postgres):
        self.findings, self.postgres, self.count, self.noticed, self.returned = findings, postgres, 0, [], []

    def stop(self, service):
        self.postgres.stop()
        self.count += 1
        self.noticed.append(self.says(service, 503))

    def start(self, service):
        self.postgres.start()
        self.returned.append(self.says(service, 200))

    def says(self, service, status, seconds=10):
        try:
            return service.await_ready(status, seconds=seconds)
        except Failed as failed:
            self.findings.faults.append(str(failed))
            return float("nan")

    def happen(self, what, service, chance):
        for word in what.split(" and "):
            if word == "stop":
                self.stop(service)
            elif word == "start":
                self.start(service)
            time.sleep(chance.uniform(0, 0.6))


def rounds(findings, arguments, work, config, outages, bodies, received):
    chance, starts, killed_away = random.Random(arguments.seed), [], 0
    for _ in range(arguments.kills):
        with Service(arguments.binary, config, work / "postgres.log") as service:
            with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
                if outages.postgres.away:
                    outages.says(service, 503)
                else:
                    load.await_first()
                time.sleep(chance.uniform(0, 0.4))
                outages.happen(chance.choice(AWAY if outages.postgres.away else THERE), service, chance)
                service.kill()
        if load.first_answer_seconds is not None:
            starts.append(load.first_answer_seconds * 1e3)
        killed_away += outages.postgres.away
    findings.figure(f"{arguments.kills} kills, {killed_away} of them while PostgreSQL was away")
    findings.figure(f"start to the first answer {statistics.median(starts):.0f} ms (longest {max(starts):.0f})")


def recover(arguments, work, config, outages, bodies, received):
    """PostgreSQL goes and comes while calls go on: the seconds until it is written again, and with no calls after an outage."""
    with Service(arguments.binary, config, work / "postgres.log") as service:
        with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
            load.await_first()
            outages.stop(service)
            time.sleep(1)
            outages.start(service)
            load.forget()
            until("calls are answered 200 again, and no other way", 10, lambda: load.only_lately(200))
            outages.stop(service)
        outages.start(service)
        code = service.stop()
        outages.findings.expect(code == 0, f"the service ends with {code}")


def run(findings, arguments, work):
    bodies, received = Bodies(large=0.05), Received()
    with Postgres(work) as postgres:
        config = configuration(work / "postgres.toml", ledger_of(arguments.binary, postgres, work))
        migrate(arguments.binary, config)
        outages = Outages(findings, postgres)
        rounds(findings, arguments, work, config, outages, bodies, received)
        if postgres.away:
            postgres.start()
        recover(arguments, work, config, outages, bodies, received)
        expect_verified(findings, arguments.binary, config)
        records = compare(findings, arguments.binary, config, received, bodies)
    findings.faults += received.faults
    longest = max((seconds for _, seconds, *_ in received.unavailable), default=0)
    findings.expect(longest < 2, f"a call waits {longest:.2f} s for its 503")
    for what, seconds in (("away", outages.noticed), ("back", outages.returned)):
        findings.expect(max(seconds) < 2, f"/health/ready says after {max(seconds):.1f} s that PostgreSQL is {what}")
    findings.figure(f"{outages.count} outages, said by /health/ready after {max(outages.noticed):.2f} s at most, and their end after {max(outages.returned):.2f} s")
    findings.figure(f"{len(received.answers)} answers received of {sum(received.sent.values())} calls, {records.kinds['call']} records of calls, {records.missing} missing")
    findings.figure(f"{records.kinds['start']} starts recorded, {len(records.chains)} chains")
