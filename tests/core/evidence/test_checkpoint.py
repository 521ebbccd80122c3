# SPDX-License-Identifier: Apache-2.0
"""C2SP checkpoints."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from brightline.core.evidence.merkle import EMPTY_ROOT
from brightline.core.evidence.note import NoteError, NoteSigner, VerifierKey, sign_note
from tests.vectors import vectors_dir

KEY = NoteSigner("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))


def test_a_checkpoint_opens_under_the_logs_own_key() -> None:
    checkpoint = Checkpoint("example.org/log", 7, EMPTY_ROOT)
    assert open_checkpoint(sign_checkpoint(checkpoint, KEY), [KEY.verifier]) == checkpoint


def test_a_key_of_another_name_does_not_speak_for_the_log() -> None:
    checkpoint = Checkpoint("example.org/another", 7, EMPTY_ROOT)
    with pytest.raises(NoteError, match="own key"):
        open_checkpoint(sign_checkpoint(checkpoint, KEY), [KEY.verifier])


def test_extension_lines_are_refused() -> None:
    text = Checkpoint("example.org/log", 7, EMPTY_ROOT).text() + "extension\n"
    with pytest.raises(NoteError, match="three lines"):
        open_checkpoint(sign_note(text, [KEY]), [KEY.verifier])


@pytest.mark.parametrize(
    "checkpoint",
    [
        Checkpoint("example.org/log\n9\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\nx", 7, EMPTY_ROOT),
        Checkpoint("", 7, EMPTY_ROOT),
        Checkpoint("example.org/log", -1, EMPTY_ROOT),
        Checkpoint("example.org/log", 2**63, EMPTY_ROOT),
        Checkpoint("example.org/log", 7, b"short"),
    ],
)
def test_a_checkpoint_that_would_be_read_as_another_is_not_signed(checkpoint: Checkpoint) -> None:
    with pytest.raises(NoteError, match="a checkpoint"):
        sign_checkpoint(checkpoint, KEY)


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40),
    st.integers(0, 2**63 - 1),
    st.binary(min_size=32, max_size=32),
)
def test_every_checkpoint_survives_its_text(origin: str, size: int, root: bytes) -> None:
    checkpoint = Checkpoint(origin, size, root)
    assert Checkpoint.parse(checkpoint.text()) == checkpoint


def test_the_checkpoint_bodies_of_other_projects_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "checkpoint" / "cases.json").read_text("utf-8"))["bodies"]
    for case in cases:
        # Extension lines are lawful in the standard; this log refuses them (see the module).
        good = case["expect"] == "ok" and not case["extensions"]
        try:
            checkpoint = Checkpoint.parse(case["text"])
        except NoteError:
            assert not good, case["name"]
        else:
            assert good, case["name"]
            root = base64.b64decode(case["root"])
            assert checkpoint == Checkpoint(case["origin"], case["size"], root), case["name"]


def test_the_signed_checkpoints_of_other_projects_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "checkpoint" / "cases.json").read_text("utf-8"))["signed"]
    opened = 0
    for case in cases:
        if case["name"] == "static-ct rome":
            continue  # a key of type 0x05 (RFC 6962): this version reads Ed25519 alone
        keys = [VerifierKey.parse(vkey) for vkey in (*case["log_vkeys"], *case["other_vkeys"])]
        names = {vkey.partition("+")[0] for vkey in case["log_vkeys"]}
        # Logs whose key has another name than their origin are lawful; here the name is what binds the two.
        good = case["expect"] == "ok" and case["origin"] in names
        try:
            checkpoint = open_checkpoint(case["note"].encode(), keys)
        except NoteError:
            assert not good, case["name"]
        else:
            assert good, case["name"]
            root = base64.b64decode(case["root"])
            assert checkpoint == Checkpoint(case["origin"], case["size"], root), case["name"]
            opened += 1
    assert opened == 2


def test_the_checkpoint_of_the_foreign_log_opens_beside_a_cosignature_of_another_type() -> None:
    folder = vectors_dir("c2sp") / "tiles"
    vkey = json.loads((folder / "format.json").read_text("utf-8"))["tree_300"]["log_vkey"]
    checkpoint = open_checkpoint((folder / "tree-300" / "checkpoint").read_bytes(), [VerifierKey.parse(vkey)])
    assert (checkpoint.origin, checkpoint.size) == ("tlog.example/tree-300", 300)
