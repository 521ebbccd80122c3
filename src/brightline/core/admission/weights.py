# SPDX-License-Identifier: Apache-2.0
"""A model's files against what was signed of them: every one, no other, and none that can run.

The manifest is that of OpenSSF Model Signing (``core/screening/oms.py``). What lies on the disk is told by who looked,
with every name in it: a file that the manifest asks to be ignored is a file that nobody signed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec

from brightline.core.errors import TrustError
from brightline.core.screening.oms import SIGNATURE_FILE, Signed, signed_files

FILES_MAX: Final = 4_096
# Formats that hold numbers, text or settings. What unpickles, or is code, is left out: it runs when it is loaded.
SUFFIXES: Final = frozenset({".safetensors", ".gguf", ".json", ".jinja", ".model", ".txt", ".md", ".tiktoken"})
PLAIN_NAMES: Final = frozenset({"LICENSE", "NOTICE", "COPYRIGHT"})


def check_weights(bundle: bytes, key: ec.EllipticCurvePublicKey, found: Mapping[str, str]) -> Signed:
    """These files (by relative name their SHA-256 in hex, ``model.sig`` left out or not) are exactly what was signed.

    Raises ``TrustError`` and names up to five files that are wrong.
    """
    signed = signed_files(bundle, key)
    found = {name: digest for name, digest in found.items() if name != SIGNATURE_FILE}
    if not signed.files or len(signed.files) > FILES_MAX:
        raise TrustError(f"the manifest lists {len(signed.files)} files; 1 to {FILES_MAX} are expected")
    changed = {name for name, digest in signed.files.items() if found.get(name, digest) != digest}
    for what, names in (
        ("are missing", signed.files.keys() - found.keys()),
        ("were signed by nobody", found.keys() - signed.files.keys()),
        ("are not those that were signed", changed),
        ("are of a format that may run when it is loaded", {name for name in found if not _holds_data(name)}),
    ):
        if names:
            raise TrustError(f"files of the model {what}: {', '.join(sorted(names)[:5])}")
    return signed


def _holds_data(name: str) -> bool:
    last = name.rpartition("/")[2]
    stem, dot, suffix = last.rpartition(".")
    return last in PLAIN_NAMES or (bool(stem) and f"{dot}{suffix.lower()}" in SUFFIXES)
