# SPDX-License-Identifier: Apache-2.0
"""What the log shows of a canary: found where its receipt says, missing for each way in which it is not."""

from __future__ import annotations

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from brightline.core.evidence.canary import (
    FORMAT,
    Canary,
    CanarySet,
    Expected,
    Fate,
    LogLook,
    Looked,
    Sent,
    Told,
    look,
    odds_of,
)
from brightline.core.evidence.leaf import read_leaf
from brightline.core.evidence.merkle import leaf_hash
from brightline.core.evidence.note import NoteSigner
from brightline.core.evidence.receipt import Receipt
from tests.core.evidence.test_audit import SHARD, SIGNER, Story, receipt_of

CANARY = Canary("c1", "List three fruits.", Expected.ANSWERED)
STORY = Story()
STORY.refused("no")
STORY.answered("yes")
RECEIPT = receipt_of(STORY, 4)
SENT = Sent("c1", "2026-11-25T12:00:00.000Z", Told.ANSWERED, 200, "", RECEIPT)


def log_of(story: Story = STORY, size: int = 0, key: NoteSigner = SIGNER) -> dict[str, LogLook]:
    shown = story.leaves[: size or len(story.leaves)]
    made = LogLook(key.verifier, len(shown), frozenset({"yes", "no"}))
    made.enter(0, [read_leaf(leaf) for leaf in shown], [leaf_hash(leaf) for leaf in shown])
    return {SHARD: made}


def test_one_that_the_log_keeps_is_found_with_what_became_of_it() -> None:
    found = look(CANARY, SENT, log_of())
    assert (found.fate, found.outcome, found.verdict, found.surprise) == (Fate.FOUND, "completed", "permit", False)
    assert found.why == "record 4 of gw-1"


def with_(**changes: object) -> Sent:
    return msgspec.structs.replace(SENT, **changes)


def receipt_with(**changes: object) -> Sent:
    return with_(receipt=msgspec.structs.replace(RECEIPT, **changes))


def edited() -> Story:
    """The log after its operator changed the OUTCOME."""
    story = Story()
    story.refused("no")
    story.answered("yes", released=11)
    return story


def without_attempt() -> Story:
    story = Story()
    story.refused("no")
    story.attempt("somebody else")
    story.permit("yes")
    story.outcome("yes", "completed", released_bytes=10)
    return story


@pytest.mark.parametrize(
    ("sent", "logs", "why"),
    [
        (with_(receipt=None), log_of(), "answered without a receipt"),
        (with_(receipt=None, told=Told.REFUSED), log_of(), "refused without a receipt"),
        (SENT, log_of(edited()), "does not stand at record 4"),
        (SENT, log_of(key=NoteSigner("x/gw-1", Ed25519PrivateKey.from_private_bytes(bytes(32)))), "does not verify"),
        (receipt_with(seq=3), log_of(), "does not verify"),
        (with_(told=Told.REFUSED), log_of(), "told that it is refused, the log says completed"),
        (with_(receipt=receipt_of(STORY, 1)), log_of(), "told that it is answered, the log says refused"),
        (with_(receipt=receipt_of(without_attempt(), 4)), log_of(without_attempt()), "has no ATTEMPT"),
    ],
)
def test_one_that_was_decided_and_is_not_in_the_log_is_missing(sent: Sent, logs: dict[str, LogLook], why: str) -> None:
    found = look(CANARY, sent, logs)
    assert found.fate is Fate.MISSING
    assert why in found.why


@pytest.mark.parametrize(
    ("sent", "logs", "fate"),
    [
        (None, log_of(), Fate.UNCOUNTED),
        (with_(receipt=None, told=Told.NOTHING), log_of(), Fate.UNCOUNTED),
        (with_(receipt=None, told=Told.UNSERVED, code="overloaded"), log_of(), Fate.UNCOUNTED),
        (SENT, log_of(size=4), Fate.PENDING),
        (SENT, {}, Fate.PENDING),
    ],
)
def test_one_that_was_not_decided_or_is_not_published_says_nothing(
    sent: Sent | None, logs: dict[str, LogLook], fate: Fate
) -> None:
    assert look(CANARY, sent, logs).fate is fate


def test_what_was_not_expected_is_a_surprise_and_no_miss() -> None:
    refused = with_(told=Told.REFUSED, receipt=receipt_of(STORY, 1))
    for expected, surprise in ((Expected.ANSWERED, True), (Expected.REFUSED, False), (Expected.ANY, False)):
        found = look(Canary("c1", "x", expected), refused, log_of())
        assert (found.fate, found.surprise) == (Fate.FOUND, surprise)


def test_only_decided_ones_count_for_the_odds() -> None:
    fates = [Fate.FOUND] * 299 + [Fate.MISSING] + [Fate.PENDING, Fate.UNCOUNTED] * 40
    odds = odds_of([Looked(str(i), fate, "", Expected.ANY) for i, fate in enumerate(fates)])
    assert (odds.counted, odds.missing) == (300, 1)
    assert 0.0157 < odds.at_most < 0.0158
    assert set(odds.would_catch) == {"0.01", "0.02", "0.05"}


def test_the_digest_commits_to_every_text_and_tells_none() -> None:
    one = CanarySet(FORMAT, "00" * 32, (CANARY,))
    assert one.commitment == CanarySet(FORMAT, "00" * 32, (CANARY,)).commitment
    for other in (
        CanarySet(FORMAT, "01" * 32, (CANARY,)),
        CanarySet(FORMAT, "00" * 32, (msgspec.structs.replace(CANARY, prompt="List four fruits."),)),
        CanarySet(FORMAT, "00" * 32, ()),
    ):
        assert other.commitment != one.commitment


def test_a_receipt_is_a_value_of_its_file() -> None:
    packed = msgspec.json.encode(SENT)
    assert msgspec.json.decode(packed, type=Sent) == SENT
    assert isinstance(SENT.receipt, Receipt)
