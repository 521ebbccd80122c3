# SPDX-License-Identifier: Apache-2.0
"""Gateway, guard and model server as three processes: mutual TLS between two, a Unix socket between the others."""

from __future__ import annotations

import contextlib
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from brightline.core.evidence.audit_findings import Topic
from brightline.guard.service import guard_vkey, make_guard
from brightline.guard.settings import ChannelSettings, GuardSettings
from brightline.shell.development import DEVELOPMENT_VVT
from brightline.shell.state import StateFolder
from brightline.shell.trust.keys import load_key, public_hex
from brightline.verify.examine import verify_evidence
from tests.channels import GATEWAY, GUARD, Authority
from tests.guard.models import ANSWERS, ModelFolder
from tests.harness import RL1, make_state, read_records

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60.0
SERVE = "from brightline.shell.cli.main import main; main()"


@contextlib.contextmanager
def running(*words: str) -> Iterator[str]:
    """A process of Python's, until the block ends; the first line that it prints."""
    command = [sys.executable, "-u", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline()
        finally:
            process.terminate()
            assert process.wait(60) in {0, -15}


def address(line: str) -> str:
    found = re.search(r"https?://[^/;\s]+", line)
    assert found, line
    return found.group()


@pytest.mark.slow
def test_what_is_asked_goes_through_three_processes_and_no_other_way(tmp_path: Path) -> None:
    root, folder, at = tmp_path / "state", tmp_path / "guard", tmp_path / "m.sock"
    authority = Authority()
    _, _, key = make_state(root, "https://guard.example", upstream=_channel(root))
    authority.part(root / "channel", GATEWAY)
    authority.part(folder / "channel", GUARD)
    model = ModelFolder(folder, time.time())
    model.fill(record=DEVELOPMENT_VVT)  # which the workload's registration names
    settings = GuardSettings(
        "default",
        "http://model",
        (public_hex(load_key(StateFolder(root).key("token"))),),
        port=0,
        profile="production",
        model_socket=str(at),
        model=model.settings,
        channel=ChannelSettings("channel", (GATEWAY,)),
    )
    make_guard(folder, settings)
    with (
        running("-m", "tests.guard.socket_model", str(at)),
        running("-m", "brightline.guard", "serve", str(folder)) as said,
    ):
        guard = address(said)
        toml = root / "brightline.toml"
        text = toml.read_text("utf-8").replace("https://guard.example", guard)
        toml.write_text(text + f'guard = "{guard_vkey(folder)}"\n', "utf-8")
        with running("-c", SERVE, "serve", str(root)) as banner, _client(address(banner), key) as client:
            _until_admitted(client)
            messages: Any = [{"role": "user", "content": "Which colour has the sky?"}]
            parts = list(client.chat.completions.create(model="m", messages=messages, stream=True))
            assert "".join(part.choices[0].delta.content or "" for part in parts if part.choices) == ANSWERS
            with pytest.raises(openai.PermissionDeniedError):
                _ask(client, RL1)
            _nobody_else_reaches_it(guard, root / "channel", authority)
    report = verify_evidence(root / "evidence", guards=[folder / "evidence"])
    assert not [row for each in report for row in each.contradictions]
    (told,) = {claim.status.value for each in report for claim in each.claims if claim.name == Topic.GUARDED}
    assert told == "PROVEN"
    records = read_records(folder, "guard")
    assert {each["profile"] for each in records} == {"production"}
    assert {each["admitted"] for each in records if each["kind"] == "CONSUMED"} == {model.digest}


def _channel(root: Path) -> str:
    return f'channel = "{root / "channel"}"\nidentity = "{GUARD}"\n'


def _client(url: str, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def _ask(client: openai.OpenAI, prompt: str) -> str:
    messages: Any = [{"role": "user", "content": prompt}]
    return client.chat.completions.create(model="m", messages=messages).choices[0].message.content or ""


def _until_admitted(client: openai.OpenAI) -> None:
    """Ask until the model is admitted: until then each answer is the gateway's 502."""
    ends = time.monotonic() + DEADLINE_SECONDS
    said = ""
    while not said:
        assert time.monotonic() < ends
        with contextlib.suppress(openai.InternalServerError):
            said = _ask(client, "Which colour has the sky?")
        time.sleep(0.1)
    assert said == ANSWERS


def _nobody_else_reaches_it(guard: str, channel: Path, authority: Authority) -> None:
    """Neither without TLS, nor without a certificate, nor with the gateway's own and no token."""
    host, port = guard.removeprefix("https://").split(":")
    asked = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n{}"

    def answer(context: ssl.SSLContext | None) -> bytes:
        with socket.create_connection((host, int(port)), 10) as plain:
            speaking = plain if context is None else context.wrap_socket(plain)
            speaking.settimeout(10)
            with speaking:
                try:
                    speaking.sendall(asked)
                    return speaking.recv(4_096)
                except OSError:
                    return b""

    bare = ssl.create_default_context(cadata=authority.root.decode())
    bare.check_hostname = False
    assert not answer(None).startswith(b"HTTP/1.1 200")
    assert answer(bare) == b""
    bare.load_cert_chain(channel / "certificate.pem", channel / "key.pem")
    assert answer(bare).startswith(b"HTTP/1.1 403 ")  # known, and without a token
