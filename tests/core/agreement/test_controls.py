# SPDX-License-Identifier: Apache-2.0
"""A control is a module that is here and a test that looks: no entry of the catalogue is a promise."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import pytest

from brightline.core.agreement.controls import _CATALOGUE, CONTROLS, Control

ROOT = Path(__file__).resolve().parents[3]

each_control = pytest.mark.parametrize("control", CONTROLS.values(), ids=lambda control: control.id)


@each_control
def test_the_module_of_each_control_is_here(control: Control) -> None:
    found = importlib.util.find_spec(control.module)
    assert found is not None
    assert found.origin is not None
    assert not found.origin.endswith("__init__.py"), "a package does nothing; name the module"


@each_control
def test_the_test_of_each_control_is_here(control: Control) -> None:
    file, _, name = control.test.partition("::")
    tree = ast.parse((ROOT / file).read_text("utf-8"))
    tests = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}
    assert name in tests


@each_control
def test_each_control_says_what_it_does_in_a_sentence(control: Control) -> None:
    assert control.says[0].isupper()
    assert control.says.endswith(".")
    assert "\n" not in control.says


def test_no_two_controls_have_one_id_or_one_sentence() -> None:
    assert len(CONTROLS) == len(_CATALOGUE) == len({control.says for control in _CATALOGUE})


def test_no_two_controls_rest_on_one_test() -> None:
    """One test that is deleted may not take two controls with it unseen."""
    assert len({control.test for control in _CATALOGUE}) == len(_CATALOGUE)
