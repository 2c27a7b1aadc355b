"""postgres: PostgreSQL is stopped and started under load, and the service killed, also while PostgreSQL is away.

Each round is the life of one service. What happens in it is drawn: PostgreSQL goes, comes back, both, or neither; and at its
end the service is killed. Calls have to be answered 200 throughout. At last PostgreSQL comes back while calls go on, and once without.
"""

import random
import statistics
import time

from ledger_clients import Bodies, Load, Received
from ledger_records import compare
from ledger_support import Failed, Postgres, Service, configuration, expect_verified, ledger, new_keys

KILLS = 40
# What happens in a round, where PostgreSQL is there and where it is away.
THERE = ("nothing", "stop", "stop", "stop and start", "stop and start")
AWAY = ("nothing", "start", "start and stop", "start")


def ledger_of(binary, postgres, work, **more):
    """The settings of a ledger in this PostgreSQL."""
    return {"url": postgres.url, "keys_file": new_keys(binary, work / "keys"), "spool_file": str(work / "spool.db"), **more}


def migrate(binary, config):
    code, out, error = ledger(binary, config, "migrate")
    if code:
        raise Failed(f"`ledger migrate` ends with {code}: {out}{error}")


class Outages:
    """PostgreSQL's going and coming, and what the service said of it."""

    def __init__(self, findings, postgres):
        self.findings, self.postgres, self.count, self.noticed = findings, postgres, 0, []

    def stop(self, service):
        self.postgres.stop()
        self.count += 1
        self.noticed.append(self.says(service, "spooling"))

    def says(self, service, state, seconds=10):
        try:
            return service.await_ready(200, state, seconds)
        except Failed as failed:
            self.findings.faults.append(str(failed))
            return float("nan")

    def happen(self, what, service, chance):
        for word in what.split(" and "):
            if word == "stop":
                self.stop(service)
            elif word == "start":
                self.postgres.start()
            time.sleep(chance.uniform(0, 0.6))


def rounds(findings, arguments, work, config, outages, bodies, received):
    chance, starts, killed_away = random.Random(arguments.seed), [], 0
    for _ in range(arguments.kills):
        with Service(arguments.binary, config, work / "postgres.log") as service:
            with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
                load.await_first()
                if outages.postgres.away:
                    outages.says(service, "spooling")
                time.sleep(chance.uniform(0, 0.4))
                outages.happen(chance.choice(AWAY if outages.postgres.away else THERE), service, chance)
                service.kill()
        starts.append(load.first_answer_seconds * 1e3)
        killed_away += outages.postgres.away
    findings.figure(f"{arguments.kills} kills, {killed_away} of them while PostgreSQL was away")
    findings.figure(f"start to the first answer {statistics.median(starts):.0f} ms (longest {max(starts):.0f})")


def recover(arguments, work, config, outages, bodies, received):
    """PostgreSQL goes and comes while calls go on: the seconds until records go there again, and with no calls after an outage."""
    with Service(arguments.binary, config, work / "postgres.log") as service:
        with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
            load.await_first()
            outages.stop(service)
            time.sleep(1)
            outages.postgres.start()
            under_load = outages.says(service, "writable", 30)
            outages.stop(service)
        outages.postgres.start()
        without_load = outages.says(service, "writable", 30)
        code = service.stop()
        outages.findings.expect(code == 0, f"the service ends with {code}")
    return under_load, without_load


def run(findings, arguments, work):
    bodies, received = Bodies(large=0.05), Received()
    with Postgres(work) as postgres:
        config = configuration(work / "postgres.toml", ledger_of(arguments.binary, postgres, work))
        migrate(arguments.binary, config)
        outages = Outages(findings, postgres)
        rounds(findings, arguments, work, config, outages, bodies, received)
        if postgres.away:
            postgres.start()
        under_load, without_load = recover(arguments, work, config, outages, bodies, received)
        expect_verified(findings, arguments.binary, config)
        records = compare(findings, arguments.binary, config, received, bodies)
    findings.faults += received.faults
    longest = max((seconds for _, seconds, *_ in received.unavailable), default=0)
    findings.expect(not received.unavailable, f"{len(received.unavailable)} of {sum(received.sent.values())} calls were answered 503, after {longest:.2f} s at most")
    findings.figure(f"{outages.count} outages, said by /health/ready after {statistics.median(outages.noticed or [0]) * 1e3:.0f} ms")
    findings.figure(f"{len(received.answers)} answers received of {sum(received.sent.values())} calls, {records.kinds['call']} records of calls, {records.missing} missing")
    findings.figure(f"{records.kinds['start']} starts recorded, {len(records.chains)} chains, writable again after {under_load:.1f} s of calls, {without_load:.1f} s without")
