# SPDX-License-Identifier: Apache-2.0
"""Screening: text leaves become segments, segments are read in several ways, readings give findings."""
