# SPDX-License-Identifier: Apache-2.0
"""The numbers that are proposed: they load, they only tighten what ships, and where they stop a dossier.

The dossier is of 20,000 people in thirty days, so a request comes each twenty-six seconds. How customers fare who do
their work is simulated at length by ``bench/patterns.py``; here are the edges.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path

import msgspec
import pytest

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.lint import Rule, Severity, lint
from brightline.core.agreement.load import load_agreement
from brightline.core.agreement.pattern import DAY_SECONDS, HOUR_SECONDS, INQUIRY_BIT, Touches
from brightline.core.agreement.ratchet import check
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.crossing import crossings
from brightline.core.patterns.question import ask
from brightline.core.patterns.seen import Seen, Touched, Whose, see
from brightline.core.patterns.token import STEP_SECONDS
from brightline.shell import shipped
from tests.core.patterns.asking import asked_of, step

NOW = 1_800_000_000
KEYS = {span: bytes([span % 256]) * 32 for span in range(NOW // STEP_SECONDS - 4, NOW // STEP_SECONDS + 6)}
FOLDER = shipped.shipped_agreement()
SHIPPED = shipped.read_agreement(FOLDER)
PROPOSED = Path(__file__).parents[3] / "docs" / "patterns-proposed.toml"
MATTERS = (Touches.PLACE, Touches.DEVICE, Touches.ASSOCIATION, Touches.BELIEF, Touches.FACE)
PEOPLE = 20_000
EVERY = 30 * DAY_SECONDS // (PEOPLE * len(MATTERS))


def with_proposed() -> Agreement:
    toml = (FOLDER / "agreement.toml").read_text().replace("version = 1 ", "version = 2 ", 1) + PROPOSED.read_text()
    return load_agreement(toml.encode(), lambda name: (FOLDER / name).read_bytes())


AGREEMENT = with_proposed()


def request(
    number: int, person: int, about: Touches, at: int, key: str = "k", unit: str = "u", asks: str = ""
) -> Seen:
    """An inquiry; with ``asks``, another text, that hands something over."""
    touched = Touched(((f"name person {person}", about.bit | (0 if asks else INQUIRY_BIT)),))
    text = asks or f"Tell me what is known about the {about.value} of somebody."
    asked = ask(asked_of(text), touched.persons, at, KEYS)
    return msgspec.structs.replace(see(f"x{number}", touched, Whose(key, unit, f"p-{unit}"), at, KEYS), asked=asked)


def stopped_at(requests: Iterable[Seen]) -> tuple[int, int, str]:
    """At which request people are first to look, at which the unit is stopped (0: never), and by which pattern."""
    book, held = PatternBook(), 0
    for number, seen in enumerate(requests, 1):
        book.enter(seen)
        crossed = crossings(book, AGREEMENT.patterns, seen)
        held = held or (number if crossed else 0)
        if noticed := [each.pattern.id for each in crossed if each.noticed]:
            return held, number, noticed[0]
    return held, 0, ""


def test_what_is_proposed_loads_only_tightens_and_leaves_no_fact_of_patterns_uncounted_but_one() -> None:
    assert check(AGREEMENT, SHIPPED).proved
    remarks = lint(AGREEMENT, (FOLDER / "agreement-post.txt").read_text())
    assert not [each for each in remarks if each.severity is Severity.ERROR]
    assert {each.place for each in remarks if each.rule is Rule.FACT_UNCOUNTED} == {"fact.social_scoring"}
    assert "PROPOSAL" in PROPOSED.read_text()
    assert SHIPPED.patterns == ()


def test_a_dossier_is_held_and_then_stopped_before_one_in_a_hundred_was_asked_about() -> None:
    asked = (request(n, n, MATTERS[n % 5], NOW + EVERY * n, key=f"k{n % 50}") for n in range(PEOPLE // 100))
    held, stopped, by = stopped_at(asked)
    assert 0 < held < stopped < PEOPLE // 100
    assert by == "inquiries"


def test_so_is_one_about_two_matters_alone() -> None:
    asked = (request(n, n, MATTERS[n % 2], NOW + 30 * DAY_SECONDS // (2 * PEOPLE) * n) for n in range(PEOPLE // 100))
    held, stopped, by = stopped_at(asked)
    assert 0 < held < stopped < PEOPLE // 100
    assert by == "inquiries"


@pytest.mark.parametrize("matters", [MATTERS, [each for each in MATTERS if each is not Touches.BELIEF]], ids=len)
def test_one_over_fifty_units_each_of_which_asks_four_times_is_stopped_unit_by_unit(matters: list[Touches]) -> None:
    rng, book, over = random.Random(3), PatternBook(), set[str]()  # noqa: S311 - a simulation
    for number in range(PEOPLE // 100):
        unit = f"u{number % 50}"
        seen = request(number, number, rng.choice(matters), NOW + EVERY * number, unit=unit)
        book.enter(seen)
        if any(each.noticed for each in crossings(book, AGREEMENT.patterns, seen)):
            over.add(unit)
    assert len(over) == 50


DESKS: dict[str, tuple[tuple[Touches, str], ...]] = {
    # what an application asks from each unit of a kind, with changing names
    "help desk": ((Touches.DEVICE, "The phone does not start."), (Touches.PLACE, "Reply: it goes to your address.")),
    "reunification": ((Touches.ASSOCIATION, "Is one of these a relative?"), (Touches.FACE, "Match with the photo.")),
    "clinic": ((Touches.HEALTH, "Summarise the diagnosis."), (Touches.PLACE, "The address for the bill.")),
    "analyst": tuple((each, f"What about the {each.value}?") for each in MATTERS),
}


def test_forty_units_of_one_customer_that_do_their_work_at_once_are_not_held_because_of_each_other() -> None:
    rng, book = random.Random(4), PatternBook()  # noqa: S311 - a simulation
    kinds = [*["help desk", "reunification", "clinic"] * 12, *["analyst"] * 4]
    for number in range(1_200):
        unit = number % 40
        about, text = rng.choice(DESKS[kinds[unit]])
        person = 100 * unit + rng.randrange(30) if kinds[unit] == "analyst" else 10_000 + number
        seen = request(number, person, about, NOW + 20 * number, unit=f"u{unit}", asks=text)
        book.enter(seen)
        assert crossings(book, AGREEMENT.patterns, seen) == (), (number, kinds[unit])


def test_one_that_goes_ten_times_as_slowly_is_stopped_after_as_many_people() -> None:
    asked = (request(n, n, MATTERS[n % 5], NOW + 10 * EVERY * n) for n in range(300))
    held, stopped, by = stopped_at(asked)
    assert (by, stopped) == ("asked_through", 5 * 39 + 4)
    assert held < stopped


def test_an_analyst_who_asks_everything_about_thirty_named_people_in_an_hour_is_not_held() -> None:
    times = sorted(random.Random(5).sample(range(NOW, NOW + HOUR_SECONDS), 150))  # noqa: S311 - a simulation
    asked = [request(n, n % 30, MATTERS[n // 30], at) for n, at in enumerate(times)]
    assert stopped_at(asked) == (0, 0, "")


def test_a_program_that_asks_the_same_like_clockwork_is() -> None:
    asked = [request(n, n % 30, MATTERS[n // 30], NOW + 20 * n) for n in range(150)]
    assert stopped_at(asked) == (120, 0, "")  # the sixtieth about associations or beliefs


def test_a_help_desk_on_the_day_of_an_outage_is_not_held() -> None:
    says = "It says the phone does not start."
    asked = (request(n, n, Touches.DEVICE, NOW + n * 10 * HOUR_SECONDS // 500, asks=says) for n in range(500))
    assert stopped_at(asked) == (0, 0, "")


@pytest.mark.parametrize(("tool", "held", "stopped"), [("gun.fire", 10, 20), ("dispatch_van", 60, 90)])
def test_a_closed_loop_is_held_and_then_stopped(tool: str, held: int, stopped: int) -> None:
    loop = (_step(number, tool, NOW + 5 * number) for number in range(100))
    assert stopped_at(loop)[:2] == (held, stopped)


def test_who_writes_code_in_a_loop_and_whoever_acts_once_in_a_while_is_not_held() -> None:
    assert stopped_at(_step(number, "apply_patch", NOW + number) for number in range(300)) == (0, 0, "")
    assert stopped_at(_step(number, "send_letter", NOW + 60 * number) for number in range(300)) == (0, 0, "")


def _step(number: int, tool: str, at: int) -> Seen:
    seen = see(f"x{number}", Touched(), Whose("k", "u", "p"), at, KEYS)
    return msgspec.structs.replace(seen, asked=ask(step(tool), (), at, KEYS))
