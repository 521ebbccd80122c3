# SPDX-License-Identifier: Apache-2.0
"""Traffic that was, from a file of JSON lines, as facts: recorded exchanges, or requests that are screened now.

Four kinds of line, told apart by their members:

    {"unit": …, "facts": {…}, "approvals": {…}}     facts that somebody wrote down
    {"shard": …, "seq": …, "disclosures": […]}      what ``brightline disclose`` exports: an ATTEMPT has the unit, and
                                                    its OUTCOME, which has the same request digest, the facts
    {"unit": …, "request": {…}}, {"model": …, …}    chat requests: they are screened as the gateway screens them, and
                                                    what registration and installation state is taken as good

Nothing is enforced, recorded or sent. A line that cannot be read is named with its number and left out.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from brightline.core.agreement.clause import Agreement
from brightline.core.agreement.preview import Seen
from brightline.core.errors import BrightlineError, ConfigError
from brightline.core.evidence.disclosure import DisclosureError, open_disclosure
from brightline.core.exchange.api import chat
from brightline.core.facts import UNKNOWN, Facts, FactSpec
from brightline.shell.inference.screen import Screen

LINE_BYTES_MAX: Final = 2 * 1024 * 1024
LINES_MAX: Final = 10_000_000
BAD_LINES_NAMED_MAX: Final = 20
OPEN_ATTEMPTS_MAX: Final = 1_000_000
UNIT_UNKNOWN: Final = "(no unit)"


class BadLine(msgspec.Struct, frozen=True):
    """A line that was left out, and why."""

    number: int
    why: str


class Traffic:
    """Reads one file, once. ``bad`` and ``bad_count`` are complete when it has been read to its end."""

    def __init__(self, path: Path, agreement: Agreement, candidate: Agreement, release_folder: Path) -> None:
        """Facts are read in the words of ``agreement``; those that only the candidate knows, in the candidate's.

        Raises ``ConfigError`` or ``ReleaseError``.
        """
        self.size = _size(path)
        self.bad: list[BadLine] = []
        self.bad_count = 0
        self._path = path
        self._agreement = agreement
        self._candidate = candidate
        self._screen = Screen(agreement, release_folder)
        self._units: dict[str, str] = {}  # request digest → unit, of exported ATTEMPTs without their OUTCOME

    def read(self, tell: Callable[[int], None] = lambda _bytes: None) -> Iterator[Seen]:
        """Yield what each line says; ``tell`` is told how many bytes were read. Raises ``ConfigError``."""
        done = number = 0
        try:
            with self._path.open("rb") as file:
                while line := file.readline(LINE_BYTES_MAX + 1):
                    number += 1
                    done += len(line)
                    if len(line) > LINE_BYTES_MAX or number > LINES_MAX:
                        raise ConfigError(f"{self._path}, line {number}: longer than is read here")
                    tell(done)
                    if line.strip():
                        yield from self._line(number, line)
        except OSError as error:
            raise ConfigError(f"{self._path} cannot be read: {error.strerror}") from error

    def _line(self, number: int, line: bytes) -> Iterator[Seen]:
        try:
            row = json.loads(line)
            if not isinstance(row, dict):
                raise TypeError("a line is a JSON object")
            yield from self._row(row)
        except (ValueError, TypeError, KeyError, RecursionError, BrightlineError, DisclosureError) as error:
            self.bad_count += 1
            if len(self.bad) < BAD_LINES_NAMED_MAX:
                self.bad.append(BadLine(number, f"{type(error).__name__}: {error}"[:200]))

    def _row(self, row: dict[str, Any]) -> Iterator[Seen]:
        unit = str(row.get("unit", UNIT_UNKNOWN))
        if "disclosures" in row:
            yield from self._disclosed(msgspec.convert(row["disclosures"], tuple[str, ...]))
        elif "request" in row or "messages" in row:
            request = row.get("request", {name: value for name, value in row.items() if name != "unit"})
            stated = msgspec.convert(row.get("facts", {}), dict[str, str])
            asked = self._screen.request(chat, chat.read_request(json.dumps(request).encode()))
            found = self._screen.facts((asked,))
            yield Seen(unit, self._worse(found, self._stated(stated)))
        elif "facts" in row:
            facts = msgspec.convert(row["facts"], dict[str, str])
            approvals = msgspec.convert(row.get("approvals", {}), dict[str, int])
            yield Seen(unit, self._known(facts), tuple(sorted(approvals.items())))
        else:
            raise KeyError("neither facts, nor disclosures, nor a request")

    def _disclosed(self, disclosures: tuple[str, ...]) -> Iterator[Seen]:
        fields = {opened.name: opened.value for opened in map(open_disclosure, disclosures)}
        digest = str(fields.get("exchange_digest", ""))
        if "unit" in fields and digest and len(self._units) < OPEN_ATTEMPTS_MAX:
            self._units[digest] = str(fields["unit"])
        elif "facts" in fields and "wire_digest" not in fields and digest:  # an OUTCOME; a PASS has a wire digest
            facts = msgspec.convert(fields["facts"], dict[str, str])
            yield Seen(self._units.pop(digest, UNIT_UNKNOWN), self._known(facts))

    def _known(self, facts: Mapping[str, str]) -> Facts:
        """Facts that were recorded; one of which nothing is said is good. Raises ``ValueError``."""
        return Facts.of({spec.name: spec.good for spec in self._agreement.vocabulary.specs} | self._stated(facts))

    def _stated(self, facts: Mapping[str, str]) -> dict[str, str]:
        """Facts in the words of now; of two words for one fact the worse.

        Raises ``ValueError`` for a name or value that is not known: it may be a bad fact, misspelled.
        """
        found: dict[str, str] = {}
        for said, value in facts.items():
            name, now = self._agreement.vocabulary.in_words_of_now(said, value)
            spec = self._spec(name)
            if now != UNKNOWN and now not in spec.values:
                raise ValueError(f"the fact {said!r} has no value {value!r}")
            found[name] = spec.worst(found.get(name, now), now)
        return found

    def _spec(self, name: str) -> FactSpec:
        """A fact of the agreement, or one that only the candidate has. Raises ``ValueError``."""
        ours, theirs = self._agreement.vocabulary, self._candidate.vocabulary
        if name in ours:
            return ours.spec(name)
        if name not in theirs:
            raise ValueError(f"no agreement here has a fact {name!r}")
        if any(old.name in ours for old in theirs.spec(name).formerly):
            raise ValueError(f"the fact {name!r} is renamed in the candidate; call it as it is called now")
        return theirs.spec(name)

    def _worse(self, found: Facts, stated: Mapping[str, str]) -> Facts:
        """What a line states beside what detectors found: the worse. What others state was taken as good."""
        return found.with_values(
            {name: self._spec(name).worst(found.get(name, value), value) for name, value in stated.items()}
        )


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
