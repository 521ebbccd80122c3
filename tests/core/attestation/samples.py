# SPDX-License-Identifier: Apache-2.0
"""Real evidence of each kind, small, with the moment at which it holds (``samples/README.md`` says whose it is)."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path

import msgspec

from brightline.core.attestation.chain import Root
from brightline.core.attestation.claims import Claims, Kind
from brightline.core.attestation.evidence import Evidence, verify
from brightline.core.errors import EvidenceRefused
from brightline.shell.trust.roots import read_roots, shipped_roots

FOLDER = Path(__file__).parent / "samples"


class Sample(msgspec.Struct, frozen=True):
    """Evidence, and a time (Unix seconds) at which everything in it is in force."""

    name: str
    evidence: Evidence
    at: float

    def verify(
        self, *, main: bytes | None = None, at: float | None = None, parts: Mapping[str, bytes] | None = None
    ) -> Claims:
        """Verify it with some of it exchanged, at its own time or another."""
        evidence = Evidence(
            self.evidence.kind,
            self.evidence.main if main is None else main,
            {**self.evidence.parts, **(parts or {})},
        )
        return verify(evidence, roots(), self.at if at is None else at)


@cache
def roots() -> tuple[Root, ...]:
    """The roots that travel with the package."""
    return read_roots(shipped_roots())


def fault_of(error: EvidenceRefused) -> str:
    """Which fault it was."""
    return error.fault


def unix(time: str) -> float:
    """RFC 3339 as Unix seconds."""
    return datetime.fromisoformat(time).timestamp()


def _sample(name: str, kind: Kind, at: str, main: str, parts: Mapping[str, str] | None = None) -> Sample:
    read = {part: (FOLDER / file).read_bytes() for part, file in (parts or {}).items()}
    return Sample(name, Evidence(kind, (FOLDER / main).read_bytes(), read), unix(at))


_TPM = {"signature": "{}.sig", "registers": "{}.pcrs"}


def _tpm(name: str, at: str, more: Mapping[str, str]) -> Sample:
    parts = {part: file.format(name) for part, file in {**_TPM, **more}.items()}
    return _sample(name, Kind.TPM, at, f"{name}.quote", parts)


NITRO = _sample("nitro", Kind.NITRO, "2022-10-13T08:58:02Z", "nitro.cbor")
NITRO_TPM = _sample("nitrotpm", Kind.NITRO_TPM, "2026-02-03T10:12:02Z", "nitrotpm.cbor")
TPM_GOOGLE = _tpm("tpm-google", "2026-02-03T00:00:00Z", {"chain": "{}-chain.pem"})
TPM_BOUND = _tpm("tpm-nitrotpm", "2026-02-03T10:12:02Z", {"key": "{}-key.pem"})
TPM_LOGGED = _tpm("tpm-cos", "2023-01-01T00:00:00Z", {"key": "{}.key", "log": "{}.log"})
TPM_OWN = _tpm("tpm-own", "2026-11-25T12:00:00Z", {"key": "{}.key"})
SNP_VLEK = _sample(
    "snp-vlek",
    Kind.SNP,
    "2025-01-15T00:00:00Z",
    "snp-vlek.bin",
    {"chain": "snp-vlek.der", "issuers": "snp-vlek-issuers.pem"},
)
SNP_TURIN = _sample("snp-turin", Kind.SNP, "2026-01-15T00:00:00Z", "snp-turin.bin", {"chain": "snp-turin-chain.pem"})
TDX = _sample(
    "tdx",
    Kind.TDX,
    "2025-06-20T00:00:00Z",
    "tdx.dat",
    {
        "tcb_info": "tdx-tcb-info.json",
        "qe_identity": "tdx-qe-identity.json",
        "signing_chain": "tdx-signing-chain.pem",
        "root_crl": "tdx-root.crl",
        "pck_crl": "tdx-pck.crl",
    },
)
SPACE = _sample("gcp-space", Kind.SPACE, "2025-09-05T08:20:00Z", "gcp-space.jwt")
GCE = _sample("gce-identity", Kind.GCE, "2025-02-12T02:00:00Z", "gce-identity.jwt", {"keys": "gce-identity-keys.json"})
EC2 = _sample("ec2-identity", Kind.EC2, "2026-02-16T01:00:00Z", "ec2-identity.p7")

SAMPLES = (
    NITRO,
    NITRO_TPM,
    TPM_GOOGLE,
    TPM_BOUND,
    TPM_LOGGED,
    TPM_OWN,
    SNP_VLEK,
    SNP_TURIN,
    TDX,
    SPACE,
    GCE,
    EC2,
)
ENDORSED = tuple(sample for sample in SAMPLES if sample not in (TPM_BOUND, TPM_LOGGED, TPM_OWN))
"""Those whose key a root vouches for, or a key set; the others are quotes by a bare key."""
