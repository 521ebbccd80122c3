# SPDX-License-Identifier: Apache-2.0
"""The kinds of detector that a release may require, how each becomes a judge, and how a judge is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import msgspec

from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.facts import UNKNOWN, Vocabulary
from brightline.core.screening.encoder import Encoder, check_encoder, load_encoder
from brightline.core.screening.finding import Finding, Judgement, Raised, Segment
from brightline.core.screening.judge import JudgeFile, check_judge, load_judge_file
from brightline.core.screening.ngrams import NGrams, load_ngrams
from brightline.core.screening.remote import RemoteJudge, check_remote, load_remote
from brightline.core.screening.rules import RuleSet, check_rules, load_rules
from brightline.core.screening.toolcall import CallRules, check_calls, load_calls
from brightline.folders import folder_reader
from brightline.shell.inference.wire import Load

Definition = RuleSet | CallRules | Encoder | NGrams | JudgeFile | RemoteJudge
Judge = Callable[[Sequence[Segment]], Sequence[Finding | Raised]]
"""The pure part of a detector: segments in, findings out, or what a first stage raises. It may raise any exception;
that means unjudged."""


def define(kind: str, data: bytes, path: str) -> Definition:
    """What a detector's file says. Raises ``ReleaseError``, also for a kind that this version does not know."""
    match kind:
        case "rules":
            return load_rules(data, path)
        case "calls":
            return load_calls(data, path)
        case "encoder":
            return load_encoder(data, path)
        case "ngrams":
            return load_ngrams(data, path)
        case "judge":
            return load_judge_file(data, path)
        case "remote-judge":
            return load_remote(data, path)
        case _:
            raise ReleaseError(f"this version has no detector of kind {kind!r}")


def check(definition: Definition, vocabulary: Vocabulary, path: str) -> None:
    """Hold a detector against the facts of an agreement. Raises ``ReleaseError``."""
    match definition:
        case RuleSet():
            check_rules(definition, vocabulary)
        case CallRules():
            check_calls(definition, vocabulary, path)
        case Encoder():
            check_encoder(definition, vocabulary, path)
        case NGrams():
            pass  # it sets no fact
        case JudgeFile():
            check_judge(definition, vocabulary, path)
        case RemoteJudge():
            check_remote(definition, vocabulary, path)


class Said(msgspec.Struct, frozen=True):
    """What a detector may say of a fact, and by what name."""

    id: str
    fact: str
    value: str


def sayings(definition: Definition) -> tuple[Said, ...]:
    """Everything that a detector could find."""
    match definition:
        case RuleSet():
            return tuple(Said(rule.id, rule.fact, rule.value) for rule in definition.rules)
        case CallRules():
            return tuple(Said(rule.id, rule.fact, rule.value) for rule in definition.file.rule)
        case Encoder():
            values = ((head.fact, value) for head in definition.head for value in (head.value, UNKNOWN))
            return tuple(Said(f"head:{fact}", fact, value) for fact, value in values)
        case _:
            return ()  # a first stage, or a judge: what that settled names what it settled


def judge_of(
    definition: Definition, detector: str, folder: Path, weights: str, threads: int = 1, key_file: str = ""
) -> Judge:
    """The judge that is defined so; weights are looked for in ``weights`` (or nowhere) and in the release's folder.

    ``threads`` are for a decoder, ``key_file`` for a judge elsewhere.

    Raises ``ReleaseError``.
    """
    if isinstance(definition, RuleSet):
        return definition.match
    if isinstance(definition, CallRules):
        return partial(definition.match, detector=detector)
    if isinstance(definition, NGrams):
        return first_stage(definition)
    if isinstance(definition, RemoteJudge):
        from brightline.shell.inference.remote import HttpJudge  # only where one is asked

        return HttpJudge(definition, detector, folder, key_file).judge
    folders = (Path(weights), folder) if weights else (folder,)
    if isinstance(definition, JudgeFile):
        from brightline.shell.inference.judge import DecoderJudge  # only where one is run

        return DecoderJudge(definition, detector, folders, threads).judge
    from brightline.shell.inference.onnx import OnnxEncoder  # only where one is run

    return OnnxEncoder(definition, detector, folders).judge


def load_judge(load: Load) -> tuple[Judge, str]:
    """The judge that a file of a release defines, and the file's digest. Raises ``ReleaseError``."""
    folder = Path(load.folder)
    data = folder_reader(folder)(load.path)
    digest = f"sha256:{hashlib.sha256(data).hexdigest()}"
    definition = define(load.kind, data, load.path)
    return judge_of(definition, load.id, folder, load.weights, load.threads, load.key_file), digest


def first_stage(definition: NGrams) -> Judge:
    """The judge of a first stage. Raises ``ReleaseError`` if it misses a canary or cannot run here."""
    try:
        from brightline.shell.inference.ngrams import FirstStage  # only where one is run

        return FirstStage(definition).judge
    except (ImportError, ScreeningUnavailable) as error:
        raise ReleaseError(f"the first stage does not run: {error}") from error


def judgement_of(judge: Judge, detector: str, digest: str, segments: Sequence[Segment]) -> Judgement:
    """Ask a judge in this thread. Raises ``ScreeningUnavailable``, whatever it raises."""
    try:
        said = tuple(judge(segments))
    except Exception as error:  # noqa: BLE001 - whatever a detector raises refuses; its message may hold content
        raise ScreeningUnavailable(f"detector {detector} failed: {type(error).__name__}") from None
    findings = tuple(one for one in said if isinstance(one, Finding))
    return Judgement(detector, digest, len(segments), findings, tuple(one for one in said if isinstance(one, Raised)))
