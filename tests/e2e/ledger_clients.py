"""Clients of the service for ledger.py: order-sign calls of the stories, many at a time, and what came back of each.

An answer counts as received where it came whole: its status line, its head, and as many bytes as `Content-Length` says. A
connection that breaks is no fault once the service is being killed, and one before.
"""

import collections
import dataclasses
import hashlib
import json
import pathlib
import random
import socket
import threading
import time
import uuid
import zlib

from ledger_support import Failed

SERVICE = "/cds-services/sacroiliac-joint-interventions"
PLACE = "@the hook instance@"
PATIENCE = 15
OUT_OF_SCOPE = "out-of-scope"
OTHER_ORDER = {"coding": [{"system": "http://www.ama-assn.org/go/cpt", "code": "99499"}], "text": "Something else"}


def digest(value):
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).digest()


class Bodies:
    """The stories' requests, and one whose order is out of scope and is answered without a card."""

    def __init__(self, stories=pathlib.Path("fixtures/stories"), large=0.2):
        self.requests = {path.parent.name: json.loads(path.read_text()) for path in sorted(stories.glob("*/request.json"))}
        other = json.loads(json.dumps(self.requests["nothing-documented"]))
        for entry in other["context"]["draftOrders"]["entry"]:
            entry["resource"]["code"] = OTHER_ORDER
        self.requests[OUT_OF_SCOPE] = other
        self.names = list(self.requests)
        self.parts = {}
        for name, request in self.requests.items():
            before, after = json.dumps(request | {"hookInstance": PLACE}, separators=(",", ":")).split(PLACE)
            self.parts[name] = before.encode(), after.encode()
        # The chart of a thousand resources is thirty times the others, and comes more seldom.
        self.weights = [large if name == "thousand-resource-chart" else 1 for name in self.names]

    def pick(self, chance):
        return chance.choices(self.names, self.weights)[0]

    def body(self, name, hook_instance):
        before, after = self.parts[name]
        return before + hook_instance.encode() + after


class Broken(Exception):
    """The connection broke before an answer was whole."""


class Connection:
    """One kept open, HTTP/1.1."""

    def __init__(self, host, port):
        try:
            self.socket = socket.create_connection((host, port), timeout=PATIENCE)
        except OSError as error:
            raise Broken(f"no connection: {error}") from None
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.unread = b""

    def close(self):
        self.socket.close()

    def post(self, path, body, token=None):
        """The status and the body of the answer."""
        bearer = f"Authorization: Bearer {token}\r\n" if token else ""
        head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\n{bearer}Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        try:
            self.socket.sendall(head.encode() + body)
            head, body = self.answer()
        except OSError as error:
            raise Broken(repr(error)) from None
        return int(head.split(b" ", 2)[1]), body

    def answer(self):
        while b"\r\n\r\n" not in self.unread:
            self.more()
        head, _, self.unread = self.unread.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if len(lengths) != 1:
            raise ValueError(f"an answer without one Content-Length: {head!r}")
        length = int(lengths[0])
        while len(self.unread) < length:
            self.more()
        body, self.unread = self.unread[:length], self.unread[length:]
        return head, body

    def more(self):
        piece = self.socket.recv(1 << 18)
        if not piece:
            raise Broken("closed")
        self.unread += piece


@dataclasses.dataclass
class Answer:
    """An answer 200 that was received whole."""

    hook_instance: str
    story: str
    # Whose: the answers of one client came one after the other, over all restarts.
    client: str
    digest: bytes
    cards: list
    packed: bytes

    def text(self):
        return zlib.decompress(self.packed).decode()


class Received:
    """All that clients of one ledger sent and received."""

    def __init__(self):
        self.lock = threading.Lock()
        self.answers, self.faults, self.feedback = [], [], []
        self.sent, self.stories, self.statuses = collections.Counter(), collections.defaultdict(set), collections.Counter()
        self.unavailable, self.rounds = [], 0

    def answered(self, hook_instance, story, client, body):
        answer = json.loads(body)
        cards = [card["uuid"] for card in answer["cards"]]
        self.answers.append(Answer(hook_instance, story, client, digest(answer), cards, zlib.compress(body, 1)))
        return cards

    def refused_for_now(self, body):
        """A 503 has to be an OperationOutcome that says so, without cards."""
        outcome = json.loads(body)
        codes = [issue["code"] for issue in outcome.get("issue", [])]
        if outcome.get("resourceType") != "OperationOutcome" or "transient" not in codes or "cards" in outcome:
            self.faults.append(f"a 503 that is no transient OperationOutcome: {body[:300]!r}")


class Load:
    """Clients that call without a pause, until told to stop or until the service is killed."""

    def __init__(self, service, bodies, received, clients, seed, name="", token=None):
        self.service, self.bodies, self.received, self.name, self.token = service, bodies, received, name, token
        self.stopping, self.first, self.recent = False, threading.Event(), collections.deque(maxlen=60)
        self.first_answer_seconds = None
        received.rounds += 1
        chances = [random.Random(f"{seed} {received.rounds} {number}") for number in range(clients)]
        self.threads = [threading.Thread(target=self.client, args=(f"{name}{number}", chance)) for number, chance in enumerate(chances)]
        for thread in self.threads:
            thread.daemon = True
            thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def await_first(self, seconds=20):
        if not self.first.wait(seconds):
            raise Failed(f"no answer 200 within {seconds} s: statuses {dict(self.received.statuses)}, {self.received.faults[-1:]}, log: {self.service.tail()}")

    def lately(self):
        """The statuses of the last sixty calls, or of those since `forget`."""
        with self.received.lock:
            return list(self.recent)

    def only_lately(self, status):
        lately = self.lately()
        return len(lately) == self.recent.maxlen and set(lately) == {status}

    def forget(self):
        with self.received.lock:
            self.recent.clear()

    def stop(self):
        """Lets every client end its call."""
        self.stopping = True
        for thread in self.threads:
            thread.join(PATIENCE + 5)
        if any(thread.is_alive() for thread in self.threads):
            self.received.faults.append("a client did not end")

    def client(self, number, chance):
        connection, hook_instance = None, None
        try:
            while not (self.stopping or self.service.ending):
                # Some clients send one hookInstance again and again.
                if hook_instance is None or chance.random() < 0.9:
                    hook_instance = str(uuid.UUID(int=chance.getrandbits(128), version=4))
                try:
                    connection = connection or Connection(self.service.host, self.service.port)
                    self.call(connection, hook_instance, number, chance)
                except Broken as broken:
                    connection = None
                    if not self.service.ending:
                        self.received.faults.append(f"a connection broke while nobody ended the service: {broken}")
                        time.sleep(0.05)
        except Exception as error:  # noqa: BLE001 - whatever it is, the part must not pass
            self.received.faults.append(f"client {number}: {error!r}")
        finally:
            if connection:
                connection.close()

    def call(self, connection, hook_instance, client, chance):
        story = self.bodies.pick(chance)
        received = self.received
        with received.lock:
            received.sent[hook_instance] += 1
            received.stories[hook_instance].add(story)
        began = time.monotonic()
        status, body = connection.post(SERVICE, self.bodies.body(story, hook_instance), self.token and self.token())
        with received.lock:
            received.statuses[status] += 1
            self.recent.append(status)
            if status == 200:
                cards = received.answered(hook_instance, story, client, body)
                if not self.first.is_set():
                    self.first_answer_seconds = time.monotonic() - self.service.began
                    self.first.set()
            elif status == 503:
                received.refused_for_now(body)
                received.unavailable.append((began, time.monotonic() - began, hook_instance, story))
            else:
                received.faults.append(f"answered {status}: {body[:300]!r} ({story}, hookInstance {hook_instance})")
        if status == 200 and cards and chance.random() < 0.05:
            self.give_feedback(connection, cards[0])

    def give_feedback(self, connection, card):
        told = {"card": card, "outcome": "overridden", "outcomeTimestamp": "2026-11-24T10:00:00Z"}
        status, body = connection.post(f"{SERVICE}/feedback", json.dumps({"feedback": [told]}).encode(), self.token and self.token())
        with self.received.lock:
            if status == 200:
                self.received.feedback.append(card)
            elif status != 503:
                self.received.faults.append(f"feedback on {card} answered {status}: {body[:300]!r}")
