"""Asks the service everything that crd_requests.py has, and validates every FHIR resource of its answers. Called by crd.sh.

Beside what the profiles say: an order in a system action is the client's own but for coverage information, and every other
coverage information on it is still there; the coverage is the client's; all assertions of one coverage in an answer bear the
same id; an order that came with our own information is left alone; nothing is null or empty; a refusal is an OperationOutcome.
Ends with 1 where anything is otherwise, or where nothing was there to be validated.
"""

import argparse
import collections
import contextlib
import http.client
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from crd_requests import CALLS, COVERAGES, REFUSED, RELEASES, SERVICE, cases, of_release, stories, with_coverage

COVERAGE_INFORMATION = "http://hl7.org/fhir/us/davinci-crd/StructureDefinition/ext-coverage-information"
ENVIRONMENT = {name: value for name, value in os.environ.items() if not name.startswith("SIJ_CDS__")}
# With the ledger, which gives assertions and authorizations their numbers.
COMMON = '[server]\nlisten = "127.0.0.1:0"\n[limits]\ncalls_per_second = 1_000_000\nclient_calls_per_second = 1_000_000\n'
# Configurations that say the same decisions in different ways.
SETTINGS = {
    "standard": "",
    "epic": '[development]\ndialect = "epic"\n',
    "br-provider": '[development]\ndialect = "br-provider"\n',
    "sandbox": '[development]\ndialect = "sandbox"\n',
    "without DTR": "[development]\ndtr = false\n",
    "authorization given": '[plan]\nprior_authorization = { default = "satisfied" }\npolicy_url = "https://plan.example/policy#{section}"\n'
    'contact = { name = "Provider services", phone = "555-0100", url = "https://plan.example" }\n',
    "authorization needed": '[plan]\nprior_authorization = { default = "auth-needed" }\n[crd]\ndefault_version = "2.2"\n',
    "authorization of the performer": '[plan]\nprior_authorization = { default = "performpa" }\n',
    "strict": '[crd]\nstrict = true\n[plan]\npayer_names = ["Example Health Plan", "Example State Medicaid Plan"]\nprior_authorization = { default = "no-auth" }\n',
}
# Where the order's own JSON is taken apart by others than CRD's parsers, a part the guide does not know stands beside those it does.
BESIDE = {"br-provider": {"reasonCode"}}
# A story whose answer hangs on nothing but its Coverage.
USUAL = "first-injection-fully-documented"
# System actions that a client cannot carry out: Epic changes ServiceRequests alone, and an appointment for no order is none.
BEYOND = {("epic", "appointment-book, no order"), ("epic", "appointment-book, order elsewhere")}
PRIMARY = ("order-sign", "order-dispatch", "appointment-book")


class Number(str):
    """A number as it was written: 1.50 is not 1.5 to a client that signs what it stored."""


def read(text):
    """JSON with its members in their order and its numbers as written."""
    return json.loads(text, parse_float=Number, parse_int=Number)


def plain(value):
    """The same for a validator: numbers are numbers again."""
    if isinstance(value, Number):
        return json.loads(value)
    if isinstance(value, dict):
        return {key: plain(inner) for key, inner in value.items()}
    return [plain(inner) for inner in value] if isinstance(value, list) else value


def ordered(value):
    """A value that differs where anything does, the order of members too."""
    if isinstance(value, dict):
        return [(key, ordered(inner)) for key, inner in value.items()]
    if isinstance(value, list):
        return [ordered(inner) for inner in value]
    return (type(value).__name__, value)


class Found:
    """What was counted and what was wrong."""

    def __init__(self):
        self.counts, self.faults, self.jobs = collections.Counter(), [], []

    def expect(self, holds, where, fault):
        if not holds:
            self.faults.append((where, fault))

    def print(self):
        """Each fault with how often it was found and where first, then the counts."""
        places = collections.defaultdict(list)
        for where, fault in self.faults:
            places[fault].append(where)
        for fault, wheres in sorted(places.items(), key=lambda found: -len(found[1]))[:60]:
            print(f"FAILED  {fault} ({len(wheres)} times, first in: {wheres[0]})")
        if len(places) > 60:
            print(f"FAILED  and {len(places) - 60} other faults")
        print("\n".join(f"{count:7} {what}" for what, count in self.counts.items()))
        print(f"{'FAILED ' if self.faults else 'held   '} {self.counts['resources']} resources validated, {len(self.faults)} faults, {len(places)} different")

    def validate(self, where, release, resource, own=None, beside=()):
        self.counts["resources"] += 1
        self.counts[f"of type {resource.get('resourceType')}"] += 1
        job = {"release": release, "resource": without_parts(plain(resource), beside)} | ({"own": plain(own)} if own else {})
        self.jobs.append((where, job))

    def run_validator(self):
        lines = "".join(json.dumps(job) + "\n" for _, job in self.jobs)
        done = subprocess.run(["node", "tests/e2e/crd/validate.mjs"], input=lines, capture_output=True, text=True, timeout=1500)
        answers = [json.loads(line) for line in done.stdout.splitlines()]
        if len(answers) != len(self.jobs):
            sys.exit(f"{len(self.jobs)} resources gave {len(answers)} answers: {done.stderr[-800:]}")
        for (where, _), answer in zip(self.jobs, answers):
            self.faults += [(where, fault) for fault in answer["faults"]]
            self.counts["faults of clients' own, passed on"] += len(answer["passedOn"])


def without_parts(resource, names):
    """The resource without these parts of its coverage information."""
    for information in information_of(resource) if names else ():
        information["extension"] = [part for part in information.get("extension", []) if part.get("url") not in names]
    return resource


def information_of(resource):
    return [extension for extension in resource.get("extension", []) if extension.get("url") == COVERAGE_INFORMATION]


def part(information, name, kind):
    return next((inner.get(kind) for inner in information.get("extension", []) if inner.get("url") == name), None)


def coverage_of(information):
    return (part(information, "coverage", "valueReference") or {}).get("reference")


def bare(resource):
    """The resource without coverage information, and without `extension` where nothing else was in it."""
    left = [extension for extension in resource.get("extension", []) if extension.get("url") != COVERAGE_INFORMATION]
    return {key: left if key == "extension" else value for key, value in resource.items() if key != "extension" or left}


def resources_of(value):
    """Every FHIR resource in a request, by type and id."""
    found = {}
    if isinstance(value, dict):
        if "resourceType" in value and "id" in value:
            found[(value["resourceType"], value["id"])] = value
        value = list(value.values())
    for inner in value if isinstance(value, list) else ():
        found |= resources_of(inner)
    return found


def nothings(value, path=""):
    """Paths of what is null or empty, which is to be absent; no cards are an answer, and an order that goes back is the client's."""
    if value in (None, "", [], {}):
        return [] if path == "/cards" else [path]
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    is_update = isinstance(value, dict) and value.get("type") == "update"
    return [found for key, more in inner if not (is_update and key == "resource") for found in nothings(more, f"{path}/{key}")]


class Service:
    """The service in one configuration."""

    def __init__(self, ours, name, settings, work):
        folder = work / name
        folder.mkdir()
        self.name, self.log = name, folder / "log"
        (folder / "sij-cds.toml").write_text(settings_text(settings))
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([ours, "serve", "--config", "sij-cds.toml"], cwd=folder, env=ENVIRONMENT, stdout=log, stderr=log)
        self.connection = http.client.HTTPConnection(self.address(), timeout=30)

    def address(self):
        for _ in range(400):
            for line in self.log.read_text().splitlines():
                if '"listening"' in line:
                    return json.loads(line)["address"]
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        sys.exit(f"the service, {self.name}, did not start: {self.log.read_text()[:800]}")

    def ask(self, method, path, body=None):
        """The status and the text of an answer."""
        headers = {"Content-Type": "application/json"} if body is not None else {}
        self.connection.request(method, path, body and body.encode(), headers)
        answer = self.connection.getresponse()
        status, text = answer.status, answer.read().decode()
        if status != 200:
            # A body that was not read ends the connection; the next call makes another.
            self.connection.close()
        return status, text

    def stop(self):
        self.connection.close()
        self.process.terminate()
        self.process.wait(30)


def settings_text(settings):
    """COMMON and the settings, a section of both in one."""
    sections = {}
    for line in (COMMON + settings).splitlines():
        if line.startswith("["):
            section = sections.setdefault(line, [])
        else:
            section.append(line)
    return "".join("\n".join([name, *lines, ""]) for name, lines in sections.items())


def check_answer(found, where, setting, release, asked, text, silent=False):
    """Checks a whole answer to what was asked, both as text. Gives the resources of its system actions."""
    answer, sent = read(text), resources_of(read(asked))
    beside = BESIDE.get(setting, ())
    found.counts["answers"] += 1
    found.expect(not nothings(answer), where, f"null or empty: {', '.join(nothings(answer)[:5])}")
    for place, suggestion in enumerate(suggestion for card in answer["cards"] for suggestion in card.get("suggestions", [])):
        for action in suggestion["actions"]:
            if resource := action.get("resource"):
                own = sent.get((resource.get("resourceType"), resource.get("id"))) if action["type"] == "update" else None
                found.validate(f"{where}, suggestion {place}", release, resource, own, beside)
    actions = answer.get("systemActions", [])
    found.counts["system actions"] += len(actions)
    found.expect(not (silent and actions), where, "a system action where nothing is new")
    for place, action in enumerate(actions):
        check_action(found, f"{where}, system action {place}", release, action, sent, beside)
    return [action["resource"] for action in actions if "resource" in action]


def check_action(found, where, release, action, sent, beside):
    found.expect(action.get("type") == "update", where, f"is of type {action.get('type')}")
    found.expect(action.get("description"), where, "has no description")
    resource = action.get("resource", {})
    own = sent.get((resource.get("resourceType"), resource.get("id")))
    if own is None:
        found.expect(False, where, "is of an order that was not sent")
        return
    found.validate(where, release, resource, own, beside)
    found.expect(ordered(bare(resource)) == ordered(bare(own)), where, "changes more than coverage information")
    sent_before = [ordered(information) for information in information_of(own)]
    ours = [information for information in information_of(resource) if ordered(information) not in sent_before]
    found.expect(ours, where, "says nothing new")
    written = [ordered(information) for information in information_of(resource)]
    for information in information_of(own):
        is_kept = ordered(information) in written or coverage_of(information) in map(coverage_of, ours)
        found.expect(is_kept, where, "takes away what another payer said")
    ids = collections.defaultdict(set)
    for information in ours:
        found.counts[f"covered: {part(information, 'covered', 'valueCode')}"] += 1
        coverage = coverage_of(information) or ""
        found.expect(tuple(coverage.split("/")[-2:]) in sent, where, f"is of a coverage that was not sent: {coverage}")
        ids[coverage].add(part(information, "coverage-assertion-id", "valueString"))
    found.expect(all(len(of_one) == 1 for of_one in ids.values()), where, "gives one coverage two assertions")


def annotated(call, resources):
    """The call, with the orders as the client has them after it did the system actions."""
    new = {(resource["resourceType"], resource["id"]): resource for resource in map(plain, resources)}

    def renewed(value):
        if isinstance(value, dict):
            here = new.get((value.get("resourceType"), value.get("id")), value)
            return {key: renewed(inner) for key, inner in here.items()}
        return [renewed(inner) for inner in value] if isinstance(value, list) else value

    return renewed(call)


def address_of(hook):
    """Where discovery has the hook's service."""
    return SERVICE if hook == "order-sign" else f"{SERVICE}-{hook}"


def check_call(found, service, where, setting, release, call, expects=None, silent=False):
    found.counts["requests"] += 1
    asked = json.dumps(of_release(call, release))
    status, text = service.ask("POST", address_of(call["hook"]), asked)
    if status != 200:
        found.expect(False, where, f"status {status}: {text[:300]}")
        return []
    resources = check_answer(found, where, setting, release, asked, text, silent)
    if expects is not None:
        found.expect(bool(resources) == expects, where, f"{len(resources)} system actions")
    return resources


def check_setting(found, ours, setting, calls, told, without, work):
    service = Service(ours, setting, SETTINGS[setting], work)
    try:
        for name, request in told.items():
            for kind, made in calls.items():
                for release in RELEASES:
                    where = f"{setting}, {name}, {kind}, {release}"
                    is_primary = kind.split(",")[0] in PRIMARY and "coverage-information" not in without
                    call = made(request)
                    expects = None if (setting, kind) in BEYOND else is_primary
                    resources = check_call(found, service, where, setting, release, call, expects)
                    if resources and kind == "appointment-book":
                        types = {resource["resourceType"] for resource in resources}
                        expected = {"ServiceRequest", "Appointment"}
                        found.expect(types == expected, where, f"written on {sorted(types)}")
                    if resources:
                        check_call(found, service, f"{where}, once more", setting, release, annotated(call, resources), silent=True)
        if setting == "standard":
            for name, request in cases().items():
                for release in RELEASES:
                    check_call(found, service, f"{name}, {release}", setting, release, request)
            check_refusals(found, service)
        check_coverages(found, service, setting, told)
    finally:
        service.stop()


def check_coverages(found, service, setting, told):
    """One story with a Coverage that says nothing or too much: cards, or a refusal, or coverage information that says so."""
    story = USUAL if USUAL in told else next(iter(told))
    for name, change in COVERAGES.items():
        for release in RELEASES:
            where = f"{setting}, {story} with {name}, {release}"
            asked = json.dumps(of_release(with_coverage(told[story], change), release))
            found.counts["requests"] += 1
            status, text = service.ask("POST", SERVICE, asked)
            if status == 200:
                check_answer(found, where, setting, release, asked, text)
            else:
                found.expect(setting == "strict" and status in (400, 422), where, f"status {status}: {text[:300]}")
                check_outcome(found, where, text)


def check_outcome(found, where, text):
    with contextlib.suppress(json.JSONDecodeError):
        resource = json.loads(text)
        found.expect(resource.get("resourceType") == "OperationOutcome", where, "is no OperationOutcome")
        found.validate(where, RELEASES[-1], resource)
        return
    found.expect(False, where, f"is no JSON: {text[:200]}")


def check_refusals(found, service):
    for name, (method, path, body) in REFUSED.items():
        found.counts["requests"] += 1
        status, text = service.ask(method, path, body)
        found.expect(400 <= status < 600, name, f"status {status}")
        check_outcome(found, f"refused: {name}", text)
    for path in ("/fhir/metadata", "/fhir/Questionnaire"):
        status, text = service.ask("GET", path)
        found.validate(f"GET {path}", RELEASES[-1], json.loads(text))
        found.counts["FHIR resources served"] += status == 200


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--ours", required=True)
    arguments.add_argument("--stories", nargs="+", default=[])
    arguments.add_argument("--without", action="append", default=[], choices=["hooks", "settings", "coverage-information"])
    arguments = arguments.parse_args()
    for left_out in arguments.without:
        print(f"left out: {left_out}")
    calls = {kind: made for kind, made in CALLS.items() if "hooks" not in arguments.without or kind == "order-sign"}
    settings = [setting for setting in SETTINGS if "settings" not in arguments.without or setting == "standard"]
    told, found = stories(arguments.stories), Found()
    with tempfile.TemporaryDirectory() as work:
        for setting in settings:
            check_setting(found, arguments.ours, setting, calls, told, arguments.without, pathlib.Path(work))
    found.run_validator()
    if "coverage-information" not in arguments.without:
        for code in ("covered", "conditional", "not-covered"):
            found.expect(arguments.stories or found.counts[f"covered: {code}"], "in all", f"nothing is {code}: not everything was tried")
    found.print()
    return 1 if found.faults or not found.counts["resources"] else 0


if __name__ == "__main__":
    sys.exit(main())
