# SPDX-License-Identifier: Apache-2.0
"""The factors of the red lines, and which facts follow from their settings: the label is made here and nowhere else.

Each line is crossed where all of its factors are *bad*. One that is *good* lifts it, one that is *open* leaves it
unknown, as ``corpora/README.md`` reads the definitions (RL-1 to RL-3).
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from typing import Final

from brightline.classifier.corpus import Line, Value


class Setting(enum.StrEnum):
    """What a factor is set to."""

    BAD = "bad"
    GOOD = "good"
    OPEN = "open"


_BOTH: Final = (Setting.BAD, Setting.GOOD)
_ALL: Final = (Setting.BAD, Setting.GOOD, Setting.OPEN)

FACTORS: Final[Mapping[Line, Mapping[str, tuple[Setting, ...]]]] = {
    # whom, what is done, what comes of it, whose people, and whether it is done or talked about
    Line.SURVEILLANCE: {"who": _ALL, "deed": _BOTH, "result": _BOTH, "place": _BOTH, "use": _BOTH},
    # A recommendation to a person who decides each engagement is unknown, and never no.
    Line.WEAPONS: {
        "deed": _BOTH,
        "arms": _BOTH,
        "human": (Setting.BAD, Setting.OPEN),
        "world": _BOTH,
        "use": _BOTH,
    },
    Line.DECISIONS: {"stakes": _BOTH, "act": _BOTH, "mode": _ALL, "basis": _BOTH, "use": _BOTH},
}

Settings = Mapping[str, Setting]


def facts_from(line: Line, settings: Settings) -> dict[str, Value]:
    """The facts that follow from the settings of all factors of a line."""
    match line:
        case Line.SURVEILLANCE:
            return _surveillance(settings)
        case Line.WEAPONS:
            return _weapons(settings)
        case Line.DECISIONS:
            return _decisions(settings)


def _surveillance(settings: Settings) -> dict[str, Value]:
    watched = all(settings[factor] is Setting.BAD for factor in ("deed", "result", "use"))
    return {
        "mass_domestic": _worst_unless_good(settings),
        "monitoring": "yes" if watched else "no",
        "operational": _yes(settings["use"]),
    }


def _weapons(settings: Settings) -> dict[str, Value]:
    in_use = settings["world"] is Setting.BAD and settings["use"] is Setting.BAD
    return {"weapon_direct": _worst_unless_good(settings), "operational": "yes" if in_use else "no"}


def _decisions(settings: Settings) -> dict[str, Value]:
    decides = settings["act"] is Setting.BAD and settings["use"] is Setting.BAD
    alone: Mapping[Setting, Value] = {Setting.BAD: "yes", Setting.GOOD: "no", Setting.OPEN: "unknown"}
    return {
        "high_stakes": _yes(settings["stakes"]) if decides else "no",
        "acts_alone": alone[settings["mode"]] if decides else "no",
        "social_scoring": _yes(settings["basis"]) if decides else "no",
        "operational": _yes(settings["use"]),
    }


def _worst_unless_good(settings: Settings) -> Value:
    if Setting.GOOD in settings.values():
        return "no"
    return "unknown" if Setting.OPEN in settings.values() else "yes"


def _yes(setting: Setting) -> Value:
    return "yes" if setting is Setting.BAD else "no"
