# SPDX-License-Identifier: Apache-2.0
"""Denying in bulk in the console: which holds are meant, the statement of each, and one signature under all of them.

A passkey signs the root over the decisions (``core/review/together.py``); a software key, in development, each of
them. Nothing here can say anything good, whatever a form holds: what is said is made here and not read from it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from brightline.console.answering import asks_for
from brightline.console.books import Books
from brightline.console.person import Person, left_of
from brightline.core.agreement.aloud import plain
from brightline.core.errors import ConfigError, TrustError
from brightline.core.review.decision import REASON_CHARS_MAX, ReviewerDecision, sign_decision
from brightline.core.review.passkey import decision_bytes, write_assertion
from brightline.core.review.roster import ClearedPerson
from brightline.core.review.together import Together, put_together
from brightline.shell.review.denying import Denied, check_denier, decisions_of, denials, log_denials
from brightline.shell.review.desk import Desk, OpenedCase
from brightline.shell.review.queue.reading import QueueItem, Shown
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key

ROWS_SHOWN: Final = 200  # what one signature is under, at most
WORD_CHARS_MAX: Final = 200


class DenyRow(msgspec.Struct, frozen=True):
    """A hold that may be denied with others. ``opened`` is Unix seconds."""

    hold: str
    severity: str
    unit: str
    workload: str
    clauses: str
    opened: int


class Prepared(msgspec.Struct, frozen=True):
    """The decisions that wait for one signature, in the order in which they were put together."""

    decisions: tuple[ReviewerDecision, ...]
    many: Together


class Meant(msgspec.Struct, frozen=True):
    """By what holds are picked; nothing is picked by leaving everything out."""

    unit: str = ""
    clause: str = ""
    workload: str = ""

    def __bool__(self) -> bool:
        return bool(self.unit or self.clause or self.workload)

    def shown(self, person: Person, closed: frozenset[str]) -> Shown:
        """The open holds of this kind about which a person may still be asked, without those of ``closed`` units."""
        return Shown(
            unit=self.unit,
            office=person.office,
            workload=self.workload,
            clause=self.clause,
            free_for=person.person,
            closed_units=closed,
        )


def meant_by(asked: Mapping[str, str]) -> Meant:
    """What a query or a form picks."""
    return Meant(*(asked.get(name, "")[:WORD_CHARS_MAX] for name in ("unit", "clause", "workload")))


def rows_of(items: Sequence[QueueItem]) -> tuple[DenyRow, ...]:
    """The holds as the page lists them."""
    return tuple(
        DenyRow(
            item.hold,
            item.severity.value,
            plain(item.unit),
            plain(item.workload),
            ", ".join(plain(clause) for clause in item.clauses),
            item.opened,
        )
        for item in items
    )


def prepare(books: Books, person: Person, items: Sequence[QueueItem], reason: str) -> Prepared:
    """Make the bad answers of a person to these holds. Raises ``TrustError`` if none of them asks anything. Blocks."""
    books.registry.refresh()
    reason = reason.strip()
    if not reason or len(reason) > REASON_CHARS_MAX:
        raise TrustError(f"say why, in at most {REASON_CHARS_MAX} characters")
    who = _who(books, person)
    desk = Desk(books.root, books.registry.decisions.docket)
    said = denials(books.registry, who, [_at(desk, item) for item in items], reason)
    if not said:
        raise TrustError("none of these holds asks you anything")
    decisions = tuple(decisions_of(said, who, books.clock))
    return Prepared(decisions, put_together([decision_bytes(each) for each in decisions]))


def asks(books: Books, person: Person, prepared: Prepared) -> str:
    """What the browser must be asked for, as JSON; empty without a passkey. Blocks."""
    return asks_for(books, person.person, prepared.many.challenge)


def sign_and_log(books: Books, person: Person, prepared: Prepared, given: str) -> list[Denied]:
    """Sign, check and log all of them, or none. Raises ``TrustError``. Blocks."""
    books.registry.refresh()
    _who(books, person)
    signed = _signed(books, person, prepared, given)
    return log_denials(books.root, books.settings, books.registry, prepared.decisions, signed, books.clock)


def _signed(books: Books, person: Person, prepared: Prepared, given: str) -> list[bytes]:
    if asks(books, person, prepared):
        places = zip(prepared.decisions, prepared.many.places, strict=True)
        return [write_assertion(decision, given.encode(), among) for decision, among in places]
    if not books.registry.review.software_keys:
        raise TrustError(f"{person.person} has no passkey, and both parties let no key in a file sign decisions")
    key = load_key(StateFolder(books.root).key(person.person))
    return [sign_decision(decision, key) for decision in prepared.decisions]


def _who(books: Books, person: Person) -> ClearedPerson:
    """The person as far as the roster and their session go. Raises ``TrustError`` for who may not deny in bulk."""
    listed = books.registry.roster.get(person.person)
    if listed is None:
        raise TrustError(f"{person.person} is not on the roster")
    who = left_of(person).of(listed)
    check_denier(who, books.clock.unix())
    return who


def _at(desk: Desk, item: QueueItem) -> OpenedCase:
    try:
        return desk.at(item.shard, item.seq)
    except ConfigError as error:
        raise TrustError(f"{item.hold} cannot be opened any more") from error
