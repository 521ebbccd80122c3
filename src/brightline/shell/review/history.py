# SPDX-License-Identifier: Apache-2.0
"""The lives of all cases and the ends of all exchanges, read from the logs for those who count.

Each record is read once; :meth:`History.follow` takes in what is new. What was said of a case comes from the docket.
A case that nobody can open any more is counted, and no more is known of it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.record import CASES, RecordKind, unix_of
from brightline.core.review.case import Case
from brightline.core.review.docket import Docket, Tried
from brightline.core.review.life import CaseKind, CaseLife, Ended, Said
from brightline.shell.keyring import open_vault
from brightline.shell.state import StateFolder
from brightline.shell.storage.vault import VaultReader
from brightline.shell.storage.wal import WalReader, shards_in

DAY_SECONDS: Final = 86_400


class Found(msgspec.Struct, frozen=True):
    """A case where it was found (``shard/seq``, of an exchange), why people were asked, and what is known of it."""

    case: Case
    shard: str
    seq: int
    exchange: str
    kind: CaseKind
    known: Mapping[str, str]


class History:
    """What the logs of a state folder say of people's part. ``docket`` is asked each time, because it grows."""

    def __init__(self, root: Path, docket: Callable[[], Docket]) -> None:
        self._folder = StateFolder(root)
        self._vault = open_vault(self._folder)
        self._docket = docket
        self._readers: dict[str, WalReader] = {}
        self._cases: dict[str, Found] = {}  # by digest
        self._untold: dict[
            str, CaseLife
        ] = {}  # the same while nobody has said anything, made once: most of a long queue
        self._ends: Counter[tuple[int, str, str, tuple[str, ...]]] = Counter()
        self.destroyed = 0  # cases that nobody can open any more

    def follow(self) -> None:
        """Take in what the logs have since. Raises ``OperatorError`` or ``EvidenceDamaged``. Blocks."""
        for shard in shards_in(self._folder.wal):
            reader = self._readers.setdefault(shard, WalReader(self._folder.wal, shard))
            keys = self._vault.reader(shard)
            for frame in reader.read_whole():
                if frame.kind is RecordKind.OUTCOME:
                    self._end(frame)
                elif frame.kind in CASES:
                    self._case(shard, frame, keys)

    def ended(self) -> list[Ended]:
        """How exchanges ended, by day."""
        return [Ended(*how, count) for how, count in self._ends.items()]

    def lives(self) -> list[CaseLife]:
        """Each case that was ever opened, the first before the others."""
        docket = self._docket()
        lives = []
        for digest, found in self._cases.items():
            tried = docket.of_case(digest)
            lives.append(self._untold[digest] if tried is None else _life(digest, found, tried))
        return sorted(lives, key=lambda each: (each.opened, each.case))

    @property
    def found(self) -> Mapping[str, Found]:
        """Every case that can be opened, by its digest."""
        return MappingProxyType(self._cases)

    def _end(self, frame: Frame) -> None:
        leaf = _OUTCOME.decode(frame.leaf)
        unix = unix_of(leaf.time)
        self._ends[unix - unix % DAY_SECONDS, leaf.outcome, leaf.verdict, leaf.clauses] += 1

    def _case(self, shard: str, frame: Frame, keys: VaultReader) -> None:
        leaf = _CASE.decode(frame.leaf)
        if leaf.part:
            return
        try:
            opened = msgspec.convert(keys.peek(frame), _Opened)
        except KeyDestroyed:
            self.destroyed += 1
            return
        found = Found(opened.case, shard, frame.seq, frame.exchange, opened.kind, opened.known)
        self._cases[leaf.case], self._untold[leaf.case] = found, _life(leaf.case, found, None)


def _life(digest: str, found: Found, tried: Tried | None) -> CaseLife:
    case = found.case
    said: list[Said] = []
    if tried is not None:
        for (_, name), votes in tried.votes.items():
            said += [Said(vote.person, vote.office, name, vote.value, vote.unix) for vote in votes]
    return CaseLife(
        case=digest,
        hold=case.hold,
        unit=case.unit,
        clauses=case.clauses,
        opened=case.opened,
        expires=case.expires,
        said=tuple(sorted(said, key=lambda each: each.unix)),
        answers={} if tried is None else {name: value for (_, name), value in tried.answers.items()},
        resolved=0 if tried is None else tried.resolved,
        denied=tried is not None and tried.denied,
        kind=found.kind,
        known=found.known,
    )


class _Outcome(msgspec.Struct, frozen=True):
    time: str
    outcome: str
    verdict: str = "none"
    clauses: tuple[str, ...] = ()


class _Case(msgspec.Struct, frozen=True):
    case: str
    part: int


class _Opened(msgspec.Struct, frozen=True):
    case: Case
    kind: CaseKind = CaseKind.HELD
    known: Mapping[str, str] = {}


_OUTCOME: Final = msgspec.json.Decoder(_Outcome)
_CASE: Final = msgspec.json.Decoder(_Case)
