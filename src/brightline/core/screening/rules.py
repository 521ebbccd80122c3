# SPDX-License-Identifier: Apache-2.0
"""Patterns as data: the detector whose every answer can be read back to a line that somebody signed for.

A rule file (``brightline-rules/1``, TOML) holds ``[words]``, named alternations that patterns use as
``<name>``, and ``[[rule]]`` entries. A rule sets one fact to one value when *all* of its patterns are found
in one stretch of one view of a segment. It carries its own proof: texts that it must match and neighbours
that it must not. A file whose examples do not come out is refused, so a rule that is in force has been seen
to work by this very engine.

Patterns are searched by RE2 (``google-re2``), which is linear in the text. Its sets answer ``None`` for
"nothing found", and the C++ engine says "nothing found" on exhausted memory as well. So each text is searched
with a canary appended, which one more pattern of each set finds: an answer without the canary is no answer,
and raises. Nothing here suppresses a finding: there is no exception, no allow-list and no switch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import chain
from typing import Any, Final, Literal, NoReturn, Protocol

import msgspec
import re2

from brightline.core.errors import ReleaseError, ScreeningUnavailable
from brightline.core.facts import UNKNOWN, Source, Vocabulary
from brightline.core.screening.finding import Finding, Segment, Surface
from brightline.core.screening.folding import fold
from brightline.core.screening.needs import Need, needs_of
from brightline.core.screening.sieve import Sieve, words_of
from brightline.core.screening.views import TURNS, turn_of, views
from brightline.core.toml import TomlError, parse_toml

FORMAT: Final = "brightline-rules/1"
DETECTOR_ID: Final = "rules"

FILE_BYTES_MAX: Final = 1_000_000
RULES_MAX: Final = 2_000
PATTERNS_PER_RULE_MAX: Final = 8
PATTERN_CHARS_MAX: Final = 20_000
"""Of one pattern after its words are put in."""
EXAMPLES_MIN: Final = 3
EXAMPLES_MAX: Final = 50
EXAMPLE_CHARS_MAX: Final = 4_000
ENGINE_BYTES_MAX: Final = 4 * 1024 * 1024
"""RE2's budget for one pattern: its program and the states that it caches, which it drops when full."""

STRETCH_CHARS: Final = 1_200
STRETCH_STEP_CHARS: Final = 600
"""All patterns of a rule must be found within one stretch, so what lies within 600 characters always counts
as together. In 8 kB of ordinary prose some verb, some weapon and some person are always found."""

GROUP_CHARS: Final = 65_536
"""Of all views that are searched together, to bound what is held in memory at once."""

CANARY: Final = "\n.\x00brightline canary\x00"
"""Begins with an end of line and of sentence, so that no pattern of prose can reach from the text into it."""

_CANARY_PATTERN: Final = re2.escape(CANARY[2:])


class SeenText(Protocol):
    """One way to read a leaf, as ``views`` gives it: a name, and the folded text.

    What has the name of a turn alone is the first view, turned.
    """

    @property
    def name(self) -> str: ...

    @property
    def text(self) -> str: ...


ViewsOf = Callable[[str], Sequence[SeenText]]


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One rule as its author wrote it. ``all`` are RE2 patterns over folded text, words not yet put in."""

    id: str
    fact: str
    value: Literal["yes", "unknown", "no"]
    author: str
    reason: str
    all: tuple[str, ...]
    must_match: tuple[str, ...]
    must_not_match: tuple[str, ...]
    surfaces: tuple[Surface, ...] = tuple(Surface)


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rule file after TOML and before any pattern is looked at."""

    format: Literal["brightline-rules/1"]
    rule: tuple[Rule, ...]
    words: dict[str, str] = {}


class RuleSet(msgspec.Struct, frozen=True, eq=False):
    """A loaded, self-tested rule file: the detector ``rules``.

    Thread-safe after loading: RE2 locks its own cache. ``digest`` is ``sha256:`` over the bytes of the file.
    """

    name: str
    digest: str
    rules: tuple[Rule, ...]
    facts: frozenset[str]
    """The facts that some rule of this file can set."""
    engine: _Engine
    views: ViewsOf
    id: str = DETECTOR_ID

    def match(self, segments: Sequence[Segment]) -> tuple[Finding, ...]:
        """One finding for each rule and segment, from the first view in which the whole rule was found.

        Silence about a segment means that each of its views was searched to the end. Raises
        ``ScreeningUnavailable`` when the engine did not find the canary in a text.
        """
        return tuple(chain.from_iterable(map(self._findings, self._groups(segments))))

    def _groups(self, segments: Sequence[Segment]) -> Iterator[list[_Read]]:
        """Segments in order with their views, some at a time: they are searched together."""
        group: list[_Read] = []
        chars = 0
        for index, segment in enumerate(segments):
            read = _Read(index, segment.surface, self.views(segment.text))
            group.append(read)
            chars += sum(len(view.text) for view in read.views)
            if chars >= GROUP_CHARS:
                yield group
                group, chars = [], 0
        yield group

    def _findings(self, group: list[_Read]) -> Iterator[Finding]:
        # A rule must be found in one view, so views may be searched in parts. Plain words that were turned make words
        # of no pattern: apart from the others they cost little, among them each pattern would be searched in them too.
        texts: dict[str, dict[str, None]] = {}  # by the turn; roles repeat, and so do the views of short texts
        plain: set[str] = set()
        for read in group:
            for view in read.views:
                turn = turn_of(view.name)
                texts.setdefault(turn, {})[view.text] = None
                if not turn:
                    plain.add(view.text)
                elif view.name != turn:  # else it is the first view, turned
                    plain.add(TURNS[turn](view.text))
        passing = self.engine.passing(plain)
        suspects = {turn: self.engine.suspects(list(of_turn), passing[turn]) for turn, of_turn in texts.items()}
        for read in group if any(suspects.values()) else ():
            found: set[int] = set()
            for view in read.views:
                left = [rule for rule in suspects[turn_of(view.name)] if rule.at not in found]
                for at in self.engine.found_in(view.text, read.surface, left):
                    rule = self.rules[at]
                    found.add(at)
                    yield Finding(
                        detector=self.id,
                        fact=rule.fact,
                        value=rule.value,
                        rule=rule.id,
                        segment=read.index,
                        view=view.name,
                    )


class _Read(msgspec.Struct, frozen=True):
    """A segment as all of its views."""

    index: int
    surface: Surface
    views: Sequence[SeenText]


def load_rules(toml_bytes: bytes, name: str, views: ViewsOf = views) -> RuleSet:
    """Read, compile and self-test a rule file; ``name`` is how messages call it.

    Raises ``ReleaseError``, naming the rule, for whatever is not understood, out of bounds, does not compile,
    or does not behave as its examples say. Running the examples also fills RE2's caches, so that the first
    texts of service find them warm.
    """
    file = _read(toml_bytes, name)
    words = _words(file.words, name)
    patterns: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for rule in file.rule:
        _check_shape(rule, name)
        if rule.id in seen:
            _refuse(name, rule.id, "the id is used twice; give each rule its own")
        seen.add(rule.id)
        patterns.append(tuple(_pattern(text, words, name, rule.id) for text in rule.all))
    loaded = RuleSet(
        name=name,
        digest="sha256:" + hashlib.sha256(toml_bytes).hexdigest(),
        rules=file.rule,
        facts=frozenset(rule.fact for rule in file.rule),
        engine=_Engine(file.rule, patterns, name),
        views=views,
    )
    for rule in file.rule:
        _run_examples(loaded, rule)
    return loaded


def rules_as_written(toml_bytes: bytes, name: str) -> tuple[tuple[Rule, ...], Mapping[str, str]]:
    """The rules of a file and its words, read and not compiled, to compare files. Raises ``ReleaseError``."""
    file = _read(toml_bytes, name)
    return file.rule, file.words


def places_of(toml_bytes: bytes, name: str, rule_id: str, folded: str) -> tuple[tuple[int, int], ...]:
    """Where a rule is found in a folded text: of each of its patterns the first place, within one stretch.

    For explaining a finding, and slow; nothing is judged by it. Empty if it is not found. Raises ``ReleaseError``.
    """
    rules, words = _to_explain(toml_bytes, name)
    rule = rules.get(rule_id)
    if rule is None:
        raise ReleaseError(f"{name}: there is no rule {rule_id!r}")
    patterns = [re2.compile(f"(?m:{_pattern(text, words, name, rule_id)})") for text in rule.all]
    for start in range(0, max(1, len(folded) - STRETCH_CHARS + STRETCH_STEP_CHARS), STRETCH_STEP_CHARS):
        stretch = folded[start : start + STRETCH_CHARS]
        found = [pattern.search(stretch) for pattern in patterns]
        if all(found):
            return tuple((start + one.start(), start + one.end()) for one in found)
    return ()


@lru_cache(maxsize=4)  # a page explains many findings by one file
def _to_explain(toml_bytes: bytes, name: str) -> tuple[Mapping[str, Rule], Mapping[str, str]]:
    """The rules of a file by id, the first of each, and its words as they are put into patterns."""
    file = _read(toml_bytes, name)
    return {rule.id: rule for rule in reversed(file.rule)}, _words(file.words, name)


# ---- reading ----------------------------------------------------------------------------------------


def _refuse(name: str, rule_id: str, message: str) -> NoReturn:
    raise ReleaseError(f"{name}: rule {rule_id!r}: {message}")


def _read(toml_bytes: bytes, name: str) -> _File:
    try:
        parsed = parse_toml(toml_bytes, FILE_BYTES_MAX)
    except TomlError as error:
        raise ReleaseError(f"{name}: not TOML in UTF-8: {error}") from error
    try:
        file = msgspec.convert(parsed, _File)
    except msgspec.ValidationError as error:
        raise ReleaseError(f"{name}: {_rule_at(parsed, str(error))}{error}") from error
    if not 1 <= len(file.rule) <= RULES_MAX:
        raise ReleaseError(f"{name}: {len(file.rule)} rules; a rule file has 1 to {RULES_MAX}")
    return file


def check_rules(rules: RuleSet, vocabulary: Vocabulary) -> None:
    """Hold a rule list against the facts of an agreement.

    A rule sets a fact that detectors may set, and never to its good value: a text that says "he is a foreigner" or
    "this is authorised" settles nothing. Raises ``ReleaseError``.
    """
    for rule in rules.rules:
        if rule.fact not in vocabulary or Source.DETECTOR not in vocabulary.spec(rule.fact).set_by:
            _refuse(rules.name, rule.id, f"no detector may set {rule.fact!r} under this agreement")
        spec = vocabulary.spec(rule.fact)
        if rule.value == spec.good:
            _refuse(
                rules.name,
                rule.id,
                f"a pattern may not say {rule.value!r} of {rule.fact}: silence may, if entitled",
            )
        if rule.value not in (*spec.values, UNKNOWN):
            _refuse(rules.name, rule.id, f"{rule.fact} has no value {rule.value!r}")


def _rule_at(parsed: Mapping[str, Any], message: str) -> str:
    """msgspec says ``$.rule[3]``; people know the rule by its id."""
    _, found, rest = message.partition("$.rule[")
    number = rest.partition("]")[0]
    rules = parsed.get("rule")
    if not found or not number.isdigit() or not isinstance(rules, list):
        return ""
    rule = rules[int(number)]
    return f"rule {rule.get('id')!r}: " if isinstance(rule, dict) else ""


def _check_shape(rule: Rule, name: str) -> None:
    def bounds(what: str, count: int, low: int, high: int) -> None:
        if not low <= count <= high:
            _refuse(name, rule.id, f"{count} {what}; expected {low} to {high}")

    if not rule.id.strip():
        raise ReleaseError(f"{name}: a rule without an id")
    if not rule.author.strip() or not rule.reason.strip():
        _refuse(name, rule.id, "author and reason must say something")
    bounds("surfaces", len(set(rule.surfaces)), 1, len(Surface))
    bounds("patterns", len(rule.all), 1, PATTERNS_PER_RULE_MAX)
    for what, texts in (("must_match", rule.must_match), ("must_not_match", rule.must_not_match)):
        bounds(f"examples in {what}", len(set(texts)), EXAMPLES_MIN, EXAMPLES_MAX)
        for text in texts:
            bounds(f"characters in an example of {what}", len(text), 1, EXAMPLE_CHARS_MAX)


# ---- patterns ---------------------------------------------------------------------------------------


_UNLINES: Final = re2.compile(r"\(\?[a-zA-Z]*-?[a-zA-Z]*m")
_WORD: Final = re2.compile(r"<([a-z][a-z0-9_]*)>")


def _words(written: Mapping[str, str], name: str) -> Mapping[str, str]:
    """Each word with the words *before* it put in: the order of the file forbids circles."""
    words: dict[str, str] = {}
    for word, text in written.items():
        words[word] = f"(?:{_put_in(text, words, name, f'<{word}>')})"
        _compiled(words[word], name, f"<{word}>")
    return words


def _put_in(text: str, words: Mapping[str, str], name: str, where: str) -> str:
    parts: list[str] = []
    end = 0
    for hit in _WORD.finditer(text):
        word = hit.group(1)
        if word not in words:
            _refuse(name, where, f"<{word}> is not in [words], or is below its first use")
        parts += [text[end : hit.start()], words[word]]
        end = hit.end()
    whole = "".join(parts) + text[end:]
    if len(whole) > PATTERN_CHARS_MAX:
        _refuse(name, where, f"{len(whole)} characters with its words put in; at most {PATTERN_CHARS_MAX}")
    return whole


def _pattern(text: str, words: Mapping[str, str], name: str, rule_id: str) -> str:
    whole = _put_in(text, words, name, rule_id)
    if "$" in whole.replace("\\$", "") or "\\z" in whole:
        _refuse(name, rule_id, "an end anchor never holds, because the canary follows each text; remove $ or \\z")
    if "\\A" in whole.replace("\\\\", "") or _UNLINES.search(whole):
        _refuse(name, rule_id, "texts are searched as lines of one text: write ^ for the beginning, and set no flag m")
    if _compiled(whole, name, rule_id).search("") is not None:
        _refuse(name, rule_id, f"{text!r} matches the empty string, and so everything")
    return whole


def _options() -> Any:
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = ENGINE_BYTES_MAX
    return options


def _compiled(pattern: str, name: str, where: str) -> Any:
    try:
        return re2.compile(pattern, options=_options())
    except re2.error as error:
        raise ReleaseError(f"{name}: rule {where!r}: the pattern does not compile: {error}") from error


class _Needs(msgspec.Struct, frozen=True):
    """The patterns that must be found for the rule at this place of the file, the rarest first."""

    at: int
    patterns: tuple[int, ...]
    surfaces: frozenset[Surface]


class _Engine:
    """A sieve over all rules in one pass, and behind it one RE2 set for each pattern.

    One set over everything would be one pass as well, but its automaton remembers how far *every* pattern has
    come: on text that it has not seen it builds a new state at nearly every character (8,000 us for 1 kB, and
    30 once seen). The sieve names the rules for which the words of the texts would do. Their patterns are searched
    alone, the rarest first, until one fails: so a text costs what stands in it, and not the length of the file. Which
    patterns are rare is counted in the examples of the file.

    Many texts of a batch are searched as one first, and each by itself only for the rules that are suspect then. An
    automaton is seldom in the processor's cache when it is needed, so it is dear to begin and cheap to go on.
    """

    __slots__ = ("_rules", "_sets", "_sieve")

    def __init__(self, rules: Sequence[Rule], patterns: Sequence[tuple[str, ...]], name: str) -> None:
        self._sets: list[Any] = []
        self._rules: list[_Needs] = []
        ids: dict[str, int] = {}
        needs: list[tuple[Need, ...]] = []  # of each pattern
        sample = [(fold(text) + CANARY).encode() for rule in rules for text in rule.must_not_match[:2]]
        rarity: list[int] = []  # in how many of the sample's texts each pattern is found
        for at, (rule, whole) in enumerate(zip(rules, patterns, strict=True)):
            for pattern in whole:
                if pattern not in ids:
                    ids[pattern] = len(ids)
                    needs.append(needs_of(pattern))
                    self._sets.append(_set_of(pattern, name, rule.id))
                    rarity.append(sum(_found(self._sets[-1], text) for text in sample))
            rarest_first = tuple(sorted({ids[pattern] for pattern in whole}, key=rarity.__getitem__))
            self._rules.append(_Needs(at, rarest_first, frozenset(rule.surfaces)))
        of_rules = [tuple(chain.from_iterable(needs[place] for place in rule.patterns)) for rule in self._rules]
        self._sieve = Sieve(of_rules, TURNS)

    def passing(self, texts: Iterable[str]) -> Mapping[str, Sequence[int]]:
        """The places of the rules that the words of these texts would do for: as they are, and by each turn."""
        return self._sieve.passing(words_of(texts))

    def suspects(self, texts: Sequence[str], passing: Sequence[int]) -> list[_Needs]:
        """Of these rules, those all of whose patterns are found somewhere: what is in one of the texts is among these.

        The texts stand in one, each on a line of its own; a pattern that reaches over the end of a line makes a rule
        suspect, no more. Raises ``ScreeningUnavailable``.
        """
        if not passing:
            return []
        found = _Found(self._sets, _searchable("\n".join(texts)))
        return [rule for at in passing if all(map(found, (rule := self._rules[at]).patterns))]

    def found_in(self, folded: str, surface: Surface, suspects: Sequence[_Needs]) -> list[int]:
        """The places of those suspects for this surface that are found in one stretch of this text, in order."""
        if not suspects:
            return []
        found = _Found(self._sets, _searchable(folded))
        whole = [rule for rule in suspects if surface in rule.surfaces and all(map(found, rule.patterns))]
        if not whole or len(folded) <= STRETCH_CHARS:
            return sorted(rule.at for rule in whole)
        stretches = [
            _Found(self._sets, _searchable(folded[start : start + STRETCH_CHARS]))
            for start in range(0, len(folded) - STRETCH_CHARS + STRETCH_STEP_CHARS, STRETCH_STEP_CHARS)
        ]
        return sorted(rule.at for rule in whole if any(all(map(found, rule.patterns)) for found in stretches))


class _Found:
    """Which patterns are found in one text; each is searched once at most."""

    def __init__(self, sets: Sequence[Any], text: bytes) -> None:
        self.known: dict[int, bool] = {}
        self._sets = sets
        self._text = text

    def __call__(self, pattern: int) -> bool:
        if pattern not in self.known:
            self.known[pattern] = _found(self._sets[pattern], self._text)
        return self.known[pattern]


def _searchable(text: str) -> bytes:
    """The text and the canary. A lone surrogate is no UTF-8: strict JSON refuses it long before, here it is ``?``."""
    return (text + CANARY).encode("utf-8", "replace")


def _set_of(pattern: str, name: str, rule_id: str) -> Any:
    """The pattern (0) and the canary (1) in one RE2 set. ``^`` begins a line; a view has but one."""
    together = re2.Set.SearchSet(_options())
    together.Add(f"(?m:{pattern})")
    together.Add(_CANARY_PATTERN)
    try:
        together.Compile()
    except re2.error as error:
        raise ReleaseError(f"{name}: rule {rule_id!r}: a pattern needs over {ENGINE_BYTES_MAX} bytes") from error
    if together.Match(CANARY) != [1]:
        _refuse(name, rule_id, "a pattern is found in an empty text, and so in everything")
    return together


def _found(searched: Any, text: bytes) -> bool:
    """Whether the pattern of a set is found. Raises ``ScreeningUnavailable`` where the canary was not."""
    matched: list[int] | None = searched.Match(text)
    if matched is None or 1 not in matched:
        _no_answer()
    return 0 in matched


def _no_answer() -> NoReturn:
    raise ScreeningUnavailable("the rule engine gave no whole answer: its canary was not found")


# ---- examples ---------------------------------------------------------------------------------------


def _run_examples(loaded: RuleSet, rule: Rule) -> None:
    surface = rule.surfaces[0]

    def hit(text: str) -> bool:
        findings = loaded.match((Segment(path="example", surface=surface, text=text),))
        return any(finding.rule == rule.id for finding in findings)

    for text in rule.must_match:
        if not hit(text):
            _refuse(loaded.name, rule.id, f"it does not match its own example {text!r}")
    for text in rule.must_not_match:
        if hit(text):
            _refuse(loaded.name, rule.id, f"it matches the neighbour that it must not match: {text!r}")
