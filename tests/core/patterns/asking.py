# SPDX-License-Identifier: Apache-2.0
"""Requests of the shapes that patterns count: a question, a step of a loop, a case, a table."""

from __future__ import annotations

from brightline.core.exchange.model import Exchange, Role, Sampling, Tool, ToolCall, Turn


def asked_of(text: str, instructions: str = "") -> Exchange:
    turns = (Turn(Role.SYSTEM, (instructions,)),) if instructions else ()
    return Exchange("chat", "m", (*turns, Turn(Role.USER, (text,))))


def step(tool: str, results: int = 1) -> Exchange:
    """A tool was called, its results came back, and the model may call it again."""
    turns = [Turn(Role.USER, ("Go on until it is done.",))]
    for number in range(results):
        turns.append(Turn(Role.ASSISTANT, calls=(ToolCall(f"c{number}", tool, '{"n": 1}'),)))
        turns.append(Turn(Role.TOOL, ("done",), answers_call=f"c{number}"))
    return Exchange("chat", "m", tuple(turns), tools=(Tool(tool),))


LOOP = Exchange("chat", "m", (Turn(Role.USER, ("Fire the kiln tomorrow.",)),), tools=(Tool("fire_kiln"),))


def case(number: int) -> Exchange:
    text = f"Case {number}: income 900, two children. Is the claim to be approved or denied? Answer yes or no."
    return Exchange("chat", "m", (Turn(Role.USER, (text,)),), sampling=Sampling(max_tokens=4))


CASE = case(4711)


def table(rows: int) -> Exchange:
    lines = "\n".join(f"{number},item,{number * 3}" for number in range(1, rows))
    return asked_of(f"id,kind,count\n{lines}")
