# SPDX-License-Identifier: Apache-2.0
"""Admission: whole requests wait or are shed, by place, share and quota; nothing is screened less."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import Overloaded, QuotaReached, Unauthenticated
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.workload import Workload, admit
from brightline.shell.gateway.admission import DAY_SECONDS, ROWS_PER_SECOND, Admission, Bounds, Entered, Used
from brightline.shell.gateway.peers import What
from tests.core.test_workload import REGISTRATION
from tests.shell.trust.test_attestation import Clock


def workload(name: str = "a", unit: str = "u", requests: int = 1_000, tokens: int = 0) -> Workload:
    return admit(
        msgspec.structs.replace(
            REGISTRATION, workload=name, unit=unit, requests_per_minute=requests, tokens_per_minute=tokens
        )
    )


def bounds(**more: Any) -> Bounds:
    return Bounds(**{"exchanges_max": 1, "unsent_max": 1, "waiting_max": 8, "wait_seconds": 5.0, **more})


class Callers:
    """Callers that hold their places until they are told to go, and the order in which they came in."""

    def __init__(self, admission: Admission) -> None:
        self._admission = admission
        self._go: dict[str, asyncio.Event] = {}
        self.entered: dict[str, Entered] = {}
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def come(self, name: str, of: Workload) -> None:
        """One caller more, who gets a place, or stands in line, before the next comes."""
        self._go[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._hold(name, of))
        await settle()

    async def _hold(self, name: str, of: Workload) -> None:
        async with self._admission.enter(of) as entered:
            self.entered[name] = entered
            await self._go[name].wait()

    async def go(self, name: str) -> None:
        """This one is done."""
        self._go[name].set()
        await settle()

    async def shed(self, name: str) -> str:
        """Why this one was shed."""
        with pytest.raises(Overloaded) as caught:
            await self.tasks[name]
        return str(caught.value)

    async def end(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


async def settle() -> None:
    for _ in range(6):
        await asyncio.sleep(0)


async def test_what_was_used_is_forgotten_after_a_minute_also_where_no_limit_asks_for_it() -> None:
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


async def test_who_finds_no_place_waits_and_then_gets_it() -> None:
    callers = Callers(Admission(bounds(), Clock()))
    await callers.come("first", workload())
    await callers.come("second", workload())
    assert list(callers.entered) == ["first"]
    await callers.go("first")
    assert list(callers.entered) == ["first", "second"]
    await callers.end()


async def test_a_place_is_given_back_when_an_exchange_fails() -> None:
    admission = Admission(bounds(waiting_max=0), Clock())
    for _ in range(3):
        with contextlib.suppress(RuntimeError):
            async with admission.enter(workload()):
                raise RuntimeError
    assert admission.under_way == (0, 1)


async def test_who_waits_too_long_is_shed_and_the_line_goes_on_without_it() -> None:
    callers = Callers(Admission(bounds(wait_seconds=0.05), Clock()))
    await callers.come("first", workload())
    await callers.come("late", workload())
    assert "within 0.05 s" in await callers.shed("late")
    await callers.go("first")
    await callers.come("next", workload())
    assert list(callers.entered) == ["first", "next"]
    await callers.end()


async def test_who_leaves_the_line_takes_no_place() -> None:
    callers = Callers(Admission(bounds(), Clock()))
    for name in ("first", "gone", "next"):
        await callers.come(name, workload())
    callers.tasks["gone"].cancel()
    await settle()
    await callers.go("first")
    assert list(callers.entered) == ["first", "next"]
    await callers.end()


async def test_what_was_sent_to_a_model_leaves_its_place_among_the_unsent() -> None:
    callers = Callers(Admission(bounds(exchanges_max=2), Clock()))
    for name in ("first", "second", "third"):
        await callers.come(name, workload())
    assert list(callers.entered) == ["first"]
    callers.entered["first"].sent()
    callers.entered["first"].sent()  # told twice, freed once
    await settle()
    assert list(callers.entered) == ["first", "second"]
    callers.entered["second"].sent()
    await settle()
    assert "third" not in callers.entered  # two are under way
    await callers.go("first")
    assert "third" in callers.entered
    await callers.end()


async def test_what_is_said_to_be_sent_twice_frees_one_place() -> None:
    callers = Callers(Admission(bounds(exchanges_max=3), Clock()))
    for name in ("first", "second", "third"):
        await callers.come(name, workload())
    callers.entered["first"].sent()
    callers.entered["first"].sent()
    await settle()
    assert list(callers.entered) == ["first", "second"]
    await callers.end()


async def test_a_free_place_goes_to_the_unit_and_then_the_workload_that_has_the_fewest() -> None:
    callers = Callers(Admission(bounds(exchanges_max=3, unsent_max=3), Clock()))
    for name, of in (
        ("a1", workload("a", "u")),
        ("a2", workload("a", "u")),
        ("c1", workload("c", "v")),
        ("a3", workload("a", "u")),
        ("b1", workload("b", "u")),
        ("c2", workload("c", "v")),
    ):
        await callers.come(name, of)
    await callers.go("c1")  # v has no place now, u has two
    assert list(callers.entered)[3:] == ["c2"]
    await callers.go("a1")  # each unit has one, and v was given one last; of u, b has none
    assert list(callers.entered)[4:] == ["b1"]
    await callers.end()


async def test_of_those_who_have_as_few_each_has_its_turn() -> None:
    callers = Callers(Admission(bounds(), Clock()))
    for name in ("a1", "a2", "a3", "b1", "b2"):
        await callers.come(name, workload(name[0], name[0]))
    for _ in range(4):
        await callers.go(list(callers.entered)[-1])
    assert list(callers.entered) == ["a1", "b1", "a2", "b2", "a3"]
    await callers.end()


async def test_a_flood_sheds_itself_and_not_who_asks_for_little() -> None:
    admission = Admission(bounds(waiting_max=3), Clock())
    callers = Callers(admission)
    for name in ("f0", "f1", "f2", "f3"):
        await callers.come(name, workload("flood", "u"))
    assert admission.crowded("flood")
    assert not admission.crowded("other")
    await callers.come("f4", workload("flood", "u"))
    assert "line is full" in await callers.shed("f4")
    await callers.come("small", workload("small", "v"))
    assert "line is full" in await callers.shed("f3")  # the newest of the flood made room
    await callers.go("f0")
    assert list(callers.entered) == ["f0", "small"]
    await callers.end()


async def test_a_unit_gets_no_more_by_many_workloads() -> None:
    callers = Callers(Admission(bounds(waiting_max=4), Clock()))
    for i in range(5):
        await callers.come(f"many{i}", workload(f"w{i}", "many"))
    await callers.come("one", workload("one", "v"))
    assert callers.tasks["many4"].done()
    assert "line is full" in await callers.shed("many4")
    await callers.come("more", workload("more", "many"))
    assert "line is full" in await callers.shed("more")
    await callers.end()


async def test_nobody_is_crowded_while_there_is_room() -> None:
    admission = Admission(bounds(waiting_max=2), Clock())
    callers = Callers(admission)
    for name in ("f0", "f1"):
        await callers.come(name, workload("flood"))
    assert not admission.crowded("flood")
    await callers.end()


async def test_one_workload_at_its_limit_does_not_stop_another() -> None:
    clock = Clock()
    admission = Admission(bounds(), clock)
    for _ in range(2):
        async with admission.enter(workload("a", requests=2)):
            pass
    clock.pass_(20)
    with pytest.raises(QuotaReached, match="2 requests a minute") as caught:
        async with admission.enter(workload("a", requests=2)):
            pass
    assert (caught.value.status, caught.value.retry_after_seconds) == (429, 40)
    async with admission.enter(workload("b", requests=2)):
        pass
    clock.pass_(40)
    async with admission.enter(workload("a", requests=2)):
        pass


async def test_what_was_shed_uses_up_no_quota() -> None:
    admission = Admission(bounds(waiting_max=0), Clock())
    callers = Callers(admission)
    await callers.come("first", workload("a", requests=2))
    for name in ("x", "y"):
        await callers.come(name, workload("a", requests=2))
        await callers.shed(name)
    await callers.go("first")
    async with admission.enter(workload("a", requests=2)):
        pass
    await callers.end()


async def test_those_who_wait_do_not_pass_the_limit_together() -> None:
    callers = Callers(Admission(bounds(), Clock()))
    for name in ("first", "second", "third"):
        await callers.come(name, workload("a", requests=2))
    await callers.go("first")
    await callers.go("second")
    with pytest.raises(QuotaReached):
        await callers.tasks["third"]
    await callers.end()


async def test_tokens_are_counted_when_an_exchange_ends() -> None:
    clock = Clock()
    admission = Admission(bounds(), clock)
    of = workload(tokens=100)
    async with admission.enter(of):
        pass
    admission.used(of, 99)
    async with admission.enter(of):
        pass
    admission.used(of, 1)
    with pytest.raises(QuotaReached, match="100 tokens a minute"):
        async with admission.enter(of):
            pass
    clock.pass_(60)
    async with admission.enter(of):
        pass


async def test_what_another_worker_says_was_used_counts_as_our_own() -> None:
    clock = Clock()
    admission = Admission(bounds(unit_bytes_per_day=5_000), clock)
    async with admission.enter(workload("a", requests=3)):
        pass
    admission.heard(What.REQUESTS, "a", 2)
    admission.heard(What.TOKENS, "b", 100)
    admission.heard(What.BYTES, "v", 5_000)
    for of, limit in (
        (workload("a", requests=3), "3 requests"),
        (workload("b", tokens=100), "100 tokens"),
        (workload("c", "v"), "this unit has written"),
    ):
        with pytest.raises(QuotaReached, match=limit):
            async with admission.enter(of):
                pass
    clock.pass_(60)
    async with admission.enter(workload("a", requests=3)):
        pass


async def test_a_unit_cannot_fill_the_disk_for_all() -> None:
    class Log:
        async def append(self, draft: Draft) -> Any:
            return draft

    clock = Clock()
    admission = Admission(bounds(unit_bytes_per_day=5_000), clock)
    log = admission.metered(Log(), "u")
    for _ in range(2):
        async with admission.enter(workload("a", "u")):
            await log.append(Draft(RecordKind.ATTEMPT, "x", {}, {"text": "a" * 2_000}))
    with pytest.raises(QuotaReached, match="this unit has written"):
        async with admission.enter(workload("b", "u")):
            pass
    async with admission.enter(workload("c", "v")):
        pass
    clock.pass_(DAY_SECONDS)
    async with admission.enter(workload("b", "u")):
        pass


def test_requests_without_a_record_are_counted_by_reason_once() -> None:
    admission = Admission(bounds(), Clock())
    admission.count(Unauthenticated("x"))
    admission.count(Unauthenticated("y"))
    assert admission.take_counts() == {"invalid_api_key": 2}
    assert admission.take_counts() == {}
    assert admission.counted == {"invalid_api_key": 2}
