# SPDX-License-Identifier: Apache-2.0
"""Seeds and the ways in which they are broken: the same number always makes the same bytes."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import Callable

from tests.harness import RL1, chunk, completion

CHAT = {
    "model": "m",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "name": "ann", "content": [{"type": "text", "text": "Grüße 世界 👩‍🚀 " + RL1}]},
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {"id": "c1", "type": "function", "function": {"name": "look_up", "arguments": '{"a": [1, 2.5e3]}'}}
            ],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "[72, 101, 108, 108, 111]"},
    ],
    "tools": [
        {
            "type": "function",
            "function": {
                "name": "look_up",
                "description": "Look up.",
                "parameters": {"type": "object", "properties": {"what": {"enum": ["a", "b"]}}},
            },
        }
    ],
    "response_format": {"type": "json_schema", "json_schema": {"name": "r", "schema": {"type": "object"}}},
    "temperature": 0.5,
    "n": 2,
    "stop": ["\n"],
    "stream": True,
    "stream_options": {"include_usage": True},
}
RESPONSES = {
    "model": "m",
    "instructions": "Be brief.",
    "input": [
        {"role": "user", "content": [{"type": "input_text", "text": "List three fruits."}]},
        {"type": "function_call", "call_id": "c1", "name": "look_up", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "pears"},
    ],
    "tools": [{"type": "function", "name": "look_up", "parameters": {"type": "object"}, "strict": False}],
    "store": False,
}
HEAD = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"


def _bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


REQUESTS = [_bytes(CHAT), _bytes(RESPONSES), json.dumps(CHAT).encode(), b"{}", b"[" * 70 + b"]" * 70]
FRAMES = [
    HEAD + b"content-length: 5\r\n\r\nhello" + HEAD + b"\r\n",
    HEAD + b"transfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"GET / HTTP/1.0\r\nconnection: close\r\n\r\n",
]
CALL = [{"index": 0, "id": "c", "function": {"name": "look_up", "arguments": '{"a": "b"}'}}]
STREAMS = [
    chunk("Hel") + chunk("lo.", index=1) + chunk("", "stop") + chunk("", "stop", 1) + b"data: [DONE]\n\n",
    b"\xef\xbb\xbf: c\r\n\r\n"
    + chunk(tool_calls=CALL).replace(b"\n", b"\r")
    + b"event: e\nid: 1\ndata: a\ndata: b\n\n",
]
REPLIES = [_bytes(completion("Grüße")), _bytes(completion("", "tool_calls", tool_calls=CALL)), b'{"choices": []}']
TEXTS = [
    RL1.encode(),
    "ｆｕｌｌ ｗｉｄｔｈ ⓒⓘⓡⓒⓛⓔⓢ Gruße\u200b\u202e\U000e0041 l33t s-p-a-c-e-d аdmіn".encode(),
    base64.b64encode(RL1.encode())
    + b" "
    + RL1.encode().hex().encode()
    + b" %41%42 &#65;&lt; \\u0041 01000001 01000010",
    b"72 101 108 108 111, .... . .-.. .-.. ---",
    ("a\u0301" * 20 + "\ufe00\ufe0f\u0300" * 20 + "ﷺ" * 5).encode(),
]
PIECES = [
    *(b'"', b"\\", b"\\u0000", b"\\ud800", b"\\udc00", b"{", b"}", b"[", b"]", b",", b":", b"null", b"1e999", b"-0"),
    *(b"NaN", b"9007199254740993", b"\r\n", b"\n", b"\r", b"\0", b"\x1b", b"\xff", b"\xc0\x80", b"\xed\xa0\x80"),
    *(
        b"\xef\xbb\xbf",
        b"\xf4\x90\x80\x80",
        b"\xe2\x80\xa8",
        b"\xcc\x81",
        b"\xe2\x80\x8b",
        b"data: ",
        b"data:[DONE]\n\n",
    ),
    *(
        b": ",
        b"\r\n\r\n",
        b"content-length: 1\r\n",
        b"transfer-encoding: chunked\r\n",
        b"0\r\n\r\n",
        b";",
        b"%2f",
        b"#",
    ),
    *(
        b"a" * 300,
        b" " * 300,
        b"=" * 40,
        b"QUJD" * 20,
        b"41" * 40,
        b"&#x41;" * 10,
        b"%41" * 20,
        b"\xf3\xa0\x81\x81" * 20,
    ),
]


def _splice(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    other = chance.choice(seeds)
    start = chance.randrange(len(other) + 1)
    at = chance.randrange(len(data) + 1)
    data[at:at] = other[start : start + chance.randrange(200)]


def _insert(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    data[at:at] = chance.choice(PIECES)


def _flip(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)


def _byte(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    if data:
        data[chance.randrange(len(data))] = chance.randrange(256)


def _cut(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    del data[at : at + chance.randrange(1, 60)]


def _double(chance: random.Random, data: bytearray, seeds: list[bytes]) -> None:
    at = chance.randrange(len(data) + 1)
    part = bytes(data[at : at + chance.randrange(1, 80)])
    data[at:at] = part * chance.choice([1, 1, 2, 30])


WAYS: list[Callable[[random.Random, bytearray, list[bytes]], None]] = [
    _splice,
    _insert,
    _insert,
    _flip,
    _byte,
    _cut,
    _double,
]


def broken(chance: random.Random, seeds: list[bytes], bytes_max: int = 65_536) -> bytes:
    """One of the seeds, broken in up to six ways."""
    data = bytearray(chance.choice(seeds))
    for _ in range(chance.randrange(7)):
        chance.choice(WAYS)(chance, data, seeds)
    return bytes(data[:bytes_max])
