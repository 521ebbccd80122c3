# SPDX-License-Identifier: Apache-2.0
"""A tool call as what it does: which verb, on what, whether somebody decides, and on how many.

A call is structure, not prose: ``{"gun": "auto", "officer": null}`` says more by a key that is empty than by words. So
its name and arguments are read as values under keys, three *marks* are taken from them, and rules (data, in the
release: ``brightline-calls/1``, TOML) say which words and marks together set a fact.

    unattended  a key that asks for somebody's decision is empty, false or automatic; or a key of automation is on
    attended    a key that asks for somebody's decision names one
    many        everybody, a list, a file, a number of rows, a schedule, no end

Whatever is no call is nothing here, and no finding: also a call that is longer than a segment. Nothing is evaluated.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from brightline.core.errors import ReleaseError
from brightline.core.facts import Source, Vocabulary
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.toml import TomlError, read_toml

FORMAT: Final = "brightline-calls/1"
FILE_BYTES_MAX: Final = 262_144
LEAVES_MAX: Final = 4_096  # of one call; beyond, its further leaves are words for the other detectors alone
DEPTH_MAX: Final = 16  # what lies deeper is words for the other detectors alone

Mark = Literal["unattended", "attended", "many"]
_Word = Annotated[str, Meta(pattern=r"^[^\W_A-Z]{1,40}\*?$")]
_Name = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9-]{0,60}$")]


class CallRule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``fact`` takes ``value`` where some word of each list in ``words`` is there, all ``marks``, and none of ``but``.

    ``must`` and ``must_not`` are calls as they are written: a file whose examples come out otherwise is refused.
    """

    id: _Name
    fact: str
    value: str
    reason: str
    words: tuple[_Name, ...]
    must: tuple[str, ...]
    must_not: tuple[str, ...]
    marks: tuple[Mark, ...] = ()
    but: tuple[Mark, ...] = ()


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    format: str
    words: dict[_Name, tuple[_Word, ...]]
    deciders: tuple[_Word, ...]
    automation: tuple[_Word, ...]
    nobody: tuple[str, ...]
    many: tuple[_Word, ...]
    counts: tuple[_Word, ...]
    many_from: Annotated[int, Meta(ge=2)]
    rule: tuple[CallRule, ...]


class Read(msgspec.Struct, frozen=True):
    """A call as the lists of which it has a word, and its marks."""

    lists: frozenset[str]
    marks: frozenset[str]


class Lexicon(msgspec.Struct, frozen=True):
    """Which lists a word is on: by the whole word, or by a beginning of one of these lengths."""

    exact: dict[str, set[str]]
    beginnings: dict[str, set[str]]
    lengths: tuple[int, ...]

    def lists_of(self, words: Iterable[str]) -> set[str]:
        """Every list that one of the words is on. The cost is that of the words, however many lists there are."""
        found: set[str] = set()
        for word in words:
            found |= self.exact.get(word, _NONE)
            for length in self.lengths:
                found |= self.beginnings.get(word[:length], _NONE)
        return found


_NONE: Final[set[str]] = set()
_DECIDERS: Final = "deciders"
_AUTOMATION: Final = "automation"
_COUNTS: Final = "counts"
_MANY: Final = "many"


class CallRules(msgspec.Struct, frozen=True):
    """The rules of a file, and how calls are read by it."""

    file: _File
    lexicon: Lexicon

    def match(self, segments: Sequence[Segment], detector: str = "calls") -> tuple[Finding, ...]:
        """One finding for each rule and call."""
        found = []
        for index, segment in enumerate(segments):
            if segment.surface is Surface.TOOL_CALL and (call := self.read(segment.text)):
                found += [
                    Finding(detector, rule.fact, rule.value, rule.id, index, "text")
                    for rule in self.file.rule
                    if holds(rule, call)
                ]
        return tuple(found)

    def read(self, text: str) -> Read | None:
        """A call from its name and arguments as one line; ``None`` if it is none."""
        name, brace, rest = text.partition("{")
        if not brace:
            return None
        try:
            arguments = _parsed(brace + rest)
        except ValueError:
            return None
        lists, marks = self.lexicon.lists_of(_words(name)), set[str]()
        for keys, value in islice(self._leaves(arguments, frozenset(), 0), LEAVES_MAX):
            lists |= keys
            if isinstance(value, str):
                lists |= self.lexicon.lists_of(_words(value))
            marks.update(self._marks(keys, value))
        if _MANY in lists:
            marks.add("many")
        return Read(frozenset(lists), frozenset(marks))

    def _leaves(self, value: Any, keys: frozenset[str], depth: int) -> Iterator[tuple[frozenset[str], Any]]:
        """Every value below, with the lists that its keys are on; a list is a value as well, for its length."""
        if depth > DEPTH_MAX:
            return
        if isinstance(value, dict):
            for key, inner in value.items():
                yield from self._leaves(inner, keys | self.lexicon.lists_of(_words(key)), depth + 1)
            return
        yield keys, value
        if isinstance(value, list):
            for inner in value:
                yield from self._leaves(inner, keys, depth + 1)

    def _marks(self, keys: frozenset[str], value: Any) -> Iterator[Mark]:
        """The marks of one value under keys that are on these lists."""
        empty = not value or (isinstance(value, str) and value.strip().lower() in self.file.nobody)
        if _DECIDERS in keys:
            yield "unattended" if empty else "attended"
        if _AUTOMATION in keys and not empty:
            yield "unattended"
        many = self.file.many_from
        counted = _COUNTS in keys and isinstance(value, int) and not isinstance(value, bool) and value >= many
        if counted or (isinstance(value, list) and len(value) >= many):
            yield "many"


def holds(rule: CallRule, call: Read) -> bool:
    """Whether the rule speaks of this call."""
    return call.marks.issuperset(rule.marks) and call.marks.isdisjoint(rule.but) and call.lists.issuperset(rule.words)


def load_calls(data: bytes, name: str) -> CallRules:
    """Read a file and try its examples. Raises ``ReleaseError``."""
    try:
        file = read_toml(data, _File, FILE_BYTES_MAX)
    except TomlError as error:
        raise ReleaseError(f"{name}: {error}") from error
    if file.format != FORMAT:
        raise ReleaseError(f"{name}: format {file.format[:40]!r}; expected {FORMAT!r}")
    if {_DECIDERS, _AUTOMATION, _COUNTS, _MANY} & file.words.keys():
        raise ReleaseError(f"{name}: a list of words has a name that is taken")
    if not file.rule or len({rule.id for rule in file.rule}) != len(file.rule):
        raise ReleaseError(f"{name}: at least one rule, and each id once")
    rules = CallRules(file, _lexicon(file))
    for rule in file.rule:
        if unknown := set(rule.words) - file.words.keys():
            raise ReleaseError(f"{name}: rule {rule.id} names the list {min(unknown)!r}, which is not there")
        if not rule.words or not rule.must or not rule.must_not:
            raise ReleaseError(f"{name}: rule {rule.id} has words, and examples on both sides")
        for text in (*rule.must, *rule.must_not):
            call = rules.read(text)
            if call is None or holds(rule, call) is not (text in rule.must):
                not_ = "" if text in rule.must else "not "
                raise ReleaseError(f"{name}: rule {rule.id} must {not_}match {text[:80]!r}")
    return rules


def _lexicon(file: _File) -> Lexicon:
    own = {_DECIDERS: file.deciders, _AUTOMATION: file.automation, _COUNTS: file.counts, _MANY: file.many}
    exact: dict[str, set[str]] = {}
    beginnings: dict[str, set[str]] = {}
    for name, words in (*file.words.items(), *own.items()):
        for word in words:
            (beginnings if word.endswith("*") else exact).setdefault(word.rstrip("*"), set()).add(name)
    return Lexicon(exact, beginnings, tuple(sorted({len(word) for word in beginnings})))


def check_calls(rules: CallRules, vocabulary: Vocabulary, name: str) -> None:
    """Hold a file against the facts of an agreement. Raises ``ReleaseError``."""
    for rule in rules.file.rule:
        if rule.fact not in vocabulary or Source.DETECTOR not in vocabulary.spec(rule.fact).set_by:
            raise ReleaseError(f"{name}: no detector may set {rule.fact!r} under this agreement")
        spec = vocabulary.spec(rule.fact)
        if rule.value == spec.good or rule.value not in {*spec.values, "unknown"}:
            raise ReleaseError(f"{name}: a rule may not say {rule.value!r} of {rule.fact}")


_PART: Final = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{]|[\]}]|[^"\[\]{}]++|"', re.DOTALL)
_DIGITS_MAX: Final = 20


def _parsed(text: str) -> Any:
    """The value of a JSON text, but for what lies far too deep to be read. Raises ``ValueError``."""
    try:
        return json.loads(text, parse_int=_whole)
    except RecursionError:
        return json.loads(_shallow(text), parse_int=_whole)


def _whole(digits: str) -> int:
    """A number, of which no more digits count than are many in any case."""
    return int(digits[:_DIGITS_MAX])


def _shallow(text: str) -> str:
    """The text with ``null`` in the place of each value that lies twice as deep as is read."""
    kept, depth, deepest = [], 0, 2 * DEPTH_MAX
    for part in _PART.findall(text):
        opens, closes = part in "[{", part in "]}"
        depth -= closes
        if depth < deepest or (depth == deepest and not (opens or closes)):
            kept.append(part)
        elif depth == deepest and opens:
            kept.append("null")
        depth += opens
    return "".join(kept)


_PIECE: Final = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[^\W\d_A-Z]+|[0-9]+|\*")


def _words(text: str) -> list[str]:
    return [piece.lower() for piece in _PIECE.findall(text)]
