# SPDX-License-Identifier: Apache-2.0
"""For applications: wait until people have decided a hold, with the OpenAI SDK that they have.

It needs nothing of Brightline's and nothing but an ``openai.OpenAI`` client that points at the gateway::

    try:
        answer = client.chat.completions.create(**request)
    except openai.PermissionDeniedError as refused:
        if wait_for(client, refused, seconds=3600) != "released":
            raise
        answer = client.chat.completions.create(**request)  # unchanged: it is decided anew
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any, Final, Protocol

POLL_SECONDS: Final = 60
OPEN: Final = "open"


class Refused(Protocol):
    """What the SDK raises for a refusal."""

    @property
    def body(self) -> object: ...


class Client(Protocol):
    """What is used of ``openai.OpenAI``."""

    def get(self, path: str, *, cast_to: Any, options: Any) -> Any: ...


def hold_of(refused: Refused) -> str:
    """The hold id of a refusal; empty if it was refused for something else."""
    body = refused.body
    told = body.get("brightline") if isinstance(body, Mapping) and body.get("code") == "held_for_review" else None
    hold = told.get("hold") if isinstance(told, Mapping) else None
    return hold if isinstance(hold, str) else ""


def wait_for(client: Client, refused: Refused, seconds: float) -> str:
    """Wait for people, for so many seconds at most, and return how the hold stands.

    ``released``, ``denied``, ``expired``, or ``open`` if they have not decided in time; empty if this was no hold.
    Raises what the SDK raises if the gateway cannot be asked.
    """
    hold = hold_of(refused)
    if not hold:
        return ""
    until = time.monotonic() + seconds
    while True:
        left = max(0, min(POLL_SECONDS, int(until - time.monotonic())))
        options = {"headers": {"Prefer": f"wait={left}"}, "timeout": POLL_SECONDS + 30}
        state: dict[str, Any] = client.get(f"/holds/{hold}", cast_to=dict[str, Any], options=options)
        if state["status"] != OPEN or time.monotonic() >= until:
            return str(state["status"])
        time.sleep(1 if left else 0.1)
