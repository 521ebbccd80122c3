# SPDX-License-Identifier: Apache-2.0
"""Records: what is public, what is committed, and who may call one durable."""

from __future__ import annotations

import json

import pytest

from brightline.core.evidence.disclosure import match
from brightline.core.evidence.record import Draft, DurableRecord, Place, RecordKind
from tests.vault import disclosures_of, sealed

PLACE = Place("gateway-0", 2, 7, "2026-11-25T10:00:00.000Z", "development")


def draft(public: dict[str, object] | None = None, committed: dict[str, object] | None = None) -> Draft:
    return Draft(RecordKind.PASS, "xc_1", public or {}, committed or {})  # type: ignore[arg-type]


def test_a_leaf_names_its_place_and_holds_no_committed_value() -> None:
    one = sealed(draft({"verdict": "permit"}, {"unit": "planning office"}), PLACE)
    leaf = json.loads(one.leaf)
    assert (leaf["kind"], leaf["seq"], leaf["epoch"], leaf["profile"]) == ("PASS", 7, 2, "development")
    assert b"planning office" not in one.leaf
    assert match(leaf["commitments"], disclosures_of(one)) == {"unit": "planning office"}


def test_a_public_field_cannot_shadow_the_header() -> None:
    with pytest.raises(ValueError, match="shadow"):
        sealed(draft({"seq": 9}), PLACE)
    with pytest.raises(ValueError, match="shadow"):
        sealed(draft({"commitments": []}), PLACE)


def test_a_record_that_no_log_entry_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="65535|65,535"):
        sealed(draft({"text": "x" * 70_000}), PLACE)


def test_nobody_calls_a_record_durable_without_the_mint() -> None:
    with pytest.raises(TypeError, match="sequencer"):
        DurableRecord(object(), draft(), PLACE, bytes(32))
