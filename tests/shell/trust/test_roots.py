# SPDX-License-Identifier: Apache-2.0
"""The vendors' roots: those that are shipped are those that their digests say, and a changed file is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightline.core.attestation.chain import RootFor
from brightline.core.errors import TrustError
from brightline.shell.trust.roots import read_roots, shipped_roots

# As the vendors and others print them: SHA-256 over the DER.
KNOWN = {
    "AWS Nitro Enclaves G1": "641a0321a3e244efe456463195d606317ed7cdcc3c1756e09893f3c68f79bb5b",
    "AMD ARK Milan": "69d063b45344d26a2e94e1f4210de49ef555308287d4c174445c95639a540bcd",
    "AMD ARK Genoa": "4c6598d19c18719c5dfd4a7d335f674e5bfe1d8f800cea2cf270c10d103db2f1",
    "AMD ARK Turin": "1f084161a44bb6d93778a904877d4819cafa5d05ef4193b2ded9dd9c73dd3f6a",
    "Intel SGX Root CA": "44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3",
    "Google EK/AK CA Root": "594759594b9b61524f6c8ef668f7177f7b9066bc0674f2f49fe9e052be78beb2",
    "Google TPM EK Root 1": "9bd5285f8fb18502a7947e621ffd470266f49fcd3b73e19a190f690ad32a7caf",
    "Google Confidential Space Root": "148b293821bb0c6a317f413c8ba475814091cb22d49b9e3c94198db8e8f86c39",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for path in shipped_roots().iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    return tmp_path


def test_those_that_are_shipped_are_those_that_are_known() -> None:
    roots = read_roots(shipped_roots())
    assert {root.name: root.sha256 for root in roots if root.vouches_for is not RootFor.EC2} == KNOWN
    regions = [root.label for root in roots if root.vouches_for is RootFor.EC2]
    assert len(regions) == len(set(regions)) == 36


def test_another_certificate_under_a_known_name_is_refused(folder: Path) -> None:
    (folder / "aws-nitro-g1.pem").write_bytes((folder / "amd-ark-milan.pem").read_bytes())
    with pytest.raises(TrustError, match="digest of 'AWS Nitro"):
        read_roots(folder)


@pytest.mark.parametrize("text", [b"", b"[[root]]\nname = 1", b"\xff", b"root = []", b"[[root]]\nsurplus = 1"])
def test_a_list_that_is_none_is_refused(folder: Path, text: bytes) -> None:
    (folder / "roots.toml").write_bytes(text)
    with pytest.raises(TrustError, match="list of roots"):
        read_roots(folder)


def test_a_file_that_is_missing_leads_elsewhere_or_holds_no_certificate_is_refused(folder: Path) -> None:
    (folder / "aws-nitro-g1.pem").write_bytes(b"none")
    with pytest.raises(TrustError, match="no certificates"):
        read_roots(folder)
    (folder / "aws-nitro-g1.pem").unlink()
    with pytest.raises(TrustError, match="list of roots"):
        read_roots(folder)
    file = folder / "roots.toml"
    file.write_text(file.read_text().replace('"aws-nitro-g1.pem"', '"../aws-nitro-g1.pem"'))
    with pytest.raises(TrustError, match="list of roots"):
        read_roots(folder)
