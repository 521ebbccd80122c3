# SPDX-License-Identifier: Apache-2.0
"""Real reports of AMD's and Intel's chips with another's certificates, lists or bytes in the place of their own."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from brightline.core.attestation.chain import Root, read_certificates
from brightline.core.attestation.claims import Debug
from brightline.core.attestation.collateral import Collateral, assess
from brightline.core.attestation.evidence import Evidence, verify
from brightline.core.attestation.fault import Fault
from brightline.core.attestation.tdx import Quoted, open_quote
from brightline.core.errors import EvidenceRefused
from tests.core.attestation.samples import SNP_TURIN, SNP_VLEK, TDX, TPM_LOGGED, Sample, roots

LISTS = ("tcb_info", "qe_identity", "signing_chain", "root_crl", "pck_crl")


def fault(sample: Sample, **changed: Any) -> str:
    with pytest.raises(EvidenceRefused) as caught:
        sample.verify(**changed)
    return caught.value.fault


def put(data: bytes, at: int, value: bytes) -> bytes:
    return data[:at] + value + data[at + len(value) :]


def test_the_signed_part_and_nothing_else_is_what_a_report_says() -> None:
    claims = SNP_TURIN.verify()
    assert claims.debug is Debug.DISABLED_PERMANENTLY
    assert claims.product == "Turin"
    assert claims.tcb is not None
    assert dict(claims.tcb.parts) == {"fmc": 0, "bl": 1, "tee": 0, "snp": 2, "ucode": 71}
    assert dict(claims.conditions)["signing_key"] == "vcek"


@pytest.mark.parametrize("at", [0x2A0 + 48, 0x2A0 + 71, 0x2A0 + 72 + 48, 0x330, 0x49F])
def test_a_byte_behind_the_signature_is_refused(at: int) -> None:
    assert fault(SNP_TURIN, main=put(SNP_TURIN.evidence.main, at, b"\1")) == Fault.MALFORMED


def test_a_report_of_another_version_or_algorithm_is_refused() -> None:
    main = SNP_TURIN.evidence.main
    for at, value in ((0, b"\4\0\0\0"), (0, b"\1\0\0\0"), (0x34, b"\2\0\0\0"), (0x34, b"\0\0\0\0")):
        assert fault(SNP_TURIN, main=put(main, at, value)) == Fault.UNSUPPORTED


def test_the_key_of_another_chip_generation_or_owner_does_not_sign_for_this_report() -> None:
    own, other = SNP_TURIN.evidence.parts, SNP_VLEK.evidence.parts
    both = {"chain": other["chain"], "issuers": other["issuers"]}
    assert fault(SNP_TURIN, parts=both, at=SNP_VLEK.at) == Fault.BAD_SIGNATURE
    vcek = read_certificates(own["chain"], "chain")[0].public_bytes(Encoding.DER)
    assert fault(SNP_TURIN, parts={"chain": vcek, "issuers": other["issuers"]}) == Fault.BAD_CHAIN
    assert fault(SNP_TURIN, parts={"chain": vcek}) == Fault.WRONG_ROOT
    turned = b"".join(each.public_bytes(Encoding.PEM) for each in reversed(read_certificates(own["chain"], "chain")))
    assert fault(SNP_TURIN, parts={"chain": turned}) in {Fault.WRONG_ROOT, Fault.BAD_CHAIN}


def test_a_root_of_another_generation_reads_the_versions_otherwise_and_is_refused() -> None:
    """Turin's bytes under Milan's names would be another version: the root says which, and the certificate agrees."""
    as_milan = tuple(
        Root(
            root.name,
            root.vouches_for,
            "Milan" if root.label == "Turin" else root.label,
            root.sha256,
            root.certificate,
        )
        for root in roots()
    )
    with pytest.raises(EvidenceRefused) as caught:
        verify(SNP_TURIN.evidence, as_milan, SNP_TURIN.at)
    assert caught.value.fault == Fault.INCONSISTENT


# ---- Intel ---------------------------------------------------------------------------------------------------------


def test_zeros_behind_a_quote_are_its_padding_and_anything_else_is_refused() -> None:
    main = TDX.evidence.main
    assert TDX.verify(main=main + bytes(70)) == TDX.verify()
    assert fault(TDX, main=main + bytes(69) + b"\1") == Fault.MALFORMED


def test_without_intels_lists_a_quote_says_nothing_of_its_age_and_with_some_of_them_it_is_refused() -> None:
    bare = verify(Evidence(TDX.evidence.kind, TDX.evidence.main, {}), roots(), TDX.at)
    assert bare.tcb is not None
    assert (bare.tcb.status, bare.tcb.evaluation) == ("", 0)
    for name in LISTS:
        parts = {each: data for each, data in TDX.evidence.parts.items() if each != name}
        with pytest.raises(EvidenceRefused) as caught:
            verify(Evidence(TDX.evidence.kind, TDX.evidence.main, parts), roots(), TDX.at)
        assert caught.value.fault == Fault.MALFORMED


def test_lists_are_over_or_not_yet_by_their_own_dates() -> None:
    until = TDX.verify().until
    assert until is not None
    assert fault(TDX, at=until + 1) == Fault.EXPIRED
    assert fault(TDX, at=until - 40 * 86_400) == Fault.NOT_YET


def quoted() -> Quoted:
    return open_quote(TDX.evidence.main, roots(), TDX.at)


def test_a_certificate_of_intels_for_something_else_signs_no_list_and_no_quote() -> None:
    pck = b"".join(each.public_bytes(Encoding.PEM) for each in (quoted().chained.leaf, *quoted().chained.issuers))
    assert fault(TDX, parts={"signing_chain": pck}) == Fault.BAD_CHAIN
    signing = TDX.evidence.parts["signing_chain"]
    start = TDX.evidence.main.index(b"-----BEGIN")
    length = int.from_bytes(TDX.evidence.main[start - 4 : start], "little")
    mixed = TDX.evidence.main[:start] + signing[:length].ljust(length, b"\n") + TDX.evidence.main[start + length :]
    assert fault(TDX, main=mixed) in {Fault.MALFORMED, Fault.BAD_CHAIN}


def test_lists_in_each_others_place_or_of_another_text_are_refused() -> None:
    parts = TDX.evidence.parts
    assert fault(TDX, parts={"tcb_info": parts["qe_identity"]}) == Fault.MALFORMED
    assert fault(TDX, parts={"root_crl": parts["pck_crl"]}) == Fault.BAD_SIGNATURE
    assert fault(TDX, parts={"pck_crl": parts["root_crl"]}) == Fault.BAD_SIGNATURE
    for text in (b"", b"{}", b'{"tcbInfo":{},"signature":""}', parts["tcb_info"] + b"x", b"[" * 10_000):
        assert fault(TDX, parts={"tcb_info": text}) == Fault.MALFORMED
    spaced = parts["tcb_info"].replace(b'"id":"TDX"', b'"id": "TDX"')
    assert fault(TDX, parts={"tcb_info": spaced}) == Fault.BAD_SIGNATURE
    better = parts["tcb_info"].replace(b'"OutOfDate"', b'"UpToDate"')
    assert fault(TDX, parts={"tcb_info": better}) == Fault.BAD_SIGNATURE


def test_a_platform_that_reaches_no_level_or_is_of_another_family_is_refused() -> None:
    collateral = Collateral(*(TDX.evidence.parts[name] for name in LISTS))
    found = quoted()
    assert assess(found, collateral, roots(), TDX.at).tcb.status == "UpToDate"
    platform, body = found.platform, found.body
    worse: list[tuple[Quoted, str]] = [
        (msgspec.structs.replace(found, platform=msgspec.structs.replace(platform, fmspc=bytes(6))), "tcb-no-match"),
        (msgspec.structs.replace(found, platform=msgspec.structs.replace(platform, pceid=b"\1\0")), "tcb-no-match"),
        (
            msgspec.structs.replace(found, platform=msgspec.structs.replace(platform, components=(0,) * 16)),
            "tcb-no-match",
        ),
        (msgspec.structs.replace(found, body=msgspec.structs.replace(body, seam_signer=b"\1" * 48)), "tcb-no-match"),
        (
            msgspec.structs.replace(found, body=msgspec.structs.replace(body, seam_attributes=b"\1" * 8)),
            "tcb-no-match",
        ),
        (msgspec.structs.replace(found, enclave=put(found.enclave, 128, bytes(32))), "tcb-no-match"),
        (msgspec.structs.replace(found, enclave=put(found.enclave, 256, b"\x09\0")), "tcb-no-match"),
        (msgspec.structs.replace(found, enclave=put(found.enclave, 258, b"\0\0")), "tcb-no-match"),
        (msgspec.structs.replace(found, enclave=put(found.enclave, 48, b"\xff")), "tcb-no-match"),
    ]
    for other, expected in worse:
        with pytest.raises(EvidenceRefused) as caught:
            assess(other, collateral, roots(), TDX.at)
        assert caught.value.fault == expected
    older = msgspec.structs.replace(found, platform=msgspec.structs.replace(platform, pcesvn=5))
    assert assess(older, collateral, roots(), TDX.at).tcb.status == "OutOfDate"
    svn = body.tee_tcb_svn
    module = msgspec.structs.replace(found, body=msgspec.structs.replace(body, tee_tcb_svn=bytes([2]) + svn[1:]))
    assert assess(module, collateral, roots(), TDX.at).tcb.status == "OutOfDate"
    unknown = msgspec.structs.replace(
        found, body=msgspec.structs.replace(body, tee_tcb_svn=svn[:1] + b"\x09" + svn[2:])
    )
    with pytest.raises(EvidenceRefused, match="tcb-no-match"):
        assess(unknown, collateral, roots(), TDX.at)


def test_the_quoting_enclave_signed_with_the_key_that_its_report_names() -> None:
    main = TDX.evidence.main
    at = 48 + 584 + 4 + 64  # its key, behind the signature
    assert fault(TDX, main=put(main, at, bytes(64))) in {Fault.INCONSISTENT, Fault.MALFORMED}


def test_a_log_of_another_machine_does_not_lead_to_this_quotes_registers() -> None:
    assert fault(TDX, parts={"log": TPM_LOGGED.evidence.parts["log"]}) == Fault.LOG_MISMATCH
    assert fault(TDX, parts={"log": b""}) == Fault.MALFORMED
