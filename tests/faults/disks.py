# SPDX-License-Identifier: Apache-2.0
"""Small disks that fill up in earnest, where the machine lets a test have one."""

from __future__ import annotations

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

TMPFS_BYTES = 12 << 20
EXT4_BYTES = 8 << 20


@contextlib.contextmanager
def small_disk(kind: str) -> Iterator[Path]:
    """A file system of a few megabytes: ``tmpfs``, or ``ext4`` on a loop device. Skips where none can be mounted.

    It lies outside the folders that pytest clears by itself: a mount that a killed run left behind is in nobody's way.
    """
    folder = Path(tempfile.mkdtemp(prefix="brightline-small-disk-"))
    mounted, image = folder / kind, folder / "image"
    mounted.mkdir()
    try:
        if kind == "tmpfs":
            command = ["mount", "-t", "tmpfs", "-o", f"size={TMPFS_BYTES}", "tmpfs", str(mounted)]
        else:
            with image.open("wb") as file:
                file.truncate(EXT4_BYTES)
            if shutil.which("mkfs.ext4") is None:
                pytest.skip("there is no mkfs.ext4 here")
            subprocess.run(["mkfs.ext4", "-q", "-m", "0", str(image)], check=True, capture_output=True)
            command = ["mount", "-o", "loop", str(image), str(mounted)]
        if shutil.which("mount") is None or subprocess.run(command, capture_output=True, check=False).returncode:
            pytest.skip(f"a {kind} cannot be mounted here")
        try:
            yield mounted
        finally:  # lazily: a file that a failed test still holds open must not keep the disk
            subprocess.run(["umount", "--lazy", str(mounted)], check=True, capture_output=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def fill(hog: Path) -> None:
    """Take all the room that is left, to the last byte."""
    with hog.open("ab", buffering=0) as file:
        for size in (1 << 18, 4096, 1):
            with contextlib.suppress(OSError):
                for _ in range(1 << 12):  # bounded: should this disk be a large one after all
                    file.write(b"h" * size)
