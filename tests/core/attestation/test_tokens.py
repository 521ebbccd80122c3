# SPDX-License-Identifier: Apache-2.0
"""Tokens of clouds, and those that only look like one: algorithms, keys and claims that a token may not choose."""

from __future__ import annotations

import hashlib
import hmac
import json
from base64 import b64encode, urlsafe_b64encode
from functools import cache
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from brightline.core.attestation.claims import Claims, Debug, Place
from brightline.core.attestation.fault import Fault
from brightline.core.attestation.tokens import GCE_ISSUER, SPACE_ISSUER, verify_gce, verify_space
from brightline.core.errors import EvidenceRefused
from tests.core.attestation.forge import issue
from tests.core.attestation.samples import GCE, SPACE, roots

AT = 1_800_000_000
HEAD = {"alg": "RS256", "kid": "k", "typ": "JWT"}


@cache
def key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(65_537, 2_048)


def told(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def number(value: int) -> str:
    return told(value.to_bytes((value.bit_length() + 7) // 8, "big"))


def jwk(**changed: Any) -> dict[str, Any]:
    numbers = key().public_key().public_numbers()
    return {"kty": "RSA", "kid": "k", "n": number(numbers.n), "e": number(numbers.e), "use": "sig"} | changed


def key_set(*keys: dict[str, Any]) -> bytes:
    return json.dumps({"keys": list(keys or (jwk(),))}).encode()


def space_claims(**changed: Any) -> dict[str, Any]:
    container = {"image_digest": "sha256:" + "ab" * 32, "image_id": "sha256:" + "cd" * 32, "args": ["/run"]}
    gce = {"zone": "us-east4-a", "project_id": "p", "instance_id": "7", "instance_name": "n"}
    found: dict[str, Any] = {
        "iss": SPACE_ISSUER,
        "aud": "brightline",
        "iat": AT,
        "nbf": AT,
        "exp": AT + 3_600,
        "eat_nonce": "n" * 16,
        "secboot": True,
        "hwmodel": "GCP_AMD_SEV_SNP",
        "swname": "CONFIDENTIAL_SPACE",
        "dbgstat": "disabled-since-boot",
        "submods": {"container": container, "gce": gce, "confidential_space": {"support_attributes": ["STABLE"]}},
    }
    return {name: value for name, value in (found | changed).items() if value is not ...}


def signed(head: dict[str, Any], claims: dict[str, Any] | bytes) -> bytes:
    body = claims if isinstance(claims, bytes) else json.dumps(claims).encode()
    text = f"{told(json.dumps(head).encode())}.{told(body)}".encode()
    return text + b"." + told(key().sign(text, padding.PKCS1v15(), hashes.SHA256())).encode()


def verified(claims: dict[str, Any] | bytes, head: dict[str, Any] | None = None, keys: bytes | None = None) -> Claims:
    return verify_space(signed(head or HEAD, claims), keys if keys is not None else key_set(), (), AT + 1)


def fault(claims: dict[str, Any] | bytes, head: dict[str, Any] | None = None, keys: bytes | None = None) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        verified(claims, head, keys)
    return caught.value.fault


def test_a_token_in_order_says_what_stands_in_it() -> None:
    claims = verified(space_claims())
    assert claims.nonces == (b"n" * 16,)
    assert claims.place == Place("gcp", "us-east4", "us-east4-a", "p")
    assert claims.debug is Debug.DISABLED_SINCE_BOOT
    assert claims.measured["image_digest"] == "ab" * 32
    assert claims.issuer.startswith("jwk:")
    assert (claims.made, claims.until) == (AT, AT + 3_600)


@pytest.mark.parametrize("nonce", [["a" * 16, "b" * 16], ["a" * 16], [], ...])
def test_a_nonce_is_a_text_a_list_or_none(nonce: Any) -> None:
    found = verified(space_claims(eat_nonce=nonce)).nonces
    assert found == (() if nonce is ... else tuple(each.encode() for each in nonce))


WRONG: dict[str, tuple[dict[str, Any], Fault]] = {
    "another issuer": ({"iss": GCE_ISSUER}, Fault.WRONG_ISSUER),
    "no issuer": ({"iss": ...}, Fault.MALFORMED),
    "an end that is past": ({"iat": AT - 3_600, "exp": AT + 1}, Fault.EXPIRED),
    "a life of a day": ({"exp": AT + 86_400}, Fault.EXPIRED),
    "an end before its beginning": ({"iat": AT + 10, "exp": AT + 5}, Fault.EXPIRED),
    "a beginning to come": ({"nbf": AT + 120}, Fault.NOT_YET),
    "no beginning": ({"iat": ...}, Fault.MALFORMED),
    "a time that is text": ({"exp": "soon"}, Fault.MALFORMED),
    "several audiences": ({"aud": ["a", "b"]}, Fault.MALFORMED),
    "another program": ({"swname": "GCE"}, Fault.UNSUPPORTED),
    "a state that nobody knows": ({"dbgstat": "perhaps"}, Fault.MALFORMED),
    "our own word for no state": ({"dbgstat": "unsaid"}, Fault.MALFORMED),
    "seven nonces": ({"eat_nonce": ["n" * 16] * 7}, Fault.MALFORMED),
    "a nonce that is a number": ({"eat_nonce": 7}, Fault.MALFORMED),
    "no container": ({"submods": {"gce": {}}}, Fault.MALFORMED),
    "no zone": (
        {"submods": space_claims()["submods"] | {"gce": {"zone": "", "project_id": "p", "instance_id": "1"}}},
        Fault.MALFORMED,
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_token_that_is_signed_and_wrong_is_refused(what: str) -> None:
    changed, expected = WRONG[what]
    assert fault(space_claims(**changed)) == expected


@pytest.mark.parametrize(
    "head",
    [
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": "PS256"},
        {"alg": "ES256"},
        {"alg": "rs256"},
        {"typ": "at+jwt"},
        {"jku": "https://example.com/keys"},
        {"jwk": {}},
        {"x5u": "https://example.com/chain"},
        {"crit": ["b64"], "b64": False},
        {"kid": 7},
        {"kid": ""},
        {"kid": "other"},
    ],
    ids=str,
)
def test_a_header_chooses_neither_algorithm_nor_key(head: dict[str, Any]) -> None:
    assert fault(space_claims(), HEAD | head) in {Fault.UNSUPPORTED, Fault.MALFORMED, Fault.WRONG_ROOT}


def test_the_public_key_is_no_secret_to_sign_with() -> None:
    text = f"{told(json.dumps(HEAD | {'alg': 'HS256'}).encode())}.{told(json.dumps(space_claims()).encode())}".encode()
    pem = key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    forged = text + b"." + told(hmac.new(pem, text, hashlib.sha256).digest()).encode()
    with pytest.raises(EvidenceRefused, match="unsupported"):
        verify_space(forged, key_set(), (), AT)


def test_a_set_without_the_key_with_it_twice_or_with_another_is_of_no_use() -> None:
    other = rsa.generate_private_key(65_537, 2_048).public_key().public_numbers()
    for keys, expected in (
        (key_set(jwk(kid="other")), Fault.WRONG_ROOT),
        (key_set(jwk(), jwk()), Fault.WRONG_ROOT),
        (key_set(jwk(kty="oct")), Fault.WRONG_ROOT),
        (key_set(jwk(n=number(other.n))), Fault.BAD_SIGNATURE),
        (key_set(jwk(n=number((1 << 1_023) + 1))), Fault.WEAK_KEY),
        (key_set(jwk(n="")), Fault.MALFORMED),
        (key_set(jwk(e="AA")), Fault.MALFORMED),
        (key_set(jwk(n="!")), Fault.MALFORMED),
        (b'{"keys": 1}', Fault.MALFORMED),
        (b"", Fault.MALFORMED),
        (bytes(40_000), Fault.TOO_LARGE),
    ):
        assert fault(space_claims(), keys=keys) == expected


def test_without_a_chain_and_a_set_nobody_vouches() -> None:
    with pytest.raises(EvidenceRefused, match="unendorsed"):
        verify_space(signed(HEAD, space_claims()), None, (), AT)


def test_a_chain_in_a_token_leads_to_a_pinned_root_or_nowhere() -> None:
    own = b64encode(issue("root", None).der).decode()
    assert fault(space_claims(), HEAD | {"x5c": [own]}) == Fault.WRONG_ROOT
    with pytest.raises(EvidenceRefused, match="wrong-root"):
        verify_space(signed(HEAD | {"x5c": [own]}, space_claims()), key_set(), roots(), AT)
    assert fault(space_claims(), HEAD | {"x5c": ["!"]}) == Fault.MALFORMED
    assert fault(space_claims(), HEAD | {"x5c": [own] * 5}) == Fault.MALFORMED


def test_parts_that_are_spelt_in_another_way_are_refused() -> None:
    head, body, signature = signed(HEAD, space_claims()).split(b".")
    for token in (
        head + b"." + body,
        head + b"." + body + b"." + signature + b".",
        head + b"=." + body + b"." + signature,
        head + b"." + body + b"." + signature + b"=",
        head + b"." + body + b"." + signature + b"\n\n",
        b" " + head + b"." + body + b"." + signature,
        head + b"." + body + b".",
        head + b"." + body + b"." + signature[:-1] + bytes([signature[-1] + 1]),
        b"." * 40_000,
    ):
        with pytest.raises(EvidenceRefused):
            verify_space(token, key_set(), (), AT + 1)
    line = head + b"." + body + b"." + signature + b"\n"
    assert verify_space(line, key_set(), (), AT + 1) == verify_space(line[:-1], key_set(), (), AT + 1)


def test_deep_and_odd_json_is_refused() -> None:
    for body in (b"[" * 10_000, b'{"a":' * 3_000, b"\xff", b"null", b"{}", b""):
        assert fault(body) == Fault.MALFORMED


def test_a_container_whose_command_or_environment_was_changed_says_so() -> None:
    for name, value in (("env_override", {"A": "b"}), ("cmd_override", ["sh"])):
        submods = space_claims()["submods"]
        submods["container"][name] = value
        assert dict(verified(space_claims(submods=submods)).conditions)["override"] == "yes"
    plain = verified(space_claims())
    assert dict(plain.conditions) == {"secure_boot": "yes", "stable": "yes", "override": "no", "restart_policy": ""}
    more = space_claims()["submods"]
    more["container"]["args"] = ["/run", "--open"]
    assert verified(space_claims(submods=more)).measured["args"] != plain.measured["args"]


def gce(**changed: Any) -> Claims:
    engine = {"zone": "us-east4-a", "project_id": "p", "instance_id": "7"}
    body = {"iss": GCE_ISSUER, "aud": "brightline#0123", "iat": AT, "exp": AT + 3_600}
    token = signed(HEAD, body | {"google": {"compute_engine": engine}} | changed)
    return verify_gce(token, key_set(), (), AT + 1)


def test_the_nonce_of_an_instance_token_stands_behind_a_sign_in_its_audience() -> None:
    assert (gce().audience, gce().nonces) == ("brightline", (b"0123",))
    assert gce(aud="brightline").nonces == ()
    assert gce(aud="brightline#").nonces == ()
    assert gce(aud="https://brightline/a#b#c").nonces == (b"b#c",)


def test_an_instance_token_needs_its_issuer_and_its_machine() -> None:
    with pytest.raises(EvidenceRefused, match="wrong-issuer"):
        gce(iss=SPACE_ISSUER)
    with pytest.raises(EvidenceRefused, match="malformed"):
        gce(google={})


def test_a_real_token_of_one_kind_is_none_of_the_other() -> None:
    with pytest.raises(EvidenceRefused):
        verify_gce(SPACE.evidence.main, GCE.evidence.parts["keys"], roots(), SPACE.at)
    with pytest.raises(EvidenceRefused, match="wrong-issuer"):
        verify_space(GCE.evidence.main, GCE.evidence.parts["keys"], roots(), GCE.at)
