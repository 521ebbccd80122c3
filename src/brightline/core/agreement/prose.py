# SPDX-License-Identifier: Apache-2.0
"""The text of an agreement: that it is the pinned one, and what counts as a quote from it.

A clause rests on words that both parties signed, so a quote is a span of whole words. How a text was typeset (quotes,
hyphens, line ends) makes no other words of it.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Final

from brightline.core.agreement.places import TomlFile
from brightline.core.agreement.wire import ProseTable

PROSE_BYTES_MAX: Final = 4 * 1024 * 1024
_QUOTES_AND_HYPHENS: Final = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2011": "-", "\u00ad": None}
)


def pinned_prose(file: TomlFile, pinned: ProseTable, prose: bytes) -> bytes:
    """The prose, if it is the one that the file pins, byte for byte. Raises ``AgreementError``."""
    if len(prose) > PROSE_BYTES_MAX:
        raise file.error("prose", f"{pinned.path} has {len(prose)} bytes", f"at most {PROSE_BYTES_MAX} are read")
    found = hashlib.sha256(prose).hexdigest()
    if found != pinned.sha256:
        mend = "restore the file, or pin the new text under a new agreement id"
        raise file.error("prose", f"{pinned.path} has SHA-256 {found}, not {pinned.sha256}", mend)
    try:
        prose.decode()
    except UnicodeDecodeError as error:
        raise file.error("prose", f"{pinned.path} is not UTF-8 at byte {error.start}", "save it as UTF-8") from error
    return prose


def folded(text: str) -> str:
    """NFKC (Unicode UAX #15), then quotes and hyphens folded and white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_QUOTES_AND_HYPHENS).split())


def stands_in(prose: str, quote: str) -> bool:
    """Whether the quote is a span of whole words: "lawful use" is not quoted from "unlawful use"."""
    at = prose.find(quote)
    while at >= 0:
        end = at + len(quote)
        if not (_joins(prose, at) or _joins(prose, end)):
            return True
        at = prose.find(quote, at + 1)
    return False


def _joins(prose: str, at: int) -> bool:
    return 0 < at < len(prose) and prose[at - 1].isalnum() and prose[at].isalnum()
