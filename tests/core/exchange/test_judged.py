# SPDX-License-Identifier: Apache-2.0
"""Judged values: nobody but the output phase of the machine makes one."""

from __future__ import annotations

from pathlib import Path

import pytest

import brightline
from brightline.core.evidence.record import Draft, DurableRecord, Place, RecordKind
from brightline.core.exchange.judged import JudgedReply, JudgedSegment, mint_reply, mint_segment
from brightline.core.exchange.model import Alternative, Reply, ReplyChoice, Token, ToolCall

SOURCE = Path(brightline.__file__).parent


def naming(word: str) -> set[str]:
    """The source files in which a word stands."""
    return {path.relative_to(SOURCE).as_posix() for path in SOURCE.rglob("*.py") if word in path.read_text("utf-8")}


def test_a_segment_cannot_be_made_without_the_mint() -> None:
    with pytest.raises(TypeError, match="output phase"):
        JudgedSegment(object(), 0, "text", "", (), "", "", ())


def test_a_reply_cannot_be_made_without_the_mint() -> None:
    with pytest.raises(TypeError, match="output phase"):
        JudgedReply(object(), Reply(()))


def test_a_durable_record_cannot_be_made_without_the_mint() -> None:
    draft = Draft(RecordKind.PASS, "x", {}, {})
    with pytest.raises(TypeError, match="sequencer"):
        DurableRecord(object(), draft, Place("s", 1, 0, "", ""), b"")


@pytest.mark.parametrize("mint", ["mint_segment", "mint_reply"])
def test_the_output_phase_alone_imports_the_mints(mint: str) -> None:
    assert naming(mint) == {"core/exchange/judged.py", "core/enforcement/output.py"}


def test_the_sequencer_alone_imports_the_mint_of_durable_records() -> None:
    assert naming("mint_durable") == {"core/evidence/record.py", "shell/storage/sequencer.py"}


def test_nobody_borrows_the_token_of_a_mint() -> None:
    """The private tokens are named only where the values are defined."""
    assert naming("_MINT") == {
        "core/exchange/judged.py",
        "core/evidence/record.py",
        "core/evidence/witnessing.py",
        "core/enforcement/pass_token.py",
    }


def test_the_size_of_a_segment_is_in_bytes_and_counts_all_that_the_model_wrote() -> None:
    segment = mint_segment(0, "ä", "nö", (ToolCall("never counted", "f", '{"ü":1}'),), "stop")
    assert mint_segment(0, reasoning="ä", tokens=(Token(b"said", -1.0, (Alternative(b"or", -2.0),)),)).size == 2 + 2
    assert segment.size == 2 + 3 + 1 + 8
    assert mint_segment(0).size == 0


def test_a_judged_reply_holds_the_reply() -> None:
    reply = Reply((ReplyChoice(0, "Figs."),))
    assert mint_reply(reply).reply is reply
