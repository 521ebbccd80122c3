# SPDX-License-Identifier: Apache-2.0
"""Proofs out of published files: the same that the tree itself gives, under the head that covers a record."""

from __future__ import annotations

import base64
import json
from itertools import pairwise

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.evidence.audit_tree import UnreadableError
from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.cosignature import Ed25519Cosigner, add_lines
from brightline.core.evidence.merkle import ProofError, Tree, leaf_hash, root_of
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.policy import Policy
from brightline.core.evidence.proof import TlogProof, verify_proof
from brightline.core.evidence.proving import (
    Heads,
    NotCosigned,
    NotPublished,
    path_of_record,
    prove_record,
    read_heads,
    sibling_ranges,
)
from brightline.core.evidence.tile import tiles_for
from tests.core.evidence.test_audit import Folder
from tests.vectors import vectors_dir

LOG = NoteSigner("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = Ed25519Cosigner("witness.example/w", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))
POLICY = Policy.parse(f"witness w {WITNESS.verifier.vkey()}\nquorum w\n".encode())
MOST = 700


def record(index: int) -> bytes:
    return f"record {index}".encode()


TREE = Tree()
for _at in range(MOST):
    TREE.append(leaf_hash(record(_at)))


def head_note(size: int, *, cosigned: bool) -> bytes:
    head = Checkpoint("example.org/log", size, TREE.root(size))
    note = sign_checkpoint(head, LOG)
    return add_lines(note, [WITNESS.cosignature_line(head.text(), 5)]) if cosigned else note


def folder(size: int, cosigned: int | None = None) -> Folder:
    """A log of ``size`` records, published at once: no partial tile of an older head is there."""
    files = dict(tiles_for(0, size, record, TREE.node))
    files["checkpoint"] = head_note(size, cosigned=False)
    if cosigned is not None:
        files["cosigned"] = head_note(cosigned, cosigned=True)
    return Folder(files)


@settings(max_examples=60)
@given(st.data())
def test_a_proof_from_tiles_is_the_one_that_the_tree_gives_and_verifies_offline(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, MOST))
    seen = data.draw(st.integers(1, size))  # the witnesses are behind, and their partial tiles are gone
    index = data.draw(st.integers(0, seen - 1))
    published = folder(size, seen)
    heads = read_heads(published)
    proof = prove_record(published, heads, heads.in_place(index), index)
    assert proof.hashes == TREE.inclusion_proof(index, seen)
    assert proof.checkpoint == published.files["cosigned"]
    found = verify_proof(TlogProof.parse(proof.encode()), record(index), [LOG.verifier], POLICY)
    assert (found.checkpoint.checkpoint.size, found.checkpoint.times) == (seen, {"w": 5})


@settings(max_examples=60)
@given(st.data())
def test_the_way_has_every_hash_on_it_and_says_which_records_are_beside_it(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, MOST))
    index = data.draw(st.integers(0, size - 1))
    published = folder(size)
    heads = read_heads(published)
    path = path_of_record(published, heads, heads.signed, index)
    assert (path.nodes[0], path.nodes[-1]) == (leaf_hash(record(index)), TREE.root(size))
    for sibling in path.siblings:
        assert sibling.hash == root_of([leaf_hash(record(at)) for at in range(sibling.start, sibling.end)])
    assert tuple(sibling.hash for sibling in path.siblings) == TREE.inclusion_proof(index, size)


@given(st.integers(1, 2**63 - 1), st.data())
def test_what_lies_beside_the_way_is_every_other_record_once_in_a_tree_of_any_size(
    size: int, data: st.DataObject
) -> None:
    index = data.draw(st.integers(0, size - 1))
    ranges = sorted([*sibling_ranges(index, size), (index, index + 1)])
    assert ranges[0][0] == 0
    assert ranges[-1][1] == size
    assert all(before[1] == after[0] for before, after in pairwise(ranges))
    assert len(ranges) <= 1 + (size - 1).bit_length()
    # Only what ends at the right edge may hold another number of records than a power of two.
    assert all((end - start).bit_count() == 1 or end == size for start, end in ranges)


def test_the_head_is_the_cosigned_one_and_what_it_does_not_cover_is_told_apart() -> None:
    behind, alone = read_heads(folder(10, 4)), read_heads(folder(10))
    assert behind.in_place(3) is behind.cosigned
    for ask in (behind.in_place, behind.witnessed):
        with pytest.raises(NotCosigned, match="cosigned the first 4 records; record 4 is not yet there"):
            ask(4)
    assert behind.covering(4) is behind.signed
    assert alone.in_place(9) is alone.signed
    with pytest.raises(NotCosigned, match="no checkpoint that witnesses"):
        alone.witnessed(9)
    for heads in (behind, alone):
        for index in (-1, 10):
            with pytest.raises(NotPublished, match="10 are"):
                heads.in_place(index)


def test_a_cosigned_head_that_is_newer_than_the_checkpoint_is_read_as_far_as_it_goes() -> None:
    """The two files are read one after the other, and the log may grow between."""
    published = folder(300, 300)
    published.files["checkpoint"] = head_note(280, cosigned=False)
    heads = read_heads(published)
    assert prove_record(published, heads, heads.in_place(299), 299).hashes == TREE.inclusion_proof(299, 300)


def test_tiles_that_do_not_lead_to_the_head_give_no_proof() -> None:
    published = folder(300)
    published.files["tile/0/000"] = bytes(32) + published.files["tile/0/000"][32:]
    heads = read_heads(published)
    for index in (0, 1, 255):
        with pytest.raises(ProofError, match="does not lead"):
            prove_record(published, heads, heads.signed, index)
    with pytest.raises(NotPublished):
        prove_record(published, heads, heads.signed, 300)
    del published.files["tile/0/000"]
    with pytest.raises(UnreadableError, match="missing"):
        prove_record(published, heads, heads.signed, 0)


@pytest.mark.parametrize("path", ["checkpoint", "cosigned"])
def test_a_head_that_is_none_does_not_read(path: str) -> None:
    published = folder(10, 4)
    published.files[path] = b"<b>\n-1\nx\n\n- nobody\n"
    with pytest.raises(UnreadableError, match=f"{path} is no checkpoint"):
        read_heads(published)
    assert read_heads(folder(10)) == Heads(read_heads(folder(10)).signed, None)


def test_the_files_that_another_implementation_made_are_made_here_byte_for_byte() -> None:
    cases = json.loads((vectors_dir("c2sp") / "proof" / "cases.json").read_text("utf-8"))["cases"]
    compared = 0
    for case in cases:
        if case["expect"] != "ok" or not case["name"].startswith("entry "):
            continue
        given = TlogProof.parse(case["proof"].encode())
        published = folder(int(given.checkpoint.split(b"\n")[1]))
        published.files["checkpoint"] = given.checkpoint
        heads = read_heads(published)
        assert prove_record(published, heads, heads.signed, given.index).encode() == case["proof"].encode()
        compared += 1
    assert compared >= 8


def test_proofs_over_the_tiles_of_another_implementation_are_its_own() -> None:
    base = vectors_dir("c2sp") / "tiles"
    tree = base / "tree-300"
    files = {file.relative_to(tree).as_posix(): file.read_bytes() for file in tree.rglob("*") if file.is_file()}
    cases = [
        case for case in json.loads((base / "proofs.json").read_text("utf-8"))["inclusion"] if case["size"] <= 300
    ]
    assert cases
    for case in cases:
        published = Folder(files | {"cosigned": head_note(case["size"], cosigned=True)})
        heads = read_heads(published)
        proof = prove_record(published, heads, heads.in_place(case["index"]), case["index"])
        assert [base64.b64encode(hash_).decode() for hash_ in proof.hashes] == case["proof"]
