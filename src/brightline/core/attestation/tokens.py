# SPDX-License-Identifier: Apache-2.0
"""Tokens in which a cloud speaks of a machine: Google Confidential Space, and Compute Engine's instance identity.

Both are JWS in compact form (RFC 7515), RS256 and nothing else. Keys never come from where the token points: not from
``jku`` or ``jwk``, which are refused by being there, and from ``x5c`` only through a chain to a pinned root. Otherwise
the key set comes with the evidence, and the claims name the key by its thumbprint (RFC 7638) for the policy to know.
"""

from __future__ import annotations

import re
from base64 import b64decode, urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Final, TypeVar

import msgspec
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from msgspec import Meta

from brightline.core.attestation.chain import Root, RootFor, check_key, follow, read_certificate
from brightline.core.attestation.claims import Claims, Debug, Kind, Place, Tcb
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.canonical import digest

TOKEN_BYTES_MAX: Final = 32_768
HEADER_CHARS_MAX: Final = 12_288
KEY_SET_BYTES_MAX: Final = 32_768
LIFETIME_SECONDS_MAX: Final = 3_600 + 600
CLOCK_SKEW_SECONDS: Final = 60
SPACE_ISSUER: Final = "https://confidentialcomputing.googleapis.com"
GCE_ISSUER: Final = "https://accounts.google.com"
NONCE_SIGN: Final = (
    "#"  # an audience of ours is AUDIENCE#NONCE, because a token of this kind has no other place for it
)
_ZONE: Final = re.compile(r"([a-z]+-[a-z]+\d{1,2})-[a-z]")
_COMPACT: Final = re.compile(rb"[\w-]{1,12288}\.[\w-]{1,24576}\.[\w-]{1,1400}", re.ASCII)
_WHAT: Final = "the token"
_Text = Annotated[str, Meta(max_length=1_024)]
_Time = Annotated[int, Meta(ge=0, le=1 << 40)]


class _Header(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    alg: str
    kid: _Text = ""
    typ: str = "JWT"
    x5c: Annotated[tuple[Annotated[str, Meta(max_length=8_192)], ...], Meta(max_length=4)] = ()


class _Jwk(msgspec.Struct, frozen=True):
    kty: str
    n: _Text = ""
    e: _Text = ""
    kid: str = ""
    alg: str = "RS256"
    use: str = "sig"


class _KeySet(msgspec.Struct, frozen=True):
    keys: Annotated[tuple[_Jwk, ...], Meta(max_length=32)]


class _Times(msgspec.Struct, frozen=True):
    iss: str
    aud: _Text
    iat: _Time
    exp: _Time
    nbf: _Time = 0


class _Gce(msgspec.Struct, frozen=True):
    zone: _Text
    project_id: _Text
    instance_id: _Text
    instance_name: _Text = ""


class _Space(msgspec.Struct, frozen=True):
    support_attributes: tuple[str, ...] = ()


class _Container(msgspec.Struct, frozen=True):
    image_digest: _Text
    image_id: _Text = ""
    restart_policy: str = ""
    env: dict[str, str] = {}
    args: tuple[str, ...] = ()
    env_override: dict[str, str] = {}
    cmd_override: tuple[str, ...] = ()


class _Submods(msgspec.Struct, frozen=True):
    container: _Container
    gce: _Gce
    confidential_space: _Space = _Space()


class _Tdx(msgspec.Struct, frozen=True):
    gcp_attester_tcb_status: str = ""


class _SpaceClaims(msgspec.Struct, frozen=True):
    dbgstat: str
    hwmodel: _Text
    swname: str
    submods: _Submods
    eat_nonce: _Text | Annotated[tuple[_Text, ...], Meta(max_length=6)] = ()
    secboot: bool = False
    tdx: _Tdx = _Tdx()


class _Engine(msgspec.Struct, frozen=True):
    zone: _Text
    project_id: _Text
    instance_id: _Text


class _Google(msgspec.Struct, frozen=True):
    compute_engine: _Engine


class _GceClaims(msgspec.Struct, frozen=True):
    google: _Google


_T = TypeVar("_T")


class _Verified(msgspec.Struct, frozen=True):
    issuer: str
    times: _Times
    until: int
    payload: bytes


def verify_space(token: bytes, keys: bytes | None, roots: tuple[Root, ...], at: float) -> Claims:
    """A Confidential Space token, by ``x5c`` under the pinned root or by a key of ``keys`` (JWKS).

    Raises ``EvidenceRefused``.
    """
    found = _verified(token, keys, SPACE_ISSUER, roots, at)
    claims = _read(found.payload, _SpaceClaims)
    if claims.swname != "CONFIDENTIAL_SPACE":
        refuse(Fault.UNSUPPORTED, f"{_WHAT} is of {claims.swname[:40]!r}, which is no Confidential Space")
    container, gce = claims.submods.container, claims.submods.gce
    nonces = (claims.eat_nonce,) if isinstance(claims.eat_nonce, str) else claims.eat_nonce
    status = claims.tdx.gcp_attester_tcb_status
    return Claims(
        kind=Kind.SPACE,
        issuer=found.issuer,
        made=found.times.iat,
        until=found.until,
        nonces=tuple(nonce.encode() for nonce in nonces),
        debug=_debug(claims.dbgstat),
        measurements=(
            ("image_digest", container.image_digest.removeprefix("sha256:")),
            ("image_id", container.image_id.removeprefix("sha256:")),
            ("args", _digest(list(container.args))),
            ("env", _digest(dict(container.env))),
        ),
        product=claims.hwmodel,
        tcb=Tcb((), status) if status else None,
        place=_place(gce.zone, gce.project_id),
        instance=gce.instance_id,
        conditions=(
            ("secure_boot", "yes" if claims.secboot else "no"),
            ("stable", "yes" if "STABLE" in claims.submods.confidential_space.support_attributes else "no"),
            ("override", "yes" if container.env_override or container.cmd_override else "no"),
            ("restart_policy", container.restart_policy),
        ),
        audience=found.times.aud,
    )


def verify_gce(token: bytes, keys: bytes, roots: tuple[Root, ...], at: float) -> Claims:
    """An instance identity token (``format=full``), by a key of ``keys``; its nonce is behind ``#`` in its audience.

    Raises ``EvidenceRefused``.
    """
    found = _verified(token, keys, GCE_ISSUER, roots, at)
    engine = _read(found.payload, _GceClaims).google.compute_engine
    audience, _, nonce = found.times.aud.partition(NONCE_SIGN)
    return Claims(
        kind=Kind.GCE,
        issuer=found.issuer,
        made=found.times.iat,
        until=found.until,
        nonces=(nonce.encode(),) if nonce else (),
        product="Google Compute Engine",
        place=_place(engine.zone, engine.project_id),
        instance=engine.instance_id,
        audience=audience,
    )


def _verified(token: bytes, keys: bytes | None, issuer: str, roots: tuple[Root, ...], at: float) -> _Verified:
    token = token.removesuffix(b"\n")
    if len(token) > TOKEN_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{_WHAT} has {len(token)} bytes; at most {TOKEN_BYTES_MAX}")
    if _COMPACT.fullmatch(token) is None:
        refuse(Fault.MALFORMED, f"{_WHAT} is not three parts in base64url")
    header, payload, _ = (_decoded(part) for part in token.split(b"."))
    head = _read(header, _Header)
    if head.alg != "RS256" or head.typ != "JWT":
        refuse(Fault.UNSUPPORTED, f"{_WHAT} is signed with {head.alg[:20]!r}; RS256 is expected")
    if head.x5c:
        path = [read_certificate(_der(each), _WHAT) for each in head.x5c]
        chained = follow(path, roots, RootFor.SPACE, at, f"{_WHAT}'s chain")
        key, vouched, until = chained.leaf.public_key(), f"sha256:{chained.root.sha256}", chained.until
        if issuer != SPACE_ISSUER:
            refuse(Fault.UNSUPPORTED, f"{_WHAT} carries a chain, which tokens of this kind do not")
    else:
        key = _from_set(keys, head.kid)
        vouched, until = "", 1 << 40
    if not isinstance(key, rsa.RSAPublicKey):
        refuse(Fault.WEAK_KEY, f"{_WHAT} is signed by a key that is not RSA")
    thumbprint = _check_signature(token, key)
    times = _read(payload, _Times)
    if times.iss != issuer:
        refuse(Fault.WRONG_ISSUER, f"{_WHAT} was issued by {times.iss[:80]!r}; expected {issuer}")
    if at < max(times.iat, times.nbf) - CLOCK_SKEW_SECONDS:
        refuse(Fault.NOT_YET, f"{_WHAT} is from {max(times.iat, times.nbf) - at:.0f} seconds from now")
    if at >= times.exp or not 0 < times.exp - times.iat <= LIFETIME_SECONDS_MAX:
        refuse(Fault.EXPIRED, f"{_WHAT} ended {at - times.exp:.0f} seconds ago, or lives too long")
    return _Verified(vouched or f"jwk:{thumbprint}", times, min(until, times.exp), payload)


def _decoded(part: bytes) -> bytes:
    """Base64url without padding, in its one spelling: spare bits are zero, so that no character can change unseen."""
    try:
        data = urlsafe_b64decode(part + b"=" * (-len(part) % 4))
    except ValueError:
        refuse(Fault.MALFORMED, f"{_WHAT} has a part that is no base64url")
    if urlsafe_b64encode(data).rstrip(b"=") != part:
        refuse(Fault.MALFORMED, f"{_WHAT} has a part that is spelt in another way than base64url is")
    return data


def _der(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        refuse(Fault.MALFORMED, f"{_WHAT} has a certificate that is no base64")


def _read(data: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.json.decode(data, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        refuse(Fault.MALFORMED, f"{_WHAT} cannot be read: {str(error)[:120]}")


def _from_set(keys: bytes | None, name: str) -> rsa.RSAPublicKey:
    """The one key of the set with this name. Raises ``EvidenceRefused``."""
    if keys is None:
        refuse(Fault.UNENDORSED, f"{_WHAT} carries no chain, and no key set came with it")
    if len(keys) > KEY_SET_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"the key set has {len(keys)} bytes; at most {KEY_SET_BYTES_MAX}")
    found = [each for each in _read(keys, _KeySet).keys if each.kid == name and each.kty == "RSA"]
    if not name or len(found) != 1:
        refuse(Fault.WRONG_ROOT, f"{_WHAT} is signed by a key that is not in the set, or stands there twice")
    numbers = [int.from_bytes(_decoded(part.encode()), "big") for part in (found[0].e, found[0].n)]
    try:
        key = rsa.RSAPublicNumbers(numbers[0], numbers[1]).public_key()
    except ValueError:
        refuse(Fault.MALFORMED, "the key set has an RSA key that is none")
    check_key(key, _WHAT)
    return key


def _check_signature(token: bytes, key: rsa.RSAPublicKey) -> str:
    """Raises ``EvidenceRefused``; returns the key's thumbprint."""
    from joserfc.errors import JoseError
    from joserfc.jwk import RSAKey
    from joserfc.jws import JWSRegistry, deserialize_compact

    registry = JWSRegistry(algorithms=["RS256"])
    registry.max_header_length = HEADER_CHARS_MAX  # a token with its chain in it is above the library's 512
    registry.max_payload_length = TOKEN_BYTES_MAX
    jwk = RSAKey.import_key(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    try:
        deserialize_compact(token, jwk, registry=registry)
    except (JoseError, ValueError) as error:
        refuse(Fault.BAD_SIGNATURE, f"{_WHAT} was not signed by its key ({type(error).__name__})")
    return jwk.thumbprint()


def _debug(status: str) -> Debug:
    for each in Debug:
        if each.eat == status and each is not Debug.UNSAID:
            return each
    refuse(Fault.MALFORMED, f"{_WHAT} has a debug status {status[:40]!r} that RFC 9711 does not know")


def _place(zone: str, project: str) -> Place:
    matched = _ZONE.fullmatch(zone)
    if matched is None:
        refuse(Fault.MALFORMED, f"{_WHAT} names no zone")
    return Place("gcp", matched[1], zone, project)


def _digest(value: list[str] | dict[str, str]) -> str:
    """By what a policy names arguments or environment: SHA-256 over their canonical JSON."""
    try:
        return digest(dict(value) if isinstance(value, dict) else list(value)).removeprefix("sha256:")
    except ValueError:
        refuse(Fault.MALFORMED, f"{_WHAT} has a text that is no Unicode")
