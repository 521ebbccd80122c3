# SPDX-License-Identifier: Apache-2.0
"""The patterns' page: people against numbers, spread, days, where alarms stand; never a name, bins outside."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx2
import openai
import pytest

from brightline.client import hold_of
from brightline.console.patterns import Evidence, PatternView, Sight, look_at_patterns
from brightline.core.agreement.pattern import Over
from brightline.core.review.roles import Role
from brightline.shell.review.crossings import Crossing
from tests.conformance.test_patterns import ASKED, PATTERN, PEOPLE, agreement_with, key_of, person
from tests.console.browser import chromium, visiting
from tests.console.desk import QUEUE, Console, Someone, console
from tests.core.patterns.test_spread import NOW, PROFILES, book_of
from tests.harness import NO_TLS, Running, running

ENGINEER = Someone("engineer-1", "provider", (Role.FIELD_ENGINEER,))


def crossing(unit: str, number: int) -> Crossing:
    return Crossing(
        pattern="profiles",
        over=Over.KEY,
        name="key-0",
        people=12,
        unit=unit,
        unix=NOW - number,
        record=f"gateway-0/{number}",
        kind="ATTEMPT",
        exchange=f"xc-{number}",
        digest="sha256:" + "0" * 64,
    )


def view(sight: Sight, of: str = "", latest: Sequence[Crossing] = ()) -> PatternView:
    """Fifteen people, of twelve of whom two matters came up: of ten in one key, of two only with another key's."""
    asked = [(0, number, 3) for number in range(10)]
    asked += [(number % 2, 10 + number // 2, 1 + number % 2) for number in range(4)]
    asked += [(1, 20 + number, 1) for number in range(3)]
    evidence = Evidence(
        latest, [(NOW - NOW % 86_400, Over.KEY, "key-0", 2)], lambda exchange: {"xc-1": "hold_1"}.get(exchange, ""), ()
    )
    return look_at_patterns((PROFILES,), book_of(asked), lambda _: evidence, sight, "", of, NOW)


def sight(*units: str, whole: bool = False) -> Sight:
    """Somebody who is cleared for these units; ``unit-0`` has ``key-0`` and so on."""

    def exact(over: Over, name: str) -> bool:
        return whole or (over in {Over.KEY, Over.UNIT} and f"unit-{name[-1:]}" in units)

    return Sight(exact, whole, units, lambda unit: frozenset({f"key-{unit[-1:]}"}))


def test_who_is_cleared_for_all_sees_numbers_joins_spread_and_days() -> None:
    shown = view(sight("unit-0", "unit-1", whole=True), latest=[crossing("unit-0", 1), crossing("unit-1", 2)])
    tiles = {tile.name: tile for tile in shown.tiles}
    assert (tiles["Asked about"].value, tiles["Most in one count"].value) == ("15", "12")
    assert tiles["At the number"].alarm
    pictures = {picture.id: picture for picture in shown.pictures}
    assert set(pictures) == {"limits", "spread", "days", "joins", "alarms"}
    assert ("whole agreement", "12") in pictures["limits"].plot.rows
    assert ("key key-0", "10") in pictures["limits"].plot.rows
    assert "12 people count; 2 of them in no single key" in pictures["spread"].says
    assert ("2 keys", "2") in pictures["spread"].plot.rows
    assert [(row.record, row.hold) for row in shown.alarms] == [("gateway-0/1", "hold_1"), ("gateway-0/2", "")]


def test_who_is_cleared_for_one_unit_sees_that_one_and_bins_of_the_largest_other() -> None:
    latest = [crossing("unit-0", 1), crossing("unit-1", 2)]
    shown = view(sight("unit-1"), latest=latest)
    assert not shown.exact
    (limits,) = shown.pictures
    assert limits.plot.rows == (("key key-1", "0"), ("a key not yours", "10 to 99"), ("whole agreement", "10 to 99"))
    assert [row.record for row in shown.alarms] == ["gateway-0/2"]
    assert "left out" in shown.alarms_said
    of_theirs = view(sight("unit-1"), "unit-1", latest)
    assert of_theirs.exact
    assert {tile.name: tile.value for tile in of_theirs.tiles}["Asked about"] == "5"
    assert view(sight("unit-1"), "unit-0", latest).of == ""  # not theirs to choose


def test_an_outsider_sees_powers_of_ten_and_no_name_no_day_and_no_record() -> None:
    shown = view(sight(), latest=[crossing("unit-0", 1)])
    words = [tile.value for tile in shown.tiles] + [row.most for row in shown.overview]
    words += [cell for picture in shown.pictures for row in picture.plot.rows for cell in row[1:]]
    assert set(words) <= {"fewer than 10", "10 to 99"}
    assert [picture.id for picture in shown.pictures] == ["limits"]
    assert shown.alarms == ()
    assert "key-0" not in repr(shown)
    assert "unit-0" not in repr(shown)


def test_an_agreement_that_counts_nobody_has_an_empty_page() -> None:
    empty = look_at_patterns((), book_of([]), lambda _: Evidence((), (), str, ()), sight(), "", "", NOW)
    assert (empty.pattern, empty.overview) == ("", ())


@contextmanager
def counting(tmp_path: Path) -> Iterator[tuple[Running, Console]]:
    folder = agreement_with(tmp_path / "agreement", PATTERN)
    toml = QUEUE + f'[agreement]\ndirectory = "{folder}"\n'
    with running(tmp_path / "state", more_toml=toml) as node, console(node.root, node.loop) as desk:
        desk.identity.people["engineer"] = ENGINEER
        yield node, desk


def cross(node: Running) -> str:
    """Ask about as many people as are too many, over two keys; return the hold of the last request."""
    with node.client() as one, node.client(key_of(node, "second-key")) as other:
        asked = [question.format(person(number)) for number in range(PEOPLE) for question in ASKED[:3]]
        for number, prompt in enumerate(asked[:-1]):
            client = (one, other)[number % 2]
            client.chat.completions.create(model="m", messages=[{"role": "user", "content": prompt}])
        with pytest.raises(openai.PermissionDeniedError) as refused:
            one.chat.completions.create(model="m", messages=[{"role": "user", "content": asked[-1]}])
    node.loop.call(node.node.patterns.keep())
    return hold_of(refused.value)


def test_the_page_says_which_record_crossed_and_the_case_says_which_pattern_it_was(tmp_path: Path) -> None:
    with counting(tmp_path) as (node, desk):
        hold = cross(node)
        attempt = [each for each in node.records() if each["committed"].get("touched", {}).get("crossed")][-1]
        with httpx2.Client(verify=NO_TLS, base_url=desk.url, timeout=60) as client:
            client.get("/as/senior")
            page = client.get("/patterns").text
            assert f"/{attempt['seq']}</code>" in page
            assert f'href="/case/{hold}"' in page
            assert re.search(r"<dt>Alarms</dt><dd>1<", page)
            assert f"{PEOPLE} people count" in page  # none of them in a single key
            assert not [name for number in range(PEOPLE) for name in person(number).split() if name in page]
            case = client.get(f"/case/{hold}").text
            assert "The pattern behind it" in case
            assert 'href="/patterns?pattern=profiles"' in case
            client.get("/as/engineer")
            page = client.get("/patterns").text
            assert "fewer than 10" in page
            assert "unit-1" not in page
            assert hold not in page
            client.get("/as/r1")
            assert client.get("/patterns").status_code == 403


def test_axe_finds_nothing_on_the_page_in_either_colour_and_width(tmp_path: Path) -> None:
    with (
        counting(tmp_path) as (node, desk),
        chromium() as browser,
    ):  # a browser's loop would be in the way of a command
        from axe_playwright_python.sync_playwright import Axe

        hold = cross(node)
        looks = (("light", 1400, "senior"), ("dark", 420, "senior"), ("light", 420, "engineer"))
        for scheme, width, who in looks:
            size = {"width": width, "height": 900}
            with visiting(browser, desk.url, who, color_scheme=scheme, viewport=size) as visit:
                for path in ("/patterns", *((f"/case/{hold}",) if who == "senior" else ())):
                    page = visit.go(path)
                    page.evaluate("for (const each of document.querySelectorAll('details')) each.open = true")
                    found = Axe().run(page).response["violations"]
                    told = [(each["id"], [node["target"] for node in each["nodes"]]) for each in found]
                    assert not told, (path, scheme, width, told)
                    wide = page.evaluate("document.documentElement.scrollWidth")
                    assert wide <= width, (path, scheme, width)
                assert visit.complaints == []
