# SPDX-License-Identifier: Apache-2.0
"""The guard on the model's own machine, where nothing is installed but its lock: all else is unimportable."""

from __future__ import annotations

import http.server
import importlib.metadata
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from brightline.verify.examine import verify_evidence
from tests.guard.test_guard import BODY, CLAIMS, PATH, PINNED, begun_before, post, signed

ROOT = Path(__file__).resolve().parents[2]
PINNED_HEX = PINNED[0].hex()

# Finds what is Python's own, ours or of the lock, and nothing else; of ours not the gateway's rooms.
PROGRAM = """
import importlib.machinery, sys

class Installed:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top not in sys.stdlib_module_names and top not in ALLOWED or name.startswith(GATEWAYS):
            return None
        return importlib.machinery.PathFinder.find_spec(name, path, target)

sys.meta_path = [importlib.machinery.BuiltinImporter, importlib.machinery.FrozenImporter, Installed()]
from brightline.guard.__main__ import main
sys.argv[0] = "python -m brightline.guard"
main()
"""
GATEWAYS = tuple(
    f"brightline.{room}"
    for room in (
        "demo",
        "shell.cli",
        "shell.gateway",
        "shell.inference",
        "shell.registry",
        "verify",
        "wiring",
    )
)


def allowed() -> set[str]:
    """The top-level modules of the packages that the lock names."""
    lock = (ROOT / "requirements" / "guard.lock").read_text("utf-8")
    names = {name.lower() for name in re.findall(r"^([A-Za-z0-9_.-]+)==", lock, re.MULTILINE)}
    tops = {
        top
        for top, packages in importlib.metadata.packages_distributions().items()
        if names & {package.lower().replace("_", "-") for package in packages}
    }
    assert {"cryptography", "httptools", "uvicorn", "uvloop"} <= tops
    assert not {"re2", "jiter", "pydantic", "jinja2", "rich", "aiohttp"} & tops
    return tops | {"brightline"}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-c", f"ALLOWED = {allowed()!r}\nGATEWAYS = {GATEWAYS!r}\n{PROGRAM}", *arguments]


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command(*arguments), capture_output=True, text=True, timeout=60)


def test_a_package_of_the_gateway_is_not_importable_in_this_test() -> None:
    program = command()[2].replace("from brightline.guard.__main__ import main", "import re2")
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert "No module named 're2'" in done.stderr


def test_its_help_and_its_settings_need_nothing_else(tmp_path: Path) -> None:
    helped = run("--help")
    assert (helped.returncode, helped.stderr) == (0, "")
    assert "pass tokens" in helped.stdout
    folder = str(tmp_path / "guard")
    made = run("init", folder, "--upstream", "default", "--model-url", "http://127.0.0.1:9", "--gateway", PINNED_HEX)
    assert made.returncode == 0, made.stderr
    again = run("init", folder, "--upstream", "default", "--model-url", "http://127.0.0.1:9", "--gateway", PINNED_HEX)
    assert (again.returncode, "already" in again.stderr) == (2, True)
    half = run(
        *("init", f"{folder}-2", "--upstream", "default", "--model-url", "http://model", "--gateway", PINNED_HEX),
        *("--model-socket", "/run/model/model.sock", "--channel", "channel"),
    )
    assert (half.returncode, "--channel-gateway" in half.stderr) == (2, True)


@pytest.fixture
def model() -> Iterator[str]:
    """The address of a model server that answers anything."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(200)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_words: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)


def test_it_lets_a_token_through_once_refuses_the_rest_and_keeps_its_log(tmp_path: Path, model: str) -> None:
    folder = tmp_path / "guard"
    options = ("--upstream", "default", "--model-url", model, "--gateway", PINNED_HEX, "--port", "0")
    made = run("init", str(folder), *options)
    assert made.returncode == 0, made.stderr
    vkey = re.search(r'guard = "(.*)"', made.stdout)
    assert vkey is not None
    begun_before(folder, int(time.time()))
    with subprocess.Popen(command("serve", str(folder)), stdout=subprocess.PIPE, text=True) as guard:
        try:
            assert guard.stdout is not None
            told = re.search(r"http://127\.0\.0\.1:\d+", guard.stdout.readline())
            assert told is not None
            token = issued_now()
            assert post(told.group() + PATH, BODY) == (403, "pass_required")
            assert post(told.group() + PATH, BODY, token) == (200, "")
            assert post(told.group() + PATH, BODY, token) == (403, "pass_used")
        finally:
            guard.terminate()
            assert guard.wait(30) == 0
    (report,) = verify_evidence(folder / "evidence", vkeys=[vkey.group(1)])
    assert (report.contradictions, report.size) == ((), 3)  # that nothing is admitted, one use, one PERIOD


def issued_now() -> str:
    now = int(time.time())
    return signed(msgspec.structs.replace(CLAIMS, issued=now, expires=now + 60))
