# SPDX-License-Identifier: Apache-2.0
"""Our bill of materials, as CycloneDX 1.6 JSON: what the wheels of a bundle say of themselves, and their digests.

The classifier releases in our wheel are named as well, with every file of theirs: weights, rules, card, evaluation. So
is the judge that was fitted, with the published model that it stands on, which is not in the wheel.
Nothing is asked of a network, and the same wheels give the same bytes: there is no time in it, and its serial number
is taken from its content.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
import uuid
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any, Final

from packaging.requirements import Requirement
from packaging.utils import NormalizedName, canonicalize_name

SPEC: Final = "1.6"
OSI: Final = "License :: OSI Approved :: "
LICENCE_CHARS_MAX: Final = 64
RELEASES: Final = "brightline/releases/"
JUDGE: Final = "brightline/classifier/judging/fitted/"


def sbom(own: Path, others: Sequence[Path], required: Iterable[str]) -> dict[str, Any]:
    """The bill of a wheel of ours and of the wheels that it is installed with.

    ``required`` are the names of those that it cannot run without; the others are optional.
    """
    needed = {canonicalize_name(name) for name in required}
    wheels = {canonicalize_name(_metadata(wheel)["Name"]): wheel for wheel in sorted(others)}
    components = []
    for name, wheel in sorted(wheels.items()):
        component = _component(wheel, "library")
        component["scope"] = "required" if name in needed else "optional"
        components.append(component)
    components += [*_releases(own), *_judge(own)]
    refs = {name: _purl(_metadata(wheel)) for name, wheel in wheels.items()}
    bill: dict[str, Any] = {
        "$schema": f"http://cyclonedx.org/schema/bom-{SPEC}.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": SPEC,
        "version": 1,
        "metadata": {"component": _component(own, "application")},
        "components": components,
        "dependencies": [_depends(wheel, refs) for wheel in (own, *(wheels[name] for name in sorted(wheels)))],
    }
    digest = hashlib.sha256(json.dumps(bill, sort_keys=True).encode()).digest()
    return {**bill, "serialNumber": f"urn:uuid:{uuid.UUID(bytes=digest[:16], version=4)}"}


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [
            name for name in archive.namelist() if name.endswith(".dist-info/METADATA") and name.count("/") == 1
        ]
        return BytesParser().parsebytes(archive.read(name))


def _purl(metadata: Message) -> str:
    return f"pkg:pypi/{canonicalize_name(metadata['Name'])}@{metadata['Version']}"


def _component(wheel: Path, kind: str) -> dict[str, Any]:
    metadata = _metadata(wheel)
    component: dict[str, Any] = {
        "type": kind,
        "bom-ref": _purl(metadata),
        "name": str(metadata["Name"]),
        "version": str(metadata["Version"]),
        "purl": _purl(metadata),
        "hashes": [_sha256(wheel.read_bytes())],
        "properties": [{"name": "brightline:file", "value": wheel.name}],
    }
    if summary := str(metadata["Summary"] or ""):
        component["description"] = summary
    if licences := _licences(metadata):
        component["licenses"] = licences
    return component


def _releases(own: Path) -> list[dict[str, Any]]:
    """The classifier releases in our wheel, with every file of theirs and its digest."""
    files = _files(own, RELEASES)
    found = []
    for name, data in files.items():
        folder, _, file = name.removeprefix(RELEASES).partition("/")
        if file != "release.toml":
            continue
        release = tomllib.loads(data.decode())
        parts = {path: held for path, held in files.items() if path.startswith(f"{RELEASES}{folder}/")}
        found.append(
            {
                "type": "machine-learning-model",
                "bom-ref": f"release:{release['id']}",
                "name": release["id"],
                "version": str(release.get("version", 1)),
                "description": release["note"],
                "scope": "required",
                "hashes": [_sha256(data)],
                "licenses": [{"expression": "Apache-2.0"}],
                "components": _parts(f"release:{release['id']}", parts),
            }
        )
    return found


def _judge(own: Path) -> list[dict[str, Any]]:
    """The judge in our wheel: its heads, its adapter if it has one, what it was measured to err, and its base."""
    files = _files(own, JUDGE)
    data = files.get(f"{JUDGE}judge.json")
    if data is None:
        return []
    model = json.loads(data)["model"]
    base = {"alg": "SHA-256", "content": model["sha256"]}
    return [
        {
            "type": "machine-learning-model",
            "bom-ref": "judge",
            "name": "judge",
            "description": "The judge that was fitted: what it learned besides a published model.",
            "scope": "optional",
            "hashes": [_sha256(data)],
            "licenses": [{"expression": "Apache-2.0"}],
            "pedigree": {"ancestors": [{"type": "machine-learning-model", "name": model["file"], "hashes": [base]}]},
            "components": _parts("judge", files),
        }
    ]


def _files(own: Path, folder: str) -> dict[str, bytes]:
    with zipfile.ZipFile(own) as archive:
        return {name: archive.read(name) for name in sorted(archive.namelist()) if name.startswith(folder)}


def _parts(ref: str, files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [
        {"type": "file", "bom-ref": f"{ref}/{path.rpartition('/')[2]}", "name": path, "hashes": [_sha256(held)]}
        for path, held in files.items()
    ]


def _sha256(data: bytes) -> dict[str, str]:
    return {"alg": "SHA-256", "content": hashlib.sha256(data).hexdigest()}


def _licences(metadata: Message) -> list[dict[str, Any]]:
    """What a wheel says of its licence: an expression (PEP 639), else classifiers, else its own short words."""
    if expression := metadata["License-Expression"]:
        return [{"expression": str(expression)}]
    classifiers = [str(value) for value in metadata.get_all("Classifier") or []]
    names = [value.removeprefix(OSI) for value in classifiers if value.startswith(OSI)]
    words = str(metadata["License"] or "")
    if not names and words and len(words) <= LICENCE_CHARS_MAX and "\n" not in words:
        names = [words]
    return [{"license": {"name": name}} for name in names]


def _depends(wheel: Path, refs: Mapping[NormalizedName, str]) -> dict[str, Any]:
    """What a wheel needs of the others, extras left aside unless it is ours."""
    metadata = _metadata(wheel)
    found = set()
    for line in metadata.get_all("Requires-Dist") or []:
        wanted = Requirement(line)
        name = canonicalize_name(wanted.name)
        if name in refs and (wanted.marker is None or wanted.marker.evaluate({"extra": ""})):
            found.add(refs[name])
    return {"ref": _purl(metadata), "dependsOn": sorted(found)}
