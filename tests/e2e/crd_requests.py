"""The requests that crd.py asks: those of fixtures/, and the calls of the other hooks made from them.

All dates are moved by as many days as the fixtures' day is away from today, so that a story is the same story on every day.
"""

import copy
import datetime
import json
import pathlib
import re

FIXTURES = pathlib.Path("fixtures")
WRITTEN_FOR = datetime.date(2026, 11, 22)
RELEASES = ("2.0", "2.2")
SPINE_CLINIC = "Organization/org-spine-clinic"
PRIMARY_PERFORMER = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "PPRF"}]}


def moved(text):
    """The text with every whole date in it moved to today's side; what stands for an unknown date is no date to move."""
    days = datetime.datetime.now(datetime.timezone.utc).date() - WRITTEN_FOR

    def later(match):
        try:
            date = datetime.date.fromisoformat(match[0])
        except ValueError:
            return match[0]
        return match[0] if date.year <= 1900 or date.year == 9999 else (date + days).isoformat()

    return re.sub(r"\b\d{4}-\d{2}-\d{2}(?![\d-])", later, text)


def stories(names):
    """The stories' order-sign requests by name."""
    folders = sorted(folder for folder in (FIXTURES / "stories").iterdir() if folder.is_dir())
    return {folder.name: json.loads(moved((folder / "request.json").read_text())) for folder in folders if not names or folder.name in names}


def cases():
    """The generated order-sign requests, which have no names."""
    lines = (FIXTURES / "evaluation-cases.ndjson").read_text().splitlines()
    return {f"case {number}": json.loads(moved(line))["request"] for number, line in enumerate(lines, 1)}


def orders_of(request):
    entries = request["context"]["draftOrders"]["entry"]
    return [entry["resource"] for entry in entries if entry["resource"]["resourceType"] == "ServiceRequest"]


def reference(resource):
    return f"{resource['resourceType']}/{resource['id']}"


def order_sign(request):
    return copy.deepcopy(request)


def order_select(request):
    call = copy.deepcopy(request) | {"hook": "order-select"}
    call["context"]["selections"] = [reference(order) for order in orders_of(call)]
    return call


def order_dispatch(request):
    call = copy.deepcopy(request) | {"hook": "order-dispatch"}
    orders = [order | {"status": "active"} for order in orders_of(call)]
    call["context"] = {"patientId": request["context"]["patientId"], "dispatchedOrders": [reference(order) for order in orders], "performer": SPINE_CLINIC}
    return with_prefetch(call, "dispatchedOrders", orders)


def order_dispatch_1_0(request):
    """The same in version 1.0 of the hook, which has one order and one Task."""
    call = order_dispatch(request)
    (order, *_), context = call["context"].pop("dispatchedOrders"), call["context"]
    task = {"resourceType": "Task", "id": "task-1", "status": "draft", "intent": "order", "focus": {"reference": order}}
    call["context"] = context | {"order": order, "task": task}
    return call | {"hookVersion": "1.0"}


def with_prefetch(call, key, resources):
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(resources), "entry": [{"resource": resource} for resource in resources]}
    call["prefetch"] = call.get("prefetch", {}) | {key: bundle}
    return call


def appointment(call, order):
    """An appointment on the day the order asks for."""
    day = order.get("occurrenceDateTime", datetime.date.today().isoformat())[:10]
    start, end = f"{day}T15:00:00Z", f"{day}T15:30:00Z"
    participants = [("Patient/" + call["context"]["patientId"], {}), ("Practitioner/practitioner-1", {"type": [PRIMARY_PERFORMER]})]
    return {
        "resourceType": "Appointment",
        "id": f"appointment-of-{order['id']}"[:60],
        "status": "proposed",
        "start": start,
        "end": end,
        "requestedPeriod": [{"start": start, "end": end}],
        "participant": [{"actor": {"reference": actor}, "status": "accepted"} | more for actor, more in participants],
    }


def appointment_book(request):
    """Appointments for the orders, which the client has put into prefetch."""
    call = copy.deepcopy(request) | {"hook": "appointment-book"}
    orders = [order | {"status": "active"} for order in orders_of(call)]
    booked = [appointment(call, order) | {"basedOn": [{"reference": reference(order)}]} for order in orders]
    return with_prefetch(booking(call, booked), "orders", orders)


def appointment_alone(request):
    """Appointments that are for no order and say themselves what is to be done."""
    call = copy.deepcopy(request) | {"hook": "appointment-book"}
    named = (("code", "serviceType"), ("reasonCode", "reasonCode"), ("reasonReference", "reasonReference"))
    said = lambda order: {there: order[here] if isinstance(order[here], list) else [order[here]] for here, there in named if here in order}
    return booking(call, [appointment(call, order) | said(order) for order in orders_of(call)])


def appointment_without_its_order(request):
    """Appointments that say themselves what is to be done, and are based on orders that the call does not have."""
    call = appointment_alone(request)
    for entry in call["context"]["appointments"]["entry"]:
        entry["resource"]["basedOn"] = [{"reference": "ServiceRequest/elsewhere"}]
    return call


def booking(call, appointments):
    bundle = {"resourceType": "Bundle", "type": "collection", "entry": [{"resource": resource} for resource in appointments]}
    call["context"] = {"userId": call["context"]["userId"], "patientId": call["context"]["patientId"], "appointments": bundle}
    return call


CALLS = {
    "order-sign": order_sign,
    "order-select": order_select,
    "order-dispatch": order_dispatch,
    "order-dispatch, version 1.0": order_dispatch_1_0,
    "appointment-book": appointment_book,
    "appointment-book, no order": appointment_alone,
    "appointment-book, order elsewhere": appointment_without_its_order,
}


def of_release(call, release):
    return call | {"extension": call.get("extension", {}) | {"davinci-crd.requestedVersion": release}}


def with_coverage(request, change):
    """The request with its Coverages changed; none where `change` gives none, both where it gives two."""
    call = copy.deepcopy(request)
    for bundle in call["prefetch"].values():
        entries = []
        for entry in (bundle or {}).get("entry", []):
            is_coverage = entry["resource"]["resourceType"] == "Coverage"
            entries += [entry | {"resource": resource} for resource in change(entry["resource"])] if is_coverage else [entry]
        if "entry" in bundle:
            bundle |= {"entry": entries, "total": len(entries)}
    return call


COVERAGES = {
    "no Coverage": lambda coverage: [],
    "a cancelled Coverage": lambda coverage: [coverage | {"status": "cancelled"}],
    "a Coverage of last year": lambda coverage: [coverage | {"period": {"start": "2001-01-01", "end": "2001-12-31"}}],
    "a Coverage of another payer": lambda coverage: [coverage | {"payor": [{"display": "Another plan", "identifier": {"system": "http://example.org", "value": "x"}}]}],
    "two Coverages": lambda coverage: [coverage, coverage | {"id": "coverage-2"}],
}

# What is wrong by itself: method, path, body.
SERVICE = "/cds-services/sacroiliac-joint-interventions"
REFUSED = {
    "no JSON": ("POST", SERVICE, "{"),
    "no object": ("POST", SERVICE, "[]"),
    "an empty object": ("POST", SERVICE, "{}"),
    "no context": ("POST", SERVICE, json.dumps({"hook": "order-sign", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea"})),
    "no orders": ("POST", SERVICE, json.dumps({"hook": "order-sign", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": {"userId": "Practitioner/1", "patientId": "1"}})),
    "another hook": ("POST", SERVICE, json.dumps({"hook": "patient-view", "hookInstance": "d1577c69-dfbe-44ad-ba6d-3e05e953b2ea", "context": {"userId": "Practitioner/1", "patientId": "1"}})),
    "feedback that is none": ("POST", SERVICE + "/feedback", "{}"),
    "another service": ("POST", "/cds-services/another", "{}"),
    "another path": ("GET", "/nowhere", None),
    "another method": ("PUT", SERVICE, "{}"),
}
