# SPDX-License-Identifier: Apache-2.0
"""Items with known answers among what waits for people, so that it is measured what people miss.

An item is a case like any other: a workload that is registered, questions as a hold puts them, content as a hold shows
it. Its marks and its exchange stand under random digests, so that what is answered settles nothing. Two safety people
sign each with its answers; a gateway opens it in its own shard when its time has come, so that place and time tell
nothing either. Why it is there is committed with the record, and the queue shows it to nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.decide import Decision, Subject
from brightline.core.errors import TrustError
from brightline.core.exchange.model import Exchange, Reply
from brightline.core.review.asking import Held, open_case
from brightline.core.review.case import FORMAT as CASE_FORMAT
from brightline.core.review.case import Case
from brightline.core.review.content import content_digest
from brightline.core.screening.finding import Finding, Segment
from brightline.core.statement import Needed, SigningRole, TrustRoots, open_statement

SEED_TYPE: Final = "application/vnd.brightline.seeded-item+json"
SEED_FORMAT: Final = "brightline-seeded-item/1"
SEED_SIGNERS: Final = (Needed(SigningRole.PROVIDER_SAFETY, 2),)


class SeededItem(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What two safety people sign. ``shard`` is of the gateway that opens it, once ``case.opened`` has come.

    ``known`` are the answers by question; ``source`` says which row of which corpus it is made from.
    """

    format: str
    case: Case
    known: dict[str, str]
    exchange: str
    shard: str
    source: str


class Place(msgspec.Struct, frozen=True):
    """Whose an item seems to be, and where and when it appears; ``opened`` and ``expires`` in Unix seconds.

    ``recused`` are those who would be, were it a hold.
    """

    hold: str
    exchange: str
    exchange_digest: str
    workload: str
    unit: str
    recused: tuple[str, ...]
    shard: str
    opened: int
    expires: int


def seeded_item(
    place: Place,
    agreement: Agreement,
    release: str,
    decision: Decision,
    unsettled: Iterable[tuple[Finding, Segment]],
    request: Exchange,
    reply: Reply | None,
    facts: Mapping[str, str],
    source: str,
    key: bytes,
) -> tuple[SeededItem, bytes] | None:
    """The item of a text that the release would hold, and its content; ``None`` if not every answer is known.

    ``facts`` are those of the row; ``key`` is 32 random bytes that nobody else has, for the marks.
    """
    asked = [question.name for question in decision.questions if question.subject is Subject.FACT]
    if not asked or len(asked) != len(decision.questions) or any(facts.get(name) not in _TOLD for name in asked):
        return None
    held = Held(
        place.hold,
        place.workload,
        place.unit,
        agreement.digest,
        release,
        place.exchange_digest,
        place.opened,
        place.expires,
        place.exchange,
        agreement.organisations,
    )
    case, content = open_case(held, decision, list(unsettled), request, reply, place.recused, key, kept=False)
    known = {name: facts[name] for name in asked}
    return SeededItem(SEED_FORMAT, case, known, place.exchange, place.shard, source), content


_TOLD: Final = ("yes", "no")


def open_item(envelope: bytes, content: bytes, roots: TrustRoots, *, at: int) -> SeededItem:
    """Verify that two safety people signed an item, and that this is its content. Raises ``TrustError``."""
    item = open_statement(envelope, SEED_TYPE, SeededItem, roots, at=at, needed=SEED_SIGNERS)
    if item.format != SEED_FORMAT or item.case.format != CASE_FORMAT:
        raise TrustError(f"a seeded item of format {item.format[:40]!r}; expected {SEED_FORMAT!r}")
    if content_digest(content) != item.case.content:
        raise TrustError("the content is not the one that was signed with the item")
    if {question.name for question in item.case.questions} != item.known.keys():
        raise TrustError("a seeded item knows the answer to each of its questions")
    return item
