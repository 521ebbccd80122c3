# SPDX-License-Identifier: Apache-2.0
"""What is missing in an agreement that loads: clauses that nothing carries, tests that show nothing, dead words.

Loading refuses what could decide wrongly. This says what a careful reader would still object to. Errors are gaps
between text and product, warnings are what may be so on purpose and should be known. Nothing here changes a verdict.

    1. clauses: quoted, said plainly, carried by a control, shown by a test, resting on an authority
    2. examples: every clause decides one, every verdict occurs, no signature crosses a red line
    3. words: facts, offices and authorities that nothing uses
    4. people: each party has signed that the formulas say what the quotes say
"""

from __future__ import annotations

import enum
import re
from collections.abc import Iterator, Mapping
from functools import cached_property
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Example, Verdict
from brightline.core.agreement.condition import offices_of
from brightline.core.agreement.controls import CONTROLS
from brightline.core.agreement.decide import Decision, decide
from brightline.core.agreement.prose import folded, stands_in
from brightline.core.agreement.review import Reviews
from brightline.core.agreement.theorems import inert
from brightline.core.facts import FactSpec, Register, Source
from brightline.core.statement import Party


class Severity(enum.StrEnum):
    """An error is a gap; a warning may be so on purpose."""

    ERROR = "error"
    WARNING = "warning"


class Rule(enum.StrEnum):
    """What was looked for. The value is how ``--json`` names it."""

    QUOTE = "quote"  # a quote stands in the prose
    SAYS = "says"  # a clause says its formula in a sentence
    TEXT_ONLY = "text-only"  # a clause is carried by a control
    CONTROL = "control"  # a control is one of the catalogue
    TEST = "test"  # a clause is shown by a test
    TEST_UNKNOWN = "test-unknown"  # a test is a worked example or looks like a test of the repository
    TEST_UNDECIDED = "test-undecided"  # a clause decides the example that shows it
    AUTHORITY = "authority"  # what asks people rests on a law
    UNDECIDED = "undecided"  # a clause decides an example
    INERT = "inert"  # a clause changes some verdict
    VERDICTS = "verdicts"  # each verdict that can occur does
    WHOEVER_SIGNS = "whoever-signs"  # an example shows that no signature lifts a red line
    EXAMPLE_NAME = "example-name"  # an example can be named
    FACT_UNUSED = "fact-unused"
    FACT_UNSET = "fact-unset"  # somebody can make a fact known
    FACT_UNCOUNTED = "fact-uncounted"  # a pattern counts towards a fact that patterns set
    OFFICE_UNUSED = "office-unused"
    ORGANISATIONS = "organisations"  # as many people are asked as there must be organisations
    AUTHORITY_UNUSED = "authority-unused"
    AUTHORITY_TEXT = "authority-text"  # the text of an authority is pinned
    REVIEW_MISSING = "review-missing"  # both parties reviewed the encoding
    REVIEW_OUTDATED = "review-outdated"  # of these formulas
    REVIEW_INVALID = "review-invalid"  # and signed it


class Remark(msgspec.Struct, frozen=True):
    """One finding; ``place`` is the dotted key in the file (``clause.L4``, ``fact.x``, ``example[3]``)."""

    severity: Severity
    rule: Rule
    place: str
    message: str
    mend: str


_REPOSITORY_TEST: Final = re.compile(r"tests/(?:[a-z0-9_]+/)*test_[a-z0-9_]+\.py::test_[a-z0-9_]+")


def lint(agreement: Agreement, prose: str, *, reviews: Reviews | None = None) -> tuple[Remark, ...]:
    """Return what is missing, in the order of the list at the top of this file.

    ``prose`` is the text that the quotes are from; ``reviews`` are the reviews of the encoding (``reviews_of``),
    ``None`` where there were no pinned keys to verify any. Raises ``AgreementError`` only for a clause with too many
    cases to tell whether it is inert.
    """
    view = _View(agreement, folded(prose), frozenset(inert(agreement)), reviews)
    return (*_clauses(view), *_examples(view), *_words(view), *_people(view))


def errors_of(remarks: tuple[Remark, ...]) -> tuple[Remark, ...]:
    """Those that are errors."""
    return tuple(remark for remark in remarks if remark.severity is Severity.ERROR)


class _View(msgspec.Struct, frozen=True, dict=True):
    """The agreement, and what is asked of it more than once."""

    agreement: Agreement
    prose: str
    inert: frozenset[str]
    reviews: Reviews | None

    @cached_property
    def decisions(self) -> Mapping[str, Decision]:
        """What each worked example comes to, by its name."""
        examples = self.agreement.examples
        decided = {e.name: decide(self.agreement, e.facts, dict(e.approvals)) for e in examples}
        return MappingProxyType(decided)


def _error(rule: Rule, place: str, message: str, mend: str) -> Remark:
    return Remark(Severity.ERROR, rule, place, message, mend)


def _warning(rule: Rule, place: str, message: str, mend: str) -> Remark:
    return Remark(Severity.WARNING, rule, place, message, mend)


# ---- 1: clauses --------------------------------------------------------------------------------------------------


def _clauses(view: _View) -> Iterator[Remark]:
    for clause in view.agreement.clauses:
        place = f"clause.{clause.id}"
        for quote in clause.quote:
            if not stands_in(view.prose, folded(quote)):
                mend = "copy a span of whole words from the prose"
                yield _error(Rule.QUOTE, place, f"{quote!r} does not stand in the prose", mend)
        if not clause.says:
            mend = 'write `says = "..."`: the formula as one sentence that both parties accept'
            yield _error(Rule.SAYS, place, "nothing says in words what the formula says", mend)
        yield from _carried(clause, place)
        yield from _shown(view, clause, place)
        if not clause.authorities and _asks_people(view.agreement, clause):
            mend = "name the law or directive under `authority`, and declare it under [authority]"
            message = "people may approve or settle here, and no authority says under what"
            yield _error(Rule.AUTHORITY, place, message, mend)
        if clause.id in view.inert:
            message = "inert: without this clause every verdict would be the same"
            yield _warning(Rule.INERT, place, message, "keep it if the text has it, and say so in a comment")


def _carried(clause: Clause, place: str) -> Iterator[Remark]:
    if not clause.controls:
        message = "text only: no technical control carries this clause"
        yield _error(Rule.TEXT_ONLY, place, message, f"bind it under `controls`: {', '.join(CONTROLS)}")
    for control in clause.controls:
        if control not in CONTROLS:
            message = f"`{control}` is no control of this product"
            yield _error(Rule.CONTROL, place, message, f"known are {', '.join(CONTROLS)}")


def _shown(view: _View, clause: Clause, place: str) -> Iterator[Remark]:
    if not clause.tests:
        mend = "name a worked example that the clause decides, or tests/….py::test_…, under `tests`"
        yield _error(Rule.TEST, place, "no test shows this clause", mend)
    for test in clause.tests:
        decision = view.decisions.get(test)
        if decision is None:
            if not _REPOSITORY_TEST.fullmatch(test):
                mend = "write the name of a worked example, or tests/….py::test_…"
                yield _error(Rule.TEST_UNKNOWN, place, f"{test!r} is no worked example and no test", mend)
        elif clause.id not in decision.clauses:
            by = ", ".join(decision.clauses) or "no clause"
            message = f"the example {test!r} is decided by {by}, not by {clause.id}"
            yield _error(Rule.TEST_UNDECIDED, place, message, "name an example that this clause decides")


def _asks_people(agreement: Agreement, clause: Clause) -> bool:
    """Whether people have a say where the clause stands in the way: an approval, or a fact that they may settle.

    A red line rests on no law, so that none can be cited to lift it: to settle its fact is to say what is so.
    """
    if clause.kind is ClauseKind.REQUIRE:
        return True
    settleable = any(agreement.vocabulary.spec(fact).settleable for fact in clause.facts)
    return clause.kind is ClauseKind.DENY and settleable


# ---- 2: worked examples ------------------------------------------------------------------------------------------


def _examples(view: _View) -> Iterator[Remark]:
    seen: set[str] = set()
    for index, example in enumerate(view.agreement.examples):
        if example.name in seen or _REPOSITORY_TEST.fullmatch(example.name):
            message = f"the name {example.name!r} is taken"
            yield _error(Rule.EXAMPLE_NAME, f"example[{index}]", message, "give each example a name of its own")
        seen.add(example.name)
    deciding = frozenset(clause for decision in view.decisions.values() for clause in decision.clauses)
    for clause in view.agreement.clauses:
        if clause.id not in deciding:
            mend = "add an [[example]] in which it is what decides"
            yield _error(Rule.UNDECIDED, f"clause.{clause.id}", "no worked example is decided by this clause", mend)
        if clause.kind is ClauseKind.REDLINE and not _signed_in_vain(view, clause):
            mend = "add an [[example]] that crosses it, with approvals of every office, and is denied"
            message = "no worked example shows that this line holds whoever signs"
            yield _error(Rule.WHOEVER_SIGNS, f"clause.{clause.id}", message, mend)
    found = {decision.verdict for decision in view.decisions.values()}
    for verdict in _possible(view.agreement):
        if verdict not in found:
            mend = f'add an [[example]] with `verdict = "{verdict}"`'
            yield _error(Rule.VERDICTS, "example", f"no worked example ends in {verdict}", mend)


def _possible(agreement: Agreement) -> tuple[Verdict, ...]:
    """The verdicts to look for: a hold only where there is something to settle or to approve."""
    people = any(spec.settleable for spec in agreement.vocabulary.specs) or any(agreement.approval_caps.values())
    return (Verdict.PERMIT, Verdict.HOLD, Verdict.DENY) if people else (Verdict.PERMIT, Verdict.DENY)


def _signed_in_vain(view: _View, clause: Clause) -> bool:
    return any(
        view.decisions[example.name].verdict is Verdict.DENY
        and clause.id in view.decisions[example.name].clauses
        and _everybody_signs(view.agreement, example)
        for example in view.agreement.examples
    )


def _everybody_signs(agreement: Agreement, example: Example) -> bool:
    approvals = dict(example.approvals)
    caps = agreement.approval_caps
    return all(approvals.get(office.id, 0) >= max(1, caps[office.id]) for office in agreement.offices)


# ---- 3: words ----------------------------------------------------------------------------------------------------


def _words(view: _View) -> Iterator[Remark]:
    agreement = view.agreement
    read = frozenset().union(*(clause.facts for clause in agreement.clauses))
    for spec in agreement.vocabulary.specs:
        yield from _fact(spec, read)
        yield from _uncounted(agreement, spec)
    asked = {office for clause in agreement.clauses for office in offices_of(clause.that)}
    asked |= {office for spec in agreement.vocabulary.specs for office, _ in spec.settled_by}
    for office in agreement.offices:
        if office.id not in asked:
            message = "nobody asks this office for anything"
            yield _warning(Rule.OFFICE_UNUSED, f"offices.{office.id}", message, "remove it, or ask it")
    yield from _organisations(agreement)
    cited = {authority for clause in agreement.clauses for authority in clause.authorities}
    for authority in agreement.authorities:
        place = f"authority.{authority.id}"
        if authority.id not in cited:
            message = "no clause cites this authority"
            yield _warning(Rule.AUTHORITY_UNUSED, place, message, "remove it, or cite it under `authority`")
        if not authority.sha256:
            message = f"{authority.cite}: no text is pinned, so a change of it would not be noticed"
            mend = "pin the digest of the text that you hold under `sha256`"
            yield _warning(Rule.AUTHORITY_TEXT, place, message, mend)


def _organisations(agreement: Agreement) -> Iterator[Remark]:
    """Of as many organisations as are named somebody is asked somewhere."""
    most = dict(agreement.approval_caps)
    for spec in agreement.vocabulary.specs:
        for office, count in spec.settled_by:
            most[office] = max(count, most.get(office, 0))
    for office, count in agreement.organisations:
        if most.get(office, 0) < count:
            message = f"of {count} organisations, and nothing asks more than {most.get(office, 0)} of them"
            yield _warning(Rule.ORGANISATIONS, f"organisations.{office}", message, "ask for more people, or for fewer")


def _fact(spec: FactSpec, read: frozenset[str]) -> Iterator[Remark]:
    place = f"fact.{spec.name}"
    if spec.name not in read:
        yield _warning(Rule.FACT_UNUSED, place, "no clause reads this fact", "remove it, or write the clause")
    if not spec.set_by and not spec.settleable:
        message = "no source sets this fact and nobody may settle it: it stays unknown for ever"
        yield _error(Rule.FACT_UNSET, place, message, "say under `set_by` who states it")


def _uncounted(agreement: Agreement, spec: FactSpec) -> Iterator[Remark]:
    """Whether a fact that patterns may set has one; a fact of bounds is also set by what is counted of a purpose."""
    counted = {pattern.fact for pattern in agreement.patterns}
    if Source.PATTERN in spec.set_by and spec.name not in counted and Register.BOUNDS not in spec.needs:
        message = "patterns set this fact, and no pattern counts towards it: only single requests are looked at"
        mend = "write a [pattern] table that does"
        yield _warning(Rule.FACT_UNCOUNTED, f"fact.{spec.name}", message, mend)


# ---- 4: people ---------------------------------------------------------------------------------------------------


def _people(view: _View) -> Iterator[Remark]:
    reviews = Reviews() if view.reviews is None else view.reviews
    mend = "have each party sign one with `brightline agreement review`, and name the file under `encoding_review`"
    if view.reviews is None and view.agreement.reviews:
        mend = f"verify {', '.join(view.agreement.reviews)} against the pinned keys: `--roots FILE`"
    for party in Party:
        done = reviews.clauses_of(party)
        missing = [clause.id for clause in view.agreement.clauses if clause.id not in done]
        if missing:
            which = f"{', '.join(missing)}: " if done else ""
            yield _warning(Rule.REVIEW_MISSING, "encoding_review", f"{which}not reviewed by the {party}", mend)
    for review in reviews.discounted:
        message = f"{review.name}: {review.why}"
        if review.outdated:
            mend = "review the clauses as they stand now"
            yield _warning(Rule.REVIEW_OUTDATED, "encoding_review", message, mend)
        else:
            mend = "remove it, or have it signed by who may"
            yield _error(Rule.REVIEW_INVALID, "encoding_review", message, mend)
