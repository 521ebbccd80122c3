# SPDX-License-Identifier: Apache-2.0
"""A release with a judge: another release's files, the judge's, and what it may settle with what it errs.

Where it is said from which scores the judge is asked, the encoder leaves plain readings unknown from there on, and
what its silence may mean is what was measured so: it misses less then. Without its judge such a release holds more,
and never lets through more.
"""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import Any, Final

import msgspec

from brightline.classifier.judging.making import Report
from brightline.classifier.judging.neighbours import Ask
from brightline.classifier.training import release as files
from brightline.core.agreement.clause import Agreement
from brightline.core.errors import ReleaseError
from brightline.core.screening.encoder import load_encoder
from brightline.core.screening.judge import JudgeFile, load_judge_file
from brightline.core.screening.release import Release
from brightline.decoder.adapter import Adapter
from brightline.shell.inference.parts import read_part
from brightline.shell.shipped import read_release

JUDGE: Final = "judge.json"
JUDGE_REPORT: Final = "judge-report.json"


class Named(msgspec.Struct, frozen=True):
    """What the new release is called, and the detector after which its judge is asked; empty for the encoder."""

    name: str
    version: int
    after: str


def add_judge(
    release: Path,
    fitted: Path,
    out: Path,
    named: Named,
    agreement: Agreement,
    ask: Ask | None,
) -> Release:
    """Write into ``out`` what ``release`` holds, and the judge in ``fitted`` with its adapter, if it has one.

    It may settle each fact that it has a head for where ``named.after`` leaves it unknown. With ``ask`` the encoder
    leaves unknown what scores from there on. Raises ``ReleaseError`` or ``OSError``.
    """
    base = read_release(release, agreement.vocabulary)
    if base.judge is not None:
        raise ReleaseError(f"{base.id} has a judge")
    judge = load_judge_file((fitted / JUDGE).read_bytes(), JUDGE)
    learned = _learned(judge, fitted)
    try:
        report = msgspec.json.decode((fitted / "report.json").read_bytes(), type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReleaseError(f"the judge's report does not read: {error}") from error
    encoder = next((one.id for one in base.detectors if one.kind == "encoder"), "")
    if ask is not None and ask.encoder not in {one.sha256 for one in base.detectors if one.kind == "encoder"}:
        raise ReleaseError(f"what is to be asked about was measured with another encoder than that of {base.id}")
    held = {file.name for file in release.iterdir() if file.is_file()} | {JUDGE, JUDGE_REPORT}
    if taken := held & learned.keys():
        raise ReleaseError(f"the judge's adapter is called {min(taken)}, as another file of the release")
    out.mkdir(parents=True)
    for file in sorted(release.iterdir()):
        if file.is_file() and file.name not in {JUDGE, JUDGE_REPORT}:
            shutil.copyfile(file, out / file.name)
    shutil.copyfile(fitted / JUDGE, out / JUDGE)
    shutil.copyfile(fitted / "report.json", out / JUDGE_REPORT)
    for name, data in learned.items():
        (out / name).write_bytes(data)
    said = tomllib.loads((release / "release.toml").read_text("utf-8"))
    said |= {"id": named.name, "version": named.version}
    if ask is not None:
        said |= _asking(said, out, ask)
    said["judge"] = files.detector_entry("judge", "judge", JUDGE, out)
    said["settle"] = _settlements(judge, report, named.after or encoder, agreement)
    (out / "release.toml").write_text("\n".join(_toml(said)) + "\n", "utf-8")
    return read_release(out, agreement.vocabulary)


def _learned(judge: JudgeFile, fitted: Path) -> dict[str, bytes]:
    """The file of the judge's adapter, if it has one. Raises ``ReleaseError`` if it is missing, another, or none."""
    part = judge.model.adapter
    if part is None:
        return {}
    data = read_part(part, (fitted,))
    Adapter.read(data)
    return {part.file: data}


def _asking(said: dict[str, Any], out: Path, ask: Ask) -> dict[str, Any]:
    """Have the encoder in ``out`` leave unknown what the judge is asked about; what the release says of it then."""
    encoder = load_encoder((out / files.ENCODER).read_bytes(), files.ENCODER)
    files.write_encoder(out, msgspec.structs.replace(encoder, early=ask.facts))
    misses, positives = ask.cascade
    measured = {"misses": misses, "positives": positives, "corpus": ask.corpus}
    return {
        "detector": [
            files.detector_entry(one["id"], one["kind"], one["path"], out) if one["kind"] == "encoder" else one
            for one in said["detector"]
        ],
        "cascade": [one | measured for one in said.get("cascade", [])],
        "silence": [
            one | dict(zip(("misses", "positives"), ask.silence[one["fact"]], strict=True), corpus=ask.corpus)
            if one["detector"] == "encoder" and one["fact"] in ask.silence
            else one
            for one in said["silence"]
        ],
    }


def _settlements(judge: JudgeFile, report: Report, after: str, agreement: Agreement) -> list[dict[str, Any]]:
    good = {spec.name: spec.good for spec in agreement.vocabulary.specs}
    entries = []
    for fact in judge.facts:
        found = report.facts[fact].test_settled
        entry: dict[str, Any] = {"after": after, "fact": fact, "value": good.get(fact, "no")}
        entry |= {"misses": found.missed.hits, "positives": found.missed.of}
        entry |= {"wrongful": found.wrongful.hits, "neighbours": found.wrongful.of, "corpus": report.corpus}
        entries.append(entry)
    return entries


def _toml(said: dict[str, Any]) -> list[str]:
    """A release's file: what stands alone first, then its tables and lists of tables."""
    lines = ["# A classifier release with a judge. Written by `brightline classifier judge add`."]
    lines += files.lines_of({name: value for name, value in said.items() if not isinstance(value, dict | list)})
    for name, value in said.items():
        if isinstance(value, dict):
            lines += files.table_lines(f"[{name}]", value)
        elif isinstance(value, list):
            for entry in value:
                lines += files.table_lines(f"[[{name}]]", entry)
    return lines
