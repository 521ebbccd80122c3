# SPDX-License-Identifier: Apache-2.0
"""C2SP checkpoints."""

from __future__ import annotations

import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.evidence.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from brightline.core.evidence.merkle import EMPTY_ROOT
from brightline.core.evidence.note import NoteError, NoteSigner, sign_note
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


def test_the_checkpoint_bodies_of_other_projects_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "checkpoint" / "cases.json").read_text("utf-8"))["bodies"]
    for case in cases:
        try:
            Checkpoint.parse(case["text"])
        except NoteError:
            # Extension lines are lawful in the standard; this log refuses them (see the module).
            assert case["expect"] != "ok" or case["text"].count("\n") > 3 or case.get("lenient"), case["name"]
        else:
            assert case["expect"] == "ok", case["name"]
