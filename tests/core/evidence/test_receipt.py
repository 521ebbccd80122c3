# SPDX-License-Identifier: Apache-2.0
"""Receipts: what a caller keeps."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.evidence.receipt import read_receipt, verify_receipt, write_receipt
from brightline.core.evidence.record import Draft, Place, RecordKind, mint_durable

KEY = Ed25519PrivateKey.from_private_bytes(bytes(32))
PUBLIC = KEY.public_key().public_bytes_raw()
RECORD = mint_durable(
    Draft(RecordKind.OUTCOME, "xc_1", {}, {}),
    Place("gateway-0", 1, 2, "2026-11-25T10:00:00.000Z", "development"),
    bytes(32),
)


def test_a_receipt_survives_its_header_form_and_verifies() -> None:
    receipt = write_receipt(RECORD, KEY)
    assert read_receipt(receipt.encode()) == receipt
    assert read_receipt(msgspec.json.encode(receipt).decode()) == receipt
    verify_receipt(receipt, PUBLIC)


@pytest.mark.parametrize("change", [{"seq": 3}, {"leaf": "00"}, {"exchange": "xc_2"}, {"profile": "production"}])
def test_a_changed_receipt_does_not_verify(change: dict[str, object]) -> None:
    receipt = msgspec.structs.replace(write_receipt(RECORD, KEY), **change)
    with pytest.raises(ValueError, match="does not verify"):
        verify_receipt(receipt, PUBLIC)


@pytest.mark.parametrize("text", ["", "{}", "x" * 5_000, "e30"])
def test_what_is_no_receipt_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="receipt"):
        read_receipt(text)
