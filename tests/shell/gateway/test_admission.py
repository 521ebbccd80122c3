# SPDX-License-Identifier: Apache-2.0
"""Admission: whole requests wait or are shed, by place, share and quota; nothing is screened less."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import msgspec
import pytest

from brightline.core.errors import Overloaded, QuotaReached, Unauthenticated
from brightline.core.workload import Workload, admit
from brightline.shell.gateway.admission import Admission, Bounds, Entered
from brightline.shell.gateway.peers import Peers
from brightline.shell.gateway.quotas import DiskQuotas, Quotas
from tests.core.test_workload import REGISTRATION
from tests.shell.trust.test_attestation import Clock


def workload(name: str = "a", unit: str = "u", **said: int) -> Workload:
    """``said`` are members of its registration; a thousand requests a minute if nothing else is said."""
    said = {"requests_per_minute": 1_000} | said
    return admit(msgspec.structs.replace(REGISTRATION, workload=name, unit=unit, **said))


def opened(clock: Clock | None = None, **more: Any) -> Admission:
    """One place and eight that wait, where nothing else is said."""
    bounds = Bounds(**{"exchanges_max": 1, "unsent_max": 1, "waiting_max": 8, "wait_seconds": 5.0, **more})
    return Admission(bounds, Quotas(DiskQuotas(1_000_000, 1_000_000), clock or Clock(), Peers()))


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
        with await self._admission.enter(of) as entered:
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


async def test_who_finds_no_place_waits_and_then_gets_it() -> None:
    callers = Callers(opened())
    await callers.come("first", workload())
    await callers.come("second", workload())
    assert list(callers.entered) == ["first"]
    await callers.go("first")
    assert list(callers.entered) == ["first", "second"]
    await callers.end()


async def test_a_place_is_given_back_when_an_exchange_fails() -> None:
    admission = opened(waiting_max=0)
    for _ in range(3):
        with contextlib.suppress(RuntimeError), await admission.enter(workload()):
            raise RuntimeError
    assert admission.under_way == (0, 1)


async def test_who_waits_too_long_is_shed_and_the_line_goes_on_without_it() -> None:
    callers = Callers(opened(wait_seconds=0.05))
    await callers.come("first", workload())
    await callers.come("late", workload())
    assert "within 0.05 s" in await callers.shed("late")
    await callers.go("first")
    await callers.come("next", workload())
    assert list(callers.entered) == ["first", "next"]
    await callers.end()


async def test_who_leaves_the_line_takes_no_place() -> None:
    callers = Callers(opened())
    for name in ("first", "gone", "next"):
        await callers.come(name, workload())
    callers.tasks["gone"].cancel()
    await settle()
    await callers.go("first")
    assert list(callers.entered) == ["first", "next"]
    await callers.end()


async def test_what_was_sent_to_a_model_leaves_its_place_among_the_unsent() -> None:
    callers = Callers(opened(exchanges_max=2))
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


async def test_long_answers_for_one_unit_leave_places_for_another() -> None:
    callers = Callers(opened(exchanges_max=4, unit_exchanges_max=3, unsent_max=4))
    for name in ("a1", "a2", "a3", "a4"):
        await callers.come(name, workload(name, "u"))
    assert list(callers.entered) == ["a1", "a2", "a3"]  # the fourth place is free, and not for this unit
    await callers.come("b1", workload("b", "v"))  # who comes later is not kept from it by those who wait
    assert list(callers.entered)[3:] == ["b1"]
    await callers.go("b1")
    assert "a4" not in callers.entered
    await callers.go("a2")
    assert "a4" in callers.entered
    await callers.end()


async def test_what_one_unit_has_not_sent_yet_leaves_places_for_another() -> None:
    """As where its bodies do not arrive."""
    callers = Callers(opened(exchanges_max=8, unit_exchanges_max=6, unsent_max=4))
    for name in ("a1", "a2", "a3", "a4"):
        await callers.come(name, workload(name, "u"))
    assert list(callers.entered) == ["a1", "a2", "a3"]
    await callers.come("b1", workload("b", "v"))
    assert list(callers.entered)[3:] == ["b1"]
    callers.entered["a1"].sent()
    await settle()
    assert "a4" in callers.entered
    await callers.end()


async def test_what_is_said_to_be_sent_twice_frees_one_place() -> None:
    callers = Callers(opened(exchanges_max=3))
    for name in ("first", "second", "third"):
        await callers.come(name, workload())
    callers.entered["first"].sent()
    callers.entered["first"].sent()
    await settle()
    assert list(callers.entered) == ["first", "second"]
    await callers.end()


async def test_a_free_place_goes_to_the_unit_and_then_the_workload_that_has_the_fewest() -> None:
    callers = Callers(opened(exchanges_max=3, unsent_max=3))
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
    callers = Callers(opened())
    for name in ("a1", "a2", "a3", "b1", "b2"):
        await callers.come(name, workload(name[0], name[0]))
    for _ in range(4):
        await callers.go(list(callers.entered)[-1])
    assert list(callers.entered) == ["a1", "b1", "a2", "b2", "a3"]
    await callers.end()


async def test_a_flood_sheds_itself_and_not_who_asks_for_little() -> None:
    admission = opened(waiting_max=3)
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
    callers = Callers(opened(waiting_max=4))
    for i in range(5):
        await callers.come(f"many{i}", workload(f"w{i}", "many"))
    await callers.come("one", workload("one", "v"))
    assert callers.tasks["many4"].done()
    assert "line is full" in await callers.shed("many4")
    await callers.come("more", workload("more", "many"))
    assert "line is full" in await callers.shed("more")
    await callers.end()


async def test_nobody_is_crowded_while_there_is_room() -> None:
    admission = opened(waiting_max=2)
    callers = Callers(admission)
    for name in ("f0", "f1"):
        await callers.come(name, workload("flood"))
    assert not admission.crowded("flood")
    await callers.end()


async def test_what_was_shed_uses_up_no_quota() -> None:
    admission = opened(waiting_max=0)
    callers = Callers(admission)
    await callers.come("first", workload("a", requests_per_minute=2))
    for name in ("x", "y"):
        await callers.come(name, workload("a", requests_per_minute=2))
        await callers.shed(name)
    await callers.go("first")
    with await admission.enter(workload("a", requests_per_minute=2)):
        pass
    await callers.end()


async def test_those_who_wait_do_not_pass_the_limit_together() -> None:
    callers = Callers(opened())
    for name in ("first", "second", "third"):
        await callers.come(name, workload("a", requests_per_minute=2))
    await callers.go("first")
    await callers.go("second")
    with pytest.raises(QuotaReached):
        await callers.tasks["third"]
    await callers.end()


def test_requests_without_a_record_are_counted_by_reason_once() -> None:
    admission = opened()
    admission.count(Unauthenticated("x"))
    admission.count(Unauthenticated("y"))
    assert admission.take_counts() == {"invalid_api_key": 2}
    assert admission.take_counts() == {}
    assert admission.counted == {"invalid_api_key": 2}
