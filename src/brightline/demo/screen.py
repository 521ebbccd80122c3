# SPDX-License-Identifier: Apache-2.0
"""How the tour looks: three lines a scene, in colour on a terminal, plain elsewhere."""

from __future__ import annotations

import textwrap
from typing import Final

from rich.console import Console
from rich.text import Text

from brightline.core.agreement.clause import Agreement
from brightline.demo.play import Played
from brightline.demo.scenes import Scene

_COLOUR: Final = {"permit": "green", "deny": "red", "cut": "red", "hold": "yellow", "unavailable": "magenta"}
_VERDICTS: Final = {"PROVEN": "green", "CONTRADICTED": "bold red", "NOT SHOWN": "yellow", "  !": "red"}
WIDTH: Final = 118
INDENT: Final = 4
VERDICT: Final = 13  # cells of a row before what it says


class Screen:
    """Writes the tour to a console."""

    def __init__(self, agreement: Agreement) -> None:
        self._console = Console(highlight=False, width=None if Console().is_terminal else WIDTH)
        self._agreement = agreement

    def title(self, text: str) -> None:
        """A heading."""
        self._console.print()
        self.line(text, "bold")

    def line(self, text: str, style: str = "") -> None:
        """One line of plain text."""
        self._console.print(Text(text, style=style), soft_wrap=True)  # so that what is shown can be copied

    def finding(self, row: str) -> None:
        """One line of the verifier, its verdict in colour; what does not fit goes on under its own beginning."""
        style = next((style for word, style in _VERDICTS.items() if row.startswith(word)), "")
        room = self._console.width - INDENT - VERDICT
        first, *more = textwrap.wrap(row[VERDICT:], room, break_long_words=False, break_on_hyphens=False) or [""]
        self._console.print(Text.assemble(" " * INDENT, (row[:VERDICT], style), first), soft_wrap=True)
        for words in more:
            self._console.print(Text(" " * (INDENT + VERDICT) + words), soft_wrap=True)

    def scene(self, number: int, scene: Scene, played: Played, clauses: tuple[str, ...], *, as_told: bool) -> None:
        """What was sent, what came back, and which clauses decided, as the log has them."""
        ok = Text("✓ as told", style="green") if as_told else Text("✗ NOT as told", style="bold red")
        how = "  [scripted model]" if scene.scripted else ""
        head = Text(f"{number:>2}. {scene.title}{how}  ", style="bold")
        self._console.print(Text.assemble(head, ok))
        self._row("sent", scene.shown or scene.prompt, "")
        self._row("back", played.back, "")
        verdict = Text(played.verdict.upper(), style=f"bold {_COLOUR.get(played.verdict, '')}")
        reason = Text.assemble(verdict, "  ", ", ".join(clauses))
        if clauses:
            quote = self._agreement.clause(clauses[0]).quote[0]
            reason.append(f"  “{quote}”", style="italic")
        self._line("    by    ", reason)

    def _row(self, label: str, text: str, style: str) -> None:
        self._line(f"    {label:<6}", Text(" ".join(text.split()), style=style))

    def _line(self, label: str, text: Text) -> None:
        line = Text.assemble((label, "dim"), text)
        line.truncate(self._console.width - 1, overflow="ellipsis")
        self._console.print(line, no_wrap=True, overflow="ellipsis", crop=True)
