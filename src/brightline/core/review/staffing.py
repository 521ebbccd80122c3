# SPDX-License-Identifier: Apache-2.0
"""Whether each office has the people that the agreement asks of it: what nobody can answer waits until it expires.

It says so and stops nothing: too few people release nothing, which is the safe side.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from brightline.core.agreement.clause import Agreement
from brightline.core.review.quorum import one_organisation, organisations_wanted
from brightline.core.review.roles import May, may
from brightline.core.review.roster import ClearedPerson


def most_wanted(agreement: Agreement) -> Mapping[str, int]:
    """By office, the most persons of it that a fact or a requirement asks for; without offices that nothing asks."""
    wanted = {office: count for office, count in agreement.approval_caps.items() if count}
    for spec in agreement.vocabulary.specs:
        for office, count in spec.settled_by:
            wanted[office] = max(count, wanted.get(office, 0))
    return wanted


def missing_people(agreement: Agreement, roster: Iterable[ClearedPerson], now: int) -> Iterator[str]:
    """What is missing at ``now`` (Unix seconds), in words: people, organisations, and seniors for appeals."""
    able = [each for each in roster if each.cleared_until > now and may(each.roles, May.DECIDE)]
    for office, count in most_wanted(agreement).items():
        here = [each for each in able if each.office == office]
        if len(here) < count:
            yield f"{office}: {count} must say the same, and {len(here)} can decide"
        employers = {one_organisation(each.organisation) for each in here} - {""}
        for _, apart in organisations_wanted(((office, count),), agreement.organisations):
            if len(employers) < apart:
                yield f"{office}: they must be of {apart} organisations, and are of {len(employers)}"
        seniors = [each for each in here if may(each.roles, May.DECIDE_APPEAL)]
        if len(seniors) < count:
            yield f"{office}: {count} must say the same of an appeal, and {len(seniors)} may decide one"
