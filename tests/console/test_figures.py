# SPDX-License-Identifier: Apache-2.0
"""The figures' page: plots that the server draws, which say in words and numbers what they show."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import httpx2
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from brightline.console.figures import look_at_figures
from brightline.console.plots import LEFT, NAMED, TALL, TOP, WIDTH, Strip, buckets, columns, nice, strips
from brightline.core.review.figures import Alarms, figures
from brightline.core.review.life import CaseKind, CaseLife, Ended, Said
from tests.console.desk import FIRST, QUEUE, SECOND, console
from tests.harness import HELD, NO_TLS, running

NOW = 1_800_000_000
counts = st.dictionaries(st.sampled_from(["permit", "hold", "deny"]), st.integers(0, 10_000))


@given(st.lists(st.tuples(st.text(max_size=5), counts), max_size=40))
def test_columns_stand_on_the_axis_within_the_plot_and_are_as_tall_as_their_counts(
    given: list[tuple[str, dict[str, int]]],
) -> None:
    plot = columns("Day", ("permit", "hold", "deny"), given)
    most = max((sum(counts.values()) for _, counts in given), default=0)
    for bar in plot.bars:
        assert LEFT - 1 <= bar.x <= bar.x + bar.width <= WIDTH + 1
        assert TOP - 1 <= bar.y <= bar.y + bar.height <= TOP + TALL + 1
    drawn = sum(bar.height for bar in plot.bars)
    scale = max((float(tick.text.replace(",", "")) for tick in plot.ticks if tick.line), default=0)
    assert scale >= most
    assert drawn == pytest.approx(TALL * sum(sum(each.values()) for _, each in given) / scale, abs=len(plot.bars))
    assert len(plot.rows) == sum(sum(each.values()) > 0 for _, each in given)


@given(st.floats(0, 1e9))
def test_a_scale_ends_at_a_round_number_that_is_enough_and_not_far_off(most: float) -> None:
    assert nice(most) >= most * (1 - 1e-6)
    assert nice(most) <= max(1.0, 2.01 * most)


def test_a_row_is_as_long_as_its_share_and_the_line_shows_what_it_may_be() -> None:
    plot = strips(
        "Reviewer", "missed", [Strip("a-very-long-name-of-a-reviewer-1", (("plain", 0.5),), "1 of 2", 0.1, 0.9)], 1.0
    )
    bar, whisker = plot.bars
    assert whisker.kind == "whisker"
    room = 2 * bar.width
    assert whisker.x == pytest.approx(NAMED + 0.1 * room, abs=0.2)
    assert whisker.width == pytest.approx(0.8 * room, abs=0.2)
    assert plot.rows == (("a-very-long-name-of-a-reviewer-1", "1 of 2"),)
    assert plot.ticks[0].text.endswith("reviewer-1")


def test_what_is_beyond_the_last_bound_is_counted_there() -> None:
    assert buckets([0, 59, 60, 10_000], ((60, "a"), (120, "b"))) == [("a", {"plain": 2}), ("b", {"plain": 2})]


def life(number: int, opened: int, *said: tuple[str, str], resolved: int = 0, **more: object) -> CaseLife:
    voices = tuple(Said(person, "cleared", "fact", value, opened + 60) for person, value in said)
    answers = {"fact": "no"} if resolved else {}
    base = CaseLife(
        case=f"case-{number}",
        hold=f"hold_{number}",
        unit="unit-1",
        clauses=("RL-2",),
        opened=opened,
        expires=opened + 86_400,
        said=voices,
        answers=answers,
        resolved=resolved,
    )
    return base if not more else CaseLife(**{**{name: getattr(base, name) for name in base.__struct_fields__}, **more})


def test_every_figure_is_on_the_page_and_an_alarm_is_said_in_words() -> None:
    lives = [
        life(1, NOW - 7_200),
        life(2, NOW - 9_000, ("ann", "no"), ("bob", "no"), resolved=NOW - 8_000),
        life(3, NOW - 9_000, ("ann", "no"), ("bob", "yes"), ("cem", "no"), resolved=NOW - 5_000),
        life(4, NOW - 9_000, ("ann", "yes"), kind=CaseKind.SEEDED, known={"fact": "no"}),
    ]
    ended = [Ended(NOW - 86_400, "completed", "permit", ("L1",), 40), Ended(NOW, "held", "hold", ("RL-2",), 3)]
    alarms = Alarms(3_600, 1.0)
    view = look_at_figures(figures(NOW, ended, lives, alarms), lives, alarms, 7)
    tiles = {tile.name: tile for tile in view.tiles}
    assert (tiles["Exchanges"].value, tiles["Waiting"].value, tiles["Waiting"].alarm) == ("43", "2", True)
    assert tiles["Minutes per 1,000"].alarm
    pictures = {picture.id: picture for picture in view.pictures}
    assert set(pictures) == {"volume", "clauses", "age", "time", "effort", "agreement", "overturned", "missed"}
    assert pictures["volume"].says == "In 7 days: 40 permit, 3 hold."
    assert ("RL-2", "3 hold") in pictures["clauses"].plot.rows
    assert "That is above 1." in pictures["effort"].says
    assert ("bob", "1 of 2") in pictures["overturned"].plot.rows
    assert ("ann", "1 of 1") in pictures["missed"].plot.rows
    assert ("ann · bob", "1 of 2 alike, κ 0.00") in pictures["agreement"].plot.rows
    empty = look_at_figures(figures(NOW, [], [], alarms), [], alarms, 7)
    assert all(not picture.plot.rows for picture in empty.pictures)
    assert {tile.value for tile in empty.tiles} == {"0", "–"}


def test_the_first_seconds_of_reviewers_are_not_told_as_no_minutes() -> None:
    alarms, ended = Alarms(3_600, 0.0), [Ended(NOW, "held", "hold", ("RL-2",), 14)]
    found = figures(NOW, ended, [], alarms)
    for minutes, says in ((0.0, "0"), (0.01, "0.1"), (0.2, "0.2"), (5.0, "5"), (12.3, "12")):
        effort = replace(found.effort, minutes={"ann": minutes}, total=minutes, per_thousand=minutes)
        pictures = {each.id: each for each in look_at_figures(replace(found, effort=effort), [], alarms, 7).pictures}
        assert pictures["effort"].says.startswith(f"{says} minutes for 14 exchanges")
        assert pictures["effort"].plot.rows == (("ann", f"{says} min"),)


class Drawings(HTMLParser):
    """The drawings of a page with what names them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.labelled: list[str] = []
        self.ids: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.ids.append(found.get("id") or "")
        if tag == "svg" and found.get("role") == "img":
            self.labelled.append(found.get("aria-labelledby") or "")


def test_the_page_reads_the_logs_and_each_drawing_has_words(tmp_path: Path) -> None:
    with running(tmp_path / "state", more_toml=QUEUE) as node, console(node.root, node.loop) as desk:
        node.ask()
        with pytest.raises(openai.PermissionDeniedError):
            node.ask(HELD)
        with httpx2.Client(verify=NO_TLS, base_url=desk.url, timeout=30) as client:
            client.get("/as/senior")
            page = client.get("/figures?days=7").text
            assert re.search(r"<dt>Exchanges</dt><dd>2<small>1 held", page)
            drawn = Drawings(page)
            assert len(drawn.labelled) >= 3
            assert {each for names in drawn.labelled for each in names.split()} <= set(drawn.ids)
            assert FIRST not in page
            assert SECOND not in page
            client.get("/as/r1")
            assert client.get("/figures").status_code == 403
