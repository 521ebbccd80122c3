# SPDX-License-Identifier: Apache-2.0
"""An agreement in the words of compliance tools: OSCAL 1.2 (NIST), JSON, as plain values.

    catalog               each clause is a control: its quote is the statement, its worked examples the objectives
    component definition  the gateway, and each control of the product, with the clauses that it implements
    assessment results    what was run and proved (observations, by digest), and a finding for each clause

The documents refer to one another by name in their back matter. UUIDs are of version 5 (RFC 9562, section 5.5) over
the agreement's digest, and times are passed in, so that the same agreement gives the same bytes. Markup fields hold
Markdown in OSCAL, so all text is escaped. The JSON schemas are followed; the Metaschema constraints beyond them, which
only NIST's own tool checks, are not checked here.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import Final

from brightline.core.agreement.aloud import plain
from brightline.core.agreement.assess import ClauseFinding, Observation, prove_theorems
from brightline.core.agreement.book import Book, Carrier, Entry, Worked, make_book
from brightline.core.agreement.book_markdown import escape
from brightline.core.agreement.clause import Agreement, Part
from brightline.core.canonical import JsonValue, digest
from brightline.core.errors import AgreementError

OSCAL_VERSION: Final = "1.2.1"
NAMESPACE: Final = "https://brightline.example/ns/oscal"  # a name and no address: .example resolves nowhere (RFC 2606)
CATALOG_HREF: Final = "catalog.json"

_UUIDS: Final = uuid.uuid5(uuid.NAMESPACE_URL, NAMESPACE)
_EMPTY: Final = "–"

Json = dict[str, JsonValue]


# ---- the documents -----------------------------------------------------------------------------------------------


def catalog(agreement: Agreement, at: str) -> Json:
    """The clauses as an OSCAL catalog, grouped by where they come from. ``at`` is ``last-modified`` (RFC 3339).

    Raises ``AgreementError`` only as ``make_book`` does.
    """
    book = make_book(agreement)
    groups: list[JsonValue] = []
    for part in Part:
        entries = [entry for entry in book.clauses if entry.part == part.value]
        if entries:
            controls: list[JsonValue] = [_control(agreement, entry) for entry in entries]
            name = part.value.replace(" ", "-")
            groups.append({"id": f"part-{name}", "class": "part", "title": part.value, "controls": controls})
    resources: list[JsonValue] = [
        {
            "uuid": _uuid(agreement, "authority", cited.id),
            "title": _line(cited.id),
            "citation": {"text": _line(cited.cite)},
            "props": [
                _prop("dated", cited.dated),
                _prop("edition", cited.edition),
                _prop("text-held", cited.text),
            ],
        }
        for cited in book.authorities
    ]
    body: Json = {
        "uuid": _uuid(agreement, "catalog"),
        "metadata": _metadata(book, "Clauses of", at),
        "groups": groups,
    }
    return {"catalog": body | ({"back-matter": {"resources": resources}} if resources else {})}


def component_definition(
    agreement: Agreement, at: str, *, catalog_href: str = CATALOG_HREF, proofs: Mapping[str, str] | None = None
) -> Json:
    """The gateway and the controls of the product as components, each with the clauses that it implements.

    ``catalog_href`` is where ``catalog`` of the same agreement lies. ``proofs`` adds digests by name (``update`` →
    ``sha256:…``) to those of the standing theorems. Raises ``AgreementError`` only as ``make_book`` does.
    """
    book = make_book(agreement)
    proved = [(one.name, one.digest) for one in prove_theorems(agreement, at) if one.holds]
    shown = [*proved, *sorted((proofs or {}).items())]
    components: list[JsonValue] = [_gateway(agreement, book, shown)]
    components += [_product_control(agreement, book, carrier) for carrier in book.controls]
    source: Json = {
        "uuid": _uuid(agreement, "source"),
        "title": _line(f"Clauses of {book.id}, version {book.version}"),
        "props": [_prop("agreement-digest", book.digest)],
        "rlinks": [{"href": catalog_href, "media-type": "application/json"}],
    }
    body: Json = {
        "uuid": _uuid(agreement, "component-definition"),
        "metadata": _metadata(book, "What carries", at),
        "components": components,
        "back-matter": {"resources": [source]},
    }
    return {"component-definition": body}


def assessment_results(
    agreement: Agreement,
    findings: Sequence[ClauseFinding],
    observations: Sequence[Observation],
    start: str,
    end: str,
) -> Json:
    """What was observed between ``start`` and ``end`` (RFC 3339), and what follows for each clause.

    Raises ``AgreementError`` for a finding on a clause or an observation that is not there.
    """
    book = make_book(agreement)
    run = digest([agreement.digest, start, end, [one.digest for one in observations]])
    ids = {one.name: _uuid(agreement, run, "observation", one.name) for one in observations}
    known = {clause.id for clause in agreement.clauses}
    for finding in findings:
        if finding.clause not in known or not ids.keys() >= set(finding.observations):
            message = f"the finding on {finding.clause[:80]!r} names a clause or an observation that is not there"
            raise AgreementError(message, "", "make findings with `findings_of` over the same observations")
    selected: list[JsonValue] = [{"control-id": _control_id(finding.clause)} for finding in findings]
    result: Json = {
        "uuid": _uuid(agreement, run, "result"),
        "title": _line(f"{book.id}, version {book.version}"),
        "description": escape(f"Worked examples run and theorems proved of {book.digest}."),
        "start": start,
        "end": end,
        "reviewed-controls": {"control-selections": [{"include-controls": selected} if selected else {}]},
    }
    if observations:
        result["observations"] = [_observation(one, ids[one.name]) for one in observations]
    if findings:
        result["findings"] = [_oscal_finding(agreement, run, finding, ids) for finding in findings]
    plan: Json = {
        "uuid": _uuid(agreement, "plan"),
        "title": _line(f"Assessment plan: the worked examples and standing theorems of {book.id}"),
        "description": "Every worked example that the agreement ships is decided, and every standing theorem proved.",
        "props": [_prop("agreement-digest", book.digest)],
        "rlinks": [{"href": "agreement.toml"}],
    }
    body: Json = {
        "uuid": _uuid(agreement, run),
        "metadata": _metadata(book, "What was observed of", end),
        "import-ap": {"href": f"#{_uuid(agreement, 'plan')}"},
        "results": [result],
        "back-matter": {"resources": [plan]},
    }
    return {"assessment-results": body}


# ---- catalog: a clause -------------------------------------------------------------------------------------------


def _control(agreement: Agreement, entry: Entry) -> Json:
    control = _control_id(entry.id)
    parts: list[JsonValue] = [
        {"id": f"{control}_smt", "name": "statement", "prose": _prose(entry.quote)},
        {"id": f"{control}_gdn", "name": "guidance", "prose": escape(entry.sentence) or _EMPTY},
    ]
    parts += [{"name": "assumption", "ns": NAMESPACE, "prose": escape(text) or _EMPTY} for text in entry.assumes]
    parts += [_objective(control, number, example) for number, example in enumerate(entry.examples, 1)]
    made: Json = {
        "id": control,
        "class": "clause",
        "title": _line(f"{entry.id} ({entry.does})"),
        "props": [_prop("kind", entry.kind.value), *_formula(entry)],
        "parts": parts,
    }
    links: list[JsonValue] = [
        {"href": f"#{_uuid(agreement, 'authority', cited.id)}", "rel": "reference"} for cited in entry.authorities
    ]
    return made | ({"links": links} if links else {})


def _objective(control: str, number: int, example: Worked) -> Json:
    facts = f"With {', '.join(example.not_good)} and all else good" if example.not_good else "With every fact good"
    given = f", and approvals {', '.join(example.approvals)}" if example.approvals else ""
    return {
        "id": f"{control}_obj.{number}",
        "name": "assessment-objective",
        "title": _line(example.name),
        "props": [_prop("verdict", example.verdict.value)],
        "prose": escape(f"{facts}{given}, the verdict is {example.verdict} by {', '.join(example.by)}."),
    }


def _formula(entry: Entry) -> list[JsonValue]:
    made: list[JsonValue] = [_prop("formula", entry.formula)]
    return [*made, _prop("formula-that", entry.that)] if entry.that else made


# ---- component definition ----------------------------------------------------------------------------------------


def _gateway(agreement: Agreement, book: Book, proofs: Sequence[tuple[str, str]]) -> Json:
    requirements: list[JsonValue] = [
        {
            "uuid": _uuid(agreement, "gateway", entry.id),
            "control-id": _control_id(entry.id),
            "description": escape(entry.sentence) or _EMPTY,
            "props": [
                _prop("rule-id", entry.id),
                *(_prop("quote", quote) for quote in entry.quote),
                *_formula(entry),
                *(_prop("control", control.id) for control in entry.controls),
                *(_prop("test", test) for test in entry.tests),
            ],
        }
        for entry in book.clauses
    ]
    return {
        "uuid": _uuid(agreement, "component", "gateway"),
        "type": "software",
        "title": "Brightline gateway",
        "description": "Decides every exchange by the agreement, and leaves a record of each decision.",
        "props": [
            _prop("agreement-digest", book.digest),
            _prop("encoding-digest", book.encoding),
            *(_prop("proof-digest", value, remarks=name) for name, value in proofs),
        ],
        "control-implementations": [_implementation(agreement, "gateway", requirements)],
    }


def _product_control(agreement: Agreement, book: Book, carrier: Carrier) -> Json:
    requirements: list[JsonValue] = [
        {
            "uuid": _uuid(agreement, "control", carrier.id, clause),
            "control-id": _control_id(clause),
            "description": escape(carrier.says) or _EMPTY,
            "props": [_prop("rule-id", clause)],
        }
        for clause in carrier.carries
    ]
    props: list[JsonValue] = [_prop("control", carrier.id)]
    props += [_prop("module", carrier.module), _prop("test", carrier.test)] if carrier.module else []
    return {
        "uuid": _uuid(agreement, "component", "control", carrier.id),
        "type": "software",
        "title": _line(f"Control: {carrier.id}"),
        "description": escape(carrier.says) or _EMPTY,
        "props": props,
        "control-implementations": [_implementation(agreement, f"control/{carrier.id}", requirements)],
    }


def _implementation(agreement: Agreement, name: str, requirements: list[JsonValue]) -> Json:
    return {
        "uuid": _uuid(agreement, "implementation", name),
        "source": f"#{_uuid(agreement, 'source')}",
        "description": "The clauses of the agreement that this component carries.",
        "implemented-requirements": requirements,
    }


# ---- assessment results ------------------------------------------------------------------------------------------


def _observation(one: Observation, identifier: str) -> Json:
    props: list[JsonValue] = [_prop("digest", one.digest), _prop("holds", "yes" if one.holds else "no")]
    return {
        "uuid": identifier,
        "title": _line(one.title),
        "description": escape(one.says) or _EMPTY,
        "props": props,
        "methods": [one.method],
        "relevant-evidence": [{"description": "What was run, with what came out.", "props": props[:1]}],
        "collected": one.collected,
    }


def _oscal_finding(agreement: Agreement, run: str, finding: ClauseFinding, ids: Mapping[str, str]) -> Json:
    status: Json = {
        "state": "satisfied" if finding.satisfied else "not-satisfied",
        "reason": "pass" if finding.satisfied else "fail" if finding.observations else "other",
    }
    made: Json = {
        "uuid": _uuid(agreement, run, "finding", finding.clause),
        "title": _line(finding.clause),
        "description": escape(finding.why) or _EMPTY,
        "target": {"type": "statement-id", "target-id": f"{_control_id(finding.clause)}_smt", "status": status},
    }
    related: list[JsonValue] = [{"observation-uuid": ids[name]} for name in finding.observations]
    return made | ({"related-observations": related} if related else {})


# ---- pieces ------------------------------------------------------------------------------------------------------


def _metadata(book: Book, title: str, at: str) -> Json:
    return {
        "title": _line(f"{title} {book.id}"),
        "last-modified": at,
        "version": str(book.version),
        "oscal-version": OSCAL_VERSION,
        "props": [_prop("agreement-digest", book.digest), _prop("as-of", book.as_of)],
    }


def _prop(name: str, value: str, remarks: str = "") -> Json:
    made: Json = {"name": name, "ns": NAMESPACE, "value": plain(value) or _EMPTY}
    return made | ({"remarks": escape(remarks)} if remarks else {})


def _line(text: str) -> str:
    return escape(text) or _EMPTY


def _prose(quotes: Sequence[str]) -> str:
    return "\n\n".join(escape(quote) or _EMPTY for quote in quotes)


def _control_id(clause: str) -> str:
    """A token (NCName): it begins with a letter, as the id of a clause need not."""
    return f"clause-{clause}"


def _uuid(agreement: Agreement, *names: str) -> str:
    return str(uuid.uuid5(_UUIDS, "\x00".join((agreement.digest, *names))))
