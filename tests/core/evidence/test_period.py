# SPDX-License-Identifier: Apache-2.0
"""PERIOD statements: the form that others can read, and a fold that counts the same however it is cut."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from brightline.core.canonical import JsonValue
from brightline.core.errors import TrustError
from brightline.core.evidence.leaf import Leaf, read_leaf
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.period import (
    LAG_MAX,
    OTHERS,
    ROWS_MAX,
    Cut,
    LostBudget,
    Period,
    PeriodFold,
    StatedUpstream,
    Totals,
    digest_of,
    path_of,
    read_period,
    write_period,
)
from brightline.core.evidence.record import Draft, Outcome, Place, RecordKind
from brightline.core.statement import open_payload
from tests.vault import sealed
from tests.vectors import vectors_dir

KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
VERIFIER = NoteSigner("log.example/gw-1", KEY).verifier
OTHER = NoteSigner("log.example/gw-1", Ed25519PrivateKey.from_private_bytes(bytes(32))).verifier
TERMS: dict[str, JsonValue] = {"agreement": "sha256:a", "release": "sha256:r"}


def leaf(kind: RecordKind, exchange: str = "", /, **public: JsonValue) -> Leaf:
    place = Place("gw-1", 1, 0, "2026-11-25T12:00:00.000Z", "development")
    return read_leaf(sealed(Draft(kind, exchange, TERMS | public, {}), place).leaf)


def ended(outcome: str, clauses: list[JsonValue], released: int = 0) -> Leaf:
    return leaf(
        RecordKind.OUTCOME,
        "x",
        **{"class": "policy" if outcome == "refused" else "none"},
        outcome=outcome,
        verdict="deny" if outcome == "refused" else "permit",
        clauses=clauses,
        released_bytes=released,
    )


ATTEMPT = leaf(RecordKind.ATTEMPT, "x")
LEAVES = st.lists(
    st.one_of(
        st.just(ATTEMPT),
        st.just(leaf(RecordKind.MARK, "x", released_bytes=7)),
        st.builds(
            ended,
            st.sampled_from(["completed", "refused", "cut"]),
            st.lists(st.sampled_from(["RL-1", "RL-2"]), max_size=2, unique=True),
            st.integers(0, 99),
        ),
        st.just(leaf(RecordKind.OUTCOME, "x", outcome="lost", epoch_lost=1, **{"class": "none"})),
    ),
    max_size=60,
)


def cut(leaves: list[Leaf]) -> Cut:
    fold = PeriodFold()
    for each in leaves:
        fold.extend([each])
    made = fold.cut(len(leaves))
    assert made is not None
    return made


def period(**changes: object) -> Period:
    made = cut([ATTEMPT, ended("completed", ["L1"], 9)])
    whole = Period(
        log="log.example/gw-1",
        shard="gw-1",
        profile="development",
        start=0,
        end=2,
        start_root="0" * 64,
        end_root="1" * 64,
        time="2026-11-25T12:00:00.000Z",
        counts=made.counts,
        totals=made.totals,
        lost=LostBudget("sha256:a", 0, 1_000),
        without_record={"overloaded": 3},
        upstreams=(StatedUpstream("default", ""),),
    )
    return msgspec.structs.replace(whole, **changes)


# ---- the fold -------------------------------------------------------------------------------------------------------


@given(leaves=LEAVES)
def test_a_range_counts_what_its_records_say(leaves: list[Leaf]) -> None:
    counts = cut(leaves).counts
    ends = [each for each in leaves if each.kind is RecordKind.OUTCOME]
    assert counts.records == len(leaves)
    assert counts.kind == Counter(each.kind.value for each in leaves)
    assert counts.outcome == Counter(each.outcome.value for each in ends if each.outcome)
    assert counts.verdict == Counter(each.verdict or "none" for each in ends)
    assert counts.clause == Counter(clause for each in ends for clause in each.clauses or ())
    assert counts.released_bytes == sum(each.released_bytes or 0 for each in ends)
    assert counts.agreement == ({"sha256:a": leaves.count(ATTEMPT)} if ATTEMPT in leaves else {})


@settings(max_examples=60)
@given(leaves=LEAVES, at=st.integers(0, 60), late=st.integers(0, 60))
def test_ranges_add_up_wherever_they_are_cut_and_however_late_one_learns_where(
    leaves: list[Leaf], at: int, late: int
) -> None:
    at = min(at, len(leaves))
    late = min(at + late, len(leaves))
    fold = PeriodFold()
    for each in leaves[:late]:
        fold.extend([each])
    first = fold.cut(at)
    for each in leaves[late:]:
        fold.extend([each])
    second = fold.cut(len(leaves))
    assert first == cut(leaves[:at])
    assert second is not None
    assert second.counts == cut(leaves[at:]).counts
    assert second.totals == cut(leaves).totals


def test_looking_ends_no_range() -> None:
    fold = PeriodFold()
    fold.extend([ATTEMPT])
    seen = fold.peek(1)
    fold.extend([ATTEMPT])
    assert seen == cut([ATTEMPT])
    assert fold.cut(2) == cut([ATTEMPT, ATTEMPT])


def test_a_range_that_holds_what_cannot_be_believed_says_so_and_so_do_all_totals_after_it() -> None:
    fold = PeriodFold()
    fold.extend([ATTEMPT])
    assert fold.cut(1) == cut([ATTEMPT])
    fold.extend([None, None])
    fold.extend([ATTEMPT])
    for _ in range(2):
        found = fold.cut(fold.entered)
        assert found is not None
        assert not found.whole
        fold.extend([ATTEMPT])


def test_an_end_that_is_too_long_ago_or_still_to_come_is_no_end_and_spoils_the_range_that_follows() -> None:
    fold = PeriodFold()
    for _ in range(LAG_MAX + 3):
        fold.extend([ATTEMPT])
    assert fold.cut(2) is None
    assert fold.cut(LAG_MAX + 4) is None
    spoilt = fold.cut(4)
    assert spoilt is not None
    assert not spoilt.whole
    good = fold.cut(5)
    assert good is not None
    assert good.whole
    assert good.counts.records == 1


def test_names_without_end_are_counted_together_in_the_order_in_which_they_came() -> None:
    fold = PeriodFold()
    for number in range(ROWS_MAX + 5):
        fold.extend([ended("completed", [f"C-{number:04d}"])])
    fold.extend([ended("completed", ["C-0000"])])
    fold.extend([ended("completed", [f"C-{ROWS_MAX + 1:04d}"])])
    found = fold.cut(fold.entered)
    assert found is not None
    assert found.counts.clause["C-0000"] == 2
    assert found.counts.clause[OTHERS] == 6
    assert len(found.counts.clause) == ROWS_MAX + 1


@pytest.mark.parametrize(("attempts", "lost", "rate"), [(0, 0, 0), (1_000, 1, 1_000), (3, 1, 333_334), (10, 0, 0)])
def test_the_rate_of_losses_is_rounded_up(attempts: int, lost: int, rate: int) -> None:
    assert Totals(attempts=attempts, lost=lost).lost_per_million == rate


# ---- the statement --------------------------------------------------------------------------------------------------


def test_a_statement_is_an_in_toto_statement_about_the_tree_at_its_end() -> None:
    signed = write_period(period(), KEY)
    assert read_period(signed, [OTHER, VERIFIER]) == period()
    envelope = json.loads(signed)
    assert envelope["payloadType"] == "application/vnd.in-toto+json"
    payload = base64.b64decode(envelope["payload"])
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "brightline/period/1"
    assert statement["subject"] == [{"name": "log.example/gw-1", "digest": {"rfc6962": "1" * 64}}]
    assert statement["predicate"]["counts"]["outcome"] == {"completed": 1}
    # DSSE v1, "pre-authentication encoding", spelt out: anybody can verify it without our code.
    kind = b"application/vnd.in-toto+json"
    signed_bytes = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    KEY.public_key().verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed_bytes)
    assert digest_of(signed) == "sha256:" + hashlib.sha256(signed).hexdigest()
    assert path_of(0, 2) == "periods/0-2.json"


def test_the_same_statement_has_the_same_bytes() -> None:
    assert write_period(period(), KEY) == write_period(period(), KEY)


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (b'"end":2', b'"end":3', "did not sign"),
        (b'"end":2', b'"end":2,"end":2', "stands twice|did not sign"),
    ],
)
def test_a_payload_that_was_touched_is_refused(old: bytes, new: bytes, why: str) -> None:
    envelope = json.loads(write_period(period(), KEY))
    envelope["payload"] = base64.b64encode(base64.b64decode(envelope["payload"]).replace(old, new)).decode()
    with pytest.raises(TrustError, match=why):
        read_period(json.dumps(envelope).encode(), [VERIFIER])


def signed_payload(payload: bytes, kind: str = "application/vnd.in-toto+json") -> bytes:
    """An envelope around any payload, signed by the right key."""
    good = json.loads(write_period(period(), KEY))
    body = kind.encode()
    signature = KEY.sign(b"DSSEv1 %d %s %d %s" % (len(body), body, len(payload), payload))
    good |= {"payloadType": kind, "payload": base64.b64encode(payload).decode()}
    good["signatures"][0]["sig"] = base64.b64encode(signature).decode()
    return json.dumps(good).encode()


def test_what_the_right_key_signed_is_refused_if_it_is_no_statement_or_has_two_readings() -> None:
    payload = base64.b64decode(json.loads(write_period(period(), KEY))["payload"])
    assert read_period(signed_payload(payload), [VERIFIER]) == period()
    for other, why in (
        (b"{}", "not a PERIOD statement"),
        (payload.replace(b'"end":2', b'"end":2,"more":1'), "not a PERIOD statement"),
        (payload.replace(b'"end":2', b'"end":7,"end":2'), "other bytes"),
        (payload.replace(b'"end":2', b'"end": 2'), "other bytes"),
        (payload.replace(b'"start":0', b'"start":-1'), "not a PERIOD statement"),
        (payload.replace(b"brightline/period/1", b"brightline/period/2"), "not a PERIOD statement"),
        (payload.replace(b'"name":"log.example/gw-1"', b'"name":"log.example/gw-2"'), "about something else"),
    ):
        assert other != payload
        with pytest.raises(TrustError, match=why):
            read_period(signed_payload(other), [VERIFIER])
    with pytest.raises(TrustError, match="of type"):
        read_period(signed_payload(payload, "application/vnd.brightline.installation+json"), [VERIFIER])
    with pytest.raises(TrustError, match="did not sign"):
        read_period(signed_payload(payload), [OTHER])
    with pytest.raises(TrustError, match="no key"):
        read_period(signed_payload(payload), [])


@given(junk=st.binary(max_size=300))
def test_no_bytes_whatever_raise_anything_else(junk: bytes) -> None:
    with pytest.raises(TrustError):
        read_period(junk, [VERIFIER])


def test_the_envelopes_of_the_dsse_vectors_open_or_are_refused_as_they_should() -> None:
    cases = json.loads((vectors_dir("dsse") / "cases.json").read_text("utf-8"))
    keys = {name: bytes.fromhex(key["public_hex"]) for name, key in cases["keys"].items()}
    looked = 0
    for case in cases["envelopes"]:
        if case["threshold"] != 1:
            continue
        envelope = case.get("envelope_text") or json.dumps(case["envelope"])
        kind = case["accepted_types"][-1]
        looked += 1
        if case["expect"] == "ok" and "KeyError" not in case["securesystemslib"]:
            assert isinstance(open_payload(envelope.encode(), kind, keys["a"]), bytes), case["name"]
        else:  # the library does not read a signature without a key id: stricter than the standard, never looser
            with pytest.raises(TrustError):
                open_payload(envelope.encode(), kind, keys["a"])
    assert looked > 20


def test_what_is_signed_is_the_pre_authentication_encoding_of_the_dsse_vectors() -> None:
    cases = json.loads((vectors_dir("dsse") / "cases.json").read_text("utf-8"))["pae"]
    key = Ed25519PrivateKey.from_private_bytes(bytes(32))
    assert len(cases) == 6
    for case in cases:
        signature = base64.b64encode(key.sign(base64.b64decode(case["pae_base64"]))).decode()
        kind = case["payload_type"]
        envelope = {
            "payload": case["payload_base64"],
            "payloadType": kind,
            "signatures": [{"keyid": "any", "sig": signature}],
        }
        public = key.public_key().public_bytes_raw()
        opened = open_payload(json.dumps(envelope).encode(), kind, public)
        assert opened == base64.b64decode(case["payload_base64"]), case["name"]


def test_an_outcome_of_the_vocabulary_is_a_name_of_the_tally() -> None:
    for outcome in Outcome:
        said = leaf(RecordKind.OUTCOME, "x", outcome=outcome.value, **{"class": "none"})
        assert cut([said]).counts.outcome == {outcome.value: 1}
