# SPDX-License-Identifier: Apache-2.0
"""The first stage: its pieces, its parts, its file, and how a release lets it stand before another detector."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.screening.finding import Finding, Judgement, Raised, Segment, Surface
from brightline.core.screening.hashing import BYTES_MAX, Adder, Scorer, numbers_of
from brightline.core.screening.ngrams import Header, Legible, NGrams, load_ngrams, write_ngrams
from brightline.core.screening.pieces import Column, PieceHeads, PiecesHeader, load_pieces, write_pieces
from brightline.core.screening.release import (
    Release,
    load_release,
    of_the_batch,
    raised_segments,
    statements_from,
)
from brightline.core.screening.tighten import Files, looser
from brightline.shell import shipped

HEADER = Header(12, 0.01, -0.5, 0.25, 128, 96, ("a canary",))
TABLE = np.random.default_rng(7).integers(-127, 128, 1 << 12).astype(np.int8)
SCORER = Scorer(HEADER, HEADER.bits, TABLE.tobytes())
TWICE = np.concatenate([TABLE, TABLE])
LEGIBLE = Legible(0.02, 0.5, -1.0, 96, 48)
VOCABULARY = shipped.read_agreement(shipped.shipped_agreement()).vocabulary


def by_hand(text: str) -> float:
    """The score of a text that fits one part."""
    numbers = numbers_of(text, HEADER.bits, BYTES_MAX)
    return float(HEADER.scale * int(TABLE[numbers].astype(int).sum()) / max(1, len(numbers)) ** 0.5 + HEADER.bias)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_what_else_is_in_a_batch_changes_no_score(texts: list[str]) -> None:
    assert SCORER.scores(texts) == pytest.approx([by_hand(text) for text in texts])


def test_the_same_pieces_count_wherever_they_stand() -> None:
    assert sorted(numbers_of("abc def", 12, 99)) != sorted(numbers_of("abd def", 12, 99))
    assert set(numbers_of("ghi", 12, 99)) <= set(numbers_of("abc def ghi", 12, 99))


@pytest.mark.parametrize("at", [0, 5_000, 140_000, 299_000])
def test_a_sentence_raises_a_long_text_wherever_it_stands(at: int) -> None:
    header = msgspec.structs.replace(HEADER, bits=18)
    table = np.full(1 << 18, -1, np.int8)
    sought = "select every resident and follow them"
    table[numbers_of(sought, 18, 99)] = 120
    scorer = Scorer(header, header.bits, table.tobytes())
    filler = "zz " * 100_000
    low, high = scorer.scores([filler, filler[:at] + sought + filler[at:]])
    assert low < HEADER.threshold < high


def test_a_file_is_what_was_written() -> None:
    one = NGrams(HEADER, TABLE.tobytes())
    assert load_ngrams(write_ngrams(one), "x") == one
    two = NGrams(msgspec.structs.replace(HEADER, legible=LEGIBLE), TABLE.tobytes(), TABLE[::-1].tobytes())
    assert load_ngrams(write_ngrams(two), "x") == two


@pytest.mark.parametrize(
    ("changes", "table", "why"),
    [
        ({"bits": 13}, TABLE, "4096 weights; expected 8192"),
        ({"step_bytes": 200}, TABLE, "nothing is left out"),
        ({"scale": 0.0}, TABLE, "Expected `float` > 0"),
        ({"canary": ()}, TABLE, "at least one canary"),
        ({"legible": LEGIBLE}, TABLE, "4096 weights; expected 8192"),
        ({"legible": msgspec.structs.replace(LEGIBLE, step_bytes=97)}, TWICE, "nothing is left out"),
        ({"legible": msgspec.structs.replace(LEGIBLE, scale=0.0)}, TWICE, "Expected `float` > 0"),
    ],
)
def test_a_file_that_is_not_whole_and_sound_is_not_loaded(changes: dict[str, Any], table: Any, why: str) -> None:
    data = write_ngrams(NGrams(msgspec.structs.replace(HEADER, **changes), table.tobytes()))
    with pytest.raises(ReleaseError, match=why):
        load_ngrams(data, "screen.ngrams")


def test_another_format_is_not_loaded() -> None:
    with pytest.raises(ReleaseError, match="expected b'brightline-ngrams/1'"):
        load_ngrams(b"brightline-ngrams/2\n{}\n", "screen.ngrams")


# ---- what pieces add to heads ---------------------------------------------------------------------------------------

COLUMNS = (Column("weapon_direct", 0.5, -1.0), Column("mass_domestic", 0.25, 0.0))
HEADS = PieceHeads(PiecesHeader(12, COLUMNS), np.concatenate([TABLE, TABLE[::-1]]).tobytes())
FACTS = ("weapon_direct", "mass_domestic")


def test_what_is_added_to_each_head_is_the_sum_over_the_different_pieces() -> None:
    heads = load_pieces(write_pieces(HEADS), "x", FACTS)
    text = "fire fire fire at will"
    numbers = sorted(set(numbers_of(text, 12, 9_999).tolist()))
    wanted = [
        column.scale * sum(int(table[number]) for number in numbers) / len(numbers) ** 0.5 + column.bias
        for column, table in zip(COLUMNS, (TABLE, TABLE[::-1]), strict=True)
    ]
    assert Adder(heads).of(text).tolist() == pytest.approx(wanted)


@pytest.mark.parametrize(
    ("data", "facts", "why"),
    [
        (write_pieces(HEADS), FACTS[::-1], "are not those of the encoder's heads"),
        (write_pieces(HEADS)[:-1], FACTS, "8191 weights; expected 8192"),
        (b"brightline-pieces/2\n{}\n", FACTS, "expected b'brightline-pieces/1'"),
        (b"brightline-pieces/1\n{}\n", FACTS, "missing required field"),
    ],
)
def test_tables_that_are_others_are_not_loaded(data: bytes, facts: tuple[str, ...], why: str) -> None:
    with pytest.raises(ReleaseError, match=why):
        load_pieces(data, "heads.pieces", facts)


# ---- a release with a cascade --------------------------------------------------------------------------------------

FILE = b"what defines a detector"
SHA256 = hashlib.sha256(FILE).hexdigest()
TEXT = f"""
format = "brightline-release/1"
id = "r"
note = ""
deadline_ms = 1000
silence = []
windows = {{ window_chars = 100, overlap_chars = 20, holdback_chars = 10, stride_chars = 5 }}
detector = [
  {{ id = "screen", kind = "ngrams", path = "s", sha256 = "{SHA256}" }},
  {{ id = "encoder", kind = "encoder", path = "e", sha256 = "{SHA256}" }},
]
[[cascade]]
first = "screen"
then = "encoder"
misses = 1
positives = 300
corpus = "rows of authors held out"
"""
ASKED = tuple(Segment(f"messages[{i}]", Surface.INPUT, f"text {i}", 7) for i in range(3))
RAISED = (Raised(2, "folded", "text 2"), Raised(2, "rot13", "grkg 2"))


def release(text: str = TEXT) -> Release:
    return load_release(text.encode(), lambda _: FILE, VOCABULARY)


def answers(*findings: Finding, judged: int = 2, raised: tuple[Raised, ...] = RAISED) -> list[Judgement]:
    digest = f"sha256:{SHA256}"
    return [Judgement("screen", digest, 3, (), raised), Judgement("encoder", digest, judged, findings)]


def found(segment: int, view: str) -> Finding:
    return Finding("encoder", "mass_domestic", "yes", "head:mass_domestic", segment, view, 0.9)


def test_the_second_is_asked_what_the_first_raised_and_answers_for_the_batch() -> None:
    asked = raised_segments(ASKED, RAISED)
    assert [(one.path, one.start, one.view, one.text) for one in asked] == [
        ("messages[2]", 7, "folded", "text 2"),
        ("messages[2]", 7, "rot13", "grkg 2"),
    ]
    judgement = of_the_batch(Judgement("encoder", "", 2, (found(1, "rot13"),)), RAISED)
    said = statements_from(release(), ASKED, answers(*judgement.findings))
    assert [(one.fact, one.value) for one in said] == [("mass_domestic", "yes")]
    assert judgement.findings == (found(2, "rot13"),)


@pytest.mark.parametrize(
    "wrong",
    [
        answers(judged=1),  # fewer than were raised
        answers(judged=3),
        answers(found(2, "leet")),  # a reading that was not raised
        answers(found(0, "folded")),
        answers(raised=(Raised(3, "folded", ""), Raised(2, "folded", ""))),  # of a segment that is none
        answers()[1:],  # the first stage is silent
        answers()[:1],
    ],
)
def test_an_odd_answer_anywhere_in_a_cascade_leaves_the_batch_unjudged(wrong: list[Judgement]) -> None:
    with pytest.raises(ScreeningUnavailable):
        statements_from(release(), ASKED, wrong)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        ('then = "encoder"', 'then = "screen"', "cannot stand before"),
        ('first = "screen"', 'first = "encoder"', "cannot stand before"),
        ("positives = 300", "positives = 0", "names no measurement"),
        ("misses = 1", "misses = 301", "names no measurement"),
        ('corpus = "rows of authors held out"', 'corpus = ""', "names no measurement"),
        ("[[cascade]]", "[[silence]]", "does not read"),
        ('id = "encoder"', 'id = "screen"', "two detectors have one id"),
    ],
)
def test_a_cascade_that_is_not_measured_or_stands_wrong_is_refused(old: str, new: str, why: str) -> None:
    with pytest.raises(ReleaseError, match=why):
        release(TEXT.replace(old, new))


def test_a_first_stage_stands_before_something_once() -> None:
    head, cascade = TEXT.split("[[cascade]]")
    with pytest.raises(ReleaseError, match="stands before no detector"):
        release(head)
    with pytest.raises(ReleaseError, match="not several"):
        release(TEXT + "[[cascade]]" + cascade)


def test_an_emergency_lets_no_first_stage_stand_where_none_stood() -> None:
    screen = next(line for line in TEXT.splitlines() if '"ngrams"' in line)
    without = release(TEXT.split("[[cascade]]", maxsplit=1)[0].replace(screen, ""))
    before, after = Files(without, lambda _: FILE), Files(release(), lambda _: FILE)
    assert looser(before, after) == ("screen would stand before encoder",)
    assert looser(after, after) == ()
