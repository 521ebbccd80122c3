# SPDX-License-Identifier: Apache-2.0
"""Where the time of an exchange goes: a gateway in this process, its stages wrapped in clocks of CPU time.

    python bench/stages.py STATE PORT

Serves until its standard input ends, then prints seconds by stage as JSON. The clocks cost about a tenth of what they
measure, so these figures are for comparing stages with each other. What no stage claims (sockets, HTTP, the event
loop, tasks, waiting for the interpreter's lock) is the rest of the process's CPU time.
"""

from __future__ import annotations

import asyncio
import functools
import json
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import uvloop

from brightline.shell.clock import SystemClock
from brightline.shell.serve import bind, rest_the_collector, serving
from brightline.wiring import open_node

# Only what runs without a pause: a coroutine's time would count what others do meanwhile.
STAGES: Final = (
    ("parse JSON", "brightline.core.exchange.strict_json", "parse"),
    ("cover the request", "brightline.core.enforcement.machine", "cover_request"),
    ("cover the answer", "brightline.core.enforcement.answering", "cover_reply"),
    ("rules: views", "brightline.core.screening.rules", "RuleSet.match"),
    ("rules: search", "brightline.core.screening.engine", "Engine.suspects"),
    ("join facts", "brightline.core.facts", "Vocabulary.join"),
    ("decide", "brightline.core.enforcement.course", "decided"),
    ("sign the token", "brightline.core.enforcement.machine", "mint_pass"),
    ("sign the receipt", "brightline.core.enforcement.course", "write_receipt"),
    ("machine: the rest", "brightline.core.enforcement.machine", "Machine.handle"),
    ("seal records", "brightline.shell.storage.sequencer", "seal"),
    ("write and flush", "brightline.shell.storage.wal_writer", "Wal.append"),
    ("sequencer: the rest", "brightline.shell.storage.sequencer", "Sequencer._commit"),
    ("publish", "brightline.shell.storage.publisher", "Publisher.publish_once"),
)
REST: Final = "HTTP, event loop, tasks"


class Clocks:
    """CPU seconds by stage, without what the stages within it took."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._open = threading.local()

    def around(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, timed."""

        @functools.wraps(work)
        def timed(*args: Any, **kwargs: Any) -> Any:
            within: list[float] = self._open.__dict__.setdefault("within", [])
            within.append(0.0)
            begun = time.thread_time()
            try:
                return work(*args, **kwargs)
            finally:
                taken = time.thread_time() - begun
                self.seconds[name] += taken - within.pop()
                if within:
                    within[-1] += taken

        return timed

    def wind(self) -> None:
        """Put a clock around each stage."""
        for name, module, path in STAGES:
            *owners, attribute = path.split(".")
            owner = functools.reduce(getattr, owners, import_module(module))
            setattr(owner, attribute, self.around(name, getattr(owner, attribute)))


async def serve(state: Path, port: int) -> dict[str, float]:
    """Serve until standard input ends; the seconds of each stage and of the rest."""
    clocks = Clocks()
    clocks.wind()
    async with open_node(state, SystemClock()) as node, serving(node.app, bind("127.0.0.1", port)):
        rest_the_collector()
        clocks.seconds.clear()
        begun = time.process_time()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        whole = time.process_time() - begun
        seconds = {name: clocks.seconds[name] for name, _, _ in STAGES}
    return {**seconds, REST: whole - sum(seconds.values())}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(uvloop.run(serve(Path(sys.argv[1]), int(sys.argv[2])))))
