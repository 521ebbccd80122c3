# SPDX-License-Identifier: Apache-2.0
"""The words of an answer: question → claim → evidence, and what each of them can be.

    Question   what somebody asks, and the strategy by which its claims answer it
    Claim      one sentence that holds if every piece of evidence that it needs is shown
    Evidence   a kind of evidence, and who or what could give it
    Found      what was found of one kind: its status, where it lies with which digest, and what it bounds

After the Goal Structuring Notation (GSN community standard, version 3): goal, strategy, goal, solution. Nothing here
says how evidence is read; that is in ``from_agreement.py``, ``from_logs.py`` and ``from_release.py``.
"""

from __future__ import annotations

import enum

import msgspec


class Status(enum.StrEnum):
    """How a piece of evidence, a claim or an answer stands. Silence is ``open``, never ``shown``."""

    SHOWN = "SHOWN"
    OPEN = "OPEN"
    CONTRADICTED = "CONTRADICTED"
    PENDING = "PENDING"  # of an answer alone: it waits for everything on its list


class Pin(msgspec.Struct, frozen=True):
    """What was looked at, its digest, and where it lies (a folder, a file, an address)."""

    what: str
    digest: str
    where: str


class Bound(msgspec.Struct, frozen=True):
    """A share with its exact bounds: ``hits`` of ``of``, and ``low`` to ``high`` at ``confidence`` (all in 0..1)."""

    says: str
    hits: int
    of: int
    low: float
    high: float
    confidence: float


class Evidence(msgspec.Struct, frozen=True):
    """A kind of evidence. ``says`` what it shows, ``closes`` who or what could give it.

    ``made`` is false while nothing in this version makes it: then no input whatever shows it. ``optional`` evidence
    counts only where there is some: a receipt that is not kept contradicts, having none leaves nothing open.
    """

    id: str
    says: str
    closes: str
    made: bool = True
    optional: bool = False


class Found(msgspec.Struct, frozen=True):
    """What was found of one kind of evidence, and why in one line."""

    status: Status
    detail: str
    pins: tuple[Pin, ...] = ()
    bounds: tuple[Bound, ...] = ()


class Claim(msgspec.Struct, frozen=True):
    """``says`` holds if all of ``needs`` (ids of evidence) is shown; ``limits`` stay open even then."""

    id: str
    says: str
    needs: tuple[str, ...]
    limits: tuple[str, ...] = ()


class Question(msgspec.Struct, frozen=True):
    """``asks`` may name ``{provider}`` and ``{customer}``. ``about`` are the facts whose clauses' cases are counted.

    ``waits`` says that the answer is pending, not open, until every claim is shown. ``shown`` is what is said then.
    """

    id: str
    asks: str
    strategy: str
    claims: tuple[Claim, ...]
    about: tuple[str, ...]
    shown: str
    waits: bool = False


class Weighed(msgspec.Struct, frozen=True):
    """A kind of evidence with what was found of it."""

    evidence: Evidence
    found: Found


class ClaimAnswer(msgspec.Struct, frozen=True):
    """A claim with the evidence that it needs, and how it stands for that."""

    claim: Claim
    status: Status
    weighed: tuple[Weighed, ...]

    @property
    def missing(self) -> tuple[Weighed, ...]:
        """The evidence that is not shown."""
        return tuple(one for one in self.weighed if one.found.status is not Status.SHOWN)


class Case(msgspec.Struct, frozen=True):
    """How often a clause decided: outcomes by verdict, and the places of the first of them in the logs."""

    clause: str
    quote: str
    verdicts: tuple[tuple[str, int], ...]
    places: tuple[str, ...]

    @property
    def total(self) -> int:
        """How many outcomes name the clause."""
        return sum(count for _, count in self.verdicts)


class Asked(msgspec.Struct, frozen=True):
    """A question in the words of the agreement's own text, and the answer that the text gives; empty where none."""

    asks: str = ""
    answers: str = ""


class Answer(msgspec.Struct, frozen=True):
    """The whole answer to one question. ``headline`` is one sentence and never a bare yes or no."""

    question: Question
    asks: str
    posted: str
    status: Status
    headline: str
    claims: tuple[ClaimAnswer, ...]
    cases: tuple[Case, ...]

    @property
    def missing(self) -> tuple[Weighed, ...]:
        """The evidence that is not there or cannot tell, each kind once."""
        return tuple(one for one in self._not_shown if one.found.status is not Status.CONTRADICTED)

    @property
    def against(self) -> tuple[Weighed, ...]:
        """The evidence that speaks against a claim, each kind once."""
        return tuple(one for one in self._not_shown if one.found.status is Status.CONTRADICTED)

    @property
    def _not_shown(self) -> tuple[Weighed, ...]:
        return tuple({one.evidence.id: one for claim in self.claims for one in claim.missing}.values())

    @property
    def shown(self) -> int:
        """How many claims are shown."""
        return sum(claim.status is Status.SHOWN for claim in self.claims)


class Dossier(msgspec.Struct, frozen=True):
    """Answers to some questions from one examination: of which agreement, over which time, by what."""

    agreement: str
    digest: str
    parties: tuple[str, str]
    period: tuple[str, str]
    exchanges: int
    answers: tuple[Answer, ...]
    beyond: tuple[tuple[str, str], ...] = ()
