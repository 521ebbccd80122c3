# SPDX-License-Identifier: Apache-2.0
"""Agreements by digest: whole or not there, and believed only by their bytes."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightline.core.errors import AgreementError, TrustError
from brightline.shell import shipped
from brightline.shell.storage.agreements import AgreementStore, agreement_files

SHIPPED = shipped.shipped_agreement()
AGREEMENT = shipped.read_agreement(SHIPPED)


@pytest.fixture
def store(tmp_path: Path) -> AgreementStore:
    store = AgreementStore(tmp_path / "agreements")
    store.put(AGREEMENT, {**agreement_files(SHIPPED, AGREEMENT), "proof/proof.json": b"{}"})
    return store


def test_what_is_put_is_read_again(store: AgreementStore) -> None:
    assert store.holds(AGREEMENT.digest)
    assert store.read(AGREEMENT.digest).digest == AGREEMENT.digest
    assert (store.folder(AGREEMENT.digest) / "proof" / "proof.json").read_bytes() == b"{}"


def test_what_is_there_stays(store: AgreementStore) -> None:
    store.put(AGREEMENT, {"agreement.toml": b"another"})
    assert store.read(AGREEMENT.digest).digest == AGREEMENT.digest


def test_a_byte_more_is_another_agreement(store: AgreementStore) -> None:
    with (store.folder(AGREEMENT.digest) / "agreement.toml").open("a") as file:
        file.write("\n")
    with pytest.raises(TrustError, match="a byte of it was changed"):
        store.read(AGREEMENT.digest)


def test_what_is_not_there_is_refused(store: AgreementStore) -> None:
    with pytest.raises(AgreementError, match="cannot be read"):
        store.read("sha256:" + "0" * 64)


@pytest.mark.parametrize("digest", ["", "sha256:../../etc", "sha256:" + "A" * 64, "md5:" + "0" * 64])
def test_a_path_is_no_digest(store: AgreementStore, digest: str) -> None:
    with pytest.raises(TrustError, match="no digest"):
        store.folder(digest)


def test_a_write_that_fails_leaves_nothing(tmp_path: Path) -> None:
    store = AgreementStore(tmp_path / "agreements")
    with pytest.raises(OSError, match="exists|directory"):
        store.put(AGREEMENT, {"agreement.toml": b"1", "agreement.toml/inside": b"2"})
    assert list((tmp_path / "agreements").iterdir()) == []
