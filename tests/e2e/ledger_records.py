"""Compares what clients received with what the ledger exports, for ledger.py."""

import collections
import json

from ledger_clients import OUT_OF_SCOPE, digest
from ledger_support import exported


class Records:
    """What an export says, as far as it is compared."""

    def __init__(self):
        self.kinds, self.ids, self.cards, self.by_hook_instance = (collections.Counter() for _ in range(4))
        self.feedback, self.causes, self.call_of, self.about = collections.Counter(), collections.Counter(), {}, []
        self.answers, self.chains = collections.defaultdict(list), collections.defaultdict(list)
        self.faults, self.bytes = [], 0

    def read(self, lines, received, bodies):
        kept = {name: as_kept(name, request) for name, request in bodies.requests.items()}
        for line in lines:
            self.bytes += len(line)
            record = json.loads(line)
            self.kinds[record["kind"]] += 1
            self.ids[record["id"]] += 1
            self.chains[record["chain"]].append(record["sequence"])
            if record["kind"] == "call":
                self.call(record, received, kept)
            elif record["kind"] == "feedback":
                self.feedback[record["card"]] += 1
                self.about.append((record["card"], record.get("about")))
            elif record["kind"] == "refusal":
                self.causes[record.get("cause")] += 1

    def call(self, record, received, kept):
        hook_instance, answer = record["hookInstance"], record["answer"]
        self.by_hook_instance[hook_instance] += 1
        self.cards.update(card["uuid"] for card in answer["cards"])
        self.call_of.update((card["uuid"], record["id"]) for card in answer["cards"])
        self.answers[hook_instance, digest(answer)].append((record["chain"], record["sequence"]))
        stories = received.stories.get(hook_instance, ())
        if not any(record["request"] == kept[story] | {"hookInstance": hook_instance} for story in stories):
            self.faults.append(f"record {record['id']} has another request than was sent (hookInstance {hook_instance})")


def as_kept(story, request):
    """The request as it is to stand in its record: without the access token, and without a prefetch that nothing asked for."""
    kept = request | {"prefetch": None} if story == OUT_OF_SCOPE else dict(request)
    if "fhirAuthorization" in request:
        kept["fhirAuthorization"] = {key: value for key, value in request["fhirAuthorization"].items() if key != "access_token"}
    return kept


def compare(findings, binary, config, received, bodies, when="at the end"):
    """Every received answer has exactly one record, nothing else has one, and no chain has a gap. Gives the records."""
    records = Records()
    with exported(binary, config) as lines:
        records.read(lines, received, bodies)
    expected = collections.Counter((answer.hook_instance, answer.digest) for answer in received.answers)
    missing = {key: count - len(records.answers.get(key, ())) for key, count in expected.items() if count > len(records.answers.get(key, ()))}
    for key in list(missing)[:3]:
        findings.faults.append(missing_words(key, received, records, when))
    lost_feedback = collections.Counter(received.feedback) - records.feedback
    twice = [f"card {card}" for card, count in records.cards.items() if count > 1]
    twice += [f"record {name}" for name, count in records.ids.items() if count > 1]
    more = [name for name, count in records.by_hook_instance.items() if count > received.sent[name]]
    # Where the card could not be looked up in time, its feedback names no call.
    astray = [f"feedback on card {card} is about {about}" for card, about in records.about if about not in (None, records.call_of.get(card))]
    gaps = [words for chain, sequences in records.chains.items() for words in gaps_of(chain, sequences)]
    disordered = order_faults(received, records)
    findings.expect(not missing, f"{sum(missing.values())} received answers have no record {when}")
    findings.expect(not lost_feedback, f"feedback that was taken has no record {when}: cards {list(lost_feedback)[:3]}")
    findings.expect(not twice, f"{len(twice)} stand twice in the export {when}: {', '.join(twice[:3])}")
    findings.expect(not more, f"{len(more)} calls have more records than were made {when}: hookInstance {', '.join(more[:3])}")
    for faults in (astray, gaps, disordered, records.faults):
        findings.expect(not faults, f"{len(faults)} {when}: {'; '.join(faults[:3])}")
    records.missing = sum(missing.values())
    return records


def missing_words(key, received, records, when):
    answer = next(answer for answer in received.answers if (answer.hook_instance, answer.digest) == key)
    others = sum(len(places) for (name, _), places in records.answers.items() if name == answer.hook_instance)
    return (f"no record {when} of an answer that client {answer.client} received: hookInstance {answer.hook_instance}, story {answer.story}, "
            f"cards {answer.cards}, records of that hookInstance {others}, answer {answer.text()[:400]}")


def gaps_of(chain, sequences):
    first, last = min(sequences), max(sequences)
    if sequences != sorted(sequences):
        yield f"chain {chain} is not exported in its order"
    if first != 1:
        yield f"chain {chain} begins with {first}"
    if last - first + 1 != len(sequences) or len(set(sequences)) != len(sequences):
        absent = sorted(set(range(first, last + 1)) - set(sequences))
        yield f"chain {chain} has {len(sequences)} records from {first} to {last}; absent: {absent[:5]}"


def order_faults(received, records):
    """A client calls again after its answer, so its later call stands later in the chain."""
    faults, last = [], {}
    for answer in received.answers:
        places = records.answers.get((answer.hook_instance, answer.digest), ())
        if len(places) != 1:
            continue
        (chain, sequence), = places
        if last.get((answer.client, chain), -1) >= sequence:
            faults.append(f"chain {chain}: record {sequence} is of a later call of client {answer.client} than {last[answer.client, chain]}")
        last[answer.client, chain] = sequence
    return faults
