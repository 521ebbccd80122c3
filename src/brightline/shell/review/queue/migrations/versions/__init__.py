# SPDX-License-Identifier: Apache-2.0
"""The changes, each on top of the one before; ``tables.REVISION`` names the last."""
