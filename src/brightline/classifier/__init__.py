# SPDX-License-Identifier: Apache-2.0
"""The safety researcher's room: corpora, and what classifiers are made of them. Nothing that serves imports it."""
