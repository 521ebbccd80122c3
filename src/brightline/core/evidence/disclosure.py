# SPDX-License-Identifier: Apache-2.0
"""Field commitments as RFC 9901 disclosures (sections 4.2.1 and 4.2.3): the leaf holds digests, the rest opens them.

A disclosure is base64url(JSON [salt, name, value]); its digest is base64url(SHA-256 of the disclosure's text). Salts
have 128 bits and come from the record's key with one SHAKE256 call, so destroying that key and the disclosures
destroys what they open, while every proof still holds. Digests are sorted, which tells nothing of the fields' order.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue, canonical_bytes, encoder_for

SALT_BYTES: Final = 16
RECORD_KEY_BYTES: Final = 32
DISCLOSURE_CHARS_MAX: Final = 1_000_000
_RESERVED_NAMES: Final = frozenset({"_sd", "..."})  # RFC 9901, section 4.2.1: no claim has these names


class DisclosureError(ValueError):
    """A disclosure that is malformed or opens nothing."""


class Commitments(msgspec.Struct, frozen=True):
    """``digests`` go into the leaf, sorted; ``disclosures`` stay outside the log."""

    digests: tuple[str, ...]
    disclosures: tuple[str, ...]


class Opened(msgspec.Struct, frozen=True):
    """What one disclosure says, and the digest that commits to it."""

    name: str
    value: JsonValue
    digest: str


class Disclosed(msgspec.Struct, frozen=True):
    """One line of a file of disclosures: where the record stands, and what opens its commitments."""

    shard: str
    seq: int
    disclosures: tuple[str, ...]


def commit(
    fields: Mapping[str, JsonValue], record_key: bytes, encode: Callable[[JsonValue], bytes] | None = None
) -> Commitments:
    """Commit to every field, each with its own salt; ``encode`` is ``encoder_for(fields)``, where that is at hand.

    Raises ``ValueError`` unless the key has 32 bytes, the names are not reserved and the values are canonical.
    """
    if len(record_key) != RECORD_KEY_BYTES:
        raise ValueError(f"a record key has {RECORD_KEY_BYTES} bytes; found {len(record_key)}")
    if _RESERVED_NAMES & fields.keys():
        raise ValueError(f"no field has a name of {sorted(_RESERVED_NAMES)}")
    salts = hashlib.shake_256(b"brightline-salts/1" + record_key).digest(SALT_BYTES * len(fields))
    encode = encode or encoder_for(fields)
    disclosures: list[str] = []
    for i, name in enumerate(sorted(fields)):
        salt = _encode(salts[i * SALT_BYTES : (i + 1) * SALT_BYTES])
        disclosures.append(_encode(encode([salt, name, fields[name]])))
    return Commitments(tuple(sorted(map(digest_of, disclosures))), tuple(disclosures))


def digest_of(disclosure: str) -> str:
    """base64url(SHA-256(ASCII of the disclosure)), without padding."""
    return _encode(hashlib.sha256(disclosure.encode("ascii")).digest())


def open_disclosure(disclosure: str) -> Opened:
    """Read one disclosure.

    Its value is one that ``commit`` could have committed to, and that every reader understands alike: no member twice,
    no floats, no lone surrogates, bounded nesting. Other spacing is allowed: the digest covers the text as sent.
    Raises ``DisclosureError``.
    """
    if len(disclosure) > DISCLOSURE_CHARS_MAX or not disclosure.isascii():
        raise DisclosureError("a disclosure is ASCII of bounded length")
    try:
        data = base64.b64decode(disclosure + "=" * (-len(disclosure) % 4), altchars=b"-_", validate=True)
        value = json.loads(data.decode("utf-8", "strict"), object_pairs_hook=_members)
        canonical_bytes(value)
    except (binascii.Error, ValueError, RecursionError) as error:
        raise DisclosureError("a disclosure is base64url of JSON that has one meaning") from error
    if _encode(data) != disclosure:  # b64decode also takes padding, the other alphabet and loose last bits
        raise DisclosureError("a disclosure is base64url without padding")
    if not isinstance(value, list) or len(value) != 3 or not all(isinstance(part, str) for part in value[:2]):
        raise DisclosureError("a disclosure holds a salt, a name and a value")
    if value[1] in _RESERVED_NAMES:
        raise DisclosureError(f"no field is named {value[1]!r}")
    return Opened(value[1], value[2], digest_of(disclosure))


def match(digests: Iterable[str], disclosures: Iterable[str]) -> dict[str, JsonValue]:
    """The fields that these disclosures open.

    Raises ``DisclosureError`` if one opens none of the digests, two open fields of one name, or a digest occurs twice
    (RFC 9901, section 7.1).
    """
    given = list(digests)
    known = set(given)
    if len(known) != len(given):
        raise DisclosureError("a commitment occurs twice in this record")
    fields: dict[str, JsonValue] = {}
    for disclosure in disclosures:
        opened = open_disclosure(disclosure)
        if opened.digest not in known:
            raise DisclosureError(f"the disclosure of {opened.name[:40]!r} opens no commitment of this record")
        if opened.name in fields:
            raise DisclosureError(f"two disclosures of {opened.name[:40]!r}")
        fields[opened.name] = opened.value
    return fields


def _members(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a member occurs twice")
    return members


_URL_SAFE: Final = bytes.maketrans(b"+/", b"-_")


def _encode(data: bytes) -> str:
    """base64url without padding (RFC 4648, section 5), in one pass: a record has some twenty of them."""
    return binascii.b2a_base64(data, newline=False).translate(_URL_SAFE, b"=").decode("ascii")
