# SPDX-License-Identifier: Apache-2.0
"""A release, from its files to what judges: rules on a thread, what computes in processes of its own."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.screening.judge import JudgeFile
from brightline.core.screening.ngrams import NGrams
from brightline.core.screening.release import Release, RequiredDetector
from brightline.core.screening.remote import RemoteJudge
from brightline.core.screening.rules import RuleSet
from brightline.core.screening.settle import check_asked
from brightline.core.screening.toolcall import CallRules
from brightline.shell import shipped
from brightline.shell.config import InferenceSettings
from brightline.shell.inference.canaries import CallCanaries, Canaries, FirstStageCanaries, RuleCanaries
from brightline.shell.inference.kinds import Definition, Judge, check, define, first_stage
from brightline.shell.inference.loaded import Loaded
from brightline.shell.inference.memory import Memory
from brightline.shell.inference.on_thread import AT_ONCE_BYTES, ThreadDetector
from brightline.shell.inference.pool import Judging, PooledDetector
from brightline.shell.inference.process import ProcessDetector
from brightline.shell.inference.wire import Load

JUDGE_LOAD_SECONDS: Final = 300.0  # a gigabyte is read, checked and made eight bits

Defined = Sequence[tuple[RequiredDetector, Definition]]


def read_definitions(release: Release, folder: Path, agreement: Agreement) -> Defined:
    """Read what each detector of a release is, and hold it against the agreement. Takes its time: patterns compile.

    Raises ``ReleaseError``.
    """
    read = shipped.folder_reader(folder)
    found = []
    for required in (*release.detectors, *([release.judge] if release.judge else [])):
        definition = define(required.kind, read(required.path), required.path)
        check(definition, agreement.vocabulary, required.path)
        if isinstance(definition, JudgeFile | RemoteJudge):
            check_asked(release.settlements, definition.facts, required.path)
        found.append((required, definition))
    return found


def open_release(release: Release, folder: Path, defined: Defined, settings: InferenceSettings) -> Loaded:
    """Start every detector that the release requires, and its judge: rules on a thread, what computes in processes.

    Call it inside the running loop. Raises ``ReleaseError``.
    """
    detectors: list[PooledDetector] = []
    judging: Judging | None = None
    wrote: dict[str, str] = {}
    for required, definition in defined:
        if isinstance(definition, RuleSet):
            wrote |= {rule.id: rule.author for rule in definition.rules}
            digest = f"sha256:{required.sha256}"
            canaries: Canaries = RuleCanaries(definition)
            memory = Memory()
            made = ThreadDetector(required.id, digest, definition.match, AT_ONCE_BYTES, canaries, memory=memory)
            detectors.append(made)
            continue
        if isinstance(definition, CallRules):
            digest = f"sha256:{required.sha256}"
            judge: Judge = partial(definition.match, detector=required.id)
            detectors.append(ThreadDetector(required.id, digest, judge, AT_ONCE_BYTES, CallCanaries(definition)))
            continue
        if isinstance(definition, NGrams):
            digest = f"sha256:{required.sha256}"
            canaries = FirstStageCanaries(definition.header)
            judge = first_stage(definition)
            detectors.append(ThreadDetector(required.id, digest, judge, AT_ONCE_BYTES, canaries))
            continue
        load = Load(
            kind=required.kind,
            id=required.id,
            path=required.path,
            sha256=required.sha256,
            folder=str(folder),
            weights=settings.weights,
            memory_bytes=settings.memory_mb << 20,
        )
        if isinstance(definition, JudgeFile | RemoteJudge):
            judging = _open_judge(release, load, definition, settings)
            continue
        deadline = release.deadline_seconds
        detectors.append(ProcessDetector(load, definition.canary, workers=settings.workers, deadline_seconds=deadline))
    return Loaded(msgspec.structs.replace(release, wrote=wrote), detectors, judging)


def _open_judge(
    release: Release, load: Load, definition: JudgeFile | RemoteJudge, settings: InferenceSettings
) -> Judging:
    seconds = definition.deadline_ms / 1000
    judge = ProcessDetector(
        msgspec.structs.replace(
            load,
            threads=settings.judge_threads,
            key_file=settings.judge_key_file,
            memory_bytes=settings.judge_memory_mb << 20,
        ),
        definition.canary,
        workers=settings.judge_workers,
        deadline_seconds=seconds,
        queue_max=definition.queue_max,
        asks_max=1,
        load_seconds=JUDGE_LOAD_SECONDS,
        probe_seconds=seconds * len(definition.canary),
    )
    return Judging(judge, release.settlements, seconds)
