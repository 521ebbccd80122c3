# SPDX-License-Identifier: Apache-2.0
"""Which requests and answers crossed a pattern, read from the logs: where each stands, and never whom it touched.

The record that crosses a pattern says so itself (``core/patterns/seen.py``). Each record is read once;
:meth:`Crossings.follow` takes in what is new. What was destroyed is left out, and what is older than any window.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.pattern import DAY_SECONDS, WINDOW_SECONDS_MAX, Over
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.keytree import KeyDestroyed
from brightline.core.evidence.merkle import leaf_hash
from brightline.core.evidence.record import unix_of
from brightline.core.patterns.seen import COUNTED_KINDS, read_crossed
from brightline.shell.keyring import open_vault
from brightline.shell.state import StateFolder
from brightline.shell.storage.vault import VaultReader
from brightline.shell.storage.wal import WalReader, shards_in, start_past

KEPT: Final = 2_000
"""So many of the latest are told one by one; all of them are counted."""
HOLDS_KEPT: Final = 20_000
DAYS_MAX: Final = 10_000  # days times patterns times scopes that are counted


class Crossing(msgspec.Struct, frozen=True):
    """One record that crossed a pattern: over what, with how many people there, and where it stands.

    ``digest`` is the hash of its public leaf, as the log's tree has it; ``unit`` is whose exchange it was.
    """

    pattern: str
    over: Over
    name: str
    people: int
    unit: str
    unix: int
    record: str
    kind: str
    exchange: str
    digest: str


class Crossings:
    """What the logs of a state folder say of patterns that were crossed. Blocks; one thread at a time."""

    def __init__(self, root: Path, unix: Callable[[], int]) -> None:
        self._folder = StateFolder(root)
        self._vault = open_vault(self._folder)
        self._unix = unix
        self._readers: dict[str, WalReader] = {}
        self._latest: deque[Crossing] = deque(maxlen=KEPT)
        self._by_day: Counter[tuple[int, str, Over, str]] = Counter()
        self._holds: dict[str, str] = {}  # by exchange, the last ones

    def follow(self) -> None:
        """Take in what the logs have since. Raises ``OperatorError`` or ``EvidenceDamaged``."""
        since = self._unix() - WINDOW_SECONDS_MAX - DAY_SECONDS
        for shard in shards_in(self._folder.wal):
            if shard == REGISTRY_SHARD:
                continue
            if shard not in self._readers:
                begin = start_past(self._folder.wal, shard, lambda first: _is_before(first, since))
                self._readers[shard] = WalReader(self._folder.wal, shard, begin)
            keys = self._vault.reader(shard)
            for frame in self._readers[shard].read_whole():
                leaf = _LEAF.decode(frame.leaf)
                unix = unix_of(leaf.time)
                if leaf.hold and frame.exchange:
                    self._remember(frame.exchange, leaf.hold)
                if frame.kind in COUNTED_KINDS and unix >= since:
                    self._enter(shard, frame, unix, keys)
        for day in [each for each in self._by_day if each[0] < since]:
            del self._by_day[day]

    def latest(self, pattern: str) -> list[Crossing]:
        """The crossings of a pattern, the last before the others."""
        return sorted(
            (each for each in reversed(self._latest) if each.pattern == pattern), key=lambda each: -each.unix
        )

    def by_day(self, pattern: str) -> Sequence[tuple[int, Over, str, int]]:
        """How often it was crossed: on which day (Unix seconds), over what, the name there, how often."""
        return [
            (day, over, name, count) for (day, which, over, name), count in self._by_day.items() if which == pattern
        ]

    def hold_of(self, exchange: str) -> str:
        """The hold that an exchange ended in; empty if in none."""
        return self._holds.get(exchange, "")

    def _remember(self, exchange: str, hold: str) -> None:
        self._holds[exchange] = hold
        if len(self._holds) > HOLDS_KEPT:
            del self._holds[next(iter(self._holds))]

    def _enter(self, shard: str, frame: Frame, unix: int, keys: VaultReader) -> None:
        try:
            crossed = read_crossed(keys.peek(frame))
        except KeyDestroyed:
            return
        for pattern, over, people, whose in crossed:
            name = dict(whose.scopes())[over]
            self._latest.append(
                Crossing(
                    pattern=pattern,
                    over=over,
                    name=name,
                    people=people,
                    unit=whose.unit,
                    unix=unix,
                    record=f"{shard}/{frame.seq}",
                    kind=frame.kind.value,
                    exchange=frame.exchange,
                    digest=f"sha256:{leaf_hash(frame.leaf).hex()}",
                )
            )
            day = unix - unix % DAY_SECONDS, pattern, over, name
            if day in self._by_day or len(self._by_day) < DAYS_MAX:
                self._by_day[day] += 1


class _Leaf(msgspec.Struct, frozen=True):
    time: str
    hold: str = ""


_LEAF: Final = msgspec.json.Decoder(_Leaf)


def _is_before(frame: Frame, since: int) -> bool:
    return unix_of(_LEAF.decode(frame.leaf).time) < since
