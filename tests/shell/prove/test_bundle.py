# SPDX-License-Identifier: Apache-2.0
"""A proof as a folder: whole, about what was asked, and unchanged, or it is refused."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from brightline.core.errors import ConfigError, TrustError
from brightline.shell.prove.bundle import INDEX, README, Index, bundle_files, pins, verify_bundle, write_bundle
from brightline.shell.prove.proof import Proof, prove_update, scripts_for
from brightline.shell.prove.solvers import Answer, SolverName, SolverVerdict
from tests.shell.prove.test_proof import BASELINE, STRICTER, WEAKER, in_process, saying


@pytest.fixture(scope="module")
def proof() -> Proof:
    return prove_update(STRICTER, BASELINE, 30, solve=in_process)


@pytest.fixture
def folder(proof: Proof, tmp_path: Path) -> Path:
    write_bundle(tmp_path / "proof", proof)
    return tmp_path / "proof"


def test_a_folder_verifies_by_its_digests_and_by_its_agreements(folder: Path) -> None:
    summary = verify_bundle(folder, STRICTER.digest, BASELINE.digest)
    assert summary == verify_bundle(folder, STRICTER.digest, BASELINE.digest, scripts_for(STRICTER, BASELINE))
    assert summary.claims == len(scripts_for(STRICTER, BASELINE))
    assert summary.solvers == (("cvc5", "1"), ("z3", "5"))


def test_the_pins_are_the_digests_of_all_files_that_were_written(folder: Path, proof: Proof) -> None:
    found = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    assert found == pins(bundle_files(proof))
    assert {INDEX, README} < set(found)


def test_nothing_is_written_over(folder: Path, proof: Proof) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        write_bundle(folder, proof)


def test_the_readme_names_every_script_with_the_answer_that_proves_it(folder: Path, proof: Proof) -> None:
    text = (folder / README).read_text()
    for outcome in proof.outcomes:
        assert f"  {outcome.script.file:<45} {outcome.script.expected:<6} {outcome.script.claim}\n" in text


def test_a_proof_about_other_agreements_is_refused(folder: Path) -> None:
    other = "sha256:" + "1" * 64
    for asked in ((other, BASELINE.digest), (STRICTER.digest, other), (STRICTER.digest, "")):
        with pytest.raises(TrustError, match="is about"):
            verify_bundle(folder, *asked)


def test_a_changed_byte_of_any_script_is_refused(folder: Path) -> None:
    for path in folder.glob("*.smt2"):
        kept = path.read_bytes()
        path.write_bytes(kept.replace(b"Claim", b"claim", 1))
        with pytest.raises(TrustError, match="SHA-256"):
            verify_bundle(folder, STRICTER.digest, BASELINE.digest)
        path.write_bytes(kept)
    path.unlink()
    with pytest.raises(TrustError, match="cannot be read"):
        verify_bundle(folder, STRICTER.digest, BASELINE.digest)


def rewrite(folder: Path, change: Callable[[Index], Index]) -> None:
    index = msgspec.json.decode((folder / INDEX).read_bytes(), type=Index)
    (folder / INDEX).write_bytes(msgspec.json.encode(change(index)))


def test_a_script_that_is_missing_from_the_index_is_missed(folder: Path) -> None:
    whole = (folder / INDEX).read_bytes()
    for i in range(len(msgspec.json.decode(whole, type=Index).scripts)):
        (folder / INDEX).write_bytes(whole)
        rewrite(folder, lambda d, i=i: msgspec.structs.replace(d, scripts=d.scripts[:i] + d.scripts[i + 1 :]))  # type: ignore[misc]
        with pytest.raises(TrustError, match="lacks"):
            verify_bundle(folder, STRICTER.digest, BASELINE.digest)


def test_a_script_of_another_agreement_is_found_where_the_agreements_are_at_hand(folder: Path) -> None:
    with pytest.raises(TrustError, match="other scripts than the proof"):
        verify_bundle(folder, STRICTER.digest, BASELINE.digest, scripts_for(WEAKER, BASELINE))


def test_a_script_named_twice_or_by_a_path_is_refused(folder: Path) -> None:
    whole = (folder / INDEX).read_bytes()
    rewrite(folder, lambda index: msgspec.structs.replace(index, scripts=(*index.scripts, index.scripts[0])))
    with pytest.raises(TrustError, match="twice"):
        verify_bundle(folder, STRICTER.digest, BASELINE.digest)
    (folder / INDEX).write_bytes(whole)

    def led_away(index: Index) -> Index:
        more = msgspec.structs.replace(index.scripts[0], file="../proof/T1-crossed-is-denied.smt2")
        return msgspec.structs.replace(index, scripts=(*index.scripts, more))

    rewrite(folder, led_away)
    with pytest.raises(TrustError, match="no name of a script"):
        verify_bundle(folder, STRICTER.digest, BASELINE.digest)


def test_an_answer_that_proves_nothing_or_a_solver_that_was_not_asked_is_refused(folder: Path) -> None:
    whole = (folder / INDEX).read_bytes()

    def answered(answers: Callable[[Index], object]) -> Callable[[Index], Index]:
        def change(index: Index) -> Index:
            first = msgspec.structs.replace(index.scripts[0], answers=answers(index))
            return msgspec.structs.replace(index, scripts=(first, *index.scripts[1:]))

        return change

    for verdict in (SolverVerdict.SAT, SolverVerdict.UNKNOWN, SolverVerdict.TIMEOUT, SolverVerdict.ERROR):
        rewrite(
            folder,
            answered(
                lambda index, v=verdict: (  # type: ignore[misc]
                    index.scripts[0].answers[0],
                    msgspec.structs.replace(index.scripts[0].answers[1], verdict=v),
                )
            ),
        )
        with pytest.raises(TrustError, match="does not prove it"):
            verify_bundle(folder, STRICTER.digest, BASELINE.digest)
        (folder / INDEX).write_bytes(whole)
    for picked in ((0,), (0, 0), (0, 1, 1), ()):
        rewrite(folder, answered(lambda index, p=picked: tuple(index.scripts[0].answers[i] for i in p)))  # type: ignore[misc]
        with pytest.raises(TrustError, match="one answer of each"):
            verify_bundle(folder, STRICTER.digest, BASELINE.digest)
        (folder / INDEX).write_bytes(whole)


def test_a_refused_proof_may_be_kept_but_never_verifies(tmp_path: Path) -> None:
    silent = Answer(SolverName.Z3, "", SolverVerdict.TIMEOUT, 1.0)
    refused = prove_update(STRICTER, BASELINE, 30, solve=saying({("T4-purpose", SolverName.Z3): silent}))
    write_bundle(tmp_path / "proof", refused)
    with pytest.raises(TrustError, match=r"T4-purpose\.smt2: z3 said timeout"):
        verify_bundle(tmp_path / "proof", STRICTER.digest, BASELINE.digest)


@pytest.mark.parametrize("text", [b"", b"{}", b"[]", b'{"format": 1}', b"\xff"])
def test_an_index_that_is_none_is_refused(folder: Path, text: bytes) -> None:
    (folder / INDEX).write_bytes(text)
    with pytest.raises(TrustError, match="no record of a proof"):
        verify_bundle(folder, STRICTER.digest, BASELINE.digest)


def test_another_format_and_an_index_without_end_are_refused(folder: Path) -> None:
    rewrite(folder, lambda index: msgspec.structs.replace(index, format="brightline-proof/2"))
    with pytest.raises(TrustError, match="expected 'brightline-proof/1'"):
        verify_bundle(folder, STRICTER.digest, BASELINE.digest)
    (folder / INDEX).write_bytes(b" " * (4 * 1024 * 1024 + 1))
    with pytest.raises(TrustError, match="exceeds"):
        verify_bundle(folder, STRICTER.digest, BASELINE.digest)
