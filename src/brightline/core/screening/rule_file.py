# SPDX-License-Identifier: Apache-2.0
"""Rules as their author wrote them: a file of TOML, its words put into its patterns, and what is no rule refused.

A rule file (``brightline-rules/1``) holds ``[words]``, named alternations that patterns use as ``<name>``, and
``[[rule]]`` entries, each with its author, its reason, and texts that it must and must not match. Nothing here looks
at anybody's text: files can be read, compared and shown without a detector.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NoReturn

import msgspec
import re2

from brightline.core.errors import ReleaseError
from brightline.core.screening.finding import Surface
from brightline.core.toml import TomlError, parse_toml

FORMAT: Final = "brightline-rules/1"
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

_UNLINES: Final = re2.compile(r"\(\?[a-zA-Z]*-?[a-zA-Z]*m")
_WORD: Final = re2.compile(r"<([a-z][a-z0-9_]*)>")


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


class RuleFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The rule file after TOML and before any pattern is looked at."""

    format: Literal["brightline-rules/1"]
    rule: tuple[Rule, ...]
    words: dict[str, str] = {}


def refuse(name: str, rule_id: str, message: str) -> NoReturn:
    """Raises ``ReleaseError`` that names file and rule."""
    raise ReleaseError(f"{name}: rule {rule_id!r}: {message}")


def read_rule_file(toml_bytes: bytes, name: str) -> RuleFile:
    """Read a file; no pattern is looked at yet. Raises ``ReleaseError``; ``name`` is how messages call it."""
    try:
        parsed = parse_toml(toml_bytes, FILE_BYTES_MAX)
    except TomlError as error:
        raise ReleaseError(f"{name}: not TOML in UTF-8: {error}") from error
    try:
        file = msgspec.convert(parsed, RuleFile)
    except msgspec.ValidationError as error:
        raise ReleaseError(f"{name}: {_rule_at(parsed, str(error))}{error}") from error
    if not 1 <= len(file.rule) <= RULES_MAX:
        raise ReleaseError(f"{name}: {len(file.rule)} rules; a rule file has 1 to {RULES_MAX}")
    return file


def _rule_at(parsed: Mapping[str, Any], message: str) -> str:
    """msgspec says ``$.rule[3]``; people know the rule by its id."""
    _, found, rest = message.partition("$.rule[")
    number = rest.partition("]")[0]
    rules = parsed.get("rule")
    if not found or not number.isdigit() or not isinstance(rules, list):
        return ""
    rule = rules[int(number)]
    return f"rule {rule.get('id')!r}: " if isinstance(rule, dict) else ""


def rules_as_written(toml_bytes: bytes, name: str) -> tuple[tuple[Rule, ...], Mapping[str, str]]:
    """The rules of a file and its words, read and not compiled, to compare files. Raises ``ReleaseError``."""
    file = read_rule_file(toml_bytes, name)
    return file.rule, file.words


def patterns_of(file: RuleFile, name: str) -> list[tuple[str, ...]]:
    """Of each rule its patterns, with the words put in. Raises ``ReleaseError`` for what is no rule or no pattern."""
    words = words_in(file.words, name)
    patterns: list[tuple[str, ...]] = []
    seen: set[str] = set()
    for rule in file.rule:
        _check_shape(rule, name)
        if rule.id in seen:
            refuse(name, rule.id, "the id is used twice; give each rule its own")
        seen.add(rule.id)
        patterns.append(tuple(pattern_in(text, words, name, rule.id) for text in rule.all))
    return patterns


def _check_shape(rule: Rule, name: str) -> None:
    def bounds(what: str, count: int, low: int, high: int) -> None:
        if not low <= count <= high:
            refuse(name, rule.id, f"{count} {what}; expected {low} to {high}")

    if not rule.id.strip():
        raise ReleaseError(f"{name}: a rule without an id")
    if not rule.author.strip() or not rule.reason.strip():
        refuse(name, rule.id, "author and reason must say something")
    bounds("surfaces", len(set(rule.surfaces)), 1, len(Surface))
    bounds("patterns", len(rule.all), 1, PATTERNS_PER_RULE_MAX)
    for what, texts in (("must_match", rule.must_match), ("must_not_match", rule.must_not_match)):
        bounds(f"examples in {what}", len(set(texts)), EXAMPLES_MIN, EXAMPLES_MAX)
        for text in texts:
            bounds(f"characters in an example of {what}", len(text), 1, EXAMPLE_CHARS_MAX)


def words_in(written: Mapping[str, str], name: str) -> Mapping[str, str]:
    """Each word with the words *before* it put in: the order of the file forbids circles. Raises ``ReleaseError``."""
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
            refuse(name, where, f"<{word}> is not in [words], or is below its first use")
        parts += [text[end : hit.start()], words[word]]
        end = hit.end()
    whole = "".join(parts) + text[end:]
    if len(whole) > PATTERN_CHARS_MAX:
        refuse(name, where, f"{len(whole)} characters with its words put in; at most {PATTERN_CHARS_MAX}")
    return whole


def pattern_in(text: str, words: Mapping[str, str], name: str, rule_id: str) -> str:
    """A pattern with its words put in, which compiles and may be found in some texts only. Raises ``ReleaseError``."""
    whole = _put_in(text, words, name, rule_id)
    if "$" in whole.replace("\\$", "") or "\\z" in whole:
        refuse(name, rule_id, "an end anchor never holds, because the canary follows each text; remove $ or \\z")
    if "\\A" in whole.replace("\\\\", "") or _UNLINES.search(whole):
        refuse(name, rule_id, "texts are searched as lines of one text: write ^ for the beginning, and set no flag m")
    if _compiled(whole, name, rule_id).search("") is not None:
        refuse(name, rule_id, f"{text!r} matches the empty string, and so everything")
    return whole


def options() -> Any:
    """How RE2 is asked, by whoever compiles a pattern."""
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = ENGINE_BYTES_MAX
    return options


def _compiled(pattern: str, name: str, where: str) -> Any:
    try:
        return re2.compile(pattern, options=options())
    except re2.error as error:
        raise ReleaseError(f"{name}: rule {where!r}: the pattern does not compile: {error}") from error
