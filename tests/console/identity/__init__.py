# SPDX-License-Identifier: Apache-2.0
"""Tests of who sits before the console."""
