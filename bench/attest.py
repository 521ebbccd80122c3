# SPDX-License-Identifier: Apache-2.0
"""What verifying evidence of a machine costs, by kind: processor time, on one core, chains and lists included.

    python bench/attest.py [--quick]

The samples are those of the tests: real evidence at the moment at which it held. Nothing is kept from one verification
to the next; the roots are read once. Prints a table: the median of the rounds, and the least of them.
"""

from __future__ import annotations

import statistics
import sys
import time
import tomllib
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from brightline.core.attestation.claims import Kind
from brightline.core.attestation.evidence import Evidence, verify
from brightline.shell.trust.roots import read_roots, shipped_roots

FOLDER: Final = Path(__file__).resolve().parents[1] / "tests" / "core" / "attestation" / "samples"


def read(row: dict[str, Any]) -> tuple[Evidence, float]:
    """A sample and its moment."""
    parts = {name: (FOLDER / file).read_bytes() for name, file in row.get("parts", {}).items()}
    evidence = Evidence(Kind(row["kind"]), (FOLDER / row["file"]).read_bytes(), parts)
    return evidence, datetime.fromisoformat(row["at"]).timestamp()


@click.command()
@click.option("--quick", is_flag=True, help="A few seconds.")
def main(quick: bool) -> None:
    """Measure each sample."""
    roots = read_roots(shipped_roots())
    rounds, times = (5, 20) if quick else (21, 200)
    sys.stdout.write(f"{'sample':<16}{'bytes':>8}{'median ms':>12}{'least ms':>12}\n")
    for row in tomllib.loads((FOLDER / "samples.toml").read_text("utf-8"))["sample"]:
        evidence, at = read(row)
        verify(evidence, roots, at)
        taken = []
        for _ in range(rounds):
            start = time.process_time()
            for _ in range(times):
                verify(evidence, roots, at)
            taken.append((time.process_time() - start) / times * 1_000)
        size = len(evidence.main) + sum(map(len, evidence.parts.values()))
        sys.stdout.write(f"{row['name']:<16}{size:>8}{statistics.median(taken):>12.2f}{min(taken):>12.2f}\n")


if __name__ == "__main__":
    main()
