# SPDX-License-Identifier: Apache-2.0
"""Policies: the files, quorum tables and checkpoints of other projects, and the laws of a quorum."""

from __future__ import annotations

import base64
import itertools
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.evidence.checkpoint import Checkpoint, sign_checkpoint
from brightline.core.evidence.cosignature import Ed25519Cosigner, add_lines
from brightline.core.evidence.merkle import EMPTY_ROOT
from brightline.core.evidence.note import NoteError, NoteSigner
from brightline.core.evidence.policy import (
    GROUPS_MAX,
    LOGS_MAX,
    POLICY_BYTES_MAX,
    WITNESSES_MAX,
    NoLogSignature,
    NoQuorum,
    Policy,
    PolicyError,
    PolicyFault,
)
from tests.vectors import vectors_dir

LOG = NoteSigner("example.org/log", Ed25519PrivateKey.from_private_bytes(bytes(32)))
COSIGNERS = [
    Ed25519Cosigner(f"witness.example/{number}", Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big")))
    for number in range(1, 9)
]
WITNESSES = "".join(f"witness w{at} {cosigner.verifier.vkey()}\n" for at, cosigner in enumerate(COSIGNERS))
HEAD = Checkpoint("example.org/log", 7, EMPTY_ROOT)


def policy_of(rest: str) -> Policy:
    return Policy.parse(f"log {LOG.verifier.vkey()}\n{WITNESSES}{rest}".encode())


TWO_OF_THREE = policy_of("group g 2 w0 w1 w2\nquorum g\n")


def cosigned(*numbers: int, time: int = 5) -> bytes:
    lines = [COSIGNERS[number].cosignature_line(HEAD.text(), time) for number in numbers]
    return add_lines(sign_checkpoint(HEAD, LOG), lines)


def test_a_checkpoint_that_a_quorum_cosigned_is_believed_with_its_times() -> None:
    note = add_lines(cosigned(0, 2), [COSIGNERS[0].cosignature_line(HEAD.text(), 9)])
    witnessed = TWO_OF_THREE.open(note)
    assert witnessed.checkpoint == HEAD
    assert witnessed.log == LOG.verifier
    assert witnessed.times == {"w0": 9, "w2": 5}


def test_a_witness_that_signs_twice_is_one_witness_and_the_refusal_says_who_is_missing() -> None:
    note = add_lines(cosigned(0), [COSIGNERS[0].cosignature_line(HEAD.text(), 6)])
    with pytest.raises(NoQuorum, match="group g has 1 of the 2 it needs; missing: w1, w2"):
        TWO_OF_THREE.open(note)


def test_a_quorum_without_the_logs_own_signature_is_nothing() -> None:
    text, _, lines = cosigned(0, 1).partition(b"\n\n")
    without = text + b"\n\n" + b"\n".join(lines.split(b"\n")[1:])
    with pytest.raises(NoLogSignature):
        TWO_OF_THREE.open(without)
    other = Checkpoint("example.org/other", 7, EMPTY_ROOT)
    note = add_lines(sign_checkpoint(other, LOG), [c.cosignature_line(other.text(), 5) for c in COSIGNERS[:2]])
    with pytest.raises(NoLogSignature):
        TWO_OF_THREE.open(note)


def test_a_time_of_zero_counts_for_no_quorum() -> None:
    message = COSIGNERS[1].verifier.message(HEAD.text(), 0)
    signature = Ed25519PrivateKey.from_private_bytes((2).to_bytes(32, "big")).sign(message)
    data = base64.b64encode(COSIGNERS[1].verifier.key_id + bytes(8) + signature).decode()
    with pytest.raises(NoQuorum):
        TWO_OF_THREE.open(add_lines(cosigned(0), [f"— witness.example/2 {data}"]))


def test_no_quorum_is_asked_where_the_policy_says_none() -> None:
    assert policy_of("quorum none\n").open(cosigned()).times == {}


def test_unknown_names_count_for_nothing() -> None:
    assert not TWO_OF_THREE.evaluate(["w0", "g", "stranger", "none"]).satisfied
    assert not policy_of("quorum w0\n").evaluate(["w1"]).satisfied


@pytest.mark.parametrize(
    ("text", "fault", "line"),
    [
        ("quorum none\n\nlog x\n", PolicyFault.LOG_KEY_TYPE, 3),
        (f"quorum none\nlog {COSIGNERS[0].verifier.vkey()}\n", PolicyFault.LOG_KEY_TYPE, 2),
        ("# comment\nquorum none x\n", PolicyFault.SYNTAX, 2),
        (f"{WITNESSES}\nquorum w9\n", PolicyFault.UNDEFINED_NAME, 10),
        (f"{WITNESSES}group g 4 w0 w1 w2\nquorum g\n", PolicyFault.THRESHOLD, 9),
        (f"{WITNESSES}group g 02 w0 w1 w2\nquorum g\n", PolicyFault.THRESHOLD, 9),
        ("quorum none\n\x7f\n", PolicyFault.CONTROL_CHARACTER, 2),
        ("quorum none\nquorum none", PolicyFault.LAST_NEWLINE, 2),
        ("", PolicyFault.NO_QUORUM, 0),
    ],
)
def test_a_mistake_is_named_with_its_line(text: str, fault: PolicyFault, line: int) -> None:
    with pytest.raises(PolicyError) as caught:
        Policy.parse(text.encode())
    assert (caught.value.fault, caught.value.line) == (fault, line)


def test_a_policy_is_bounded() -> None:
    keys = [Ed25519PrivateKey.from_private_bytes(number.to_bytes(32, "big")) for number in range(1, 66)]
    logs = [f"log {NoteSigner(f'l{at}', key).verifier.vkey()}\n" for at, key in enumerate(keys)]
    cosigners = [f"witness w{at} {Ed25519Cosigner(f'w{at}', key).verifier.vkey()}\n" for at, key in enumerate(keys)]
    groups = ["group g0 1 w0\n", *(f"group g{at} 1 g{at - 1}\n" for at in range(1, GROUPS_MAX + 1))]
    most = [*logs[:LOGS_MAX], *cosigners[:WITNESSES_MAX], *groups[:GROUPS_MAX], "quorum g63\n"]
    assert Policy.parse("".join(most).encode()).evaluate(["w0"]).satisfied
    tail = "quorum none\n"
    for lines in (logs, cosigners, [cosigners[0], *groups]):
        with pytest.raises(PolicyError) as caught:
            Policy.parse("".join([*lines, tail]).encode())
        assert caught.value.fault is PolicyFault.TOO_MUCH
    with pytest.raises(PolicyError, match="at most"):
        Policy.parse(b"#" * POLICY_BYTES_MAX + b"\n")


@st.composite
def policies(draw: st.DrawFn) -> Policy:
    """Trees of groups over at most eight witnesses, each name a member once at most."""
    free = [f"w{at}" for at in range(draw(st.integers(1, 8)))]
    lines: list[str] = []
    while len(free) > 1 and len(lines) < 5:
        members = draw(st.lists(st.sampled_from(free), min_size=1, max_size=4, unique=True))
        threshold = draw(st.one_of(st.sampled_from(["all", "any"]), st.integers(1, len(members)).map(str)))
        name = f"g{len(lines)}"
        lines.append(f"group {name} {threshold} {' '.join(members)}\n")
        free = [name, *(one for one in free if one not in members)]
    return policy_of("".join([*lines, f"quorum {draw(st.sampled_from(free))}\n"]))


NAMES = [f"w{at}" for at in range(8)]


@given(policies(), st.sets(st.sampled_from(NAMES)), st.sets(st.sampled_from(NAMES)))
def test_one_more_cosignature_never_loses_a_quorum(policy: Policy, some: set[str], more: set[str]) -> None:
    if policy.evaluate(some).satisfied:
        assert policy.evaluate(some | more).satisfied
    assert policy.evaluate(some).satisfied == (not policy.evaluate(some).missing)
    assert policy.evaluate(NAMES).satisfied
    assert not policy.evaluate([]).satisfied


@given(policies())
def test_a_policy_survives_its_text(policy: Policy) -> None:
    assert Policy.parse(policy.text().encode()) == policy


@given(policies())
def test_quorums_meet_exactly_where_no_set_and_its_complement_both_satisfy(policy: Policy) -> None:
    disjoint = any(
        policy.evaluate(some).satisfied and policy.evaluate(set(NAMES) - set(some)).satisfied
        for count in range(9)
        for some in itertools.combinations(NAMES, count)
    )
    assert policy.quorums_meet is not disjoint


def test_without_a_quorum_none_meet() -> None:
    assert not policy_of("quorum none\n").quorums_meet


def test_the_policies_of_other_projects_come_out() -> None:
    cases = json.loads((vectors_dir("c2sp") / "policy" / "cases.json").read_text("utf-8"))["cases"]
    assert len(cases) == 54
    evaluated = 0
    for case in cases:
        data = base64.b64decode(case["policy_base64"]) if "policy_base64" in case else case["policy"].encode()
        policy: Policy | None
        try:
            policy = Policy.parse(data)
        except PolicyError as error:
            policy, found = None, error.fault.value
        else:
            found = "ok"
        assert found == case["expect"], case["name"]
        if policy is None:
            continue
        assert (len(policy.logs), len(policy.witnesses)) == (case["logs"], case["witnesses"]), case["name"]
        assert Policy.parse(policy.text().encode("utf-8", "surrogateescape")) == policy
        for row in case.get("evaluations", []):
            assert policy.evaluate(row["cosigned_by"]).satisfied == row["satisfied"], case["name"]
            evaluated += 1
    assert evaluated == 179


def test_the_cosigned_checkpoints_of_other_projects_come_out_under_their_policy() -> None:
    cases = json.loads((vectors_dir("c2sp") / "policy" / "cases.json").read_text("utf-8"))
    policy = Policy.parse(cases["whole_policy"].encode())
    found: dict[str, str] = {}
    for case in cases["whole"]:
        try:
            policy.open(case["note"].encode())
        except NoQuorum:
            found[case["name"]] = "no_quorum"
        except NoLogSignature:
            found[case["name"]] = "no_log_signature"
        except NoteError:
            found[case["name"]] = "invalid_signature"
        else:
            found[case["name"]] = "ok"
    assert found == {case["name"]: case["expect"] for case in cases["whole"]}
