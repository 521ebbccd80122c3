# SPDX-License-Identifier: Apache-2.0
"""The tokenizer that a GGUF file of the Qwen2 family carries. Needs ``brightline[judge]``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from tokenizers import Regex, Tokenizer, models, pre_tokenizers

from brightline.core.errors import ReleaseError
from brightline.core.screening.prompt import SPECIAL
from brightline.decoder.gguf import Gguf

_WORDS: Final = (  # what Qwen2 tells apart before it joins letters
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def tokenizer_of(file: Gguf) -> Tokenizer:
    """Its byte-pair encoding; special tokens are not found in texts. Raises ``ReleaseError``."""
    known = file.metadata
    if known.get("tokenizer.ggml.model") != "gpt2" or known.get("tokenizer.ggml.pre") != "qwen2":
        raise ReleaseError("the model's tokenizer is not that of Qwen2")
    vocabulary = {token: number for number, token in enumerate(known["tokenizer.ggml.tokens"])}
    merges = [tuple(merge.split(" ", 1)) for merge in known["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocabulary, merges))
    words = pre_tokenizers.Split(Regex(_WORDS), "isolated")
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence([words, pre_tokenizers.ByteLevel(False, use_regex=False)])
    return tokenizer


def tokens_of(tokenizer: Tokenizer, text: str) -> list[int]:
    """The tokens of a caller's text: none of them is special."""
    return list(tokenizer.encode(text, add_special_tokens=False).ids)


def token_of(tokenizer: Tokenizer, word: str) -> int:
    """A word that is one token. Raises ``KeyError``."""
    found = tokenizer.token_to_id(word)
    if found is None:
        raise KeyError(word)
    return int(found)


def of_prompt(tokenizer: Tokenizer, pieces: Sequence[str]) -> list[int]:
    """The tokens of the pieces of a prompt, of which some are special. Raises ``KeyError``."""
    found: list[int] = []
    for piece in pieces:
        found += [token_of(tokenizer, piece)] if piece in SPECIAL else tokens_of(tokenizer, piece)
    return found
