"""Compares evaluations from prefetch alone, from fetching alone and from mixtures. Called by fhir.sh.

Each story's chart lies on a FHIR server of its own. A story's request is evaluated with every key of its prefetch, with
none, and with random subsets, the rest fetched: once in whole lists and once in pages of seven. What `sources` says
differs by design and is left out; everything else must be equal as text. The running service is then asked too, and its
cards compared but for their ids. Ends with 1 where anything differs.
"""

import argparse
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import urllib.request

STORIES = pathlib.Path("fixtures/stories")
AS_OF = "2026-11-22T10:00:00Z"
TOKEN = "token-of-the-end-to-end-test"
SERVICE = "/cds-services/sacroiliac-joint-interventions"


def request_of(story, base, keys):
    """A story's request with these keys of its prefetch, for a client with that FHIR server."""
    request = json.loads((STORIES / story / "request.json").read_text())
    request["prefetch"] = {key: value for key, value in request.get("prefetch", {}).items() if keys is None or key in keys}
    if base:
        request["fhirServer"] = f"{base}/{story}/fhir"
        request["fhirAuthorization"] = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 300, "scope": "patient/*.rs", "subject": "e2e"}
    return request


def mixtures(story, count, chance):
    """All keys, none, and random subsets."""
    keys = sorted(json.loads((STORIES / story / "request.json").read_text()).get("prefetch", {}))
    return [keys, []] + [[key for key in keys if chance.random() < 0.5] for _ in range(count)]


def evaluate(ours, requests, *options):
    """The results of many requests, in their order."""
    lines = "".join(json.dumps(request) + "\n" for request in requests)
    command = [ours, "evaluate", "--ndjson", "--as-of", AS_OF, *options]
    done = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=600)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    if len(results) != len(requests):
        sys.exit(f"{len(requests)} requests gave {len(results)} results: {done.stderr[:500]}")
    return results


def configuration(base, stories, page_size):
    servers = [
        f'[[fhir_servers]]\nname = "{story}"\nbase_url = "{base}/{story}/fhir"\nallow_private_addresses = true\nmax_pages = 1000\n'
        + (f"page_size = {page_size}\n" if page_size else "")
        for story in stories
    ]
    return '[server]\nlisten = "127.0.0.1:0"\ndeadline = "60s"\n[fhir]\nbudget = "50s"\n' + "".join(servers)


def without_sources(result, broken):
    """A result as text; without its unreadable entries where the story has some, which no FHIR server would store."""
    left_out = ("sources", "unreadable") if broken else ("sources",)
    return json.dumps({key: value for key, value in result.items() if key not in left_out})


def missing(result):
    """The lists a result could not rely on."""
    return [kind for kind, source in result["sources"].items() if source.startswith("unavailable")]


def compare_evaluations(ours, base, plain, count, seed, work):
    stories = list(plain)
    differences = 0
    chance = random.Random(seed)
    compared = 0
    for page_size in (None, 7):
        file = work / f"pages-{page_size}.toml"
        file.write_text(configuration(base, stories, page_size))
        cases = [(story, keys) for story in stories for keys in mixtures(story, count, chance)]
        requests = [request_of(story, base, keys) for story, keys in cases]
        results = evaluate(ours, requests, "--fetch", "--config", str(file))
        fetched = {story: result for (story, keys), result in zip(cases, results) if not keys}
        for (story, keys), result in zip(cases, results):
            incomplete = missing(plain[story])
            if "error" in result:
                differences += 1
                print(f"FAILED  {story} with {keys}: {result['error']}")
                continue
            if missing(result):
                differences += 1
                print(f"FAILED  {story} with {keys}: not fetched: {missing(result)}")
            expected = fetched[story] if incomplete else plain[story]
            broken = "unreadable" in plain[story]
            if without_sources(result, broken) != without_sources(expected, broken):
                differences += 1
                print(f"DIFFERS {story} with {keys} prefetched, pages of {page_size}")
            compared += 1
    for story in stories:
        if missing(plain[story]):
            names = ", ".join(missing(plain[story]))
            print(f"note    {story}: its prefetch leaves out {names} on purpose; its mixtures are compared with fetching alone")
        if "unreadable" in plain[story]:
            print(f"note    {story}: compared without its unreadable entries and without cards: no FHIR server stores them")
    print(f"{compared} evaluations of {len(stories)} stories compared, {differences} differ")
    return differences


def cards_of(url, request):
    body = json.dumps(request).encode()
    asked = urllib.request.Request(url, body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=60) as answer:
        response = json.load(answer)
    for card in response["cards"]:
        card.pop("uuid", None)
        for suggestion in card.get("suggestions", []):
            suggestion.pop("uuid", None)
    for action in response.get("systemActions", []):
        for extension in action["resource"]["extension"]:
            parts = extension.get("extension", [])
            parts[:] = [part for part in parts if part["url"] not in ("coverage-assertion-id", "satisfied-pa-id")]
    return json.dumps(response)


def compare_cards(ours, base, plain, work):
    """The cards of the running service, today: from prefetch and from fetching."""
    differences = 0
    whole = [story for story, result in plain.items() if not missing(result) and "unreadable" not in result]
    log = work / "serve.log"
    with log.open("w") as out:
        service = subprocess.Popen([ours, "serve", "--config", str(work / "pages-None.toml")], stdout=out, stderr=out)
    try:
        address = listening(log, service)
        for story in whole:
            prefetched = cards_of(f"http://{address}{SERVICE}", request_of(story, None, None))
            fetched = cards_of(f"http://{address}{SERVICE}", request_of(story, base, []))
            if prefetched != fetched:
                differences += 1
                print(f"DIFFERS {story}: the cards from fetching\n{prefetched}\n{fetched}")
    finally:
        service.terminate()
        service.wait(20)
    if TOKEN in log.read_text():
        differences += 1
        print("FAILED  the token stands in the log")
    print(f"cards of {len(whole)} stories from the running service compared, {differences} differ")
    return differences


def listening(log, service):
    for _ in range(200):
        for line in log.read_text().splitlines():
            if '"listening"' in line:
                return json.loads(line)["address"]
        if service.poll() is not None:
            sys.exit(f"the service ended at once: {log.read_text()[:500]}")
        time.sleep(0.05)
    sys.exit("the service does not listen")


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--ours", required=True)
    arguments.add_argument("--mixtures", type=int, default=12)
    arguments.add_argument("--seed", type=int, default=20261122)
    arguments = arguments.parse_args()
    stories = sorted(path.parent.name for path in STORIES.glob("*/request.json"))
    server = subprocess.Popen(["node", "tests/e2e/fhir/server.mjs", str(STORIES), TOKEN], stdout=subprocess.PIPE, text=True)
    try:
        base = server.stdout.readline().strip()
        for line in iter(server.stdout.readline, "ready\n"):
            if not line:
                sys.exit("the FHIR server did not start")
            print(f"note    not stored by the FHIR server: {line.strip()}")
        with tempfile.TemporaryDirectory() as work:
            work = pathlib.Path(work)
            plain = dict(zip(stories, evaluate(arguments.ours, [request_of(story, None, None) for story in stories])))
            differences = compare_evaluations(arguments.ours, base, plain, arguments.mixtures, arguments.seed, work)
            differences += compare_cards(arguments.ours, base, plain, work)
    finally:
        server.terminate()
        server.wait(20)
    sys.exit(1 if differences else 0)


if __name__ == "__main__":
    main()
