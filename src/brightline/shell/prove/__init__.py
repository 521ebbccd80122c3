# SPDX-License-Identifier: Apache-2.0
"""Proofs about agreements by solvers that know nothing of us, and the folders in which they are kept."""
