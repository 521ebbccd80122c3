# SPDX-License-Identifier: Apache-2.0
"""What is kept of a fit: the mean of its weights on the last part of the way."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch


class Mean:
    """The mean of parameters at several points of the way."""

    def __init__(self, parameters: Sequence[Any]) -> None:
        self._parameters = parameters
        self._sums: list[Any] = []
        self._count = 0

    def add(self) -> None:
        """Take in what they are now."""
        with torch.no_grad():
            if self._sums:
                torch._foreach_add_(self._sums, [one.detach() for one in self._parameters])
            else:
                self._sums = [one.detach().clone() for one in self._parameters]
        self._count += 1

    def put_back(self) -> None:
        """Make the mean of what was taken in what they are."""
        if not self._count:  # so short a way that it has no last part
            return
        with torch.no_grad():
            for total, one in zip(self._sums, self._parameters, strict=True):
                one.copy_(total / self._count)
