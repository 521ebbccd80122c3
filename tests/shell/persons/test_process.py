# SPDX-License-Identifier: Apache-2.0
"""What is believed of a reader: places in the texts, in order; whatever else it says or does ends it."""

from __future__ import annotations

import asyncio
import sys

import pytest

from brightline.shell.inference.child import UnfitError
from brightline.shell.persons import process
from brightline.shell.persons.process import opened_reader
from tests.shell.persons import fake_reader

MEMORY = 1 << 30


@pytest.fixture(autouse=True)
def _fake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "COMMAND", (sys.executable, fake_reader.__file__))


async def read(*texts: str, weights: str = "") -> list[list[str]]:
    async with opened_reader(weights, MEMORY) as reader:
        rows = await reader.read(texts)
        return [[text[place.start : place.end] for place in row] for text, row in zip(texts, rows, strict=True)]


def test_a_reader_names_words_of_the_texts_that_it_is_given() -> None:
    assert asyncio.run(read("where is olumide ashwick?", "nobody", "äöü sigrun nordwick")) == [
        ["olumide", "ashwick"],
        [],
        ["sigrun", "nordwick"],
    ]


@pytest.mark.parametrize(
    ("text", "why"),
    [("crash", "gone"), ("raise", "RuntimeError"), ("elsewhere", "not in the text"), ("hang", "did not answer")],
)
def test_a_reader_that_dies_fails_hangs_or_makes_places_up_is_unfit(
    text: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def asks() -> None:
        async with opened_reader("", MEMORY) as reader:
            if text == "hang":  # now, so that its start has all the time that it needs
                monkeypatch.setattr(process, "READ_SECONDS", 0.5)
            await reader.read([text])

    with pytest.raises(UnfitError, match=why):
        asyncio.run(asks())


@pytest.mark.parametrize(("weights", "why"), [("broken", "nowhere"), ("other", "is pinned"), ("blind", "canary")])
def test_a_reader_that_has_no_weights_or_others_or_sees_nobody_is_never_asked(weights: str, why: str) -> None:
    with pytest.raises(UnfitError, match=why):
        asyncio.run(read("x", weights=weights))
