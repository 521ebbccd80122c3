# SPDX-License-Identifier: Apache-2.0
"""An agreement in which one text stands wherever a text can stand: what a writer does to it must not depend on it."""

from __future__ import annotations

import datetime

import msgspec
from hypothesis import strategies as st

from brightline.core.agreement.book import Book, ClauseEvidence, Evidence, Signature, make_book
from brightline.core.agreement.clause import (
    Agreement,
    Authority,
    Clause,
    ClauseKind,
    Example,
    Office,
    Part,
    Parties,
    Verdict,
)
from brightline.core.agreement.condition import Approvals, Compare
from brightline.core.agreement.controls import Control
from brightline.core.facts import Facts, FactSpec, Source
from tests.core.agreement.test_decide import agreement_of

HARMLESS = "word"
HOSTILE = (
    "<script>alert(1)</script>",
    "</style><img src=x onerror=alert(1)>",
    "a | b | c",
    "`code` ``more``",
    "**bold** _it_ ~~gone~~",
    "[text](javascript:alert(1)) ![x](http://e.example/x.png)",
    "# heading",
    "- item",
    "1. item",
    "> quote",
    "```",
    "---",
    "===",
    "{{ 7 * 7 }} {% raw %}",
    "tab\tbreak\nbreak\r\n\n# heading",
    "\x1b[31mred\x00\u202egnp.exe\u2028x",
    "&lt;b&gt; &amp; &#60;script&#62;",
    "www.evil.example and http://evil.example and me@evil.example",
    "a \\",
    '" onmouseover="x',
    "[x]: http://evil.example",
    "<!-- comment",
    "$x$ \ud800",
)
texts = st.one_of(
    st.sampled_from(HOSTILE),
    st.text("<>&\"'`*_~|[]()!#-+=.:/\\ \n\t\x00\x1b{}%$@1aw", min_size=1, max_size=40),
    st.text(min_size=1, max_size=20),
).filter(lambda text: bool(text.strip()))


def agreement_with(text: str) -> Agreement:
    """Names of facts and offices stay as the loader would have them; all that may be prose is the text."""
    spec = FactSpec("fact", "no", ("no", "yes"), frozenset({Source.DETECTOR}), (("first", 2),))
    bare = Clause("C1", ClauseKind.REDLINE, (text,), Compare("fact", False, "no"), part=Part.RED_LINE, says=text)
    full = Clause(
        "C2",
        ClauseKind.REQUIRE,
        (text, text),
        Compare("fact", False, "no"),
        Approvals("first", 1),
        ("A1",),
        says=text,
        assumes=(text,),
        controls=(text,),
        tests=(text, f"tests/{text}"),
    )
    grant = Clause("C3", ClauseKind.GRANT, (text,), Compare("fact", True, "no"), controls=(text,))
    made = agreement_of((spec,), (bare, full, grant))
    day = datetime.date(2020, 1, 1)
    examples = (
        Example(text, Facts.of({"fact": "no"}), (), Verdict.PERMIT),
        Example(f"{text} again", Facts.of({"fact": "yes"}), (("first", 9),), Verdict.DENY),
    )
    return msgspec.structs.replace(
        made,
        id="hostile",
        parties=Parties(text, text),
        offices=(Office("first", text), Office("second", text)),
        authorities=(Authority("A1", text, day, day),),
        examples=examples,
        prose="prose.txt",
    )


def book_with(text: str) -> Book:
    """A book of it, also with hostile evidence, signatures and controls."""
    evidence = Evidence(text, 1, {"C1": ClauseEvidence(1, text, ((text, 1),))})
    signature = Signature("provider", text, "provider-safety", "2026-01-01", ("C1",))
    controls = {text: Control(text, text, text, text)}
    return make_book(agreement_with(text), evidence=evidence, signatures=(signature,), controls=controls)
