# SPDX-License-Identifier: Apache-2.0
"""Deployment settings: misspelt ones are refused by name, and none of them can change a verdict."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightline.core.errors import ConfigError
from brightline.shell.config import Settings, check_settings, load_settings, upstream_key


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"listen": {"prot": 1}}, "listen.prot"),
        ({"screening": {}}, "screening"),
        ({"listen": {"port": "8080"}}, "listen.port"),
        ({"listen": {"port": 70_000}}, "listen.port"),
        ({"listen": {"body_seconds": 0}}, "listen.body_seconds"),
        ({"upstream": {"a": {"url": "ftp://x"}}}, "upstream.a.url"),
        ({"upstream": {"a": {"fail_open": True}}}, "upstream.a.fail_open"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(data: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        check_settings(data, "brightline.toml")


def test_no_setting_speaks_of_detectors_thresholds_or_verdicts() -> None:
    words = ("detect", "threshold", "verdict", "screen", "holdback", "fail", "skip", "allow", "bypass", "rule")
    schema = str(Settings.model_json_schema()).lower()
    names = [name for name in schema.replace("'", " ").split() if name.isidentifier()]
    assert "upstream" in names
    left_to_others = {
        "skips",
        "skips_in_row_max",
        "skips_per_day_max",
    }  # of reviewers, who skip a case and screen none
    assert not [name for name in names if any(word in name for word in words) and name not in left_to_others]


@pytest.mark.parametrize(
    "text",
    ["listen = [", "\x00", "[listen]\nport = 1\nport = 2\n", f"a = {'[' * 9_999}", f"a = {'1' * 9_999}"],
    ids=range(5),
)
def test_a_file_that_does_not_read_is_a_clear_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "brightline.toml").write_text(text)
    with pytest.raises(ConfigError, match="cannot be read"):
        load_settings(tmp_path)


def test_a_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="brightline init"):
        load_settings(tmp_path)


def test_a_named_key_that_is_not_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    settings = check_settings({"upstream": {"a": {"key_env": "NO_SUCH_KEY"}}}, "x").upstream["a"]
    with pytest.raises(ConfigError, match="NO_SUCH_KEY"):
        upstream_key(settings)


def test_a_key_in_a_file_is_read_without_its_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("sk-1234\n")
    settings = check_settings({"upstream": {"a": {"key_file": str(tmp_path / "key")}}}, "x").upstream["a"]
    assert upstream_key(settings) == "sk-1234"


@pytest.mark.parametrize("data", [b"", b"\n", b"two lines\n", b"a\nb", b"\xff", b"k" * 5_000])
def test_a_file_without_a_key_is_a_clear_error(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "key").write_bytes(data)
    settings = check_settings({"upstream": {"a": {"key_file": str(tmp_path / "key")}}}, "x").upstream["a"]
    with pytest.raises(ConfigError, match="holds no key"):
        upstream_key(settings)


def test_a_file_of_a_key_that_is_not_there_is_a_clear_error(tmp_path: Path) -> None:
    settings = check_settings({"upstream": {"a": {"key_file": str(tmp_path / "key")}}}, "x").upstream["a"]
    with pytest.raises(ConfigError, match="cannot be read"):
        upstream_key(settings)


@pytest.mark.parametrize(
    ("listen", "share"),
    [({}, 448), ({"exchanges_max": 2}, 2), ({"exchanges_max": 9}, 8), ({"unit_exchanges_max": 3}, 3)],
)
def test_one_unit_has_seven_eighths_of_the_places_if_nothing_else_is_said(
    listen: dict[str, object], share: int
) -> None:
    data: dict[str, object] = {"listen": listen, "upstream": {"default": {"url": "http://127.0.0.1:8000"}}}
    assert check_settings(data, "test").listen.of_one_unit == share
