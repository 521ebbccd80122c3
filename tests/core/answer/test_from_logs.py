# SPDX-License-Identifier: Apache-2.0
"""Over all logs a claim stands as its worst; what is about exchanges is asked of the logs that hold some."""

from __future__ import annotations

import msgspec
import pytest

from brightline.core.answer.from_logs import ExaminedLog, attempts, judged, of_canaries, of_logs, ruled
from brightline.core.answer.model import Status
from brightline.core.evidence.audit import ShardReport, audit_shard
from brightline.core.evidence.audit_findings import Claim, Topic
from brightline.core.evidence.audit_findings import Status as Verified
from brightline.core.evidence.canary import Fate, Looked, odds_of
from tests.core.evidence.test_audit import SHARD, audit, ordinary, publish

REPORT = audit(publish(ordinary().leaves))
EMPTY = audit_shard(SHARD, publish([]))


def saying(report: ShardReport, topic: Topic, status: Verified) -> ShardReport:
    claims = tuple(claim for claim in report.claims if claim.name != topic.value)
    return msgspec.structs.replace(report, claims=(*claims, Claim(topic.value, status, "as told")))


def log(report: ShardReport, *, guard: bool = False) -> ExaminedLog:
    return ExaminedLog(report, "a folder", guard)


@pytest.mark.parametrize(
    ("status", "stands"),
    [
        (Verified.PROVEN, Status.SHOWN),
        (Verified.NOT_SHOWN, Status.OPEN),
        (Verified.CONTRADICTED, Status.CONTRADICTED),
    ],
)
@pytest.mark.parametrize("topic", Topic)
def test_a_claim_of_a_log_stands_as_it_was_verified(topic: Topic, status: Verified, stands: Status) -> None:
    kinds = {found.detail: kind for kind, found in of_logs([log(saying(REPORT, topic, status))], pinned=True).items()}
    assert of_logs([log(saying(REPORT, topic, status))], pinned=True)[kinds["as told"]].status is stands


@pytest.mark.parametrize("worse", [Verified.NOT_SHOWN, Verified.CONTRADICTED])
def test_of_two_logs_the_worse_one_tells(worse: Verified) -> None:
    good, bad = saying(REPORT, Topic.REPLAYS, Verified.PROVEN), saying(REPORT, Topic.REPLAYS, worse)
    assert of_logs([log(good), log(good)], pinned=True)["replays"].status is Status.SHOWN
    for logs in ([log(good), log(bad)], [log(bad), log(good)]):
        found = of_logs(logs, pinned=True)["replays"]
        assert found.status is not Status.SHOWN
        assert found.detail == f"{SHARD}: as told"


def test_a_log_without_exchanges_or_a_guards_own_is_not_asked_whether_they_replay() -> None:
    silent = saying(EMPTY, Topic.REPLAYS, Verified.NOT_SHOWN)
    told = saying(REPORT, Topic.REPLAYS, Verified.PROVEN)
    guard = log(saying(REPORT, Topic.REPLAYS, Verified.NOT_SHOWN), guard=True)
    assert of_logs([log(told), log(silent), guard], pinned=True)["replays"].status is Status.SHOWN
    assert "replays" not in of_logs([log(silent)], pinned=True)


@pytest.mark.parametrize("guard", [True, False])
def test_a_contradiction_is_told_wherever_it_stands(guard: bool) -> None:
    against = log(saying(EMPTY, Topic.PERIODS, Verified.CONTRADICTED), guard=guard)
    good = log(saying(REPORT, Topic.PERIODS, Verified.PROVEN))
    assert of_logs([good, against], pinned=True)["periods"].status is Status.CONTRADICTED


def test_keys_that_came_with_the_logs_show_nothing_of_whose_they_are() -> None:
    assert of_logs([log(REPORT)], pinned=True)["keys"].status is Status.SHOWN
    assert of_logs([log(REPORT)], pinned=False)["keys"].status is Status.OPEN


def test_what_a_guard_counts_is_not_counted_again() -> None:
    logs = [log(REPORT), log(REPORT, guard=True)]
    assert attempts(logs) == REPORT.recount.attempts
    assert ruled(logs) == REPORT.recount.by_agreement
    assert judged(logs) == REPORT.recount.by_release


@pytest.mark.parametrize(
    ("fates", "status", "stands"),
    [
        ([Fate.FOUND] * 300, Verified.PROVEN, Status.SHOWN),
        ([Fate.FOUND] * 299 + [Fate.PENDING], Verified.NOT_SHOWN, Status.OPEN),
        ([Fate.FOUND] * 299 + [Fate.MISSING], Verified.CONTRADICTED, Status.CONTRADICTED),
    ],
)
def test_requests_of_the_askers_own_bound_what_is_left_out(
    fates: list[Fate], status: Verified, stands: Status
) -> None:
    odds = odds_of([Looked("c", fate, "", "any") for fate in fates])  # type: ignore[arg-type]
    found = of_canaries(odds, status, "sha256:" + "00" * 32, "a file", 10_000)
    assert found.status is stands
    if stands is Status.SHOWN:
        assert found.bounds[0].high <= 3 / 300
        assert "at most 100 of 10,000 like those on record" in found.detail
