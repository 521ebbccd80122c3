# SPDX-License-Identifier: Apache-2.0
"""``python -m brightline.answer``: the same command where nothing of a gateway is installed."""

from __future__ import annotations

from brightline.answer.command import answer
from brightline.terminal import run


def main() -> None:
    """Run the command, and end with its exit code."""
    run(answer, name="python -m brightline.answer")


if __name__ == "__main__":
    main()
