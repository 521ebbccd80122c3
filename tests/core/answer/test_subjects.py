# SPDX-License-Identifier: Apache-2.0
"""How many people were touched, recounted for whoever asks: from what is opened, in powers of ten, naming nobody."""

from __future__ import annotations

import msgspec

from brightline.core.agreement.pattern import DAY_SECONDS, Over, Pattern, Touches
from brightline.core.answer.from_agreement import of_agreements
from brightline.core.answer.model import Found, Status
from brightline.core.answer.subjects import SubjectBook
from brightline.core.canonical import JsonValue
from brightline.core.evidence.leaf import Leaf, read_leaf
from brightline.core.evidence.record import Draft, Place, RecordKind
from brightline.core.patterns.seen import Touched, Whose, see
from brightline.core.patterns.token import spans_at
from brightline.shell import shipped
from tests.vault import sealed

NOW = 1_800_000_000
KEYS = {span: bytes(32) for span in spans_at(NOW)}
SHIPPED = shipped.read_agreement(shipped.shipped_agreement())
MANY = Pattern("many", "mass_domestic", (Over.UNIT, Over.AGREEMENT), 30 * DAY_SECONDS, subjects=500)
COUNTING = msgspec.structs.replace(SHIPPED, patterns=(MANY,))


def attempt(number: int) -> tuple[Leaf, dict[str, JsonValue]]:
    """An ATTEMPT that touches one person of its own, and what opens it."""
    touched = Touched(((f"name person {number}", Touches.PLACE.bit),))
    seen = see(f"x{number}", touched, Whose("key", f"unit-{number % 2}", "planning"), NOW, KEYS)
    committed: dict[str, JsonValue] = {"workload": "key", "unit": f"unit-{number % 2}", **seen.fields()}
    place = Place("gateway-0", 1, number, "2027-01-15T08:00:00.000Z", "test")
    return read_leaf(sealed(Draft(RecordKind.ATTEMPT, f"x{number}", {}, committed), place).leaf), committed


def book_of(people: int, closed: int = 0) -> SubjectBook:
    book = SubjectBook()
    for number in range(people):
        leaf, opened = attempt(number)
        book.enter(leaf, {} if number < closed else opened)
    return book


def test_what_is_recounted_is_said_in_powers_of_ten_and_names_no_unit() -> None:
    found = book_of(16).found([COUNTING])
    assert found.status is Status.SHOWN
    assert found.detail == (
        "16 requests; in any thirty days at most: by one key 10 to 99 people, by one unit fewer than 10 people, "
        "by one purpose 10 to 99 people, over the agreement as a whole 10 to 99 people"
    )
    assert "unit-1" not in str(found)
    assert found.pins == book_of(16).found([COUNTING]).pins
    assert found.pins != book_of(15).found([COUNTING]).pins


def test_it_is_open_while_one_request_is_closed_or_one_version_counted_nobody() -> None:
    assert book_of(16, closed=1).found([COUNTING]) == Found(Status.OPEN, "15 of 16 requests are opened: --disclosures")
    assert book_of(16).found([COUNTING, SHIPPED]).status is Status.OPEN
    assert book_of(16).found([]).status is Status.OPEN


def test_a_record_that_says_nothing_readable_of_whom_it_touched_leaves_it_open() -> None:
    book = book_of(3)
    leaf, opened = attempt(3)
    book.enter(leaf, {**opened, "touched": {"names": ["Maria Jensen"]}})
    assert book.found([COUNTING]) == Found(Status.OPEN, "of 1 requests it cannot be read whom they touched")


def test_a_number_that_says_what_is_mass_is_one_over_the_agreement_as_a_whole() -> None:
    def stands(*patterns: Pattern) -> Status:
        agreement = msgspec.structs.replace(SHIPPED, patterns=patterns)
        return of_agreements({"here": agreement}, {agreement.digest: 1}, {}, "")["thresholds"].status

    assert stands(MANY) is Status.SHOWN
    assert stands() is Status.OPEN
    assert stands(msgspec.structs.replace(MANY, over=(Over.UNIT,))) is Status.OPEN
    assert stands(msgspec.structs.replace(MANY, fact="monitoring")) is Status.OPEN


def test_how_many_requests_were_read_a_second_time_is_said_where_any_should_have_been() -> None:
    book = book_of(16)
    place = Place("gateway-0", 1, 16, "2027-01-15T08:00:00.000Z", "test")
    said: list[tuple[str, dict[str, JsonValue]]] = [
        ("x3", {"what": "whole"}),
        ("", {"what": "unread", "unread": {"no_room": 15}}),
    ]
    for exchange, public in said:
        book.enter(read_leaf(sealed(Draft(RecordKind.TOUCHED, exchange, public, {}), place).leaf), {})
    found = book.found([COUNTING])
    assert found.status is Status.SHOWN
    assert "1 of them were read for names a second time" in found.detail
