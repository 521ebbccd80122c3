# SPDX-License-Identifier: Apache-2.0
"""AMD SEV-SNP attestation reports (SEV-SNP Firmware ABI, 56860, table "ATTESTATION_REPORT"), versions 2, 3 and 5.

The report is 1184 bytes, little-endian; ECDSA on P-384 with SHA-384 over its first 0x2A0. Everything behind R and S,
and every reserved byte, is zero, so that nothing in it can flip unseen. The key is the chip's (VCEK) or the
provider's (VLEK); its certificate, by ASK or ASVK under a pinned ARK, names chip and platform version, which must be
those of the report.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from brightline.core.attestation import der
from brightline.core.attestation.chain import Root, RootFor, follow, read_certificates
from brightline.core.attestation.claims import Claims, Debug, Kind, Place, Tcb
from brightline.core.attestation.fault import Fault, refuse

REPORT_BYTES: Final = 1_184
SIGNED_BYTES: Final = 0x2A0
VERSIONS: Final = frozenset({2, 3, 5})
_WHAT: Final = "the report"
_OID: Final = "1.3.6.1.4.1.3704.1."
_MILAN: Final = ("bl", "tee", "", "", "", "", "snp", "ucode")
_TURIN: Final = ("fmc", "bl", "tee", "snp", "", "", "", "ucode")
_BY_OID: Final = {"bl": 1, "tee": 2, "snp": 3, "ucode": 8, "fmc": 9}
_POLICY_DEBUG: Final = 1 << 19
_POLICY_MIGRATE: Final = 1 << 18
_POLICY_ONE: Final = 1 << 17  # always set
_POLICY_SMT: Final = 1 << 16
_AWS_VLEK: Final = re.compile(r"CN=cc-([a-z]{2}(?:-[a-z]+)+-\d{1,2})\.amazonaws\.com")
# Bits of PLATFORM_INFO, by what the policy calls them.
_PLATFORM: Final = {"smt": 0, "tsme": 1, "ecc": 2, "rapl_disabled": 3, "ciphertext_hiding": 4, "alias_check": 5}


def verify_snp(report: bytes, chain: bytes, more: bytes | None, roots: tuple[Root, ...], at: float) -> Claims:
    """Verify a report with its chip's or provider's certificate (``chain``) and those above it (there or in ``more``).

    Raises ``EvidenceRefused``.
    """
    if len(report) != REPORT_BYTES:
        refuse(Fault.MALFORMED, f"{_WHAT} has {len(report)} bytes; {REPORT_BYTES} are expected")
    version = _number(report, 0, 4)
    if version not in VERSIONS or _number(report, 0x34, 4) != 1:
        refuse(Fault.UNSUPPORTED, f"{_WHAT} is of version {version}, or not signed with ECDSA on P-384")
    _check_zeros(report, version)
    path = [
        *read_certificates(chain, f"{_WHAT}'s chain"),
        *(read_certificates(more, "the chain") if more is not None else ()),
    ]
    chained = follow(path, roots, RootFor.SNP, at, f"{_WHAT}'s chain")
    _check_signature(report, chained.leaf)
    product = chained.root.label
    names = _TURIN if product == "Turin" else _MILAN
    reported = _tcb(report, 0x180, names)
    extensions = _extensions(chained.leaf)
    if _certified(extensions, names) != reported:
        refuse(Fault.INCONSISTENT, f"{_WHAT} says another platform version than the certificate of its key")
    provider_key = _number(report, 0x48, 4) >> 2 & 7
    place = _place(report, extensions, provider_key)
    policy, vmpl = _number(report, 0x08, 8), _number(report, 0x30, 4)
    chip = report[0x1A0:0x1E0]
    return Claims(
        kind=Kind.SNP,
        issuer=f"sha256:{chained.root.sha256}",
        until=chained.until,
        data=report[0x50:0x90],
        debug=Debug.ENABLED if policy & _POLICY_DEBUG else Debug.DISABLED_PERMANENTLY,
        measurements=(
            ("measurement", report[0x90:0xC0].hex()),
            ("host_data", report[0xC0:0xE0].hex()),
            ("id_key", report[0xE0:0x110].hex()),
            ("author_key", report[0x110:0x140].hex()),
        ),
        product=product,
        tcb=Tcb(_least(report, names, reported)),
        place=place,
        instance=chip.hex() if any(chip) else "",
        conditions=(
            ("vmpl", str(vmpl)),
            ("migration", "yes" if policy & _POLICY_MIGRATE else "no"),
            ("smt_allowed", "yes" if policy & _POLICY_SMT else "no"),
            ("signing_key", "vlek" if provider_key else "vcek"),
            *((name, "yes" if _number(report, 0x40, 8) >> bit & 1 else "no") for name, bit in _PLATFORM.items()),
        ),
    )


def _number(report: bytes, at: int, width: int) -> int:
    return int.from_bytes(report[at : at + width], "little")


def _check_zeros(report: bytes, version: int) -> None:
    """What is reserved is zero; otherwise bytes behind the signature could differ in two copies of one report."""
    spans = [(0x2A0 + 48, 0x2A0 + 72), (0x2A0 + 72 + 48, REPORT_BYTES), (0x4C, 0x50)]
    if version < 3:
        spans.append((0x188, 0x1A0))
    for begin, end in spans:
        if any(report[begin:end]):
            refuse(Fault.MALFORMED, f"{_WHAT} has bytes in {begin:#x} to {end:#x} that version {version} leaves zero")
    if not _number(report, 0x08, 8) & _POLICY_ONE or _number(report, 0x30, 4) > 3:
        refuse(Fault.MALFORMED, f"{_WHAT} has a policy or a privilege level that cannot be")


def _check_signature(report: bytes, leaf: x509.Certificate) -> None:
    key = leaf.public_key()
    if not isinstance(key, ec.EllipticCurvePublicKey) or not isinstance(key.curve, ec.SECP384R1):
        refuse(Fault.WEAK_KEY, f"{_WHAT} is signed by a key that is not on P-384")
    r, s = _number(report, 0x2A0, 48), _number(report, 0x2A0 + 72, 48)
    try:
        key.verify(encode_dss_signature(r, s), report[:SIGNED_BYTES], ec.ECDSA(hashes.SHA384()))
    except InvalidSignature:
        refuse(Fault.BAD_SIGNATURE, f"{_WHAT} was not signed by the key of its certificate")


def _tcb(report: bytes, at: int, names: tuple[str, ...]) -> dict[str, int]:
    return {name: report[at + index] for index, name in enumerate(names) if name}


def _least(report: bytes, names: tuple[str, ...], reported: dict[str, int]) -> tuple[tuple[str, int], ...]:
    """Of each part the least of what is reported and what is committed: the second is how far it can be set back."""
    committed = _tcb(report, 0x1E0, names)
    return tuple(sorted((name, min(value, committed[name])) for name, value in reported.items()))


def _extensions(leaf: x509.Certificate) -> Mapping[str, bytes]:
    """AMD's extensions of a VCEK or VLEK (57230, "VCEK/VLEK certificate"), by what stands behind their common arc."""
    return {
        extension.oid.dotted_string.removeprefix(_OID): extension.value.value
        for extension in leaf.extensions
        if isinstance(extension.value, x509.UnrecognizedExtension) and extension.oid.dotted_string.startswith(_OID)
    }


def _certified(extensions: Mapping[str, bytes], names: tuple[str, ...]) -> dict[str, int]:
    found = {}
    for name in names:
        if name:
            value = extensions.get(f"3.{_BY_OID[name]}")
            if value is None:
                refuse(Fault.INCONSISTENT, f"{_WHAT}'s certificate does not say its version of {name}")
            found[name] = der.element(value, f"{_WHAT}'s certificate").number(f"{_WHAT}'s certificate")
    return found


def _place(report: bytes, extensions: Mapping[str, bytes], provider_key: int) -> Place | None:
    """A VLEK names its provider and region (``CN=cc-<region>.amazonaws.com``); a VCEK its chip, which is no place."""
    what = f"{_WHAT}'s certificate"
    chip = report[0x1A0:0x1E0]
    if provider_key == 0:
        certified = extensions.get("4")
        if certified is None or len(certified) not in (8, 64) or certified.ljust(64, b"\0") != chip:
            refuse(Fault.INCONSISTENT, f"{_WHAT} names another chip than the certificate of its key")
        return None
    if provider_key != 1 or "5" not in extensions or any(chip):
        refuse(Fault.INCONSISTENT, f"{_WHAT} was signed with another kind of key than its certificate is for")
    provider = der.element(extensions["5"], what).text(what)
    matched = _AWS_VLEK.fullmatch(provider)
    # Another provider's names are not known to us, and what is not known is no place.
    return Place("aws", matched[1]) if matched is not None else None
