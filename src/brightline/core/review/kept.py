# SPDX-License-Identifier: Apache-2.0
"""What a caller names who comes back for a hold: an answer that was kept, or a request that people have released.

A kept answer is given out once. What it is, and which approvals the exchange had that it was made in, stands in the
HOLD records; that it was given out stands in a USED record of the registry, before a byte of it leaves.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.errors import EvidenceDamaged
from brightline.core.exchange.model import Reply
from brightline.core.review.content import Content

NONE_APPROVED: Final[Mapping[str, int]] = MappingProxyType({})


class Named(msgspec.Struct, frozen=True):
    """A hold that people have released, as a caller names it: its id and the digest of its case."""

    hold: str
    case: str


class Kept(Named, frozen=True):
    """One that keeps a whole answer; ``approvals`` by office are those of the exchange in which it was held."""

    reply: Reply
    approvals: Mapping[str, int] = NONE_APPROVED


def kept_reply(content: Content) -> Reply:
    """The answer in the content of a hold. Raises ``EvidenceDamaged`` if there is none that reads."""
    try:
        return msgspec.json.decode(content.answer, type=Reply, strict=True)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise EvidenceDamaged(f"it does not read: {error}", "the answer that a hold keeps") from error
