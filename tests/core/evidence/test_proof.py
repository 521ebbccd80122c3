# SPDX-License-Identifier: Apache-2.0
"""Proof files: what they show, what they refuse, and what in them nobody vouches for."""

from __future__ import annotations

import base64
import json

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.cosignature import Ed25519Cosigner, NoKnownSignature, add_lines, split_note
from brightline.core.evidence.merkle import ProofError, Tree, leaf_hash
from brightline.core.evidence.note import NoteError, NoteSigner, VerifierKey
from brightline.core.evidence.policy import NoLogSignature, NoQuorum, Policy
from brightline.core.evidence.proof import (
    EXTRA_BYTES_MAX,
    PROOF_BYTES_MAX,
    MalformedProof,
    TlogProof,
    verify_proof,
)
from tests.vectors import vectors_dir

LOG = NoteSigner("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = Ed25519Cosigner("witness.example/w", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))
POLICY = Policy.parse(f"witness w {WITNESS.verifier.vkey()}\nquorum w\n".encode())


def record(index: int) -> bytes:
    return f"record {index}".encode()


def prove(index: int, size: int, extra: bytes | None = None) -> TlogProof:
    tree = Tree()
    for at in range(size):
        tree.append(leaf_hash(record(at)))
    head = Checkpoint("example.org/log", size, tree.root())
    note = add_lines(sign_checkpoint(head, LOG), [WITNESS.cosignature_line(head.text(), 5)])
    return TlogProof(index, tree.inclusion_proof(index), note, extra)


def test_a_proof_file_shows_offline_where_a_record_stands_and_who_saw_the_log() -> None:
    proof = TlogProof.parse(prove(5, 7).encode())
    found = verify_proof(proof, record(5), [LOG.verifier], POLICY)
    assert found.index == 5
    assert found.checkpoint.checkpoint.size == 7
    assert found.checkpoint.times == {"w": 5}


def test_the_file_is_the_one_of_the_standard() -> None:
    lines = prove(1, 2, b"\x00").encode().split(b"\n")
    assert lines[:3] == [b"c2sp.org/tlog-proof@v1", b"extra AA==", b"index 1"]
    assert lines[3] == base64.b64encode(leaf_hash(record(0)))
    assert lines[4:6] == [b"", b"example.org/log"]


def test_another_record_index_log_or_policy_is_refused() -> None:
    proof = prove(5, 7)
    with pytest.raises(ProofError, match="does not lead"):
        verify_proof(proof, record(4), [LOG.verifier], POLICY)
    with pytest.raises(ProofError):
        verify_proof(msgspec.structs.replace(proof, index=4), record(5), [LOG.verifier], POLICY)
    stranger = NoteSigner("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes([3]) * 32))
    with pytest.raises(NoLogSignature):
        verify_proof(proof, record(5), [stranger.verifier], POLICY)
    other = Ed25519Cosigner("witness.example/o", Ed25519PrivateKey.from_private_bytes(bytes([4]) * 32))
    both = Policy.parse(f"{POLICY.text()}".replace("quorum w\n", "").encode() + second(other))
    with pytest.raises(NoQuorum, match="missing: o"):
        verify_proof(proof, record(5), [LOG.verifier], both)


def second(cosigner: Ed25519Cosigner) -> bytes:
    return f"witness o {cosigner.verifier.vkey()}\ngroup g all w o\nquorum g\n".encode()


def test_extra_can_be_changed_by_anybody_and_proves_nothing() -> None:
    changed = msgspec.structs.replace(prove(5, 7, b"the truth"), extra=b"a lie")
    verify_proof(TlogProof.parse(changed.encode()), record(5), [LOG.verifier], POLICY)
    with pytest.raises(MalformedProof, match="extra"):
        msgspec.structs.replace(changed, extra=bytes(EXTRA_BYTES_MAX + 1)).encode()


@pytest.mark.parametrize(
    "proof",
    [
        TlogProof(-1, (), b"a\n"),
        TlogProof(2**63, (), b"a\n"),
        TlogProof(0, (bytes(31),), b"a\n"),
        TlogProof(0, (bytes(32),) * 64, b"a\n"),
    ],
)
def test_a_proof_that_would_be_read_as_another_or_not_at_all_is_not_written(proof: TlogProof) -> None:
    with pytest.raises(MalformedProof):
        proof.encode()


def test_a_proof_beyond_the_bound_is_not_read() -> None:
    with pytest.raises(MalformedProof, match="at most"):
        TlogProof.parse(bytes(PROOF_BYTES_MAX + 1))


def test_every_flipped_bit_of_a_proof_is_refused() -> None:
    whole = prove(2, 5).encode()
    for at in range(len(whole) * 8):
        flipped = bytearray(whole)
        flipped[at // 8] ^= 1 << at % 8
        try:
            proof = TlogProof.parse(bytes(flipped))
            verify_proof(proof, record(2), [LOG.verifier], POLICY)
        except (ProofError, NoteError):
            continue
        raise AssertionError(f"bit {at} can be flipped")


@given(
    st.integers(0, 2**63 - 1),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(max_size=200),
    st.one_of(st.none(), st.binary(max_size=100)),
)
def test_every_proof_survives_its_file(index: int, hashes: list[bytes], note: bytes, extra: bytes | None) -> None:
    proof = TlogProof(index, tuple(hashes), note, extra)
    assert TlogProof.parse(proof.encode()) == proof


@given(st.integers(1, 40).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_every_record_of_every_tree_is_proved(place: tuple[int, int]) -> None:
    verify_proof(prove(*place), record(place[0]), [LOG.verifier], POLICY)


def verdict(case: dict[str, str], witnesses: list[str]) -> str:
    names = [f"w{at}" for at in range(len(witnesses))]
    lines = [f"witness {name} {vkey}\n" for name, vkey in zip(names, witnesses, strict=True)]
    policy = Policy.parse("".join([*lines, f"group g all {' '.join(names)}\n", "quorum g\n"]).encode())
    logs = [VerifierKey.parse(case["log_vkey"])]
    assert logs[0].name == case["expected_origin"]
    try:
        proof = TlogProof.parse(case["proof"].encode())
        try:
            split_note(proof.checkpoint)
        except NoteError:
            return "malformed_note"
        verify_proof(proof, case["entry"].encode(), logs, policy)
    except MalformedProof:
        return "malformed_proof"
    except ProofError:
        return "bad_inclusion_proof"
    except NoQuorum:
        return "no_quorum"
    except (NoLogSignature, NoKnownSignature):
        return "no_log_signature"
    except NoteError:
        return "invalid_signature"
    return "ok"


def test_the_proofs_of_other_projects_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "proof" / "cases.json").read_text("utf-8"))["cases"]
    assert len(cases) == 48
    for case in cases:
        assert verdict(case, case["witness_vkeys"]) == case["expect"], case["name"]
        if (parsed := case.get("parsed")) is not None:
            due = TlogProof(
                parsed["index"],
                tuple(map(base64.b64decode, parsed["hashes"])),
                parsed["checkpoint"].encode(),
                None if parsed["extra"] is None else base64.b64decode(parsed["extra"]),
            )
            assert TlogProof.parse(case["proof"].encode()) == due, case["name"]
            assert due.encode() == case["proof"].encode(), case["name"]
