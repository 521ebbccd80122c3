# SPDX-License-Identifier: Apache-2.0
"""The OSCAL documents: valid by NIST's schemas, the same each time, and true about what was run."""

from __future__ import annotations

import json
from typing import Any

import jsonschema_rs
import msgspec
import pytest
from hypothesis import given, settings

from brightline.core.agreement.assess import ClauseFinding, Observation, findings_of, observe
from brightline.core.agreement.clause import Agreement, Clause, ClauseKind, Verdict
from brightline.core.agreement.condition import write
from brightline.core.agreement.oscal import NAMESPACE, assessment_results, catalog, component_definition
from brightline.core.errors import AgreementError
from brightline.shell import shipped
from tests.core.agreement.hostile import HOSTILE, agreement_with, texts
from tests.vectors import vectors_dir

SHIPPED = {name: shipped.read_agreement(folder) for name, folder in shipped.shipped_agreements().items()}
DOW = SHIPPED[shipped.AGREEMENT]
AT = "2026-11-25T12:00:00.000Z"
LATER = "2026-11-25T12:00:01.000Z"
KINDS = {"catalog": "catalog", "component-definition": "component", "assessment-results": "assessment-results"}

each_agreement = pytest.mark.parametrize("agreement", SHIPPED.values(), ids=SHIPPED.keys())


@pytest.fixture(scope="module")
def schemas() -> dict[str, jsonschema_rs.Validator]:
    folder = vectors_dir("oscal")
    return {
        kind: jsonschema_rs.validator_for(
            (folder / f"oscal_{name}_schema.json").read_text("utf-8"), validate_formats=True
        )
        for kind, name in KINDS.items()
    }


def documents(agreement: Agreement, at: str = AT) -> dict[str, Any]:
    seen = observe(agreement, at)
    return {
        "catalog": catalog(agreement, at),
        "component-definition": component_definition(agreement, at, proofs={"update": "sha256:" + "0" * 64}),
        "assessment-results": assessment_results(agreement, findings_of(agreement, seen), seen, at, LATER),
    }


def errors(schemas: dict[str, jsonschema_rs.Validator], agreement: Agreement) -> list[str]:
    return [
        f"{kind}: {error.message[:200]} at {error.instance_path}"
        for kind, document in documents(agreement).items()
        for error in schemas[kind].iter_errors(document)
    ]


def props(thing: Any, name: str) -> list[str]:
    return [prop["value"] for prop in thing["props"] if prop["name"] == name]


# ---- valid ---------------------------------------------------------------------------------------------------


@each_agreement
def test_every_document_is_valid_for_every_shipped_agreement(
    schemas: dict[str, jsonschema_rs.Validator], agreement: Agreement
) -> None:
    assert errors(schemas, agreement) == []


def test_the_schemas_are_applied(schemas: dict[str, jsonschema_rs.Validator]) -> None:
    broken = documents(DOW)
    broken["catalog"]["catalog"]["groups"][0]["controls"][0]["id"] = "1 no token"
    broken["component-definition"]["component-definition"]["uuid"] = "no"
    broken["assessment-results"]["assessment-results"]["results"][0]["start"] = "2026-11-25"
    assert all(not schemas[kind].is_valid(document) for kind, document in broken.items())


@given(text=texts)
@settings(deadline=None, max_examples=40)
def test_hostile_texts_leave_the_documents_valid(schemas: dict[str, jsonschema_rs.Validator], text: str) -> None:
    assert errors(schemas, agreement_with(text)) == []


@pytest.mark.parametrize("text", HOSTILE)
def test_known_hostile_texts_are_escaped(schemas: dict[str, jsonschema_rs.Validator], text: str) -> None:
    agreement = agreement_with(text)
    assert errors(schemas, agreement) == []
    [statement, *_] = _controls(documents(agreement)["catalog"])["clause-C1"]["parts"]
    assert "<" not in statement["prose"]
    assert statement["prose"].isprintable()


# ---- the same each time --------------------------------------------------------------------------------------


def test_the_same_agreement_and_time_give_the_same_bytes() -> None:
    assert json.dumps(documents(DOW)) == json.dumps(documents(shipped.read_agreement(shipped.shipped_agreement())))


def test_no_two_things_have_one_uuid() -> None:
    for document in documents(DOW).values():
        found = _uuids(document)
        assert len(found) == len(set(found))


def test_another_agreement_has_other_uuids() -> None:
    other = msgspec.structs.replace(DOW, digest="sha256:" + "1" * 64)
    for kind, document in documents(DOW).items():
        assert not set(_uuids(document)) & set(_uuids(documents(other)[kind]))


def test_results_of_another_run_have_another_uuid() -> None:
    runs = [documents(DOW, at)["assessment-results"] for at in (AT, "2026-11-24T12:00:00.000Z")]
    assert len({run["assessment-results"]["uuid"] for run in runs}) == 2


# ---- what they say -------------------------------------------------------------------------------------------


def _controls(document: Any) -> dict[str, Any]:
    return {control["id"]: control for group in document["catalog"]["groups"] for control in group["controls"]}


def _uuids(value: Any) -> list[str]:
    if isinstance(value, dict):
        own = [value["uuid"]] if "uuid" in value else []
        return own + [found for inner in value.values() for found in _uuids(inner)]
    return [found for inner in value for found in _uuids(inner)] if isinstance(value, list) else []


@each_agreement
def test_each_clause_is_a_control_with_its_quote_its_formula_and_its_examples(agreement: Agreement) -> None:
    controls = _controls(documents(agreement)["catalog"])
    assert set(controls) == {f"clause-{clause.id}" for clause in agreement.clauses}
    for clause in agreement.clauses:
        control = controls[f"clause-{clause.id}"]
        parts = {part["name"]: part for part in control["parts"]}
        assert parts["statement"]["prose"].count("\n\n") == len(clause.quote) - 1
        assert props(control, "formula") == [write(clause.condition)]
        assert props(control, "formula-that") == ([write(clause.that)] if clause.kind is ClauseKind.REQUIRE else [])
        assert "assessment-objective" in parts


def test_every_reference_leads_to_something() -> None:
    made = documents(DOW)
    resources = {
        kind: {resource["uuid"] for resource in made[kind][kind].get("back-matter", {}).get("resources", [])}
        for kind in KINDS
    }
    for control in _controls(made["catalog"]).values():
        assert all(link["href"][1:] in resources["catalog"] for link in control.get("links", []))
    for component in made["component-definition"]["component-definition"]["components"]:
        for implementation in component["control-implementations"]:
            assert implementation["source"][1:] in resources["component-definition"]
            for requirement in implementation["implemented-requirements"]:
                assert requirement["control-id"] in _controls(made["catalog"])
    results = made["assessment-results"]["assessment-results"]
    assert results["import-ap"]["href"][1:] in resources["assessment-results"]
    statements = {part.get("id") for control in _controls(made["catalog"]).values() for part in control["parts"]}
    [result] = results["results"]
    seen = {one["uuid"] for one in result["observations"]}
    for finding in result["findings"]:
        assert finding["target"]["target-id"] in statements
        assert {related["observation-uuid"] for related in finding["related-observations"]} <= seen


def test_each_control_of_the_product_implements_the_clauses_that_name_it() -> None:
    components = documents(DOW)["component-definition"]["component-definition"]["components"]
    gateway, *carriers = components
    [all_clauses] = gateway["control-implementations"]
    assert len(all_clauses["implemented-requirements"]) == len(DOW.clauses)
    assert "sha256:" + "0" * 64 in props(gateway, "proof-digest")
    assert len(props(gateway, "proof-digest")) == 7  # six standing theorems, and the one that was given
    named = {control for clause in DOW.clauses for control in clause.controls}
    found = {}
    for carrier in carriers:
        [implementation] = carrier["control-implementations"]
        [name] = props(carrier, "control")
        found[name] = {row["control-id"] for row in implementation["implemented-requirements"]}
    assert found == {
        name: {f"clause-{clause.id}" for clause in DOW.clauses if name in clause.controls} for name in named
    }


def test_our_properties_have_our_namespace() -> None:
    assert '"ns": ' in json.dumps(documents(DOW))
    for document in documents(DOW).values():
        text = json.dumps(document)
        assert text.count('"ns": ') == text.count(f'"ns": "{NAMESPACE}"')


# ---- what is found -------------------------------------------------------------------------------------------


@each_agreement
def test_every_clause_of_the_shipped_agreements_is_satisfied(agreement: Agreement) -> None:
    findings = findings_of(agreement, observe(agreement, AT))
    assert [finding.clause for finding in findings if not finding.satisfied] == []


def test_an_example_that_does_not_come_out_leaves_its_clauses_not_satisfied() -> None:
    wrong = msgspec.structs.replace(
        next(one for one in DOW.examples if one.verdict is Verdict.DENY and one.clauses == ("L4",)),
        verdict=Verdict.PERMIT,
    )
    agreement = msgspec.structs.replace(DOW, examples=(*DOW.examples, wrong))
    seen = observe(agreement, AT)
    failed = {finding.clause for finding in findings_of(agreement, seen) if not finding.satisfied}
    assert failed == {"L4"}
    document: Any = assessment_results(agreement, findings_of(agreement, seen), seen, AT, AT)
    [result] = document["assessment-results"]["results"]
    states = {finding["title"]: finding["target"]["status"]["state"] for finding in result["findings"]}
    assert states["L4"] == "not-satisfied"
    assert states["L5"] == "satisfied"


def test_a_clause_that_nothing_exercises_is_not_shown() -> None:
    quiet = Clause("Q", ClauseKind.DENY, ("words",), DOW.clause("RL-1").condition)
    agreement = msgspec.structs.replace(DOW, clauses=(*DOW.clauses, quiet), examples=())
    assert all(not finding.satisfied for finding in findings_of(agreement, observe(agreement, AT)))


def test_a_theorem_that_is_refuted_is_a_finding() -> None:
    ungrounded = msgspec.structs.replace(DOW, clauses=tuple(c for c in DOW.clauses if c.id != "D1"))
    seen = observe(ungrounded, AT)
    assert [one.name for one in seen if not one.holds and one.method == "EXAMINE"] == ["theorem-T3"]
    assert not any(finding.satisfied for finding in findings_of(ungrounded, seen))


def test_the_digest_of_an_observation_follows_what_was_run_and_what_came_out() -> None:
    seen = observe(DOW, AT)
    other = observe(msgspec.structs.replace(DOW, digest="sha256:" + "1" * 64), AT)
    assert len({one.digest for one in (*seen, *other)}) == 2 * len(seen)


def test_a_finding_on_what_is_not_there_is_refused() -> None:
    with pytest.raises(AgreementError, match="not there"):
        assessment_results(DOW, (ClauseFinding("nonsense", True, "why", ()),), (), AT, AT)
    with pytest.raises(AgreementError, match="not there"):
        assessment_results(DOW, (ClauseFinding("L1", True, "why", ("drill",)),), (), AT, AT)


def test_a_drill_of_somebody_elses_is_taken_in() -> None:
    drill = Observation("drill", "the key was pulled", "It stopped.", ("D1",), True, "sha256:" + "2" * 64, AT)
    document: Any = assessment_results(DOW, findings_of(DOW, (drill,)), (drill,), AT, AT)
    [result] = document["assessment-results"]["results"]
    assert props(result["observations"][0], "digest") == ["sha256:" + "2" * 64]
    satisfied = [one["title"] for one in result["findings"] if one["target"]["status"]["state"] == "satisfied"]
    assert satisfied == ["D1"]
