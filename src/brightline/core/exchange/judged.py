# SPDX-License-Identifier: Apache-2.0
"""Model output that the agreement has permitted: the only shape of it that can be written to a client.

``api/*.py`` write :class:`JudgedSegment` and :class:`JudgedReply` and take no plain text, and only
``enforcement/output.py`` mints them, after a permit. So "sent unscreened" does not type-check, and a test names the
one importer.
"""

from __future__ import annotations

from typing import Final

from brightline.core.exchange.model import Reply, Token, ToolCall

_MINT: Final = object()


class JudgedSegment:
    """A stretch of one choice of a stream that a permit covers.

    ``finish`` is empty except in the last segment of a choice; ``calls`` are whole tool calls, and ``tokens`` are
    those of the whole answer.
    """

    __slots__ = ("calls", "choice", "finish", "reasoning", "refusal", "text", "tokens")

    def __init__(
        self,
        token: object,
        choice: int,
        text: str,
        refusal: str,
        calls: tuple[ToolCall, ...],
        finish: str,
        reasoning: str,
        tokens: tuple[Token, ...],
    ) -> None:
        if token is not _MINT:
            raise TypeError("a JudgedSegment is minted by the output phase of the machine alone")
        self.choice = choice
        self.text = text
        self.refusal = refusal
        self.calls = calls
        self.finish = finish
        self.reasoning = reasoning
        self.tokens = tokens

    @property
    def size(self) -> int:
        """Bytes of model output in this segment, in UTF-8."""
        calls = sum(len((call.name + call.arguments).encode()) for call in self.calls)
        alternatives = sum(len(one.data) for token in self.tokens for one in token.alternatives)
        texts = sum(len(text.encode()) for text in (self.text, self.refusal, self.reasoning))
        return texts + calls + alternatives


class JudgedReply:
    """A whole plain answer that a permit covers."""

    __slots__ = ("reply",)

    def __init__(self, token: object, reply: Reply) -> None:
        if token is not _MINT:
            raise TypeError("a JudgedReply is minted by the output phase of the machine alone")
        self.reply = reply


def mint_segment(
    choice: int,
    text: str = "",
    refusal: str = "",
    calls: tuple[ToolCall, ...] = (),
    finish: str = "",
    reasoning: str = "",
    tokens: tuple[Token, ...] = (),
) -> JudgedSegment:
    """Mint a judged segment. Imported by ``enforcement/output.py`` alone (a test looks)."""
    return JudgedSegment(_MINT, choice, text, refusal, calls, finish, reasoning, tokens)


def mint_reply(reply: Reply) -> JudgedReply:
    """Mint a judged reply. Imported by ``enforcement/output.py`` alone (a test looks)."""
    return JudgedReply(_MINT, reply)
