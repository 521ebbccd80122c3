# SPDX-License-Identifier: Apache-2.0
"""PERIOD statements against the records that they speak of: truth is proven, each lie is named with its place."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.agreement.clause import Agreement, Limit
from brightline.core.agreement.limits import KNOWN, LOST_PER_MILLION
from brightline.core.canonical import JsonValue
from brightline.core.evidence.audit import Guarded, ShardReport
from brightline.core.evidence.audit_findings import Status, Topic
from brightline.core.evidence.audit_memory import LogMemory
from brightline.core.evidence.audit_tokens import TokenBooks
from brightline.core.evidence.audit_visit import Visit, head_of
from brightline.core.evidence.leaf import read_leaf
from brightline.core.evidence.merkle import leaf_hash, root_of
from brightline.core.evidence.period import (
    LostBudget,
    Period,
    PeriodFold,
    StatedUpstream,
    digest_of,
    path_of,
    write_period,
)
from brightline.core.evidence.record import RecordKind
from tests.core.evidence.test_audit import (
    AGREEMENT,
    KEY,
    SIGNER,
    TERMS,
    Folder,
    Said,
    Story,
    audit,
    flip,
    publish,
    said,
    status,
)

GUARD = "brightline.local/guard+00000000+AAAA"


class Stated(Story):
    """A story whose periods are stated; ``changes`` are lies."""

    def __init__(self) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.ended = 0

    def counted(self, start: int, end: int) -> Period:
        """What is true of a range."""
        fold = PeriodFold()
        for leaf in self.leaves[:end]:
            fold.extend([read_leaf(leaf)])
        fold.cut(start)
        cut = fold.cut(end)
        assert cut is not None
        hashes = [leaf_hash(leaf) for leaf in self.leaves]
        return Period(
            log=SIGNER.verifier.name,
            shard="gw-1",
            profile="development",
            start=start,
            end=end,
            start_root=root_of(hashes[:start]).hex(),
            end_root=root_of(hashes[:end]).hex(),
            time="2026-11-25T12:00:00.000Z",
            counts=cut.counts,
            totals=cut.totals,
            lost=LostBudget(AGREEMENT.digest, cut.totals.lost_per_million, 1_000),
            without_record={},
            upstreams=(StatedUpstream("default", GUARD),),
        )

    def state(self, end: int | None = None, start: int | None = None, **changes: Any) -> str:
        """State what happened since the last period; return where the statement lies."""
        start = self.ended if start is None else start
        end = len(self.leaves) if end is None else end
        period = msgspec.structs.replace(self.counted(start, end), **changes)
        signed = write_period(period, KEY)
        path = path_of(start, end)
        self.files[path] = signed
        public: Said = TERMS | {"start": start, "end": end, "statement": digest_of(signed)}
        if period.without_record:
            shed: dict[str, JsonValue] = dict(period.without_record)
            public["without_record"] = shed
        self.say(RecordKind.PERIOD, "", public)
        self.ended = end
        return path

    def published(self) -> Folder:
        folder = publish(self.leaves)
        folder.files |= self.files
        return folder


def served(periods: int = 3, each: int = 4) -> Stated:
    story = Stated()
    for number in range(periods):
        for i in range(each):
            story.answered(f"{number}-{i}")
        story.refused(f"{number}-no")
        story.state()
    return story


def told(report: ShardReport, topic: Topic) -> str:
    return next(claim.detail for claim in report.claims if claim.name == topic.value)


def test_true_periods_are_proven_and_the_tail_is_told() -> None:
    story = served()
    story.answered("later")
    report = audit(story.published())
    assert not report.contradicted, said(report)
    assert status(report, Topic.PERIODS) is Status.PROVEN
    assert told(report, Topic.PERIODS) == (
        "3 periods recount to what they say, up to record 44; the last 4 are in none yet"
    )
    assert status(report, Topic.LOST) is Status.PROVEN
    assert status(report, Topic.UPSTREAMS) is Status.PROVEN
    assert "brightline.local/guard" in told(report, Topic.UPSTREAMS)
    assert not report.notes


@pytest.mark.parametrize("each", [1, 84, 85, 86, 300])
def test_periods_of_every_length_are_recounted_across_bundles(each: int) -> None:
    report = audit(served(periods=4, each=each).published())
    assert not report.contradicted, said(report)
    assert status(report, Topic.PERIODS) is Status.PROVEN


def test_records_that_came_between_the_end_of_a_range_and_its_period_belong_to_the_next() -> None:
    story = Stated()
    story.answered("a")
    end = len(story.leaves)
    story.answered("b")
    story.state(end)
    story.state()
    report = audit(story.published())
    assert not report.contradicted, said(report)
    assert status(report, Topic.PERIODS) is Status.PROVEN


# ---- lies ----------------------------------------------------------------------------------------------------------


def lie(**changes: Any) -> tuple[ShardReport, str]:
    story = served(periods=1)
    story.answered("x")
    counts = msgspec.structs.replace(story.counted(14, 18).counts, **changes.pop("counts", {}))
    totals = msgspec.structs.replace(story.counted(14, 18).totals, **changes.pop("totals", {}))
    path = story.state(start=14, end=18, counts=counts, totals=totals, **changes)
    story.state()
    return audit(story.published()), path


def test_what_the_liar_below_says_is_true_without_his_changes() -> None:
    assert not lie()[0].contradicted


@pytest.mark.parametrize(
    ("changes", "what"),
    [
        ({"counts": {"records": 5}}, "records: it says 5; the records say 4"),
        ({"counts": {"outcome": {}}}, "outcome: it says 0 of 'completed'; the records say 1"),
        ({"counts": {"outcome": {"completed": 1, "refused": 1}}}, "outcome: it says 1 of 'refused'"),
        ({"counts": {"verdict": {"permit": 2}}}, "verdict: it says 2 of 'permit'; the records say 1"),
        ({"counts": {"class_": {"policy": 1}}}, "class: it says 0 of 'none'"),
        ({"counts": {"clause": {}}}, "clause: it says 0 of"),
        ({"counts": {"agreement": {"sha256:other": 1}}}, "agreement: it says"),
        ({"counts": {"release": {}}}, "release: it says 0 of 'sha256:release'"),
        ({"counts": {"epoch": {"2": 1}}}, "epoch: it says 0 of '1'"),
        ({"counts": {"kind": {}}}, "kind: it says 0 of"),
        ({"counts": {"released_bytes": 9}}, "released_bytes: it says 9; the records say 10"),
        ({"totals": {"attempts": 7}}, "attempts since the first record: it says 7; the records say 6"),
        ({"totals": {"lost": 1}}, "lost since the first record: it says 1; the records say 0"),
        ({"lost": LostBudget(AGREEMENT.digest, 7, 1_000)}, "lost per million: it says 7; the records say 0"),
        ({"log": "log.example/gw-2"}, "it says log 'log.example/gw-2'"),
        ({"shard": "gw-2"}, "it says shard 'gw-2'"),
        ({"profile": "production"}, "it says profile 'production'"),
        ({"start_root": "0" * 64}, "the root at its start is not the one of the records"),
        ({"end_root": "0" * 64}, "the root at its end is not the one of the records"),
    ],
)
def test_a_statement_that_the_records_deny_is_contradicted_at_its_place(changes: dict[str, Any], what: str) -> None:
    report, path = lie(**changes)
    assert status(report, Topic.PERIODS) is Status.CONTRADICTED
    assert {finding.place for finding in report.contradictions} == {path}
    assert what in said(report)


@pytest.mark.parametrize(
    ("start", "end", "what"),
    [
        (15, None, "records are in no period"),
        (13, None, "records are in two periods"),
        (14, 14, "holds something"),
        (14, 99, "holds something"),
    ],
)
def test_ranges_have_no_gap_no_overlap_and_no_future(start: int, end: int | None, what: str) -> None:
    story = served(periods=1)
    story.answered("x")
    public: Said = {"start": start, "end": len(story.leaves) if end is None else end, "statement": "sha256:x"}
    story.say(RecordKind.PERIOD, "", TERMS | public)
    report = audit(story.published())
    assert status(report, Topic.PERIODS) is Status.CONTRADICTED
    assert what in said(report)
    assert "record 18" in report.contradictions[0].place


def test_a_period_without_a_range_is_contradicted() -> None:
    story = Stated()
    story.say(RecordKind.PERIOD, "", TERMS)
    assert "names its range and its statement" in said(audit(story.published()))


def test_a_range_that_begins_before_the_first_record_of_nobody_is_not_overlooked() -> None:
    """The first period begins at record 0: what came before it would be counted by nobody."""
    story = Stated()
    story.answered("a")
    story.state(start=1)
    assert "records are in no period" in said(audit(story.published()))


# ---- the file -------------------------------------------------------------------------------------------------------


def test_a_statement_that_is_missing_is_not_shown_and_one_that_was_touched_is_contradicted() -> None:
    story = served()
    path = path_of(14, 29)
    folder = story.published()
    assert path in folder.files
    for bit in range(0, 8 * len(folder.files[path]), 997):
        touched = Folder(folder.files)
        flip(touched, path, bit)
        report = audit(touched)
        assert said(report) == f"{path}: this is not the statement whose digest the PERIOD record holds"
    del folder.files[path]
    report = audit(folder)
    assert not report.contradicted
    assert status(report, Topic.PERIODS) is Status.NOT_SHOWN
    assert path in told(report, Topic.PERIODS)


def test_a_statement_that_another_key_signed_is_contradicted() -> None:
    story = Stated()
    story.answered("a")
    forged = write_period(story.counted(0, 3), Ed25519PrivateKey.from_private_bytes(bytes(32)))
    story.files[path_of(0, 3)] = forged
    story.say(RecordKind.PERIOD, "", TERMS | {"start": 0, "end": 3, "statement": digest_of(forged)})
    assert "did not sign" in said(audit(story.published()))


def test_a_statement_that_no_record_names_proves_nothing_and_is_told() -> None:
    story = served()
    story.files[path_of(0, 7)] = write_period(story.counted(0, 7), KEY)
    report = audit(story.published())
    assert not report.contradicted
    assert [(note.place, note.topic) for note in report.notes] == [("periods/0-7.json", Topic.PERIODS)]


def test_records_that_cannot_be_believed_leave_their_period_unshown() -> None:
    story = served()
    folder = story.published()
    flip(folder, "tile/entries/000.p/45", 8 * 5_000)
    report = audit(folder)
    assert status(report, Topic.LOG) is Status.CONTRADICTED
    assert status(report, Topic.PERIODS) is Status.NOT_SHOWN
    assert not [finding for finding in report.contradictions if finding.topic is Topic.PERIODS]


def test_requests_without_a_record_must_be_said_alike_in_the_record_and_in_the_statement() -> None:
    story = Stated()
    story.answered("a")
    story.state(without_record={"overloaded": 3})
    assert not audit(story.published()).contradicted
    other = write_period(msgspec.structs.replace(story.counted(0, 3), without_record={"overloaded": 4}), KEY)
    lying = Stated()
    lying.answered("a")
    lying.files[path_of(0, 3)] = other
    shed: Said = {"without_record": {"overloaded": 3}, "start": 0, "end": 3, "statement": digest_of(other)}
    lying.say(RecordKind.PERIOD, "", TERMS | shed)
    assert "it counts other requests without a record" in said(audit(lying.published()))


def test_a_log_that_serves_and_states_nothing_is_not_shown() -> None:
    story = Story()
    story.answered("a")
    report = audit(publish(story.leaves))
    for topic in (Topic.PERIODS, Topic.LOST, Topic.UPSTREAMS):
        assert status(report, topic) is Status.NOT_SHOWN
    empty = audit(publish([]))
    assert Topic.PERIODS.value not in {claim.name for claim in empty.claims}


# ---- losses, and model servers -----------------------------------------------------------------------------------


def crashed(attempts: int, lost: int, budget: int = 1_000, of: str = AGREEMENT.digest) -> Folder:
    story = Stated()
    for i in range(lost):
        story.attempt(f"lost-{i}")
    story.epoch = 2
    for i in range(lost):
        story.lost(f"lost-{i}", 1)
    for i in range(attempts - lost):
        story.refused(f"x{i}")
    rate = story.counted(0, len(story.leaves)).totals.lost_per_million
    story.state(lost=LostBudget(of, rate, budget))
    return story.published()


@pytest.mark.parametrize("agreements", [(), (AGREEMENT,)])
def test_a_budget_of_an_agreement_under_which_nothing_was_asked_shows_nothing(
    agreements: tuple[Agreement, ...],
) -> None:
    report = audit(crashed(1_000, 900, 1_000_000, "sha256:" + "77" * 32), agreements=agreements)
    assert status(report, Topic.LOST) is Status.NOT_SHOWN
    assert "an agreement that no attempt here names" in told(report, Topic.LOST)


@pytest.mark.parametrize(
    ("attempts", "lost", "budget", "expected"),
    [
        (50, 0, 1_000, Status.PROVEN),
        (50, 1, 1_000, Status.NOT_SHOWN),
        (1_000, 1, 1_000, Status.PROVEN),
        (1_000, 2, 1_000, Status.CONTRADICTED),
        (50, 1, 0, Status.CONTRADICTED),
        (50, 1, 20_000, Status.PROVEN),
    ],
)
def test_losses_are_held_against_the_budget(attempts: int, lost: int, budget: int, expected: Status) -> None:
    report = audit(crashed(attempts, lost, budget))
    assert status(report, Topic.LOST) is expected
    assert f"{lost} of {attempts:,} attempts were lost" in told(report, Topic.LOST)
    assert status(report, Topic.PERIODS) is Status.PROVEN


def with_budget(budget: int) -> Agreement:
    limit = Limit(LOST_PER_MILLION, budget, KNOWN[LOST_PER_MILLION].tighter)
    return msgspec.structs.replace(AGREEMENT, limits=(limit,))


def test_a_budget_that_the_agreement_does_not_give_is_contradicted() -> None:
    folder = crashed(50, 0, 5_000)
    assert status(audit(folder), Topic.LOST) is Status.PROVEN
    assert "no agreement was given" in told(audit(folder), Topic.LOST)
    report = audit(folder, agreements=[with_budget(1_000)])
    assert status(report, Topic.LOST) is Status.CONTRADICTED
    assert "said to be 5000 per million; the agreement says 1000" in said(report)
    assert status(audit(folder, agreements=[with_budget(5_000)]), Topic.LOST) is Status.PROVEN


def test_a_model_server_without_a_guard_is_not_shown_by_name() -> None:
    story = Stated()
    story.answered("a")
    story.state(upstreams=(StatedUpstream("default", GUARD), StatedUpstream("hosted", "")))
    report = audit(story.published())
    assert status(report, Topic.UPSTREAMS) is Status.NOT_SHOWN
    assert "'hosted' has no guard" in told(report, Topic.UPSTREAMS)


# ---- a later visit ------------------------------------------------------------------------------------------------


def visits(story: Stated, size: int) -> tuple[ShardReport, ShardReport]:
    """A second visit that goes on from a first one of ``size`` records; and one that reads everything."""
    first = Visit()
    shown = publish(story.leaves[:size])
    shown.files |= story.files
    before = audit(shown, visit=first)
    assert first.keep is not None, said(before)
    earlier = msgspec.msgpack.decode(msgspec.msgpack.encode(first.keep()), type=LogMemory)
    second = audit(story.published(), visit=Visit([head_of(earlier)], earlier))
    return msgspec.structs.replace(second, earlier=0), audit(story.published())


@pytest.mark.parametrize("size", [0, 1, 13, 14, 15, 16, 29, 30, 43, 44, 45])
def test_a_later_visit_comes_to_the_same_wherever_the_earlier_one_ended(size: int) -> None:
    story = served()
    story.state(upstreams=(StatedUpstream("hosted", ""),))
    story.answered("last")
    later, in_full = visits(story, size)
    assert later.claims == in_full.claims
    assert later.contradictions == in_full.contradictions


@settings(max_examples=40, deadline=None)
@given(lengths=st.lists(st.integers(1, 90), min_size=1, max_size=5), data=st.data())
def test_a_later_visit_recounts_across_bundles_as_one_that_reads_everything(
    lengths: list[int], data: st.DataObject
) -> None:
    story = Stated()
    for number, length in enumerate(lengths):
        for i in range(length):
            story.answered(f"{number}-{i}")
        story.state()
    later, in_full = visits(story, data.draw(st.integers(0, len(story.leaves))))
    assert status(in_full, Topic.PERIODS) is Status.PROVEN
    assert later.claims == in_full.claims


def test_a_lie_about_a_range_that_the_earlier_visit_read_in_part_is_still_found() -> None:
    story = served(periods=1)
    story.answered("x")
    counts = msgspec.structs.replace(story.counted(14, 18).counts, outcome={"completed": 2})
    path = story.state(counts=counts)
    assert path == "periods/14-18.json"
    later, in_full = visits(story, 17)
    assert said(later) == said(in_full)
    assert "it says 2 of 'completed'" in said(later)


def test_a_period_that_ends_before_the_earlier_visit_did_is_not_shown_and_stays_so() -> None:
    story = Stated()
    story.answered("a")
    story.answered("b")
    story.state(end=3)
    later, _ = visits(story, 6)
    assert status(later, Topic.PERIODS) is Status.NOT_SHOWN
    assert "only reading everything can recount it" in told(later, Topic.PERIODS)
    first, second = Visit(), Visit()
    shown = publish(story.leaves[:6])
    shown.files |= story.files
    audit(shown, visit=first)
    assert first.keep is not None
    one = first.keep()
    audit(story.published(), visit=(second := Visit([head_of(one)], one)))
    assert second.keep is not None
    two = second.keep()
    assert status(audit(story.published(), visit=Visit([head_of(two)], two)), Topic.PERIODS) is Status.NOT_SHOWN


def guard_claim(read: Sequence[str]) -> tuple[Status, str]:
    books = TokenBooks()
    story = served(periods=1, each=0)
    audit(story.published(), tokens=Guarded(books, guards=True))
    books.read(read)
    report = audit(publish([]), tokens=Guarded(books, guards=True, is_guard=True))
    return status(report, Topic.GUARDED), told(report, Topic.GUARDED)


def test_a_guard_that_is_named_and_whose_log_is_not_there_is_not_shown() -> None:
    assert guard_claim([])[0] is Status.NOT_SHOWN
    assert "the log of brightline.local/guard, the guard of default, was not given" in guard_claim([])[1]
    assert guard_claim([GUARD])[0] is Status.PROVEN
