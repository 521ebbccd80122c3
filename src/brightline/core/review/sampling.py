# SPDX-License-Identifier: Apache-2.0
"""Drawing permitted exchanges at random for people to look at, so that the caller cannot tell and everybody can check.

    1. A month's key is derived from the installation's hold key; its digest is on record before anything is drawn.
    2. An exchange is drawn if HMAC-SHA256 of that key over the leaf hash of its OUTCOME is below the rate. The leaf is
       salted and durable by then, so neither the caller nor whoever serves can choose.
    3. When the month is over its key is on record too, and whoever holds the log draws again (``draw.py``).

A drawn exchange becomes a case that changes nothing. Its words and its exchange stand under digests that nobody's
request can have, so whatever is answered settles nothing: that is how it is built, and not a rule somebody must keep.

Sources: RFC 2104 (HMAC); NIST SP 800-108r1, section 4.1 (a key for each purpose, in counter mode with one block).
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement, ClauseKind
from brightline.core.agreement.decide import Subject
from brightline.core.agreement.limits import SAMPLED_PER_MILLION, hold_seconds
from brightline.core.canonical import JsonValue
from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.exchange.model import Exchange, Reply
from brightline.core.facts import Source
from brightline.core.review.aging import NO_END, Aging
from brightline.core.review.case import FORMAT, Case, CaseQuestion, case_value, organisations_of, wanted_of
from brightline.core.review.content import Content, content_bytes, content_digest, parts_of
from brightline.core.review.draw import MILLION
from brightline.core.review.life import CaseKind

NOTHING_KNOWN: Final[Mapping[str, str]] = MappingProxyType({})
SAMPLE_HOLDS: Final = 7  # how many times as long as a hold a sample waits: nobody stands and waits for it


def least_per_million(agreement: Agreement) -> int:
    """How many of a million permitted exchanges the agreement wants looked at, at least."""
    return min(MILLION, agreement.limit(SAMPLED_PER_MILLION, 0))


class Permitted(msgspec.Struct, frozen=True):
    """What was permitted, of whom, under which digests; ``at`` in Unix seconds.

    ``recused`` are the ids of those who may not say what was missed: who asked, and who made what let it through.
    """

    exchange: str
    workload: str
    unit: str
    recused: tuple[str, ...]
    release: str
    at: int


def sampled_case(
    permitted: Permitted, agreement: Agreement, request: Exchange, reply: Reply | None, hold_key: bytes
) -> tuple[Case, bytes]:
    """The case of a drawn exchange, and the bytes that people are shown: all of it, and no finding to lean on."""
    answer = "" if reply is None else msgspec.json.encode(reply, order="sorted").decode()
    data = content_bytes(Content(msgspec.to_builtins(request), (), (), answer))
    lines = tuple(clause.id for clause in agreement.clauses if clause.kind is ClauseKind.REDLINE)
    questions = questions_of(agreement)
    case = Case(
        format=FORMAT,
        hold="hold_" + _nowhere(hold_key, "hold", permitted.exchange)[:24],
        workload=permitted.workload,
        unit=permitted.unit,
        agreement=agreement.digest,
        release=permitted.release,
        exchange_digest="sha256:" + _nowhere(hold_key, "exchange", permitted.exchange),
        clauses=lines,
        questions=questions,
        recused=tuple(sorted(set(permitted.recused))),
        content=content_digest(data),
        opened=permitted.at,
        expires=permitted.at + SAMPLE_HOLDS * hold_seconds(agreement),
        exchange=permitted.exchange,
        organisations=organisations_of(questions, agreement.organisations),
    )
    return case, data


def case_drafts(
    case: Case,
    content: bytes,
    exchange: str,
    kind: CaseKind,
    known: Mapping[str, str] = NOTHING_KNOWN,
    aging: Aging = NO_END,
) -> Iterator[Draft]:
    """The records of a case that nothing waits for: public is what a HOLD says too; why people are asked is committed.

    ``known`` are the answers of a seeded item; ``aging`` says until when its content is kept.
    """
    parts = list(parts_of(content))
    public: dict[str, JsonValue] = {
        "agreement": case.agreement,
        "release": case.release,
        "hold": case.hold,
        "case": case.digest,
        "clauses": list(case.clauses),
        "expires": case.expires,
        "wanted": wanted_of(case.questions),
        "parts": len(parts),
        **aging.public,
    }
    first: dict[str, JsonValue] = {
        "case": case_value(case),
        "kind": kind.value,
        "known": dict(known),
        **aging.committed,
    }
    for number, part in enumerate(parts):
        committed: dict[str, JsonValue] = {"content": part, "unit": case.unit}
        yield Draft(RecordKind.CASE, exchange, public | {"part": number}, committed | ({} if number else first))


def questions_of(agreement: Agreement) -> tuple[CaseQuestion, ...]:
    """What is asked of a drawn exchange: every fact of a red line that detectors state and people may settle."""
    read = {fact for clause in agreement.clauses if clause.kind is ClauseKind.REDLINE for fact in clause.facts}
    asked = [
        spec
        for spec in agreement.vocabulary.specs
        if spec.name in read and spec.settleable and Source.DETECTOR in spec.set_by
    ]
    wanted: dict[str, int] = {}
    for spec in asked:
        for office, count in spec.settled_by:
            wanted[office] = max(count, wanted.get(office, 0))
    # As many for each: else one fact that a single person may settle would end the case before the others are told.
    quorum = {spec.name: tuple((office, wanted[office]) for office, _ in spec.settled_by) for spec in asked}
    return tuple(CaseQuestion(Subject.FACT, spec.name, quorum[spec.name]) for spec in asked)


def _nowhere(hold_key: bytes, what: str, exchange: str) -> str:
    """64 hex digits under which nothing of a request is ever filed."""
    return hmac.new(hold_key, f"brightline sample\n{what}\n{exchange}".encode(), hashlib.sha256).hexdigest()
