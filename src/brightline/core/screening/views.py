# SPDX-License-Identifier: Apache-2.0
"""Every way in which a model can read a text, so that a rule has to be written for one of them only.

A model understands ``w.e.a.p.o.n``, base64 and Cyrillic look-alikes; a pattern does not. So each leaf is
turned into *views*: the first, ``folded``, is what a person would type for what stands there; the others
undo one disguise each. Rules match the text of every view, and every view is folded: lower case, one blank
between words.

1. Characters and words: compatibility forms, unseen characters, marks, look-alikes (``folding.py``).
2. Views of what is hidden beyond ASCII: tags, selectors, overrides (``hidden.py``).
3. Views of the letters: joined, split, leet, rot13, reversed (``letters.py``).
4. Views of what is enciphered (``ciphers.py``), which are letters still.
5. Views of what is encoded, up to four times over (``decoding.py``), the last with its views of the letters.

A decoded stretch is put in the place of the encoded one, and the rest of the text stays around it. So the
number of views depends on the kinds of disguise and not on their count, and no flood of decoys pushes the
payload out. Where the limits would still be passed, nothing is dropped: ``ScreeningUnavailable`` is raised,
which refuses.

Nothing here is quadratic: patterns begin at the beginning of a run, and their repetitions are possessive or
bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Final

import msgspec

from brightline.core.errors import ScreeningUnavailable
from brightline.core.screening.decoding import Decoders
from brightline.core.screening.folding import characters, fold, stages_of
from brightline.core.screening.hidden import readings_of_hidden, selectors
from brightline.core.screening.letters import backwards, has_names, readings_of_letters, rot13, words_apart
from brightline.core.screening.shape import shape_of, shape_of_stages


class View(msgspec.Struct, frozen=True):
    """One reading of a leaf. ``name`` says how it came about, outermost step first:
    ``hex+base64+reversed``."""

    name: str
    text: str


class ViewLimits(msgspec.Struct, frozen=True):
    """How much the views of one text may come to, in views and in characters of all views together."""

    views_max: int = 48
    growth_max: int = 32
    """Characters of all views for each character of the text."""
    chars_spare: int = 4096
    """Characters beyond that, so that a short text may have any views."""


PLAIN_VIEWS: Final = frozenset({"text", "folded"})
"""The text as it stands, and with its letters made even: whoever reads no views of it reads one of these."""
DEFAULT: Final = ViewLimits()
DEPTH_MAX: Final = 4
"""Encodings, one in the other. What has more is not screened, and so refused."""


TURNS: Final[Mapping[str, Callable[[str], str]]] = MappingProxyType({"rot13": rot13, "reversed": backwards})
"""Each undoes itself, and turns each word by itself."""


def turn_of(name: str) -> str:
    """How the words of the view of this name were turned last, so that plain ones are none any more; or ``""``."""
    last = name.rpartition("+")[2]
    return last if last in TURNS else ""


def views(text: str, limits: ViewLimits = DEFAULT) -> tuple[View, ...]:
    """Return the views of ``text``, ``folded`` first, no two with the same text, none empty but the first.

    Pure; time is linear in the text. Raises ``ScreeningUnavailable`` when the views do not fit the limits.
    """
    found: dict[str, str] = {}
    room = limits.growth_max * len(text) + limits.chars_spare
    for view in _views(text):
        if view.text in found or (found and not view.text):
            continue
        found[view.text] = view.name
        room -= len(view.text)
        if room < 0 or len(found) > limits.views_max:
            raise ScreeningUnavailable(f"the views of a text of {len(text)} characters exceed {limits}")
    return tuple(View(name, text) for text, name in found.items())


def _views(text: str) -> Iterator[View]:
    """Folded first, and what the letters hide last: a detector that reads few views reads the likeliest."""
    plain = stages_of(text)
    plain_shape = shape_of_stages(plain)
    yield View("folded", plain.folded)
    source, shape = plain.seen, plain_shape
    if not text.isascii():
        for name, reading in readings_of_hidden(text):
            yield from _with_words(name, reading)
        if hidden := selectors(text):
            # It is put beside the text as well, because it may be encoded in turn.
            yield from _with_words("selectors", hidden)
            source = characters(f"{source} {hidden}")
            shape = shape_of(source)
    decoders = Decoders()
    once = decoders.decode(source, shape)
    if not once.names:
        yield from _named("", readings_of_letters(plain, plain_shape))
        return
    names = "+".join(once.names)
    last = stages_of(once.text)
    yield View(names, last.folded)
    depth = 1
    while (again := decoders.decode(last.seen, last_shape := shape_of_stages(last))).names:
        if depth == DEPTH_MAX:
            raise ScreeningUnavailable(f"a text of {len(text)} characters is encoded more than {DEPTH_MAX} times over")
        depth += 1
        names = "+".join((names, *again.names))
        last = stages_of(again.text)
        yield View(names, last.folded)
    yield from _named("", readings_of_letters(plain, plain_shape))
    yield from (View(name, fold(undone)) for name, undone in decoders.decode_apart(source, shape, once))
    yield from _named(f"{names}+", readings_of_letters(last, last_shape))


def _with_words(name: str, reading: str) -> Iterator[View]:
    stages = stages_of(reading)
    yield View(name, stages.folded)
    shape = shape_of_stages(stages)
    if has_names(stages, shape) and (apart := words_apart(stages, shape)):
        yield View(f"{name}+words", apart)


def _named(prefix: str, readings: Iterable[tuple[str, str]]) -> Iterator[View]:
    return (View(prefix + name, text) for name, text in readings)
