# SPDX-License-Identifier: Apache-2.0
"""Names in small letters: a known given name before words that are no ordinary ones, or such a word after a title.

So ``where does maria jensen live`` names somebody. A given name that is another word too, or a place, counts for
nothing here, and neither does one alone. What is ordinary is told by English words and the commonest that follow a
name in German, French, Spanish and Italian, so in other languages a verb may be taken for a surname: who is counted
here may be counted twice, by two verbs.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from brightline.core.patterns.given import GIVEN
from brightline.core.patterns.names import is_ordinary, spelled
from brightline.core.patterns.words import ALSO_WORDS, FOLLOW_NAMES, PARTICLES

WORDS_MAX: Final = 4
_GIVEN: Final = GIVEN - ALSO_WORDS
_TITLES: Final = frozenset(
    ("mr", "mrs", "ms", "dr", "prof", "herr", "frau", "sr", "sra", "señor", "señora", "mme", "mlle")
)
_LOOKED_FOR: Final = _GIVEN | _TITLES | {f"{title}." for title in _TITLES}
_APART: Final = str.maketrans(dict.fromkeys("\"'()[]{}<>*_`“”«»¿¡", " "))
_BEGINS_APART: Final = re.compile("[\"'()\\[\\]{}<>*_`][a-z]")
_STOPS: Final = ".,;:?!…"


def names_in_small_letters(text: str) -> Iterator[str]:
    """Names in the one spelling of ``names.spelled``."""
    if text.isascii() and _LOOKED_FOR.isdisjoint(text.split()) and _BEGINS_APART.search(text) is None:
        return
    words = _plain(text).split()
    seen: set[tuple[str, ...]] = set()
    for at, word in enumerate(words):
        if word not in _LOOKED_FOR or (row := tuple(words[at : at + 3])) in seen:
            continue
        seen.add(row)
        if word in _GIVEN:
            rest = _following(words, at + 1)
            if rest:
                yield spelled(" ".join((word, *rest)))
        else:
            rest = _following(words, at + 1)
            if rest:
                yield spelled(" ".join(rest))


def _following(words: list[str], at: int) -> list[str]:
    """Words from here on that may be of a name, up to the first that may not."""
    kept: list[str] = []
    for word in words[at : at + WORDS_MAX]:
        bare = word.rstrip(_STOPS).removesuffix("'s").removesuffix("’s")
        if bare in PARTICLES:
            kept.append(bare)
            continue
        if not bare.isalpha() or not bare.islower() or bare in FOLLOW_NAMES or _is_no_part(bare):
            break
        kept.append(bare)
        if bare != word:
            break
    while kept and kept[-1] in PARTICLES:
        kept.pop()
    return kept


def _is_no_part(word: str) -> bool:
    return word not in GIVEN and is_ordinary(word)


def _plain(text: str) -> str:
    if not text.isascii():
        text = "".join(char for char in unicodedata.normalize("NFKD", text) if not unicodedata.combining(char))
    return text.translate(_APART)
