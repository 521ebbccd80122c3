# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement lint``, ``merge`` and ``review`` as a person runs them."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import msgspec
import pytest

from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots
from brightline.shell import shipped
from brightline.shell.trust.keys import make_key, public_hex
from tests.shell.cli.in_process import run

FOLDERS = shipped.shipped_agreements()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped.shipped_agreement(), tmp_path / "agreement"))


def edit(folder: Path, old: str, new: str) -> None:
    text = (folder / "agreement.toml").read_text()
    assert text.count(old) == 1
    (folder / "agreement.toml").write_text(text.replace(old, new))


def test_the_shipped_agreement_has_no_gap_and_its_warnings_are_printed() -> None:
    said = run("agreement", "lint").stdout
    assert said.splitlines()[-1] == "dow-2026-02-27: 0 errors, 14 warnings in 16 clauses"
    assert "warning  clause.L2: inert" in said
    assert said.count("no pattern counts towards it") == 5


def test_strict_takes_warnings_for_bad_news_too() -> None:
    run("agreement", "lint", "--strict", code=1)


def test_a_gap_is_bad_news_with_its_place_and_what_to_do(folder: Path) -> None:
    edit(folder, 'controls = ["roster"]\n', "")
    done = run("agreement", "lint", "--agreement", folder, code=1)
    assert "error    clause.P1: text only: no technical control carries this clause" in done.stdout
    assert "  bind it under `controls`: " in done.stdout


def test_remarks_come_as_json() -> None:
    said = json.loads(run("agreement", "lint", "--json").stdout)
    assert (said["agreement"], said["errors"], said["warnings"]) == ("dow-2026-02-27", 0, len(said["remarks"]))
    assert set(said["remarks"][0]) == {"severity", "rule", "place", "message", "mend"}


def test_an_agreement_that_does_not_load_is_a_wrong_question(folder: Path) -> None:
    edit(folder, 'name = "coding question"', 'name = ""')
    assert "next:" in run("agreement", "lint", "--agreement", folder, code=2).stderr


def test_a_review_by_each_party_is_signed_verified_and_no_longer_missed(folder: Path, tmp_path: Path) -> None:
    roles = {}
    for role in (SigningRole.PROVIDER_SAFETY, SigningRole.CUSTOMER_OFFICIAL):
        public = public_hex(make_key(tmp_path / "keys" / role))
        roles[role] = RoleKeys((PinnedKey(public, f"{role}-holder"),))
        out = folder / f"{role.party}.json"
        who = ("--party", role.party, "--key", tmp_path / "keys" / role, "--holder", f"the office of the {role.party}")
        done = run("agreement", "review", "--agreement", folder, *who, "--out", out)
        assert f"16 clauses of dow-2026-02-27 reviewed for the {role.party}" in done.stdout
        again = run("agreement", "review", "--agreement", folder, *who, "--out", out, code=2)
        assert "cannot be written" in again.stderr
    roots = tmp_path / "trust.json"
    roots.write_bytes(msgspec.json.encode(TrustRoots("development", roles)))

    edit(folder, "encoding_review = []", 'encoding_review = ["provider.json", "customer.json"]')
    unverified = run("agreement", "lint", "--agreement", folder).stdout
    assert "not reviewed by the provider" in unverified
    assert "--roots FILE" in unverified
    assert "encoding_review:" not in run("agreement", "lint", "--agreement", folder, "--roots", roots).stdout

    # The signed bytes count, not the file's name; and a file that is named must be there.
    (folder / "customer.json").write_bytes((folder / "provider.json").read_bytes())
    assert "not reviewed by the customer" in run("agreement", "lint", "--agreement", folder, "--roots", roots).stdout
    (folder / "customer.json").write_bytes(b"{}")
    forged = run("agreement", "lint", "--agreement", folder, "--roots", roots, code=1).stdout
    assert "error    encoding_review: customer.json: a statement is not a DSSE envelope" in forged
    (folder / "customer.json").unlink()
    assert "cannot be read" in run("agreement", "lint", "--agreement", folder, "--roots", roots, code=2).stderr


def test_a_review_of_some_clauses_comes_as_json(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    who = ("--party", "customer", "--key", tmp_path / "key", "--holder", "the legal adviser", "--clause", "L7")
    said = json.loads(run("agreement", "review", *who, "--out", tmp_path / "r.json", "--json").stdout)
    assert (said["clauses"], said["party"], said["office"]) == (["L7"], "customer", "the legal adviser")
    who = (*who[:-1], "L99")
    assert "has no clause 'L99'" in run("agreement", "review", *who, "--out", tmp_path / "s.json", code=2).stderr
    assert not (tmp_path / "s.json").exists()


def test_a_merge_is_a_folder_that_loads_and_has_no_gap(tmp_path: Path) -> None:
    two = FOLDERS["usage-policy-2026"], FOLDERS["two-red-lines-2026"]
    done = run("agreement", "merge", *two, "--id", "both-2026", "--out", tmp_path / "both")
    assert "both-2026: 7 clauses in" in done.stdout
    assert "permit there, deny here, by T1" in done.stdout
    assert "0 errors" in run("agreement", "lint", "--agreement", tmp_path / "both").stdout
    run("agreement", "table", "--agreement", tmp_path / "both")
    again = run("agreement", "merge", *two, "--id", "both-2026", "--out", tmp_path / "both", code=2)
    assert "cannot be written" in again.stderr
    said = json.loads(run("agreement", "merge", *two, "--id", "c", "--out", tmp_path / "c", "--json").stdout)
    assert said["agreement"] == "c"
    assert len(said["stricter_examples"]) == 2


def test_a_merge_that_is_refused_writes_nothing(tmp_path: Path) -> None:
    two = FOLDERS["two-red-lines-2026"], FOLDERS["usage-policy-2026"]
    done = run("agreement", "merge", *two, "--id", "usage-policy-2026", "--out", tmp_path / "x", code=2)
    assert "take a new id" in done.stderr
    assert not (tmp_path / "x").exists()
