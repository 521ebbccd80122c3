# SPDX-License-Identifier: Apache-2.0
"""What workloads ask their official to appeal, over HTTP: a wish on record, which opens no case.

A workload's key says which unit asks and nothing of who. So what it asks is put down, so many a day for a unit, and
told to nobody but the official, whose signature opens the case (``shell/review/appealing.py``). That an exchange is
this workload's, and was refused, is compared with the log when the official signs: a gateway that looked for it would
read all of its log for each who asks.
"""

from __future__ import annotations

import asyncio
import itertools
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Annotated, Any, Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.ladder import rules_of
from brightline.core.canonical import JsonValue
from brightline.core.errors import CallerError, MalformedRequest, NothingToAppeal, QuotaReached, UnknownHold
from brightline.core.exchange import strict_json
from brightline.core.exchange.api.table import APIS
from brightline.core.ports import Clock
from brightline.core.register import DAY_SECONDS
from brightline.core.review.appeals import APPEAL_SECONDS, REASON_CHARS_MAX, Wish, WishState, wish_state
from brightline.core.review.case import CaseState
from brightline.core.review.docket import Docket
from brightline.core.workload import Workload
from brightline.shell.gateway.holds import Holds
from brightline.shell.registry.reviewing import Reviewing

PATH: Final = re.compile(r"/v1/(?P<what>holds/(?=hold_)|exchanges/(?=xc_))(?P<about>(?:hold|xc)_[0-9a-f]{24})/appeals")
BODY_BYTES_MAX: Final = 262_144
LIMITS: Final = strict_json.Limits(bytes_max=BODY_BYTES_MAX)

NEXT_STEPS: Final = {
    WishState.ASKED: "An official of your organisation must sign it before anybody looks; tell them its id.",
    WishState.OPEN: "Others than those who decided are asked.",
    WishState.UPHELD: "Send the request again: it is decided anew. What was answered bad stays bad until that ends.",
    WishState.REJECTED: "Others looked and came to the same.",
    WishState.EXPIRED: "Nobody signed it, or nobody answered, in time.",
}


class _Asks(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The body: why, and of a refused exchange its request again."""

    reason: Annotated[str, msgspec.Meta(min_length=1, max_length=REASON_CHARS_MAX)]
    request: dict[str, Any] | msgspec.UnsetType = msgspec.UNSET


class Wishes:
    """``write`` makes a record of public and committed fields durable, and has the registry read again.

    ``agreement`` and ``docket`` are asked each time, because they change with the registry.
    """

    def __init__(
        self,
        reviewing: Reviewing,
        docket: Callable[[], Docket],
        agreement: Callable[[], Agreement],
        holds: Holds,
        per_day: int,
        write: Callable[[dict[str, JsonValue], dict[str, JsonValue]], Awaitable[None]],
        clock: Clock,
    ) -> None:
        self._reviewing = reviewing
        self._docket = docket
        self._agreement = agreement
        self._holds = holds
        self._per_day = per_day
        self._write = write
        self._clock = clock
        self._one_at_a_time = asyncio.Lock()

    def check(self, workload: Workload, about: str) -> None:
        """Raise ``QuotaReached`` if the unit of a workload has asked often enough for now. To repeat is not to ask.

        What other processes write at the same moment may pass it.
        """
        if self._reviewing.wish_of(workload.id, about) is not None:
            return
        now = self._clock.unix()
        since = [each.unix for each in self._since(now - DAY_SECONDS) if each.unit == workload.unit]
        if len(since) >= self._per_day:
            wait = min(since) + DAY_SECONDS - now
            raise QuotaReached(f"this unit may ask for {self._per_day} appeals in a day", max(1, wait))

    def of(self, workload: Workload, about: str) -> tuple[dict[str, JsonValue], ...]:
        """What a workload asked about a hold or an exchange, as it is told; nothing, or one."""
        wish = self._reviewing.wish_of(workload.id, about)
        return () if wish is None else (self._told(wish),)

    async def ask(self, workload: Workload, about: str, body: bytes) -> dict[str, JsonValue]:
        """Put a wish on record, and say how it stands; one that is there stays as it is.

        Raises ``UnknownHold``, ``NothingToAppeal``, ``MalformedRequest``, ``QuotaReached`` or ``EvidenceUnavailable``.
        """
        said = strict_json.decode(body, _Asks, LIMITS)
        if not said.reason.strip():
            raise MalformedRequest("an appeal says why", "reason")
        request = self._about_hold(workload, about, said) if about.startswith("hold_") else _about_refusal(said)
        async with self._one_at_a_time:
            self.check(workload, about)
            if (before := self._reviewing.wish_of(workload.id, about)) is not None:
                return self._told(before)
            committed: dict[str, JsonValue] = {
                "about": about,
                "workload": workload.id,
                "unit": workload.unit,
                "reason": said.reason.strip(),
                "request": request,
            }
            await self._write({"wish": f"wish_{secrets.token_hex(12)}"}, committed)
        wish = self._reviewing.wish_of(workload.id, about)
        if wish is None:
            raise AssertionError("a wish is durable and was not read")
        return self._told(wish)

    def _about_hold(self, workload: Workload, hold: str, said: _Asks) -> str:
        if said.request is not msgspec.UNSET:
            raise MalformedRequest("what was held is kept: an appeal of a hold brings no request", "request")
        state = self._holds.state(hold, workload.id, self._clock.unix())
        if state is None:
            raise UnknownHold("there is no such hold of this workload")
        if state.state is not CaseState.DENIED:
            raise NothingToAppeal("people have not denied this hold")
        return ""

    def _since(self, unix: int) -> Iterator[Wish]:
        """The wishes after a moment (Unix seconds), the latest first."""
        return itertools.takewhile(lambda each: each.unix > unix, reversed(self._reviewing.wishes.values()))

    def _told(self, wish: Wish) -> dict[str, JsonValue]:
        agreement = self._agreement()
        seconds = rules_of(agreement).appeal_seconds or APPEAL_SECONDS
        filed, now = self._reviewing.appeals, self._clock.unix()
        state = wish_state(wish, filed, self._docket(), agreement.vocabulary, seconds, now)
        return {
            "id": wish.id,
            "object": "appeal",
            "about": wish.about,
            "status": state.value,
            "asked_at": wish.unix,
            "next_step": NEXT_STEPS[state],
        }


def _about_refusal(said: _Asks) -> str:
    """The request as text, if some API understands it."""
    if said.request is msgspec.UNSET:
        raise MalformedRequest("no words of a refusal are kept: bring the request again", "request")
    body = strict_json.encode(said.request)
    for api in APIS:
        try:
            api.read_request(body)
            return body.decode()
        except CallerError:
            continue
    raise NothingToAppeal("what was brought as `request` is no request that is understood here")


def listed(wishes: tuple[Mapping[str, JsonValue], ...]) -> bytes:
    """Wishes as the body of an answer."""
    return strict_json.encode({"object": "list", "data": list(wishes)})
