# SPDX-License-Identifier: Apache-2.0
"""RFC 6962: trees, and proofs that prove what they claim and nothing else."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.merkle import (
    EMPTY_ROOT,
    ProofError,
    Tree,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
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


def _hash(text: str | None) -> bytes:
    return base64.b64decode(text or "")


# Its roots are texts, not hashes of 32 bytes: this verifier looks at lengths before it computes.
NO_HASHES = {"consistency/additional/sizes-are-equal-one-and-proof-is-empty.json"}


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
