# SPDX-License-Identifier: Apache-2.0
"""What commands print, and how they end, whatever stands behind the pipe."""

from __future__ import annotations

import io
import json
import sys

import click
import pytest

from brightline.core.errors import ConfigError
from brightline.terminal import as_json, run, table

HOLD = "hold_d0d45993c537e63dcd3594da"
SEVERAL = "a sentence of several words, which may go on in another line of the same cell"


def printed(command: click.Command, encoding: str, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, int]:
    """What a command writes to pipes of this encoding, and its exit code."""
    streams = {name: io.TextIOWrapper(io.BytesIO(), encoding, "strict") for name in ("stdout", "stderr")}
    with monkeypatch.context() as patched:
        for name, stream in streams.items():
            patched.setattr(sys, name, stream)
        with pytest.raises(SystemExit) as ended:
            run(command, [])
    for stream in streams.values():
        stream.seek(0)
    return streams["stdout"].read(), streams["stderr"].read(), int(ended.value.code or 0)


def test_in_a_pipe_no_line_of_a_table_ends_with_spaces_and_an_id_stays_whole(
    capsys: pytest.CaptureFixture[str],
) -> None:
    table("Holds", ["hold", "says", "also"], [[HOLD, SEVERAL, SEVERAL], [HOLD, "short", ""]])
    lines = capsys.readouterr().out.splitlines()
    assert sum(HOLD in line for line in lines) == 2
    assert all(line == line.rstrip() and len(line) <= 120 for line in lines)


def test_ids_for_which_there_is_no_room_are_folded_and_not_cut(capsys: pytest.CaptureFixture[str]) -> None:
    ids = [f"{letter}{HOLD}" for letter in "abcdefgh"]
    table("Too many", [f"column {letter}" for letter in "abcdefgh"], [ids])
    _, _, cells = capsys.readouterr().out.rpartition("─")
    assert sorted("".join(cells.split())) == sorted("".join(ids))


@click.command()
def speaking() -> None:
    table("Units", ["unit"], [["Büro 計画"]])
    click.echo("straße – 計画")


@click.command()
def speaking_json() -> None:
    click.echo(as_json({"unit": "Büro 計画"}))


def test_letters_that_the_locale_has_not_are_printed_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    said, wrong, code = printed(speaking, "latin-1", monkeypatch)
    assert (code, wrong) == (0, "")
    assert "Büro \\u8a08\\u753b" in said
    assert "straße \\u2013 \\u8a08\\u753b" in said


@pytest.mark.parametrize("encoding", ["latin-1", "utf-8"])
def test_json_is_json_in_every_locale(encoding: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said, _, code = printed(speaking_json, encoding, monkeypatch)
    assert code == 0
    assert json.loads(said) == {"unit": "Büro 計画"}


@click.command()
def failing() -> None:
    raise ZeroDivisionError("a fault")


@click.command()
def misled() -> None:
    raise ConfigError("no such thing")


@click.command()
def full() -> None:
    raise OSError(28, "No space left on device", "evidence/x")


def test_a_fault_of_the_program_is_no_bad_news(monkeypatch: pytest.MonkeyPatch) -> None:
    """Exit code 1 of ``brightline verify`` says that evidence is contradicted; a fault says nothing of it."""
    said, wrong, code = printed(failing, "utf-8", monkeypatch)
    assert (said, code) == ("", 2)
    assert "ZeroDivisionError: a fault" in wrong
    assert wrong.endswith("it says nothing of what was asked\n")


@pytest.mark.parametrize(("command", "words"), [(misled, "no such thing"), (full, "evidence/x: No space left")])
def test_what_an_operator_can_mend_is_said_in_two_lines(
    command: click.Command, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    said, wrong, code = printed(command, "utf-8", monkeypatch)
    assert (said, code, wrong.count("\n")) == ("", 2, 2)
    assert wrong.startswith(f"brightline: {words}")
