# SPDX-License-Identifier: Apache-2.0
"""Tests of ``brightline.core.screening``."""
