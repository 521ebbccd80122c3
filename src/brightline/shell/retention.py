# SPDX-License-Identifier: Apache-2.0
"""Carries retention out in one shard, by its single writer: what is due, what a legal hold keeps, and the destroying.

Whoever owns the shard looks at every new order within seconds, and once a day at what the days of the agreement and of
purposes make due; of a gateway that serves, by a clock that has gone steadily (``steady.py``). Each time the log is
read from its start, so that nothing rests on a note that could be lost.
"""

from __future__ import annotations

import asyncio
import bisect
import logging
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.limits import FOR_EVER_DAYS, Kept, keep_days
from brightline.core.errors import BrightlineError
from brightline.core.evidence.batch import Frame
from brightline.core.evidence.keytree import KeyDestroyed, Range
from brightline.core.evidence.record import CASES, RecordKind, unix_of
from brightline.core.evidence.retention import Ended, Held, Ledger, kept_as, wanted
from brightline.core.evidence.shred import Because, merge, shred_drafts
from brightline.core.ports import Clock
from brightline.core.register import DAY_SECONDS, RegisterBook
from brightline.core.review.aging import FOR_EVER, Aging, AgingCase, ages, destroyed_at
from brightline.shell.steady import SteadyTime
from brightline.shell.storage.periods import PERIOD_SECONDS
from brightline.shell.storage.sequencer import Sequencer
from brightline.shell.storage.vault import Vault, VaultReader
from brightline.shell.storage.wal import frames_on_disk

LOOK_SECONDS: Final = 0.5

_LOG: Final = logging.getLogger("brightline")


class Due(msgspec.Struct, frozen=True):
    """What is to be destroyed now, and how many exchanges a legal hold keeps though they were due.

    ``aged`` are records of cases whose content is kept no longer; ``contents`` is how many cases that are.
    """

    expired: tuple[Range, ...]
    ordered: dict[int, tuple[Range, ...]]
    exchanges: int
    kept: int
    aged: tuple[Range, ...] = ()
    contents: int = 0

    @property
    def nothing(self) -> bool:
        """Whether there is nothing to destroy."""
        return not self.expired and not self.aged and not any(self.ordered.values())


class _Leaf(msgspec.Struct, frozen=True):
    time: str
    verdict: str = "none"
    case: str = ""
    expires: int = 0
    until: int = FOR_EVER
    part: int = 0


_LEAF: Final = msgspec.json.Decoder(_Leaf)
_OF_UNITS: Final = frozenset({RecordKind.ATTEMPT, RecordKind.CASE, RecordKind.TOUCHED})


class _Content(msgspec.Struct, frozen=True):
    """A record of a case: what it keeps is due at ``due`` (Unix seconds; 0: never)."""

    exchange: str
    seq: int
    part: int
    due: int


class Retention:
    """Retention of one shard. ``held`` and ``agreement`` are asked each time. One thread at a time acts."""

    def __init__(
        self,
        log: Sequencer,
        wal: Path,
        vault: Vault,
        held: Callable[[], Held],
        agreement: Callable[[], Agreement],
        book: Callable[[], RegisterBook],
        clock: Clock,
        steady: SteadyTime | None = None,
    ) -> None:
        """``book`` has the purposes. Without ``steady`` the clock is taken as it is: a person looked at it."""
        self._log = log
        self._wal = wal
        self._vault = vault
        self._held = held
        self._agreement = agreement
        self._book = book
        self._now = clock.unix if steady is None else steady.unix
        self._ages: bool | None = None  # whether any content here has an end; not known before the log was read
        self._gone = [each for said in log.shredded for each in said.ranges]
        self._orders_seen = frozenset(said.order for said in log.shredded)
        self._looked_at = 0
        self._acting = threading.Lock()

    @property
    def pending(self) -> bool:
        """Whether there is an order that was not looked at, or a day has passed."""
        if self._held().orders.keys() - self._orders_seen:
            return True
        now = self._now()
        agreement, book = self._agreement(), self._book()
        expires = any(days < FOR_EVER_DAYS for days in keep_days(agreement).values())
        if ages(book, agreement):
            self._ages = True
        if now is None or (not expires and self._ages is False):
            return False
        return not 0 <= now - self._looked_at < DAY_SECONDS

    def due(self) -> Due:
        """What is due now. Raises ``OperatorError`` if the log or the vault cannot be read."""
        return self._due(self._now())

    def _due(self, now: int | None) -> Due:
        """What is due; without a time that is to be believed, only what was ordered."""
        held, days = self._held(), keep_days(self._agreement())
        orders = [(seq, order) for seq, order in held.orders.items() if seq not in self._orders_seen]
        gone = merge(self._gone)
        aged: dict[int, None] = {}
        expired: list[Range] = []
        ordered: dict[int, list[Range]] = {seq: [] for seq, _ in orders}
        exchanges, kept, contents = set[str](), set[str](), 0
        ending = False
        for each, unit in self._ended(held):
            if isinstance(each, _Content):
                ending |= each.due != FOR_EVER and not _within(gone, each.seq)
                due = each.due != FOR_EVER and now is not None and each.due <= now
                if due and not _within(gone, each.seq) and not held.keeping(unit, each.exchange):
                    aged[each.seq] = None
                    contents += not each.part
                continue
            named = wanted(orders, each.exchange)
            if not named and (now is None or not each.expired(days, now)):
                continue
            left = [one for one in each.ranges if not _within(gone, one[0]) and one[0] not in aged]
            if not left:
                continue
            if held.keeping(unit, each.exchange):
                kept.add(each.exchange)
                continue
            exchanges.add(each.exchange)
            (ordered[named[0]] if named else expired).extend(left)
        self._ages = ending
        in_order = {seq: merge(ranges) for seq, ranges in ordered.items()}
        return Due(merge(expired), in_order, len(exchanges), len(kept), merge((seq, seq) for seq in aged), contents)

    def carry_out(self) -> Due:
        """Destroy what is due, each part named by a SHRED record before. Blocks; call it off an event loop.

        Raises ``EvidenceUnavailable`` if it cannot be recorded (nothing is destroyed then), ``OperatorError`` if the
        log or the vault cannot be read or written.
        """
        with self._acting:
            started = self._now()
            orders = frozenset(self._held().orders)
            due = self._due(started)
            agreement = self._agreement().digest
            drafts = [*shred_drafts(agreement, due.aged, Because.AGED)]
            drafts += shred_drafts(agreement, due.expired, Because.EXPIRED)
            for seq, ranges in due.ordered.items():
                drafts += shred_drafts(agreement, ranges, Because.ORDERED, seq)
            for draft in drafts:
                self._log.shred(draft)
            self._gone += [*due.aged, *due.expired, *(each for ranges in due.ordered.values() for each in ranges)]
            self._orders_seen |= orders
            self._looked_at = self._looked_at if started is None else started
            return due

    async def keep(self) -> None:
        """Look for what is due, and carry it out, again and again, off the event loop. Without end."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if not self.pending:
                continue
            try:
                due = await asyncio.to_thread(self.carry_out)
            except BrightlineError as error:
                _LOG.warning("what is due could not be destroyed: %s", error)
                await asyncio.sleep(PERIOD_SECONDS)
                continue
            if not due.nothing:
                _LOG.info(
                    "what opened %d exchanges, and the content of %d cases, was destroyed", due.exchanges, due.contents
                )

    def _ended(self, held: Held) -> Iterator[tuple[Ended | _Content, str]]:
        """Records of cases, and every exchange that has its OUTCOME; and the unit where a legal hold turns on units.

        What a case keeps comes before the exchange that it is of.
        """
        by_unit = any(each.units for each in held.preservations.values())
        keys = self._vault.reader(self._log.shard)
        ledger, units, due = Ledger(), dict[str, str](), dict[str, int]()
        for frame in frames_on_disk(self._wal, self._log.shard):
            if by_unit and frame.kind in _OF_UNITS and (frame.exchange or frame.kind is not RecordKind.TOUCHED):
                units[frame.exchange] = _unit(frame, keys)
            if frame.kind in CASES:
                said = _LEAF.decode(frame.leaf)
                if not said.part:
                    due[said.case] = self._content_due(frame, said, keys)
                content = _Content(frame.exchange, frame.seq, said.part, due.get(said.case, said.until))
                yield content, units.get(frame.exchange, "")
            seqs = ledger.enter(frame.kind, frame.exchange, frame.seq)
            if seqs:
                leaf = _LEAF.decode(frame.leaf)
                kept = Kept.HELD if frame.kind is RecordKind.CASE else kept_as(leaf.verdict)
                ended = Ended(frame.exchange, seqs, kept, unix_of(leaf.time))
                yield ended, units.pop(frame.exchange, "")

    def _content_due(self, frame: Frame, said: _Leaf, keys: VaultReader) -> int:
        """When the content of a case is due, by its record and by what its purpose and the agreement say now."""
        name = _peeked(frame, keys, "purpose_id")
        case = AgingCase(unix_of(said.time), said.expires, Aging(said.until, name))
        book = self._book()
        return destroyed_at(case, book.purpose(name) if name else None, book, self._agreement())


def _unit(frame: Frame, keys: VaultReader) -> str:
    return _peeked(frame, keys, "unit")


def _peeked(frame: Frame, keys: VaultReader, name: str) -> str:
    try:
        return str(keys.peek(frame).get(name, ""))
    except KeyDestroyed:
        return ""


def _within(gone: tuple[Range, ...], seq: int) -> bool:
    at = bisect.bisect_right(gone, (seq, 1 << 62)) - 1
    return at >= 0 and gone[at][0] <= seq <= gone[at][1]
