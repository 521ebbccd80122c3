# SPDX-License-Identifier: Apache-2.0
"""Quotas of workloads and of units: who used how much, over all workers, and when more may be used."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import QuotaReached
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.quota import HOLDS_MAX, UnitQuotas
from brightline.core.register import DAY_SECONDS
from brightline.core.workload import Workload
from brightline.shell.gateway.peers import Peers, What
from brightline.shell.gateway.quotas import ROWS_PER_SECOND, DiskQuotas, Quotas, Used
from tests.shell.gateway.test_admission import workload
from tests.shell.trust.test_attestation import Clock


class Heard(Peers):
    """Tells another worker's quotas at once."""

    def __init__(self, other: Quotas) -> None:
        super().__init__()
        self._other = other

    def tell_used(self, what: What, name: str, amount: int) -> None:
        self._other.heard(what, name, amount)

    def tell_held(self, what: What, name: str, digest: str) -> None:
        self._other.heard_held(what, name, digest)


def quotas(
    clock: Clock, agreed: dict[str, int] | None = None, peers: Peers | None = None, disk: int = 1_000_000
) -> Quotas:
    """``agreed`` is what the agreement leaves each unit; ``disk`` bytes of evidence a workload, twice it a unit."""
    return Quotas(DiskQuotas(disk, 2 * disk), clock, peers or Peers(), lambda: UnitQuotas(**(agreed or {})))


def begin(of: Quotas, *workloads: Workload) -> None:
    """Each of these begins an exchange."""
    for each in workloads:
        of.check(each)
        of.began(each)


def refused(of: Quotas, workload: Workload) -> QuotaReached:
    """Why this one may not begin."""
    with pytest.raises(QuotaReached) as caught:
        of.check(workload)
    return caught.value


def test_what_was_used_is_forgotten_after_a_minute_also_where_no_limit_asks_for_it() -> None:
    used = Used()
    for second in range(1_000):
        used.add(float(second), 1)
    assert len(used) == 60


@given(st.lists(st.tuples(st.floats(0, 0.1), st.integers(1, 5)), min_size=1, max_size=30), st.floats(59, 61))
def test_what_was_used_is_kept_for_its_minute_and_hardly_longer(steps: list[tuple[float, int]], pause: float) -> None:
    used, exact, now = Used(), [], 0.0
    for step, amount in steps:
        now += step
        used.add(now, amount)
        exact.append((now, amount))
    now += pause
    least = sum(amount for when, amount in exact if now - when < 60)
    most = sum(amount for when, amount in exact if now - when < 60 + 1 / ROWS_PER_SECOND)
    assert not least or used.within(now, least)
    assert not used.within(now, most + 1)


def test_a_flood_takes_no_more_room_than_a_trickle() -> None:
    used = Used()
    for number in range(10_000):
        used.add(number / 10_000, 1)
    assert len(used) <= ROWS_PER_SECOND + 1
    assert used.within(1.0, 10_000)
    assert not used.within(1.0, 10_001)


def test_one_workload_at_its_limit_does_not_stop_another() -> None:
    clock = Clock()
    of = quotas(clock)
    begin(of, *[workload("a", requests_per_minute=2)] * 2)
    clock.pass_(20)
    error = refused(of, workload("a", requests_per_minute=2))
    assert "this workload is registered for 2 requests a minute" in str(error)
    assert (error.status, error.retry_after_seconds) == (429, 40)
    begin(of, workload("b", requests_per_minute=2))
    clock.pass_(40)
    begin(of, workload("a", requests_per_minute=2))


def test_tokens_are_counted_when_an_exchange_ends() -> None:
    clock = Clock()
    of, a = quotas(clock), workload(tokens_per_minute=100)
    of.used(a, 99)
    begin(of, a)
    of.used(a, 1)
    assert "100 tokens a minute" in str(refused(of, a))
    clock.pass_(60)
    begin(of, a)


@pytest.mark.parametrize(
    ("said", "agreed"),
    [
        ({"unit_requests_per_minute": 3}, {}),
        ({}, {"requests_per_minute": 3}),
        ({"unit_requests_per_minute": 3}, {"requests_per_minute": 9}),
        ({"unit_requests_per_minute": 9}, {"requests_per_minute": 3}),
    ],
)
def test_a_unit_gets_no_more_by_many_workloads(said: dict[str, int], agreed: dict[str, int]) -> None:
    clock = Clock()
    of = quotas(clock, agreed)
    begin(of, *(workload(name, "u", **said) for name in "aba"))
    clock.pass_(20)
    error = refused(of, workload("c", "u", **said))
    assert "this unit may have 3 requests a minute" in str(error)
    assert error.retry_after_seconds == 40
    begin(of, workload("d", "v", **said))
    clock.pass_(40)
    begin(of, workload("c", "u", **said))


def test_the_tokens_of_a_unit_are_those_of_all_its_workloads() -> None:
    of = quotas(Clock(), {"tokens_per_minute": 100})
    of.used(workload("a", "u"), 60)
    begin(of, workload("b", "u"))
    of.used(workload("b", "u"), 40)
    assert "this unit may have 100 tokens a minute" in str(refused(of, workload("c", "u")))
    begin(of, workload("d", "v"))


def test_each_registration_is_held_to_its_own_word_about_the_unit() -> None:
    of = quotas(Clock())
    begin(of, workload("strict", "u", unit_requests_per_minute=2), workload("silent", "u"))
    refused(of, workload("strict", "u", unit_requests_per_minute=2))
    begin(of, workload("silent", "u"), workload("wide", "u", unit_requests_per_minute=9))


def test_a_version_of_the_agreement_that_comes_into_force_holds_at_once() -> None:
    agreed = UnitQuotas()
    of = Quotas(DiskQuotas(1_000_000, 1_000_000), Clock(), Peers(), lambda: agreed)
    begin(of, workload())
    agreed = UnitQuotas(requests_per_minute=1)
    refused(of, workload())


@pytest.mark.parametrize(
    ("said", "agreed", "who"),
    [
        ({"holds_per_day": 2}, {}, "this workload is registered for 2 holds a day"),
        ({"unit_holds_per_day": 2}, {}, "this unit may have 2 holds a day"),
        ({}, {"holds_per_day": 2}, "this unit may have 2 holds a day"),
    ],
)
def test_what_waits_for_people_is_bounded_and_asking_again_is_no_second_hold(
    said: dict[str, int], agreed: dict[str, int], who: str
) -> None:
    clock = Clock()
    of, a = quotas(clock, agreed), workload("a", "u", **said)
    for digest in ("sha256:1", "sha256:1", "sha256:1"):
        begin(of, a)
        of.held(a, digest)
    of.held(a, "sha256:2")
    error = refused(of, a)
    assert who in str(error)
    assert error.retry_after_seconds == DAY_SECONDS - clock.unix() % DAY_SECONDS
    begin(of, workload("b", "v", **said))
    clock.pass_(DAY_SECONDS)
    begin(of, a)


def test_holds_are_remembered_only_where_somebody_bounds_them_and_never_more_than_can_be_written() -> None:
    of, a = quotas(Clock()), workload()
    of.held(a, "sha256:1")
    assert not of.remembered_holds
    of = quotas(Clock(), {"holds_per_day": HOLDS_MAX})
    for number in range(HOLDS_MAX + 5):
        of.heard_held(What.UNIT_HOLDS, "u", str(number))
    assert of.remembered_holds == HOLDS_MAX
    refused(of, a)


def test_whatever_is_used_counts_at_the_other_workers_too() -> None:
    clock = Clock()
    theirs = quotas(clock, disk=5_000)
    ours = quotas(clock, peers=Heard(theirs))
    cases: list[tuple[Workload, Callable[[Workload], None], str]] = [
        (workload("a", "u1", requests_per_minute=1), ours.began, "1 requests"),
        (workload("b", "u2", tokens_per_minute=9), lambda of: ours.used(of, 9), "9 tokens"),
        (workload("c", "u3", holds_per_day=1), lambda of: ours.held(of, "sha256:1"), "1 holds"),
        (workload("d", "u4", unit_requests_per_minute=1), ours.began, "unit may have 1 requests"),
        (workload("e", "u5", unit_tokens_per_minute=9), lambda of: ours.used(of, 9), "unit may have 9 tokens"),
        (workload("f", "u6", unit_holds_per_day=1), lambda of: ours.held(of, "sha256:1"), "unit may have 1 holds"),
        (workload("g", "u7"), lambda of: theirs.heard(What.BYTES, of.id, 5_000), "this workload has written"),
        (workload("h", "u8"), lambda of: theirs.heard(What.UNIT_BYTES, of.unit, 10_000), "this unit has written"),
    ]
    for of, use, words in cases:
        theirs.check(of)
        use(of)
        assert words in str(refused(theirs, of))


async def test_neither_a_workload_nor_a_unit_can_fill_the_disk_for_all() -> None:
    class Log:
        async def append(self, draft: Draft) -> Any:
            return SimpleNamespace(size=2_500)

    clock = Clock()
    of = quotas(clock, disk=5_000)

    async def write(by: Workload) -> None:
        begin(of, by)
        draft = Draft(RecordKind.ATTEMPT, "x", {}, {})
        await of.metered(Log(), by).append(draft)

    for _ in range(2):
        await write(workload("a", "u"))
    assert "this workload has written" in str(refused(of, workload("a", "u")))
    for _ in range(2):
        await write(workload("b", "u"))
    assert "this unit has written" in str(refused(of, workload("d", "u")))
    begin(of, workload("c", "v"))
    clock.pass_(DAY_SECONDS)
    begin(of, workload("a", "u"))
