# SPDX-License-Identifier: Apache-2.0
"""An agreement's file and prose → ``Agreement``, or an error that says where and how to mend it.

What is checked, in this order, so that the first error is the one to mend first:

    1. sizes, TOML, and the shape: unknown keys are refused at each level
    2. the prose is the prose that the file pins, byte for byte
    3. facts, offices and authorities are declared consistently
    4. each clause quotes the prose verbatim, cites what is declared, and has the polarity of its kind
    5. each worked example comes out

An agreement that fails any of these does not load; nothing is mended, defaulted or skipped on the way.
Signatures are not read here: they are over the digest.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from typing import Final

import msgspec
from msgspec import UNSET

from brightline.core.agreement.clause import (
    Agreement,
    Authority,
    Change,
    Clause,
    ClauseKind,
    Example,
    LadderTest,
    Limit,
    Office,
    Part,
    Parties,
    Rung,
    RungState,
)
from brightline.core.agreement.condition import NEVER, Condition, parse, write
from brightline.core.agreement.decide import decide
from brightline.core.agreement.limits import KNOWN
from brightline.core.agreement.pattern import Over, Pattern, Touches, why_not
from brightline.core.agreement.places import TomlFile
from brightline.core.agreement.polarity import Polarity, check_polarity
from brightline.core.agreement.prose import folded, pinned_prose, stands_in
from brightline.core.agreement.wire import (
    AuthorityTable,
    ClauseTable,
    ExampleTable,
    FactTable,
    LimitTable,
    PatternTable,
    RungTable,
    TopTable,
)
from brightline.core.canonical import JsonValue, canonical_bytes
from brightline.core.facts import UNKNOWN, Facts, FactSpec, Formerly, Source, Vocabulary
from brightline.core.toml import Table

FORMAT: Final = "brightline-agreement/1"

_RESERVED: Final = frozenset({"and", "or", "not", "approvals"})
_WINDOW: Final = re.compile(r"([1-9][0-9]{0,3})(s|min|h|d)")
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


# ---- the way in --------------------------------------------------------------------------------------------


def load_agreement(toml_bytes: bytes, read_text: Callable[[str], bytes], name: str = "agreement.toml") -> Agreement:
    """Read and check an agreement.

    ``read_text`` returns the bytes of a file that stands beside the agreement, by its plain name (never a
    path); what it raises passes through. ``name`` is what errors call the file. Raises ``AgreementError``
    with ``file:line:column`` as far as it is known.
    """
    # 1
    file = TomlFile(toml_bytes, name)
    top = file.read(file.tree, TopTable, "")
    # 2
    prose = pinned_prose(file, top.prose, read_text(top.prose.path))
    # 3
    offices = tuple(Office(office, title) for office, title in top.offices.items())
    for office in top.organisations:
        if office not in top.offices:
            raise file.error("organisations", f"`{office}` is not an office", "declare it under [offices]")
    vocabulary = _vocabulary(file, tuple(_fact(file, fact, table, top.offices) for fact, table in top.fact.items()))
    authorities = tuple(_authority(file, key, table) for key, table in top.authority.items())
    # 4
    clauses = _Clauses(file, folded(prose.decode()), vocabulary, frozenset(top.offices), frozenset(top.authority))
    read = tuple(clauses.read(clause, table) for clause, table in top.clause.items())
    agreement = Agreement(
        id=top.id,
        version=top.version,
        digest=_digest(toml_bytes, prose),
        encoding=encoding_digest(read),
        parties=Parties(top.parties.provider, top.parties.customer),
        as_of=top.as_of,
        vocabulary=vocabulary,
        offices=offices,
        clauses=read,
        authorities=authorities,
        examples=tuple(_example(file, f"example[{i}]", table, vocabulary, top) for i, table in enumerate(top.example)),
        change=Change(top.change.tightening.proof, tuple(top.change.tightening.signers)),
        ladder=_ladder(file, top.ladder),
        limits=tuple(_limit(file, limit, table) for limit, table in top.limit.items()),
        reviews=tuple(top.encoding_review),
        prose=top.prose.path,
        patterns=tuple(_pattern(file, key, table, vocabulary) for key, table in top.pattern.items()),
        organisations=tuple(top.organisations.items()),
    )
    if not agreement.grants:
        raise file.error("clause", "no clause grants anything", 'write what is permitted: `grant = "..."`')
    # 5
    for i, example in enumerate(agreement.examples):
        _prove_example(file, f"example[{i}]", agreement, example)
    return agreement


def _digest(toml_bytes: bytes, prose: bytes) -> str:
    """SHA-256 over a domain, then each of the two files with its length before it (8 bytes, big-endian)."""
    digest = hashlib.sha256(FORMAT.encode() + b"\x00")
    for part in (toml_bytes, prose):
        digest.update(len(part).to_bytes(8, "big") + part)
    return f"sha256:{digest.hexdigest()}"


def encoding_digest(clauses: tuple[Clause, ...]) -> str:
    """The digest of what reviewers of the encoding sign: each clause's quote and formula, and nothing else."""
    rows: list[JsonValue] = [
        [clause.id, clause.kind.value, list(clause.quote), write(clause.condition), write(clause.that)]
        for clause in clauses
    ]
    return "sha256:" + hashlib.sha256(b"brightline-encoding/1\x00" + canonical_bytes(rows)).hexdigest()


# ---- 3: what is declared -----------------------------------------------------------------------------------


def _fact(file: TomlFile, name: str, table: Table, offices: Mapping[str, str]) -> FactSpec:
    path = f"fact.{name}"
    wire = file.read(table, FactTable, path)
    if name in _RESERVED:
        raise file.error(path, f"`{name}` is a word of the language of conditions", "give the fact another name")
    if UNKNOWN in wire.values or len(set(wire.values)) != len(wire.values):
        raise file.error(path, f"values {wire.values}", "name each value once; unknown is always one and is not named")
    if wire.good not in wire.values:
        raise file.error(path, f"the good value `{wire.good}` is none of {wire.values}", "add it to `values`")
    for office in wire.settled_by:
        if office not in offices:
            raise file.error(path, f"`{office}` in `settled_by` is not an office", "declare it under [offices]")
    if wire.settled_by and not {Source.DETECTOR, Source.PATTERN} & set(wire.set_by):
        mend = "people settle only what a detector or a pattern left open"
        raise file.error(path, "`settled_by` on a fact that no detector and no pattern sets", mend)
    if wire.needs and Source.REGISTRATION not in wire.set_by:
        raise file.error(path, "`needs` on a fact that no registration sets", "only registrations rest on registers")
    return FactSpec(
        name,
        wire.good,
        tuple(wire.values),
        frozenset(wire.set_by),
        tuple(wire.settled_by.items()),
        frozenset(wire.needs),
        _formerly(file, path, wire),
    )


def _vocabulary(file: TomlFile, specs: tuple[FactSpec, ...]) -> Vocabulary:
    """Each name belongs to one fact, former names included: two facts cannot change places."""
    names = {spec.name for spec in specs}
    former: set[str] = set()
    for spec in specs:
        for old in spec.formerly:
            if (old.name in names and old.name != spec.name) or old.name in former:
                mend = "a former name belongs to one fact, and to none of now"
                raise file.error(f"fact.{spec.name}", f"`{old.name}` names two facts", mend)
            former.add(old.name)
    return Vocabulary(specs)


def _formerly(file: TomlFile, path: str, wire: FactTable) -> tuple[Formerly, ...]:
    if wire.formerly is UNSET:
        return ()
    for old, new in wire.formerly.values.items():
        if new not in wire.values:
            raise file.error(path, f"`{old}` is now `{new}`, which is none of {wire.values}", "map it to a value")
    return (Formerly(wire.formerly.name, tuple(wire.formerly.values.items())),)


def _authority(file: TomlFile, key: str, table: Table) -> Authority:
    wire = file.read(table, AuthorityTable, f"authority.{key}")
    edition = wire.dated if wire.edition is UNSET else wire.edition
    if edition < wire.dated:
        raise file.error(f"authority.{key}", f"edition {edition} is before {wire.dated}", "correct the dates")
    return Authority(key, wire.cite, wire.dated, edition, "" if wire.sha256 is UNSET else wire.sha256)


_ACTS: Final = re.compile(
    r"refuse|record|hold unit|suspend unit|notify both parties|seal evidence|terminate|revoke keys"
    r"|cleared review within [1-9][0-9]{0,3} h"
)


def _ladder(file: TomlFile, tables: list[Table]) -> tuple[Rung, ...]:
    ladder = tuple(_rung(file, f"ladder[{i}]", table) for i, table in enumerate(tables))
    order = list(RungState)
    places = [order.index(rung.state) for rung in ladder]
    if places != sorted(set(places)):
        mend = f"write each once, in this order: {', '.join(order)}"
        raise file.error("ladder[0]", "the rungs are out of order", mend)
    return ladder


def _rung(file: TomlFile, path: str, table: Table) -> Rung:
    wire = file.read(table, RungTable, path)
    for act in wire.do:
        if not _ACTS.fullmatch(act):
            raise file.error(path, f"nothing here can do {act!r}", f"write one of {_ACTS.pattern}")
    tests: tuple[LadderTest, ...] = ()
    if wire.test is not UNSET:
        window_seconds = _window_seconds(file, path, wire.test.window)
        tests = (LadderTest(wire.test.alpha, window_seconds, wire.test.confirmed),)
    return Rung(wire.state, tuple(wire.do), tests, wire.cure_days, wire.appeal_days)


def _window_seconds(file: TomlFile, path: str, written: str) -> int:
    window = _WINDOW.fullmatch(written)
    if window is None:
        raise file.error(path, f"window {written!r}", "write a number and s, min, h or d, such as 24h")
    return int(window[1]) * _SECONDS[window[2]]


def _pattern(file: TomlFile, key: str, table: Table, vocabulary: Vocabulary) -> Pattern:
    path = f"pattern.{key}"
    wire = file.read(table, PatternTable, path)
    pattern = Pattern(
        id=key,
        fact=wire.fact,
        over=tuple(each for each in Over if each in wire.over),
        window_seconds=_window_seconds(file, path, wire.window),
        subjects=wire.subjects,
        touching=tuple(each for each in Touches if each in wire.touching),
        joins=wire.joins,
        days=wire.days,
        notice=0 if wire.notice is UNSET else wire.notice,
        says=wire.says,
        us_persons=wire.us_persons,
        counts=wire.counts,
        units=wire.units,
        inquiries=wire.inquiries,
    )
    if why := why_not(pattern, vocabulary):
        raise file.error(path, why, "correct the pattern, or who may set the fact")
    return pattern


def _limit(file: TomlFile, key: str, table: Table) -> Limit:
    path = f"limit.{key}"
    wire = file.read(table, LimitTable, path)
    if key not in KNOWN:
        raise file.error(path, f"nothing enforces a limit `{key}`", f"known are {', '.join(sorted(KNOWN))}")
    if wire.tighter is not KNOWN[key].tighter:
        raise file.error(path, f"tighter is {wire.tighter}", f"of `{key}` it is {KNOWN[key].tighter}")
    return Limit(key, wire.value, wire.tighter, KNOWN[key].says if wire.says is UNSET else wire.says)


# ---- 4: clauses --------------------------------------------------------------------------------------------


_PART: Final = dict.fromkeys(ClauseKind, Part.CONTRACT) | {ClauseKind.REDLINE: Part.RED_LINE}


class _Clauses(msgspec.Struct, frozen=True):
    """What each clause is checked against; ``prose`` is folded."""

    file: TomlFile
    prose: str
    vocabulary: Vocabulary
    offices: frozenset[str]
    authorities: frozenset[str]

    def read(self, key: str, table: Table) -> Clause:
        path = f"clause.{key}"
        wire = self.file.read(table, ClauseTable, path)
        for quote in wire.quote:
            plain = folded(quote)
            if not plain or not stands_in(self.prose, plain):
                mend = "copy a span of whole words from the prose"
                raise self.file.error(f"{path}.quote", f"{quote!r} does not stand in the prose", mend)
        for authority in wire.authority:
            if authority not in self.authorities:
                mend = "declare it under [authority]"
                raise self.file.error(f"{path}.authority", f"`{authority}` is not an authority", mend)
        kind, condition, that = self._rule(path, wire)
        return Clause(
            key,
            kind,
            tuple(wire.quote),
            condition,
            that,
            tuple(wire.authority),
            part=_PART[kind] if wire.part is UNSET else wire.part,
            says="" if wire.says is UNSET else wire.says,
            assumes=tuple(wire.assumes),
            controls=tuple(wire.controls),
            tests=tuple(wire.tests),
        )

    def _rule(self, path: str, wire: ClauseTable) -> tuple[ClauseKind, Condition, Condition]:
        texts = {ClauseKind.REDLINE: wire.redline, ClauseKind.DENY: wire.deny, ClauseKind.GRANT: wire.grant}
        given = [(kind, text) for kind, text in texts.items() if isinstance(text, str)]
        rules = len(given) + (wire.require is not UNSET)
        if rules != 1:
            mend = "a clause has exactly one of redline, deny, grant and require"
            raise self.file.error(path, f"{rules} rules in one clause", mend)
        if wire.require is not UNSET:
            when = self._condition(f"{path}.require.when", wire.require.when, Polarity.RESTRICTS)
            that = self._condition(f"{path}.require.that", wire.require.that, Polarity.APPROVES)
            return ClauseKind.REQUIRE, when, that
        kind, text = given[0]
        polarity = Polarity.GRANTS if kind is ClauseKind.GRANT else Polarity.RESTRICTS
        return kind, self._condition(f"{path}.{kind}", text, polarity), NEVER

    def _condition(self, path: str, text: str, polarity: Polarity) -> Condition:
        def locate(column: int) -> str:
            return self.file.where_in(path, text, column)

        condition = parse(text, locate)
        check_polarity(condition, polarity, self.vocabulary, self.offices, locate)
        return condition


# ---- 5: worked examples ------------------------------------------------------------------------------------


def _example(file: TomlFile, path: str, table: Table, vocabulary: Vocabulary, top: TopTable) -> Example:
    wire = file.read(table, ExampleTable, path)
    for name, value in wire.facts.items():
        if name not in vocabulary:
            raise file.error(path, f"`{name}` is not a fact of this agreement", "declare it in [fact]")
        if value not in (*vocabulary.spec(name).values, UNKNOWN):
            raise file.error(path, f"`{name}` has no value `{value}`", "use one of its values, or unknown")
    for office in wire.approvals:
        if office not in top.offices:
            raise file.error(path, f"`{office}` is not an office", "declare it in [offices]")
    for clause in wire.clauses:
        if clause not in top.clause:
            raise file.error(path, f"`{clause}` is not a clause", "name a clause of this agreement")
    facts = Facts.of({spec.name: spec.good for spec in vocabulary.specs} | wire.facts)
    return Example(wire.name, facts, tuple(wire.approvals.items()), wire.verdict, tuple(wire.clauses))


def _prove_example(file: TomlFile, path: str, agreement: Agreement, example: Example) -> None:
    decision = decide(agreement, example.facts, dict(example.approvals))
    right = decision.verdict is example.verdict and example.clauses in ((), decision.clauses)
    if not right:
        found = f"{decision.verdict} by {', '.join(decision.clauses) or 'no clause'}"
        wanted = f"{example.verdict}" + (f" by {', '.join(example.clauses)}" if example.clauses else "")
        mend = "the clauses do not say what the example says: correct one of them"
        raise file.error(path, f"the example {example.name!r} gives {found}, not {wanted}", mend)
