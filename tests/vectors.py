# SPDX-License-Identifier: Apache-2.0
"""Where other projects' test vectors lie; tests that need them are skipped by name where they are absent."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def vectors_dir(name: str) -> Path:
    """Return the folder of one vector set, or skip the test by name.

    The folder is taken from ``BRIGHTLINE_VECTORS``, else from ``shared/vectors`` beside the checkout.
    """
    root = Path(os.environ.get("BRIGHTLINE_VECTORS", Path(__file__).resolve().parents[2] / "shared" / "vectors"))
    folder = root / name
    if not folder.is_dir():
        pytest.skip(f"vector set {name!r} is not present (set BRIGHTLINE_VECTORS)")
    return folder
