# SPDX-License-Identifier: Apache-2.0
"""Who, not only what: each way of loosening an agreement without touching a clause, and each that tightens."""

from __future__ import annotations

import datetime
from typing import Any

import msgspec
import pytest

from brightline.core.agreement.clause import (
    Agreement,
    Change,
    LadderTest,
    Limit,
    Office,
    Parties,
    RungState,
    Tighter,
)
from brightline.core.agreement.limits import (
    ANSWER_DAYS_MAX,
    CONTENT_DAYS_MAX,
    FALSE_STOPS_DEFAULT,
    FALSE_STOPS_PER_MILLION,
    HOLD_HOURS_MAX,
    KEEP_DAYS,
    KNOWN,
    LOST_PER_MILLION,
    SAMPLED_PER_MILLION,
    SILENT,
    answer_seconds,
    days_max,
    hold_seconds,
    keep_days,
    lost_budget,
    unit_quotas,
)
from brightline.core.agreement.ratchet import check, require_no_weaker
from brightline.core.agreement.who import compare_facts, compare_who
from brightline.core.errors import AgreementError
from brightline.core.facts import FactSpec, Formerly, Register, Source, Vocabulary
from brightline.core.review.aging import content_days
from brightline.core.review.sampling import least_per_million
from brightline.shell import shipped

BASELINE = shipped.read_agreement(shipped.shipped_agreement())
LATER = msgspec.structs.replace(BASELINE, version=BASELINE.version + 1)
DECIDER, CLEARED = "customer_decider", "provider_cleared"


def with_fact(fact: str, **changes: Any) -> Agreement:
    specs = tuple(
        msgspec.structs.replace(spec, **changes) if spec.name == fact else spec for spec in LATER.vocabulary.specs
    )
    return msgspec.structs.replace(LATER, vocabulary=Vocabulary(specs))


def with_(**changes: Any) -> Agreement:
    return msgspec.structs.replace(LATER, **changes)


def with_rung(state: RungState, **changes: Any) -> Agreement:
    ladder = tuple(msgspec.structs.replace(rung, **changes) if rung.state is state else rung for rung in LATER.ladder)
    return with_(ladder=ladder)


def with_limit(value: int) -> Agreement:
    first, *rest = LATER.limits
    return with_(limits=(msgspec.structs.replace(first, value=value), *rest))


def pattern_test(**changes: Any) -> tuple[LadderTest, ...]:
    (test,) = BASELINE.rung(RungState.PATTERN).tests
    return (msgspec.structs.replace(test, **changes),)


def test_the_same_agreement_with_a_higher_number_is_no_looser() -> None:
    assert compare_who(LATER, BASELINE) == ()
    assert check(LATER, BASELINE).proved


LOOSER = {
    "fact.vvt_current.settled_by": with_fact("vvt_current", settled_by=((CLEARED, 2),)),
    "fact.mass_domestic.settled_by": with_fact("mass_domestic", settled_by=((CLEARED, 1),)),
    "fact.weapon_direct.settled_by": with_fact("weapon_direct", settled_by=((DECIDER, 2),)),
    "fact.lawful.set_by": with_fact("lawful", set_by=frozenset({Source.REGISTRATION, Source.DETECTOR})),
    "fact.monitoring.set_by": with_fact("monitoring", set_by=frozenset({Source.DETECTOR})),
    "fact.intel_activity.set_by": with_fact("intel_activity", set_by=frozenset({Source.DETECTOR})),
    "fact.purpose_defined.needs": with_fact("purpose_defined", needs=frozenset()),
    "fact.surface.good": with_fact("surface", good="edge"),
    "fact.surface.values": with_fact("surface", values=("provider_cloud", "moon")),
    "fact.us_person": with_fact("us_person", name="domestic_person"),
    "offices.provider_cleared": with_(offices=(Office(DECIDER, LATER.offices[1].title), Office(CLEARED, "anybody"))),
    "parties": with_(parties=Parties("Somebody", BASELINE.parties.customer)),
    "id": with_(id="another"),
    "as_of": with_(as_of=datetime.date(2026, 9, 1)),
    "version": with_(version=BASELINE.version),
    "change": with_(change=Change("no-weaker", ("customer-official",))),
    "authority.FISA-1978": with_(authorities=tuple(a for a in LATER.authorities if a.id != "FISA-1978")),
    "limit.registration_days_max": with_limit(BASELINE.limits[0].value + 1),
    "ladder.attempt": with_(ladder=LATER.ladder[1:]),
    "ladder.confirmed.do": with_rung(RungState.CONFIRMED, do=("notify both parties",)),
    "ladder.pattern.test": with_rung(RungState.PATTERN, tests=()),
    "ladder.pattern.test.alpha": with_rung(RungState.PATTERN, tests=pattern_test(alpha=1e-9)),
    "ladder.pattern.test.confirmed": with_rung(RungState.PATTERN, tests=pattern_test(confirmed=4)),
    "ladder.pattern.test.window": with_rung(RungState.PATTERN, tests=pattern_test(window_seconds=60)),
    "ladder.confirmed.cure_days": with_rung(
        RungState.CONFIRMED, cure_days=BASELINE.rung(RungState.CONFIRMED).cure_days + 1
    ),
    "ladder.confirmed.appeal_days": with_rung(RungState.CONFIRMED, appeal_days=1),
}


@pytest.mark.parametrize("path", LOOSER)
def test_what_is_looser_is_named_by_its_path(path: str) -> None:
    found = compare_who(LOOSER[path], BASELINE)
    assert {row.path for row in found} == {path}
    assert all(row.words for row in found)
    with pytest.raises(AgreementError, match="is weaker"):
        require_no_weaker(LOOSER[path], BASELINE)


@pytest.mark.parametrize("now", [(), ((CLEARED, 2),), ((DECIDER, 3),)])
def test_to_ask_for_fewer_organisations_is_looser(now: tuple[tuple[str, int], ...]) -> None:
    before = msgspec.structs.replace(BASELINE, organisations=((CLEARED, 3),))
    assert compare_who(with_(organisations=((CLEARED, 3), (DECIDER, 2))), before) == ()
    (row,) = compare_who(with_(organisations=now), before)
    assert row.path == f"organisations.{CLEARED}"
    assert compare_facts(with_(organisations=now), before) == (row,)
    with pytest.raises(AgreementError, match="is weaker"):
        require_no_weaker(with_(organisations=now), before)


TIGHTER = {
    "distinct organisations": with_(organisations=((CLEARED, 2),)),
    "more people settle": with_fact("mass_domestic", settled_by=((CLEARED, 3),)),
    "another office settles as well": with_fact("mass_domestic", settled_by=((CLEARED, 2), (DECIDER, 1))),
    "nobody settles any more": with_fact("us_person", settled_by=()),
    "a registration is not enough any more": with_fact("vvt_current", set_by=frozenset({Source.ADMISSION})),
    "one more register is needed": with_fact("lawful", needs=frozenset({Register.PURPOSE})),
    "an expiry is sooner": with_limit(BASELINE.limits[0].value - 1),
    "a test that trips earlier": with_rung(RungState.PATTERN, tests=pattern_test(alpha=1e-5, confirmed=2)),
    "one more act": with_rung(RungState.ATTEMPT, do=(*BASELINE.ladder[0].do, "notify both parties")),
    "another limit": with_(limits=(*LATER.limits, Limit("more", 1, Tighter.LOWER))),
    "one more office": with_(offices=(*LATER.offices, Office("auditor", "an auditor"))),
    "a renamed fact, mapped": with_fact("us_person", name="domestic_person", formerly=(Formerly("us_person"),)),
    "renamed values, mapped": with_fact(
        "surface",
        good="cloud",
        values=("cloud", "edge"),
        formerly=(Formerly("surface", (("provider_cloud", "cloud"),)),),
    ),
    "one more value": with_fact("surface", values=("provider_cloud", "edge", "moon")),
}


@pytest.mark.parametrize("name", TIGHTER)
def test_what_is_tighter_or_the_same_is_not_named(name: str) -> None:
    assert compare_who(TIGHTER[name], BASELINE) == ()


@pytest.mark.parametrize("limit", SILENT)
def test_a_limit_that_the_baseline_leaves_to_us_may_not_be_looser_than_what_we_enforce(limit: str) -> None:
    silent = msgspec.structs.replace(BASELINE, limits=())

    def saying(value: int) -> Agreement:
        return with_(limits=(Limit(limit, value, KNOWN[limit].tighter),))

    assert compare_who(saying(SILENT[limit]), silent) == ()
    tighter = 1 if KNOWN[limit].tighter is Tighter.HIGHER else -1
    assert compare_who(saying(SILENT[limit] + tighter), silent) == ()
    assert [row.path for row in compare_who(saying(SILENT[limit] - tighter), silent)] == [f"limit.{limit}"]


def test_every_known_limit_has_the_number_that_is_enforced_in_silence() -> None:
    assert set(SILENT) == set(KNOWN)
    silent = msgspec.structs.replace(BASELINE, limits=())
    enforced = days_max(silent)
    days = {"registration_days_max": enforced.registration, "protocol_days_max": enforced.protocol}
    days |= {"vvt_days_max": enforced.vvt, FALSE_STOPS_PER_MILLION: FALSE_STOPS_DEFAULT}
    days |= {KEEP_DAYS[kept]: number for kept, number in keep_days(silent).items()}
    days |= {LOST_PER_MILLION: lost_budget(silent)}
    days |= {f"unit_{quota}": number for quota, number in msgspec.structs.asdict(unit_quotas(silent)).items()}
    days |= {HOLD_HOURS_MAX: hold_seconds(silent) // 3_600, ANSWER_DAYS_MAX: answer_seconds(silent) // 86_400}
    days |= {SAMPLED_PER_MILLION: least_per_million(silent), CONTENT_DAYS_MAX: content_days(None, silent)}
    assert dict(SILENT) == days


def test_a_fact_that_registrations_no_longer_state_needs_no_register() -> None:
    without = with_fact("vvt_current", set_by=frozenset({Source.ADMISSION}), needs=frozenset())
    assert compare_who(without, BASELINE) == ()
    still = with_fact("vvt_current", needs=frozenset())
    assert [row.path for row in compare_who(still, BASELINE)] == ["fact.vvt_current.needs"]


def test_a_mapping_that_makes_bad_good_is_refused() -> None:
    swapped = with_fact("surface", formerly=(Formerly("surface", (("edge", "provider_cloud"),)),))
    assert [row.path for row in compare_who(swapped, BASELINE)] == ["fact.surface.good"]
    invented = with_fact("us_person", formerly=(Formerly("us_person", (("perhaps", "no"),)),))
    assert [row.path for row in compare_who(invented, BASELINE)] == ["fact.us_person.formerly"]


def test_two_facts_of_the_baseline_do_not_become_one() -> None:
    specs = tuple(spec for spec in LATER.vocabulary.specs if spec.name != "us_person")
    united = tuple(
        msgspec.structs.replace(spec, formerly=(Formerly("us_person"),)) if spec.name == "private_info" else spec
        for spec in specs
    )
    found = compare_who(with_(vocabulary=Vocabulary(united)), BASELINE)
    assert "fact.private_info.formerly" in [row.path for row in found]


def test_unknown_is_never_renamed_into_something_known() -> None:
    hidden = with_fact("us_person", formerly=(Formerly("us_person", (("unknown", "no"),)),))
    assert "fact.us_person.formerly" in [row.path for row in compare_who(hidden, BASELINE)]


def test_of_agreements_that_are_no_versions_of_each_other_only_common_facts_are_compared() -> None:
    other = msgspec.structs.replace(
        BASELINE,
        id="other",
        vocabulary=Vocabulary((FactSpec("us_person", "no", set_by=frozenset({Source.DETECTOR})),)),
    )
    assert compare_facts(other, BASELINE) == ()
    assert [row.path for row in compare_facts(BASELINE, other)] == ["fact.us_person.settled_by"]
