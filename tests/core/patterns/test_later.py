# SPDX-License-Identifier: Apache-2.0
"""What another reader finds in an exchange that has ended: the difference is counted, and nothing is taken back."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from brightline.core.exchange.model import Exchange, Reply, ReplyChoice, Role, Turn
from brightline.core.patterns.book import PatternBook
from brightline.core.patterns.further import FORMS_MAX, Further, Place, forms_in
from brightline.core.patterns.later import found_further, read_draft
from brightline.core.patterns.names import spelled
from brightline.core.patterns.seen import Seen, Touched, Whose, read_seen, see
from brightline.core.patterns.token import spans_at
from brightline.core.patterns.touched import persons_in, touched_by, touched_by_answer

UNIX = 1_790_000_000
KEYS = {span: bytes([span % 251]) * 32 for span in spans_at(UNIX)}
WHOSE = Whose("key-1", "unit-1", "purpose-1")


def asked(*texts: str) -> Exchange:
    return Exchange("chat", "m", tuple(Turn(Role.USER, (text,)) for text in texts))


def said(text: str) -> Reply:
    return Reply((ReplyChoice(0, text),))


def on_the_way(request: Exchange, reply: Reply | None = None) -> tuple[Seen, Seen | None]:
    touched = touched_by(request)
    seen = see("x1", touched, WHOSE, UNIX, KEYS)
    if reply is None:
        return seen, None
    return seen, seen.answered(touched_by_answer(reply, touched.about), KEYS)


def further(request: Exchange, forms: list[str], reply: Reply | None = None) -> Seen:
    seen, answered = on_the_way(request, reply)
    return found_further(seen, answered, request, reply, forms, KEYS)


def tokens(*persons: str) -> set[int]:
    rows = see("x1", Touched(tuple((f"name {spelled(each)}", 0) for each in persons)), WHOSE, UNIX, KEYS)
    return {each.older for each in rows.subjects}


def who(seen: Seen) -> set[int]:
    return {each.older for each in seen.subjects}


def placed(marked: str) -> tuple[str, list[Place]]:
    """A text, and where the words in brackets stand in it."""
    text, places = "", []
    for piece in marked.replace("]", "[").split("["):
        if marked.find(f"[{piece}]") >= 0 and piece:
            places.append(Place(len(text), len(text) + len(piece)))
        text += piece
    return text, places


@pytest.mark.parametrize(
    ("marked", "names"),
    [
        ("where does [olumide] [ashwick] live", ["olumide ashwick"]),
        ("ask [olumide] [ashwick], [thandolwe] [nordwick]", ["olumide ashwick", "thandolwe nordwick"]),
        ("call [ana] de la [ashwick]", ["ana de la ashwick"]),
        ("call [kwabena] [owusu]-[ansah]", ["kwabena owusu-ansah"]),
        ("call [olumide] b. [ashwick]", ["olumide b. ashwick"]),
        ("tell [olumide] that", []),  # a given name alone is nobody who can be told apart
        ("tell dr. [ashwick] that", ["ashwick"]),
        ("in the [north] [hall] tomorrow", []),  # ordinary words, whatever a reader takes them for
        ("[one1wick] [two2wick]", []),  # numbers are no words of names
    ],
)
def test_words_in_a_row_are_a_name_unless_they_are_one_or_all_ordinary(marked: str, names: list[str]) -> None:
    text, places = placed(marked)
    assert list(forms_in(text, places)) == names


def test_who_was_found_on_the_way_is_not_counted_again_under_a_part_of_the_name() -> None:
    request = asked("Where does Anna Maria Novak live? anna novak has a phone. and olumide ashwick?")
    assert who(further(request, ["anna novak", "olumide ashwick"])) == tokens("olumide ashwick")


def test_a_name_that_is_found_in_one_turn_is_the_same_person_in_all_and_pronouns_and_numbers_follow() -> None:
    request = asked(
        "1. olumide ashwick\n2. thandolwe nordwick", "which church does subject 2 go to?", "where does she live?"
    )
    found = further(request, ["olumide ashwick", "thandolwe nordwick"])
    about = {each.older: each.about.bit_count() for each in found.subjects}
    (first,), (second,) = tokens("olumide ashwick"), tokens("thandolwe nordwick")
    assert about[second] > about[first]


def test_whoever_would_be_counted_had_the_reader_sat_on_the_way_is_with_all_that_came_up() -> None:
    request = asked("Where do Peter Olsen and olumide ashwick live?", "which handset do they use?")
    reply = said("olumide ashwick goes to church.\n\nthandolwe nordwick does not. Peter Olsen has a friend.")
    forms = ["olumide ashwick", "thandolwe nordwick"]
    seen, answered = on_the_way(request, reply)
    later, first = PatternBook(), PatternBook()
    assert answered is not None
    for each in (seen, answered, further(request, forms, reply)):
        later.enter(each)
    touched = touched_by(request, Further(forms))
    whole = see("x1", touched, WHOSE, UNIX, KEYS)
    for each in (whole, whole.answered(touched_by_answer(reply, touched.about, Further(forms)), KEYS)):
        first.enter(each)
    for counted, sketch in first:
        if " of " in counted.name:
            continue  # of questions: the one with the name in it stands there too
        counted_later = later.sketch(counted)
        assert counted_later is not None
        rows = {token: about for token, _, about in counted_later.rows(0)}
        assert rows.keys() == set(sketch.tokens)
        assert not [token for token, _, about in sketch.rows(0) if about & ~rows[token]]


def test_whoever_was_found_the_record_has_the_same_form_and_says_what_is_counted_again() -> None:
    request = asked("where does olumide ashwick live?")
    seen, _ = on_the_way(request)
    for forms in ([], ["olumide ashwick"]):
        found = found_further(seen, None, request, None, forms, KEYS)
        crossed = [("profiles", "unit", 9)] if forms else []
        draft = read_draft({"agreement": "a", "release": "r"}, "permit", found, crossed, whole=True)
        assert set(draft.committed) == {"unit", "workload", "touched", "asked"}
        assert set(draft.public) == {"agreement", "release", "what", "verdict"}
        committed: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(draft.committed))
        assert read_seen("x1", committed) == found
        if not forms:
            assert not found.counts
            continue
        assert found.asked.again
        assert found.asked.older != seen.asked.older


def test_a_number_beside_a_name_that_was_overlooked_is_still_one_person() -> None:
    request = asked("olumide ashwick, +44 20 7946 0018, lives in elm street")
    assert not further(request, ["olumide ashwick"]).subjects


def test_more_names_than_are_told_apart_are_known_to_be_more() -> None:
    forms = [f"olumide{number}x ashwick{number}x" for number in range(FORMS_MAX + 1)]
    request = asked("; ".join(forms))
    found = further(request, forms)
    assert found.more
    assert len(found.subjects) == FORMS_MAX


def test_without_a_reader_a_text_is_read_as_before() -> None:
    text = "Where does Anna Novak live?"
    assert persons_in(text, further=Further()) == persons_in(text)
    assert not further(asked(text), []).counts
