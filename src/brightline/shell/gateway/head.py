# SPDX-License-Identifier: Apache-2.0
"""All that is read of a request's head beside its credential: one function for each thing, and no other header.

So a reader sees in one place that no header changes what is judged: the method, that there is no query, the content
type, how long a caller waits for people, and the hold that it comes back for.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, TypeAlias

from brightline.core.errors import MalformedRequest, MethodNotAllowed, UnknownRoute, UnsupportedMediaType
from brightline.shell.gateway.responder import Scope
from brightline.shell.serve import LEAVING

HOLD_HEADER: Final = b"x-brightline-hold"
WAIT_SECONDS_MAX: Final = 60

Leaving: TypeAlias = Callable[[Callable[[], None]], None]
"""Takes what to call once the client has left."""

_CLAIMED: Final = re.compile(rb"\r\n(?i:authorization):[ \t]*(?i:bearer) +bl_([0-9A-Za-z-]{1,200})_")
_HOLD: Final = re.compile(rb"hold_[0-9a-f]{24}")
_WAIT: Final = re.compile(rb"wait=([0-9]{1,4})")


def only(allowed: str, method: str, path: str) -> None:
    """Raises ``MethodNotAllowed`` for every other method."""
    if method != allowed:
        raise MethodNotAllowed(f"{path} takes {allowed}")


def no_query(scope: Scope) -> None:
    """Raises ``UnknownRoute`` if there is a query: none of our paths takes one."""
    if scope.get("query_string"):
        raise UnknownRoute("this path takes no query")


def plain_json(scope: Scope) -> None:
    """One content type, JSON in UTF-8, no content encoding. Raises ``UnsupportedMediaType``."""
    types = [value for name, value in scope["headers"] if name == b"content-type"]
    encodings = [value for name, value in scope["headers"] if name == b"content-encoding"]
    if len(types) != 1 or encodings not in ([], [b"identity"]):
        raise UnsupportedMediaType("expected one content type and no content encoding")
    kind, _, parameter = types[0].decode("latin-1").lower().partition(";")
    if kind.strip() != "application/json" or parameter.strip() not in {
        "",
        "charset=utf-8",
        'charset="utf-8"',
    }:
        raise UnsupportedMediaType("expected Content-Type: application/json in UTF-8")


def named_hold(scope: Scope) -> str:
    """The hold that a request names; empty if none. Raises ``MalformedRequest`` for what is no id, or two of them."""
    named = [value for name, value in scope["headers"] if name == HOLD_HEADER]
    if not named:
        return ""
    if len(named) > 1 or not _HOLD.fullmatch(named[0]):
        raise MalformedRequest("one hold id is expected", "header X-Brightline-Hold")
    hold: bytes = named[0]
    return hold.decode()


def wait_seconds(scope: Scope) -> int:
    """The seconds of ``Prefer: wait=N`` (RFC 7240, section 4.3), at most 60; 0 for whatever else is there."""
    preferred = [value for name, value in scope["headers"] if name == b"prefer"]
    found = _WAIT.fullmatch(preferred[0]) if len(preferred) == 1 else None
    return min(int(found[1]), WAIT_SECONDS_MAX) if found else 0


def claimed_by_post(head: bytes) -> str:
    """The workload that a POST claims to be of, in a head that nobody has parsed yet; empty for all else."""
    found = _CLAIMED.search(head) if head.startswith(b"POST ") else None
    return found[1].decode() if found else ""


def leaving_of(scope: Scope) -> Leaving | None:
    """By whom we are told that the client has left, where the server does that (``shell/serve.py``)."""
    found: Leaving | None = scope.get("extensions", {}).get(LEAVING)
    return found
