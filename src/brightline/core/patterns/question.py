# SPDX-License-Identifier: Apache-2.0
"""Reads how a request asks (``asked.py``): its question without its subjects, its rows, whether it is a step.

The question is the set of the words in small letters in what was asked last and in the instructions, without the words
of persons, numbers and short words: so neither names nor places, order, dates nor punctuation make another question of
it. Words that are put there by chance do, and so does another wording; people are counted whatever the wording.

Words become tokens under the keys of the spans, like persons, and are dropped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import reduce
from operator import or_
from typing import Any, Final

import msgspec
import re2

from brightline.core.agreement.pattern import MATTER_BITS
from brightline.core.exchange.model import Exchange, Role, Turn
from brightline.core.patterns.asked import ROWS_MAX, Asked
from brightline.core.patterns.names import spelled
from brightline.core.patterns.token import spans_at, token_of
from brightline.core.patterns.touched import about_of

QUESTION_CHARS_MAX: Final = 8_192
INSTRUCTIONS_CHARS_MAX: Final = 2_048
ROWS_MIN: Final = 10
"""Fewer rows than these are not counted: what is written by hand has a few."""
DEPTH_MAX: Final = 4
SHORT_ANSWER_TOKENS: Final = 32

_WORD: Final = re.compile(r"[^\W\d_]{4,40}")
_ANY_WORD: Final = re.compile(r"\w+")
_SEPARATORS: Final = (",", ";", "\t", "|")
# Verbs of a tool that uses force, and of one that changes something for people or things outside; not what works on
# files. They are words of its name.
_FORCE: Final = (
    r"fire|engage|launch|strike|intercept|detonate|arm|aim|slew|jam|target|lock_on|shoot|kill|neutrali[sz]e|suppress"
    r"|effector|weapon|gun|turret|munition|feuer|waffe|tirer|dispara|fuoco"
)
_FORCES: Final = re.compile(rf"(?<![a-z])(?:{_FORCE})s?(?![a-z])")
_ACTS: Final = re.compile(
    rf"(?<![a-z])(?:{_FORCE}|steer|fly|goto|move|drive|actuate|release|drop|assign|dispatch|task|deploy|lock|open|close"
    r"|deny|approve|reject|grant|revoke|admit|dismiss|suspend|terminate|cancel|evict|detain|arrest|deport|sanction|flag"
    r"|block|ban|freeze|transfer|pay|charge|order|buy|sell|trade|send|publish)(?![a-z])",
)
_HUMP: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def _searched(words: str) -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    return re2.compile(rf"(?:\b|[^\pL])(?:{words})", options)


# To decide, in stems of English, German, French, Spanish and Italian; and that one of a few words is to be answered.
_DECIDES: Final = _searched(
    r"decid|approv|den(?:y|ied|ial)|reject|grant(?:ed|s)?\b|eligib|ineligib|entitle|admissib|dismiss|verdict|verdik"
    r"|entscheid|bewillig|ablehn|genehmig|anspruch|décid|approuv|refus|accord(?:er|é)|éligib|aprob|deneg|rechaz"
    r"|aprueb|denieg|conced|elegib|respin|negar|idone"
)
_OF_TWO: Final = _searched(
    r"(?:yes or no|approve or (?:deny|reject)|(?:grant|accept|admit) or (?:deny|refuse|reject)|eligible or (?:not|in)"
    r"|one word|single word|only (?:with )?(?:yes|the decision|the verdict)|ja oder nein|mit einem wort|oui ou non"
    r"|un seul mot|s[ií] o no\b|una (?:sola )?(?:palabra|parola)|sì o no)"
)


def ask(exchange: Exchange, persons: Iterable[tuple[str, int]], unix: int, keys: Mapping[int, bytes]) -> Asked:
    """Look at a request, the persons of which were found. Raises ``KeyError`` if a key of a span is missing."""
    older, newer = (keys[span] for span in spans_at(unix))
    text = _last(exchange.turns, Role.USER)[:QUESTION_CHARS_MAX]
    named = dict(persons)
    about = (reduce(or_, named.values()) if named else about_of(text)) & MATTER_BITS
    first = second = 0
    if about:
        words = f"question {question_of(exchange, text, named)}"
        first, second = token_of(words, older), token_of(words, newer)
    step = bool(exchange.tools) and bool(exchange.turns) and exchange.turns[-1].role is Role.TOOL
    names = [_HUMP.sub(" ", name).lower() for name in _called(exchange)] if step else []
    rows = rows_of(exchange)
    decided = f"case {text}" if _is_case(exchange, text) else ""
    return Asked(
        older=first,
        newer=second,
        about=about,
        rows=rows if rows >= ROWS_MIN else 0,
        step=step,
        acts=step and any(_ACTS.search(name) for name in names),
        force=step and any(_FORCES.search(name) for name in names),
        case=token_of(decided, newer) if decided else 0,
        case_before=token_of(decided, older) if decided else 0,
    )


def question_of(exchange: Exchange, text: str, persons: Iterable[str]) -> str:
    """The words of a question, each once and in order, without those of its subjects."""
    instructions = " ".join(
        each for turn in exchange.turns if turn.role in {Role.SYSTEM, Role.DEVELOPER} for each in turn.texts
    )[:INSTRUCTIONS_CHARS_MAX]
    theirs = {word for person in persons for word in _ANY_WORD.findall(person)}
    words = {word for word in set(_WORD.findall(f"{instructions} {text}")) - theirs if not word[0].isupper()}
    return " ".join(sorted(word for word in words if word.isascii() or spelled(word) not in theirs))


def rows_of(exchange: Exchange) -> int:
    """The most rows, members of a list or calls at once in what came last."""
    if len(exchange.turns) == 1 and not any(
        "\n" in text or text[:1] in {"{", "["} for text in exchange.turns[0].texts
    ):
        return 0  # one line is no table
    last = next((turn for turn in reversed(exchange.turns) if turn.role is Role.ASSISTANT), Turn(Role.ASSISTANT))
    texts = (each for role in (Role.USER, Role.TOOL) for each in _last_texts(exchange.turns, role))
    return min(ROWS_MAX, max((_rows(text) for text in texts), default=0) + len(last.calls))


def _rows(text: str) -> int:
    if text.lstrip().startswith(("{", "[")):
        try:
            return _longest(msgspec.json.decode(text), DEPTH_MAX)
        except (ValueError, RecursionError):
            pass  # no JSON: lines are lines
    lines = text.count("\n")
    if lines < ROWS_MIN:
        return 0
    return max(sum(separator in line for line in text.splitlines()) for separator in _SEPARATORS)


def _longest(value: Any, depth: int) -> int:
    if isinstance(value, dict):
        value = list(value.values())
        own = 0
    elif isinstance(value, list):
        own = len(value)
    else:
        return 0
    return max(own, max((_longest(each, depth - 1) for each in value), default=0)) if depth else own


def _is_case(exchange: Exchange, text: str) -> bool:
    """Whether one of a few answers is asked for, in words that decide."""
    sampling = exchange.sampling
    tokens = sampling.max_completion_tokens or sampling.max_tokens or 0
    bounded = (
        0 < tokens <= SHORT_ANSWER_TOKENS
        or exchange.response_format.kind == "json_schema"
        or exchange.tool_choice.mode in {"required", "function"}
    )
    if not bounded and not _OF_TWO.search(text):
        return False
    instructions = _last(exchange.turns, Role.SYSTEM)[:INSTRUCTIONS_CHARS_MAX]
    return bool(_DECIDES.search(text) or _DECIDES.search(instructions))


def _called(exchange: Exchange) -> Iterator[str]:
    """The names of the tools that were called since a user spoke last, and of those that may be."""
    for turn in reversed(exchange.turns):
        if turn.role is Role.USER:
            break
        yield from (call.name for call in turn.calls)
    yield from (tool.name for tool in exchange.tools)


def _last(turns: tuple[Turn, ...], role: Role) -> str:
    return "\n".join(_last_texts(turns, role))


def _last_texts(turns: tuple[Turn, ...], role: Role) -> tuple[str, ...]:
    return next((turn.texts for turn in reversed(turns) if turn.role is role), ())
