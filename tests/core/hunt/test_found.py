# SPDX-License-Identifier: Apache-2.0
"""Results and reports: what is worse than on record, and results that do not add up."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from brightline.core.errors import ConfigError, HuntBroken
from brightline.core.evidence.shred import Because
from brightline.core.facts import Facts
from brightline.core.hunt.found import (
    NOT_EXAMINED,
    Changed,
    Disposition,
    Found,
    Left,
    Report,
    ShardResult,
    assemble,
    compare,
    digest_of,
    of_detectors,
    report_bytes,
    result_bytes,
)
from brightline.core.hunt.plan import CaseAt, Shard
from tests.core.hunt.test_plan import plan_of
from tests.playbooks.playbook import AGREEMENT

VOCABULARY = AGREEMENT.vocabulary
GOOD = {spec.name: spec.good for spec in VOCABULARY.specs}
PLAN = plan_of(
    (
        Shard(0, "gw", 0, 3, "sha256:one", (CaseAt((1,), 2),)),
        Shard(1, "gw", 3, 5, "sha256:two", (CaseAt((4,), -1),)),
    ),
    0,
    5,
)
FOUND = Found("gw", 1, "sha256:c", "permit", "deny", (Changed("mass_domestic", "no", "yes"),), ("rules: a",))


def result(number: int, **other: Any) -> ShardResult:
    of = PLAN.shards[number]
    size = of.end - of.start
    said = ShardResult(
        hunt="sha256:h",
        number=number,
        leaves=of.leaves,
        counts={"examined": 1, "no_content": size - 1},
        kinds={"CASE": 1, "ATTEMPT": size - 1},
        milder=0,
        found=(FOUND,) if number == 0 else (),
        left=(),
    )
    return msgspec.structs.replace(said, **other)


def report(*results: ShardResult) -> Report:
    return assemble(PLAN, "sha256:h", [result_bytes(each) for each in results])


def facts(**other: str) -> Facts:
    return Facts.of({**GOOD, **other})


def test_what_is_worse_is_told_and_what_is_better_is_counted() -> None:
    assert compare(VOCABULARY, GOOD, {}, facts()) == ((), False)
    worse, better = compare(VOCABULARY, {**GOOD, "weapon_direct": "yes"}, {}, facts(mass_domestic="unknown"))
    assert worse == (Changed("mass_domestic", "no", "unknown"),)
    assert better
    worse, _ = compare(VOCABULARY, {**GOOD, "mass_domestic": "unknown"}, {}, facts(mass_domestic="yes"))
    assert worse == (Changed("mass_domestic", "unknown", "yes"),)


def test_what_nobody_can_open_is_compared_with_nothing() -> None:
    worse, better = compare(VOCABULARY, None, {}, facts(mass_domestic="unknown"))
    assert worse == (Changed("mass_domestic", "", "unknown"),)
    assert not better
    worse, _ = compare(VOCABULARY, {}, {}, facts())
    assert worse == ()


def test_what_people_settled_stands_until_the_release_says_worse_than_that_it_does_not_know() -> None:
    settled = {"mass_domestic": "no"}
    assert compare(VOCABULARY, GOOD, settled, facts(mass_domestic="unknown")) == ((), False)
    worse, _ = compare(VOCABULARY, GOOD, settled, facts(mass_domestic="yes"))
    assert worse == (Changed("mass_domestic", "no", "yes"),)


def test_only_what_detectors_say_is_compared() -> None:
    names = {spec.name for spec in of_detectors(VOCABULARY)}
    assert "mass_domestic" in names
    assert "lawful" not in names
    assert compare(VOCABULARY, GOOD, {}, facts(lawful="unknown")) == ((), False)


def test_a_report_is_made_of_all_results_in_order_and_its_digest_of_nothing_else() -> None:
    first, second = result(0), result(1)
    whole = report(first, second)
    assert whole.records == 5
    assert whole.counts == {"examined": 2, "no_content": 3}
    assert whole.kinds == {"ATTEMPT": 3, "CASE": 2}
    assert whole.shards == (digest_of(result_bytes(first)), digest_of(result_bytes(second)))
    assert (whole.found, whole.cases) == ((FOUND,), 2)
    assert report_bytes(whole) == report_bytes(report(first, second))
    assert report_bytes(whole) != report_bytes(report(first, result(1, milder=1)))


def test_while_a_result_is_missing_there_is_no_report() -> None:
    with pytest.raises(ConfigError, match="1 of 2 shards have no result"):
        report(result(0))


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"number": 0}, "another shard"),
        ({"hunt": "sha256:other"}, "another hunt"),
        ({"leaves": "sha256:other"}, "other records"),
        ({"counts": {"examined": 1}}, "not counted once"),
        ({"counts": {"examined": 1, "no_content": 2}}, "not counted once"),
        ({"counts": {"examined": 3, "no_content": -1}}, "less than nothing"),
        ({"counts": {"examined": 1, "skipped": 1}}, "does not know"),
        ({"kinds": {}}, "not counted once"),
        ({"found": (FOUND,)}, "no case of it"),
        ({"left": (Left("gw", 3, Disposition.UNJUDGED),)}, "no case of it"),
    ],
)
def test_a_result_that_does_not_add_up_breaks_the_hunt(other: dict[str, Any], message: str) -> None:
    with pytest.raises(HuntBroken, match=message):
        report(result(0), msgspec.structs.replace(result(1), **other))


def test_what_does_not_read_breaks_it_too() -> None:
    for data in (b"", b"{}", b"\xff", b"[" * 5_000):
        with pytest.raises(HuntBroken, match="does not read"):
            assemble(PLAN, "sha256:h", [result_bytes(result(0)), data])


def test_whatever_records_are_destroyed_for_is_counted_by_a_reason_of_its_own() -> None:
    assert {Disposition(each.value) for each in Because} < set(NOT_EXAMINED)
