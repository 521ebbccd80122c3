# SPDX-License-Identifier: Apache-2.0
"""Who, not only what: an agreement can be loosened without touching a clause.

Each rule below says which direction is tighter. What is not listed may not change.

    setters of a fact        none may be added. Sources join by the worst, so one that is dropped takes its bad word
                             with it, so "only fewer" is not enough: only a registration may go, and only from a fact
                             that no detector states; one that said bad then states nothing at all (workload.py).
    who settles a fact       each office of the baseline still settles, by no smaller number; further offices may be
                             added where the baseline lets people settle at all
    organisations            of no fewer are those of an office who must say the same
    what a fact needs        only more registers; none where no registration states it any more
    good value, values       unchanged but through ``formerly``; a new value is never the good one
    patterns                 none may vanish, count another thing or count less: over no fewer, in no shorter window,
                             about no fewer matters, from no more joins, days, units or people on, and not U.S. persons
                             or inquiries alone
    limits, ladder           in their declared direction; none may vanish. Where the baseline is silent about a limit,
                             what counts is what is enforced then: a new number may not be looser than that
    change rules, parties,   unchanged
    id, pins of authorities
    version                  higher
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import msgspec

from brightline.core.agreement.clause import Agreement, Limit, Rung, Tighter
from brightline.core.agreement.limits import KNOWN, SILENT
from brightline.core.agreement.pattern import Pattern, window_words
from brightline.core.agreement.request import counterpart
from brightline.core.facts import UNKNOWN, FactSpec, Source


class Looser(msgspec.Struct, frozen=True):
    """Something other than a clause that was loosened. ``path`` is where it stands in the file."""

    path: str
    baseline: str
    candidate: str
    words: str


def compare_who(candidate: Agreement, baseline: Agreement) -> tuple[Looser, ...]:
    """Return everything that is looser in the candidate, in the order of the file; nothing is a proof."""
    return (
        *_identity(candidate, baseline),
        *_united(candidate, baseline),
        *_offices(candidate, baseline),
        *_organisations(candidate, baseline),
        *(row for spec in baseline.vocabulary.specs for row in _fact(spec, candidate)),
        *_authorities(candidate, baseline),
        *(row for limit in baseline.limits for row in _limit(limit, candidate)),
        *_new_limits(candidate, baseline),
        *(row for pattern in baseline.patterns for row in _pattern(pattern, candidate)),
        *(row for rung in baseline.ladder for row in _rung(rung, candidate)),
    )


def compare_facts(candidate: Agreement, baseline: Agreement) -> tuple[Looser, ...]:
    """Return what is looser about facts and offices that both know: for those that are no versions of each other."""
    known = [spec for spec in baseline.vocabulary.specs if counterpart(spec, candidate) is not None]
    return (*_organisations(candidate, baseline), *(row for spec in known for row in _fact(spec, candidate)))


def _looser(path: str, before: object, after: object, why: str) -> Looser:
    return Looser(path, str(before), str(after), f"{path}: {before} in the baseline, {after} now: {why}")


def _identity(candidate: Agreement, baseline: Agreement) -> Iterator[Looser]:
    if candidate.id != baseline.id:
        yield _looser("id", baseline.id, candidate.id, "another agreement, which both parties must sign")
    if candidate.parties != baseline.parties:
        before, after = (f"{each.parties.provider} and {each.parties.customer}" for each in (baseline, candidate))
        yield _looser("parties", before, after, "the parties are those who signed")
    if candidate.as_of != baseline.as_of:
        yield _looser("as_of", baseline.as_of, candidate.as_of, "laws and policies are meant as they stood")
    if candidate.version <= baseline.version:
        yield _looser("version", baseline.version, candidate.version, "a later version has a higher number")
    if candidate.change != baseline.change:
        before, after = (", ".join(each.change.signers) for each in (baseline, candidate))
        yield _looser("change", before, after, "who may change it is what the baseline says")


def _offices(candidate: Agreement, baseline: Agreement) -> Iterator[Looser]:
    kept = {office.id: office.title for office in candidate.offices}
    for office in baseline.offices:
        if kept.get(office.id) != office.title:
            after = kept.get(office.id, "nobody")
            yield _looser(f"offices.{office.id}", office.title, after, "an office stays what it was")


def _organisations(candidate: Agreement, baseline: Agreement) -> Iterator[Looser]:
    now, known = dict(candidate.organisations), {office.id for office in candidate.offices}
    for name, count in baseline.organisations:
        if name in known and now.get(name, 1) < count:
            why = f"those of {name} who say the same are of {count} organisations"
            yield _looser(f"organisations.{name}", count, now.get(name, "any"), why)


def _united(candidate: Agreement, baseline: Agreement) -> Iterator[Looser]:
    """Two facts of the baseline may not become one: what one source says of it would stand for both."""
    seen: dict[str, str] = {}
    for spec in baseline.vocabulary.specs:
        theirs = counterpart(spec, candidate)
        if theirs is not None and theirs.name in seen:
            before = f"{seen[theirs.name]} and {spec.name}"
            yield _looser(f"fact.{theirs.name}.formerly", before, theirs.name, "two facts do not become one")
        elif theirs is not None:
            seen[theirs.name] = spec.name


def _fact(spec: FactSpec, candidate: Agreement) -> Iterator[Looser]:
    path = f"fact.{spec.name}"
    theirs = counterpart(spec, candidate)
    if theirs is None:
        yield _looser(path, "declared", "gone", "say what it is called now: formerly = { name = ... }")
        return
    yield from _values(path, spec, theirs)
    yield from _setters(path, spec, theirs)
    yield from _settlers(path, spec, theirs)
    if Source.REGISTRATION in theirs.set_by and (lost := spec.needs - theirs.needs):
        after = ", ".join(sorted(theirs.needs)) or "nothing"
        yield _looser(f"{path}.needs", ", ".join(sorted(spec.needs)), after, f"{', '.join(sorted(lost))} is missing")


def _values(path: str, spec: FactSpec, theirs: FactSpec) -> Iterator[Looser]:
    """Good stays good, and nothing else becomes good."""
    translate = {old: new for former in theirs.formerly if former.name == spec.name for old, new in former.values}
    for value in (*spec.values, UNKNOWN):
        now = translate.get(value, value)
        if value == UNKNOWN and now != UNKNOWN:
            yield _looser(f"{path}.formerly", UNKNOWN, now, "unknown is never anything else")
        elif value != UNKNOWN and now not in theirs.values:
            yield _looser(f"{path}.values", value, "gone", "say which value it is now")
        elif (value == spec.good) is not (now == theirs.good):
            why = "the good value stays good" if value == spec.good else "what was bad may not become good"
            yield _looser(f"{path}.good", value, now, why)
    for old in translate:
        if old not in spec.values:
            yield _looser(f"{path}.formerly", "no such value", old, "only values of the baseline can be renamed")


def _setters(path: str, spec: FactSpec, theirs: FactSpec) -> Iterator[Looser]:
    before, after = (", ".join(sorted(each.set_by)) for each in (spec, theirs))
    if added := theirs.set_by - spec.set_by:
        why = f"{', '.join(sorted(added))} could turn unknown into good"
        yield _looser(f"{path}.set_by", before, after, why)
    dropped = spec.set_by - theirs.set_by
    harmless = {Source.REGISTRATION} if Source.DETECTOR not in spec.set_by else set()
    if lost := dropped - harmless:
        why = f"the word of {', '.join(sorted(lost))} against it would be lost"
        yield _looser(f"{path}.set_by", before, after, why)


def _settlers(path: str, spec: FactSpec, theirs: FactSpec) -> Iterator[Looser]:
    before, after = (_quorum(each) for each in (spec, theirs))
    if theirs.settleable and not spec.settleable:
        yield _looser(f"{path}.settled_by", before, after, "nobody may settle this")
        return
    now = dict(theirs.settled_by)
    for office, count in spec.settled_by:
        if theirs.settleable and now.get(office, 0) < count:
            yield _looser(f"{path}.settled_by", before, after, f"it takes {count} of {office}")


def _quorum(spec: FactSpec) -> str:
    return " and ".join(f"{count} of {office}" for office, count in spec.settled_by) or "nobody"


def _authorities(candidate: Agreement, baseline: Agreement) -> Iterator[Looser]:
    kept = {authority.id: authority for authority in candidate.authorities}
    for authority in baseline.authorities:
        now = kept.get(authority.id)
        path = f"authority.{authority.id}"
        if now is None:
            yield _looser(path, authority.cite, "gone", "an authority stays cited")
        elif (now.cite, now.dated, now.edition) != (authority.cite, authority.dated, authority.edition):
            before, after = (f"{each.cite} of {each.edition}" for each in (authority, now))
            yield _looser(path, before, after, "the law is meant as it stood")
        elif authority.sha256 not in ("", now.sha256):
            yield _looser(path, authority.sha256, now.sha256 or "no text", "the pinned text is another")


def _limit(limit: Limit, candidate: Agreement) -> Iterator[Looser]:
    path = f"limit.{limit.id}"
    now = next((each for each in candidate.limits if each.id == limit.id), None)
    if now is None:
        yield _looser(path, limit.value, "gone", "a limit stays")
    elif now.tighter is not limit.tighter or _moved_wrong(limit.tighter, limit.value, now.value):
        yield _looser(path, limit.value, now.value, f"only {limit.tighter} is tighter")


def _new_limits(candidate: Agreement, baseline: Agreement) -> Iterator[Looser]:
    stated = {limit.id for limit in baseline.limits}
    for limit in candidate.limits:
        if limit.id not in stated and limit.id in SILENT:
            yield from _limit(Limit(limit.id, SILENT[limit.id], KNOWN[limit.id].tighter), candidate)


def _pattern(pattern: Pattern, candidate: Agreement) -> Iterator[Looser]:
    path = f"pattern.{pattern.id}"
    now = next((each for each in candidate.patterns if each.id == pattern.id), None)
    if now is None:
        yield _looser(path, pattern.words, "gone", "without it nobody is counted")
        return
    fact, _ = candidate.vocabulary.in_words_of_now(pattern.fact, UNKNOWN)
    if now.fact != fact:
        yield _looser(f"{path}.fact", pattern.fact, now.fact, "it is counted for the same fact")
    if now.counts is not pattern.counts:
        yield _looser(f"{path}.counts", pattern.counts, now.counts, "another thing is counted")
    for name, before, after in (("over", pattern.over, now.over), ("touching", pattern.touching, now.touching)):
        if lost := [each for each in before if each not in after]:
            why = f"{', '.join(lost)} would not be counted"
            yield _looser(f"{path}.{name}", ", ".join(before), ", ".join(after), why)
    if now.window_seconds < pattern.window_seconds:
        before_window, after_window = window_words(pattern.window_seconds), window_words(now.window_seconds)
        yield _looser(f"{path}.window", before_window, after_window, "only a longer window counts more")
    for name in ("subjects", "joins", "days", "units"):
        if getattr(now, name) > getattr(pattern, name):
            yield _looser(f"{path}.{name}", getattr(pattern, name), getattr(now, name), "only lower counts more")
    if now.us_persons and not pattern.us_persons:
        yield _looser(f"{path}.us_persons", "everybody", "U.S. persons alone", "others would not be counted")
    if now.inquiries and not pattern.inquiries:
        yield _looser(f"{path}.inquiries", "every request", "inquiries alone", "others would not be counted")
    if (now.notice or math.inf) > (pattern.notice or math.inf):
        yield _looser(f"{path}.notice", pattern.notice, now.notice or "never", "people would look later")


def _moved_wrong(tighter: Tighter, before: float, after: float) -> bool:
    return after > before if tighter is Tighter.LOWER else after < before


def _rung(rung: Rung, candidate: Agreement) -> Iterator[Looser]:
    path = f"ladder.{rung.state}"
    now = next((each for each in candidate.ladder if each.state is rung.state), None)
    if now is None:
        yield _looser(path, "a rung", "gone", "the ladder keeps its rungs")
        return
    if lost := [act for act in rung.do if act not in now.do]:
        yield _looser(f"{path}.do", "; ".join(rung.do), "; ".join(now.do), f"{', '.join(lost)} would not be done")
    if (rung.cure_days or math.inf) < (now.cure_days or math.inf):  # 0 is a cure without an end
        yield _looser(f"{path}.cure_days", rung.cure_days, now.cure_days, "a cure may only take less time")
    if rung.appeal_days != now.appeal_days:
        yield _looser(f"{path}.appeal_days", rung.appeal_days, now.appeal_days, "the time to appeal is agreed on")
    for test in rung.tests:
        if not now.tests:
            yield _looser(f"{path}.test", "a test", "gone", "without it nothing is counted")
            continue
        after = now.tests[0]
        if after.alpha < test.alpha:
            yield _looser(f"{path}.test.alpha", test.alpha, after.alpha, "only higher trips earlier")
        if after.confirmed > test.confirmed:
            yield _looser(f"{path}.test.confirmed", test.confirmed, after.confirmed, "only lower trips earlier")
        if after.window_seconds != test.window_seconds:
            yield _looser(f"{path}.test.window", test.window_seconds, after.window_seconds, "the window is agreed on")
