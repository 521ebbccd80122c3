# SPDX-License-Identifier: Apache-2.0
"""C2SP signed notes."""

from __future__ import annotations

import base64
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.evidence.note import NoteError, NoteSigner, VerifierKey, open_note, sign_note
from tests.vectors import vectors_dir

KEY = NoteSigner("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
OTHER = NoteSigner("example.org/other", Ed25519PrivateKey.from_private_bytes(bytes([1]) * 32))


def test_a_note_opens_under_its_key_and_says_who_signed() -> None:
    opened = open_note(sign_note("hello\n", [KEY, OTHER]), [KEY.verifier])
    assert opened.text == "hello\n"
    assert opened.signed_by == (KEY.verifier,)


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    with pytest.raises(NoteError, match="no known key"):
        open_note(sign_note("hello\n", [OTHER]), [KEY.verifier])


def test_one_failing_signature_of_a_known_key_refuses_the_whole_note() -> None:
    note = sign_note("hello\n", [KEY, OTHER]).decode()
    lines = note.split("\n")
    forged = sign_note("other\n", [OTHER]).decode().split("\n")[2]
    lines[3] = forged
    with pytest.raises(NoteError, match="does not verify"):
        open_note("\n".join(lines).encode(), [KEY.verifier, OTHER.verifier])


def test_every_flipped_bit_of_a_note_is_refused() -> None:
    note = sign_note("hello\n", [KEY])
    for at in range(len(note) * 8):
        flipped = bytearray(note)
        flipped[at // 8] ^= 1 << at % 8
        with pytest.raises(NoteError):
            open_note(bytes(flipped), [KEY.verifier])


@pytest.mark.parametrize("text", ["no line end", "tab\there\n", "\x1b\n", ""])
def test_a_text_that_the_standard_forbids_is_not_signed(text: str) -> None:
    with pytest.raises(NoteError):
        sign_note(text, [KEY])


def test_a_verifier_key_survives_its_text_form() -> None:
    assert VerifierKey.parse(KEY.verifier.vkey()) == KEY.verifier


def test_a_bad_line_beside_a_good_one_of_the_same_key_refuses_the_note() -> None:
    forged = sign_note("other\n", [KEY]).split(b"\n")[2]
    with pytest.raises(NoteError, match="does not verify"):
        open_note(sign_note("hello\n", [KEY]) + forged + b"\n", [KEY.verifier])


def test_a_line_that_is_there_twice_counts_once() -> None:
    note = sign_note("hello\n", [KEY, KEY])
    assert open_note(note, [KEY.verifier]).signed_by == (KEY.verifier,)


def test_control_characters_are_refused_in_names_too() -> None:
    line = "— a\x01b ".encode() + base64.b64encode(b"12345678") + b"\n"
    with pytest.raises(NoteError, match="signature line"):
        open_note(sign_note("hello\n", [KEY]) + line, [KEY.verifier])
    with pytest.raises(NoteError, match="a key has a name"):
        VerifierKey.of("a\x01b", bytes(32))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u00a0b", "a\nb"])
def test_a_key_name_that_the_standard_forbids_makes_no_key(name: str) -> None:
    with pytest.raises(NoteError, match="a key has a name"):
        VerifierKey.of(name, bytes(32))


@pytest.mark.parametrize("signers", [[], [KEY] * 101])
def test_a_note_that_could_not_be_opened_is_not_written(signers: list[NoteSigner]) -> None:
    with pytest.raises(NoteError, match="1 to 100"):
        sign_note("hello\n", signers)


def test_a_note_beyond_the_bound_is_neither_written_nor_read() -> None:
    with pytest.raises(NoteError, match="exceeds"):
        sign_note("x" * 1_000_000 + "\n", [KEY])
    with pytest.raises(NoteError, match="exceeds"):
        open_note(b"x" * 1_000_001, [KEY.verifier])


def test_a_key_file_with_its_line_end_is_read_and_a_key_with_another_id_is_not() -> None:
    vkey = KEY.verifier.vkey()
    assert VerifierKey.parse(vkey + "\r\n") == KEY.verifier
    id_ = KEY.verifier.key_id.hex()
    for other in (vkey.replace(id_, "00000000"), vkey.replace(id_, id_.upper()), "\u00a0" + vkey):
        with pytest.raises(NoteError):
            VerifierKey.parse(other)


# The standard leaves these to the reader (they are marked lenient). This one verifies every line of a known key and
# takes canonical base64 alone, so that a note has one encoding.
STRICTER = {"base64-non-zero-trailing-bits", "first-line-of-known-key-good-second-bad"}

# Keys of other types than Ed25519 (0x02 ECDSA, 0x04 cosignature, 0x05 RFC 6962): this version does not read them.
OTHER_TYPES = {
    "ecdsa-rekor",
    "ecdsa-pixel",
    "ecdsa-other-name",
    "ecdsa-wrong-id-in-line",
    "rfc6962-static-ct-rome",
    "rfc6962-wrong-origin-still-verifies",
    "cosigner-key-as-plain-key",
}


def test_the_note_cases_of_other_projects_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "note" / "cases.json").read_text("utf-8"))["cases"]
    assert len(cases) >= 74
    for case in cases:
        if case["name"] in OTHER_TYPES:
            continue
        keys = [VerifierKey.parse(vkey) for vkey in case["vkeys"]]
        note = base64.b64decode(case["note_base64"]) if "note_base64" in case else case["note"].encode()
        try:
            opened = open_note(note, keys)
        except NoteError:
            assert case["expect"] != "ok" or case["name"] in STRICTER, case["name"]
        else:
            assert case["expect"] == "ok", case["name"]
            assert case["name"] not in STRICTER, case["name"]
            assert opened.text == case["text"], case["name"]
            assert [f"{key.name}+{key.key_id.hex()}" for key in opened.signed_by] == case["verified"], case["name"]


def test_the_key_cases_of_other_projects_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "note" / "vkeys.json").read_text("utf-8"))["cases"]
    for case in cases:
        readable = case["expect"] == "ok" and case["type"] == 1 and not case.get("lenient")
        try:
            key = VerifierKey.parse(case["vkey"])
        except NoteError:
            assert not readable, case["name"]
        else:
            assert readable, case["name"]
            assert (key.name, key.key_id.hex()) == (case["key_name"], case["key_id"])


@pytest.mark.parametrize(
    "text",
    [
        "cosignature/v1\ntime 1700000000\nexample.org/log\n1\nAAAA\n",
        "subtree/v1\n",
    ],
)
def test_a_logs_key_signs_nothing_that_a_cosigner_signs(text: str) -> None:
    with pytest.raises(NoteError, match="cosigner"):
        KEY.signature_line(text)
    with pytest.raises(NoteError, match="cosigner"):
        sign_note(text, [OTHER, KEY])
    assert sign_note(f"example.org/log\n{text}", [KEY])
