# SPDX-License-Identifier: Apache-2.0
"""Gives every playbook its book."""

from __future__ import annotations

import pytest

from tests.playbooks.playbook import Book


@pytest.fixture
def book() -> Book:
    return Book()
