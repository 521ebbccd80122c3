# SPDX-License-Identifier: Apache-2.0
"""One thread: numbers of so small a model are faster without others, and where the machine is busy five times."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    if importlib.util.find_spec("torch") is None:
        yield
        return
    torch = importlib.import_module("torch")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
