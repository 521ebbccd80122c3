# SPDX-License-Identifier: Apache-2.0
"""Nobody decides what they asked for, signed, wrote or trained, under whatever name."""

from __future__ import annotations

from brightline.core.review.recusal import conflicted
from brightline.core.review.roster import ClearedPerson, Credential, CredentialKind
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots

SAFETY, OTHER = "AA" * 32, "bb" * 32
ROOTS = TrustRoots(
    "production",
    {SigningRole.PROVIDER_SAFETY: RoleKeys((PinnedKey(SAFETY, "ada"), PinnedKey("cc" * 32, "bea")))},
)


def person(id_: str, public: str) -> ClearedPerson:
    credentials = (Credential(CredentialKind.KEY, "k", public),)
    return ClearedPerson(id_, "provider_cleared", 2_000, credentials=credentials)


ROSTER = {each.id: each for each in (person("r-1", SAFETY.lower()), person("r-2", OTHER), person("ada", "dd" * 32))}


def test_who_signed_is_recused_by_name_and_whoever_has_the_key_under_another() -> None:
    assert conflicted(["ada"], ROOTS, ROSTER) == ("ada", "r-1")


def test_who_has_nothing_to_do_with_it_is_not() -> None:
    assert "r-2" not in conflicted(["ada", "bea", "an office"], ROOTS, ROSTER)
    assert conflicted([], ROOTS, ROSTER) == ()


def test_a_registration_without_an_official_recuses_nobody_by_an_empty_name() -> None:
    assert conflicted([""], ROOTS, ROSTER) == ()
