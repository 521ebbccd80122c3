# SPDX-License-Identifier: Apache-2.0
"""The operators' listener: metrics, and what is wrong in full. Without keys: bind it where only they can reach."""

from __future__ import annotations

from brightline.core.exchange import strict_json
from brightline.shell.body import is_http
from brightline.shell.gateway.responder import Receive, Scope, Send, send_health, send_whole
from brightline.shell.telemetry.metrics import CONTENT_TYPE, Metrics, Watched


class Admin:
    """Three pages, all read-only: ``/metrics``, ``/livez`` and ``/readyz``."""

    def __init__(self, metrics: Metrics, watched: Watched) -> None:
        self._metrics = metrics
        self._watched = watched

    async def __call__(self, scope: Scope, _receive: Receive, send: Send) -> None:
        """Serve one ASGI scope."""
        if not await is_http(scope, send):
            return
        if scope["method"] != "GET":
            await send_whole(send, 405, strict_json.encode({"error": "this listener takes GET"}))
            return
        match scope["path"]:
            case "/metrics":
                await send_whole(send, 200, self._metrics.text(), kind=(b"content-type", CONTENT_TYPE))
            case "/livez":
                await send_whole(send, 200, strict_json.encode({"status": "ok"}))
            case "/readyz":
                watched = self._watched
                await send_health(send, list(dict.fromkeys(said for check in watched.checks() for said in check.why)))
            case _:
                await send_whole(send, 404, strict_json.encode({"error": "/metrics, /livez and /readyz are here"}))
