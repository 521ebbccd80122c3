# SPDX-License-Identifier: Apache-2.0
"""``brightline console`` as somebody starts it: what it says, what it refuses, how it ends."""

from __future__ import annotations

import importlib.util
import re
import signal
import subprocess
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path

import httpx2
import pytest
from click.testing import CliRunner

from brightline.core.errors import ConfigError
from brightline.shell.cli.main import brightline
from tests.console.desk import QUEUE
from tests.harness import make_state


def refused(*arguments: str) -> str:
    """What the command says in place of serving."""
    done = CliRunner().invoke(brightline, ["console", *arguments, "--port", "0"])
    assert isinstance(done.exception, ConfigError), done.output
    return f"{done.exception}. {done.exception.next_step}"


def test_it_serves_in_a_process_of_its_own_lets_in_by_a_word_and_ends_in_order(tmp_path: Path) -> None:
    make_state(tmp_path / "state", "http://127.0.0.1:9", more_toml=QUEUE)
    CliRunner().invoke(brightline, ["review", "migrate", str(tmp_path / "state")], catch_exceptions=False)
    command = [sys.executable, "-c", "from brightline.shell.cli.main import main; main()"]
    started = [*command, "console", str(tmp_path / "state"), "--port", "0"]
    with subprocess.Popen(started, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = re.fullmatch(r"console at (http://localhost:\d+)/\n", process.stdout.readline())
        word = re.fullmatch(r"development: .* the word (\S+)\n", process.stdout.readline())
        assert url is not None
        assert word is not None
        with httpx2.Client(base_url=url[1], follow_redirects=True, timeout=30) as client:
            assert "Come in" in client.get("/").text
            form = {"person": "provider-officer", "word": word[1]}
            page = client.post("/login", data=form, headers={"origin": url[1]})
            assert "Queue" in page.text
            assert "provider-officer" in client.get("/standing").text
            assert (
                client.post("/login", data=form | {"word": "guessed"}, headers={"origin": url[1]}).status_code == 403
            )
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_without_the_extra_it_says_which_package_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec

    def found(name: str) -> ModuleSpec | None:
        return None if name == "starlette" else find(name)

    monkeypatch.setattr(importlib.util, "find_spec", found)
    assert "needs starlette: install brightline[console]" in refused(str(tmp_path))


def test_without_a_queue_or_its_tables_it_says_what_to_do(tmp_path: Path) -> None:
    make_state(tmp_path / "plain", "http://127.0.0.1:9")
    assert "set review.queue_url" in refused(str(tmp_path / "plain"))
    make_state(tmp_path / "bare", "http://127.0.0.1:9", more_toml=QUEUE)
    assert "brightline review migrate" in refused(str(tmp_path / "bare"))


def test_an_origin_that_is_none_is_refused(tmp_path: Path) -> None:
    make_state(tmp_path / "state", "http://127.0.0.1:9", more_toml=QUEUE)
    assert "is no origin" in refused(str(tmp_path / "state"), "--origin", "http://review.example")
