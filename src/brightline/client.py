# SPDX-License-Identifier: Apache-2.0
"""For applications: wait until people have decided a hold, and come back for it, with the OpenAI SDK that they have.

It needs nothing of Brightline's and nothing but an ``openai.OpenAI`` or ``openai.AsyncOpenAI`` client that points at
the gateway::

    try:
        answer = client.chat.completions.create(**request)
    except openai.PermissionDeniedError as refused:
        if wait_for(client, refused, seconds=3600) != "released":
            raise
        answer = fetch(client.chat.completions.create, refused, **request)  # the same request

Who was denied may ask an official of their organisation to appeal (``appeal``), which asks nobody else for anything
until the official has signed.

``fetch`` gives the answer that was held, once; where the request itself was held, it is decided anew and goes to the
model. A stream that was stopped with ``content_filter`` has the hold in its last chunk: pass that chunk instead.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

POLL_SECONDS: Final = 60
GRACE_SECONDS: Final = 30
OPEN: Final = "open"
HOLD_HEADER: Final = "X-Brightline-Hold"

T = TypeVar("T")


class Client(Protocol):
    """What is used of ``openai.OpenAI``."""

    def get(self, path: str, *, cast_to: Any, options: Any) -> Any: ...

    def post(self, path: str, *, cast_to: Any, body: Any) -> Any: ...


class AsyncClient(Protocol):
    """What is used of ``openai.AsyncOpenAI``."""

    async def get(self, path: str, *, cast_to: Any, options: Any) -> Any: ...


def hold_of(refused: object) -> str:
    """The hold id of a refusal (what the SDK raised), of the last chunk of a stream, or an id itself; or nothing."""
    if isinstance(refused, str):
        return refused
    body = getattr(refused, "body", None)
    if isinstance(body, Mapping):
        told = body.get("brightline") if body.get("code") == "held_for_review" else None
    else:
        told = getattr(refused, "brightline", None) or getattr(getattr(refused, "response", None), "brightline", None)
    hold = told.get("hold") if isinstance(told, Mapping) else None
    return hold if isinstance(hold, str) else ""


def wait_for(client: Client, refused: object, seconds: float) -> str:
    """Wait for people, for so many seconds at most, and return how the hold stands.

    ``released``, ``denied``, ``expired`` or ``used``, or ``open`` if they have not decided in time; empty if this was
    no hold. Raises what the SDK raises if the gateway cannot be asked.
    """
    hold = hold_of(refused)
    until = time.monotonic() + seconds
    while hold:
        left = _left(until)
        state = str(client.get(_path(hold), cast_to=dict[str, Any], options=_options(left))["status"])
        if state != OPEN or time.monotonic() >= until:
            return state
        time.sleep(_pause(left))
    return ""


async def wait_for_async(client: AsyncClient, refused: object, seconds: float) -> str:
    """The same as :func:`wait_for` with ``openai.AsyncOpenAI``."""
    hold = hold_of(refused)
    until = time.monotonic() + seconds
    while hold:
        left = _left(until)
        told = await client.get(_path(hold), cast_to=dict[str, Any], options=_options(left))
        state = str(told["status"])
        if state != OPEN or time.monotonic() >= until:
            return state
        await asyncio.sleep(_pause(left))
    return ""


def fetch(create: Callable[..., T], refused: object, **request: Any) -> T:
    """Come back for what people released: ``create`` is the method that was called, ``request`` what it was given.

    Returns what ``create`` returns, so it is awaited with an asynchronous client. Raises what the SDK raises:
    ``hold_not_released`` if it was given out before, has expired, or was not released.
    """
    headers = {**(request.pop("extra_headers", None) or {}), HOLD_HEADER: hold_of(refused)}
    return create(**request, extra_headers=headers)


def exchange_of(refused: object) -> str:
    """The id of the exchange that the agreement refused, of what the SDK raised; or nothing."""
    body = getattr(refused, "body", None)
    told = body.get("brightline") if isinstance(body, Mapping) and body.get("code") == "denied_by_agreement" else None
    exchange = told.get("exchange") if isinstance(told, Mapping) else None
    return exchange if isinstance(exchange, str) else ""


def appeal(client: Client, refused: object, reason: str, **request: Any) -> Any:
    """Ask the official to appeal a hold that people denied, or a refusal, of which ``request`` is what was sent.

    ``refused`` is what the SDK raised, or the id of a hold. Returns how the appeal stands, a mapping with ``id`` and
    ``status``; it is awaited with an asynchronous client. The same again gives the same. Raises what the SDK raises,
    and ``ValueError`` for what is neither.
    """
    hold, exchange = hold_of(refused), exchange_of(refused)
    if not hold and not exchange:
        raise ValueError("neither a hold nor a refusal of the agreement")
    body: dict[str, Any] = {"reason": reason}
    if not hold:
        body["request"] = {name: value for name, value in request.items() if name not in _OF_THE_CALL}
        body["request"] |= request.get("extra_body") or {}
    path = f"{_path(hold)}/appeals" if hold else f"/exchanges/{exchange}/appeals"
    return client.post(path, cast_to=dict[str, Any], body=body)


_OF_THE_CALL: Final = frozenset({"extra_headers", "extra_query", "extra_body", "timeout"})


def _left(until: float) -> int:
    return max(0, min(POLL_SECONDS, int(until - time.monotonic())))


def _path(hold: str) -> str:
    return f"/holds/{hold}"


def _options(left: int) -> dict[str, Any]:
    return {"headers": {"Prefer": f"wait={left}"}, "timeout": POLL_SECONDS + GRACE_SECONDS}


def _pause(left: int) -> float:
    return 1.0 if left else 0.1
