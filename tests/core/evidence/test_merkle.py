# SPDX-License-Identifier: Apache-2.0
"""RFC 6962: trees, and proofs that prove what they claim and nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.cosignature import subtree_message
from brightline.core.evidence.merkle import (
    EMPTY_ROOT,
    GrowingRoot,
    ProofError,
    Tree,
    leaf_hash,
    node_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from brightline.core.evidence.note import NoteError
from tests.vectors import vectors_dir


def tree_of(size: int) -> Tree:
    tree = Tree()
    for i in range(size):
        tree.append(leaf_hash(f"record {i}".encode()))
    return tree


def test_the_empty_tree_has_the_hash_of_nothing() -> None:
    assert Tree().root() == EMPTY_ROOT == root_of([])


def test_a_leaf_hash_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Tree().append(b"short")


@given(st.integers(1, 70))
def test_the_compact_tree_and_the_plain_computation_agree_at_every_size(size: int) -> None:
    hashes = [leaf_hash(f"record {i}".encode()) for i in range(size)]
    tree = tree_of(size)
    for smaller in range(size + 1):
        assert tree.root(smaller) == root_of(hashes[:smaller])


def test_a_root_that_grows_is_that_of_the_tree_at_every_size() -> None:
    growing, tree = GrowingRoot(), tree_of(70)
    for size in range(70):
        assert (growing.size, growing.root()) == (size, tree.root(size))
        growing.append(leaf_hash(f"record {size}".encode()))
    with pytest.raises(ValueError, match="32 bytes"):
        growing.append(b"short")


@given(st.data())
def test_every_leaf_is_proved_in_every_tree_and_no_other_leaf_is(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 80))
    index = data.draw(st.integers(0, size - 1))
    tree = tree_of(90)
    proof = tree.inclusion_proof(index, size)
    verify_inclusion(leaf_hash(f"record {index}".encode()), index, size, proof, tree.root(size))
    with pytest.raises(ProofError):
        verify_inclusion(leaf_hash(b"another"), index, size, proof, tree.root(size))
    with pytest.raises(ProofError):
        verify_inclusion(leaf_hash(f"record {index}".encode()), index, size, (*proof, EMPTY_ROOT), tree.root(size))


@given(st.data())
def test_every_prefix_is_proved_and_a_fork_is_not(data: st.DataObject) -> None:
    new = data.draw(st.integers(1, 80))
    old = data.draw(st.integers(1, new))
    tree = tree_of(90)
    proof = tree.consistency_proof(old, new)
    verify_consistency(old, new, proof, tree.root(old), tree.root(new))
    with pytest.raises(ProofError):
        verify_consistency(old, new, proof, leaf_hash(b"fork"), tree.root(new))


def test_sizes_and_indices_that_the_tree_never_had_are_refused() -> None:
    tree = tree_of(9)
    for call in (
        lambda: tree.root(10),
        lambda: tree.root(-1),
        lambda: tree.inclusion_proof(9),
        lambda: tree.inclusion_proof(-1),
        lambda: tree.inclusion_proof(3, 3),
        lambda: tree.consistency_proof(0),
        lambda: tree.consistency_proof(5, 4),
    ):
        with pytest.raises(ValueError, match="leaves|no leaf|no consistency"):
            call()
    for level, index in ((-1, 0), (0, -1), (0, 9), (4, 0)):
        with pytest.raises(IndexError):
            tree.node(level, index)


def test_a_proof_of_wrong_measure_is_refused_before_anything_is_computed() -> None:
    tree = tree_of(5)
    leaf, root = leaf_hash(b"record 0"), tree.root()
    proof = tree.inclusion_proof(0)
    for bad in ((proof[0][:31], *proof[1:]), (proof[0] + proof[1], *proof[2:])):
        with pytest.raises(ProofError, match="32 bytes"):
            verify_inclusion(leaf, 0, 5, bad, root)
    with pytest.raises(ProofError, match="32 bytes"):
        verify_inclusion(leaf, 0, 5, proof, root[:31])
    with pytest.raises(ProofError, match="32 bytes"):
        verify_consistency(3, 5, (b"", *tree.consistency_proof(3)[1:]), tree.root(3), root)
    with pytest.raises(ProofError, match="at most 64"):
        verify_inclusion(leaf, 0, 5, [root] * 65, root)
    with pytest.raises(ProofError, match="at most 64"):
        verify_consistency(3, 5, [root] * 65, tree.root(3), root)
    with pytest.raises(ProofError, match="within its tree"):
        verify_inclusion(leaf, 0, 2**63, proof, root)
    with pytest.raises(ProofError, match="no smaller"):
        verify_consistency(3, 2**63, proof, tree.root(3), root)


def test_a_consistency_proof_from_the_empty_tree_is_refused() -> None:
    tree = tree_of(5)
    with pytest.raises(ProofError, match="not empty"):
        verify_consistency(0, 5, (), EMPTY_ROOT, tree.root())
    with pytest.raises(ProofError, match="not empty"):
        verify_consistency(0, 0, (), EMPTY_ROOT, EMPTY_ROOT)


def test_a_leaf_is_never_taken_for_a_node() -> None:
    left, right = leaf_hash(b"left"), leaf_hash(b"right")
    assert node_hash(left, right) != leaf_hash(left + right)
    assert root_of([left, right]) == node_hash(left, right)


def _hash(text: str | None) -> bytes:
    return base64.b64decode(text or "")


# Its roots are texts, not hashes of 32 bytes: this verifier looks at lengths before it computes.
NO_HASHES = {
    "consistency/additional/sizes-are-equal-one-and-proof-is-empty.json",
    "subtreeconsistency/additional/sizes-are-equal-one-and-proof-is-empty.json",
}


def _outcome(check: Any, *arguments: Any) -> bool:
    try:
        check(*arguments)
    except ProofError:
        return False
    return True


def test_the_proof_cases_of_transparency_dev_come_out() -> None:
    cases = json.loads((vectors_dir("merkle") / "cases.json").read_text("utf-8"))
    wrong = []
    for case in cases["inclusion"]:
        proof = [_hash(p) for p in case["proof"] or []]
        good = _outcome(
            verify_inclusion, _hash(case["leafHash"]), case["leafIdx"], case["treeSize"], proof, _hash(case["root"])
        )
        if good is case["wantErr"]:
            wrong.append(case["_case"])
    for case in cases["consistency"]:
        proof = [_hash(p) for p in case["proof"] or []]
        good = _outcome(
            verify_consistency, case["size1"], case["size2"], proof, _hash(case["root1"]), _hash(case["root2"])
        )
        if good is case["wantErr"] and case["_case"] not in NO_HASHES:
            wrong.append(case["_case"])
    assert wrong == []


def _is_subtree(start: int, end: int) -> bool:
    """Whether a cosigner may sign the leaves from ``start`` to ``end`` as one subtree."""
    try:
        subtree_message("w", 0, "o", start, end, bytes(32))
    except NoteError:
        return False
    return True


def test_the_subtree_cases_of_transparency_dev_come_out() -> None:
    cases = json.loads((vectors_dir("merkle") / "cases.json").read_text("utf-8"))
    wrong, asked = [], 0
    for case in cases["subtreeinclusion"]:  # a leaf in a subtree stands there as in a tree of its own
        start, end = case["start"], case["end"]
        proof = [_hash(p) for p in case["proof"] or []]
        index = case["leafIdx"] - start
        good = _is_subtree(start, end) and _outcome(
            verify_inclusion, _hash(case["leafHash"]), index, end - start, proof, _hash(case["root"])
        )
        asked += 1
        if good is case["wantErr"]:
            wrong.append(case["_case"])
    for case in cases["subtreeconsistency"]:  # of an empty subtree nothing is proved here
        if case["start"]:  # refused, all but those of an empty subtree: no such proof is made or taken here
            assert case["wantErr"] or case["start"] == case["end"], case["_case"]
            continue
        proof = [_hash(p) for p in case["proof"] or []]
        good = _outcome(
            verify_consistency, case["end"], case["size"], proof, _hash(case["root1"]), _hash(case["root2"])
        )
        asked += 1
        if good is case["wantErr"] and case["end"] and case["_case"] not in NO_HASHES:
            wrong.append(case["_case"])
    assert (wrong, asked) == ([], 204 + 102)


def test_the_proofs_that_go_makes_over_70000_records_are_ours() -> None:
    cases = json.loads((vectors_dir("c2sp") / "tiles" / "proofs.json").read_text("utf-8"))
    tree = tree_of(70_000)
    for case in cases["inclusion"]:
        proof = tuple(map(_hash, case["proof"]))
        assert tree.inclusion_proof(case["index"], case["size"]) == proof
        verify_inclusion(_hash(case["leaf_hash"]), case["index"], case["size"], proof, _hash(case["root"]))
    for case in cases["consistency"]:
        proof = tuple(map(_hash, case["proof"]))
        old, new = case["old_size"], case["new_size"]
        assert tree.consistency_proof(old, new) == proof
        verify_consistency(old, new, proof, _hash(case["old_root"]), _hash(case["new_root"]))
