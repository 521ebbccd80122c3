# SPDX-License-Identifier: Apache-2.0
"""The clause book as values: what an agreement says, clause by clause, with all that a reader needs to check it.

A contract that a machine enforces is read by people who do not read formulas. So each clause stands here with its
words, its formula and that formula read aloud, what was assumed, the law as of its date, the controls and tests that
carry it, the worked examples that it decides, how often it decided, and who signed that formula and words agree.

How it looks is for ``book_markdown.py`` and ``shell/book/html.py``. Nothing here looks at a clock or a folder: what
was counted and who signed is passed in, and without it the book says so. All text in it is one line of printable
characters, since quotes and log entries may come from anybody; markup is for the writers to escape.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from brightline.core.agreement.aloud import plain, read_aloud
from brightline.core.agreement.clause import Agreement, Authority, Clause, ClauseKind, Office, Rung, Verdict
from brightline.core.agreement.condition import write
from brightline.core.agreement.controls import CONTROLS, Control
from brightline.core.agreement.decide import decide
from brightline.core.agreement.theorems import check_theorems
from brightline.core.facts import UNKNOWN, FactSpec

NO_TEXT: Final = "no text held"
NOT_SIGNED: Final = "not signed"


# ---- what is passed in -------------------------------------------------------------------------------------------


class ClauseEvidence(msgspec.Struct, frozen=True):
    """How many outcomes named a clause, by verdict, and the time of the last (RFC 3339); 0 and empty for none."""

    outcomes: int = 0
    last: str = ""
    verdicts: tuple[tuple[str, int], ...] = ()


class Evidence(msgspec.Struct, frozen=True):
    """What a log says of an agreement: outcomes that were decided by it, in all and by clause.

    ``source`` says in words which log was counted; ``whole`` that it was counted to its end; ``others`` how many
    outcomes other versions or agreements decided. Counted, not verified.
    """

    source: str
    outcomes: int
    clauses: Mapping[str, ClauseEvidence]
    whole: bool = True
    others: int = 0

    @property
    def in_words(self) -> str:
        """The count as a phrase, not escaped."""
        rest = f", and {self.others:,} that another version decided" if self.others else ""
        end = "" if self.whole else "; not to its end"
        return f"{self.outcomes:,} outcomes in {self.source}{rest}{end}; counted, not verified"


class Signature(msgspec.Struct, frozen=True):
    """A verified signature under "this formula says what this quote says": for whom, by which office, when (a day)."""

    party: str
    office: str
    role: str
    signed: str
    clauses: tuple[str, ...]


# ---- the book ----------------------------------------------------------------------------------------------------


class Word(msgspec.Struct, frozen=True):
    """A fact: its good value and the others, who states it, who settles it, what it needs, which clauses read it."""

    name: str
    good: str
    others: tuple[str, ...]
    set_by: tuple[str, ...]
    settled_by: tuple[str, ...]
    needs: tuple[str, ...]
    formerly: tuple[str, ...]
    read_by: tuple[str, ...]


class Row(msgspec.Struct, frozen=True):
    """Something with an id and a sentence: an office, a limit, a rung of the ladder, a theorem."""

    id: str
    says: str
    more: str = ""


class Standing(msgspec.Struct, frozen=True):
    """A standing theorem and whether it was proved for this agreement; ``against`` is the counterexample."""

    id: str
    says: str
    holds: bool
    against: str


class Cited(msgspec.Struct, frozen=True):
    """An authority as of its date; ``text`` is the digest of the bytes that are held, or that none are."""

    id: str
    cite: str
    dated: str
    edition: str
    text: str
    cited_by: tuple[str, ...]


class Carrier(msgspec.Struct, frozen=True):
    """A control with what it does, its module, its test and the clauses bound to it; empty where it is not known."""

    id: str
    says: str
    module: str
    test: str
    carries: tuple[str, ...]


class Worked(msgspec.Struct, frozen=True):
    """A worked example as it comes out: facts that are not good, approvals, verdict, the clauses that decided."""

    name: str
    not_good: tuple[str, ...]
    approvals: tuple[str, ...]
    verdict: Verdict
    by: tuple[str, ...]


class Entry(msgspec.Struct, frozen=True):
    """One clause. ``formula`` is in the language of conditions; ``reading`` is the formula read aloud, word by word.

    ``sentence`` is the sentence of the authors, or the reading where they wrote none (``composed``). ``that`` is the
    formula of what a requirement asks for. ``tests`` are tests of the repository; ``examples`` are the worked examples
    that this clause decides.
    """

    id: str
    kind: ClauseKind
    part: str
    quote: tuple[str, ...]
    formula: str
    that: str
    reading: str
    sentence: str
    composed: bool
    assumes: tuple[str, ...]
    authorities: tuple[Cited, ...]
    controls: tuple[Carrier, ...]
    tests: tuple[str, ...]
    examples: tuple[Worked, ...]
    evidence: ClauseEvidence
    signatures: tuple[Signature, ...]

    @property
    def does(self) -> str:
        """What the clause does, in words."""
        return "red line" if self.kind is ClauseKind.REDLINE else self.kind.value


class Book(msgspec.Struct, frozen=True):
    """The whole book. ``evidence`` holds at most one log's count: none was given, or one."""

    id: str
    version: int
    digest: str
    encoding: str
    prose: str
    provider: str
    customer: str
    as_of: str
    clauses: tuple[Entry, ...]
    vocabulary: tuple[Word, ...]
    offices: tuple[Row, ...]
    authorities: tuple[Cited, ...]
    controls: tuple[Carrier, ...]
    limits: tuple[Row, ...]
    patterns: tuple[Row, ...]
    ladder: tuple[Row, ...]
    change: tuple[str, ...]
    theorems: tuple[Standing, ...]
    examples: tuple[Worked, ...]
    evidence: tuple[Evidence, ...]
    signatures: tuple[Signature, ...]

    def count(self, kind: ClauseKind) -> int:
        """How many clauses of a kind there are."""
        return sum(entry.kind is kind for entry in self.clauses)


def make_book(
    agreement: Agreement,
    *,
    evidence: Evidence | None = None,
    signatures: Sequence[Signature] = (),
    controls: Mapping[str, Control] = CONTROLS,
) -> Book:
    """Write an agreement down for people. The same arguments give the same book.

    Raises ``AgreementError`` only for a clause with so many cases that the standing theorems cannot be looked at.
    """
    worked = tuple(_worked(agreement, index) for index in range(len(agreement.examples)))
    signed = tuple(_signature(signature) for signature in signatures)
    cited = {authority.id: _cited(agreement, authority) for authority in agreement.authorities}
    named = dict.fromkeys(control for clause in agreement.clauses for control in clause.controls)
    carriers = {control: _carrier(agreement, control, controls) for control in named}
    counted = {} if evidence is None else evidence.clauses
    return Book(
        id=plain(agreement.id),
        version=agreement.version,
        digest=plain(agreement.digest),
        encoding=plain(agreement.encoding),
        prose=plain(agreement.prose),
        provider=plain(agreement.parties.provider),
        customer=plain(agreement.parties.customer),
        as_of=agreement.as_of.isoformat(),
        clauses=tuple(
            _entry(
                clause,
                tuple(cited[name] for name in clause.authorities if name in cited),
                tuple(carriers[name] for name in clause.controls),
                agreement,
                worked,
                _counted(counted.get(clause.id, ClauseEvidence())),
                signed,
            )
            for clause in agreement.clauses
        ),
        vocabulary=tuple(_word(agreement, spec) for spec in agreement.vocabulary.specs),
        offices=tuple(Row(plain(office.id), plain(_office(agreement, office))) for office in agreement.offices),
        authorities=tuple(cited.values()),
        controls=tuple(carriers.values()),
        limits=tuple(
            Row(plain(limit.id), plain(limit.says), f"{limit.value:,}, tighter is {limit.tighter}")
            for limit in agreement.limits
        ),
        patterns=tuple(
            Row(plain(pattern.id), plain(pattern.says), plain(pattern.words)) for pattern in agreement.patterns
        ),
        ladder=tuple(_rung(rung) for rung in agreement.ladder),
        change=_change(agreement),
        theorems=tuple(
            Standing(theorem.id, plain(theorem.says), theorem.holds, plain(theorem.against))
            for theorem in check_theorems(agreement)
        ),
        examples=worked,
        evidence=()
        if evidence is None
        else (msgspec.structs.replace(evidence, source=plain(evidence.source), clauses={}),),
        signatures=signed,
    )


# ---- one clause --------------------------------------------------------------------------------------------------


def _entry(
    clause: Clause,
    authorities: tuple[Cited, ...],
    controls: tuple[Carrier, ...],
    agreement: Agreement,
    worked: tuple[Worked, ...],
    counted: ClauseEvidence,
    signed: tuple[Signature, ...],
) -> Entry:
    reading = read_aloud(clause)
    examples = {example.name for example in agreement.examples}
    return Entry(
        id=plain(clause.id),
        kind=clause.kind,
        part=clause.part.value,
        quote=tuple(plain(quote) for quote in clause.quote),
        formula=plain(write(clause.condition)),
        that=plain(write(clause.that)) if clause.kind is ClauseKind.REQUIRE else "",
        reading=reading,
        sentence=plain(clause.says) or reading,
        composed=not plain(clause.says),
        assumes=tuple(plain(text) for text in clause.assumes),
        authorities=authorities,
        controls=controls,
        tests=tuple(plain(test) for test in clause.tests if test not in examples),
        examples=tuple(example for example in worked if plain(clause.id) in example.by),
        evidence=counted,
        signatures=tuple(one for one in signed if plain(clause.id) in one.clauses),
    )


def _worked(agreement: Agreement, index: int) -> Worked:
    example = agreement.examples[index]
    decision = decide(agreement, example.facts, dict(example.approvals))
    specs = agreement.vocabulary.specs
    values = [(spec, example.facts.get(spec.name, UNKNOWN)) for spec in specs]
    return Worked(
        name=plain(example.name),
        not_good=tuple(plain(f"{spec.name} = {value}") for spec, value in values if value != spec.good),
        approvals=tuple(plain(f"{count} × {office}") for office, count in example.approvals if count),
        verdict=decision.verdict,
        by=tuple(plain(clause) for clause in decision.clauses),
    )


def _counted(found: ClauseEvidence) -> ClauseEvidence:
    verdicts = tuple((plain(verdict), count) for verdict, count in found.verdicts)
    return ClauseEvidence(found.outcomes, plain(found.last), verdicts)


def _signature(given: Signature) -> Signature:
    return Signature(
        plain(given.party),
        plain(given.office),
        plain(given.role),
        plain(given.signed),
        tuple(plain(clause) for clause in given.clauses),
    )


# ---- around the clauses ------------------------------------------------------------------------------------------


def _office(agreement: Agreement, office: Office) -> str:
    count = dict(agreement.organisations).get(office.id)
    return office.title + (f"; those who say the same are of {count} organisations" if count else "")


def _word(agreement: Agreement, spec: FactSpec) -> Word:
    return Word(
        name=plain(spec.name),
        good=plain(spec.good),
        others=tuple(plain(value) for value in spec.values if value != spec.good),
        set_by=tuple(sorted(source.value for source in spec.set_by)),
        settled_by=tuple(plain(f"{count} × {office}") for office, count in spec.settled_by),
        needs=tuple(sorted(register.value for register in spec.needs)),
        formerly=tuple(plain(old.name) for old in spec.formerly),
        read_by=tuple(plain(clause.id) for clause in agreement.clauses if spec.name in clause.facts),
    )


def _cited(agreement: Agreement, authority: Authority) -> Cited:
    return Cited(
        id=plain(authority.id),
        cite=plain(authority.cite),
        dated=authority.dated.isoformat(),
        edition=authority.edition.isoformat(),
        text=f"sha256:{plain(authority.sha256)}" if authority.sha256 else NO_TEXT,
        cited_by=tuple(plain(clause.id) for clause in agreement.clauses if authority.id in clause.authorities),
    )


def _carrier(agreement: Agreement, name: str, controls: Mapping[str, Control]) -> Carrier:
    carries = tuple(plain(clause.id) for clause in agreement.clauses if name in clause.controls)
    control = controls.get(name)
    if control is None:
        return Carrier(plain(name), "This product has no such control.", "", "", carries)
    return Carrier(plain(name), plain(control.says), plain(control.module), plain(control.test), carries)


def _rung(rung: Rung) -> Row:
    when = [
        f"more denies within {_period(test.window_seconds)} than the unit's own expectation explains "
        f"(error rate {test.alpha:g}), or {test.confirmed} that a person confirmed"
        for test in rung.tests
    ]
    when += [f"{rung.cure_days} days to cure"] if rung.cure_days else []
    when += [f"{rung.appeal_days} days to appeal"] if rung.appeal_days else []
    return Row(rung.state.value, plain(", ".join(rung.do)), plain("; ".join(when)))


def _period(seconds: int) -> str:
    for name, size in (("days", 86_400), ("hours", 3_600), ("minutes", 60)):
        if seconds % size == 0 and seconds > size:
            return f"{seconds // size} {name}"
    return f"{seconds} seconds"


def _change(agreement: Agreement) -> tuple[str, ...]:
    """``load`` lets no file say anything else of loosening and doubt, so neither is a value of the agreement."""
    who = ", ".join(plain(signer) for signer in agreement.change.signers)
    return (
        f"A tightening is accepted with the proof “{plain(agreement.change.proof)}” and signed by {who}.",
        "A loosening is refused, whoever signs it; only a new agreement under a new id can say less.",
        "Where a proof is unknown, late or disputed between solvers, the change is refused.",
    )
