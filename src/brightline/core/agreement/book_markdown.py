# SPDX-License-Identifier: Apache-2.0
"""The clause book as Markdown (CommonMark 0.31 with the tables of GFM 0.29, section 4.10), for reviews and diffs.

Quotes, names and log entries may come from anybody. Each is escaped so that it stays text: no text makes a heading, a
row, a link, an image or HTML. CommonMark lets a backslash stand before any ASCII punctuation (section 2.4); what could
begin HTML is written as an entity (section 2.5). The text in a book has no line breaks (``aloud.plain``).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from brightline.core.agreement.aloud import plain
from brightline.core.agreement.book import NOT_SIGNED, Book, Carrier, Cited, Entry, Row, Standing, Worked

NONE: Final = "–"

_MARKUP: Final = re.compile(r"[\\`*_\[\]|~#!$]")
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_BLOCK: Final = re.compile(r"^(?:([-+=])|([0-9]+)([.)]))")
_AUTOLINK: Final = re.compile(r"(?<=[A-Za-z])(?::(?=//)|\.(?=[A-Za-z0-9]))|@")  # GFM 6.9: links without brackets


def escape(text: str) -> str:
    """Text as Markdown that shows it: on one line, no markup of its own, also at the start of a block."""
    shown = _MARKUP.sub(r"\\\g<0>", plain(text)).translate(_ENTITIES)
    shown = _AUTOLINK.sub(lambda found: f"&#{ord(found[0])};", shown) if _may_link(shown) else shown
    return _BLOCK.sub(lambda found: f"\\{found[1]}" if found[1] else f"{found[2]}\\{found[3]}", shown)


def code(text: str) -> str:
    """Text as a code span, fenced by more backticks than are in it (CommonMark, section 6.1); also in a table."""
    shown = plain(text)
    if not shown:
        return NONE
    fence = "`" * (max((len(run) for run in re.findall("`+", shown)), default=0) + 1)
    pad = " " if shown.startswith("`") or shown.endswith("`") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def to_markdown(book: Book) -> str:
    """The whole book. The same book gives the same text; it ends with a line break."""
    lines: list[str] = [
        *_front(book),
        *_overview(book),
        *(line for entry in book.clauses for line in _clause(book, entry)),
        *_back(book),
    ]
    return "\n".join(lines) + "\n"


# ---- the front ---------------------------------------------------------------------------------------------------


def _front(book: Book) -> list[str]:
    lines = [
        f"# Clause book: {escape(book.id)}, version {book.version}",
        "",
        f"Between {escape(book.provider)} (provider) and {escape(book.customer)} (customer), as of {book.as_of}.",
        "",
        f"- Agreement: {code(book.digest)}",
        f"- Encoding (each quote with its formula): {code(book.encoding)}",
        f"- Text: {code(book.prose)}",
    ]
    lines += [f"- Signed: {escape(_signed(one.party, one.office, one.role, one.signed))}" for one in book.signatures]
    lines += [] if book.signatures else [f"- Signatures: {NOT_SIGNED}"]
    lines += [f"- Evidence: {escape(found.in_words)}" for found in book.evidence]
    lines += [] if book.evidence else ["- Evidence: no log was looked at"]
    return [*lines, ""]


def _overview(book: Book) -> list[str]:
    rows = [(escape(e.id), e.does, e.part, escape(e.sentence)) for e in book.clauses]
    return ["## In short", "", *_table(("clause", "does", "from", "in plain words"), rows), "", "## Clauses", ""]


# ---- a clause ----------------------------------------------------------------------------------------------------


def _clause(book: Book, entry: Entry) -> list[str]:
    lines = [f"### {escape(entry.id)} ({', '.join(dict.fromkeys((entry.does, entry.part)))})", ""]
    for quote in entry.quote:
        lines += [f"> {escape(quote)}", ""]
    lines += [f"**In plain words.** {escape(entry.sentence)}", ""]
    formula = f"**Formula.** {entry.does} when {code(entry.formula)}"
    lines += [formula + (f" that {code(entry.that)}" if entry.that else ""), ""]
    if not entry.composed:
        lines += [f"**Read aloud.** {escape(entry.reading)}", ""]
    lines += _listed("Assumed", [escape(text) for text in entry.assumes])
    lines += _listed("Authority", [_authority(cited) for cited in entry.authorities])
    lines += _listed("Controls", [f"{escape(control.id)}: {escape(control.says)}" for control in entry.controls])
    lines += _listed("Tests", [code(test) for test in entry.tests])
    lines += [f"**Latest evidence.** {escape(evidence_in_words(book, entry))}", ""]
    signed = [escape(_signed(one.party, one.office, one.role, one.signed)) for one in entry.signatures]
    lines += _listed("Signatures", signed) if signed else [f"**Signatures.** {NOT_SIGNED}", ""]
    if entry.examples:
        rows = [_example(example) for example in entry.examples]
        head = ("worked example that it decides", "not good", "approvals", "verdict", "by")
        lines += [*_table(head, rows), ""]
    return lines


def evidence_in_words(book: Book, entry: Entry) -> str:
    """What a log says of a clause: a sentence, not escaped."""
    if not book.evidence:
        return "No log was looked at."
    found = entry.evidence
    if not found.outcomes:
        return "No outcome named it yet."
    verdicts = ", ".join(f"{count:,} {verdict}" for verdict, count in found.verdicts)
    times = "outcome" if found.outcomes == 1 else "outcomes"
    return f"{found.outcomes:,} {times} named it ({verdicts}), the last at {found.last}."


def _signed(party: str, office: str, role: str, signed: str) -> str:
    return f"{office}, for the {party}, as {role}" + (f", {signed}" if signed else "")


def _authority(cited: Cited) -> str:
    edition = f", as of {cited.edition}" if cited.edition != cited.dated else ""
    text = code(cited.text) if cited.text.startswith("sha256:") else escape(cited.text)
    return f"{escape(cited.id)}: {escape(cited.cite)}, dated {cited.dated}{edition}; {text}"


def _example(example: Worked) -> tuple[str, ...]:
    return (
        escape(example.name),
        escape(", ".join(example.not_good)) or "everything good",
        escape(", ".join(example.approvals)) or NONE,
        example.verdict.value,
        escape(", ".join(example.by)),
    )


# ---- the back ----------------------------------------------------------------------------------------------------


def _back(book: Book) -> list[str]:
    words = [
        (
            code(word.name),
            escape(word.good),
            _cell([*word.others, "unknown"]),
            _cell(word.set_by),
            _cell(word.settled_by),
            _cell(word.needs),
            _cell(word.read_by),
        )
        for word in book.vocabulary
    ]
    ladder = [(escape(row.id), escape(row.says), escape(row.more) or NONE) for row in book.ladder]
    return [
        "## Facts",
        "",
        *_table(("fact", "good", "not good", "who states it", "who settles it", "needs", "read by"), words),
        "",
        *_section("Offices", ("office", "who"), [(escape(row.id), escape(row.says)) for row in book.offices]),
        *_section(
            "Authorities", ("id", "text", "dated", "edition", "held"), [_pinned(one) for one in book.authorities]
        ),
        *_section("Controls", ("control", "what it does", "module", "test"), [_control(c) for c in book.controls]),
        *_section("Limits", ("limit", "what", "value"), [_limit(row) for row in book.limits]),
        *_section("Patterns", ("pattern", "what", "counted"), [_limit(row) for row in book.patterns]),
        *_section("Ladder", ("rung", "what follows", "when"), ladder),
        "## Change",
        "",
        *(f"- {escape(rule)}" for rule in book.change),
        "",
        *_section("Standing theorems", ("theorem", "says", "proved"), [_theorem(one) for one in book.theorems]),
    ]


def _limit(row: Row) -> tuple[str, ...]:
    return escape(row.id), escape(row.says), escape(row.more)


def _pinned(cited: Cited) -> tuple[str, ...]:
    text = code(cited.text) if cited.text.startswith("sha256:") else escape(cited.text)
    return escape(cited.id), escape(cited.cite), cited.dated, cited.edition, text


def _control(control: Carrier) -> tuple[str, ...]:
    return escape(control.id), escape(control.says), _code_cell(control.module), _code_cell(control.test)


def _theorem(theorem: Standing) -> tuple[str, ...]:
    return escape(theorem.id), escape(theorem.says), "yes" if theorem.holds else f"no: {escape(theorem.against)}"


# ---- pieces ------------------------------------------------------------------------------------------------------


def _section(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    return [f"## {title}", "", *(_table(head, rows) if rows else ["None."]), ""]


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Cells come escaped: a bar in one has its backslash already."""
    return [_line(head), _line(["---"] * len(head)), *(_line(row) for row in rows)]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell or NONE for cell in cells)} |"


def _cell(texts: Sequence[str]) -> str:
    return escape(", ".join(texts)) or NONE


def _code_cell(text: str) -> str:
    """In a cell a bar ends the cell even within a code span, unless a backslash stands before it (GFM 4.10)."""
    return code(text).replace("|", "\\|")


def _listed(title: str, items: Sequence[str]) -> list[str]:
    return [f"**{title}.**", "", *(f"- {item}" for item in items), ""] if items else []


def _may_link(text: str) -> bool:
    return "://" in text or "www." in text.lower() or "@" in text
