# SPDX-License-Identifier: Apache-2.0
"""What officers sign here: orders about a standing, halts, and their end. Each is a paper that waits for signatures.

A paper is the statement itself, not yet signed by all who must. Whoever is asked reads it whole and signs it in a
session of their own; with the last signature it is checked as every reader will check it, and logged. Papers live in
this process for a day. A halt and its end are signed by passkey, or as the others: in development by the software key
of the person; elsewhere keys are not here, so the statement is taken away, signed, and brought back.
"""

from __future__ import annotations

import enum
import secrets
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from brightline.console.answering import asks_for
from brightline.console.appeals import file_appeal
from brightline.console.books import Books
from brightline.core.errors import TrustError
from brightline.core.evidence.record import DurableRecord
from brightline.core.halt import HALT_ROLES, HALT_TYPE, RESUMPTION_SIGNERS, RESUMPTION_TYPE, HaltOrder, Resumption
from brightline.core.review.appeals import APPEAL_SIGNERS, APPEAL_TYPE, Appeal
from brightline.core.review.halting import (
    add_assertion,
    add_key_signature,
    check_assertions,
    join_statements,
    read_asserted,
    statement_challenge,
    would_count,
)
from brightline.core.review.roles import May
from brightline.core.standing import SIGNERS
from brightline.core.standing_order import ORDER_TYPE, StandingOrder
from brightline.core.statement import (
    Needed,
    SigningRole,
    TrustRoots,
    open_payload,
    sign_statement,
    unverified_payload,
)
from brightline.shell.registry.halts import log_halt, log_resumption
from brightline.shell.registry.standings import log_order
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key

PAPER_SECONDS: Final = 86_400
PAPERS_MAX: Final = 200
DEVELOPMENT: Final = "development"
GONE: Final = "this was signed and logged, or is not kept any more"


class PaperKind(enum.StrEnum):
    """What is signed."""

    ORDER = "order"
    HALT = "halt"
    RESUMPTION = "resumption"
    APPEAL = "appeal"


# What a passkey may sign, and which act of the roster's roles that is.
_BY_PASSKEY: Final = {PaperKind.HALT: May.HALT, PaperKind.RESUMPTION: May.RESUME}
Said = StandingOrder | HaltOrder | Resumption | Appeal
_TYPES: Final[dict[PaperKind, tuple[str, type[Said]]]] = {
    PaperKind.ORDER: (ORDER_TYPE, StandingOrder),
    PaperKind.HALT: (HALT_TYPE, HaltOrder),
    PaperKind.RESUMPTION: (RESUMPTION_TYPE, Resumption),
    PaperKind.APPEAL: (APPEAL_TYPE, Appeal),
}


class Paper(msgspec.Struct, frozen=True):
    """A statement and its signatures so far. ``by`` are the holders who signed; ``until`` is Unix seconds."""

    id: str
    kind: PaperKind
    said: Said
    envelope: bytes
    by: tuple[str, ...]
    until: int

    @property
    def payload_type(self) -> str:
        """The type that its signatures cover."""
        return _TYPES[self.kind][0]


class Papers:
    """The papers that wait."""

    def __init__(self) -> None:
        self._waiting: dict[str, Paper] = {}

    def draw_up(self, kind: PaperKind, said: Said, now: int) -> Paper:
        """A paper that nobody has signed."""
        self.waiting(now)
        while len(self._waiting) >= PAPERS_MAX:
            del self._waiting[next(iter(self._waiting))]
        envelope = sign_statement(said, _TYPES[kind][0], ())
        paper = Paper(secrets.token_urlsafe(12), kind, said, envelope, (), now + PAPER_SECONDS)
        self._waiting[paper.id] = paper
        return paper

    def of(self, name: str, now: int) -> Paper:
        """The paper of a name. Raises ``TrustError`` if there is none any more."""
        paper = self._waiting.get(name)
        if paper is None or paper.until <= now:
            raise TrustError(GONE)
        return paper

    def put(self, paper: Paper) -> Paper:
        """Keep a paper with one more signature, beside those that others gave meanwhile; return it with all of them.

        Raises ``TrustError`` if there is none any more: others completed it.
        """
        before = self._waiting.get(paper.id)
        if before is None:
            raise TrustError(GONE)
        envelope = join_statements(before.envelope, paper.envelope, paper.payload_type)
        by = tuple(dict.fromkeys((*before.by, *paper.by)))
        self._waiting[paper.id] = msgspec.structs.replace(paper, envelope=envelope, by=by)
        return self._waiting[paper.id]

    def drop(self, paper: Paper) -> None:
        """Forget a paper."""
        self._waiting.pop(paper.id, None)

    def waiting(self, now: int) -> Sequence[Paper]:
        """Those that somebody has signed, the first before the others; what has waited too long is forgotten."""
        for name in [name for name, paper in self._waiting.items() if paper.until <= now]:
            del self._waiting[name]
        return [paper for paper in self._waiting.values() if paper.by]


def needed_for(paper: Paper) -> tuple[tuple[Needed, ...], ...]:
    """Who must sign: any one of these sets."""
    if isinstance(paper.said, StandingOrder):
        return (SIGNERS[paper.said.happened],)
    if isinstance(paper.said, HaltOrder):
        return tuple((Needed(role),) for role in HALT_ROLES)
    if isinstance(paper.said, Appeal):
        return (APPEAL_SIGNERS,)
    return (RESUMPTION_SIGNERS,)


def roles_of(roots: TrustRoots, holder: str) -> frozenset[SigningRole]:
    """As what somebody's signature counts."""
    return frozenset(role for role, pinned in roots.roles.items() if any(key.holder == holder for key in pinned.keys))


def may_sign(paper: Paper, roots: TrustRoots, holder: str) -> bool:
    """Whether a signature of this person is asked for and not there yet."""
    asked = {need.role for way in needed_for(paper) for need in way}
    return holder not in paper.by and bool(roles_of(roots, holder) & asked)


def missing(paper: Paper, roots: TrustRoots) -> str:
    """Whose signature is still missing, in words; empty if none is."""
    if isinstance(paper.said, HaltOrder) and paper.by:
        return ""  # whoever signed was one who may: each signature is looked at before it is kept
    if isinstance(paper.said, HaltOrder):
        return "one person who may halt"
    ways = []
    for way in needed_for(paper):
        lacking = []
        for need in way:
            pinned = roots.roles.get(need.role)
            wanted = max(
                need.holders, pinned.threshold if pinned is not None and paper.kind is not PaperKind.HALT else 1
            )
            have = sum(need.role in roles_of(roots, holder) for holder in paper.by)
            if have < wanted:
                lacking.append(f"{wanted - have} of {need.role.value}")
        if not lacking:
            return ""
        ways.append(" and ".join(lacking))
    return ", or ".join(ways)


def has_key_here(books: Books, holder: str) -> bool:
    """Whether this installation holds somebody's key, as it does in development alone."""
    return books.profile == DEVELOPMENT and StateFolder(books.root).key(holder).is_file()


def asks(books: Books, paper: Paper, person: str) -> str:
    """What the browser must be asked for so that this person's passkey signs; empty if it would not count. Blocks."""
    if not signs_by_passkey(books, paper, person):
        return ""
    return asks_for(books, person, statement_challenge(paper.envelope, paper.payload_type))


def signs_by_passkey(books: Books, paper: Paper, person: str) -> bool:
    """Whether a passkey of this person's is asked for: halts and their ends alone are signed so."""
    act = _BY_PASSKEY.get(paper.kind)
    if act is None or person in paper.by:
        return False
    registry = books.registry
    return would_count(registry.roster.get(person), act, registry.roots, books.clock.unix())


def sign_by_passkey(books: Books, paper: Paper, person: str, given: str) -> Paper:
    """The paper with what the browser gave for this person, verified. Raises ``TrustError``. Blocks."""
    books.registry.refresh()
    if not signs_by_passkey(books, paper, person):
        raise TrustError(f"{person} has signed this, or is not asked to")
    statement = add_assertion(paper.envelope, person, given.encode())
    check_assertions(
        statement, paper.payload_type, _BY_PASSKEY[paper.kind], books.registry.halts.signers(), at=books.clock.unix()
    )
    return msgspec.structs.replace(paper, envelope=statement, by=(*paper.by, person))


def sign(books: Books, paper: Paper, holder: str) -> Paper:
    """The paper with this person's signature, by the software key of the folder. Raises ``TrustError``. Blocks."""
    if not may_sign(paper, books.registry.roots, holder):
        raise TrustError(f"{holder} has signed this, or is not asked to")
    if not has_key_here(books, holder):
        raise TrustError("your key is not here: take the statement with you, sign it, and bring it back")
    key = load_key(StateFolder(books.root).key(holder))
    envelope = add_key_signature(paper.envelope, paper.payload_type, key)
    return msgspec.structs.replace(paper, envelope=envelope, by=(*paper.by, holder))


def bring_back(books: Books, paper: Paper, envelope: bytes) -> Paper:
    """The paper with the signatures of an envelope that was signed elsewhere, over the very same statement.

    Raises ``TrustError`` for another statement, or one that nobody signed who may. Blocks.
    """
    payload_type, type_ = _TYPES[paper.kind]
    asserted = read_asserted(envelope)
    if unverified_payload(asserted.envelope, payload_type, type_) != paper.said:
        raise TrustError("this is another statement than the one that waits here")
    by = [each.person for each in asserted.assertions]
    if asserted.assertions:
        act = _BY_PASSKEY.get(paper.kind)
        if act is None:
            raise TrustError("this is not signed by passkey")
        check_assertions(envelope, payload_type, act, books.registry.halts.signers(), at=books.clock.unix())
    asked = {need.role for way in needed_for(paper) for need in way}
    for role in asked & books.registry.roots.roles.keys():
        for key in books.registry.roots.roles[role].keys:
            try:
                open_payload(asserted.envelope, payload_type, bytes.fromhex(key.public))
            except TrustError:
                continue
            by.append(key.holder)
    if not by:
        raise TrustError("nobody signed this who may")
    return msgspec.structs.replace(paper, envelope=envelope, by=tuple(dict.fromkeys(by)))


def log(books: Books, paper: Paper) -> DurableRecord:
    """Check a paper that all have signed, and log it. Raises ``TrustError``, also if somebody was faster. Blocks."""
    registry, root, settings, clock = books.registry, books.root, books.settings, books.clock
    registry.refresh()
    why: Callable[[int], str]
    if isinstance(paper.said, StandingOrder):
        agreement = registry.releases.current
        happened = paper.said.happened
        record = log_order(
            root, settings, registry.standings, agreement, registry.roots, happened, paper.envelope, clock
        )
        why = registry.standings.ignored
    elif isinstance(paper.said, Appeal):
        record = file_appeal(books, paper.envelope)
        why = lambda seq: registry.reviewing.ignored.get(seq, "")  # noqa: E731
    else:
        write = log_halt if isinstance(paper.said, HaltOrder) else log_resumption
        record = write(root, settings, registry.halts, registry.roots, paper.envelope, clock, registry.refresh)
        why = lambda seq: registry.halts.ignored.get(seq, "")  # noqa: E731
    registry.refresh()
    if ignored := why(record.place.seq):
        raise TrustError(f"record {record.place.seq} changed nothing, somebody was faster: {ignored}")
    return record
