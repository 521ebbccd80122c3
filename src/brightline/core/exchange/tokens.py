# SPDX-License-Identifier: Apache-2.0
"""Tokens with their chances (``logprobs``), so that they say nothing which was not judged.

A list of tokens is a second telling of the answer, and a server could tell another one there. So the tokens that are
passed on are cut out of the judged text itself: the server's list is believed about where one token ends and the next
begins, and about chances, never about words. What its list has beyond the text (marks of the model's format, its
reasoning) is left out; a list in which the text does not stand is dropped whole.

Alternatives are words that the answer does not have. Each is judged where it stands, behind the text before it, and
with the others of its place and of its rank (``coverage.py``); their number is bounded for that.
"""

from __future__ import annotations

import math
from typing import Final

import msgspec

from brightline.core.errors import UpstreamFailed
from brightline.core.exchange.model import Alternative, Token

TOP_MAX: Final = 20
ALTERNATIVES_MAX: Final = 2_000
"""In one answer: tokens times alternatives times choices."""
TOKEN_BYTES_MAX: Final = 1_024
LOGPROB_MIN: Final = -9_999.0
"""What servers write for a chance too small to say."""


class WireAlternative(msgspec.Struct, frozen=True):
    """An alternative as servers write it; ``bytes`` are its UTF-8 bytes, which need not be whole characters."""

    token: str
    logprob: float = LOGPROB_MIN
    bytes: list[int] | None = None


class WireToken(WireAlternative, frozen=True):
    """A token as servers write it."""

    top_logprobs: list[WireAlternative] | None = None


def read_tokens(wire: list[WireToken] | None, top: int) -> tuple[Token, ...]:
    """Understand a list of tokens, each with at most ``top`` alternatives. Raises ``UpstreamFailed``."""
    return tuple(
        Token(
            _data(token),
            _logprob(token.logprob),
            tuple(Alternative(_data(one), _logprob(one.logprob)) for one in (token.top_logprobs or ())[:top]),
        )
        for token in wire or ()
    )


def _data(wire: WireAlternative) -> bytes:
    """What a token says. Where a server writes it twice, as text and as bytes, the bytes are the whole of it."""
    if wire.bytes is None:
        data = wire.token.encode()
    elif all(0 <= byte <= 255 for byte in wire.bytes):
        data = bytes(wire.bytes)
    else:
        raise UpstreamFailed("the upstream wrote bytes of a token that are none")
    if len(data) > TOKEN_BYTES_MAX:
        raise UpstreamFailed(f"the upstream wrote a token of {len(data)} bytes")
    return data


def _logprob(value: float) -> float:
    """Within what a logarithm of a chance can be, to six digits. Raises ``UpstreamFailed``."""
    if not math.isfinite(value):
        raise UpstreamFailed("the upstream wrote a logprob that is no number")
    return round(min(0.0, max(LOGPROB_MIN, value)), 6)


def spelling(tokens: tuple[Token, ...], text: str) -> tuple[Token, ...]:
    """The tokens that spell the text, cut out of the text; none if it does not stand in the list from some token on.

    Raises ``UpstreamFailed`` for more alternatives than can be judged.
    """
    wanted = text.encode()
    start = _token_at(tokens, wanted) if wanted else None
    if start is None:
        return ()
    spelled: list[Token] = []
    at = 0
    for token in tokens[start:]:
        if at >= len(wanted):
            break
        if not token.data:
            continue
        piece = wanted[at : at + len(token.data)]
        at += len(piece)
        spelled.append(Token(piece, token.logprob, token.alternatives))
    if sum(len(token.alternatives) for token in spelled) > ALTERNATIVES_MAX:
        raise UpstreamFailed(f"the upstream's answer has more than {ALTERNATIVES_MAX} alternatives of tokens")
    return tuple(spelled)


def _token_at(tokens: tuple[Token, ...], wanted: bytes) -> int | None:
    """The token with which the last telling of ``wanted`` begins: what a model thinks comes before what it says."""
    said = b"".join(token.data for token in tokens)
    # Sought from the end by turning both round, because that search is linear whatever a server sends.
    from_end = said[::-1].find(wanted[::-1])
    if from_end < 0:
        return None
    start = len(said) - from_end - len(wanted)
    at = 0
    for number, token in enumerate(tokens):
        if at == start and token.data:
            return number
        at += len(token.data)
    return None
