# SPDX-License-Identifier: Apache-2.0
"""A model server for tests in a process of its own, on a Unix socket: ``python -m tests.guard.socket_model PATH``."""

from __future__ import annotations

import asyncio
import os
import sys

from aiohttp import web

from tests.guard.models import says
from tests.harness import chunk, completion


async def _answer(request: web.Request) -> web.StreamResponse:
    asked = await request.json()
    said = says(asked["messages"][-1]["content"])
    if not asked.get("stream"):
        return web.json_response(completion(said))
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for part in (chunk(said), chunk("", "stop"), b"data: [DONE]\n\n"):
        await response.write(part)
    return response


async def _serve(path: str) -> None:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", _answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.UnixSite(runner, path).start()
    sys.stdout.write("serving\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    os.umask(0o077)  # whoever else is on this machine
    asyncio.run(_serve(sys.argv[1]))
