# SPDX-License-Identifier: Apache-2.0
"""The clause book as one HTML page: it loads nothing, runs nothing, and prints.

What stands in an agreement or a log may come from anybody, so every text is escaped by the template engine, and the
page's own policy (Content Security Policy Level 3, section 3.3, in a ``meta`` element) allows one style sheet by its
hash and nothing else: no script, no image, no form, no frame. A page that was tampered with has no more than text.
"""

from __future__ import annotations

import re
from functools import cache
from typing import Final

from jinja2 import Environment

from brightline.core.agreement.book import Book
from brightline.core.agreement.book_markdown import evidence_in_words
from brightline.pages import document_style_of, environment, policy_of

TEMPLATE: Final = "clause_book.html.j2"
STYLE: Final = "clause_book.css"

_NO_ANCHOR: Final = re.compile(r"[^A-Za-z0-9_-]")
# A mark before each word, so that nobody needs colours to tell them apart.
_MARKS: Final = {
    "permit": "✓",
    "hold": "‖",
    "deny": "✕",
    "unavailable": "∅",
    "redline": "▬",
    "grant": "✓",
    "require": "◆",
}


def to_html(book: Book) -> str:
    """The whole book as an HTML document. The same book gives the same page."""
    style = _style()
    return _environment().get_template(TEMPLATE).render(book=book, style=style, policy=policy_of(style))


@cache
def _environment() -> Environment:
    made = environment("brightline.shell.book")
    made.filters["anchor"] = _anchor
    made.globals["mark"] = _MARKS
    made.globals["evidence_in_words"] = evidence_in_words
    return made


@cache
def _style() -> str:
    return document_style_of(_environment(), STYLE)


def _anchor(name: str) -> str:
    """An id as part of a fragment. Ids of loaded agreements come out as they are."""
    return _NO_ANCHOR.sub("_", name)
