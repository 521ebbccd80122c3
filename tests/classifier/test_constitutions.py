# SPDX-License-Identifier: Apache-2.0
"""Every fact that rows are labelled with has a constitution, short enough to stand in a prompt."""

from __future__ import annotations

import pytest

from brightline.classifier.constitutions import constitution, written
from brightline.classifier.corpus import FACTS
from brightline.core.errors import ConfigError
from brightline.core.screening.prompt import BEGIN, END, definitions, question


def test_every_fact_has_one_and_nothing_else_has() -> None:
    assert set(written()) == FACTS


@pytest.mark.parametrize("fact", sorted(FACTS))
def test_each_says_yes_and_no_in_few_words(fact: str) -> None:
    one = constitution(fact)
    assert one.question.endswith("?")
    assert one.text.startswith("Yes ")
    assert "No " in one.text
    assert len(one.text.split()) <= 190


def test_the_definitions_come_before_the_exchange_and_the_questions_after() -> None:
    view = [constitution("acts_alone"), constitution("high_stakes")]
    before = definitions(view)
    assert before[0] == before[4] == BEGIN
    assert all(f"# {one.fact}\n{one.text}" in before[1] for one in view)
    assert before[-1].endswith("The exchange:\n")
    after = question(view[0])
    assert view[0].question in after[0]
    assert after[1:] == (END, "\n", BEGIN, "assistant\n")


@pytest.mark.parametrize("fact", ["nothing", "../rows", ""])
def test_there_is_none_of_what_is_no_fact(fact: str) -> None:
    with pytest.raises(ConfigError):
        constitution(fact)
