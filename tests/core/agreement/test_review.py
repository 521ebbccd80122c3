# SPDX-License-Identifier: Apache-2.0
"""A review counts for the party whose people signed it, for the formulas that they saw, and for nothing else."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.load import load_agreement
from brightline.core.agreement.review import (
    REVIEW_TYPE,
    REVIEWERS,
    EncodingReview,
    Reviews,
    encoding_review,
    reviews_of,
)
from brightline.core.errors import TrustError
from brightline.core.statement import Party, PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement
from brightline.shell import shipped

FOLDER = shipped.shipped_agreement()
READ = shipped.folder_reader(FOLDER)
AGREEMENT = shipped.read_agreement(FOLDER)
ALL = frozenset(clause.id for clause in AGREEMENT.clauses)
NOW = 1_800_000_000


def key_of(seed: int) -> Ed25519PrivateKey:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)


KEYS = {role: key_of(number) for number, role in enumerate(SigningRole, 1)}
STRANGER = key_of(99)


def roots_of(threshold: int = 1, expires: int = 0) -> TrustRoots:
    def pinned(role: SigningRole) -> RoleKeys:
        key = PinnedKey(KEYS[role].public_key().public_bytes_raw().hex(), f"{role}-holder", expires)
        return RoleKeys((key,), threshold)

    return TrustRoots("development", {role: pinned(role) for role in SigningRole})


ROOTS = roots_of()


def review_by(party: Party, *clauses: str, **other: object) -> EncodingReview:
    made = encoding_review(AGREEMENT, party, "an office", clauses, NOW)
    return msgspec.structs.replace(made, **other)


def found(
    review: EncodingReview, *keys: Ed25519PrivateKey, roots: TrustRoots = ROOTS, agreement: Agreement = AGREEMENT
) -> Reviews:
    return reviews_of(agreement, {"a.json": sign_statement(review, REVIEW_TYPE, keys)}, roots, NOW)


@pytest.mark.parametrize("role", REVIEWERS)
def test_who_may_review_reviews_for_the_own_party_alone(role: SigningRole) -> None:
    reviews = found(review_by(role.party), KEYS[role])
    assert reviews.discounted == ()
    [review] = reviews.counted
    assert (review.party, review.role, review.holders) == (role.party, role, (f"{role}-holder",))
    assert reviews.clauses_of(role.party) == ALL
    [other] = set(Party) - {role.party}
    assert reviews.clauses_of(other) == frozenset()


@pytest.mark.parametrize("role", REVIEWERS)
def test_nobody_reviews_for_the_other_party(role: SigningRole) -> None:
    [other] = set(Party) - {role.party}
    reviews = found(review_by(other), KEYS[role])
    assert reviews.counted == ()
    assert f"who does not speak for the {other}" in reviews.discounted[0].why


@pytest.mark.parametrize("role", [role for role in SigningRole if role not in REVIEWERS])
def test_no_other_role_reviews(role: SigningRole) -> None:
    assert found(review_by(role.party), KEYS[role]).counted == ()


def test_a_stranger_and_nobody_review_nothing() -> None:
    assert found(review_by(Party.PROVIDER), STRANGER).counted == ()
    assert found(review_by(Party.PROVIDER)).counted == ()


def test_one_envelope_that_both_signed_counts_for_the_party_that_it_names() -> None:
    both = KEYS[SigningRole.PROVIDER_SAFETY], KEYS[SigningRole.CUSTOMER_OFFICIAL]
    reviews = found(review_by(Party.CUSTOMER), *both)
    assert [review.party for review in reviews.counted] == [Party.CUSTOMER]


def test_a_role_that_takes_two_persons_has_not_spoken_by_one() -> None:
    reviews = found(review_by(Party.PROVIDER), KEYS[SigningRole.PROVIDER_SAFETY], roots=roots_of(threshold=2))
    assert reviews.counted == ()
    assert "it takes 2 persons" in reviews.discounted[0].why


def test_an_expired_key_reviews_nothing() -> None:
    reviews = found(review_by(Party.PROVIDER), KEYS[SigningRole.PROVIDER_SAFETY], roots=roots_of(expires=NOW))
    assert reviews.counted == ()
    assert "has expired" in reviews.discounted[0].why


def edited(old: str, new: str) -> Agreement:
    text = READ("agreement.toml").decode()
    assert text.count(old) == 1
    return load_agreement(text.replace(old, new).encode(), READ)


def test_a_review_does_not_survive_another_formula_even_of_the_same_meaning() -> None:
    turned = edited(
        "intel_activity != 'no' and private_info != 'no' and fi_purpose",
        "private_info != 'no' and intel_activity != 'no' and fi_purpose",
    )
    reviews = found(review_by(Party.PROVIDER), KEYS[SigningRole.PROVIDER_SAFETY], agreement=turned)
    assert reviews.counted == ()
    assert reviews.discounted[0].outdated
    assert AGREEMENT.encoding in reviews.discounted[0].why


def test_a_review_survives_what_is_no_quote_and_no_formula() -> None:
    renamed = edited('name = "howitzer spare parts"', 'name = "spare parts"')
    assert renamed.digest != AGREEMENT.digest
    reviews = found(review_by(Party.PROVIDER), KEYS[SigningRole.PROVIDER_SAFETY], agreement=renamed)
    assert reviews.clauses_of(Party.PROVIDER) == ALL


@pytest.mark.parametrize(
    ("field", "value", "outdated"),
    [
        ("agreement_id", "another", True),
        ("encoding", "sha256:" + "0" * 64, True),
        ("format", "brightline-encoding-review/2", False),
        ("clauses", ("RL-1", "RL-99"), False),
    ],
)
def test_a_signed_review_of_something_else_counts_for_nothing(field: str, value: object, outdated: bool) -> None:
    reviews = found(review_by(Party.PROVIDER, **{field: value}), KEYS[SigningRole.PROVIDER_SAFETY])
    assert reviews.counted == ()
    assert reviews.discounted[0].outdated is outdated


def test_only_the_clauses_that_were_looked_at_are_reviewed() -> None:
    reviews = found(review_by(Party.CUSTOMER, "L7", "L3"), KEYS[SigningRole.CUSTOMER_OFFICIAL])
    assert reviews.clauses_of(Party.CUSTOMER) == {"L3", "L7"}


@pytest.mark.parametrize("envelope", [b"", b"{}", b"no json", b"[]"])
def test_bytes_that_are_no_review_are_discounted_and_raise_nothing(envelope: bytes) -> None:
    reviews = reviews_of(AGREEMENT, {"x": envelope}, ROOTS, NOW)
    assert [each.name for each in reviews.discounted] == ["x"]


def test_another_kind_of_statement_is_no_review() -> None:
    envelope = sign_statement(
        review_by(Party.PROVIDER), "application/vnd.brightline.else+json", [KEYS[SigningRole.PROVIDER_SAFETY]]
    )
    assert reviews_of(AGREEMENT, {"x": envelope}, ROOTS, NOW).counted == ()


def test_a_review_of_a_clause_that_is_not_there_or_by_no_office_is_not_written() -> None:
    with pytest.raises(TrustError, match="has no clause 'L99'"):
        encoding_review(AGREEMENT, Party.PROVIDER, "an office", ("L99",), NOW)
    with pytest.raises(TrustError, match="names the office"):
        encoding_review(AGREEMENT, Party.PROVIDER, " ", (), NOW)
