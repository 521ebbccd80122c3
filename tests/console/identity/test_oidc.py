# SPDX-License-Identifier: Apache-2.0
"""An OpenID provider is believed for what its keys signed for us, now, once, and for nothing else."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from brightline.console.identity.narrowing import narrowing_of, person_of
from brightline.console.identity.oidc import Provider, Way, as_safe
from brightline.core.canonical import INTEGER_MAX
from brightline.core.errors import TrustError
from brightline.core.review.roles import Role
from brightline.shell.people_settings import OidcSettings
from tests.console.identity.clock import TurnedClock
from tests.console.identity.openid import CLIENT, Lie, OpenId, openid

BACK: Final = "https://review.example/login/back"


class Meeting:
    """A provider, and us asking it."""

    def __init__(self, idp: OpenId, clock: TurnedClock) -> None:
        self.idp = idp
        self.clock = clock
        self.provider = Provider(OidcSettings(issuer=idp.issuer, client_id=CLIENT), BACK, clock)

    async def claims(self) -> dict[str, Any]:
        """Go there and back."""
        way = await self.provider.begin()
        return await self.provider.end(self.idp.back(way.url), way.words)


@pytest.fixture
async def meeting() -> AsyncIterator[Meeting]:
    clock = TurnedClock(2_000_000_000)
    async with openid(clock.unix) as idp:
        met = Meeting(idp, clock)
        yield met
        await met.provider.close()


async def test_somebody_comes_back_with_what_the_provider_says_of_them(meeting: Meeting) -> None:
    claims = await meeting.claims()
    assert (claims["sub"], claims["aud"]) == ("p", CLIENT)
    (asked,) = meeting.idp.asked
    assert (asked["response_type"], asked["code_challenge_method"], asked["scope"]) == ("code", "S256", "openid")
    assert asked["redirect_uri"] == BACK
    assert len(asked["nonce"]) == len(asked["state"]) == 43


def _set(name: str, value: Any) -> Lie:
    def lie(claims: dict[str, Any]) -> None:
        claims[name] = value

    return lie


def _drop(name: str) -> Lie:
    def lie(claims: dict[str, Any]) -> None:
        del claims[name]

    return lie


def _shift(name: str, seconds: int) -> Lie:
    def lie(claims: dict[str, Any]) -> None:
        claims[name] += seconds

    return lie


@pytest.mark.parametrize(
    "lie",
    [
        _set("nonce", "another"),
        _drop("nonce"),
        _set("aud", "somebody else"),
        _set("aud", ["somebody else"]),
        _set("aud", [CLIENT, "somebody else"]),  # without azp
        lambda claims: claims.update(aud="somebody else", azp=CLIENT),
        _drop("aud"),
        _set("azp", "somebody else"),
        _set("iss", "https://evil.example"),
        _drop("iss"),
        _shift("exp", -180),
        _drop("exp"),
        _drop("iat"),
        _shift("iat", 3_600),
        _shift("iat", -3_600),
        _set("nbf", 2_100_000_000),
        _drop("sub"),
    ],
)
async def test_a_token_that_is_for_another_question_client_issuer_or_time_lets_nobody_in(
    meeting: Meeting, lie: Lie
) -> None:
    meeting.idp.lies.append(lie)
    with pytest.raises(TrustError, match=r"not for this|is old"):
        await meeting.claims()


@pytest.mark.parametrize(
    "how",
    [
        "signs_with_nothing",
        "signs_with_its_public_key",
        "signs_with_another_key",
        "signs_with_a_key_of_its_own",
    ],
)
async def test_a_token_that_the_providers_key_did_not_sign_lets_nobody_in(meeting: Meeting, how: str) -> None:
    meeting.idp.signs = getattr(meeting.idp, how)
    with pytest.raises(TrustError, match="not signed by it"):
        await meeting.claims()


async def test_a_provider_that_changed_its_key_is_asked_for_it_once(meeting: Meeting) -> None:
    await meeting.claims()
    meeting.idp.changes_its_key()
    with pytest.raises(TrustError, match="not signed by it"):
        await meeting.claims()  # its keys were looked up a moment ago
    meeting.clock.pass_(60)
    assert (await meeting.claims())["sub"] == "p"


async def test_what_another_browser_began_or_another_provider_answers_lets_nobody_in(meeting: Meeting) -> None:
    way, other = await meeting.provider.begin(), await meeting.provider.begin()
    back = meeting.idp.back(way.url)
    for query, words, why in (
        (back, other.words, "not to what this browser asked"),
        (back | {"state": ""}, way.words, "not to what this browser asked"),
        (back | {"state": "é"}, way.words, "not to what this browser asked"),
        (back, {}, "not to what this browser asked"),
        (back | {"iss": "https://evil.example"}, way.words, "another provider"),
        ({"error": "access_denied"}, way.words, "did not let you in: access_denied"),
        (back | {"code": ""}, way.words, "no code"),
        (back | {"code": "another"}, way.words, "status 400"),
    ):
        with pytest.raises(TrustError, match=why):
            await meeting.provider.end(query, words)
    stolen = Way(way.url, way.words | {"verifier": other.words["verifier"]})
    with pytest.raises(TrustError, match="status 400"):  # PKCE: the code alone is worth nothing
        await meeting.provider.end(back, stolen.words)


async def test_a_code_that_is_brought_again_lets_nobody_in(meeting: Meeting) -> None:
    way = await meeting.provider.begin()
    back = meeting.idp.back(way.url)
    assert (await meeting.provider.end(back, way.words))["sub"] == "p"
    with pytest.raises(TrustError, match="status 400"):
        await meeting.provider.end(back, way.words)


@pytest.mark.parametrize(
    ("metadata", "why"),
    [
        ({"issuer": "http://127.0.0.1:1"}, "another issuer"),
        ({"token_endpoint": "http://evil.example/token"}, "not in order|as safely"),
        ({"jwks_uri": "ftp://127.0.0.1/keys"}, "not in order|as safely"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "not in order|as safely"),
        ({"jwks_uri": None}, "not in order|as safely"),
    ],
)
async def test_metadata_that_leads_elsewhere_is_not_followed(
    meeting: Meeting, metadata: dict[str, Any], why: str
) -> None:
    meeting.idp.metadata = metadata
    with pytest.raises(TrustError, match=why):
        await meeting.provider.begin()


@pytest.mark.parametrize(
    ("url", "issuer", "safe"),
    [
        ("https://keys.example/a", "https://id.example", True),
        ("http://127.0.0.1:1/a", "http://localhost:2", True),
        ("http://127.0.0.1:1/a", "https://id.example", False),
        ("http://keys.example/a", "http://localhost:2", False),
        ("https:///a", "https://id.example", False),
        ("file:///keys", "http://localhost:2", False),
        ("", "http://localhost:2", False),
    ],
)
def test_an_address_of_the_providers_is_reached_as_safely_as_the_provider(url: str, issuer: str, safe: bool) -> None:
    assert as_safe(url, issuer) is safe


async def test_a_provider_that_says_that_it_names_itself_must(meeting: Meeting) -> None:
    meeting.idp.metadata = {"authorization_response_iss_parameter_supported": True}
    way = await meeting.provider.begin()
    back = meeting.idp.back(way.url)
    with pytest.raises(TrustError, match="another provider"):
        await meeting.provider.end(back, way.words)
    assert (await meeting.provider.end(back | {"iss": meeting.idp.issuer}, way.words))["sub"] == "p"


async def test_a_provider_that_is_away_or_endless_lets_nobody_in(meeting: Meeting) -> None:
    meeting.idp.metadata = {"pad": "x" * 300_000}
    with pytest.raises(TrustError, match="exceeds"):
        await meeting.provider.begin()
    away = Provider(OidcSettings(issuer="http://127.0.0.1:9", client_id=CLIENT), BACK, meeting.clock)
    try:
        with pytest.raises(TrustError, match="does not answer"):
            await away.begin()
    finally:
        await away.close()


# ---- what the claims leave ----------------------------------------------------------------------------------------

MAPPED: Final = OidcSettings(
    person_claim="id",
    roles_claim="groups",
    roles={"bl-reviewers": "reviewer", "bl-seniors": "senior-reviewer"},
    level_claim="level",
    compartments_claim="comps",
    until_claim="until",
)


def test_claims_are_read_as_the_settings_map_them() -> None:
    said: dict[str, Any] = {
        "id": "p",
        "groups": ["bl-reviewers", "staff"],
        "level": 2,
        "comps": "blue red",
        "until": 5,
    }
    left = narrowing_of(said, MAPPED)
    assert (left.roles, left.level, left.until) == (frozenset({Role.REVIEWER}), 2, 5)
    assert left.compartments == frozenset({"blue", "red"})
    assert person_of(said, MAPPED) == "p"
    plain = narrowing_of({"r": "auditor other"}, OidcSettings(roles_claim="r"))
    assert (plain.roles, plain.level, plain.compartments, plain.until) == (
        frozenset({Role.AUDITOR}),
        9,
        None,
        INTEGER_MAX,
    )


@pytest.mark.parametrize("name", ["groups", "level", "comps", "until"])
@pytest.mark.parametrize("value", [None, 1.5, -1, True, {"a": 1}, [1], "x" * 3])
def test_a_claim_that_is_named_and_missing_or_odd_lets_nobody_in(name: str, value: object) -> None:
    said: dict[str, Any] = {"groups": ["bl-reviewers"], "level": 2, "comps": ["blue"], "until": 5, name: value}
    if value == "xxx" and name in {"groups", "comps"}:
        assert narrowing_of(said, MAPPED).roles <= {Role.REVIEWER}
        return
    with pytest.raises(TrustError, match=f"lacks {name}"):
        narrowing_of(said, MAPPED)
    with pytest.raises(TrustError, match="has no id"):
        person_of({}, MAPPED)
