# SPDX-License-Identifier: Apache-2.0
"""The gateway beside nginx, on one core, before the same model server: requests, streams, and where the time goes.

    python bench/gateway.py [--quick] [--json FILE] [--out FOLDER] [--runs N]

Each run measures every row once, one after the other, so that what else the machine does falls on all of them; the
medians of the runs are printed, their spread, and their ratio to nginx. ``README.md`` says what is measured, on what.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click
import msgspec
from plot import Line, svg
from upstream import EVENTS, WORDS

HERE: Final = Path(__file__).parent
GATEWAY, PASSING, NGINX, DIRECT = "gateway", "pass-through (harness)", "nginx", "model server alone"
BODIES: Final = 64
MARK: Final = "zzzzzz"
"""A word in the place of which each request has one of its own: what was judged before is remembered (``new``)."""
USER_CHARS: Final = 880
CONNECTIONS: Final = (1, 4, 16, 64)
STREAMS: Final = 16
SENTENCES: Final = (
    WORDS + "The committee met on Monday to discuss the budget. A new bakery opened near the station last week. Rain "
    "is expected in the evening, so bring a coat. The library extends its hours during exams. Our team finished the "
    "report ahead of schedule. She painted the fence green over the weekend. Trains run every ten minutes until "
    "midnight. The recipe calls for two cups of flour and a pinch of salt. He repaired the old clock with a spring. "
    "Volunteers planted forty trees along the river. The museum offers free entry on the first Sunday. Prices for "
    "coffee rose again this quarter. "
).split(". ")

_WRK: Final = """
local bodies, turn = {{}}, 0
for line in io.lines("{bodies}") do bodies[#bodies + 1] = line end
local headers = {{["content-type"] = "application/json", ["authorization"] = "Bearer {key}"}}
local function word(number)
  local letters = ""
  for _ = 1, 6 do letters, number = letters .. string.char(97 + number % 26), math.floor(number / 26) end
  return letters
end
local sent, new
function init(arguments) sent, new = tonumber(arguments[1]), arguments[2] == "new" end
function request()
  turn, sent = turn % #bodies + 1, sent + 1
  local body = bodies[turn]
  if new then body = body:gsub("{mark}", word(sent * 7919)) end
  return wrk.format("POST", "/v1/chat/completions", headers, body)
end
function done(summary, latency)
  local bad = summary.errors.status + summary.errors.read + summary.errors.write + summary.errors.timeout
  io.write(string.format('{{"count": %d, "bad": %d, "per_second": %f, "p50_ms": %f, "p99_ms": %f}}\\n',
    summary.requests, bad, summary.requests / summary.duration * 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""
_NGINX: Final = """
daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 1024; }}
http {{
  access_log off; keepalive_requests 1000000000; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream model {{ server 127.0.0.1:{upstream}; keepalive 256; keepalive_requests 1000000000; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://model; proxy_http_version 1.1;
    proxy_set_header Connection ""; proxy_buffering off; }} }}
}}
"""


class Row(msgspec.Struct, frozen=True):
    """One target in one run. CPU and memory are those of the target's process; streams are 16 at once."""

    per_second: dict[int, float]  # by connections
    p50_ms: dict[int, float]
    p99_ms: dict[int, float]
    cpu_ms: float  # for each request, at 16 connections
    cpu_again_ms: float  # for one whose every text was judged before
    first_p50_ms: float
    first_p99_ms: float
    chunk_cpu_us: float
    megabytes: float


class Target(msgspec.Struct, frozen=True):
    """Something that serves, and the process that does; 0 for whom no CPU time is counted."""

    name: str
    port: int
    pid: int


class Rig:
    """The cores, the load and what it sends."""

    def __init__(self, folder: Path, key: str, seconds: float, connections: tuple[int, ...]) -> None:
        self._seconds = seconds
        self._connections = connections
        bodies = [json.dumps(_request(seed), separators=(",", ":")) for seed in range(BODIES)]
        (folder / "bodies").write_text("\n".join(bodies) + "\n", "utf-8")
        self._script = folder / "wrk.lua"
        self._script.write_text(_WRK.format(bodies=folder / "bodies", key=key, mark=MARK), "utf-8")
        self._streams = [
            _http(json.dumps({**_request(i), "stream": True}, separators=(",", ":")), key) for i in range(8)
        ]

    def measure(self, target: Target) -> Row:
        """Every figure of one target. Raises ``click.ClickException`` if an answer is missing or wrong."""
        loads = {}
        cpu = 0.0
        for connections in self._connections:
            before = _cpu_seconds(target.pid)
            loads[connections] = self.load(target, connections)
            if connections == 16:
                cpu = (_cpu_seconds(target.pid) - before) / loads[16]["count"]
        before = _cpu_seconds(target.pid)
        again = self.load(target, 16, new=False)
        cpu_again = (_cpu_seconds(target.pid) - before) / again["count"]
        before = _cpu_seconds(target.pid)
        streams = self._stream(target)
        chunk = (_cpu_seconds(target.pid) - before) / max(1, streams["streams"] * (EVENTS + 1))
        if streams["broken"] or not streams["streams"]:
            raise click.ClickException(f"{target.name}: {streams['broken']} of the streams broke")
        return Row(
            per_second={at: load["per_second"] for at, load in loads.items()},
            p50_ms={at: load["p50_ms"] for at, load in loads.items()},
            p99_ms={at: load["p99_ms"] for at, load in loads.items()},
            cpu_ms=cpu * 1e3,
            cpu_again_ms=cpu_again * 1e3,
            first_p50_ms=streams["first_p50_ms"],
            first_p99_ms=streams["first_p99_ms"],
            chunk_cpu_us=chunk * 1e6,
            megabytes=_megabytes(target.pid),
        )

    def load(self, target: Target, connections: int, seconds: float = 0.0, *, new: bool = True) -> dict[str, float]:
        """wrk with so many connections, each of which asks again as soon as it was answered: something new, or not."""
        duration = max(1, round(seconds or self._seconds))
        told = subprocess.run(  # noqa: S603
            [
                *_on(LOAD_CORE),
                "wrk",
                "-t1",
                f"-c{connections}",
                f"-d{duration}s",
                "-s",
                str(self._script),
                f"http://127.0.0.1:{target.port}",
                "--",
                str(time.time_ns() // 1_000_000 % 100_000_000),
                "new" if new else "again",
            ],
            check=True,
            capture_output=True,
            text=True,
        ).stdout.splitlines()[-1]
        result: dict[str, float] = json.loads(told)
        if result["bad"] or not result["count"]:
            raise click.ClickException(f"{target.name}: {result['bad']:.0f} answers were missing or not 200")
        return result

    def _stream(self, target: Target) -> dict[str, float]:
        plan = {"port": target.port, "requests": self._streams, "at_once": STREAMS, "seconds": self._seconds}
        told = subprocess.run(  # noqa: S603
            [*_on(LOAD_CORE), sys.executable, str(HERE / "streams.py")],
            input=json.dumps(plan),
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        result: dict[str, float] = json.loads(told)
        return result


# ---- what is sent ------------------------------------------------------------------------------------------------


def _request(seed: int) -> dict[str, Any]:
    """A chat completion of 1 kB; each seed has other words, because a rule engine is faster on words that it knows."""
    chosen = random.Random(seed)  # noqa: S311 - the same words in every run
    text = f"Concerning {MARK}. "
    while len(text) < USER_CHARS:
        text += chosen.choice(SENTENCES).strip() + ". "
    turns = [
        {"role": "system", "content": "You help a logistics office."},
        {"role": "user", "content": text[:USER_CHARS]},
    ]
    return {"model": "m", "messages": turns, "max_tokens": 300}


def _http(body: str, key: str) -> str:
    return (
        "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {key}\r\ncontent-length: {len(body.encode())}\r\n\r\n{body}"
    )


# ---- processes ---------------------------------------------------------------------------------------------------

_CORES: Final = sorted(os.sched_getaffinity(0))
SERVING_CORE, LOAD_CORE = _CORES[0], _CORES[-1]


def _on(core: int) -> list[str]:
    return ["taskset", "-c", str(core)]


def _cpu_seconds(pid: int) -> float:
    if not pid:
        return 0.0
    fields = Path(f"/proc/{pid}/stat").read_text("utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _megabytes(pid: int) -> float:
    if not pid:
        return 0.0
    status = Path(f"/proc/{pid}/status").read_text("utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextlib.contextmanager
def _running(command: list[str], core: int, port: int, log: Path) -> Iterator[subprocess.Popen[str]]:
    """A process on one core, once it listens on its port; stopped at the end."""
    with log.open("w") as said:
        child = subprocess.Popen(  # noqa: S603
            [*_on(core), *command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=said, text=True
        )
        try:
            for _ in range(600):
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.1):
                    break
                if child.poll() is not None:
                    raise click.ClickException(f"{command[0]} ended: {log.read_text('utf-8')[-800:]}")
                time.sleep(0.05)
            yield child
        finally:
            child.terminate()
            child.communicate()


def _brightline(*arguments: str) -> list[str]:
    return [sys.executable, "-c", "from brightline.shell.cli.main import main; main()", *arguments]


def _make_state(folder: Path, upstream: int, port: int) -> tuple[Path, str]:
    """A state folder in the development profile, and the key of its one workload."""
    state = folder / "state"
    url = f"http://127.0.0.1:{upstream}"
    subprocess.run(  # noqa: S603
        _brightline("init", str(state), "--upstream", url, "--model", "m", "--port", str(port)),
        check=True,
        capture_output=True,
    )
    told = subprocess.run(  # noqa: S603
        _brightline(
            "workload",
            "add",
            str(state),
            "bench",
            "--unit",
            "bench",
            "--purpose",
            "Measure.",
            "--official",
            "bench",
            "--authority",
            "10 USC",
            "--requests-per-minute",
            "1000000",
            "--json",
        ),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    return state, json.loads(told)["key"]


# ---- the runs ----------------------------------------------------------------------------------------------------


def measure(folder: Path, runs: int, seconds: float, connections: tuple[int, ...]) -> dict[str, Any]:
    """All rows of all runs, and the stages."""
    upstream, port, passing, proxy = (_free_port() for _ in range(4))
    state, key = _make_state(folder, upstream, port)
    rig = Rig(folder, key, seconds, connections)
    rows: dict[str, list[Row]] = {}
    with contextlib.ExitStack() as stack:
        python = sys.executable
        model = [python, str(HERE / "upstream.py"), str(upstream)]
        stack.enter_context(_running(model, LOAD_CORE, upstream, folder / "upstream.log"))
        targets = [Target(DIRECT, upstream, 0)]
        if shutil.which("nginx"):
            (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, upstream=upstream, port=proxy), "utf-8")
            command = ["nginx", "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")]
            child = stack.enter_context(_running(command, SERVING_CORE, proxy, folder / "nginx.log"))
            targets.append(Target(NGINX, proxy, child.pid))
        if len(connections) > 1:
            command = [python, str(HERE / "passing.py"), f"http://127.0.0.1:{upstream}", str(passing)]
            child = stack.enter_context(_running(command, SERVING_CORE, passing, folder / "passing.log"))
            targets.append(Target(PASSING, passing, child.pid))
        with _running(_brightline("serve", str(state)), SERVING_CORE, port, folder / "gateway.log") as child:
            targets.append(Target(GATEWAY, port, child.pid))
            for target in targets[1:]:
                rig.load(target, 16, 1)  # warm
            for _ in range(runs):
                for target in targets:
                    rows.setdefault(target.name, []).append(rig.measure(target))
        stages = _stages(rig, state, port, folder)
    return {"rows": rows, "stages": stages}


def _stages(rig: Rig, state: Path, port: int, folder: Path) -> dict[str, float]:
    """CPU microseconds for one request by stage."""
    command = [sys.executable, str(HERE / "stages.py"), str(state), str(port)]
    with _running(command, SERVING_CORE, port, folder / "stages.log") as child:
        answered = rig.load(Target("stages", port, 0), 16)["count"]
        told, _ = child.communicate("")
    seconds: dict[str, float] = json.loads(told.splitlines()[-1])
    return {name: value / answered * 1e6 for name, value in seconds.items()}


def _median(values: list[float]) -> str:
    middle = statistics.median(values)
    spread = (max(values) - min(values)) / 2 / middle * 100 if middle else 0.0
    return f"{middle:,.2f} ±{spread:.0f} %" if middle < 100 else f"{middle:,.0f} ±{spread:.0f} %"


def report(result: dict[str, Any], connections: tuple[int, ...]) -> Iterator[str]:
    """The figures as lines."""
    rows: dict[str, list[Row]] = result["rows"]
    if NGINX not in rows:
        yield "nginx is not installed: that row and the ratios to it are skipped"
    for name, runs in rows.items():
        yield name
        for at in connections:
            rate = statistics.median(run.per_second[at] for run in runs)
            line = f"  {at:3d} connections: {_median([run.per_second[at] for run in runs])} requests/s"
            if NGINX in rows:
                line += f" ({rate / statistics.median(run.per_second[at] for run in rows[NGINX]):.4f} x nginx)"
            p50, p99 = _median([run.p50_ms[at] for run in runs]), _median([run.p99_ms[at] for run in runs])
            yield f"{line}, p50 {p50} ms, p99 {p99} ms"
        if name != DIRECT:
            yield (
                f"  CPU {_median([run.cpu_ms for run in runs])} ms a request "
                f"({_median([run.cpu_again_ms for run in runs])} where its texts were judged before), "
                f"{_median([run.chunk_cpu_us for run in runs])} us a chunk of a stream; "
                f"{_median([run.megabytes for run in runs])} MB"
            )
            added = [run.first_p50_ms - alone.first_p50_ms for run, alone in zip(runs, rows[DIRECT], strict=True)]
            first = _median([run.first_p50_ms for run in runs])
            yield f"  first words after p50 {first} ms: {statistics.median(added):.2f} ms added"
    whole = sum(result["stages"].values())
    yield f"where the CPU time of a request goes ({whole:,.0f} us with the clocks on)"
    for stage, micros in sorted(result["stages"].items(), key=lambda pair: -pair[1]):
        yield f"  {micros:7.1f} us  {micros / whole * 100:4.1f} %  {stage}"


def picture(result: dict[str, Any], connections: tuple[int, ...]) -> str:
    """p50 by connections, as an SVG."""
    lines = [
        Line(
            name=name,
            points=tuple((at, statistics.median(run.p50_ms[at] for run in runs) / 1e3) for at in connections),
            colour=number,
        )
        for number, (name, runs) in enumerate(result["rows"].items())
    ]
    return svg("A chat completion of 1 kB on one core", "connections", "time to the answer, p50", lines)


@click.command(help=__doc__)
@click.option("--quick", is_flag=True, help="One short run: for whether it works, not for its figures.")
@click.option("--json", "json_file", type=click.Path(path_type=Path), help="Where every figure of every run goes.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder for gateway.svg.")
@click.option("--runs", type=click.IntRange(1, 50), default=3, show_default=True)
def main(quick: bool, json_file: Path | None, out: Path | None, runs: int) -> None:
    """Measure, print, keep."""
    if not shutil.which("wrk") or not shutil.which("taskset"):
        click.echo("skipped: this needs wrk and taskset (apt install wrk util-linux)")
        return
    connections = (16,) if quick else CONNECTIONS
    with tempfile.TemporaryDirectory(prefix="brightline-bench-") as folder:
        result = measure(Path(folder), 1 if quick else runs, 1 if quick else 4, connections)
    for line in report(result, connections):
        click.echo(line)
    if json_file:
        json_file.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=1) + b"\n")
    if out:
        out.mkdir(parents=True, exist_ok=True)
        (out / "gateway.svg").write_text(picture(result, connections), "utf-8")


if __name__ == "__main__":
    main()
