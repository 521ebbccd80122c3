# SPDX-License-Identifier: Apache-2.0
"""The lease: what it takes to get one, what it states, and everything that ends it."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.attestation.appraise import Appraisal, appraise
from brightline.core.attestation.claims import Kind
from brightline.core.attestation.demands import Challenge
from brightline.core.attestation.development import NOWHERE, UNMEASURED, development_policy, sign_development
from brightline.core.attestation.evidence import Evidence, verify
from brightline.core.attestation.lease import (
    CLOCK_STEP_SECONDS,
    LEASE_SECONDS_MAX,
    Instant,
    Lease,
    Loss,
    Node,
    Revocable,
    Shown,
    challenge_of,
    grant,
    name_of,
)
from brightline.core.attestation.policy import Policy
from brightline.core.attestation.recheck import Recorded, recheck
from brightline.core.errors import EvidenceRefused
from brightline.core.facts import FactSpec, Source, Vocabulary

KEY = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
PUBLIC = KEY.public_key().public_bytes_raw()
POLICY = development_policy(PUBLIC)
NODE = Node("development", (b"r" * 32, b"t" * 32), "sha256:a", "sha256:r")
NONCE = bytes(range(32))
BEGAN = Instant(100.0, 1_000_000.0)
VOCABULARY = Vocabulary(
    (
        FactSpec("surface", "provider_cloud", ("provider_cloud", "edge"), frozenset({Source.ATTESTATION})),
        FactSpec("stack_on", "yes", set_by=frozenset({Source.ATTESTATION})),
        FactSpec("lawful", "yes", set_by=frozenset({Source.REGISTRATION})),
    )
)


def shown(node: Node = NODE, nonce: bytes = NONCE, *, production: bool = False) -> Shown:
    main = sign_development(KEY, challenge_of(node, nonce), int(BEGAN.wall))
    return Shown(nonce, (Evidence(Kind.DEVELOPMENT, main, {}),), "an attester", production)


def appraised(of: Shown, policy: Policy = POLICY, node: Node = NODE) -> Appraisal:
    claims = [verify(piece, (), BEGAN.wall) for piece in of.evidence]
    return appraise(claims, policy, Challenge(challenge_of(node, of.nonce)), BEGAN.wall)


def lease() -> Lease:
    return grant(NODE, shown(), appraised(shown()), BEGAN)


def later(seconds: float, step: float = 0.0) -> Instant:
    return Instant(BEGAN.steady + seconds, BEGAN.wall + seconds + step)


def refused(node: Node, of: Shown, appraisal: Appraisal) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        grant(node, of, appraisal, BEGAN)
    return caught.value.fault


def test_accepted_evidence_that_answers_the_challenge_gives_a_lease_and_both_facts() -> None:
    stated = {said.fact: said.value for said in lease().statements(VOCABULARY)}
    assert stated == {"surface": "provider_cloud", "stack_on": "yes"}
    assert lease().over(BEGAN, ()) is None


def test_facts_that_the_agreement_lets_nobody_attest_are_not_stated() -> None:
    assert lease().statements(Vocabulary(())) == ()
    by_registration = FactSpec("stack_on", "yes", set_by=frozenset({Source.REGISTRATION}))
    assert lease().statements(Vocabulary((by_registration,))) == ()


def test_evidence_that_says_nothing_of_where_leaves_the_surface_unknown() -> None:
    entry = msgspec.structs.replace(POLICY.accept[0], states=("stack_on",))
    policy = msgspec.structs.replace(POLICY, accept=(entry,))
    granted = grant(NODE, shown(), appraised(shown(), policy), BEGAN)
    assert {said.fact: said.value for said in granted.statements(VOCABULARY)} == {
        "surface": "unknown",
        "stack_on": "yes",
    }


@pytest.mark.parametrize(
    "other",
    [
        msgspec.structs.replace(NODE, keys=(b"s" * 32, b"t" * 32)),
        msgspec.structs.replace(NODE, keys=(b"r" * 32 + b"t" * 32,)),
        msgspec.structs.replace(NODE, agreement="sha256:b"),
        msgspec.structs.replace(NODE, release="sha256:b"),
    ],
    ids=["another key", "keys run together", "another agreement", "another release"],
)
def test_evidence_for_another_node_or_other_terms_is_refused(other: Node) -> None:
    of = shown(other)
    assert refused(NODE, of, appraised(of)) == "wrong-nonce"


def test_evidence_for_another_nonce_is_refused() -> None:
    stale = msgspec.structs.replace(shown(), nonce=bytes(32))
    assert refused(NODE, stale, appraised(stale)) == "wrong-nonce"


def test_what_the_policy_refuses_gives_no_lease_and_names_the_fault() -> None:
    entry = msgspec.structs.replace(POLICY.accept[0], measurements={"program": ("another",)})
    policy = msgspec.structs.replace(POLICY, accept=(entry,))
    assert refused(NODE, shown(), appraised(shown(), policy)) == "wrong-measurement"


def test_what_attests_nothing_gives_no_lease_outside_the_development_profile() -> None:
    node = msgspec.structs.replace(NODE, profile="production")
    of = shown(node)
    assert refused(node, of, appraised(of, node=node)) == "not-asked-for"
    pretending = shown(node, production=True)  # the attester says that it is for production, the kind says it is not
    assert refused(node, pretending, appraised(pretending, node=node)) == "not-asked-for"


def test_its_record_says_that_it_is_not_for_production_whatever_the_attester_says() -> None:
    of = shown(production=True)
    assert grant(NODE, of, appraised(of), BEGAN).public()["production"] is False


def test_a_record_names_the_evidence_the_policy_and_what_it_rests_on_and_says_no_value_of_it() -> None:
    said = lease().public()
    assert said["policy"] == POLICY.digest
    assert said["nonce"] == NONCE.hex()
    assert said["stated"] == {"surface": "provider_cloud", "stack_on": "yes"}
    assert name_of(Revocable.MEASUREMENT, UNMEASURED) in lease().rests_on
    assert UNMEASURED not in str(said)
    kept = msgspec.convert(lease().committed()["shown"], list[dict[str, object]])
    assert bytes.fromhex(str(kept[0]["main"])) == shown().evidence[0].main


def again(under: Policy | None = POLICY, shown: Any = None, **changed: Any) -> str:
    """Look at the record of a lease again, with some of it changed: the fault, or nothing."""
    said = {"profile": "development", **lease().public(), **changed}
    opened = lease().committed()
    try:
        [claims] = recheck(
            msgspec.convert(said, Recorded), {**opened, **({"shown": shown} if shown else {})}, (), BEGAN.wall, under
        )
    except EvidenceRefused as error:
        return error.fault
    assert claims.signer == PUBLIC
    return ""


def test_who_has_the_record_verifies_again_what_was_shown() -> None:
    assert again() == again(under=None) == ""


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"keys": ["66" * 32]}, "wrong-nonce"),
        ({"agreement": "sha256:b"}, "wrong-nonce"),
        ({"nonce": "00" * 32}, "wrong-nonce"),
        ({"evidence": "sha256:00"}, "inconsistent"),
        ({"rests_on": []}, "inconsistent"),
        ({"policy": "sha256:00"}, "inconsistent"),
        ({"stated": {"surface": "unknown", "stack_on": "yes"}}, "inconsistent"),
        ({"nonce": "x"}, "malformed"),
        ({"shown": [{"kind": "development", "main": "00", "parts": {}}]}, "inconsistent"),
        ({"shown": [{"kind": "magic", "main": "00", "parts": {}}]}, "malformed"),
    ],
)
def test_a_record_that_says_otherwise_than_its_evidence_is_refused(changed: dict[str, Any], fault: str) -> None:
    assert again(**changed) == fault


def test_it_ends_when_its_time_is_over_on_either_clock() -> None:
    held = lease()
    length = held.until.steady - BEGAN.steady
    assert length == min(POLICY.age_seconds_max, LEASE_SECONDS_MAX)
    assert held.over(later(length - 1), ()) is None
    assert held.over(later(length), ()) is Loss.EXPIRED
    assert held.over(later(length - 1, step=1), ()) is Loss.EXPIRED
    assert held.over(later(length, step=-3), ()) is Loss.EXPIRED
    assert held.over(later(-1), ()) is Loss.CLOCK  # both clocks before it began: they are not the clocks that it knows


def test_evidence_that_is_about_to_end_gives_none() -> None:
    ending = msgspec.structs.replace(appraised(shown()), until=int(BEGAN.wall) + 1)
    assert refused(NODE, shown(), ending) == "stale"


def test_no_policy_makes_it_longer_than_ten_minutes() -> None:
    policy = msgspec.structs.replace(POLICY, age_seconds_max=3_600)
    held = grant(NODE, shown(), appraised(shown(), policy), BEGAN)
    assert held.until.steady - BEGAN.steady == LEASE_SECONDS_MAX


@given(st.floats(-1e9, 1e9).filter(lambda step: abs(step) > CLOCK_STEP_SECONDS + 1e-3))
def test_a_clock_that_was_set_ends_it_whichever_way(step: float) -> None:
    assert lease().over(later(1, step), ()) is Loss.CLOCK


@given(st.floats(0, 1e6), st.floats(-1e6, 1e6))
def test_nothing_keeps_it_alive_beyond_its_end(seconds: float, step: float) -> None:
    held = lease()
    assert held.over(Instant(held.until.steady + seconds, BEGAN.wall + step), ()) is not None


@pytest.mark.parametrize(
    ("what", "value"),
    [
        (Revocable.MEASUREMENT, UNMEASURED),
        (Revocable.ISSUER, f"sha256:{hashlib.sha256(PUBLIC).hexdigest()}"),
    ],
)
def test_what_it_rests_on_ends_it_when_it_is_revoked(what: Revocable, value: str) -> None:
    assert lease().over(later(1), {name_of(what, value)}) is Loss.REVOKED
    assert lease().over(later(1), {name_of(Revocable.NODE, value)}) is None


def test_a_machine_that_is_named_can_be_revoked_by_its_name() -> None:
    accepted = appraised(shown())
    [(name, claims)] = accepted.accepted
    named = msgspec.structs.replace(claims, instance="i-1")
    held = grant(NODE, shown(), msgspec.structs.replace(accepted, accepted=((name, named),)), BEGAN)
    assert held.over(later(1), {name_of(Revocable.NODE, "i-1")}) is Loss.REVOKED


@given(st.floats(0, 1))
def test_it_is_renewed_at_about_half_of_it(chance: float) -> None:
    length = lease().until.steady - BEGAN.steady
    assert 0.4 * length <= lease().renew_in(BEGAN, chance) <= 0.6 * length
    assert lease().renew_in(later(length), chance) == 0


def test_a_challenge_is_text_that_every_kind_has_room_for() -> None:
    challenge = challenge_of(NODE, NONCE)
    assert len(challenge) == 32
    assert challenge.decode("ascii").isprintable()


@given(st.integers(0, 10_000))
def test_a_flipped_bit_of_development_evidence_is_refused(at: int) -> None:
    evidence = shown().evidence[0]
    byte = at % len(evidence.main)
    main = evidence.main[:byte] + bytes([evidence.main[byte] ^ 1 << at % 8]) + evidence.main[byte + 1 :]
    with pytest.raises(EvidenceRefused):
        verify(msgspec.structs.replace(evidence, main=main), (), BEGAN.wall)


@pytest.mark.parametrize("data", [b"", b"x" * 96, b"x" * 97, b"x" * 5_000])
def test_what_is_no_development_evidence_is_refused(data: bytes) -> None:
    with pytest.raises(EvidenceRefused):
        verify(Evidence(Kind.DEVELOPMENT, data, {}), (), BEGAN.wall)


def test_nobody_vouches_for_the_development_key() -> None:
    claims = verify(shown().evidence[0], (), BEGAN.wall)
    assert (claims.issuer, claims.signer, claims.place) == ("", PUBLIC, NOWHERE)
