"""Runs both servers on CPU 0 and wrk on CPU 1, in turns, and prints the table. Called by load.sh.

Each figure is the median of the turns. "CPU ms" is the server's own CPU time a request, which other work on the machine
disturbs least; "others" is how many CPUs the rest of the machine used meanwhile: distrust a line where it is over 0.2.
Ends with 1 where a target is missed, and with 2 where an answer was wrong.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request

SERVICE = "/cds-services/sacroiliac-joint-interventions"
BODIES = (60, 1000)
CONNECTIONS = (1, 8, 64)
STARTS = 7
TICKS = os.sysconf("SC_CLK_TCK")

TARGET_RATIO = 2.5
TARGET_PEAK_MB = 150
TARGET_START_MS = 100


class Server:
    """A server process, pinned to CPU 0, on a port of its own."""

    def __init__(self, name, command, log):
        with contextlib.closing(socket.socket()) as free:
            free.bind(("127.0.0.1", 0))
            self.address = "%s:%d" % free.getsockname()
        self.name, self.url = name, f"http://{self.address}"
        command = [part.replace("ADDRESS", self.address) for part in command]
        began = time.perf_counter()
        self.process = subprocess.Popen(["taskset", "-c", "0", *command], stdout=log, stderr=log)
        self.started_ms = self.first_answer(began)

    def first_answer(self, began):
        while time.perf_counter() - began < 10:
            try:
                with urllib.request.urlopen(f"{self.url}/cds-services", timeout=5) as answer:
                    answer.read()
                    return (time.perf_counter() - began) * 1e3
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None:
                    sys.exit(f"{self.name} ended at once with {self.process.returncode}")
                time.sleep(0.001)
        sys.exit(f"{self.name} did not answer within 10 s")

    def post(self, body):
        headers = {"Content-Type": "application/json"}
        with urllib.request.urlopen(urllib.request.Request(self.url + SERVICE, body, headers), timeout=10) as answer:
            return json.load(answer)

    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def peak_mb(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def busy_seconds():
    user, nice, system, _idle, _iowait, irq, softirq = map(int, pathlib.Path("/proc/stat").read_text().split()[1:8])
    return (user + nice + system + irq + softirq) / TICKS


def run_wrk(server, body, connections, seconds):
    """One run of wrk: its own figures, the server's CPU time a request, and what else the machine did."""
    script = pathlib.Path(__file__).with_name("load.lua")
    command = ["taskset", "-c", "1", "wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(script), server.url + SERVICE]
    cpu, busy, children = server.cpu_seconds(), busy_seconds(), sum(os.times()[2:4])
    out = subprocess.run(command, env={**os.environ, "BODY": str(body)}, capture_output=True, text=True, timeout=seconds + 30)
    cpu, busy, children = server.cpu_seconds() - cpu, busy_seconds() - busy, sum(os.times()[2:4]) - children
    line = next((line for line in out.stdout.splitlines() if line.startswith("RESULT ")), None)
    if line is None:
        sys.exit(f"wrk failed: {out.stdout[-300:]}{out.stderr[-300:]}")
    result = json.loads(line.removeprefix("RESULT "))
    if result["failed"]:
        print(f"{server.name}: {result['failed']} calls failed", file=sys.stderr)
        sys.exit(2)
    return {
        "rate": result["requests"] / result["seconds"],
        "p50": result["p50_ms"],
        "p99": result["p99_ms"],
        "cpu": cpu * 1e3 / max(result["requests"], 1),
        "others": max(busy - cpu - children, 0) / result["seconds"],
    }


def median(results):
    return {key: statistics.median(result[key] for result in results) for key in results[0]}


def start_up(name, command, log):
    times = []
    for _ in range(STARTS):
        server = Server(name, command, log)
        times.append(server.started_ms)
        server.stop()
    return statistics.median(times)


def compare(servers, arguments):
    """The lines of the table, and each server's peak memory."""
    print(f"{'resources':>9} {'conns':>5} {'ours/s':>9} {'bare/s':>9} {'ratio':>6} {'ours CPU ms':>11} {'bare CPU ms':>11} {'ratio':>6} "
          f"{'p50 ms':>7} {'p99 ms':>7} {'others':>6}")
    ratios = []
    for resources in BODIES:
        body = arguments.work / f"{resources}.json"
        for server in servers:
            if not server.post(body.read_bytes())["cards"]:
                print(f"{server.name} answered without a card", file=sys.stderr)
                sys.exit(2)
        for connections in CONNECTIONS:
            turns = [[run_wrk(server, body, connections, arguments.seconds) for server in servers] for _ in range(arguments.turns)]
            ours, bare = (median(results) for results in zip(*turns))
            ratio = statistics.median(mine["rate"] / other["rate"] for mine, other in turns)
            ratios.append(ratio)
            print(f"{resources:>9} {connections:>5} {ours['rate']:>9.0f} {bare['rate']:>9.0f} {ratio:>6.2f} {ours['cpu']:>11.3f} "
                  f"{bare['cpu']:>11.3f} {bare['cpu'] / ours['cpu']:>6.2f} {ours['p50']:>7.2f} {ours['p99']:>7.2f} "
                  f"{max(ours['others'], bare['others']):>6.2f}", flush=True)
    return ratios


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--bare", required=True)
    parser.add_argument("--work", required=True, type=pathlib.Path, help="where the bodies are, and the log goes")
    parser.add_argument("--seconds", type=int, default=4, help="how long a run of wrk is")
    parser.add_argument("--turns", type=int, default=3, help="how often each run is repeated")
    arguments = parser.parse_args()
    commands = {"ours": [arguments.ours, "serve", "--listen", "ADDRESS"], "bare": [arguments.bare, "ADDRESS"]}

    with (arguments.work / "servers.log").open("w") as log, contextlib.ExitStack() as stack:
        starts = {name: start_up(name, command, log) for name, command in commands.items()}
        servers = []
        for name, command in commands.items():
            servers.append(Server(name, command, log))
            stack.callback(servers[-1].stop)
        idle = servers[0].peak_mb()
        ratios = compare(servers, arguments)
        peak, bare_peak = (server.peak_mb() for server in servers)

    lines = [
        (f"requests/s, ours / bare, lowest {min(ratios):.2f} (at least {TARGET_RATIO})", min(ratios) >= TARGET_RATIO),
        (f"peak memory {peak:.0f} MB, bare {bare_peak:.0f} MB, idle {idle:.0f} MB (under {TARGET_PEAK_MB})", peak < TARGET_PEAK_MB),
        (f"start to first 200 {starts['ours']:.0f} ms, bare {starts['bare']:.0f} ms (under {TARGET_START_MS})", starts["ours"] < TARGET_START_MS),
    ]
    for line, held in lines:
        print(("held    " if held else "MISSED  ") + line)
    sys.exit(0 if all(held for _, held in lines) else 1)


if __name__ == "__main__":
    main()
