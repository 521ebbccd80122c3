# SPDX-License-Identifier: Apache-2.0
"""Detectors: judging off the event loop, with deadlines."""
