# SPDX-License-Identifier: Apache-2.0
"""How a hold stands, told to the workload that comes back for it: at once, or once people have decided.

It has a bound of its own on who waits, because a caller that waits for people takes a place for a minute and does no
work. What is told is the state and the next step; facts, scores and words are told to nobody here.
"""

from __future__ import annotations

import asyncio
import contextlib
from typing import Final

from brightline.core.canonical import JsonValue
from brightline.core.errors import QuotaReached, UnknownHold
from brightline.core.exchange import strict_json
from brightline.core.ports import Clock
from brightline.core.review.case import CaseState
from brightline.core.workload import Workload
from brightline.shell.body import ClientLeft
from brightline.shell.gateway.head import WAIT_SECONDS_MAX, Leaving
from brightline.shell.gateway.holds import Holds, HoldState

LOOK_SECONDS: Final = 0.2
NEXT_STEPS: Final = {
    CaseState.OPEN: "Cleared people are asked. Ask again later, or with the header Prefer: wait=60.",
    CaseState.RELEASED: "Send the request again, unchanged: it is decided anew with what people answered.",
    CaseState.DENIED: "The agreement does not permit this request, and nobody can release it.",
    CaseState.EXPIRED: "Nobody answered, or came back, in time. Send the request again to ask people anew.",
    CaseState.USED: "What was released was used, once. Send the request again to ask people anew.",
}
KEPT_STEP: Final = (
    "Send the request again, unchanged, with the hold in the header X-Brightline-Hold: the answer that was kept is "
    "given out, once."
)


class Waiting:
    """Answers about holds; at most ``waiting_max`` callers wait at a time."""

    def __init__(self, holds: Holds, clock: Clock, waiting_max: int) -> None:
        self._holds = holds
        self._clock = clock
        self._waiting_max = waiting_max
        self._waiting = 0

    def listed(self, workload: Workload) -> bytes:
        """All holds of a workload, as the body of an answer."""
        rows = [_told(each) for each in self._holds.of_workload(workload.id, self._clock.unix())]
        return strict_json.encode({"object": "list", "data": rows})

    async def told(self, hold: str, workload: Workload, wait_seconds: int, leaving: Leaving | None) -> bytes:
        """How a hold stands, as the body of an answer: once it is decided, or after so many seconds.

        Raises ``UnknownHold``, ``QuotaReached`` if too many wait, and ``ClientLeft`` for who waits and leaves: the
        place is another's, and nobody who stops waits for it.
        """
        latest = self._clock.monotonic() + wait_seconds
        waits = bool(wait_seconds)
        if waits and self._waiting >= self._waiting_max:
            raise QuotaReached("too many callers wait for people; ask without waiting", WAIT_SECONDS_MAX)
        left = asyncio.Event()
        if waits and leaving is not None:
            leaving(left.set)
        self._waiting += waits
        try:
            while True:
                state = self._holds.state(hold, workload.id, self._clock.unix())
                if state is None:
                    raise UnknownHold("there is no such hold of this workload")
                if state.state is not CaseState.OPEN or self._clock.monotonic() >= latest:
                    break
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(LOOK_SECONDS):
                        await left.wait()
                    raise ClientLeft
        finally:
            self._waiting -= waits
        return strict_json.encode(_told(state))


def _told(state: HoldState) -> dict[str, JsonValue]:
    """A hold as callers see it."""
    released = state.state is CaseState.RELEASED
    told: dict[str, JsonValue] = {
        "id": state.hold,
        "object": "hold",
        "status": state.state.value,
        "expires_at": state.expires,
        "keeps_answer": state.kept,
    }
    if released:
        told["released_until"] = state.until
    return told | {"next_step": KEPT_STEP if released and state.kept else NEXT_STEPS[state.state]}
