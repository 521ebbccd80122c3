# SPDX-License-Identifier: Apache-2.0
"""What random review showed, from the records: drawn again, shown to people, and what they said.

1. A month's key was committed to before, is on record now, and draws from the salted hashes of the OUTCOMEs
   (``core/review/draw.py``). Nobody could choose.
2. Of each that was due there is a CASE. One that is missing leaves it open: a crash can do that, and so can hiding.
3. As many persons of each office as the case asks for have decided it, and what they signed opens the commitment.
4. A case in which anybody said that a red line is not surely kept counts as found.

Months whose key is not on record yet are not covered, and are counted. Who the persons are, the registry knows: that
they were cleared and on the roster is for whoever may open it. Read the registry before the other logs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement, ClauseKind
from brightline.core.answer.bounds import at_most_of, bound, in_words
from brightline.core.answer.model import Found, Pin, Status
from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.heads import REGISTRY_SHARD
from brightline.core.evidence.leaf import Leaf
from brightline.core.evidence.record import Outcome, RecordKind, unix_of
from brightline.core.halt import LAG_SECONDS
from brightline.core.review.case import Case
from brightline.core.review.decision import ReviewerDecision
from brightline.core.review.draw import commitment, is_drawn, month_of
from brightline.core.review.learning import crosses
from brightline.core.review.passkey import read_assertion

DRAWN_MAX: Final = 1_000_000
_KEY_CHARS_MAX: Final = 128


class _Said(msgspec.Struct, frozen=True):
    """One person's decision: of which office, and what it says."""

    office: str
    decision: ReviewerDecision


class SampleBook:
    """Takes in believed records, the registry's first."""

    def __init__(self) -> None:
        self._commitments: dict[str, str] = {}
        self._rates: dict[str, list[tuple[int, int]]] = {}  # by month: from when on (Unix seconds), of a million
        self._keys: dict[str, bytes] = {}
        self._permitted: Counter[str] = Counter()
        self._drawn: dict[str, None] = {}  # exchanges
        self._cases: dict[str, str] = {}  # by exchange
        self._said: dict[str, list[_Said]] = {}  # by case

    def enter(self, leaf: Leaf, data: bytes, leaf_hash: bytes, opened: Mapping[str, JsonValue]) -> None:
        """Take in one record; ``data`` are its bytes, ``opened`` what a disclosure opens of it."""
        match leaf.kind:
            case RecordKind.REVIEW if leaf.shard == REGISTRY_SHARD:
                self._review(leaf, data)
            case RecordKind.OUTCOME if leaf.outcome is Outcome.COMPLETED:
                self._outcome(leaf, leaf_hash)
            case RecordKind.CASE if leaf.exchange and leaf.case and len(self._cases) < DRAWN_MAX:
                self._cases.setdefault(leaf.exchange, leaf.case)
            case RecordKind.DECISION if leaf.case and leaf.office:
                self._decision(leaf.case, leaf.office, opened)
            case _:
                pass

    def found(self, agreements: Mapping[str, Agreement]) -> Found:
        """What it shows. ``agreements`` are those that are here, by digest."""
        if not self._commitments:
            return Found(Status.OPEN, "no sample is drawn: no key for it is on record")
        if not self._keys:
            return Found(Status.OPEN, f"samples are drawn since {min(self._commitments)}; no month's key is known yet")
        pins = tuple(Pin(f"key of {month}", f"sha256:{self._commitments[month]}", "registry") for month in self._keys)
        covered = sum(self._permitted[month] for month in self._keys)
        months = ", ".join(sorted(self._keys))
        whole = f"{len(self._drawn):,} of {covered:,} that were permitted in {months} were drawn"
        missing = [exchange for exchange in self._drawn if exchange not in self._cases]
        if missing or not self._drawn:
            shown = f", {len(missing):,} of them were shown to nobody" if missing else ""
            return Found(Status.OPEN, whole + shown, pins)
        looked = [self._looked(self._cases[exchange], agreements) for exchange in self._drawn]
        if None in looked:
            left = f"what people said of {looked.count(None):,} of them is not there, or not disclosed"
            return Found(Status.OPEN, f"{whole}; {left}", pins)
        crossed = bound("found by people among what was drawn", looked.count(True), len(looked))
        rest = self._permitted.total() - covered
        told = f"{whole}; {in_words(crossed)}, so at most {at_most_of(crossed, covered):,} of all in these months"
        told += f"; {rest:,} of other months are not covered" if rest else ""
        return Found(Status.CONTRADICTED if crossed.hits else Status.SHOWN, told, pins, (crossed,))

    # ---- what is drawn ------------------------------------------------------------------------------------------

    def _review(self, leaf: Leaf, data: bytes) -> None:
        try:
            said = msgspec.json.decode(data, type=_Review)
            unix = unix_of(leaf.time)
            key = bytes.fromhex(said.key[:_KEY_CHARS_MAX])
        except (msgspec.DecodeError, UnicodeDecodeError, ValueError):
            return  # of another kind, or nothing that draws
        if said.what == "sampling" and said.month and said.commitment:
            if self._commitments.setdefault(said.month, said.commitment) == said.commitment:
                self._rates.setdefault(said.month, []).append((unix, said.per_million))
        elif said.what == "revealed" and self._commitments.get(said.month) == commitment(key):
            self._keys[said.month] = key

    def _outcome(self, leaf: Leaf, leaf_hash: bytes) -> None:
        month = month_of(leaf.time)
        self._permitted[month] += 1
        key = self._keys.get(month)
        if key is None or not leaf.exchange or len(self._drawn) >= DRAWN_MAX:
            return
        try:
            unix = unix_of(leaf.time)
        except ValueError:
            return  # what is no time is contradicted where records are looked at one by one
        known = (rate for since, rate in self._rates.get(month, ()) if since + LAG_SECONDS <= unix)
        if is_drawn(key, leaf_hash, max(known, default=0)):
            self._drawn[leaf.exchange] = None

    # ---- what people said -----------------------------------------------------------------------------------------

    def _decision(self, case: str, office: str, opened: Mapping[str, JsonValue]) -> None:
        statement = opened.get("statement")
        if not isinstance(statement, str):
            return
        try:
            signed = statement.encode()
            assertion = read_assertion(signed)
            payload = assertion.decision if assertion else msgspec.json.decode(signed, type=_Envelope).payload
            decision = msgspec.json.decode(payload, type=ReviewerDecision)
        except (msgspec.DecodeError, UnicodeDecodeError, TrustError, RecursionError):
            return  # it is not counted, so its case is not decided
        if decision.case.digest == case:
            self._said.setdefault(case, []).append(_Said(office, decision))

    def _looked(self, case: str, agreements: Mapping[str, Agreement]) -> bool | None:
        """Whether people found that a red line is not surely kept; ``None`` while not enough of them said so or no."""
        said = self._said.get(case, [])
        if not said or not all(_enough(said, said[0].decision.case, name) for name in _asked(said[0].decision.case)):
            return None
        agreement = agreements.get(said[0].decision.case.agreement)
        if agreement is None:
            return None
        answers: dict[str, str] = {}
        for one in said:
            for answer in one.decision.answers:
                good = answer.name in agreement.vocabulary and agreement.vocabulary.spec(answer.name).good
                if answer.name not in answers or answer.value != good:  # the worst that anybody said
                    answers[answer.name] = answer.value
        lines = (clause for clause in agreement.clauses if clause.kind is ClauseKind.REDLINE)
        return any(crosses(line, answers, agreement) for line in lines)


def _asked(case: Case) -> frozenset[str]:
    return frozenset(question.name for question in case.questions)


def _enough(said: list[_Said], case: Case, name: str) -> bool:
    """Whether as many distinct persons of each office answered a question as the case asks for, of one office."""
    for question in case.questions:
        if question.name != name:
            continue
        for office, count in question.quorum:
            persons = {
                one.decision.reviewer
                for one in said
                if one.office == office and any(answer.name == name for answer in one.decision.answers)
            }
            if len(persons) >= count > 0:
                return True
    return False


class _Review(msgspec.Struct, frozen=True):
    """A REVIEW record, as far as it is about samples."""

    what: str
    month: str = ""
    commitment: str = ""
    per_million: int = 0
    key: str = ""


class _Envelope(msgspec.Struct, frozen=True):
    payload: bytes
