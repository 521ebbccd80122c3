# SPDX-License-Identifier: Apache-2.0
"""Private keys on disk: made once, for their owner's eyes alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightline.core.errors import TrustError
from brightline.shell.trust.keys import load_key, load_secret, make_key, make_secret, public_hex


def test_a_key_is_read_back_and_is_private(tmp_path: Path) -> None:
    made = make_key(tmp_path / "k")
    assert public_hex(load_key(tmp_path / "k")) == public_hex(made)
    assert (tmp_path / "k").stat().st_mode & 0o777 == 0o600


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    make_key(tmp_path / "k")
    with pytest.raises(TrustError, match="never replaced"):
        make_key(tmp_path / "k")
    make_secret(tmp_path / "s")
    with pytest.raises(TrustError, match="never replaced"):
        make_secret(tmp_path / "s")


def test_a_key_that_others_can_read_is_refused(tmp_path: Path) -> None:
    make_key(tmp_path / "k")
    (tmp_path / "k").chmod(0o640)
    with pytest.raises(TrustError, match="chmod 600"):
        load_key(tmp_path / "k")


@pytest.mark.parametrize("data", [b"", b"nonsense", b"00" * 31, b"zz" * 32])
def test_what_is_no_key_and_no_secret_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "k").write_bytes(data)
    (tmp_path / "k").chmod(0o600)
    with pytest.raises(TrustError):
        load_key(tmp_path / "k")
    with pytest.raises(TrustError):
        load_secret(tmp_path / "k")


def test_a_missing_key_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(TrustError, match="cannot be read"):
        load_key(tmp_path / "k")
