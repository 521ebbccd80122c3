# SPDX-License-Identifier: Apache-2.0
"""Bytes that nobody thought of, at everything that reads bytes of strangers. ``python -m tests.fuzz --help``."""
