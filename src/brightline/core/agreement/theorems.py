# SPDX-License-Identifier: Apache-2.0
"""What every agreement must be true of, whatever it says: proved at each load, for all facts and approvals.

    T1    facts at which a red line is crossed are denied at any number of approvals
    T2    worse knowledge never turns a refusal into a permit, nor a deny into a hold
    T3    no fact of the installation that is not good, by itself, leaves a permit: not off the cloud, not without the
          stack, not with a model that is not admitted
    T4    no permit without a purpose: none while a fact that needs the register of purposes is not good, nor a fact
          that the grants rest on
    T5    nothing that a registration may state lifts a red line
    LIVE  each grant has a request that is permitted: an agreement that refuses everything is none

T2 holds by the polarity of conditions, which was checked clause by clause; it is looked at here again. The others are
looked at where it matters: monotone conditions hold at all points if they hold at the furthest (``extremes.py``).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import msgspec

from brightline.core.agreement.clause import Agreement, Clause, ClauseKind
from brightline.core.agreement.decide import permitted
from brightline.core.agreement.extremes import Point, all_points, points_of_each
from brightline.core.agreement.polarity import Polarity, check_polarity
from brightline.core.agreement.request import in_words, request_at
from brightline.core.errors import AgreementError
from brightline.core.facts import Register, Source


class Theorem(msgspec.Struct, frozen=True):
    """A theorem and whether it holds; ``against`` says in words where it does not, and is empty if it does."""

    id: str
    says: str
    against: str = ""

    @property
    def holds(self) -> bool:
        """Whether it was proved."""
        return not self.against


_SAYS: dict[str, str] = {
    "T1": "a crossed red line is denied at any number of approvals",
    "T2": "worse knowledge never loosens a verdict",
    "T3": "no permit while a fact of the installation is not good",
    "T4": "no permit without a purpose",
    "T5": "nothing that a registration states lifts a red line",
    "LIVE": "each grant has a request that is permitted",
}


def check_theorems(agreement: Agreement) -> tuple[Theorem, ...]:
    """Prove or refute each. Raises ``AgreementError`` only for a clause with too many cases."""
    found = {
        "T1": _crossed_is_denied(agreement),
        "T2": _worse_never_loosens(agreement),
        "T3": _installation_is_needed(agreement),
        "T4": _purpose_is_needed(agreement),
        "T5": _registration_lifts_nothing(agreement),
        "LIVE": _something_is_granted(agreement),
    }
    return tuple(Theorem(name, _SAYS[name], next(against, "")) for name, against in found.items())


def require_theorems(agreement: Agreement) -> None:
    """Raises ``AgreementError`` for the first theorem that does not hold."""
    for theorem in check_theorems(agreement):
        if not theorem.holds:
            message = f"{agreement.id} version {agreement.version}: not so that {theorem.says}: {theorem.against}"
            raise AgreementError(message, "", "correct the clauses; see `brightline agreement theorems`")


def inert(agreement: Agreement) -> tuple[str, ...]:
    """Return the clauses that restrict nothing which the others would permit, in the order of the file.

    Each is judged against all others: of two clauses that say the same, both are inert.
    """
    restricting = (clause for clause in agreement.clauses if clause.kind is not ClauseKind.GRANT)
    return tuple(
        clause.id
        for clause, points in points_of_each(restricting)
        if not any(_others_permit_at(agreement, clause, point) for point in points)
    )


def _others_permit_at(agreement: Agreement, clause: Clause, point: Point) -> bool:
    """Whether the agreement without this clause would permit; asked so, nothing need be compiled for each clause."""
    request = request_at(agreement, point)
    bits = agreement.compiled.request(request.facts.view, request.counts)
    granted = False
    for place in agreement.compiled.applying(bits, bits.bad):
        other = agreement.clauses[place]
        if other.kind is ClauseKind.GRANT:
            granted = True
        elif other is not clause and not other.met(bits.values, bits.approvals):
            return False
    return granted


def _permits_at(agreement: Agreement, point: Point) -> bool:
    request = request_at(agreement, point)
    return permitted(agreement, request.facts.view, request.counts)


def _red_lines(agreement: Agreement) -> Iterator[tuple[Clause, Point]]:
    for clause, points in points_of_each(c for c in agreement.clauses if c.kind is ClauseKind.REDLINE):
        for point in points:
            yield clause, point


def _crossed_is_denied(agreement: Agreement) -> Iterator[str]:
    """Known bad facts cannot be settled, so denied is: not permitted with everything else and everybody for it."""
    for clause, point in _red_lines(agreement):
        if point.approvals or _permits_at(agreement, point):
            yield f"{in_words(agreement, request_at(agreement, point))}, crosses {clause.id}"


def _worse_never_loosens(agreement: Agreement) -> Iterator[str]:
    offices = frozenset(office.id for office in agreement.offices)
    for clause in agreement.clauses:
        polarity = Polarity.GRANTS if clause.kind is ClauseKind.GRANT else Polarity.RESTRICTS
        try:
            check_polarity(clause.condition, polarity, agreement.vocabulary, offices)
            check_polarity(clause.that, Polarity.APPROVES, agreement.vocabulary, offices)
        except AgreementError as error:
            yield f"clause {clause.id}: {error}"


def _installation_is_needed(agreement: Agreement) -> Iterator[str]:
    yield from _permitted_without(agreement, agreement.installation_facts)


def _purpose_is_needed(agreement: Agreement) -> Iterator[str]:
    """Facts that need the register of purposes and that a grant rests on; where none does, all that grants read."""
    granted = {name for clause in agreement.grants for name in clause.facts}
    specs = agreement.vocabulary.specs
    with_register = [spec.name for spec in specs if Register.PURPOSE in spec.needs and spec.name in granted]
    registered = [spec.name for spec in specs if spec.name in granted and Source.REGISTRATION in spec.set_by]
    if not registered:
        yield "no grant rests on anything that a registration states, so nobody need state a purpose"
    yield from _permitted_without(agreement, tuple(with_register or registered))


def _permitted_without(agreement: Agreement, names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        point = Point((name,))
        if _permits_at(agreement, point):
            yield f"{in_words(agreement, request_at(agreement, point))}, is permitted"


def _registration_lifts_nothing(agreement: Agreement) -> Iterator[str]:
    """At a furthest point of a red line, let registrations state good whatever they alone may state.

    What is left of the point is the best that they can make of a request at which the line holds: if that is not
    permitted, none is.
    """
    stated = {spec.name for spec in agreement.vocabulary.specs if spec.set_by <= {Source.REGISTRATION}}
    for clause, point in _red_lines(agreement):
        lifted = tuple(name for name in point.not_good if name in stated)
        left = Point(tuple(name for name in point.not_good if name not in stated), point.approvals)
        if lifted and _permits_at(agreement, left):
            words = in_words(agreement, request_at(agreement, left))
            yield f"{clause.id} rests on {', '.join(lifted)}, which registrations alone state: {words}, is permitted"


def _something_is_granted(agreement: Agreement) -> Iterator[str]:
    """With everything good and everybody for it, all grants hold; what blocks there blocks everywhere."""
    everything_good = Point(())
    values: Mapping[str, str] = request_at(agreement, everything_good).facts.view
    counts = request_at(agreement, everything_good).counts
    for clause in agreement.clauses:
        if clause.blocks(values, counts):
            yield f"clause {clause.id} blocks every request, so nothing is ever permitted"
    for clause in agreement.grants:
        if not clause.applies(values, counts):
            yield f"grant {clause.id} never permits anything"


def points_of(agreement: Agreement) -> int:
    """How many furthest points the agreement has: the size of a proof over it."""
    return sum(len(points) for _, points in all_points(agreement))
