# SPDX-License-Identifier: Apache-2.0
"""What people released, over the logs of an installation: registry, heads, and the shards of several workers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
import pytest

from brightline.core.canonical import JsonValue
from brightline.core.evidence.audit import Claim, ShardReport, Status, Topic, audit_shard
from brightline.core.evidence.audit_combined import CombinedBook
from brightline.core.evidence.audit_memory import LogMemory
from brightline.core.evidence.audit_people import People
from brightline.core.evidence.audit_visit import Visit
from brightline.core.evidence.heads import HEADS_SHARD, REGISTRY_SHARD
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import RecordKind
from brightline.verify.sample.ledger import BEGAN, Ledger

TERMS: Final[dict[str, JsonValue]] = {"agreement": "sha256:a", "release": "sha256:r"}
OFFICE: Final = "provider_cleared"
EXPIRES: Final = int(BEGAN.timestamp()) + 86_400


class Logs:
    """Two workers, a registry, and the log of all heads."""

    def __init__(self) -> None:
        self.first, self.second = Ledger(1, "gateway-0"), Ledger(1, "gateway-0.1")
        self.registry, self.heads = Ledger(1, REGISTRY_SHARD), Ledger(1, HEADS_SHARD)

    def hold(
        self, case: str, expires: int = EXPIRES, parts: Sequence[int] = (0,), of: int = 1, by: str = "x-held"
    ) -> Logs:
        """The first worker holds an exchange."""
        self.first.say(RecordKind.ATTEMPT, f"{by}-{case}", TERMS)
        named: dict[str, JsonValue] = {
            "hold": f"hold_{case}",
            "case": case,
            "expires": expires,
            "wanted": {OFFICE: 2},
            "parts": of,
        }
        for part in parts:
            self.first.say(RecordKind.HOLD, f"{by}-{case}", {**TERMS, **named, "part": part})
        self.end(self.first, f"{by}-{case}", "held", "hold", hold=f"hold_{case}")
        return self

    def decide(self, case: str, persons: int = 2) -> Logs:
        for _ in range(persons):
            public: dict[str, JsonValue] = {**TERMS, "hold": f"hold_{case}", "case": case, "office": OFFICE}
            self.registry.say(RecordKind.DECISION, "", public)
        return self

    def give(self, case: str, by: str = "x-given", worker: Ledger | None = None, *, used: bool = True) -> Logs:
        """The second worker gives out what the first had held."""
        worker = worker or self.second
        worker.say(RecordKind.ATTEMPT, by, TERMS)
        if used:
            named: dict[str, JsonValue] = {"hold": f"hold_{case}", "case": case, "use": "answer", "by": by}
            self.registry.say(RecordKind.USED, "", {**TERMS, **named})
        self.end(worker, by, "completed", "permit", released=10, hold=f"hold_{case}", case=case)
        return self

    def go_on(self, case: str) -> Logs:
        """An exchange of the second worker goes to a model by what people said."""
        self.second.say(RecordKind.ATTEMPT, f"x-on-{case}", TERMS)
        public: dict[str, JsonValue] = {
            **TERMS,
            "verdict": "permit",
            "clauses": [],
            "token": "t",
            "holds": [f"hold_{case}"],
        }
        self.second.say(RecordKind.PASS, f"x-on-{case}", public)
        self.end(self.second, f"x-on-{case}", "completed", "permit", released=10)
        return self

    def end(self, log: Ledger, exchange: str, outcome: str, verdict: str, released: int = 0, **more: str) -> None:
        public: dict[str, JsonValue] = {
            "outcome": outcome,
            "class": "none",
            "verdict": verdict,
            "clauses": [],
            "released_bytes": released,
        }
        log.say(RecordKind.OUTCOME, exchange, {**TERMS, **public, **more})

    def named(self) -> Logs:
        """The heads name every log."""
        for log in (self.first, self.second, self.registry):
            head = log.head()
            public: dict[str, JsonValue] = {"log": head.origin, "size": head.size, "root": head.root.hex()}
            self.heads.say(RecordKind.HEAD, "", public)
        return self

    def reports(self, *logs: Ledger, people: People | None = None) -> dict[str, ShardReport]:
        """What is found by whoever has these logs; all of them if none is named."""
        read = logs or (self.heads, self.registry, self.first, self.second)
        book = CombinedBook([log.signer.verifier.name for log in read])
        return {
            log.shard: audit_shard(log.shard, log.published(), [log.signer.verifier], combined=book, people=people)
            for log in read
        }

    def claims(self, *logs: Ledger) -> list[Claim]:
        """The claim as each log tells it."""
        reports = self.reports(*logs).values()
        return [claim for report in reports for claim in report.claims if claim.name == Topic.HELD.value]

    def worst(self, *logs: Ledger) -> Status:
        order = [Status.CONTRADICTED, Status.NOT_SHOWN, Status.PROVEN]
        return min((claim.status for claim in self.claims(*logs)), key=order.index)


def sampled(logs: Logs) -> Logs:
    """People look at an exchange that was permitted, in a case that each worker may open."""
    for worker in (logs.first, logs.second):
        named: dict[str, JsonValue] = {
            "hold": "hold_s",
            "case": "s",
            "expires": EXPIRES,
            "wanted": {OFFICE: 1},
            "parts": 1,
            "part": 0,
        }
        worker.say(RecordKind.CASE, "", {**TERMS, **named})
    return logs.decide("s", 1)


HONEST: Final[tuple[tuple[str, Callable[[Logs], Logs]], ...]] = (
    ("held", lambda logs: logs.hold("a")),
    ("held in three parts", lambda logs: logs.hold("a", parts=(0, 1, 2), of=3)),
    ("given out by another worker", lambda logs: logs.hold("a").decide("a").give("a")),
    ("given out by the same", lambda logs: logs.hold("a").decide("a").give("a", worker=logs.first)),
    ("a request that goes on", lambda logs: logs.hold("a").decide("a").go_on("a")),
    ("a sample that people looked at", sampled),
    ("a request that goes on by a sample", lambda logs: sampled(logs).go_on("s")),
    ("one case opened by two at one moment", lambda logs: logs.hold("a").hold("a", by="x-same")),
    ("two of them", lambda logs: logs.hold("a").hold("b").decide("b").decide("a").give("b").give("a", "x-2")),
)
FRAUDS: Final[tuple[tuple[str, Callable[[Logs], Logs]], ...]] = (
    ("nobody decided", lambda logs: logs.hold("a").give("a")),
    ("one of two decided", lambda logs: logs.hold("a").decide("a", 1).give("a")),
    ("decided after it expired", lambda logs: logs.hold("a", int(BEGAN.timestamp())).decide("a").give("a")),
    ("given out twice", lambda logs: logs.hold("a").decide("a").give("a").give("a", "x-2", used=False)),
    ("used twice", lambda logs: logs.hold("a").decide("a").give("a").give("a", "x-2")),
    ("used by another", lambda logs: logs.hold("a").decide("a").give("a", "x-1", used=False)),
    ("one part of three", lambda logs: logs.hold("a", of=3)),
    ("a part left out", lambda logs: logs.hold("a", parts=(0, 2), of=3)),
    ("it goes on and nobody decided", lambda logs: logs.hold("a").go_on("a")),
    ("it goes on and one decided", lambda logs: logs.hold("a").decide("a", 1).go_on("a")),
    ("decided and never held", lambda logs: logs.decide("a")),
    ("given out and never held", lambda logs: logs.decide("a").give("a")),
)


@pytest.mark.parametrize(("_name", "deed"), HONEST, ids=[name for name, _ in HONEST])
def test_what_an_honest_installation_does_is_proven(_name: str, deed: Callable[[Logs], Logs]) -> None:
    logs = deed(Logs()).named()
    assert logs.worst() is Status.PROVEN, logs.claims()
    assert not any(report.contradicted for report in logs.reports().values())


@pytest.mark.parametrize(("_name", "deed"), FRAUDS, ids=[name for name, _ in FRAUDS])
def test_a_fraud_is_contradicted_where_every_log_is_here(_name: str, deed: Callable[[Logs], Logs]) -> None:
    assert deed(Logs()).named().worst() is Status.CONTRADICTED


class Counts:
    """Whoever may open the registry, and finds what was signed enough or not."""

    def __init__(self, enough: bool) -> None:
        self._enough = enough
        self.asked: set[tuple[str, bool]] = set()

    def enter(self, leaf: Leaf, fields: Mapping[str, JsonValue]) -> str:
        return ""

    def enough(self, case: str, before: int, *, whole: bool) -> bool:
        self.asked.add((case, whole))
        return self._enough

    def missing(self) -> str:
        return ""

    def proof(self) -> str:
        return ""

    def memory(self) -> bytes:
        return b""

    def resume(self, earlier: bytes) -> None:
        pass


@pytest.mark.parametrize("enough", [True, False])
def test_enough_decisions_of_people_who_may_not_decide_contradict_what_was_let_through(enough: bool) -> None:
    for logs, whole in (
        (Logs().hold("a").decide("a").give("a"), True),
        (Logs().hold("a").decide("a").go_on("a"), False),
    ):
        people = Counts(enough)
        found = logs.named().reports(people=people)["gateway-0.1"].contradictions
        assert people.asked == {("a", whole)}
        assert len(found) == (0 if enough else 1)
        assert all("those who signed and may decide it do not settle" in each.message for each in found)


def test_without_the_registry_nobody_can_tell_what_was_decided() -> None:
    logs = Logs().hold("a").decide("a").give("a")
    assert logs.worst(logs.first, logs.second) is Status.NOT_SHOWN


def test_without_every_log_what_is_missing_is_not_shown() -> None:
    logs = Logs().hold("a").decide("a").give("a").named()
    assert logs.worst(logs.registry, logs.second) is Status.NOT_SHOWN
    assert logs.worst(logs.heads, logs.registry, logs.second) is Status.NOT_SHOWN
    assert Logs().decide("a").worst() is Status.NOT_SHOWN


@pytest.mark.parametrize("deed", [deed for _, deed in (*HONEST, *FRAUDS)])
def test_a_second_visit_concludes_as_one_that_reads_everything(deed: Callable[[Logs], Logs]) -> None:
    logs = deed(Logs())
    read = (logs.registry, logs.first, logs.second)
    whole = [claim.status for claim in logs.claims(*read)]
    for earlier in range(max(len(log.records) for log in read)):
        found: list[Status] = []
        visits: dict[str, Callable[[], LogMemory] | None] = {}
        for later in (False, True):
            book = CombinedBook([log.signer.verifier.name for log in read])
            found.clear()
            for log in read:
                seen = visits.get(log.shard)
                visit = (
                    Visit([], msgspec.msgpack.decode(msgspec.msgpack.encode(seen()), type=LogMemory))
                    if seen
                    else Visit()
                )
                published = log.published() if later else log.published(min(earlier, len(log.records)))
                report = audit_shard(log.shard, published, [log.signer.verifier], combined=book, visit=visit)
                visits[log.shard] = visit.keep
                found += [claim.status for claim in report.claims if claim.name == Topic.HELD.value]
        assert found == whole


@pytest.mark.parametrize("weaker", [{"wanted": {OFFICE: 1}}, {"expires": EXPIRES + 86_400}, {"hold": "hold_other"}])
def test_a_case_that_is_opened_again_asks_for_the_same(weaker: dict[str, JsonValue]) -> None:
    """Else what one person said is enough, or what was said too late, because the log says so afterwards."""
    logs = Logs().hold("a")
    same: dict[str, JsonValue] = {"hold": "hold_a", "case": "a", "expires": EXPIRES, "wanted": {OFFICE: 2}}
    logs.second.say(RecordKind.CASE, "", {**TERMS, **same, "parts": 1, "part": 0})
    logs.decide("a").give("a").named()
    assert logs.worst() is Status.PROVEN
    forged = Logs().hold("a")
    forged.second.say(RecordKind.CASE, "", {**TERMS, **same, **weaker, "parts": 1, "part": 0})
    forged.decide("a", 1 if "wanted" in weaker else 2).give("a").named()
    assert forged.worst() is Status.CONTRADICTED
    told = [finding.message for report in forged.reports().values() for finding in report.contradictions]
    assert "the case 'a' is opened again, and asks for something else" in told
