# SPDX-License-Identifier: Apache-2.0
"""What happened to an exchange. Events are past tense; time and randomness arrive inside them."""

from __future__ import annotations

import msgspec

from brightline.core.conditions import Conditions
from brightline.core.errors import CallerError
from brightline.core.evidence.record import DurableRecord
from brightline.core.exchange.model import Exchange
from brightline.core.patterns.crossing import NOTHING_WATCHED, Watched
from brightline.core.register import RegisterBook
from brightline.core.review.asking import NO_WORD, PeoplesWord
from brightline.core.screening.finding import Judgement
from brightline.core.workload import Workload


class Instant(msgspec.Struct, frozen=True):
    """``monotonic`` in seconds decides; ``unix`` in seconds is compared with expiries of signed statements."""

    monotonic: float
    unix: int


class Arrived(msgspec.Struct, frozen=True):
    """An authenticated request was read: either an Exchange, or the reason why it is none.

    ``registers`` are the signed entries as they stood then; without any, no fact that needs one is stated. ``people``
    is what people have settled and what they are looking at, ``watched`` what is counted of many requests.
    """

    at: Instant
    exchange_id: str
    workload: Workload
    request: Exchange | CallerError
    registers: RegisterBook = RegisterBook()
    people: PeoplesWord = NO_WORD
    watched: Watched = NOTHING_WATCHED


class AttemptDurable(msgspec.Struct, frozen=True):
    """The ATTEMPT survives a crash; ``conditions`` were read after that."""

    at: Instant
    record: DurableRecord
    conditions: Conditions


class PassDurable(msgspec.Struct, frozen=True):
    """The PASS survives a crash; ``conditions`` were read after that, because a disk may take its time."""

    at: Instant
    record: DurableRecord
    conditions: Conditions


class MarkDurable(msgspec.Struct, frozen=True):
    """A MARK survives a crash."""

    at: Instant
    record: DurableRecord


class HoldDurable(msgspec.Struct, frozen=True):
    """A part of a HOLD survives a crash."""

    at: Instant
    record: DurableRecord


class UseDurable(msgspec.Struct, frozen=True):
    """That what people released is used, by this exchange and by no other, survives a crash."""

    at: Instant
    records: tuple[DurableRecord, ...]


class UsedBefore(msgspec.Struct, frozen=True):
    """Another exchange has used some of it: nothing was written, and none of it may be used."""

    at: Instant


class UseFailed(msgspec.Struct, frozen=True):
    """Whether it was used before could not be seen, or not be made durable. There is no going on without it."""

    at: Instant
    why: str


class OutcomeDurable(msgspec.Struct, frozen=True):
    """The OUTCOME survives a crash."""

    at: Instant
    record: DurableRecord


class RecordFailed(msgspec.Struct, frozen=True):
    """A record that is no MARK could not be made durable. There is no going on without it."""

    at: Instant
    why: str


class MarkFailed(msgspec.Struct, frozen=True):
    """The MARK could not be made durable: a stream ends there. A HOLD or an OUTCOME under way stands for itself."""

    at: Instant
    why: str


class Screened(msgspec.Struct, frozen=True):
    """The detectors answered ask number ``ask``; ``watched`` is what is counted, if that was the whole answer."""

    at: Instant
    ask: int
    judgements: tuple[Judgement, ...]
    watched: Watched = NOTHING_WATCHED


class ScreeningFailed(msgspec.Struct, frozen=True):
    """A detector failed, was late, or could not be asked."""

    at: Instant
    ask: int
    why: str


class UpstreamReplied(msgspec.Struct, frozen=True):
    """The whole body of a plain answer arrived."""

    at: Instant
    body: bytes


class UpstreamSaid(msgspec.Struct, frozen=True):
    """The data of one or more server-sent events arrived."""

    at: Instant
    data: tuple[str, ...]


class UpstreamEnded(msgspec.Struct, frozen=True):
    """The upstream closed its stream."""

    at: Instant


class UpstreamBroke(msgspec.Struct, frozen=True):
    """The upstream could not be reached, failed, timed out or sent what is not understood."""

    at: Instant
    why: str


class ClientGone(msgspec.Struct, frozen=True):
    """The client closed its connection."""

    at: Instant


class Ticked(msgspec.Struct, frozen=True):
    """Time passed; the conditions were read again."""

    at: Instant
    conditions: Conditions


Event = (
    Arrived
    | AttemptDurable
    | PassDurable
    | MarkDurable
    | HoldDurable
    | UseDurable
    | UsedBefore
    | UseFailed
    | OutcomeDurable
    | RecordFailed
    | MarkFailed
    | Screened
    | ScreeningFailed
    | UpstreamReplied
    | UpstreamSaid
    | UpstreamEnded
    | UpstreamBroke
    | ClientGone
    | Ticked
)
