# SPDX-License-Identifier: Apache-2.0
"""The unlabelled pool is made of the rows' own parts, always the same, without labels and without the test authors."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from brightline.classifier.corpus import Author, Call, Corpus, Line, Message, Row, RowSurface, read_corpus
from brightline.classifier.training.pool import BEGINNING_MIN, VARIANTS_MAX, Pooled, pool_of, sentences

CORPORA = Path(__file__).resolve().parents[3] / "corpora"
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
WORD = st.text("abcdeé你好नमяب", min_size=1, max_size=6)
END = st.sampled_from([". ", "? ", "! ", "。", "। ", "؟ ", ".\n", "\n\n", "… "])
TEXT = st.lists(st.tuples(st.lists(WORD, min_size=1, max_size=5).map(" ".join), END), min_size=1, max_size=7).map(
    lambda parts: "".join(text + end for text, end in parts)
)
JSON = st.recursive(
    WORD | st.booleans(),
    lambda of: st.lists(of, max_size=3) | st.dictionaries(WORD, of, max_size=4),
    max_leaves=8,
)


def row(name: str, **said: Any) -> Row:
    given: dict[str, Any] = {"surface": RowSurface.PROMPT, "pair": "p", "factor": "f"} | said
    return Row(name, Line.SURVEILLANCE, {"mass_domestic": "yes"}, lang="en", setting="s", reason="r", **given)


def corpus(*rows: Row, split: Literal["train", "test"] = "train") -> Corpus:
    return Corpus(Author(f"author-{split}", "model", "a tester", split), rows)


def of_kind(pool: list[Pooled], kind: str) -> list[Pooled]:
    return [one for one in pool if one.id.partition("~")[2].startswith(kind)]


@PATIENT
@given(text=TEXT)
def test_sentences_are_the_whole_text_in_its_order(text: str) -> None:
    found = sentences(text)
    assert "".join(one.text + one.gap for one in found) == text.strip()
    assert all(one.text.strip() == one.text and not one.gap.strip() for one in found)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('Who is it? He asked "why." Then left.', ["Who is it?", 'He asked "why."', "Then left."]),
        ("他是谁？没人知道。走吧", ["他是谁？", "没人知道。", "走吧"]),
        ("वह कौन है। कोई नहीं जानता।", ["वह कौन है।", "कोई नहीं जानता।"]),
        ("من هو؟ لا أحد يعرف.", ["من هو؟", "لا أحد يعرف."]),
        ("Do this:\n\n1. Open it.\n2. Close it.\n---", ["Do this:", "1. Open it.", "2. Close it.\n---"]),
        ("3.5 km. 17!", ["3.5 km. 17!"]),
        ("", []),
    ],
)
def test_sentences_end_in_every_script_and_a_number_alone_is_none(text: str, expected: list[str]) -> None:
    assert [one.text for one in sentences(text)] == expected


@PATIENT
@given(text=TEXT)
def test_what_a_text_becomes_is_made_of_its_own_sentences(text: str) -> None:
    one = row("r", text=text)
    whole = [each.text for each in sentences(text)]
    pool = pool_of([corpus(one)])
    assert pool == pool_of([corpus(one)])
    assert len(pool) <= VARIANTS_MAX
    said = ["".join(each.row.text.split()) for each in pool]
    original = "".join("".join(whole).split())
    assert len({original, *said}) == len(pool) + 1, "no text twice, and not the row"
    for each in pool:
        letters = Counter("".join(each.row.text.split()))
        assert letters <= Counter(original)
        if each in of_kind(pool, "turned"):
            assert letters == Counter(original)
            assert len(whole) > 2
        elif each in of_kind(pool, "until"):
            assert text.strip().startswith(each.row.text)
            assert sum(letters.values()) >= BEGINNING_MIN * 0.99 * len(original) - len(whole)
        else:
            number = int(each.id.rpartition("-")[2])
            assert "".join(each.row.text.split()) == "".join("".join(whole[:number] + whole[number + 1 :]).split())
    if len(set(whole)) == len(whole) > 4:
        assert [len(of_kind(pool, kind)) for kind in ("without", "until", "turned")] == [3, 1, 1]


@PATIENT
@given(arguments=st.dictionaries(WORD, JSON, max_size=4))
def test_of_a_tool_call_one_member_is_left_out_of_an_object_that_keeps_another(arguments: dict[str, Any]) -> None:
    def members(value: Any) -> int:
        if isinstance(value, dict):
            return len(value) + sum(map(members, value.values()))
        return sum(map(members, value)) if isinstance(value, list) else 0

    one = row("r", surface=RowSurface.TOOL_CALL, tool_call=Call("act", arguments), text="Now I act. Then I wait.")
    pool = pool_of([corpus(one)])
    assert len(pool) <= 3
    assert bool(pool) >= (len(arguments) > 1)
    for each in pool:
        call = each.row.tool_call
        assert call is not None
        assert (call.name, each.row.text) == ("act", one.text)
        assert set(call.arguments) <= set(arguments)
        assert call.arguments, "what is left is an object still"
        assert members(call.arguments) < members(arguments)


@PATIENT
@given(contents=st.lists(WORD, min_size=1, max_size=6, unique=True))
def test_of_a_conversation_messages_are_left_out_or_its_end(contents: list[str]) -> None:
    roles = ("user", "assistant")
    said = tuple(Message(roles[i % 2], content) for i, content in enumerate(contents))  # type: ignore[arg-type]
    pool = pool_of([corpus(row("r", surface=RowSurface.CONVERSATION, messages=said))])
    assert bool(pool) == (len(said) > 1)
    for each in pool:
        left = iter(said)
        assert all(message in left for message in each.row.messages), "the order stays"
        assert 0 < len(each.row.messages) < len(said)
    for each in of_kind(pool, "until"):
        assert each.row.messages == said[: len(each.row.messages)]


def test_no_label_is_taken_over_and_what_was_asked_stays() -> None:
    [*pool] = pool_of([corpus(row("r", surface=RowSurface.OUTPUT, asked="Why?", text="One. Two. Three. Four."))])
    assert pool
    for each in pool:
        assert each.id == each.row.id
        assert (each.author, each.row.asked, each.row.line) == ("author-train", "Why?", Line.SURVEILLANCE)
        assert (each.row.facts, each.row.pair, each.row.factor, each.row.reason) == ({}, "", "", "")
        with pytest.raises(KeyError):
            each.row.label  # noqa: B018 - whoever asks for it is refused


def test_nothing_of_test_authors_comes_in_not_even_by_chance() -> None:
    ours = row("r", text="Who lives here? List them all.")
    tested = corpus(row("t", text="List them all."), row("u", text="One thing. Another."), split="test")
    pool = pool_of([tested, corpus(ours)])
    assert [each.row.text for each in pool] == ["Who lives here?"]
    assert {each.author for each in pool} == {"author-train"}


def test_the_committed_rows_become_a_pool_with_names_of_their_own() -> None:
    one = read_corpus(CORPORA / "author-08.jsonl")
    pool = pool_of([one])
    assert len({each.id for each in pool}) == len(pool) > 2 * len(one.rows)
    per_row = Counter(each.id.partition("~")[0] for each in pool)
    assert max(per_row.values()) == VARIANTS_MAX
    assert per_row.keys() <= {each.id for each in one.rows}
    assert {each.row.surface for each in pool} == set(RowSurface)
