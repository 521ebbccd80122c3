# SPDX-License-Identifier: Apache-2.0
"""A model as a bill of materials (CycloneDX 1.6, "Machine Learning Bill of Materials"): its files and what is signed.

Nothing is stated here that was not verified before: files by the manifest, the card from the statement of training and
the VV&T form. The same model at the same moment gives the same bytes.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime

from brightline.core.admission.form import Form
from brightline.core.admission.training import Training
from brightline.core.canonical import JsonValue
from brightline.core.screening.oms import Signed

SPEC_VERSION = "1.6"
_WEIGHTS = (".safetensors", ".gguf")


def model_bom(
    name: str, signed: Signed, training: Training | None, form: Form | None, at: float, version: str
) -> dict[str, JsonValue]:
    """The bill of one model; ``at`` is in Unix seconds, ``version`` is the version of this program.

    What was not given is left out: no statement, no limits and no figures of its evaluation.
    """
    sha256 = signed.digest.removeprefix("sha256:")
    component: dict[str, JsonValue] = {
        "type": "machine-learning-model",
        "bom-ref": signed.digest,
        "name": name,
        "version": signed.digest,
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "properties": [
            {
                "name": "brightline:digest",
                "value": "over the files' digests, in the order of the signed manifest",
            }
        ],
    }
    card = _card(training, form)
    if card:
        component["modelCard"] = card
    tool: JsonValue = {"type": "application", "name": "brightline", "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": SPEC_VERSION,
        "serialNumber": f"urn:uuid:{uuid.UUID(hex=sha256[:32], version=4)}",
        "version": 1,
        "metadata": {
            "timestamp": datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "tools": {"components": [tool]},
            "component": component,
        },
        "components": [
            {
                "type": "data" if path.endswith(_WEIGHTS) else "file",
                "bom-ref": f"{signed.digest}/{path}",
                "name": path,
                "hashes": [{"alg": "SHA-256", "content": digest}],
            }
            for path, digest in sorted(signed.files.items())
        ],
        "dependencies": [
            {"ref": signed.digest, "dependsOn": [f"{signed.digest}/{path}" for path in sorted(signed.files)]}
        ],
    }


def _card(training: Training | None, form: Form | None) -> dict[str, JsonValue]:
    considerations: dict[str, JsonValue] = {}
    metrics: list[JsonValue] = []
    properties: list[JsonValue] = []
    if training is not None:
        considerations["technicalLimitations"] = [training.limits]
        metrics += [
            {"type": f"{each.name}: {result.name}", "value": result.value, "slice": each.suite}
            for each in training.evaluations
            for result in each.results
        ]
        properties += _named(
            safety_training=training.training, stated_by=training.office, stated_until=training.expires
        )
    if form is not None:
        considerations["useCases"] = [f"{form.system}: {form.environment_of_use}"]
        metrics += [
            {"type": f"{form.test_set}: {each.name}", "value": each.value, "slice": form.test_set_digest}
            for each in form.figure
        ]
        properties += _named(
            vvt_record=form.id,
            vvt_environment=form.environment,
            vvt_differences=form.differences,
            vvt_results=form.results,
            vvt_owner=form.owner,
            vvt_until=form.expires.isoformat(),
        )
    card: dict[str, JsonValue] = {}
    if metrics:
        card["quantitativeAnalysis"] = {"performanceMetrics": metrics}
    if considerations:
        card["considerations"] = considerations
    if properties:
        card["properties"] = properties
    return card


def _named(**values: str) -> list[JsonValue]:
    return [{"name": f"brightline:{name}", "value": value} for name, value in values.items()]
