# SPDX-License-Identifier: Apache-2.0
"""The shape of an agreement's file: every table and key that it may have, with their limits.

These shapes end where ``load.py`` turns them into an ``Agreement``. Unknown keys are refused at each level. What was
added to the format after its first version may be left out; ``lint.py`` says what is then missing.
"""

from __future__ import annotations

import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from brightline.core.agreement.clause import Part, RungState, Tighter, Verdict
from brightline.core.agreement.pattern import SUBJECTS_MAX, Counts, Over, Touches
from brightline.core.facts import NO, YES, Register, Source
from brightline.core.toml import Table

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


class ProseTable(_Wire, frozen=True):
    path: _FileName
    sha256: _Hex


class FormerlyTable(_Wire, frozen=True):
    name: _Word
    values: Annotated[dict[_Value, _Value], Meta(max_length=16)] = msgspec.field(default_factory=dict)


class FactTable(_Wire, frozen=True):
    good: _Value
    set_by: Annotated[list[Source], Meta(min_length=1, max_length=len(Source))]
    values: Annotated[list[_Value], Meta(min_length=2, max_length=16)] = msgspec.field(
        default_factory=lambda: [YES, NO]
    )
    settled_by: Annotated[dict[_Word, _Count], Meta(max_length=16)] = msgspec.field(default_factory=dict)
    needs: Annotated[list[Register], Meta(max_length=len(Register))] = msgspec.field(default_factory=list)
    formerly: FormerlyTable | UnsetType = UNSET


class AuthorityTable(_Wire, frozen=True):
    cite: _Line
    dated: datetime.date
    edition: datetime.date | UnsetType = UNSET
    sha256: _Hex | UnsetType = UNSET


class _Require(_Wire, frozen=True):
    when: _Text
    that: _Text


class ClauseTable(_Wire, frozen=True):
    quote: Annotated[list[_Text], Meta(min_length=1, max_length=32)]
    redline: _Text | UnsetType = UNSET
    deny: _Text | UnsetType = UNSET
    grant: _Text | UnsetType = UNSET
    require: _Require | UnsetType = UNSET
    authority: Annotated[list[_Id], Meta(max_length=64)] = msgspec.field(default_factory=list)
    part: Part | UnsetType = UNSET
    says: _Text | UnsetType = UNSET
    assumes: Annotated[list[_Text], Meta(max_length=16)] = msgspec.field(default_factory=list)
    controls: Annotated[list[_Word], Meta(max_length=32)] = msgspec.field(default_factory=list)
    tests: Annotated[list[_Line], Meta(max_length=64)] = msgspec.field(default_factory=list)


class _Tightening(_Wire, frozen=True):
    proof: Literal["no-weaker"]
    signers: Annotated[list[_Id], Meta(min_length=1, max_length=64)]


class _Change(_Wire, frozen=True):
    """Only one way to change is spoken: a proved tightening. Whatever else a file says is refused."""

    tightening: _Tightening
    loosening: Literal["refused"]
    unknown: Literal["refused"]


class LimitTable(_Wire, frozen=True):
    value: Annotated[int, Meta(ge=0, le=1_000_000_000)]
    tighter: Tighter
    says: _Line | UnsetType = UNSET


_People = Annotated[int, Meta(ge=1, le=SUBJECTS_MAX)]


class PatternTable(_Wire, frozen=True):
    fact: _Word
    over: Annotated[list[Over], Meta(min_length=1, max_length=len(Over))]
    window: _Line
    subjects: _People
    says: _Text
    touching: Annotated[list[Touches], Meta(min_length=1, max_length=len(Touches))] = msgspec.field(
        default_factory=lambda: list(Touches)
    )
    joins: Annotated[int, Meta(ge=0, le=len(Touches))] = 0
    days: Annotated[int, Meta(ge=1, le=30)] = 1
    notice: _People | UnsetType = UNSET
    us_persons: bool = False
    counts: Counts = Counts.PEOPLE
    units: Annotated[int, Meta(ge=0, le=1_000)] = 0
    inquiries: bool = False


class _LadderTest(_Wire, frozen=True):
    alpha: Annotated[float, Meta(gt=0, lt=1)]
    window: _Line
    confirmed: Annotated[int, Meta(ge=1, le=1_000_000)]


class RungTable(_Wire, frozen=True):
    state: RungState
    do: Annotated[list[_Line], Meta(min_length=1, max_length=64)]
    test: _LadderTest | UnsetType = UNSET
    cure_days: Annotated[int, Meta(ge=0, le=366)] = 0
    appeal_days: Annotated[int, Meta(ge=0, le=366)] = 0


class ExampleTable(_Wire, frozen=True):
    name: _Line
    verdict: Verdict
    facts: dict[str, str] = msgspec.field(default_factory=dict)
    approvals: dict[str, Annotated[int, Meta(ge=0, le=9999)]] = msgspec.field(default_factory=dict)
    clauses: Annotated[list[str], Meta(max_length=1000)] = msgspec.field(default_factory=list)


class TopTable(_Wire, frozen=True):
    format: Literal["brightline-agreement/1"]
    id: _Id
    parties: _Parties
    as_of: datetime.date
    prose: ProseTable
    encoding_review: Annotated[list[_FileName], Meta(max_length=16)]
    offices: Annotated[dict[_Word, _Line], Meta(max_length=64)]
    fact: Annotated[dict[_Word, Table], Meta(min_length=1, max_length=256)]
    authority: Annotated[dict[_Id, Table], Meta(max_length=256)]
    clause: Annotated[dict[_Id, Table], Meta(min_length=1, max_length=1000)]
    change: _Change
    ladder: Annotated[list[Table], Meta(max_length=32)]
    example: Annotated[list[Table], Meta(min_length=1, max_length=1000)]
    version: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    limit: Annotated[dict[_Word, Table], Meta(max_length=64)] = msgspec.field(default_factory=dict)
    pattern: Annotated[dict[_Word, Table], Meta(max_length=32)] = msgspec.field(default_factory=dict)
    organisations: Annotated[dict[_Word, Annotated[int, Meta(ge=2, le=99)]], Meta(max_length=64)] = msgspec.field(
        default_factory=dict
    )
