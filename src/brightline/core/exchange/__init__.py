# SPDX-License-Identifier: Apache-2.0
"""The typed exchange, how bytes become one, and the map of everything in it that can carry text."""
