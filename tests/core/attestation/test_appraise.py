# SPDX-License-Identifier: Apache-2.0
"""Evidence against policy, challenge and time: what is accepted, each way of being refused, and which facts follow."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.attestation.appraise import Appraisal, Tier, appraise
from brightline.core.attestation.claims import Claims, Counters, Debug, Kind, Place, Tcb
from brightline.core.attestation.demands import Challenge
from brightline.core.attestation.fault import Fault
from brightline.core.attestation.policy import STACK_ON, SURFACE
from brightline.core.channel import issue, make_request, read_peer
from brightline.core.facts import Source, Statement
from tests.core.attestation.policies import Entry, entry, policy
from tests.core.attestation.samples import (
    EC2,
    NITRO,
    NITRO_TPM,
    SNP_TURIN,
    SNP_VLEK,
    SPACE,
    TDX,
    TPM_BOUND,
    TPM_GOOGLE,
    TPM_OWN,
    Sample,
)
from tests.core.test_channel import AT, GUARD, KEY, PART, ROOT

BOTH = (STACK_ON, SURFACE)
YES = {STACK_ON: "yes", SURFACE: "provider_cloud"}


def nonce_of(claims: Claims) -> bytes:
    return claims.nonces[0] if claims.nonces else claims.data


def judged(claims: Claims | list[Claims], *entries: Entry, at: float, **more: Any) -> Appraisal:
    pieces = [claims] if isinstance(claims, Claims) else claims
    challenge = Challenge(more.pop("nonce", nonce_of(pieces[0])), more.pop("key", b""), more.pop("after", None))
    return appraise(pieces, policy(*entries, **more), challenge, at)


def fault(appraisal: Appraisal) -> Fault:
    assert appraisal.tier is Tier.CONTRAINDICATED
    assert dict(appraisal.facts) == {STACK_ON: "unknown", SURFACE: "unknown"}
    assert not appraisal.accepted
    return appraisal.refused[0].fault


@pytest.mark.parametrize("sample", [NITRO, NITRO_TPM, TPM_GOOGLE, SPACE], ids=lambda each: each.name)
def test_an_operators_word_on_what_was_measured_states_both_facts(sample: Sample) -> None:
    claims = sample.verify()
    found = judged(claims, entry(claims, *BOTH), at=sample.at)
    assert found.tier is Tier.AFFIRMING
    assert dict(found.facts) == YES
    assert found.place == claims.place
    assert Statement(SURFACE, "provider_cloud", Source.ATTESTATION, f"attestation: {claims.kind}") in found.statements
    assert sample.at < found.until <= sample.at + 300


@pytest.mark.parametrize("sample", [SNP_TURIN, TDX], ids=lambda each: each.name)
def test_a_chips_report_says_what_runs_and_never_where(sample: Sample) -> None:
    claims = sample.verify()
    found = judged(claims, entry(claims, STACK_ON), at=sample.at)
    assert found.tier is Tier.AFFIRMING
    assert dict(found.facts) == {STACK_ON: "yes", SURFACE: "unknown"}
    assert found.place is None
    assert any("a chip's report alone does not" in note for note in found.notes)
    assert Statement(SURFACE, "unknown", Source.ATTESTATION, f"attestation: {claims.kind}") in found.statements


def test_a_key_of_the_provider_names_a_region_and_privilege_above_zero_must_be_asked_for() -> None:
    claims = SNP_VLEK.verify()
    assert claims.place == Place("aws", "us-east-2")
    assert fault(judged(claims, entry(claims, *BOTH), at=SNP_VLEK.at)) is Fault.CONDITION
    asked = entry(claims, *BOTH, conditions={"vmpl": ["1"]})
    assert dict(judged(claims, asked, at=SNP_VLEK.at).facts) == YES


def test_a_quote_by_a_key_that_a_document_binds_is_of_the_machine_of_the_document() -> None:
    document, quote = NITRO_TPM.verify(), TPM_BOUND.verify()
    bound = entry(quote, STACK_ON, signers=[], bound_by=["nitrotpm"], conditions={"key_restricted": ["unknown"]})
    found = judged([quote, document], bound, entry(document, SURFACE), at=NITRO_TPM.at, nonce=quote.nonces[0])
    assert dict(found.facts) == YES
    alone = judged(quote, bound, at=NITRO_TPM.at)
    assert fault(alone) is Fault.UNENDORSED
    other = msgspec.structs.replace(document, key=b"\x04" + bytes(64))
    swapped = judged([quote, other], bound, entry(document, SURFACE), at=NITRO_TPM.at, nonce=quote.nonces[0])
    assert fault(swapped) is Fault.UNENDORSED


def test_a_place_of_another_machine_is_no_place_of_this_one_though_both_answer_one_nonce() -> None:
    chip, token = SNP_TURIN.verify(), SPACE.verify()
    nonce = chip.data[:32]
    elsewhere = msgspec.structs.replace(token, nonces=(nonce,), made=int(SNP_TURIN.at), until=int(SNP_TURIN.at) + 60)
    found = judged([chip, elsewhere], entry(chip, STACK_ON), entry(elsewhere, SURFACE), at=SNP_TURIN.at, nonce=nonce)
    assert found.tier is Tier.AFFIRMING
    assert dict(found.facts) == {STACK_ON: "yes", SURFACE: "unknown"}
    assert any("not bound to the machine that was measured" in note for note in found.notes)


def test_an_identity_document_counts_only_beside_what_has_a_nonce_and_names_its_instance() -> None:
    claims, document = NITRO.verify(), EC2.verify()
    assert fault(judged(document, entry(document, SURFACE), at=EC2.at, nonce=bytes(16))) is Fault.NO_NONCE
    mine = msgspec.structs.replace(
        document, instance=claims.instance, made=int(NITRO.at), place=Place("aws", "us-east-1", "us-east-1a", "1")
    )
    entries = (entry(claims, STACK_ON), entry(mine, SURFACE))
    assert dict(judged([claims, mine], *entries, at=NITRO.at).facts) == YES
    assert dict(judged([mine, claims], *entries, at=NITRO.at, nonce=claims.nonces[0]).facts) == YES
    old = msgspec.structs.replace(mine, made=int(NITRO.at) - 86_400 * 300)  # signed when the instance was started
    assert judged([claims, old], *entries, at=NITRO.at).until == judged([claims, mine], *entries, at=NITRO.at).until
    copied = msgspec.structs.replace(mine, instance="i-00000000000000001")
    assert fault(judged([claims, copied], *entries, at=NITRO.at)) is Fault.NO_NONCE


REFUSED: dict[str, tuple[Fault, dict[str, Any]]] = {
    "another issuer": (Fault.WRONG_ISSUER, {"issuers": ["sha256:" + "0" * 64]}),
    "another measurement": (Fault.WRONG_MEASUREMENT, {"measurements": {"pcr0": ["00" * 48]}}),
    "one that is not there": (Fault.WRONG_MEASUREMENT, {"measurements": {"pcr0": ["x"], "pcr31": ["00" * 48]}}),
    "another region": (Fault.WRONG_PLACE, {"regions": ["us-gov-west-1"]}),
    "a zone that is not said": (Fault.WRONG_PLACE, {"zones": ["us-east-1a"]}),
    "an account that is not said": (Fault.WRONG_PLACE, {"accounts": ["1"]}),
    "a condition that is not said": (Fault.CONDITION, {"conditions": {"secure_boot": ["yes"]}}),
    "another product": (Fault.CONDITION, {"products": ["Milan"]}),
    "an age of the platform that is not said": (Fault.TCB_UNKNOWN, {"tcb": {"least": {"bl": 1}}}),
    "another audience": (Fault.WRONG_AUDIENCE, {"audiences": ["brightline"]}),
}


@pytest.mark.parametrize("what", REFUSED)
def test_one_demand_that_is_not_met_refuses_by_name(what: str) -> None:
    expected, change = REFUSED[what]
    claims = NITRO.verify()
    found = judged(claims, entry(claims, *BOTH, **change), at=NITRO.at)
    assert fault(found) is expected
    assert found.refused[0].entry == "nitro"


def test_another_nonce_and_none_are_refused() -> None:
    claims = NITRO.verify()
    mine = entry(claims, *BOTH)
    nonce = claims.nonces[0]
    for other in (nonce[:-1], nonce + b"\0", bytes(len(nonce)), nonce[::-1]):
        assert fault(judged(claims, mine, at=NITRO.at, nonce=other)) is Fault.WRONG_NONCE
    assert fault(judged(msgspec.structs.replace(claims, nonces=()), mine, at=NITRO.at, nonce=nonce)) is Fault.NO_NONCE
    chip = SNP_TURIN.verify()
    with pytest.raises(ValueError, match="16"):
        Challenge(b"")
    report = entry(chip, STACK_ON)
    assert fault(judged(chip, report, at=SNP_TURIN.at, nonce=chip.data[:31])) is Fault.WRONG_NONCE
    assert judged(chip, report, at=SNP_TURIN.at, nonce=chip.data[:32]).tier is Tier.AFFIRMING  # zeros follow
    blank = msgspec.structs.replace(chip, data=bytes(64))
    assert fault(judged(blank, report, at=SNP_TURIN.at, nonce=bytes(64))) is Fault.NO_NONCE


def test_evidence_of_one_machine_says_nothing_of_the_channel_to_another() -> None:
    issued = [
        x509.load_pem_x509_certificate(issue(make_request(key), GUARD, ROOT, KEY, 2, AT, 1)) for key in (PART, KEY)
    ]
    ours, another = (read_peer(each.public_bytes(Encoding.DER)) for each in issued)
    claims = msgspec.structs.replace(NITRO.verify(), key=ours.key_digest)
    mine = entry(claims, STACK_ON)
    assert judged(claims, mine, at=NITRO.at, key=ours.key_digest).tier is Tier.AFFIRMING
    assert fault(judged(claims, mine, at=NITRO.at, key=another.key_digest)) is Fault.WRONG_KEY


def test_a_replay_is_old_or_answers_another_question() -> None:
    claims = NITRO.verify()
    mine = entry(claims, *BOTH)
    assert fault(judged(claims, mine, at=NITRO.at + 301)) is Fault.STALE
    assert fault(judged(claims, mine, at=NITRO.at, nonce=b"a fresh question" * 2)) is Fault.WRONG_NONCE


def test_evidence_from_the_future_or_after_its_end_is_refused() -> None:
    claims = NITRO.verify()
    ahead = msgspec.structs.replace(claims, made=int(NITRO.at) + 61)
    assert fault(judged(ahead, entry(claims, *BOTH), at=NITRO.at)) is Fault.NOT_YET
    over = msgspec.structs.replace(claims, until=int(NITRO.at) - 1)
    assert fault(judged(over, entry(claims, *BOTH), at=NITRO.at)) is Fault.EXPIRED


def test_debugging_is_refused_whatever_the_policy() -> None:
    claims = msgspec.structs.replace(NITRO.verify(), debug=Debug.ENABLED)
    assert fault(judged(claims, entry(claims, *BOTH), at=NITRO.at)) is Fault.DEBUG


def test_a_key_that_is_asked_for_must_be_bound() -> None:
    claims = msgspec.structs.replace(NITRO.verify(), key=b"the node's key")
    mine = entry(claims, *BOTH)
    assert judged(claims, mine, at=NITRO.at, key=b"the node's key").tier is Tier.AFFIRMING
    assert fault(judged(claims, mine, at=NITRO.at, key=b"another's key!")) is Fault.WRONG_KEY
    assert fault(judged(NITRO.verify(), mine, at=NITRO.at, key=b"the node's key")) is Fault.WRONG_KEY


@pytest.mark.parametrize("part", ["bl", "snp", "ucode", "tee", "fmc"])
def test_a_platform_one_step_below_the_floor_is_refused(part: str) -> None:
    claims = SNP_TURIN.verify()
    assert claims.tcb is not None
    mine = entry(claims, STACK_ON)
    mine["tcb"]["least"][part] += 1
    assert fault(judged(claims, mine, at=SNP_TURIN.at, nonce=claims.data[:32])) is Fault.TCB_OUT_OF_DATE


def test_a_generation_of_chips_that_the_policy_does_not_name_is_refused() -> None:
    claims = SNP_TURIN.verify()
    mine = entry(claims, STACK_ON, products=["Genoa"])
    assert fault(judged(claims, mine, at=SNP_TURIN.at, nonce=claims.data[:32])) is Fault.CONDITION


def test_what_the_vendor_says_of_a_platform_is_held_to_the_policy() -> None:
    claims = TDX.verify()
    assert claims.tcb is not None
    mine = entry(claims, STACK_ON)
    for tcb in (
        msgspec.structs.replace(claims.tcb, status="OutOfDate"),
        msgspec.structs.replace(claims.tcb, evaluation=claims.tcb.evaluation - 1),
        msgspec.structs.replace(claims.tcb, advisories=("INTEL-SA-00001",)),
    ):
        assert fault(judged(msgspec.structs.replace(claims, tcb=tcb), mine, at=TDX.at)) is Fault.TCB_OUT_OF_DATE
    unsaid = msgspec.structs.replace(claims, tcb=Tcb(claims.tcb.parts))
    assert fault(judged(unsaid, mine, at=TDX.at)) is Fault.TCB_UNKNOWN
    known = entry(claims, STACK_ON, tcb={"status": ["UpToDate"], "advisories_accepted": ["INTEL-SA-00001"]})
    warned = msgspec.structs.replace(claims, tcb=msgspec.structs.replace(claims.tcb, advisories=("INTEL-SA-00001",)))
    assert judged(warned, known, at=TDX.at).tier is Tier.AFFIRMING


def test_counters_of_a_tpm_never_go_back() -> None:
    claims = TPM_GOOGLE.verify()
    now = claims.counters
    assert now is not None
    mine = entry(claims, *BOTH)
    for before in (
        Counters(now.resets + 1, 0, 0),
        Counters(now.resets, now.restarts + 1, 0),
        Counters(now.resets, now.restarts, now.clock),
        Counters(now.resets, now.restarts, now.clock + 1),
    ):
        assert fault(judged(claims, mine, at=TPM_GOOGLE.at, after=before)) is Fault.WENT_BACK
    for before in (Counters(now.resets - 1, 9, 1 << 40), Counters(now.resets, now.restarts, now.clock - 1)):
        assert judged(claims, mine, at=TPM_GOOGLE.at, after=before).tier is Tier.AFFIRMING


def test_a_quote_by_a_key_that_somebody_enrolled_states_what_runs_and_another_key_does_not() -> None:
    claims = TPM_OWN.verify()
    mine = entry(claims, STACK_ON)
    assert dict(judged(claims, mine, at=TPM_OWN.at).facts) == {STACK_ON: "yes", SURFACE: "unknown"}
    mine["signers"] = ["sha256:" + "0" * 64]
    assert fault(judged(claims, mine, at=TPM_OWN.at)) is Fault.UNENDORSED


def test_what_is_denied_is_denied_however_good_it_is() -> None:
    claims = NITRO.verify()
    assert fault(judged(claims, entry(claims, *BOTH), at=NITRO.at, deny=[claims.instance])) is Fault.DENIED


def test_a_kind_that_the_policy_does_not_name_is_refused_and_one_refused_piece_refuses_all() -> None:
    claims, other = NITRO.verify(), SNP_TURIN.verify()
    mine = entry(claims, *BOTH)
    assert fault(judged([claims, msgspec.structs.replace(other, data=bytes(63) + b"\1")], mine, at=NITRO.at))
    same = msgspec.structs.replace(other, kind=Kind.TPM, nonces=claims.nonces, signer=b"k")
    assert fault(judged([claims, same], mine, at=NITRO.at)) is Fault.NOT_ASKED_FOR


def test_the_result_is_an_eat_claims_set_with_a_submodule_for_each_piece() -> None:
    claims = NITRO.verify()
    found = judged(claims, entry(claims, *BOTH), at=NITRO.at).eat()
    assert found.keys() == {"eat_profile", "iat", "exp", "eat_nonce", "submods", "brightline"}
    submods = found["submods"]
    assert isinstance(submods, dict)
    assert submods["nitro"]["dbgstat"] == "disabled"
    assert msgspec.json.decode(msgspec.json.encode(found)) == found


VERIFIED = {each.name: each.verify() for each in (NITRO, TPM_GOOGLE, SPACE)}


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.sampled_from(["nitro", "tpm-google", "gcp-space"]), min_size=1, max_size=3),
    st.lists(st.sampled_from(["issuers", "regions", "measurements"]), max_size=3, unique=True),
    st.integers(-400, 400),
)
def test_no_fact_is_good_unless_every_piece_was_accepted(shown: list[str], spoilt: list[str], later: int) -> None:
    nonce = NITRO.verify().nonces[0]
    pieces = [
        msgspec.structs.replace(VERIFIED[each], nonces=(nonce,), made=int(NITRO.at), until=int(NITRO.at) + 300)
        for each in shown
    ]
    wrong = {"issuers": ["sha256:" + "0" * 64], "regions": ["nowhere-1"], "measurements": {}}
    entries = []
    for index, each in enumerate(pieces):
        mine = entry(each, *BOTH, name=f"entry {index}")
        for name in spoilt:
            mine[name] = wrong[name] or {key: ["00"] for key in mine["measurements"]}
        entries.append(mine)
    found = judged(pieces, *entries, at=NITRO.at + later, nonce=nonce)
    good = not spoilt and -60 <= later <= 300
    assert (found.tier is Tier.AFFIRMING) == good
    assert (dict(found.facts)[STACK_ON] == "yes") == good
    assert good or dict(found.facts)[SURFACE] == "unknown"
