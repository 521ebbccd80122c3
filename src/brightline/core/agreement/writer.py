# SPDX-License-Identifier: Apache-2.0
"""An ``Agreement`` → its file: TOML 1.0 in the shapes of ``wire.py``, and no others.

For agreements that a program makes, such as a merge; what people write keeps their own layout and comments. Reading
back what was written gives an equal agreement, digest apart. Nothing here writes what ``load.py`` would not read.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from brightline.core.agreement.clause import Agreement, Authority, Clause, ClauseKind, Example, LadderTest, Limit, Rung
from brightline.core.agreement.condition import write
from brightline.core.agreement.pattern import Counts, Pattern, window_words
from brightline.core.facts import NO, YES, FactSpec, Source

_UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
_LINE_CHARS_MAX: Final = 118
_BARE_KEY: Final = re.compile(r"[A-Za-z0-9_-]+")


def write_agreement(agreement: Agreement, prose_sha256: str, comment: str = "") -> str:
    """Return the text of ``agreement.toml``; ``prose_sha256`` is the digest (hex) of the prose that it pins.

    ``comment`` stands at the top, each of its lines as a comment.
    """
    blocks = [
        _head(agreement, prose_sha256, comment),
        _table("offices", ((office.id, string(office.title)) for office in agreement.offices)),
        *(
            [_table("organisations", ((office, str(count)) for office, count in agreement.organisations))]
            if agreement.organisations
            else []
        ),
        _table("fact", ((spec.name, _fact(spec)) for spec in agreement.vocabulary.specs)),
        _table("authority", ((authority.id, _authority(authority)) for authority in agreement.authorities)),
        *(_clause(clause) for clause in agreement.clauses),
        _change(agreement),
        *(_rung(rung) for rung in agreement.ladder),
        *(_example(agreement, example) for example in agreement.examples),
    ]
    if agreement.limits:
        blocks.append(_table("limit", ((limit.id, _limit(limit)) for limit in agreement.limits)))
    blocks += [_pattern(pattern) for pattern in agreement.patterns]
    return "\n\n".join(blocks) + "\n"


# ---- values ------------------------------------------------------------------------------------------------------


def string(text: str) -> str:
    """A TOML basic string: quotes, backslashes and control characters escaped (TOML 1.0, "String")."""
    return '"' + "".join(_escaped(char) for char in text) + '"'


def _escaped(char: str) -> str:
    if char in '"\\':
        return "\\" + char
    return f"\\u{ord(char):04X}" if ord(char) < 0x20 or ord(char) == 0x7F else char


def array(texts: Iterable[str]) -> str:
    """A TOML array of strings; one item on a line where they do not fit on one."""
    items = [string(text) for text in texts]
    line = f"[{', '.join(items)}]"
    return line if len(line) < _LINE_CHARS_MAX else "[\n" + "".join(f"  {item},\n" for item in items) + "]"


def inline(members: Mapping[str, str]) -> str:
    """A TOML inline table of values that are written already, on one line."""
    return "{ " + ", ".join(f"{_key(key)} = {value}" for key, value in members.items()) + " }" if members else "{}"


def _key(name: str) -> str:
    return name if _BARE_KEY.fullmatch(name) else string(name)


def _table(header: str, members: Iterable[tuple[str, str]]) -> str:
    return "\n".join([f"[{header}]", *(f"{_key(key)} = {value}" for key, value in members)])


def _flat(texts: Iterable[str]) -> str:
    return f"[{', '.join(string(text) for text in texts)}]"


# ---- the parts of the file ---------------------------------------------------------------------------------------


def _head(agreement: Agreement, prose_sha256: str, comment: str) -> str:
    parties = {"provider": string(agreement.parties.provider), "customer": string(agreement.parties.customer)}
    return "\n".join(
        [
            *(f"# {line}".rstrip() for line in comment.splitlines()),
            'format = "brightline-agreement/1"',
            f"id = {string(agreement.id)}",
            f"version = {agreement.version}",
            f"parties = {inline(parties)}",
            f"as_of = {agreement.as_of.isoformat()}",
            f"prose = {inline({'path': string(agreement.prose), 'sha256': string(prose_sha256)})}",
            f"encoding_review = {_flat(agreement.reviews)}",
            *(() if agreement.ladder else ("ladder = []",)),
        ]
    )


def _fact(spec: FactSpec) -> str:
    members = {"good": string(spec.good)}
    if spec.values != (YES, NO):
        members["values"] = _flat(spec.values)
    members["set_by"] = _flat(source.value for source in Source if source in spec.set_by)
    if spec.settled_by:
        members["settled_by"] = inline({office: str(count) for office, count in spec.settled_by})
    if spec.needs:
        members["needs"] = _flat(sorted(spec.needs))
    for old in spec.formerly:
        values = {was: string(now) for was, now in old.values}
        members["formerly"] = inline({"name": string(old.name), "values": inline(values)})
    return inline(members)


def _authority(authority: Authority) -> str:
    members = {"cite": string(authority.cite), "dated": authority.dated.isoformat()}
    if authority.edition != authority.dated:
        members["edition"] = authority.edition.isoformat()
    if authority.sha256:
        members["sha256"] = string(authority.sha256)
    return inline(members)


def _clause(clause: Clause) -> str:
    condition = string(write(clause.condition))
    rule = (
        inline({"when": condition, "that": string(write(clause.that))})
        if clause.kind is ClauseKind.REQUIRE
        else condition
    )
    members = [("quote", array(clause.quote)), (clause.kind.value, rule)]
    if clause.authorities:
        members.append(("authority", array(clause.authorities)))
    members.append(("part", string(clause.part)))
    if clause.says:
        members.append(("says", string(clause.says)))
    lists = (("assumes", clause.assumes), ("controls", clause.controls), ("tests", clause.tests))
    members += [(name, array(texts)) for name, texts in lists if texts]
    return _table(f"clause.{clause.id}", members)


def _change(agreement: Agreement) -> str:
    tightening = {"proof": string(agreement.change.proof), "signers": _flat(agreement.change.signers)}
    rest = ("loosening", string("refused")), ("unknown", string("refused"))
    return _table("change", (("tightening", inline(tightening)), *rest))


def _limit(limit: Limit) -> str:
    members = {"value": str(limit.value), "tighter": string(limit.tighter)}
    if limit.says:
        members["says"] = string(limit.says)
    return inline(members)


def _pattern(pattern: Pattern) -> str:
    members = [
        ("fact", string(pattern.fact)),
        *([("counts", string(pattern.counts))] if pattern.counts is not Counts.PEOPLE else []),
        ("over", _flat(pattern.over)),
        ("window", string(window_words(pattern.window_seconds))),
        ("subjects", str(pattern.subjects)),
        ("touching", _flat(pattern.touching)),
    ]
    numbers = (
        ("joins", pattern.joins, 0),
        ("days", pattern.days, 1),
        ("units", pattern.units, 0),
        ("notice", pattern.notice, 0),
    )
    members += [(name, str(value)) for name, value, silent in numbers if value != silent]
    if pattern.us_persons:
        members.append(("us_persons", "true"))
    if pattern.inquiries:
        members.append(("inquiries", "true"))
    return _table(f"pattern.{pattern.id}", [*members, ("says", string(pattern.says))])


def _rung(rung: Rung) -> str:
    members = [("state", string(rung.state)), ("do", array(rung.do))]
    members += [("test", _ladder_test(test)) for test in rung.tests]
    members += [(name, str(days)) for name, days in _days(rung) if days]
    return _table("ladder", members).replace("[ladder]", "[[ladder]]", 1)


def _days(rung: Rung) -> Iterator[tuple[str, int]]:
    yield "cure_days", rung.cure_days
    yield "appeal_days", rung.appeal_days


def _ladder_test(test: LadderTest) -> str:
    size, unit = next((size, unit) for size, unit in _UNITS if test.window_seconds % size == 0)
    window = string(f"{test.window_seconds // size}{unit}")
    return inline({"alpha": repr(test.alpha), "window": window, "confirmed": str(test.confirmed)})


def _example(agreement: Agreement, example: Example) -> str:
    bad = {name: string(v) for name, v in example.facts.items() if v != agreement.vocabulary.spec(name).good}
    members = [("name", string(example.name))]
    if bad:
        members.append(("facts", inline(bad)))
    if example.approvals:
        members.append(("approvals", inline({office: str(count) for office, count in example.approvals})))
    members.append(("verdict", string(example.verdict)))
    if example.clauses:
        members.append(("clauses", array(example.clauses)))
    return _table("example", members).replace("[example]", "[[example]]", 1)
