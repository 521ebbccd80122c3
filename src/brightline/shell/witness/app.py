# SPDX-License-Identifier: Apache-2.0
"""The witness's ASGI application: ``POST /add-checkpoint`` (C2SP tlog-witness v1.0.0) and nothing else.

The order of a request is that of :mod:`brightline.core.evidence.witnessing`: judge, persist, answer. Persisting runs
off the event loop; a request that loses the race to another one is told the size that won.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

from brightline.core.errors import EvidenceUnavailable
from brightline.core.evidence.witnessing import (
    ADD_CHECKPOINT,
    NOTHING_SEEN,
    REQUEST_BYTES_MAX,
    DurableAdvance,
    MalformedSubmission,
    Seen,
    Submission,
    WitnessAnswer,
    answer_conflict,
    answer_cosigned,
    answer_malformed,
    judge,
)
from brightline.core.ports import Clock
from brightline.shell.body import BodyTooLarge, ClientLeft, Receive, is_http, read_body, write_whole
from brightline.shell.witness.store import WitnessStore

BODY_SECONDS: Final = 10.0
REQUESTS_MAX: Final = 256  # at a time, each with a body of REQUEST_BYTES_MAX at most

Scope = MutableMapping[str, Any]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


class WitnessApp:
    """Serves one witness. Whoever opened the store closes it."""

    def __init__(
        self,
        store: WitnessStore,
        clock: Clock,
        body_seconds: float = BODY_SECONDS,
        requests_max: int = REQUESTS_MAX,
    ) -> None:
        self._store = store
        self._clock = clock
        self._body_seconds = body_seconds
        self._requests_max = requests_max
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one ASGI scope; websockets are refused."""
        if not await is_http(scope, send):
            return
        self._requests += 1
        try:
            answer = await self._answer(scope, receive)
        except ClientLeft:
            return
        finally:
            self._requests -= 1
        headers = [(b"content-type", answer.content_type.encode()), (b"cache-control", b"no-store")]
        await write_whole(send, answer.status, answer.body.encode(), headers)

    async def _answer(self, scope: Scope, receive: Receive) -> WitnessAnswer:
        if scope["path"] != ADD_CHECKPOINT or scope.get("query_string"):
            return WitnessAnswer(404, "a witness serves POST /add-checkpoint alone\n")
        if scope["method"] != "POST":
            return WitnessAnswer(405, "this path takes POST\n")
        if any(name == b"content-encoding" and value != b"identity" for name, value in scope["headers"]):
            return WitnessAnswer(415, "a request is not compressed\n")
        if self._requests > self._requests_max:
            return WitnessAnswer(503, "too many requests at a time\n")
        try:
            async with asyncio.timeout(self._body_seconds):
                body = await read_body(receive, REQUEST_BYTES_MAX)
        except TimeoutError:
            return WitnessAnswer(408, f"the request did not arrive within {self._body_seconds:g} s\n")
        except BodyTooLarge:
            return WitnessAnswer(413, f"a request has at most {REQUEST_BYTES_MAX} bytes\n")
        try:
            return await self._witness(Submission.parse(body))
        except MalformedSubmission as error:
            return answer_malformed(error)
        except EvidenceUnavailable:
            return WitnessAnswer(503, "this witness cannot keep what it would sign\n")

    async def _witness(self, submission: Submission) -> WitnessAnswer:
        log = self._store.log(submission.checkpoint.origin)
        judged = judge(submission, log.keys if log else (), log.seen if log else NOTHING_SEEN)
        if isinstance(judged, WitnessAnswer):
            return judged
        persisted = await asyncio.to_thread(self._store.persist, judged)
        match persisted:
            case DurableAdvance():
                return answer_cosigned(persisted, [self._store.signer], self._clock.unix())
            case Seen():
                return answer_conflict(persisted)
