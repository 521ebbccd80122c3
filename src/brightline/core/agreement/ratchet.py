# SPDX-License-Identifier: Apache-2.0
"""The ratchet: a new version permits nothing that the signed baseline refuses, and asks for no fewer approvals.

For all facts and approvals it is shown that

    1. where the baseline does not permit, the candidate does not permit, and
    2. where the baseline denies, the candidate does not hold: nothing becomes releasable;

and that nobody new may speak or settle, and no number moved in its loosening direction (``who.py``).

Both agreements are monotone, so it is enough to look at the furthest points of the baseline (``extremes.py``):
wherever it refuses, one of them is at least as good a request as the one at hand, and the candidate must refuse that.
A counterexample is decided again by both agreements before it is reported.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from brightline.core.agreement.clause import Agreement, Verdict
from brightline.core.agreement.decide import decide, permitted
from brightline.core.agreement.extremes import Point, all_points
from brightline.core.agreement.request import Request, bad_value, counterpart, in_words, in_words_of, request_at
from brightline.core.agreement.who import Looser, compare_who
from brightline.core.errors import AgreementError
from brightline.core.facts import UNKNOWN


class Undercut(msgspec.Struct, frozen=True):
    """A request that the baseline treats more strictly than the candidate.

    ``clause`` is the clause of the baseline that is undercut (empty: its grants). ``request`` is in the words of the
    baseline, ``candidate_request`` in those of the candidate. ``changed`` are the clauses that make the difference:
    the one that is gone or says otherwise now, or the grants of the candidate that reach further.
    """

    clause: str
    request: Request
    candidate_request: Request
    baseline_verdict: Verdict
    candidate_verdict: Verdict
    words: str
    changed: tuple[str, ...] = ()


class Comparison(msgspec.Struct, frozen=True):
    """What was found. Nothing found is a proof, for all facts and approvals."""

    undercut: tuple[Undercut, ...]
    looser: tuple[Looser, ...]
    points: int

    @property
    def proved(self) -> bool:
        """Whether the candidate is no weaker than the baseline."""
        return not self.undercut and not self.looser

    def words(self) -> tuple[str, ...]:
        """Every finding, as a sentence."""
        return tuple(row.words for row in self.looser) + tuple(row.words for row in self.undercut)


def check(candidate: Agreement, baseline: Agreement) -> Comparison:
    """Compare what and who. Raises ``AgreementError`` only for a clause with too many cases."""
    looser = compare_who(candidate, baseline)
    undercut: list[Undercut] = []
    points = 0
    for clause, own in all_points(baseline):
        points += len(own)
        found = _first_undercut(candidate, baseline, clause, own)
        if found is not None:
            undercut.append(found)
    return Comparison(tuple(undercut), looser, points)


def require_no_weaker(candidate: Agreement, baseline: Agreement) -> None:
    """Raises ``AgreementError`` that says in words where the candidate is weaker."""
    words = check(candidate, baseline).words()
    if words:
        more = f" (and {len(words) - 1} more)" if len(words) > 1 else ""
        mend = "restore what the baseline says; only a new agreement id can loosen"
        raise AgreementError(f"{candidate.id} version {candidate.version} is weaker: {words[0]}{more}", "", mend)


def _first_undercut(
    candidate: Agreement, baseline: Agreement, clause: str, points: tuple[Point, ...]
) -> Undercut | None:
    for point in points:
        refused = request_at(baseline, point)
        seen = in_words_of(candidate, baseline, refused)
        if permitted(candidate, seen.facts.view, seen.counts):  # 1
            return _replayed(candidate, baseline, clause, refused)
        denied = _denied_at(candidate, baseline, point)
        if denied is not None:  # 2
            return _replayed(candidate, baseline, clause, denied)
    return None


def _denied_at(candidate: Agreement, baseline: Agreement, point: Point) -> Request | None:
    """A request at the point that the baseline denies and the candidate would hold, if there is one.

    A fact that is not good is stuck in the baseline if it is bad, or unknown and not settleable. The candidate does
    best with an unknown that only it lets people settle.
    """
    if point.approvals:  # people can lift this with approvals: the baseline holds here, it does not deny
        return None
    values: dict[str, str] = {}
    for name in point.not_good:
        spec = baseline.vocabulary.spec(name)
        theirs = counterpart(spec, candidate)
        only_theirs = theirs is not None and theirs.settleable and not spec.settleable and not spec.installation
        values[name] = UNKNOWN if only_theirs else bad_value(spec)
    request = request_at(baseline, point, values)
    seen = in_words_of(candidate, baseline, request)
    return request if permitted(candidate, _settled(candidate, seen), candidate.approval_caps) else None


def _settled(agreement: Agreement, request: Request) -> Mapping[str, str]:
    """The best that people could say: each settleable unknown good."""
    return {
        name: agreement.vocabulary.spec(name).good
        if value == UNKNOWN and agreement.vocabulary.spec(name).settleable
        else value
        for name, value in request.facts.items()
    }


_STRICTNESS = {Verdict.PERMIT: 0, Verdict.HOLD: 1, Verdict.DENY: 2, Verdict.UNAVAILABLE: 2}
_SAID = {
    Verdict.PERMIT: "permitted",
    Verdict.HOLD: "held for people to release",
    Verdict.DENY: "denied",
    Verdict.UNAVAILABLE: "not decided",
}


def _replayed(candidate: Agreement, baseline: Agreement, clause: str, request: Request) -> Undercut:
    """Decide the request under both. One that is not treated more loosely by the candidate is our own mistake."""
    seen = in_words_of(candidate, baseline, request)
    before = decide(baseline, request.facts, request.counts).verdict
    after = decide(candidate, seen.facts, seen.counts).verdict
    if _STRICTNESS[after] >= _STRICTNESS[before]:
        raise AssertionError(f"a counterexample that does not replay: {before} before, {after} after")
    by = clause or "no grant holds"
    changed, how = _changed(candidate, clause, seen)
    words = (
        f"{in_words(baseline, request)}, is {_SAID[before]} by the baseline ({by}) and {_SAID[after]} by version "
        f"{candidate.version}, where {how}"
    )
    return Undercut(clause, request, seen, before, after, words, changed)


def _changed(candidate: Agreement, clause: str, seen: Request) -> tuple[tuple[str, ...], str]:
    """The clauses that make the difference, and how they do, in words."""
    if clause:
        kept = any(each.id == clause for each in candidate.clauses)
        return (clause,), f"{clause} says otherwise" if kept else f"{clause} is gone"
    values = _settled(candidate, seen)
    reaching = tuple(grant.id for grant in candidate.grants if grant.applies(values, seen.counts))
    return reaching, f"{', '.join(reaching)} grants it"
