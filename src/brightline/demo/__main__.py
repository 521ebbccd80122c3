# SPDX-License-Identifier: Apache-2.0
"""``make demo``: a model, a gateway, a tour of eleven scenes, the evidence verified, one bit flipped and found."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Final

import click
import uvloop

from brightline.core.agreement.clause import Agreement
from brightline.core.errors import BrightlineError, ConfigError
from brightline.core.exchange import strict_json
from brightline.core.exchange.api import chat
from brightline.core.exchange.model import tool_digests
from brightline.core.review.case import CaseState
from brightline.core.workload import Bounds
from brightline.demo import scripted_server
from brightline.demo.evidence import flip_and_verify, recorded_clauses, verify_folder
from brightline.demo.people import people_answer
from brightline.demo.play import LOOKUP_TOOL, play
from brightline.demo.scenes import ANALYST, OFFICE, SCENES
from brightline.demo.screen import Screen
from brightline.guard.app import LIFE_SECONDS_MAX
from brightline.guard.consumed import ConsumedTokens
from brightline.guard.service import PUBLISH_SECONDS, guard_vkey, make_guard, open_guard
from brightline.guard.settings import GuardSettings
from brightline.shell import shipped
from brightline.shell.cli import render
from brightline.shell.clock import SystemClock
from brightline.shell.config import Settings, load_settings
from brightline.shell.install import ModelChoice, NewWorkload, init_state, register, registration_facts
from brightline.shell.keyring import open_vault
from brightline.shell.node import Node
from brightline.shell.opening import open_agreement
from brightline.shell.serve import bind, serving, until_signalled
from brightline.shell.state import StateFolder
from brightline.shell.storage.publisher import export_disclosures
from brightline.shell.storage.releases import release_folder
from brightline.shell.trust.keys import load_key, public_hex
from brightline.wiring import open_node

MODEL_START_SECONDS: Final = 60
DECIDED_TRIES: Final = 100
SMALL_MODEL: Final = "smollm2-135m-instruct"
SCRIPTED: Final = "scripted"
KEY_ENV: Final = "BRIGHTLINE_UPSTREAM_KEY"
SETTINGS: Final = """\
[listen]
port = {port}

[upstream.model]
guard = ""
url = "{model_url}"
key_env = "{key_env}"

[upstream.scripted]
guard = ""
url = "{scripted_url}"

[evidence]
directory = "../evidence"
"""


@click.command()
@click.option("--once", is_flag=True, help="End after the tour; exit 0 only if every scene went as told.")
@click.option("--folder", type=click.Path(path_type=Path), default=Path("demo"), show_default=True)
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="Port of the gateway; 0 takes a free one.")
def main(once: bool, folder: Path, port: int) -> None:
    """Walk the tour."""
    try:
        sys.exit(uvloop.run(_tour(once, folder, port)))
    except BrightlineError as error:
        render.say_error(error)
        sys.exit(2)


async def _tour(once: bool, folder: Path, port: int) -> int:
    for old in ("state", "evidence", "tampered", "guards"):
        shutil.rmtree(folder / old, ignore_errors=True)
    async with _model() as (model_url, model_name), _scripted() as scripted_url:
        state = folder / "state"
        doors = {"model": bind("127.0.0.1", 0), "scripted": bind("127.0.0.1", 0)}
        guarded = {name: f"http://127.0.0.1:{door.getsockname()[1]}" for name, door in doors.items()}
        settings, agreement, keys = _install(state, guarded["model"], model_name, guarded["scripted"], port)
        behind = {"model": model_url, "scripted": scripted_url}
        listener = bind(settings.listen.host, settings.listen.port)
        async with (
            _guards(folder / "guards", state, behind, doors),
            open_node(state, SystemClock()) as node,
            serving(node.app, listener, node.door) as url,
        ):
            screen = Screen(agreement)
            screen.line(
                render.banner(
                    url,
                    node.terms.profile,
                    agreement.id,
                    node.release.id,
                    node.release.note,
                    node.lease.attester.name,
                ),
                "bold",
            )
            told = await _walk(screen, node, state, url, keys, model_name)
            refused = await asyncio.to_thread(_past_the_gateway, screen, guarded["model"], model_name)
            await node.state_period()
            await asyncio.to_thread(node.publisher.publish_once)
            await asyncio.to_thread(node.combining.write)
            good = await asyncio.to_thread(_show_evidence, screen, folder, told) and refused
            if not once:
                screen.title("The gateway goes on serving. Call it with any OpenAI client (Ctrl-C ends it):")
                _how_to_call(screen, url, keys[OFFICE], model_name)
                await until_signalled()
    return 0 if good else 1


def _install(
    state: Path, model_url: str, model_name: str, scripted_url: str, port: int
) -> tuple[Settings, Agreement, dict[str, str]]:
    toml = SETTINGS.format(port=port, model_url=model_url, scripted_url=scripted_url, key_env=KEY_ENV)
    state.mkdir(parents=True, mode=0o700)
    (state / "brightline.toml").write_text(toml, "utf-8")
    settings = load_settings(state)
    (state / "brightline.toml").unlink()
    agreement = open_agreement(settings)
    release = shipped.read_release(release_folder(settings), agreement.vocabulary)
    clock = SystemClock()
    models = (ModelChoice(model_name, model_name, "model"), ModelChoice(SCRIPTED, SCRIPTED, "scripted"))
    init_state(state, toml, settings, agreement, release, models, clock)
    facts = registration_facts(agreement)
    without = {name: value for name, value in facts.items() if name != "fi_purpose"}
    tools = tool_digests(chat.read_tools(strict_json.encode([LOOKUP_TOOL])))
    keys = {}
    for workload, unit, purpose, stated in (
        (OFFICE, "planning office", "planning, correspondence and maintenance", without),
        (ANALYST, "foreign military analysis", "analysis of foreign naval forces from open sources", facts),
    ):
        new = NewWorkload(
            workload, unit, purpose, "director of the unit", ("EO-12333",), stated, Bounds(), 600, 30, tools=tools
        )
        keys[workload], _ = register(state, settings, agreement, new, clock)
    return settings, agreement, keys


@asynccontextmanager
async def _guards(
    folder: Path, state: Path, behind: dict[str, str], doors: dict[str, socket.socket]
) -> AsyncIterator[None]:
    """A guard before each model server: it answers to this gateway's tokens and to nothing else."""
    token_key = public_hex(load_key(StateFolder(state).key("token")))
    async with AsyncExitStack() as stack:
        for name, url in behind.items():
            make_guard(folder / name, GuardSettings(name, url, (token_key,), name=f"guard-{name}"))
            # The gateway's token key was made a moment ago: no token of before the store was ever used.
            ConsumedTokens(folder / name / "consumed.sqlite", name, SystemClock().unix() - LIFE_SECONDS_MAX).close()
            _name_guard(state, name, guard_vkey(folder / name))
            app = await stack.enter_async_context(open_guard(folder / name, SystemClock()))
            await stack.enter_async_context(serving(app, doors[name]))
        yield


def _name_guard(state: Path, upstream: str, vkey: str) -> None:
    """Write into the gateway's settings which guard stands before a model server, as an operator would."""
    path = state / "brightline.toml"
    table = f'[upstream.{upstream}]\nguard = "'
    path.write_text(path.read_text("utf-8").replace(table, table + vkey), "utf-8")


def _past_the_gateway(screen: Screen, guard_url: str, model_name: str) -> bool:
    """Ask the model directly, without the gateway, and say what comes of it."""
    body = strict_json.encode({"model": model_name, "messages": [{"role": "user", "content": "List three fruits."}]})
    request = urllib.request.Request(  # noqa: S310 - a loopback address of ours
        f"{guard_url}/v1/chat/completions", body, {"content-type": "application/json"}
    )
    screen.title("Past the gateway, straight to the model server:")
    try:
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            status, said = int(response.status), "it is not guarded"
    except urllib.error.HTTPError as error:
        status, said = error.code, error.read().decode("utf-8", "replace")[:150]
    screen.line(f"    HTTP {status} {said}")
    return status == 403


async def _walk(screen: Screen, node: Node, root: Path, url: str, keys: dict[str, str], model_name: str) -> int:
    """Play every scene; return how many went as told."""
    told = 0
    for number, scene in enumerate(SCENES, 1):
        model = SCRIPTED if scene.scripted else model_name
        if scene.answered:
            hold, workload = await asyncio.to_thread(people_answer, root, scene.answered)
            await _until_decided(node, hold, workload)
        played = await asyncio.to_thread(play, scene, url, keys[scene.workload], model)
        clauses = await asyncio.to_thread(recorded_clauses, node.log, played.exchange)
        as_told = played.verdict == scene.want and scene.clause in clauses
        screen.scene(number, scene, played, clauses, as_told=as_told)
        told += as_told
    return told


async def _until_decided(node: Node, hold: str, workload: str) -> None:
    """Wait until the running gateway has read what people decided; after some seconds the scene fails by itself."""
    for _ in range(DECIDED_TRIES):
        state = node.holds.state(hold, workload, SystemClock().unix())
        if state is None or state.state is not CaseState.OPEN:
            return
        await asyncio.sleep(PUBLISH_SECONDS)


def _show_evidence(screen: Screen, folder: Path, told: int) -> bool:
    evidence, disclosures = folder / "evidence", folder / "state" / "disclosures.jsonl"
    state = StateFolder(folder / "state")
    export_disclosures(state.wal, open_vault(state), disclosures)
    guards = sorted(folder.glob("guards/*/evidence"))
    asked = " ".join(f"--guard {guard}" for guard in guards)
    screen.title(f"The evidence, verified offline: brightline verify {evidence} --disclosures {disclosures} {asked}")
    time.sleep(2 * PUBLISH_SECONDS)  # the guards publish their own logs, at their own pace
    whole = verify_folder(evidence, disclosures, guards)
    for row in whole.rows:
        screen.finding(row)
    place, found = flip_and_verify(evidence, folder / "tampered")
    screen.title(f"One bit flipped in a copy, at {place}:")
    for row in found.rows:
        screen.finding(row)
    screen.title(f"{told} of {len(SCENES)} scenes went as told. The evidence stays in {evidence}.")
    return told == len(SCENES) and whole.good and not found.good


def _how_to_call(screen: Screen, url: str, key: str, model: str) -> None:
    screen.line(f"    curl {url}/v1/chat/completions -H 'Authorization: Bearer {key}' \\")
    screen.line("      -H 'Content-Type: application/json' \\")
    screen.line(
        f'      -d \'{{"model": "{model}", "messages": [{{"role": "user", "content": "List three fruits."}}]}}\''
    )


@asynccontextmanager
async def _scripted() -> AsyncIterator[str]:
    runner, url = await scripted_server.start()
    try:
        yield url
    finally:
        await runner.cleanup()


@asynccontextmanager
async def _model() -> AsyncIterator[tuple[str, str]]:
    """The model server: yours if BRIGHTLINE_UPSTREAM_URL names one, else SmolLM2 in a child process."""
    url = os.environ.get("BRIGHTLINE_UPSTREAM_URL", "")
    if url:
        os.environ.setdefault(KEY_ENV, "none")
        yield url.removesuffix("/").removesuffix("/v1"), os.environ.get("BRIGHTLINE_UPSTREAM_MODEL", SMALL_MODEL)
        return
    os.environ[KEY_ENV] = os.urandom(16).hex()
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "brightline.demo.model_server",
        SMALL_MODEL,
        os.environ[KEY_ENV],
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        yield await _address(child), SMALL_MODEL
    finally:
        # llama.cpp's own farewell may take half a minute; nothing of it is worth waiting for.
        if child.returncode is None:
            child.kill()
        await child.wait()


async def _address(child: asyncio.subprocess.Process) -> str:
    if child.stdout is None or child.stderr is None:
        raise ConfigError("the model server has no pipes")
    try:
        async with asyncio.timeout(MODEL_START_SECONDS):
            line = (await child.stdout.readline()).decode().strip()
    except TimeoutError as error:
        raise ConfigError(f"the model server did not start within {MODEL_START_SECONDS} s") from error
    if not line.startswith("http"):
        said = (await child.stderr.read(2_000)).decode(errors="replace").strip().splitlines()
        raise ConfigError(f"the model server did not start: {said[-1] if said else 'it said nothing'}")
    return line


if __name__ == "__main__":
    main()
