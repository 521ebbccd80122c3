# SPDX-License-Identifier: Apache-2.0
"""How an exchange ended, for those who count and those who keep: told once its OUTCOME is durable."""

from __future__ import annotations

import msgspec

from brightline.core.evidence.record import Outcome, RefusalClass
from brightline.core.exchange.model import Exchange


class Closed(msgspec.Struct, frozen=True):
    """How an exchange ended, as its durable OUTCOME says; for those who count."""

    outcome: Outcome
    refusal_class: RefusalClass
    verdict: str
    exchange_digest: str
    tokens: int = 0  # of prompt and answer, as the model server counts them, or estimated where it does not say
    hold: str = ""  # in which people are asked
    hold_case: str = ""  # the digest of the case, if this exchange opened it
    hold_expires: int = 0  # in Unix seconds
    hold_shard: str = ""  # where its record stands, and at which number
    hold_seq: int = 0
    hold_kept: bool = False  # a whole answer is kept
    hold_opened: int = 0  # in Unix seconds


class Completed(msgspec.Struct, frozen=True):
    """What was permitted and given out whole, once its OUTCOME is durable: ``leaf_hash`` and ``time`` are its."""

    exchange: str
    request: Exchange
    leaf_hash: bytes
    time: str
