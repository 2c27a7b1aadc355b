"""What the parts of ledger.py stand on: the service and its commands, a PostgreSQL, a small disk, and what a part found.

Everything started here is ended here, by its process id, when its `with` block is left.
"""

import contextlib
import http.client
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

# A setting of the caller's shell must not decide what is tested.
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SIJ_CDS__")}
# What is tested is what is kept, not the limits on calls a second.
COMMON = "[limits]\ncalls_per_second = 1_000_000\nclient_calls_per_second = 1_000_000\n"


class Failed(Exception):
    """The part cannot go on: something did not come about in its time."""


class Skipped(Exception):
    """The part cannot be tried on this machine."""


class Findings:
    """What a part found: figures, and what did not hold."""

    def __init__(self, part):
        self.part, self.figures, self.faults, self.began = part, [], [], time.monotonic()

    def figure(self, text):
        self.figures.append(text)

    def expect(self, holds, fault):
        if not holds:
            self.faults.append(fault)

    def print(self):
        """The faults, then the one line. True where all held."""
        for fault in self.faults[:40]:
            print(f"FAILED  {self.part}: {fault}")
        if len(self.faults) > 40:
            print(f"FAILED  {self.part}: and {len(self.faults) - 40} more")
        self.figure(f"{time.monotonic() - self.began:.0f} s")
        print(("MISSED  " if self.faults else "held    ") + f"{self.part}: {', '.join(self.figures)}", flush=True)
        return not self.faults


def until(what, seconds, holds, pause=0.02):
    """Waits for `holds()` to give something true, and gives that; the failure names the last thing it gave."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        value = holds()
        if value:
            return value
        time.sleep(pause)
    raise Failed(f"not within {seconds} s: {what}")


def configuration(file, ledger, more=""):
    """Writes a configuration file; `ledger` is its section of that name."""
    lines = "".join(f"{key} = {json.dumps(value)}\n" for key, value in ledger.items())
    file.write_text(f"{COMMON}[ledger]\n{lines}{more}")
    return file


class Service:
    """A running `sij-cds serve` on a free port of this machine."""

    def __init__(self, binary, config, log, cpu=None):
        self.log, self.ending = log, False
        pinned = [] if cpu is None else ["taskset", "-c", str(cpu)]
        self.began = time.monotonic()
        with log.open("w") as out:
            command = [*pinned, binary, "serve", "--config", str(config), "--listen", "127.0.0.1:0"]
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=ENVIRONMENT, cwd=log.parent)
        try:
            self.host, self.port = until("the service listens", 20, self.listening, 0.001)
        except Failed as failed:
            self.kill()
            raise Failed(f"{failed}; its log ends: {self.tail()}") from None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.kill()

    def listening(self):
        for line in self.log.read_text().splitlines():
            if '"listening"' in line and line.endswith("}"):
                host, _, port = json.loads(line)["address"].rpartition(":")
                return host, int(port)
        if self.process.poll() is not None:
            raise Failed(f"the service ended at once with {self.process.returncode}")
        return None

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def ready(self):
        """The status of /health/ready, and what it says of the ledger, or why it is not ready."""
        with contextlib.closing(http.client.HTTPConnection(self.host, self.port, timeout=5)) as connection:
            try:
                connection.request("GET", "/health/ready")
                answer = connection.getresponse()
                body = answer.read()
            except (OSError, http.client.HTTPException) as error:
                return None, str(error)
        try:
            said = json.loads(body)
            return answer.status, said.get("ledger") or said["issue"][0]["diagnostics"]
        except (ValueError, KeyError):
            return answer.status, None

    def ready_reason(self):
        return self.ready()[1] or ""

    def await_ready(self, status, ledger=None, seconds=10):
        """Waits until /health/ready says so; gives the seconds it took."""
        began = time.monotonic()
        said = []

        def holds():
            said.append(self.ready())
            return said[-1][0] == status and ledger in (None, said[-1][1])

        try:
            until("", seconds, holds)
        except Failed:
            raise Failed(f"/health/ready is not {status} {ledger or ''} within {seconds} s but {said[-1]}; log: {self.tail()}") from None
        return time.monotonic() - began

    def kill(self):
        self.ending = True
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def stop(self):
        """Ends it in good order; gives its exit code."""
        self.ending = True
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failed("the service does not end within 30 s of SIGTERM") from None

    # What /proc tells, for load.py's run of wrk.
    def cpu_seconds(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def tail(self):
        """The last lines of its log that are no calls."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        return " | ".join([line for line in lines if '"INFO"' not in line or '"span"' not in line][-3:])[-900:]


def ledger(binary, config, *words, seconds=300):
    """Runs `sij-cds ledger …` to its end: its exit code and what it printed."""
    command = [binary, "ledger", *words, "--config", str(config)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, env=ENVIRONMENT, cwd=config.parent)
    except subprocess.TimeoutExpired:
        raise Failed(f"`ledger {' '.join(words)}` does not end within {seconds} s") from None
    return done.returncode, done.stdout, done.stderr


def expect_verified(findings, binary, config, when="at the end", seen=()):
    """`ledger verify` holds, ends that it printed before included. Gives the ends it prints."""
    code, out, error = ledger(binary, config, "verify", *(word for end in seen for word in ("--expect", end)))
    lines = out.strip().splitlines() or [""]
    findings.expect(code == 0 and lines[-1].startswith("the ledger holds"), f"`ledger verify` {when} ends with {code}: {(out + error).strip()[-900:]}")
    return [line.removeprefix("end ") for line in lines if line.startswith("end ")]


@contextlib.contextmanager
def exported(binary, config):
    """The lines of `ledger export --format ndjson`, as bytes."""
    with open(config.parent / "export.error", "w+") as error:
        command = [binary, "ledger", "export", "--format", "ndjson", "--config", str(config)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=error, env=ENVIRONMENT, cwd=config.parent)
        try:
            yield process.stdout
            code = process.wait(60)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
            process.stdout.close()
        if code:
            error.seek(0)
            raise Failed(f"`ledger export` ends with {code}: {error.read()[-600:]}")


def megabytes(database):
    """What a SQLite ledger takes on the disk, its log included."""
    return sum(file.stat().st_size for file in database.parent.glob(f"{database.name}*")) / 1e6


def new_keys(binary, file):
    """A file with one fresh key."""
    done = subprocess.run([binary, "ledger", "new-key"], capture_output=True, text=True, timeout=20, env=ENVIRONMENT)
    if done.returncode:
        raise Failed(f"`ledger new-key` ends with {done.returncode}: {done.stderr[-300:]}")
    file.write_text(done.stdout)
    file.chmod(0o600)
    return str(file)


class Postgres:
    """A PostgreSQL of its own, on a Unix socket only, with fsync on; as an unprivileged user where this is root."""

    def __init__(self, work):
        binaries = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin/pg_ctl"), key=lambda path: int(path.parts[-3]))
        if not binaries:
            raise Skipped("PostgreSQL is not installed (Debian: apt-get install postgresql)")
        self.binaries, self.owner = binaries[-1].parent, []
        if os.geteuid() == 0:
            if subprocess.run(["id", "postgres"], capture_output=True).returncode:
                raise Skipped("PostgreSQL does not run as root, and there is no user postgres")
            self.owner = ["runuser", "-u", "postgres", "--"]
        # The path is known to ledger.sh, which stops what is left there.
        self.data, self.socket, self.away = work / "postgres" / "data", work / "postgres" / "socket", True
        for directory in (self.data, self.socket):
            directory.mkdir(parents=True)
            if self.owner:
                shutil.chown(directory, "postgres")
        self.url = f"postgres://sij_cds@localhost/postgres?host={self.socket}"

    def __enter__(self):
        self.run("initdb", "--auth", "trust", "--username", "sij_cds", "--no-sync")
        self.start()
        return self

    def __exit__(self, *_):
        if not self.away:
            self.stop()

    def run(self, program, *words):
        """Runs one of its programs; its output goes to a file, for the server would hold a pipe open."""
        with open(self.socket.parent / "output", "w+") as output:
            command = [*self.owner, str(self.binaries / program), "--pgdata", str(self.data), *words]
            code = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, timeout=90, cwd="/").returncode
            output.seek(0)
            if code:
                raise Failed(f"{program} ends with {code}: {output.read()[-500:]}")

    def start(self):
        options = f"-c listen_addresses='' -c unix_socket_directories='{self.socket}' -c fsync=on -c synchronous_commit=on -c max_connections=60"
        self.run("pg_ctl", "--wait", "--silent", "--log", str(self.socket / "log"), "--options", options, "start")
        self.away = False

    def stop(self):
        """At once, as a crash would: connections are cut, and the next start recovers."""
        self.away = True
        self.run("pg_ctl", "--mode", "immediate", "--silent", "stop")


@contextlib.contextmanager
def small_disk(directory, size):
    """A tmpfs of this size, for as long as the block lasts."""
    if os.geteuid() != 0:
        raise Skipped("only root may mount a small disk")
    directory.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(directory)], capture_output=True, text=True)
    if mounted.returncode:
        raise Skipped(f"no tmpfs can be mounted: {mounted.stderr.strip()}")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "--lazy", str(directory)], check=True)
