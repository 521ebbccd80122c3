# SPDX-License-Identifier: Apache-2.0
"""``brightline agreement prove``: what a person sees, the exit code, and a folder that verifies."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from brightline.shell import shipped
from brightline.shell.cli.agreement import agreement
from brightline.shell.prove.bundle import verify_bundle
from brightline.shell.prove.proof import scripts_for

pytest.importorskip("z3", reason="needs brightline[prove]")
pytest.importorskip("cvc5", reason="needs brightline[prove]")

BASELINE = shipped.shipped_agreements()["two-red-lines-2026"]


def prove(*arguments: str | Path) -> Result:
    return CliRunner().invoke(agreement, ["prove", *map(str, arguments)])


def later(tmp_path: Path, before: str, after: str) -> Path:
    """A second version of the smallest shipped agreement, with one change."""
    shutil.copytree(BASELINE, tmp_path / "new")
    file = tmp_path / "new" / "agreement.toml"
    text = file.read_text("utf-8")
    text = text.replace("version = 1\n", "") if "version = 1\n" in text else text
    assert before in text
    file.write_text(text.replace("as_of", "version = 2\nas_of", 1).replace(before, after), "utf-8")
    return tmp_path / "new"


def test_a_later_version_is_proved_and_the_folder_verifies(tmp_path: Path) -> None:
    new = later(tmp_path, "mass_domestic = { good", "mass_domestic = { good")
    done = prove(new, "--baseline", BASELINE, "--out", tmp_path / "proof")
    assert done.exit_code == 0, done.output
    assert "no-weaker-permits" in done.output
    assert "and the exact prover, for all facts and approvals" in done.output
    candidate, baseline = shipped.read_agreement(new), shipped.read_agreement(BASELINE)
    summary = verify_bundle(tmp_path / "proof", candidate.digest, baseline.digest, scripts_for(candidate, baseline))
    assert [name for name, _ in summary.solvers] == ["cvc5", "z3"]


def test_a_loosening_is_refused_with_a_request_in_words(tmp_path: Path) -> None:
    new = later(
        tmp_path, "redline = \"mass_domestic != 'no'\"", "redline = \"mass_domestic != 'no' and lawful != 'yes'\""
    )
    text = (new / "agreement.toml").read_text("utf-8")
    # What the examples say of the red line is no longer so; without these the text would not even load.
    kept = [part for part in text.split("[[example]]") if "mass_domestic" not in part or "[fact]" in part]
    (new / "agreement.toml").write_text("[[example]]".join(kept), "utf-8")
    done = prove(new, "--baseline", BASELINE, "--json")
    assert done.exit_code == 1, done.output
    said = json.loads(done.stdout)
    assert not said["proved"]
    claims = {claim["name"]: claim for claim in said["claims"]}
    (words,) = claims["no-weaker-denies"]["counterexample"]
    assert words == (
        "a request with mass_domestic = yes and everything else good, with no approvals, is denied (T1) by the "
        "baseline and permitted (G) by version 2"
    )
    assert claims["T5-registration-lifts-no-red-line"]["answers"]["z3"]["verdict"] == "sat"


def test_without_a_baseline_the_theorems_alone_are_proved() -> None:
    done = prove(BASELINE, "--json")
    assert done.exit_code == 0, done.output
    said = json.loads(done.stdout)
    assert said["baseline"] == ""
    assert {claim["name"].partition("-")[0] for claim in said["claims"]} == {
        "T1", "T2", "T3", "T4", "T5", "LIVE", "examples",
    }  # fmt: skip
