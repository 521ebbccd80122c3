# SPDX-License-Identifier: Apache-2.0
"""What the agreements show that decided: by their text, their formulas, and what is proved of them.

Only versions that a record names count. Which they are the logs say; that each is what it was signed to be says its
digest, over file and prose. What follows from a formula is decided or proved here again, and believed of nobody.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from brightline.core.agreement.assess import prove_theorems
from brightline.core.agreement.clause import Agreement, RungState, Verdict
from brightline.core.agreement.decide import decide
from brightline.core.agreement.pattern import Over
from brightline.core.agreement.ratchet import check
from brightline.core.agreement.request import WITHOUT_LIMIT, bad_value
from brightline.core.agreement.review import Reviews
from brightline.core.answer.model import Found, Pin, Status
from brightline.core.canonical import digest
from brightline.core.facts import UNKNOWN, Facts
from brightline.core.statement import Party

_REFUSES: Final = {
    "refuses-weapons": (("weapon_direct",),),
    "refuses-surveillance": (("mass_domestic",),),
    "refuses-decisions": (("social_scoring",), ("high_stakes", "acts_alone")),
    "refuses-monitoring": (("monitoring", "private_info", "us_person", "constrained"),),
    "refuses-elsewhere": (("surface",), ("stack_on",), ("safety_trained",)),
    "needs-people": (("cleared_in_loop",),),
}
"""For each kind the sets of facts, any of which must deny when they are bad and all else is good."""
MASS: Final = "mass_domestic"
_NOT_HERE: Final = Found(Status.OPEN, "no version that decided is here")


def of_agreements(
    given: Mapping[str, Agreement], ruled: Mapping[str, int], reviews: Mapping[str, Reviews], at: str
) -> dict[str, Found]:
    """What is found of each kind.

    ``given`` are agreements by where they lie; ``ruled`` counts the attempts that name a digest; ``reviews`` are those
    of the encoding, by digest, where somebody could verify them. ``at`` is RFC 3339 and changes nothing but the record
    of the proofs. Raises ``AgreementError`` only for a clause with too many cases.
    """
    by_digest = {agreement.digest: (where, agreement) for where, agreement in given.items()}
    ruling = [by_digest[name] for name in ruled if name in by_digest]
    agreements = [agreement for _, agreement in ruling]
    pins = tuple(Pin(_name(agreement), agreement.digest, where) for where, agreement in ruling)
    found = {"agreement": _here(ruled, by_digest, pins), "one-agreement": _one(ruled, agreements, pins)}
    found["no-weaker"] = _no_weaker(agreements, list(given.values()), pins)
    found["proofs"] = _each(agreements, lambda one: _proved(one, at))
    for kind, wanted in _REFUSES.items():
        found[kind] = _each(agreements, functools.partial(_refuses, sets=wanted))
    found["pinned-law"] = _each(agreements, _pinned_law)
    found["ladder"] = _each(agreements, _ladder)
    found["thresholds"] = _each(agreements, _thresholds)
    if reviews:
        found["reviewed"] = _each(agreements, lambda one: _reviewed(one, reviews.get(one.digest, Reviews())))
    return found


def _here(ruled: Mapping[str, int], known: Mapping[str, object], pins: tuple[Pin, ...]) -> Found:
    if not ruled:
        return Found(Status.OPEN, "no exchange is on record that names an agreement")
    others = [name for name in ruled if name not in known]
    if others:
        count = sum(ruled[name] for name in others)
        return Found(Status.OPEN, f"{count:,} exchanges were decided by {others[0][:80]}, which is not here", pins)
    return Found(Status.SHOWN, f"{sum(ruled.values()):,} exchanges name {', '.join(pin.what for pin in pins)}", pins)


def _one(ruled: Mapping[str, int], agreements: Sequence[Agreement], pins: tuple[Pin, ...]) -> Found:
    ids = sorted({agreement.id for agreement in agreements})
    if len(agreements) < len(ruled) or not ids:
        return Found(Status.OPEN, "not every version that decided is here", pins)
    if len(ids) > 1:
        return Found(Status.OPEN, f"{len(ids)} agreements decided, under the ids {', '.join(ids)}", pins)
    return Found(Status.SHOWN, f"every exchange was decided under {ids[0]}", pins)


def _no_weaker(agreements: Sequence[Agreement], given: Sequence[Agreement], pins: tuple[Pin, ...]) -> Found:
    if not agreements:
        return _NOT_HERE
    said = []
    for candidate in agreements:
        first = min((one for one in given if one.id == candidate.id), key=lambda one: one.version)
        if first.version != 1:
            return Found(Status.OPEN, f"the first version of {candidate.id} is not here; {first.version} is", pins)
        if candidate.digest == first.digest:
            said.append(f"{candidate.id} began with the version that decided")
            continue
        compared = check(candidate, first)
        if not compared.proved:
            return Found(Status.CONTRADICTED, f"{_name(candidate)} is weaker: {compared.words()[0]}", pins)
        said.append(f"{_name(candidate)} is no weaker than the first, at {compared.points:,} furthest points")
    return Found(Status.SHOWN, f"{'; '.join(said)}; loosening is refused whoever signs", pins)


def _each(agreements: Sequence[Agreement], look: Callable[[Agreement], Found]) -> Found:
    """The worst that is found of any of them, else what is found of the last."""
    made = [look(agreement) for agreement in agreements]
    for status in (Status.CONTRADICTED, Status.OPEN):
        for one in made:
            if one.status is status:
                return one
    return made[-1] if made else _NOT_HERE


def _proved(agreement: Agreement, at: str) -> Found:
    proofs = list(prove_theorems(agreement, at))
    pins = tuple(Pin(one.title, one.digest, _name(agreement)) for one in proofs)
    refuted = [one for one in proofs if not one.holds]
    if refuted:
        return Found(Status.CONTRADICTED, f"{refuted[0].title}: {refuted[0].says}", pins)
    return Found(Status.SHOWN, f"{len(proofs)} theorems proved of {_name(agreement)}", pins)


def _refuses(agreement: Agreement, *, sets: Sequence[Sequence[str]]) -> Found:
    missing = [name for names in sets for name in names if name not in agreement.vocabulary]
    if missing:
        return Found(Status.OPEN, f"{_name(agreement)} knows no fact {missing[0]}", _pin(agreement))
    clauses: list[str] = []
    for names in sets:
        denied = _decide(agreement, {name: bad_value(agreement.vocabulary.spec(name)) for name in names})
        perhaps = _decide(agreement, dict.fromkeys(names, UNKNOWN))
        if denied[0] is not Verdict.DENY or perhaps[0] is Verdict.PERMIT:
            said = f"with {', '.join(names)} not good, and everybody for it, the verdict is {denied[0]}"
            return Found(Status.CONTRADICTED, f"{_name(agreement)}: {said}", _pin(agreement))
        clauses += denied[1]
    by = ", ".join(dict.fromkeys(clauses))
    return Found(Status.SHOWN, f"denied by {by}, with {WITHOUT_LIMIT} approvals of each office", _pin(agreement))


def _decide(agreement: Agreement, values: Mapping[str, str]) -> tuple[Verdict, tuple[str, ...]]:
    good = Facts.of({spec.name: spec.good for spec in agreement.vocabulary.specs})
    approvals = {office.id: WITHOUT_LIMIT for office in agreement.offices}
    made = decide(agreement, good.with_values(dict(values)), approvals)
    return made.verdict, made.clauses


def _pinned_law(agreement: Agreement) -> Found:
    held = sum(bool(authority.sha256) for authority in agreement.authorities)
    pins = tuple(
        Pin(
            authority.cite,
            authority.sha256 or digest([authority.cite, str(authority.edition)]),
            f"as of {authority.edition}",
        )
        for authority in agreement.authorities
    )
    if not pins:
        return Found(Status.SHOWN, f"{_name(agreement)} rests on no law, so none can lift it", _pin(agreement))
    said = f"{len(pins)} pinned by their day, {held} of them also by the digest of their text"
    return Found(Status.SHOWN, f"{said}; decisions read facts, and no law", pins)


def _ladder(agreement: Agreement) -> Found:
    silent = [state.value for state in RungState if not agreement.rung(state).do]
    if silent:
        return Found(Status.OPEN, f"{_name(agreement)} says nothing of {', '.join(silent)}", _pin(agreement))
    said = "; ".join(_rung(agreement, state) for state in RungState)
    return Found(Status.SHOWN, said, _pin(agreement))


def _thresholds(agreement: Agreement) -> Found:
    """From how many people on it is mass, in numbers, counted over everybody: a new key is no new beginning."""
    counted = [pattern for pattern in agreement.patterns if pattern.fact == MASS]
    if not counted:
        return Found(Status.OPEN, f"{_name(agreement)} says no number from which on it is mass", _pin(agreement))
    if not any(Over.AGREEMENT in pattern.over for pattern in counted):
        return Found(Status.OPEN, f"{_name(agreement)} counts nobody over the agreement as a whole", _pin(agreement))
    return Found(Status.SHOWN, "; ".join(pattern.words for pattern in counted), _pin(agreement))


def _rung(agreement: Agreement, state: RungState) -> str:
    rung = agreement.rung(state)
    days = [
        f"{rung.cure_days} days to mend" if rung.cure_days else "",
        f"{rung.appeal_days} to object" if rung.appeal_days else "",
    ]
    given = ", ".join(filter(None, days))
    return f"{state.value}: {', '.join(rung.do)}" + (f" ({given})" if given else "")


def _reviewed(agreement: Agreement, reviews: Reviews) -> Found:
    every = frozenset(clause.id for clause in agreement.clauses)
    for party in Party:
        left = every - reviews.clauses_of(party)
        if left:
            said = f"the {party} has not signed {len(left)} of {len(every)} formulas of {_name(agreement)}"
            return Found(Status.OPEN, said, _pin(agreement))
    pin = Pin("encoding", agreement.encoding, ", ".join(review.name for review in reviews.counted))
    return Found(Status.SHOWN, f"both parties signed all {len(every)} formulas", (pin,))


def _name(agreement: Agreement) -> str:
    return f"{agreement.id} version {agreement.version}"


def _pin(agreement: Agreement) -> tuple[Pin, ...]:
    return (Pin(_name(agreement), agreement.digest, "the agreement, as above"),)
