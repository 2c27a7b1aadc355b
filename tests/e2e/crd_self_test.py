"""Whether crd.py sees what it is there to see beside the profiles: answers as they should be, and with one thing wrong. Called by crd.sh."""

import json
import sys

from crd import COVERAGE_INFORMATION, Found, Number, check_answer, read

ORDER = '{"resourceType":"ServiceRequest","id":"o","status":"draft","quantityQuantity":{"value":1.50},"extension":[{"url":"http://ehr.example","valueString":"kept"}]}'
COVERAGE = {"resourceType": "Coverage", "id": "c"}


def information(coverage="Coverage/c", assertion="a", covered="covered"):
    parts = [{"url": "coverage", "valueReference": {"reference": coverage}}, {"url": "covered", "valueCode": covered}]
    return {"url": COVERAGE_INFORMATION, "extension": [*parts, {"url": "coverage-assertion-id", "valueString": assertion}]}


def with_extension(order, *more):
    order = read(order)
    return order | {"extension": [*order.get("extension", []), *more]}


def text_of(value):
    """JSON with numbers as they were read."""
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{text_of(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(text_of, value)) + "]"
    return str(value) if isinstance(value, Number) else json.dumps(value)


def answer(resource, kind="update"):
    return {"cards": [], "systemActions": [{"type": kind, "description": "d", "resource": resource}]}


ANNOTATED = with_extension(ORDER, information())
OTHER = information("Coverage/other", "theirs")
ROWS = [
    ("as it should be", ORDER, answer(ANNOTATED), None),
    ("nothing to say", ORDER, {"cards": []}, None),
    ("our older word renewed", text_of(with_extension(ORDER, information(covered="conditional"))), answer(ANNOTATED), None),
    ("another payer's word kept", text_of(with_extension(ORDER, OTHER)), answer(with_extension(ORDER, OTHER, information())), None),
    ("another payer's word lost", text_of(with_extension(ORDER, OTHER)), answer(ANNOTATED), "takes away"),
    ("another status", ORDER, answer(ANNOTATED | {"status": "active"}), "changes more"),
    ("a number written otherwise", ORDER, answer(with_extension(ORDER.replace("1.50", "1.5"), information())), "changes more"),
    ("members in another order", ORDER, answer(dict(reversed(ANNOTATED.items()))), "changes more"),
    ("another extension lost", ORDER, answer(read(ORDER) | {"extension": [information()]}), "changes more"),
    ("something added", ORDER, answer(ANNOTATED | {"priority": "urgent"}), "changes more"),
    ("no information", ORDER, answer(read(ORDER)), "says nothing new"),
    ("the information it has", text_of(ANNOTATED), answer(ANNOTATED), "says nothing new"),
    ("an order of nobody", ORDER, answer(ANNOTATED | {"id": "x"}), "was not sent"),
    ("a coverage of nobody", ORDER, answer(with_extension(ORDER, information("Coverage/x"))), "was not sent: Coverage/x"),
    ("two assertions of one coverage", ORDER, answer(with_extension(ORDER, information(), information(assertion="b"))), "two assertions"),
    ("something new made", ORDER, answer(ANNOTATED, "create"), "is of type create"),
    ("null", ORDER, answer(ANNOTATED) | {"more": None}, "null or empty: /more"),
    ("null of the client's own", ORDER.replace('"draft"', 'null'), answer(ANNOTATED | {"status": None}), None),
    ("an empty list", ORDER, {"cards": [], "systemActions": []}, "null or empty: /systemActions"),
]


def faults_of(order, given):
    found = Found()
    asked = f'{{"context":{{"draftOrders":{{"entry":[{{"resource":{order}}}]}}}},"prefetch":{{"coverage":{json.dumps(COVERAGE)}}}}}'
    check_answer(found, "here", "standard", "2.2", asked, text_of(given))
    return [fault for _, fault in found.faults]


def main():
    missed = []
    for name, order, given, expected in ROWS:
        faults = faults_of(order, given)
        if [expected] != [None] and not any(expected in fault for fault in faults):
            missed.append(f"{name}: not seen: {expected} (but {faults})")
        if unforeseen := [fault for fault in faults if not expected or expected not in fault]:
            missed.append(f"{name}: seen beside what is wrong: {unforeseen}")
    print("\n".join(missed) or f"the comparisons themselves: {len(ROWS)} answers, all judged as foreseen")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
