# SPDX-License-Identifier: Apache-2.0
"""Real evidence of each kind, small, with the moment at which it holds (``samples/README.md`` says whose it is)."""

from __future__ import annotations

import tomllib
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


def _read() -> dict[str, Sample]:
    found = {}
    for row in tomllib.loads((FOLDER / "samples.toml").read_text("utf-8"))["sample"]:
        parts = {name: (FOLDER / file).read_bytes() for name, file in row.get("parts", {}).items()}
        evidence = Evidence(Kind(row["kind"]), (FOLDER / row["file"]).read_bytes(), parts)
        found[row["name"]] = Sample(row["name"], evidence, unix(row["at"]))
    return found


BY_NAME = _read()
SAMPLES = tuple(BY_NAME.values())
NITRO, NITRO_TPM = BY_NAME["nitro"], BY_NAME["nitrotpm"]
TPM_GOOGLE, TPM_BOUND = BY_NAME["tpm-google"], BY_NAME["tpm-nitrotpm"]
TPM_LOGGED, TPM_OWN = BY_NAME["tpm-cos"], BY_NAME["tpm-own"]
SNP_VLEK, SNP_TURIN = BY_NAME["snp-vlek"], BY_NAME["snp-turin"]
TDX, SPACE, GCE, EC2 = (BY_NAME[name] for name in ("tdx", "gcp-space", "gce-identity", "ec2-identity"))

ENDORSED = tuple(sample for sample in SAMPLES if sample not in (TPM_BOUND, TPM_LOGGED, TPM_OWN))
"""Those whose key a root vouches for, or a key set; the others are quotes by a bare key."""
