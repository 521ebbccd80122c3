# SPDX-License-Identifier: Apache-2.0
"""TPM 2.0 quotes verified: signature, key, registers, event log; and who vouches for the key.

A key is vouched for by a certificate that leads to a pinned root (Google's vTPMs have one), or by another piece of
evidence that binds it (a NitroTPM document), or by nobody: then its issuer is empty, and the policy must name the key
itself, which somebody enrolled. A certificate for an endorsement key vouches for nothing here: it needs a dialogue
with the TPM (credential activation), which evidence on paper cannot replace.
"""

from __future__ import annotations

import re
from typing import Final

import msgspec
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from brightline.core.attestation import der
from brightline.core.attestation.chain import Chained, Root, RootFor, check_key, follow, read_certificates
from brightline.core.attestation.claims import Claims, Debug, Kind, Place
from brightline.core.attestation.event_log import check_replay, read_log, secure_boot
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.tpm import (
    PUBLIC_BYTES_MAX,
    AttestationKey,
    check_registers,
    check_signature,
    read_public,
    read_quote,
)

GOOGLE_INSTANCE: Final = "1.3.6.1.4.1.11129.2.1.21"
_CONTEXT_0: Final = 0xA0
_CONTEXT_1: Final = 0xA1
_TRUE: Final = b"\x01\x01\xff"
_ZONE: Final = re.compile(r"([a-z]+-[a-z]+\d{1,2})-[a-z]")


class TpmEvidence(msgspec.Struct, frozen=True):
    """What a quote needs: TPMS_ATTEST, TPMT_SIGNATURE, the registers one behind another, and the key or its chain."""

    attest: bytes
    signature: bytes
    registers: bytes
    key: bytes | None = None
    chain: bytes | None = None
    log: bytes | None = None


def verify_quote(evidence: TpmEvidence, roots: tuple[Root, ...], at: float) -> Claims:
    """Verify a quote at a time (Unix seconds). Raises ``EvidenceRefused``."""
    quote = read_quote(evidence.attest)
    key, chained = _key(evidence, roots, at)
    signing_hash = check_signature(evidence.signature, evidence.attest, key.key)
    registers = check_registers(quote, evidence.registers, signing_hash)
    conditions = [
        ("firmware", f"{quote.firmware:016x}"),
        ("clock_safe", "yes" if quote.safe else "no"),
        ("key_restricted", "yes" if key.name or chained is not None else "unknown"),
    ]
    if evidence.log is not None:
        log = read_log(evidence.log)
        check_replay(log, registers)
        measured = any(index == 7 for _, index in registers)
        conditions.append(("secure_boot", secure_boot(log) if measured else "unknown"))
    place, instance = _google(chained.leaf) if chained is not None else (None, "")
    return Claims(
        kind=Kind.TPM,
        issuer=f"sha256:{chained.root.sha256}" if chained is not None else "",
        until=chained.until if chained is not None else None,
        nonces=(quote.extra,) if quote.extra else (),
        signer=key.point,
        debug=Debug.UNSAID,
        measurements=tuple((f"{bank}:{index}", value.hex()) for (bank, index), value in registers.items()),
        product="TPM 2.0",
        place=place,
        instance=instance,
        counters=quote.counters,
        conditions=tuple(conditions),
    )


def _key(evidence: TpmEvidence, roots: tuple[Root, ...], at: float) -> tuple[AttestationKey, Chained | None]:
    """The key that must have signed, and the chain behind it; where both are given they are of one key."""
    given = _given(evidence.key) if evidence.key is not None else None
    if evidence.chain is None:
        if given is None:
            refuse(Fault.UNENDORSED, "the quote comes with neither a key nor a chain of certificates")
        return given, None
    what = "the attestation key's certificate"
    chained = follow(read_certificates(evidence.chain, what), roots, RootFor.TPM, at, what)
    certified = chained.leaf.public_key()
    if not isinstance(certified, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        refuse(Fault.WEAK_KEY, f"{what} is for a kind of key that is not on our list")
    if given is None:
        return AttestationKey(certified, b""), chained
    if given.key != certified:
        refuse(Fault.INCONSISTENT, "the certificate is for another key than the one that came with the quote")
    return given, chained


def _given(data: bytes) -> AttestationKey:
    """TPMT_PUBLIC, or a public key in PEM, of which nobody says then that a TPM restricts it."""
    if not data.startswith(b"-----BEGIN PUBLIC KEY-----"):
        return read_public(data)
    if len(data) > PUBLIC_BYTES_MAX:
        refuse(Fault.TOO_LARGE, f"the attestation key has {len(data)} bytes; at most {PUBLIC_BYTES_MAX}")
    try:
        key = load_pem_public_key(data)
    except (ValueError, UnsupportedAlgorithm):
        refuse(Fault.MALFORMED, "the attestation key is no public key in PEM")
    if not isinstance(key, rsa.RSAPublicKey | ec.EllipticCurvePublicKey):
        refuse(Fault.WEAK_KEY, "the attestation key is of a kind that is not on our list")
    check_key(key, "the attestation key")
    return AttestationKey(key, b"")


def _google(leaf: x509.Certificate) -> tuple[Place | None, str]:
    """Zone, project and instance in a certificate of Google's: SEQUENCE {zone, number, project, instance, name, …}.

    The last are its properties; an instance that is not of production says nothing of a place.
    """
    what = "the attestation key's certificate"
    for extension in leaf.extensions:
        if extension.oid.dotted_string == GOOGLE_INSTANCE and isinstance(extension.value, x509.UnrecognizedExtension):
            fields = der.element(extension.value.value, what).inside(der.SEQUENCE, what)
            if len(fields) < 5:
                refuse(Fault.MALFORMED, f"{what} says too little about its instance")
            zone, project, instance = fields[0].text(what), fields[2].text(what), fields[3].number(what)
            matched = _ZONE.fullmatch(zone)
            if matched is None:
                refuse(Fault.MALFORMED, f"{what} names no zone")
            if not _of_production(fields[5:], what):
                return None, str(instance)
            return Place("gcp", matched[1], zone, project), str(instance)
    return None, ""


def _of_production(properties: list[der.Element], what: str) -> bool:
    """[0] SEQUENCE { [0] version, [1] of production, … }, each tagged explicitly."""
    for tagged in properties:
        for each in tagged.inside(_CONTEXT_0, what)[:1]:
            for value in each.inside(der.SEQUENCE, what):
                if value.tag == _CONTEXT_1:
                    return value.content == _TRUE
    return False
