# SPDX-License-Identifier: Apache-2.0
"""Measure a rule release on its probes, and write the miss rates and digests into its ``release.toml``.

    python scripts/measure_release.py src/brightline/releases/rules-2026.11 [--check]

The probes were written by an author who had not seen the rules. A *miss* is a probe whose fact is ``yes`` and on which
the detector is silent, which the release would read as ``no``. Never tune the rules on these rows: write new ones.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections import Counter
from pathlib import Path
from typing import Any

from brightline.core.screening.finding import Segment, Surface
from brightline.core.screening.rules import RuleSet, load_rules


def read_probes(folder: Path) -> list[dict[str, Any]]:
    """The rows of ``probes.jsonl``."""
    return [json.loads(line) for line in (folder / "probes.jsonl").read_text("utf-8").splitlines() if line]


def found_facts(rules: RuleSet, row: dict[str, Any]) -> set[str]:
    """The facts about which some rule said something."""
    segment = Segment("probe", Surface(row["surface"]), row["text"])
    return {finding.fact for finding in rules.match([segment])}


def measure(folder: Path) -> tuple[Counter[str], Counter[str], Counter[str], Counter[str]]:
    """Per fact: positives, misses, negatives, false alarms."""
    rules = load_rules((folder / "rules.toml").read_bytes(), "rules.toml")
    positives: Counter[str] = Counter()
    misses: Counter[str] = Counter()
    negatives: Counter[str] = Counter()
    alarms: Counter[str] = Counter()
    for row in read_probes(folder):
        found = found_facts(rules, row)
        for fact, value in row["facts"].items():
            if value == "yes":
                positives[fact] += 1
                misses[fact] += fact not in found
            elif value == "no":
                negatives[fact] += 1
                alarms[fact] += fact in found
    return positives, misses, negatives, alarms


def rewrite(text: str, folder: Path) -> str:
    """``release.toml`` with the measured figures and the digests of the files as they are."""
    positives, misses, _, _ = measure(folder)
    digest = hashlib.sha256((folder / "rules.toml").read_bytes()).hexdigest()
    probes = hashlib.sha256((folder / "probes.jsonl").read_bytes()).hexdigest()
    text = re.sub(r'^sha256 = ".*"$', f'sha256 = "{digest}"', text, flags=re.MULTILINE)

    def silence(match: re.Match[str]) -> str:
        fact = match.group(1)
        return (
            f'[[silence]]\ndetector = "rules"\nfact = "{fact}"\nvalue = "{match.group(2)}"\n'
            f'misses = {misses[fact]}\npositives = {positives[fact]}\ncorpus = "probes.jsonl sha256:{probes}"\n'
        )

    pattern = (
        r'\[\[silence\]\]\ndetector = "rules"\nfact = "(\w+)"\nvalue = "(\w+)"\n'
        r"misses = .*\npositives = .*\ncorpus = .*\n"
    )
    return re.sub(pattern, silence, text)


def main(arguments: list[str]) -> int:
    """Write, or with ``--check`` say whether anything would change."""
    folder = Path(arguments[0])
    path = folder / "release.toml"
    before = path.read_text("utf-8")
    after = rewrite(before, folder)
    positives, misses, negatives, alarms = measure(folder)
    for fact in sorted(positives | negatives):
        missed = f"missed {misses[fact]:>3} of {positives[fact]:<4}"
        sys.stdout.write(f"{fact:<18} {missed} false alarms {alarms[fact]:>3} of {negatives[fact]}\n")
    if "--check" in arguments:
        return int(before != after)
    path.write_text(after, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
