# SPDX-License-Identifier: Apache-2.0
"""A record's committed fields under its own key: what lies beside the leaf, and how it is opened.

One key opens one record. It yields the salts of the commitments and the key under which the fields are kept (AES-256
in Galois/counter mode, NIST SP 800-38D, a fresh 96-bit nonce for each). Whoever has it can open the record; once it is
destroyed nobody can, while the leaf and every proof stay as they are. GCM does not commit to its key, so nothing rests
on the ciphertext: opened fields are believed because they give the leaf's commitments again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.evidence.disclosure import commit

NONCE_BYTES: Final = 12
_TAG_BYTES: Final = 16
_RECORD: Final = b"brightline-record-key/1\x00"
_SEAL: Final = b"brightline-record-seal/1\x00"


class SealBroken(ValueError):
    """What lies beside a leaf does not open under this key, or opens something else than the leaf commits to."""


class _Commits(msgspec.Struct, frozen=True):
    commitments: tuple[str, ...]


_LEAF: Final = msgspec.json.Decoder(_Commits)


class Contents(msgspec.Struct, frozen=True):
    """An opened record: its committed fields, and the disclosure of each, in the order of their names."""

    fields: Mapping[str, JsonValue]
    disclosures: tuple[str, ...]


def record_key(seed: bytes, epoch: int) -> bytes:
    """The key of one record: from its leaf of the key tree, and from the boot epoch.

    A boot may write other words where an earlier one had begun a record that was never acknowledged; so each has keys
    of its own.
    """
    return hashlib.sha256(_RECORD + epoch.to_bytes(8, "big") + seed).digest()


def seal_fields(
    fields: Mapping[str, JsonValue],
    key: bytes,
    nonce: bytes,
    leaf: bytes,
    encode: Callable[[JsonValue], bytes] = canonical_bytes,
) -> bytes:
    """Encrypt the committed fields of ``leaf``; empty where there are none. ``nonce`` is 12 fresh random bytes.

    ``encode`` is ``encoder_for(fields)``, where that is at hand.
    """
    if not fields:
        return b""
    if len(nonce) != NONCE_BYTES:
        raise ValueError(f"a nonce has {NONCE_BYTES} bytes")
    return nonce + _cipher(key).encrypt(nonce, encode(dict(fields)), leaf)


def open_fields(sealed: bytes, key: bytes, leaf: bytes) -> Contents:
    """Open what :func:`seal_fields` made, and compare it with what the leaf commits to. Raises ``SealBroken``."""
    contents = Contents(_fields(sealed, key, leaf), ())
    commitments = commit(contents.fields, key)
    try:
        promised: Sequence[str] = _LEAF.decode(leaf).commitments
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SealBroken("the leaf is no record") from error
    if tuple(promised) != commitments.digests:
        raise SealBroken("these are not the fields that the leaf commits to")
    return msgspec.structs.replace(contents, disclosures=commitments.disclosures)


def peek_fields(sealed: bytes, key: bytes, leaf: bytes) -> Mapping[str, JsonValue]:
    """The fields, without computing the commitments again: for our own log, whose frames vouch. As above."""
    return _fields(sealed, key, leaf)


def _fields(sealed: bytes, key: bytes, leaf: bytes) -> Mapping[str, JsonValue]:
    if not sealed:
        return {}
    if len(sealed) < NONCE_BYTES + _TAG_BYTES:
        raise SealBroken("what lies beside the leaf is too short")
    try:
        plain = _cipher(key).decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], leaf)
    except InvalidTag as error:
        raise SealBroken("it was sealed under another key, for another leaf, or was changed") from error
    fields: dict[str, JsonValue] = json.loads(plain)
    return fields


def _cipher(key: bytes) -> AESGCM:
    return AESGCM(hashlib.sha256(_SEAL + key).digest())
