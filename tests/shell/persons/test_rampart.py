# SPDX-License-Identifier: Apache-2.0
"""The token classifier itself, where its weights are installed: sentences of our own, and what ordinary texts hold.

``sentences.tsv`` has a person in small letters in each line, in many languages and of many origins.
"""

from __future__ import annotations

import importlib.metadata
from pathlib import Path
from typing import NamedTuple

import pytest

from brightline.core.errors import ReleaseError
from brightline.core.patterns.further import Further, forms_in
from brightline.core.patterns.names import spelled
from brightline.core.patterns.touched import persons_in
from brightline.shell.persons.pinned import PACKAGE

FOUND_MIN = 0.75  # of the sentences; bench/persons.py says how many it is
NOBODY = [
    "please send the report on friday, the north hall is booked",
    "what is the capital of france, and how high is its highest hill",
    "translate: the spring sale begins on monday",
    "def total(rows): return sum(row.price for row in rows)",
    "wie heißt der höchste berg der welt",
]


class Sentence(NamedTuple):
    """A text and the name in it."""

    language: str
    origin: str
    text: str
    name: str


def sentences() -> list[Sentence]:
    rows = []
    for line in (Path(__file__).parent / "sentences.tsv").read_text("utf-8").splitlines():
        if line.startswith("#"):
            continue
        language, origin, marked = line.split("\t")
        before, _, rest = marked.partition("[")
        name, _, after = rest.partition("]")
        rows.append(Sentence(language, origin, f"{before}{name}{after}", name))
    return rows


def names(sentence: Sentence, persons: dict[str, None]) -> bool:
    """Whether one of the persons has a word of the name."""
    words = set(spelled(sentence.name).split())
    return any(words & set(person.split(" ")[1:]) for person in persons)


def test_every_sentence_has_one_name_of_two_words_or_more_in_small_letters() -> None:
    rows = sentences()
    assert len(rows) >= 150
    assert len({row.text for row in rows}) == len(rows)
    assert all(row.name and row.text.count(row.name) == 1 and row.text == row.text.lower() for row in rows)
    assert len({row.origin for row in rows}) >= 30


def _installed() -> bool:
    try:
        importlib.metadata.version(PACKAGE)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True


@pytest.mark.skipif(not _installed(), reason=f"needs {PACKAGE}: requirements/persons.lock")
def test_it_finds_most_people_whom_the_lists_overlook_and_nobody_in_ordinary_texts(tmp_path: Path) -> None:
    from brightline.shell.persons.rampart import Rampart

    reader, rows = Rampart([]), sentences()
    texts = [row.text for row in rows]
    forms = [list(forms_in(text, places)) for text, places in zip(texts, reader.places(texts), strict=True)]
    found = [persons_in(text, further=Further(form)) for text, form in zip(texts, forms, strict=True)]
    share = sum(map(names, rows, found)) / len(rows)
    assert share >= FOUND_MIN
    assert share > 2 * sum(names(row, persons_in(row.text)) for row in rows) / len(rows)
    for text, places in zip(NOBODY, reader.places(NOBODY), strict=True):
        assert not list(forms_in(text, places)), text
    long = " ".join(["nothing of note happened on this ordinary day."] * 200)
    (places,) = reader.places([f"{long} where does siobhan o'sullivan live? {long}"])
    assert [len(long) < place.start < len(long) + 60 for place in places] == [True, True]
    (tmp_path / "model_q4.onnx").write_bytes(b"another model")
    with pytest.raises(ReleaseError, match="pins"):
        Rampart([tmp_path])
