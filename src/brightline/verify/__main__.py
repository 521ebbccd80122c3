# SPDX-License-Identifier: Apache-2.0
"""``python -m brightline.verify``: the auditor's command where nothing of the gateway is installed."""

from __future__ import annotations

from brightline.terminal import run
from brightline.verify.command import verify


def main() -> None:
    """Run the command, and end with its exit code."""
    run(verify, name="python -m brightline.verify")


if __name__ == "__main__":
    main()
