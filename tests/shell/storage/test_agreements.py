# SPDX-License-Identifier: Apache-2.0
"""Agreements by digest: whole or not there, and believed only by their bytes."""

from __future__ import annotations

import os
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


def test_files_that_were_changed_since_they_were_read_are_not_kept(tmp_path: Path) -> None:
    store = AgreementStore(tmp_path / "agreements")
    files = agreement_files(SHIPPED, AGREEMENT)
    with pytest.raises(TrustError, match="a byte of it was changed"):
        store.put(AGREEMENT, {**files, "agreement.toml": files["agreement.toml"] + b"\n"})
    assert not list((tmp_path / "agreements").iterdir())
    store.put(AGREEMENT, files)
    assert store.holds(AGREEMENT.digest)


def test_what_is_there_is_looked_at_before_anybody_relies_on_it(store: AgreementStore) -> None:
    with (store.folder(AGREEMENT.digest) / "agreement.toml").open("a") as file:
        file.write("\n")
    with pytest.raises(TrustError, match="a byte of it was changed"):
        store.put(AGREEMENT, agreement_files(SHIPPED, AGREEMENT))


def test_a_folder_has_its_name_after_those_in_it_are_durable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[int] = []
    monkeypatch.setattr(os, "fsync", lambda fd: done.append(os.fstat(fd).st_ino))
    store = AgreementStore(tmp_path / "agreements")
    folder = store.put(AGREEMENT, {**agreement_files(SHIPPED, AGREEMENT), "proof/proof.json": b"{}"})
    synced = done[: done.index((tmp_path / "agreements").stat().st_ino)]
    assert {folder.stat().st_ino, (folder / "proof").stat().st_ino} <= set(synced)


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
