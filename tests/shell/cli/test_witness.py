# SPDX-License-Identifier: Apache-2.0
"""``brightline witness``, from a new folder to a cosignature over a socket."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from click.testing import CliRunner

from brightline.core.errors import ConfigError, TrustError
from brightline.core.evidence.cosignature import CosignerKey
from brightline.core.evidence.witnessing import Cosigned, Submission, read_answer
from brightline.shell.cli.witness import witness
from tests.shell.witness.logs import LOG, ORIGIN, request, seen_at


def run(*arguments: str) -> str:
    done = CliRunner().invoke(witness, arguments, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.output


def test_a_witness_is_made_told_of_a_log_and_lists_it(tmp_path: Path) -> None:
    folder = str(tmp_path / "w")
    key = CosignerKey.parse(run("init", folder, "--name", "witness.example/w").splitlines()[-1])
    assert key.name == "witness.example/w"
    assert f"watches {ORIGIN} from size 0" in run("trust", folder, LOG.verifier.vkey())
    run("trust", folder, LOG.verifier.vkey(), "--origin", "go.sum database tree")
    assert ORIGIN in run("list", folder)
    rows = json.loads(run("list", folder, "--json"))
    assert [(row["origin"], row["size"]) for row in rows] == [(ORIGIN, 0), ("go.sum database tree", 0)]
    assert rows[0]["keys"] == [LOG.verifier.vkey()]


def test_mistakes_are_named(tmp_path: Path) -> None:
    folder = str(tmp_path / "w")
    key = run("init", folder, "--name", "w").splitlines()[-1]
    with pytest.raises(TrustError, match="not a verifier key"):
        run("trust", folder, key)
    with pytest.raises(TrustError, match="never replaced"):
        run("init", folder, "--name", "w")
    for listen in ("8090", ":8090", "host:", "host:x", "host:99999", "host:-1"):
        with pytest.raises(ConfigError, match="expected HOST:PORT"):
            run("serve", folder, "--listen", listen)
    with pytest.raises(ConfigError, match="holds no witness"):
        run("list", str(tmp_path))


def test_a_served_witness_cosigns_and_stops_at_a_signal(tmp_path: Path) -> None:
    folder = str(tmp_path / "w")
    key = CosignerKey.parse(run("init", folder, "--name", "w").splitlines()[-1])
    run("trust", folder, LOG.verifier.vkey())
    command = [sys.executable, "-c", "from brightline.shell.cli.witness import witness; witness()"]
    with subprocess.Popen([*command, "serve", folder, "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE) as served:
        assert served.stdout is not None
        found = re.fullmatch(rb"witness at (http://127\.0\.0\.1:[0-9]+)\n", served.stdout.readline())
        assert found
        body = request(0, 5)
        url = f"{found[1].decode()}/add-checkpoint"
        with urllib.request.urlopen(urllib.request.Request(url, body), timeout=10) as response:  # noqa: S310 - ours
            got = read_answer(200, response.headers["content-type"], response.read(), Submission.parse(body), key)
        assert isinstance(got, Cosigned)
        served.send_signal(signal.SIGTERM)
        assert served.wait(20) == 0
    (row,) = json.loads(run("list", folder, "--json"))
    assert (row["size"], row["root"]) == (5, seen_at(5).root.hex())
