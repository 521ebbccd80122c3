# SPDX-License-Identifier: Apache-2.0
"""Exchanges read for persons once more after they ended, by a token classifier in a process of its own."""
