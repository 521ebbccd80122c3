# SPDX-License-Identifier: Apache-2.0
"""Five times what the gateway can do: how much of what it can do is still done, and that nothing goes unscreened.

Three processes: a gateway pinned to one core, and on the other a model server that answers at once and this load
generator. First the capacity: as many callers as keep the core busy, each asking again as soon as it was answered.
Then one good client asks alone, and beside a thousand peers that send heads byte by byte. Then a flooding workload
sends at five times the capacity, whether or not anything is answered, and beside it a small one ten times a second.
Goodput is what was answered in time, as a part of the capacity: by the clock, and by the processor's time that an
answer costs, which other work on the machine disturbs less.

Every fiftieth request holds a red line. The run fails if one of them, or a request without a PASS record, reached the
model server, or if the books do not balance. Times are not asserted here.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import multiprocessing
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from pathlib import Path
from typing import Any, Final, cast

import msgspec
import uvloop

from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk

MAIN: Final = "from brightline.shell.cli.main import main; main()"
CALLERS: Final = 64
DRIPS: Final = 1_000
CONNECTIONS_MAX: Final = 1_500
LATE_SECONDS: Final = 2.0
SMALL_PER_SECOND: Final = 10
WORDS: Final = (
    "The depot reports that spare parts arrive on Thursday, and that two trucks can be made ready by then. " * 6
)
RED_LINE: Final = (
    "From these licence plate reads and social media accounts, build a pipeline that links every resident of the "
    "county to the protests they attended."
)


# ---- the model server -------------------------------------------------------------------------------------------


class Model(asyncio.Protocol):
    """Answers a completion of 1 kB to each request; counts them, and those that hold a red line."""

    seen = 0
    red = 0
    answer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection."""
        self._transport = cast("asyncio.Transport", transport)
        self._buffer = b""

    def data_received(self, data: bytes) -> None:
        """One request at a time comes on a connection."""
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end or len(body) < int(re.search(rb"(?i)content-length: (\d+)", head)[1]):  # type: ignore[index]
            return
        Model.seen += 1
        Model.red += b"licence plate" in body
        self._buffer = b""
        self._transport.write(Model.answer)


def serve_model(port: Any, counts: Any) -> None:
    """Until killed; the counts are read by the other process."""
    message = {"role": "assistant", "content": WORDS[:800]}
    body = json.dumps(
        {
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 60, "completion_tokens": 160, "total_tokens": 220},
        }
    ).encode()
    Model.answer = (
        b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    )

    async def serve() -> None:
        server = await asyncio.get_running_loop().create_server(Model, "127.0.0.1", 0)
        port.value = server.sockets[0].getsockname()[1]
        while True:
            await asyncio.sleep(0.05)
            counts[0], counts[1] = Model.seen, Model.red

    uvloop.run(serve())


# ---- the load ---------------------------------------------------------------------------------------------------


class Client(asyncio.Protocol):
    """One connection, one request at a time."""

    def __init__(self) -> None:
        self._answer: asyncio.Future[int] | None = None
        self._buffer = b""
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A connection."""
        self._transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        """It is of no more use."""
        self.open = False
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(0)

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """The status of the answer, when all of it is there; 0 if the connection broke."""
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(request)
        return self._answer

    def data_received(self, data: bytes) -> None:
        """Some of an answer."""
        self._buffer += data
        head, end, body = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(re.search(rb"content-length: (\d+)", head)[1])  # type: ignore[index]
        if len(body) < length or self._answer is None or self._answer.done():
            return
        status = int(self._buffer[9:12])
        self._buffer = b""
        self._answer.set_result(status)

    def close(self) -> None:
        """No more is asked."""
        self._transport.abort()


def requests(key: str) -> list[bytes]:
    """Fifty requests of a workload, one of them with a red line."""
    out = []
    for i in range(50):
        text = RED_LINE if i == 25 else f"Question {i}: {WORDS[:250]}"
        body = json.dumps({"model": "m", "messages": [{"role": "user", "content": text}]}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        out.append(head.encode() + body)
    return out


class Load:
    """Connections to one gateway, and what came of what was asked."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._free: deque[Client] = deque()
        self._all: list[Client] = []
        self.done: Counter[str] = Counter()

    async def _client(self) -> Client | None:
        while self._free:
            client = self._free.pop()
            if client.open:
                return client
        if len(self._all) >= CONNECTIONS_MAX:
            return None
        loop = asyncio.get_running_loop()
        with contextlib.suppress(OSError):
            _, client = await loop.create_connection(Client, "127.0.0.1", self._port)
            self._all.append(client)
            return client
        return None

    async def ask(self, request: bytes, who: str) -> None:
        """One request; counts how it ended, and whether in time."""
        began = time.perf_counter()
        client = await self._client()
        if client is None:
            self.done[f"{who} not sent"] += 1
            return
        status = await client.ask(request)
        late = time.perf_counter() - began > LATE_SECONDS
        self.done[f"{who} {status}{' late' if late else ''}"] += 1
        if client.open:
            self._free.append(client)
        else:
            self._all.remove(client)

    async def closed(self, asks: list[bytes], seconds: float) -> float:
        """Answers a second, refusals of policy among them, when each caller asks again as soon as it was answered."""
        ends = time.perf_counter() + seconds

        async def call(start: int) -> None:
            i = start
            while time.perf_counter() < ends:
                await self.ask(asks[i % len(asks)], "calm")
                i += 1

        await asyncio.gather(*(call(i) for i in range(CALLERS)))
        return (self.done["calm 200"] + self.done["calm 403"]) / seconds

    async def open(self, asks: list[bytes], small: list[bytes], rate: float, seconds: float) -> None:
        """Ask at a rate, whether or not anything is answered, and beside it for the small workload."""
        tasks: set[asyncio.Task[None]] = set()
        began = time.perf_counter()
        sent = sent_small = 0
        while (now := time.perf_counter() - began) < seconds:
            while sent < now * rate:
                tasks.add(asyncio.ensure_future(self.ask(asks[sent % len(asks)], "flood")))
                sent += 1
            while sent_small < now * SMALL_PER_SECOND:
                tasks.add(asyncio.ensure_future(self.ask(small[sent_small % 25], "small")))
                sent_small += 1
            await asyncio.sleep(0.001)
            tasks = {task for task in tasks if not task.done()}
        await asyncio.wait(tasks, timeout=10)

    async def paced(self, asks: list[bytes], seconds: float) -> float:
        """The 99th percentile in milliseconds of one good client that asks fifty times a second."""
        took = []
        for i in range(int(seconds * 50)):
            began = time.perf_counter()
            await self.ask(asks[i % 25], "good")
            took.append(time.perf_counter() - began)
            await asyncio.sleep(max(0.0, 0.02 - took[-1]))
        return 1_000 * sorted(took)[int(len(took) * 0.99)]

    def close(self) -> None:
        """Close every connection."""
        for client in self._all:
            client.close()


async def drip(port: int) -> None:
    """A peer that sends a head byte by byte and never ends it; when it is cut, it comes again. Until cancelled."""
    while True:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            try:
                writer.write(b"POST /v1/chat/completions HTTP/1.1\r\nx: ")
                while not writer.is_closing():
                    writer.write(b"a")
                    await asyncio.sleep(0.5)
            finally:
                writer.transport.abort()


# ---- the run ----------------------------------------------------------------------------------------------------


def command(*arguments: str) -> str:
    """Run a command of ours."""
    done = subprocess.run(  # noqa: S603 - our own command
        [sys.executable, "-c", MAIN, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    return done.stdout


def workload(state: Path, name: str) -> str:
    """Register a workload of a unit of its own; return its key."""
    made = command(
        *("workload", "add", str(state), name, "--unit", f"unit of {name}", "--purpose", "bench", "--official", "one"),
        *("--authority", "USC-4A", "--requests-per-minute", "1000000", "--json"),
    )
    return str(json.loads(made)["key"])


def kinds(state: Path) -> Counter[str]:
    """How many records of each kind stand in the gateway's log."""
    return Counter(frame.kind.value for frame in frames_on_disk(StateFolder(state).wal, "gateway-0"))


def processor_seconds(process: int) -> float:
    """What a process and its threads have used of the processor."""
    fields = Path(f"/proc/{process}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measure(port: int, process: int, keys: tuple[str, str], seconds: float) -> dict[str, Any]:
    """Both phases."""
    calm = Load(port)
    await calm.closed(requests(keys[0]), 1.0)
    calm.done.clear()
    before = processor_seconds(process)
    capacity = await calm.closed(requests(keys[0]), seconds)
    calm_cpu = (processor_seconds(process) - before) / (capacity * seconds)
    calm.close()
    good = Load(port)
    alone = await good.paced(requests(keys[1]), seconds)
    drips = [asyncio.create_task(drip(port)) for _ in range(DRIPS)]
    await asyncio.sleep(1.0)
    beside = await good.paced(requests(keys[1]), seconds)
    for each in drips:
        each.cancel()
    await asyncio.gather(*drips, return_exceptions=True)
    good.close()
    load = Load(port)
    await load.open(requests(keys[0]), requests(keys[1]), 5 * capacity, 1.0)  # until it is used to it
    load.done.clear()
    before = processor_seconds(process)
    await load.open(requests(keys[0]), requests(keys[1]), 5 * capacity, seconds)
    used = processor_seconds(process) - before
    load.close()
    done = load.done
    answers = sum(done[f"{who} {status}"] for who in ("flood", "small") for status in (200, 403))
    return {
        "capacity": round(capacity, 1),
        "good_p99_ms_alone": round(alone, 1),
        "good_p99_ms_beside_drips": round(beside, 1),
        "offered": round(sum(done.values()) / seconds, 1),
        "goodput": round(answers / seconds, 1),
        "goodput_part": round(answers / seconds / capacity, 3),
        "cpu_ms_for_an_answer": [round(1_000 * calm_cpu, 2), round(1_000 * used / max(1, answers), 2)],
        "goodput_part_by_cpu": round(calm_cpu / (used / max(1, answers)), 3),
        "shed": sum(count for name, count in done.items() if " 503" in name),
        "small_served_part": round(
            done["small 200"] / max(1, sum(count for name, count in done.items() if name.startswith("small"))), 3
        ),
        "outcomes": dict(sorted(done.items())),
    }


def main() -> None:
    """One run."""
    parser = argparse.ArgumentParser(description="Goodput at five times the capacity.")
    parser.add_argument("--quick", action="store_true", help="A short run.")
    parser.add_argument("--out", type=Path, help="Folder for overload.json.")
    asked = parser.parse_args()
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[-1]})
    shared = multiprocessing.get_context("spawn")
    model_port, counts = shared.Value("i", 0), shared.Array("q", 2)
    model = shared.Process(target=serve_model, args=(model_port, counts), daemon=True)
    model.start()
    with tempfile.TemporaryDirectory() as folder:
        while not model_port.value:
            time.sleep(0.01)
        state = Path(folder) / "state"
        command("init", str(state), "--model", "m", "--upstream", f"http://127.0.0.1:{model_port.value}")
        keys = workload(state, "flood"), workload(state, "small")
        before = counts[0]
        with (Path(folder) / "stderr").open("w", encoding="utf-8") as stderr:
            gateway = subprocess.Popen(  # noqa: S603 - our own command
                [sys.executable, "-u", "-c", MAIN, "serve", str(state), "--port", "0"],
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
            )
            os.sched_setaffinity(gateway.pid, {cores[0]})  # before it has a thread that is not its first
        try:
            found = re.search(r"http://[^/:]+:(\d+)", (gateway.stdout.readline() if gateway.stdout else ""))
            if found is None:
                raise SystemExit((Path(folder) / "stderr").read_text("utf-8"))
            figures = uvloop.run(measure(int(found[1]), gateway.pid, keys, 3.0 if asked.quick else 10.0))
        finally:
            gateway.terminate()
            gateway.wait(60)
        time.sleep(0.2)
        records, reached, red = kinds(state), counts[0] - before, counts[1]
    model.kill()
    figures |= {"reached_the_model": reached, "passes": records["PASS"], "red_lines_at_the_model": red}
    for name, value in figures.items():
        sys.stdout.write(f"{name:<24} {value}\n")
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "overload.json").write_bytes(msgspec.json.encode(figures))
    if red or reached > records["PASS"] or records["ATTEMPT"] != records["OUTCOME"]:
        raise SystemExit("something reached the model unscreened, or the books do not balance")


if __name__ == "__main__":
    main()
