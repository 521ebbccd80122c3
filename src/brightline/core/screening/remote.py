# SPDX-License-Identifier: Apache-2.0
"""A judge that somebody serves: the file that defines it, what it is asked over HTTP, and how strictly it is read.

A remote judge file (``brightline-remote-judge/1``, JSON) is signed like everything of a release: where the judge
answers, under which root certificates, as which model, in which dialect, and the definitions that it is given. An
answer is one of the two that its dialect has, or none.

    log-odds    any chat model that gives log-probabilities (vLLM): how much of the first token is yes, how much no
    safeguard   gpt-oss-safeguard: the policy as system message; the last message is 1 or 0
    guardian    Granite Guardian 3.3: the policy as its criterion; ``<score> yes </score>``
    guard       Llama Guard 3: the policy as its one category; ``safe``, or ``unsafe`` and the category

Sources: the OpenAI chat completions API and the publishers' model cards.
"""

from __future__ import annotations

import enum
import math
import re
from collections.abc import Iterable
from typing import Annotated, Any, Final
from urllib.parse import urlsplit

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError
from brightline.core.facts import UNKNOWN, Source, Vocabulary
from brightline.core.screening.encoder import Canary, Part
from brightline.core.screening.finding import Finding
from brightline.core.screening.prompt import REVIEWER, Constitution

FORMAT: Final = "brightline-remote-judge/1"
FILE_BYTES_MAX: Final = 1024 * 1024
TOP: Final = 20
REASONED_MAX: Final = 2_048  # tokens that a judge may think
CATEGORY: Final = "S1"
LOCAL: Final = frozenset({"127.0.0.1", "::1", "localhost"})

_Share = Annotated[float, Meta(gt=0, lt=1)]
_SCORE: Final = re.compile(r"<score>\s*(yes|no)\s*</score>")


class Dialect(enum.StrEnum):
    """How a judge is asked and answers."""

    LOG_ODDS = "log-odds"
    SAFEGUARD = "safeguard"
    GUARDIAN = "guardian"
    GUARD = "guard"


class Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A fact that the judge is asked about, and its thresholds; where it answers yes or no, its scores are 1 and 0."""

    constitution: Constitution
    value: str
    unknown: _Share
    yes: _Share


class RemoteJudge(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A judge behind ``url``, a chat completions endpoint. ``roots`` is a PEM file of the release, needed for https.

    A text of more than ``chars_max`` characters is not asked about. ``deadline_ms`` is for one batch, ``queue_max``
    how many may wait.
    """

    format: str
    url: Annotated[str, Meta(max_length=500)]
    roots: Part | None
    model: Annotated[str, Meta(min_length=1, max_length=200)]
    dialect: Dialect
    chars_max: Annotated[int, Meta(ge=100, le=1_000_000)]
    deadline_ms: Annotated[int, Meta(ge=1, le=60_000)]
    queue_max: Annotated[int, Meta(ge=1, le=4_096)]
    ask: Annotated[tuple[Asked, ...], Meta(min_length=1, max_length=32)]
    canary: tuple[Canary, ...]

    @property
    def facts(self) -> tuple[str, ...]:
        """The facts that it is asked about, in order."""
        return tuple(one.constitution.fact for one in self.ask)


def load_remote(data: bytes, name: str) -> RemoteJudge:
    """Read a remote judge file. Raises ``ReleaseError``."""
    if len(data) > FILE_BYTES_MAX:
        raise ReleaseError(f"{name}: longer than {FILE_BYTES_MAX} bytes")
    try:
        judge = msgspec.json.decode(data, type=RemoteJudge)
        place = urlsplit(judge.url)
        _ = place.port
    except (msgspec.DecodeError, RecursionError, ValueError) as error:
        raise ReleaseError(f"{name}: {error}") from error
    if judge.format != FORMAT:
        raise ReleaseError(f"{name}: format {judge.format[:40]!r}; expected {FORMAT!r}")
    if not place.hostname or place.query or place.fragment or "@" in place.netloc:
        raise ReleaseError(f"{name}: {judge.url!r} is no address of a judge")
    if place.scheme not in {"http", "https"} or (place.scheme == "http" and place.hostname not in LOCAL):
        raise ReleaseError(f"{name}: a judge elsewhere is asked over https")
    if (place.scheme == "https") != (judge.roots is not None):
        raise ReleaseError(f"{name}: over https the release names the judge's roots, and otherwise it has none")
    if len(set(judge.facts)) != len(judge.facts) or any(one.unknown > one.yes for one in judge.ask):
        raise ReleaseError(f"{name}: each fact is asked about once, with thresholds in order")
    if {canary.fact for canary in judge.canary} != set(judge.facts):
        raise ReleaseError(f"{name}: each fact has a canary, and no canary is without its fact")
    return judge


def check_remote(judge: RemoteJudge, vocabulary: Vocabulary, name: str) -> None:
    """Hold a remote judge against the facts of an agreement. Raises ``ReleaseError``."""
    for one in judge.ask:
        fact = one.constitution.fact
        if fact not in vocabulary or Source.DETECTOR not in vocabulary.spec(fact).set_by:
            raise ReleaseError(f"{name}: no detector may set {fact!r} under this agreement")
        spec = vocabulary.spec(fact)
        if one.value == spec.good or one.value not in spec.values:
            raise ReleaseError(f"{name}: a judge may not say {one.value!r} of {fact}")


def question_of(judge: RemoteJudge, asked: Asked, exchange: str) -> dict[str, Any]:
    """The body of the request about one exchange."""
    one = asked.constitution
    policy = f"# {one.fact}\n{one.text}"
    body: dict[str, Any] = {"model": judge.model, "temperature": 0, "stream": False}
    match judge.dialect:
        case Dialect.LOG_ODDS:
            body["messages"] = [
                {"role": "system", "content": f"{REVIEWER}\n\n{policy}"},
                {"role": "user", "content": f"The exchange:\n{exchange}\n\n{one.question}"},
            ]
            body |= {"max_tokens": 1, "logprobs": True, "top_logprobs": TOP}
        case Dialect.SAFEGUARD:
            rule = f"{policy}\n\n{one.question} Answer with 1 for yes or 0 for no, and nothing else."
            body["messages"] = [{"role": "system", "content": rule}, {"role": "user", "content": exchange}]
            body["max_tokens"] = REASONED_MAX
        case Dialect.GUARDIAN:
            body["messages"] = [{"role": "user", "content": exchange}]
            criteria = f"{one.question}\n{one.text}"
            body["chat_template_kwargs"] = {"guardian_config": {"custom_criteria": criteria}, "think": False}
            body["max_tokens"] = 32
        case Dialect.GUARD:
            body["messages"] = [{"role": "user", "content": exchange}]
            body["chat_template_kwargs"] = {"categories": {CATEGORY: f"{one.question}\n{one.text}"}}
            body["max_tokens"] = 16
    return body


class _Top(msgspec.Struct, frozen=True):
    token: str
    logprob: float


class _Token(msgspec.Struct, frozen=True):
    top_logprobs: tuple[_Top, ...]


class _LogProbs(msgspec.Struct, frozen=True):
    content: tuple[_Token, ...]


class _Message(msgspec.Struct, frozen=True):
    content: str | None = None


class _Choice(msgspec.Struct, frozen=True):
    message: _Message
    finish_reason: str | None = None
    logprobs: _LogProbs | None = None


class _Answer(msgspec.Struct, frozen=True):
    choices: Annotated[tuple[_Choice, ...], Meta(min_length=1, max_length=1)]


def score_of(judge: RemoteJudge, body: bytes) -> float:
    """What an answer says, 0..1. Raises ``ValueError`` for what is none of the answers that its dialect has."""
    (choice,) = msgspec.json.decode(body, type=_Answer).choices  # msgspec's errors are ValueErrors
    if judge.dialect is Dialect.LOG_ODDS:
        return _from_log_odds(choice)
    said = (choice.message.content or "").strip()
    if choice.finish_reason != "stop":
        raise ValueError("the judge did not end its answer")
    match judge.dialect:
        case Dialect.SAFEGUARD if said in {"0", "1"}:
            return float(said)
        case Dialect.GUARDIAN if found := _SCORE.fullmatch(said):
            return float(found[1] == "yes")
        case Dialect.GUARD if said in {"safe", f"unsafe\n{CATEGORY}"}:
            return float(said != "safe")
        case _:
            raise ValueError("the judge answered something else")


def _from_log_odds(choice: _Choice) -> float:
    if choice.logprobs is None or len(choice.logprobs.content) != 1:
        raise ValueError("the judge gave no log-probabilities of one token")
    shares = {"yes": 0.0, "no": 0.0}
    for one in choice.logprobs.content[0].top_logprobs:
        word = one.token.strip().lower()
        if not one.logprob <= 1e-6:
            raise ValueError("a log-probability is none")
        if word in shares:
            shares[word] += math.exp(one.logprob)
    whole = shares["yes"] + shares["no"]
    if not whole > 0.05:  # it would have said something else
        raise ValueError("the judge answers neither yes nor no")
    return min(1.0, shares["yes"] / whole)


def findings_of_remote(
    judge: RemoteJudge, detector: str, scored: Iterable[tuple[int, str, str, float]]
) -> tuple[Finding, ...]:
    """Turn scores into findings: ``scored`` gives segment, view, fact and a score in 0..1. Below both is silence."""
    asked = {one.constitution.fact: one for one in judge.ask}
    found = []
    for segment, view, fact, score in scored:
        one = asked[fact]
        if score >= one.unknown:
            value = one.value if score >= one.yes else UNKNOWN
            found.append(Finding(detector, fact, value, f"judge:{fact}", segment, view, score))
    return tuple(found)
