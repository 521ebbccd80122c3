# SPDX-License-Identifier: Apache-2.0
"""Plays one scene through the real OpenAI SDK, over a real socket, and says whether it went as told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
import openai
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam

from brightline.demo.scenes import Scene

LOOKUP_TOOL: ChatCompletionToolParam = {
    "type": "function",
    "function": {
        "name": "lookup_track",
        "description": "Look up what is known about a radar track.",
        "parameters": {"type": "object", "properties": {"track_id": {"type": "integer"}}},
    },
}


class Played(msgspec.Struct, frozen=True):
    """What the caller saw of a scene: the verdict as it was told, the words, and the exchange's id."""

    verdict: str
    back: str
    exchange: str


def play(scene: Scene, base_url: str, key: str, model: str) -> Played:
    """Send the scene's prompt and read what comes back."""
    client = openai.OpenAI(base_url=f"{base_url}/v1", api_key=key, max_retries=0, timeout=120)
    messages: list[ChatCompletionMessageParam] = [{"role": "user", "content": scene.prompt}]
    try:
        if scene.streamed:
            return _streamed(client, model, messages)
        return _plain(scene, client, model, messages)
    except openai.APIStatusError as error:
        body: Any = error.body if isinstance(error.body, dict) else {}
        notice = body.get("brightline", {})
        hold = f", {notice['hold']}" if notice.get("hold") else ""
        back = f"HTTP {error.status_code} {error.code}{hold}: {body.get('message', '')}"
        return Played(str(notice.get("verdict", "none")), back, error.request_id or "")
    finally:
        client.close()


def _plain(scene: Scene, client: openai.OpenAI, model: str, messages: list[ChatCompletionMessageParam]) -> Played:
    tools = [LOOKUP_TOOL] if scene.tools else openai.omit
    raw = client.chat.completions.with_raw_response.create(
        model=model, messages=messages, max_tokens=48, temperature=0, tools=tools
    )
    return Played("permit", f"“{raw.parse().choices[0].message.content}”", raw.request_id or "")


def _streamed(client: openai.OpenAI, model: str, messages: list[ChatCompletionMessageParam]) -> Played:
    text, finish = "", ""
    notice: Mapping[str, Any] = {}
    for chunk in client.chat.completions.create(model=model, messages=messages, stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
        notice = (chunk.model_extra or {}).get("brightline") or notice
    verdict = str(notice.get("verdict", "none"))
    if verdict == "deny" and text and finish == "content_filter":
        verdict = "cut"
    tail = text if len(text) < 60 else f"…{text[-60:]}"
    back = f"{len(text)} characters, then finish_reason {finish}: “{tail}▮”"
    return Played(verdict, back, str(notice.get("exchange", "")))
