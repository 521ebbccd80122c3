# SPDX-License-Identifier: Apache-2.0
"""Committed fields under a record's own key."""

from __future__ import annotations

import msgspec
import pytest

from brightline.core.evidence.disclosure import match
from brightline.core.evidence.record import Draft, Place, RecordKind, Sealed, seal
from brightline.core.evidence.sealing import SealBroken, open_fields, peek_fields, record_key, seal_fields

KEY = record_key(b"seed" * 8, 3)
PLACE = Place("gw-1", 3, 7, "2026-11-25T12:00:00.000Z", "test")
FIELDS = {"unit": "planning office", "facts": {"lawful": "yes"}}


def made(fields: dict[str, object] = FIELDS, key: bytes = KEY) -> Sealed:  # type: ignore[assignment]
    return seal(Draft(RecordKind.ATTEMPT, "xc_1", {}, fields), PLACE, key, bytes(12))  # type: ignore[arg-type]


def test_a_record_opens_under_its_key_and_its_disclosures_open_the_leaf() -> None:
    record = made()
    contents = open_fields(record.contents, KEY, record.leaf)
    assert contents.fields == FIELDS
    assert match(msgspec.json.decode(record.leaf)["commitments"], contents.disclosures) == FIELDS
    assert peek_fields(record.contents, KEY, record.leaf) == FIELDS


def test_nothing_of_the_fields_is_readable_beside_the_leaf() -> None:
    record = made()
    for word in (b"planning", b"unit", b"facts", b"lawful"):
        assert word not in record.contents
        assert word not in record.leaf


def test_a_record_without_committed_fields_has_nothing_beside_it() -> None:
    record = made({})
    assert record.contents == b""
    assert open_fields(b"", KEY, record.leaf).fields == {}


def test_neither_another_key_nor_another_leaf_opens_it() -> None:
    record = made()
    other = seal(Draft(RecordKind.ATTEMPT, "xc_2", {}, FIELDS), PLACE, KEY, bytes(12))  # type: ignore[arg-type]
    for contents, key, leaf in (
        (record.contents, record_key(b"seed" * 8, 4), record.leaf),
        (record.contents, KEY, other.leaf),
        (record.contents[:20], KEY, record.leaf),
        (record.contents[:-1] + bytes([record.contents[-1] ^ 1]), KEY, record.leaf),
    ):
        with pytest.raises(SealBroken):
            open_fields(contents, key, leaf)
        with pytest.raises(SealBroken):
            peek_fields(contents, key, leaf)


def test_what_opens_and_is_not_what_the_leaf_commits_to_is_refused() -> None:
    """Somebody who has the key writes other fields beside the same leaf: the cipher is content, the leaf is not."""
    record = made()
    forged = seal_fields({"unit": "somebody else"}, KEY, bytes(12), record.leaf)
    with pytest.raises(SealBroken, match="commits"):
        open_fields(forged, KEY, record.leaf)
    with pytest.raises(SealBroken, match="commits"):
        open_fields(b"", KEY, record.leaf)
