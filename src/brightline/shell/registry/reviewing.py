# SPDX-License-Identifier: Apache-2.0
"""What people's work rests on, from the log: how samples are drawn, and whatever else of it is on record.

No verdict hangs on any of it, so what does not read is kept among the ``ignored`` and stops nothing.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, assert_never

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.errors import OperatorError
from brightline.core.evidence.record import Draft, DurableRecord, RecordKind
from brightline.core.halt import LAG_SECONDS
from brightline.core.ports import Clock
from brightline.core.review.appeals import Filed, Wish, check_case, hold_of, open_appeal
from brightline.core.review.case import Case
from brightline.core.review.content import content_digest
from brightline.core.review.draw import commitment, month_key, month_of
from brightline.core.review.life import CaseKind
from brightline.core.review.sampling import NOTHING_KNOWN
from brightline.core.review.seeding import open_item
from brightline.core.statement import TrustRoots
from brightline.shell.config import Settings
from brightline.shell.registry.log import append_to_registry
from brightline.shell.registry.reader import Entry

REVEAL_SECONDS: Final = 86_400  # after the end of a month, so that whatever was drawn in it is written


class What(enum.StrEnum):
    """What a REVIEW record says."""

    SAMPLING = "sampling"  # from now on so many are drawn with a key of this digest
    REVEALED = "revealed"  # a month is over, and this was its key
    EXPORTED = "exported"  # what people decided was written out as rows to train on
    APPEALED = "appealed"  # an official of the customer asks that others look at what was decided
    WISHED = "wished"  # a workload asks its official to appeal
    SEEDED = "seeded"  # an item whose answers are known, signed, for a gateway to open when its time has come


class Rate(msgspec.Struct, frozen=True):
    """From ``unix`` on (seconds) so many of a million are drawn."""

    unix: int
    per_million: int


class ToOpen(msgspec.Struct, frozen=True):
    """A case that the gateway of ``shard`` is to open, with what people will be shown and why they are asked."""

    case: Case
    content: bytes
    exchange: str
    shard: str
    kind: CaseKind
    known: Mapping[str, str] = NOTHING_KNOWN


class Reviewing:
    """What was said about people's work, as a fold of REVIEW records."""

    kinds: Final = frozenset({RecordKind.REVIEW})

    def __init__(self, roots: TrustRoots) -> None:
        self.to_open: list[ToOpen] = []  # in the order in which they were logged
        self.appeals: list[Filed] = []
        self.wishes: dict[str, Wish] = {}  # by id, in the order in which they were logged
        self._wishes: dict[tuple[str, str], Wish] = {}  # by workload, and what they are about
        self._roots = roots
        self.ignored: dict[int, str] = {}
        self.keys: dict[str, bytes] = {}  # of months that are over
        self.commitments: dict[str, str] = {}  # SHA-256 of each month's key, in hex
        self._rates: dict[str, list[Rate]] = {}

    def enter(self, entry: Entry) -> None:
        """Take in a record, or say why it changes nothing."""
        try:
            why = self._enter(What(str(entry.public.get("what"))), entry)
        except (msgspec.ValidationError, ValueError, OperatorError) as error:
            why = str(error)
        if why:
            self.ignored[entry.seq] = why

    def per_million(self, month: str) -> int:
        """How many of a million are drawn in a month, as it stands now; 0 without a commitment."""
        return max((rate.per_million for rate in self._rates.get(month, ())), default=0)

    def least_at(self, month: str, unix: int) -> int:
        """How many of a million had to be drawn then: every gateway knew of the rate."""
        known = (rate.per_million for rate in self._rates.get(month, ()) if rate.unix + LAG_SECONDS <= unix)
        return max(known, default=0)

    @property
    def unrevealed(self) -> tuple[str, ...]:
        """The months whose key is not on record yet."""
        return tuple(sorted(self.commitments.keys() - self.keys.keys()))

    def _enter(self, what: What, entry: Entry) -> str:
        match what:
            case What.SAMPLING:
                return self._sampling(entry, msgspec.convert(entry.public, _Sampling))
            case What.SEEDED:
                content = str(entry.opened.get("content", ""))
                item = open_item(entry.envelope, content.encode(), self._roots, at=entry.unix)
                self.to_open.append(
                    ToOpen(item.case, content.encode(), item.exchange, item.shard, CaseKind.SEEDED, item.known)
                )
                return ""
            case What.APPEALED:
                return self._appealed(entry)
            case What.WISHED:
                return self._wished(entry)
            case What.EXPORTED:
                return ""
            case What.REVEALED:
                return self._revealed(msgspec.convert(entry.public, _Revealed))
            case _ as never:
                assert_never(never)

    def _appealed(self, entry: Entry) -> str:
        opened = open_appeal(entry.envelope, self._roots, at=entry.unix)
        said = msgspec.convert(entry.opened, _Appealed)
        if content_digest(said.content.encode()) != said.case.content:
            return "the content is not the one that the case names"
        if any(hold_of(each.appeal) == hold_of(opened.value) for each in self.appeals):
            return "this appeal, or one that would open the same hold, was filed before"
        signers = tuple(holder for _, holder in opened.signers)
        check_case(opened.value, signers, said.case)
        self.appeals.append(Filed(opened.value, signers, entry.unix, said.case))
        self.to_open.append(ToOpen(said.case, said.content.encode(), said.exchange, said.shard, CaseKind.APPEALED))
        return ""

    def _wished(self, entry: Entry) -> str:
        said = msgspec.convert(entry.opened, _Wished)
        wish = Wish(
            str(entry.public.get("wish")),
            said.about,
            said.workload,
            said.unit,
            said.reason,
            entry.unix,
            entry.seq,
            len(said.request),
        )
        if wish.id in self.wishes or self.wish_of(said.workload, said.about) is not None:
            return "this was asked for before"
        self.wishes[wish.id] = self._wishes[wish.workload, wish.about] = wish
        return ""

    def wish_of(self, workload: str, about: str) -> Wish | None:
        """What a workload wished of a hold or an exchange; ``None`` if nothing."""
        return self._wishes.get((workload, about))

    def _sampling(self, entry: Entry, said: _Sampling) -> str:
        if self.commitments.setdefault(said.month, said.commitment) != said.commitment:
            return "another key was committed to for this month"
        if said.per_million <= self.per_million(said.month):
            return "within a month the rate only rises"
        self._rates.setdefault(said.month, []).append(Rate(entry.unix, said.per_million))
        return ""

    def _revealed(self, said: _Revealed) -> str:
        key = bytes.fromhex(said.key)
        if self.commitments.get(said.month) != commitment(key):
            return "it is not the key that was committed to"
        self.keys[said.month] = key
        return ""


class _Sampling(msgspec.Struct, frozen=True):
    month: str
    commitment: str
    per_million: int


class _Appealed(msgspec.Struct, frozen=True):
    case: Case
    content: str
    exchange: str
    shard: str


class _Wished(msgspec.Struct, frozen=True):
    about: str
    workload: str
    unit: str
    reason: str
    request: str = ""


class _Revealed(msgspec.Struct, frozen=True):
    month: str
    key: str


def sampling_due(
    reviewing: Reviewing, hold_key: bytes, per_million: int, now: int
) -> Iterator[tuple[What, dict[str, JsonValue]]]:
    """What must go on record at ``now`` (Unix seconds) so that ``per_million`` may be drawn, and drawn again."""
    month = month_of(datetime.fromtimestamp(now, UTC).isoformat())
    if per_million > reviewing.per_million(month):
        digest = commitment(month_key(hold_key, month))
        yield What.SAMPLING, {"month": month, "commitment": digest, "per_million": per_million}
    last = month_of(datetime.fromtimestamp(now - REVEAL_SECONDS, UTC).isoformat())
    for over in reviewing.unrevealed:
        if over < last:
            yield What.REVEALED, {"month": over, "key": month_key(hold_key, over).hex()}


def log_review(
    root: Path,
    settings: Settings,
    profile: str,
    what: str,
    public: Mapping[str, JsonValue],
    committed: Mapping[str, JsonValue],
    clock: Clock,
) -> DurableRecord:
    """Log something about people's work. Blocks. Raises as ``append_to_registry``."""
    draft = Draft(RecordKind.REVIEW, "", {"what": what, **public}, dict(committed))
    return append_to_registry(root, settings, profile, clock, draft)
