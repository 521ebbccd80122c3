# SPDX-License-Identifier: Apache-2.0
"""The broker's two questions over HTTP: ``POST /challenge`` and ``POST /keys``; and whether it is alive and ready.

What is handed over is for the recipient alone and signed, so nothing rests on who reads the connection.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

import msgspec

from brightline.broker.handing import Handing
from brightline.core.attestation.handing import ASKED_BYTES_MAX
from brightline.core.errors import EvidenceUnavailable, KeysRefused
from brightline.shell.body import BodyTooLarge, ClientLeft, Receive, is_http, read_body, write_whole

Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
JSON: Final = [(b"content-type", b"application/json")]
BUSY: Final = "busy"

log = logging.getLogger("brightline.broker")


class BrokerApp:
    """The ASGI application."""

    def __init__(self, handing: Handing) -> None:
        self._handing = handing

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request."""
        if not await is_http(scope, send):
            return
        status, body = await self._answer(scope["method"], scope["path"], receive)
        await write_whole(send, status, body, JSON)

    async def _answer(self, method: str, path: str, receive: Receive) -> tuple[int, bytes]:
        if (method, path) == ("GET", "/livez"):
            return 200, _said({"status": "ok"})
        if (method, path) == ("GET", "/readyz"):
            fault = self._handing.fault
            return (503 if fault else 200), _said({"status": "not_ready" if fault else "ok", "condition": fault})
        try:
            if (method, path) == ("POST", "/challenge"):
                return 200, _said({"nonce": self._handing.challenge()})
            if (method, path) == ("POST", "/keys"):
                return 200, await self._handing.hand_over(await read_body(receive, ASKED_BYTES_MAX))
        except KeysRefused as error:
            return (503 if error.fault == BUSY else 403), _error(error.fault, error.said)
        except EvidenceUnavailable as error:
            log.warning("nothing is handed over, because it cannot be recorded: %s", error)
            return 503, _error("unrecorded", "what is handed over cannot be recorded")
        except BodyTooLarge as error:
            return 413, _error("too-large", str(error))
        except ClientLeft:
            return 400, _error("malformed", "the body did not arrive")
        return 404, _error("unknown", "a broker answers POST /challenge and POST /keys")


def _error(code: str, message: str) -> bytes:
    return _said({"error": {"code": code, "message": message}})


def _said(value: object) -> bytes:
    return msgspec.json.encode(value)
