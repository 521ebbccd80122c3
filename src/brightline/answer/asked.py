# SPDX-License-Identifier: Apache-2.0
"""The questions in an agreement's own words: ``questions.toml`` beside it, each a span of its prose.

Names of parties stand there and nowhere in the code. A file that quotes what is not in the prose is refused, as an
agreement is; without a file the questions are asked in our words.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.prose import folded, stands_in
from brightline.core.answer.model import Asked
from brightline.core.answer.questions import BEYOND, QUESTIONS
from brightline.core.errors import AgreementError
from brightline.core.toml import TomlError, read_toml
from brightline.folders import FILE_BYTES_MAX, folder_reader

FILE: Final = "questions.toml"


class _Words(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    asks: str
    answers: str = ""


class AskedWords(msgspec.Struct, frozen=True):
    """By id of question, and what the text also asks: its words, and why no evidence answers it."""

    asked: Mapping[str, Asked]
    beyond: tuple[tuple[str, str], ...]


NO_WORDS: Final = AskedWords({}, ())


def read_asked(folder: Path, agreement: Agreement) -> AskedWords:
    """Read and check the file, if there is one. Raises ``AgreementError``."""
    place = folder / FILE
    if not place.is_file():
        return NO_WORDS
    read = folder_reader(folder)
    try:
        rows = read_toml(read(FILE), dict[str, _Words], FILE_BYTES_MAX)
        prose = folded(read(agreement.prose).decode())
    except (OSError, UnicodeDecodeError, TomlError) as error:
        raise AgreementError(f"does not read: {error}", str(place)) from error
    for name, row in rows.items():
        if name not in QUESTIONS and name not in BEYOND:
            raise AgreementError(f"{name[:40]!r} is no question", str(place), f"known are {', '.join(QUESTIONS)}")
        for quote in filter(None, (row.asks, row.answers)):
            if not stands_in(prose, folded(quote)):
                raise AgreementError(f"{quote[:60]!r} does not stand in the text", str(place), "quote it word by word")
    asked = {name: Asked(row.asks, row.answers) for name, row in rows.items() if name in QUESTIONS}
    return AskedWords(asked, tuple((row.asks, BEYOND[name]) for name, row in rows.items() if name in BEYOND))
