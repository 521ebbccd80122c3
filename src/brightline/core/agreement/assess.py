# SPDX-License-Identifier: Apache-2.0
"""What an agreement shows of itself, clause by clause: its worked examples run, its standing theorems proved.

Here in our own words; ``oscal.py`` writes it in those of compliance tools. Each observation is pinned by a digest over
what was run together with how it came out, so that a stranger who runs it again can compare.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from brightline.core.agreement.aloud import plain
from brightline.core.agreement.clause import Agreement, ClauseKind
from brightline.core.agreement.decide import decide
from brightline.core.agreement.theorems import check_theorems
from brightline.core.canonical import JsonValue, digest


class Observation(msgspec.Struct, frozen=True):
    """Something that was run, proved or drilled, and came out or did not.

    ``digest`` pins what was run together with how it came out; ``clauses`` are those that it speaks for; ``method`` is
    one of OSCAL's (TEST, EXAMINE, INTERVIEW); ``collected`` is RFC 3339 with a zone.
    """

    name: str
    title: str
    says: str
    clauses: tuple[str, ...]
    holds: bool
    digest: str
    collected: str
    method: str = "TEST"


class ClauseFinding(msgspec.Struct, frozen=True):
    """Whether a clause is satisfied, why, and the names of the observations that say so."""

    clause: str
    satisfied: bool
    why: str
    observations: tuple[str, ...]


def observe(agreement: Agreement, at: str) -> tuple[Observation, ...]:
    """Run every worked example and prove every standing theorem now; ``at`` says when now is (RFC 3339)."""
    return (*_run_examples(agreement, at), *prove_theorems(agreement, at))


def findings_of(agreement: Agreement, observations: Sequence[Observation]) -> tuple[ClauseFinding, ...]:
    """Weigh each clause: satisfied if a worked example or drill speaks for it, and all that speaks for it holds.

    That an agreement proves in general is not enough: a clause that nothing exercises is not shown.
    """
    return tuple(_finding(clause.id, observations) for clause in agreement.clauses)


def prove_theorems(agreement: Agreement, at: str) -> Iterator[Observation]:
    """Prove or refute each standing theorem. Raises ``AgreementError`` only as ``check_theorems`` does."""
    kinds = {kind: tuple(c.id for c in agreement.clauses if c.kind is kind) for kind in ClauseKind}
    about = {"T1": kinds[ClauseKind.REDLINE], "T5": kinds[ClauseKind.REDLINE]}
    about |= {"T4": kinds[ClauseKind.GRANT], "LIVE": kinds[ClauseKind.GRANT]}
    for theorem in check_theorems(agreement):
        says = "Proved for all facts and approvals." if theorem.holds else f"Refuted: {theorem.against}"
        yield Observation(
            f"theorem-{theorem.id}",
            f"standing theorem {theorem.id}: {theorem.says}",
            says,
            about.get(theorem.id, tuple(clause.id for clause in agreement.clauses)),
            theorem.holds,
            digest([agreement.digest, theorem.id, theorem.says, theorem.against]),
            at,
            method="EXAMINE",
        )


def _run_examples(agreement: Agreement, at: str) -> Iterator[Observation]:
    for index, example in enumerate(agreement.examples):
        found = decide(agreement, example.facts, dict(example.approvals))
        holds = found.verdict is example.verdict and example.clauses in ((), found.clauses)
        wanted = f"{example.verdict}" + (f" by {', '.join(example.clauses)}" if example.clauses else "")
        ran: list[JsonValue] = [
            agreement.digest,
            plain(example.name),
            [[name, value] for name, value in example.facts.items()],
            [[office, count] for office, count in example.approvals],
            wanted,
            found.verdict.value,
            list(found.clauses),
        ]
        yield Observation(
            f"example-{index + 1}",
            f"worked example: {example.name}",
            f"The verdict is {found.verdict} by {', '.join(found.clauses) or 'no clause'}; it must be {wanted}.",
            tuple(dict.fromkeys((*found.clauses, *example.clauses))),
            holds,
            digest(ran),
            at,
        )


def _finding(clause: str, observations: Sequence[Observation]) -> ClauseFinding:
    about = tuple(one for one in observations if clause in one.clauses)
    names = tuple(one.name for one in about)
    failed = [one.title for one in about if not one.holds]
    ran = [one for one in about if one.method == "TEST"]
    if failed:
        return ClauseFinding(clause, False, f"Does not hold: {'; '.join(failed)}.", names)
    if not ran:
        return ClauseFinding(clause, False, "Nothing was run in which this clause decides.", names)
    return ClauseFinding(clause, True, f"All {len(about)} observations hold, {len(ran)} of them run.", names)
