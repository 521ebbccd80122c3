# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement update`` as a person runs it: proved, signed, in force; or refused, and nothing changed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from brightline.shell import shipped
from brightline.shell.prove.bundle import verify_bundle
from brightline.shell.storage.agreements import AgreementStore
from tests.harness import read_records
from tests.shell.cli.in_process import run
from tests.versions import looser, stricter, version


@pytest.fixture
def state(tmp_path: Path) -> Path:
    root = tmp_path / "state"
    run("init", root, "--model", "m", "--upstream", "http://127.0.0.1:9", "--port", "0")
    return root


def releases(state: Path) -> list[int]:
    return [record["version"] for record in read_records(state, "registry") if record["kind"] == "RELEASE"]


def test_a_tightening_is_proved_by_three_and_in_force(state: Path, tmp_path: Path) -> None:
    folder = stricter(tmp_path, 2)
    said = run("agreement", "update", state, folder, "--by", "provider-safety-1").stdout
    assert "proved no weaker than the baseline by z3, cvc5 and the exact prover" in said
    assert releases(state) == [2]
    digest = shipped.read_agreement(folder).digest
    baseline = shipped.read_agreement(shipped.shipped_agreement()).digest
    kept = AgreementStore(state / "agreements").folder(digest) / "proof"
    assert {name for name, _ in verify_bundle(kept, digest, baseline).solvers} == {"z3", "cvc5"}
    rows = json.loads(run("agreement", "history", state, "--json").stdout)
    assert [(row["version"], row["state"]) for row in rows] == [("1", "baseline"), ("2", "in force")]


def test_a_loosening_is_refused_with_a_request_in_words(state: Path, tmp_path: Path) -> None:
    said = run("agreement", "update", state, looser(tmp_path, 2), "--by", "provider-safety-1", code=1).stdout
    assert "nothing was changed" in said
    assert "weapon_direct = yes and everything else good" in said
    assert "RL-2" in said
    assert releases(state) == []
    refused = run("agreement", "update", state, tmp_path / "version-2", "--by", "provider-safety-1", "--json", code=1)
    assert json.loads(refused.stdout)["in_force"] is False


@pytest.mark.parametrize(
    ("before", "after", "words"),
    [
        ('mass_domestic    = { good = "no", set_by = ["detector", "pattern"]', "", "pattern against it would be lost"),
        ("provider_cleared = 2", "provider_cleared = 1", "it takes 2 of provider_cleared"),
        ("approvals.provider_cleared >= 2", "approvals.provider_cleared >= 1", "L7a"),
        ('signers = ["provider-safety"]', 'signers = ["provider-officer"]', "who may change it"),
        ("confirmed = 3", "confirmed = 30", "only lower trips earlier"),
        ("dated = 2023-01-25", "dated = 2026-09-25", "the law is meant as it stood"),
    ],
)
def test_who_is_compared_and_not_only_what(state: Path, tmp_path: Path, before: str, after: str, words: str) -> None:
    if not after:
        after = before.replace(', "pattern"]', "]")
    folder = version(tmp_path, 2, (before, after))
    if "approvals" in before:
        text = (folder / "agreement.toml").read_text("utf-8")
        head, *examples = text.split("[[example]]\n")
        kept = [each for each in examples if "L7a" not in each]
        (folder / "agreement.toml").write_text("[[example]]\n".join([head, *kept]), "utf-8")
    assert words in run("agreement", "update", state, folder, "--by", "provider-safety-1", code=1).stdout
    assert releases(state) == []


@pytest.mark.parametrize("holder", ["field-engineer", "customer-official", "provider-officer"])
def test_those_whom_the_baseline_does_not_name_sign_in_vain(state: Path, tmp_path: Path, holder: str) -> None:
    said = run("agreement", "update", state, stricter(tmp_path, 2), "--by", holder, code=2).stderr
    assert "no pinned key of the provider-safety signed" in said
    assert releases(state) == []


def test_signers_who_are_elsewhere_sign_what_was_prepared(state: Path, tmp_path: Path) -> None:
    folder, prepared = stricter(tmp_path, 2), tmp_path / "prepared"
    run("agreement", "update", state, folder, "--prepare", prepared)
    assert "no pinned key" in run("agreement", "update", state, folder, "--prepared", prepared, code=2).stderr
    run("agreement", "sign", prepared, "--key", state / "keys" / "provider-safety-2")
    run("agreement", "update", state, folder, "--prepared", prepared)
    assert releases(state) == [2]


def test_a_proof_that_was_touched_is_refused(state: Path, tmp_path: Path) -> None:
    folder, prepared = stricter(tmp_path, 2), tmp_path / "prepared"
    run("agreement", "update", state, folder, "--prepare", prepared)
    run("agreement", "sign", prepared, "--key", state / "keys" / "provider-safety-1")
    script = next((prepared / "proof").glob("*.smt2"))
    script.write_bytes(script.read_bytes() + b"; nothing\n")
    run("agreement", "update", state, folder, "--prepared", prepared, code=2)
    assert releases(state) == []


def test_an_old_version_and_another_agreement_are_refused(state: Path, tmp_path: Path) -> None:
    run("agreement", "update", state, stricter(tmp_path, 3), "--by", "provider-safety-1")
    older = version(tmp_path, 2)
    said = run("agreement", "update", state, older, "--by", "provider-safety-1", code=2).stderr
    assert "version 2 is not later than 3" in said
    other = shipped.shipped_agreements()["two-red-lines-2026"]
    assert "another agreement" in run("agreement", "update", state, other, "--by", "provider-safety-1", code=2).stderr
    assert releases(state) == [3]


def test_a_rename_needs_its_mapping(state: Path, tmp_path: Path) -> None:
    folder = version(tmp_path, 2)
    path = folder / "agreement.toml"
    renamed = path.read_text("utf-8").replace("us_person", "domestic_person")
    path.write_text(renamed, "utf-8")
    said = run("agreement", "update", state, folder, "--by", "provider-safety-1", code=1).stdout
    assert "say what it is called now" in said
    mapped = renamed.replace("domestic_person        = {", 'domestic_person = { formerly = { name = "us_person" },')
    assert mapped != renamed
    path.write_text(mapped, "utf-8")
    run("agreement", "update", state, folder, "--by", "provider-safety-1")
    assert releases(state) == [2]


def test_what_does_not_load_is_refused_with_its_place(state: Path, tmp_path: Path) -> None:
    folder = tmp_path / "broken"
    shutil.copytree(shipped.shipped_agreement(), folder)
    (folder / "agreement.toml").write_text("not toml", "utf-8")
    said = run("agreement", "update", state, folder, "--by", "provider-safety-1", code=2).stderr
    assert "agreement.toml:1:" in said
    assert "give one of" in run("agreement", "update", state, folder, code=2).stderr
