# SPDX-License-Identifier: Apache-2.0
"""Asking a decoder about an exchange: the definitions read once and kept, the questions side by side."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from brightline.core.screening.prompt import Constitution, definitions, question
from brightline.decoder.adapter import Adapter
from brightline.decoder.graph import Decoder, Prefix
from brightline.decoder.tokens import of_prompt, token_of, tokenizer_of, tokens_of


class Kept(msgspec.Struct, frozen=True):
    """Definitions that were read, and the tokens of their questions, in their order."""

    prefix: Prefix
    endings: tuple[tuple[int, ...], ...]


class Asker:
    """A decoder with its tokenizer. Not for several threads at once."""

    def __init__(self, path: Path, layers: Sequence[int], threads: int = 1, adapter: Adapter | None = None) -> None:
        """Raises ``ReleaseError``."""
        self.decoder = Decoder(path, layers, threads, adapter=adapter)
        self._tokenizer = tokenizer_of(self.decoder.file)

    def keep(self, constitutions: Sequence[Constitution]) -> Kept:
        """Read the definitions of these facts."""
        prefix = self.decoder.read(self._pieces(definitions(constitutions)), self.decoder.nothing)
        return Kept(prefix, tuple(tuple(self._pieces(question(one))) for one in constitutions))

    def tokens(self, text: str) -> list[int]:
        """The tokens of a caller's text: none of them is special."""
        return tokens_of(self._tokenizer, text)

    def token(self, word: str) -> int:
        """A word that is one token. Raises ``KeyError``."""
        return token_of(self._tokenizer, word)

    def states(self, tokens: Sequence[int], kept: Kept, questions: bool = True) -> tuple[Any, Any]:
        """What the decoder makes of each question, shape (questions, layers, width); of the exchange, (layers, width).

        The second is the mean over the exchange's own tokens, which see no question. Without ``questions`` none is
        read. Raises ``ValueError`` for no tokens.
        """
        if not tokens:
            raise ValueError("an exchange of no tokens")
        return self.decoder.states(tokens, kept.endings if questions else (), kept.prefix)

    def _pieces(self, pieces: Sequence[str]) -> list[int]:
        return of_prompt(self._tokenizer, pieces)
