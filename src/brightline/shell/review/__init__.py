# SPDX-License-Identifier: Apache-2.0
"""The desk at which cleared people decide: what waits for them, and what they look at."""
