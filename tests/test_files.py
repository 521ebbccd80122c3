# SPDX-License-Identifier: Apache-2.0
"""A file stands there whole or not at all: what is flushed when, and what an error leaves."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from brightline.core.errors import ConfigError
from brightline.files import create, put, put_whole, write_private, write_whole


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_it_is_flushed_before_it_has_its_name_and_its_folder_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[str] = []
    real = os.fsync

    def fsync(fd: int) -> None:
        path = Path(f"/proc/self/fd/{fd}").readlink()
        done.append("folder" if path == tmp_path else "file")
        done.append((tmp_path / "it").read_text())
        real(fd)

    (tmp_path / "it").write_text("old")
    monkeypatch.setattr(os, "fsync", fsync)
    put(tmp_path / "it", [b"new ", b"and more"])
    assert done == ["file", "old", "folder", "new and more"]
    assert names_in(tmp_path) == ["it"]


@pytest.mark.parametrize("call", ["write", "fsync", "rename"])
def test_an_error_leaves_what_was_there_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    (tmp_path / "it").write_text("old")
    with monkeypatch.context() as patched:
        patched.setattr(os, call, fail)
        with pytest.raises(ConfigError, match="it cannot be written: No space left on device"):
            write_whole(tmp_path / "it", b"new")
    assert (names_in(tmp_path), (tmp_path / "it").read_text()) == (["it"], "old")


def test_what_the_pieces_raise_comes_through_and_nothing_was_changed(tmp_path: Path) -> None:
    def pieces() -> Iterator[bytes]:
        yield b"new"
        raise ConfigError("no more")

    (tmp_path / "it").write_text("old")
    with pytest.raises(ConfigError, match="no more"):
        put(tmp_path / "it", pieces())
    assert (names_in(tmp_path), (tmp_path / "it").read_text()) == (["it"], "old")


def test_what_is_private_is_so_whatever_lay_there_and_nobodys_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "it").write_text("old")
    (tmp_path / "elsewhere").write_text("another's")
    (tmp_path / "beside").symlink_to(tmp_path / "elsewhere")
    folder = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        put_whole(folder, "it", [b"new"], "beside", 0o600)
    finally:
        os.close(folder)
    assert ((tmp_path / "it").read_text(), mode_of(tmp_path / "it")) == ("new", 0o600)
    assert (tmp_path / "elsewhere").read_text() == "another's"


def test_a_private_file_is_never_written_over(tmp_path: Path) -> None:
    create(tmp_path / "it", b"first")
    with pytest.raises(FileExistsError):
        create(tmp_path / "it", b"second")
    with pytest.raises(ConfigError, match="File exists"):
        write_private(tmp_path / "it", b"second")
    assert ((tmp_path / "it").read_bytes(), mode_of(tmp_path / "it")) == (b"first", 0o600)
