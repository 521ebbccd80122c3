# SPDX-License-Identifier: Apache-2.0
"""A site with one witnessed log, as files, for the tests of the log server and of receipts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.evidence.note import NoteSigner
from brightline.verify.sample.command import write_one
from brightline.verify.sample.frauds import HONEST
from tests.core.evidence.test_audit import SIGNER, publish
from tests.verify.sites import write_folder

SHARD = "gateway-0"
SIZE, WITNESSED = 359, 301


def honest(root: Path) -> Path:
    """The sample site: ``evidence/gateway-0`` with 359 records, of which a witness cosigned 301; receipts, policy."""
    write_one(root / "site", HONEST, 1)
    return root / "site"


def of_leaves(root: Path, leaves: Sequence[bytes], shard: str = "gw-1", signer: NoteSigner = SIGNER) -> Path:
    """A published folder with one log of these leaves, whatever they are."""
    write_folder(root / "evidence" / shard, publish(leaves, signer).files)
    return root / "evidence"


def said(index: int, time: str = "2026-11-25T12:00:00.000Z", **more: str) -> bytes:
    """A leaf that says little."""
    value: dict[str, JsonValue] = {"kind": "ATTEMPT", "seq": index, "time": time, "v": 1, "commitments": []}
    value.update(more)
    return canonical_bytes(value)
