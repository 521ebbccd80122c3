# SPDX-License-Identifier: Apache-2.0
"""The records: what is written down about an exchange, and how a draft becomes the leaf that is logged.

A record has a *public* part, which anybody who holds the log may read (kind, shard, boot epoch, sequence, time,
agreement, release, outcome, clauses), and *committed* fields (facts, findings, unit, digests), of which the leaf
holds only salted commitments (RFC 9901, section 4.2). What opens them lies outside the log, sealed under a key of the
record's own that can be destroyed. Nothing here hashes a prompt without a salt: a bare digest of short text can be
found by trying.

Invariants, as absences: no leaf holds content; no leaf is built without a sequence number; nothing but
``shell/storage/sequencer.py`` mints a :class:`DurableRecord`.
"""

from __future__ import annotations

import enum
from datetime import datetime
from typing import Final

import msgspec

from brightline.core.canonical import JsonValue, canonical_bytes, encoder_for
from brightline.core.evidence.disclosure import commit
from brightline.core.evidence.merkle import leaf_hash
from brightline.core.evidence.sealing import seal_fields

RECORD_VERSION: Final = 1
LEAF_BYTES_MAX: Final = 65_535  # C2SP tlog-tiles, "Log entries": the length prefix has 16 bits.


class RecordKind(enum.StrEnum):
    """The kinds of record that exist so far; later issues add theirs."""

    ATTEMPT = "ATTEMPT"
    PASS = "PASS"  # noqa: S105 - a record kind
    MARK = "MARK"
    OUTCOME = "OUTCOME"
    TOUCHED = "TOUCHED"  # an exchange was read for persons once more after it ended; or how many were not
    HOLD = "HOLD"  # an exchange waits for people, and what they will look at; a long one in several parts
    CASE = "CASE"  # people are asked about something and nothing waits for it: it was drawn, or its answer is known
    DECISION = "DECISION"  # what one of them answered, signed, in the registry
    REVEAL = "REVEAL"  # a reviewer saw a masked identifier, and said why, in the registry
    ENROLMENT = "ENROLMENT"  # somebody comes on the roster, changes there or goes, in the registry
    USED = "USED"  # what they released was used, and is not used again, in the registry
    REVIEW = "REVIEW"  # what people's work rests on and decides nothing, in the registry; ``what`` says which
    WORKLOAD = "WORKLOAD"  # an entry of the registers: workload, purpose, protocol, VV&T
    PERIOD = "PERIOD"
    RELEASE = "RELEASE"  # what came into force: a version of the agreement, a classifier release
    STANDING = "STANDING"
    HALT = "HALT"  # somebody stopped service, or both parties started it again, in the registry
    ATTESTED = "ATTESTED"  # a machine showed what it is, and has a lease for that; in the log of its node
    ATTESTATION = "ATTESTATION"  # what counts of what machines show: a policy, a revocation, in the registry
    SHRED = "SHRED"  # what opened some records was destroyed; in the registry: that both parties ordered it
    PRESERVE = "PRESERVE"  # a legal hold: what it names is not destroyed until it is lifted
    CONSUMED = "CONSUMED"  # a guard let one request through, in the guard's own log
    ADMISSION = "ADMISSION"  # a guard admits a model, takes it out, or says that it admits nothing, in its own log
    KEYS = "KEYS"  # a key broker handed keys to a machine that showed what it is, or refused, in its own log
    OBSERVED = "OBSERVED"  # what would have been said of an exchange that somebody else served, in an observer's log
    HUNT = "HUNT"  # sealed records were screened again: what was covered and found, signed, in the registry
    DEMAND = "DEMAND"  # an order that was received and changed nothing
    HEAD = "HEAD"  # the head of a log, in the log of all heads
    SEAL = "SEAL"  # a log whose writer never came back ends here, in the registry


MODEL_ADMITTED: Final = "admitted"  # what an ADMISSION says was done
NOTHING_ADMITTED: Final = "nothing"  # … by a guard that admits no model; so says each CONSUMED of it then
READ: Final = frozenset({"whole", "part"})  # what a TOUCHED says of an exchange that was read once more
UNREAD: Final = "unread"  # … of exchanges that were not
CASES: Final = frozenset({RecordKind.HOLD, RecordKind.CASE})  # of each the first part opens a case


class Outcome(enum.StrEnum):
    """How an attempt ended: exactly one for each ATTEMPT."""

    REFUSED = "refused"
    HELD = "held"
    COMPLETED = "completed"  # written to our socket; never "received"
    CUT = "cut"
    CLIENT_GONE = "client_gone"
    UPSTREAM_FAILED = "upstream_failed"
    LOST = "lost"  # written by the next boot for an attempt that a crash left open


class RefusalClass(enum.StrEnum):
    """Why an attempt was refused. Only ``policy`` ever counts against a unit."""

    NONE = "none"
    POLICY = "policy"
    MALFORMED = "malformed"
    REGISTRATION = "registration"  # outside the workload's closed lists and sizes
    SUSPENDED = "suspended"
    HALTED = "halted"  # by the halt switch
    UNAVAILABLE = "unavailable"


class Draft(msgspec.Struct, frozen=True):
    """A record before it has a place in the log.

    ``exchange`` is the exchange id, or empty for records that belong to none. ``public`` and ``committed`` hold
    canonical JSON values (no floats).
    """

    kind: RecordKind
    exchange: str
    public: dict[str, JsonValue]
    committed: dict[str, JsonValue]


class Place(msgspec.Struct, frozen=True):
    """Where and when a record stands: given by the sequencer, never by the caller."""

    shard: str
    epoch: int
    seq: int
    time: str
    profile: str


def unix_of(time: str) -> int:
    """The time of a record in Unix seconds. Raises ``ValueError`` for what is no time of RFC 3339."""
    return int(datetime.fromisoformat(time).timestamp())


class Sealed(msgspec.Struct, frozen=True):
    """A record as bytes: ``leaf`` is public and logged, ``contents`` (encrypted) stay outside the log."""

    leaf: bytes
    contents: bytes

    @property
    def hash(self) -> bytes:
        """The RFC 6962 leaf hash, 32 bytes."""
        return leaf_hash(self.leaf)


def seal(draft: Draft, place: Place, key: bytes, nonce: bytes) -> Sealed:
    """Build the leaf of a record: canonical JSON of its header, public fields and commitments.

    ``key`` is the record's own (32 bytes, ``sealing.record_key``), ``nonce`` 12 fresh random bytes. Raises
    ``ValueError`` if a public field shadows the header or the leaf would exceed 65,535 bytes.
    """
    header: dict[str, JsonValue] = {
        "v": RECORD_VERSION,
        "kind": draft.kind.value,
        "shard": place.shard,
        "epoch": place.epoch,
        "seq": place.seq,
        "time": place.time,
        "profile": place.profile,
    }
    if draft.exchange:
        header["exchange"] = draft.exchange
    shadowed = header.keys() & draft.public.keys()
    if shadowed or "commitments" in draft.public:
        raise ValueError(f"public fields shadow the record header: {sorted(shadowed)}")
    encode = encoder_for(draft.committed)
    commitments = commit(draft.committed, key, encode)
    header.update(draft.public)
    header["commitments"] = list(commitments.digests)
    leaf = canonical_bytes(header)
    if len(leaf) > LEAF_BYTES_MAX:
        raise ValueError(f"a record of {len(leaf)} bytes exceeds the {LEAF_BYTES_MAX} bytes of a log entry")
    return Sealed(leaf=leaf, contents=seal_fields(draft.committed, key, nonce, leaf, encode))


_MINT: Final = object()


class DurableRecord:
    """A record that has survived ``fdatasync``. Holding one is the proof: only the sequencer can mint it.

    The constructor takes a private token, so that no other room can say "durable" of what is not.
    """

    __slots__ = ("draft", "leaf_hash", "place", "size")

    def __init__(self, token: object, draft: Draft, place: Place, leaf_digest: bytes, size: int = 0) -> None:
        if token is not _MINT:
            raise TypeError("a DurableRecord is minted by the sequencer alone")
        self.draft = draft
        self.place = place
        self.leaf_hash = leaf_digest
        self.size = size  # bytes of the leaf and of what is sealed beside it

    @property
    def kind(self) -> RecordKind:
        """The kind of the record."""
        return self.draft.kind


def mint_durable(draft: Draft, place: Place, leaf_digest: bytes, size: int = 0) -> DurableRecord:
    """Mint the proof of durability. Imported by ``shell/storage/sequencer.py`` alone (a test looks)."""
    return DurableRecord(_MINT, draft, place, leaf_digest, size)
