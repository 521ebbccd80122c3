# SPDX-License-Identifier: Apache-2.0
"""An adapter is as good as weights into which it was merged; a file that is not one in every respect is refused."""

from __future__ import annotations

import io
import tracemalloc
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import ReleaseError
from brightline.decoder import adapter as adapting
from brightline.decoder.adapter import Adapter
from tests import tiny_decoder
from tests.tiny_decoder import RANK, WIDE, WIDTH

EVERY: Final = tiny_decoder.adapter()
ONE: Final = "blk.1.ffn_up"


def packed(members: Mapping[str, Any], how: int = zipfile.ZIP_STORED) -> bytes:
    """An archive of arrays, or of bytes as they are."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", how) as archive:
        for name, value in members.items():
            array = io.BytesIO()
            if isinstance(value, bytes):
                array.write(value)
            else:
                np.save(array, value, allow_pickle=True)
            archive.writestr(f"{name}.npy", array.getvalue())
    return held.getvalue()


A, B = np.ones((RANK, WIDTH), np.float16), np.ones((WIDE, RANK), np.float16)
GOOD: Final[dict[str, Any]] = {f"{ONE}.a": A, f"{ONE}.b": B}


def test_what_was_written_is_read_and_written_again_as_the_same_bytes(tmp_path: Path) -> None:
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    EVERY.write(one)
    found = Adapter.read(one)
    assert found.halves.keys() == EVERY.halves.keys()
    for name, (a, b) in EVERY.halves.items():
        np.testing.assert_array_equal(found.delta(name), b.astype(np.float32) @ a.astype(np.float32))
    assert found.delta("blk.9.attn_q") is None
    Adapter({name: found.halves[name] for name in reversed(list(found.halves))}).write(two)
    assert one.read_bytes() == two.read_bytes()
    with np.load(one, allow_pickle=False) as loaded:
        np.testing.assert_array_equal(loaded["blk.0.attn_q.a"], EVERY.halves["blk.0.attn_q"][0])


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_what_numpy_writes_is_read_whatever_lies_in_which_order(tmp_path: Path, save: Any) -> None:
    a, b = EVERY.halves[ONE]
    save(tmp_path / "adapter.npz", **{f"{ONE}.a": a, f"{ONE}.b": np.asfortranarray(b)})
    np.testing.assert_array_equal(Adapter.read(tmp_path / "adapter.npz").delta(ONE), EVERY.delta(ONE))


@pytest.mark.parametrize(
    ("members", "why"),
    [
        ({}, "changes nothing"),
        ({**GOOD, f"{ONE}.a": np.array([["x", None]], object)}, "float16"),
        ({**GOOD, f"{ONE}.a": A.astype(np.float32)}, "float16"),
        ({**GOOD, f"{ONE}.a": A.astype(">f2")}, "float16"),
        ({**GOOD, f"{ONE}.a": A[0]}, "two dimensions"),
        ({**GOOD, f"{ONE}.a": A[:0]}, "two dimensions"),
        ({**GOOD, f"{ONE}.a": np.where(A > 0, np.float16(np.nan), A)}, "no number"),
        ({**GOOD, f"{ONE}.b": np.where(B > 0, np.float16(np.inf), B)}, "no number"),
        ({**GOOD, f"{ONE}.a": A[:2]}, "belong together"),
        ({f"{ONE}.a": A}, "belong together"),
        ({f"{ONE}.b": B}, "belong together"),
        ({**GOOD, "blk.1.ffn_up": A}, "changes no"),
        ({**GOOD, "blk.01.ffn_up.a": A}, "changes no"),
        ({**GOOD, "blk.1.attn_norm.a": A}, "changes no"),
        ({**GOOD, "../blk.1.ffn_up.a": A}, "changes no"),
        ({**GOOD, f"{ONE}.a": packed({})}, "float16"),
    ],
)
def test_a_file_with_anything_else_in_it_is_refused(members: dict[str, Any], why: str) -> None:
    assert Adapter.read(packed(GOOD)).halves.keys() == {ONE}
    with pytest.raises(ReleaseError, match=why):
        Adapter.read(packed(members))


def test_numbers_that_half_a_float_cannot_hold_are_not_written(tmp_path: Path) -> None:
    with np.errstate(over="ignore"), pytest.raises(ReleaseError, match="no number"):
        Adapter({ONE: (A, np.full((WIDE, RANK), 1e6))}).write(tmp_path / "adapter.npz")
    assert not (tmp_path / "adapter.npz").exists()


def test_a_length_is_not_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    array = io.BytesIO()
    np.save(array, A)
    for said, instead in ((b"(3, 32)", b"(9, 32)"), (b"(3, 32)", b"(1, 32)"), (b"\x76\x00", b"\x75\x00")):
        assert said in array.getvalue()
        with pytest.raises(ReleaseError, match="as long as it says"):
            Adapter.read(packed({**GOOD, f"{ONE}.a": array.getvalue().replace(said, instead, 1)}))
    monkeypatch.setattr(adapting, "BYTES_MAX", 4_096)
    for much in (
        bytes(4_096) + packed(GOOD),
        packed({**GOOD, f"{ONE}.a": bytes(100_000)}),
        packed({**GOOD, f"{ONE}.a": bytes(100_000)}, zipfile.ZIP_DEFLATED),
    ):
        with pytest.raises(ReleaseError, match="more than 4096 bytes"):
            Adapter.read(much)


def test_a_bomb_that_lies_about_its_size_is_unpacked_no_further_than_it_says() -> None:
    size = (16 << 20).to_bytes(4, "little")
    data = packed({**GOOD, f"{ONE}.a": bytes(16 << 20)}, zipfile.ZIP_DEFLATED)
    assert data.count(size) == 2, "before the member and in the directory"
    data = data.replace(size, (200).to_bytes(4, "little"))
    tracemalloc.start()
    try:
        with pytest.raises(ReleaseError):
            Adapter.read(data)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_arrays_of_one_name_are_refused() -> None:
    held = io.BytesIO(packed(GOOD))
    with zipfile.ZipFile(held, "a") as archive:
        archive.writestr(f"{ONE}.a.npy", b"")
    with pytest.raises(ReleaseError, match="two arrays of one name"):
        Adapter.read(held.getvalue())


WHOLE: Final = packed(GOOD, zipfile.ZIP_DEFLATED)


@given(at=st.integers(0, len(WHOLE) - 1), value=st.integers(0, 255), end=st.integers(0, len(WHOLE)))
def test_a_file_that_is_broken_or_cut_anywhere_is_refused_or_says_the_same(at: int, value: int, end: int) -> None:
    broken = bytearray(WHOLE)
    broken[at] = value
    for data in (bytes(broken), WHOLE[:end]):
        try:
            found = Adapter.read(data)
        except ReleaseError:
            continue
        np.testing.assert_array_equal(found.delta(ONE), Adapter.read(WHOLE).delta(ONE))


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReleaseError):
        Adapter.read(tmp_path / "adapter.npz")
