# SPDX-License-Identifier: Apache-2.0
"""The playbooks walk every row of the table of transitions and every next state of it, and no step beside it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from types import ModuleType

from brightline.core.enforcement.states import TRANSITIONS, table_rows
from tests.playbooks import test_hold, test_marks, test_plain_answer, test_released, test_stream, test_way_in
from tests.playbooks.playbook import Book

PLAYBOOKS = (test_way_in, test_plain_answer, test_stream, test_marks, test_hold, test_released)


def playbooks_of(module: ModuleType) -> Iterator[Callable[[Book], None]]:
    """The tests of a module that ask for a book and for nothing else."""
    for name, function in inspect.getmembers(module, inspect.isfunction):
        if name.startswith("test_") and list(inspect.signature(function).parameters) == ["book"]:
            yield function


def test_the_playbooks_walk_every_step_of_the_table() -> None:
    book = Book()
    for module in PLAYBOOKS:
        for playbook in playbooks_of(module):
            playbook(book)
    table = {(before, event, after) for (before, event), all_after in TRANSITIONS.items() for after in all_after}
    # A late event changes nothing and has no row.
    walked = {(before, event, after) for before, event, after in book.walked if (before, event) in TRANSITIONS}
    beside = {step for step in book.walked - walked if step[0] is not step[2]}
    assert beside == set()
    assert walked == table


def test_the_table_is_told_row_by_row_for_the_docs() -> None:
    rows = list(table_rows())
    assert len(rows) == len(TRANSITIONS)
    assert ("PASSING", "PassDurable", "FORWARDED, CLOSING") in rows
