# SPDX-License-Identifier: Apache-2.0
"""A later policy that accepts what an earlier one refuses is called looser, whatever was changed."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.attestation.appraise import appraise
from brightline.core.attestation.claims import Claims, Debug, Kind, Place, Tcb
from brightline.core.attestation.demands import Challenge
from brightline.core.attestation.policy import STACK_ON, SURFACE
from brightline.core.attestation.ratchet import looser
from tests.core.attestation.policies import Entry, policy
from tests.core.attestation.test_policy import NITRO, ROOT, SNP, SPACE, TDX

OTHER = "sha256:" + "b" * 64


@pytest.mark.parametrize("entry", [NITRO, SNP, TDX, SPACE], ids=lambda each: str(each["kind"]))
def test_a_policy_is_no_looser_than_itself_and_naming_fewer_is_stricter(entry: Entry) -> None:
    wide = entry | {"issuers": [ROOT, OTHER]}
    assert looser(policy(entry), policy(entry)) == ()
    assert looser(policy(wide), policy(entry)) == ()
    assert looser(policy(entry), policy(wide)) != ()
    assert looser(policy(entry, NITRO | {"name": "more"}), policy(entry)) == ()


def test_one_entry_that_covers_it_is_enough() -> None:
    elsewhere = NITRO | {"name": "elsewhere", "regions": ["eu-west-1"]}
    assert looser(policy(NITRO, elsewhere), policy(elsewhere)) == ()
    assert looser(policy(elsewhere, NITRO), policy(elsewhere)) == ()


LOOSER: list[tuple[Entry, dict[str, Any], str]] = [
    (NITRO, {"issuers": [OTHER]}, "issuers has more"),
    (NITRO | {"states": [SURFACE]}, {"states": [SURFACE, STACK_ON]}, "states has more"),
    (NITRO, {"regions": ["us-gov-west-1", "eu-west-1"]}, "regions are wider"),
    (NITRO | {"zones": ["a"]}, {"zones": []}, "zones are wider"),
    (NITRO | {"accounts": ["1"]}, {"accounts": ["2"]}, "accounts are wider"),
    (NITRO, {"measurements": {"pcr0": ["00", "01"]}}, "measurement pcr0"),
    (
        NITRO | {"measurements": {"pcr0": ["00"], "pcr8": ["11"]}},
        {"measurements": {"pcr0": ["00"]}},
        "measurement pcr8",
    ),
    (SNP, {"conditions": {"vmpl": ["0", "1"]}}, "condition vmpl"),
    (SNP | {"conditions": {"alias_check": ["yes"]}}, {"conditions": {}}, "condition alias_check"),
    (SNP, {"products": ["Milan"]}, "products are wider"),
    (SNP, {"tcb": {"least": {"bl": 0}}}, "bl may be older"),
    (SNP, {"tcb": {"least": {"snp": 9}}}, "bl may be older"),
    (TDX, {"tcb": {"status": ["UpToDate", "OutOfDate"]}}, "call the platform worse"),
    (TDX | {"tcb": {"status": ["UpToDate"], "evaluation_min": 20}}, {"tcb": {"status": ["UpToDate"]}}, "older list"),
    (TDX, {"tcb": {"status": ["UpToDate"], "advisories_accepted": ["A"]}}, "more advisories"),
    (NITRO | {"tcb": {"least": {"x": 1}}}, {"tcb": None}, "nothing is asked"),
    (SPACE, {"audiences": ["brightline", "other"]}, "audiences are wider"),
]


@pytest.mark.parametrize(("before", "changed", "said"), LOOSER, ids=range(len(LOOSER)))
def test_each_way_of_asking_for_less_is_named(before: Entry, changed: dict[str, Any], said: str) -> None:
    after = {name: value for name, value in (before | changed).items() if value is not None}
    [found] = looser(policy(before), policy(after))
    assert said in found


def test_what_holds_for_all_entries_counts_too() -> None:
    assert "seconds old" in looser(policy(NITRO), policy(NITRO, age_seconds_max=301))[0]
    assert looser(policy(NITRO), policy(NITRO, age_seconds_max=60)) == ()
    assert "no longer denied: i-1" in looser(policy(NITRO, deny=["i-1", "i-2"]), policy(NITRO, deny=["i-2"]))[0]
    assert "of which none was accepted" in looser(policy(NITRO), policy(NITRO, SNP))[0]


CHOICES: dict[str, list[Any]] = {
    "issuers": [[ROOT], [OTHER], [ROOT, OTHER]],
    "states": [[SURFACE], [STACK_ON], [STACK_ON, SURFACE]],
    "regions": [["r-1"], ["r-2"], ["r-1", "r-2"]],
    "measurements": [
        {"measurement": ["00"]},
        {"measurement": ["00", "01"]},
        {"measurement": ["00"], "host_data": ["11"]},
    ],
    "conditions": [{}, {"vmpl": ["0", "1"]}, {"alias_check": ["yes"]}],
    "products": [["Genoa"], ["Milan"], ["Genoa", "Milan"]],
    "tcb": [{"least": {"bl": 1}}, {"least": {"bl": 3}}, {"least": {"bl": 1, "snp": 2}}],
}
ENTRIES = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in CHOICES.items()})
CLAIMS = st.builds(
    Claims,
    kind=st.just(Kind.SNP),
    issuer=st.sampled_from([ROOT, OTHER]),
    data=st.just(b"n" * 64),
    debug=st.just(Debug.DISABLED),
    measurements=st.tuples(
        st.sampled_from([("measurement", "00"), ("measurement", "01")]),
        st.sampled_from([("host_data", "11"), ("host_data", "22")]),
    ),
    product=st.sampled_from(["Genoa", "Milan"]),
    tcb=st.builds(lambda bl, snp: Tcb((("bl", bl), ("snp", snp))), st.integers(0, 4), st.integers(0, 4)),
    place=st.sampled_from([None, Place("aws", "r-1"), Place("aws", "r-2")]),
    conditions=st.tuples(
        st.sampled_from([("vmpl", "0"), ("vmpl", "1")]),
        st.just(("migration", "no")),
        st.sampled_from([("alias_check", "yes"), ("alias_check", "no")]),
    ),
)


@settings(deadline=None, max_examples=150)
@given(
    ENTRIES, ENTRIES, st.sets(st.sampled_from(sorted(CHOICES)), max_size=2), st.lists(CLAIMS, min_size=1, max_size=8)
)
def test_what_a_policy_that_is_no_looser_accepts_the_earlier_one_accepts(
    one: dict[str, Any], other: dict[str, Any], changed: set[str], shown: list[Claims]
) -> None:
    two = one | {name: other[name] for name in changed}
    before, after = (policy({"name": "s", "kind": "snp"} | each) for each in (one, two))
    if looser(before, after):
        return
    for claims in shown:
        facts = [dict(appraise([claims], each, Challenge(b"n" * 64), 0.0).facts) for each in (before, after)]
        assert all(facts[0][name] == value for name, value in facts[1].items() if value != "unknown")
