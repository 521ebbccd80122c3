# SPDX-License-Identifier: Apache-2.0
"""What a judge said is kept as it was said, the same bytes for the same input, and read only of the text it was of."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import msgspec
import pytest

from brightline.classifier.corpus import Line, Row, RowSurface
from brightline.classifier.training import judged
from brightline.classifier.training.judged import FORMAT, Header, corpus_of, entry_of, read_judged, write_judged
from brightline.core.errors import ConfigError

HEADER = Header(FORMAT, "a" * 64, "", "c" * 64, ("mass_domestic", "weapon_direct"))


def row(name: str, text: str = "a text") -> Row:
    return Row(name, Line.WEAPONS, {}, RowSurface.PROMPT, "en", "s", "", text=text)


@pytest.mark.parametrize("packed", [False, True])
def test_what_was_said_is_read_again_to_two_places_and_the_bytes_are_the_same(packed: bool, tmp_path: Path) -> None:
    said = {"mass_domestic": -1.23456, "weapon_direct": 29.9999}
    one, other = (tmp_path / f"{name}.jsonl{'.gz' if packed else ''}" for name in "ab")
    entries = [entry_of(row("b"), said), entry_of(row("a"), {"weapon_direct": 1.0})]
    write_judged(one, HEADER, entries)
    write_judged(other, HEADER, reversed(entries))
    assert one.read_bytes() == other.read_bytes()
    assert one.read_bytes().startswith(b"\x1f\x8b") == packed
    assert not packed or one.read_bytes()[4:8] == bytes(4), "it does not say when it was written"
    found = read_judged(one)
    assert found.header == HEADER
    assert found.digest == read_judged(other).digest
    assert list(found.entries) == ["a", "b"]
    assert found.of(row("b")) == pytest.approx(said, abs=0.005)
    assert found.of(row("c")) is None
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([one.name, other.name]), "nothing is left beside"


def test_what_was_said_of_another_text_is_not_read_as_said_of_this_one(tmp_path: Path) -> None:
    path = tmp_path / "judged.jsonl"
    write_judged(path, HEADER, [entry_of(row("a"), {"weapon_direct": 1.0})])
    with pytest.raises(ConfigError, match="'a' was said of another text.*judge score"):
        read_judged(path).of(row("a", "another text"))


def test_the_digest_of_a_corpus_is_of_ids_and_texts_and_not_of_their_order() -> None:
    rows = [row("a"), row("b", "another")]
    assert corpus_of(rows) == corpus_of(reversed(rows))
    assert len({corpus_of(some) for some in (rows, rows[:1], [row("a"), row("b")], [row("c"), rows[1]])}) == 4


ENTRY: dict[str, Any] = {"id": "a", "digest": "0" * 16, "said": {"weapon_direct": 1.0}}


@pytest.mark.parametrize(
    ("lines", "why"),
    [
        ([msgspec.structs.replace(HEADER, format="brightline-judged/0"), ENTRY], "brightline-judged/0"),
        ([{"format": FORMAT}], "does not hold"),
        ([ENTRY], "does not hold"),
        ([HEADER, ENTRY, ENTRY], "twice"),
        ([HEADER, ENTRY | {"said": {}}], "no fact"),
        ([HEADER, ENTRY | {"said": {"acts_alone": 1.0}}], "first line does not name"),
        ([msgspec.structs.replace(HEADER, facts=("odd",)), ENTRY | {"said": {"odd": 1.0}}], "first line does not"),
        ([HEADER, ENTRY | {"said": {"weapon_direct": 1e9}}], "no log-odds"),
        ([HEADER, ENTRY | {"more": 1}], "does not hold"),
    ],
)
def test_what_is_no_such_file_is_refused(tmp_path: Path, lines: list[Any], why: str) -> None:
    path = tmp_path / "judged.jsonl"
    path.write_bytes(b"\n".join(map(msgspec.json.encode, lines)) + b"\n")
    with pytest.raises(ConfigError, match=why):
        read_judged(path)


def test_no_more_is_unpacked_than_is_allowed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "judged.jsonl.gz"
    path.write_bytes(gzip.compress(b"\n" * 1_000_000))
    with monkeypatch.context() as patch, pytest.raises(ConfigError, match="larger than 10000"):
        patch.setattr(judged, "BYTES_MAX", 10_000)
        read_judged(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(ConfigError, match="cannot be read"):
        read_judged(path)
    with pytest.raises(ConfigError, match="cannot be read"):
        read_judged(tmp_path / "none")
