# SPDX-License-Identifier: Apache-2.0
"""What waits for people, read from the logs of an installation: each case with its content, and how it stands.

The log is the queue. A case is found in the HOLD and CASE records of the shards that gateways write, its content in
their committed fields, and what was said of it in the registry. Nothing here can release anything.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.errors import ConfigError, EvidenceDamaged
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.record import CASES
from brightline.core.review.case import Case, CaseState
from brightline.core.review.claims import offices_of
from brightline.core.review.content import PARTS_MAX, Content, read_content
from brightline.core.review.docket import Docket, Tried
from brightline.shell.keyring import open_vault
from brightline.shell.state import StateFolder
from brightline.shell.storage.vault import VaultReader
from brightline.shell.storage.wal import frames_from, frames_on_disk, shards_in

ID_CHARS_MIN: Final = 9  # "hold_" and four digits


class OpenedCase(msgspec.Struct, frozen=True):
    """A case where it was found: its record is ``shard/seq`` of the exchange; ``tried`` is what was said of it."""

    case: Case
    shard: str
    seq: int
    exchange: str
    tried: Tried

    def state(self, now: int) -> CaseState:
        """How it stands at ``now`` (Unix seconds)."""
        return self.tried.state(now)


class Desk:
    """The cases of a state folder, as its logs hold them now."""

    def __init__(self, root: Path, docket: Docket) -> None:
        self._folder = StateFolder(root)
        self._vault = open_vault(self._folder)
        self._docket = docket

    def cases(self) -> list[OpenedCase]:
        """The latest case of each hold, the one that expires first before the others."""
        found: dict[str, OpenedCase] = {}
        for shard in shards_in(self._folder.wal):
            keys = self._vault.reader(shard)
            for frame in frames_on_disk(self._folder.wal, shard):
                if frame.kind in CASES and (opened := self._opened(shard, frame, keys)) is not None:
                    before = found.get(opened.case.hold)
                    if before is None or _age(before.case) <= _age(opened.case):
                        found[opened.case.hold] = opened
        return sorted(found.values(), key=lambda each: (each.case.expires, each.case.hold))

    def find(self, hold: str) -> OpenedCase:
        """The case of a hold, by its id or the beginning of it. Raises ``ConfigError``."""
        named = [each for each in self.cases() if len(hold) >= ID_CHARS_MIN and each.case.hold.startswith(hold)]
        if len(named) != 1:
            why = "more than one hold begins so" if named else "there is no such hold, or what opens it was destroyed"
            raise ConfigError(f"{hold[:80]!r}: {why}")
        return named[0]

    def content(self, opened: OpenedCase) -> Content:
        """What people look at. Raises ``EvidenceDamaged`` if it is not what the case names, or was destroyed."""
        keys = self._vault.reader(opened.shard)
        try:
            parts = list(self._parts(opened, keys))
        except KeyDestroyed as error:
            raise EvidenceDamaged("what opens it was destroyed", f"hold {opened.case.hold}") from error
        return read_content(parts, opened.case.content)

    def at(self, shard: str, seq: int) -> OpenedCase:
        """The case of the record at a place, without reading what stands before. Raises ``ConfigError``."""
        frame = next(frames_from(self._folder.wal, shard, seq), None)
        if frame is not None and frame.seq == seq and frame.kind in CASES:
            opened = self._opened(shard, frame, self._vault.reader(shard))
            if opened is not None:
                return opened
        raise ConfigError(f"record {shard}/{seq} holds no case, or what opens it was destroyed")

    def _opened(self, shard: str, frame: Frame, keys: VaultReader) -> OpenedCase | None:
        case = opened_case(shard, frame, keys)
        if case is None:
            return None
        tried = self._docket.of_case(case.digest) or Tried(case)
        return OpenedCase(case, shard, frame.seq, frame.exchange, tried)

    def _parts(self, opened: OpenedCase, keys: VaultReader) -> Iterator[str]:
        wanted, count = 0, 1
        for frame in frames_from(self._folder.wal, opened.shard, opened.seq):
            if frame.kind not in CASES or frame.exchange != opened.exchange:
                continue
            leaf = _LEAF.decode(frame.leaf)
            if leaf.case != opened.case.digest or leaf.part != wanted or wanted >= PARTS_MAX:
                continue
            yield str(keys.peek(frame)["content"])
            wanted, count = wanted + 1, leaf.parts
            if wanted == count:
                return


def _age(case: Case) -> tuple[int, str]:
    """Which of two cases of one hold is the later. Of two in the same second all must name the same one."""
    return case.opened, case.digest


class _Leaf(msgspec.Struct, frozen=True):
    case: str
    part: int
    parts: int


_LEAF: Final = msgspec.json.Decoder(_Leaf)


def opened_case(shard: str, frame: Frame, keys: VaultReader) -> Case | None:
    """The case in such a record; ``None`` where it is a later part of one, or what opens it was destroyed.

    Raises ``EvidenceDamaged`` if it is not the case that the public leaf names.
    """
    leaf = _LEAF.decode(frame.leaf)
    if leaf.part:
        return None
    try:
        fields = keys.peek(frame)
    except KeyDestroyed:
        return None
    case = msgspec.convert(fields["case"], Case)
    if case.digest != leaf.case:
        raise EvidenceDamaged("its case is not the one that it names", f"shard {shard}, record {frame.seq}")
    return case


def offices_wanted(opened: OpenedCase) -> Sequence[str]:
    """The offices whose people can still answer something, in the order of the questions."""
    return offices_of(opened.tried)
