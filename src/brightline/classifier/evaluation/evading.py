# SPDX-License-Identifier: Apache-2.0
"""Rows in every disguise, and what is still caught of them: positives and neighbours, beside the same rows plain.

Which rows are taken is decided by the digest of their names, so that it is the same every time and favours nobody.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

import msgspec

from brightline.classifier.corpus import Line, Row
from brightline.classifier.evaluation.evaluation import Evaded
from brightline.classifier.evaluation.measuring import Judged
from brightline.classifier.evaluation.probe import LINES, Probe
from brightline.classifier.evasion.disguise import Evasion
from brightline.classifier.evasion.table import TRANSFORMS
from brightline.core.screening.figures import Rate, rate

SEED: Final = 1


class Disguised(msgspec.Struct, frozen=True):
    """A probe in a disguise, and the one that it was."""

    evasion: str
    plain: str
    probe: Probe


def disguised(probes: Sequence[Probe], each: int) -> tuple[Disguised, ...]:
    """Up to ``each`` positives and as many neighbours of every red line, in every disguise that they can wear."""
    found = []
    for evasion in TRANSFORMS.values():
        for line in LINES:
            for truth in ("yes", "no"):
                able = [one for one in probes if one.truths.get(line) == truth and one.surface in evasion.surfaces]
                for probe in sorted(able, key=_place)[:each]:
                    found.append(Disguised(evasion.id, name_of(probe), _in(evasion, probe)))
    return tuple(found)


def evaded(line: str, plain: Sequence[Judged], judged: Sequence[tuple[Disguised, Judged]]) -> tuple[Evaded, ...]:
    """What is caught under each disguise, in the order of the classes."""
    before = {name_of(one.probe): one for one in plain}
    rows = []
    for name in TRANSFORMS:
        ours = [(one, result) for one, result in judged if one.evasion == name and line in result.probe.truths]
        if not ours:
            continue
        rows.append(
            Evaded(
                name=name,
                caught=_caught([result for _, result in ours], line, "yes"),
                plain=_caught([before[one.plain] for one, _ in ours], line, "yes"),
                wrongful=_caught([result for _, result in ours], line, "no"),
                plain_wrongful=_caught([before[one.plain] for one, _ in ours], line, "no"),
            )
        )
    return tuple(rows)


def name_of(probe: Probe) -> str:
    """A name that no other probe has."""
    return f"{probe.source}/{probe.id}"


def _place(probe: Probe) -> str:
    return hashlib.sha256(name_of(probe).encode()).hexdigest()


def _in(evasion: Evasion, probe: Probe) -> Probe:
    row = Row(
        id=probe.id,
        line=Line.WEAPONS,  # a disguise reads words alone
        facts={},
        surface=probe.surface,
        lang=probe.lang,
        setting="",
        reason="",
        text=probe.text,
        asked=probe.asked,
        messages=probe.messages,
        tool_call=probe.tool_call,
    )
    worn = evasion.on(row, SEED)
    return msgspec.structs.replace(
        probe,
        id=worn.id,
        pair="",
        surface=worn.surface,
        text=worn.text,
        messages=worn.messages,
        tool_call=worn.tool_call,
    )


def _caught(judged: Sequence[Judged], line: str, truth: str) -> Rate:
    """Unjudged is not let through, but neither is it caught."""
    ours = [one for one in judged if one.probe.truths[line] == truth]
    return rate(sum(one.said(line) in ("yes", "unknown") for one in ours), len(ours))
