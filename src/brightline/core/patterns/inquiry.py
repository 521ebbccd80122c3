# SPDX-License-Identifier: Apache-2.0
"""Whether a request asks for something about somebody and hands nothing over.

Who looks people up asks in a line; who works on a case hands it over: a letter, a file, what the customer said. So a
short question about persons is told apart from work on what is there, and a pattern may count inquiries alone
(``inquiries = true``) with a number that such work would reach on every day. It is told by a question mark, or by a
verb of looking up at the begin, in English, German, French, Spanish and Italian. Who hands over a page with each
question is not seen here; what counts all requests counts that too.
"""

from __future__ import annotations

from typing import Any, Final

import re2

INQUIRY_CHARS_MAX: Final = 240
"""What is longer hands something over."""
_VERBS: Final = (
    r"find|look up|look for|search|locate|track|trace|identify|name|list|show|tell me|give me|get me|note|report|get"
    r"|where|which|what|who|whom|whose|when"
    r"|finde?|suche?|nenne?|zeige?|ermittle|liste|gib mir|sag mir|wo|wer|wen|wem|welche[rsmn]?|wann"
    r"|trouvez?|cherchez?|montrez?|nommez?|donnez?(?:-moi)?|dites?(?:-moi)?|où|qui|quels?|quelles?|quand"
    r"|busca|encuentra|muestra|dime|dame|dónde|quién(?:es)?|qué|cuál(?:es)?|cuándo"
    r"|cerca|trova|mostra|dimmi|dammi|dove|chi|quale|quali|quando"
)
_WISHES: Final = (
    r"looking for|search(?:ing)? for|is needed|are needed|is wanted|want to know|like to know|need to know"
)


def _compiled() -> Any:
    options = re2.Options()
    options.case_sensitive = False
    options.never_capture = True
    return re2.compile(rf"\?|？|؟|\A[^\pL]*(?:please |bitte )?(?:{_VERBS})(?:[^\pL]|\z)|\b(?:{_WISHES})\b", options)


_ASKS: Final = _compiled()


def is_inquiry(text: str) -> bool:
    """Whether a text, which touches somebody, is short, of one line, and asks."""
    return len(text) <= INQUIRY_CHARS_MAX and "\n" not in text.strip() and _ASKS.search(text) is not None
