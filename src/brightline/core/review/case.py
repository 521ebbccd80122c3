# SPDX-License-Identifier: Apache-2.0
"""A hold: what could not be judged by machine, waiting for cleared people.

The id is a function of what is held, so the same workload asking the same thing under the same agreement and release
meets the same hold; nothing of the request can be read from it. A *case* is the hold with the questions that it puts
to people and the words that each of them is about. It holds no content: what people look at is kept apart
(``content.py``), and the case names it by its digest.
"""

from __future__ import annotations

import enum
import hashlib
import hmac
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from brightline.core.agreement.decide import Subject
from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.review.quorum import organisations_wanted

FORMAT: Final = "brightline-case/1"
MARKS_MAX: Final = 200
"""Stretches that one question may be about. An exchange with more of them is asked about as a whole."""


class CaseState(enum.StrEnum):
    """How a case stands. From each state but ``open`` there is no way back."""

    OPEN = "open"
    RELEASED = "released"  # each question was answered so that the agreement permits
    DENIED = "denied"  # one was answered so that it cannot
    EXPIRED = "expired"  # nobody answered in time: nothing is released
    USED = "used"  # released, and then an approval was used, or the kept answer given out: once


class CaseQuestion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What people are asked, by whom it must be answered, and about which words.

    ``marks`` stand for the stretches in which the fact could not be told (``mark.mark_of``); empty: the exchange as a
    whole. An approval is always of the exchange as a whole.
    """

    subject: Subject
    name: str
    quorum: tuple[tuple[str, int], ...]
    marks: tuple[str, ...] = ()


class Case(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One hold and its questions, as every reviewer signs it.

    ``content`` is ``sha256:`` and 64 hex digits over the bytes that people are shown; ``recused`` are the ids of those
    who may not decide it (who requested it, who wrote the rule that asks); times are Unix seconds. ``kept`` says that
    a whole answer of the model's is kept, which is given out once if people release it: approvals are of that answer.
    ``exchange`` is the one that opened it, so that no two cases are the same. ``appeal`` is the id of the appeal that
    this case is for: who decides it holds the role for that. ``organisations`` says by office of how many
    organisations those are who must say the same. Each is left out where it is empty, so that a case of before has its
    digest still.
    """

    format: str
    hold: str
    workload: str
    unit: str
    agreement: str
    release: str
    exchange_digest: str
    clauses: tuple[str, ...]
    questions: tuple[CaseQuestion, ...]
    recused: tuple[str, ...]
    content: str
    opened: int
    expires: int
    kept: bool = False
    exchange: str = ""
    appeal: str = ""
    organisations: tuple[tuple[str, int], ...] = ()

    @property
    def digest(self) -> str:
        """``sha256:`` and 64 hex digits: it names the case in public records, and nothing can be read from it."""
        return "sha256:" + hashlib.sha256(canonical_bytes(case_value(self))).hexdigest()


def case_value(case: Case) -> JsonValue:
    """A case as a JSON value, for a record."""
    value: JsonValue = msgspec.to_builtins(case)
    return value


def wanted_of(questions: Iterable[CaseQuestion]) -> dict[str, JsonValue]:
    """How many persons of which office are needed before all of it is answered, as its record says in public."""
    wanted: dict[str, int] = {}
    for question in questions:
        for office, count in question.quorum:
            wanted[office] = max(count, wanted.get(office, 1))
    return {**wanted}


def organisations_of(
    questions: Iterable[CaseQuestion], organisations: Sequence[tuple[str, int]]
) -> tuple[tuple[str, int], ...]:
    """What a case says of organisations: of the offices that its questions ask for more than one, by office."""
    wanted = (each for question in questions for each in organisations_wanted(question.quorum, organisations))
    most: dict[str, int] = {}
    for office, count in wanted:
        most[office] = max(count, most.get(office, 0))
    return tuple(sorted(most.items()))


def hold_id(key: bytes, workload: str, exchange_digest: str, agreement: str, release: str) -> str:
    """Return ``hold_`` and 24 hex digits: HMAC-SHA256 under the installation's hold key."""
    text = "\n".join((workload, exchange_digest, agreement, release)).encode()
    return "hold_" + hmac.new(key, text, hashlib.sha256).hexdigest()[:24]
