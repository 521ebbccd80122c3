# SPDX-License-Identifier: Apache-2.0
"""A piece of evidence as bytes: its kind, its main part, and what comes with it; and the one way to verify it.

Each kind says which parts it takes. A part that it does not know is refused, and so is one that is missing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import msgspec

from brightline.core.attestation.chain import Root
from brightline.core.attestation.claims import Claims, Kind
from brightline.core.attestation.collateral import Collateral, assess
from brightline.core.attestation.development import verify_development
from brightline.core.attestation.ec2 import verify_ec2
from brightline.core.attestation.event_log import check_runtime, read_log, secure_boot
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.nitro import verify_nitro
from brightline.core.attestation.quote import TpmEvidence, verify_quote
from brightline.core.attestation.snp import verify_snp
from brightline.core.attestation.tdx import Quoted, claims_of, open_quote
from brightline.core.attestation.tokens import verify_gce, verify_space

PART_BYTES_MAX: Final = 262_144

Verify = Callable[[Mapping[str, bytes], tuple[Root, ...], float], Claims]


class Form(msgspec.Struct, frozen=True):
    """What evidence of a kind consists of, in words: ``main`` for the evidence file, and its parts by their names."""

    main: str
    needs: Mapping[str, str]
    takes: Mapping[str, str]
    verify: Verify


class Evidence(msgspec.Struct, frozen=True):
    """Bytes of a kind. Nothing is believed of them yet."""

    kind: Kind
    main: bytes
    parts: Mapping[str, bytes]


def verify(evidence: Evidence, roots: tuple[Root, ...], at: float) -> Claims:
    """What the evidence says, verified at ``at`` (Unix seconds). Raises ``EvidenceRefused``."""
    form = FORMS[evidence.kind]
    missing = form.needs.keys() - evidence.parts.keys()
    if missing:
        refuse(Fault.MALFORMED, f"evidence of kind {evidence.kind} needs {', '.join(sorted(missing))}")
    unknown = evidence.parts.keys() - form.needs.keys() - form.takes.keys()
    if unknown:
        refuse(Fault.MALFORMED, f"evidence of kind {evidence.kind} takes no {', '.join(sorted(unknown))[:80]}")
    for data in (evidence.main, *evidence.parts.values()):
        if len(data) > PART_BYTES_MAX:
            refuse(Fault.TOO_LARGE, f"a part of the evidence has {len(data)} bytes; at most {PART_BYTES_MAX}")
    return form.verify({"": evidence.main, **evidence.parts}, roots, at)


def _quote(parts: Mapping[str, bytes], roots: tuple[Root, ...], at: float) -> Claims:
    evidence = TpmEvidence(
        parts[""],
        parts["signature"],
        parts["registers"],
        parts.get("key"),
        parts.get("chain"),
        parts.get("log"),
    )
    return verify_quote(evidence, roots, at)


_LISTS: Final = ("tcb_info", "qe_identity", "signing_chain", "root_crl", "pck_crl")


def _tdx(parts: Mapping[str, bytes], roots: tuple[Root, ...], at: float) -> Claims:
    quoted = open_quote(parts[""], roots, at)
    claims = _tdx_rated(quoted, parts, roots, at)
    if "log" not in parts:
        return claims
    log = read_log(parts["log"])
    # The log numbers RTMR 0 to 3 from 1; its first holds what the firmware measured (Intel TDX virtual firmware, 8.1).
    check_runtime(log, {index + 1: bytes.fromhex(claims.measured[f"rtmr{index}"]) for index in range(4)})
    told = (*claims.conditions, ("secure_boot", secure_boot(log, 1)))
    return msgspec.structs.replace(claims, conditions=told)


def _tdx_rated(quoted: Quoted, parts: Mapping[str, bytes], roots: tuple[Root, ...], at: float) -> Claims:
    given = [name for name in _LISTS if name in parts]
    if not given:
        return claims_of(quoted, None, quoted.chained.until)
    if len(given) != len(_LISTS):
        refuse(Fault.MALFORMED, f"Intel's lists come whole: {', '.join(_LISTS)}")
    assessed = assess(quoted, Collateral(*(parts[name] for name in _LISTS)), roots, at)
    return claims_of(quoted, assessed.tcb, assessed.until)


FORMS: Final[Mapping[Kind, Form]] = {
    Kind.NITRO: Form(
        "the attestation document of an enclave, as the Nitro Security Module returns it (CBOR)",
        {},
        {},
        lambda parts, roots, at: verify_nitro(parts[""], Kind.NITRO, roots, at),
    ),
    Kind.NITRO_TPM: Form(
        "the attestation document of an EC2 instance with NitroTPM (CBOR)",
        {},
        {},
        lambda parts, roots, at: verify_nitro(parts[""], Kind.NITRO_TPM, roots, at),
    ),
    Kind.TPM: Form(
        "the quote (TPMS_ATTEST), as `tpm2_quote --message` writes it",
        {
            "signature": "TPMT_SIGNATURE, as `tpm2_quote --signature` writes it",
            "registers": "the quoted registers one behind another, as `tpm2_quote --pcr --pcrs_format=values` writes",
        },
        {
            "key": "the attestation key: TPM2B_PUBLIC or TPMT_PUBLIC, or a public key in PEM",
            "chain": "certificates of the attestation key, leaf first (PEM), or the leaf alone (DER)",
            "log": "the event log of the firmware (crypto-agile form)",
        },
        _quote,
    ),
    Kind.SNP: Form(
        "the attestation report (1184 bytes), as the guest's driver returns it",
        {"chain": "the VCEK or VLEK (DER), or it and those above it (PEM)"},
        {"issuers": "ASK or ASVK, and ARK (PEM), where they are not in `chain`"},
        lambda parts, roots, at: verify_snp(parts[""], parts["chain"], parts.get("issuers"), roots, at),
    ),
    Kind.TDX: Form(
        "the quote, with the PCK's chain in it",
        {},
        {
            "tcb_info": "Intel's answer to `/tdx/certification/v4/tcb`, as it came",
            "qe_identity": "Intel's answer to `/tdx/certification/v4/qe/identity`, as it came",
            "signing_chain": "the header `TCB-Info-Issuer-Chain` of either (PEM, decoded)",
            "root_crl": "the root's revocation list (DER)",
            "pck_crl": "the PCK authority's revocation list (DER)",
            "log": "the guest's event log (CCEL), which must lead to RTMR 0 to 3",
        },
        _tdx,
    ),
    Kind.SPACE: Form(
        "the attestation token (JWS, compact)",
        {},
        {"keys": "the issuer's key set (JWKS), for a token without a chain in it"},
        lambda parts, roots, at: verify_space(parts[""], parts.get("keys"), roots, at),
    ),
    Kind.GCE: Form(
        "the instance identity token, `format=full` (JWS, compact)",
        {"keys": "Google's key set (JWKS)"},
        {},
        lambda parts, roots, at: verify_gce(parts[""], parts["keys"], roots, at),
    ),
    Kind.EC2: Form(
        "the RSA-2048 signature with the document in it (CMS, decoded from base64)",
        {},
        {},
        lambda parts, roots, at: verify_ec2(parts[""], roots, at),
    ),
    Kind.DEVELOPMENT: Form(
        "what the development attester signed; it attests nothing",
        {},
        {},
        lambda parts, roots, at: verify_development(parts[""]),
    ),
}
