# SPDX-License-Identifier: Apache-2.0
"""One process of a crew: a bench that answers for probes until its input ends (``crew.py``)."""

from __future__ import annotations

import sys

from brightline.classifier.evaluation.chosen import chosen
from brightline.classifier.evaluation.crew import Chosen, read, write
from brightline.classifier.evaluation.probe import Probe


def main() -> None:
    """Load what the first frame says, then answer. Raises what loading raises; the parent sees the end."""
    told = read(sys.stdin.buffer, Chosen)
    if told is None:
        return
    bench = chosen(told.agreement, told.release, told.weights, told.without)
    while (probe := read(sys.stdin.buffer, Probe)) is not None:
        write(sys.stdout.buffer, bench.show(probe))


if __name__ == "__main__":
    main()
