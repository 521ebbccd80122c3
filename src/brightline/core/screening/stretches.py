# SPDX-License-Identifier: Apache-2.0
"""All stretches of a text that a pattern finds, read at once: ``re.sub`` with a function costs a call for each."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable


def read_each(pattern: re.Pattern[str], text: str, read: Callable[[list[str]], Iterable[str]]) -> str:
    """Return the text with what the pattern finds as it reads: so many readings, in order.

    The first group of the pattern is all of it.
    """
    parts = pattern.split(text)
    if len(parts) == 1:
        return text
    each = pattern.groups + 1  # what stands before, the stretch, and groups within it
    done = [""] * (2 * (len(parts) // each) + 1)
    done[::2] = parts[::each]
    done[1::2] = read(parts[1::each])
    return "".join(done)
