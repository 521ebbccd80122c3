# SPDX-License-Identifier: Apache-2.0
"""What a page of the review console weighs, and when a browser first paints it.

    python bench/console.py [--holds 200] [--runs 5]

Chromium loads each page of a running console: once with nothing kept, then with the three files kept that a page loads
(they are named by their digests and kept for ever; no page is). Bytes are those on the wire, with headers, as the
browser counts them; times are the browser's own, from the beginning of the navigation. Medians, and the least of the
warm ones, which says more where others work on the machine. Last comes a line of plain text, to compare with.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))  # the console and the server of the tests

import httpx2
import openai
from tests.console.browser import chromium, visiting
from tests.console.desk import QUEUE, console
from tests.harness import HELD, Running, running

PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0"
NODES = "document.getElementsByTagName('*').length"


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
        client.get("/as/senior")
        taken = []
        for each in (path, "/login"):
            client.get(each)
            begun = time.process_time()
            for _ in range(count):
                client.get(each)
            taken.append(1_000 * (time.process_time() - begun) / count)
    return taken[0] - taken[1]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--holds", type=int, default=200)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder) / "state", more_toml=QUEUE) as node,
        console(node.root, node.loop) as desk,
    ):
        hold = held(node, asked.holds)
        rows = {}
        with chromium() as browser, visiting(browser, desk.url, "senior") as visit:
            for name, path in (
                ("the queue", "/queue"),
                ("a case", f"/case/{hold}"),
                ("the figures", "/figures"),
                ("halts", "/halt"),
                ("a line of text", "/login"),
            ):
                rows[name] = measure(visit.page, desk.url, path, asked.runs)
                rows[name]["processor ms"] = processor_ms(desk.url, path)
    if asked.json:
        print(json.dumps(rows))  # noqa: T201
        return
    print(f"{asked.holds} holds, medians of {asked.runs}")  # noqa: T201
    for name, row in rows.items():
        cold, warm = (
            f"{row[f'{kind} bytes'] / 1_000:.0f} kB, {row[f'{kind} ms']:.0f} ms" for kind in ("cold", "warm")
        )
        print(  # noqa: T201
            f"{name}: cold {cold}; warm {warm}, least {row['least ms']:.0f} ms; "
            f"{row['elements']:.0f} elements; {row['processor ms']:.0f} ms of the server's processor"
        )


if __name__ == "__main__":
    main()
