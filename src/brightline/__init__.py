# SPDX-License-Identifier: Apache-2.0
"""Brightline: the safety stack that makes a model deployment agreement true and checkable."""

__version__ = "0.1.0"
