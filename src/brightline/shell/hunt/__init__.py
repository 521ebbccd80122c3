# SPDX-License-Identifier: Apache-2.0
"""Hunts: sealed records screened again, by one process, by several, or on Ray; each position once."""
