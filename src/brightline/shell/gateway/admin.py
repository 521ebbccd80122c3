# SPDX-License-Identifier: Apache-2.0
"""The operators' listener: metrics, and what is wrong in full. Without keys: bind it where only they can reach."""

from __future__ import annotations

from typing import Final

from brightline.core.exchange import strict_json
from brightline.shell.body import is_http
from brightline.shell.gateway.responder import Receive, Scope, Send
from brightline.shell.telemetry.metrics import CONTENT_TYPE, Metrics, Watched

_JSON: Final = b"application/json"


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
            await _write(send, 405, _JSON, strict_json.encode({"error": "this listener takes GET"}))
            return
        match scope["path"]:
            case "/metrics":
                await _write(send, 200, CONTENT_TYPE, self._metrics.text())
            case "/livez":
                await _write(send, 200, _JSON, strict_json.encode({"status": "ok"}))
            case "/readyz":
                missing = [*self._watched.readiness(), *self._watched.unfit(), *self._watched.faults()]
                body = strict_json.encode({"status": "refusing" if missing else "ok", "missing": missing})
                await _write(send, 503 if missing else 200, _JSON, body)
            case _:
                await _write(send, 404, _JSON, strict_json.encode({"error": "/metrics, /livez and /readyz are here"}))


async def _write(send: Send, status: int, kind: bytes, body: bytes) -> None:
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"cache-control", b"no-store")]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
