"""Attacks a service beside an honest client: see hostile.sh, which calls this.

Prints a line a part and one for all; ends with 1 where a target is missed.
"""

import argparse
import contextlib
import http.client
import json
import multiprocessing
import os
import pathlib
import socket
import sys
import threading
import time
import urllib.parse

from hostile_bodies import SHAPES, SMALL_LIMIT, large_call, long_order, feedback
from ledger_clients import SERVICE, Broken, Connection
from ledger_support import Failed, Findings, Service, configuration, new_keys
from ledger_tokens import PUBLIC_URL, Signer

MAX_PEAK_MB = 1024
MAX_RECOVERY_SECONDS = 2
MAX_HEALTH_SECONDS = 0.05
PATIENCE = 5
AT_ONCE = 64
GIVEN_BACK_AFTER = 10
# The allocator keeps some of what it had for the next load, and no more than this.
MAX_KEPT_MB = 192


def parse():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--binary", required=True, help="sij-cds")
    parser.add_argument("--work", required=True, type=pathlib.Path, help="an empty directory")
    parser.add_argument("--seconds", type=float, default=6, help="how long each attack lasts")
    parser.add_argument("--seed", type=int, default=20261130, help="of the keys")
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - set(PARTS)
    if unknown:
        parser.error(f"no such part: {', '.join(sorted(unknown))}")
    arguments.binary = str(pathlib.Path(arguments.binary).resolve())
    return arguments


class Target:
    """The service under attack, its two clients, and what is known of it."""

    def __init__(self, service, honest, hostile, ehr):
        self.service, self.honest, self.hostile, self.ehr = service, honest, hostile, ehr

    def connect(self):
        return Connection(self.service.host, self.service.port)

    def open(self, data=b""):
        """A connection on which nothing more is done, with something sent."""
        stream = socket.create_connection((self.service.host, self.service.port), timeout=PATIENCE)
        stream.sendall(data)
        return stream

    def head(self, path, length, token=None, more=""):
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        return f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}Content-Type: application/json\r\nContent-Length: {length}\r\n{more}\r\n".encode()

    def get(self, path):
        """The status of a GET, and the seconds it took."""
        began = time.monotonic()
        with contextlib.closing(http.client.HTTPConnection(self.service.host, self.service.port, timeout=PATIENCE)) as connection:
            connection.request("GET", path)
            answer = connection.getresponse()
            answer.read()
        return answer.status, time.monotonic() - began

    def memory_mb(self, name):
        lines = pathlib.Path(f"/proc/{self.service.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(name))


class Repeated:
    """Does something again and again, beside an attack, and keeps what went wrong and how long each took."""

    def __init__(self, act, pause):
        self.act, self.pause, self.faults, self.seconds, self.ends = act, pause, [], [], threading.Event()
        self.thread = threading.Thread(target=self.run)

    def run(self):
        while not self.ends.is_set():
            began = time.monotonic()
            try:
                fault = self.act()
            except (OSError, Broken, http.client.HTTPException) as error:
                fault = repr(error)
            self.seconds.append(time.monotonic() - began)
            if fault or self.seconds[-1] > PATIENCE:
                self.faults.append(fault or f"{self.seconds[-1]:.1f} s")
            self.ends.wait(self.pause)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.ends.set()
        self.thread.join()


def honest_call(target, body):
    """One call of the honest client, which is answered with a card."""

    def act():
        with contextlib.closing(target.connect()) as connection:
            status, answer = connection.post(SERVICE, body, target.honest.token())
        return None if status == 200 and json.loads(answer)["cards"] else f"{status} {answer[:200]!r}"

    return act


def together(count, act):
    """Does something in so many threads at once, and gives what came of each."""
    results, threads = [], []

    def run(number):
        try:
            results.append(act(number))
        except (OSError, Broken, ValueError) as error:
            results.append(repr(error))

    for number in range(count):
        threads.append(threading.Thread(target=run, args=(number,)))
        threads[-1].start()
    for thread in threads:
        thread.join()
    return results


def post(target, body, token, path=SERVICE):
    with contextlib.closing(target.connect()) as connection:
        return connection.post(path, body, token)[0]


def bodies(target, seconds, findings):
    """So many bodies at once of every shape that would become many times its size, or just may."""
    statuses = {}
    for name, body in SHAPES.items():
        found = together(AT_ONCE, lambda _, body=body: post(target, body, target.hostile.token()))
        statuses[name] = sorted({str(status) for status in found})
        findings.expect(set(statuses[name]) <= {"200", "400", "412", "413", "422", "503"}, f"bodies of {name} are answered {statuses[name]}")
        if target.service.process.poll() is not None:
            raise Failed(f"the service ended at bodies of {name}")
    findings.figure("; ".join(f"{name} {' '.join(found)}" for name, found in statuses.items()))


def one_at_a_time(target, seconds, findings):
    """What one body of each shape costs, in multiples of its size."""
    worst = 0
    for name, body in SHAPES.items():
        before = target.memory_mb("VmRSS")
        pathlib.Path(f"/proc/{target.service.process.pid}/clear_refs").write_text("5")
        post(target, body, target.hostile.token())
        multiple = (target.memory_mb("VmHWM") - before) * 1024 * 1024 / len(body)
        worst = max(worst, multiple if len(body) >= SMALL_LIMIT else 0)
        findings.expect(multiple <= 12 or len(body) < SMALL_LIMIT, f"a body of {name} costs {multiple:.1f} times its size")
    findings.figure(f"at most {worst:.1f} times its size")


def slow_bodies(target, seconds, findings):
    """One client's bodies that do not come."""
    opened = []
    try:
        for _ in range(290):
            opened.append(target.open(target.head(SERVICE, 100_000, target.hostile.token()) + b"{"))
        time.sleep(seconds)
    finally:
        for stream in opened:
            stream.close()


def unread_answers(target, seconds, findings):
    """Answers of the greatest length, which their caller does not read."""
    opened, body = [], long_order()
    try:
        for _ in range(100):
            stream = target.open()
            stream.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            for _ in range(4):
                stream.sendall(target.head(SERVICE, len(body), target.hostile.token()) + body)
            opened.append(stream)
        time.sleep(seconds)
    except OSError:
        # The service takes no more of a peer that does not read.
        time.sleep(seconds)
    finally:
        for stream in opened:
            stream.close()


def unauthenticated(target, seconds, findings):
    """Forms and calls without credentials, beside which another user's launch must begin."""
    launch = f"/smart/launch?{urllib.parse.urlencode({'iss': target.ehr, 'launch': 'x'})}"
    checks = {launch: (302, 303, 307, 502), "/.well-known/jwks.json": (200,), "/health/live": (200,), "/cds-services": (200,)}
    opened, path = [], f"/smart/app/{'A' * 43}"

    def act():
        for path, accepted in checks.items():
            status, took = target.get(path)
            if status not in accepted or took > 2:
                return f"{path.partition('?')[0]} {status} after {took:.1f} s"

    try:
        with Repeated(act, 0.1) as asked:
            for _ in range(400):
                with contextlib.suppress(OSError):
                    opened.append(target.open(target.head(path, 30_000) + b"a=" + b"b" * 40))
                    opened.append(target.open(target.head(SERVICE, 30_000) + b"{"))
            time.sleep(seconds)
    finally:
        for stream in opened:
            stream.close()
    findings.expect(not asked.faults, f"{len(asked.faults)} of {len(asked.seconds)} other requests failed: {asked.faults[:2]}")
    findings.figure(f"{len(asked.seconds)} rounds of other requests, the slowest {max(asked.seconds):.2f} s")


def floods(target, seconds, findings):
    """Feedback by the thousand, and the disk it takes."""
    database, body, end = target.service.log.parent / "ledger.db", feedback(1_000), time.monotonic() + seconds
    before = sum(file.stat().st_size for file in database.parent.glob("ledger.db*"))
    taken = [0, 0]
    while time.monotonic() < end:
        status = post(target, body, target.hostile.token(), f"{SERVICE}/feedback")
        taken[status == 200] += 1
    grown = sum(file.stat().st_size for file in database.parent.glob("ledger.db*")) - before
    findings.figure(f"{taken[1]} of {sum(taken)} feedback calls taken, the ledger grew by {grown / 1e6:.1f} MB")
    findings.expect(taken[1] <= seconds, f"{taken[1]} calls of 1,000 feedback entries were taken in {seconds} s")


def large_calls(target, seconds, findings):
    """Eight large charts at a time, beside which health is asked."""
    body, ready = large_call(), []
    tokens = [[target.hostile.token() for _ in range(60)] for _ in range(8)]
    end = time.monotonic() + seconds

    def act():
        status, took = target.get("/health/live")
        ready.append(took)
        return None if status == 200 else status

    def call(tokens):
        # These run only when no other process of this machine wants to: its time is for the service.
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        for token in tokens:
            if time.monotonic() < end:
                count = answered if post(target, body, token) == 200 else refused
                with count:
                    count.value += 1

    # Processes of their own, so that these do not hold up the one that measures.
    fork = multiprocessing.get_context("fork")
    processes, answered, refused = [], fork.Value("i", 0), fork.Value("i", 0)
    with Repeated(act, 0.01):
        for number in range(8):
            processes.append(fork.Process(target=call, args=(tokens[number],)))
            processes[-1].start()
        for process in processes:
            process.join()
    findings.expect(answered.value > 0 and refused.value == 0, f"{refused.value} large calls are refused, {answered.value} answered")
    slow = sum(took > MAX_HEALTH_SECONDS for took in ready)
    findings.expect(slow == 0, f"{slow} of {len(ready)} health checks took more than {MAX_HEALTH_SECONDS * 1e3:.0f} ms, the slowest {max(ready) * 1e3:.0f} ms")
    findings.figure(f"{answered.value} calls of {len(body) / 1e6:.1f} MB beside {len(ready)} health checks, the slowest {max(ready) * 1e3:.0f} ms")


# The attack on memory of one body at a time measures alone, without the honest client beside it.
PARTS = {
    "one_at_a_time": one_at_a_time,
    "bodies": bodies,
    "slow_bodies": slow_bodies,
    "unread_answers": unread_answers,
    "unauthenticated": unauthenticated,
    "floods": floods,
    "large_calls": large_calls,
}


def section(name, values):
    return f"[{name}]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in values.items())


def configure(arguments, ehr):
    """Two clients, and an EHR that launches the app."""
    work, signers = arguments.work, {}
    more = f'[server]\npublic_url = "{PUBLIC_URL}"\n'
    for number, name in enumerate(("honest", "hostile")):
        signers[name] = Signer(arguments.seed + number, f"https://{name}.example")
        (work / f"{name}.jwks.json").write_text(signers[name].key_set())
        client = {"name": name, "iss": signers[name].issuer, "jwks_file": str(work / f"{name}.jwks.json"), "calls_per_second": 200}
        more += section("[clients]", client)
    more += section("[fhir_servers]", {"name": "main", "base_url": ehr, "allow_private_addresses": True})
    more += section("[smart.ehrs]", {"name": "main", "fhir_server": "main", "client_id": "sij-cds", "authentication": "public"})
    ledger = {"url": f"sqlite:{work / 'ledger.db'}", "keys_file": new_keys(arguments.binary, work / "keys")}
    return configuration(work / "sij-cds.toml", ledger, more), signers["honest"], signers["hostile"]


def recovery(act):
    """The seconds until the honest client is answered, once an attack is over."""
    began = time.monotonic()
    while time.monotonic() < began + 30:
        with contextlib.suppress(OSError, Broken):
            if act() is None:
                return time.monotonic() - began
        time.sleep(0.02)
    raise Failed("the service did not recover within 30 s")


def attack(name, target, act, arguments):
    """One part, beside the honest client. Whether it held, and the honest client's calls."""
    findings = Findings(name)
    beside = contextlib.nullcontext() if name == "one_at_a_time" else Repeated(act, 0.05)
    try:
        with beside as client:
            PARTS[name](target, arguments.seconds, findings)
        took = recovery(act)
        findings.expect(took < MAX_RECOVERY_SECONDS, f"the service recovered after {took:.1f} s")
        findings.figure(f"recovered after {took:.2f} s")
    except Failed as failed:
        findings.expect(False, str(failed))
    if client:
        findings.expect(not client.faults, f"{len(client.faults)} of the honest client's {len(client.seconds)} calls were lost: {client.faults[:2]}")
        findings.figure(f"{len(client.faults)} of {len(client.seconds)} honest calls lost, the slowest {max(client.seconds, default=0):.2f} s")
    return findings.print()


def main():
    arguments = parse()
    # Nothing answers at the EHR's address: a launch that was let in ends there.
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        ehr = f"http://127.0.0.1:{closed.getsockname()[1]}/fhir"
        config, honest, hostile = configure(arguments, ehr)
        body = pathlib.Path("fixtures/stories/first-injection-fully-documented/request.json").read_bytes()
        with Service(arguments.binary, config, arguments.work / "log") as service:
            target = Target(service, honest, hostile, ehr)
            act = honest_call(target, body)
            recovery(act)
            begun_with = target.memory_mb("VmRSS")
            held = [attack(name, target, act, arguments) for name in arguments.parts or PARTS]
            peak = target.memory_mb("VmHWM")
            time.sleep(GIVEN_BACK_AFTER)
            left = target.memory_mb("VmRSS")
    held += [peak < MAX_PEAK_MB, left < begun_with + MAX_KEPT_MB]
    print(f"{'held    ' if all(held) else 'MISSED  '}all: peak memory {peak:.0f} MB of {MAX_PEAK_MB}, {begun_with:.0f} MB before, {left:.0f} MB {GIVEN_BACK_AFTER} s after")
    sys.exit(0 if all(held) else 1)


if __name__ == "__main__":
    main()
