"""Runs the Inferno test kit for CRD servers against the service and compares its results with our table of its checks. Called by inferno.sh.

A check that our table says is shown must pass. One that is optional may also be skipped: the kit takes no canonical URL with a version for
one, for instance. One that is not shown may end as it likes, as long as it is optional. Every check of the table must have a result.
"""

import argparse
import contextlib
import copy
import http.server
import json
import os
import pathlib
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

from crd_requests import RELEASES, SPINE_CLINIC, appointment_alone, appointment_book, of_release, order_select, order_sign, orders_of, reference, stories, with_prefetch

TABLE = pathlib.Path("fixtures/conformance/inferno-crd-server.json")
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SIJ_CDS__")}
# All hooks, and every kind of answer.
SETTINGS = """
[server]
listen = "127.0.0.1:0"
public_url = "https://cds.plan.example"
[tls]
certificate_file = "localhost.crt"
private_key_file = "localhost.key"
[ledger]
url = "off"
[crd]
hooks = ["appointment-book", "encounter-start", "encounter-discharge", "order-select", "order-dispatch", "order-sign"]
[development]
dtr = false
[plan]
policy_url = "https://plan.example/policies/sacroiliac-joint-interventions#{section}"
policy_card = true
[[fhir_servers]]
name = "main"
base_url = "https://ehr.example/fhir"
[[smart.ehrs]]
name = "main"
fhir_server = "main"
client_id = "sij-cds"
authentication = "public"
"""
# Stories of each determination and of each kind of suggestion.
STORIES = [
    "therapy-from-procedures-only",
    "nothing-documented",
    "therapy-five-of-six-weeks",
    "third-injection-at-seven-weeks",
    "bilateral-different-histories",
    "diagnosis-on-problem-list-only",
    "two-failed-diagnostics",
    "radiofrequency-neurotomy",
    "beyond-twelve-months-with-exception",
    "procedures-missing",
]
EXECUTE = ["bundle", "exec", "inferno", "execute", "--suite", "crd_server", "--outputter", "json", "--preset-file"]


def dispatch(request):
    """A dispatch of hook version 1.0, which names one order."""
    call = copy.deepcopy(request) | {"hook": "order-dispatch"}
    orders = [order | {"status": "active"} for order in orders_of(call)]
    call["context"] = {"patientId": request["context"]["patientId"], "order": reference(orders[0]), "performer": SPINE_CLINIC}
    return with_prefetch(call, "dispatchedOrders", orders)


def encounter(hook):
    def made(request):
        call = copy.deepcopy(request) | {"hook": hook}
        call["context"] = {name: request["context"][name] for name in ("userId", "patientId")} | {"encounterId": "encounter-1"}
        return call

    return made


# CRD 2.2 has the information of an appointment with an order on the order alone, so there are appointments without one, too.
CALLS = {
    "appointment-book": [appointment_book, appointment_alone],
    "encounter-start": [encounter("encounter-start")],
    "encounter-discharge": [encounter("encounter-discharge")],
    "order-select": [order_select],
    "order-dispatch": [dispatch],
    "order-sign": [order_sign],
}


def preset(base_url, release):
    """The inputs of a run, in the kit's form."""
    told = stories(STORIES)
    bodies = {hook: [of_release(make(told[name]), release) for make in made for name in STORIES] for hook, made in CALLS.items()}
    values = {"base_url": base_url, "authentication_required": "no", "encryption_method": "ES384", "jwks_kid": ""}
    values["any_hook_request_body"] = json.dumps(bodies["order-sign"][0])
    values |= {f"{hook.replace('-', '_')}_request_bodies": json.dumps(calls) for hook, calls in bodies.items()}
    inputs = [{"name": name, "type": "text", "value": value} for name, value in values.items()]
    return {"title": "sij-cds", "id": "sij-cds", "test_suite_id": "crd_server", "inputs": inputs}


def kit_id(row):
    """The kit's id of a check."""
    groups = {"1": "crd_server_discovery_group", "2": "crd_server_demonstrate_hook_response"}
    chapter, *rest = row["number"].split(".")
    if chapter in groups:
        return f"crd_server-{groups[chapter]}-{row['check']}"
    group = f"crd_server_{row['hook'].replace('-', '_')}" if row["hook"] else "crd_server_required_card_response_validation"
    return f"crd_server-crd_server_hooks-{group}-{row['check']}"


def faults(rows, results):
    """What the kit found otherwise than the table says. `results` has the kit's result of each check by its id."""
    found = []
    for row in rows:
        result = results.get(kit_id(row), {"result": "missing"})
        is_shown = row.get("shown", True)
        allowed = {"pass"} | ({"skip", "omit"} if row["optional"] else set())
        is_right = result["result"] in allowed if is_shown else result["result"] != "missing" and row["optional"]
        if not is_right:
            messages = [message["message"] for message in result.get("messages") or [] if message["type"] == "error"]
            found.append(f"{row['number']} {row['hook'] or ''} {row['check']}: {result['result']}: {result.get('result_message')} {messages[:3]}")
    return found


def read_results(text):
    """The results of checks in the JSON list that the kit prints, maybe behind lines of its log."""
    for start in (match.start() for match in re.finditer(r"^\[", text, re.MULTILINE)):
        with contextlib.suppress(ValueError):
            return {result["test_id"]: result for result in json.loads(text[start:]) if result.get("test_id")}
    raise ValueError("no list of results")


class AcceptsEverything(http.server.BaseHTTPRequestHandler):
    """Stands in for the kit's validator: every resource is valid."""

    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"outcomes": [{"issues": []}], "sessionId": "none"}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def stand_in():
    """The address of a validator that accepts everything."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), AcceptsEverything)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}"


def start(ours, work):
    """The service, and the URL at which it is reached over TLS."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="service-", dir=work))
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "localhost.key", "-out", "localhost.crt"]
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    subprocess.run(["openssl", "req", "-x509", *key, *names], cwd=folder, check=True, capture_output=True)
    (folder / "localhost.key").chmod(0o600)
    (folder / "sij-cds.toml").write_text(SETTINGS)
    log = folder / "log"
    with open(log, "w") as out:
        process = subprocess.Popen([ours, "serve", "--config", "sij-cds.toml"], cwd=folder, env=ENVIRONMENT, stdout=out, stderr=out)
    for _ in range(400):
        for line in log.read_text().splitlines():
            if '"listening"' in line:
                port = json.loads(line)["address"].rsplit(":", 1)[1]
                return process, f"https://localhost:{port}", folder / "localhost.crt"
        if process.poll() is not None:
            break
        time.sleep(0.05)
    process.kill()
    sys.exit(f"the service did not start: {log.read_text()[:800]}")


def run_kit(arguments, base_url, certificate, validator, release):
    inputs = arguments.work / f"preset-{release}.json"
    inputs.write_text(json.dumps(preset(base_url, release)))
    environment = ENVIRONMENT | {"SSL_CERT_FILE": str(certificate), "FHIR_RESOURCE_VALIDATOR_URL": validator, "ASYNC_JOBS": "false"}
    done = subprocess.run([*EXECUTE, str(inputs)], cwd=arguments.kit, env=environment, capture_output=True, text=True, timeout=1800)
    try:
        return read_results(done.stdout)
    except ValueError:
        sys.exit(f"the kit gave no results (exit code {done.returncode}): {done.stdout[-1500:]}\n{done.stderr[-1500:]}")


def self_test(arguments, rows):
    """What can be tried without the kit: the service, the stand-in, the calls and the comparison."""
    results = {kit_id(row): {"result": "pass" if row.get("shown", True) else "skip"} for row in rows}
    assert len(results) == len(rows), "two checks have one id"
    assert faults(rows, results) == []
    assert read_results('log\n[log] \n[\n {"test_id": "a", "result": "pass"}, {"test_group_id": "b", "result": "pass"}\n]') == {"a": {"test_id": "a", "result": "pass"}}
    required, optional = (next(row for row in rows if row["optional"] == is_optional) for is_optional in (False, True))
    for row, result, count in ((required, "skip", 1), (required, "fail", 1), (optional, "fail", 1), (optional, "skip", 0), (optional, "missing", 1)):
        changed = results | {kit_id(row): {"result": result}}
        assert len(faults(rows, changed)) == count, (row, result)
    asked = urllib.request.Request(stand_in() + "/validate", b"{}", {"Content-Type": "application/json"})
    assert json.load(urllib.request.urlopen(asked))["outcomes"][0]["issues"] == []
    process, base_url, certificate = start(arguments.ours, arguments.work)
    try:
        context = ssl.create_default_context(cafile=str(certificate))
        services = json.load(urllib.request.urlopen(f"{base_url}/cds-services", context=context))["services"]
        ids = {service["hook"]: service["id"] for service in services}
        calls = 0
        for release in RELEASES:
            values = {given["name"]: given["value"] for given in preset(base_url, release)["inputs"]}
            for hook in CALLS:
                for body in json.loads(values[f"{hook.replace('-', '_')}_request_bodies"]):
                    request = urllib.request.Request(f"{base_url}/cds-services/{ids[hook]}", json.dumps(body).encode())
                    request.add_header("Content-Type", "application/json")
                    request.add_header("Authorization", "Bearer of-one-client")
                    answer = json.load(urllib.request.urlopen(request, context=context))
                    is_primary = hook in ("appointment-book", "order-dispatch", "order-sign")
                    assert ("systemActions" in answer) == is_primary, (hook, release, body["hookInstance"])
                    calls += 1
    finally:
        process.terminate()
        process.wait(30)
    print(f"held    {calls} calls over TLS as the kit makes them, {len(rows)} checks compared; without the kit")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ours", required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--kit", type=pathlib.Path)
    parser.add_argument("--self-test", action="store_true")
    arguments = parser.parse_args()
    rows = json.loads(TABLE.read_text())["checks"]
    if arguments.self_test:
        self_test(arguments, rows)
        return
    subprocess.run(["bundle", "exec", "inferno", "migrate"], cwd=arguments.kit, check=True, capture_output=True)
    validator = os.environ.get("FHIR_RESOURCE_VALIDATOR_URL")
    print(f"resources are validated by {validator}" if validator else "resources are not validated here: tests/e2e/crd.sh validates them")
    process, base_url, certificate = start(arguments.ours, arguments.work)
    found = []
    try:
        for release in RELEASES:
            results = run_kit(arguments, base_url, certificate, validator or stand_in(), release)
            found += [f"CRD {release}, {fault}" for fault in faults(rows, results)]
            passed = sum(result["result"] == "pass" for result in results.values())
            print(f"{len(results):7} checks for CRD {release}, {passed} passed")
    finally:
        process.terminate()
        process.wait(30)
    print("\n".join(f"FAILED  {fault}" for fault in found) or "held    every check is as the table has it")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
