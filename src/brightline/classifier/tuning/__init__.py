# SPDX-License-Identifier: Apache-2.0
"""Tuning the judge's decoder itself: matrices of low rank beside its own, fitted in torch (``brightline[train]``)."""
