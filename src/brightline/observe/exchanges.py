# SPDX-License-Identifier: Apache-2.0
"""What arrives, as exchanges: mirrored requests, LiteLLM's callbacks, and lines of a file.

    mirror      the body of a request as nginx's ``mirror`` or Envoy's ``request_mirror_policies`` send it; no answer
    LiteLLM     its StandardLoggingPayload, one or a list of them: request and answer, as LiteLLM remembers them
    JSON lines  {"request": {…}, "response": {…}, "route": "/v1/…", "time": …}, a bare request, or a payload of
                LiteLLM. A streamed response is the text of its events, or the list of its chunks.

A mirrored request is read from its own bytes. The others were parsed once by whoever wrote them, so what only bytes
show (names given twice, odd numbers) is not seen in them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from brightline.core.exchange import strict_json
from brightline.core.exchange.api.protocol import Api
from brightline.core.exchange.api.table import APIS, BY_ROUTE
from brightline.observe.streamed import chunks_of

BYTES_MAX: Final = 16 * 1024 * 1024
PAYLOADS_MAX: Final = 10_000
# Ids that servers make: a prefix and letters that mean nothing. What a caller chose is not kept.
_ID: Final = re.compile(r"\A[A-Za-z]{1,12}[-_][0-9A-Za-z_-]{16,64}\Z")

# What LiteLLM calls a call, without the "a" of those that are awaited: its route, and where its words stand.
_CALLS: Final = {
    "completion": ("/v1/chat/completions", "messages"),
    "responses": ("/v1/responses", "input"),
    "embedding": ("/v1/embeddings", "input"),
}


class NotOurs(ValueError):
    """What arrived is no exchange of an API that is screened here; ``reason`` is a word for counting."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Seen(msgspec.Struct, frozen=True):
    """One exchange: the request's bytes, the answer's where there is one, and where to find it again.

    ``chunks`` are the data of a streamed answer's events, in place of ``answer``.
    ``unix`` is when it was, in seconds, or 0; ``reference`` an id of a server, or the number of a line.
    """

    api: Api
    request: bytes
    answer: bytes = b""
    chunks: tuple[str, ...] = ()
    source: str = "mirror"
    reference: str = ""
    unix: int = 0


def mirrored(path: str, body: bytes) -> Seen:
    """A mirrored request; the path may have a prefix of the other gateway's. Raises ``NotOurs``."""
    for route, api in BY_ROUTE.items():
        if path.endswith(route):
            return Seen(api, body)
    raise NotOurs("another_route")


def from_litellm(body: bytes) -> Iterator[Seen | NotOurs]:
    """What LiteLLM's generic callback sends: a payload, a list, or one on each line. Raises ``NotOurs``."""
    try:
        values: list[Any] = [msgspec.json.decode(body)]
    except (msgspec.DecodeError, UnicodeDecodeError):
        try:
            values = [msgspec.json.decode(line) for line in body.splitlines() if line.strip()]
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise NotOurs("unreadable") from error
    rows = values[0] if len(values) == 1 and isinstance(values[0], list) else values
    for row in rows[:PAYLOADS_MAX]:
        try:
            yield of_payload(row)
        except NotOurs as error:
            yield error
    if len(rows) > PAYLOADS_MAX:
        yield NotOurs("too_many")


def of_payload(row: Any) -> Seen:
    """One StandardLoggingPayload. Raises ``NotOurs``."""
    if not isinstance(row, dict) or not isinstance(row.get("call_type"), str):
        raise NotOurs("unreadable")
    route, said = _CALLS.get(row["call_type"].removeprefix("a"), ("", ""))
    api = BY_ROUTE.get(route)
    if api is None:
        raise NotOurs("another_call")
    parameters = row.get("model_parameters")
    more = parameters if isinstance(parameters, dict) else {}
    request = {name: value for name, value in more.items() if value not in (None, {}, [])}
    request |= {"model": row.get("model_group") or row.get("model"), said: row.get("messages")}
    answer = None if row.get("status") == "failure" else row.get("response")
    return _seen(api, request, answer, "litellm", _id(row.get("id")), row.get("startTime"))


def of_line(line: bytes, number: int) -> Seen:
    """One line of a file. Raises ``NotOurs``."""
    try:
        row = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotOurs("unreadable") from error
    if not isinstance(row, dict):
        raise NotOurs("unreadable")
    if "call_type" in row:
        return msgspec.structs.replace(of_payload(row), reference=f"line {number}")
    request = row.get("request", row)
    if not isinstance(request, dict):
        raise NotOurs("unreadable")
    route = row.get("route")
    api = BY_ROUTE.get(route) if isinstance(route, str) else _api_of(request)
    if api is None:
        raise NotOurs("another_route")
    answer = row.get("response") if "request" in row else None
    return _seen(api, request, answer, "file", f"line {number}", row.get("time") if "request" in row else None)


def _api_of(request: Mapping[str, Any]) -> Api:
    """The first API whose requests have what this one has: their words. Raises ``NotOurs``."""
    for api in APIS:
        for words in ("messages", "input"):
            if words in request and words in api.REQUEST.__struct_fields__:
                return api
    raise NotOurs("unreadable")


def _seen(api: Api, request: Mapping[str, Any], answer: Any, source: str, reference: str, time: Any) -> Seen:
    try:
        asked = strict_json.encode(dict(request))
        said = strict_json.encode(answer) if isinstance(answer, dict) else b""
        chunks = chunks_of(answer)
    except (ValueError, TypeError, RecursionError) as error:
        raise NotOurs("unreadable") from error
    return Seen(api, asked, said, chunks, source, reference, _unix(time))


def _id(said: Any) -> str:
    return said if isinstance(said, str) and _ID.match(said) else ""


def _unix(time: Any) -> int:
    """Seconds since 1970 of a number or of an RFC 3339 text; 0 for anything else."""
    if isinstance(time, str) and len(time) < 40:
        try:
            read = datetime.fromisoformat(time)
            time = (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
        except ValueError:
            return 0
    if isinstance(time, int | float) and not isinstance(time, bool) and 0 < time < 1e11:
        return int(time)
    return 0
