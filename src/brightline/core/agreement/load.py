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

import datetime
import hashlib
import re
import tomllib
import unicodedata
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from brightline.core.agreement.clause import (
    Agreement,
    Authority,
    Change,
    Clause,
    ClauseKind,
    Example,
    LadderTest,
    Office,
    Parties,
    Rung,
    Verdict,
)
from brightline.core.agreement.condition import NEVER, Condition, Polarity, check_polarity, parse
from brightline.core.agreement.decide import decide
from brightline.core.errors import AgreementError
from brightline.core.facts import NO, UNKNOWN, YES, Facts, FactSpec, Source, Vocabulary

FORMAT: Final = "brightline-agreement/1"
FILE_BYTES_MAX: Final = 1024 * 1024
PROSE_BYTES_MAX: Final = 4 * 1024 * 1024

_RESERVED: Final = frozenset({"and", "or", "not", "approvals"})
_WINDOW: Final = re.compile(r"([1-9][0-9]{0,3})(s|min|h|d)")
_SECONDS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


# ---- the shape of the file ---------------------------------------------------------------------------------

_Word = Annotated[str, Meta(pattern=r"\A[a-z][a-z0-9_]{0,63}\Z")]
_Id = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z")]
_Value = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9_.:-]{1,64}\Z")]
_Line = Annotated[str, Meta(min_length=1, max_length=300)]
_Hex = Annotated[str, Meta(pattern=r"\A[0-9a-f]{64}\Z")]
_FileName = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]{0,127}\Z")]  # never a path that leaves
_Text = Annotated[str, Meta(min_length=1, max_length=4096)]
_Count = Annotated[int, Meta(ge=1, le=99)]


class _Wire(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Base of what stands in the file; it ends at this file's border."""


class _Parties(_Wire, frozen=True):
    provider: _Line
    customer: _Line


class _Prose(_Wire, frozen=True):
    path: _FileName
    sha256: _Hex


class _Fact(_Wire, frozen=True):
    good: _Value
    set_by: Annotated[list[Source], Meta(min_length=1, max_length=len(Source))]
    values: Annotated[list[_Value], Meta(min_length=2, max_length=16)] = msgspec.field(
        default_factory=lambda: [YES, NO]
    )
    settled_by: Annotated[dict[_Word, _Count], Meta(max_length=16)] = msgspec.field(default_factory=dict)


class _Authority(_Wire, frozen=True):
    cite: _Line
    dated: datetime.date
    edition: datetime.date | UnsetType = UNSET
    sha256: _Hex | UnsetType = UNSET


class _Require(_Wire, frozen=True):
    when: _Text
    that: _Text


class _Clause(_Wire, frozen=True):
    quote: Annotated[list[_Text], Meta(min_length=1, max_length=32)]
    redline: _Text | UnsetType = UNSET
    deny: _Text | UnsetType = UNSET
    grant: _Text | UnsetType = UNSET
    require: _Require | UnsetType = UNSET
    authority: Annotated[list[_Id], Meta(max_length=64)] = msgspec.field(default_factory=list)


class _Tightening(_Wire, frozen=True):
    proof: Literal["no-weaker"]
    signers: Annotated[list[_Id], Meta(min_length=1, max_length=64)]


class _Change(_Wire, frozen=True):
    """Only one way to change is spoken: a proved tightening. Whatever else a file says is refused."""

    tightening: _Tightening
    loosening: Literal["refused"]
    unknown: Literal["refused"]


class _LadderTest(_Wire, frozen=True):
    alpha: Annotated[float, Meta(gt=0, lt=1)]
    window: _Line
    confirmed: Annotated[int, Meta(ge=1, le=1_000_000)]


class _Rung(_Wire, frozen=True):
    state: _Line
    do: Annotated[list[_Line], Meta(min_length=1, max_length=64)]
    test: _LadderTest | UnsetType = UNSET


class _Example(_Wire, frozen=True):
    name: _Line
    verdict: Verdict
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    approvals: dict[str, Annotated[int, Meta(ge=0, le=9999)]] = msgspec.field(default_factory=dict)
    clauses: Annotated[list[str], Meta(max_length=1000)] = msgspec.field(default_factory=list)


_Table = dict[str, Any]  # of the parser; each goes through ``_File.read`` before anything looks at it


class _Top(_Wire, frozen=True):
    format: Literal["brightline-agreement/1"]
    id: _Id
    parties: _Parties
    as_of: datetime.date
    prose: _Prose
    encoding_review: list[str]
    offices: Annotated[dict[_Word, _Line], Meta(max_length=64)]
    fact: Annotated[dict[_Word, _Table], Meta(min_length=1, max_length=256)]
    authority: Annotated[dict[_Id, _Table], Meta(max_length=256)]
    clause: Annotated[dict[_Id, _Table], Meta(min_length=1, max_length=1000)]
    change: _Change
    ladder: Annotated[list[_Table], Meta(max_length=32)]
    example: Annotated[list[_Table], Meta(min_length=1, max_length=1000)]


# ---- the way in --------------------------------------------------------------------------------------------


def load_agreement(toml_bytes: bytes, read_text: Callable[[str], bytes], name: str = "agreement.toml") -> Agreement:
    """Read and check an agreement.

    ``read_text`` returns the bytes of a file that stands beside the agreement, by its plain name (never a
    path); what it raises passes through. ``name`` is what errors call the file. Raises ``AgreementError``
    with ``file:line:column`` as far as it is known.
    """
    # 1
    file = _File(toml_bytes, name)
    top = file.read(file.tree, _Top, "")
    if top.encoding_review:
        raise file.error("encoding_review", "signatures of a review are not verified here", "leave it empty")
    # 2
    prose = _pinned_prose(file, top.prose, read_text(top.prose.path))
    # 3
    offices = tuple(Office(office, title) for office, title in top.offices.items())
    vocabulary = Vocabulary(tuple(_fact(file, fact, table, top.offices) for fact, table in top.fact.items()))
    authorities = tuple(_authority(file, key, table) for key, table in top.authority.items())
    # 4
    clauses = _Clauses(file, _folded(prose.decode()), vocabulary, frozenset(top.offices), frozenset(top.authority))
    agreement = Agreement(
        id=top.id,
        digest=_digest(toml_bytes, prose),
        parties=Parties(top.parties.provider, top.parties.customer),
        as_of=top.as_of,
        vocabulary=vocabulary,
        offices=offices,
        clauses=tuple(clauses.read(clause, table) for clause, table in top.clause.items()),
        authorities=authorities,
        examples=tuple(_example(file, f"example[{i}]", table, vocabulary, top) for i, table in enumerate(top.example)),
        change=Change(top.change.tightening.proof, tuple(top.change.tightening.signers)),
        ladder=tuple(_rung(file, f"ladder[{i}]", table) for i, table in enumerate(top.ladder)),
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


# ---- 2: the prose ------------------------------------------------------------------------------------------


def _pinned_prose(file: _File, pinned: _Prose, prose: bytes) -> bytes:
    if len(prose) > PROSE_BYTES_MAX:
        raise file.error("prose", f"{pinned.path} has {len(prose)} bytes", f"at most {PROSE_BYTES_MAX} are read")
    found = hashlib.sha256(prose).hexdigest()
    if found != pinned.sha256:
        mend = "restore the file, or pin the new text under a new agreement id"
        raise file.error("prose", f"{pinned.path} has SHA-256 {found}, not {pinned.sha256}", mend)
    try:
        prose.decode()
    except UnicodeDecodeError as error:
        raise file.error("prose", f"{pinned.path} is not UTF-8 at byte {error.start}", "save it as UTF-8") from error
    return prose


_QUOTES_AND_HYPHENS: Final = str.maketrans(
    {"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2010": "-", "\u2011": "-", "\u00ad": None}
)


def _folded(text: str) -> str:
    """NFKC (Unicode UAX #15), then quotes and hyphens folded and white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).translate(_QUOTES_AND_HYPHENS).split())


def _stands_in(prose: str, quote: str) -> bool:
    """Whether the quote is a span of whole words: "lawful use" is not quoted from "unlawful use"."""
    at = prose.find(quote)
    while at >= 0:
        end = at + len(quote)
        if not (_joins(prose, at) or _joins(prose, end)):
            return True
        at = prose.find(quote, at + 1)
    return False


def _joins(prose: str, at: int) -> bool:
    return 0 < at < len(prose) and prose[at - 1].isalnum() and prose[at].isalnum()


# ---- 3: what is declared -----------------------------------------------------------------------------------


def _fact(file: _File, name: str, table: _Table, offices: Mapping[str, str]) -> FactSpec:
    path = f"fact.{name}"
    wire = file.read(table, _Fact, path)
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
    return FactSpec(name, wire.good, tuple(wire.values), frozenset(wire.set_by), tuple(wire.settled_by.items()))


def _authority(file: _File, key: str, table: _Table) -> Authority:
    wire = file.read(table, _Authority, f"authority.{key}")
    edition = wire.dated if wire.edition is UNSET else wire.edition
    if edition < wire.dated:
        raise file.error(f"authority.{key}", f"edition {edition} is before {wire.dated}", "correct the dates")
    return Authority(key, wire.cite, wire.dated, edition, "" if wire.sha256 is UNSET else wire.sha256)


def _rung(file: _File, path: str, table: _Table) -> Rung:
    wire = file.read(table, _Rung, path)
    if wire.test is UNSET:
        return Rung(wire.state, tuple(wire.do))
    window = _WINDOW.fullmatch(wire.test.window)
    if window is None:
        raise file.error(path, f"window {wire.test.window!r}", "write a number and s, min, h or d, such as 24h")
    seconds = int(window[1]) * _SECONDS[window[2]]
    return Rung(wire.state, tuple(wire.do), (LadderTest(wire.test.alpha, seconds, wire.test.confirmed),))


# ---- 4: clauses --------------------------------------------------------------------------------------------


class _Clauses(msgspec.Struct, frozen=True):
    """What each clause is checked against; ``prose`` is folded."""

    file: _File
    prose: str
    vocabulary: Vocabulary
    offices: frozenset[str]
    authorities: frozenset[str]

    def read(self, key: str, table: _Table) -> Clause:
        path = f"clause.{key}"
        wire = self.file.read(table, _Clause, path)
        for quote in wire.quote:
            folded = _folded(quote)
            if not folded or not _stands_in(self.prose, folded):
                mend = "copy a span of whole words from the prose"
                raise self.file.error(f"{path}.quote", f"{quote!r} does not stand in the prose", mend)
        for authority in wire.authority:
            if authority not in self.authorities:
                mend = "declare it under [authority]"
                raise self.file.error(f"{path}.authority", f"`{authority}` is not an authority", mend)
        kind, condition, that = self._rule(path, wire)
        return Clause(key, kind, tuple(wire.quote), condition, that, tuple(wire.authority))

    def _rule(self, path: str, wire: _Clause) -> tuple[ClauseKind, Condition, Condition]:
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


def _example(file: _File, path: str, table: _Table, vocabulary: Vocabulary, top: _Top) -> Example:
    wire = file.read(table, _Example, path)
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


def _prove_example(file: _File, path: str, agreement: Agreement, example: Example) -> None:
    decision = decide(agreement, example.facts, dict(example.approvals))
    right = decision.verdict is example.verdict and example.clauses in ((), decision.clauses)
    if not right:
        found = f"{decision.verdict} by {', '.join(decision.clauses) or 'no clause'}"
        wanted = f"{example.verdict}" + (f" by {', '.join(example.clauses)}" if example.clauses else "")
        mend = "the clauses do not say what the example says: correct one of them"
        raise file.error(path, f"the example {example.name!r} gives {found}, not {wanted}", mend)


# ---- places ------------------------------------------------------------------------------------------------

_T = TypeVar("_T")
_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([A-Za-z0-9_.-]+)\s*\]")
_KEY: Final = re.compile(r"(\s*)([A-Za-z0-9_-]+)\s*=")


class _File:
    """The parsed file, and where in it each key stands, for errors.

    Places come from a scan by lines that knows headers and bare keys at the beginning of a line. It may miss
    one (in a string of several lines, a quoted key); then the error names the table around it.
    """

    def __init__(self, toml_bytes: bytes, name: str) -> None:
        self.name = name
        if len(toml_bytes) > FILE_BYTES_MAX:
            raise AgreementError(f"{len(toml_bytes)} bytes", name, f"at most {FILE_BYTES_MAX} are read")
        try:
            self.text = toml_bytes.decode()
            self.tree: _Table = tomllib.loads(self.text)
        except UnicodeDecodeError as error:
            raise AgreementError(f"not UTF-8 at byte {error.start}", name, "save the file as UTF-8") from error
        except tomllib.TOMLDecodeError as error:
            at = re.search(r" \(at line (\d+), column (\d+)\)$", str(error))
            where = f"{name}:{at[1]}:{at[2]}" if at else name
            raise AgreementError(str(error).removesuffix(at[0] if at else ""), where, "correct the TOML") from error
        except RecursionError as error:
            raise AgreementError("nested too deep", name, "flatten the file") from error
        self._at = _places(self.text)

    def read(self, value: object, shape: type[_T], path: str) -> _T:
        """Return the value in the shape, or say at which key it has another."""
        try:
            return msgspec.convert(value, shape)
        except msgspec.ValidationError as error:
            message, _, at = str(error).partition(" - at `$")
            message = message.removeprefix("Object contains ").removeprefix("Object ")
            inner = path + at.removesuffix("`").replace("[...]", "")
            unknown = re.search(r"unknown field `([^`]*)`", message)
            key = f"{inner}.{unknown[1]}" if unknown else inner
            found = f"{key.lstrip('.')}: {message}" if key else message
            raise self.error(key.lstrip("."), found, "correct or remove the key") from error

    def error(self, path: str, message: str, mend: str) -> AgreementError:
        return AgreementError(message, self.where(path), mend)

    def where(self, path: str) -> str:
        """``file:line:column`` of a key, or of what is around it as far as known."""
        at = self._offset(path)
        return self.name if at < 0 else self._line_column(at)

    def where_in(self, path: str, value: str, column: int) -> str:
        """``file:line:column`` of a column (from 1) of a string that stands at a key."""
        begin = self._offset(path)
        end = min((at for at in self._at.values() if at > begin), default=len(self.text))
        at = self.text.find(value, begin, end) if begin >= 0 else -1
        return self.where(path) if at < 0 else self._line_column(at + column - 1)

    def _offset(self, path: str) -> int:
        while path:
            if path in self._at:
                return self._at[path]
            path = path[: max(path.rfind("."), path.rfind("["), 0)]
        return -1

    def _line_column(self, at: int) -> str:
        begin = self.text.rfind("\n", 0, at) + 1
        return f"{self.name}:{self.text.count(chr(10), 0, at) + 1}:{at - begin + 1}"


def _places(text: str) -> dict[str, int]:
    places: dict[str, int] = {}
    seen: dict[str, int] = {}
    table, at = "", 0
    for line in text.splitlines(keepends=True):
        if header := _HEADER.match(line):
            table = header[2]
            if header[1] == "[[":
                seen[table] = seen.get(table, -1) + 1
                table = f"{table}[{seen[table]}]"
            places.setdefault(table, at + header.start(1))
        elif key := _KEY.match(line):
            places.setdefault(f"{table}.{key[2]}".lstrip("."), at + key.start(2))
        at += len(line)
    return places
