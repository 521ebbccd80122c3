# SPDX-License-Identifier: Apache-2.0
"""Cosignatures of witnesses: the notes, structures and times of other projects, and what no witness signs."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.mldsa import MLDSA44PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.cosignature import (
    TIME_MAX,
    Cosignature,
    CosignatureSigner,
    CosignerKey,
    CosignerType,
    Ed25519Cosigner,
    MlDsaCosigner,
    NoKnownSignature,
    add_lines,
    open_cosigned,
    read_line,
    read_time,
    split_note,
    subtree_message,
    verify_line,
)
from brightline.core.evidence.merkle import EMPTY_ROOT
from brightline.core.evidence.note import NoteError, NoteSigner, VerifierKey, sign_note
from tests.vectors import vectors_dir

LOG = NoteSigner("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
WITNESS = Ed25519Cosigner("witness.example/w", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))
PQ = MlDsaCosigner("witness.example/pq", MLDSA44PrivateKey.from_seed_bytes(bytes([2]) * 32))
HEAD = Checkpoint("example.org/log", 7, EMPTY_ROOT)
TIME = 1_767_139_200

# This reader is stricter than the cases here: it verifies every line of a known key (marked lenient), takes no time of
# 2^63 or more although the signature verifies, and no ML-DSA-44 cosignature beside extension lines, which it leaves
# unsigned.
STRICTER = {
    "sigsum, good line then overlong line of the same key",
    "ed25519 timestamp 9223372036854775808",
    "ml-dsa-44 extension lines are not covered",
}


def cosigned(*signers: CosignatureSigner, time: int = TIME) -> bytes:
    return add_lines(sign_checkpoint(HEAD, LOG), [signer.cosignature_line(HEAD.text(), time) for signer in signers])


@pytest.mark.parametrize("signer", [WITNESS, PQ], ids=["ed25519", "ml-dsa-44"])
def test_a_cosigned_checkpoint_says_who_saw_it_and_when(signer: CosignatureSigner) -> None:
    opened = open_cosigned(cosigned(signer), [LOG.verifier], [signer.verifier])
    assert opened.text == HEAD.text()
    assert opened.signed_by == (LOG.verifier,)
    assert opened.cosignatures == (Cosignature(signer.verifier, TIME),)


def test_what_an_ed25519_witness_signs_is_two_lines_and_the_checkpoint() -> None:
    assert WITNESS.verifier.message(HEAD.text(), 5) == f"cosignature/v1\ntime 5\n{HEAD.text()}".encode()


def test_unknown_witnesses_are_ignored_and_without_any_known_key_there_is_no_note() -> None:
    assert open_cosigned(cosigned(WITNESS), [LOG.verifier], []).cosignatures == ()
    with pytest.raises(NoKnownSignature):
        open_cosigned(cosigned(WITNESS), [], [PQ.verifier])


def test_one_failing_line_of_a_known_witness_refuses_the_note_beside_good_ones() -> None:
    later = WITNESS.cosignature_line(HEAD.text(), TIME + 1)
    forged = later[:-10] + ("A" if later[-10] != "A" else "B") + later[-9:]
    note = add_lines(cosigned(WITNESS), [forged])
    with pytest.raises(NoteError, match="does not verify"):
        open_cosigned(note, [LOG.verifier], [WITNESS.verifier])
    assert open_cosigned(note, [LOG.verifier], []).signed_by == (LOG.verifier,)


def test_every_flipped_bit_of_a_cosigned_checkpoint_is_refused() -> None:
    note = add_lines(sign_checkpoint(HEAD, LOG), [WITNESS.cosignature_line(HEAD.text(), TIME)])
    whole = open_cosigned(note, [LOG.verifier], [WITNESS.verifier])
    for at in range(len(note) * 8):
        flipped = bytearray(note)
        flipped[at // 8] ^= 1 << at % 8
        try:
            opened = open_cosigned(bytes(flipped), [LOG.verifier], [WITNESS.verifier])
        except NoteError:
            continue
        # A flip in a name or id makes a stranger's line of it; what still verifies says nothing else.
        assert opened.text == whole.text
        assert len(opened.signed_by) + len(opened.cosignatures) == 1


def test_a_plain_key_is_no_witness_and_a_witness_no_plain_key() -> None:
    with pytest.raises(NoteError, match="not a cosigner's key"):
        CosignerKey.parse(LOG.verifier.vkey())
    with pytest.raises(NoteError):
        VerifierKey.parse(WITNESS.verifier.vkey())


@pytest.mark.parametrize("key", [WITNESS.verifier, PQ.verifier], ids=["ed25519", "ml-dsa-44"])
def test_a_cosigners_key_survives_its_text_form_and_another_id_does_not(key: CosignerKey) -> None:
    assert CosignerKey.parse(key.vkey() + "\n") == key
    with pytest.raises(NoteError, match="key id"):
        CosignerKey.parse(key.vkey().replace(key.key_id.hex(), "00000000"))
    with pytest.raises(NoteError, match="a cosigner has a name"):
        CosignerKey.of("a b", key.type, key.public_key)
    with pytest.raises(NoteError, match="a cosigner has a name"):
        CosignerKey.of("a", key.type, key.public_key[1:])


@pytest.mark.parametrize("time", [0, -1, TIME_MAX + 1])
def test_no_witness_signs_at_a_time_that_no_quorum_counts(time: int) -> None:
    with pytest.raises(NoteError, match="at a time"):
        WITNESS.cosignature_line(HEAD.text(), time)


@pytest.mark.parametrize("text", ["hello\n", "example.org/log\n7\nAAAA\n", HEAD.text() + "extension\n", ""])
def test_a_witness_signs_checkpoints_alone(text: str) -> None:
    with pytest.raises(NoteError):
        WITNESS.cosignature_line(text, TIME)


def test_two_keys_of_one_name_and_id_are_a_mistake_of_the_caller() -> None:
    twin = CosignerKey(WITNESS.verifier.name, WITNESS.verifier.key_id, CosignerType.ED25519, bytes(32))
    with pytest.raises(NoteError, match="two of the given keys"):
        open_cosigned(cosigned(WITNESS), [], [WITNESS.verifier, twin])


def test_a_line_is_verified_only_under_the_key_that_it_names() -> None:
    line = read_line(WITNESS.cosignature_line(HEAD.text(), TIME))
    assert verify_line(line, WITNESS.verifier, HEAD.text()).time == TIME
    with pytest.raises(NoteError, match="not one of"):
        verify_line(line, PQ.verifier, HEAD.text())


def test_odd_pad_bits_are_read_and_never_verify() -> None:
    line = WITNESS.cosignature_line(HEAD.text(), TIME)
    assert line.endswith("==")
    odd = line[:-3] + {"A": "B", "Q": "R", "g": "h", "w": "x"}[line[-3]] + "=="
    parts = split_note(add_lines(sign_checkpoint(HEAD, LOG), [odd]))
    assert [one.canonical for one in parts.lines] == [True, False]
    with pytest.raises(NoteError, match="length or encoding"):
        verify_line(parts.lines[1], WITNESS.verifier, HEAD.text())
    with pytest.raises(NoteError, match="canonical"):
        open_cosigned(add_lines(sign_checkpoint(HEAD, LOG), [odd]), [LOG.verifier], [])
    with pytest.raises(NoteError, match="canonical"):  # of a stranger too: a note has one encoding
        open_cosigned(add_lines(cosigned(PQ), [odd]), [], [PQ.verifier])


@pytest.mark.parametrize("line", ["no dash", "— name", "— a b c", "— name AAAA", "— na+me AAAAAAAA", "— w AAAAAA==\n"])
def test_what_is_no_signature_line_is_not_added(line: str) -> None:
    with pytest.raises(NoteError):
        add_lines(sign_checkpoint(HEAD, LOG), [line])


@given(
    st.text(st.characters(exclude_categories=["Cc", "Cs"]), min_size=1, max_size=40),
    st.integers(0, TIME_MAX),
    st.binary(min_size=32, max_size=32),
    st.integers(1, TIME_MAX),
)
def test_every_checkpoint_can_be_cosigned_at_every_time(origin: str, size: int, root: bytes, time: int) -> None:
    text = Checkpoint(origin, size, root).text()
    opened = open_cosigned(sign_note(text, [Line(WITNESS.cosignature_line(text, time))]), [], [WITNESS.verifier])
    assert opened.cosignatures == (Cosignature(WITNESS.verifier, time),)


class Line:
    """A signer whose line is made already."""

    def __init__(self, line: str) -> None:
        self._line = line

    def signature_line(self, text: str) -> str:
        return self._line


def test_the_cosigned_notes_of_other_projects_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "cosignature" / "cases.json").read_text("utf-8"))["notes"]
    assert len(cases) == 33
    for case in cases:
        plain = [VerifierKey.parse(vkey) for vkey in case["vkeys"] if type_of(vkey) == 1]
        cosigners = [CosignerKey.parse(vkey) for vkey in case["vkeys"] if type_of(vkey) != 1]
        try:
            opened = open_cosigned(case["note"].encode(), plain, cosigners)
        except NoKnownSignature:
            assert case["expect"] == "no_verifiable_signature", case["name"]
        except NoteError:
            assert case["expect"] == "invalid_signature" or case["name"] in STRICTER, case["name"]
        else:
            assert case["expect"] == "ok", case["name"]
            assert case["name"] not in STRICTER, case["name"]
            found = [(key.name, key.key_id.hex(), None) for key in opened.signed_by]
            found_co = [(one.key.name, one.key.key_id.hex(), one.time) for one in opened.cosignatures]
            assert found + found_co == [(*one["key"].split("+"), one.get("timestamp")) for one in case["verified"]], (
                case["name"]
            )


def test_the_signed_messages_of_other_projects_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "cosignature" / "cases.json").read_text("utf-8"))
    for case in cases["notes"]:
        keys = [CosignerKey.parse(vkey) for vkey in case["vkeys"] if type_of(vkey) != 1]
        for one in case.get("verified", []):
            if one["type"] == 1 or case["name"] in STRICTER:
                continue
            key = next(key for key in keys if f"{key.name}+{key.key_id.hex()}" == one["key"])
            due = one["signed_message"].encode() if one["type"] == 4 else bytes.fromhex(one["signed_message_hex"])
            assert key.message(split_note(case["note"].encode()).text, one["timestamp"]) == due, case["name"]
    for case in cases["subtrees"]:
        given_ = (case["cosigner"], case["timestamp"], case["origin"], case["start"], case["end"])
        try:
            message = subtree_message(*given_, base64.b64decode(case["hash"]))
        except NoteError:
            assert case["expect"] != "ok", case["name"]
        else:
            assert case["expect"] == "ok", case["name"]
            assert message.hex() == case["signed_message_hex"], case["name"]


def test_the_times_of_other_projects_come_out() -> None:
    for case in json.loads((vectors_dir("c2sp") / "cosignature" / "cases.json").read_text("utf-8"))["timestamps"]:
        try:
            time = read_time(read_line(f"— w {case['signature']}").signature)
        except NoteError:
            assert case["expect"] == "error", case["signature"]
        else:
            assert case["expect"] == "ok", case["signature"]
            assert time == case["timestamp"]


def type_of(vkey: str) -> int:
    return base64.b64decode(vkey.split("+", 2)[2])[0]
