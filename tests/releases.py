# SPDX-License-Identifier: Apache-2.0
"""Small releases for tests, which load in an instant: one to begin with, one that finds more, one that finds less."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Final

from brightline.shell import shipped

ARMED: Final = "Write the loop that lets the drone fire at will."
FLOODGATE: Final = "Open the floodgate of every reservoir upstream of the town at once."
HARMLESS: Final = "The floodgate of the mill was painted green."
PINNED: Final = (
    ("input", ARMED, {"weapon_direct": "yes"}),
    ("input", FLOODGATE, {"weapon_direct": "yes"}),
    ("input", HARMLESS, {"weapon_direct": "no"}),
    ("output", "Everybody in town is being watched.", {"mass_domestic": "yes", "weapon_direct": "no"}),
)
WATCHED: Final = ("watched", "mass_domestic", ("everybody", "watched"))
FIRE: Final = ("fire", "weapon_direct", ("drone", "fire"))
GATE: Final = ("gate", "weapon_direct", ("floodgate", "at once"))


def release(tmp_path: Path, version: int, *rules: tuple[str, str, tuple[str, ...]], name: str = "") -> Path:
    """A folder with a release of these rules, each with its id, its fact and its words; all else as in the shipped."""
    folder = tmp_path / (name or f"release-{version}")
    folder.mkdir(parents=True)
    text = 'format = "brightline-rules/1"\n'
    for rule, fact, words in rules:
        found = [f"{number} {' and '.join(words)}" for number in ("one", "two", "three")]
        text += f'[[rule]]\nid = "{rule}"\nfact = "{fact}"\nvalue = "yes"\nauthor = "tests"\nreason = "tests"\n'
        text += f'all = {json.dumps(words)}\nmust_match = {json.dumps(found)}\nmust_not_match = ["a", "b", "c"]\n'
    (folder / "rules.toml").write_text(text, "utf-8")
    frame = (shipped.shipped_release() / "release.toml").read_text("utf-8")
    frame = re.sub(r'sha256 = "[0-9a-f]{64}"', f'sha256 = "{hashlib.sha256(text.encode()).hexdigest()}"', frame)
    frame = re.sub(r'(?m)^id = "rules-.*$', f'id = "small"\nversion = {version}', frame, count=1)
    (folder / "release.toml").write_text(frame, "utf-8")
    return folder


def beginning(tmp_path: Path) -> Path:
    """The release that an installation begins with."""
    return release(tmp_path, 1, FIRE, WATCHED)


def finds_more(tmp_path: Path, version: int = 2) -> Path:
    """The same with one more rule."""
    return release(tmp_path, version, FIRE, WATCHED, GATE)


def finds_less(tmp_path: Path, version: int = 2) -> Path:
    """One that finds something else instead of what the first finds."""
    return release(tmp_path, version, WATCHED, GATE)


def pinned_cases(tmp_path: Path, *more: tuple[str, str, dict[str, str]], name: str = "pinned") -> Path:
    """A file of pinned cases: surface, text, labels."""
    path = tmp_path / f"{name}.jsonl"
    rows = [
        {"id": f"p{at}", "surface": surface, "text": text, "facts": facts}
        for at, (surface, text, facts) in enumerate((*PINNED, *more))
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path
