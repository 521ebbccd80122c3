# SPDX-License-Identifier: Apache-2.0
"""How the tour looks where nobody looks at a terminal: what the README shows."""

from __future__ import annotations

import pytest

from brightline.demo.screen import WIDTH, Screen
from brightline.shell import shipped


@pytest.fixture
def screen() -> Screen:
    return Screen(shipped.read_agreement(shipped.shipped_agreement()))


def test_what_does_not_fit_goes_on_under_its_own_beginning(screen: Screen, capsys: pytest.CaptureFixture[str]) -> None:
    said = "each exchange was let through: " + "and some more of what there is to say " * 5
    screen.finding(f"{'NOT SHOWN':<13}{said}")
    screen.finding(f"{'recount':<13}3 completed")
    first, *more, last = capsys.readouterr().out.splitlines()
    assert first.startswith("    NOT SHOWN    each exchange")
    assert len(more) > 1
    assert all(line.startswith(" " * 17) and line[17] != " " and len(line) <= WIDTH for line in more)
    assert " ".join([first[17:], *(line[17:] for line in more)]) == said.strip()
    assert last == "    recount      3 completed"


def test_a_command_in_a_heading_can_be_copied_whole(screen: Screen, capsys: pytest.CaptureFixture[str]) -> None:
    command = "brightline verify demo/evidence " + "--guard demo/guards/one/evidence " * 6
    screen.title(command.strip())
    assert capsys.readouterr().out.splitlines() == ["", command.strip()]
