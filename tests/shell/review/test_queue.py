# SPDX-License-Identifier: Apache-2.0
"""The queue picks, one reviewer at a time, and forgets nothing that the logs say. On SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy import Connection, MetaData, create_engine, text

from brightline.core.errors import BreakDue, ClaimRefused, ConfigError, LeaseLost, OperatorError
from brightline.core.review.case import CaseState
from brightline.core.review.claims import Claim
from brightline.core.review.life import Worked
from brightline.core.review.narrowing import Narrowing
from brightline.core.review.pace import Pace
from brightline.core.review.roles import Role
from brightline.core.review.roster import Clearance
from brightline.core.review.urgency import Severity
from brightline.shell.review.queue.claiming import Narrow
from brightline.shell.review.queue.database import database_at
from brightline.shell.review.queue.queue import Queue, Terms
from brightline.shell.review.queue.reading import Beside, Shown
from brightline.shell.review.queue.tables import METADATA
from tests.postgres import new_database, postgres
from tests.review_desk import CUSTOMER, HOLD_SECONDS, HOUR, PROVIDER, Pile, SetClock, make_tables, queue_at

LEASE = 600
PEOPLE = {"a": PROVIDER, "b": PROVIDER, "c": PROVIDER, "d": PROVIDER, "z": CUSTOMER}


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as url:
        yield url


@pytest.fixture(scope="module")
def on_server(server: str) -> str:
    """One database for the tests of this file; each finds it empty."""
    url = asyncio.run(new_database(server, "queue"))
    asyncio.run(make_tables(url, Path()))
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database with tables that hold nothing."""
    if request.param == "sqlite":
        return "sqlite:///queue.sqlite"
    url: str = request.getfixturevalue("on_server")
    asyncio.run(emptied(url, tmp_path))
    return url


async def emptied(url: str, root: Path) -> None:
    database = database_at(url, root)

    def delete(connection: Connection) -> None:
        for table in METADATA.sorted_tables:
            connection.execute(table.delete())

    await database.write(delete)
    await database.close()


@pytest.fixture
def pile() -> Pile:
    return Pile(SetClock(), PEOPLE)


@pytest.fixture
async def queue(url: str, tmp_path: Path, pile: Pile) -> AsyncIterator[Queue]:
    queue = await queue_at(url, tmp_path, pile, Terms(lease_seconds=LEASE))
    yield queue
    await queue.close()


async def claimed(queue: Queue, reviewer: str, narrow: Narrow | None = None) -> Claim:
    await queue.follow()
    claim = await (queue.claim(reviewer, narrow) if narrow is not None else queue.claim(reviewer))
    assert claim is not None
    return claim


# ---- the order --------------------------------------------------------------------------------------------------


async def test_the_gravest_comes_first_and_of_the_same_gravity_what_is_due_first(queue: Queue, pile: Pile) -> None:
    pile.hold("n-old")
    pile.clock.now += 11 * HOUR + 1_800  # so it is due first of all
    pile.hold("c-new", Severity.CRITICAL)
    pile.hold("n-new")
    pile.hold("h", Severity.HIGH)
    assert await queue.follow() == 4
    assert [item.hold for item in await queue.page()] == ["c-new", "h", "n-old", "n-new"]
    assert [item.hold for item in await queue.page(limit=2, after="h")] == ["n-old", "n-new"]
    got = [(await claimed(queue, each)).hold for each in "abcd"]
    assert got == ["c-new", "h", "n-old", "n-new"]
    assert [item.claimed_by for item in await queue.page()] == ["a", "b", "c", "d"]


async def test_nobody_is_given_what_their_office_is_not_asked_what_they_answered_or_are_recused_from(
    queue: Queue, pile: Pile
) -> None:
    case = pile.hold("one", recused=("b",))
    await queue.follow()
    assert await queue.claim("z") is None
    assert await queue.claim("b") is None
    pile.answer(case, "a")
    await queue.follow()
    assert await queue.claim("a") is None
    assert (await claimed(queue, "c")).hold == "one"
    with pytest.raises(ClaimRefused, match="not on the roster"):
        await queue.claim("nobody")
    pile.clock.now += 400 * 24 * HOUR
    with pytest.raises(ClaimRefused, match="clearance"):
        await queue.claim("d")


async def test_a_case_that_waits_for_another_organisation_is_given_to_those_of_others_and_to_no_one_senior_alone(
    queue: Queue, pile: Pile
) -> None:
    for who, organisation in {"a": "Acme", "b": "ACME ", "c": "Bolt", "d": ""}.items():
        pile.people[who] = msgspec.structs.replace(pile.people[who], organisation=organisation)
    pile.senior = {"b"}
    case = pile.hold("one", organisations=((PROVIDER, 2),))
    await queue.follow()
    assert await queue.claim("d") is None  # with nobody's name beside theirs two others must say the same anyway
    claim = await claimed(queue, "a")
    pile.answer(case, "a")
    await queue.follow()
    assert await queue.claim("b") is None
    pile.hold("two", quorum=((PROVIDER, 1),))
    assert (await claimed(queue, "b")).hold == "two"
    left = await claimed(queue, "c")
    assert left.hold == claim.hold == "one"
    await queue.escalate(left, "I know them")  # the one senior could not complete it, so it is not hers alone
    pile.people["e"] = msgspec.structs.replace(pile.people["c"], id="e")
    assert (await claimed(queue, "e")).hold == "one"


async def test_nobody_is_given_what_they_are_not_cleared_for_nor_anything_without_a_role_that_decides(
    queue: Queue, pile: Pile
) -> None:
    pile.closed["a"] = ("secret",)
    pile.hold("grave", Severity.CRITICAL, unit="secret")
    pile.hold("plain")
    assert (await claimed(queue, "a")).hold == "plain"
    assert (await claimed(queue, "b")).hold == "grave"
    await queue.release(await claimed(queue, "b"))
    pile.closed["b"] = ("secret",)  # cleared for less since
    assert await queue.claim("b") is None
    pile.people["c"] = msgspec.structs.replace(pile.people["c"], roles=(Role.FIELD_ENGINEER,))
    with pytest.raises(ClaimRefused, match="no role"):
        await queue.claim("c")


async def test_a_session_that_leaves_less_than_the_roster_is_given_less_and_never_more(
    queue: Queue, pile: Pile
) -> None:
    cleared = Clearance(3, ("north",))
    pile.people["a"] = msgspec.structs.replace(pile.people["a"], clearance=cleared)
    pile.needs["secret"] = cleared
    pile.hold("grave", Severity.CRITICAL, unit="secret")
    plain = [pile.hold(f"plain-{n}").hold for n in range(3)]
    await queue.follow()
    for n, left in enumerate((Narrowing(level=2), Narrowing(compartments=frozenset({"south"})))):
        given = await queue.claim("a", left=left)
        assert given is not None
        assert given.hold == plain[n]
        await queue.skip(given, "measured")
    with pytest.raises(ClaimRefused, match="no role"):
        await queue.claim("a", left=Narrowing(roles=frozenset({Role.AUDITOR})))
    with pytest.raises(ClaimRefused, match="clearance"):
        await queue.claim("a", left=Narrowing(until=pile.clock.now))
    more = Narrowing(level=9, compartments=frozenset({"north", "south"}))
    of_roster = await queue.claim("a", left=more)
    assert of_roster is not None
    assert of_roster.hold == "grave"
    await queue.release(of_roster)
    other = await queue.claim("b", left=more)
    assert other is not None
    assert other.hold == plain[0]  # the roster clears them for nothing that this could leave


async def test_a_senior_whose_session_leaves_that_role_out_is_given_what_others_are(queue: Queue, pile: Pile) -> None:
    pile.senior = {"d"}
    pile.hold("hard")
    pile.hold("plain")
    await queue.escalate(await claimed(queue, "a"), "beyond me")
    as_reviewer = await queue.claim("d", left=Narrowing(roles=frozenset({Role.REVIEWER})))
    assert as_reviewer is not None
    assert as_reviewer.hold == "plain"


async def test_where_two_disagree_it_is_given_to_a_third_and_to_nobody_once_it_is_decided(
    queue: Queue, pile: Pile
) -> None:
    case = pile.hold("one")
    pile.answer(case, "a", "no")
    pile.answer(case, "b", "yes")
    await queue.follow()
    assert [await queue.claim(each) for each in "ab"] == [None, None]
    assert (await claimed(queue, "c")).hold == "one"
    pile.answer(case, "c", "no")
    await queue.follow()
    assert await queue.claim("d") is None
    (item,) = await queue.page(Shown(state=None))
    assert (item.state, item.answered, item.offices, item.claimed_by) == (CaseState.RELEASED, 3, (), "")


async def test_a_filter_narrows_only_as_far_as_it_does_not_choose(queue: Queue, pile: Pile) -> None:
    for n in range(6):
        pile.hold(f"other-{n}", Severity.CRITICAL, unit="other")
    for n in range(4):
        pile.hold(f"mine-{n}", unit="mine")
    await queue.follow()
    with pytest.raises(ClaimRefused, match="choose"):
        await queue.claim("a", Narrow(unit="mine"))
    assert (await claimed(queue, "a", Narrow(unit="other"))).hold == "other-0"
    pile.hold("mine-4", unit="mine")
    assert (await claimed(queue, "b", Narrow(unit="mine"))).hold == "mine-0"
    assert await queue.claim("c", Narrow(severity=Severity.HIGH)) is None
    for each in range(1, 6):
        pile.answer(pile.found[each].tried.case, "d", "yes")
        pile.answer(pile.found[each].tried.case, "a", "yes")
    assert (await claimed(queue, "c", Narrow(severity=Severity.NORMAL))).hold == "mine-1"  # it is next anyway


async def test_what_stands_beside_a_case_is_of_its_unit_alone_and_no_more_than_was_asked_for(
    queue: Queue, pile: Pile
) -> None:
    for n in range(4):
        pile.hold(f"mine-{n}", unit="mine")
        pile.clock.now += 1
    pile.hold("other", unit="other")
    for who in "ab":
        pile.answer(pile.found[0].tried.case, who, "yes")
    await queue.follow()
    beside = await queue.beside("mine", "mine-3", 2)
    assert beside.states == ((CaseState.DENIED, 1), (CaseState.OPEN, 2))
    assert [item.hold for item in beside.latest] == ["mine-2", "mine-1"]
    assert (await queue.beside("other", "other", 2)) == Beside((), ())


async def test_holds_are_found_by_clause_and_workload_without_what_a_person_may_not_have(
    queue: Queue, pile: Pile
) -> None:
    pile.hold("one")
    pile.hold("two", recused=("a",))
    await queue.follow()
    assert [item.hold for item in await queue.page(Shown(clause="RL-1", workload="w"))] == ["one", "two"]
    assert [item.hold for item in await queue.page(Shown(clause="RL-1", free_for="a"))] == ["one"]
    pile.hold("three", unit="v")
    await queue.follow()
    assert [item.hold for item in await queue.page(Shown(closed_units=frozenset({"u"})), limit=1)] == ["three"]
    for none in (Shown(clause="RL"), Shown(clause="RL_1"), Shown(clause="%"), Shown(workload="v")):
        assert await queue.page(none) == []


# ---- a claim ----------------------------------------------------------------------------------------------------


async def test_a_claim_is_one_persons_until_it_ends_and_who_lost_it_is_told(queue: Queue, pile: Pile) -> None:
    pile.hold("one")
    first = await claimed(queue, "a")
    assert await queue.claim("b") is None
    assert await queue.claim("a") == first  # asked again, it is the same
    pile.clock.now += LEASE - 1
    await queue.check(first)
    first = await queue.renew(first)
    assert await queue.held("a") == first
    pile.clock.now += LEASE
    with pytest.raises(LeaseLost, match="ended at"):
        await queue.check(first)
    second = await claimed(queue, "b")
    assert second.token > first.token
    for refused in (queue.check, queue.renew, queue.release):
        with pytest.raises(LeaseLost):
            await refused(first)
    with pytest.raises(LeaseLost):
        await queue.skip(first, "too late")
    await queue.check(second)
    assert await queue.held("a") is None


async def test_an_answer_ends_the_claim_and_so_does_a_decision_of_others(queue: Queue, pile: Pile) -> None:
    one, two = pile.hold("one"), pile.hold("two")
    a, b = await claimed(queue, "a"), await claimed(queue, "b")
    pile.answer(one, "a")
    for each in "cd":
        pile.answer(two, each)
    await queue.follow()
    for claim in (a, b):
        with pytest.raises(LeaseLost):
            await queue.check(claim)
    assert (await queue.figures()).answered_in_day == 1
    assert (await claimed(queue, "b")).hold == "one"
    assert await queue.claim("a") is None


async def test_a_hold_that_is_opened_anew_is_another_case_and_its_tokens_go_on(queue: Queue, pile: Pile) -> None:
    pile.hold("one")
    before = await claimed(queue, "a")
    pile.clock.now += 60
    pile.hold("one")
    await queue.follow()
    with pytest.raises(LeaseLost):
        await queue.check(before)
    assert (await claimed(queue, "b")).token > before.token
    assert len(await queue.page()) == 1


async def test_of_two_cases_of_a_hold_in_one_second_the_same_one_stays_whichever_is_read_first(
    queue: Queue, pile: Pile
) -> None:
    shown = []
    for name, recused in (("one", ("", "x")), ("other", ("x", ""))):
        cases = []
        for who in recused:
            cases.append(pile.hold(name, recused=(who,)))
            await queue.follow()
        shown.append([item.case for item in await queue.page() if item.hold == name])
        assert shown[-1] == [max(case.digest for case in cases)]


async def test_what_expired_is_given_to_nobody(queue: Queue, pile: Pile) -> None:
    pile.hold("one")
    claim = await claimed(queue, "a")
    pile.clock.now += HOLD_SECONDS
    with pytest.raises(LeaseLost):
        await queue.renew(claim)
    assert await queue.claim("b") is None  # also before anybody has looked
    await queue.follow()
    assert await queue.claim("b") is None
    assert [item.state for item in await queue.page(Shown(state=None))] == [CaseState.EXPIRED]


# ---- no choosing, no hoarding, not too much ---------------------------------------------------------------------


async def test_a_skip_needs_a_reason_and_is_for_good_and_many_are_seen(queue: Queue, pile: Pile) -> None:
    for n in range(6):
        pile.hold(f"h{n}")
    claim = await claimed(queue, "a")
    with pytest.raises(ClaimRefused, match="reason"):
        await queue.skip(claim, " ")
    for n in range(4):
        claim = await claimed(queue, "a")
        assert claim.hold == f"h{n}"
        await queue.skip(claim, "I know them")
    assert [(each.person, each.in_row) for each in (await queue.figures()).skippers] == [("a", 4)]
    assert (await claimed(queue, "b")).hold == "h0"


async def test_who_lets_a_case_go_or_lets_it_run_out_gets_the_same_again(queue: Queue, pile: Pile) -> None:
    for n in range(3):
        pile.hold(f"h{n}")
    await claimed(queue, "b")
    claim = await claimed(queue, "a")
    await queue.release(claim)
    pile.hold("grave", Severity.CRITICAL)
    assert (again := await claimed(queue, "a")).hold == claim.hold == "h1"
    assert again.token > claim.token
    pile.clock.now += LEASE
    assert (await claimed(queue, "a")).hold == "h1"
    pile.clock.now += LEASE
    assert (await claimed(queue, "c")).hold == "grave"
    assert (await claimed(queue, "d")).hold == "h0"


async def test_what_many_skip_goes_to_a_senior_reviewer_alone_and_what_is_late_to_them_first(
    queue: Queue, pile: Pile
) -> None:
    pile.senior = {"d"}
    pile.hold("hard")
    for each in "abc":
        await queue.skip(await claimed(queue, each), "beyond me")
    pile.people["e"] = msgspec.structs.replace(pile.people["a"], id="e")
    assert await queue.claim("e") is None
    assert (await claimed(queue, "d")).hold == "hard"
    await queue.release(await claimed(queue, "d"))
    pile.clock.now += 11 * HOUR
    pile.hold("grave", Severity.CRITICAL)
    await queue.follow()
    pile.senior = {"c"}
    assert (await claimed(queue, "c")).hold == "grave"
    pile.hold("late")
    pile.clock.now += 12 * HOUR
    pile.hold("graver", Severity.CRITICAL)
    await queue.follow()
    assert [item.hold for item in await queue.page() if item.escalated] == ["grave", "hard", "late"]
    assert any("late" in alarm for alarm in (await queue.figures()).alarms)
    pile.answer(pile.found[1].tried.case, "c")
    assert (await claimed(queue, "c")).hold == "late"
    assert (await claimed(queue, "b")).hold == "grave"


async def test_what_is_left_to_seniors_goes_to_others_once_no_senior_can_have_it(queue: Queue, pile: Pile) -> None:
    pile.senior = {"d"}
    case = pile.hold("hard")
    await queue.escalate(await claimed(queue, "a"), "beyond me")
    assert await queue.claim("b") is None
    assert (await claimed(queue, "d")).hold == "hard"
    pile.answer(case, "d")  # one of two that it takes
    assert (await claimed(queue, "b")).hold == "hard"


async def test_an_appeal_waits_for_seniors_who_did_not_decide(queue: Queue, pile: Pile) -> None:
    pile.people["e"] = msgspec.structs.replace(pile.people["a"], id="e")
    pile.senior = {"c", "d", "e"}
    appealed = pile.hold("appealed", recused=("a", "c"), appeal=True)  # who decided it
    await queue.follow()
    assert [await queue.claim(each) for each in "abc"] == [None, None, None]
    assert (await claimed(queue, "d")).hold == "appealed"
    pile.answer(appealed, "d")
    await queue.follow()
    assert await queue.claim("b") is None
    claim = await claimed(queue, "e")
    assert claim.hold == "appealed"
    await queue.skip(claim, "I know them")
    assert await queue.claim("b") is None  # whose answer would not count, though no senior is left


async def test_after_so_many_cases_comes_a_break(queue: Queue, pile: Pile) -> None:
    queue._terms = Terms(lease_seconds=LEASE, pace=Pace(break_after_cases=2, break_seconds=HOUR))
    cases = [pile.hold(f"h{n}") for n in range(4)]
    for case in cases[:2]:
        assert (await claimed(queue, "a")).hold == case.hold
        pile.clock.now += 60
        pile.answer(case, "a")
    await queue.follow()
    with pytest.raises(BreakDue) as refused:
        await queue.claim("a")
    assert refused.value.until == pile.clock.now + HOUR == await queue.break_until("a")
    pile.clock.now += HOUR
    assert (await claimed(queue, "a")).hold == "h2"


async def test_minutes_are_from_the_claim_to_the_decision_and_never_longer_than_the_lease(
    queue: Queue, pile: Pile
) -> None:
    began, case = pile.clock.now, pile.hold("one")
    pile.hold("two")
    await claimed(queue, "a")
    await claimed(queue, "b")  # and goes home
    pile.clock.now += 120
    pile.answer(case, "a")
    await queue.follow()
    assert await queue.worked(began - 1) == [Worked("a", 120), Worked("b", 120)]
    pile.clock.now += 10 * LEASE
    assert await queue.worked(began - 1) == [Worked("a", 120), Worked("b", LEASE)]
    assert await queue.worked(began) == []


# ---- the database ------------------------------------------------------------------------------------------------


async def test_of_fifty_who_ask_at_once_no_two_get_the_same_and_one_person_gets_one(url: str, tmp_path: Path) -> None:
    pile = Pile(SetClock(), {f"r{n}": PROVIDER for n in range(50)})
    for n in range(60):
        pile.hold(f"h{n:02}")
    first, second = [await queue_at(url, tmp_path, pile) for _ in range(2)]
    await asyncio.gather(first.follow(), second.follow())
    asking = [queue.claim(each) for each in pile.people for queue in (first, second)]
    claims = [claim for claim in await asyncio.gather(*asking) if claim is not None]
    assert len(claims) == 100
    assert len(set(claims)) == len({claim.hold for claim in claims}) == 50
    for queue in (first, second):
        await queue.close()


async def test_a_database_that_was_thrown_away_is_made_anew_and_its_tokens_are_greater(
    url: str, tmp_path: Path, pile: Pile
) -> None:
    case = pile.hold("one")
    pile.hold("two", recused=("c",))
    pile.answer(case, "b")
    queue = await queue_at(url, tmp_path, pile)
    before = await claimed(queue, "a")
    shown = await queue.page(Shown(state=None))
    await emptied(url, tmp_path)
    assert await queue.page(Shown(state=None)) == []
    pile.clock.now += 1
    assert await queue.follow() == 2
    now = await queue.page(Shown(state=None))
    assert [item.hold for item in now] == [item.hold for item in shown]
    assert [(item.offices, item.answered) for item in now] == [(item.offices, item.answered) for item in shown]
    with pytest.raises(LeaseLost):
        await queue.check(before)
    assert (await claimed(queue, "a")).token > before.token
    await queue.close()


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
async def test_without_tables_or_with_others_it_does_not_open(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path, pile: Pile
) -> None:
    url = "sqlite:///queue.sqlite"
    if kind == "postgresql":
        url = await new_database(request.getfixturevalue("server"), "without_tables")
    with pytest.raises(ConfigError, match="brightline review migrate"):
        await Queue.open(url, tmp_path, pile, pile.clock)
    queue = await queue_at(url, tmp_path, pile)
    other = text("UPDATE alembic_version SET version_num = '9999'")
    await queue._database.write(lambda connection: connection.execute(other).close())
    await queue.close()
    with pytest.raises(ConfigError, match="migration 9999"):
        await Queue.open(url, tmp_path, pile, pile.clock)


async def test_a_server_that_is_not_there_is_named_and_a_password_in_the_url_is_refused(tmp_path: Path) -> None:
    pile = Pile(SetClock(), PEOPLE)
    with pytest.raises(OperatorError, match="cannot be used"):
        await Queue.open("postgresql://postgres@127.0.0.1:1/x", tmp_path, pile, pile.clock)
    for wrong in ("mysql://x/y", "no url", "sqlite://", "postgresql://u:secret@h/x"):
        with pytest.raises(ConfigError, match="queue_url") as refused:
            database_at(wrong, tmp_path)
        assert "secret" not in str(refused.value)


async def test_the_migrations_make_the_tables_that_the_code_means(tmp_path: Path) -> None:
    """Column by column and index by index; a table that differs would be found out only where it is used."""
    await make_tables("sqlite:///queue.sqlite", tmp_path)
    await make_tables("sqlite:///queue.sqlite", tmp_path)  # once more changes nothing
    made = MetaData()
    engine = create_engine(f"sqlite:///{tmp_path}/queue.sqlite")
    made.reflect(engine)
    engine.dispose()
    assert made.tables.keys() - {"alembic_version"} == METADATA.tables.keys()
    for name, meant in METADATA.tables.items():
        table = made.tables[name]
        assert [(column.name, str(column.type), column.primary_key) for column in table.columns] == [
            (column.name, str(column.type), column.primary_key) for column in meant.columns
        ]
        assert not any(column.nullable for column in table.columns)
        assert {(index.name, tuple(index.columns.keys())) for index in table.indexes} == {
            (index.name, tuple(index.columns.keys())) for index in meant.indexes
        }
