# SPDX-License-Identifier: Apache-2.0
"""The roster after the installation, as two parties run it: enrol, invite, sign a passkey in, withdraw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from brightline.core.review.enrolment import MADE_FORMAT, MadePasskey, fingerprint
from tests.authenticator import Passkey
from tests.shell.cli.in_process import run

INIT: Final = ("--model", "m=upstream-m", "--upstream", "http://127.0.0.1:9", "--port", "0")
WHY: Final = ("--reason", "a drill", "--yes", "--json")
NEW: Final = ("--office", "provider_cleared", "--days", "30")


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("enrolment") / "state"
    run("init", root, *INIT)
    return root


def said(state: Path, command: str, person: str, *more: str | Path) -> dict[str, Any]:
    answer: dict[str, Any] = json.loads(run("review", command, state, person, *more, *WHY).stdout)
    return answer


def listed(state: Path) -> dict[str, dict[str, Any]]:
    return {each["id"]: each for each in json.loads(run("review", "roster", state, "--json").stdout)}


def made(path: Path, person: str, code: str, key: Passkey) -> Path:
    path.write_bytes(msgspec.json.encode(MadePasskey(MADE_FORMAT, person, code, key.credential, 1)))
    return path


def test_somebody_is_enrolled_invited_makes_a_passkey_and_is_withdrawn(state: Path, tmp_path: Path) -> None:
    key = Passkey(11)
    invited = said(state, "enrol", "r-11", *NEW, "--role", "senior-reviewer", "--level", "2", "--invite")
    assert len(invited["code"]) == 39
    entry = listed(state)["r-11"]
    assert (entry["roles"], entry["clearance"]["level"], entry["credentials"]) == (["senior-reviewer"], 2, [])
    file = made(tmp_path / "made", "r-11", invited["code"], key)
    done = said(state, "enrol", "r-11", "--passkey", file)
    assert done["version"] == 2
    assert not file.exists()
    entry = listed(state)["r-11"]
    assert [each["id"] for each in entry["credentials"]] == [key.credential.id]
    assert (entry["roles"], entry["clearance"]["level"]) == (["senior-reviewer"], 2)  # what was not given stays
    made(file, "r-11", invited["code"], Passkey(12))
    again = run("review", "enrol", state, "r-11", "--passkey", file, *WHY, code=2)
    assert "one-time code" in again.stderr
    assert said(state, "withdraw", "r-11")["withdrawn"]
    assert "r-11" not in listed(state)
    assert "not on the roster" in run("review", "withdraw", state, "r-11", *WHY, code=2).stderr


def test_what_is_signed_is_shown_and_asked_for(state: Path) -> None:
    asked = ("review", "enrol", state, "r-21", *NEW, "--role", "auditor", "--reason", "looks \x1b[31m on")
    no = run(*asked, code=1, answers="n\n")
    assert "auditor" in no.stdout
    assert "\x1b" not in no.stdout
    assert "r-21" not in listed(state)
    yes = run(*asked, "--invite", answers="y\n")
    assert "sign this for both parties" in yes.stdout
    assert "shown once" in yes.stdout
    assert "one-time code" not in run("review", "roster", state).stdout
    changed = run("review", "enrol", state, "r-21", "--organisation", "elsewhere", "--reason", "moved", answers="y\n")
    assert "elsewhere   (was: –)" in changed.stdout


def test_two_parties_sign_apart_and_one_of_them_is_not_enough(state: Path, tmp_path: Path) -> None:
    statement = tmp_path / "statement"
    said(state, "enrol", "r-31", *NEW, "--out", statement)
    assert "r-31" not in listed(state)
    missing = run("review", "enter", state, statement, code=2)
    assert "no pinned key of the provider-officer" in missing.stderr
    keys = [state / "keys" / name for name in ("provider-officer", "customer-official")]
    assert "r-31" in run("review", "countersign", statement, "--key", keys[0], answers="y\n").stdout
    missing = run("review", "enter", state, statement, code=2)
    assert "no pinned key of the customer-official" in missing.stderr
    run("review", "countersign", statement, "--key", keys[1], "--yes")
    run("review", "enter", state, statement)
    assert "r-31" in listed(state)
    again = run("review", "enter", state, statement, code=2)
    assert "at version 1" in again.stderr


def test_a_software_key_is_made_in_development_and_named_by_its_fingerprint(state: Path) -> None:
    said(state, "enrol", "r-41", *NEW, "--software-key")
    (key,) = listed(state)["r-41"]["credentials"]
    assert key["kind"] == "ed25519"
    dropped = run("review", "enrol", state, "r-41", "--drop", key["id"], "--reason", "lost", "--yes")
    credential = msgspec.convert(key, type(Passkey(1).credential))
    assert f"(was: ed25519 {fingerprint(credential)})" in dropped.stdout
    assert listed(state)["r-41"]["credentials"] == []


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("r-51",), "needs --office"),
        (("r-51", "--office", "provider_cleared"), "needs --days"),
        (("r-51", "--office", "nobody", "--days", "3"), "no office 'nobody'"),
        (("r_51", *NEW), "letters, digits and single hyphens"),
        (("r-51", *NEW, "--role", "auditor", "--role", "officer"), "no role beside"),
        (("r-51", *NEW, "--drop", "x"), "no credential 'x'"),
        (("provider-officer", *NEW), "nobody enrols themselves"),
    ],
)
def test_what_cannot_be_is_told_and_not_logged(state: Path, arguments: tuple[str, ...], why: str) -> None:
    before = listed(state)
    assert why in run("review", "enrol", state, *arguments, *WHY, code=2).stderr
    assert listed(state) == before
