# SPDX-License-Identifier: Apache-2.0
"""Evidence that attests nothing: a statement that a key in a file signed, in the place of a machine's evidence.

It goes the whole way of real evidence (nonce, signature, policy, lease, record), so that this way is what is tried in
development. Nobody vouches for its key; a policy has to name the key itself, and only one for the development profile
may accept this kind. It measures nothing and says so.

    signature  64 bytes   Ed25519 over everything below, with a prefix
    key        32 bytes
    statement             canonical JSON: key, made, nonce, place, program
"""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from brightline.core.attestation.claims import Claims, Debug, Kind, Place
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.policy import STACK_ON, SURFACE, Accept, Policy
from brightline.core.canonical import canonical_bytes

UNMEASURED: Final = "unmeasured"
NOWHERE: Final = Place("development", "development")
STATEMENT_BYTES_MAX: Final = 4_096
AGE_SECONDS: Final = 300  # so long a lease of the development attester lasts
_PREFIX: Final = b"brightline-development-evidence-v1\0"
_SIGNATURE_BYTES: Final = 64
_KEY_BYTES: Final = 32


class _Statement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    made: int
    nonce: str
    place: str
    program: str
    key: str = ""  # of a TPM in software, which it says is on the same machine


def sign_development(key: Ed25519PrivateKey, nonce: bytes, made: int, binds: bytes = b"") -> bytes:
    """What the development attester answers to a nonce at a time (Unix seconds); ``binds`` is another's key."""
    said = _Statement(made, nonce.hex(), NOWHERE.region, UNMEASURED, binds.hex())
    body = key.public_key().public_bytes_raw() + canonical_bytes(msgspec.to_builtins(said))
    return key.sign(_PREFIX + body) + body


def development_policy(key: bytes, tpm: Claims | None = None) -> Policy:
    """A policy that accepts what this raw key signs, states both facts of it, and is for development alone.

    With what a TPM in software showed, a quote of the same key over the same registers states that the stack is on.
    """
    entry = Accept(
        name="development attester (attests nothing)",
        kind=Kind.DEVELOPMENT,
        states=(STACK_ON, SURFACE),
        signers=(f"sha256:{hashlib.sha256(key).hexdigest()}",),
        measurements={"program": (UNMEASURED,)},
        regions=(NOWHERE.region,),
    )
    if tpm is None:
        return Policy(version=1, age_seconds_max=AGE_SECONDS, accept=(entry,))
    quoted = Accept(
        name="software TPM (keys in a file)",
        kind=Kind.TPM,
        states=(STACK_ON,),
        signers=(f"sha256:{hashlib.sha256(tpm.signer).hexdigest()}",),
        measurements={name: (value,) for name, value in tpm.measurements},
        conditions={"clock_safe": ("yes", "no")},
    )
    where = msgspec.structs.replace(entry, states=(SURFACE,))
    return Policy(version=1, age_seconds_max=AGE_SECONDS, accept=(quoted, where))


def verify_development(data: bytes) -> Claims:
    """What it says. Raises ``EvidenceRefused``. Nobody vouches for the key, and no claim says that somebody does."""
    if len(data) > STATEMENT_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"{len(data)} bytes of development evidence; at most {STATEMENT_BYTES_MAX}")
    signature, body = data[:_SIGNATURE_BYTES], data[_SIGNATURE_BYTES:]
    key, text = body[:_KEY_BYTES], body[_KEY_BYTES:]
    if not text:
        refuse(Fault.MALFORMED, f"{len(data)} bytes are no development evidence")
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, _PREFIX + body)
    except (InvalidSignature, ValueError):
        refuse(Fault.BAD_SIGNATURE, "its key did not sign this development evidence")
    try:
        said = msgspec.json.decode(text, type=_Statement, strict=True)
        nonce, binds = bytes.fromhex(said.nonce), bytes.fromhex(said.key)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError):
        refuse(Fault.MALFORMED, "what the development attester signed does not read")
    return Claims(
        kind=Kind.DEVELOPMENT,
        issuer="",
        made=said.made,
        nonces=(nonce,),
        key=binds,
        signer=key,
        debug=Debug.UNSAID,
        measurements=(("program", said.program),),
        place=Place(NOWHERE.provider, said.place),
    )
