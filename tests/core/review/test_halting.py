# SPDX-License-Identifier: Apache-2.0
"""Halts by passkey: whoever may halt does alone, one of each party ends it, keys and passkeys stand side by side."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest

from brightline.core.errors import TrustError
from brightline.core.halt import HALT_TYPE, RESUMPTION_TYPE, HaltOrder, Resumption
from brightline.core.review.halting import (
    Signers,
    add_assertion,
    add_key_signature,
    open_halt_by_people,
    open_resumption_by_people,
    statement_challenge,
)
from brightline.core.review.passkey import RelyingParty
from brightline.core.review.roles import Role
from brightline.core.review.roster import ClearedPerson
from brightline.core.statement import PinnedKey, RoleKeys, SigningRole, TrustRoots, sign_statement
from tests.authenticator import ORIGIN, PRESENT, RP_ID, Passkey
from tests.core.test_halt import EXPIRED, KEYS, ends, order, roots

OFFICER, OFFICIAL = f"{SigningRole.PROVIDER_OFFICER}-0", f"{SigningRole.CUSTOMER_OFFICIAL}-0"
SECOND = f"{SigningRole.PROVIDER_OFFICER}-1"
PASSKEYS: Final = {
    name: Passkey(number) for number, name in enumerate((OFFICER, OFFICIAL, SECOND, "senior", "reviewer"), 1)
}
ROLES: Final = {"senior": Role.SENIOR_REVIEWER, "reviewer": Role.REVIEWER}


def people(until: int = 10_000) -> dict[str, ClearedPerson]:
    return {
        name: ClearedPerson(name, "o", until, "org", (key.credential,), (ROLES.get(name, Role.OFFICER),))
        for name, key in PASSKEYS.items()
    }


def signers(pinned: TrustRoots | None = None, until: int = 10_000) -> Signers:
    return Signers(pinned or roots(), people(until), RelyingParty(RP_ID, (ORIGIN,)))


def halt(*who: str, said: HaltOrder | None = None, **how: Any) -> bytes:
    return asserted(sign_statement(said or order(), HALT_TYPE, ()), HALT_TYPE, *who, **how)


def end(*who: str, said: Resumption | None = None, **how: Any) -> bytes:
    return asserted(sign_statement(said or ends("x"), RESUMPTION_TYPE, ()), RESUMPTION_TYPE, *who, **how)


def asserted(statement: bytes, payload_type: str, *who: str, **how: Any) -> bytes:
    for name in who:
        given = PASSKEYS[name].get(statement_challenge(statement, payload_type), **how)
        statement = add_assertion(statement, name, given)
    return statement


@pytest.mark.parametrize("who", [OFFICER, OFFICIAL, "senior"])
def test_whoever_may_halt_halts_alone(who: str) -> None:
    said = order()
    given = open_halt_by_people(halt(who, said=said), signers(roots(threshold=2)), at=1_000)
    assert (given.value, given.people) == (said, (who,))


def test_who_may_not_or_is_cleared_no_more_or_is_nobody_halts_nothing() -> None:
    with pytest.raises(TrustError, match="no role that may halt"):
        open_halt_by_people(halt("reviewer"), signers(), at=1_000)
    with pytest.raises(TrustError, match="clearance"):
        open_halt_by_people(halt("senior"), signers(until=1_000), at=1_000)
    nobody = msgspec.structs.replace(signers(), people={})
    with pytest.raises(TrustError, match="not on the roster"):
        open_halt_by_people(halt("senior"), nobody, at=1_000)
    nowhere = msgspec.structs.replace(signers(), relying=None)
    with pytest.raises(TrustError, match="no origin"):
        open_halt_by_people(halt("senior"), nowhere, at=1_000)


def test_one_of_each_party_ends_a_halt_and_nobody_signs_for_the_other() -> None:
    assert open_resumption_by_people(end(OFFICER, OFFICIAL), signers(), at=1_000).people == (OFFICIAL, OFFICER)
    for too_few in ((OFFICER,), (OFFICIAL,), (OFFICER, SECOND), (OFFICER, OFFICER)):
        with pytest.raises(TrustError, match="it takes 1"):
            open_resumption_by_people(end(*too_few), signers(), at=1_000)
    with pytest.raises(TrustError, match="no role that may resume"):
        open_resumption_by_people(end(OFFICER, OFFICIAL, "senior"), signers(), at=1_000)


def test_as_many_persons_as_the_roots_ask_for_and_a_key_and_a_passkey_of_one_are_one() -> None:
    officials = KEYS[SigningRole.CUSTOMER_OFFICIAL]
    officers = KEYS[SigningRole.PROVIDER_OFFICER]
    statement = end(OFFICER)
    for key in officials:
        statement = add_key_signature(statement, RESUMPTION_TYPE, key)
    both = signers(roots(threshold=2))
    with pytest.raises(TrustError, match="1 of the provider-officer signed this; it takes 2"):
        open_resumption_by_people(statement, both, at=1_000)
    with pytest.raises(TrustError, match="1 of the provider-officer"):
        open_resumption_by_people(add_key_signature(statement, RESUMPTION_TYPE, officers[0]), both, at=1_000)
    by_another = add_key_signature(statement, RESUMPTION_TYPE, officers[1])
    assert set(open_resumption_by_people(by_another, both, at=1_000).people) >= {OFFICER, SECOND}


def test_a_passkey_stands_in_the_place_of_a_key_only_while_that_is_in_date_and_of_one_party() -> None:
    with pytest.raises(TrustError, match="0 of the provider-officer"):
        open_resumption_by_people(end(OFFICER, OFFICIAL), signers(roots(expires=EXPIRED)), at=EXPIRED)
    pinned = roots()
    own = pinned.roles[SigningRole.CUSTOMER_OFFICIAL]
    other = PinnedKey("00" * 32, OFFICER)  # somebody is holder for both: their passkey is no party's
    mixed = {**pinned.roles, SigningRole.CUSTOMER_OFFICIAL: RoleKeys((*own.keys, other))}
    with pytest.raises(TrustError, match="0 of the provider-officer"):
        open_resumption_by_people(
            end(OFFICER, OFFICIAL), signers(msgspec.structs.replace(pinned, roles=mixed)), at=1_000
        )


def test_keys_alone_are_read_as_ever() -> None:
    said = sign_statement(order(), HALT_TYPE, KEYS[SigningRole.PROVIDER_SAFETY][:1])
    assert open_halt_by_people(said, signers(), at=1_000).people == (f"{SigningRole.PROVIDER_SAFETY}-0",)


def _other_statement(statement: dict[str, Any]) -> None:
    statement["envelope"] = json.loads(halt("senior"))["envelope"]


def _other_person(statement: dict[str, Any]) -> None:
    statement["assertions"][0]["person"] = OFFICER


def _none(statement: dict[str, Any]) -> None:
    statement["assertions"] = []


def _more(statement: dict[str, Any]) -> None:
    statement["note"] = "x"


def _many(statement: dict[str, Any]) -> None:
    statement["assertions"] *= 17


@pytest.mark.parametrize("change", [_other_statement, _other_person, _none, _more, _many])
def test_whatever_was_changed_is_signed_by_nobody(change: Callable[[dict[str, Any]], None]) -> None:
    statement = json.loads(halt("senior"))
    change(statement)
    with pytest.raises(TrustError):
        open_halt_by_people(json.dumps(statement).encode(), signers(), at=1_000)


@pytest.mark.parametrize("how", [{"flags": PRESENT}, {"origin": "https://evil.example"}, {"crossOrigin": True}])
def test_a_passkey_signs_on_the_pinned_page_and_verifies_its_user(how: dict[str, Any]) -> None:
    with pytest.raises(TrustError):
        open_halt_by_people(halt("senior", **how), signers(), at=1_000)


def test_what_was_signed_as_a_halt_is_no_end_of_one() -> None:
    with pytest.raises(TrustError, match="where"):
        open_resumption_by_people(halt(OFFICER, OFFICIAL), signers(), at=1_000)


def test_a_statement_that_is_not_well_formed_is_none_whoever_signed() -> None:
    with pytest.raises(TrustError, match="random id"):
        open_halt_by_people(halt("senior", said=order(reason=" ")), signers(), at=1_000)
    with pytest.raises(TrustError, match="random id"):
        open_resumption_by_people(end(OFFICER, OFFICIAL, said=ends()), signers(), at=1_000)
