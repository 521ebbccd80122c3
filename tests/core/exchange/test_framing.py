# SPDX-License-Identifier: Apache-2.0
"""What framing lets through is read by another parser as the same requests, and it does not matter how it is cut."""

from __future__ import annotations

import httptools
import pytest
from hypothesis import given
from hypothesis import strategies as st

from brightline.core.errors import CallerError, HeadTooLarge, MalformedRequest
from brightline.core.exchange.framing import HEAD_BYTES_MAX, Framing

HEAD = b"POST /v1 HTTP/1.1\r\nhost: a\r\n"


class Second:
    """Another parser's reading: the targets and bodies that it sees."""

    def __init__(self) -> None:
        self.read: list[tuple[bytes, bytes]] = []
        self.done = 0

    def on_url(self, url: bytes) -> None:
        self.read.append((url, b""))

    def on_body(self, body: bytes) -> None:
        url, before = self.read[-1]
        self.read[-1] = (url, before + body)

    def on_message_complete(self) -> None:
        self.done += 1


def through(data: bytes, cuts: list[int]) -> bytes | str:
    """What passes, or the refusal."""
    framing = Framing()
    passed = b""
    try:
        for start, end in zip([0, *cuts], [*cuts, len(data)], strict=True):
            passed += framing.feed(data[start:end])
    except CallerError as error:
        return str(error)
    return passed


SIZES = st.binary(max_size=12).map(lambda body: (body, b"content-length: %d\r\n\r\n" % len(body) + body))
CHUNKS = st.lists(st.binary(min_size=1, max_size=6), max_size=3).map(
    lambda parts: (
        b"".join(parts),
        b"transfer-encoding: chunked\r\n\r\n"
        + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
        + b"0\r\n\r\n",
    )
)
NO_BODY = st.just((b"", b"\r\n"))


@given(st.lists(st.one_of(SIZES, CHUNKS, NO_BODY), min_size=1, max_size=4), st.data())
def test_requests_pass_unchanged_and_another_parser_reads_the_same(
    requests: list[tuple[bytes, bytes]], data: st.DataObject
) -> None:
    whole = b"".join(HEAD + rest for _, rest in requests)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    passed = through(whole, cuts)
    assert passed == whole
    second = Second()
    httptools.HttpRequestParser(second).feed_data(whole)
    assert second.read == [(b"/v1", body) for body, _ in requests]
    assert second.done == len(requests)


WORDS = b"abc|3\r\nabc\r\n|0\r\n|content-length: 3\r\n|transfer-encoding: chunked\r\n|GET / HTTP/1.0\r\n|x: 1\r\n|;a"
PIECES = st.sampled_from([HEAD, b"\r\n", b"\n", b"\r", b" ", b":", b"\0", b"%", b"\xff", *WORDS.split(b"|")])


@given(st.lists(PIECES, max_size=12).map(b"".join), st.data())
def test_a_cut_changes_no_verdict_and_what_passes_another_parser_never_refuses(
    whole: bytes, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(whole)), max_size=5)))
    at_once = through(whole, [])
    cut = through(whole, cuts)
    assert type(cut) is type(at_once)  # which of two faults is met first may differ
    assert cut == at_once or isinstance(cut, str)
    if isinstance(at_once, bytes) and at_once:
        parser = httptools.HttpRequestParser(Second())
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        parser.feed_data(at_once)


def test_a_head_up_to_its_bound_passes_and_beyond_it_does_not_also_while_it_drips() -> None:
    head = HEAD + b"x: " + b"a" * (HEAD_BYTES_MAX - len(HEAD) - 3)
    assert through(head + b"\r\n\r\n", []) == head + b"\r\n\r\n"
    with pytest.raises(HeadTooLarge):
        Framing().feed(head + b"a\r\n\r\n")
    dripping = Framing()
    with pytest.raises(HeadTooLarge):
        for _ in range(HEAD_BYTES_MAX):
            dripping.feed(b"aa")


def test_a_cr_before_the_end_of_a_line_is_bare_however_it_arrives() -> None:
    assert through(b"GET / HTTP/1.0\r\r\nco", []) == through(b"GET / HTTP/1.0\r\r\nco", [16, 17])
    assert "a bare CR" in str(through(b"GET / HTTP/1.0\r\r\nco", []))


def test_a_head_that_can_become_none_is_refused_before_it_ends() -> None:
    with pytest.raises(MalformedRequest, match="line 2: a bare LF"):
        Framing().feed(b"GET / HTTP/1.1\r\nhost: a\n")
