# SPDX-License-Identifier: Apache-2.0
"""The registers: purposes, oversight protocols, verification records, each entry signed and in date or worth nothing.

A fact of the agreement may *need* a register (``FactSpec.needs``): a registration then states its good value only
while each entry that it names of that register is here, in date and not retired. So to retire a protocol stops the
permits that rest on it. A *demand* is an order that somebody gave; it is kept, and nothing that decides ever reads it.

An entry replaces the one with its id only by a higher version: a signed entry that was replaced or retired cannot be
brought back by showing it again. Nothing here reads a clock, and nothing here takes a missing entry for a good one.
"""

from __future__ import annotations

import enum
import hashlib
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

import msgspec

from brightline.core.canonical import INTEGER_MAX
from brightline.core.errors import TrustError
from brightline.core.facts import Register

DAY_SECONDS: Final = 86_400
DAYS_MAX_DEFAULT: Final = 366
ID_CHARS_MAX: Final = 64
WORDS_CHARS_MAX: Final = 16_000
LIST_MAX: Final = 256
ENTRIES_MAX: Final = 10_000
VERSION_MAX: Final = 1_000_000
COUNTED_MAX: Final = 1_000_000
COUNTED_DAYS_MAX: Final = 30
CONTENT_DAYS_LIMIT: Final = 36_600
BOUND_WORDS: Final = ("subjects", "period", "volume")
_ID: Final = re.compile(r"[A-Za-z0-9]+(-[A-Za-z0-9]+)*")
_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class DaysMax(msgspec.Struct, frozen=True):
    """How long an entry may be in date, in days, whatever its signers wrote; the agreement fixes the numbers.

    ``registration`` bounds workloads and purposes alike. A number that the agreement does not fix is 366.
    """

    registration: int = DAYS_MAX_DEFAULT
    protocol: int = DAYS_MAX_DEFAULT
    vvt: int = DAYS_MAX_DEFAULT

    def of(self, kind: Register) -> int:
        """The days of a register's entries."""
        return {Register.PROTOCOL: self.protocol, Register.VVT: self.vvt}.get(kind, self.registration)


class _Signed(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What every entry says. Times are Unix seconds; ``owner`` is an office that answers for it, never a name."""

    format: str
    id: str
    version: int
    issued: int
    expires: int
    retired: bool
    owner: str


class PurposeBounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a purpose is limited to, in words; an empty word means that no such bound is declared.

    In numbers, which are counted where the agreement counts people: so many people, and so many requests that touch
    anybody, in so many ``days`` (1 to 30). 0 is no such number.

    ``minimised`` says that what identifies persons of the United States is masked in answers. ``content_days`` says
    for how many days the content of a case is kept; 0: as long as the agreement says.
    """

    subjects: str
    period: str
    volume: str
    subjects_max: int = 0
    requests_max: int = 0
    days: int = 0
    minimised: bool = False
    content_days: int = 0

    @property
    def counted(self) -> bool:
        """Whether anything of it is counted."""
        return bool(self.subjects_max or self.requests_max)


class PurposeEntry(_Signed, frozen=True, kw_only=True):
    """An approved purpose. ``data_classes`` is a closed list: a workload may name these and no others.

    ``foreign_intelligence`` says that this is a defined foreign-intelligence purpose; ``authorities`` are the laws and
    directives as cited, ``legal_basis`` says in words how they carry the purpose.
    """

    words: str
    official: str
    authorities: tuple[str, ...]
    legal_basis: str
    data_classes: tuple[str, ...]
    bounds: PurposeBounds
    foreign_intelligence: bool


class ProtocolEntry(_Signed, frozen=True, kw_only=True):
    """A safety or oversight protocol; ``text_digest`` is ``sha256:`` and 64 hex digits over the bytes of its text."""

    title: str
    text_digest: str


class Figure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One measured figure as it was reported: ``missed per million`` and ``12``. Text, so that nobody rounds it."""

    name: str
    value: str


class VvtEntry(_Signed, frozen=True, kw_only=True):
    """A verification, validation and testing of one system in one environment.

    ``system_version`` is the digest of the model or a name and version; ``results`` are words, ``figures`` what was
    measured; ``person`` is the opaque id of who is accountable. One that lacks any of these does not register.
    """

    system: str
    system_version: str
    environment: str
    test_set: str
    test_set_digest: str
    results: str
    figures: tuple[Figure, ...]
    person: str


Entry: TypeAlias = "PurposeEntry | ProtocolEntry | VvtEntry"


class Kind(msgspec.Struct, frozen=True):
    """How entries of one register are written; ``signers.py`` says who must sign them."""

    register: Register
    format: str
    payload_type: str
    type_: type[PurposeEntry] | type[ProtocolEntry] | type[VvtEntry]
    title: str


KINDS: Final[Mapping[Register, Kind]] = MappingProxyType(
    {
        Register.PURPOSE: Kind(
            Register.PURPOSE,
            "brightline-purpose/1",
            "application/vnd.brightline.purpose+json",
            PurposeEntry,
            "purpose",
        ),
        Register.PROTOCOL: Kind(
            Register.PROTOCOL,
            "brightline-protocol/1",
            "application/vnd.brightline.protocol+json",
            ProtocolEntry,
            "protocol",
        ),
        Register.VVT: Kind(
            Register.VVT,
            "brightline-vvt/1",
            "application/vnd.brightline.vvt+json",
            VvtEntry,
            "VV&T record",
        ),
    }
)


def kind_of(entry: Entry) -> Kind:
    """The kind that an entry is of."""
    return next(kind for kind in KINDS.values() if isinstance(entry, kind.type_))


def check_id(what: str, found: str) -> None:
    """Letters, digits and single hyphens, at most 64 of them. Raises ``TrustError``."""
    if len(found) > ID_CHARS_MAX or not _ID.fullmatch(found):
        raise TrustError(f"{what} has the id {found[:80]!r}; an id is 1 to 64 letters, digits and single hyphens")


def check_entry(entry: Entry) -> None:
    """Check what a signed entry must say, whoever signed it. Raises ``TrustError`` and names what is missing."""
    kind = kind_of(entry)
    if entry.format != kind.format:
        raise TrustError(f"a {kind.title} of format {entry.format[:40]!r}; expected {kind.format!r}")
    check_id(f"a {kind.title}", entry.id)
    what = f"{kind.title} {entry.id}"
    if not 1 <= entry.version <= VERSION_MAX:
        raise TrustError(f"{what} has version {entry.version}; versions count from 1 to {VERSION_MAX}")
    if not 0 <= entry.issued < entry.expires <= INTEGER_MAX:
        raise TrustError(f"{what} expires before it is issued, or never")
    for name in reversed(entry.__struct_fields__):  # its own members before those that every entry has
        _check_field(what, name, getattr(entry, name))


# What may be empty: what is not bounded, and what a purpose does not touch.
_MAY_BE_EMPTY: Final = frozenset({"data_classes"})


def _check_field(what: str, name: str, value: object) -> None:
    if isinstance(value, tuple):
        if not value and name not in _MAY_BE_EMPTY:
            raise TrustError(f"{what} lacks its {_said(name)}: each entry must name at least one")
        if len(value) > LIST_MAX:
            raise TrustError(f"{what} names {len(value)} {_said(name)}; at most {LIST_MAX}")
        for item in value:
            _check_field(what, name, item)
    elif isinstance(value, Figure):
        _check_field(what, "figures", value.name)
        _check_field(what, "figures", value.value)
    elif isinstance(value, PurposeBounds):
        for part in BOUND_WORDS:
            _bounded(what, part, getattr(value, part))
        _check_numbers(what, value)
    elif isinstance(value, str):
        if not value.strip():
            raise TrustError(f"{what} lacks its {_said(name)}: it must not be empty")
        _bounded(what, name, value)
        if name.endswith("_digest") and not _DIGEST.fullmatch(value):
            raise TrustError(f"{what}: its {_said(name)} is {value[:80]!r}; expected sha256: and 64 hex digits")


def _bounded(what: str, name: str, value: str) -> None:
    if len(value) > WORDS_CHARS_MAX:
        raise TrustError(f"{what}: its {_said(name)} has {len(value)} characters; at most {WORDS_CHARS_MAX}")


def _check_numbers(what: str, bounds: PurposeBounds) -> None:
    if not (0 <= bounds.subjects_max <= COUNTED_MAX and 0 <= bounds.requests_max <= COUNTED_MAX):
        raise TrustError(f"{what} is bounded to a number outside 0 to {COUNTED_MAX}")
    if bounds.counted and not 1 <= bounds.days <= COUNTED_DAYS_MAX:
        raise TrustError(f"{what} is bounded within {bounds.days} days; people are counted in 1 to {COUNTED_DAYS_MAX}")
    if not 0 <= bounds.content_days <= CONTENT_DAYS_LIMIT:
        raise TrustError(f"{what} keeps content for {bounds.content_days} days; 1 to {CONTENT_DAYS_LIMIT} can be said")
    if bounds.days and not bounds.counted:
        raise TrustError(f"{what} names {bounds.days} days, and no number of people or requests in them")


def _said(name: str) -> str:
    return name.replace("_", " ")


def check_days(what: str, issued: int, expires: int, days_max: int) -> None:
    """An entry may be in date for so many days at most. Raises ``TrustError``; for who writes one."""
    if expires - issued > days_max * DAY_SECONDS:
        days = -(-(expires - issued) // DAY_SECONDS)
        raise TrustError(f"{what} would be in date for {days} days; the agreement lets it be {days_max}")


class State(enum.StrEnum):
    """How an entry stands at one instant. Only ``in date`` carries a permit."""

    IN_DATE = "in date"
    RETIRED = "retired"
    EXPIRED = "expired"
    NOT_YET = "not yet"


class RegisterBook(msgspec.Struct, frozen=True):
    """The entries that hold now, each id with its latest version. ``days`` clips entries that say longer than agreed.

    A book is a value: :meth:`enter` gives another one, so an exchange that began keeps the book it began with.
    """

    entries: Mapping[tuple[Register, str], Entry] = MappingProxyType({})
    days: DaysMax = DaysMax()

    def enter(self, entry: Entry) -> RegisterBook:
        """Return the book with this entry in it.

        Raises ``TrustError`` for one that is not well formed, whose version is not higher than that of the entry it
        would replace (a replay), or that would be one too many.
        """
        check_entry(entry)
        key = kind_of(entry).register, entry.id
        current = self.entries.get(key)
        if current is not None and not self.is_newer(entry):
            what = f"{kind_of(entry).title} {entry.id}"
            raise TrustError(f"{what} has version {current.version}; version {entry.version} is not newer")
        if current is None and len(self.entries) >= ENTRIES_MAX:
            raise TrustError(f"the registers hold {ENTRIES_MAX} entries, which is all they take")
        return msgspec.structs.replace(self, entries=MappingProxyType({**self.entries, key: entry}))

    def is_newer(self, entry: Entry) -> bool:
        """Whether the entry is a later version than the current one of its id, or the first."""
        current = self.entries.get((kind_of(entry).register, entry.id))
        return current is None or entry.version > current.version

    def under(self, days: DaysMax) -> RegisterBook:
        """Return the same entries under other limits of days."""
        return msgspec.structs.replace(self, days=days)

    def get(self, kind: Register, entry_id: str) -> Entry | None:
        """The current version of an entry, in date or not; ``None`` if there is none."""
        return self.entries.get((kind, entry_id))

    def purpose(self, entry_id: str) -> PurposeEntry | None:
        """The current version of a purpose, in date or not; ``None`` if there is none."""
        entry = self.entries.get((Register.PURPOSE, entry_id))
        return entry if isinstance(entry, PurposeEntry) else None

    def of(self, kind: Register) -> tuple[Entry, ...]:
        """All current entries of a register, by id."""
        return tuple(self.entries[key] for key in sorted(self.entries) if key[0] is kind)

    def ends(self, entry: Entry) -> int:
        """When the entry is no longer in date, in Unix seconds: its own expiry or the agreed days, the earlier."""
        return ends(entry.issued, entry.expires, self.days.of(kind_of(entry).register))

    def state(self, entry: Entry, now: int) -> State:
        """How an entry stands at ``now`` (Unix seconds)."""
        if entry.retired:
            return State.RETIRED
        if now < entry.issued:
            return State.NOT_YET
        return State.IN_DATE if now < self.ends(entry) else State.EXPIRED

    def in_date(self, kind: Register, entry_id: str, now: int) -> bool:
        """Whether there is such an entry, in date at ``now`` (Unix seconds) and not retired."""
        entry = self.entries.get((kind, entry_id))
        return entry is not None and self.state(entry, now) is State.IN_DATE


def ends(issued: int, expires: int, days_max: int) -> int:
    """When something that was signed is no longer in date, under a limit of days."""
    return min(expires, issued + days_max * DAY_SECONDS)


# ---- demands -----------------------------------------------------------------------------------------------------

DEMAND_FORMAT: Final = "brightline-demand/1"
DEMAND_TYPE: Final = "application/vnd.brightline.demand+json"


class DemandKind(enum.StrEnum):
    """What was demanded."""

    SURVEIL = "surveil"  # to watch somebody, or to hand over what somebody said
    SWITCH_OFF = "switch_off"  # to switch a part of the stack off
    LOOSEN = "loosen"  # to permit what the agreement refuses
    OTHER = "other"


class Demand(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """An order that the provider received, and its answer. It changes nothing: nothing that decides reads it.

    ``received`` and ``issued`` are Unix seconds; ``text_digest`` is over the UTF-8 bytes of ``text``.
    """

    format: str
    id: str
    source: str
    received: int
    demanded: DemandKind
    text: str
    text_digest: str
    answer: str
    issued: int


def text_digest(text: bytes) -> str:
    """``sha256:`` and 64 hex digits over the bytes of a text."""
    return "sha256:" + hashlib.sha256(text).hexdigest()


def check_demand(demand: Demand) -> None:
    """Check what a demand must say. Raises ``TrustError`` and names what is missing."""
    if demand.format != DEMAND_FORMAT:
        raise TrustError(f"a demand of format {demand.format[:40]!r}; expected {DEMAND_FORMAT!r}")
    check_id("a demand", demand.id)
    for name in ("source", "text", "answer"):
        _check_field(f"demand {demand.id}", name, getattr(demand, name))
    if demand.text_digest != text_digest(demand.text.encode()):
        raise TrustError(f"demand {demand.id}: its text has another digest than it says")
    if not 0 <= demand.received <= demand.issued <= INTEGER_MAX:
        raise TrustError(f"demand {demand.id} was received after it was written down")
