# SPDX-License-Identifier: Apache-2.0
"""``brightline purpose``, ``protocol``, ``vvt`` and ``demand`` as a person runs them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.shell.cli.in_process import run
from tests.shell.cli.test_commands import ADD

PURPOSE = ("--words", "tracking", "--official", "the director", "--authority", "EO-12333", "--basis", "as cited")
VVT = (
    *("--system", "planner", "--system-version", "planner 4.2", "--environment", "range", "--test-set", "convoys"),
    *("--results", "No convoy went astray.", "--figure", "missed per thousand=0.4", "--person", "p-17"),
)


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("cli") / "state"
    run("init", root, "--model", "m", "--upstream", "http://127.0.0.1:9", "--port", "0")
    return root


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("text") / "text.txt"
    path.write_text("Two people look at every plan.\n", "utf-8")
    return path


def rows(state: Path, register: str) -> dict[str, dict[str, object]]:
    return {row["id"]: row for row in json.loads(run(register, "list", state, "--json").stdout)}


def test_what_init_made_is_listed_as_what_it_is(state: Path) -> None:
    assert "follows none" in run("protocol", "list", state).stdout
    assert rows(state, "vvt")["development-vvt"]["state"] == "in date"


def test_a_purpose_is_added_named_by_a_workload_and_retired(state: Path) -> None:
    done = run("purpose", "add", state, "tracks", *PURPOSE, "--data-class", "radar", "--foreign-intelligence")
    assert "signed by both parties" in done.stdout
    named = ("--unit", "u", "--purpose-id", "tracks", "--official", "o", "--authority", "EO-12333")
    run("workload", "add", state, "tracker", *named, "--data-class", "radar")
    assert "people" in run("workload", "add", state, "other", *named, "--data-class", "people", code=2).stderr
    assert "within" in run("purpose", "retire", state, "tracks", "-h").stdout
    assert "gateways follow within 2 s" in run("purpose", "retire", state, "tracks").stdout
    row = rows(state, "purpose")["tracks"]
    assert (row["version"], row["state"]) == (2, "retired")
    assert "retired" in run("workload", "add", state, "late", *named, code=2).stderr


def test_a_protocol_is_added_renewed_and_retired_once(state: Path, text: Path) -> None:
    more = ("--title", "Two people look", "--text", text, "--owner", "oversight office")
    for version in (1, 2):
        added = json.loads(run("protocol", "add", state, "two", *more, "--json").stdout)
        assert added["version"] == version
    assert json.loads(run("protocol", "retire", state, "two", "--json").stdout)["version"] == 3
    assert "retired already" in run("protocol", "retire", state, "two", code=2).stderr
    assert "registers no protocol" in run("protocol", "retire", state, "unheard", code=2).stderr


def test_a_verification_record_says_everything_or_hears_what_is_missing(state: Path, text: Path) -> None:
    whole = ("vvt", "add", state, "planner", *VVT, "--test-set-file", text)
    for place in range(4, len(whole), 6):  # each is a process of its own; the core's tests take them all
        without = (*whole[:place], *whole[place + 2 :])
        assert f"'{whole[place]}'" in run(*without, code=2).stderr
    empty = [("" if part == "p-17" else part) for part in whole]
    assert "lacks its person" in run(*empty, code=2).stderr
    assert "the agreement lets it be" in run(*whole, "--days", "3000", code=2).stderr
    assert "planner" not in rows(state, "vvt")
    assert "provider-safety and customer-official" in run(*whole).stdout


def test_a_demand_is_recorded_listed_and_changes_nothing(state: Path, text: Path) -> None:
    before = rows(state, "purpose"), rows(state, "protocol"), rows(state, "vvt")
    done = run(
        "demand", "record", state, "--from", "a caller", "--kind", "switch_off", "--text", text, "--answer", "No."
    )
    assert "nothing changed" in done.stdout
    assert "as record" in done.stdout
    assert "next:" in done.stdout
    [row] = json.loads(run("demand", "list", state, "--json").stdout)
    assert (row["kind"], row["from"], row["text"]) == ("switch_off", "a caller", text.read_text("utf-8"))
    assert "a caller" in run("demand", "list", state).stdout
    assert (rows(state, "purpose"), rows(state, "protocol"), rows(state, "vvt")) == before
    public = b"".join(path.read_bytes() for path in (state / "evidence" / "registry").rglob("*") if path.is_file())
    assert b"a caller" not in public
    assert b"switch_off" in public


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("--received", "yesterday"), "--received"),
        (("--received", "2026-01-01T10:00:00"), "time zone"),
        (("--received", "2999-01-01T10:00:00Z"), "received after"),
        (("--answer", " "), "lacks its answer"),
    ],
)
def test_a_demand_that_says_too_little_is_not_recorded(
    state: Path, text: Path, more: tuple[str, ...], says: str
) -> None:
    given = ("--from", "a caller", "--kind", "other", "--text", text, "--answer", "No.")
    assert says in run("demand", "record", state, *given, *more, code=2).stderr


def test_tools_are_registered_from_a_file_by_digest(state: Path, tmp_path: Path) -> None:
    file = tmp_path / "tools.json"
    file.write_text(json.dumps([{"type": "function", "function": {"name": "look_up", "parameters": {}}}]))
    run("workload", "add", state, "with-tools", *ADD, "--tool", file)
    file.write_text(json.dumps([{"type": "retrieval", "function": {"name": "look_up"}}]))
    assert "tools[0].type" in run("workload", "add", state, "odd", *ADD, "--tool", file, code=2).stderr


def test_a_workload_names_its_purpose_in_words_or_by_id(state: Path) -> None:
    words = ("--unit", "u", "--official", "o", "--authority", "USC-4A")
    assert "--purpose-id" in run("workload", "add", state, "aimless", *words, code=2).stderr
    assert (
        "no purpose unheard"
        in run("workload", "add", state, "aimless", *words, "--purpose-id", "unheard", code=2).stderr
    )
