# SPDX-License-Identifier: Apache-2.0
"""What is not exactly one request is refused over the socket, saying what and where, and reaches no model.

One table, a row for each way in which bytes could be read as two different things. Each row is what a client writes.
"""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness import Running, chunk, running

SAY = '{"role": "user", "content": "List three fruits."}'
FINE = f'{{"model": "m", "messages": [{SAY}]}}'.encode()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    root = tmp_path_factory.mktemp("strict") / "state"
    with running(root, head_seconds=1.2, body_seconds=1.2, idle_seconds=1.2, connections_max=24) as node:
        yield node


@pytest.fixture
def node(served: Running) -> Running:
    served.model.answers(served.model._fine)
    served.model.seen.clear()
    return served


def connect(node: Running) -> socket.socket:
    host, port = node.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)), timeout=20)


def write(node: Running, data: bytes) -> bytes:
    """Write bytes on a connection of their own and read one answer."""
    with connect(node) as peer:
        peer.sendall(data)
        return read_answer(peer)


def read_answer(peer: socket.socket) -> bytes:
    """One answer: its head, and the body of the length that the head names."""
    got = b""
    while b"\r\n\r\n" not in got:
        more = peer.recv(65_536)
        if not more:
            return got
        got += more
    head, _, body = got.partition(b"\r\n\r\n")
    length = next(int(line.split(b":")[1]) for line in head.split(b"\r\n") if line.startswith(b"content-length"))
    while len(body) < length:
        body += peer.recv(65_536)
    return head + b"\r\n\r\n" + body


def refusal(answer: bytes) -> tuple[int, dict[str, Any]]:
    head, _, body = answer.partition(b"\r\n\r\n")
    return int(head.split(b" ")[1]), json.loads(body)["error"]


def asking(
    body: bytes = FINE,
    *more: bytes,
    line: bytes = b"POST /v1/chat/completions HTTP/1.1",
    fields: tuple[bytes, ...] = (b"host: here", b"content-type: application/json"),
    key: bytes = b"authorization: Bearer KEY",
    length: bytes = b"",
) -> bytes:
    """A request. KEY stands for the key of the workload."""
    lines = [line, *fields, key, length or b"content-length: %d" % len(body), *more]
    return b"\r\n".join(each for each in lines if each) + b"\r\n\r\n" + body


def chunked(*chunks: bytes) -> bytes:
    return asking(b"".join(chunks), length=b"transfer-encoding: chunked")


def piece(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def messages(text: str) -> bytes:
    return asking(f'{{"model": "m", "messages": [{text}]}}'.encode())


LINE = b"POST /v1/chat/completions HTTP/1.1"
CHAT = b"/v1/chat/completions"

# ---- where a request begins and ends -------------------------------------------------------------------------------

FRAMING = {
    "both lengths": (asking(FINE, b"transfer-encoding: chunked"), "content-length beside transfer-encoding"),
    "both lengths, the other first": (
        asking(FINE, b"content-length: 1", length=b"transfer-encoding: chunked"),
        "content-length beside transfer-encoding",
    ),
    "two lengths": (asking(FINE, b"content-length: 1"), "content-length stands twice"),
    "the same length twice": (asking(FINE, b"content-length: %d" % len(FINE)), "content-length stands twice"),
    "a list of lengths": (asking(FINE, length=b"content-length: 5, 5"), "content-length: expected one number"),
    "a signed length": (asking(FINE, length=b"content-length: +5"), "content-length: expected one number"),
    "a hexadecimal length": (asking(FINE, length=b"content-length: 0x5"), "content-length: expected one number"),
    "an endless length": (asking(FINE, length=b"content-length: " + b"9" * 40), "content-length: expected one number"),
    "a length of other digits": (asking(FINE, length=b"content-length: \xd9\xa5"), "content-length: expected one"),
    "another coding": (
        asking(FINE, length=b"transfer-encoding: gzip, chunked"),
        "transfer-encoding: expected chunked",
    ),
    "a coding in disguise": (asking(FINE, length=b"transfer-encoding: \x0bchunked"), "line 5: a name or value"),
    "a coding twice": (
        asking(FINE, b"transfer-encoding: chunked", length=b"transfer-encoding: chunked"),
        "transfer-encoding stands twice",
    ),
    "identity": (asking(FINE, length=b"transfer-encoding: identity"), "transfer-encoding: expected chunked"),
    "chunked in HTTP/1.0": (
        asking(FINE, line=b"POST /v1/chat/completions HTTP/1.0", length=b"transfer-encoding: chunked"),
        "transfer-encoding: expected chunked",
    ),
    "a folded line": (asking(FINE, b"x-a: 1\r\n two"), "line 7: a folded line"),
    "a folded first line": (asking(FINE, fields=(b" x-a: 1", b"host: here")), "line 2: a folded line"),
    "a bare LF after a field": (asking(FINE, b"x-a: 1\nx-b: 2"), "line 6: a bare LF"),
    "a bare LF after the request line": (asking().replace(b"HTTP/1.1\r\n", b"HTTP/1.1\n", 1), "line 1: a bare LF"),
    "only bare LFs": (asking().replace(b"\r\n", b"\n"), "line 1: a bare LF"),
    "an LF that ends the head": (asking().replace(b"\r\n\r\n", b"\r\n\n", 1), "a bare LF"),
    "a bare CR": (asking(FINE, b"x-a: 1\rx-b: 2"), "line 6: a bare CR"),
    "a NUL": (asking(FINE, b"x-a: 1\x002"), "line 6: a bare NUL"),
    "a control in a value": (asking(FINE, b"x-a: 1\x1b[2J"), "line 6: a name or value"),
    "a space before the colon": (asking(FINE, b"content-length : 3"), "line 6: a space before the colon"),
    "a name in quotes": (asking(FINE, b'"x-a": 1'), "line 6: a name or value"),
    "a name beyond ASCII": (asking(FINE, b"x-\xc3\xa4: 1"), "line 6: a name or value"),
    "no name": (asking(FINE, b": 1"), "line 6: a name or value"),
    "no colon": (asking(FINE, b"x-a"), "line 6: a field is a name, a colon and a value"),
    "an empty line first": (b"\r\n" + asking(), "line 1:"),
    "a chunk extension": (chunked(b"5;a=b\r\nhello\r\n0\r\n\r\n"), "a chunk begins with its size"),
    "a chunk size with a space": (chunked(b"5 \r\nhello\r\n0\r\n\r\n"), "a chunk begins with its size"),
    "a chunk size with a sign": (chunked(b"+5\r\nhello\r\n0\r\n\r\n"), "a chunk begins with its size"),
    "a chunk size of 0x": (chunked(b"0x5\r\nhello\r\n0\r\n\r\n"), "a chunk begins with its size"),
    "a chunk size without end": (chunked(b"0" * 40), "a chunk begins with its size"),
    "a chunk size that ends with LF": (chunked(b"5\nhello\r\n0\r\n\r\n"), "a chunk begins with its size"),
    "a chunk longer than its size": (chunked(b"2\r\nhello\r\n0\r\n\r\n"), "a chunk is longer than its size"),
    "a chunk that ends with LF": (chunked(b"5\r\nhello\n0\r\n\r\n"), "a chunk is longer than its size"),
    "trailers": (chunked(piece(FINE), b"0\r\nx-a: 1\r\n\r\n"), "trailers are not carried"),
    "trailers announced": (asking(FINE, b"trailer: x-a"), "line 6: trailer: trailers are not carried"),
    "an upgrade": (asking(FINE, b"connection: upgrade", b"upgrade: h2c"), "line 7: upgrade: no other protocol"),
    "a websocket": (
        asking(b"", b"upgrade: websocket", line=b"GET /v1/models HTTP/1.1"),
        "upgrade: no other protocol",
    ),
    "a connection that names a field": (asking(FINE, b"connection: close, authorization"), "connection: expected"),
    "two connections": (asking(FINE, b"connection: close", b"connection: close"), "connection stands twice"),
    "HTTP/2 without being asked": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "line 1: the method"),
    "a TLS greeting": (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", "line 1:"),
    "a PROXY line": (b"PROXY TCP4 1.2.3.4 1.2.3.4 1 2\r\n" + asking(), "line 1: the request line"),
    "another version": (asking(line=LINE.replace(b"1.1", b"1.2")), "line 1: the version"),
    "no version": (asking(line=b"POST /v1/chat/completions"), "line 1: the request line"),
    "a version in small letters": (asking(line=LINE.replace(b"HTTP", b"http")), "line 1: the version"),
    "two spaces": (asking(line=LINE.replace(b"POST ", b"POST  ")), "line 1: the request line"),
    "a tab": (asking(line=LINE.replace(b"POST ", b"POST\t")), "line 1: the request line"),
    "a method in small letters": (asking(line=LINE.replace(b"POST", b"post")), "line 1: the method"),
    "a method with a sign": (asking(line=LINE.replace(b"POST", b"PO-ST")), "line 1: the method"),
    "a method of nobody's": (asking(line=LINE.replace(b"POST", b"POSTX")), "line 1: the method is none"),
    "a target with its host": (asking(line=b"POST http://other" + CHAT + b" HTTP/1.1"), "line 1: the target is not"),
    "a target that is a host": (asking(line=b"GET here:443 HTTP/1.1"), "line 1: the target is not a path"),
    "a target that is a star": (asking(line=b"OPTIONS * HTTP/1.1"), "line 1: the target is not a path"),
    "a target without its slash": (asking(line=b"POST v1/chat/completions HTTP/1.1"), "line 1: the target is not"),
    "a fragment": (asking(line=b"POST " + CHAT + b"#a HTTP/1.1"), "line 1: the target has a fragment"),
    "an encoded slash": (asking(line=b"POST /v1%2fchat/completions HTTP/1.1"), "line 1: the path is percent-encoded"),
    "an encoded letter": (asking(line=b"POST /v1/%63hat/completions HTTP/1.1"), "line 1: the path is percent-encoded"),
    "an encoded NUL": (asking(line=b"POST " + CHAT + b"%00 HTTP/1.1"), "line 1: the path is percent-encoded"),
    "a backslash": (asking(line=b"POST /v1\\chat/completions HTTP/1.1"), "line 1: the target holds a byte"),
    "a target beyond ASCII": (asking(line=b"POST " + CHAT + b"\xc3\xa4 HTTP/1.1"), "line 1: the target holds a byte"),
    "no host": (asking(fields=(b"content-type: application/json",)), "the request names no host"),
    "an empty host": (asking(fields=(b"host:", b"content-type: application/json")), "the host is not a name"),
    "two hosts": (asking(FINE, b"host: here"), "line 6: host stands twice"),
    "two hosts in one": (asking(fields=(b"host: here, there",)), "the host is not a name"),
    "a host with a path": (asking(fields=(b"host: here/v1/models?",)), "the host is not a name"),
    "a host with a user": (asking(fields=(b"host: a@here",)), "the host is not a name"),
}


@pytest.mark.parametrize("row", FRAMING)
def test_what_is_not_exactly_one_request_is_refused_and_the_connection_closed(node: Running, row: str) -> None:
    data, says = FRAMING[row]
    status, error = refusal(write(node, data.replace(b"KEY", node.key.encode())))
    assert (status, error["code"]) == (400, "malformed_request")
    assert says in error["message"]
    assert node.key not in json.dumps(error)
    assert node.model.seen == []


OTHER_REFUSALS = {
    "a head without end": (b"GET / HTTP/1.1\r\nx: " + b"a" * 40_000, 431, "head_too_large", "exceeds 32768 bytes"),
    "a long head": (asking(FINE, b"x: " + b"a" * 33_000), 431, "head_too_large", "exceeds 32768 bytes"),
    "many fields": (asking(FINE, *[b"x: 1"] * 101), 431, "head_too_large", "more than 100 fields"),
    "an expectation": (asking(FINE, b"expect: 100-continue"), 417, "expectation_failed", "expect:"),
    "another expectation": (asking(FINE, b"Expect: 200-ok"), 417, "expectation_failed", "expect:"),
    "a slash too many": (asking(line=b"POST //v1/chat/completions HTTP/1.1"), 404, "unknown_route", "no such path"),
    "a slash behind": (asking(line=b"POST " + CHAT + b"/ HTTP/1.1"), 404, "unknown_route", "no such path"),
    "a step back": (asking(line=b"POST /v1/x/../chat/completions HTTP/1.1"), 404, "unknown_route", "no such path"),
    "a parameter": (asking(line=b"POST " + CHAT + b";a HTTP/1.1"), 404, "unknown_route", "no such path"),
    "another case": (asking(line=b"POST /V1/chat/completions HTTP/1.1"), 404, "unknown_route", "no such path"),
    "a query": (asking(line=b"POST " + CHAT + b"?a=b HTTP/1.1"), 404, "unknown_route", "takes no query"),
    "an odd method": (asking(line=b"PATCH " + CHAT + b" HTTP/1.1"), 405, "method_not_allowed", "takes POST"),
    "HEAD": (asking(b"", line=b"OPTIONS " + CHAT + b" HTTP/1.1"), 405, "method_not_allowed", "takes POST"),
    "a method in a field": (
        asking(b"", b"x-http-method-override: POST", line=b"GET " + CHAT + b" HTTP/1.1"),
        405, "method_not_allowed", "takes POST",
    ),
    "two credentials": (asking(FINE, b"authorization: Bearer KEY"), 401, "invalid_api_key", "no valid workload key"),
    "a credential beside": (asking(FINE, b"x-api-key: KEY"), 401, "invalid_api_key", "no valid workload key"),
    "no credential": (asking(key=b""), 401, "invalid_api_key", "no valid workload key"),
    "an empty credential": (asking(key=b"authorization:"), 401, "invalid_api_key", "no valid workload key"),
    "another scheme": (asking(key=b"authorization: Basic KEY"), 401, "invalid_api_key", "no valid workload key"),
    "a credential with more": (asking(key=b"authorization: Bearer KEY x"), 401, "invalid_api_key", "no valid"),
    "a long credential": (asking(key=b"authorization: Bearer " + b"a" * 600), 401, "invalid_api_key", "no valid"),
    "two types": (asking(FINE, b"content-type: text/plain"), 415, "unsupported_media_type", "one content type"),
    "two types in one": (
        asking(fields=(b"host: a", b"content-type: application/json, text/plain")),
        415, "unsupported_media_type", "UTF-8",
    ),
    "no type": (asking(fields=(b"host: a",)), 415, "unsupported_media_type", "one content type"),
    "another type": (
        asking(fields=(b"host: a", b"content-type: multipart/form-data; boundary=x")),
        415, "unsupported_media_type", "application/json",
    ),
    "another charset": (
        asking(fields=(b"host: a", b"content-type: application/json; charset=utf-7")),
        415, "unsupported_media_type", "UTF-8",
    ),
    "compressed": (asking(FINE, b"content-encoding: gzip"), 415, "unsupported_media_type", "no content encoding"),
    "compressed twice": (
        asking(FINE, b"content-encoding: identity", b"content-encoding: br"), 415, "unsupported_media_type", "encoding"
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", OTHER_REFUSALS)
def test_what_is_a_request_and_not_ours_is_refused_by_its_fault(node: Running, row: str) -> None:
    data, status, code, says = OTHER_REFUSALS[row]
    found, error = refusal(write(node, data.replace(b"KEY", node.key.encode())))
    assert (found, error["code"]) == (status, code)
    assert says in error["message"]
    assert node.model.seen == []


# ---- what a body says -------------------------------------------------------------------------------------------

JSON = {
    "no body": (asking(b""), "not strict JSON", None),
    "no JSON": (asking(b"model=m"), "line 1 column 1", None),
    "two texts": (asking(FINE + FINE), "trailing", None),
    "cut": (asking(FINE[:-1]), "EOF", None),
    "a comment": (asking(b"{} // x"), "trailing", None),
    "single quotes": (asking(b"{'model': 'm'}"), "line 1 column 2", None),
    "a name twice": (asking(FINE[:-1] + b', "model": "m"}'), "duplicate name `model`", None),
    "a name twice, once escaped": (asking(FINE[:-1] + b', "mod\\u0065l": "m"}'), "duplicate name `model`", None),
    "a name twice, far inside": (
        messages('{"role": "user", "role": "system", "content": "a"}'), "duplicate name `role`", None
    ),
    "a name in another case": (asking(FINE[:-1] + b', "Model": "m"}'), "not carried", "Model"),
    "NaN": (asking(FINE[:-1] + b', "temperature": NaN}'), "line 1", None),
    "Infinity": (asking(FINE[:-1] + b', "temperature": -Infinity}'), "line 1", None),
    "a number beyond doubles": (asking(FINE[:-1] + b', "temperature": 1e400}'), "too large", "temperature"),
    "an integer beyond doubles": (asking(FINE[:-1] + b', "seed": 9007199254740993}'), "2^53", "seed"),
    "an endless integer": (asking(FINE[:-1] + b', "seed": ' + b"1" * 5_000 + b"}"), "not strict JSON", None),
    "a hexadecimal number": (asking(FINE[:-1] + b', "seed": 0x1}'), "line 1", None),
    "a leading zero": (asking(FINE[:-1] + b', "seed": 01}'), "line 1", None),
    "a lone surrogate": (messages('{"role": "user", "content": "\\ud800"}'), "line 1", None),
    "a lone surrogate as a name": (asking(FINE[:-1] + b', "\\udc00": 1}'), "line 1", None),
    "a byte-order mark": (asking(b"\xef\xbb\xbf" + FINE), "line 1 column 1", None),
    "UTF-16": (asking(FINE.decode().encode("utf-16-le")), "line 1", None),
    "invalid UTF-8": (messages('{"role": "user", "content": "X"}').replace(b"X", b"\xff"), "line 1", None),
    "overlong UTF-8": (asking(FINE.replace(b"m", b"\xc1\xad", 1)), "not strict JSON", None),
    "an unescaped line end": (messages('{"role": "user", "content": "a\n"}'), "control character", None),
    "deep": (asking(FINE[:-1] + b', "x": ' + b"[" * 66 + b"]" * 66 + b"}"), "nest deeper than 64", "x" + "[0]" * 63),
    "very deep": (asking(b"[" * 100_000), "not strict JSON", None),
    "a list": (asking(b"[]"), "Expected `object`", None),
    "an unknown field": (asking(FINE[:-1] + b', "guardrails": false}'), "not carried", "guardrails"),
    "many values": (asking(b"[" + b"1," * 200_001 + b"1]"), "more than 200000 values", None),
    "many messages": (messages(",".join([SAY] * 2_049)), "`messages` must be 1 to 2048", "messages"),
    "no messages": (messages(""), "`messages` must be 1 to 2048", "messages"),
    "a text for a number": (asking(FINE[:-1] + b', "n": "1"}'), "Expected `int", "n"),
    "a number for a truth": (asking(FINE[:-1] + b', "stream": 1}'), "Expected `bool", "stream"),
}  # fmt: skip


@pytest.mark.parametrize("row", JSON)
def test_what_two_parsers_could_read_differently_is_refused_with_its_place(node: Running, row: str) -> None:
    data, says, param = JSON[row]
    status, error = refusal(write(node, data.replace(b"KEY", node.key.encode())))
    assert (status, error["param"] or None) == (400, param)
    assert says in error["message"]
    assert node.model.seen == []


def test_more_bytes_than_one_exchange_has_are_refused(node: Running) -> None:
    status, error = refusal(write(node, messages(f'"{"a" * 8_400_000}"').replace(b"KEY", node.key.encode())))
    assert (status, error["code"]) == (413, "request_too_large")
    assert node.model.seen == []


# ---- what is one request is served, however it arrives --------------------------------------------------------------

SERVED = {
    "plain": asking(),
    "in chunks": chunked(piece(FINE[:10]), piece(FINE[10:]), b"0\r\n\r\n"),
    "in chunks with capitals and zeros": chunked(b"00%X\r\n%b\r\n" % (len(FINE), FINE), b"0\r\n\r\n"),
    "with spaces around a value": asking(FINE, b"x-a:  \t b \t"),
    "with what SDKs send": asking(FINE, b"user-agent: a", b"x-stainless-lang: python", b"accept-encoding: gzip"),
    "HTTP/1.0": asking(line=b"POST /v1/chat/completions HTTP/1.0"),
    "escaped": asking(FINE.replace(b'"model"', b'"mod\\u0065l"')),
}


@pytest.mark.parametrize("row", SERVED)
@pytest.mark.parametrize("size", [1, 100_000])
def test_what_is_one_request_is_served_however_it_is_cut(node: Running, row: str, size: int) -> None:
    data = SERVED[row].replace(b"KEY", node.key.encode())
    with connect(node) as peer:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(data), size):
            peer.sendall(data[start : start + size])
        assert read_answer(peer).startswith(b"HTTP/1.1 200 ")
    assert len(node.model.seen) == 1


def test_a_stream_to_a_client_that_knows_no_chunks_goes_on_until_the_connection_is_closed(node: Running) -> None:
    body = FINE[:-1] + b', "stream": true}'
    data = asking(body, line=b"POST /v1/chat/completions HTTP/1.0").replace(b"KEY", node.key.encode())
    with connect(node) as peer:
        peer.sendall(data)
        got = b"".join(iter(lambda: peer.recv(65_536), b""))
    head, _, said = got.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 ")
    assert b"transfer-encoding" not in head
    assert b"connection: close" in head
    assert said.startswith(b"data: {")
    assert said.endswith(b"data: [DONE]\n\n")


def test_two_requests_on_one_connection_are_two_answers(node: Running) -> None:
    data = asking().replace(b"KEY", node.key.encode())
    with connect(node) as peer:
        for _ in range(2):
            peer.sendall(data)
            assert read_answer(peer).startswith(b"HTTP/1.1 200 ")
    assert len(node.model.seen) == 2


def test_what_was_refused_before_it_was_a_request_is_counted(node: Running) -> None:
    node.node.admission.take_counts()
    write(node, FRAMING["both lengths"][0])
    write(node, OTHER_REFUSALS["a long head"][0])
    assert node.node.admission.take_counts() == {"malformed_request": 1, "head_too_large": 1}


def test_nothing_is_answered_inside_an_answer(node: Running) -> None:
    """Garbage while an answer is under way ends the connection: words inside the answer could be taken for its own."""
    node.model.streams([chunk("Fi"), 1.0, chunk("ne."), chunk("", "stop"), b"data: [DONE]\n\n"])
    with connect(node) as peer:
        peer.sendall(asking(FINE[:-1] + b', "stream": true}').replace(b"KEY", node.key.encode()))
        while not node.model.seen:
            time.sleep(0.01)
        peer.sendall(b"\0garbage\r\n\r\n")
        answer = b""
        with contextlib.suppress(ConnectionError):
            while more := peer.recv(65_536):
                answer += more
    assert b"malformed_request" not in answer
    assert b"[DONE]" not in answer


# ---- who is slow ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("begins", "answers"),
    [
        (b"", b""),
        (b"POST /v1/chat", b"408"),
        (asking()[: -len(FINE)], b"408"),
        (asking(key=b"")[: -len(FINE)], b"401"),
    ],
    ids=["nothing", "half a head", "a head without its body", "a stranger without its body"],
)
def test_who_does_not_finish_in_time_is_cut_while_others_are_served(
    node: Running, begins: bytes, answers: bytes
) -> None:
    with connect(node) as slow:
        slow.sendall(begins.replace(b"KEY", node.key.encode()))
        assert node.ask().choices[0].message.content == "Fine."
        answer = b""
        while more := slow.recv(4_096):  # ends: the connection is closed by its deadline
            answer += more
        assert answer.split(b" ")[1:2] == ([answers] if answers else [])


def test_a_head_that_drips_in_is_cut_however_steadily(node: Running) -> None:
    with connect(node) as slow:
        slow.sendall(b"POST /v1/chat/completions HTTP/1.1\r\n")
        with pytest.raises(ConnectionError):
            for _ in range(200):
                slow.sendall(b"x: 1\r\n"[:1])
                time.sleep(0.05)


def test_a_connection_that_asks_nothing_more_is_closed(node: Running) -> None:
    with connect(node) as idle:
        idle.sendall(asking().replace(b"KEY", node.key.encode()))
        assert read_answer(idle).startswith(b"HTTP/1.1 200")
        assert idle.recv(1) == b""


def test_a_crowd_that_asks_nothing_makes_room_for_who_does(node: Running) -> None:
    crowd = [connect(node) for _ in range(60)]  # of 24 that there may be
    try:
        assert node.ask().choices[0].message.content == "Fine."
    finally:
        for each in crowd:
            each.close()
