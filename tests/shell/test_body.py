# SPDX-License-Identifier: Apache-2.0
"""A body is read whole and no further than its bound, or it is said why not."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest

import brightline
from brightline.shell.body import BodyTooLarge, ClientLeft, Receive, read_body

SOURCE = Path(brightline.__file__).parent


def arriving(*parts: bytes, ends: bool = True) -> tuple[Receive, list[bytes]]:
    """What the server hands over, and what of it is left."""
    left = list(parts)

    async def receive() -> MutableMapping[str, Any]:
        if not left:
            return {"type": "http.disconnect"}
        part = left.pop(0)
        return {"type": "http.request", "body": part, "more_body": bool(left) or not ends}

    return receive, left


async def test_the_parts_are_joined_up_to_the_bound_itself() -> None:
    assert await read_body(arriving(b"abc", b"", b"de")[0], 5) == b"abcde"
    assert await read_body(arriving(b"")[0], 0) == b""


async def test_one_byte_too_many_ends_it_and_nothing_more_is_read() -> None:
    receive, left = arriving(b"abc", b"def", b"ghi")
    with pytest.raises(BodyTooLarge, match="5 bytes"):
        await read_body(receive, 5)
    assert left == [b"ghi"]


async def test_a_body_that_breaks_off_is_no_body() -> None:
    with pytest.raises(ClientLeft):
        await read_body(arriving(b"abc", ends=False)[0], 5)


def test_there_is_one_reader_of_bodies() -> None:
    readers = {
        file.relative_to(SOURCE).as_posix()
        for file in SOURCE.rglob("*.py")
        if 'get("more_body"' in file.read_text("utf-8")
    }
    assert readers == {"shell/body.py"}
