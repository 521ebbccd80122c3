# SPDX-License-Identifier: Apache-2.0
"""Tests of what reads exchanges for persons once more."""
