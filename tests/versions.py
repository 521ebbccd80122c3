# SPDX-License-Identifier: Apache-2.0
"""Versions of the shipped agreement for tests: one that is stricter, one that is looser, one with other words."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from brightline.shell import shipped

# Stricter: an autonomous system in operation takes the approval of a cleared person, tested or not.
STRICTER = (
    "[clause.L7]\n",
    """[clause.X1]
quote = ["Keep cleared OpenAI personnel in the loop."]
require = { when = "autonomous_use != 'no' and operational != 'no'", that = "approvals.provider_cleared >= 1" }
part = "ours"
says = "An autonomous system in operation takes the approval of a cleared person of the provider."
authority = ["DODD-3000-09"]
controls = ["approvals"]
tests = ["a drone that searches for survivors, tests in date"]
[clause.L7]
""",
)
STRICTER_EXAMPLES = (
    (
        'facts = { autonomous_use = "yes", operational = "yes" }\nverdict = "permit"',
        'facts = { autonomous_use = "yes", operational = "yes" }\nverdict = "hold"\nclauses = ["X1"]',
    ),
    (
        'operational = "unknown", vvt_current = "no" }\nverdict = "hold"\nclauses = ["L4"]',
        'operational = "unknown", vvt_current = "no" }\nverdict = "hold"\nclauses = ["L4", "X1"]',
    ),
)
LOOSER = ("redline = \"weapon_direct != 'no'\"", "redline = \"weapon_direct != 'no' and operational != 'no'\"")


def version(tmp_path: Path, number: int, *replacements: tuple[str, str]) -> Path:
    """A folder with another version of the shipped agreement."""
    folder = tmp_path / f"version-{number}"
    shutil.copytree(shipped.shipped_agreement(), folder)
    path = folder / "agreement.toml"
    text = re.sub(r"(?m)^version = 1\b", f"version = {number}", path.read_text("utf-8"))
    for before, after in replacements:
        assert before in text
        text = text.replace(before, after, 1)
    path.write_text(text, "utf-8")
    return folder


def stricter(tmp_path: Path, number: int) -> Path:
    """A version with one more requirement, and a worked example of it in place of those that it changes."""
    folder = version(tmp_path, number, STRICTER)
    path = folder / "agreement.toml"
    text = path.read_text("utf-8")
    for before, after in STRICTER_EXAMPLES:
        assert before in text
        text = text.replace(before, after)
    path.write_text(text, "utf-8")
    return folder


def looser(tmp_path: Path, number: int) -> Path:
    """A version whose second red line holds for less."""
    return without_examples_of("weapon_direct", version(tmp_path, number, LOOSER))


def without_examples_of(fact: str, folder: Path) -> Path:
    """Leave out the worked examples that name a fact: after a change to its clauses they no longer come out."""
    path = folder / "agreement.toml"
    head, *examples = path.read_text("utf-8").split("[[example]]\n")
    path.write_text("[[example]]\n".join([head, *(each for each in examples if fact not in each)]), "utf-8")
    return folder
