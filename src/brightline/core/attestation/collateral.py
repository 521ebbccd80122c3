# SPDX-License-Identifier: Apache-2.0
"""How old a TDX platform is, by the lists that Intel signs (Provisioning Certification Service API, version 4).

Five things come whole or not at all: TCB info, the quoting enclave's identity, the chain of the key that signed both,
and the revocation lists of the root and of the PCK's authority. The verdict depends on the day: a list that is over
says nothing, and a newer one may call the same platform out of date. Statuses are Intel's words; which of them are
good enough is for the policy.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Final, TypeVar

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from msgspec import Meta

from brightline.core.attestation.chain import HASHES, NO_CERTIFICATE, Root, RootFor, follow, read_certificates
from brightline.core.attestation.claims import Tcb
from brightline.core.attestation.fault import Fault, refuse
from brightline.core.attestation.tdx import Quoted, check_p256, name_of

SIGNER_NAME: Final = "Intel SGX TCB Signing"
# Best first; a platform is as good as the worst of its parts.
STATUSES: Final = (
    "UpToDate",
    "SWHardeningNeeded",
    "ConfigurationNeeded",
    "ConfigurationAndSWHardeningNeeded",
    "OutOfDate",
    "OutOfDateConfigurationNeeded",
    "Revoked",
)
_SIGNED: Final = re.compile(rb'\{"(\w{1,32})":(\{.*\}),"signature":"([0-9a-f]{128})"\}\s*', re.DOTALL)

_Hex = Annotated[str, Meta(pattern=r"^([0-9a-fA-F]{2}){0,64}$")]
_Svn = Annotated[int, Meta(ge=0, le=65_535)]


class Collateral(msgspec.Struct, frozen=True):
    """Intel's answers as they came, and the chain of ``TCB-Info-Issuer-Chain``; lists in DER."""

    tcb_info: bytes
    qe_identity: bytes
    signing_chain: bytes
    root_crl: bytes
    pck_crl: bytes


class _Component(msgspec.Struct, frozen=True):
    svn: Annotated[int, Meta(ge=0, le=255)]


class _Svns(msgspec.Struct, frozen=True):
    sgx: Annotated[tuple[_Component, ...], Meta(min_length=16, max_length=16)] = msgspec.field(name="sgxtcbcomponents")
    tdx: Annotated[tuple[_Component, ...], Meta(min_length=16, max_length=16)] = msgspec.field(name="tdxtcbcomponents")
    pcesvn: _Svn


class _Level(msgspec.Struct, frozen=True, rename="camel"):
    tcb: _Svns
    tcb_status: str
    advisories: tuple[str, ...] = msgspec.field(default=(), name="advisoryIDs")


class _IsvSvn(msgspec.Struct, frozen=True):
    isvsvn: _Svn


class _IsvLevel(msgspec.Struct, frozen=True, rename="camel"):
    tcb: _IsvSvn
    tcb_status: str
    advisories: tuple[str, ...] = msgspec.field(default=(), name="advisoryIDs")


class _Module(msgspec.Struct, frozen=True, rename="camel"):
    mrsigner: _Hex
    attributes: _Hex
    attributes_mask: _Hex
    id: str = ""
    tcb_levels: tuple[_IsvLevel, ...] = ()


class _TcbInfo(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    version: int
    issue_date: str
    next_update: str
    fmspc: _Hex
    pce_id: _Hex
    tcb_evaluation_data_number: int
    tdx_module: _Module
    tcb_levels: tuple[_Level, ...]
    tdx_module_identities: tuple[_Module, ...] = ()


class _QeIdentity(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    version: int
    issue_date: str
    next_update: str
    tcb_evaluation_data_number: int
    miscselect: _Hex
    miscselect_mask: _Hex
    attributes: _Hex
    attributes_mask: _Hex
    mrsigner: _Hex
    isvprodid: int
    tcb_levels: tuple[_IsvLevel, ...]


_T = TypeVar("_T", _TcbInfo, _QeIdentity)


class Assessed(msgspec.Struct, frozen=True):
    """The platform's state and until when the lists behind it hold."""

    tcb: Tcb
    until: int


def assess(quoted: Quoted, collateral: Collateral, roots: tuple[Root, ...], at: float) -> Assessed:
    """What Intel's lists say of a verified quote's platform at a time. Raises ``EvidenceRefused``."""
    chain = read_certificates(collateral.signing_chain, "the signing chain")
    signer = follow(chain, roots, RootFor.TDX, at, "the signing chain")
    if name_of(signer.leaf) != SIGNER_NAME:
        refuse(Fault.BAD_CHAIN, "the lists are signed by another certificate of Intel's than the one for them")
    root = signer.root.certificate
    root_list = _crl(collateral.root_crl, root, at, "the root's revocation list")
    pck_list = _crl(collateral.pck_crl, quoted.chained.issuers[0], at, "the PCK authority's revocation list")
    for certificate, crl in (
        (signer.leaf, root_list),
        (quoted.chained.issuers[0], root_list),
        (quoted.chained.leaf, pck_list),
    ):
        if crl.get_revoked_certificate_by_serial_number(certificate.serial_number) is not None:
            refuse(Fault.REVOKED, f"{name_of(certificate)} is on its issuer's revocation list")
    info, info_until = _signed(collateral.tcb_info, "tcbInfo", _TcbInfo, signer.leaf, at)
    identity, identity_until = _signed(collateral.qe_identity, "enclaveIdentity", _QeIdentity, signer.leaf, at)
    if (info.id, info.version, identity.id, identity.version) != ("TDX", 3, "TD_QE", 2):
        refuse(Fault.UNSUPPORTED, "the lists are for something else than TDX, or of another version")
    if info.fmspc.lower() != quoted.platform.fmspc.hex() or info.pce_id.lower() != quoted.platform.pceid.hex():
        refuse(Fault.TCB_NO_MATCH, "the TCB info is for another family of platforms")
    found: list[_Level | _IsvLevel] = [_of_platform(info, quoted), *_of_module(info, quoted)]
    found.append(_of_enclave(identity, quoted))
    for each in found:
        if each.tcb_status not in STATUSES:
            refuse(Fault.UNSUPPORTED, f"the lists call a level {each.tcb_status[:40]!r}, a word that we do not know")
    status = max((each.tcb_status for each in found), key=STATUSES.index)
    if status == "Revoked":
        refuse(Fault.REVOKED, "Intel calls the platform's level revoked")
    svn = quoted.body.tee_tcb_svn
    tcb = Tcb(
        (("module", svn[0]), ("module_major", svn[1]), ("pcesvn", quoted.platform.pcesvn)),
        status,
        min(info.tcb_evaluation_data_number, identity.tcb_evaluation_data_number),
        tuple(sorted({name for each in found for name in each.advisories})),
    )
    until = [signer.until, info_until, identity_until, _next(root_list), _next(pck_list)]
    return Assessed(tcb, min(until))


def _crl(data: bytes, issuer: x509.Certificate, at: float, what: str) -> x509.CertificateRevocationList:
    try:
        crl = x509.load_der_x509_crl(data)
        key = issuer.public_key()
        good = (
            crl.issuer == issuer.subject
            and isinstance(crl.signature_hash_algorithm, HASHES)
            and isinstance(key, ec.EllipticCurvePublicKey)
            and crl.is_signature_valid(key)
        )
        begin, end = crl.last_update_utc, crl.next_update_utc
    except NO_CERTIFICATE as error:
        refuse(Fault.MALFORMED, f"{what} is none: {type(error).__name__}")
    if not good or end is None:
        refuse(Fault.BAD_SIGNATURE, f"{what} is not signed by its issuer")
    _check_time(begin, end, at, what)
    return crl


def _next(crl: x509.CertificateRevocationList) -> int:
    return int(crl.next_update_utc.timestamp()) if crl.next_update_utc is not None else 0


def _signed(data: bytes, name: str, kind: type[_T], signer: x509.Certificate, at: float) -> tuple[_T, int]:
    """The list and until when it holds. The signature is over the text between name and signature, as it stands."""
    matched = _SIGNED.fullmatch(data)
    key = signer.public_key()
    if matched is None or matched[1] != name.encode() or not isinstance(key, ec.EllipticCurvePublicKey):
        refuse(Fault.MALFORMED, f"{name} is not written as Intel writes it, with its signature behind it")
    check_p256(key, bytes.fromhex(matched[3].decode()), matched[2], name)
    try:
        value = msgspec.json.decode(matched[2], type=kind)
        begin, end = _date(value.issue_date), _date(value.next_update)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, ValueError) as error:
        refuse(Fault.MALFORMED, f"{name} cannot be read: {error}")
    _check_time(begin, end, at, name)
    return value, int(end.timestamp())


def _date(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)


def _check_time(begin: datetime, end: datetime, at: float, what: str) -> None:
    if at < begin.timestamp():
        refuse(Fault.NOT_YET, f"{what} begins on {begin:%Y-%m-%d %H:%M:%S} UTC")
    if at > end.timestamp():
        refuse(Fault.EXPIRED, f"{what} was to be replaced by {end:%Y-%m-%d %H:%M:%S} UTC")


def _of_platform(info: _TcbInfo, quoted: Quoted) -> _Level:
    """The first level that the platform reaches. With a module of its own version (svn[1] > 0) the first two of the
    TDX components are the module's, and are judged there."""
    svn = quoted.body.tee_tcb_svn
    first = 2 if svn[1] else 0
    for level in info.tcb_levels:
        sgx = all(have >= need.svn for have, need in zip(quoted.platform.components, level.tcb.sgx, strict=True))
        tdx = all(svn[index] >= level.tcb.tdx[index].svn for index in range(first, 16))
        if sgx and tdx and quoted.platform.pcesvn >= level.tcb.pcesvn:
            return level
    refuse(Fault.TCB_NO_MATCH, "the platform reaches no level of the TCB info")


def _of_module(info: _TcbInfo, quoted: Quoted) -> list[_IsvLevel]:
    """The level of the TDX module; a module without a version of its own is judged with the platform."""
    svn, body = quoted.body.tee_tcb_svn, quoted.body
    if not svn[1]:
        module = info.tdx_module
    else:
        named = [each for each in info.tdx_module_identities if each.id == f"TDX_{svn[1]:02X}"]
        if len(named) != 1:
            refuse(Fault.TCB_NO_MATCH, f"the TCB info knows no TDX module of version {svn[1]}")
        module = named[0]
    if bytes.fromhex(module.mrsigner) != body.seam_signer:
        refuse(Fault.TCB_NO_MATCH, "the TDX module is signed by somebody else")
    _check_masked(body.seam_attributes, module.attributes, module.attributes_mask, "the TDX module")
    return [_first(module.tcb_levels, svn[0], "the TDX module")] if svn[1] else []


def _of_enclave(identity: _QeIdentity, quoted: Quoted) -> _IsvLevel:
    report = quoted.enclave
    _check_masked(report[16:20], identity.miscselect, identity.miscselect_mask, "the quoting enclave")
    _check_masked(report[48:64], identity.attributes, identity.attributes_mask, "the quoting enclave")
    if report[128:160] != bytes.fromhex(identity.mrsigner):
        refuse(Fault.TCB_NO_MATCH, "the quoting enclave is signed by somebody else")
    if int.from_bytes(report[256:258], "little") != identity.isvprodid:
        refuse(Fault.TCB_NO_MATCH, "the quoting enclave is another product")
    return _first(identity.tcb_levels, int.from_bytes(report[258:260], "little"), "the quoting enclave")


def _check_masked(have: bytes, want: str, mask: str, what: str) -> None:
    wanted, masked = bytes.fromhex(want), bytes.fromhex(mask)
    if not len(have) == len(wanted) == len(masked):
        refuse(Fault.MALFORMED, f"the list for {what} has attributes of another length")
    if any((a ^ b) & m for a, b, m in zip(have, wanted, masked, strict=True)):
        refuse(Fault.TCB_NO_MATCH, f"{what} has attributes that the list does not allow")


def _first(levels: tuple[_IsvLevel, ...], svn: int, what: str) -> _IsvLevel:
    for level in levels:
        if svn >= level.tcb.isvsvn:
            return level
    refuse(Fault.TCB_NO_MATCH, f"{what} reaches no level of its list")
