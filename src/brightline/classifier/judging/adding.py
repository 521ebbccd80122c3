# SPDX-License-Identifier: Apache-2.0
"""A release with a judge: another release's files, the judge's, and what it may settle with what it errs."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any, Final

import msgspec

from brightline.classifier.judging.making import Report
from brightline.core.agreement.clause import Agreement
from brightline.core.errors import ReleaseError
from brightline.core.screening.judge import load_judge_file
from brightline.core.screening.release import Release
from brightline.shell.shipped import read_release

JUDGE: Final = "judge.json"
JUDGE_REPORT: Final = "judge-report.json"


def add_judge(
    release: Path, fitted: Path, out: Path, name: str, version: int, after: str, agreement: Agreement
) -> Release:
    """Write into ``out`` what ``release`` holds, and the judge in ``fitted``.

    It may settle each fact that it has a head for where ``after`` leaves it unknown; empty for the encoder. Raises
    ``ReleaseError`` or ``OSError``.
    """
    base = read_release(release, agreement.vocabulary)
    if base.judge is not None:
        raise ReleaseError(f"{base.id} has a judge")
    judge = load_judge_file((fitted / JUDGE).read_bytes(), JUDGE)
    try:
        report = msgspec.json.decode((fitted / "report.json").read_bytes(), type=Report)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ReleaseError(f"the judge's report does not read: {error}") from error
    after = after or next((one.id for one in base.detectors if one.kind == "encoder"), "")
    text = (release / "release.toml").read_text("utf-8")
    lines = text.splitlines()
    first_table = next((i for i, line in enumerate(lines) if line.startswith("[")), len(lines))
    head = [line for line in lines[:first_table] if not line.startswith(("id =", "version ="))]
    head += [_line("id", name), _line("version", version), ""]
    parts = [*head, *lines[first_table:], "", "[judge]"]
    digest = hashlib.sha256((fitted / JUDGE).read_bytes()).hexdigest()
    parts += [_line(*one) for one in {"id": "judge", "kind": "judge", "path": JUDGE, "sha256": digest}.items()]
    good = {spec.name: spec.good for spec in agreement.vocabulary.specs}
    for fact in judge.facts:
        found = report.facts[fact].test_settled
        entry: dict[str, Any] = {"after": after, "fact": fact, "value": good.get(fact, "no")}
        entry |= {"misses": found.missed.hits, "positives": found.missed.of}
        entry |= {"wrongful": found.wrongful.hits, "neighbours": found.wrongful.of, "corpus": report.corpus}
        parts += ["", "[[settle]]", *(_line(*one) for one in entry.items())]
    out.mkdir(parents=True)
    for file in sorted(release.iterdir()):
        if file.is_file() and file.name not in {"release.toml", JUDGE, JUDGE_REPORT}:
            shutil.copyfile(file, out / file.name)
    shutil.copyfile(fitted / JUDGE, out / JUDGE)
    shutil.copyfile(fitted / "report.json", out / JUDGE_REPORT)
    (out / "release.toml").write_text("\n".join(parts) + "\n", "utf-8")
    return read_release(out, agreement.vocabulary)


def _line(key: str, value: object) -> str:
    """A line of TOML: a JSON string is a TOML string."""
    return f"{key} = {json.dumps(value, ensure_ascii=False)}"
