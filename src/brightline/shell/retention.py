# SPDX-License-Identifier: Apache-2.0
"""Carries retention out in one shard, by its single writer: what is due, what a legal hold keeps, and the destroying.

Whoever owns the shard looks at every new order within seconds, and once a day at what the agreement's days make due.
Each time the log is read from its start, so that nothing rests on a note that could be lost.
"""

from __future__ import annotations

import bisect
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import FOR_EVER_DAYS, Kept, keep_days
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import KeyDestroyed, Range
from brightline.core.evidence.record import RecordKind, unix_of
from brightline.core.evidence.retention import Ended, Held, Ledger, kept_as, wanted
from brightline.core.evidence.shred import Because, merge, shred_drafts
from brightline.core.ports import Clock
from brightline.core.register import DAY_SECONDS
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault, VaultReader
from brightline.shell.storage.wal import frames_on_disk


class Due(msgspec.Struct, frozen=True):
    """What is to be destroyed now, and how many exchanges a legal hold keeps though they were due."""

    expired: tuple[Range, ...]
    ordered: dict[int, tuple[Range, ...]]
    exchanges: int
    kept: int

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to destroy."""
        return not self.expired and not any(self.ordered.values())


class _Leaf(msgspec.Struct, frozen=True):
    time: str
    verdict: str = "none"


_LEAF: Final = msgspec.json.Decoder(_Leaf)


class Retention:
    """Retention of one shard. ``held`` and ``agreement`` are asked each time. One thread at a time acts."""

    def __init__(
        self,
        log: Sequencer,
        wal: Path,
        vault: Vault,
        held: Callable[[], Held],
        agreement: Callable[[], Agreement],
        clock: Clock,
    ) -> None:
        self._log = log
        self._wal = wal
        self._vault = vault
        self._held = held
        self._agreement = agreement
        self._clock = clock
        self._gone = [each for said in log.shredded for each in said.ranges]
        self._orders_seen = frozenset(said.order for said in log.shredded)
        self._looked_at = 0
        self._acting = threading.Lock()

    @property
    def pending(self) -> bool:
        """Whether there is an order that was not looked at, or a day has passed."""
        if self._held().orders.keys() - self._orders_seen:
            return True
        expires = any(days < FOR_EVER_DAYS for days in keep_days(self._agreement()).values())
        return expires and self._clock.unix() - self._looked_at >= DAY_SECONDS

    def due(self) -> Due:
        """What is due now. Raises ``OperatorError`` if the log or the vault cannot be read."""
        held, days, now = self._held(), keep_days(self._agreement()), self._clock.unix()
        orders = [(seq, order) for seq, order in held.orders.items() if seq not in self._orders_seen]
        gone = merge(self._gone)
        expired: list[Range] = []
        ordered: dict[int, list[Range]] = {seq: [] for seq, _ in orders}
        exchanges = kept = 0
        for ended, unit in self._ended(held):
            named = wanted(orders, ended.exchange)
            if not named and not ended.expired(days, now):
                continue
            left = [each for each in ended.ranges if not _within(gone, each[0])]
            if not left:
                continue
            if held.keeping(unit, ended.exchange):
                kept += 1
                continue
            exchanges += 1
            (ordered[named[0]] if named else expired).extend(left)
        return Due(merge(expired), {seq: merge(ranges) for seq, ranges in ordered.items()}, exchanges, kept)

    def carry_out(self) -> Due:
        """Destroy what is due, each part named by a SHRED record before. Blocks; call it off an event loop.

        Raises ``EvidenceUnavailable`` if it cannot be recorded (nothing is destroyed then), ``OperatorError`` if the
        log or the vault cannot be read or written.
        """
        with self._acting:
            started = self._clock.unix()
            orders = frozenset(self._held().orders)
            due = self.due()
            agreement = self._agreement().digest
            drafts = [*shred_drafts(agreement, due.expired, Because.EXPIRED)]
            for seq, ranges in due.ordered.items():
                drafts += shred_drafts(agreement, ranges, Because.ORDERED, seq)
            for draft in drafts:
                self._log.shred(draft)
            self._gone += [*due.expired, *(each for ranges in due.ordered.values() for each in ranges)]
            self._orders_seen |= orders
            self._looked_at = started
            return due

    def _ended(self, held: Held) -> Iterator[tuple[Ended, str]]:
        """Every exchange that has its OUTCOME, and its unit where a legal hold turns on units."""
        by_unit = any(each.units for each in held.preservations.values())
        keys = self._vault.reader(self._log.shard)
        ledger, units = Ledger(), dict[str, str]()
        for frame in frames_on_disk(self._wal, self._log.shard):
            if by_unit and frame.kind in {RecordKind.ATTEMPT, RecordKind.CASE}:
                units[frame.exchange] = _unit(frame, keys)
            seqs = ledger.enter(frame.kind, frame.exchange, frame.seq)
            if seqs:
                leaf = _LEAF.decode(frame.leaf)
                kept = Kept.HELD if frame.kind is RecordKind.CASE else kept_as(leaf.verdict)
                ended = Ended(frame.exchange, seqs, kept, unix_of(leaf.time))
                yield ended, units.pop(frame.exchange, "")


def _unit(frame: Frame, keys: VaultReader) -> str:
    try:
        return str(keys.peek(frame).get("unit", ""))
    except KeyDestroyed:
        return ""


def _within(gone: tuple[Range, ...], seq: int) -> bool:
    at = bisect.bisect_right(gone, (seq, 1 << 62)) - 1
    return at >= 0 and gone[at][0] <= seq <= gone[at][1]
