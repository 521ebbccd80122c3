# SPDX-License-Identifier: Apache-2.0
"""``brightline channel`` as the people of the ceremony and of two machines run it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from brightline.core.errors import BrightlineError, ConfigError, TrustError
from brightline.shell.channel import CERTIFICATE, KEY, ROOTS, Channel
from brightline.shell.cli.main import brightline
from tests.channels import GATEWAY, GUARD


def run(*words: str | Path) -> Result:
    return CliRunner().invoke(brightline, ["channel", *map(str, words)])


def done(*words: str | Path) -> str:
    ran = run(*words)
    assert ran.exit_code == 0, (ran.output, ran.exception)
    return ran.stdout


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    done("authority", tmp_path / "authority", "--domain", "parts.example")
    return tmp_path / "authority"


def test_what_it_issues_is_a_channel(tmp_path: Path, authority: Path) -> None:
    folder = tmp_path / "guard"
    done("request", folder)
    done("issue", authority, folder / "request.pem", "--identity", GUARD, "--out", folder / CERTIFICATE)
    (folder / ROOTS).write_bytes((authority / ROOTS).read_bytes())
    Channel(folder, (GATEWAY,), time.time)
    shown = json.loads(done("show", folder, "--json"))
    assert shown["identity"] == GUARD
    assert len(shown["key_digest"]) == 64
    assert GUARD in done("show", folder)
    for path in (folder / KEY, authority / KEY):
        assert path.stat().st_mode & 0o077 == 0


def test_a_certificate_is_renewed_in_place_and_a_key_never(tmp_path: Path, authority: Path) -> None:
    folder = tmp_path / "guard"
    done("request", folder)
    issued = ("issue", authority, folder / "request.pem", "--identity", GUARD, "--out", folder / CERTIFICATE)
    done(*issued)
    first = (folder / CERTIFICATE).read_bytes()
    done(*issued, "--hours", "2")
    assert (folder / CERTIFICATE).read_bytes() != first
    for again in (("request", folder), ("authority", authority, "--domain", "parts.example")):
        assert isinstance(run(*again).exception, ConfigError)


def test_what_it_does_not_speak_for_is_not_issued(tmp_path: Path, authority: Path) -> None:
    done("request", tmp_path / "part")
    asked, out = tmp_path / "part" / "request.pem", tmp_path / "c.pem"
    for identity in ("spiffe://other.example/guard", "guard"):
        assert isinstance(run("issue", authority, asked, "--identity", identity, "--out", out).exception, TrustError)
    assert isinstance(
        run("issue", authority, authority / ROOTS, "--identity", GUARD, "--out", out).exception, TrustError
    )
    (authority / KEY).write_text("nothing")
    assert isinstance(run("issue", authority, asked, "--identity", GUARD, "--out", out).exception, BrightlineError)
    assert not out.exists()
    assert isinstance(run("show", authority).exception, ConfigError)
