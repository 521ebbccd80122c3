# SPDX-License-Identifier: Apache-2.0
"""What to do next. Commands are imperatives; each takes the proof that it may be done."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from brightline.core.canonical import JsonValue
from brightline.core.enforcement.pass_token import PassToken
from brightline.core.errors import BrightlineError
from brightline.core.evidence.record import Draft
from brightline.core.exchange.judged import JudgedReply, JudgedSegment
from brightline.core.exchange.model import Reply, UpstreamRequest, Usage
from brightline.core.screening.finding import Segment

Notice = Mapping[str, JsonValue]
"""What a caller is told of a decision: verdict, clauses with their quotes, next step, receipt. No facts, no scores."""


class Record(msgspec.Struct, frozen=True):
    """Make this record durable, then say so."""

    draft: Draft


class Use(msgspec.Struct, frozen=True):
    """Make it durable in the registry that these are used, all of them, unless one was used before; then say which."""

    drafts: tuple[Draft, ...]


class Screen(msgspec.Struct, frozen=True):
    """Ask every detector that the release requires about these segments.

    ``answer`` is the whole answer, where they are all of it: then the persons in it are counted too.
    """

    ask: int
    segments: tuple[Segment, ...]
    answer: Reply | None = None


class Forward(msgspec.Struct, frozen=True):
    """Send our bytes to the model server, once."""

    token: PassToken
    request: UpstreamRequest


class CancelUpstream(msgspec.Struct, frozen=True):
    """Close the connection to the model server."""


class Answer(msgspec.Struct, frozen=True):
    """Write the whole plain answer."""

    reply: JudgedReply
    notice: Notice


class Release(msgspec.Struct, frozen=True):
    """Write one judged segment of a stream. ``notice`` is empty but in the last chunk."""

    segment: JudgedSegment
    notice: Notice


class CloseStream(msgspec.Struct, frozen=True):
    """End a stream that completed: the usage chunk if the caller asked for one, then ``[DONE]``."""

    usage: Usage
    notice: Notice


class CutStream(msgspec.Struct, frozen=True):
    """End a stream that the agreement stopped: ``content_filter`` and the reason, then ``[DONE]``."""

    notice: Notice


class BreakStream(msgspec.Struct, frozen=True):
    """End a stream that failed: an error event, and no ``[DONE]``."""

    error: BrightlineError
    notice: Notice


class Refuse(msgspec.Struct, frozen=True):
    """Answer with an error, before any byte of an answer was written."""

    error: BrightlineError
    notice: Notice


class End(msgspec.Struct, frozen=True):
    """Nothing more will happen to this exchange."""


Command = (
    Record
    | Use
    | Screen
    | Forward
    | CancelUpstream
    | Answer
    | Release
    | CloseStream
    | CutStream
    | BreakStream
    | Refuse
    | End
)
