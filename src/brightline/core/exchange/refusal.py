# SPDX-License-Identifier: Apache-2.0
"""How an error is told to an OpenAI client: one JSON shape for every API, with our reason beside it.

``error.brightline`` holds verdict, clauses with their quotes, next step and receipt. Facts, scores and spans are never
told: to callers they are an oracle.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from brightline.core.canonical import JsonValue
from brightline.core.errors import (
    BrightlineError,
    CallerError,
    Halted,
    QuotaReached,
    Refusal,
    Unavailable,
    UpstreamFailed,
)
from brightline.core.exchange import strict_json


def error_body(error: BrightlineError, notice: Mapping[str, JsonValue]) -> bytes:
    """The body of an error answer, or the data of an error event in a stream."""
    return strict_json.encode({"error": error_value(error, notice)})


def error_value(error: BrightlineError, notice: Mapping[str, JsonValue]) -> dict[str, Any]:
    """The error itself: message, type, code, param, and our reason."""
    value: dict[str, Any] = {
        "message": _message(error, notice),
        "type": error.type,
        "code": error.code,
        "param": (error.param or None) if isinstance(error, CallerError) else None,
    }
    value["brightline"] = {"next_step": error.next_step, **notice}
    return value


def _message(error: BrightlineError, notice: Mapping[str, JsonValue]) -> str:
    if isinstance(error, Unavailable) and not isinstance(error, Halted):
        # What is broken inside is for operators: it stands in their log, under the exchange id.
        return f"No verdict could be reached, so nothing was sent ({error.code}). {error.next_step}"
    if isinstance(error, UpstreamFailed):
        return f"The model server failed. {error.next_step}"
    clauses = notice.get("clauses")
    named = ""
    if isinstance(error, Refusal) and isinstance(clauses, list):
        named = ", ".join(str(clause["id"]) for clause in clauses if isinstance(clause, dict))
    return f"{error}{f' (clause {named})' if named else ''}. {error.next_step}"


def retry_headers(error: BrightlineError) -> list[tuple[bytes, bytes]]:
    """What tells an SDK whether to send again: it repeats 408, 409, 429 and 5xx unless told otherwise."""
    if isinstance(error, Unavailable | QuotaReached):
        again = b"false" if isinstance(error, Halted) else b"true"  # people must act first, so nobody need hurry
        return [(b"retry-after", str(error.retry_after_seconds).encode()), (b"x-should-retry", again)]
    return [(b"x-should-retry", b"false")]
