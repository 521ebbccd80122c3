# SPDX-License-Identifier: Apache-2.0
"""Reports and quotes that AMD and Intel would never sign, and lists that say otherwise, under roots of our own."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from brightline.core.attestation.claims import Claims, Debug
from brightline.core.attestation.collateral import Assessed, Collateral, assess
from brightline.core.attestation.fault import Fault
from brightline.core.attestation.snp import verify_snp
from brightline.core.attestation.tdx import claims_of, open_quote
from brightline.core.errors import EvidenceRefused
from tests.core.attestation.forge import AT, BEGIN, Link
from tests.core.attestation.forge_chips import (
    CHIP,
    amd_root,
    answer,
    collateral,
    crl,
    intel,
    isv,
    level,
    qe_identity,
    report,
    stamp,
    tcb_info,
    tdx_quote,
    vcek,
)


def snp(key: Link | None = None, chain: Link | None = None, **changed: tuple[int, bytes]) -> Claims:
    signer = key or vcek()
    return verify_snp(report(signer, **changed), (chain or signer).der, None, amd_root(), AT)


def snp_fault(key: Link | None = None, chain: Link | None = None, **changed: tuple[int, bytes]) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        snp(key, chain, **changed)
    return caught.value.fault


def test_a_report_in_order_says_its_chip_and_the_least_of_its_versions() -> None:
    claims = snp()
    assert claims.instance == CHIP.hex()
    assert claims.place is None
    assert claims.tcb is not None
    assert dict(claims.tcb.parts) == {"bl": 4, "tee": 0, "snp": 24, "ucode": 219}
    behind = snp(committed=(0x1E0, bytes([3, 0, 0, 0, 0, 0, 20, 219])))
    assert behind.tcb is not None
    assert dict(behind.tcb.parts) == {"bl": 3, "tee": 0, "snp": 20, "ucode": 219}


def test_what_a_guest_may_be_is_told_and_debugging_first() -> None:
    assert snp(policy=(0x08, (0xB0000).to_bytes(8, "little"))).debug is Debug.ENABLED
    moved = snp(policy=(0x08, (0x70000).to_bytes(8, "little")), vmpl=(0x30, b"\2"), platform=(0x40, b"\x20"))
    assert {"migration": "yes", "vmpl": "2", "alias_check": "yes"}.items() <= dict(moved.conditions).items()


@pytest.mark.parametrize("part", ["1", "2", "3", "8"])
def test_a_certificate_of_another_version_than_the_report_says_is_refused(part: str) -> None:
    assert snp_fault(vcek(versions={part: 1})) == Fault.INCONSISTENT


def test_a_certificate_of_another_chip_is_refused_and_so_is_one_without_a_chip() -> None:
    assert snp_fault(vcek(bytes(63) + b"\1")) == Fault.INCONSISTENT
    assert snp_fault(vcek(CHIP[:32])) == Fault.INCONSISTENT
    assert snp_fault(vcek(CHIP[:8])) == Fault.INCONSISTENT  # a Turin's, with zeros that this report does not have


def test_a_report_that_cannot_be_is_refused() -> None:
    assert snp_fault(policy=(0x08, bytes(8))) == Fault.MALFORMED
    assert snp_fault(vmpl=(0x30, b"\4")) == Fault.MALFORMED
    assert snp_fault(reserved=(0x4C, b"\1")) == Fault.MALFORMED
    assert snp_fault(key_kind=(0x48, b"\4")) == Fault.INCONSISTENT  # says VLEK, and the certificate is of a chip
    assert snp_fault(key_kind=(0x48, b"\x1c")) == Fault.INCONSISTENT
    assert snp_fault(vcek(), vcek()) == Fault.BAD_SIGNATURE


# ---- Intel ---------------------------------------------------------------------------------------------------------


def test_a_quote_in_order_in_both_versions() -> None:
    for version, service in ((4, "unknown"), (5, "no")):
        opened = open_quote(tdx_quote(intel(), version=version), intel().pinned, AT)
        claims = claims_of(opened, None, opened.chained.until)
        assert claims.debug is Debug.DISABLED_PERMANENTLY
        assert dict(claims.conditions) == {"sept_ve_disable": "yes", "service_td": service}
        assert claims.data[:32] == b"n" * 32
    opened = open_quote(tdx_quote(intel(), version=5, service=b"\1" * 48, attributes=1), intel().pinned, AT)
    claims = claims_of(opened, None, opened.chained.until)
    assert claims.debug is Debug.ENABLED
    assert dict(claims.conditions) == {"sept_ve_disable": "no", "service_td": "yes"}


def test_a_quote_by_a_certificate_for_something_else_is_refused() -> None:
    for of in (intel("Intel SGX TCB Signing"), intel(authority_name="Intel SGX Processor")):
        with pytest.raises(EvidenceRefused, match="bad-chain"):
            open_quote(tdx_quote(of), of.pinned, AT)


def test_a_chain_that_is_not_written_as_one_writes_pem_is_refused() -> None:
    quote = tdx_quote(intel())
    begin = quote.index(b"-----BEGIN CERTIFICATE-----\n") + len(b"-----BEGIN CERTIFICATE-----")
    for changed in (quote[:begin] + b" " + quote[begin + 1 :], quote[:-1] + b" ", quote[:-1] + b"\r"):
        with pytest.raises(EvidenceRefused, match="malformed"):
            open_quote(changed, intel().pinned, AT)


def assessed(**changed: bytes) -> Assessed:
    opened = open_quote(tdx_quote(intel()), intel().pinned, AT)
    return assess(opened, collateral(intel(), **changed), intel().pinned, AT)


def fault(**changed: bytes) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        assessed(**changed)
    return caught.value.fault


def info(**changed: Any) -> dict[str, bytes]:
    return {"tcb_info": answer(intel(), "tcbInfo", tcb_info(**changed))}


def identity(**changed: Any) -> dict[str, bytes]:
    return {"qe_identity": answer(intel(), "enclaveIdentity", qe_identity(**changed))}


def test_the_worst_of_platform_module_and_enclave_is_what_the_platform_is() -> None:
    assert assessed().tcb.status == "UpToDate"
    assert assessed(**info(tcbLevels=[level("SWHardeningNeeded", 5)])).tcb.status == "SWHardeningNeeded"
    assert assessed(**identity(tcbLevels=[isv("OutOfDate", 4, advisoryIDs=["B"])])).tcb.status == "OutOfDate"
    both = assessed(
        **info(tcbLevels=[level("ConfigurationNeeded", 5, advisoryIDs=["A"])]),
        **identity(tcbLevels=[isv("OutOfDate", 4, advisoryIDs=["B"])]),
    )
    assert (both.tcb.status, both.tcb.advisories) == ("OutOfDate", ("A", "B"))
    assert assessed(**info(tcbEvaluationDataNumber=17)).tcb.evaluation == 17
    assert assessed(**identity(tcbEvaluationDataNumber=18)).tcb.evaluation == 18


def test_what_is_revoked_is_refused_by_word_or_by_list() -> None:
    of = intel()
    assert fault(**info(tcbLevels=[level("Revoked", 5)])) == Fault.REVOKED
    assert fault(**identity(tcbLevels=[isv("Revoked", 4)])) == Fault.REVOKED
    assert fault(pck_crl=crl(of.authority, of.pck.certificate.serial_number)) == Fault.REVOKED
    assert fault(root_crl=crl(of.root, of.authority.certificate.serial_number)) == Fault.REVOKED
    assert fault(root_crl=crl(of.root, of.signer.certificate.serial_number)) == Fault.REVOKED
    assert assessed(pck_crl=crl(of.authority, 7)).tcb.status == "UpToDate"


def test_each_list_is_over_and_begins_by_its_own_dates() -> None:
    of = intel()
    soon, late = stamp(0.01), stamp(0.5)
    for changed in (
        info(nextUpdate=soon),
        identity(nextUpdate=soon),
        {"root_crl": crl(of.root, days=(0, 0.01))},
        {"pck_crl": crl(of.authority, days=(0, 0.01))},
    ):
        assert fault(**changed) == Fault.EXPIRED
    for changed in (
        info(issueDate=late),
        identity(issueDate=late),
        {"root_crl": crl(of.root, days=(0.5, 1))},
        {"pck_crl": crl(of.authority, days=(0.5, 1))},
    ):
        assert fault(**changed) == Fault.NOT_YET
    assert assessed(**info(nextUpdate=stamp(0.2))).until == int((BEGIN + timedelta(days=0.2)).timestamp())


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        (info(id="SGX"), Fault.UNSUPPORTED),
        (info(version=2), Fault.UNSUPPORTED),
        (identity(id="QE"), Fault.UNSUPPORTED),
        (info(fmspc="00" * 6), Fault.TCB_NO_MATCH),
        (info(pceId="0100"), Fault.TCB_NO_MATCH),
        (info(tcbLevels=[]), Fault.TCB_NO_MATCH),
        (info(tcbLevels=[level("UpToDate", 6)]), Fault.TCB_NO_MATCH),
        (info(tcbLevels=[level("Fine", 5)]), Fault.UNSUPPORTED),
        (info(tcbLevels=[{"tcb": {}, "tcbStatus": "UpToDate"}]), Fault.MALFORMED),
        (info(issueDate="yesterday"), Fault.MALFORMED),
        (identity(tcbLevels=[isv("UpToDate", 5)]), Fault.TCB_NO_MATCH),
        (identity(mrsigner="01" * 32), Fault.TCB_NO_MATCH),
        (identity(attributes="01" * 16), Fault.TCB_NO_MATCH),
        (identity(attributes="00"), Fault.MALFORMED),
        (identity(miscselect="00000001"), Fault.TCB_NO_MATCH),
        (identity(isvprodid=2), Fault.TCB_NO_MATCH),
    ],
    ids=range(16),
)
def test_lists_for_something_else_or_without_a_level_are_refused(changed: dict[str, bytes], expected: Fault) -> None:
    assert fault(**changed) == expected


def test_lists_that_somebody_else_signed_are_refused() -> None:
    other = intel("Intel SGX PCK Certificate", "Intel SGX PCK Processor CA")
    theirs: Collateral = collateral(other)
    assert fault(tcb_info=theirs.tcb_info) == Fault.BAD_SIGNATURE
    assert fault(signing_chain=theirs.signing_chain) == Fault.WRONG_ROOT
    assert fault(root_crl=theirs.root_crl) == Fault.BAD_SIGNATURE
    assert fault(pck_crl=theirs.pck_crl) == Fault.BAD_SIGNATURE
    assert fault(pck_crl=b"x") == Fault.MALFORMED
