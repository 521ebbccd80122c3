# SPDX-License-Identifier: Apache-2.0
"""What a page of the review console weighs, and when a browser first paints it.

    python bench/console.py [--holds 200] [--runs 5]
    python bench/console.py --holds 100000 --plain       100,000 open holds (some minutes), only what the server takes

The first hundred holds are made by a gateway; the others are the same cases again under other ids, written straight
into a shard of their own.

Chromium loads each page of a running console: once with nothing kept, then with the three files kept that a page loads
(they are named by their digests and kept for ever; no page is). Bytes are those on the wire, with headers, as the
browser counts them; times are the browser's own, from the beginning of the navigation. Medians, and the least of the
warm ones, which says more where others work on the machine. Last comes a line of plain text, to compare with.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the console and the server of the tests

import httpx2
import msgspec
import openai
from tests.console.browser import chromium, visiting
from tests.console.desk import QUEUE, console
from tests.harness import HELD, Running, running

from brightline.core.evidence.record import Draft, RecordKind
from brightline.core.review.case import Case
from brightline.shell.clock import SystemClock
from brightline.shell.config import load_settings
from brightline.shell.keyring import open_vault
from brightline.shell.registry.log import writing
from brightline.shell.state import StateFolder
from brightline.shell.storage.wal import frames_on_disk, shards_in
from brightline.shell.trust.keys import make_key

PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
PATIENCE_SECONDS = 120
AT_ONCE = 500
UNITS = 40
MADE_BY_A_GATEWAY = 100
WRITTEN_BY_THE_LOG = {"kind", "seq", "shard", "time", "epoch", "commitments", "profile", "v", "exchange"}
NODES = "document.getElementsByTagName('*').length"


def more_of_it(root: Path, count: int) -> None:
    """So many more: cases that a gateway held, each again under an id and a unit of its own, in another shard."""
    folder, settings, clock = StateFolder(root), load_settings(root), SystemClock()
    vault, drafts = open_vault(folder), []
    if not count:
        return
    for shard in shards_in(folder.wal):
        for frame in frames_on_disk(folder.wal, shard):
            if frame.kind is RecordKind.HOLD:
                drafts.append((json.loads(frame.leaf), vault.reader(shard).peek(frame)))
    make_key(folder.key("log-more"))
    with writing(root, settings, "more", "development", clock) as log:

        async def write() -> None:
            now = clock.unix()
            for first in range(0, count, AT_ONCE):
                new = (_again(*drafts[n % len(drafts)], n, now) for n in range(first, min(count, first + AT_ONCE)))
                await asyncio.gather(*(log.append(each) for each in new))

        asyncio.run(write())


def _again(leaf: dict[str, Any], fields: Mapping[str, Any], number: int, now: int) -> Draft:
    case = msgspec.convert(fields["case"], Case)
    case = msgspec.structs.replace(
        case,
        hold=f"hold_{number:024x}",
        unit=f"unit-{number % UNITS}",
        opened=now - number % 3_000,
        expires=now + 80_000,
    )
    public = {name: value for name, value in leaf.items() if name not in WRITTEN_BY_THE_LOG}
    public |= {"hold": case.hold, "case": case.digest}
    return Draft(RecordKind.CASE, f"again-{number}", public, {**fields, "case": msgspec.to_builtins(case)})


def held(node: Running, count: int) -> str:
    """So many holds, each of a conversation; the first of them."""
    first = ""
    with node.client() as client:
        for number in range(count):
            words = f"{HELD} Number {number}. Copy somebody{number}@example.com."
            turns: Any = [{"role": "user", "content": "List the vehicles."}, {"role": "user", "content": words}]
            try:
                client.chat.completions.create(model="m", messages=turns)
            except openai.PermissionDeniedError as refused:
                body: Any = refused.body
                first = first or body["brightline"]["hold"]
    return first


def measure(page: Any, url: str, path: str, runs: int) -> dict[str, float]:
    """The page cold, then warm."""
    page.set_default_timeout(1_000 * PATIENCE_SECONDS)
    session = page.context.new_cdp_session(page)
    session.send("Network.enable")
    received: list[float] = []
    session.on("Network.loadingFinished", lambda event: received.append(event["encodedDataLength"]))
    found: dict[str, list[float]] = {name: [] for name in ("cold bytes", "cold ms", "warm bytes", "warm ms")}
    for kind, cleared in (("cold", True), ("warm", False)):
        for _ in range(runs):
            if cleared:
                session.send("Network.clearBrowserCache")
            page.goto("about:blank")
            received.clear()
            page.goto(url + path, wait_until="networkidle")
            found[f"{kind} bytes"].append(sum(received))
            found[f"{kind} ms"].append(page.evaluate(PAINT))
    session.detach()
    row = {name: statistics.median(values) for name, values in found.items()}
    least = min((ms for ms in found["warm ms"] if ms), default=0.0)
    return row | {"least ms": least, "elements": page.evaluate(NODES)}


def processor_ms(url: str, path: str, count: int = 20) -> float:
    """Processor time of one page, in milliseconds, without what asking for it takes: that of a line of text."""
    with httpx2.Client(base_url=url, timeout=60) as client:
        client.get(f"/as/{who_reads(path)}")
        taken = []
        for each in (path, "/login"):
            client.get(each)
            begun = time.process_time()
            for _ in range(count):
                client.get(each)
            taken.append(1_000 * (time.process_time() - begun) / count)
    return taken[0] - taken[1]


def pages(hold: str) -> dict[str, str]:
    """What is looked at, by name. The last is what the others are compared with."""
    return {
        "the queue": "/queue",
        "the queue, one unit": "/queue?unit=unit-1&state=any",
        "a case": f"/case/{hold}",
        "deny many": "/deny?unit=unit-1",
        "the figures": "/figures",
        "standings": "/standing",
        "appeals": "/appeals",
        "halts": "/halt",
        "a line of text": "/login",
    }


def who_reads(path: str) -> str:
    """Standings and appeals are for officers; a senior reviewer reads the others."""
    return "officer" if path in {"/standing", "/appeals"} else "senior"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--holds", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--plain", action="store_true", help="no browser: only what pages take of the server")
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "state", more_toml=QUEUE) as node,
        console(node.root, node.loop) as desk,
    ):
        hold = held(node, min(asked.holds, MADE_BY_A_GATEWAY))
        more_of_it(node.root, max(0, asked.holds - MADE_BY_A_GATEWAY))
        rows: dict[str, dict[str, float]] = {}
        with httpx2.Client(base_url=desk.url, timeout=600) as client:
            for name, path in pages(hold).items():  # what is read once, at the first page of its kind
                client.get(f"/as/{who_reads(path)}")
                began, start = time.process_time(), time.perf_counter()
                if client.get(path).status_code != 200:
                    raise AssertionError(f"{name} is not shown")
                rows[name] = {
                    "first s": time.perf_counter() - start,
                    "first processor s": time.process_time() - began,
                }
        for name, path in pages(hold).items():
            rows[name]["processor ms"] = processor_ms(desk.url, path, asked.runs)
        if not asked.plain:
            with chromium() as browser, visiting(browser, desk.url, "senior") as visit:
                for name, path in pages(hold).items():
                    visit.go(f"/as/{who_reads(path)}")
                    rows[name] |= measure(visit.page, desk.url, path, asked.runs)
    if asked.json:
        print(json.dumps(rows))  # noqa: T201
        return
    print(f"{asked.holds:,} holds, {asked.runs} times each")  # noqa: T201
    for name, row in rows.items():
        took = f"{row['processor ms']:.0f} ms of the server's processor, the first time {row['first s']:.1f} s"
        if "elements" not in row:
            print(f"{name}: {took}")  # noqa: T201
            continue
        cold, warm = (
            f"{row[f'{kind} bytes'] / 1_000:.0f} kB, {row[f'{kind} ms']:.0f} ms" for kind in ("cold", "warm")
        )
        print(  # noqa: T201
            f"{name}: cold {cold}; warm {warm}, least {row['least ms']:.0f} ms; {row['elements']:.0f} elements; {took}"
        )


if __name__ == "__main__":
    main()
