# SPDX-License-Identifier: Apache-2.0
"""Releases on the bench: three rules, which load at once, and the shipped encoder, which is loaded once."""

from __future__ import annotations

from pathlib import Path

import pytest

from brightline.classifier.evaluation.bench import Bench
from brightline.shell.shipped import read_agreement, shipped_agreement
from tests.classifier.evaluation.rows import ENCODER, release


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return release(tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="session")
def bench() -> Bench:
    return Bench(read_agreement(shipped_agreement()), ENCODER)
