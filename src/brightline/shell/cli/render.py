# SPDX-License-Identifier: Apache-2.0
"""What the commands print: tables and JSON as in ``terminal.py``, errors in two lines, and a node's banner."""

from __future__ import annotations

from brightline.terminal import PLAIN_WIDTH, as_json, console, plain, progress, say_error, table

__all__ = ["PLAIN_WIDTH", "as_json", "banner", "console", "plain", "progress", "say_error", "table"]


def banner(url: str, profile: str, agreement: str, release: str, note: str, attester: str) -> str:
    """What a node says of itself when it starts to serve; ``attester`` is who says what machine it is."""
    warning = "" if profile == "production" else f" — {profile.upper()} profile: not for production"
    attested = f"\nmachine by {attester}"
    return f"Brightline serves {url}/v1{warning}\nagreement {agreement}, release {release}: {note}{attested}"
