"""instances: two services on one PostgreSQL, which know the same client; one of them is killed under load, in turns.

A token used at one is refused at the other, because the ledger's database remembers it, and the refusal is in the ledger. The one that is left serves on without a fault. Then
PostgreSQL goes under load and returns: both say so within two seconds each time, and lose nothing.
"""

import concurrent.futures
import contextlib
import json
import random
import time

from ledger_clients import SERVICE, Bodies, Connection, Load, Received
from ledger_postgres import migrate
from ledger_records import compare
from ledger_support import Postgres, Service, configuration, expect_verified, new_keys, until
from ledger_tokens import ISSUER, PUBLIC_URL, Signer

KILLS = 10


def configurations(arguments, work, postgres, signer):
    """One file an instance; all but the instance's name is the same."""
    keys, seals = work / "ehr.jwks.json", new_keys(arguments.binary, work / "keys")
    keys.write_text(signer.key_set())
    client = {"name": "ehr", "iss": ISSUER, "jwks_file": str(keys), "calls_per_second": 1_000_000}
    more = f'[server]\npublic_url = "{PUBLIC_URL}"\n[[clients]]\n'
    more += "".join(f"{key} = {json.dumps(value)}\n" for key, value in client.items())
    for name in ("one", "two"):
        section = {"url": postgres.url, "keys_file": seals, "instance": name}
        yield configuration(work / f"{name}.toml", section, more)


def expect_one_use(findings, services, bodies, received, signer):
    """Each token once at one instance and then at the other: 200, then 401 with the same words as ever."""
    refused = 0
    for number in range(20):
        token, hook_instance = signer.token(), f"00000000-0000-4000-8000-{number:012}"
        received.sent[hook_instance] += 1
        received.stories[hook_instance].add("nothing-documented")
        statuses = []
        for service in services if number % 2 else reversed(services):
            with contextlib.closing(Connection(service.host, service.port)) as connection:
                status, body = connection.post(SERVICE, bodies.body("nothing-documented", hook_instance), token)
            statuses.append(status)
            if status == 200:
                received.answered(hook_instance, "nothing-documented", "tokens", body)
        refused += statuses[1] == 401
        findings.expect(statuses == [200, 401], f"a token used at one instance and then at the other is answered {statuses}: {body[:200]!r}")
    return refused


def kill_in_turns(findings, arguments, work, configs, services, bodies, received, signer):
    chance = random.Random(arguments.seed)
    clients = max(arguments.clients // 2, 1)
    loads = [Load(service, bodies, received, clients, arguments.seed, name, signer.token) for service, name in zip(services, ("one-", "two-"))]
    try:
        for number in range(arguments.kills):
            which = number % 2
            loads[which].await_first()
            time.sleep(chance.uniform(0, 0.4))
            services[which].kill()
            loads[which].stop()
            served = received.statuses[200]
            time.sleep(chance.uniform(0.1, 0.5))
            findings.expect(received.statuses[200] > served, f"after kill {number + 1} the other instance answers nothing")
            services[which] = Service(arguments.binary, configs[which], work / f"instance-{which}.log")
            loads[which] = Load(services[which], bodies, received, clients, arguments.seed, ("one-", "two-")[which], signer.token)
        for load in loads:
            load.await_first()
    finally:
        for load in loads:
            load.stop()


def away(findings, arguments, postgres, services, bodies, received, signer):
    """PostgreSQL goes and returns under load, three times."""
    before, times = len(received.unavailable), {"away": [], "back": []}
    findings.expect(not before, f"{before} calls were answered 503 while PostgreSQL was there: {received.unavailable[:2]}")
    loads = [Load(service, bodies, received, max(arguments.clients // 2, 1), arguments.seed, name, signer.token) for service, name in zip(services, ("one-", "two-"))]
    try:
        for load in loads:
            load.await_first()
        for _ in range(3):
            postgres.stop()
            times["away"] += await_both(services, 503)
            time.sleep(1)
            postgres.start()
            times["back"] += await_both(services, 200)
            for load in loads:
                load.forget()
            began = time.monotonic()
            until("both instances answer 200 again", 10, lambda: all(200 in load.lately() for load in loads))
            times["back"].append(time.monotonic() - began)
            time.sleep(0.5)
    finally:
        for load in loads:
            load.stop()
    for what, seconds in times.items():
        findings.expect(max(seconds) < 2, f"that PostgreSQL is {what} is said after {max(seconds):.1f} s")
        findings.figure(f"{what} after {max(seconds):.2f} s at most")


def await_both(services, status):
    """The seconds until each instance's /health/ready says so."""
    with concurrent.futures.ThreadPoolExecutor() as pool:
        return list(pool.map(lambda service: service.await_ready(status), services))


def run(findings, arguments, work):
    bodies, received, signer = Bodies(large=0.05), Received(), Signer(arguments.seed)
    with Postgres(work) as postgres:
        configs = list(configurations(arguments, work, postgres, signer))
        migrate(arguments.binary, configs[0])
        services = []
        try:
            for which, config in enumerate(configs):
                services.append(Service(arguments.binary, config, work / f"instance-{which}.log"))
            refused = expect_one_use(findings, services, bodies, received, signer)
            kill_in_turns(findings, arguments, work, configs, services, bodies, received, signer)
            away(findings, arguments, postgres, services, bodies, received, signer)
            for service in services:
                service.await_ready(200, "writable", 10)
                findings.expect(service.stop() == 0, "an instance does not end with 0")
        finally:
            for service in services:
                service.kill()
        expect_verified(findings, arguments.binary, configs[0])
        records = compare(findings, arguments.binary, configs[0], received, bodies)
    findings.faults += received.faults
    findings.expect(records.causes["replayed"] == refused, f"{refused} replayed tokens were refused, and the ledger has {dict(records.causes)}")
    findings.figure(f"{refused} of 20 tokens refused at the other instance")
    findings.figure(f"{arguments.kills} kills in turns")
    findings.figure(f"{len(received.answers)} answers received of {sum(received.sent.values())} calls, {records.kinds['call']} records of calls, {records.missing} missing")
    findings.figure(f"{len(records.chains)} chains")
