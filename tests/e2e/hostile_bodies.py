"""The bodies that hostile.py sends: made to become many times their size, or to be as large as a body may be."""

import copy
import json
import pathlib

BODY_LIMIT = 4 * 1024 * 1024
# The bound on a call's memory in multiples of its size holds from here on; a smaller one may take 24 MiB.
SMALL_LIMIT = 2 * 1024 * 1024
STORY = json.loads(pathlib.Path("fixtures/stories/first-injection-fully-documented/request.json").read_text())
PLACE = '"@here@"'


def filled(key, before, element, after, size=BODY_LIMIT - 1024):
    """The story's call with a value of a prefetch key, in which an element is repeated up to the body's size."""
    call = copy.deepcopy(STORY)
    call["prefetch"][key] = "@here@"
    head, tail = json.dumps(call, separators=(",", ":")).split(PLACE)
    count = (size - len(head) - len(tail) - len(before) - len(after)) // len(element)
    return (head + before + (element * count).rstrip(",") + after + tail).encode()


def in_condition(before, element, after, size=BODY_LIMIT - 1024):
    head = '{"resourceType":"Bundle","entry":[{"resource":{"resourceType":"Condition","id":"c","subject":{"reference":"Patient/p"},'
    return filled("conditions", head + before, element, after + "}}]}", size)


def bundle_of(element, size=BODY_LIMIT - 1024):
    return filled("conditions", '{"resourceType":"Bundle","entry":[', element, "]}", size)


CODINGS = '"code":{"coding":['
CODING = '{"system":"http://snomed.info/sct","code":"161891005","display":"Backache"},'
MANY_MEMBERS = ",".join(f'"{number:x}":0' for number in range(300_000))

# From 1 to 220 bytes an element: those that are refused for their number of values, and those that just are not.
SHAPES = {
    "empty entries": bundle_of("{},"),
    "empty codings": in_condition(CODINGS, "{},", "]}"),
    "codings": in_condition(CODINGS, CODING, "]}"),
    "codings of 34 bytes": in_condition(CODINGS, '{"system":"abcdefgh","code":"123"},', "]}"),
    "numbers": in_condition('"x":[', "0,", "]"),
    "escaped texts": in_condition('"category":[', '{"text":"\\n01234567890123456789"},', "]"),
    "small conditions": bundle_of('{"resource":{"resourceType":"Condition"}},', 800 * 1024),
    "conditions of 220 bytes": bundle_of('{"resource":{"resourceType":"Condition","id":"c","note":"' + "x" * 160 + '"}},'),
    "one text": in_condition('"note":"', "x", '"'),
    "deep lists": in_condition('"x":', "[", "]"),
    "members of an unreadable resource": in_condition('"code":7,' + MANY_MEMBERS + ',"note":"', "x", '"'),
}


def long_order():
    """A call whose order is as long as an answer may repeat."""
    call = copy.deepcopy(STORY)
    call["context"]["draftOrders"]["entry"][0]["resource"]["note"] = [{"text": "x" * 250_000}]
    return json.dumps(call).encode()


def large_call(size=1_000_000):
    """A large chart, of resources like those of the field."""
    call = copy.deepcopy(STORY)
    template = call["prefetch"]["observations"]["entry"][0]
    count = size // len(json.dumps(template, separators=(",", ":")))
    for number in range(count):
        entry = copy.deepcopy(template)
        entry["resource"]["id"] = f"o{number}"
        call["prefetch"]["observations"]["entry"].append(entry)
    return json.dumps(call, separators=(",", ":")).encode()


def feedback(entries):
    entry = {"card": "4f5a7b1e-0000-4000-8000-000000000001", "outcome": "accepted", "outcomeTimestamp": "2026-11-22T10:00:00Z"}
    return json.dumps({"feedback": [entry] * entries}, separators=(",", ":")).encode()
