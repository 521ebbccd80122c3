# SPDX-License-Identifier: Apache-2.0
"""Evidence that other projects published, each at its moment, against what an ordinary verifier says of it."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from brightline.core.attestation.claims import Claims, Kind
from brightline.core.attestation.demands import check_not_debug
from brightline.core.attestation.event_log import read_log, secure_boot
from brightline.core.attestation.evidence import Evidence, verify
from brightline.core.attestation.tpm import read_quote
from brightline.core.errors import EvidenceRefused
from tests.core.attestation.samples import roots, unix
from tests.vectors import vectors_dir

# Where we are stricter than the table's reader: it cut an extra text behind a quote, and took odd headers.
STRICTER = {
    "blocky_nitrite/nitro_selfsigned.cbor": "malformed",
    "google_go-tdx-guest/tdx_v4_spr.dat": "malformed",
    "confidential-containers_trustee/vcek_lookalike_legacy.der": "bad-chain",
    "confidential-containers_trustee/vcek_lookalike_new.der": "bad-chain",
}
KINDS = {
    "nitro": Kind.NITRO,
    "nitrotpm": Kind.NITRO_TPM,
    "tpm-json": Kind.TPM,
    "snp": Kind.SNP,
    "snp-lookalike": Kind.SNP,
    "tdx": Kind.TDX,
    "gcp-cs-pki": Kind.SPACE,
    "gcp-cs-oidc": Kind.SPACE,
    "gce-identity": Kind.GCE,
    "iid-p7": Kind.EC2,
}


def rows(*kinds: str) -> list[dict[str, Any]]:
    index: list[dict[str, Any]] = json.loads((vectors_dir("attestation") / "index.json").read_text("utf-8"))
    return [row for row in index if row["kind"] in kinds]


def ordinary(evidence: Evidence, at: str) -> Claims | str:
    """The claims, or the fault, of a verifier that wants no debugging and nothing out of date."""
    try:
        claims = verify(evidence, roots(), unix(at))
        check_not_debug(claims)
    except EvidenceRefused as error:
        return error.fault
    if claims.tcb is not None and claims.tcb.status == "OutOfDate":
        return "tcb-out-of-date"
    return claims


def collateral(folder: Path, given: Mapping[str, str]) -> dict[str, bytes]:
    """Intel's lists as the table names them: files as they came, or fields of one collection."""
    parts: dict[str, bytes] = {}
    for which in ("json", "pck_json", "root_json"):
        if which in given:
            of = json.loads((folder / given[which]).read_bytes())
            parts.setdefault("signing_chain", of["tcb_info_issuer_chain"].encode())
            if which != "root_json":
                parts["pck_crl"] = bytes.fromhex(of["pck_crl"])
            if which != "pck_json":
                parts["root_crl"] = bytes.fromhex(of["root_ca_crl"])
            if which == "json":
                parts["tcb_info"] = _answer("tcbInfo", of["tcb_info"], of["tcb_info_signature"])
                parts["qe_identity"] = _answer("enclaveIdentity", of["qe_identity"], of["qe_identity_signature"])
    names = {"tcb": "tcb_info", "qe": "qe_identity", "tcb_chain": "signing_chain"}
    for which, file in given.items():
        if which in (*names, "pck_crl", "root_crl"):
            parts[names.get(which, which)] = (folder / file).read_bytes()
    return parts


def _answer(name: str, text: str, signature: str) -> bytes:
    return f'{{"{name}":{text},"signature":"{signature}"}}'.encode()


def evidence_of(row: Mapping[str, Any], folder: Path) -> Evidence:
    def read(name: str) -> bytes:
        return (folder / str(row[name])).read_bytes()

    kind, main = KINDS[row["kind"]], read("file")
    if kind is Kind.SNP:
        chain, issuers = read("vek" if "vek" in row else "file"), read("chain")
        parts = {"chain": chain} if chain == issuers else {"chain": chain, "issuers": issuers}
        return Evidence(kind, read("report") if "report" in row else main, parts)
    if row["kind"] == "tpm-json":
        return _tpm(json.loads(main))
    parts = collateral(folder, row["collateral"]) if "collateral" in row else {}
    return Evidence(kind, main, parts | ({"keys": read("jwks")} if "jwks" in row else {}))


def _tpm(fixture: Mapping[str, Any]) -> Evidence:
    quote = fixture["attestation"]["tpm"]["ecc_p256"]
    attest = bytes.fromhex(quote["attest_data"])
    r, s = decode_dss_signature(bytes.fromhex(quote["signature"]))
    signature = b"\x00\x18\x00\x0b" + b"".join(b"\x00\x20" + part.to_bytes(32, "big") for part in (r, s))
    registers = b"".join(bytes.fromhex(fixture["pcrs"][bank][str(i)]) for bank, i in read_quote(attest).selected)
    parts = {"signature": signature, "registers": registers}
    if "gcp" in fixture["attestation"]:
        return Evidence(Kind.TPM, attest, parts | {"chain": fixture["attestation"]["gcp"]["ak_cert_chain"].encode()})
    point = fixture["ak_pubkeys"]["ecc_p256"]
    key = bytes.fromhex("3059301306072a8648ce3d020106082a8648ce3d03010703420004" + point["x"] + point["y"])
    pem = b"-----BEGIN PUBLIC KEY-----\n" + base64.encodebytes(key) + b"-----END PUBLIC KEY-----\n"
    return Evidence(Kind.TPM, attest, parts | {"key": pem})


@pytest.mark.parametrize("kind", KINDS)
def test_each_sample_comes_out_as_its_table_says(kind: str) -> None:
    folder = vectors_dir("attestation")
    seen = 0
    for row in rows(kind):
        found = ordinary(evidence_of(row, folder), row["at"])
        expected = STRICTER.get(row["file"], row["expect"].removeprefix("refuse:"))
        if expected.startswith("accept"):
            assert isinstance(found, Claims), (row["file"], found)
        else:
            assert found == expected, row["file"]
        seen += 1
    assert seen


def test_the_same_quote_is_up_to_date_in_june_and_out_of_date_in_february() -> None:
    folder = vectors_dir("attestation")
    [row] = [row for row in rows("tdx") if "also" in row]
    later = row | row["also"]
    assert isinstance(ordinary(evidence_of(row, folder), row["at"]), Claims)
    assert ordinary(evidence_of(later, folder), later["at"]) == "tcb-out-of-date"


def test_what_was_read_is_what_the_table_read() -> None:
    folder = vectors_dir("attestation")
    for row in rows("snp", "tdx"):
        found = ordinary(evidence_of(row, folder), row["at"])
        if isinstance(found, Claims):
            assert found.data.hex() == row["facts"]["report_data"]
            measured = row["facts"].get("measurement", row["facts"].get("mrtd"))
            assert measured in found.measured.values()


def test_the_event_logs_lead_to_the_registers_that_their_machines_had() -> None:
    folder = vectors_dir("attestation")
    banks = json.loads((folder / "google_go-tpm-tools" / "eventlog_banks.json").read_bytes())
    compared = 0
    for path in sorted((folder / "google_go-tpm-tools").glob("eventlog_*.bin")):
        known = banks[path.stem.removeprefix("eventlog_")]
        if "sha256" not in known:
            with pytest.raises(EvidenceRefused, match="weak-hash"):
                read_log(path.read_bytes())
            continue
        log = read_log(path.read_bytes())
        for bank in log.banks & known.keys():
            replayed = log.replay(bank)
            assert {index: replayed[int(index)].hex() for index in known[bank]} == known[bank]
            compared += 1
    assert compared >= 8


def test_secure_boot_is_read_from_the_log() -> None:
    folder = vectors_dir("attestation") / "google_go-tpm-tools"
    said = {
        name: secure_boot(read_log((folder / f"eventlog_{name}.bin").read_bytes()))
        for name in ("rhel8-uefi", "cos-101-amd-sev", "ubuntu-2104-no-secure-boot", "glinux-alex")
    }
    assert said == {
        "rhel8-uefi": "yes",
        "cos-101-amd-sev": "yes",
        "ubuntu-2104-no-secure-boot": "no",
        "glinux-alex": "no",
    }


def test_a_confidential_guests_log_leads_to_the_registers_of_its_quote_and_a_changed_one_does_not() -> None:
    folder = vectors_dir("attestation") / "google_go-tdx-guest"
    quote, log = (folder / name for name in ("tdx_v4_gcp_cos113.dat", "ccel_gcp_cos113.bin"))
    logged = Evidence(Kind.TDX, quote.read_bytes(), {"log": log.read_bytes()})
    claims = verify(logged, roots(), unix("2025-10-25T00:00:00Z"))
    assert dict(claims.conditions)["secure_boot"] in {"yes", "no"}
    other = Evidence(Kind.TDX, (folder / "tdx_v4_spr.dat").read_bytes()[:-39], {"log": log.read_bytes()})
    assert ordinary(other, "2025-10-25T00:00:00Z") == "log-mismatch"
    cut = log.read_bytes()[:6_000]
    assert ordinary(Evidence(Kind.TDX, quote.read_bytes(), {"log": cut}), "2025-10-25T00:00:00Z") == "malformed"
    sha256 = (vectors_dir("attestation") / "google_go-tpm-tools" / "eventlog_arch-linux-workstation.bin").read_bytes()
    unlike = Evidence(Kind.TDX, quote.read_bytes(), {"log": sha256})
    assert ordinary(unlike, "2025-10-25T00:00:00Z") == "log-mismatch"


def test_whatever_lies_there_is_read_or_refused_in_words_of_ours() -> None:
    """Every file of the set, as evidence of every kind: tokens of others, look-alikes, physical boards' logs."""
    folder = vectors_dir("attestation")
    for path in sorted(folder.glob("*/*")):
        data = path.read_bytes()
        for kind in Kind:
            parts = {"signature": data, "registers": data, "log": data, "key": data} if kind is Kind.TPM else {}
            parts |= {"chain": data} if kind is Kind.SNP else {"keys": data} if kind is Kind.GCE else {}
            try:
                verify(Evidence(kind, data, parts), roots(), unix("2025-06-20T00:00:00Z"))
            except EvidenceRefused:
                continue
        try:
            read_log(data)
        except EvidenceRefused:
            continue


def test_a_quote_in_sha_1_is_refused_and_so_are_keys_and_hashes_of_then() -> None:
    folder = vectors_dir("attestation")
    windows = json.loads((folder / "google_go-attestation" / "tpm_windows_sha1.json").read_bytes())
    with pytest.raises(EvidenceRefused, match="weak-hash"):
        read_quote(base64.b64decode(windows["Quote"]["Quote"]))
    dsa = (folder / "smallstep_pkcs7" / "ec2_2016_dsa_sha1.p7.pem").read_bytes()
    body = base64.b64decode(b"".join(line for line in dsa.splitlines() if not line.startswith(b"-")))
    assert isinstance(ordinary(Evidence(Kind.EC2, body, {}), "2016-04-08T03:01:00Z"), str)
