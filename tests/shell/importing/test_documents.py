# SPDX-License-Identifier: Apache-2.0
"""YAML of others: plain values, and nothing that unfolds, repeats, nests or runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightline.core.errors import ConfigError
from brightline.shell.importing.documents import BYTES_MAX, read_documents, seconds

BOMB = "a: &a {x0: 1, x1: 2}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 8)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LAUGHS = "a: &a [x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 8)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 1: the name 'a' is given twice"),
        ("a: {b: 1, b: 2}\n", "given twice"),
        (LAUGHS, "more than"),
        ("a: &a [*a]\n", "more than"),
        ("[" * 5_000, "more than|no YAML"),
        ("a: !!python/object/apply:os.system [SECRET]\n", "line 1: this is no YAML"),
        ("a: !custom SECRET\n", "line 1: this is no YAML"),
        ("a: 'SECRET\n", "this is no YAML"),
        ("a: " + "9" * 5_000 + "\n", "no YAML"),
        ("x" * (BYTES_MAX + 1), "exceeds"),
        ("a: \ud800", "UTF-8"),
    ],
    ids=["twice", "inside", "bomb", "ring", "deep", "python", "tag", "open", "huge", "large", "not-utf-8"],
)
def test_what_is_not_plain_bounded_yaml_is_refused_and_not_repeated(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(text.encode(errors="surrogatepass"))
    with pytest.raises(ConfigError, match=says) as raised:
        read_documents(path)
    assert "SECRET" not in str(raised.value)


def test_anchors_and_merging_as_people_use_them_are_read(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        "base: &base {timeout: 5, rpm: 1}\none: {<<: *base, rpm: 2}\ntwo: *base\nday: 2026-01-02\n---\n- 1\n"
    )
    one, two = read_documents(path)
    assert one == {
        "base": {"timeout": 5, "rpm": 1},
        "one": {"timeout": 5, "rpm": 2},
        "two": {"timeout": 5, "rpm": 1},
        "day": "2026-01-02",
    }
    assert two == [1]


def test_merging_that_would_double_at_each_step_makes_no_more_than_there_is(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(BOMB)
    [found] = read_documents(path)
    assert found["i"] == {"x0": 1, "x1": 2}


@pytest.mark.parametrize(
    ("said", "means"),
    [
        (90, 90),
        (0.5, 0.5),
        ("90", 90),
        ("90s", 90),
        ("1m30s", 90),
        ("500ms", 0.5),
        ("2h", 7200),
        (True, 0),
        (-1, 0),
        ("", 0),
        ("soon", 0),
        ("1d", 0),
        (None, 0),
        ("1.2.3s", 0),
    ],
)
def test_times_are_seconds(said: object, means: float) -> None:
    assert seconds(said) == means
