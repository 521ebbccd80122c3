# SPDX-License-Identifier: Apache-2.0
"""A workload: who calls, for which unit and purpose, and which facts its registration states.

A registration is signed by an accountable official of the customer and an officer of the provider (``statement.py``)
and logged as a WORKLOAD record. The table of workloads is rebuilt from the log; a database is only its cache.

It also names what the workload may use: closed lists of endpoints, tools and data classes, and sizes. What is not on a
list is refused before anything is screened (``enforcement/bounds.py``), so an empty list allows nothing.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, NamedTuple, assert_never

import msgspec

from brightline.core.errors import TrustError
from brightline.core.facts import Register, Source, Statement, Vocabulary
from brightline.core.quota import HOLDS_MAX, NO_QUOTA
from brightline.core.register import (
    KINDS,
    LIST_MAX,
    VERSION_MAX,
    DaysMax,
    Entry,
    RegisterBook,
    check_days,
    check_id,
    ends,
)

REGISTRATION_TYPE: Final = "application/vnd.brightline.registration+json"
KEY_PREFIX: Final = "bl"
SECRET_HEX_CHARS: Final = 64
FORMAT: Final = "brightline-registration/2"
_ENDPOINT: Final = re.compile(r"[a-z]{1,32}(\.[a-z]{1,32}){0,3}")
_QUOTAS: Final[Mapping[str, int]] = MappingProxyType(
    {
        "tokens_per_minute": NO_QUOTA,
        "holds_per_day": HOLDS_MAX,
        "unit_requests_per_minute": NO_QUOTA,
        "unit_tokens_per_minute": NO_QUOTA,
        "unit_holds_per_day": HOLDS_MAX,
    }
)
_TOOL_DIGEST: Final = re.compile(r"sha256:[0-9a-f]{64}")


class Bounds(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What limits monitoring under this purpose; all empty means that no bounds are declared."""

    subjects: str = ""
    period: str = ""
    volume: str = ""
    data_class: str = ""

    @property
    def declared(self) -> bool:
        """Whether subject, period, volume and data class are all bounded."""
        return all((self.subjects, self.period, self.volume, self.data_class))


class Registration(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The signed statement. Times are Unix seconds; ``facts`` are the registration's own facts, by name.

    ``purpose`` is the purpose in words, ``purpose_id`` its entry in the register; ``protocols`` and ``vvt`` are ids of
    the entries that the facts rest on. ``endpoints`` are words out of ``exchange/api/table.py``; one that is not
    served here allows nothing. ``tools`` maps the name of each tool that may be sent to the digest of its
    schema (``exchange.model.tool_digest``). ``request_bytes_max`` bounds our own bytes to the model server,
    ``output_tokens_max`` what one choice may be asked to have, ``choices_max`` the choices of one request. The quotas
    of a unit count all its workloads, and stop this one: where two registrations differ, each is held to its own.
    """

    format: str
    workload: str
    version: int
    unit: str
    purpose: str
    purpose_id: str
    official: str
    authority: tuple[str, ...]
    bounds: Bounds
    facts: dict[str, str]
    protocols: tuple[str, ...]
    vvt: tuple[str, ...]
    endpoints: tuple[str, ...]
    tools: dict[str, str]
    data_classes: tuple[str, ...]
    request_bytes_max: int
    output_tokens_max: int
    choices_max: int
    requests_per_minute: int
    tokens_per_minute: int = 0  # of prompts and answers; 0: as many as the requests may have
    holds_per_day: int = 0  # 0: as many as there are
    unit_requests_per_minute: int = 0  # of all workloads of the unit; 0: as many as the agreement lets a unit have
    unit_tokens_per_minute: int = 0
    unit_holds_per_day: int = 0
    issued: int
    expires: int
    key_salt: str
    key_digest: str
    revoked: bool = False


class _Stated(NamedTuple):
    """What a registration stated last, and of when and of which registers."""

    now_unix: int
    entries: Mapping[tuple[Register, str], Entry]
    days: DaysMax
    vocabulary: Vocabulary
    statements: tuple[Statement, ...]


class Workload(msgspec.Struct, frozen=True, dict=True):
    """A registration whose signatures hold. Only :func:`admit` makes one from bytes."""

    registration: Registration

    @property
    def id(self) -> str:
        """The workload's id."""
        return self.registration.workload

    @property
    def unit(self) -> str:
        """The customer's unit that answers for it."""
        return self.registration.unit

    def statements(self, now_unix: int, book: RegisterBook, vocabulary: Vocabulary) -> tuple[Statement, ...]:
        """What the registration states at this time: nothing before it was issued or once it has expired.

        A good value that needs registers (``FactSpec.needs``) is left out unless every entry that the registration
        names of each is in date; one that names none has none in date. A value that is not good needs nothing, so
        that bad news is never lost by an expiry.

        A later version of the agreement may no longer let registrations state a fact. A good value is then not stated;
        one that is not good would be lost, and so the whole registration states nothing until it is made anew.

        It is worked out once for all requests of a second.
        """
        last: _Stated | None = self.__dict__.get("_stated")
        if (
            last is not None
            and last.now_unix == now_unix
            and last.entries is book.entries
            and last.days == book.days
            and last.vocabulary is vocabulary
        ):
            return last.statements
        statements = self._states(now_unix, book, vocabulary)
        self.__dict__["_stated"] = _Stated(now_unix, book.entries, book.days, vocabulary, statements)
        return statements

    def _states(self, now_unix: int, book: RegisterBook, vocabulary: Vocabulary) -> tuple[Statement, ...]:
        registration = self.registration
        last = ends(registration.issued, registration.expires, book.days.registration)
        if registration.revoked or not registration.issued <= now_unix < last:
            return ()
        stated = registration.facts.items()
        if any(not _may_say(vocabulary, *pair) and not _is_good(vocabulary, *pair) for pair in stated):
            return ()
        return tuple(
            Statement(fact, value, Source.REGISTRATION, registration.workload)
            for fact, value in sorted(registration.facts.items())
            if _may_say(vocabulary, fact, value) and self._rests(fact, value, now_unix, book, vocabulary)
        )

    def _rests(self, stated: str, said: str, now_unix: int, book: RegisterBook, vocabulary: Vocabulary) -> bool:
        fact, value = vocabulary.in_words_of_now(stated, said)
        spec = vocabulary.by_name.get(fact)
        if spec is None or value != spec.good:
            return True  # a fact that nobody knows is refused by whoever joins, not lost here
        return all(self._in_date(register, now_unix, book) for register in spec.needs)

    def _in_date(self, register: Register, now_unix: int, book: RegisterBook) -> bool:
        registration = self.registration
        match register:
            case Register.PROTOCOL | Register.VVT:
                named = registration.protocols if register is Register.PROTOCOL else registration.vvt
                return bool(named) and all(book.in_date(register, entry, now_unix) for entry in named)
            case Register.PURPOSE | Register.FOREIGN_INTELLIGENCE:
                purpose = book.purpose(registration.purpose_id)
                return (
                    purpose is not None
                    and book.in_date(Register.PURPOSE, purpose.id, now_unix)
                    and set(registration.data_classes) <= set(purpose.data_classes)
                    and (register is Register.PURPOSE or purpose.foreign_intelligence)
                )
            case Register.BOUNDS:
                return registration.bounds.declared
            case _ as never:
                assert_never(never)


def _may_say(vocabulary: Vocabulary, stated: str, said: str) -> bool:
    """Whether registrations may state the fact; one that nobody knows is refused by whoever joins, not lost here."""
    fact, _ = vocabulary.in_words_of_now(stated, said)
    spec = vocabulary.by_name.get(fact)
    return spec is None or Source.REGISTRATION in spec.set_by


def _is_good(vocabulary: Vocabulary, stated: str, said: str) -> bool:
    fact, value = vocabulary.in_words_of_now(stated, said)
    return fact in vocabulary and value == vocabulary.spec(fact).good


def admit(registration: Registration) -> Workload:
    """Check the form of a verified registration. Raises ``TrustError``."""
    if registration.format != FORMAT:
        raise TrustError(f"registration format {registration.format[:40]!r}; expected {FORMAT!r}")
    check_workload_id(registration.workload)
    if not 1 <= registration.version <= VERSION_MAX:
        raise TrustError(f"registration version {registration.version}; versions count from 1 to {VERSION_MAX}")
    if not registration.revoked:
        _check_lists(registration)
    return Workload(registration)


def check_workload_id(workload: str) -> None:
    """Letters, digits and hyphens. Raises ``TrustError``."""
    if not workload.isascii() or not workload.replace("-", "").isalnum():
        raise TrustError("a workload id has letters, digits and hyphens only")


def check_references(registration: Registration, book: RegisterBook, now_unix: int) -> None:
    """Check a new registration against the registers: what it names is in date, and it is no longer than agreed.

    For who writes one: a reader leaves out the facts that do not rest on anything. Raises ``TrustError``.
    """
    what = f"registration {registration.workload}"
    check_days(what, registration.issued, registration.expires, book.days.registration)
    for register, ids in (
        (Register.PURPOSE, (registration.purpose_id,)),
        (Register.PROTOCOL, registration.protocols),
        (Register.VVT, registration.vvt),
    ):
        for entry in ids:
            if not book.in_date(register, entry, now_unix):
                found = book.get(register, entry)
                how = "is not registered" if found is None else f"is {book.state(found, now_unix).value}"
                raise TrustError(
                    f"{what} names the {KINDS[register].title} {entry}, which {how}; "
                    f"`brightline {register.value} add` registers a version that is in date"
                )
    purpose = book.purpose(registration.purpose_id)
    more = set(registration.data_classes) - set(purpose.data_classes if purpose else ())
    if more:
        raise TrustError(f"{what} names data classes that its purpose does not: {', '.join(sorted(more))}")


def _check_lists(registration: Registration) -> None:
    """What a registration that serves must name. Raises ``TrustError``."""
    what = f"registration {registration.workload}"
    if not (registration.purpose and registration.official and registration.authority):
        raise TrustError("a registration names its purpose, an accountable official and an authority")
    if not registration.endpoints:
        raise TrustError(f"{what} names no endpoint, so nothing could be called")
    if len(registration.endpoints) > LIST_MAX or not all(map(_ENDPOINT.fullmatch, registration.endpoints)):
        raise TrustError(f"{what}: endpoints are at most {LIST_MAX} words in small letters, joined by dots")
    for register, ids in (
        ("purpose", (registration.purpose_id,)),
        ("protocol", registration.protocols),
        ("VV&T record", registration.vvt),
    ):
        if len(ids) > LIST_MAX:
            raise TrustError(f"{what} names {len(ids)} entries of the register {register}; at most {LIST_MAX}")
        for entry in ids:
            check_id(f"{what}: a {register}", entry)
    if len(registration.tools) > LIST_MAX or len(registration.data_classes) > LIST_MAX:
        raise TrustError(f"{what} names more than {LIST_MAX} tools or data classes")
    for tool, tool_digest in registration.tools.items():
        if not tool or not _TOOL_DIGEST.fullmatch(tool_digest):
            raise TrustError(f"{what}: the tool {tool[:80]!r} needs a name and the digest of its schema")
    for quota in _QUOTAS:
        if not 0 <= getattr(registration, quota) <= _QUOTAS[quota]:
            raise TrustError(f"{what}: {quota} is {getattr(registration, quota)}; 0 to {_QUOTAS[quota]}")
    for limit in ("request_bytes_max", "output_tokens_max", "choices_max", "requests_per_minute"):
        if getattr(registration, limit) < 1:
            raise TrustError(f"{what}: {limit} is {getattr(registration, limit)}; at least 1")


def key_digest(secret: str, salt: str) -> str:
    """The salted digest under which a key is kept: SHA-256, enough for 256 random bits."""
    return hashlib.sha256(bytes.fromhex(salt) + secret.encode()).hexdigest()


def write_key(workload: str, secret: str) -> str:
    """The API key as its holder sees it: prefix, workload id, secret."""
    return f"{KEY_PREFIX}_{workload}_{secret}"


class ClaimedKey(msgspec.Struct, frozen=True):
    """A key as a caller presents it, not yet believed."""

    claimed_workload: str
    secret: str


def read_key(presented: str) -> ClaimedKey:
    """Take a presented key apart. Raises ``ValueError`` for anything that is not one of ours."""
    prefix, _, rest = presented.partition("_")
    workload, _, secret = rest.partition("_")
    if prefix != KEY_PREFIX or not workload or len(secret) != SECRET_HEX_CHARS or not secret.isascii():
        raise ValueError("not a workload key")
    return ClaimedKey(workload, secret)


def key_matches(claimed: ClaimedKey, workload: Workload) -> bool:
    """Compare in constant time."""
    computed = key_digest(claimed.secret, workload.registration.key_salt)
    return hmac.compare_digest(computed, workload.registration.key_digest)
