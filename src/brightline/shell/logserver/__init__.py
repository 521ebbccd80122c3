# SPDX-License-Identifier: Apache-2.0
"""A published log over HTTP: its files byte for byte, its proofs, and pages to look at it. No state, no keys."""
