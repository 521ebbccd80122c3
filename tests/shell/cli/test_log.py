# SPDX-License-Identifier: Apache-2.0
"""``brightline log serve`` as its operator runs it: a process, an address, a signal."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from brightline.core.errors import ConfigError
from brightline.shell.cli.log import log
from brightline.verify.examine import verify_evidence
from tests.shell.logserver.sites import of_leaves, said


def test_a_folder_is_served_without_keys_or_state_and_the_server_stops_at_a_signal(tmp_path: Path) -> None:
    root = of_leaves(tmp_path, [said(index) for index in range(3)])
    command = [sys.executable, "-c", "from brightline.shell.cli.log import log; log()"]
    with subprocess.Popen([*command, "serve", str(root), "--port", "0"], stdout=subprocess.PIPE) as served:
        assert served.stdout is not None
        found = re.fullmatch(rb"logs at (http://127\.0\.0\.1:[0-9]+)/\n", served.stdout.readline())
        assert found
        url = found[1].decode()
        with urllib.request.urlopen(f"{url}/gw-1/checkpoint", timeout=10) as response:  # noqa: S310 - ours
            assert response.read() == (root / "gw-1" / "checkpoint").read_bytes()
        assert verify_evidence(f"{url}/gw-1")[0].size == 3
        served.send_signal(signal.SIGTERM)
        assert served.wait(20) == 0


def test_what_is_no_log_or_no_policy_is_not_served(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="holds no log"):
        CliRunner().invoke(log, ["serve", str(tmp_path)], catch_exceptions=False)
    (tmp_path / "policy").write_text("nonsense\n")
    root = of_leaves(tmp_path, [said(0)])
    with pytest.raises(ConfigError, match="no witness policy"):
        CliRunner().invoke(log, ["serve", str(root), "--policy", str(tmp_path / "policy")], catch_exceptions=False)
