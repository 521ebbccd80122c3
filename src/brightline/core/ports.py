# SPDX-License-Identifier: Apache-2.0
"""The outside, as protocols. Each docstring is a contract: durability, concurrency, who retries, what raises."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from typing import TYPE_CHECKING, Protocol

from brightline.core.conditions import Conditions
from brightline.core.enforcement.pass_token import PassToken
from brightline.core.evidence.record import Draft, DurableRecord
from brightline.core.exchange.model import UpstreamRequest
from brightline.core.facts import Statement
from brightline.core.screening.finding import Judgement, Segment

if TYPE_CHECKING:  # what reads certificates costs whoever imports it a twentieth of a second
    from brightline.core.attestation.evidence import Evidence


class Clock(Protocol):
    """Time. ``monotonic`` decides leases and deadlines; ``utc_now`` is only written down."""

    def monotonic(self) -> float:
        """Seconds of a clock that never steps."""
        ...

    def unix(self) -> int:
        """Seconds since 1970, to compare with expiries of signed statements."""
        ...

    def utc_now(self) -> str:
        """RFC 3339 in UTC with milliseconds, for records."""
        ...


class RecordLog(Protocol):
    """Where records become durable.

    One writer; any number of concurrent callers. ``append`` returns only after the record has survived
    ``fdatasync``, in the order of its sequence number. It never retries: after a failed write or flush every call
    raises ``EvidenceUnavailable`` until the log has been opened anew and its tail verified. A full queue raises the
    same at once, and a full disk ``DiskFull`` for everything but the ends of what runs, until there is room again.
    """

    async def append(self, draft: Draft) -> DurableRecord:
        """Make one record durable. Raises ``EvidenceUnavailable``."""
        ...


class OnceLog(Protocol):
    """Where it stands what of people's releases was used, for all workers and gateways of an installation.

    Any number of concurrent callers, in any number of processes. ``use`` returns records only after they have survived
    ``fdatasync``, and no other call, here or elsewhere, ever returns one for the same case and use. It never retries.
    A call that was cancelled may still have used what it was asked for.
    """

    async def use(self, drafts: Sequence[Draft]) -> tuple[DurableRecord, ...]:
        """Make these USED records durable; write none and return none if one of what they name was used before.

        Raises ``EvidenceUnavailable``.
        """
        ...


class HeadStore(Protocol):
    """The records of the combined heads, in a database that all writers of an installation share.

    Any number of processes write. ``swap`` is durable when it returns true, and the only way to write; nothing is ever
    changed or removed. Every method raises ``OperatorError`` if the database cannot be used; nobody retries in here.
    """

    def size(self) -> int:
        """How many records there are."""
        ...

    def leaves(self, start: int, end: int) -> Sequence[bytes]:
        """The records ``start`` to ``end``, which is not included; all of them are there."""
        ...

    def swap(self, place: int, leaf: bytes) -> bool:
        """Write a record at this place, if it is the next one; false if somebody else wrote there first."""
        ...

    def renew(self, log: str, unix: int) -> None:
        """The writer of this log was seen at work at this time."""
        ...

    def seen(self, log: str) -> int:
        """When the writer of this log was seen last, in Unix seconds; 0 if never."""
        ...


class Detector(Protocol):
    """A judge of segments.

    Runs off the event loop. Callers set the deadline; a late answer is no answer. Any exception means unjudged.
    """

    @property
    def id(self) -> str:
        """The id by which the release requires it."""
        ...

    async def judge(self, segments: Sequence[Segment]) -> Judgement:
        """Judge a batch. Raises ``ScreeningUnavailable``."""
        ...


class Upstream(Protocol):
    """A model server.

    Called at most once for each pass token: there is no retry of a request of which a byte may have been sent.
    """

    def send(self, token: PassToken, request: UpstreamRequest) -> AsyncGenerator[bytes, None]:
        """Send our bytes; yield the body of a 200 answer in chunks. Raises ``UpstreamFailed``.

        Closing the generator cancels the request.
        """
        ...


class ConditionSource(Protocol):
    """What holds at this instant: lease, roster, admission, evidence health, and how the unit stands."""

    def read(self, model: str, unit: str) -> Conditions:
        """Never blocks and never raises: what is not known is ``unknown`` in the conditions."""
        ...


class Attester(Protocol):
    """Who asks this machine what it is: its vendor's device, its operator's service, or nobody at all.

    Called by one task at a time. Nothing that it gives is believed before it was verified and appraised.
    """

    @property
    def name(self) -> str:
        """By which records call it."""
        ...

    @property
    def production(self) -> bool:
        """Whether what it gives may count outside the development profile."""
        ...

    async def attest(self, challenge: bytes) -> tuple[Evidence, ...]:
        """Evidence, each piece of which carries this challenge. Bounded in time and size.

        Raises ``EvidenceRefused`` if there is none; whoever asks decides when to ask again.
        """
        ...


class LeaseSource(Protocol):
    """The lease of a node, as others see it: whoever answers to nothing without one (a gateway, a guard) asks here."""

    @property
    def fault(self) -> str:
        """Why there is no lease in force now; empty while there is one. Never blocks, never raises."""
        ...

    def statements(self) -> tuple[Statement, ...]:
        """What the lease in force states; nothing without one. Never blocks, never raises."""
        ...
