# SPDX-License-Identifier: Apache-2.0
"""The words of the grammar: one committed file for each language, with frames, manners of speaking, and phrases.

A phrase says the value of one factor; a frame puts it into a sentence. No frame, manner or filler knows a label.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from importlib.resources import files
from typing import Annotated, Final

import msgspec
from msgspec import Meta

from brightline.classifier.grammar.factors import FACTORS, Setting
from brightline.core.errors import ConfigError

LANGUAGES: Final = ("en", "de", "es", "fr", "it", "nl", "pt", "zh")

_Some = Annotated[tuple[Annotated[str, Meta(min_length=1)], ...], Meta(min_length=2)]


class Frames(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Sentences: ``plain`` around a value ``{x}``, ``contrast`` around it and the value ``{y}`` that it is not."""

    plain: _Some
    contrast: _Some


class Register(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A manner of speaking: how a text begins and ends."""

    open: _Some
    close: _Some


class Talk(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is said besides: fillers, what an assistant asks and answers, what an answer answers."""

    fill: _Some
    ask: _Some
    agree: _Some
    done: _Some
    asked: _Some


class Phrases(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How one factor is said: as it is where the line is crossed, as it is where not, and where it is left open."""

    bad: _Some
    good: tuple[str, ...] = ()
    open: tuple[str, ...] = ()

    def of(self, setting: Setting) -> tuple[str, ...]:
        """The phrases for a setting; none where the factor has no such."""
        return {Setting.BAD: self.bad, Setting.GOOD: self.good, Setting.OPEN: self.open}[setting]


class Tongue(msgspec.Struct, frozen=True):
    """One language. ``about`` says of each line what there is to work on; it carries no label."""

    lang: str
    frames: Frames
    registers: Mapping[str, Register]
    talk: Talk
    about: Mapping[str, _Some]
    phrases: Mapping[str, Mapping[str, Phrases]]


def read_tongue(lang: str) -> Tongue:
    """Read the committed file of one language. Raises ``ConfigError``."""
    name = f"{lang}.toml"
    try:
        text = (files("brightline.classifier.grammar") / "tongues" / name).read_text("utf-8")
    except OSError as error:
        raise ConfigError(f"{name} cannot be read: {error.strerror}") from error
    return load_tongue(lang, text, name)


def load_tongue(lang: str, text: str, name: str) -> Tongue:
    """One language from TOML. Raises ``ConfigError`` where a part, a factor, a phrase or a placeholder is missing."""
    try:
        table = tomllib.loads(text)
        lines = {line.value: dict(table[line.value]) for line in FACTORS}
        tongue = Tongue(
            lang,
            msgspec.convert(table["frames"], Frames),
            msgspec.convert(table["registers"], dict[str, Register]),
            msgspec.convert(table["talk"], Talk),
            {line: msgspec.convert(found.pop("about"), _Some) for line, found in lines.items()},
            msgspec.convert(lines, dict[str, dict[str, Phrases]]),
        )
    except (tomllib.TOMLDecodeError, KeyError, TypeError, msgspec.ValidationError) as error:
        raise ConfigError(f"{name} is no language of the grammar: {error}") from error
    for line, factors in FACTORS.items():
        said = tongue.phrases[line.value]
        if set(said) != set(factors):
            raise ConfigError(f"{name}: {line.value} has the factors {', '.join(factors)}, each once")
        for factor, settings in factors.items():
            if any(not said[factor].of(setting) for setting in settings):
                raise ConfigError(f"{name}: {line.value}.{factor} has phrases for {', '.join(settings)}")
    if not all("{x}" in frame for frame in (*tongue.frames.plain, *tongue.frames.contrast)):
        raise ConfigError(f"{name}: each frame has a place {{x}}")
    if not all("{y}" in frame for frame in tongue.frames.contrast):
        raise ConfigError(f"{name}: each contrast has a place {{y}}")
    return tongue
