# SPDX-License-Identifier: Apache-2.0
"""The same bytes give the same events, however they are cut."""

from __future__ import annotations

import base64
import json
import re
import time
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import UpstreamFailed
from brightline.core.exchange.sse import DONE, SseEvent, SseParser, encode_event
from tests.vectors import vectors_dir


def read(chunks: Iterable[bytes]) -> list[SseEvent]:
    parser = SseParser()
    return [event for chunk in chunks for event in parser.feed(chunk)]


def pieces(data: bytes, size: int) -> list[bytes]:
    return [data[i : i + size] for i in range(0, len(data), size)]


def test_an_event_is_dispatched_at_its_empty_line_and_not_before() -> None:
    parser = SseParser()
    assert parser.feed(b"data: one\ndata: two\n") == []
    assert parser.feed(b"\n") == [SseEvent("one\ntwo")]


def test_a_carriage_return_ends_a_line_without_waiting_for_a_line_feed() -> None:
    parser = SseParser()
    assert parser.feed(b"data: x\r\r") == [SseEvent("x")]
    assert parser.feed(b"") == []  # an empty piece is no byte: the LF may still follow
    assert parser.feed(b"\ndata: y\r") == []
    assert parser.feed(b"") == []
    assert parser.feed(b"\ndata: z\r\n\r\n") == [SseEvent("y\nz")]


def test_characters_that_only_look_like_line_ends_stay_in_the_data() -> None:
    text = "a\x0bb\x0cc\x1cd\x85e\u2028f\u2029g"
    assert read([f"data: {text}\n\n".encode()]) == [SseEvent(text)]


def test_an_event_without_its_empty_line_is_never_dispatched() -> None:
    assert read([b"data: lost\n"]) == []


def test_invalid_utf8_is_refused_and_not_replaced() -> None:
    with pytest.raises(UpstreamFailed):
        read([b"data: \xff\n\n"])


@pytest.mark.parametrize("data", [b"data: " + b"x" * 200, b"data: xxxxxxxx\n" * 20])
def test_an_endless_event_is_refused(data: bytes) -> None:
    parser = SseParser(event_bytes_max=100)
    with pytest.raises(UpstreamFailed):
        parser.feed(data)


def test_an_event_up_to_its_bounds_is_read() -> None:
    parser = SseParser(event_bytes_max=14, data_lines_max=2)
    for _ in range(3):  # the bounds are of one event, not of the stream
        assert parser.feed(b"data: a\ndata: b\n\n") == [SseEvent("a\nb")]
    with pytest.raises(UpstreamFailed, match="14 bytes"):
        parser.feed(b"data: a\ndata: bc\n\n")


def test_too_many_lines_of_data_are_refused() -> None:
    with pytest.raises(UpstreamFailed, match="more than 2 lines"):
        SseParser(data_lines_max=2).feed(b"data\ndata\ndata\n")


@pytest.mark.parametrize("size", [1, 7, 1_000])
def test_comments_without_end_and_lines_without_end_are_refused_however_they_come(size: int) -> None:
    for endless in (b": x\n", b"x", b"data: y\r\n"):
        parser = SseParser(event_bytes_max=200)
        with pytest.raises(UpstreamFailed, match="200 bytes"):
            for piece in pieces(endless * 1_000, size):
                parser.feed(piece)


@pytest.mark.parametrize("fault", [b"data: \xff\n", b"data: " + b"x" * 100])
def test_after_an_error_nothing_more_is_read(fault: bytes) -> None:
    parser = SseParser(event_bytes_max=50)
    with pytest.raises(UpstreamFailed):
        parser.feed(fault)
    with pytest.raises(UpstreamFailed, match="already ended"):
        parser.feed(b"\n\ndata: y\n\n")


def test_a_closed_stream_dispatches_nothing_and_reads_nothing() -> None:
    parser = SseParser()
    assert parser.feed(b"data: whole\n\ndata: half\n") == [SseEvent("whole")]
    parser.close()
    with pytest.raises(UpstreamFailed, match="already ended"):
        parser.feed(b"\n")


def test_an_error_does_not_carry_the_text_into_a_traceback() -> None:
    with pytest.raises(UpstreamFailed) as caught:
        SseParser().feed(b"data: unjudged \xff\n")
    assert caught.value.__suppress_context__


def test_a_long_line_that_drips_in_costs_no_more_than_its_bytes() -> None:
    parser = SseParser()
    began = time.process_time()
    for _ in range(300_000):
        parser.feed(b"x")
    # A tenth of a second; fifteen and more if each byte were joined to all the others before it.
    assert time.process_time() - began < 3


def test_an_event_that_we_write_is_one_line() -> None:
    assert read([encode_event(b'{"a":1}'), DONE]) == [SseEvent('{"a":1}'), SseEvent("[DONE]")]
    with pytest.raises(ValueError, match="one line"):
        encode_event(b"a\nb")


lines = st.sampled_from(
    [b"data: x", b"data", b": comment", b"event: e", b"id: 7", b"retry: 10", b"other: y", b"", "data: é".encode()]
)
streams = st.lists(st.tuples(lines, st.sampled_from([b"\n", b"\r", b"\r\n"])), max_size=20).map(
    lambda rows: b"".join(line + end for line, end in rows)
)


@given(st.sampled_from([b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf"]), streams, st.data())
def test_any_cut_gives_the_same_events(mark: bytes, stream: bytes, data: st.DataObject) -> None:
    whole = mark + stream
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=6)))
    parts = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert read(parts) == read([whole])


# The standard replaces these bytes; a guard refuses them.
REFUSED = {"invalid utf-8 becomes U+FFFD", "utf-8 cut by a new line", "overlong slash", "surrogate bytes"}


# The standard sets no bound to a reconnection time; this reader ignores one of more than 18 digits.
UNBOUNDED = {"retry too large"}


def test_the_cases_of_other_projects_come_out_however_they_are_cut() -> None:
    cases = json.loads((vectors_dir("sse") / "cases.json").read_text("utf-8"))["cases"]
    for case in cases:
        chunks = [base64.b64decode(chunk) for chunk in case["chunks_base64"]]
        data = b"".join(chunks)
        if case["name"] in REFUSED:
            with pytest.raises(UpstreamFailed):
                read(chunks)
            continue
        wanted = [SseEvent(e["data"], e["event"], e["last_event_id"]) for e in case["events"]]
        for cut in (chunks, [data], pieces(data, 1), pieces(data, 2), pieces(data, 3)):
            assert read(cut) == wanted, case["name"]
        parser = SseParser()
        parser.feed(data)
        wait = case.get("retry")
        assert parser.retry == (None if case["name"] in UNBOUNDED else wait), case["name"]


def test_recorded_streams_give_the_same_events_however_they_are_cut() -> None:
    folder = vectors_dir("openai-sse")
    bodies = json.loads((folder / "index.json").read_text("utf-8"))["bodies"]
    assert bodies
    for body in bodies:
        data = (folder / body["file"]).read_bytes()
        whole = read([data])
        assert len(whole) == body["events"], body["file"]
        for size in (1, 2, 3, 7, 100):
            assert read(pieces(data, size)) == whole, body["file"]
        # Just before, just after and inside each line end, and inside each character.
        for edge in (rb"(?=\n)", rb"(?<=\n)", rb"(?<=\n)(?=\n)", rb"(?=[\x80-\xbf])"):
            assert read(re.split(edge, data)) == whole, body["file"]


def test_recorded_streams_give_the_same_events_whatever_ends_their_lines() -> None:
    for file in sorted(vectors_dir("openai-sse").glob("*.sse")):
        data = file.read_bytes().replace(b"\r\n", b"\n")
        whole = read([data])
        for end in (b"\r", b"\r\n"):
            other = data.replace(b"\n", end)
            assert read([other]) == whole, file.name
            assert read(pieces(other, 1)) == whole, file.name
            assert read(re.split(rb"(?<=\r)", other)) == whole, file.name


@pytest.mark.parametrize(
    "bytes_max", [3_500, pytest.param(1_000_000, marks=pytest.mark.slow)], ids=["the short ones", "all"]
)
def test_recorded_streams_give_the_same_events_cut_at_every_byte(bytes_max: int) -> None:
    files = [file.read_bytes() for file in sorted(vectors_dir("openai-sse").glob("*.sse"))]
    short = [data for data in files if len(data) <= bytes_max]
    assert short
    for data in short:
        whole = read([data])
        for at in range(1, len(data)):
            assert read([data[:at], data[at:]]) == whole
