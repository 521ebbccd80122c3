# SPDX-License-Identifier: Apache-2.0
"""The [pattern] tables: read, refused, written, compared, merged, and told to people."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest

from brightline.core.agreement.book import make_book
from brightline.core.agreement.book_markdown import to_markdown
from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.lint import Rule, lint
from brightline.core.agreement.load import load_agreement
from brightline.core.agreement.merge import Side, merge
from brightline.core.agreement.pattern import DAY_SECONDS, OVER_OF, Counts, Over, Pattern, Touches
from brightline.core.agreement.ratchet import check
from brightline.core.agreement.who import compare_who
from brightline.core.agreement.writer import write_agreement
from brightline.core.errors import AgreementError
from brightline.shell import shipped

FOLDER = shipped.shipped_agreement()
TOML, PROSE = (FOLDER / "agreement.toml").read_text(), (FOLDER / "agreement-post.txt").read_bytes()
TABLE = """
[pattern.profiles]
fact = "mass_domestic"
over = ["agreement", "unit"]
window = "30d"
subjects = 1000
touching = ["belief", "place", "association"]
joins = 2
days = 3
notice = 2000
says = "Profiles of many people."
"""
READ = Pattern(
    "profiles",
    "mass_domestic",
    (Over.UNIT, Over.AGREEMENT),
    30 * DAY_SECONDS,
    1000,
    (Touches.PLACE, Touches.ASSOCIATION, Touches.BELIEF),
    joins=2,
    days=3,
    notice=2000,
    says="Profiles of many people.",
)


def loaded(table: str = TABLE, version: int = 1) -> Agreement:
    toml = TOML.replace("version = 1 ", f"version = {version} ", 1) + table
    return load_agreement(toml.encode(), lambda _: PROSE)


BASELINE = loaded()
LATER = loaded(version=2)


def with_(**changes: Any) -> Agreement:
    return msgspec.structs.replace(LATER, patterns=(msgspec.structs.replace(READ, **changes),))


def test_a_table_becomes_a_pattern() -> None:
    assert BASELINE.patterns == (READ,)
    assert READ.words == (
        "1,000 people with 2 or more of place, association, belief on 3 or more days in 30d, counted by unit, "
        "agreement, make mass_domestic unknown; from 2,000 on, cleared people look at the unit"
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('"mass_domestic"', '"nothing"', "is not a fact"),
        ('"mass_domestic"', '"high_stakes"', "no pattern may set"),
        ('"30d"', '"31d"', "from 1h to 30d"),
        ('"30d"', '"59min"', "from 1h to 30d"),
        ('"30d"', '"a while"', "window 'a while'"),
        ("joins = 2", "joins = 4", "4 joins of 3 matters"),
        ('window = "30d"', 'window = "2d"', "3 days do not fit"),
        ("notice = 2000", "notice = 999", "before the hold"),
        ("subjects = 1000", "subjects = 0", ">= 1"),
        ("subjects = 1000", "", "subjects"),
        ('says = "Profiles of many people."', "", "says"),
        ("days = 3", "dayz = 3", "dayz"),
        ('"belief"', '"colour"', "colour"),
        ("over = [", "over = [] #", "length >= 1"),
    ],
)
def test_a_table_that_counts_nothing_that_can_be_counted_is_refused_at_its_place(
    old: str, new: str, says: str
) -> None:
    with pytest.raises(AgreementError) as refused:
        loaded(TABLE.replace(old, new))
    assert says in str(refused.value)
    assert "agreement.toml:" in refused.value.where


LOOP = """
[pattern.loop]
fact = "weapon_direct"
counts = "acts"
over = ["key", "unit", "agreement"]
window = "10min"
subjects = 30
notice = 60
says = "Acts at a tempo that no person reads."
"""


def test_a_table_may_count_other_things_than_people_and_reads_back_as_it_is_written() -> None:
    (loop,) = loaded(LOOP).patterns
    assert (loop.counts, loop.window_seconds) == (Counts.ACTS, 600)
    assert loop.words == (
        "30 steps from a tool to the next act in 10min, counted by key, unit, agreement, make weapon_direct unknown; "
        "from 60 on, cleared people look at the unit"
    )
    for counts in Counts:
        days, joins = 2 if counts is Counts.STANDING else 1, 2 if counts in {Counts.SPREAD, Counts.SHARED} else 0
        whole = Pattern("it", "acts_alone", OVER_OF.get(counts, tuple(Over)), DAY_SECONDS * 7, 50, counts=counts)
        asked, units = counts in {Counts.PACE, Counts.SHARED}, 3 if counts is Counts.SHARED else 0
        whole = msgspec.structs.replace(whole, days=days, joins=joins, units=units, inquiries=asked, says="Too many.")
        counting = msgspec.structs.replace(BASELINE, patterns=(whole,))
        written = write_agreement(counting, hashlib.sha256(PROSE).hexdigest())
        assert load_agreement(written.encode(), lambda _: PROSE).patterns == (whole,)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({'"acts"': '"guesses"'}, "guesses"),
        ({"window =": "joins = 2\nwindow ="}, "not counted by matters"),
        ({'"10min"': '"59s"'}, "from 1min to 30d"),
        ({'"acts"': '"cases"'}, "from 1h to 30d"),
        ({"notice = 60": "notice = 101"}, "more than 100"),
        ({'"acts"': '"clockwork"'}, "not counted over agreement"),
        ({'"acts"': '"template"', '"10min"': '"1d"'}, "not counted over key"),
        ({'"acts"': '"standing"', '"key", "unit", "agreement"': '"unit"', '"10min"': '"1d"'}, "two or more `days`"),
        ({'"acts"': '"spread"', '"10min"': '"1d"'}, "two or more `joins`"),
        ({'"acts"': '"shared"', '"10min"': '"1d"', '"key", "unit", ': ""}, "two or more `joins`"),
        (
            {'"acts"': '"shared"', '"10min"': '"1d"', '"key", "unit", ': "", "window =": "joins = 2\nwindow ="},
            "two or more `units`",
        ),
        ({"window =": "units = 2\nwindow ="}, "two or more `units`"),
        ({"window =": "inquiries = true\nwindow ="}, "inquired about"),
        ({'"acts"': '"rows"', '"10min"': '"2d"', "window =": "days = 2\nwindow ="}, "not counted by days"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_counted_in_this_way_is_refused(changes: dict[str, str], says: str) -> None:
    table = LOOP
    for old, new in changes.items():
        assert old in table
        table = table.replace(old, new)
    with pytest.raises(AgreementError) as refused:
        loaded(table)
    assert says in str(refused.value)


LOOSER = {
    "pattern.profiles": msgspec.structs.replace(LATER, patterns=()),
    "pattern.profiles.fact": with_(fact="monitoring"),
    "pattern.profiles.over": with_(over=(Over.UNIT,)),
    "pattern.profiles.touching": with_(touching=(Touches.PLACE, Touches.BELIEF)),
    "pattern.profiles.window": with_(window_seconds=29 * DAY_SECONDS),
    "pattern.profiles.subjects": with_(subjects=1001),
    "pattern.profiles.joins": with_(joins=3),
    "pattern.profiles.counts": with_(counts=Counts.SPREAD),
    "pattern.profiles.days": with_(days=4),
    "pattern.profiles.notice": with_(notice=0),
    "pattern.profiles.us_persons": with_(us_persons=True),
    "pattern.profiles.units": with_(units=2),
    "pattern.profiles.inquiries": with_(inquiries=True),
}


def test_a_pattern_may_count_persons_of_the_united_states_alone_and_reads_back() -> None:
    table = TABLE.replace("joins = 2", "joins = 2\nus_persons = true")
    (pattern,) = loaded(table).patterns
    assert pattern == msgspec.structs.replace(READ, us_persons=True)
    assert pattern.words.startswith("1,000 U.S. persons with 2 or more")


@pytest.mark.parametrize("path", LOOSER)
def test_what_counts_less_is_looser_and_named_by_its_path(path: str) -> None:
    assert [row.path for row in compare_who(LOOSER[path], BASELINE)] == [path]


@pytest.mark.parametrize(
    "changes",
    [{"subjects": 10}, {"joins": 0, "days": 1}, {"notice": 1000}, {"over": tuple(Over)}, {"touching": tuple(Touches)}],
    ids=str,
)
def test_what_counts_more_is_a_tightening(changes: dict[str, Any]) -> None:
    assert check(with_(**changes), BASELINE).proved
    assert check(LATER, loaded("")).proved


def test_a_merge_counts_what_either_counts_and_reads_back() -> None:
    other = Side(shipped.read_agreement(shipped.shipped_agreements()["two-red-lines-2026"]), "")
    folder = shipped.shipped_agreements()["two-red-lines-2026"]
    other = msgspec.structs.replace(other, prose=(folder / other.agreement.prose).read_text())
    stricter = msgspec.structs.replace(other.agreement, patterns=(msgspec.structs.replace(READ, subjects=5),))
    merged = merge(Side(BASELINE, PROSE.decode()), Side(stricter, other.prose), "both").agreement
    assert merged.patterns == (READ, msgspec.structs.replace(READ, id="profiles_too", subjects=5))


def test_the_clause_book_says_what_is_counted() -> None:
    page = to_markdown(make_book(BASELINE))
    assert "## Patterns" in page
    assert "1,000 people with 2 or more of place" in page


def test_lint_says_which_facts_only_single_requests_are_looked_at_for() -> None:
    places = {remark.place for remark in lint(BASELINE, PROSE.decode()) if remark.rule is Rule.FACT_UNCOUNTED}
    assert "fact.mass_domestic" not in places
    assert "fact.monitoring" in places
    assert "fact.constrained" not in places
