# SPDX-License-Identifier: Apache-2.0
"""What a model server writes is read as strictly as what a client writes: what is not exactly one answer is a 502.

One table, a row for each way in which bytes could be read as two different things. Each row is what comes back over
the socket; the same words, rightly framed, are served (the last tests), so every row is refused for its own fault.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack
from typing import Any

import httpx2
import pytest

from brightline.shell.connections import Connections
from tests.harness import NO_TLS, Running, chunk, completion, running
from tests.vectors import vectors_dir

SECRET = "NOBODY-MAY-READ-THIS"
REPLY = json.dumps(completion(SECRET)).encode()
SAID, END, DONE = chunk(SECRET), chunk("", "stop"), b"data: [DONE]\n\n"
FINE = SAID + END + DONE


class RawServer:
    """A peer that reads one request and writes the bytes of a row, a pause where a number stands among them."""

    def __init__(self) -> None:
        self.writes: list[bytes | float] = []
        self.rows: dict[bytes, list[bytes | float]] = {}  # by a word of the question, for what is asked at once
        self.asked = 0
        self._serving: set[asyncio.Task[None]] = set()
        self.url = ""

    async def start(self, stack: AsyncExitStack) -> None:
        server = await asyncio.start_server(self._begin, "127.0.0.1", 0)
        stack.push_async_callback(self._end)
        stack.callback(server.close)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"

    def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._serving.add(task)
        task.add_done_callback(self._serving.discard)

    async def _end(self) -> None:
        for task in self._serving:
            task.cancel()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._answer(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """Answer one request; whether another may come on this connection."""
        asks = await reader.readuntil(b"\r\n\r\n")
        length = next(line for line in asks.lower().split(b"\r\n") if line.startswith(b"content-length"))
        body = await reader.readexactly(int(length.split(b":")[1]))
        self.asked += 1
        writes = next((parts for word, parts in self.rows.items() if word in body), self.writes)
        for part in writes:
            if isinstance(part, bytes):
                writer.write(part)
                await writer.drain()
            else:
                await asyncio.sleep(part)
        return b"content-length" in b"".join(part for part in writes if isinstance(part, bytes)).lower()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, RawServer]]:
    deadlines = "idle_seconds = 1.5\nfirst_byte_seconds = 2.0\ntotal_seconds = 6.0\n"
    with (
        running(tmp_path_factory.mktemp("back") / "state", upstream=deadlines) as node,
        contextlib.ExitStack() as outer,
    ):
        raw, stack = RawServer(), AsyncExitStack()
        node.loop.call(raw.start(stack))
        outer.callback(lambda: node.loop.call(stack.aclose()))
        server = node.node.upstream._servers["default"]
        server._connections = Connections(raw.url, ssl.create_default_context(), 64, 5.0)
        yield node, raw


def ask(served: tuple[Running, RawServer], *writes: bytes | float, streamed: bool, n: int = 1) -> httpx2.Response:
    node, raw = served
    raw.writes = list(writes)
    return question(node, "Go on.", streamed, n)


def question(node: Running, text: str, streamed: bool, n: int = 1) -> httpx2.Response:
    asked = {"model": "m", "messages": [{"role": "user", "content": text}], "stream": streamed, "n": n}
    headers = {"authorization": f"Bearer {node.key}"}
    return httpx2.post(f"{node.url}/v1/chat/completions", headers=headers, json=asked, timeout=20, verify=NO_TLS)


def refused(answer: httpx2.Response) -> None:
    """A 502, or where it had begun an end that says so; and not a word of the model's."""
    assert SECRET not in answer.text
    if answer.status_code == 200:
        assert "[DONE]" not in answer.text
        assert '"code":"upstream_failed"' in answer.text
        return
    assert answer.status_code == 502
    assert answer.json()["error"]["code"] == "upstream_failed"


def head(*fields: bytes, status: bytes = b"HTTP/1.1 200 OK", kind: bytes = b"application/json") -> bytes:
    kinds = [b"content-type: " + kind] if kind else []
    return b"\r\n".join([status, *kinds, *fields]) + b"\r\n\r\n"


def plain(body: bytes, *fields: bytes, **more: bytes) -> bytes:
    return head(b"content-length: %d" % len(body), *fields, **more) + body


def piece(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


def altered(old: bytes, new: bytes) -> bytes:
    assert old in REPLY
    return plain(REPLY.replace(old, new, 1))


def gzipped(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=31)
    return packer.compress(data) + packer.flush()


TEXT = b'"' + SECRET.encode() + b'"'

PLAIN = {
    "nothing": b"",
    "no HTTP": REPLY,
    "another status": plain(REPLY, status=b"HTTP/1.1 201 Created"),
    "a redirect": plain(REPLY, b"location: /v1/chat/completions", status=b"HTTP/1.1 307 Temporary Redirect"),
    "an upgrade": head(b"connection: upgrade", b"upgrade: h2c", status=b"HTTP/1.1 101 Switching Protocols") + REPLY,
    "an error with an answer in it": plain(REPLY, status=b"HTTP/1.1 500 Oh"),
    "no type": plain(REPLY, kind=b""),
    "another type": plain(REPLY, kind=b"text/html"),
    "two types": plain(REPLY, b"content-type: text/html"),
    "another charset": plain(REPLY, kind=b"application/json; charset=utf-16"),
    "an event stream": plain(REPLY, kind=b"text/event-stream"),
    "compressed": plain(gzipped(REPLY), b"content-encoding: gzip"),
    "said to be compressed": plain(REPLY, b"content-encoding: gzip"),
    "compressed in a coding": head(b"transfer-encoding: gzip, chunked") + piece(gzipped(REPLY)) + b"0\r\n\r\n",
    "both lengths": plain(REPLY, b"transfer-encoding: chunked"),
    "both lengths, rightly chunked": head(b"content-length: 5", b"transfer-encoding: chunked")
    + piece(REPLY)
    + b"0\r\n\r\n",
    "two lengths": plain(REPLY, b"content-length: 1"),
    "a length too long": head(b"content-length: %d" % (len(REPLY) + 9)) + REPLY,
    "a length too short": head(b"content-length: %d" % (len(REPLY) - 9)) + REPLY,
    "cut in its chunks": head(b"transfer-encoding: chunked") + piece(REPLY)[:-9],
    "no last chunk": head(b"transfer-encoding: chunked") + piece(REPLY),
    "a chunk size that is none": head(b"transfer-encoding: chunked") + b"zz\r\n" + REPLY + b"\r\n0\r\n\r\n",
    "a huge field": plain(REPLY, b"x-a: " + b"a" * 70_000),
    "many fields": plain(REPLY, *[b"x-%d: a" % i for i in range(40_000)]),
    "a NUL": plain(REPLY, b"x-a: \0"),
    "a folded line": plain(REPLY, b"x-a: 1\r\n two"),
    "bare LFs": plain(REPLY).replace(b"\r\n", b"\n"),
    "a byte-order mark": plain(b"\xef\xbb\xbf" + REPLY),
    "UTF-16": plain(REPLY.decode().encode("utf-16")),
    "invalid UTF-8": altered(TEXT, b'"\xff"'),
    "a lone surrogate": altered(TEXT, b'"\\ud800"'),
    "two texts": plain(REPLY + REPLY),
    "something behind": plain(REPLY + b"x"),
    "a name twice": altered(b'"choices":', b'"choices": [], "choices":'),
    "a name twice, once escaped": altered(b'"content":', b'"content": "a", "cont\\u0065nt":'),
    "a name twice in what nobody reads": altered(b'"id":', b'"x": {"a": 1, "a": 2}, "id":'),
    "NaN": altered(b'"prompt_tokens": 3', b'"prompt_tokens": NaN'),
    "a huge number": altered(b'"prompt_tokens": 3', b'"prompt_tokens": 1e400'),
    "an integer beyond doubles": altered(b'"prompt_tokens": 3', b'"prompt_tokens": 9007199254740993'),
    "a negative count": altered(b'"prompt_tokens": 3', b'"prompt_tokens": -3'),
    "deep": altered(b'"id":', b'"x": ' + b"[" * 70 + b"]" * 70 + b', "id":'),
    "many values": altered(b'"id":', b'"x": [' + b"1," * 200_001 + b'1], "id":'),
    "an error in the place of an answer": plain(b'{"error": {"message": "%b"}}' % SECRET.encode()),
    "too long": plain(b'{"x": "' + b"a" * 17_000_000 + b'", ' + REPLY[1:]),
    "events": plain(FINE),
}


@pytest.mark.parametrize("row", PLAIN)
def test_what_is_not_exactly_one_answer_is_a_502(served: tuple[Running, RawServer], row: str) -> None:
    refused(ask(served, PLAIN[row], streamed=False))


def stream(*events: bytes, kind: bytes = b"text/event-stream", last: bytes = b"0\r\n\r\n") -> bytes:
    return head(b"transfer-encoding: chunked", kind=kind) + b"".join(map(piece, events)) + last


STREAMED = {
    "another type": stream(FINE, kind=b"application/json"),
    "no type": stream(FINE, kind=b""),
    "another charset": stream(FINE, kind=b"text/event-stream; charset=latin-1"),
    "compressed": head(b"content-encoding: gzip", kind=b"text/event-stream") + gzipped(FINE),
    "half-closed before the end": stream(SAID, last=b""),
    "half-closed in an event": stream(SAID[:-20], last=b""),
    "ended without a reason": stream(SAID),
    "[DONE] without a reason": stream(SAID, DONE),
    "the last event not ended": stream(SAID, END.rstrip(b"\n")),
    "more after [DONE]": stream(END, DONE, SAID),
    "[DONE] twice": stream(END, DONE, DONE),
    "more after the reason": stream(END, SAID, DONE),
    "another reason": stream(END, chunk("", "length"), DONE),
    "JSON cut by an event": stream(SAID.replace(b", ", b",\n\ndata: ", 1), END, DONE),
    "something else than JSON": stream(b"data: hello\n\n", END, DONE),
    "[DONE] in another case": stream(b"data: [done]\n\n", END, DONE),
    "[DONE] in two lines": stream(SAID, END, b"data: [DONE]\ndata: [DONE]\n\n"),
    "invalid UTF-8": stream(b"data: \xff\n\n", END, DONE),
    "invalid UTF-8 in a comment": stream(b": \xff\n\n", END, DONE),
    "an event without end": stream(b"data: " + b"a" * 5_000_000),
    "a comment without end": stream(b": " + b"a" * 5_000_000),
    "lines without end": stream(b"data:\n" * 10_001),
    "another choice": stream(chunk(SECRET, index=1), END, DONE),
    "an error": stream(b'data: {"error": {"message": "%b"}}\n\n' % SECRET.encode(), DONE),
    "an event of errors": stream(b'event: error\ndata: {"message": "%b"}\n\n' % SECRET.encode(), DONE),
    "a chunk size that is none": head(b"transfer-encoding: chunked", kind=b"text/event-stream") + b"zz\r\n" + FINE,
    "a redirect": plain(FINE, b"location: /", status=b"HTTP/1.1 302 Found", kind=b"text/event-stream"),
}


@pytest.mark.parametrize("row", STREAMED)
def test_what_is_not_exactly_one_stream_ends_with_an_error(served: tuple[Running, RawServer], row: str) -> None:
    refused(ask(served, STREAMED[row], streamed=True))


def test_each_event_of_many_is_small_and_the_whole_is_bounded(served: tuple[Running, RawServer]) -> None:
    """Endless, each part of it in order: comments, which hold nothing, count as well."""
    comments = b": keep-alive\n\n" * 5_000
    refused(ask(served, stream(*[comments] * 250), streamed=True))


def test_a_redirect_is_not_followed(served: tuple[Running, RawServer]) -> None:
    asked = served[1].asked
    refused(ask(served, PLAIN["a redirect"], streamed=False))
    assert served[1].asked == asked + 1


def test_what_follows_an_answer_is_nobodys_answer(served: tuple[Running, RawServer]) -> None:
    """A server that writes two answers to one request must not answer the next request with the second."""
    _node, raw = served
    other = plain(json.dumps(completion("Mine.")).encode())
    assert "Mine." in ask(served, other + plain(REPLY), streamed=False).text
    asked = raw.asked
    assert "Mine." in ask(served, other, streamed=False).text
    assert raw.asked == asked + 1


# ---- what hangs -----------------------------------------------------------------------------------------------------


def test_a_server_that_falls_silent_or_dribbles_is_given_up_while_others_answer(
    served: tuple[Running, RawServer],
) -> None:
    node, raw = served
    typed = {True: b"text/event-stream", False: b"application/json"}
    for streamed, kind in typed.items():
        drop = b": \n\n" if streamed else b" "
        hangs: dict[str, list[bytes | float]] = {
            "nothing": [9.0],
            "half a head": [b"HTTP/1.1 200", 9.0],
            "no body": [head(b"content-length: 900", kind=kind), 9.0],
            "half a body": [head(b"content-length: 900", kind=kind) + (SAID if streamed else REPLY[:50]), 9.0],
            "a dribble": [
                head(b"content-length: 9000", kind=kind),
                *[part for _ in range(90) for part in (drop, 0.1)],
            ],
        }
        for name, parts in hangs.items():
            raw.rows[f"{name} {streamed}".encode()] = parts
    raw.writes = [plain(REPLY)]
    with ThreadPoolExecutor(len(raw.rows)) as pool:
        waiting = [pool.submit(question, node, word.decode(), word.endswith(b"True")) for word in raw.rows]
        assert SECRET in question(node, "Go on.", streamed=False).text
        for each in waiting:
            refused(each.result(20))
    raw.rows.clear()


# ---- the same words, rightly framed ---------------------------------------------------------------------------------


ANSWERS = {
    "with its length": plain(REPLY),
    "until it closes": head() + REPLY,
    "in chunks": head(b"transfer-encoding: chunked") + piece(REPLY[:9]) + piece(REPLY[9:]) + b"0\r\n\r\n",
    "in UTF-8": plain(REPLY, kind=b'application/json; charset="utf-8"'),
}


@pytest.mark.parametrize("row", ANSWERS)
def test_one_answer_is_served(served: tuple[Running, RawServer], row: str) -> None:
    answer: Any = ask(served, ANSWERS[row], streamed=False).json()
    assert answer["choices"][0]["message"]["content"] == SECRET


STREAMS = {
    "LF": FINE,
    "CRLF": FINE.replace(b"\n", b"\r\n"),
    "CR": FINE.replace(b"\n", b"\r"),
    "a byte-order mark": b"\xef\xbb\xbf" + FINE,
    "comments": b": a\n\n" + FINE.replace(b"data", b": b\ndata"),
    "data of many lines": FINE.replace(b", ", b",\ndata: "),
    "other fields": FINE.replace(b"data", b"id: 1\nretry: 5\nevent: x\nodd: y\ndata"),
    "no [DONE], the reason given": SAID + END,
}


@pytest.mark.parametrize("row", STREAMS)
@pytest.mark.parametrize("size", [1, 7, 100_000])
def test_one_stream_is_served_however_its_lines_end_and_it_is_cut(
    served: tuple[Running, RawServer], row: str, size: int
) -> None:
    data = STREAMS[row]
    parts = [data[i : i + size] for i in range(0, len(data), size)]
    answer = ask(served, stream(*parts), streamed=True).text
    assert SECRET in answer
    assert answer.endswith("data: [DONE]\n\n")


# ---- what other servers sent ------------------------------------------------------------------------------------


def told(text: str) -> dict[int, list[str]]:
    """What a client is told, by choice: the words, the names and arguments of calls, how it ended."""
    out: dict[int, list[str]] = {}
    for line in text.split("\n\n"):
        data = line.removeprefix("data: ")
        if not data.startswith("{"):
            continue
        for choice in json.loads(data).get("choices", ()):
            words = out.setdefault(choice["index"], ["", "", ""])
            words[0] += choice["delta"].get("content") or choice["delta"].get("refusal") or ""
            for call in choice["delta"].get("tool_calls", ()):
                words[1] += call["function"]["name"] + call["function"]["arguments"]
            words[2] += choice["finish_reason"] or ""
    return out


def test_a_recorded_stream_says_the_same_to_a_client_however_it_arrives(served: tuple[Running, RawServer]) -> None:
    folder = vectors_dir("openai-sse")
    bodies = json.loads((folder / "index.json").read_text("utf-8"))["bodies"]
    chats = [body for body in bodies if body["api"] == "chat.completions"]
    assert len(chats) > 10
    for body in chats:
        data = (folder / body["file"]).read_bytes()
        wanted = body["assembled"]["choices"]
        for size in (7, 1_000_000) if len(data) < 6_000 else (97, 1_000_000):
            parts = [data[i : i + size] for i in range(0, len(data), size)]
            answer = ask(served, stream(*parts), streamed=True, n=len(wanted))
            got = told(answer.text)
            for choice in wanted:
                calls = "".join(call["name"] + call["arguments"] for call in choice["tool_calls"])
                said = choice["content"] or choice["refusal"] or ""
                assert got[choice["index"]] == [said, calls, choice["finish_reason"]], (body["file"], size)


def test_each_failure_is_on_record_as_the_upstreams(served: tuple[Running, RawServer]) -> None:
    kinds = served[0].kinds()
    assert kinds.count("ATTEMPT") == kinds.count("PASS")
    ends = {kind for kind in kinds if kind.startswith("OUTCOME")}
    assert ends <= {"OUTCOME:upstream_failed", "OUTCOME:completed"}
    assert kinds.count("ATTEMPT") == sum(kinds.count(end) for end in ends)
