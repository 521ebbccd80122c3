# SPDX-License-Identifier: Apache-2.0
"""The output phase: what leaves is a prefix of what was judged, whatever the pieces in which it came."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.enforcement.output import (
    ANSWER_CHARS_MAX,
    CALM_AFTER,
    MINIMISED_CHARS_MAX,
    SEGMENT_CHARS_MAX,
    Chain,
    Output,
)
from brightline.core.enforcement.states import IllegalStep
from brightline.core.errors import UpstreamFailed
from brightline.core.exchange.model import CallDelta, Delta, Exchange, Reply, ReplyChoice, StreamPart, ToolCall, Usage
from brightline.core.screening.finding import Segment
from tests.playbooks.playbook import RELEASE, asking

WINDOWS = RELEASE.windows


def output(choices: int = 1) -> Output:
    exchange: Exchange = asking(stream=True, n=choices)
    return Output(exchange, WINDOWS)


def part(text: str = "", *, choice: int = 0, finish: str = "", calls: tuple[CallDelta, ...] = ()) -> StreamPart:
    return StreamPart((Delta(choice, text, "", calls, finish),))


def content(asked: tuple[Segment, ...]) -> list[Segment]:
    return [segment for segment in asked if segment.path.endswith(".content")]


@given(st.lists(st.text(max_size=40), max_size=30))
def test_what_leaves_is_what_came_and_never_more_than_is_judged_less_the_hold_back(pieces: list[str]) -> None:
    out = output()
    came = left = ""
    judged = 0
    for piece in pieces:
        out.take(part(piece))
        came += piece
        for segment in content(out.next_ask()):
            assert segment.text == came[segment.start :]
            assert segment.start <= max(0, judged - WINDOWS.overlap_chars)  # the overlap is asked again
            judged = len(came)
            left += "".join(released.text for released in out.judged())
        assert came.startswith(left)
        assert len(left) <= max(0, judged - WINDOWS.holdback_chars)
    out.take(part(finish="stop"))
    assert left + out.closing()[0].text == came


def test_of_a_minimised_answer_nothing_leaves_before_it_is_whole_and_then_it_is_masked() -> None:
    out = Output(asking(stream=True), WINDOWS, minimised=True)
    for piece in ("Maria Jensen was there", ". Her SSN is 078-", "05-1120. ", "Nothing more. " * 20):
        out.take(part(piece))
        out.next_ask()
        assert out.judged() == ()
    out.take(part(finish="stop"))
    (segment,) = out.closing()
    assert segment.text == "[US person 1] was there. Her SSN is [SSN 1]. " + "Nothing more. " * 20
    assert out.as_it_leaves(reply := out.reply()).choices[0].text == segment.text
    assert reply.choices[0].text != segment.text, "what is judged is what the model said"


def test_an_answer_that_was_kept_is_masked_when_it_is_given_out() -> None:
    out = Output(asking(stream=True), WINDOWS, minimised=True)
    kept = Reply((ReplyChoice(0, "SSN 078-05-1120"),))
    out.take_reply(kept)
    assert [segment.text for segment in out.given(kept)] == ["SSN [SSN 1]"]
    assert out.closing_reply(kept).reply.choices[0].text == "SSN [SSN 1]"


@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_longer_than_is_masked_does_not_leave(streamed: bool) -> None:
    out = Output(asking(stream=streamed), WINDOWS, minimised=True)
    text = "x" * (MINIMISED_CHARS_MAX + 1)
    with pytest.raises(UpstreamFailed, match="masked"):
        out.take(part(text)) if streamed else out.take_reply(Reply((ReplyChoice(0, text),)))


def test_while_something_is_near_a_threshold_a_stream_is_read_further_back_until_it_is_calm_again() -> None:
    out = Output(asking(stream=True, n=2), msgspec.structs.replace(WINDOWS, reach_chars=48))
    came = ""
    read: list[int] = []
    near = [False] * 12 + [True] + [False] * 7
    for number, one in enumerate(near):
        out.take(part(piece := f"<{number:02}>"))
        came += piece
        out.take(part("....", choice=1))
        first, other = content(out.next_ask())
        assert first.text == came[first.start :]
        read.append(len(first.text) - len(piece))
        assert len(other.text) <= 4 + WINDOWS.overlap_chars  # nothing was near in the other choice
        out.judged()
        out.heard(frozenset({"choices[0].content"} if one else ()))
    assert read[:13] == [min(4 * number, WINDOWS.overlap_chars) for number in range(13)]
    assert read[13:] == [48] * CALM_AFTER + [WINDOWS.overlap_chars] * (7 - CALM_AFTER)


def test_nothing_is_asked_before_a_stride_is_new_and_nothing_twice() -> None:
    out = output()
    out.take(part("abc"))
    assert out.next_ask() == ()
    out.take(part("d"))
    assert len(content(out.next_ask())) == 1
    assert out.next_ask() == ()


SENTENCES = msgspec.structs.replace(WINDOWS, window_chars=200, overlap_chars=64, holdback_chars=32, stride_chars=40)
SENTENCES = msgspec.structs.replace(SENTENCES, sentence_chars=6)


def test_a_sentence_that_ends_is_asked_about_before_a_stride_is_full() -> None:
    out = Output(asking(stream=True), SENTENCES)
    out.take(part("So. "))
    assert out.next_ask() == (), "too short to be worth an ask"
    out.take(part("It was"))
    assert [one.text for one in content(out.next_ask())] == ["So. It was"]
    out.take(part(" the end, and mor"))
    assert out.next_ask() == ()
    out.take(part("e of it. "))
    assert content(out.next_ask())[-1].text.endswith("more of it. ")
    never = Output(asking(stream=True), msgspec.structs.replace(SENTENCES, sentence_chars=0))
    never.take(part("So. It was the end. And no more."))
    assert never.next_ask() == ()


WORDS = st.lists(
    st.sampled_from(["so ", "it was ", "the end. ", "Then, ", "nothing\n", "更多。", "more"]), max_size=40
)


@given(WORDS, st.integers(0, 300), st.lists(st.integers(1, 25), min_size=1, max_size=8), st.sampled_from([0, 6, 20]))
def test_wherever_a_stream_is_cut_what_is_not_longer_than_the_hold_back_is_found_before_any_of_it_left(
    words: list[str], place: int, sizes: list[int], sentence_chars: int
) -> None:
    said = "".join(words)
    mark = "<" + "m" * (SENTENCES.holdback_chars - 2) + ">"
    text = said[:place] + mark + said[place:]
    out = Output(asking(stream=True), msgspec.structs.replace(SENTENCES, sentence_chars=sentence_chars))
    left, at, number = "", 0, 0
    while at < len(text):
        size = sizes[number % len(sizes)]
        out.take(part(text[at : at + size]))
        at, number = at + size, number + 1
        asked = content(out.next_ask())
        if any(mark in segment.text for segment in asked):
            break  # it is found here, wherever the stream was cut
        left += "".join(released.text for released in out.judged()) if asked else ""
    else:
        assert mark in out.reply().choices[0].text, "else the whole answer is judged, before its end leaves"
    assert text.startswith(left)
    assert len(left) <= text.index(mark), "and none of it has left"


def test_what_arrived_after_the_ask_is_not_judged_by_its_answer() -> None:
    out = output()
    out.take(part("0123456789"))
    out.next_ask()
    out.take(part("A" * 100))
    assert [segment.text for segment in out.judged()] == ["01"]


def test_a_great_text_leaves_in_segments_of_bounded_size() -> None:
    out = output()
    out.take(part("x" * (3 * SEGMENT_CHARS_MAX)))
    out.next_ask()
    sizes = [len(segment.text) for segment in out.judged()]
    assert sizes == [SEGMENT_CHARS_MAX] * 2 + [SEGMENT_CHARS_MAX - WINDOWS.holdback_chars]


def test_a_reasoning_leaves_whole_once_the_answer_is_judged_and_one_that_goes_on_is_held_back() -> None:
    def thought_after(*deltas: Delta) -> str:
        out = output()
        left = ""
        for delta in deltas:
            out.take(StreamPart((delta,)))
            out.next_ask()
            left += "".join(segment.reasoning for segment in out.judged())
        return left

    answer = Delta(0, "y" * (2 * WINDOWS.holdback_chars))
    assert thought_after(Delta(0, reasoning="x" * 40), answer) == "x" * 40
    went_on = "x" * 40, "z" * 40
    held_back = "".join(went_on)[: -WINDOWS.holdback_chars]
    assert thought_after(Delta(0, reasoning=went_on[0]), answer, Delta(0, reasoning=went_on[1])) == held_back
    both = Delta(0, "y", reasoning=went_on[1])  # with a letter of the answer beside it
    assert thought_after(Delta(0, reasoning=went_on[0]), answer, both) == held_back


def test_fragments_of_calls_are_joined_by_their_index() -> None:
    out = output()
    out.take(part(calls=(CallDelta(1, "", "b", "{"), CallDelta(0, "", "a", "1"))))
    out.take(part(calls=(CallDelta(1, "", "", "}"),), finish="tool_calls"))
    assert out.finished
    assert out.reply().choices[0].calls == (ToolCall("", "a", "1"), ToolCall("", "b", "{}"))
    assert out.closing()[0].calls == (ToolCall("", "a", "1"), ToolCall("", "b", "{}"))


def test_a_server_may_repeat_id_and_name_in_each_fragment_of_a_call() -> None:
    out = output()
    for piece in ("", "{", "}"):
        out.take(part(calls=(CallDelta(0, "c1", "f", piece),)))
    out.take(part(finish="tool_calls"))
    assert out.reply().choices[0].calls == (ToolCall("", "f", "{}"),)


@pytest.mark.parametrize(
    "other",
    [
        CallDelta(0, "c2", "", "{}"),
        CallDelta(0, "c2", "f", "{}"),
        CallDelta(0, "c1", "g", "{}"),
        CallDelta(0, "", "f", "{}"),
    ],
)
def test_two_calls_under_one_number_are_not_run_together(other: CallDelta) -> None:
    out = output()
    out.take(part(calls=(CallDelta(0, "c1", "f", "{}"),)))
    with pytest.raises(UpstreamFailed, match="two tool calls"):
        out.take(part(calls=(other,)))


def test_nothing_may_be_added_to_a_finished_choice_but_silence() -> None:
    out = output()
    out.take(part("x", finish="stop"))
    out.take(part())
    for addition in (part("y"), part(calls=(CallDelta(0, "", "f", ""),))):
        with pytest.raises(UpstreamFailed):
            out.take(addition)
    assert out.reply().choices[0].text == "x"


def test_an_answer_is_bounded_over_all_choices() -> None:
    out = output(choices=2)
    out.take(part("x" * (ANSWER_CHARS_MAX - 1), choice=0))
    out.take(part("y", choice=1))
    with pytest.raises(UpstreamFailed, match="exceeds"):
        out.take(part(calls=(CallDelta(0, "", "", "z"),), choice=1))


def test_an_answer_is_finished_when_every_choice_is() -> None:
    out = output(choices=2)
    out.take(part("x", choice=0, finish="stop"))
    assert not out.finished
    with pytest.raises(IllegalStep):
        out.closing()


def test_the_last_usage_is_kept() -> None:
    out = output()
    out.take(StreamPart(usage=Usage(1, 2, 3)))
    out.take(part("x"))
    assert out.usage == Usage(1, 2, 3)


def test_a_stopped_answer_cannot_be_closed() -> None:
    out = output()
    out.take(part("x", finish="stop"))
    out.stop()
    with pytest.raises(IllegalStep):
        out.closing()


def test_the_chain_tells_apart_what_left_and_in_which_order() -> None:
    def chain_over(*texts: str, choice: int = 0) -> Chain:
        out = output(choices=2)
        for text in texts:
            out.take(part(text + "x" * WINDOWS.holdback_chars, choice=choice))
            out.next_ask()
            for segment in out.judged():
                out.left(segment)
        return out.chain

    assert chain_over("abcd") == chain_over("abcd")
    assert len({chain_over("abcd"), chain_over("abce"), chain_over("abcd", "e"), chain_over("abcd", choice=1)}) == 4
    assert chain_over("äöüß").size == 8
