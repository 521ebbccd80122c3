# SPDX-License-Identifier: Apache-2.0
"""Whatever is wrong with a file of TOML is one kind of error, which says what, where and what mends it."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest

from brightline.core.toml import TomlError, parse_toml, read_toml

SOURCE = Path(__file__).parents[2] / "src" / "brightline"


class _Shape(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str


@pytest.mark.parametrize(
    ("data", "said", "at"),
    [
        (b"\xff", "not UTF-8 at byte 0", None),
        (b"a = 1\nb = \n", "Invalid value", (2, 5)),
        (b"a = [", "Invalid value (at end of document)", None),
        (b"a = " + b"[" * 50_000, "nested too deep", None),
        (b"a = " + b"1" * 5_000, "a value cannot be read", None),
        (b"#" * 100_001, "it has 100001 bytes; at most 100000 are read", None),
    ],
)
def test_whatever_is_no_toml_is_one_kind_of_error_with_its_place(
    data: bytes, said: str, at: tuple[int, int] | None
) -> None:
    with pytest.raises(TomlError, match=re.escape(said)) as caught:
        parse_toml(data, 100_000)
    assert (caught.value.at, bool(caught.value.mend)) == (at, True)
    assert (f"(at line {at[0]}, column {at[1]})" in str(caught.value)) if at else True


@pytest.mark.parametrize("data", [b"name = 1", b"name = 'a'\nmore = 1", b"", b"name = 'a'\n[name]"])
def test_what_the_type_does_not_have_is_the_same_kind_of_error(data: bytes) -> None:
    with pytest.raises(TomlError):
        read_toml(data, _Shape, 100)
    assert read_toml(b"name = 'a'", _Shape, 100) == _Shape("a")


def test_nothing_else_that_reads_what_people_give_parses_toml_by_itself() -> None:
    own = {
        file.relative_to(SOURCE).as_posix()
        for file in SOURCE.rglob("*.py")
        if re.search(r"^\s*(import|from) tomllib\b", file.read_text("utf-8"), re.MULTILINE)
    }
    assert {name for name in own if not name.startswith("classifier/")} == {"core/toml.py"}  # it builds releases: ours
