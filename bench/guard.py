# SPDX-License-Identifier: Apache-2.0
"""What the guard costs: processor time of a request behind it against the same proxying without, in one run.

    python bench/guard.py [--quick]

Two servers, each a process of its own, before one model server that answers at once: `plain` passes on what comes,
`guard` asks for a token, books it as used and writes its log, both with the code that serves. They are asked in turn,
a round each, over kept connections, 32 at a time. The processor time is the server's own (user and system), so that
who asks and who answers are not in it. Then: how many tokens one core reads, compares and believes in a second.
"""

from __future__ import annotations

import asyncio
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import click
import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.enforcement.pass_token import PassClaims, body_digest, read_pass
from brightline.guard.consumed import ConsumedTokens
from brightline.guard.forward import Forward
from brightline.guard.service import make_guard, open_door, open_guard
from brightline.guard.settings import GuardSettings, read_settings
from brightline.shell.body import read_body
from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind, serving

PATH: Final = "/v1/chat/completions"
CALLERS: Final = 32
BODY_BYTES_MAX: Final = 1 << 20
TARGET_MS: Final = 0.15
KEY: Final = Ed25519PrivateKey.from_private_bytes(bytes([7]) * 32)
PUBLIC: Final = KEY.public_key().public_bytes_raw()
ANSWER: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
_NUMBERS = iter(range(1 << 60))


def request() -> bytes:
    """A request of about 1 kB with a token of its own."""
    number, now = next(_NUMBERS), int(time.time())
    body = json.dumps({"model": "m", "n": number, "messages": [{"role": "user", "content": "x" * 900}]}).encode()
    claims = PassClaims(
        f"x-{number}", "s", number, PATH, body_digest(body), "m", "default", "a" * 71, "r" * 71, now, now + 300, ("v",)
    )
    payload = claims.to_bytes()
    token = ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (payload, KEY.sign(payload)))
    head = f"POST {PATH} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\nx-brightline-pass: {token}\r\n"
    return f"{head}content-length: {len(body)}\r\n\r\n".encode() + body


async def serve(kind: str, folder: Path, model: str) -> None:
    """One of the two servers, until stdin closes."""
    listener = bind("127.0.0.1", 0)
    sys.stdout.write(f"{listener.getsockname()[1]}\n")
    sys.stdout.flush()
    ended = asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)
    if kind == "plain":
        forward = Forward(model)

        async def plain(scope: Any, receive: Any, send: Any) -> None:
            body, waiting = await read_body(receive, BODY_BYTES_MAX), [True]

            async def again() -> Any:
                if waiting:
                    waiting.pop()
                    return {"type": "http.request", "body": body, "more_body": False}
                return await receive()

            await forward(scope, again, send)

        async with serving(plain, listener):
            await ended
        await forward.close()
        return
    clock = SystemClock()
    async with open_guard(folder, clock) as app:
        door = open_door(folder, read_settings(folder), app, clock)
        async with serving(app, listener, door):
            await ended


async def _model(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length: ")[2].partition(b"\r\n")[0]))
            writer.write(ANSWER)
    except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
        writer.close()


async def _caller(port: int, requests: list[bytes]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while requests:
        writer.write(requests.pop())
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise click.ClickException(f"a request was not answered: {head[:40]!r}")
        length = head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length))
    writer.close()


def _cpu_seconds(process: int) -> float:
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")  # utime and stime: proc(5)


async def _round(server: subprocess.Popen[str], port: int, count: int) -> float:
    """Milliseconds of the server's processor time for one request."""
    requests = [request() for _ in range(count)]
    before = _cpu_seconds(server.pid)
    await asyncio.gather(*(_caller(port, requests) for _ in range(CALLERS)))
    return (_cpu_seconds(server.pid) - before) / count * 1_000


def _started(*words: str) -> tuple[subprocess.Popen[str], int]:
    command = [sys.executable, __file__, *words]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603 - ours
    assert server.stdout is not None  # noqa: S101 - it is a pipe
    return server, int(server.stdout.readline())


async def measure(folder: Path, rounds: int, count: int) -> dict[str, list[float]]:
    """Milliseconds a request, by server, one for each round."""
    model = await asyncio.start_server(_model, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{model.sockets[0].getsockname()[1]}"
    make_guard(folder / "guard", GuardSettings("default", url, (PUBLIC.hex(),), port=0))
    ConsumedTokens(folder / "guard" / "consumed.sqlite", "default", int(time.time()) - 600).close()
    servers: dict[str, tuple[subprocess.Popen[str], int]] = {}
    for kind in ("plain", "guard"):
        servers[kind] = _started("--serve", kind, "--folder", str(folder / "guard"), "--model", url)
    found: dict[str, list[float]] = {kind: [] for kind in servers}
    try:
        for each in range(rounds + 1):
            for kind, (server, port) in servers.items():
                taken = await _round(server, port, count)
                if each:  # the first warms up
                    found[kind].append(taken)
    finally:
        for server, _ in servers.values():
            server.communicate(timeout=30)
        model.close()
    return found


def _token(head: bytes) -> str:
    return head.partition(b"x-brightline-pass: ")[2].partition(b"\r\n")[0].decode()


def tokens_each_second(count: int) -> float:
    """How many tokens one core reads and believes in a second of processor time, bodies' digests included."""
    made = [request().partition(b"\r\n\r\n") for _ in range(count)]
    shown = [
        (head.partition(b"x-brightline-pass: ")[2].partition(b"\r\n")[0].decode(), body) for head, _, body in made
    ]
    before = time.process_time()
    for token, body in shown:
        if read_pass(token, (PUBLIC,)).wire_digest != body_digest(body):
            raise click.ClickException("a token was not believed")
    return count / (time.process_time() - before)


@click.command()
@click.option("--quick", is_flag=True, help="A few seconds.")
@click.option("--serve", "kind", type=click.Choice(["plain", "guard"]), hidden=True)
@click.option("--folder", type=click.Path(path_type=Path), hidden=True)
@click.option("--model", default="", hidden=True)
def main(quick: bool, kind: str | None, folder: Path | None, model: str) -> None:
    """Measure."""
    if kind is not None and folder is not None:
        uvloop.run(serve(kind, folder, model))
        return
    rounds, count = (3, 500) if quick else (9, 3_000)
    with tempfile.TemporaryDirectory() as scratch:
        found = asyncio.run(measure(Path(scratch), rounds, count))
    for name, times in found.items():
        sys.stdout.write(f"{name:<8}{statistics.median(times):>8.3f} ms of processor time a request\n")
    more = statistics.median(guard - plain for plain, guard in zip(found["plain"], found["guard"], strict=True))
    sys.stdout.write(f"{'more':<8}{more:>8.3f} ms; the aim is {TARGET_MS}\n")
    sys.stdout.write(f"{tokens_each_second(500 if quick else 5_000):,.0f} tokens a second on one core\n")


if __name__ == "__main__":
    main()
