# SPDX-License-Identifier: Apache-2.0
"""What a hold keeps, read again from the shard that holds it: the answer that the model had given, whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.enforcement.replay import read_approvals
from brightline.core.errors import EvidenceDamaged
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.record import RecordKind
from brightline.core.review.case import Case
from brightline.core.review.content import PARTS_MAX, read_content
from brightline.core.review.kept import Kept, kept_reply
from brightline.shell.keyring import open_vault
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk


def read_kept(root: Path, shard: str, seq: int, digest: str) -> Kept:
    """Read what the case of this digest keeps, whose first record is ``shard/seq``. Blocks: it may be a megabyte.

    Raises ``EvidenceDamaged`` if the records do not say it, or what opens them was destroyed.
    """
    place = f"shard {shard}, record {seq}"
    try:
        opened = list(_opened(root, shard, seq, digest))
    except KeyDestroyed as error:
        raise EvidenceDamaged("what opens it was destroyed", place) from error
    try:
        case = msgspec.convert(opened[0]["case"], Case)
        approvals = read_approvals(opened[0].get("approvals", {}))
        parts = [str(fields["content"]) for fields in opened]
    except (IndexError, KeyError, msgspec.ValidationError) as error:
        raise EvidenceDamaged("it is not the record of a hold", place) from error
    if case.digest != digest or not case.kept:
        raise EvidenceDamaged("its case is another, or keeps no answer", place)
    return Kept(case.hold, digest, kept_reply(read_content(parts, case.content)), approvals)


def _opened(root: Path, shard: str, seq: int, digest: str) -> Iterator[Mapping[str, JsonValue]]:
    """The committed fields of each part, in order."""
    folder = StateFolder(root)
    keys = open_vault(folder).reader(shard)
    part = 0
    for frame in frames_on_disk(folder.wal, shard, lambda first: first.seq <= seq):
        if frame.seq < seq or frame.kind is not RecordKind.HOLD:
            continue
        leaf = _LEAF.decode(frame.leaf)
        if leaf.case != digest or leaf.part != part or leaf.parts > PARTS_MAX:
            continue
        yield keys.peek(frame)
        part += 1
        if part == leaf.parts:
            return
    raise EvidenceDamaged(f"part {part} of it is not there", f"shard {shard}, record {seq}")


class _Leaf(msgspec.Struct, frozen=True):
    case: str
    part: int
    parts: int


_LEAF: Final = msgspec.json.Decoder(_Leaf)
