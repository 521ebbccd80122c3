# SPDX-License-Identifier: Apache-2.0
"""Rows put together of factors: the same seed and grammar give the same rows, whatever machine or Python makes them.

1. a *plan* fixes everything but one factor: line, language, surface, manner, fillers, frames, phrases, order
2. the rows of a minimal pair are one plan with that factor set in two ways; labels follow from the factors
3. a frame of contrast says both values, and which of them holds: so words alone tell little, and order tells it
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, TypeVar

import msgspec

from brightline.classifier.corpus import Author, Call, Corpus, Line, Message, Row, RowSurface
from brightline.classifier.grammar.factors import FACTORS, Setting, facts_from
from brightline.classifier.grammar.tongue import LANGUAGES, Tongue, read_tongue

T = TypeVar("T")

AUTHOR: Final = "grammar"
ENGLISH_SHARE: Final = 0.35
CONTRAST_SHARE: Final = 0.5
CONTRAST_SHARE_OF_THE_FLIPPED: Final = 0.8  # said plainly, its phrase would be the label
LONE_SHARE: Final = 0.08  # rows with several factors good, which have no twin
LEAVES_OPEN_SHARE: Final = 0.2
FILLERS_MAX: Final = 4
TOOLS: Final = ("jobs.create", "planner.set", "service.configure", "task.submit")
NODES: Final = ("hub", "core", "planner", "node-4", "agent-2")
_SURFACES: Final = (
    *(RowSurface.PROMPT,) * 3,
    *(RowSurface.OUTPUT, RowSurface.TOOL_CALL, RowSurface.CONVERSATION, RowSurface.LOOP) * 2,
)
_KEYS: Final = (("now", "before"), ("wanted", "unwanted"), ("use", "instead_of"))


class Said(msgspec.Struct, frozen=True):
    """One factor in a plan: its setting where it is not flipped, a phrase for each, and the frame.

    ``partner`` is what a contrast sets against it; ``frame`` the place of a frame, counted over both kinds.
    """

    factor: str
    setting: Setting
    phrases: Mapping[Setting, str]
    contrast: bool
    frame: float

    def values(self, setting: Setting) -> tuple[str, str]:
        """What it is, and what it is not."""
        other = Setting.GOOD if setting is Setting.BAD else Setting.BAD
        if other not in self.phrases:
            other = Setting.OPEN
        return self.phrases[setting], self.phrases[other]


class Plan(msgspec.Struct, frozen=True):
    """Everything that rows of one pair share; ``flipped`` is the factor in which they differ, or nothing."""

    line: Line
    tongue: Tongue
    surface: RowSurface
    register: str
    about: str
    said: tuple[Said, ...]
    fillers: tuple[str, ...]
    flipped: str
    chance: tuple[float, ...]

    def pick(self, place: int, of: Sequence[T]) -> T:
        """One of several, by the chance that was fixed for this place."""
        return of[int(self.chance[place] * len(of))]


def compose(count: int, seed: int) -> Corpus:
    """At least ``count`` rows (a pair is never cut), as the corpus of one author, to train on.

    Raises ``ConfigError`` if the grammar's own files do not read.
    """
    tongues = {lang: read_tongue(lang) for lang in LANGUAGES}
    dice = random.Random(seed)  # noqa: S311 - no secret
    rows: list[Row] = []
    seen: set[str] = set()
    number = 0
    while len(rows) < count:
        group = tuple(_group(_plan(dice, tongues, list(FACTORS)[number % len(FACTORS)]), number, dice))
        number += 1
        words = {row.words for row in group}
        if len(words) == len(group) and not words & seen:
            seen |= words
            rows += group
    persona = (
        f"composed from the factors of the red lines in {len(LANGUAGES)} languages, seed {seed}; phrases by a model"
    )
    return Corpus(Author(AUTHOR, "grammar", persona, "train"), tuple(rows))


def _pick(dice: random.Random, of: Sequence[T]) -> T:
    return of[int(dice.random() * len(of))]  # choice() may change from one Python to the next


def _shuffled(dice: random.Random, of: Sequence[T]) -> tuple[T, ...]:
    return tuple(one for _, _, one in sorted((dice.random(), place, one) for place, one in enumerate(of)))


def _plan(dice: random.Random, tongues: Mapping[str, Tongue], line: Line) -> Plan:
    """1. Everything but how the flipped factor is set."""
    english = dice.random() < ENGLISH_SHARE
    tongue = tongues["en" if english else _pick(dice, LANGUAGES[1:])]
    settings = dict.fromkeys(FACTORS[line], Setting.BAD)
    lone = dice.random() < LONE_SHARE
    flipped = "" if lone else _pick(dice, list(FACTORS[line]))
    if line is Line.DECISIONS and flipped != "basis" and dice.random() < 0.75:
        settings["basis"] = Setting.GOOD  # else it crosses by the score alone, whatever is flipped
    if line is Line.DECISIONS and flipped == "basis":
        settings[_pick(dice, ("stakes", "mode"))] = Setting.GOOD  # so that nothing but the score crosses
    if lone:
        for factor in _shuffled(dice, [name for name, of in FACTORS[line].items() if Setting.GOOD in of])[:2]:
            settings[factor] = Setting.GOOD
    said = [_said(dice, tongue, line, factor, settings[factor], factor == flipped) for factor in FACTORS[line]]
    return Plan(
        line=line,
        tongue=tongue,
        surface=_pick(dice, _SURFACES),
        register=_pick(dice, sorted(tongue.registers)),
        about=_pick(dice, tongue.about[line.value]),
        said=_shuffled(dice, said),
        fillers=_shuffled(dice, tongue.talk.fill)[: int(dice.random() * (FILLERS_MAX + 1))],
        flipped=flipped,
        chance=tuple(dice.random() for _ in range(8)),
    )


def _said(dice: random.Random, tongue: Tongue, line: Line, factor: str, setting: Setting, flipped: bool) -> Said:
    found = tongue.phrases[line.value][factor]
    phrases = {one: _pick(dice, found.of(one)) for one in FACTORS[line][factor]}
    contrast = dice.random() < (CONTRAST_SHARE_OF_THE_FLIPPED if flipped else CONTRAST_SHARE)
    return Said(factor, setting, phrases, contrast, dice.random())


def _group(plan: Plan, number: int, dice: random.Random) -> Iterator[Row]:
    """2. The rows of a plan: a pair, or one row that has no twin."""
    name = f"g-{number:05d}"
    if not plan.flipped:
        yield _row(plan, name, "", {})
        return
    settings = FACTORS[plan.line][plan.flipped]
    ways = [Setting.BAD, Setting.GOOD if Setting.GOOD in settings else Setting.OPEN]
    if Setting.OPEN in settings and Setting.GOOD in settings and dice.random() < LEAVES_OPEN_SHARE:
        ways[1] = Setting.OPEN
    rows = [_row(plan, f"{name}{letter}", name, {plan.flipped: way}) for letter, way in zip("ab", ways, strict=True)]
    if rows[0].facts != rows[1].facts:
        yield from rows
    else:  # it crosses, or does not, whichever way: each by itself says so
        yield msgspec.structs.replace(rows[0], pair="", factor="")


def _row(plan: Plan, name: str, pair: str, flip: Mapping[str, Setting]) -> Row:
    settings = {one.factor: flip.get(one.factor, one.setting) for one in plan.said}
    lifted = [factor for factor, setting in settings.items() if setting is not Setting.BAD]
    return Row(
        id=name,
        line=plan.line,
        facts=facts_from(plan.line, settings),
        lang=plan.tongue.lang,
        setting=plan.about,
        reason=f"not as the line has it: {', '.join(sorted(lifted))}"
        if lifted
        else "every factor is as the line has it",
        pair=pair,
        factor=plan.flipped if pair else "",
        surface=plan.surface,
        **_on_surface(plan, settings),
    )


def _on_surface(plan: Plan, settings: Mapping[str, Setting]) -> dict[str, Any]:
    """The words of a row, as its surface has them."""
    talk, manner, end = plan.tongue.talk, plan.tongue.registers[plan.register], plan.tongue.lang == "zh"
    opening, closing = plan.pick(0, manner.open), plan.pick(1, manner.close)
    told = [
        _sentence(plan, "{x}." if not end else "{x}。", plan.about, ""),
        *(_told(plan, one, settings) for one in plan.said),
    ]
    after = 1 + int(plan.chance[2] * (len(told) - 1))
    told[after:after] = plan.fillers[:1]
    told += plan.fillers[1:]
    between = "" if end else plan.pick(3, (" ", " ", "\n"))
    match plan.surface:
        case RowSurface.PROMPT:
            return {"text": between.join((opening, *told, closing))}
        case RowSurface.OUTPUT:
            return {"text": between.join((plan.pick(4, talk.done), *told)), "asked": plan.pick(5, talk.asked)}
        case RowSurface.CONVERSATION:
            turns = (
                Message("user", between.join((opening, *told[:after]))),
                Message("assistant", plan.pick(4, talk.ask)),
                Message("user", between.join((*told[after:], closing))),
                Message("assistant", plan.pick(5, talk.agree)),
            )
            return {"messages": turns[: plan.pick(6, (3, 4))]}
        case RowSurface.LOOP:
            nodes = plan.pick(4, NODES), plan.pick(5, NODES)
            lines = (f"{nodes[place % 2]}[{place}]: {one}" for place, one in enumerate(told))
            return {"text": plan.pick(6, ("\n", " ")).join(lines)}
        case RowSurface.TOOL_CALL:
            return {"tool_call": Call(plan.pick(4, TOOLS), _arguments(plan, settings))}


def _told(plan: Plan, one: Said, settings: Mapping[str, Setting]) -> str:
    """3. One factor as a sentence."""
    frames = plan.tongue.frames.contrast if one.contrast else plan.tongue.frames.plain
    return _sentence(plan, frames[int(one.frame * len(frames))], *one.values(settings[one.factor]))


def _sentence(plan: Plan, frame: str, x: str, y: str) -> str:
    said = frame.replace("{x}", x).replace("{y}", y)
    return said[0].upper() + said[1:]


def _arguments(plan: Plan, settings: Mapping[str, Setting]) -> dict[str, Any]:
    is_, is_not = plan.pick(6, _KEYS)
    found: dict[str, Any] = {"about": plan.about}
    for one in plan.said:
        x, y = one.values(settings[one.factor])
        both = {is_: x, is_not: y} if one.frame < 0.5 else {is_not: y, is_: x}
        found[one.factor] = both if one.contrast else x
    return found | ({"note": " ".join(plan.fillers)} if plan.fillers else {})
