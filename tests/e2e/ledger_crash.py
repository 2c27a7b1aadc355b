"""crash: the service is killed at random moments under load, again and again on one SQLite ledger."""

import random
import statistics
import time

from ledger_clients import Bodies, Load, Received
from ledger_records import compare
from ledger_support import Service, configuration, expect_verified, megabytes

KILLS = 200


def run(findings, arguments, work):
    chance, bodies, received, starts = random.Random(arguments.seed), Bodies(), Received(), []
    ends = []
    config = configuration(work / "crash.toml", {"url": f"sqlite:{work}/ledger.db"})
    for number in range(1, arguments.kills + 1):
        with Service(arguments.binary, config, work / "crash.log") as service:
            with Load(service, bodies, received, arguments.clients, arguments.seed) as load:
                load.await_first()
                time.sleep(chance.uniform(0, 0.4))
                service.kill()
        starts.append(load.first_answer_seconds * 1e3)
        if arguments.check_every and number % arguments.check_every == 0 and number < arguments.kills:
            ends += expect_verified(findings, arguments.binary, config, f"after {number} kills", ends)
    expect_verified(findings, arguments.binary, config, seen=ends)
    records = compare(findings, arguments.binary, config, received, bodies)
    findings.faults += received.faults
    findings.expect(not received.unavailable, f"{len(received.unavailable)} calls were answered 503, though the ledger could be written")
    findings.figure(f"{arguments.kills} kills")
    findings.figure(f"{len(received.answers)} answers received of {sum(received.sent.values())} calls")
    findings.figure(f"{records.kinds['call']} records of calls, {records.missing} missing")
    findings.figure(f"feedback {len(received.feedback)}, records {records.kinds['feedback']}")
    findings.figure(f"{records.kinds['start']} starts recorded, {len(records.chains)} chains")
    findings.figure(f"start to the first answer {statistics.median(starts):.0f} ms (longest {max(starts):.0f})")
    findings.figure(f"database {megabytes(work / 'ledger.db'):.0f} MB")
