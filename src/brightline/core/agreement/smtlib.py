# SPDX-License-Identifier: Apache-2.0
"""The agreement as SMT-LIB 2.6: scripts whose answer, from any solver, proves something about all facts and approvals.

Each script is plain text that says in comments what it claims and which answer proves it. It is written from the
clauses themselves, by our own emitter: the exact prover of ``ratchet.py`` and ``theorems.py`` has no part in it, so
that the two can contradict each other. ``encoding.py`` turns one agreement into definitions; here are the claims.

Nothing here runs a solver. Equal agreements give equal bytes.
"""

from __future__ import annotations

import enum
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement, ClauseKind, Example
from brightline.core.agreement.encoding import (
    Side,
    all_of,
    declared_approvals,
    declared_facts,
    declared_matched,
    negation,
    no_better,
    one_of,
    side_of,
    symbol,
    thresholds,
)
from brightline.core.agreement.worlds import match
from brightline.core.facts import Register, Source

ASK: Final = "; (get-value ("
_PREAMBLE: Final = ("(set-info :smt-lib-version 2.6)", "(set-option :produce-models true)", "(set-logic QF_UF)")


class Expected(enum.StrEnum):
    """The answer that proves a script's claim."""

    UNSAT = "unsat"  # nothing contradicts the claim
    SAT = "sat"  # what is claimed to exist exists


class Script(msgspec.Struct, frozen=True):
    """One claim as SMT-LIB. ``name`` is also its file's, without ``.smt2``; ``claim`` is a whole sentence."""

    name: str
    claim: str
    expected: Expected
    text: str

    @property
    def file(self) -> str:
        """The name of the file that holds it."""
        return f"{self.name}.smt2"

    @property
    def sha256(self) -> str:
        """The SHA-256 of the file's bytes, 64 hex digits."""
        return hashlib.sha256(self.text.encode()).hexdigest()


# ---- no weaker than the baseline -----------------------------------------------------------------------------

PERMITS: Final = "no-weaker-permits"
DENIES: Final = "no-weaker-denies"


def no_weaker(candidate: Agreement, baseline: Agreement) -> tuple[Script, Script]:
    """Return the two scripts that, both unsat, prove that the candidate is no weaker than the baseline.

    Raises ``AgreementError`` for a condition that compares with anything but a good value: such a one does not load.
    """
    matched = match(candidate.vocabulary, baseline.vocabulary)
    new = Side("candidate", candidate, {s.name: f.stem_for("candidate") for f in matched for s in f.candidate})
    old = Side("baseline", baseline, {s.name: f.stem_for("baseline") for f in matched for s in f.baseline})
    declared = [*declared_matched(matched), *declared_approvals(thresholds(candidate, baseline))]
    permitting = [*declared, *new.permitting(), *old.permitting()]
    return (
        _script(
            PERMITS,
            "Whatever the candidate permits, the baseline permits, with the same facts and approvals.",
            (new, old),
            [*permitting, *_never([new.permits, negation(old.permits)])],
        ),
        _script(
            DENIES,
            "Whatever the candidate permits or leaves to people, the baseline permits or leaves to people.",
            (new, old),
            [
                *permitting,
                *new.denying(),
                *old.denying(),
                *_never([new.not_denied, negation(old.not_denied)]),
            ],
        ),
    )


# ---- what is true of every agreement --------------------------------------------------------------------------


def theorems(agreement: Agreement) -> tuple[Script, ...]:
    """Return the scripts that prove what must be true of every agreement, whatever it says.

    The names begin with the ids of the same theorems in ``theorems.py``. Raises ``AgreementError`` as ``no_weaker``.
    """
    return (
        _crossed_is_denied(agreement),
        _holding_permits_nothing(agreement),
        _worse_never_loosens(agreement),
        _installation_is_needed(agreement),
        _purpose_is_needed(agreement),
        _registration_lifts_nothing(agreement),
        *_each_grant_lives(agreement),
        cases(agreement, agreement.examples),
    )


def _crossed_is_denied(agreement: Agreement) -> Script:
    side = side_of(agreement)
    crossed = [side.known(clause) for clause in agreement.clauses if clause.kind is ClauseKind.REDLINE]
    return _script(
        "T1-crossed-is-denied",
        "Facts that are known bad and cross a red line are denied, at any number of approvals.",
        (side,),
        [*_declared(side), *side.permitting(), *side.denying(), *_never([one_of(crossed), side.not_denied])],
    )


def _holding_permits_nothing(agreement: Agreement) -> Script:
    side = side_of(agreement)
    return _script(
        "T1-holding-permits-nothing",
        "While the condition of a red line holds, nothing is permitted, whoever approves.",
        (side,),
        [*_declared(side), *side.permitting(), *_never([_red_line_holds(side), side.permits])],
    )


def _worse_never_loosens(agreement: Agreement) -> Script:
    side = side_of(agreement)
    worse = side_of(agreement, "worse", "worse ", "worse ")
    chain = [f"(assert {no_better(worse.stems[name], stem)})" for name, stem in side.stems.items()]
    fewer = [
        f"(assert (=> {worse.reached(office, count)} {side.reached(office, count)}))"
        for office, counts in thresholds(agreement).items()
        for count in counts
    ]
    loosened = [all_of([worse.permits, negation(side.permits)]), all_of([worse.not_denied, negation(side.not_denied)])]
    return _script(
        "T2-worse-never-loosens",
        "Worse or lost knowledge and fewer approvals never turn a refusal into a permit, nor a deny into a hold.",
        (side,),
        [
            *_declared(side),
            *_declared(worse),
            "; the second request is the first with worse facts (good, then unknown, then bad) and fewer approvals",
            *chain,
            *fewer,
            *(line for each in (side, worse) for line in (*each.permitting(), *each.denying())),
            "; where the first is unavailable there is no verdict to loosen",
            f"(assert {side.available})",
            *_never([one_of(loosened)]),
        ],
    )


def _installation_is_needed(agreement: Agreement) -> Script:
    side = side_of(agreement)
    missing = one_of([negation(side.good(name)) for name in agreement.installation_facts])
    return _script(
        "T3-installation",
        "Nothing is permitted while a fact that only the installation states is not good.",
        (side,),
        [*_declared(side), *side.permitting(), *_never([side.permits, missing])],
    )


def _purpose_is_needed(agreement: Agreement) -> Script:
    side = side_of(agreement)
    granted = frozenset().union(*(clause.facts for clause in agreement.grants))
    stated = [s for s in agreement.vocabulary.specs if s.name in granted and Source.REGISTRATION in s.set_by]
    purposes = [spec for spec in stated if Register.PURPOSE in spec.needs] or stated
    # Where no grant rests on anything that is registered, each permit is one without a purpose.
    without = one_of([negation(side.good(spec.name)) for spec in purposes]) if purposes else "true"
    return _script(
        "T4-purpose",
        "Nothing is permitted without a purpose, that is unless each of these is good: "
        + (", ".join(spec.name for spec in purposes) or "(no grant rests on a registered fact)")
        + ".",
        (side,),
        [*_declared(side), *side.permitting(), *_never([side.permits, without])],
    )


def _registration_lifts_nothing(agreement: Agreement) -> Script:
    side = side_of(agreement)
    other = side_of(agreement, "registered", "registered ")
    kept = [spec.name for spec in agreement.vocabulary.specs if not spec.set_by <= {Source.REGISTRATION}]
    same = [
        f"(assert (= {symbol(side.stems[name], kind)} {symbol(other.stems[name], kind)}))"
        for name in kept
        for kind in (".good", ".unknown")
    ]
    return _script(
        "T5-registration-lifts-no-red-line",
        "Where a red line holds, nothing that only registrations state, lawfulness included, leads to a permit.",
        (side,),
        [
            *_declared(side),
            *declared_facts(other.stems.values()),
            "; both requests are the same but for what only registrations state",
            *same,
            *side.permitting(),
            *other.permitting(),
            *_never([_red_line_holds(side), other.permits]),
        ],
    )


def _each_grant_lives(agreement: Agreement) -> Iterator[Script]:
    side = side_of(agreement)
    for grant in agreement.grants:
        yield _script(
            f"LIVE-{grant.id}",
            f"There is a request that is permitted and that the grant {grant.id} covers.",
            (side,),
            [*_declared(side), *side.permitting(), f"(assert {all_of([side.clause(grant), side.permits])})"],
            Expected.SAT,
        )


def cases(agreement: Agreement, examples: Sequence[Example], name: str = "examples") -> Script:
    """Return the script that, unsat, proves that each case has the verdict that it says, by the formulas alone.

    So it ties this encoding to the evaluator, which decides the same cases whenever the agreement is loaded. Facts
    that a case leaves out are unknown.
    """
    side = side_of(agreement)
    counts = thresholds(agreement)
    wrong = [
        all_of([*side.exactly(example.facts, dict(example.approvals), counts), negation(side.says(example.verdict))])
        for example in examples
    ]
    return _script(
        name,
        f"Each of {len(examples)} worked cases has the verdict that it is said to have.",
        (side,),
        [*_declared(side), *side.permitting(), *side.denying(), *_never([one_of(wrong)])],
    )


def _red_line_holds(side: Side) -> str:
    return one_of([side.holds(each) for each in side.agreement.clauses if each.kind is ClauseKind.REDLINE])


def _declared(side: Side) -> tuple[str, ...]:
    counts = thresholds(side.agreement)
    return (*declared_facts(side.stems.values()), *declared_approvals(counts, side.copy))


def _never(contradiction: Sequence[str]) -> tuple[str, str]:
    return "; what would contradict the claim", f"(assert {all_of(contradiction)})"


# ---- the text of a script --------------------------------------------------------------------------------------


def _script(
    name: str, claim: str, sides: Iterable[Side], body: Sequence[str], expected: Expected = Expected.UNSAT
) -> Script:
    constants = [
        line.split("(declare-const ")[1].removesuffix(" Bool)") for line in body if line.startswith(_DECLARED)
    ]
    other = "a request for which it is false" if expected is Expected.UNSAT else "that there is none"
    about = [f"; {side.label}: {_comment(side.agreement)}" for side in sides]
    lines = [
        f"; {name}: a proof about an agreement, in SMT-LIB 2.6. Any solver can run it.",
        f"; Claim: {claim}",
        f"; Proved by the answer {expected}. The other answer shows {other}.",
        *about,
        "; A fact is good, or unknown, or (neither) bad. A clause that is true stands in the way; a grant permits.",
        *_PREAMBLE,
        *body,
        "(check-sat)",
        "; after the answer sat, this asks for the request:",
        f"{ASK}{' '.join(constants)}))",
    ]
    return Script(name, claim, expected, "\n".join(lines) + "\n")


_DECLARED: Final = "(declare-const "


def _comment(agreement: Agreement) -> str:
    said = f"{agreement.id} version {agreement.version}, {agreement.digest}"
    return "".join(char if " " <= char <= "~" else "?" for char in said)
