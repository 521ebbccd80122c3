# SPDX-License-Identifier: Apache-2.0
"""The commands about classifier releases, as people run them: prepared, approved by both organisations, in force."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from brightline.shell.state import StateFolder
from tests.harness import make_state
from tests.releases import FIRE, GATE, WATCHED, beginning, finds_less, finds_more, pinned_cases, release
from tests.shell.cli.in_process import run

BOTH = ("--by", "provider-safety-1", "--by", "customer-official")
WHY = ("--reason", "floods are weapons")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a state folder and releases; the tests follow one another in it."""
    folder = tmp_path_factory.mktemp("classifier")
    make_state(folder / "state", "http://127.0.0.1:9", own_release=str(beginning(folder)))
    finds_more(folder)
    finds_less(folder, 3)
    pinned_cases(folder)
    return folder


def listed(made: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(run("classifier", "releases", made / "state", "--json").stdout)
    return rows


def test_a_weaker_release_is_refused_with_its_cases(made: Path) -> None:
    asked = ("classifier", "release", made / "state", made / "release-3", "--corpus", made / "pinned.jsonl", *WHY)
    assert "p0 of pinned.jsonl was yes and is no" in run(*asked, *BOTH, code=1).stdout
    said = json.loads(run(*asked, *BOTH, "--json", code=1).stdout)
    assert said["lost"] == [
        {"name": "p0", "corpus": "pinned.jsonl", "fact": "weapon_direct", "was": "yes", "now": "no"}
    ]
    assert (said["in_force"], len(listed(made))) == (False, 1)


def test_more_wrongful_stops_take_a_concession(made: Path) -> None:
    wider = release(made, 4, WATCHED, FIRE, GATE, ("flood", "weapon_direct", ("floodgate",)))
    asked = ("classifier", "release", made / "state", wider, "--corpus", made / "pinned.jsonl", *WHY)
    refused = run(*asked, *BOTH, code=1).stdout
    assert "50.00% of what is harmless in pinned.jsonl is stopped; the worst was 0.00%" in refused
    run(*asked, "--concede", "weapon_direct=1.5", *BOTH, code=2)
    said = run(*asked, "--concede", "weapon_direct=0.5", "--prepare", made / "conceded").stdout
    assert "it takes 1 of provider-safety" in said
    assert "it takes 1 of customer-official" in said


def test_a_release_is_prepared_approved_by_each_organisation_and_brought_into_force(made: Path) -> None:
    state, prepared, keys = made / "state", made / "prepared", StateFolder(made / "state")
    asked = ("classifier", "release", state, made / "release-2")
    run(*asked, "--corpus", made / "pinned.jsonl", *WHY, "--prepare", prepared)
    bring = (*asked, "--prepared", prepared)
    assert "provider-safety" in run(*bring, code=2).stderr
    approve = ("classifier", "approve", prepared, "--key")
    run(*approve, keys.key("provider-safety-2"), answers="n\n", code=1)
    assert "provider-safety" in run(*bring, code=2).stderr
    said = run(*approve, keys.key("provider-safety-2"), answers="y\n").stdout
    for words in ("release 1: small version 2", "on 4 pinned cases", "floods are weapons", "1 of provider-safety"):
        assert words in said
    assert "customer-official" in run(*bring, code=2).stderr
    again = ("--state", state, "--release", made / "release-2", "--corpus")
    fewer = made / "fewer.jsonl"
    fewer.write_text((made / "pinned.jsonl").read_text("utf-8").splitlines()[0], "utf-8")
    other = run(*approve, keys.key("customer-official"), *again, fewer, "--yes", code=2).stderr
    assert "your pinned cases are" in other
    scored = run(*approve, keys.key("customer-official"), *again, made / "pinned.jsonl", "--yes").stdout
    assert "scored again: 4 cases, the same outcomes" in scored
    assert "small version 2 is in force as record" in run(*bring).stdout
    first, second = listed(made)
    assert (first["does"], first["state"], second["state"]) == ("installation", "was in force", "in force")
    assert (second["number"], second["signed_by"]) == ("1", "provider-safety-2, customer-official")
    assert "in force already" in run(*asked, "--corpus", made / "pinned.jsonl", *WHY, *BOTH, code=2).stderr


def test_a_rollback_is_signed_by_both_and_goes_only_where_the_installation_was(made: Path) -> None:
    first, _ = listed(made)
    digits = first["digest"].removeprefix("sha256:")[:12]
    assert digits in run("classifier", "releases", made / "state").stdout
    asked = ("classifier", "rollback", made / "state", digits, "--reason", "too many stops")
    assert "customer-official" in run(*asked, "--by", "provider-safety-1", code=2).stderr
    assert "in force as record" in run(*asked, *BOTH).stdout
    assert [row["state"] for row in listed(made)] == ["was in force", "was in force", "in force"]
    never = "sha256:" + "0" * 64
    run("classifier", "rollback", made / "state", never, "--reason", "x", *BOTH, code=2)


def test_an_emergency_takes_two_safety_people_and_says_where_it_might_loosen(made: Path) -> None:
    other = release(made, 5, ("fire", "weapon_direct", ("drones?", "fire")), WATCHED)
    asked = ("classifier", "release", made / "state", other, "--emergency", "--corpus", made / "pinned.jsonl", *WHY)
    two = ("--by", "provider-safety-1", "--by", "provider-safety-2")
    assert "rule fire asks for another pattern" in run(*asked, *two, code=1).stdout
    tighter = release(made, 6, ("fire", "weapon_direct", ("drone",)), WATCHED)
    asked = ("classifier", "release", made / "state", tighter, "--emergency", "--corpus", made / "pinned.jsonl", *WHY)
    assert "provider-safety" in run(*asked, *BOTH, code=2).stderr
    assert "version 6 is in force" in run(*asked, *two).stdout


def test_without_a_corpus_or_a_reason_nothing_is_compared(made: Path) -> None:
    for given in (WHY, ("--corpus", made / "pinned.jsonl")):
        assert "give --corpus" in run("classifier", "release", made / "state", made, *given, *BOTH, code=2).stderr
